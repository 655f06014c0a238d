package controller

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/netconf"
	"github.com/orrery-net/orrery/zt/packet"
)

func TestDefaultsAreGivenAtFirstAuthorizationOnly(t *testing.T) {
	fake(t, func(t *testing.T) {
		d := newDesk(t)
		five, six := uint32(5), uint32(6)
		network := d.create(func(n *model.Network) {
			n.Tags = []model.NetworkTag{{ID: 20, Default: &five}, {ID: 10, Default: &six}, {ID: 30}}
			n.Capabilities = []model.Capability{{ID: 1, Default: true, Rules: netconf.AcceptAll()}, {ID: 2, Rules: netconf.AcceptAll()}}
		})
		a := ident(t, 1)
		d.refusal(a, network)
		if m := d.stored(network, a); len(m.Tags) != 0 || len(m.Capabilities) != 0 {
			t.Errorf("a refused node was given %+v", m)
		}
		c := d.letIn(a, network)
		if got := tags(t, c, d.opts.Identity); len(got) != 2 || got[10] != 6 || got[20] != 5 {
			t.Errorf("tags %v", got)
		}
		if got := capabilities(t, c, d.opts.Identity); !slices.Equal(got, []uint32{1}) {
			t.Errorf("capabilities %v", got)
		}

		d.updateMember(network, a, func(m *model.Member) { m.Tags, m.Capabilities = m.Tags[:1], []uint32{2} })
		d.updateMember(network, a, deauthorize)
		seven := uint32(7)
		d.updateNetwork(network, func(n *model.Network) { n.Tags[1].Default = &seven })
		d.updateMember(network, a, authorize)
		c = d.answer(a, network)
		if got := tags(t, c, d.opts.Identity); len(got) != 2 || got[10] != 6 || got[20] != 5 {
			t.Errorf("tags %v after another authorization, want the own value and the default of the tag that has none", got)
		}
		if m := d.stored(network, a); len(m.Tags) != 1 {
			t.Errorf("the default was stored again: %v", m.Tags)
		}
		if got := capabilities(t, c, d.opts.Identity); !slices.Equal(got, []uint32{2}) {
			t.Errorf("capabilities %v after another authorization", got)
		}
	})
}

func TestDefaultsOnAPublicNetwork(t *testing.T) {
	fake(t, func(t *testing.T) {
		d := newDesk(t)
		five := uint32(5)
		network := d.create(func(n *model.Network) {
			n.Private = false
			n.Tags = []model.NetworkTag{{ID: 20, Default: &five}}
			n.Capabilities = []model.Capability{{ID: 1, Default: true, Rules: netconf.AcceptAll()}}
		})
		c := d.answer(ident(t, 1), network)
		if got := tags(t, c, d.opts.Identity); got[20] != 5 {
			t.Errorf("tags %v", got)
		}
		if got := capabilities(t, c, d.opts.Identity); len(got) != 1 {
			t.Errorf("capabilities %v", got)
		}
	})
}

func TestNodeWithoutARulesEngine(t *testing.T) {
	fake(t, func(t *testing.T) {
		d := newDesk(t)
		five := uint32(5)
		network := d.create(func(n *model.Network) {
			n.Tags = []model.NetworkTag{{ID: 20, Default: &five}}
			n.Capabilities = []model.Capability{{ID: 1, Default: true, Rules: netconf.AcceptAll()}}
		})
		a := ident(t, 1)
		d.letIn(a, network)
		c := d.answer(a, network, func(q *asking) { q.metadata.RulesEngine = 0 })
		if len(c.Rules) != 1 || c.Rules[0].Type != netconf.ActionAccept || len(c.Tags) != 0 || len(c.Capabilities) != 0 {
			t.Errorf("rules %v, %d bytes of tags, %d of capabilities", c.Rules, len(c.Tags), len(c.Capabilities))
		}
		if len(c.COM) == 0 || len(c.Addresses) != 1 || len(c.Routes) != 1 || c.Name != "home" {
			t.Errorf("the rest is missing: %+v", c)
		}
		c = d.answer(a, network)
		if len(c.Rules) != 5 || len(tags(t, c, d.opts.Identity)) != 1 || len(capabilities(t, c, d.opts.Identity)) != 1 {
			t.Errorf("with the engine: rules %v", c.Rules)
		}
	})
}

