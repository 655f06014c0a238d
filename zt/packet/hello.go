package packet

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/identity"
)

// Hello is the payload of HELLO (protocol 02 §6.2): who the sender is and what
// it knows of the worlds.
type Hello struct {
	Protocol     uint8 // of the sender
	Major, Minor uint8
	Revision     uint16
	Time         int64              // the sender's clock, ms since epoch
	Identity     *identity.Identity // of the sender, public, not validated
	Destination  netip.AddrPort     // where the packet is sent to; not valid if not told
	PlanetID     uint64
	PlanetTime   int64 // of the sender's planet, ms since epoch
	Moons        []MoonRef
	TailOffset   int // where the encrypted tail begins in a parsed payload, -1 if there is none
}

// MoonRef names a moon that the sender of a HELLO has or wants.
type MoonRef struct {
	ID   uint64
	Time int64 // of the definition that the sender has, ms since epoch; 0: it has none
}

const moonType = 0x7f

// ParseHello reads the payload up to its encrypted tail, which ParseTail reads
// when it is decrypted. Everything after the identity may be missing.
func ParseHello(payload []byte) (Hello, error) {
	f := read(payload)
	h := Hello{
		Protocol: f.Uint8(), Major: f.Uint8(), Minor: f.Uint8(), Revision: f.Uint16(),
		Time: int64(f.Uint64()), TailOffset: -1,
	}
	if f.Err == nil {
		id, n, err := identity.ParsePublic(f.Rest)
		if err != nil {
			f.Err = err
		} else {
			h.Identity, f.Rest = id, f.Rest[n:]
		}
	}
	if len(f.Rest) > 0 {
		h.Destination = f.InetAddr()
	}
	if err := f.reading("HELLO"); err != nil {
		return Hello{}, err
	}
	if len(f.Rest) >= 16 {
		h.PlanetID, h.PlanetTime = f.Uint64(), int64(f.Uint64())
		if len(f.Rest) > 0 {
			h.TailOffset = len(payload) - len(f.Rest)
		}
	}
	return h, nil
}

// ParseTail reads the moons from the decrypted tail, payload[TailOffset:].
// Entries of other types are skipped.
func (h *Hello) ParseTail(plain []byte) error {
	const entry = 1 + 8 + 8
	h.Moons = nil
	if len(plain) < 2 {
		return nil
	}
	f := read(plain)
	for list := f.Take(int(f.Uint16()) * entry); len(list) > 0; list = list[entry:] {
		if list[0] == moonType {
			h.Moons = append(h.Moons, MoonRef{
				ID:   binary.BigEndian.Uint64(list[1:]),
				Time: int64(binary.BigEndian.Uint64(list[9:])),
			})
		}
	}
	return f.reading("HELLO tail")
}

// Append writes the payload to b with the tail in the clear. The tail is the
// last TailLen bytes; Key.CryptHelloTail encrypts it.
func (h Hello) Append(b []byte) []byte {
	b = append(b, h.Protocol, h.Major, h.Minor)
	b = binary.BigEndian.AppendUint16(b, h.Revision)
	b = binary.BigEndian.AppendUint64(b, uint64(h.Time))
	b = h.Identity.AppendPublic(b)
	b = zt.AppendInetAddr(b, h.Destination)
	b = binary.BigEndian.AppendUint64(b, h.PlanetID)
	b = binary.BigEndian.AppendUint64(b, uint64(h.PlanetTime))
	b = binary.BigEndian.AppendUint16(b, uint16(len(h.Moons)))
	for _, m := range h.Moons {
		b = append(b, moonType)
		b = binary.BigEndian.AppendUint64(b, m.ID)
		b = binary.BigEndian.AppendUint64(b, uint64(m.Time))
	}
	return b
}

// TailLen returns the size in bytes of the tail that Append writes.
func (h Hello) TailLen() int { return 2 + 17*len(h.Moons) }

// OKHello is what OK says to a HELLO (protocol 02 §6.3); OK has the fields
// before it.
type OKHello struct {
	Time         int64 // copied from the HELLO, ms since epoch
	Protocol     uint8 // of the one who answers
	Major, Minor uint8
	Revision     uint16
	Surface      netip.AddrPort // where the HELLO was seen to come from; may be not valid
	Worlds       []byte         // newer worlds in wire form, back to back; at most 65535 bytes
}

// ParseOKHello reads OK.Rest. The length of the worlds may be missing. Worlds
// shares the memory of rest.
func ParseOKHello(rest []byte) (OKHello, error) {
	f := read(rest)
	o := OKHello{
		Time: int64(f.Uint64()), Protocol: f.Uint8(), Major: f.Uint8(), Minor: f.Uint8(),
		Revision: f.Uint16(), Surface: f.InetAddr(),
	}
	if len(f.Rest) > 0 {
		o.Worlds = f.Take(int(f.Uint16()))
	}
	if err := f.reading("OK to HELLO"); err != nil {
		return OKHello{}, err
	}
	return o, nil
}

// Append writes what ParseOKHello reads to b.
func (o OKHello) Append(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(o.Time))
	b = append(b, o.Protocol, o.Major, o.Minor)
	b = binary.BigEndian.AppendUint16(b, o.Revision)
	b = zt.AppendInetAddr(b, o.Surface)
	b = binary.BigEndian.AppendUint16(b, uint16(len(o.Worlds)))
	return append(b, o.Worlds...)
}

// Whois is the payload of WHOIS: addresses whose identities are asked for
// (protocol 02 §6.4).
type Whois struct{ Addresses []zt.Address }

// ParseWhois reads the payload, which has at least one address. A piece of an
// address at the end is ignored.
func ParseWhois(payload []byte) (Whois, error) {
	if len(payload) < zt.AddressLen {
		return Whois{}, fmt.Errorf("reading WHOIS: %w", zt.ErrShort)
	}
	f := read(payload)
	return Whois{f.addresses(len(payload) / zt.AddressLen)}, nil
}

// Append writes the payload to b.
func (w Whois) Append(b []byte) []byte { return appendAddresses(b, w.Addresses) }

// OKWhois is what OK says to a WHOIS: identities that were asked for, public and
// not validated. Nodes read only the first, so one per packet is best.
type OKWhois struct{ Identities []*identity.Identity }

// ParseOKWhois reads OK.Rest, which has at least one identity. A piece of an
// identity at the end is ignored.
func ParseOKWhois(rest []byte) (OKWhois, error) {
	var o OKWhois
	for len(o.Identities) == 0 || len(rest) >= identity.PublicLen {
		id, n, err := identity.ParsePublic(rest)
		if err != nil {
			return OKWhois{}, fmt.Errorf("reading OK to WHOIS: %w", err)
		}
		o.Identities = append(o.Identities, id)
		rest = rest[n:]
	}
	return o, nil
}

// Append writes what ParseOKWhois reads to b.
func (o OKWhois) Append(b []byte) []byte {
	for _, id := range o.Identities {
		b = id.AppendPublic(b)
	}
	return b
}
