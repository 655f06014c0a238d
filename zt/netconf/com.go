package netconf

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/identity"
)

// The qualifiers of a certificate of membership (protocol 06 §2.1).
const (
	qualifierTimestamp = 0
	qualifierNetwork   = 1
	qualifierMember    = 2
	qualifierHash      = 3 // the first of hashQualifiers
	hashQualifiers     = 4
)

const qualifierLen = 24 // bytes

// Qualifier is a value of a certificate of membership and how far another
// member's value may be from it.
type Qualifier struct{ ID, Value, MaxDelta uint64 }

// COM is a certificate of membership: members talk to each other when their
// certificates agree (protocol 06 §2).
type COM struct {
	Qualifiers []Qualifier // ascending by ID, at most MaxQualifiers
	Signer     zt.Address  // 0: not signed
	Signature  identity.Signature
}

// NewCOM returns the certificate of a member, not signed yet. Timestamp is the
// time of issue, maxDelta how far apart two members' times of issue may be, both
// in ms.
func NewCOM(network zt.NetworkID, member *identity.Identity, timestamp, maxDelta int64) *COM {
	c := &COM{Qualifiers: make([]Qualifier, 0, qualifierHash+hashQualifiers)}
	c.Qualifiers = append(c.Qualifiers,
		Qualifier{qualifierTimestamp, uint64(timestamp), uint64(maxDelta)},
		Qualifier{qualifierNetwork, uint64(network), 0},
		Qualifier{qualifierMember, uint64(member.Address()), math.MaxUint64},
	)
	for i, part := range hashParts(member) {
		c.Qualifiers = append(c.Qualifiers, Qualifier{qualifierHash + uint64(i), part, math.MaxUint64})
	}
	return c
}

// hashParts cuts the first 32 bytes of an identity's fingerprint into numbers.
func hashParts(id *identity.Identity) (parts [hashQualifiers]uint64) {
	fingerprint := id.Fingerprint()
	for i := range parts {
		parts[i] = binary.BigEndian.Uint64(fingerprint[8*i:])
	}
	return parts
}

// Timestamp returns the time of issue in ms, 0 if the certificate has none.
func (c *COM) Timestamp() int64 { return int64(c.value(qualifierTimestamp)) }

// Network returns the network that the certificate is for, 0 if it names none.
func (c *COM) Network() zt.NetworkID { return zt.NetworkID(c.value(qualifierNetwork)) }

// Member returns the node that the certificate is for, 0 if it names none.
func (c *COM) Member() zt.Address { return zt.Address(c.value(qualifierMember)) }

func (c *COM) value(id uint64) uint64 {
	q, _ := c.qualifier(id)
	return q.Value
}

func (c *COM) qualifier(id uint64) (Qualifier, bool) {
	for _, q := range c.Qualifiers {
		if q.ID == id {
			return q, true
		}
	}
	return Qualifier{}, false
}

// Sign signs the certificate as the controller, whose identity must have its
// private key.
func (c *COM) Sign(controller *identity.Identity) {
	c.Signer = controller.Address()
	c.Signature = controller.Sign(c.signed())
}

// Verify reports whether the certificate was signed by controller, and
// controller is the one of its network.
func (c *COM) Verify(controller *identity.Identity) bool {
	return verifies(controller, c.Network(), c.Signer, c.signed(), &c.Signature)
}

func (c *COM) signed() []byte {
	return c.appendQualifiers(make([]byte, 0, qualifierLen*MaxQualifiers))
}

func (c *COM) appendQualifiers(b []byte) []byte {
	for _, q := range c.Qualifiers[:min(len(c.Qualifiers), MaxQualifiers)] {
		b = binary.BigEndian.AppendUint64(b, q.ID)
		b = binary.BigEndian.AppendUint64(b, q.Value)
		b = binary.BigEndian.AppendUint64(b, q.MaxDelta)
	}
	return b
}

// Agrees reports whether the member that holds c accepts other as the
// certificate of the peer with the given identity. Only the deltas of c count,
// so the two members may come to different answers. Signatures, revocations and
// whether the network is public are the caller's to look at.
func (c *COM) Agrees(other *COM, peer *identity.Identity) bool {
	if len(c.Qualifiers) == 0 || len(other.Qualifiers) == 0 {
		return false
	}
	pinned := false
	for _, mine := range c.Qualifiers {
		theirs, ok := other.qualifier(mine.ID)
		if !ok || distance(mine.Value, theirs.Value) > mine.MaxDelta {
			return false
		}
		pinned = pinned || mine.ID >= qualifierHash && mine.ID < qualifierHash+hashQualifiers
	}
	if !pinned {
		return true
	}
	for i, part := range hashParts(peer) {
		if q, ok := other.qualifier(qualifierHash + uint64(i)); !ok || q.Value != part {
			return false
		}
	}
	return true
}

func distance(a, b uint64) uint64 { return max(a, b) - min(a, b) }

const comFormat = 1

// Append writes the certificate to b. Qualifiers beyond MaxQualifiers are left
// out.
func (c *COM) Append(b []byte) []byte {
	b = append(b, comFormat, 0, byte(min(len(c.Qualifiers), MaxQualifiers)))
	b = c.Signer.Append(c.appendQualifiers(b))
	if c.Signer == 0 {
		return b
	}
	return append(b, c.Signature[:]...)
}

var (
	errCOMFormat         = errors.New("unknown format")
	errTooManyQualifiers = errors.New("too many qualifiers")
)

// ParseCOM reads a certificate from the start of b and returns how many bytes it
// took.
func ParseCOM(b []byte) (COM, int, error) {
	r := read(b)
	c := r.com()
	if r.Err != nil {
		return COM{}, 0, fmt.Errorf("certificate of membership: %w", r.Err)
	}
	return c, len(b) - len(r.Rest), nil
}

func (r *reader) com() COM {
	if r.Uint8() != comFormat {
		r.Fail(errCOMFormat)
	}
	count := int(r.Uint16())
	if count > MaxQualifiers {
		r.Fail(errTooManyQualifiers)
	}
	if r.Err != nil {
		return COM{}
	}
	c := COM{Qualifiers: make([]Qualifier, 0, count)}
	for range count {
		c.Qualifiers = append(c.Qualifiers, Qualifier{r.Uint64(), r.Uint64(), r.Uint64()})
	}
	if c.Signer = r.Address(); c.Signer != 0 {
		copy(c.Signature[:], r.Take(identity.SignatureLen))
	}
	return c
}
