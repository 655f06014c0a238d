package controller

import (
	"context"
	"encoding/binary"
	"log/slog"
	"net/netip"
	"path/filepath"
	"testing"

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/internal/store"
	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/identity"
	"github.com/orrery-net/orrery/zt/netconf"
	"github.com/orrery-net/orrery/zt/packet"
)

// announcer is a Node that discards everything and tells of each answer.
type announcer struct {
	mute
	answered chan struct{}
}

func (n announcer) SendOK(_, _ zt.Address, _ packet.Verb, _ uint64, _ []byte) error {
	n.answered <- struct{}{}
	return nil
}

// benchmark is a running controller of one public network.
func benchmark(b *testing.B) (*Controller, *model.Network, announcer) {
	b.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	s, err := store.Open(ctx, store.Options{Path: filepath.Join(b.TempDir(), "orrery.db")})
	if err != nil {
		b.Fatal(err)
	}
	network := model.NewNetwork(zt.NewNetworkID(ident(b, 0).Address(), 1), "owner", 1)
	network.Private = false
	network.Routes = []model.Route{{Target: netip.MustParsePrefix("10.0.0.0/8")}}
	network.Pools = []model.Pool{{Start: netip.MustParseAddr("10.0.0.1"), End: netip.MustParseAddr("10.255.255.254")}}
	if err := s.Update(ctx, func(tx *store.Tx) error { return tx.PutNetwork(network) }); err != nil {
		b.Fatal(err)
	}
	node := announcer{answered: make(chan struct{}, 1)}
	c, err := New(ctx, Options{Identity: ident(b, 0), Store: s, Node: node, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	b.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			b.Error(err)
		}
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	return c, network, node
}

// stranger is an identity that is like one at hand but for its address.
func stranger(b *testing.B, address uint64) *identity.Identity {
	b.Helper()
	raw := ident(b, 1).AppendPublic(nil)
	var eight [8]byte
	binary.BigEndian.PutUint64(eight[:], address)
	copy(raw, eight[3:])
	id, _, err := identity.ParsePublic(raw)
	if err != nil {
		b.Fatal(err)
	}
	return id
}

func wholeRequest(network zt.NetworkID) []byte {
	return netconf.Request{Network: network, Metadata: usual().metadata.Append(nil), Revision: 1}.Append(nil)
}

// sealer is a Node that compresses, seals and cuts answers as an endpoint does, and
// tells of each.
type sealer struct {
	announcer
	key    *packet.Key
	buffer packet.Packet
	bytes  int
	parts  int
}

func (n *sealer) SendOK(local, to zt.Address, inRe packet.Verb, id uint64, rest []byte) error {
	pk := append(packet.New(n.buffer[:0], to, local, packet.VerbOK), byte(inRe))
	pk = append(binary.BigEndian.AppendUint64(pk, id), rest...)
	n.buffer = pk
	if len(pk) > packet.MTU {
		pk = packet.Compress(pk)
	}
	n.key.Seal(pk, packet.CipherAES)
	n.bytes, n.parts = len(pk), 0
	for range packet.Split(pk, packet.MTU) {
		n.parts++
	}
	return n.announcer.SendOK(local, to, inRe, id, rest)
}

// memberKind is a member with a network to go with it.
type memberKind struct {
	name    string
	network func(*model.Network)
	member  func(*model.Member)
}

// The kinds of members that are compared: with 5 tags and 2 capabilities, or 1 000
// rules, an answer at rest must not cost much more than without.
var memberKinds = []memberKind{
	{"plain", func(*model.Network) {}, func(*model.Member) {}},
	{"tags", func(n *model.Network) {
		for id := range uint32(2) {
			n.Capabilities = append(n.Capabilities, model.Capability{ID: id, Rules: n.Rules})
		}
	}, func(m *model.Member) {
		for id := range uint32(5) {
			m.Tags = append(m.Tags, model.MemberTag{ID: 1000 + id, Value: id})
		}
		m.Capabilities = []uint32{0, 1}
	}},
	{"1000rules", func(n *model.Network) {
		var table []netconf.Rule
		for range 200 {
			table = append(table, n.Rules...)
		}
		n.Rules = table
	}, func(*model.Member) {}},
}

// prepare changes the network and the only member that asked.
func (k memberKind) prepare(b *testing.B, c *Controller, network *model.Network, node zt.Address) {
	b.Helper()
	err := c.store.Update(b.Context(), func(tx *store.Tx) error {
		n, err := tx.Network(network.ID)
		if err != nil {
			return err
		}
		k.network(n)
		n.Revision++
		if err := tx.PutNetwork(n); err != nil {
			return err
		}
		m, err := tx.Member(network.ID, node)
		if err != nil {
			return err
		}
		k.member(m)
		m.Revision++
		return tx.PutMember(m)
	})
	if err != nil {
		b.Fatal(err)
	}
	n := c.network(network.ID)
	if err := c.networkChanged(b.Context(), n); err != nil {
		b.Fatal(err)
	}
	m := n.find(node)
	fresh, err := c.store.Member(b.Context(), network.ID, node)
	if err != nil {
		b.Fatal(err)
	}
	m.mu.Lock()
	m.replace(fresh)
	m.mu.Unlock()
}

// BenchmarkAnswer is a request of a known member from the packet's payload to
// the signed answer, and for "sealed" on to the datagrams. The certificates are
// reused.
func BenchmarkAnswer(b *testing.B) {
	for _, kind := range memberKinds {
		for _, sealed := range []bool{false, true} {
			name := kind.name
			if sealed {
				name += "/sealed"
			}
			b.Run(name, func(b *testing.B) {
				c, network, node := benchmark(b)
				wire := &sealer{announcer: node, key: packet.NewKey([48]byte{1})}
				if sealed {
					c.SetNode(wire)
				}
				in := inbound(ident(b, 1), ident(b, 0), wholeRequest(network.ID))
				hash := c.hashOf(network.ID, in.Peer.Address())
				slot := &c.gate.slots[hash%uint64(len(c.gate.slots))]
				c.Receive(in)
				<-node.answered
				kind.prepare(b, c, network, in.Peer.Address())
				b.ReportAllocs()
				for b.Loop() {
					slot.Store(0) // as if a second had passed
					c.Receive(in)
					<-node.answered
				}
				if sealed {
					b.ReportMetric(float64(wire.bytes), "wire-bytes")
					b.ReportMetric(float64(wire.parts), "datagrams")
				}
			})
		}
	}
}

// BenchmarkNetworkChange is what a change of a network with 1 000 rules costs
// before members are told, once for all of them.
func BenchmarkNetworkChange(b *testing.B) {
	c, network, node := benchmark(b)
	in := inbound(ident(b, 1), ident(b, 0), wholeRequest(network.ID))
	c.Receive(in)
	<-node.answered
	memberKinds[2].prepare(b, c, network, in.Peer.Address())
	n := c.network(network.ID)
	b.ReportAllocs()
	for b.Loop() {
		fresh, err := c.readSnapshot(b.Context(), n.id, n.snapshot.Load())
		if err != nil {
			b.Fatal(err)
		}
		n.snapshot.Store(fresh)
	}
}

// BenchmarkFirstJoin is a node that was never seen: its record and address are
// stored and all its certificates are signed. One waits for the disk alone.
func BenchmarkFirstJoin(b *testing.B) {
	c, network, node := benchmark(b)
	payload := wholeRequest(network.ID)
	next := uint64(0x1000000000)
	b.ReportAllocs()
	for b.Loop() {
		next++
		c.Receive(inbound(stranger(b, next), ident(b, 0), payload))
		<-node.answered
	}
}

// BenchmarkRevoke puts one member out while 1 000 others are online.
func BenchmarkRevoke(b *testing.B) {
	c, network, _ := benchmark(b)
	ctx := b.Context()
	n := c.network(network.ID)
	if _, err := c.load(ctx, n); err != nil {
		b.Fatal(err)
	}
	const others = 1000
	for i := range uint64(others + 1) {
		id := stranger(b, 0x1000000000+i)
		m := c.meet(n, id.Address())
		m.mu.Lock()
		m.record = model.NewMember(network.ID, id.Address(), 1)
		m.record.Authorized = true
		m.loaded, m.identity = true, id
		m.lastRequest.Store(c.now().UnixMilli() + 1<<40)
		m.mu.Unlock()
	}
	victim := n.find(0x1000000000)
	out := victim.record.Clone()
	out.Authorized = false
	b.ReportAllocs()
	for b.Loop() {
		c.revoke(n, victim, out, packet.ErrorNetworkAccessDenied)

		b.StopTimer()
		c.destinations.mu.Lock()
		clear(c.destinations.all)
		c.destinations.mu.Unlock()
		c.agenda.mu.Lock()
		c.agenda.items = nil
		c.agenda.mu.Unlock()
		b.StartTimer()
	}
}
