package trace

import (
	"net/netip"

	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/netconf"
)

// end is what one end of a frame's way knows when it evaluates tables.
type end struct {
	network *Network
	inbound bool
	self    *Member // who evaluates
	// peer is the node at the other end: whom the frame goes to, or who sent it. nil
	// if a frame to a group is not yet meant for somebody in particular.
	peer *Member
	// known says whether self has the certificates of peer.
	known  bool
	packet *Packet

	source, dest zt.Address // as nodes see them; dest is 0 without a peer
	vlan         uint16
	ipAuthentic  bool
}

func outbound(n *Network, from, to *Member, known bool, p *Packet) end {
	e := end{network: n, self: from, peer: to, known: known && to != nil, packet: p, source: from.Node, vlan: p.VLAN}
	if to != nil {
		e.dest = to.Node
	}
	address, trusted := p.claimed()
	e.ipAuthentic = trusted || from.certified(address)
	return e
}

// inbound is the end that gets a frame from a peer, whose certificates came with
// it.
func inbound(n *Network, from, to *Member, p *Packet) end {
	e := end{network: n, inbound: true, self: to, peer: from, known: true, packet: p, source: from.Node, dest: to.Node}
	address, trusted := p.claimed()
	e.ipAuthentic = trusted || from.certified(address) || to.emulates(n, address)
	return e
}

// certified reports whether the controller certifies that the member has an
// address.
func (m *Member) certified(address netip.Addr) bool {
	for _, own := range m.Addresses[:min(len(m.Addresses), MaxCertified)] {
		if own == address {
			return true
		}
	}
	return false
}

// emulates reports whether the member takes an address for its owner's by its form
// alone: it has such an address of its own, and the prefix is the same (protocol 06
// §5).
func (m *Member) emulates(n *Network, address netip.Addr) bool {
	if !address.Is6() {
		return false
	}
	for _, own := range []netip.Prefix{netconf.SixPlane(n.ID, m.Node), netconf.RFC4193(n.ID, m.Node)} {
		if own.Contains(address) && m.certified(own.Addr()) {
			return true
		}
	}
	return false
}

// verdict is what a match says of a frame.
type verdict uint8

const (
	no verdict = iota
	yes
	never   // false, with not as well
	always  // true, with not as well
	lenient // as always, and the next drop that is reached is passed over
	drawn   // a random draw decides, or bytes that are not described
)

func truth(b bool) verdict {
	if b {
		return yes
	}
	return no
}

// match evaluates a match, before not. expects is whether self passed an action
// that names it as target: then it is not strict about tags.
func (e *end) match(m *entry, expects bool) verdict {
	p := e.packet
	switch m.Type {
	case netconf.MatchSourceNode:
		return truth(m.node == e.source)
	case netconf.MatchDestNode:
		return truth(m.node == e.dest)
	case netconf.MatchVLANID:
		return truth(m.within(uint64(e.vlan)))
	case netconf.MatchVLANPCP, netconf.MatchVLANDEI:
		return truth(m.within(0))
	case netconf.MatchMACSource:
		return truth(m.mac == p.SourceMAC)
	case netconf.MatchMACDest:
		return truth(m.mac == p.DestMAC)
	case netconf.MatchIPv4Source, netconf.MatchIPv4Dest, netconf.MatchIPv6Source, netconf.MatchIPv6Dest:
		return e.matchAddress(m)
	case netconf.MatchIPTOS:
		if p.ipHeader() == 0 {
			return never
		}
		return truth(m.within(uint64(p.TOS) & m.mask))
	case netconf.MatchIPProtocol:
		if p.upperHeader() == 0 {
			return never
		}
		return truth(m.within(uint64(p.Protocol)))
	case netconf.MatchEtherType:
		return truth(m.within(uint64(p.EtherType)))
	case netconf.MatchICMP:
		switch {
		case !p.hasICMP() || m.low != uint64(p.ICMPType):
			return never
		case m.anyCode:
			return always
		}
		return truth(m.high == uint64(p.ICMPCode))
	case netconf.MatchSourcePorts:
		return e.matchPort(m, p.SourcePort)
	case netconf.MatchDestPorts:
		return e.matchPort(m, p.DestPort)
	case netconf.MatchCharacteristics:
		return truth(e.characteristics()&m.mask != 0)
	case netconf.MatchFrameSize:
		return truth(m.within(uint64(p.Size)))
	case netconf.MatchRandom:
		switch m.low {
		case 0:
			return no
		case 1<<32 - 1:
			return yes
		}
		return drawn
	case netconf.MatchTagsDifference, netconf.MatchTagsBitwiseAnd, netconf.MatchTagsBitwiseOr, netconf.MatchTagsBitwiseXor,
		netconf.MatchTagsEqual:
		return e.matchTags(m, expects)
	case netconf.MatchTagSender, netconf.MatchTagReceiver:
		return e.matchTag(m, expects)
	case netconf.MatchIntegerRange:
		value, ok := p.number(m)
		if !ok {
			return drawn
		}
		return truth(m.within(value))
	}
	return no // a type that nodes do not know
}

