package controller

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/orrery-net/orrery/internal/model"
	ztmember "github.com/orrery-net/orrery/zt/member"
	"github.com/orrery-net/orrery/zt/netconf"
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

// A node that is sent configurations all the time does not ask for any.
func TestMemberThatConfirmsPushesIsOnline(t *testing.T) {
	fake(t, func(t *testing.T) {
		l := newLive(t)
		network := l.create()
		a := l.admitted(1, network)
		for i := range 10 {
			name := fmt.Sprintf("name %d", i)
			l.updateNetwork(network, func(n *model.Network) { n.Name = name })
			pass(40 * time.Second)
			if got := a.State().Config.Name; got != name || !l.Online(network, a.id.Address()) {
				t.Fatalf("after %d changes in %d s the node has %q, online %v", i+1, 40*(i+1), got, l.Online(network, a.id.Address()))
			}
			if seen, _ := l.Seen(network, a.id.Address()); time.Since(time.UnixMilli(seen.Time)) > time.Minute {
				t.Errorf("last seen %s ago", time.Since(time.UnixMilli(seen.Time)))
			}
		}
	})
}

// The others may have dropped what a member showed of new certificates: it shows
// them again with the next configuration.
func TestNewCertificatesAreSentAgain(t *testing.T) {
	fake(t, func(t *testing.T) {
		l := newLive(t)
		network := l.create(withTagsAndCapabilities)
		a := l.admitted(1, network)
		pass(2 * time.Second)
		for _, step := range []struct {
			what   string
			change func()
			want   int
		}{
			{"a capability", func() { l.updateMember(network, a.id, func(m *model.Member) { m.Capabilities = []uint32{1} }) }, 2},
			{"the same again", func() { l.updateMember(network, a.id, func(m *model.Member) { m.Name = "a" }) }, 1},
			{"the rules of the capability", func() {
				l.updateNetwork(network, func(n *model.Network) { n.Capabilities[0].Rules = netconf.DropAll() })
			}, 2},
			{"other rules", func() { l.updateNetwork(network, func(n *model.Network) { n.Rules = netconf.DropAll() }) }, 1},
		} {
			l.take()
			step.change()
			pass(3 * time.Second)
			sent := with(packet.VerbNetworkConfig, l.take())
			if len(sent) != step.want {
				t.Errorf("%s: %d configurations, want %d", step.what, len(sent), step.want)
			} else if apart := sent[len(sent)-1].at.Sub(sent[0].at); step.want > 1 && (apart < time.Second || apart > 1500*time.Millisecond) {
				t.Errorf("%s: the configurations were sent %v apart", step.what, apart)
			}
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
