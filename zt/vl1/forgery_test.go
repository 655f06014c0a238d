package vl1_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/identity"
	"github.com/orrery-net/orrery/zt/packet"
	"github.com/orrery-net/orrery/zt/vl1"
	"github.com/orrery-net/orrery/zt/vl1/vl1test"
)

// The address of a root is known to everybody, so anything can seem to come
// from there. These tests forge it by using the root's own socket.

// forged is a packet of a node that does not exist, as a root would relay it.
func forged(random *rand.Rand, to zt.Address) packet.Packet {
	p := packet.New(nil, to, zt.Address(random.Uint64()>>25|1), packet.VerbNop)
	p[18] |= byte(packet.CipherSalsa)<<3 | 1
	return p
}

func sendFrom(t *testing.T, n *node, to string, datagram []byte) {
	t.Helper()
	if err := n.host.Send(netip.MustParseAddrPort(to), datagram); err != nil {
		t.Fatal(err)
	}
}

// For each packet that seems to be relayed, at most three times its size goes to
// the root in questions who the sender is.
func TestForgedRelaysAskLittle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network vl1test.Network
		r, a, _ := trio(t, &network)
		random := rand.New(rand.NewPCG(1, 2))
		before, in := a.Stats().WhoisSent, 0
		for range 200 {
			p := forged(random, a.id.Address())
			in += len(p)
			sendFrom(t, r, aAddr, p)
		}
		pass(8 * time.Second)
		asked := int(a.Stats().WhoisSent - before)
		if out := asked * (packet.HeaderLen + zt.AddressLen); out > 3*in || asked < 200 {
			t.Errorf("%d bytes came, %d questions of %d bytes in all went out", in, asked, out)
		}
	})
}

// Forgeries without number do not keep a real node from being learned of.
func TestForgedRelaysGiveWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network vl1test.Network
		r, a, b := trio(t, &network)
		random := rand.New(rand.NewPCG(1, 2))
		for i := range 5000 {
			sendFrom(t, r, aAddr, forged(random, a.id.Address()))
			if i%400 == 0 {
				synctest.Wait()
			}
		}
		synctest.Wait()
		b.send(a, "real")
		pass(time.Second)
		if got := a.texts(); len(got) != 1 {
			t.Errorf("%d messages of a real node arrived", len(got))
		}
	})
}

// What a stranger may ask a root to ask another root is bounded.
func TestQuestionsOfStrangersAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network vl1test.Network
		w := planet(t, 1000, root(ident(t, 0), rootAddr), root(ident(t, 1), aAddr))
		n := start(t, &network, ident(t, 0), w, []string{rootAddr}, stored(t, 7, 8))
		start(t, &network, ident(t, 1), w, []string{aAddr})
		pass(time.Second)
		s := newSpeaker(t, &network, ident(t, 7), "10.0.9.9:1", n.id, rootAddr)
		s.settle()
		random := rand.New(rand.NewPCG(1, 2))
		before := n.Stats().WhoisSent
		for range 100 {
			var payload []byte
			for range 64 {
				payload = zt.Address(random.Uint64()>>25 | 1).Append(payload)
			}
			s.say(packet.VerbWhois, payload)
			pass(10 * time.Millisecond)
		}
		if asked := n.Stats().WhoisSent - before; asked == 0 || asked > 200 {
			t.Errorf("%d questions within a second", asked)
		}
	})
}

// A HELLO that seems to be relayed brings no planet to the root it names.
func TestForgedRelayedHello(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network vl1test.Network
		old, next := planet(t, 1000, root(ident(t, 0), rootAddr)), planet(t, 2000,
			root(ident(t, 0), rootAddr), root(ident(t, 20), bAddr), root(ident(t, 21), bAddr), root(ident(t, 22), bAddr))
		r := start(t, &network, ident(t, 0), old, []string{rootAddr})
		a := start(t, &network, ident(t, 1), next, []string{aAddr}, stored(t, 7, 8))
		pass(time.Second)
		s := newSpeaker(t, &network, ident(t, 7), "10.0.9.9:1", a.id, aAddr)
		out := 0
		network.Filter(func(from, to netip.AddrPort, data []byte) bool {
			if from.String() == aAddr && to.String() == rootAddr {
				out += len(data)
			}
			return true
		})
		hello := s.hello(next.ID, 1)
		packet.IncrementHops(hello)
		sendFrom(t, r, aAddr, hello)
		pass(time.Millisecond)
		if out == 0 || out > 3*len(hello) {
			t.Errorf("%d bytes came, %d went out", len(hello), out)
		}
	})
}

