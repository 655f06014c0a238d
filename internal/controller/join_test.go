package controller

import (
	"testing"
	"time"

	"github.com/orrery-net/orrery/internal/model"
	ztmember "github.com/orrery-net/orrery/zt/member"
	"github.com/orrery-net/orrery/zt/netconf"
)

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
