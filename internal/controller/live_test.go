package controller

import (
	"context"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/orrery-net/orrery/internal/model"
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

func TestNodeIsListedWhileRefusedAndServedWhenAuthorized(t *testing.T) {
	fake(t, func(t *testing.T) {
		l := newLive(t)
		network := l.create()
		a := l.join(1, network, true)
		if s := a.waitFor(ztmember.AccessDenied); s.Config != nil {
			t.Fatal("a refused node got a configuration")
		}
		listed, err := l.central.Member(t.Context(), l.admin, network, a.id.Address())
		if err != nil {
			t.Fatal(err)
		}
		if listed.Member.Authorized || !listed.Online || listed.Member.Identity != a.id.Public().String() ||
			listed.Seen.Endpoint.Addr() != a.addr || listed.Seen.Version.Minor != 14 {
			t.Errorf("listed as %+v %+v", listed.Member, listed)
		}

		l.take()
		began := time.Now()
		l.updateMember(network, a.id, authorize)
		s := a.waitFor(ztmember.OK)
		if took := time.Since(began); took > 25*time.Millisecond {
			t.Errorf("the configuration came after %v: the node had to ask", took)
		}
		if got := l.stored(network, a.id).Addresses; len(got) != 1 || len(s.Addresses()) != 1 || s.Addresses()[0].Addr() != got[0] {
			t.Errorf("the node has %v, the record %v", s.Addresses(), got)
		}
		owned := ownerships(t, s.Config, ident(t, 0))
		if len(owned) != 1 || owned[0].IssuedTo != a.id.Address() || !owned[0].Owns(netconf.AddressThing(s.Addresses()[0].Addr())) {
			t.Errorf("ownership %+v does not cover %v", owned, s.Addresses())
		}

		b := l.admitted(2, network)
		if b.State().Addresses()[0].Addr() == s.Addresses()[0].Addr() {
			t.Error("two members have one address")
		}
		if !a.com().Agrees(b.com(), b.id.Public()) || !b.com().Agrees(a.com(), a.id.Public()) {
			t.Error("the members' certificates do not agree")
		}
		if a.com().Agrees(b.com(), a.id.Public()) {
			t.Error("a certificate agrees with an identity that it was not issued to")
		}
	})
}

func TestDeauthorizationCutsOffAndReauthorizationGivesBack(t *testing.T) {
	fake(t, func(t *testing.T) {
		l := newLive(t)
		network := l.create()
		a, b := l.admitted(1, network), l.admitted(2, network)
		pass(time.Minute)
		old, before := b.com().Timestamp(), b.State().Addresses()

		began := time.Now()
		l.updateMember(network, b.id, deauthorize)
		b.waitFor(ztmember.AccessDenied)
		a.wait("a revocation", func(ztmember.State) bool { return a.Revoked(b.id.Address()) >= old })
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("cut off after %v", took)
		}
		pass(30 * time.Second)
		b.shows(ztmember.AccessDenied)
		if c := b.State().Config; !isOut(c) || c.Name != "home" {
			t.Errorf("the node was left with %+v", c)
		}
		if b.Revoked(b.id.Address()) != 0 {
			t.Error("a node was sent its own revocation")
		}

		threshold := a.Revoked(b.id.Address())
		l.updateMember(network, b.id, authorize)
		s := b.waitFor(ztmember.OK)
		if isOut(s.Config) || len(s.Config.Routes) != 1 || s.Addresses()[0] != before[0] {
			t.Errorf("re-authorization gave %+v", s.Config)
		}
		if got := b.com().Timestamp(); got <= threshold {
			t.Errorf("the new certificate's time %d is not above the threshold %d", got, threshold)
		}
		pass(time.Second)
		b.shows(ztmember.OK)
	})
}

