package trace

import (
	"errors"
	"fmt"
	"math/bits"
	"net/netip"
	"slices"

	"github.com/orrery-net/orrery/zt"
)

// Conversation is a flow's packets in both directions: address resolution (ARP, or
// neighbor discovery for IPv6), then what the flow needs to work: the handshake of
// TCP, request and reply of UDP and ping, for the rest one packet.
type Conversation struct {
	Flow Flow `json:"flow"`
	// Works: every packet is accepted, between members that meet for the first time
	// as well as between members that know each other's certificates.
	Works   bool    `json:"works"`
	Outcome Outcome `json:"outcome"` // accepted if it works; otherwise that of the first leg that fails, or else may fail
	Why     string  `json:"why"`     // what decided, in one sentence
	Legs    []Leg   `json:"legs"`
	// Notes say what a person should know besides.
	Notes []string `json:"notes"`
}

// Leg is one packet of a conversation.
type Leg struct {
	Name   string `json:"name"` // "ARP request", "SYN", "SYN ACK", "echo reply" …
	Back   bool   `json:"back"` // from the receiver of the flow to its sender
	Result Result `json:"result"`
}

// Converse follows a flow between two members. It needs an address of the flow's
// family on both sides; otherwise the error says so. Each leg is followed as if
// those before it had got through.
func Converse(n *Network, from, to *Member, f Flow) (*Conversation, error) {
	s, err := plan(n, from, to, f)
	if err != nil {
		return nil, err
	}
	t := newTracer(compile(n))
	made := &Conversation{Flow: f, Legs: make([]Leg, len(s.legs)), Notes: s.notes}
	settled := !t.program.comparesTags || made.meet(s, t)
	outcome, at := s.run(t, settled, made.Legs)
	made.conclude(n, outcome, at)
	return made, nil
}

// meet decides which legs to show: if not those of the first contact, which are
// shown if it goes worse, it returns true.
func (c *Conversation) meet(s *script, t *tracer) (settled bool) {
	then, _ := s.run(t, true, nil)
	first, at := s.run(t, false, nil)
	sender, receiver := s.network.Names.Member(s.from.Node), s.network.Names.Member(s.to.Node)
	switch {
	case then == Accepted && first != Accepted:
		c.Notes = append(c.Notes, fmt.Sprintf("%s and %s do not know each other's tags before the first frame between them, so the %s fails; "+
			"it works once they do. Accept ARP and neighbor discovery before rules that compare tags.", sender, receiver, s.legs[at].name))
	case first == Accepted && then != Accepted && then != Chance:
		c.Notes = append(c.Notes, fmt.Sprintf("It works until %s and %s know each other's tags.", sender, receiver))
	}
	return first == Accepted || then != Accepted && then != Chance
}

// conclude says what the legs came to, and at which of them it did if they fail.
func (c *Conversation) conclude(n *Network, outcome Outcome, at int) {
	c.Works, c.Outcome = outcome == Accepted, outcome
	c.Why = "every packet is accepted at both ends"
	if !c.Works {
		c.Why = fmt.Sprintf("%s: %s", c.Legs[at].Name, c.Legs[at].Result.Why)
	}
	told := make(map[zt.Address]bool)
	for _, leg := range c.Legs {
		for _, d := range []*Decision{&leg.Result.Sender, leg.Result.Delivery, leg.Result.Receiver} {
			if d == nil {
				continue
			}
			for _, copied := range d.Copies {
				if !told[copied.To] {
					told[copied.To] = true
					c.Notes = append(c.Notes, fmt.Sprintf("%s gets copies.", n.Names.Member(copied.To)))
				}
			}
			if d.Redirected != 0 && !told[d.Redirected] {
				told[d.Redirected] = true
				c.Notes = append(c.Notes, fmt.Sprintf("%s gets frames instead; whether they go on from there is up to it.", n.Names.Member(d.Redirected)))
			}
		}
	}
}