// liar returns the keys of an identity under another address.
func liar(t *testing.T, keys int, a zt.Address) *identity.Identity {
	t.Helper()
	text := strings.Split(strings.Fields(identityTexts)[keys], ":")
	text[0] = a.String()
	id, err := identity.ParseText(strings.Join(text, ":"))
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// Forged relayed HELLOs leave room for strangers that come straight.
func TestForgedRelayedHellosLeaveRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network vl1test.Network
		w := planet(t, 1000, root(ident(t, 0), rootAddr))
		r := start(t, &network, ident(t, 0), w, []string{rootAddr}, stored(t, 1, 3))
		a := start(t, &network, ident(t, 1), w, []string{aAddr}, func(c *vl1.Config) {
			c.ValidationsPerSecond, c.ValidationBurst = 0.01, 1
		})
		pass(time.Second)
		for i := range 300 {
			s := newSpeaker(t, &network, liar(t, 7, zt.Address(0x1000000000+i)), "10.0.9.9:1", a.id, aAddr)
			hello := s.hello(0, 0)
			packet.IncrementHops(hello)
			sendFrom(t, r, aAddr, hello)
			synctest.Wait()
		}
		before := a.Stats()
		s := newSpeaker(t, &network, ident(t, 9), "10.0.9.9:2", a.id, aAddr)
		s.send(s.hello(0, 0))
		synctest.Wait()
		if st := a.Stats(); before.ValidationQueue < 100 || st.ValidationQueue != before.ValidationQueue+1 {
			t.Errorf("%d wait, then %d", before.ValidationQueue, st.ValidationQueue)
		}
	})
}

// A root can make us learn identities, but none in place of a stored one.
func TestRootCannotReplaceStoredIdentity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network vl1test.Network
		w := planet(t, 1000, root(ident(t, 0), rootAddr))
		s := newSpeaker(t, &network, ident(t, 0), rootAddr, ident(t, 1), aAddr)
		a := start(t, &network, ident(t, 1), w, []string{aAddr}, stored(t, 2, 3))
		pass(time.Second)
		for _, p := range s.heard(packet.VerbHello) {
			s.say(packet.VerbOK, packet.OKHello{Protocol: 12, Surface: s.to}.Append(okTo(p)))
		}
		pass(time.Second)
		if !a.Roots()[0].Endpoint.IsValid() {
			t.Fatal("the root is not reached")
		}
		member := address(t, 2)
		s.say(packet.VerbRendezvous, packet.Rendezvous{Peer: member, Endpoint: netip.MustParseAddrPort(bAddr)}.Append(nil))
		if _, err := a.Send(a.id.Address(), address(t, 30), packet.VerbNop, nil); err != nil {
			t.Fatal(err)
		}
		pass(time.Millisecond)
		asked := s.heard(packet.VerbWhois)
		if len(asked) != 1 {
			t.Fatalf("%d questions", len(asked))
		}
		s.say(packet.VerbOK, liar(t, 7, member).AppendPublic(okTo(asked[0])))
		pass(time.Millisecond)
		if id := a.Known(member); id != nil && !id.Equal(ident(t, 2)) {
			t.Error("a root replaced the identity of a stored member")
		}
		s.say(packet.VerbOK, ident(t, 30).AppendPublic(okTo(asked[0])))
		pass(time.Millisecond)
		if a.Known(address(t, 30)) == nil {
			t.Error("the identity that was asked for is not known")
		}
	})
}

