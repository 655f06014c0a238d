package controller

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/orrery-net/orrery/internal/model"
)

func TestOnlineForTwoMinutesAfterARequest(t *testing.T) {
	fake(t, func(t *testing.T) {
		d := newDesk(t)
		network := d.create()
		a := ident(t, 1)
		if d.Online(network, a.Address()) || d.OnlineCount(network) != 0 {
			t.Error("a node that never asked is online")
		}
		d.letIn(a, network)
		d.refusal(ident(t, 2), network)
		if got := d.OnlineCount(network); got != 2 {
			t.Errorf("%d online, want 2: refused nodes count", got)
		}
		d.answer(a, network)
		pass(model.OnlineWindow*time.Millisecond - time.Millisecond)
		if !d.Online(network, a.Address()) || !d.AllowMulticast(network, a.Address()) {
			t.Error("gone too early")
		}
		pass(time.Millisecond)
		if d.Online(network, a.Address()) || d.AllowMulticast(network, a.Address()) || d.OnlineCount(network) != 0 {
			t.Error("still online")
		}
	})
}

func TestLowBandwidthNodesStayOnlineLonger(t *testing.T) {
	fake(t, func(t *testing.T) {
		d := newDesk(t)
		network := d.create()
		a := ident(t, 1)
		d.letIn(a, network)
		d.answer(a, network)
		const interval = 64*time.Minute + 10*time.Second
		pass(interval - gateInterval*time.Millisecond)
		d.answer(a, network)
		pass(interval)
		if !d.Online(network, a.Address()) {
			t.Error("a node in low-bandwidth mode counts as gone between two requests")
		}
		pass(64*model.OnlineWindow*time.Millisecond - interval)
		if d.Online(network, a.Address()) {
			t.Error("online forever")
		}
	})
}

func TestNodeThatLeavesLowBandwidthModeIsGoneAsOthers(t *testing.T) {
	fake(t, func(t *testing.T) {
		d := newDesk(t)
		network := d.create()
		a := ident(t, 1)
		d.letIn(a, network)
		d.answer(a, network)
		pass(64 * time.Minute)
		d.answer(a, network)
		pass(time.Minute)
		d.answer(a, network)
		pass(model.OnlineWindow * time.Millisecond)
		if d.Online(network, a.Address()) {
			t.Error("online after two minutes without a request")
		}
	})
}

func TestSeenKeepsTheAddressOfDirectRequests(t *testing.T) {
	fake(t, func(t *testing.T) {
		d := newDesk(t)
		network := d.create()
		a := ident(t, 1)
		d.refusal(a, network, func(q *asking) { q.remote = netip.MustParseAddrPort("[::ffff:198.51.100.4]:9993") })
		d.refusal(a, network, func(q *asking) { q.hops = 1; q.remote = netip.MustParseAddrPort("203.0.113.1:9993") })
		want := netip.MustParseAddrPort("198.51.100.4:9993")
		seen, ok := d.Seen(network, a.Address())
		if !ok || seen.Endpoint != want || seen.Time != time.Now().UnixMilli() {
			t.Errorf("seen as %+v, want endpoint %s", seen, want)
		}
		if v := (model.Version{Major: 1, Minor: 14, Revision: 2, Protocol: 12}); seen.Version != v {
			t.Errorf("version %+v, want %+v", seen.Version, v)
		}
		pass(seenEvery)
		row, err := d.store.SeenOf(t.Context(), network, a.Address())
		if err != nil || row.Endpoint != want || seen.Time-row.Time >= seenAgain {
			t.Errorf("stored %+v, %v; want %+v or a little older", row, err, seen)
		}
		d.restart()
		row, err = d.store.SeenOf(t.Context(), network, a.Address())
		if err != nil || row != seen {
			t.Errorf("a stop stored %+v, %v; want %+v", row, err, seen)
		}
	})
}

