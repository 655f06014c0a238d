package trace

import (
	"encoding/binary"
	"net/netip"

	"github.com/orrery-net/orrery/zt"
)

// Packet is an Ethernet frame on its way. Fields that its kind does not have are
// ignored. MACs and a size that are zero are filled in: the members' own, and the
// least that such a frame has. IP packets have no options or extension headers.
type Packet struct {
	EtherType  uint16     `json:"etherType"`
	SourceMAC  zt.MAC     `json:"sourceMac"`
	DestMAC    zt.MAC     `json:"destMac"`
	VLAN       uint16     `json:"vlan,omitempty"`  // at the sender; it does not reach the receiver
	Source     netip.Addr `json:"source,omitzero"` // of IPv4, IPv6 and ARP
	Dest       netip.Addr `json:"dest,omitzero"`
	Protocol   uint8      `json:"protocol,omitempty"`
	SourcePort uint16     `json:"sourcePort,omitempty"`
	DestPort   uint16     `json:"destPort,omitempty"`
	ICMPType   uint8      `json:"icmpType,omitempty"`
	ICMPCode   uint8      `json:"icmpCode,omitempty"`
	TCPFlags   uint16     `json:"tcpFlags,omitempty"` // the low 12 bits, as in MATCH_CHARACTERISTICS
	TOS        uint8      `json:"tos,omitempty"`      // IPv6: traffic class
	Size       int        `json:"size"`               // bytes of the frame's payload
}

// Ethertypes that nodes look into.
const (
	etherIPv4 = 0x0800
	etherARP  = 0x0806
	etherIPv6 = 0x86dd
)

// Protocols of IP that nodes look into.
const (
	protocolICMP    = 1
	protocolTCP     = 6
	protocolUDP     = 17
	protocolICMPv6  = 58
	protocolSCTP    = 132
	protocolUDPLite = 136
)

// Bytes of headers.
const (
	ipv4Header = 20
	ipv6Header = 40
	tcpHeader  = 20
	portHeader = 8 // of UDP and the like, and of ICMP
	arpSize    = 28
	// neighborSize is a neighbor solicitation's or advertisement's with the option
	// that has the MAC; neighborLeast is without.
	neighborSize  = ipv6Header + 32
	neighborLeast = ipv6Header + 24
	leastPayload  = 46 // of Ethernet
)

// The ICMPv6 types of neighbor discovery.
const (
	neighborSolicitation  = 135
	neighborAdvertisement = 136
)

var broadcastMAC = zt.MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

func isMulticast(m zt.MAC) bool { return m[0]&1 != 0 }

// macOn returns a member's MAC.
func (m *Member) macOn(n *Network) zt.MAC {
	if m.MAC != (zt.MAC{}) {
		return m.MAC
	}
	return zt.MemberMAC(n.ID, m.Node)
}

func (p Packet) complete(n *Network, from, to *Member) Packet {
	if p.SourceMAC == (zt.MAC{}) {
		p.SourceMAC = from.macOn(n)
	}
	if p.DestMAC == (zt.MAC{}) {
		p.DestMAC = to.macOn(n)
	}
	switch p.EtherType {
	case etherIPv4, etherARP:
		p.Source, p.Dest = ipv4(p.Source), ipv4(p.Dest)
	case etherIPv6:
		p.Source, p.Dest = ipv6(p.Source), ipv6(p.Dest)
	default:
		p.Source, p.Dest = netip.Addr{}, netip.Addr{}
	}
	if p.Size == 0 {
		p.Size = p.usualSize()
	}
	return p
}

// ipv4 returns the address as it stands in four bytes; 0.0.0.0 if it does not.
func ipv4(a netip.Addr) netip.Addr {
	if a = a.Unmap(); a.Is4() {
		return a
	}
	return netip.IPv4Unspecified()
}

// ipv6 returns the address as it stands in sixteen bytes.
func ipv6(a netip.Addr) netip.Addr {
	if !a.IsValid() {
		return netip.IPv6Unspecified()
	}
	return netip.AddrFrom16(a.As16())
}

func (p *Packet) usualSize() int {
	size := ipv4Header
	switch p.EtherType {
	case etherIPv4:
	case etherIPv6:
		size = ipv6Header
	case etherARP:
		return arpSize
	default:
		return leastPayload
	}
	switch {
	case p.Protocol == protocolTCP:
		return size + tcpHeader
	case p.isNeighborDiscovery():
		return neighborSize
	}
	return size + portHeader
}

func (p *Packet) isNeighborDiscovery() bool {
	return p.EtherType == etherIPv6 && p.Protocol == protocolICMPv6 &&
		(p.ICMPType == neighborSolicitation || p.ICMPType == neighborAdvertisement)
}

// ipHeader returns how long the IP header is; 0 if the frame has none.
func (p *Packet) ipHeader() int {
	switch {
	case p.EtherType == etherIPv4 && p.Size >= ipv4Header:
		return ipv4Header
	case p.EtherType == etherIPv6 && p.Size >= ipv6Header:
		return ipv6Header
	}
	return 0
}