// A peer that may be believed cannot aim more than three times what it spends
// at somebody else.
func TestPushedPathsDoNotAmplify(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network vl1test.Network
		n := start(t, &network, ident(t, 0), nil, []string{rootAddr})
		n.Learn(n.id.Address(), ident(t, 7))
		n.Trust(n.id.Address(), address(t, 7))
		s := newSpeaker(t, &network, ident(t, 7), aAddr, n.id, rootAddr) // its version is unknown: tests are HELLOs
		var m packet.PushDirectPaths
		for i := range 8 {
			m.Paths = append(m.Paths, packet.DirectPath{Endpoint: netip.MustParseAddrPort(fmt.Sprintf("11.0.0.%d:1", i+1))})
		}
		out := 0
		network.Filter(func(from, to netip.AddrPort, data []byte) bool {
			if to.Addr().As4()[0] == 11 {
				out += len(data)
			}
			return true
		})
		p := s.say(packet.VerbPushDirectPaths, m.Append(nil))
		pass(time.Millisecond)
		if out == 0 || out > 3*len(p) {
			t.Errorf("%d bytes came, %d went out", len(p), out)
		}
	})
}

// Nodes that nobody vouches for cannot fill the multicast table.
func TestForeignMulticastLeavesRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network vl1test.Network
		w := planet(t, 1000, root(ident(t, 0), rootAddr))
		own, foreign := zt.NewNetworkID(address(t, 0), 1), zt.NewNetworkID(address(t, 40), 1)
		n := start(t, &network, ident(t, 0), w, []string{rootAddr}, func(c *vl1.Config) {
			c.AllowMulticast = func(zt.NetworkID, zt.Address) bool { return true }
			c.MaxMulticast = 8
		}, stored(t, 7, 9))
		var many []byte
		for adi := range uint32(20) {
			many = zt.MulticastGroup{ADI: adi}.Append(foreign.Append(many))
		}
		stranger := newSpeaker(t, &network, ident(t, 7), "10.0.9.9:1", n.id, rootAddr)
		stranger.settle()
		stranger.say(packet.VerbMulticastLike, many)
		pass(time.Millisecond)
		if got := n.Stats().MulticastEntries; got != 4 {
			t.Errorf("%d entries of a foreign network, want 4", got)
		}
		member := newSpeaker(t, &network, ident(t, 8), "10.0.9.8:1", n.id, rootAddr)
		member.settle()
		member.say(packet.VerbMulticastLike, zt.MulticastGroup{}.Append(own.Append(nil)))
		pass(time.Millisecond)
		if got := n.Stats().MulticastEntries; got != 5 {
			t.Errorf("%d entries with one of our own network, want 5", got)
		}
		pass(601 * time.Second)
		stranger.settle()
		stranger.say(packet.VerbMulticastLike, many)
		pass(time.Millisecond)
		if got := n.Stats().MulticastEntries; got != 4 {
			t.Errorf("%d entries after the first ones expired, want 4", got)
		}
	})
}

// Answers that wait for paths to strangers give way to what is for members.
func TestWaitingForStrangersGivesWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network vl1test.Network
		n := start(t, &network, ident(t, 0), nil, []string{rootAddr})
		send := func(to zt.Address) {
			if _, err := n.Send(n.id.Address(), to, packet.VerbUserMessage, make([]byte, 8)); err != nil {
				t.Fatal(err)
			}
		}
		for i := range 130 {
			stranger := zt.Address(0x1000000000 + i)
			n.Learn(n.id.Address(), liar(t, 7, stranger))
			for range 32 {
				send(stranger)
			}
		}
		n.Learn(n.id.Address(), ident(t, 8))
		n.Trust(n.id.Address(), address(t, 8))
		send(address(t, 8))
		s := newSpeaker(t, &network, ident(t, 8), aAddr, n.id, rootAddr)
		s.send(s.hello(0, 0))
		for _, p := range s.heard(packet.VerbEcho) {
			s.say(packet.VerbOK, okTo(p))
		}
		if got := len(s.heard(packet.VerbUserMessage)); got != 1 {
			t.Errorf("%d packets reached the member", got)
		}
		if st := n.Stats(); st.Waiting > 4096 || st.Dropped[vl1.DropWaiting] == 0 {
			t.Errorf("%d packets wait", st.Waiting)
		}
	})
}
