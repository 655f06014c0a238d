package vl1_test

import (
	"bytes"
	"math/rand/v2"
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
)

const (
	rootAddr = "10.0.0.1:9993"
	aAddr    = "10.0.0.2:9993"
	bAddr    = "10.0.0.3:9993"
)

// trio starts a root and two leaves that do not know each other.
func trio(t *testing.T, network *vl1test.Network) (r, a, b *node) {
	t.Helper()
	w := planet(t, 1000, root(ident(t, 0), rootAddr))
	r = start(t, network, ident(t, 0), w, []string{rootAddr}, stored(t, 1, 3))
	a = start(t, network, ident(t, 1), w, []string{aAddr})
	b = start(t, network, ident(t, 2), w, []string{bAddr})
	pass(time.Second)
	return r, a, b
}

func TestLeafFindsRoot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network vl1test.Network
		w := planet(t, 1000, root(ident(t, 0), rootAddr))
		r := start(t, &network, ident(t, 0), w, []string{rootAddr})
		a := start(t, &network, ident(t, 1), w, []string{aAddr})
		pass(time.Second)
		roots := a.Roots()
		if len(roots) != 1 || !roots[0].Answering || roots[0].Endpoint.String() != rootAddr || roots[0].Own {
			t.Errorf("the leaf sees the roots %+v", roots)
		}
		if own := r.Roots(); len(own) != 1 || !own[0].Own || !own[0].Answering {
			t.Errorf("the root sees the roots %+v", own)
		}
		s := r.status(a)
		if !s.Direct || s.Endpoint.String() != aAddr || s.Version.Protocol != 12 || s.Version.Minor != 14 {
			t.Errorf("the root sees the leaf as %+v", s)
		}
		if got := a.Surfaces(); len(got) != 1 || got[0].String() != aAddr {
			t.Errorf("surface addresses %v", got)
		}
		if r.Known(a.id.Address()) == nil || !r.Known(a.id.Address()).Equal(a.id) || r.Known(address(t, 40)) != nil {
			t.Error("Known is wrong")
		}
		if v := r.Stats().Validations; v != 1 {
			t.Errorf("%d validations of one leaf", v)
		}
	})
}

func TestRootIsSeenToBeGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network vl1test.Network
		r, a, _ := trio(t, &network)
		r.stop()
		pass(70 * time.Second)
		if a.Roots()[0].Answering {
			t.Error("a root that is gone is said to answer")
		}
		w := planet(t, 1000, root(ident(t, 0), rootAddr))
		start(t, &network, ident(t, 0), w, []string{rootAddr})
		pass(6 * time.Second)
		if !a.Roots()[0].Answering {
			t.Error("a root that is back is not said to answer")
		}
	})
}

// The destination is unknown at first: the packet waits, the root is asked, the
// packet is relayed, the root introduces the two, and they talk directly.
func TestWhoisRelayRendezvous(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network vl1test.Network
		r, a, b := trio(t, &network)
		var openers int
		network.Filter(func(from, to netip.AddrPort, data []byte) bool {
			if len(data) == 4 {
				openers++
			}
			return true
		})
		id := a.send(b, "hello")
		pass(400 * time.Millisecond)
		if got := b.received(packet.VerbUserMessage); len(got) != 1 || string(got[0].Payload) != "hello" || got[0].PacketID != id ||
			!got[0].Peer.Equal(a.id) || got[0].Local != b.id || got[0].Hops != 1 || got[0].Remote.String() != rootAddr {
			t.Fatalf("b got %+v", got)
		}
		if s := r.Stats(); s.Relayed == 0 || s.Rendezvous != 1 {
			t.Errorf("relayed %d, introduced %d", s.Relayed, s.Rendezvous)
		}
		if openers != 2 {
			t.Errorf("%d openers were sent, want one each way", openers)
		}
		if s := a.status(b); !s.Direct || s.Endpoint.String() != bAddr || s.Version.Protocol != 12 {
			t.Errorf("a sees b as %+v", s)
		}
		relayed := r.Stats().Relayed
		b.send(a, "straight")
		pass(10 * time.Millisecond)
		if got := a.received(packet.VerbUserMessage); len(got) != 1 || got[0].Hops != 0 || got[0].Remote.String() != bAddr {
			t.Errorf("a got %+v", got)
		}
		if now := r.Stats().Relayed; now != relayed {
			t.Errorf("%d packets were relayed in spite of a direct path", now-relayed)
		}
		if n := a.Stats().WhoisSent; n != 1 {
			t.Errorf("a asked %d times", n)
		}
	})
}

func TestRelayWhileBlockedAndAfterExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network vl1test.Network
		_, a, b := trio(t, &network)
		network.Block("10.0.0.2", "10.0.0.3", true)
		for range 5 {
			a.send(b, "relayed")
			pass(time.Second)
		}
		if got := len(b.texts()); got != 5 || a.status(b).Direct || b.status(a).Direct {
			t.Fatalf("%d of 5 arrived; direct %v", got, a.status(b).Direct)
		}
		network.Block("10.0.0.2", "10.0.0.3", false)
		pass(31 * time.Second)
		a.send(b, "introduces again")
		pass(time.Second)
		if !a.status(b).Direct {
			t.Fatal("no direct path though nothing blocks it")
		}
		network.Block("10.0.0.2", "10.0.0.3", true)
		pass(244 * time.Second)
		if a.status(b).Direct {
			t.Error("a path over which nothing came for 244 s still counts")
		}
		before := len(b.texts())
		a.send(b, "relayed again")
		pass(time.Second)
		if len(b.texts()) != before+1 {
			t.Error("nothing arrived after the path expired")
		}
	})
}

func TestTrustedPeerKeepsPath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network vl1test.Network
		_, a, b := trio(t, &network)
		a.send(b, "x")
		pass(time.Second)
		a.Trust(a.id.Address(), b.id.Address())
		if _, err := a.Send(a.id.Address(), b.id.Address(), packet.VerbNetworkConfig, []byte("push")); err != nil {
			t.Fatal(err)
		}
		pass(400 * time.Second)
		if !a.status(b).Direct {
			t.Error("the path to an active trusted peer was not kept open")
		}
		pass(500 * time.Second)
		if a.status(b).Direct {
			t.Error("the path to an idle peer is kept open for ever")
		}
	})
}

func TestAnswersReachTheHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network vl1test.Network
		_, a, b := trio(t, &network)
		request, err := a.Send(a.id.Address(), b.id.Address(), packet.VerbNetworkConfigRequest, []byte("request"))
		if err != nil {
			t.Fatal(err)
		}
		pass(time.Second)
		in := b.received(packet.VerbNetworkConfigRequest)
		if len(in) != 1 || in[0].PacketID != request {
			t.Fatalf("b got %+v, want packet id %x", in, request)
		}
		check := func(err error) {
			if err != nil {
				t.Error(err)
			}
		}
		check(b.SendOK(b.id.Address(), a.id.Address(), packet.VerbNetworkConfigRequest, request, []byte("first")))
		check(b.SendOK(b.id.Address(), a.id.Address(), packet.VerbNetworkConfigRequest, request, []byte("second")))
		check(b.SendOK(b.id.Address(), a.id.Address(), packet.VerbNetworkConfigRequest, request+1, []byte("unasked")))
		check(b.SendError(b.id.Address(), a.id.Address(), packet.VerbNetworkConfigRequest, 0, packet.ErrorNetworkAccessDenied, []byte("unasked too")))
		pass(time.Second)
		oks := a.received(packet.VerbOK)
		slices.SortFunc(oks, func(x, y vl1.Inbound) int { return bytes.Compare(x.Payload, y.Payload) })
		if len(oks) != 2 || string(oks[0].Payload) != "first" || string(oks[1].Payload) != "second" ||
			oks[0].InReID != request || oks[0].Asked != packet.VerbNetworkConfigRequest {
			t.Errorf("a got the answers %+v", oks)
		}
		if n := a.dropped(vl1.DropUnasked); n != 1 {
			t.Errorf("%d answers were dropped as not asked for, want 1", n)
		}
		if got := a.received(packet.VerbError); len(got) != 1 || got[0].ErrorCode != packet.ErrorNetworkAccessDenied || string(got[0].Payload) != "unasked too" {
			t.Errorf("a got the errors %+v", got)
		}

		// The answer to a pushed configuration names ECHO (protocol 02 §6.13).
		push, _ := b.Send(b.id.Address(), a.id.Address(), packet.VerbNetworkConfig, []byte("push"))
		pass(100 * time.Millisecond)
		if in := a.received(packet.VerbNetworkConfig); len(in) != 1 || in[0].PacketID != push {
			t.Fatalf("a got %+v", in)
		}
		check(a.SendOK(a.id.Address(), b.id.Address(), packet.VerbEcho, push, []byte("taken")))
		pass(100 * time.Millisecond)
		if got := b.received(packet.VerbOK); len(got) != 1 || got[0].Asked != packet.VerbNetworkConfig || got[0].InRe != packet.VerbEcho {
			t.Errorf("b got %+v", got)
		}
		pass(31 * time.Second)
		check(a.SendOK(a.id.Address(), b.id.Address(), packet.VerbEcho, push, []byte("too late")))
		pass(100 * time.Millisecond)
		if got := b.received(packet.VerbOK); len(got) != 1 {
			t.Errorf("an answer after 31 s was taken")
		}
	})
}

func TestLargePacketsInAnyOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network vl1test.Network
		_, a, b := trio(t, &network)
		a.send(b, "x")
		pass(time.Second)

		// Held back, the parts are delivered backwards, and some twice.
		type part struct {
			from netip.AddrPort
			data []byte
		}
		var held []part
		network.Filter(func(from, to netip.AddrPort, data []byte) bool {
			if from.String() == aAddr && to.String() == bAddr && len(data) > 200 {
				held = append(held, part{from, bytes.Clone(data)})
				return false
			}
			return true
		})
		payload := make([]byte, 9000)
		rand.NewChaCha8([32]byte{7}).Read(payload)
		if _, err := a.Send(a.id.Address(), b.id.Address(), packet.VerbUserMessage, payload); err != nil {
			t.Fatal(err)
		}
		pass(10 * time.Millisecond)
		network.Filter(nil)
		if len(held) != 7 {
			t.Fatalf("9000 bytes left in %d parts, want 7", len(held))
		}
		rand.Shuffle(len(held), func(i, j int) { held[i], held[j] = held[j], held[i] })
		for i, p := range held {
			for range 1 + i%2 {
				if err := a.host.Send(netip.MustParseAddrPort(bAddr), p.data); err != nil {
					t.Fatal(err)
				}
			}
		}
		pass(10 * time.Millisecond)
		got := b.received(packet.VerbUserMessage)
		if len(got) != 2 || !bytes.Equal(got[1].Payload, payload) {
			t.Errorf("got %d messages", len(got))
		}
		if _, err := a.Send(a.id.Address(), b.id.Address(), packet.VerbUserMessage, make([]byte, 9997)); err == nil {
			t.Error("a payload that fits into no packet was taken")
		}
	})
}

// What nodes compress is compressed if that saves datagrams, and arrives whole.
func TestCompression(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network vl1test.Network
		_, a, b := trio(t, &network)
		a.send(b, "x")
		pass(time.Second)
		payload := bytes.Repeat([]byte("key=value\n"), 500)
		datagrams := 0
		network.Filter(func(from, to netip.AddrPort, data []byte) bool {
			if from.String() == aAddr && to.String() == bAddr {
				datagrams++
			}
			return true
		})
		if _, err := a.Send(a.id.Address(), b.id.Address(), packet.VerbNetworkConfig, payload); err != nil {
			t.Fatal(err)
		}
		pass(time.Millisecond)
		if got := b.received(packet.VerbNetworkConfig); len(got) != 1 || !bytes.Equal(got[0].Payload, payload) || datagrams != 1 {
			t.Errorf("%d packets arrived in %d datagrams", len(got), datagrams)
		}
	})
}

