package controller

import (
	"bytes"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/orrery-net/orrery/internal/model"
	ztmember "github.com/orrery-net/orrery/zt/member"
	"github.com/orrery-net/orrery/zt/netconf"
)

// comparing is a match of a tag.
func comparing(t testing.TB, id uint32) netconf.Rule {
	t.Helper()
	rule, err := netconf.MakeRule(netconf.MatchTagsEqual, false, false, []byte{byte(id >> 24), byte(id >> 16), byte(id >> 8), byte(id), 0, 0, 0, 1})
	if err != nil {
		t.Fatal(err)
	}
	return rule
}

// A node that takes less than the network asks for lets nothing pass that the
// whole rules drop.
func TestNodesThatTakeLess(t *testing.T) {
	drop, accept := netconf.Rule{Type: netconf.ActionDrop}, netconf.Rule{Type: netconf.ActionAccept}
	match := netconf.Rule{Type: netconf.MatchEtherType}
	table := []netconf.Rule{match, accept, match, match, drop, accept}
	for _, c := range []struct {
		name         string
		announce     func(*netconf.Metadata)
		rules        []netconf.Rule
		tags         []uint32
		capabilities []uint32
		effect       string // in the log
	}{
		{"all", func(*netconf.Metadata) {}, table, []uint32{10, 20, 30}, []uint32{1, 2}, ""},
		{"nothing said", func(m *netconf.Metadata) {
			m.MaxRules, m.MaxCapabilities, m.MaxRulesPerCapability, m.MaxTags = 0, 0, 0, 0
		}, table, []uint32{10, 20, 30}, []uint32{1, 2}, ""},
		{"a later engine", func(m *netconf.Metadata) { m.RulesEngine = 7 }, table, []uint32{10, 20, 30}, []uint32{1, 2}, ""},
		{"just enough", func(m *netconf.Metadata) {
			m.MaxRules, m.MaxCapabilities, m.MaxRulesPerCapability, m.MaxTags = 6, 2, 3, 3
		}, table, []uint32{10, 20, 30}, []uint32{1, 2}, ""},
		{"a rule too many", func(m *netconf.Metadata) { m.MaxRules = 5 }, []netconf.Rule{match, accept, drop, drop}, []uint32{10, 20, 30}, []uint32{1, 2}, shortOfRules},
		{"a capability too many", func(m *netconf.Metadata) { m.MaxCapabilities = 1 }, table, []uint32{10, 20, 30}, []uint32{1}, shortOfCapabilities},
		{"a capability too long", func(m *netconf.Metadata) { m.MaxRulesPerCapability = 2 }, table, []uint32{10, 20, 30}, []uint32{1}, shortOfCapabilities},
		{"a tag too many that no rule compares", func(m *netconf.Metadata) { m.MaxTags = 2 }, table, []uint32{10, 30}, []uint32{1, 2}, ""},
		{"a tag too many", func(m *netconf.Metadata) { m.MaxTags = 1 }, []netconf.Rule{drop}, nil, nil, shortOfTags},
		{"no rules engine", func(m *netconf.Metadata) { m.RulesEngine = 0 }, []netconf.Rule{accept}, nil, nil, shortOfEngine},
	} {
		t.Run(c.name, func(t *testing.T) {
			fake(t, func(t *testing.T) {
				var log bytes.Buffer
				d := newDesk(t, func(o *Options) { o.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
				zero := uint32(0)
				network := d.create(func(n *model.Network) {
					n.Rules = table
					n.Tags = []model.NetworkTag{{ID: 10, Default: &zero}, {ID: 20, Default: &zero}, {ID: 30, Default: &zero}}
					n.Capabilities = []model.Capability{
						{ID: 1, Default: true, Rules: []netconf.Rule{comparing(t, 10), accept}},
						{ID: 2, Default: true, Rules: []netconf.Rule{comparing(t, 10), comparing(t, 30), accept}},
					}
				})
				a := ident(t, 1)
				d.letIn(a, network)
				for range 2 {
					got := d.answer(a, network, func(q *asking) { c.announce(&q.metadata) })
					if !slices.Equal(got.Rules, c.rules) {
						t.Errorf("rules %v, want %v", got.Rules, c.rules)
					}
					var ids []uint32
					for id := range tags(t, got, d.opts.Identity) {
						ids = append(ids, id)
					}
					if slices.Sort(ids); !slices.Equal(ids, c.tags) {
						t.Errorf("tags %v, want %v", ids, c.tags)
					}
					if ids := capabilities(t, got, d.opts.Identity); !slices.Equal(ids, c.capabilities) {
						t.Errorf("capabilities %v, want %v", ids, c.capabilities)
					}
				}
				synctest.Wait()
				limited := 0
				if c.effect != "" {
					limited = 1
				}
				if got := d.Stats().Limited; got != limited {
					t.Errorf("%d members are counted as limited", got)
				}
				if got := strings.Count(log.String(), "cannot hold all"); got != limited || !strings.Contains(log.String(), c.effect) {
					t.Errorf("%d warnings in\n%s", got, log.String())
				}
				d.answer(a, network)
				if got := d.Stats().Limited; got != 0 {
					t.Error("a member whose node takes everything again counts as limited")
				}
				d.answer(a, network, func(q *asking) { q.metadata.RulesEngine = 0 })
				m := d.network(network).find(a.Address())
				m.touched = 0 // as if it had left long ago
				m.lastRequest.Store(0)
				d.sweep()
				if got := d.Stats(); got.Limited != 0 || got.InMemory != 0 {
					t.Errorf("%d members in memory, %d limited after all left", got.InMemory, got.Limited)
				}
			})
		})
	}
}

// What no node can be sent is never part of a configuration: a table from before a
// limit was checked.
func TestStoredTableThatIsTooLong(t *testing.T) {
	record := model.NewNetwork(0x1000000000000001, "owner", 1)
	record.Rules = slices.Repeat([]netconf.Rule{{Type: netconf.MatchEtherType}, {Type: netconf.ActionAccept}}, 600)
	record.Rules = append(record.Rules, netconf.Rule{Type: netconf.ActionDrop})
	got := sharedConfig(record, nil, credentialWindow).Rules
	if len(got) != 1024 || got[1021].Type != netconf.ActionAccept || got[1022].Type != netconf.ActionDrop || got[1023].Type != netconf.ActionDrop {
		t.Errorf("%d rules, the last one %v", len(got), got[len(got)-1])
	}
}

func TestRulesAreEncodedOncePerChange(t *testing.T) {
	record := model.NewNetwork(0x1000000000000001, "owner", 1)
	record.Rules = slices.Repeat(record.Rules, 100)
	s := &snapshot{record: record, grants: grantsOf(record), window: credentialWindow}
	s.template = netconf.NewTemplate(sharedConfig(record, nil, s.window))
	full := limits{rulesEngine: 1, rules: 1024}
	for _, l := range []limits{full, {rulesEngine: 1, rules: 100}, {rulesEngine: 1, rules: 7}, {rules: 5}} {
		first, _ := s.rulesFor(l, false)
		if again, _ := s.rulesFor(l, false); again != first {
			t.Errorf("rules for %+v were encoded twice", l)
		}
	}
	if whole, _ := s.rulesFor(full, false); whole != s.template {
		t.Error("rules that fit were encoded again")
	}
	none, _ := s.rulesFor(full, true)
	if few, _ := s.rulesFor(limits{rulesEngine: 1, rules: 3}, true); few != none {
		t.Error("the rule that drops everything was encoded twice")
	}
	for announced := range 1000 {
		s.rulesFor(limits{rulesEngine: 1, rules: announced % 400}, false)
	}
	if len(s.variants) > maxVariants {
		t.Errorf("%d variants are kept", len(s.variants))
	}
}

func TestOfSeveralWithOneIDTheLastCounts(t *testing.T) {
	fake(t, func(t *testing.T) {
		d := newDesk(t)
		five, six := uint32(5), uint32(6)
		network := d.create(func(n *model.Network) {
			n.Tags = []model.NetworkTag{{ID: 10, Default: &five}, {ID: 20, Default: &five}, {ID: 10, Default: &six}, {ID: 20}}
			n.Capabilities = []model.Capability{{ID: 1, Rules: netconf.AcceptAll()}, {ID: 1, Default: true, Rules: netconf.DropAll()}}
		})
		c := d.letIn(ident(t, 1), network)
		if got := tags(t, c, d.opts.Identity); len(got) != 1 || got[10] != 6 {
			t.Errorf("tags %v", got)
		}
		one, _, err := netconf.ParseCapability(c.Capabilities)
		if err != nil || one.Rules[0].Type != netconf.ActionDrop {
			t.Errorf("capability %+v, %v", one, err)
		}
	})
}

func TestChangesOfRulesReachOnlineMembersAtOnce(t *testing.T) {
	fake(t, func(t *testing.T) {
		l := newLive(t)
		five := uint32(5)
		network := l.create(withTagsAndCapabilities)
		a, b := l.admitted(1, network), l.admitted(2, network)
		config := func(s ztmember.State) *netconf.Config { return s.Config }
		for _, c := range []struct {
			name   string
			change func()
			seen   func(*netconf.Config) bool
			both   bool
		}{
			{"rules", func() { l.updateNetwork(network, func(n *model.Network) { n.Rules = netconf.DropAll() }) },
				func(c *netconf.Config) bool { return len(c.Rules) == 1 }, true},
			{"a tag's default", func() {
				l.updateNetwork(network, func(n *model.Network) { n.Tags[1].Default = &five })
			}, func(c *netconf.Config) bool { return tags(t, c, l.opts.Identity)[20] == 5 }, true},
			{"a member's tag", func() {
				l.updateMember(network, a.id, func(m *model.Member) { m.Tags = []model.MemberTag{{ID: 20, Value: 9}} })
			}, func(c *netconf.Config) bool { return tags(t, c, l.opts.Identity)[20] == 9 }, false},
			{"a member's capability", func() {
				l.updateMember(network, a.id, func(m *model.Member) { m.Capabilities = []uint32{2} })
			}, func(c *netconf.Config) bool { return slices.Equal(capabilities(t, c, l.opts.Identity), []uint32{2}) }, false},
			{"a capability's rules", func() {
				l.updateNetwork(network, func(n *model.Network) { n.Capabilities[1].Rules = netconf.DropAll() })
			}, func(c *netconf.Config) bool {
				one, _, err := netconf.ParseCapability(c.Capabilities)
				return err == nil && one.Rules[0].Type == netconf.ActionDrop
			}, false},
			{"a capability is gone", func() {
				l.updateNetwork(network, func(n *model.Network) { n.Capabilities = n.Capabilities[:1] })
			}, func(c *netconf.Config) bool { return len(c.Capabilities) == 0 }, false},
		} {
			pass(5 * time.Second)
			began := time.Now()
			c.change()
			a.wait(c.name, func(s ztmember.State) bool { return c.seen(config(s)) })
			if c.both {
				b.wait(c.name, func(s ztmember.State) bool { return c.seen(config(s)) })
			}
			if took := time.Since(began); took >= time.Second {
				t.Errorf("%s: %v until the members had it", c.name, took)
			}
			if len(a.State().Config.Addresses) == 0 {
				t.Errorf("%s: the member has lost its address", c.name)
			}
		}
	})
}
