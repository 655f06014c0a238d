package trace

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/orrery-net/orrery/zt/netconf"
	"github.com/orrery-net/orrery/zt/rules"
)

// why says in words for people why a match came out as it did.
func (l *log) why(m *entry, v verdict, expects bool) string {
	reason := l.reason(m, v, expects)
	if v == never && m.Not {
		reason += " (with not, too, this is false)"
	}
	return reason
}

func (l *log) reason(m *entry, v verdict, expects bool) string {
	e, p := l.at, l.at.packet
	switch m.Type {
	case netconf.MatchSourceNode:
		return is("sender", l.names.Member(e.source), v, l.names.Member(m.node))
	case netconf.MatchDestNode:
		if e.peer == nil {
			return "the frame goes to a group, not to one member"
		}
		return is("receiver", l.names.Member(e.dest), v, l.names.Member(m.node))
	case netconf.MatchVLANID:
		return is("VLAN", strconv.Itoa(int(e.vlan)), v, span(m.low, m.high))
	case netconf.MatchVLANPCP, netconf.MatchVLANDEI:
		return "nodes compare it with 0 always, not with a frame's"
	case netconf.MatchMACSource:
		return is("source MAC", p.SourceMAC.String(), v, m.mac.String())
	case netconf.MatchMACDest:
		return is("destination MAC", p.DestMAC.String(), v, m.mac.String())
	case netconf.MatchIPv4Source, netconf.MatchIPv6Source:
		return l.whyAddress(m, v, "source", p.Source)
	case netconf.MatchIPv4Dest, netconf.MatchIPv6Dest:
		return l.whyAddress(m, v, "destination", p.Dest)
	case netconf.MatchIPTOS:
		if v == never {
			return p.notIP()
		}
		return is("masked type of service", strconv.Itoa(int(uint64(p.TOS)&m.mask)), v, span(m.low, m.high))
	case netconf.MatchIPProtocol:
		if v == never {
			return p.notIP()
		}
		return is("protocol", rules.ProtocolName(p.Protocol), v, rules.ProtocolName(uint8(m.low)))
	case netconf.MatchEtherType:
		return is("ethertype", rules.EtherTypeName(p.EtherType), v, rules.EtherTypeName(uint16(m.low)))
	case netconf.MatchICMP:
		return l.whyICMP(m, v)
	case netconf.MatchSourcePorts:
		return l.whyPort(m, v, "source port", p.SourcePort)
	case netconf.MatchDestPorts:
		return l.whyPort(m, v, "destination port", p.DestPort)
	case netconf.MatchCharacteristics:
		return l.whyCharacteristics(m)
	case netconf.MatchFrameSize:
		return is("size", fmt.Sprintf("%d bytes", p.Size), v, span(m.low, m.high))
	case netconf.MatchRandom:
		if v == drawn {
			return "true with a probability of " + rules.ProbabilityText(uint32(m.low))
		}
		return "its probability is " + rules.ProbabilityText(uint32(m.low))
	case netconf.MatchTagsDifference, netconf.MatchTagsBitwiseAnd, netconf.MatchTagsBitwiseOr, netconf.MatchTagsBitwiseXor,
		netconf.MatchTagsEqual, netconf.MatchTagSender, netconf.MatchTagReceiver:
		return l.whyTag(m, v, expects)
	case netconf.MatchIntegerRange:
		value, ok := p.number(m)
		if !ok {
			return "the packet's description does not say these bytes"
		}
		return is("number", strconv.FormatUint(value, 10), v, span(m.low, m.high))
	}
	return "nodes do not know this match"
}

// is writes "port is 443, not 22", or "port is 22" if it is what the match wants.
func is(what, has string, v verdict, wants string) string {
	if v == yes || v == always {
		return what + " is " + has
	}
	return what + " is " + has + ", not " + wants
}

func (p *Packet) notIP() string {
	switch {
	case p.EtherType != etherIPv4 && p.EtherType != etherIPv6:
		return fmt.Sprintf("ethertype is %s, which is not IP", rules.EtherTypeName(p.EtherType))
	case p.ipHeader() == 0:
		return "the frame is too short for an IP header"
	}
	return "nodes find no protocol behind its extension headers"
}

func (l *log) whyAddress(m *entry, v verdict, side string, address netip.Addr) string {
	p := l.at.packet
	family := "IPv4"
	if m.prefix.Addr().Is6() {
		family = "IPv6"
	}
	if v == never {
		if p.ipHeader() == 0 {
			return p.notIP()
		}
		return fmt.Sprintf("ethertype is %s, which has no %s address", rules.EtherTypeName(p.EtherType), family)
	}
	if v == yes {
		return fmt.Sprintf("%s address is %s", side, address)
	}
	if family == "IPv6" && m.hasHostBits() {
		return fmt.Sprintf("%s has bits behind its prefix length, which no address matches; %s would be right", m.prefix, m.prefix.Masked())
	}
	return fmt.Sprintf("%s address is %s, not in %s", side, address, m.prefix)
}

func (l *log) whyICMP(m *entry, v verdict) string {
	p := l.at.packet
	switch {
	case p.ipHeader() == 0:
		return p.notIP()
	case !p.hasICMP():
		return fmt.Sprintf("protocol is %s, not ICMP", rules.ProtocolName(p.Protocol))
	case v == never:
		return fmt.Sprintf("ICMP type is %d, not %d", p.ICMPType, m.low)
	case v == always && m.Not:
		return fmt.Sprintf("ICMP type is %d (nodes take this for true with not, too, as any code will do)", p.ICMPType)
	case v == no:
		return fmt.Sprintf("ICMP code is %d, not %d", p.ICMPCode, m.high)
	case m.anyCode:
		return fmt.Sprintf("ICMP type is %d", p.ICMPType)
	}
	return fmt.Sprintf("ICMP type is %d, code %d", p.ICMPType, p.ICMPCode)
}