func TestReauthorizationWithinOneMillisecondIsAboveTheThreshold(t *testing.T) {
	fake(t, func(t *testing.T) {
		d := newDesk(t)
		network := d.create()
		a, b := ident(t, 1), ident(t, 2)
		d.letIn(a, network)
		d.letIn(b, network)
		for range 5 {
			d.updateMember(network, b, deauthorize)
			synctest.Wait() // no time passes
			d.updateMember(network, b, authorize)
			again := d.configs(d.takeTo(b))
			pass(3 * time.Second)
			for _, r := range d.revocations(d.takeTo(a)) {
				if got := com(t, again[len(again)-1], d.opts.Identity).Timestamp(); got <= r.Threshold {
					t.Fatalf("certificate of %d under a threshold of %d", got, r.Threshold)
				}
			}
		}
	})
}

func TestDeletedMemberStaysUnlistedUntilItIsAddedAgain(t *testing.T) {
	fake(t, func(t *testing.T) {
		l := newLive(t)
		network := l.create()
		a, b := l.admitted(1, network), l.admitted(2, network)
		old := b.com().Timestamp()
		if err := l.central.DeleteMember(t.Context(), l.admin, network, b.id.Address()); err != nil {
			t.Fatal(err)
		}
		b.waitFor(ztmember.AccessDenied)
		a.wait("a revocation", func(ztmember.State) bool { return a.Revoked(b.id.Address()) >= old })
		pass(2 * time.Minute) // it asks again, many times
		if c := b.State().Config; !isOut(c) {
			t.Errorf("the node was left with %+v", c)
		}
		if _, err := l.central.Member(t.Context(), l.admin, network, b.id.Address()); err == nil {
			t.Error("a deleted member came back on its own")
		}
		l.updateMember(network, b.id, func(m *model.Member) { m.Name = "back" })
		if m := l.stored(network, b.id); m.DeletedTime != 0 || m.Authorized || m.Identity == "" {
			t.Errorf("brought back as %+v", m)
		}
		pass(10 * time.Second)
		b.shows(ztmember.AccessDenied)
		l.updateMember(network, b.id, authorize)
		if s := b.waitFor(ztmember.OK); len(s.Addresses()) != 1 {
			t.Errorf("addresses %v", s.Addresses())
		}
	})
}

func TestDeletedNetworkIsNotFoundForAll(t *testing.T) {
	fake(t, func(t *testing.T) {
		l := newLive(t)
		network := l.create()
		members := []*node{l.admitted(1, network), l.admitted(2, network), l.admitted(3, network)}
		late := members[2]
		l.away(late, true)
		pass(3 * time.Minute)
		refused := l.join(4, network, false)
		refused.waitFor(ztmember.AccessDenied)
		if err := l.central.DeleteNetwork(t.Context(), l.admin, network); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		for _, m := range members[:2] {
			m.waitFor(ztmember.NotFound)
		}
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("the members knew after %v", took)
		}
		refused.waitFor(ztmember.NotFound)
		l.away(late, false)
		late.waitFor(ztmember.NotFound)
		pass(20 * time.Second)
		for _, m := range members {
			m.shows(ztmember.NotFound)
			if c := m.State().Config; !isOut(c) {
				t.Errorf("%s was left with %+v", m.id.Address(), c)
			}
		}
	})
}

func TestPublicNetworkLetsEveryoneInForGood(t *testing.T) {
	fake(t, func(t *testing.T) {
		l := newLive(t)
		network := l.create(func(n *model.Network) { n.Private = false })
		a := l.join(1, network, false)
		if s := a.waitFor(ztmember.OK); !s.Config.Public || len(s.Addresses()) != 1 {
			t.Errorf("the first answer was %+v", s.Config)
		}
		if m := l.stored(network, a.id); !m.Authorized || m.AuthorizedBy != model.AuthorizedByPublic || m.LastAuthorizedTime == 0 {
			t.Errorf("stored as %+v", m)
		}
		l.updateNetwork(network, func(n *model.Network) { n.Private = true })
		a.wait("the private network", func(s ztmember.State) bool { return s.Config != nil && !s.Config.Public })
		pass(3 * time.Minute)
		a.shows(ztmember.OK)
		b := l.join(2, network, false)
		b.waitFor(ztmember.AccessDenied)
		l.updateNetwork(network, func(n *model.Network) { n.Private = false })
		began := time.Now()
		b.waitFor(ztmember.OK)
		if took := time.Since(began); took > time.Second {
			t.Errorf("a member of a network that became public waited %v", took)
		}
	})
}

