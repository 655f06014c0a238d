package vl1_test

import (
	"errors"
	"math/rand/v2"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/orrery-net/orrery/zt/packet"
	"github.com/orrery-net/orrery/zt/vl1"
	"github.com/orrery-net/orrery/zt/vl1/vl1test"
)

// A path lasts as long as the peer answers on it: packets that only seem to come
// from there keep nothing alive.
func TestProofGrowsOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network vl1test.Network
		n := start(t, &network, ident(t, 0), nil, []string{rootAddr}, stored(t, 7, 8))
		s := newSpeaker(t, &network, ident(t, 7), aAddr, n.id, rootAddr)
		direct := func() bool {
			status, _ := n.PeerStatus(n.id.Address(), s.id.Address())
			return status.Direct
		}
		s.settle()
		if !direct() {
			t.Fatal("the peer is not reached directly")
		}
		for range 60 {
			s.say(packet.VerbNop, nil)
			pass(5 * time.Second)
		}
		if direct() {
			t.Error("a path that was not proven for 300 s is used")
		}
		s.host.Drain()
		whois := s.say(packet.VerbWhois, n.id.Address().Append(nil))
		pass(time.Millisecond)
		out := 0
		for _, data := range s.host.Drain() {
			out += len(data)
		}
		if out > 3*len(whois) {
			t.Errorf("%d bytes came from an address that no longer proves itself, %d went out", len(whois), out)
		}
		pass(2 * time.Second)
		s.settle()
		if !direct() {
			t.Error("a new proof does not count")
		}
		pass(300 * time.Second)
		s.host.Drain()
		s.say(packet.VerbNop, nil)
		pass(time.Millisecond)
		if direct() {
			t.Error("one packet revived a path that had expired")
		}
	})
}

// A peer that answers is asked now and then, and its path stays.
func TestProofIsRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network vl1test.Network
		n := start(t, &network, ident(t, 0), nil, []string{rootAddr}, stored(t, 7, 8))
		s := newSpeaker(t, &network, ident(t, 7), aAddr, n.id, rootAddr)
		s.settle()
		echoes := 0
		for range 200 {
			s.say(packet.VerbNop, nil)
			pass(5 * time.Second)
			for _, p := range s.heard(packet.VerbEcho) {
				echoes++
				s.say(packet.VerbOK, okTo(p))
			}
			pass(time.Millisecond)
			if status, _ := n.PeerStatus(n.id.Address(), s.id.Address()); !status.Direct {
				t.Fatal("the path was lost")
			}
		}
		if echoes == 0 || echoes > 10 {
			t.Errorf("%d tests in 1000 s", echoes)
		}
	})
}

// Which of our own addresses a path uses follows answers, not packets.
func TestReplayDoesNotChangeOurAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network vl1test.Network
		n := start(t, &network, ident(t, 0), nil, []string{rootAddr, "10.0.0.100:9993"}, stored(t, 7, 8))
		s := newSpeaker(t, &network, ident(t, 7), aAddr, n.id, rootAddr)
		s.settle()
		pass(2 * time.Second)
		var from netip.AddrPort
		network.Filter(func(f, to netip.AddrPort, data []byte) bool {
			if to.String() == aAddr && len(data) > packet.HeaderLen { // no ECHO
				from = f
			}
			return true
		})
		send := func() string {
			if _, err := n.Send(n.id.Address(), s.id.Address(), packet.VerbUserMessage, make([]byte, 8)); err != nil {
				t.Fatal(err)
			}
			pass(time.Millisecond)
			return from.String()
		}
		s.to = netip.MustParseAddrPort("10.0.0.100:9993")
		s.say(packet.VerbNop, nil)
		pass(time.Millisecond)
		if got := send(); got != rootAddr {
			t.Errorf("after a packet to another address of ours we send from %s", got)
		}
		for _, p := range s.heard(packet.VerbEcho) {
			s.say(packet.VerbOK, okTo(p))
		}
		pass(time.Millisecond)
		if got := send(); got != s.to.String() {
			t.Errorf("after an answer to another address of ours we send from %s", got)
		}
	})
}

// An answer that is longer than one datagram comes in several.
func TestLongReplyIsCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network vl1test.Network
		n := start(t, &network, ident(t, 0), nil, []string{rootAddr}, stored(t, 7, 8))
		s := newSpeaker(t, &network, ident(t, 7), aAddr, n.id, rootAddr)
		s.settle()
		payload := make([]byte, packet.MTU-packet.HeaderLen) // that cannot be compressed
		rand.NewChaCha8([32]byte{}).Read(payload)
		echo := s.packet(packet.VerbEcho, payload, packet.CipherSalsa)
		s.send(echo)
		pass(time.Millisecond)
		assembler := packet.NewAssembler(4, 4)
		for _, data := range s.host.Drain() {
			if len(data) > packet.MTU {
				t.Errorf("a datagram of %d bytes", len(data))
			}
			if p, ok := assembler.Add(time.Now(), s.to, data); ok && s.key.Open(p) == nil && p.Verb() == packet.VerbOK {
				return
			}
		}
		t.Error("the ECHO was not answered")
	})
}

// What is too long to be cut is refused; one byte less arrives.
func TestLongestPayload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network vl1test.Network
		_, a, b := trio(t, &network)
		payload := make([]byte, packet.MaxSendLen-packet.HeaderLen+1)
		rand.NewChaCha8([32]byte{}).Read(payload)
		from, to := a.id.Address(), b.id.Address()
		if _, err := a.Send(from, to, packet.VerbUserMessage, payload); !errors.Is(err, vl1.ErrTooLong) {
			t.Errorf("sending %d bytes: %v", len(payload), err)
		}
		if err := a.SendOK(from, to, packet.VerbEcho, 1, payload[:len(payload)-9]); !errors.Is(err, vl1.ErrTooLong) {
			t.Errorf("answering with %d bytes: %v", len(payload)-9, err)
		}
		if _, err := a.Send(from, to, packet.VerbUserMessage, payload[1:]); err != nil {
			t.Error(err)
		}
		pass(2 * time.Second)
		if got := b.received(packet.VerbUserMessage); len(got) != 1 || len(got[0].Payload) != len(payload)-1 {
			t.Errorf("%d packets arrived", len(got))
		}
	})
}

// failing is a connection that cannot read for a while.
type failing struct {
	vl1.Conn
	until time.Time
}

func (f *failing) ReadBatch(ds []vl1.Datagram) (int, error) {
	if time.Now().Before(f.until) {
		return 0, errors.New("no memory")
	}
	return f.Conn.ReadBatch(ds)
}

func TestReadingRecovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network vl1test.Network
		n := start(t, &network, ident(t, 0), nil, []string{rootAddr}, stored(t, 7, 8), func(c *vl1.Config) {
			c.Conn = &failing{c.Conn, time.Now().Add(5 * time.Second)}
		})
		pass(6 * time.Second)
		s := newSpeaker(t, &network, ident(t, 7), aAddr, n.id, rootAddr)
		s.send(s.hello(0, 0))
		if len(s.heard(packet.VerbOK)) != 1 {
			t.Error("nothing is answered after reading failed for a while")
		}
	})
}