func TestLimitsOfTagsAndCapabilities(t *testing.T) {
	fake(t, func(t *testing.T) {
		d := newDesk(t)
		network := d.create(func(n *model.Network) {
			for i := range uint32(netconf.MaxCapabilities) {
				n.Capabilities = append(n.Capabilities, model.Capability{ID: i, Rules: netconf.AcceptAll()})
			}
		})
		a := ident(t, 1)
		d.updateMember(network, a, func(m *model.Member) {
			m.Authorized = true
			for i := range uint32(netconf.MaxTags) {
				m.Tags = append(m.Tags, model.MemberTag{ID: i, Value: i})
				m.Capabilities = append(m.Capabilities, i)
			}
		})
		c := d.answer(a, network)
		if got := tags(t, c, d.opts.Identity); len(got) != 128 {
			t.Errorf("%d tags, want 128", len(got))
		}
		if got := capabilities(t, c, d.opts.Identity); len(got) != 128 {
			t.Errorf("%d capabilities, want 128", len(got))
		}
		c = d.answer(a, network, func(q *asking) { q.metadata.MaxTags, q.metadata.MaxCapabilities = 16, 8 })
		if got := tags(t, c, d.opts.Identity); len(got) != 16 {
			t.Errorf("%d tags for a node that takes 16", len(got))
		}
		if got := capabilities(t, c, d.opts.Identity); len(got) != 8 || got[0] != 0 || got[7] != 7 {
			t.Errorf("capabilities %v for a node that takes 8", got)
		}
	})
}

func TestOwnershipOfAllAddresses(t *testing.T) {
	fake(t, func(t *testing.T) {
		d := newDesk(t)
		network := d.create(func(n *model.Network) { n.V6.RFC4193, n.V6.SixPlane = true, true })
		a := ident(t, 1)
		d.updateMember(network, a, func(m *model.Member) {
			m.Authorized = true
			for i := range netconf.MaxAddresses {
				m.Addresses = append(m.Addresses, netip.AddrFrom4([4]byte{10, 9, 0, byte(i + 1)}))
			}
		})
		c := d.answer(a, network)
		if len(c.Addresses) != netconf.MaxAddresses {
			t.Fatalf("%d addresses, want %d", len(c.Addresses), netconf.MaxAddresses)
		}
		if c.Addresses[0] != netconf.RFC4193(network, a.Address()) || c.Addresses[1] != netconf.SixPlane(network, a.Address()) {
			t.Errorf("addresses begin with %v", c.Addresses[:2])
		}
		certain(t, c.Addresses, ownerships(t, c, d.opts.Identity), a.Address())

		// More than nodes take today: the certificates are cut in pieces all the same.
		var many []netip.Prefix
		for i := range 64 {
			many = append(many, netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 9, 1, byte(i)}), 24))
		}
		all := d.Controller.ownerships(network, a.Address(), c.Timestamp, many)
		got := ownerships(t, &netconf.Config{Ownerships: all}, d.opts.Identity)
		if len(got) != 4 {
			t.Fatalf("%d certificates for 64 addresses, want 4", len(got))
		}
		certain(t, many, got, a.Address())
	})
}

// certain fails unless certificates, numbered from 1 and of at most 16 things
// each, own exactly some addresses.
func certain(t *testing.T, addresses []netip.Prefix, all []netconf.Ownership, to zt.Address) {
	t.Helper()
	var owned []netconf.Thing
	for i, o := range all {
		if o.ID != uint32(i+1) || len(o.Things) > netconf.MaxThings || o.IssuedTo != to {
			t.Errorf("certificate %d: number %d, %d things, to %s", i, o.ID, len(o.Things), o.IssuedTo)
		}
		owned = append(owned, o.Things...)
	}
	if len(owned) != len(addresses) {
		t.Errorf("%d things for %d addresses", len(owned), len(addresses))
	}
	for _, a := range addresses {
		if !slices.Contains(owned, netconf.AddressThing(a.Addr())) {
			t.Errorf("%s is not owned", a)
		}
	}
}

