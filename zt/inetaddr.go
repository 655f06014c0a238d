package zt

import (
	"fmt"
	"net/netip"
)

// The type bytes of a physical address on the wire (protocol 02 §5.1).
const (
	inetNone      = 0x00 // 1 byte: no address
	inetEthernet  = 0x01 // reserved, 6 further bytes
	inetBluetooth = 0x02 // reserved, 6 further bytes
	inetOther     = 0x03 // reserved, 2-byte length n, then n bytes
	inetIPv4      = 0x04 // 4 address bytes, port (2)
	inetIPv6      = 0x06 // 16 address bytes, port (2)
)

// AppendInetAddr writes a physical address to b: a type byte, the IP address
// and 2 bytes of port, 7 or 19 bytes; one zero byte if a is not valid. In
// network configurations the two bytes hold a prefix length instead. An
// IPv4-mapped IPv6 address is written as IPv4; a zone is lost.
func AppendInetAddr(b []byte, a netip.AddrPort) []byte {
	ip := a.Addr().Unmap()
	switch {
	case ip.Is4():
		raw := ip.As4()
		b = append(append(b, inetIPv4), raw[:]...)
	case ip.Is6():
		raw := ip.As16()
		b = append(append(b, inetIPv6), raw[:]...)
	default:
		return append(b, inetNone)
	}
	return append(b, byte(a.Port()>>8), byte(a.Port()))
}

// InetAddrFrom reads a physical address from the start of b and returns how
// many bytes it took. The reserved types are skipped and read as no address:
// the returned address is then not valid, as for type 0. IPv4-mapped IPv6
// addresses are left as they are written.
func InetAddrFrom(b []byte) (netip.AddrPort, int, error) {
	if len(b) == 0 {
		return netip.AddrPort{}, 0, fmt.Errorf("physical address: %w", ErrShort)
	}
	size := 0
	switch b[0] {
	case inetNone:
		size = 1
	case inetEthernet, inetBluetooth:
		size = 7
	case inetOther:
		if len(b) < 3 {
			return netip.AddrPort{}, 0, fmt.Errorf("physical address: %w", ErrShort)
		}
		size = 3 + int(b[1])<<8 + int(b[2])
	case inetIPv4:
		size = 7
	case inetIPv6:
		size = 19
	default:
		return netip.AddrPort{}, 0, fmt.Errorf("physical address: unknown type %#02x", b[0])
	}
	if len(b) < size {
		return netip.AddrPort{}, 0, fmt.Errorf("physical address: %w", ErrShort)
	}
	var ip netip.Addr
	switch b[0] {
	case inetIPv4:
		ip = netip.AddrFrom4([4]byte(b[1:5]))
	case inetIPv6:
		ip = netip.AddrFrom16([16]byte(b[1:17]))
	default:
		return netip.AddrPort{}, size, nil
	}
	return netip.AddrPortFrom(ip, uint16(b[size-2])<<8|uint16(b[size-1])), size, nil
}

// ScopeClass sorts IP addresses by how far they reach. Its order is the order
// of preference between paths (protocol 03 §4.4).
type ScopeClass uint8

// The scope classes, with the numbers of protocol 03 §4.4.
const (
	ScopeNone          ScopeClass = 0
	ScopeMulticast     ScopeClass = 1
	ScopeLoopback      ScopeClass = 2
	ScopePseudoPrivate ScopeClass = 3
	ScopeGlobal        ScopeClass = 4
	ScopeLinkLocal     ScopeClass = 5
	ScopeShared        ScopeClass = 6
	ScopePrivate       ScopeClass = 7
)

var (
	privateRanges = []netip.Prefix{
		netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"),
		netip.MustParsePrefix("172.16.0.0/12"), netip.MustParsePrefix("192.0.2.0/24"),
		netip.MustParsePrefix("192.168.0.0/16"), netip.MustParsePrefix("198.18.0.0/15"),
		netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("203.0.113.0/24"),
		netip.MustParsePrefix("fc00::/7"),
	}
	mappedLoopback = netip.MustParsePrefix("::ffff:127.0.0.0/104")
	fe80One        = netip.MustParseAddr("fe80::1")
)

// Scope returns the class of an address. An IPv4-mapped IPv6 address is judged
// as the IPv6 address it is; callers unmap addresses of dual-stack sockets.
func Scope(ip netip.Addr) ScopeClass {
	if ip.Is4() {
		return scope4(ip)
	}
	switch {
	case !ip.IsValid() || ip == netip.IPv6Unspecified():
		return ScopeNone
	case ip == netip.IPv6Loopback() || ip.WithZone("") == fe80One || mappedLoopback.Contains(ip):
		return ScopeLoopback
	case ip.IsMulticast():
		return ScopeMulticast
	case ip.IsLinkLocalUnicast():
		return ScopeLinkLocal
	case inPrivateRange(ip):
		return ScopePrivate
	}
	return ScopeGlobal
}

func scope4(ip netip.Addr) ScopeClass {
	switch first := ip.As4()[0]; {
	case first == 0 || first == 255:
		return ScopeNone
	case first >= 224 && first < 240:
		return ScopeMulticast
	case first == 127:
		return ScopeLoopback
	case ip.IsLinkLocalUnicast():
		return ScopeLinkLocal
	case inPrivateRange(ip):
		return ScopePrivate
	case first >= 240:
		return ScopePseudoPrivate
	default:
		switch first {
		case 6, 11, 21, 22, 25, 26, 28, 29, 30, 51, 55, 56:
			return ScopePseudoPrivate
		}
	}
	return ScopeGlobal
}

func inPrivateRange(ip netip.Addr) bool {
	for _, p := range privateRanges {
		if p.Contains(ip) {
			return true
		}
	}
	return false
}