// script is the packets that a flow needs, in order.
type script struct {
	network  *Network
	from, to *Member
	legs     []leg
	notes    []string

	exchanged bool // the first packet behind address resolution was added
}

type leg struct {
	name   string
	back   bool
	packet Packet
}

// outcome is what becomes of the flow, without an explanation.
func (s *script) outcome(t *tracer) Outcome {
	outcome, _ := s.run(t, true, nil)
	if (outcome == Accepted || outcome == Chance) && t.program.comparesTags {
		if fresh, _ := s.run(t, false, nil); fresh != Accepted {
			return fresh
		}
	}
	return outcome
}

// run follows the legs and returns the outcome of the first that fails, or else of
// the first that may fail, and which it is. settled: both know each other's
// certificates from the beginning; otherwise from the first frame that the other
// sent. With explained, one for each leg, all are followed and explained there.
func (s *script) run(t *tracer, settled bool, explained []Leg) (outcome Outcome, at int) {
	known := [2]bool{settled, settled} // by the one who sends forth, and back
	outcome = Accepted
	for i := range s.legs {
		l := &s.legs[i]
		from, to, way := s.from, s.to, 0
		if l.back {
			from, to, way = s.to, s.from, 1
		}
		var r *Result
		if explained != nil {
			explained[i] = Leg{Name: l.name, Back: l.back, Result: Result{Packet: l.packet}}
			r = &explained[i].Result
		}
		f, arrived := t.follow(from, to, &l.packet, known[way], r)
		known[1-way] = known[1-way] || arrived
		switch here := f.outcome(); {
		case here == Chance && outcome == Accepted:
			outcome, at = here, i
		case (here == Dropped || here == Redirected) && (outcome == Accepted || outcome == Chance):
			outcome, at = here, i
			if explained == nil {
				return outcome, at
			}
		}
	}
	return outcome, at
}

// plan makes the script of a flow.
func plan(n *Network, from, to *Member, f Flow) (*script, error) {
	if from.Node == to.Node {
		return nil, fmt.Errorf("both ends are %s: choose two members", n.Names.Member(from.Node))
	}
	s := &script{network: n, from: from, to: to, notes: []string{}}
	if f.EtherType != 0 && f.EtherType != etherARP {
		s.add("frame", false, Packet{EtherType: f.EtherType, Size: f.Size})
		return s, nil
	}
	source, dest, err := s.addresses(&f)
	if err != nil {
		return nil, err
	}
	if group := dest.IsMulticast() || dest == limitedBroadcast; !group {
		s.resolve(source, dest)
	}
	if f.EtherType == etherARP {
		return s, nil
	}
	s.exchange(source, dest, &f)
	return s, nil
}

func (s *script) add(name string, back bool, p Packet) {
	from, to := s.from, s.to
	if back {
		from, to = to, from
	}
	s.legs = append(s.legs, leg{name, back, p.complete(s.network, from, to)})
}

var errFamilies = errors.New("the source and destination are of different families")

// addresses chooses the flow's addresses, and its version if it has none.
func (s *script) addresses(f *Flow) (source, dest netip.Addr, err error) {
	version := f.Version
	if f.EtherType == etherARP {
		version = 4
	}
	for _, given := range []netip.Addr{f.Source, f.Dest} {
		if !given.IsValid() {
			continue
		}
		family := 6
		if given.Unmap().Is4() {
			family = 4
		}
		if version != 0 && version != family {
			return source, dest, errFamilies
		}
		version = family
	}
	if version == 0 {
		version = 6
		if s.from.address(4, netip.Addr{}).IsValid() && s.to.address(4, netip.Addr{}).IsValid() {
			version = 4
		}
	}
	if f.ICMP && f.Version == 0 && version == 6 { // a ping
		f.Protocol, f.ICMPType = protocolICMPv6, echoRequestV6
	}
	f.Version = version
	if dest = f.Dest.Unmap(); !dest.IsValid() {
		dest = s.to.address(version, netip.Addr{})
	}
	if source = f.Source.Unmap(); !source.IsValid() {
		source = s.from.address(version, dest)
	}
	for _, side := range []struct {
		member  *Member
		address netip.Addr
	}{{s.from, source}, {s.to, dest}} {
		if !side.address.IsValid() {
			return source, dest, fmt.Errorf("%s has no IPv%d address: assign one, or say the address in the flow", s.network.Names.Member(side.member.Node), version)
		}
	}
	return source, dest, nil
}

