package vl1_test

import (
	"bytes"
	"context"
	_ "embed"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
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

// Ready-made valid identities, one secret text form a line.
//
//go:embed testdata/identities.txt
var identityTexts string

// ident returns the nth ready-made identity.
func ident(t testing.TB, n int) *identity.Identity {
	t.Helper()
	id, err := identity.ParseText(strings.Fields(identityTexts)[n])
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// planetKey signs the planets of a test.
func planetKey(t testing.TB) *identity.SigningKey {
	t.Helper()
	key, err := identity.ParseSigningKey([64]byte{1: 1, 40: 2})
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// planet makes a signed planet. Each root is an identity and its endpoints.
func planet(t testing.TB, timestamp int64, roots ...world.Root) *world.World {
	t.Helper()
	key := planetKey(t)
	w := &world.World{Kind: world.Planet, ID: 4711, Timestamp: timestamp, NextKey: key.Public(), Roots: roots}
	w.Sign(key)
	return w
}

func root(id *identity.Identity, endpoints ...string) world.Root {
	r := world.Root{Identity: id.Public()}
	for _, e := range endpoints {
		r.Endpoints = append(r.Endpoints, netip.MustParseAddrPort(e))
	}
	return r
}

// stored has an endpoint know identities from earlier, which saves the time to
// validate them.
func stored(t testing.TB, from, to int) func(*vl1.Config) {
	known := make(map[zt.Address]*identity.Identity)
	for i := from; i < to; i++ {
		known[address(t, i)] = ident(t, i).Public()
	}
	return func(c *vl1.Config) { c.Lookup = func(a zt.Address) *identity.Identity { return known[a] } }
}

// node is an endpoint under test with what its Handler got.
type node struct {
	*vl1.Endpoint
	t    testing.TB
	id   *identity.Identity
	host *vl1test.Host
	stop func()

	mu  sync.Mutex
	got []vl1.Inbound
}

func (n *node) Receive(in *vl1.Inbound) {
	kept := *in
	kept.Payload = bytes.Clone(in.Payload)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.got = append(n.got, kept)
}

// received returns what came with a verb so far.
func (n *node) received(v packet.Verb) []vl1.Inbound {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(n.got), func(in vl1.Inbound) bool { return in.Verb != v })
}

// start runs an endpoint until the test ends. It must be called inside the
// bubble of a synctest.
func start(t testing.TB, network *vl1test.Network, id *identity.Identity, w *world.World, addrs []string, change ...func(*vl1.Config)) *node {
	t.Helper()
	n := &node{t: t, id: id, host: network.Listen(addrs...)}
	cfg := vl1.Config{
		Identities: []*identity.Identity{id}, Conn: n.host, Planet: w, Handler: n,
		Logger: slog.New(slog.DiscardHandler), Receivers: 2, Version: vl1.Version{Major: 1, Minor: 14, Revision: 2},
	}
	for _, c := range change {
		c(&cfg)
	}
	e, err := vl1.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	n.Endpoint = e
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	n.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(n.stop)
	return n
}

// send sends a small USER_MESSAGE.
func (n *node) send(to *node, text string) uint64 {
	n.t.Helper()
	id, err := n.Send(n.id.Address(), to.id.Address(), packet.VerbUserMessage, []byte(text))
	if err != nil {
		n.t.Fatal(err)
	}
	return id
}

// texts returns the USER_MESSAGEs that arrived.
func (n *node) texts() []string {
	var all []string
	for _, in := range n.received(packet.VerbUserMessage) {
		all = append(all, string(in.Payload))
	}
	return all
}

func (n *node) status(of *node) vl1.PeerStatus {
	s, _ := n.PeerStatus(n.id.Address(), of.id.Address())
	return s
}

func (n *node) dropped(d vl1.Drop) uint64 { return n.Stats().Dropped[d] }

// pass lets fake time go by, and everything that happens in it.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func address(t testing.TB, n int) zt.Address { return ident(t, n).Address() }

// speaker is a node of our own making that says what a test wants it to.
type speaker struct {
	t    testing.TB
	id   *identity.Identity
	host *vl1test.Host
	to   netip.AddrPort
	peer *identity.Identity
	key  *packet.Key
}

func newSpeaker(t testing.TB, network *vl1test.Network, id *identity.Identity, addr string, peer *identity.Identity, to string) *speaker {
	t.Helper()
	k48, err := id.Agree(peer)
	if err != nil {
		t.Fatal(err)
	}
	return &speaker{t: t, id: id, host: network.Listen(addr), to: netip.MustParseAddrPort(to), peer: peer.Public(), key: packet.NewKey(k48)}
}

// packet seals a packet from the speaker to its peer.
func (s *speaker) packet(v packet.Verb, payload []byte, c packet.Cipher) packet.Packet {
	p := append(packet.New(nil, s.peer.Address(), s.id.Address(), v), payload...)
	s.key.Seal(p, c)
	return p
}

func (s *speaker) say(v packet.Verb, payload []byte) packet.Packet {
	p := s.packet(v, payload, packet.CipherSalsa)
	s.send(p)
	return p
}

func (s *speaker) send(datagram []byte) {
	s.t.Helper()
	if err := s.host.Send(s.to, datagram); err != nil {
		s.t.Fatal(err)
	}
}

// hello makes a HELLO that says it knows a planet of the given id and time.
func (s *speaker) hello(planetID uint64, planetTime int64) packet.Packet {
	h := packet.Hello{
		Protocol: 12, Major: 1, Minor: 14, Time: time.Now().UnixMilli(), Identity: s.id.Public(),
		Destination: s.to, PlanetID: planetID, PlanetTime: planetTime,
	}
	p := packet.Packet(h.Append(packet.New(nil, s.peer.Address(), s.id.Address(), packet.VerbHello)))
	s.key.CryptHelloTail(p, len(p)-2)
	s.key.Seal(p, packet.CipherNone)
	return p
}

// hear opens everything that has arrived for the speaker. Openers of NAT and
// packets for others are passed over.
func (s *speaker) hear() []packet.Packet {
	s.t.Helper()
	synctest.Wait()
	var all []packet.Packet
	for _, data := range s.host.Drain() {
		p := packet.Packet(data)
		if packet.Classify(data) != packet.KindPacket || p.Destination() != s.id.Address() {
			continue
		}
		wire := [8]byte(p[:8])
		if err := s.key.Open(p); err != nil {
			s.t.Fatalf("speaker got a packet it cannot open: %v", err)
		}
		copy(p, wire[:])
		p, err := packet.Decompress(nil, p)
		if err != nil {
			s.t.Fatal(err)
		}
		all = append(all, p)
	}
	return all
}

// heard returns the packets with a verb that have arrived.
func (s *speaker) heard(v packet.Verb) []packet.Packet {
	return slices.DeleteFunc(s.hear(), func(p packet.Packet) bool { return p.Verb() != v })
}

// settle proves the speaker's address: it says HELLO and answers the test
// that follows.
func (s *speaker) settle() {
	s.t.Helper()
	s.send(s.hello(0, 0))
	pass(50 * time.Millisecond)
	for _, p := range s.heard(packet.VerbEcho) {
		s.say(packet.VerbOK, okTo(p))
	}
	pass(time.Millisecond)
	s.host.Drain()
}

// okTo is the payload of an OK to an ECHO.
func okTo(p packet.Packet) []byte {
	return append([]byte{byte(p.Verb())}, p[:8]...)
}
