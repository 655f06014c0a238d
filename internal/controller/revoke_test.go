package controller

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/orrery-net/orrery/zt"
	ztmember "github.com/orrery-net/orrery/zt/member"
	"github.com/orrery-net/orrery/zt/netconf"
	"github.com/orrery-net/orrery/zt/packet"
)

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

// Packets of revocations that come within 1000 ms of the last are dropped by
// nodes, so nothing but the spacing gets them all there.
func TestManyDeauthorizationsReachEveryone(t *testing.T) {
	fake(t, func(t *testing.T) {
		l := newLive(t)
		network := l.create()
		second := l.create()
		var stay, leave []*node
		for i := 1; i <= 3; i++ {
			stay = append(stay, l.admitted(i, network))
		}
		for i := 4; i <= 11; i++ {
			leave = append(leave, l.admitted(i, network))
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

		for i, m := range leave {
			l.updateMember(network, m.id, deauthorize)
			if i == 3 {
				l.updateMember(second, outsider.id, deauthorize)
			}
			pass(150 * time.Millisecond)
		}
		pass(20 * time.Second)
		for _, s := range stay {
			for _, m := range leave {
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

// Nodes keep revocations in memory only: one that was started again, which shows
// in a request out of turn, would let the other in until its certificate ends.
func TestNodeThatIsStartedAgainGetsTheRevocationsAgain(t *testing.T) {
	fake(t, func(t *testing.T) {
		d := newDesk(t)
		network := d.create()
		a, b := ident(t, 1), ident(t, 2)
		d.letIn(a, network)
		d.letIn(b, network)
		d.updateMember(network, b, deauthorize)
		for _, later := range []time.Duration{20 * time.Second, 5 * time.Minute} {
			pass(later)
			d.take()
			d.ask(a, network)
			pass(5 * time.Second)
			if got := d.revocations(d.takeTo(a)); len(got) != 2 || got[0].Target != b.Address() {
				t.Errorf("%v after the last request: got %v, want the revocation twice", later, got)
			}
		}
		// Whoever asks all the time does not make the queue grow.
		for range 20 {
			pass(gateInterval * time.Millisecond)
			d.ask(a, network)
		}
		if got := d.Stats().Revocating; got > 1 {
			t.Errorf("%d revocations wait for one node, of 1 in force", got)
		}
	})
}

// A member that just got its certificate may hold one that is as old as they are
// used again, and accepts for that much longer what was issued before.
func TestRevocationOutlivesTheReuseOfCertificates(t *testing.T) {
	fake(t, func(t *testing.T) {
		d := newDesk(t)
		network := d.create()
		a, b := ident(t, 1), ident(t, 2)
		d.letIn(a, network)
		revoked := com(t, d.letIn(b, network), d.opts.Identity)
		d.updateMember(network, b, deauthorize)
		for range 50 {
			pass(time.Minute)
			d.take()
			d.ask(a, network)
			all := d.takeTo(a)
			own := com(t, d.configs(all)[0], d.opts.Identity)
			d.sweep()
			if kept, _ := d.network(network).revocations.after(0, 0, 1); own.Agrees(revoked, b.Public()) && len(kept) == 0 {
				t.Fatalf("a certificate of %d accepts one of %d, and the revocation is forgotten", own.Timestamp(), revoked.Timestamp())
			}
		}
		if kept, _ := d.network(network).revocations.after(0, 0, 1); len(kept) != 0 {
			t.Error("the revocation is never forgotten")
		}
	})
}

// When the clock is set back, times of issue stand still, and with them the end
// of certificates.
func TestRevocationOutlivesAClockThatIsSetBack(t *testing.T) {
	for _, restart := range []bool{false, true} {
		fake(t, func(t *testing.T) {
			d := newDesk(t)
			network := d.create()
			a, b := ident(t, 1), ident(t, 2)
			d.letIn(a, network)
			revoked := com(t, d.letIn(b, network), d.opts.Identity)
			d.skew.Store(int64(-2 * time.Hour))
			d.updateMember(network, b, deauthorize)
			pass(time.Hour)
			if restart {
				d.restart()
			}
			d.sweep()
			all := func() []sent { d.take(); d.ask(a, network); pass(time.Second); return d.takeTo(a) }()
			own := com(t, d.configs(all)[0], d.opts.Identity)
			if !own.Agrees(revoked, b.Public()) {
				t.Fatal("the certificates have moved on, the test proves nothing")
			}
			if got := d.revocations(all); len(got) == 0 || got[0].Threshold < revoked.Timestamp() {
				t.Errorf("restart %v: a member whose certificate accepts the revoked one got %v", restart, got)
			}
		})
	}
}

func TestRevocationEndsWithReauthorization(t *testing.T) {
	fake(t, func(t *testing.T) {
		d := newDesk(t)
		network := d.create()
		a, b := ident(t, 1), ident(t, 2)
		d.letIn(a, network)
		d.letIn(b, network)
		pass(3 * time.Minute) // a is away
		d.updateMember(network, b, deauthorize)
		synctest.Wait()
		d.updateMember(network, b, authorize)
		synctest.Wait()
		d.take()
		d.ask(a, network)
		if got := d.revocations(d.takeTo(a)); len(got) != 0 {
			t.Errorf("the member is told that %s is out", got[0].Target)
		}
	})
}

func TestRevocationIsSentTwiceAndNotWithEveryRequest(t *testing.T) {
	fake(t, func(t *testing.T) {
		d := newDesk(t)
		network := d.create()
		a, b := ident(t, 1), ident(t, 2)
		d.letIn(a, network)
		d.letIn(b, network)
		d.take()
		d.updateMember(network, b, deauthorize)
		pass(10 * time.Second)
		if got := with(packet.VerbNetworkCredentials, d.takeTo(a)); len(got) != 2 {
			t.Errorf("%d packets of revocations, want 2: one may be lost", len(got))
		}
		pass(51 * time.Second)
		d.ask(a, network)
		pass(10 * time.Second)
		if got := d.revocations(d.takeTo(a)); len(got) != 0 {
			t.Error("what the member was given is sent again")
		}
		c := ident(t, 3)
		d.letIn(c, network)
		d.letIn(ident(t, 4), network)
		d.updateMember(network, c, deauthorize)
		pass(10 * time.Second)
		for _, r := range d.revocations(d.takeTo(a)) {
			if r.Target != c.Address() {
				t.Errorf("%s is revoked again", r.Target)
			}
		}
	})
}

// A thousand members put out at once reach every other member in full packets,
// each twice, and what waits for them costs no memory of its own.
func TestManyRevocations(t *testing.T) {
	fake(t, func(t *testing.T) {
		d := newDesk(t)
		const count = 1000
		n := d.newNetwork(zt.NewNetworkID(d.address, 7))
		for i := range count {
			d.addRevocations(n, zt.Address(0x1000000000+i), int64(i), membership)
		}
		node := ident(t, 1).Address()
		for range 3 { // asking again on the way does not begin again
			d.sendRevocations(node, &n.revocations, 0)
			pass(revokeSpacing)
		}
		pass(60 * revokeSpacing)
		if d.Stats().Revocating != 0 {
			t.Error("revocations still wait")
		}
		packets, seen := 0, make(map[zt.Address]int)
		for _, s := range d.takeTo(ident(t, 1)) {
			packets++
			given, err := netconf.ParseCredentials(s.payload)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range given.Revocations {
				seen[r.Target]++
			}
		}
		if want := revokePasses * ((count + revokeBatch - 1) / revokeBatch); packets != want || len(seen) != count {
			t.Errorf("%d packets with %d members, want %d and %d", packets, len(seen), want, count)
		}
		for target, times := range seen {
			if times != revokePasses {
				t.Errorf("%s was revoked %d times", target, times)
			}
		}
	})
}