func TestSettingsReachTheMember(t *testing.T) {
	fake(t, func(t *testing.T) {
		d := newDesk(t)
		target := ident(t, 8).Address()
		network := d.create(func(n *model.Network) {
			n.MTU, n.MulticastLimit, n.EnableBroadcast = 1400, 7, false
			n.DNS = model.DNS{Domain: "home.arpa", Servers: []netip.Addr{netip.MustParseAddr("10.9.0.1"), netip.MustParseAddr("fd00::1")}}
			n.Routes = append(n.Routes, model.Route{Target: netip.MustParsePrefix("172.16.0.0/12"), Via: netip.MustParseAddr("10.9.0.1")})
			n.TraceTarget, n.TraceLevel = target, 2
		})
		a := ident(t, 1)
		c := d.letIn(a, network)
		if c.MTU != 1400 || c.MulticastLimit != 7 || c.Flags != 0 || c.Public || c.Revision != 1 || c.MaxDelta != credentialWindow {
			t.Errorf("settings %+v", c)
		}
		if c.DNS.Domain != "home.arpa" || !slices.Equal(c.DNS.Servers, []netip.Addr{netip.MustParseAddr("10.9.0.1"), netip.MustParseAddr("fd00::1")}) {
			t.Errorf("DNS %+v", c.DNS)
		}
		if len(c.Routes) != 2 || c.Routes[0].Via.IsValid() || c.Routes[1].Via != netip.MustParseAddr("10.9.0.1") {
			t.Errorf("routes %+v", c.Routes)
		}
		if c.TraceTarget != target || c.TraceLevel != 2 {
			t.Errorf("trace %s %d", c.TraceTarget, c.TraceLevel)
		}

		d.updateNetwork(network, func(n *model.Network) { n.EnableBroadcast = true; n.V6.RFC4193 = true })
		d.updateMember(network, a, func(m *model.Member) { m.TraceTarget, m.TraceLevel = ident(t, 9).Address(), 3 })
		c = d.answer(a, network)
		if c.Flags != netconf.FlagBroadcast|netconf.FlagNDPEmulation || c.Revision != 2 {
			t.Errorf("flags %x, revision %d", c.Flags, c.Revision)
		}
		if c.TraceTarget != ident(t, 9).Address() || c.TraceLevel != 3 {
			t.Errorf("trace %s %d, want the member's own", c.TraceTarget, c.TraceLevel)
		}
		if want := netconf.RFC4193(network, a.Address()); len(c.Addresses) != 2 || c.Addresses[0] != want {
			t.Errorf("addresses %v, want %s first", c.Addresses, want)
		}

		d.updateNetwork(network, func(n *model.Network) { n.V6.RFC4193, n.V6.SixPlane = false, true })
		c = d.answer(a, network)
		if want := netconf.SixPlane(network, a.Address()); c.Flags&netconf.FlagNDPEmulation == 0 || c.Addresses[0] != want {
			t.Errorf("flags %x, addresses %v, want %s first", c.Flags, c.Addresses, want)
		}
		if m := d.stored(network, a); len(m.Addresses) != 1 {
			t.Errorf("the record has %v", m.Addresses)
		}
	})
}

func TestNoAutoAssignIPs(t *testing.T) {
	fake(t, func(t *testing.T) {
		d := newDesk(t)
		network := d.create(func(n *model.Network) { n.V6.RFC4193, n.V6.SixPlane = true, true })
		a := ident(t, 1)
		d.updateMember(network, a, func(m *model.Member) { m.Authorized, m.NoAutoAssignIPs = true, true })
		if c := d.answer(a, network); len(c.Addresses) != 0 || c.Flags != netconf.FlagBroadcast || len(c.Ownerships) != 0 {
			t.Errorf("got %v, flags %x", c.Addresses, c.Flags)
		}
		fixed := netip.MustParseAddr("10.9.0.77")
		d.updateMember(network, a, func(m *model.Member) { m.Addresses = []netip.Addr{fixed} })
		c := d.answer(a, network)
		if len(c.Addresses) != 1 || c.Addresses[0] != netip.PrefixFrom(fixed, 24) {
			t.Errorf("got %v, want the fixed address", c.Addresses)
		}
		if got := ownerships(t, c, d.opts.Identity); len(got) != 1 {
			t.Errorf("%d certificates of ownership", len(got))
		}
	})
}