// upperHeader returns where the header of the packet's protocol begins; 0 if
// nodes do not find it. They step over the extension headers of IPv6, which a
// packet that is only described does not have: one whose protocol is such a header
// ends there.
func (p *Packet) upperHeader() int {
	if p.EtherType == etherIPv6 {
		switch p.Protocol {
		case 0, 43, 60, 135:
			return 0
		}
	}
	return p.ipHeader()
}

// hasPorts reports whether nodes find ports in the packet.
func (p *Packet) hasPorts() bool {
	header := p.upperHeader()
	return header > 0 && p.Size > header+4 && protocolHasPorts(p.Protocol)
}

func protocolHasPorts(protocol uint8) bool {
	switch protocol {
	case protocolTCP, protocolUDP, protocolSCTP, protocolUDPLite:
		return true
	}
	return false
}

// hasICMP reports whether nodes find an ICMP type and code in the packet.
func (p *Packet) hasICMP() bool {
	header := p.upperHeader()
	return header > 0 && p.Size >= header+2 && p.isICMP()
}

// isICMP reports whether the packet's protocol is its family's ICMP.
func (p *Packet) isICMP() bool {
	return p.EtherType == etherIPv4 && p.Protocol == protocolICMP || p.EtherType == etherIPv6 && p.Protocol == protocolICMPv6
}

// flags returns the TCP flags that nodes find in the packet.
func (p *Packet) flags() uint16 {
	header := p.upperHeader()
	if header == 0 || p.Protocol != protocolTCP {
		return 0
	}
	const upper, lower = 12, 13 // where they stand in the header
	switch {
	case p.Size > header+lower+1, p.EtherType == etherIPv4 && p.Size > header+lower:
		return p.TCPFlags & 0xfff
	case p.EtherType == etherIPv4 && p.Size > header+upper:
		return p.TCPFlags & 0xf00
	}
	return 0
}

// claimed is the address that the sender of a packet claims to have by it, which
// ipauth looks up among its certificates; trusted is true for packets that claim
// none and count as authentic.
func (p *Packet) claimed() (address netip.Addr, trusted bool) {
	switch p.EtherType {
	case etherARP:
		if p.Size < arpSize {
			return netip.Addr{}, false
		}
	case etherIPv4, etherIPv6:
		if p.ipHeader() == 0 {
			return netip.Addr{}, false
		}
		if p.isNeighborDiscovery() && p.ICMPType == neighborSolicitation && p.Size >= neighborLeast {
			return netip.Addr{}, true
		}
	}
	return p.Source, false
}

// headers returns the first bytes of the frame's payload, and which of them the
// packet's description says.
func (p *Packet) headers() (raw [64]byte, known [64]bool) {
	set := func(at int, b ...byte) {
		for i, c := range b {
			raw[at+i], known[at+i] = c, true
		}
	}
	port := func(at int, port uint16) { set(at, byte(port>>8), byte(port)) }
	header := 0
	switch p.EtherType {
	case etherARP:
		set(0, 0, 1, 8, 0, 6, 4)
		set(8, p.SourceMAC[:]...)
		set(14, p.Source.AsSlice()...)
		set(24, p.Dest.AsSlice()...)
		return raw, known
	case etherIPv4:
		header = ipv4Header
		set(0, 0x45, p.TOS)
		port(2, uint16(p.Size))
		set(9, p.Protocol)
		set(12, p.Source.AsSlice()...)
		set(16, p.Dest.AsSlice()...)
	case etherIPv6:
		header = ipv6Header
		set(0, 0x60|p.TOS>>4)
		port(4, uint16(p.Size-ipv6Header))
		set(6, p.Protocol)
		set(8, p.Source.AsSlice()...)
		set(24, p.Dest.AsSlice()...)
	default:
		return raw, known
	}
	switch {
	case protocolHasPorts(p.Protocol):
		port(header, p.SourcePort)
		port(header+2, p.DestPort)
		if p.Protocol == protocolTCP {
			set(header+13, byte(p.TCPFlags))
		}
	case p.isICMP():
		set(header, p.ICMPType, p.ICMPCode)
	}
	return raw, known
}

// number reads an integer of up to 8 bytes as MATCH_INTEGER_RANGE does: 0 if it
// ends behind the frame. ok is false if the packet's description does not say it.
func (p *Packet) number(e *entry) (value uint64, ok bool) {
	bytes := (e.bits + 7) / 8
	at := e.at
	if !e.little {
		at += 8 - bytes
	}
	if at+bytes > p.Size {
		return 0, true
	}
	raw, known := p.headers()
	var wide [8]byte
	for i := range bytes {
		if at+i >= len(raw) || !known[at+i] {
			return 0, false
		}
		wide[8-bytes+i] = raw[at+i]
	}
	if e.little {
		return binary.LittleEndian.Uint64(wide[:]) >> (64 - e.bits), true
	}
	return binary.BigEndian.Uint64(wide[:]) & (1<<e.bits - 1), true
}
