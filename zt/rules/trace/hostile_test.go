package trace

import (
	"encoding/binary"
	"testing"

	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/netconf"
)

// entryOf makes an entry of a hostile table.
func entryOf(t *testing.T, kind netconf.RuleType, or bool, operands ...byte) netconf.Rule {
	t.Helper()
	r, err := netconf.MakeRule(kind, false, or, operands)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func teeTo(t *testing.T, node zt.Address) netconf.Rule {
	return entryOf(t, netconf.ActionTee, false, append(binary.BigEndian.AppendUint64(nil, uint64(node)), 0, 0, 0, 0, 0, 0)...)
}

func drawn50(t *testing.T, or bool) netconf.Rule {
	return entryOf(t, netconf.MatchRandom, or, 0x7f, 0xff, 0xff, 0xff)
}

// Tables that leave as much as possible to chance are followed in bounded time.
func TestManyDraws(t *testing.T) {
	n := &Network{ID: office}
	for i := range netconf.MaxRules/2 - 1 {
		n.Rules = append(n.Rules, drawn50(t, false), teeTo(t, zt.Address(0x3000000000+i)))
	}
	n.Rules = append(n.Rules, drawn50(t, false), entryOf(t, netconf.ActionAccept, false))
	a, b := pair()
	c := converse(t, n, a, b, "tcp 80")
	if c.Outcome != Chance || len(c.Legs[2].Result.Sender.Copies) != netconf.MaxRules/2-1 {
		t.Errorf("%s, %d copies", c.Outcome, len(c.Legs[2].Result.Sender.Copies))
	}
}

// laborious makes a network and two members with whom as much as possible is
// evaluated at each end and by each observer: all rules, and all of 128 capabilities.
func laborious(t *testing.T, port byte) (n *Network, from, to *Member) {
	n = &Network{ID: office}
	from, to = pair()
	from.Tags, to.Tags = tags{0: 1}, tags{0: 2}
	for i := range 20 {
		n.Rules = append(n.Rules, drawn50(t, false), teeTo(t, zt.Address(0x3000000000+i)))
	}
	for i := 0; len(n.Rules) < netconf.MaxRules-1; i++ {
		n.Rules = append(n.Rules, entryOf(t, netconf.MatchDestPorts, true, byte(i), port, byte(i), port), entryOf(t, 9, false))
	}
	n.Rules = append(n.Rules[:netconf.MaxRules-1], entryOf(t, netconf.ActionBreak, false))
	for id := range uint32(netconf.MaxCapabilities) {
		c := Capability{ID: id}
		for len(c.Rules) < netconf.MaxRulesPerCapability-1 {
			c.Rules = append(c.Rules, drawn50(t, true), entryOf(t, netconf.MatchTagsDifference, true, 0, 0, 0, 0, 0, 0, 0, 1), entryOf(t, netconf.MatchSourcePorts, true, 1, port, 2, port))
		}
		if id == netconf.MaxCapabilities-1 {
			c.Rules[0] = entryOf(t, netconf.ActionAccept, false)
		}
		n.Capabilities = append(n.Capabilities, c)
		from.Capabilities, to.Capabilities = append(from.Capabilities, id), append(to.Capabilities, id)
	}
	return n, from, to
}

// steps counts the matches that a decision explains, with those of all whom it sends
// the frame to.
func (d *Decision) steps() (count int) {
	if d == nil {
		return 0
	}
	for _, table := range d.Tables {
		for _, rule := range table.Rules {
			count += len(rule.Steps)
		}
	}
	for _, c := range d.Copies {
		count += c.Observer.steps()
	}
	return count + d.Target.steps()
}

// An explanation has bounds: it does not follow frames to all observers.
func TestLongExplanation(t *testing.T) {
	n, from, to := laborious(t, 7)
	count, observers := 0, 0
	for _, l := range converse(t, n, from, to, "tcp 80").Legs {
		for _, d := range []*Decision{&l.Result.Sender, l.Result.Delivery, l.Result.Receiver} {
			count += d.steps()
			if d != nil {
				observers += len(d.Copies)
			}
		}
	}
	const perEnd, ends = netconf.MaxRules + netconf.MaxCapabilities*netconf.MaxRulesPerCapability, 11
	if most := maxExplained + ends*perEnd; count > most || count < maxExplained || observers < 100 {
		t.Errorf("%d matches explained, %d observers; at most %d", count, observers, most)
	}
}

// However long it takes for two members, Compare stops in between.
func TestCompareLaborious(t *testing.T) {
	before, from, to := laborious(t, 7)
	after, _, _ := laborious(t, 8)
	members := []Member{*from, *to}
	c := comparer{before: newTracer(compile(before)), after: newTracer(compile(after)), were: members, are: members}
	flows, _ := probe(c.before.program, c.after.program, members)
	const most = maxWork + 2*2*11*8*(netconf.MaxRules+netconf.MaxCapabilities*netconf.MaxRulesPerCapability) // one conversation more
	if c.meet([][]int{{0}, {1}}, flows) || c.work() > most {
		t.Errorf("%d flows, work %d; at most %d", len(flows), c.work(), most)
	}
}
