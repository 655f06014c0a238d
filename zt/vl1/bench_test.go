package vl1_test

import (
	"context"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/identity"
	"github.com/orrery-net/orrery/zt/packet"
	"github.com/orrery-net/orrery/zt/vl1"
)

// feed is a connection without a network: it hands out prepared datagrams, and
// counts what is written.
type feed struct {
	next   func([]byte) int // fills one datagram, 0 when there are no more for now
	remote netip.AddrPort
	wrote  atomic.Int64
	wake   chan struct{}
	closed chan struct{}
	once   sync.Once
	mu     sync.Mutex
}

func newFeed(next func([]byte) int) *feed {
	return &feed{
		next: next, remote: netip.MustParseAddrPort("10.0.9.9:1"),
		wake: make(chan struct{}, 1), closed: make(chan struct{}),
	}
}

func (f *feed) ReadBatch(ds []vl1.Datagram) (int, error) {
	for {
		n := 0
		f.mu.Lock()
		for n < len(ds) {
			size := f.next(ds[n].Data)
			if size == 0 {
				break
			}
			ds[n].Data, ds[n].Remote = ds[n].Data[:size], f.remote
			n++
		}
		f.mu.Unlock()
		if n > 0 {
			return n, nil
		}
		select {
		case <-f.wake:
		case <-f.closed:
			return 0, net.ErrClosed
		}
	}
}

func (f *feed) WriteBatch(ds []vl1.Datagram) (int, error) {
	f.wrote.Add(int64(len(ds)))
	select {
	case f.wake <- struct{}{}:
	default:
	}
	return len(ds), nil
}

func (f *feed) LocalAddr() netip.AddrPort { return netip.MustParseAddrPort(rootAddr) }

func (f *feed) Close() error { f.once.Do(func() { close(f.closed) }); return nil }

// countingHandler counts packets and says when there are enough.
type countingHandler struct {
	left atomic.Int64
	done chan struct{}
}

func (h *countingHandler) Receive(*vl1.Inbound) {
	if h.left.Add(-1) == 0 {
		close(h.done)
	}
}

// serve runs an endpoint on a feed until the benchmark ends.
func serve(b *testing.B, f *feed, change func(*vl1.Config), known ...*identity.Identity) *vl1.Endpoint {
	b.Helper()
	cfg := vl1.Config{Identities: []*identity.Identity{ident(b, 0)}, Conn: f}
	change(&cfg)
	e, err := vl1.New(cfg)
	if err != nil {
		b.Fatal(err)
	}
	for _, id := range known {
		e.Learn(address(b, 0), id)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	b.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			b.Error(err)
		}
	})
	return e
}

func keyBetween(b *testing.B, x, y *identity.Identity) *packet.Key {
	b.Helper()
	k48, err := x.Agree(y)
	if err != nil {
		b.Fatal(err)
	}
	return packet.NewKey(k48)
}

// The steady path: a packet of a known peer, opened and handed over.
func BenchmarkReceive(b *testing.B) {
	for _, c := range []struct {
		name   string
		cipher packet.Cipher
	}{{"aes", packet.CipherAES}, {"salsa", packet.CipherSalsa}} {
		b.Run(c.name, func(b *testing.B) {
			peer := ident(b, 1)
			p := append(packet.New(nil, address(b, 0), peer.Address(), packet.VerbUserMessage), make([]byte, 400)...)
			keyBetween(b, peer, ident(b, 0)).Seal(p, c.cipher)
			left := b.N
			f := newFeed(func(buf []byte) int {
				if left == 0 {
					return 0
				}
				left--
				return copy(buf, p)
			})
			h := &countingHandler{done: make(chan struct{})}
			h.left.Store(int64(b.N))
			b.ReportAllocs()
			serve(b, f, func(cfg *vl1.Config) { cfg.Handler = h }, peer)
			<-h.done
		})
	}
}

