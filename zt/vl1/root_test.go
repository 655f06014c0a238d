package vl1_test

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/identity"
	"github.com/orrery-net/orrery/zt/packet"
	"github.com/orrery-net/orrery/zt/vl1"
	"github.com/orrery-net/orrery/zt/vl1/vl1test"
	"github.com/orrery-net/orrery/zt/world"
)

// The planet reaches a client as soon as its address has proven itself.
func TestWorldUpdate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network vl1test.Network
		r0 := root(ident(t, 0), rootAddr)
		old, next := planet(t, 1000, r0), planet(t, 2000, r0, root(ident(t, 9), "10.0.0.9:9993"))
		start(t, &network, ident(t, 0), next, []string{rootAddr})
		var stored []int64
		a := start(t, &network, ident(t, 1), old, []string{aAddr}, func(c *vl1.Config) {
			c.OnPlanet = func(w *world.World) { stored = append(stored, w.Timestamp) }
		})
		pass(2 * time.Second)
		if len(stored) != 1 || stored[0] != 2000 || len(a.Roots()) != 2 {
			t.Errorf("the client stored %v and has %d roots", stored, len(a.Roots()))
		}
	})
}

func TestWorldUpdateRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network vl1test.Network
		r0 := root(ident(t, 0), rootAddr)
		old, next := planet(t, 1000, r0), planet(t, 2000, r0)
		next.Signature[3] ^= 1
		start(t, &network, ident(t, 0), next, []string{rootAddr})
		a := start(t, &network, ident(t, 1), old, []string{aAddr}, func(c *vl1.Config) {
			c.OnPlanet = func(*world.World) { t.Error("a planet with a wrong signature was stored") }
		})
		pass(2 * time.Second)
		if a.dropped(vl1.DropUntrusted) == 0 {
			t.Errorf("the offer was not counted: %+v", a.Stats())
		}
	})
	synctest.Test(t, func(t *testing.T) {
		var network vl1test.Network
		_, a, b := trio(t, &network)
		a.send(b, "x")
		pass(time.Second)
		// b is no root, but answers the HELLO of a with a planet.
		b.SetPlanet(planet(t, 2000, root(ident(t, 0), rootAddr)))
		a.Trust(a.id.Address(), b.id.Address())
		a.Send(a.id.Address(), b.id.Address(), packet.VerbNetworkConfig, nil)
		pass(200 * time.Second)
		if a.dropped(vl1.DropUntrusted) == 0 {
			t.Error("a planet of a node that is no root was not refused")
		}
	})
}

func TestRelayRules(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network vl1test.Network
		r, a, b := trio(t, &network)
		a.send(b, "x")
		pass(time.Second)
		s := newSpeaker(t, &network, ident(t, 7), "10.0.9.9:1", r.id, rootAddr)
		s.settle()
		raw := func(hops byte, from zt.Address) packet.Packet {
			p := append(packet.New(nil, b.id.Address(), from, packet.VerbNop), 1, 2, 3)
			p[18] = p[18]&0xf8 | hops
			return p
		}
		var arrived []byte
		network.Filter(func(from, to netip.AddrPort, data []byte) bool {
			if to.String() == bAddr && from.String() == rootAddr && len(data) == packet.HeaderLen+3 {
				arrived = append(arrived, data[18]&7)
			}
			return true
		})
		for hops := range byte(8) {
			s.send(raw(hops, s.id.Address()))
		}
		pass(10 * time.Millisecond)
		slices.Sort(arrived)
		if string(arrived) != "\x01\x02\x03" || r.dropped(vl1.DropHops) != 5 {
			t.Errorf("arrived with hops %v, %d dropped", arrived, r.dropped(vl1.DropHops))
		}
		arrived = nil
		s.send(raw(0, a.id.Address())) // a known peer, but not at this IP
		s.send(raw(0, address(t, 30))) // an unknown one
		stranger := network.Listen("10.0.9.8:1")
		stranger.Send(s.to, raw(0, s.id.Address()))
		fragment := append(make([]byte, 8), b.id.Address().Append(nil)...)
		fragment = append(fragment, 0xff, 0x21, 0, 1, 2, 3)
		stranger.Send(s.to, fragment)
		pass(10 * time.Millisecond)
		if len(arrived) != 0 || r.dropped(vl1.DropRelaySource) != 4 {
			t.Errorf("%d relayed for strangers, %d dropped", len(arrived), r.dropped(vl1.DropRelaySource))
		}
		// A leaf relays nothing.
		stranger.Send(netip.MustParseAddrPort(aAddr), raw(0, s.id.Address()))
		pass(10 * time.Millisecond)
		if a.dropped(vl1.DropNotForUs) != 1 {
			t.Error("a leaf did not drop what is not for it")
		}
	})
}

