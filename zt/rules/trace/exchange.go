package trace

import (
	"net/netip"

	"github.com/orrery-net/orrery/zt"
)

// The TCP flags of a handshake.
const (
	flagSYN = 1 << 1
	flagACK = 1 << 4
)

// What packets of common systems have behind their IP header, in bytes.
const (
	synSize      = 40 // TCP with options
	ackSize      = 32
	pingSize     = 64
	datagramSize = 40
)

// exchange adds the packets that the flow itself consists of.
func (s *script) exchange(source, dest netip.Addr, f *Flow) {
	etherType, header, echo := uint16(etherIPv6), ipv6Header, [2]uint8{echoRequestV6, echoReplyV6}
	if dest.Is4() {
		etherType, header, echo = etherIPv4, ipv4Header, [2]uint8{echoRequest, echoReply}
	}
	forth := Packet{EtherType: etherType, DestMAC: groupMAC(dest), Source: source, Dest: dest, Protocol: f.Protocol, TOS: f.TOS}
	back := Packet{EtherType: etherType, Source: dest, Dest: source, Protocol: f.Protocol, TOS: f.TOS}
	toGroup := forth.DestMAC != zt.MAC{}
	hasPorts := protocolHasPorts(f.Protocol)
	if hasPorts {
		forth.SourcePort, forth.DestPort = f.FromPort, f.Port
		if f.FromPort == 0 {
			forth.SourcePort = HighPort
		}
		back.SourcePort, back.DestPort = forth.DestPort, forth.SourcePort
	}
	packet := func(name string, isBack bool, payload int, change func(*Packet)) {
		if toGroup && s.exchanged {
			return // who answers and how is up to the receivers
		}
		p := forth
		if isBack {
			p = back
		}
		p.Size = header + payload
		if first := !isBack && f.Size != 0 && !s.exchanged; first {
			p.Size = f.Size
		}
		s.exchanged = true
		if change != nil {
			change(&p)
		}
		s.add(name, isBack, p)
	}
	flags := func(flags uint16) func(*Packet) { return func(p *Packet) { p.TCPFlags = flags } }
	icmp := func(kind, code uint8) func(*Packet) {
		return func(p *Packet) { p.ICMPType, p.ICMPCode = kind, code }
	}
	switch {
	case f.Protocol == protocolTCP && f.TCPFlags != nil:
		packet("TCP "+flagNames(*f.TCPFlags), false, ackSize, flags(*f.TCPFlags))
	case f.Protocol == protocolTCP:
		packet("SYN", false, synSize, flags(flagSYN))
		packet("SYN ACK", true, synSize, flags(flagSYN|flagACK))
		packet("ACK", false, ackSize, flags(flagACK))
	case f.ICMP && f.ICMPCode == 0 && f.ICMPType == echo[0]:
		packet("echo request", false, pingSize, icmp(echo[0], 0))
		packet("echo reply", true, pingSize, icmp(echo[1], 0))
	case f.ICMP:
		packet("ICMP message", false, pingSize, icmp(f.ICMPType, f.ICMPCode))
	case hasPorts:
		packet("request", false, datagramSize, nil)
		packet("reply", true, datagramSize, nil)
	default:
		packet("packet", false, datagramSize, nil)
	}
}