func (e *end) matchAddress(m *entry) verdict {
	p, family, address := e.packet, uint16(etherIPv4), e.packet.Source
	if m.Type == netconf.MatchIPv6Source || m.Type == netconf.MatchIPv6Dest {
		family = etherIPv6
	}
	if p.EtherType != family || p.ipHeader() == 0 {
		return never
	}
	if m.Type == netconf.MatchIPv4Dest || m.Type == netconf.MatchIPv6Dest {
		address = p.Dest
	}
	if family == etherIPv6 && m.hasHostBits() {
		return no // nodes clear the host bits of the packet's address only
	}
	return truth(m.prefix.Contains(address))
}

func (m *entry) hasHostBits() bool { return m.prefix != m.prefix.Masked() }

func (e *end) matchPort(m *entry, port uint16) verdict {
	p := e.packet
	switch {
	case p.upperHeader() == 0:
		return never
	case !p.hasPorts():
		return no
	case p.EtherType == etherIPv6 && port == 0:
		return no // nodes take it for no port at all
	}
	return truth(m.within(uint64(port)))
}

// The bits of a frame's characteristics above the TCP flags (protocol 07 §3). Bit
// 59, an authentic MAC, is never set: no controller certifies MACs.
const (
	isInbound      = 1 << 63
	isGroup        = 1 << 62
	isBroadcast    = 1 << 61
	isIPAuthentic  = 1 << 60
	isMACAuthentic = 1 << 59
)

func (e *end) characteristics() uint64 {
	bits := uint64(e.packet.flags())
	if e.inbound {
		bits |= isInbound
	}
	if isMulticast(e.packet.DestMAC) {
		bits |= isGroup
	}
	if e.packet.DestMAC == broadcastMAC {
		bits |= isBroadcast
	}
	if e.ipAuthentic {
		bits |= isIPAuthentic
	}
	return bits
}

func (e *end) matchTags(m *entry, expects bool) verdict {
	own, ok := e.self.Tags[m.tag]
	if !ok {
		return never
	}
	other, ok := e.peerTag(m.tag)
	if !ok {
		if e.inbound && !expects {
			return never
		}
		return lenient
	}
	switch m.Type {
	case netconf.MatchTagsDifference:
		return truth(max(own, other)-min(own, other) <= m.value)
	case netconf.MatchTagsBitwiseAnd:
		return truth(own&other == m.value)
	case netconf.MatchTagsBitwiseOr:
		return truth(own|other == m.value)
	case netconf.MatchTagsBitwiseXor:
		return truth(own^other == m.value)
	}
	return truth(own == m.value && other == m.value)
}

// matchTag evaluates a match of one side's tag.
func (e *end) matchTag(m *entry, expects bool) verdict {
	if expects {
		return lenient
	}
	value, ok := e.self.Tags[m.tag]
	if ofPeer := (m.Type == netconf.MatchTagSender) == e.inbound; ofPeer {
		if value, ok = e.peerTag(m.tag); !ok && !e.inbound {
			return lenient
		}
	}
	if !ok {
		return never
	}
	return truth(value == m.value)
}

func (e *end) peerTag(id uint32) (uint32, bool) {
	if !e.known {
		return 0, false
	}
	value, ok := e.peer.Tags[id]
	return value, ok
}