// A configuration through the relay travels in fragments, which do not tell
// their source.
func TestFragmentsAreRelayed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network vl1test.Network
		_, a, b := trio(t, &network)
		network.Block("10.0.0.2", "10.0.0.3", true)
		payload := make([]byte, 5000)
		rand.NewChaCha8([32]byte{8}).Read(payload)
		if _, err := a.Send(a.id.Address(), b.id.Address(), packet.VerbUserMessage, payload); err != nil {
			t.Fatal(err)
		}
		pass(time.Second)
		if got := b.received(packet.VerbUserMessage); len(got) != 1 || !bytes.Equal(got[0].Payload, payload) || got[0].Hops != 1 {
			t.Errorf("got %d messages", len(got))
		}
	})
}

func TestSendRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network vl1test.Network
		_, a, b := trio(t, &network)
		for name, c := range map[string][2]zt.Address{
			"from a stranger": {b.id.Address(), a.id.Address()},
			"to itself":       {a.id.Address(), a.id.Address()},
			"to nobody":       {a.id.Address(), 0},
			"to a reserved":   {a.id.Address(), 0xff00000001},
		} {
			if _, err := a.Send(c[0], c[1], packet.VerbNop, nil); err == nil {
				t.Errorf("sending %s succeeded", name)
			}
		}
	})
}

// One process is root and controller with two identities on one socket.
func TestSeveralIdentities(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network vl1test.Network
		w := planet(t, 1000, root(ident(t, 0), rootAddr))
		controller := ident(t, 5)
		both := start(t, &network, ident(t, 0), w, []string{rootAddr}, func(c *vl1.Config) {
			c.Identities = append(c.Identities, controller)
		})
		a := start(t, &network, ident(t, 1), w, []string{aAddr})
		pass(time.Second)
		if _, err := a.Send(a.id.Address(), controller.Address(), packet.VerbNetworkConfigRequest, []byte("q")); err != nil {
			t.Fatal(err)
		}
		pass(time.Second)
		in := both.received(packet.VerbNetworkConfigRequest)
		if len(in) != 1 || in[0].Local != controller || !in[0].Peer.Equal(a.id) {
			t.Fatalf("the controller got %+v", in)
		}
		if err := both.SendOK(controller.Address(), a.id.Address(), packet.VerbNetworkConfigRequest, in[0].PacketID, []byte("r")); err != nil {
			t.Fatal(err)
		}
		pass(time.Second)
		if got := a.received(packet.VerbOK); len(got) != 1 || !got[0].Peer.Equal(controller) {
			t.Fatalf("the node got %+v", got)
		}
		if s, ok := both.PeerStatus(controller.Address(), a.id.Address()); !ok || !s.Direct || s.Endpoint.String() != aAddr {
			t.Errorf("the controller sees the node as %+v, %v", s, ok)
		}
		if v := both.Stats().Validations; v != 1 {
			t.Errorf("the node was validated %d times", v)
		}
	})
}

// What was stored needs neither validation nor WHOIS, not even without a HELLO:
// nodes that talk to a controller that restarted are served at once.
func TestLookup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network vl1test.Network
		client := ident(t, 3)
		b := start(t, &network, ident(t, 2), nil, []string{bAddr}, func(c *vl1.Config) {
			c.Lookup = func(a zt.Address) *identity.Identity {
				if a == client.Address() {
					return client.Public()
				}
				return nil
			}
		})
		s := newSpeaker(t, &network, client, aAddr, b.id, bAddr)
		s.say(packet.VerbUserMessage, []byte("no hello before"))
		pass(10 * time.Millisecond)
		if got := b.texts(); len(got) != 1 {
			t.Fatalf("got %q", got)
		}
		s.send(s.hello(0, 0))
		if got := s.heard(packet.VerbOK); len(got) != 1 {
			t.Errorf("%d answers to HELLO", len(got))
		}
		if st := b.Stats(); st.Validations != 0 {
			t.Errorf("%d validations of a stored identity", st.Validations)
		}
		if _, err := b.Send(b.id.Address(), client.Address(), packet.VerbNop, nil); err != nil {
			t.Error(err)
		}
	})
}

func TestStopEndsEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network vl1test.Network
		_, a, b := trio(t, &network)
		a.send(b, "x")
		a.stop()
		if _, err := a.Send(a.id.Address(), b.id.Address(), packet.VerbNop, nil); err != nil {
			t.Errorf("sending after the end: %v", err)
		}
		// synctest fails if a goroutine is left.
	})
}
