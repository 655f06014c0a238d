package netconf

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/identity"
)

// ThingType says what a Thing is.
type ThingType uint8

// The things that a member can own.
const (
	ThingMAC  ThingType = 1
	ThingIPv4 ThingType = 2
	ThingIPv6 ThingType = 3
)

const thingLen = 17 // bytes

// Thing is an address that a member may use on a network. Value holds its 6, 4
// or 16 bytes, then zeros.
type Thing struct {
	Type  ThingType
	Value [16]byte
}

// AddressThing returns the thing for an IP address. An IPv4-mapped IPv6 address
// is taken as IPv4.
func AddressThing(address netip.Addr) Thing {
	if address = address.Unmap(); address.Is4() {
		thing := Thing{Type: ThingIPv4}
		copy(thing.Value[:], address.AsSlice())
		return thing
	}
	return Thing{Type: ThingIPv6, Value: address.As16()}
}

// MACThing returns the thing for an Ethernet address.
func MACThing(mac zt.MAC) Thing {
	thing := Thing{Type: ThingMAC}
	copy(thing.Value[:], mac[:])
	return thing
}

// Ownership is a certificate of ownership: it says which addresses are a
// member's, so that others can tell its own from forged ones (protocol 06 §5).
type Ownership struct {
	Network   zt.NetworkID
	Timestamp int64 // ms
	Flags     uint64
	ID        uint32
	Things    []Thing // at most MaxThings
	IssuedTo  zt.Address
	Signer    zt.Address
	Signature identity.Signature
}

// Owns reports whether the certificate lists a thing.
func (o *Ownership) Owns(thing Thing) bool { return slices.Contains(o.Things, thing) }

// Sign signs the certificate as the controller, whose identity must have its
// private key.
func (o *Ownership) Sign(controller *identity.Identity) {
	o.Signer = controller.Address()
	o.Signature = controller.Sign(signed(o.appendFields))
}

// Verify reports whether the certificate was signed by controller, and
// controller is the one of its network.
func (o *Ownership) Verify(controller *identity.Identity) bool {
	return verifies(controller, o.Network, o.Signer, signed(o.appendFields), &o.Signature)
}

func (o *Ownership) appendFields(b []byte) []byte {
	things := o.Things[:min(len(o.Things), MaxThings)]
	b = o.Network.Append(b)
	b = binary.BigEndian.AppendUint64(b, uint64(o.Timestamp))
	b = binary.BigEndian.AppendUint64(b, o.Flags)
	b = binary.BigEndian.AppendUint32(b, o.ID)
	b = binary.BigEndian.AppendUint16(b, uint16(len(things)))
	for _, thing := range things {
		b = append(append(b, byte(thing.Type)), thing.Value[:]...)
	}
	return o.Signer.Append(o.IssuedTo.Append(b))
}

// Append writes the certificate to b. Things beyond MaxThings are left out, here
// and in what is signed.
func (o *Ownership) Append(b []byte) []byte {
	return appendNoAdditional(appendSignature(o.appendFields(b), &o.Signature))
}

var errTooManyThings = errors.New("too many things")

// ParseOwnership reads a certificate from the start of b and returns how many
// bytes it took.
func ParseOwnership(b []byte) (Ownership, int, error) {
	r := read(b)
	o := r.ownership()
	if r.Err != nil {
		return Ownership{}, 0, fmt.Errorf("certificate of ownership: %w", r.Err)
	}
	return o, len(b) - len(r.Rest), nil
}

func (r *reader) ownership() Ownership {
	o := Ownership{
		Network:   r.Network(),
		Timestamp: int64(r.Uint64()),
		Flags:     r.Uint64(),
		ID:        r.Uint32(),
	}
	count := int(r.Uint16())
	if count > MaxThings {
		r.Fail(errTooManyThings)
	}
	for range count {
		thing := Thing{Type: ThingType(r.Uint8())}
		copy(thing.Value[:], r.Take(len(thing.Value)))
		if r.Err != nil {
			return Ownership{}
		}
		o.Things = append(o.Things, thing)
	}
	o.IssuedTo, o.Signer = r.Address(), r.Address()
	o.Signature = r.signature()
	r.additional()
	return o
}