func TestPushIsRepeatedUntilConfirmed(t *testing.T) {
	fake(t, func(t *testing.T) {
		l := newLive(t)
		network := l.create()
		a := l.join(1, network, true)
		a.waitFor(ztmember.AccessDenied)
		lost := 0
		l.lose = func(s sent) bool {
			lost++
			return s.verb == packet.VerbNetworkConfig && lost <= pushAttempts-1
		}
		l.take()
		l.updateMember(network, a.id, authorize)
		a.waitFor(ztmember.OK)
		pass(time.Minute)
		if got := len(with(packet.VerbNetworkConfig, l.take())); got != pushAttempts {
			t.Errorf("%d pushes, want %d: the last one was confirmed", got, pushAttempts)
		}
		if n := l.Stats().Receipts; n != 0 {
			t.Errorf("%d pushes still wait", n)
		}

		l.lose = nil
		l.updateNetwork(network, func(n *model.Network) { n.Name = "renamed" })
		pass(time.Minute)
		if got := len(with(packet.VerbNetworkConfig, l.take())); got != 1 {
			t.Errorf("%d pushes of what arrived at once, want 1", got)
		}

		l.lose = func(s sent) bool { return s.verb == packet.VerbNetworkConfig }
		a.Request()
		synctest.Wait()
		l.updateNetwork(network, func(n *model.Network) { n.Name = "again" })
		pass(time.Minute)
		if got := len(with(packet.VerbNetworkConfig, l.take())); got != pushAttempts {
			t.Errorf("%d pushes to a deaf node, want %d", got, pushAttempts)
		}
		if got := l.Stats().Pushes["unconfirmed"]; got != 1 {
			t.Errorf("%d pushes counted as unconfirmed, want 1", got)
		}
	})
}

// A node that is put out takes OK from the last configuration and then the
// status from the ERROR; on the way they may change places.
func TestErrorThatOvertakesTheLastConfiguration(t *testing.T) {
	fake(t, func(t *testing.T) {
		l := newLive(t)
		network := l.create()
		a := l.admitted(1, network)
		lost := 0
		l.lose = func(s sent) bool {
			if s.verb != packet.VerbNetworkConfig {
				return false
			}
			lost++
			return lost == 1 // it comes again after the ERROR
		}
		l.updateMember(network, a.id, deauthorize)
		a.wait("the last configuration", func(s ztmember.State) bool { return isOut(s.Config) })
		pass(200 * time.Millisecond) // less than the node's own next look
		a.shows(ztmember.AccessDenied)
	})
}

func TestLateReceiptOfTheLastConfigurationDoesNotHideAReauthorization(t *testing.T) {
	fake(t, func(t *testing.T) {
		d := newDesk(t)
		network := d.create()
		a := ident(t, 1)
		d.letIn(a, network)
		d.updateMember(network, a, deauthorize)
		last := with(packet.VerbNetworkConfig, d.takeTo(a))
		d.updateMember(network, a, authorize)
		d.take()
		d.confirm(a, last[0])
		if got := with(packet.VerbError, d.takeTo(a)); len(got) != 0 {
			t.Error("a member that is let in was told that it is not")
		}
	})
}

func TestNetworkChangesWithinAMomentArePushedOnce(t *testing.T) {
	fake(t, func(t *testing.T) {
		l := newLive(t)
		network := l.create()
		members := []*node{l.admitted(1, network), l.admitted(2, network), l.admitted(3, network)}
		pass(5 * time.Second)
		l.take()
		for _, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"} {
			l.updateNetwork(network, func(n *model.Network) { n.Name = name })
			pass(20 * time.Millisecond)
		}
		for _, m := range members {
			m.wait("the last name", func(s ztmember.State) bool { return s.Config.Name == "j" })
		}
		pass(time.Second)
		all := with(packet.VerbNetworkConfig, l.take())
		for _, m := range members {
			mine := slices.DeleteFunc(slices.Clone(all), func(s sent) bool { return s.to != m.id.Address() })
			if len(mine) != 1 {
				t.Errorf("%s got %d pushes, want 1", m.id.Address(), len(mine))
			}
		}
	})
}

