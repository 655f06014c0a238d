package packet

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/orrery-net/orrery/zt"
)

// Rendezvous is the payload of RENDEZVOUS: where a peer may be reached directly
// (protocol 02 §6.5). Its IP address may be one that cannot be used.
type Rendezvous struct {
	Peer     zt.Address
	Endpoint netip.AddrPort
}

// ParseRendezvous reads the payload.
func ParseRendezvous(payload []byte) (Rendezvous, error) {
	f := read(payload)
	f.Uint8() // flags
	r := Rendezvous{Peer: f.Address()}
	port, size := f.Uint16(), f.Uint8()
	if f.Err == nil && size != 4 && size != 16 {
		f.Err = fmt.Errorf("IP address of %d bytes", size)
	}
	ip, _ := netip.AddrFromSlice(f.Take(int(size)))
	if err := f.reading("RENDEZVOUS"); err != nil {
		return Rendezvous{}, err
	}
	r.Endpoint = netip.AddrPortFrom(ip.Unmap(), port)
	return r, nil
}

// Append writes the payload to b. Endpoint must be valid.
func (r Rendezvous) Append(b []byte) []byte {
	ip := r.Endpoint.Addr().Unmap()
	b = r.Peer.Append(append(b, 0))
	b = binary.BigEndian.AppendUint16(b, r.Endpoint.Port())
	return appendIP(append(b, byte(ip.BitLen()/8)), ip)
}

// PushDirectPaths is the payload of PUSH_DIRECT_PATHS: where the sender may be
// reached (protocol 02 §6.16).
type PushDirectPaths struct{ Paths []DirectPath }

// DirectPath is one endpoint at which a node may be reached.
type DirectPath struct {
	Flags    uint8 // PathForget, PathRedirect
	Endpoint netip.AddrPort
}

// The flags of a direct path.
const (
	PathForget   = 0x01 // no longer use this path
	PathRedirect = 0x02 // prefer this path
)

// ParsePushDirectPaths reads the payload. Paths of unknown type are skipped.
func ParsePushDirectPaths(payload []byte) (PushDirectPaths, error) {
	const ipv4, ipv6 = 4, 6
	f := read(payload)
	var m PushDirectPaths
	for left := f.Uint16(); left > 0 && f.Err == nil; left-- {
		flags := f.Uint8()
		f.Take(int(f.Uint16()))
		class, size := f.Uint8(), int(f.Uint8())
		address := f.Take(size)
		if class == ipv4 && len(address) == 4+2 || class == ipv6 && len(address) == 16+2 {
			ip, _ := netip.AddrFromSlice(address[:size-2])
			port := binary.BigEndian.Uint16(address[size-2:])
			m.Paths = append(m.Paths, DirectPath{flags, netip.AddrPortFrom(ip.Unmap(), port)})
		}
	}
	if err := f.reading("PUSH_DIRECT_PATHS"); err != nil {
		return PushDirectPaths{}, err
	}
	return m, nil
}

// Append writes the payload to b. All endpoints must be valid; one packet should
// stay below about 1200 bytes.
func (m PushDirectPaths) Append(b []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(len(m.Paths)))
	for _, p := range m.Paths {
		ip := p.Endpoint.Addr().Unmap()
		class := byte(4)
		if ip.Is6() {
			class = 6
		}
		b = append(b, p.Flags, 0, 0, class, byte(ip.BitLen()/8+2))
		b = binary.BigEndian.AppendUint16(appendIP(b, ip), p.Endpoint.Port())
	}
	return b
}

// appendIP writes the 4 or 16 bytes of an address.
func appendIP(b []byte, ip netip.Addr) []byte {
	if ip.Is4() {
		raw := ip.As4()
		return append(b, raw[:]...)
	}
	raw := ip.As16()
	return append(b, raw[:]...)
}