func (l *log) whyPort(m *entry, v verdict, what string, port uint16) string {
	p := l.at.packet
	switch {
	case v == never:
		return p.notIP()
	case !p.hasPorts():
		return fmt.Sprintf("protocol %s has no ports", rules.ProtocolName(p.Protocol))
	case v == no && port == 0 && m.low == 0:
		return what + " is 0, which nodes do not take for a port in IPv6"
	}
	return is(what, strconv.Itoa(int(port)), v, span(m.low, m.high))
}

func (l *log) whyCharacteristics(m *entry) string {
	has := l.at.characteristics() & m.mask
	if has != 0 {
		return "the frame is or has " + rules.CharacteristicNames(has)
	}
	var reasons []string
	if m.mask&isInbound != 0 {
		reasons = append(reasons, "this is the sending side")
	}
	if m.mask&(isGroup|isBroadcast) != 0 {
		reasons = append(reasons, "destination MAC is "+l.at.packet.DestMAC.String())
	}
	if m.mask&isIPAuthentic != 0 {
		reasons = append(reasons, l.whyNotAuthentic())
	}
	if m.mask&isMACAuthentic != 0 {
		reasons = append(reasons, "controllers certify no MACs")
	}
	if flags := m.mask & 0xfff; flags != 0 {
		reason := "the frame has no TCP flags"
		if l.at.packet.Protocol == protocolTCP && l.at.packet.upperHeader() != 0 {
			reason = "TCP flags are " + flagNames(l.at.packet.flags())
		}
		reasons = append(reasons, reason)
	}
	if reasons == nil {
		return "no frame has these characteristics"
	}
	return strings.Join(reasons, "; ")
}

func flagNames(flags uint16) string {
	if flags == 0 {
		return "none"
	}
	return rules.CharacteristicNames(uint64(flags))
}

func (l *log) whyNotAuthentic() string {
	address, _ := l.at.packet.claimed()
	sender := l.names.Member(l.at.source)
	if !address.IsValid() {
		return "the frame has no IP address that could be certified"
	}
	return fmt.Sprintf("%s is not certified for %s", address, sender)
}

// whyTag says which values met, or which side has none.
func (l *log) whyTag(m *entry, v verdict, expects bool) string {
	e, tag := l.at, l.words.Tag(m.tag)
	self, peer := l.names.Member(e.self.Node), "the receivers"
	if e.peer != nil {
		peer = l.names.Member(e.peer.Node)
	}
	own, hasOwn := e.self.Tags[m.tag]
	other, hasOther := e.peerTag(m.tag)
	oneSided := m.Type == netconf.MatchTagSender || m.Type == netconf.MatchTagReceiver
	ofPeer := !oneSided || (m.Type == netconf.MatchTagSender) == e.inbound
	ofSelf := !oneSided || !ofPeer
	switch {
	case expects && v == lenient:
		return fmt.Sprintf("%s is the target of a rule before this, so tags do not count: true", self)
	case ofSelf && !hasOwn:
		return fmt.Sprintf("%s has no tag %s", self, tag)
	case ofPeer && !hasOther && v == lenient:
		return l.unknownTag(peer, tag) + ", and the next drop is passed over"
	case ofPeer && !hasOther:
		return fmt.Sprintf("%s has no tag %s", peer, tag)
	}
	name := func(value uint32) string { return l.words.TagValue(m.tag, value) }
	wants := name(m.value)
	both := fmt.Sprintf("tag %s is %s at %s and %s at %s", tag, name(own), self, name(other), peer)
	switch m.Type {
	case netconf.MatchTagsDifference:
		difference := fmt.Sprintf("%d (%s at %s, %s at %s)", max(own, other)-min(own, other), name(own), self, name(other), peer)
		return is("difference of tag "+tag, difference, v, fmt.Sprintf("at most %d", m.value))
	case netconf.MatchTagsBitwiseAnd:
		return is(both+"; AND", name(own&other), v, wants)
	case netconf.MatchTagsBitwiseOr:
		return is(both+"; OR", name(own|other), v, wants)
	case netconf.MatchTagsBitwiseXor:
		return is(both+"; XOR", name(own^other), v, wants)
	case netconf.MatchTagsEqual:
		if v == yes {
			return both
		}
		return both + ", not " + wants + " at both"
	}
	if ofPeer {
		return is(fmt.Sprintf("tag %s of %s", tag, peer), name(other), v, wants)
	}
	return is(fmt.Sprintf("tag %s of %s", tag, self), name(own), v, wants)
}

// unknownTag says why a sender takes a match for true without the receiver's tag.
func (l *log) unknownTag(peer, tag string) string {
	e := l.at
	switch {
	case e.peer == nil:
		return fmt.Sprintf("tag %s of the receivers is not known: true until it is", tag)
	case !e.known:
		return fmt.Sprintf("tag %s of %s is not known to %s yet: true until it is", tag, peer, l.names.Member(e.self.Node))
	}
	return fmt.Sprintf("%s has no tag %s: true for the sender", peer, tag)
}