func TestRelayBandwidth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network vl1test.Network
		w := planet(t, 1000, root(ident(t, 0), rootAddr))
		r := start(t, &network, ident(t, 0), w, []string{rootAddr}, func(c *vl1.Config) { c.RelayBytesPerSecond = 10_000 }, stored(t, 1, 9))
		start(t, &network, ident(t, 2), w, []string{bAddr})
		s := newSpeaker(t, &network, ident(t, 7), "10.0.9.9:1", r.id, rootAddr)
		pass(time.Second)
		s.settle()
		flood := append(packet.New(nil, address(t, 2), s.id.Address(), packet.VerbNop), make([]byte, 972)...)
		for range 50 {
			s.send(flood)
		}
		pass(time.Millisecond)
		if got := r.Stats().Relayed; got != 10 {
			t.Errorf("%d packets of 1000 bytes were relayed at once, want 10", got)
		}
		pass(time.Second)
		for range 50 {
			s.send(flood)
		}
		pass(time.Millisecond)
		if got := r.Stats().Relayed; got != 20 {
			t.Errorf("%d were relayed in two seconds, want 20", got)
		}
	})
}

// A root answers every WHOIS, one OK for each address, its own included.
func TestRootAnswersWhois(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network vl1test.Network
		r, a, b := trio(t, &network)
		s := newSpeaker(t, &network, ident(t, 7), "10.0.9.9:1", r.id, rootAddr)
		s.settle()
		ask := r.id.Address().Append(nil)
		ask = address(t, 40).Append(ask)
		ask = b.id.Address().Append(a.id.Address().Append(ask))
		for range 3 {
			request := s.say(packet.VerbWhois, ask)
			got := s.heard(packet.VerbOK)
			if len(got) != 3 {
				t.Fatalf("%d answers", len(got))
			}
			for i, want := range []*identity.Identity{r.id, a.id, b.id} {
				m, err := packet.ParseOK(got[i].Payload())
				if err != nil || m.InReID != request.ID() {
					t.Fatalf("answer %d: %+v, %v", i, m, err)
				}
				if id, n, err := identity.ParsePublic(m.Rest); err != nil || n != len(m.Rest) || !id.Equal(want) {
					t.Errorf("answer %d: %v, %v", i, id, err)
				}
			}
		}
	})
}