// Sealing and queueing a packet of 400 bytes for a peer with a direct path.
func BenchmarkSend(b *testing.B) {
	root, peer := ident(b, 0), ident(b, 1)
	key := keyBetween(b, peer, root)
	proved := make(chan struct{})
	var answer []byte
	f := newFeed(func(buf []byte) int {
		n := copy(buf, answer)
		answer = nil
		return n
	})
	e := serve(b, f, func(cfg *vl1.Config) {
		cfg.Conn = &proving{feed: f, key: key, to: root, from: peer, answer: &answer, done: proved}
	})
	e.Learn(root.Address(), peer)
	h := packet.Hello{Protocol: 12, Identity: peer.Public()}
	hello := packet.Packet(h.Append(packet.New(nil, root.Address(), peer.Address(), packet.VerbHello)))
	key.CryptHelloTail(hello, len(hello)-2)
	key.Seal(hello, packet.CipherNone)
	f.mu.Lock()
	answer = hello
	f.mu.Unlock()
	f.wake <- struct{}{}
	<-proved
	for s, _ := e.PeerStatus(root.Address(), peer.Address()); !s.Direct; s, _ = e.PeerStatus(root.Address(), peer.Address()) {
	}
	payload := make([]byte, 400)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := e.Send(root.Address(), peer.Address(), packet.VerbUserMessage, payload); err != nil {
			b.Fatal(err)
		}
	}
}

// proving is a feed whose other side answers the first ECHO.
type proving struct {
	*feed
	key      *packet.Key
	to, from *identity.Identity
	answer   *[]byte
	done     chan struct{}
}

func (p *proving) WriteBatch(ds []vl1.Datagram) (int, error) {
	for _, d := range ds {
		pk := packet.Packet(append([]byte(nil), d.Data...))
		id := [8]byte(pk[:8])
		if len(pk) != packet.HeaderLen || p.key.Open(pk) != nil || pk.Verb() != packet.VerbEcho {
			continue
		}
		ok := append(packet.New(nil, p.to.Address(), p.from.Address(), packet.VerbOK), byte(packet.VerbEcho))
		ok = append(ok, id[:]...)
		p.key.Seal(ok, packet.CipherAES)
		p.mu.Lock()
		*p.answer = ok
		p.mu.Unlock()
		p.wake <- struct{}{}
		close(p.done)
	}
	return p.feed.WriteBatch(ds)
}

// What a controller pays when a node it has stored says HELLO for the first
// time: a key agreement, the answer, and the test of its address.
func BenchmarkFirstHelloOfKnownIdentity(b *testing.B) {
	root := ident(b, 0)
	var hellos [][]byte
	known := map[zt.Address]*identity.Identity{}
	for i := 1; i < 48; i++ {
		id := ident(b, i)
		known[id.Address()] = id.Public()
		h := packet.Hello{Protocol: 12, Identity: id.Public()}
		p := packet.Packet(h.Append(packet.New(nil, root.Address(), id.Address(), packet.VerbHello)))
		key := keyBetween(b, id, root)
		key.CryptHelloTail(p, len(p)-2)
		key.Seal(p, packet.CipherNone)
		hellos = append(hellos, p)
	}
	// With room for a single stranger every HELLO is a first one. A few are
	// under way at a time; each is answered with an OK and an ECHO.
	const underWay = 16
	sent, done := 0, make(chan struct{})
	f := newFeed(nil)
	f.next = func(buf []byte) int {
		wrote := int(f.wrote.Load())
		if wrote == 2*b.N {
			close(done)
		}
		if sent == b.N || sent-wrote/2 >= underWay {
			return 0
		}
		sent++
		return copy(buf, hellos[sent%len(hellos)])
	}
	b.ReportAllocs()
	serve(b, f, func(cfg *vl1.Config) {
		cfg.MaxStrangers = 1
		cfg.Receivers = 1
		cfg.Lookup = func(a zt.Address) *identity.Identity { return known[a] }
	})
	<-done
}

// Random bytes: what it costs to drop them.
func BenchmarkRandomFlood(b *testing.B) {
	random := rand.NewChaCha8([32]byte{1})
	noise := make([]byte, 1<<20)
	random.Read(noise)
	left, at, to := b.N, 0, address(b, 0)
	done := make(chan struct{})
	f := newFeed(func(buf []byte) int {
		if left == 0 {
			return 0
		}
		left--
		at = (at + 37) % (len(noise) - 400)
		n := copy(buf[:300], noise[at:])
		to.Put(buf[8:])
		buf[18] &= 0x0f
		if left == 0 {
			close(done)
		}
		return n
	})
	b.ReportAllocs()
	serve(b, f, func(*vl1.Config) {})
	<-done
}