func TestBridgesArePushedToAll(t *testing.T) {
	fake(t, func(t *testing.T) {
		d := newDesk(t)
		network := d.create()
		a, b := ident(t, 1), ident(t, 2)
		d.letIn(a, network)
		d.letIn(b, network)
		bridges := func() []zt.Address {
			t.Helper()
			pass(time.Second)
			all := d.configs(d.takeTo(b))
			if len(all) == 0 {
				t.Fatal("nothing was pushed")
			}
			var found []zt.Address
			for _, s := range all[len(all)-1].Specialists {
				if s.Roles == netconf.RoleActiveBridge {
					found = append(found, s.Address)
				}
			}
			return found
		}
		d.take()
		d.updateMember(network, a, func(m *model.Member) { m.ActiveBridge = true })
		if got := bridges(); !slices.Equal(got, []zt.Address{a.Address()}) {
			t.Errorf("bridges %v", got)
		}
		if err := d.central.DeleteMember(t.Context(), d.admin, network, a.Address()); err != nil {
			t.Fatal(err)
		}
		if got := bridges(); len(got) != 0 {
			t.Errorf("bridges %v after the bridge was deleted", got)
		}
	})
}

func TestCertificatesAreReusedForAQuarterOfTheWindow(t *testing.T) {
	fake(t, func(t *testing.T) {
		d := newDesk(t)
		capability := model.Capability{ID: 1, Rules: netconf.AcceptAll()}
		five, six := uint32(5), uint32(6)
		network := d.create(func(n *model.Network) { n.Capabilities = []model.Capability{capability} })
		a := ident(t, 1)
		first := d.letIn(a, network)
		issued := com(t, first, d.opts.Identity).Timestamp()
		if issued != first.Timestamp {
			t.Errorf("a configuration of %d has a first certificate of %d", first.Timestamp, issued)
		}
		var last int64
		for range 7 {
			pass(time.Minute - gateInterval*time.Millisecond)
			c := d.answer(a, network)
			if c.Timestamp <= last {
				t.Errorf("configuration of %d after one of %d: nodes never stop asking", c.Timestamp, last)
			}
			last = c.Timestamp
			if got := com(t, c, d.opts.Identity).Timestamp(); got != issued {
				t.Errorf("signed again at %d", got)
			}
		}
		if got := d.Stats().Certified; got != 1 {
			t.Errorf("signed %d times", got)
		}
		pass(30 * time.Second)
		renewed := d.answer(a, network)
		if got := com(t, renewed, d.opts.Identity).Timestamp(); got != renewed.Timestamp {
			t.Errorf("a configuration of %d has a certificate of %d", renewed.Timestamp, got)
		}
		issued = renewed.Timestamp

		for name, change := range map[string]func(){
			"a name":               func() { d.updateMember(network, a, func(m *model.Member) { m.Name = "x" }) },
			"the network's name":   func() { d.updateNetwork(network, func(n *model.Network) { n.Name = "x" }) },
			"a capability of none": func() { d.updateMember(network, a, func(m *model.Member) { m.Hidden = true }) },
			"the rules":            func() { d.updateNetwork(network, func(n *model.Network) { n.Rules = netconf.DropAll() }) },
			"who gets a capability": func() {
				d.updateNetwork(network, func(n *model.Network) { n.Capabilities[0].Default = true })
			},
			"a tag without a default": func() {
				d.updateNetwork(network, func(n *model.Network) { n.Tags = []model.NetworkTag{{ID: 2}} })
			},
			"names": func() { d.updateNetwork(network, func(n *model.Network) { n.TagsByName = []byte(`{"x":{"id":2}}`) }) },
		} {
			change()
			if got := com(t, d.answer(a, network), d.opts.Identity).Timestamp(); got != issued {
				t.Errorf("a change of %s had the certificates signed again", name)
			}
		}
		for i, change := range []func(){
			func() {
				d.updateMember(network, a, func(m *model.Member) { m.Tags = []model.MemberTag{{ID: 1, Value: 1}} })
			},
			func() {
				d.updateMember(network, a, func(m *model.Member) { m.Tags = []model.MemberTag{{ID: 1, Value: 2}} })
			},
			func() { d.updateMember(network, a, func(m *model.Member) { m.Capabilities = []uint32{1} }) },
			func() {
				d.updateMember(network, a, func(m *model.Member) { m.Addresses = []netip.Addr{netip.MustParseAddr("10.9.0.99")} })
			},
			func() {
				d.updateNetwork(network, func(n *model.Network) { n.Capabilities[0].Rules = netconf.DropAll() })
			},
			func() {
				d.updateNetwork(network, func(n *model.Network) { n.Tags = []model.NetworkTag{{ID: 2, Default: &five}} })
			},
			func() {
				d.updateNetwork(network, func(n *model.Network) { n.Tags = []model.NetworkTag{{ID: 2, Default: &six}} })
			},
			func() { d.updateNetwork(network, func(n *model.Network) { n.Capabilities = nil }) },
			func() {
				d.updateNetwork(network, func(n *model.Network) { n.Routes[0].Target = netip.MustParsePrefix("10.9.0.0/16") })
			},
		} {
			change()
			c := d.answer(a, network)
			got := com(t, c, d.opts.Identity).Timestamp()
			if got <= issued {
				t.Errorf("change %d: the certificates of %d are still used", i, issued)
			}
			issued = got
		}
	})
}

