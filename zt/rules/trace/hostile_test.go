package trace

import (
	"encoding/binary"
	"testing"

	"github.com/orrery-net/orrery/zt/netconf"
)

// Tables that leave as much as possible to chance are followed in bounded time.
func TestManyDraws(t *testing.T) {
	rule := func(kind netconf.RuleType, operands []byte) netconf.Rule {
		r, err := netconf.MakeRule(kind, false, false, operands)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	random := rule(netconf.MatchRandom, []byte{0x7f, 0xff, 0xff, 0xff})
	n := &Network{ID: office}
	for i := range netconf.MaxRules/2 - 1 {
		target := append(binary.BigEndian.AppendUint64(nil, uint64(0x3000000000+i)), 0, 0, 0, 0, 0, 0)
		n.Rules = append(n.Rules, random, rule(netconf.ActionTee, target))
	}
	n.Rules = append(n.Rules, random, rule(netconf.ActionAccept, nil))
	a, b := pair()
	c := converse(t, n, a, b, "tcp 80")
	if c.Outcome != Chance || len(c.Legs[2].Result.Sender.Copies) != netconf.MaxRules/2-1 {
		t.Errorf("%s, %d copies", c.Outcome, len(c.Legs[2].Result.Sender.Copies))
	}
}
