package vl1_test

import (
	"encoding/binary"
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

func TestCollision(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network vl1test.Network
		r, a, _ := trio(t, &network)
		// Somebody whose keys differ takes the address of a.
		text := strings.Split(strings.Fields(identityTexts)[7], ":")
		text[0] = a.id.Address().String()
		thief, err := identity.ParseText(strings.Join(text, ":"))
		if err != nil {
			t.Fatal(err)
		}
		s := newSpeaker(t, &network, thief, "10.0.9.9:1", r.id, rootAddr)
		hello := s.hello(0, 0)
		s.send(hello)
		got := s.hear()
		if len(got) != 1 || got[0].Verb() != packet.VerbError || got[0].Cipher() != packet.CipherSalsa {
			t.Fatalf("the thief got %d packets", len(got))
		}
		m, err := packet.ParseError(got[0].Payload())
		if err != nil || m.Code != packet.ErrorIdentityCollision || m.InRe != packet.VerbHello || m.InReID != hello.ID() {
			t.Errorf("the thief got %+v, %v", m, err)
		}
		if !r.Known(a.id.Address()).Equal(a.id) {
			t.Error("the first did not keep its address")
		}
		// Without the right MAC there is no answer at all.
		hello = s.hello(0, 0)
		hello[20] ^= 1
		s.send(hello)
		if got := s.hear(); len(got) != 0 {
			t.Error("a HELLO with a wrong MAC was answered")
		}
	})
}

func TestInvalidIdentityIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network vl1test.Network
		r, _, _ := trio(t, &network)
		text := strings.Split(strings.Fields(identityTexts)[7], ":")
		text[0] = "1122334455" // not the address of these keys
		liar, err := identity.ParseText(strings.Join(text, ":"))
		if err != nil {
			t.Fatal(err)
		}
		s := newSpeaker(t, &network, liar, "10.0.9.9:1", r.id, rootAddr)
		s.send(s.hello(0, 0))
		if got := s.hear(); len(got) != 0 {
			t.Errorf("it got %d answers", len(got))
		}
		if r.Known(liar.Address()) != nil || r.dropped(vl1.DropIdentity) != 1 {
			t.Error("it is known")
		}
	})
}

// The same HELLO comes from several sockets; each wants its answer.
func TestSameHelloFromSeveralPorts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network vl1test.Network
		r, _, _ := trio(t, &network)
		s := newSpeaker(t, &network, ident(t, 7), "10.0.9.9:1", r.id, rootAddr)
		other := network.Listen("10.0.9.9:2")
		hello := s.hello(0, 0)
		s.send(hello)
		if err := other.Send(s.to, hello); err != nil {
			t.Fatal(err)
		}
		pass(time.Second)
		if n := len(s.heard(packet.VerbOK)); n != 1 {
			t.Errorf("%d answers at the first port", n)
		}
		if n := len(other.Drain()); n == 0 {
			t.Error("no answer at the second port")
		}
		if v := r.Stats().Validations; v != 1 {
			t.Errorf("%d validations of one stranger", v)
		}
	})
}

// A path is used only after an answer came over it: a recorded packet replayed
// from elsewhere moves nothing.
func TestReplayDoesNotMoveThePath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network vl1test.Network
		r, a, _ := trio(t, &network)
		var recorded [][]byte
		network.Filter(func(from, to netip.AddrPort, data []byte) bool {
			if from.String() == aAddr {
				recorded = append(recorded, append([]byte(nil), data...))
			}
			return true
		})
		pass(70 * time.Second)
		network.Filter(nil)
		attacker := network.Listen("10.0.9.9:1")
		for _, data := range recorded {
			if err := attacker.Send(netip.MustParseAddrPort(rootAddr), data); err != nil {
				t.Fatal(err)
			}
			pass(10 * time.Millisecond)
		}
		if s := r.status(a); s.Endpoint.String() != aAddr {
			t.Errorf("the path was moved to %s", s.Endpoint)
		}
	})
}

func TestNodeMovesToAnotherAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network vl1test.Network
		r, a, _ := trio(t, &network)
		a.stop()
		w := planet(t, 1000, root(ident(t, 0), rootAddr))
		pass(10 * time.Second)
		moved := start(t, &network, a.id, w, []string{"10.0.0.2:4000"})
		pass(25 * time.Second)
		if s := r.status(moved); s.Endpoint.String() != "10.0.0.2:4000" {
			t.Errorf("after a change of port the path is %s", s.Endpoint)
		}
		moved.stop()
		moved = start(t, &network, a.id, w, []string{"10.0.7.7:4000"})
		pass(25 * time.Second)
		if s := r.status(moved); s.Endpoint.String() != "10.0.7.7:4000" {
			t.Errorf("after a change of IP the path is %s", s.Endpoint)
		}
	})
}

// Whatever comes from an address that has not proven itself, the answers are at
// most three times as large.
func TestAmplification(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network vl1test.Network
		old := planet(t, 1000, root(ident(t, 0), rootAddr))
		roots := old.Roots
		for i := 20; i < 23; i++ {
			roots = append(roots, root(ident(t, i), "10.1.1.1:9993", "[2001:db8::1]:9993"))
		}
		w := planet(t, 2000, roots...)
		r := start(t, &network, ident(t, 0), w, []string{rootAddr})
		a := start(t, &network, ident(t, 1), w, []string{aAddr})
		pass(time.Second)

		s := newSpeaker(t, &network, ident(t, 7), "10.0.9.9:1", r.id, rootAddr)
		var in, out int
		network.Filter(func(from, to netip.AddrPort, data []byte) bool {
			switch {
			case from.String() == "10.0.9.9:1":
				in, out = len(data), 0
			case to.String() == "10.0.9.9:1":
				out += len(data)
			}
			if out > 3*in {
				t.Errorf("%d bytes came, %d went out", in, out)
			}
			return true
		})
		whois := a.id.Address().Append(nil)
		gather := packet.MulticastGather{Network: 0x1234567890000001, Limit: 1 << 30}.Append(nil)
		for range 3 {
			s.send(s.hello(w.ID, 1))
			pass(3 * time.Second)
			s.say(packet.VerbWhois, whois)
			pass(3 * time.Second)
			s.say(packet.VerbWhois, append(append(whois, whois...), whois...))
			pass(3 * time.Second)
			s.say(packet.VerbEcho, nil)
			pass(3 * time.Second)
			s.say(packet.VerbMulticastGather, gather)
			pass(3 * time.Second)
			s.say(packet.VerbNetworkConfigRequest, make([]byte, 20))
			pass(3 * time.Second)
			s.say(packet.VerbNop, nil)
			pass(3 * time.Second)
		}
		got := s.heard(packet.VerbOK)
		if len(got) == 0 {
			t.Fatal("nothing was answered at all")
		}
		for _, p := range got {
			m, _ := packet.ParseOK(p.Payload())
			if m.InRe != packet.VerbHello {
				continue
			}
			if h, err := packet.ParseOKHello(m.Rest); err != nil || len(h.Worlds) != 0 {
				t.Errorf("an unproven address got a planet (%v)", err)
			}
		}
		if r.Stats().WorldsWithheld == 0 {
			t.Error("no withheld planet was counted")
		}
	})
}

