package controller

import (
	"context"
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
	"github.com/orrery-net/orrery/zt/vl1"
)

// inbound is a request packet with any payload.
func inbound(from, to *identity.Identity, payload []byte) *vl1.Inbound {
	return &vl1.Inbound{
		Local: to, Peer: from.Public(), PacketID: 1, Verb: packet.VerbNetworkConfigRequest, Payload: payload,
		Remote: netip.MustParseAddrPort("192.0.2.7:1234"),
	}
}

// mute is a Node that sends nothing.
type mute struct{}

func (mute) Send(_, _ zt.Address, _ packet.Verb, _ []byte) (uint64, error)   { return 0, nil }
func (mute) SendOK(_, _ zt.Address, _ packet.Verb, _ uint64, _ []byte) error { return nil }
func (mute) SendError(_, _ zt.Address, _ packet.Verb, _ uint64, _ packet.ErrorCode, _ []byte) error {
	return nil
}
func (mute) Contact(zt.Address, *identity.Identity, netip.AddrPort) {}
func (mute) Trust(_, _ zt.Address)                                  {}

// FuzzReceive feeds what any authenticated node can send. Each request is also
// worked on at once, so that what is read from it is used.
func FuzzReceive(f *testing.F) {
	ctx, cancel := context.WithCancel(context.Background())
	s, err := store.Open(ctx, store.Options{Path: filepath.Join(f.TempDir(), "orrery.db")})
	if err != nil {
		f.Fatal(err)
	}
	controller, node := ident(f, 0), ident(f, 1)
	network := model.NewNetwork(zt.NewNetworkID(controller.Address(), 1), "owner", 1)
	network.Private = false
	err = s.Update(ctx, func(tx *store.Tx) error { return tx.PutNetwork(network) })
	if err != nil {
		f.Fatal(err)
	}
	c, err := New(ctx, Options{Identity: controller, Store: s, Node: mute{}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() {
		cancel()
		c.waiting.Wait()
		if err := s.Close(); err != nil {
			f.Error(err)
		}
	})

	whole := netconf.Request{Network: network.ID, Metadata: usual().metadata.Append(nil), Revision: 1, Timestamp: 2}.Append(nil)
	f.Add(byte(0), whole)
	f.Add(byte(0), whole[:len(whole)-3])
	f.Add(byte(0), netconf.Request{Network: network.ID}.Append(nil))
	f.Add(byte(0), netconf.Request{Network: zt.NewNetworkID(controller.Address(), 2)}.Append(nil))
	f.Add(byte(0), netconf.Request{Network: network.ID, Metadata: netconf.Dictionary("revr=0\nmaxt=ffffffffffffffff\nmaxc=-1")}.Append(nil))
	f.Add(byte(1), receiptOf(network.ID, 1))
	f.Add(byte(1), receiptOf(network.ID, 1)[:15])
	f.Add(byte(2), []byte{})
	f.Fuzz(func(t *testing.T, what byte, payload []byte) {
		in := inbound(node, controller, payload)
		switch what % 3 {
		case 1:
			in.Verb, in.InRe = packet.VerbOK, packet.VerbEcho
		case 2:
			in.Verb = packet.VerbUserMessage
		}
		if in.Verb == packet.VerbOK {
			n := c.network(network.ID)
			c.expect(receipt{network: n, member: c.meet(n, node.Address())})
		}
		c.gate = gate{}
		c.Receive(in)
		for _, queue := range c.workers {
			for len(queue) > 0 {
				c.handle(ctx, <-queue)
			}
		}
		c.waiting.Wait()
	})
}
