package netconf

import (
	"encoding/binary"
	"fmt"

	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/identity"
)

// RevocationFastPropagate is the flag that makes members pass a revocation on
// that is new to them.
const RevocationFastPropagate = 0x1

// Revocation voids credentials of a member that were issued at or before a
// threshold (protocol 06 §7). Nodes take one of any other credential for one of
// membership, too: the target needs a certificate above the threshold to go on.
type Revocation struct {
	ID           uint32 // arbitrary
	Network      zt.NetworkID
	CredentialID uint32 // 0 for certificates of membership
	Threshold    int64  // ms; equal counts as revoked
	Flags        uint64
	Target       zt.Address
	Signer       zt.Address
	Type         CredentialType
	Signature    identity.Signature
}

// Sign signs the revocation as the controller, whose identity must have its
// private key.
func (v *Revocation) Sign(controller *identity.Identity) {
	v.Signer = controller.Address()
	v.Signature = controller.Sign(signed(v.appendFields))
}

// Verify reports whether the revocation was signed by controller, and controller
// is the one of its network.
func (v *Revocation) Verify(controller *identity.Identity) bool {
	return verifies(controller, v.Network, v.Signer, signed(v.appendFields), &v.Signature)
}

func (v *Revocation) appendFields(b []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, 0)
	b = binary.BigEndian.AppendUint32(b, v.ID)
	b = v.Network.Append(b)
	b = binary.BigEndian.AppendUint32(b, 0)
	b = binary.BigEndian.AppendUint32(b, v.CredentialID)
	b = binary.BigEndian.AppendUint64(b, uint64(v.Threshold))
	b = binary.BigEndian.AppendUint64(b, v.Flags)
	return append(v.Signer.Append(v.Target.Append(b)), byte(v.Type))
}

// Append writes the revocation to b, 152 bytes.
func (v *Revocation) Append(b []byte) []byte {
	return appendNoAdditional(appendSignature(v.appendFields(b), &v.Signature))
}

// ParseRevocation reads a revocation from the start of b and returns how many
// bytes it took.
func ParseRevocation(b []byte) (Revocation, int, error) {
	r := read(b)
	v := r.revocation()
	if r.Err != nil {
		return Revocation{}, 0, fmt.Errorf("revocation: %w", r.Err)
	}
	return v, len(b) - len(r.Rest), nil
}

func (r *reader) revocation() Revocation {
	var v Revocation
	r.Uint32()
	v.ID = r.Uint32()
	v.Network = r.Network()
	r.Uint32()
	v.CredentialID = r.Uint32()
	v.Threshold = int64(r.Uint64())
	v.Flags = r.Uint64()
	v.Target, v.Signer = r.Address(), r.Address()
	v.Type = CredentialType(r.Uint8())
	v.Signature = r.signature()
	r.additional()
	return v
}