// Packets of revocations that come within 1000 ms of the last are dropped by
// nodes, so nothing but the spacing gets them all there.
func TestManyDeauthorizationsReachEveryone(t *testing.T) {
	fake(t, func(t *testing.T) {
		l := newLive(t)
		network := l.create()
		second := l.create()
		var stay, go_ []*node
		for i := 1; i <= 3; i++ {
			stay = append(stay, l.admitted(i, network))
		}
		for i := 4; i <= 11; i++ {
			go_ = append(go_, l.admitted(i, network))
		}
		// Another network shares the nodes' limit, which is by sender.
		other := stay[0].host.Node(stay[0].id.Address()).Join(second)
		outsider := l.join(12, second, false)
		outsider.waitFor(ztmember.AccessDenied)
		l.updateMember(second, stay[0].id, authorize)
		l.updateMember(second, outsider.id, authorize)
		outsider.waitFor(ztmember.OK)
		pass(10 * time.Second)
		l.take()

		for i, m := range go_ {
			l.updateMember(network, m.id, deauthorize)
			if i == 3 {
				l.updateMember(second, outsider.id, deauthorize)
			}
			pass(150 * time.Millisecond)
		}
		pass(20 * time.Second)
		for _, s := range stay {
			for _, m := range go_ {
				if s.Revoked(m.id.Address()) == 0 {
					t.Errorf("%s does not know that %s is out", s.id.Address(), m.id.Address())
				}
			}
		}
		if other.Revoked(outsider.id.Address()) == 0 {
			t.Error("the revocation on another network was lost")
		}
		last := map[zt.Address]time.Time{}
		for _, s := range with(packet.VerbNetworkCredentials, l.take()) {
			if gap := s.at.Sub(last[s.to]); gap < 1100*time.Millisecond {
				t.Errorf("%v between two packets of revocations to %s", gap, s.to)
			}
			last[s.to] = s.at
		}
		if l.Stats().Revocating != 0 {
			t.Error("revocations still wait")
		}
	})
}

func TestMemberThatWasAwayGetsTheRevocation(t *testing.T) {
	for _, restart := range []bool{false, true} {
		fake(t, func(t *testing.T) {
			l := newLive(t)
			network := l.create()
			a, b := l.admitted(1, network), l.admitted(2, network)
			old := b.com().Timestamp()
			l.away(a, true)
			pass(5 * time.Minute)
			l.updateMember(network, b.id, deauthorize)
			pass(5 * time.Minute)
			if a.Revoked(b.id.Address()) != 0 {
				t.Fatal("the line to the node is not cut")
			}
			if restart {
				l.restart()
			}
			l.away(a, false)
			a.wait("the revocation", func(ztmember.State) bool { return a.Revoked(b.id.Address()) >= old })
		})
	}
}

func TestRevocationIsForgottenAfterTheWindow(t *testing.T) {
	fake(t, func(t *testing.T) {
		d := newDesk(t)
		network := d.create()
		a, b := ident(t, 1), ident(t, 2)
		d.letIn(a, network)
		d.letIn(b, network)
		pass(10 * time.Minute)
		d.updateMember(network, b, deauthorize)
		pass(credentialWindow*time.Millisecond - time.Minute)
		d.take()
		d.ask(a, network)
		if got := d.revocations(d.takeTo(a)); len(got) != 1 || got[0].Target != b.Address() {
			t.Errorf("within the window the member got %v", got)
		}
		pass((lowTrafficMax + 60_000) * time.Millisecond) // long enough to be forgotten itself, and the revocation with it
		d.take()
		d.ask(a, network)
		if got := d.revocations(d.takeTo(a)); len(got) != 0 {
			t.Errorf("after the window the member got %v", got)
		}
	})
}