// A flood of strangers pushes out strangers, never trusted peers.
func TestFloodEvictsStrangers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network vl1test.Network
		member := ident(t, 1)
		n := start(t, &network, ident(t, 0), nil, []string{rootAddr}, func(c *vl1.Config) {
			c.MaxPeers, c.MaxStrangers = 12, 8
		}, stored(t, 1, 48))
		for i := 1; i <= 6; i++ {
			n.Learn(n.id.Address(), ident(t, i))
			n.Trust(n.id.Address(), address(t, i))
		}
		s := newSpeaker(t, &network, member, aAddr, n.id, rootAddr)
		pass(2 * time.Second)
		s.settle()
		for i := 10; i < 40; i++ {
			x := newSpeaker(t, &network, ident(t, i), fmt.Sprintf("10.3.%d.1:9", i), n.id, rootAddr)
			x.send(x.hello(0, 0))
			pass(100 * time.Millisecond)
		}
		st := n.Stats()
		if st.Trusted != 6 || st.Strangers > 6 || st.Strangers == 0 || st.Evicted != 24 {
			t.Errorf("trusted %d, strangers %d, evicted %d", st.Trusted, st.Strangers, st.Evicted)
		}
		for i := 1; i <= 6; i++ {
			if n.Known(address(t, i)) == nil {
				t.Errorf("trusted peer %d was evicted", i)
			}
		}
		for i := 40; i < 48; i++ {
			n.Learn(n.id.Address(), ident(t, i))
			n.Trust(n.id.Address(), address(t, i))
		}
		if st := n.Stats(); st.Strangers != 0 || st.Trusted != 12 {
			t.Errorf("trusted %d, strangers %d, want 12 and 0", st.Trusted, st.Strangers)
		}
		if n.Known(member.Address()) == nil {
			t.Error("the trusted peer that was heard from last was evicted")
		}
	})
}

// A flood of HELLOs of new identities waits for its turn; known peers do not.
func TestHelloFloodDoesNotDelayKnownPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network vl1test.Network
		n := start(t, &network, ident(t, 0), nil, []string{rootAddr}, func(c *vl1.Config) {
			c.ValidationsPerSecond, c.ValidationBurst = 1, 2
		})
		n.Learn(n.id.Address(), ident(t, 1))
		s := newSpeaker(t, &network, ident(t, 1), aAddr, n.id, rootAddr)
		for i := 10; i < 30; i++ {
			x := newSpeaker(t, &network, ident(t, i), fmt.Sprintf("10.3.%d.1:9", i), n.id, rootAddr)
			x.send(x.hello(0, 0))
		}
		s.send(s.hello(0, 0))
		begin := time.Now()
		if len(s.heard(packet.VerbOK)) != 1 || time.Since(begin) != 0 {
			t.Errorf("the known peer had no answer after %s", time.Since(begin))
		}
		if st := n.Stats(); st.Validations > 3 || st.ValidationQueue < 15 {
			t.Errorf("%d validated at once, %d waiting", st.Validations, st.ValidationQueue)
		}
		pass(30 * time.Second)
		if st := n.Stats(); st.Validations != 20 || st.ValidationQueue != 0 {
			t.Errorf("%d validated in the end, %d waiting", st.Validations, st.ValidationQueue)
		}
	})
}

// One network of strangers cannot use up the time for all.
func TestStrangersArePacedBySource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network vl1test.Network
		n := start(t, &network, ident(t, 0), nil, []string{rootAddr}, func(c *vl1.Config) {
			c.ValidationsPerSource, c.ValidationBurst = 0.1, 2
		})
		for i := 10; i < 20; i++ {
			x := newSpeaker(t, &network, ident(t, i), fmt.Sprintf("10.3.3.%d:9", i), n.id, rootAddr)
			x.send(x.hello(0, 0))
		}
		other := newSpeaker(t, &network, ident(t, 20), "10.3.4.1:9", n.id, rootAddr)
		other.send(other.hello(0, 0))
		pass(5 * time.Second)
		if st := n.Stats(); st.Validations != 3 || st.Dropped[vl1.DropPaced] != 8 {
			t.Errorf("%d validated, %d not", st.Validations, st.Dropped[vl1.DropPaced])
		}
		if n.Known(address(t, 20)) == nil {
			t.Error("a stranger elsewhere was not served")
		}
	})
}

func TestRateGates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network vl1test.Network
		n := start(t, &network, ident(t, 0), nil, []string{rootAddr})
		s := newSpeaker(t, &network, ident(t, 7), aAddr, n.id, rootAddr)
		s.settle()
		for range 10 {
			s.say(packet.VerbEcho, []byte("payload"))
			s.say(packet.VerbWhois, n.id.Address().Append(nil))
		}
		if got := len(s.heard(packet.VerbOK)); got != 2 {
			t.Errorf("%d answers to ten ECHO and ten WHOIS at once, want one each", got)
		}
		pass(200 * time.Millisecond)
		echo := s.say(packet.VerbEcho, []byte("payload"))
		got := s.heard(packet.VerbOK)
		if len(got) != 1 {
			t.Fatalf("%d answers to an ECHO", len(got))
		}
		m, err := packet.ParseOK(got[0].Payload())
		if err != nil || m.InRe != packet.VerbEcho || m.InReID != echo.ID() || string(m.Rest) != "payload" {
			t.Errorf("answer %+v, %v", m, err)
		}
	})
}

