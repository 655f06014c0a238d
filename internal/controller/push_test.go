package controller

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/orrery-net/orrery/internal/model"
	ztmember "github.com/orrery-net/orrery/zt/member"
	"github.com/orrery-net/orrery/zt/packet"
)

func TestPushIsRepeatedUntilConfirmed(t *testing.T) {
	fake(t, func(t *testing.T) {
		l := newLive(t)
		network := l.create()
		a := l.join(1, network, true)
		a.waitFor(ztmember.AccessDenied)
		const attempts = 4
		lost := 0
		l.lose = func(s sent) bool {
			lost++
			return s.verb == packet.VerbNetworkConfig && lost < attempts
		}
		l.take()
		l.updateMember(network, a.id, authorize)
		a.waitFor(ztmember.OK)
		pass(time.Minute)
		if got := len(with(packet.VerbNetworkConfig, l.take())); got != attempts {
			t.Errorf("%d pushes, want %d: the last one was confirmed", got, attempts)
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
		if got := len(with(packet.VerbNetworkConfig, l.take())); got != attempts {
			t.Errorf("%d pushes to a deaf node, want %d", got, attempts)
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