func TestBigConfigurationGoesInPieces(t *testing.T) {
	fake(t, func(t *testing.T) {
		d := newDesk(t)
		network := d.create(func(n *model.Network) {
			for i := range netconf.MaxCapabilities {
				one := model.Capability{ID: uint32(i)}
				for range netconf.MaxRulesPerCapability {
					one.Rules = append(one.Rules, n.Rules[0])
				}
				n.Capabilities = append(n.Capabilities, one)
			}
		})
		a := ident(t, 1)
		d.letIn(a, network)
		d.updateMember(network, a, func(m *model.Member) {
			for i := range uint32(netconf.MaxCapabilities) {
				m.Capabilities = append(m.Capabilities, i)
			}
		})
		all := with(packet.VerbNetworkConfig, d.takeTo(a))
		if len(all) < 3 {
			t.Errorf("%d packets", len(all))
		}
		if c := d.configs(all); len(c) != 1 || len(capabilities(t, c[0], d.opts.Identity)) != netconf.MaxCapabilities {
			t.Error("the pieces do not make a whole configuration")
		}
	})
}

func TestPushesToManyArePaced(t *testing.T) {
	fake(t, func(t *testing.T) {
		d := newDesk(t)
		network := d.create(func(n *model.Network) { n.Private = false })
		for i := 1; i < 32; i++ {
			d.answer(ident(t, i), network)
		}
		n := d.network(network)
		for i := range 3 * pushPortion { // more members than there are identities at hand
			m := d.meet(n, zt.Address(0x1000000000+i))
			m.mu.Lock()
			like := n.find(ident(t, 1).Address())
			m.record, m.loaded, m.identity = like.record, true, like.identity
			m.lastRequest.Store(d.now().UnixMilli())
			m.mu.Unlock()
		}
		pass(2 * time.Second)
		d.take()
		d.updateNetwork(network, func(n *model.Network) { n.Name = "renamed" })
		pass(coalesce + 200*time.Millisecond)
		times := map[time.Time]int{}
		total := 0
		for _, s := range with(packet.VerbNetworkConfig, d.take()) {
			times[s.at]++
			total++
		}
		if total != 31+3*pushPortion {
			t.Errorf("%d pushes, want %d", total, 31+3*pushPortion)
		}
		for at, count := range times {
			if count > pushPortion {
				t.Errorf("%d pushes at %v at once", count, at)
			}
		}
	})
}
