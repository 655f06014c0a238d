package controller

import (
	"context"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/identity"
	ztmember "github.com/orrery-net/orrery/zt/member"
	"github.com/orrery-net/orrery/zt/netconf"
	"github.com/orrery-net/orrery/zt/packet"
	"github.com/orrery-net/orrery/zt/vl1"
	"github.com/orrery-net/orrery/zt/vl1/vl1test"
	"github.com/orrery-net/orrery/zt/world"
)

// live is a desk whose controller speaks through a real endpoint, which is the
// only root of a planet, to real nodes.
type live struct {
	*desk
	network vl1test.Network
	planet  *world.World
	lose    func(sent) bool // which packets of the controller never leave; nil: none
	hosts   int
}

const controllerAddr = "10.0.0.1:9993"

// tap writes down what the controller sends, and may lose it.
type tap struct {
	*vl1.Endpoint
	l *live
}

func (p tap) lost(s sent) bool {
	p.l.record(s)
	return p.l.lose != nil && p.l.lose(s)
}

func (p tap) Send(local, to zt.Address, v packet.Verb, payload []byte) (uint64, error) {
	if p.lost(sent{to: to, verb: v, payload: payload}) {
		return 1, nil
	}
	return p.Endpoint.Send(local, to, v, payload)
}

func (p tap) SendOK(local, to zt.Address, inRe packet.Verb, id uint64, rest []byte) error {
	if p.lost(sent{to: to, verb: packet.VerbOK, inReID: id, payload: rest}) {
		return nil
	}
	return p.Endpoint.SendOK(local, to, inRe, id, rest)
}

func (p tap) SendError(local, to zt.Address, inRe packet.Verb, id uint64, code packet.ErrorCode, rest []byte) error {
	if p.lost(sent{to: to, verb: packet.VerbError, inReID: id, code: code, payload: rest}) {
		return nil
	}
	return p.Endpoint.SendError(local, to, inRe, id, code, rest)
}

func newLive(t *testing.T) *live {
	t.Helper()
	l := &live{}
	key, err := identity.ParseSigningKey([64]byte{1: 1, 40: 2})
	if err != nil {
		t.Fatal(err)
	}
	l.planet = &world.World{
		Kind: world.Planet, ID: 4711, Timestamp: 1, NextKey: key.Public(),
		Roots: []world.Root{{Identity: ident(t, 0).Public(), Endpoints: []netip.AddrPort{netip.MustParseAddrPort(controllerAddr)}}},
	}
	l.planet.Sign(key)
	known := map[zt.Address]*identity.Identity{}
	for n := range 32 {
		id := ident(t, n)
		known[id.Address()] = id.Public()
	}
	l.desk = &desk{t: t}
	l.desk.wire = func() (Node, func(context.Context) error) {
		e, err := vl1.New(vl1.Config{
			Identities: []*identity.Identity{ident(t, 0)}, Conn: l.network.Listen(controllerAddr), Planet: l.planet,
			Handler: l.desk.Controller, AllowMulticast: l.desk.Controller.AllowMulticast, Now: l.desk.now,
			Lookup:  func(a zt.Address) *identity.Identity { return known[a] },
			Version: vl1.Version{Major: 1, Minor: 14, Revision: 2},
		})
		if err != nil {
			t.Fatal(err)
		}
		return tap{e, l}, e.Run
	}
	l.desk.open()
	return l
}

// node is a real node that has joined one network.
type node struct {
	*ztmember.Membership
	t    *testing.T
	id   *identity.Identity
	addr netip.Addr
	host *ztmember.Host
	stop context.CancelFunc
}

// join starts the nth node. A manual one asks only when told to.
func (l *live) join(n int, network zt.NetworkID, manual bool) *node {
	t := l.desk.t.(*testing.T)
	t.Helper()
	l.hosts++
	at := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 1, byte(l.hosts)}), 9993)
	id := ident(t, n)
	h, err := ztmember.New(ztmember.Config{
		Nodes: []*identity.Identity{id}, Conn: l.network.Listen(at.String()), Planet: l.planet, Manual: manual,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	synctest.Wait()
	m := &node{t: t, id: id, addr: at.Addr(), host: h, stop: cancel}
	m.Membership = h.Node(id.Address()).Join(network)
	return m
}

// away cuts the node's line to the controller, or mends it.
func (l *live) away(n *node, on bool) { l.network.Block("10.0.0.1", n.addr.String(), on) }

func (n *node) wait(what string, ok func(ztmember.State) bool) ztmember.State {
	n.t.Helper()
	ctx, cancel := context.WithTimeout(n.t.Context(), 10*time.Minute)
	defer cancel()
	s, err := n.Wait(ctx, ok)
	if err != nil {
		n.t.Fatalf("waiting for %s: %v", what, err)
	}
	return s
}

func (n *node) waitFor(want ztmember.Status) ztmember.State {
	n.t.Helper()
	return n.wait("status "+string(want), func(s ztmember.State) bool { return s.Status == want })
}

func (n *node) shows(want ztmember.Status) {
	n.t.Helper()
	if got := n.State().Status; got != want {
		n.t.Fatalf("%s shows %s, want %s", n.id.Address(), got, want)
	}
}

func (n *node) com() *netconf.COM {
	n.t.Helper()
	return com(n.t, n.State().Config, ident(n.t, 0))
}

// admitted joins a node and lets it in.
func (l *live) admitted(n int, network zt.NetworkID) *node {
	l.desk.t.Helper()
	m := l.join(n, network, false)
	m.waitFor(ztmember.AccessDenied)
	l.updateMember(network, m.id, authorize)
	m.waitFor(ztmember.OK)
	return m
}

// isOut reports whether a configuration is the one that takes everything away.
func isOut(c *netconf.Config) bool {
	return c != nil && c.Revision == 0 && len(c.Addresses) == 0 && len(c.Routes) == 0 && len(c.COM) == 0 && len(c.Ownerships) == 0 &&
		len(c.Tags) == 0 && len(c.Capabilities) == 0 && len(c.Rules) == 1 && c.Rules[0].Type == netconf.ActionDrop
}
