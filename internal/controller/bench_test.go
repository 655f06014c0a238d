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

// BenchmarkAnswer is a request of a known member from the packet's payload to
// the signed answer. The certificates are reused.
func BenchmarkAnswer(b *testing.B) {
	c, network, node := benchmark(b)
	in := inbound(ident(b, 1), ident(b, 0), wholeRequest(network.ID))
	hash := c.hashOf(network.ID, in.Peer.Address())
	slot := &c.gate.slots[hash%uint64(len(c.gate.slots))]
	c.Receive(in)
	<-node.answered
	b.ReportAllocs()
	for b.Loop() {
		slot.Store(0) // as if a second had passed
		c.Receive(in)
		<-node.answered
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
