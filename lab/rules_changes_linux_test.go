package lab

import (
	"fmt"
	"testing"
	"time"
)

const (
	// soon is within how long after the answer of the API running members obey.
	soon = time.Second
	// whenShown is within how long the others know of a member's new tag or
	// capability: nodes drop certificates that come from a member within a second of
	// others, and the server has it show them again (protocol 06 §8).
	whenShown  = 3 * time.Second
	repetition = 3
)

func (n *ruledNetwork) changesOfRules(t *testing.T) {
	alice, bob, _, _ := n.four()
	const closed = "drop ipprotocol udp and dport 53; accept;"
	rules := func(source string) func() {
		return func() { n.change("", map[string]any{"rulesSource": source}) }
	}
	n.rules(closed)
	s := n.stream(t, "udp 53", alice, bob)
	for i := range repetition {
		s.begins(t, soon, rules(fmt.Sprintf("accept; # %d", i)))
		s.stops(t, soon, rules(closed))
	}
}

func (n *ruledNetwork) changesOfTags(t *testing.T) {
	alice, bob, _, _ := n.four()
	const same, other = 1, 2
	tag := func(m *ruledMember, value uint32) func() {
		return func() { n.grant(m, grants{Tags: [][2]uint32{{70, value}}}) }
	}
	tag(alice, same)()
	tag(bob, same)()
	n.rules("accept ethertype arp; tag department id 70; accept tdiff department 0;")
	s := n.stream(t, "udp 53", alice, bob)
	s.begins(t, whenShown, func() {})
	for range repetition {
		for _, m := range []*ruledMember{alice, bob} {
			s.stops(t, soon, tag(m, other))
			s.begins(t, whenShown, tag(m, same))
		}
	}
}

func (n *ruledNetwork) changesOfCapabilities(t *testing.T) {
	alice, bob, _, _ := n.four()
	capabilities := func(ids ...uint32) func() {
		return func() { n.grant(alice, grants{Capabilities: append([]uint32{}, ids...)}) }
	}
	capabilities()()
	n.rules("accept ethertype arp; accept ipprotocol udp and sport 53; cap names id 80 accept ipprotocol udp and dport 53; ;")
	s := n.stream(t, "udp 53", alice, bob)
	for range repetition {
		s.begins(t, whenShown, capabilities(80))
		s.stops(t, soon, capabilities())
	}
}

// deafMember takes a capability from a member whose node does not hear of it. The
// others do.
func (n *ruledNetwork) deafMember(t *testing.T) {
	alice, bob, server, _ := n.four()
	n.grant(alice, grants{Capabilities: []uint32{1000}})
	n.grant(bob, grants{Capabilities: []uint32{1000}})
	n.rules(sshByCapability)
	n.agree(t, works("tcp 22", alice, server), works("tcp 22", bob, server))
	connection := n.stream(t, "tcp 22", alice, server)
	connection.begins(t, soon, func() {})
	n.lab.in(alice.host, "iptables", "-A", "INPUT", "-s", n.ip, "-j", "DROP")
	connection.stops(t, 2*time.Second, func() { n.grant(alice, grants{Capabilities: []uint32{}}) })
	n.agree(t, fails("tcp 22", alice, server), works("tcp 22", bob, server))
}