func TestMulticast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network vl1test.Network
		own := zt.NewNetworkID(address(t, 0), 1)
		foreign := zt.NewNetworkID(address(t, 40), 1)
		allowed := map[zt.Address]bool{}
		w := planet(t, 1000, root(ident(t, 0), rootAddr))
		r := start(t, &network, ident(t, 0), w, []string{rootAddr}, func(c *vl1.Config) {
			c.AllowMulticast = func(n zt.NetworkID, a zt.Address) bool { return n == own && allowed[a] }
			c.MaxMulticastPerMember = 5
		}, stored(t, 10, 16))
		group := zt.MulticastGroup{MAC: zt.MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, ADI: 7}
		var all []*speaker
		for i := range 6 {
			s := newSpeaker(t, &network, ident(t, 10+i), fmt.Sprintf("10.0.8.%d:9", i+1), r.id, rootAddr)
			s.settle()
			allowed[s.id.Address()] = i != 5
			all = append(all, s)
			like := group.Append(foreign.Append(group.Append(own.Append(nil))))
			s.say(packet.VerbMulticastLike, like)
		}
		pass(time.Millisecond)
		gather := func(s *speaker, n zt.NetworkID, limit uint32) (packet.OKMulticastGather, bool) {
			s.say(packet.VerbMulticastGather, packet.MulticastGather{Network: n, Group: group, Limit: limit}.Append(nil))
			got := s.heard(packet.VerbOK)
			if len(got) == 0 {
				return packet.OKMulticastGather{}, false
			}
			m, err := packet.ParseOK(got[0].Payload())
			if err != nil || m.InRe != packet.VerbMulticastGather {
				t.Fatalf("answer %+v, %v", m, err)
			}
			g, err := packet.ParseOKMulticastGather(m.Rest)
			if err != nil || g.Network != n || g.Group != group {
				t.Fatalf("answer %+v, %v", g, err)
			}
			return g, true
		}
		for _, c := range []struct {
			name          string
			from          int
			network       zt.NetworkID
			limit         uint32
			members, know int
		}{
			{"own network", 0, own, 100, 4, 5},
			{"own network, limited", 0, own, 3, 3, 5},
			{"own network, no limit at all", 0, own, 1<<32 - 1, 4, 5},
			{"own network, limit 0", 0, own, 0, 0, 0},
			{"own network, not allowed", 5, own, 100, 0, 0},
			{"foreign network", 5, foreign, 100, 5, 6},
			{"unknown network", 5, foreign + 1, 100, 0, 0},
		} {
			g, ok := gather(all[c.from], c.network, c.limit)
			if ok != (c.members > 0) || len(g.Members) != c.members || int(g.Known) != c.know {
				t.Errorf("%s: %d members, %d known", c.name, len(g.Members), g.Known)
			}
			for _, m := range g.Members {
				if m == all[c.from].id.Address() {
					t.Errorf("%s: the asker is listed", c.name)
				}
			}
		}
		// Who is no longer allowed is not listed any more.
		allowed[all[1].id.Address()] = false
		if g, _ := gather(all[0], own, 100); len(g.Members) != 3 {
			t.Errorf("%d members after one was put out", len(g.Members))
		}
		// The share of one member is bounded.
		var many []byte
		for adi := range uint32(20) {
			many = zt.MulticastGroup{ADI: 100 + adi}.Append(foreign.Append(many))
		}
		all[0].say(packet.VerbMulticastLike, many)
		pass(time.Millisecond)
		if n := r.Stats().MulticastEntries; n != 11+3 {
			t.Errorf("%d entries, want 14", n)
		}
		pass(601 * time.Second)
		if n := r.Stats().MulticastEntries; n != 0 {
			t.Errorf("%d entries after 601 s", n)
		}
	})
}

// Two clients that reach different roots find and reach each other through both.
func TestTwoRoots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network vl1test.Network
		const otherRoot = "10.0.0.9:9993"
		w := planet(t, 1000, root(ident(t, 0), rootAddr), root(ident(t, 9), otherRoot))
		r1 := start(t, &network, ident(t, 0), w, []string{rootAddr}, stored(t, 1, 2))
		r2 := start(t, &network, ident(t, 9), w, []string{otherRoot}, stored(t, 2, 3))
		a := start(t, &network, ident(t, 1), w, []string{aAddr})
		b := start(t, &network, ident(t, 2), w, []string{bAddr})
		network.Block("10.0.0.2", "10.0.0.9", true)
		network.Block("10.0.0.3", "10.0.0.1", true)
		network.Block("10.0.0.3", "10.0.0.2", true)
		pass(2 * time.Second)
		for _, s := range append(r1.Roots(), r2.Roots()...) {
			if !s.Answering {
				t.Errorf("a root sees another one as %+v", s)
			}
		}
		a.send(b, "there")
		pass(2 * time.Second)
		if got := b.received(packet.VerbUserMessage); len(got) != 1 || got[0].Hops != 2 {
			t.Fatalf("b got %+v", got)
		}
		b.send(a, "back")
		pass(2 * time.Second)
		if got := a.texts(); len(got) != 1 {
			t.Fatalf("a got %q", got)
		}
		// What nobody knows is not sent back and forth.
		relayed := r1.Stats().Relayed + r2.Stats().Relayed
		if _, err := a.Send(a.id.Address(), address(t, 30), packet.VerbNop, nil); err != nil {
			t.Fatal(err)
		}
		pass(10 * time.Second)
		if now := r1.Stats().Relayed + r2.Stats().Relayed; now != relayed {
			t.Errorf("%d packets were relayed for a node nobody knows", now-relayed)
		}
		if n := r1.Stats().WhoisSent + r2.Stats().WhoisSent; n > 14 {
			t.Errorf("the roots asked each other %d times", n)
		}
	})
}