func TestRestartKeepsWhatMembersHave(t *testing.T) {
	fake(t, func(t *testing.T) {
		d := newDesk(t)
		network := d.create()
		a, b := ident(t, 1), ident(t, 2)
		d.letIn(a, network)
		d.letIn(b, network)
		before := [2]int64{d.answer(a, network).Timestamp, d.answer(b, network).Timestamp}
		addresses := d.answer(a, network).Addresses
		d.updateMember(network, b, deauthorize)
		var threshold int64
		for _, r := range d.revocations(d.takeTo(a)) {
			threshold = r.Threshold
		}
		if threshold < before[1] {
			t.Fatalf("threshold %d is below the certificate's time %d", threshold, before[1])
		}
		seen, _ := d.Seen(network, a.Address())

		d.skew.Add(int64(-time.Hour))
		d.restart()
		c := d.answer(a, network)
		if c.Timestamp <= before[0] || com(t, c, d.opts.Identity).Timestamp() <= before[0] {
			t.Errorf("issued at %d after %d", c.Timestamp, before[0])
		}
		if len(c.Addresses) != 1 || c.Addresses[0] != addresses[0] {
			t.Errorf("addresses %v, before %v", c.Addresses, addresses)
		}
		if now, ok := d.Seen(network, b.Address()); !ok || now.Endpoint != seen.Endpoint {
			t.Errorf("presence is forgotten: %+v", now)
		}
		d.updateMember(network, b, authorize)
		got := d.configs(d.takeTo(b))
		if len(got) != 1 {
			t.Fatalf("%d configurations pushed to a member known from before, want 1", len(got))
		}
		if at := com(t, got[0], d.opts.Identity).Timestamp(); at <= threshold {
			t.Errorf("certificate of %d is not above the threshold %d", at, threshold)
		}
	})
}

// The controller gives out the same time again and again while the clock is
// behind what was issued; revocations must still not hit what comes after them.
func TestCertificatesAreAboveThresholdsWhileTheClockIsBehind(t *testing.T) {
	fake(t, func(t *testing.T) {
		d := newDesk(t)
		network := d.create()
		a, b := ident(t, 1), ident(t, 2)
		d.letIn(a, network)
		d.letIn(b, network)
		d.updateMember(network, b, deauthorize)
		synctest.Wait()
		d.skew.Add(int64(-10 * time.Minute))
		d.restart()
		pass(3 * time.Second)
		d.take()
		d.ask(a, network)
		pass(3 * time.Second)
		var threshold int64
		for _, r := range d.revocations(d.takeTo(a)) {
			threshold = max(threshold, r.Threshold)
		}
		if threshold == 0 {
			t.Fatal("no revocation after the restart")
		}
		d.updateMember(network, b, authorize)
		d.take()
		if at := com(t, d.answer(b, network), d.opts.Identity).Timestamp(); at <= threshold {
			t.Errorf("certificate of %d is not above the threshold %d", at, threshold)
		}
	})
}

func TestIssueTimesSurviveAKill(t *testing.T) {
	fake(t, func(t *testing.T) {
		d := newDesk(t)
		network := d.create()
		a := ident(t, 1)
		d.letIn(a, network)
		pass(time.Minute)
		last := d.answer(a, network).Timestamp
		// Another controller on the same store, as after a kill: nothing was settled.
		d.skew.Add(int64(-time.Hour))
		clock, err := openIssueClock(t.Context(), d.store, d.now)
		if err != nil {
			t.Fatal(err)
		}
		if got := clock.Now(); got <= last {
			t.Errorf("%d is issued again after %d", got, last)
		}
		if clock.Ahead() < 50*time.Minute {
			t.Errorf("the clock is behind by %v only", clock.Ahead())
		}
	})
}

func TestPresenceIsRecalled(t *testing.T) {
	fake(t, func(t *testing.T) {
		d := newDesk(t)
		network := d.create()
		a, b, c := ident(t, 1), ident(t, 2), ident(t, 3)
		d.letIn(a, network)
		pass(3 * time.Minute)
		d.letIn(b, network)
		d.restart()
		d.refusal(c, network) // somebody has to wake the network
		if d.Online(network, a.Address()) || !d.Online(network, b.Address()) {
			t.Errorf("online: %v and %v, want false and true", d.Online(network, a.Address()), d.Online(network, b.Address()))
		}
		d.take()
		d.updateNetwork(network, func(n *model.Network) { n.Name = "renamed" })
		pass(time.Second)
		if got := d.configs(d.takeTo(b)); len(got) == 0 || got[0].Name != "renamed" {
			t.Error("a member known from before the restart was not told of a change")
		}
	})
}

func TestDeletedMemberIsNotOnline(t *testing.T) {
	fake(t, func(t *testing.T) {
		d := newDesk(t)
		network := d.create()
		a := ident(t, 1)
		d.letIn(a, network)
		pass(10 * time.Second)
		if err := d.central.DeleteMember(t.Context(), d.admin, network, a.Address()); err != nil {
			t.Fatal(err)
		}
		for _, restarted := range []bool{false, true} {
			if restarted {
				d.restart()
				d.refusal(ident(t, 2), network) // loads the network
			}
			synctest.Wait()
			if d.Online(network, a.Address()) {
				t.Errorf("restarted %v: a deleted member is online", restarted)
			}
		}
	})
}
