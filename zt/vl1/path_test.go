package vl1_test

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/orrery-net/orrery/zt/packet"
	"github.com/orrery-net/orrery/zt/vl1"
	"github.com/orrery-net/orrery/zt/vl1/vl1test"
)

// Peers with both families are introduced for both.
func TestBothFamilies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network vl1test.Network
		w := planet(t, 1000, root(ident(t, 0), rootAddr, "[fd00::1]:9993"))
		r := start(t, &network, ident(t, 0), w, []string{rootAddr, "[fd00::1]:9993"}, stored(t, 1, 3))
		a := start(t, &network, ident(t, 1), w, []string{aAddr, "[fd00::2]:9993"})
		b := start(t, &network, ident(t, 2), w, []string{bAddr, "[fd00::3]:9993"})
		pass(time.Second)
		network.Block("10.0.0.2", "10.0.0.3", true)
		a.send(b, "x")
		pass(2 * time.Second)
		if n := r.Stats().Rendezvous; n != 2 {
			t.Errorf("%d introductions, want one for each family", n)
		}
		if s := a.status(b); s.Endpoint.String() != "[fd00::3]:9993" {
			t.Errorf("a reaches b at %s", s.Endpoint)
		}
	})
}

func TestPushDirectPaths(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network vl1test.Network
		_, a, b := trio(t, &network)
		// Without RENDEZVOUS there is only the relay.
		network.Filter(func(from, to netip.AddrPort, data []byte) bool {
			return from.Addr() == to.Addr() || from.String() == rootAddr || to.String() == rootAddr
		})
		a.send(b, "x")
		pass(2 * time.Second)
		network.Filter(nil)
		push := func(flags uint8, endpoints ...string) {
			var m packet.PushDirectPaths
			for _, ep := range endpoints {
				m.Paths = append(m.Paths, packet.DirectPath{Flags: flags, Endpoint: netip.MustParseAddrPort(ep)})
			}
			if _, err := b.Send(b.id.Address(), a.id.Address(), packet.VerbPushDirectPaths, m.Append(nil)); err != nil {
				t.Fatal(err)
			}
			pass(time.Second)
		}
		push(0, bAddr)
		if a.status(b).Direct || a.dropped(vl1.DropUntrusted) != 1 {
			t.Error("a stranger's word was believed")
		}
		a.Trust(a.id.Address(), b.id.Address())
		push(packet.PathForget, bAddr)
		if a.status(b).Direct {
			t.Error("an endpoint to be forgotten was tried")
		}
		sent := map[string]int{}
		network.Filter(func(from, to netip.AddrPort, data []byte) bool {
			if from.String() == aAddr {
				sent[to.String()]++
			}
			return true
		})
		push(0, "127.0.0.1:1", "224.0.0.1:1", "10.0.0.3:0", "[2001:470::1]:5", bAddr)
		if s := a.status(b); s.Endpoint.String() != bAddr {
			t.Errorf("a reaches b at %s", s.Endpoint)
		}
		if sent["127.0.0.1:1"]+sent["224.0.0.1:1"]+sent["10.0.0.3:0"]+sent["[2001:470::1]:5"] != 0 {
			t.Errorf("a sent to endpoints that cannot be used: %v", sent)
		}
		var many []string
		for port := range 20 {
			many = append(many, netip.AddrPortFrom(netip.MustParseAddr("10.5.5.5"), uint16(port+1)).String())
		}
		clear(sent)
		push(0, many...)
		tried := 0
		for ep := range sent {
			if netip.MustParseAddrPort(ep).Addr().String() == "10.5.5.5" {
				tried++
			}
		}
		if tried != 8 {
			t.Errorf("%d endpoints of one push were tried, want 8", tried)
		}
		for range 10 {
			push(0, "10.6.6.6:6")
		}
		if a.dropped(vl1.DropRate) == 0 {
			t.Error("pushes are not limited")
		}
	})
}

// A root is only where the planet says it is.
func TestRootAtAnotherAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network vl1test.Network
		w := planet(t, 1000, root(ident(t, 0), rootAddr))
		a := start(t, &network, ident(t, 1), w, []string{aAddr})
		s := newSpeaker(t, &network, ident(t, 0), "10.0.9.9:9993", a.id, aAddr)
		s.send(s.hello(0, 0))
		pass(50 * time.Millisecond)
		if len(s.heard(packet.VerbOK)) != 1 {
			t.Error("its HELLO was not answered")
		}
		pass(5 * time.Second)
		if n := len(s.heard(packet.VerbEcho)); n != 0 {
			t.Error("the address was tested")
		}
		if r := a.Roots()[0]; r.Endpoint.IsValid() {
			t.Errorf("the root is used at %s", r.Endpoint)
		}
	})
}

// Everything works, only slower, when every third datagram is lost.
func TestLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network vl1test.Network
		random := rand.New(rand.NewPCG(5, 6))
		network.Filter(func(from, to netip.AddrPort, data []byte) bool { return random.IntN(3) != 0 })
		_, a, b := trio(t, &network)
		arrived := func() bool { return len(b.texts()) > 0 && a.status(b).Direct }
		// A root introduces a pair every 30 s, and about a third of those attempts
		// survives the loss: in so many seconds chance does not fail, only an
		// endpoint that stopped trying does.
		for range 4000 {
			if a.send(b, "x"); arrived() {
				return
			}
			pass(time.Second)
		}
		t.Errorf("%d messages arrived, direct %v", len(b.texts()), a.status(b).Direct)
	})
}
