package vl1

import (
	"encoding/binary"
	"net/netip"
	"unsafe"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"
)

// Control messages are read and written here rather than by x/net because its
// IPv6 ones do not carry the IPv4 addresses of a dual-stack socket.

// controlLen has room for one packet-info message and one TTL message.
const controlLen = 128

const headerLen = unix.SizeofCmsghdr

func wantLocal4(p *ipv4.PacketConn) error { return p.SetControlMessage(ipv4.FlagDst, true) }

func wantLocal6(p *ipv6.PacketConn) error { return p.SetControlMessage(ipv6.FlagDst, true) }

// localFrom returns the destination address that came with a datagram, or the
// zero Addr.
func localFrom(control []byte) netip.Addr {
	for len(control) >= headerLen {
		h := (*unix.Cmsghdr)(unsafe.Pointer(&control[0]))
		size := int(h.Len)
		if size < headerLen || size > len(control) {
			break
		}
		data := control[headerLen:size]
		switch {
		case h.Level == unix.IPPROTO_IP && h.Type == unix.IP_PKTINFO && len(data) >= unix.SizeofInet4Pktinfo:
			return netip.AddrFrom4([4]byte(data[8:12])) // interface index, local address, destination
		case h.Level == unix.IPPROTO_IPV6 && h.Type == unix.IPV6_PKTINFO && len(data) >= unix.SizeofInet6Pktinfo:
			return netip.AddrFrom16([16]byte(data[:16])).Unmap()
		}
		control = control[min(unix.CmsgSpace(size-headerLen), len(control)):]
	}
	return netip.Addr{}
}

// appendControl writes what sends a datagram from a local address and with a
// TTL; neither is written if it is not given or not of the datagram's family.
func appendControl(b []byte, local netip.Addr, is4 bool, ttl uint8) []byte {
	switch {
	case !local.IsValid() || local.Is4() != is4:
	case is4:
		var info [unix.SizeofInet4Pktinfo]byte
		raw := local.As4()
		copy(info[4:], raw[:])
		b = appendMessage(b, unix.IPPROTO_IP, unix.IP_PKTINFO, info[:])
	default:
		var info [unix.SizeofInet6Pktinfo]byte
		raw := local.As16()
		copy(info[:], raw[:])
		b = appendMessage(b, unix.IPPROTO_IPV6, unix.IPV6_PKTINFO, info[:])
	}
	if is4 && ttl != 0 {
		var value [4]byte
		binary.NativeEndian.PutUint32(value[:], uint32(ttl))
		b = appendMessage(b, unix.IPPROTO_IP, unix.IP_TTL, value[:])
	}
	return b
}

func appendMessage(b []byte, level, kind int32, data []byte) []byte {
	start := len(b)
	b = append(b, make([]byte, unix.CmsgSpace(len(data)))...)
	h := (*unix.Cmsghdr)(unsafe.Pointer(&b[start]))
	h.Level, h.Type = level, kind
	h.SetLen(unix.CmsgLen(len(data)))
	copy(b[start+headerLen:], data)
	return b
}