// Packets of unknown senders lead to a bounded number of questions and take a
// bounded place, which is free again after 5 s.
func TestUnknownSendersAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network vl1test.Network
		_, a, _ := trio(t, &network)
		random := rand.New(rand.NewPCG(1, 2))
		for i := range 5000 {
			h := network.Listen(netip.AddrPortFrom(netip.AddrFrom4([4]byte{11, byte(i >> 8), byte(i), 1}), 1).String())
			p := append(packet.New(nil, a.id.Address(), zt.Address(random.Uint64()>>25|1), packet.VerbNop), 1)
			p[18] |= byte(packet.CipherSalsa) << 3
			if err := h.Send(netip.MustParseAddrPort(aAddr), p); err != nil {
				t.Fatal(err)
			}
			h.Close()
			if i%500 == 0 {
				synctest.Wait()
			}
		}
		pass(time.Second)
		st := a.Stats()
		if st.Waiting > 1024 || st.Waiting == 0 || st.WhoisSent > 400 {
			t.Errorf("%d packets wait, %d questions in one second", st.Waiting, st.WhoisSent)
		}
		pass(6 * time.Second)
		if st := a.Stats(); st.Waiting != 0 {
			t.Errorf("%d packets still wait", st.Waiting)
		}
	})
}

func TestAnyBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network vl1test.Network
		r, a, _ := trio(t, &network)
		random := rand.New(rand.NewPCG(3, 4))
		h := network.Listen("10.0.9.9:1")
		before := r.Stats().SentDatagrams
		for range 3000 {
			data := make([]byte, random.IntN(200))
			for i := range data {
				data[i] = byte(random.Uint32())
			}
			if len(data) > 13 && random.IntN(2) == 0 {
				r.id.Address().Put(data[8:])
			}
			if len(data) > 28 && random.IntN(4) == 0 {
				a.id.Address().Put(data[13:])
				data[18] &= 0x1f
			}
			h.Send(netip.MustParseAddrPort(rootAddr), data)
		}
		pass(100 * time.Millisecond)
		if got := h.Drain(); len(got) != 0 {
			t.Errorf("%d answers to random bytes", len(got))
		}
		if sent := r.Stats().SentDatagrams - before; sent > 2 {
			t.Errorf("%d datagrams were sent because of random bytes", sent)
		}
	})
}

// Everything 1.16 hides in extended armor comes to light before the verb counts.
func TestExtendedArmor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network vl1test.Network
		n := start(t, &network, ident(t, 0), nil, []string{rootAddr})
		s := newSpeaker(t, &network, ident(t, 7), aAddr, n.id, rootAddr)
		for range 2 { // as an unknown, and as a known peer
			h := packet.Hello{Protocol: 13, Major: 1, Minor: 16, Identity: s.id.Public(), Destination: s.to}
			p := packet.Packet(h.Append(packet.New(nil, s.peer.Address(), s.id.Address(), packet.VerbHello)))
			s.key.CryptHelloTail(p, len(p)-2)
			p.SetExtended()
			s.key.Seal(p, packet.CipherNone)
			p, err := packet.SealExtended(p, n.id.Public())
			if err != nil {
				t.Fatal(err)
			}
			s.send(p)
			pass(10 * time.Millisecond)
			got := s.heard(packet.VerbOK)
			if len(got) != 1 || binary.BigEndian.Uint64(got[0].Payload()[1:]) != p.ID() {
				t.Fatalf("%d answers", len(got))
			}
		}
		if s, _ := n.PeerStatus(n.id.Address(), s.id.Address()); s.Version.Protocol != 13 {
			t.Errorf("version %+v", s.Version)
		}
	})
}