// address returns the member's address of a family that has most in common with
// another address, as hosts choose it (RFC 6724 §5 rule 8); the first one without
// another.
func (m *Member) address(version int, near netip.Addr) (best netip.Addr) {
	most := -1
	for _, own := range m.Addresses {
		if own = own.Unmap(); own.Is4() != (version == 4) {
			continue
		}
		if common := commonBits(own, near); common > most {
			best, most = own, common
		}
	}
	return best
}

// commonBits is how many leading bits two addresses of one family have in common as
// IPv6 addresses.
func commonBits(a, b netip.Addr) int {
	if a.BitLen() != b.BitLen() {
		return 0
	}
	x, y := a.As16(), b.As16()
	for i := range x {
		if differ := x[i] ^ y[i]; differ != 0 {
			return 8*i + bits.LeadingZeros8(differ)
		}
	}
	return 8 * len(x)
}

// resolve adds how the ends find each other's MACs. What lies behind a member is
// reached through the member's own address.
func (s *script) resolve(source, dest netip.Addr) {
	version := 6
	if dest.Is4() {
		version = 4
	}
	ask := func(back bool, asker, asked *Member, source, target netip.Addr) (learned bool) {
		if own := asked.address(version, target); own.IsValid() && !slices.Contains(asked.Addresses, target) {
			target = own
		}
		if own := asker.address(version, target); own.IsValid() && !slices.Contains(asker.Addresses, source) {
			source = own
		}
		if version == 4 {
			s.add("ARP request", back, Packet{EtherType: etherARP, DestMAC: broadcastMAC, Source: source, Dest: target})
			s.add("ARP reply", !back, Packet{EtherType: etherARP, Source: target, Dest: source})
			return true
		}
		if asker.emulates(s.network, target) {
			s.notes = append(s.notes, fmt.Sprintf("%s's own node answers neighbor discovery for %s.", s.network.Names.Member(asker.Node), target))
			return false
		}
		group := solicitedNode(target)
		s.add("neighbor solicitation", back, Packet{EtherType: etherIPv6, DestMAC: groupMAC(group), Source: source, Dest: group,
			Protocol: protocolICMPv6, ICMPType: neighborSolicitation})
		s.add("neighbor advertisement", !back, Packet{EtherType: etherIPv6, Source: target, Dest: source,
			Protocol: protocolICMPv6, ICMPType: neighborAdvertisement})
		return true
	}
	// Who is asked learns the asker's MAC from the question.
	if !ask(false, s.from, s.to, source, dest) {
		ask(true, s.to, s.from, dest, source)
	}
}

// solicitedNode is the group that neighbor discovery asks for an address (RFC 4291
// §2.7.1).
func solicitedNode(a netip.Addr) netip.Addr {
	raw := a.As16()
	return netip.AddrFrom16([16]byte{0xff, 0x02, 11: 1, 12: 0xff, 13: raw[13], 14: raw[14], 15: raw[15]})
}

var limitedBroadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// groupMAC is the MAC of a multicast group (RFC 1112 §6.4, RFC 2464 §7), and of
// broadcasts; zero for other addresses.
func groupMAC(group netip.Addr) zt.MAC {
	raw := group.As16()
	switch {
	case group == limitedBroadcast:
		return broadcastMAC
	case !group.IsMulticast():
		return zt.MAC{}
	case group.Is4():
		return zt.MAC{0x01, 0x00, 0x5e, raw[13] & 0x7f, raw[14], raw[15]}
	}
	return zt.MAC{0x33, 0x33, raw[12], raw[13], raw[14], raw[15]}
}
