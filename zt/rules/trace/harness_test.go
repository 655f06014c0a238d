package trace

import (
	"net/netip"
	"testing"

	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/rules"
	"github.com/orrery-net/orrery/zt/rules/ruleset"
)

const (
	alice   = zt.Address(0xa11ce00001)
	bob     = zt.Address(0xb0b0000002)
	monitor = zt.Address(0x3017000003)
	office  = zt.NetworkID(0x8056c2e21c000001)
)

// compiled is a network with the rules of a program, compiled strictly.
func compiled(t testing.TB, source string) *Network {
	t.Helper()
	p, found := rules.Compile(source, rules.Strict)
	if p == nil {
		t.Fatalf("%v\n%s", found, source)
	}
	n := &Network{ID: office, Origins: p.Origins, Names: &Names{
		Tags: p.Tags, Members: map[zt.Address]string{alice: "alice", bob: "bob", monitor: "monitor"},
	}}
	var err error
	if n.Rules, err = ruleset.NetconfRules(p.Rules); err != nil {
		t.Fatal(err)
	}
	for i, c := range p.Capabilities {
		table, err := ruleset.NetconfRules(c.Rules)
		if err != nil {
			t.Fatal(err)
		}
		n.Capabilities = append(n.Capabilities, Capability{ID: c.ID, Name: c.Name, Rules: table, Origins: p.CapabilityOrigins[i]})
	}
	return n
}

type tags = map[uint32]uint32

// pair makes alice and bob with an address of each family.
func pair() (from, to *Member) {
	return &Member{Node: alice, Tags: tags{}, Addresses: []netip.Addr{netip.MustParseAddr("10.9.0.1"), netip.MustParseAddr("fd00::1")}},
		&Member{Node: bob, Tags: tags{}, Addresses: []netip.Addr{netip.MustParseAddr("10.9.0.2"), netip.MustParseAddr("fd00::2")}}
}

func flow(t testing.TB, text string) Flow {
	t.Helper()
	f, err := ParseFlow(text)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func converse(t testing.TB, n *Network, from, to *Member, text string) *Conversation {
	t.Helper()
	c, err := Converse(n, from, to, flow(t, text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// leg returns the leg with a name.
func (c *Conversation) leg(t testing.TB, name string) *Leg {
	t.Helper()
	for i := range c.Legs {
		if c.Legs[i].Name == name {
			return &c.Legs[i]
		}
	}
	t.Fatalf("there is no %s", name)
	return nil
}
