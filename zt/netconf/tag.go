package netconf

import (
	"encoding/binary"
	"fmt"

	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/identity"
)

// Tag certifies the value that a member has for one of the network's tags
// (protocol 06 §3).
type Tag struct {
	Network   zt.NetworkID
	Timestamp int64 // ms
	ID, Value uint32
	IssuedTo  zt.Address
	Signer    zt.Address
	Signature identity.Signature
}

// Sign signs the tag as the controller, whose identity must have its private
// key.
func (t *Tag) Sign(controller *identity.Identity) {
	t.Signer = controller.Address()
	t.Signature = controller.Sign(signed(t.appendFields))
}

// Verify reports whether the tag was signed by controller, and controller is the
// one of its network.
func (t *Tag) Verify(controller *identity.Identity) bool {
	return verifies(controller, t.Network, t.Signer, signed(t.appendFields), &t.Signature)
}

func (t *Tag) appendFields(b []byte) []byte {
	b = t.Network.Append(b)
	b = binary.BigEndian.AppendUint64(b, uint64(t.Timestamp))
	b = binary.BigEndian.AppendUint32(b, t.ID)
	b = binary.BigEndian.AppendUint32(b, t.Value)
	return t.Signer.Append(t.IssuedTo.Append(b))
}

// Append writes the tag to b, 135 bytes.
func (t *Tag) Append(b []byte) []byte {
	return appendNoAdditional(appendSignature(t.appendFields(b), &t.Signature))
}

// ParseTag reads a tag from the start of b and returns how many bytes it took.
func ParseTag(b []byte) (Tag, int, error) {
	r := read(b)
	t := r.tag()
	if r.Err != nil {
		return Tag{}, 0, fmt.Errorf("tag: %w", r.Err)
	}
	return t, len(b) - len(r.Rest), nil
}

func (r *reader) tag() Tag {
	t := Tag{
		Network:   r.Network(),
		Timestamp: int64(r.Uint64()),
		ID:        r.Uint32(),
		Value:     r.Uint32(),
		IssuedTo:  r.Address(),
		Signer:    r.Address(),
		Signature: r.signature(),
	}
	r.additional()
	return t
}
