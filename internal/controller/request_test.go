package controller

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/internal/store"
	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/identity"
	"github.com/orrery-net/orrery/zt/netconf"
	"github.com/orrery-net/orrery/zt/packet"
)

func TestSecondRequestWithinASecondIsNotAnswered(t *testing.T) {
	fake(t, func(t *testing.T) {
		d := newDesk(t)
		network, other := d.create(), d.create()
		a, b := ident(t, 1), ident(t, 2)
		d.ask(a, network)
		if got := len(d.take()); got != 1 {
			t.Fatalf("%d answers to the first request", got)
		}
		pass(999 * time.Millisecond)
		d.ask(a, network)
		if got := len(d.take()); got != 0 {
			t.Errorf("%d answers within a second", got)
		}
		d.ask(b, network)
		d.ask(a, other)
		if got := len(d.take()); got != 2 {
			t.Errorf("%d answers to another node and for another network, want 2", got)
		}
		pass(time.Millisecond)
		d.ask(a, network)
		if got := len(d.take()); got != 1 {
			t.Errorf("%d answers after a second", got)
		}
		if got := d.Stats().Dropped["too_soon"]; got != 1 {
			t.Errorf("%d requests counted as too soon, want 1", got)
		}
	})
}

func TestUnknownNetworkIsAnsweredAtOnceWithoutTheStore(t *testing.T) {
	fake(t, func(t *testing.T) {
		d := newDesk(t)
		idle, err := New(t.Context(), d.opts) // it does not run: what needs a worker is not answered
		if err != nil {
			t.Fatal(err)
		}
		idle.store = nil
		request := func(network zt.NetworkID) []sent {
			idle.Receive(inbound(ident(t, 1), d.opts.Identity, netconf.Request{Network: network}.Append(nil)))
			return d.take()
		}
		got := request(zt.NewNetworkID(d.address, 0x123456))
		if len(got) != 1 || got[0].code != packet.ErrorObjectNotFound || got[0].inReID != 1 {
			t.Errorf("answered with %v", got)
		}
		if s := idle.Stats(); s.Replies["not_found"] != 1 || s.InMemory != 0 {
			t.Errorf("counted as %+v", s)
		}
		if got := request(zt.NewNetworkID(ident(t, 5).Address(), 1)); len(got) != 0 || idle.Stats().Dropped["foreign_network"] != 1 {
			t.Errorf("a network of another controller was answered: %v", got)
		}
	})
}

func TestAnotherIdentityWithAMembersAddressIsRefused(t *testing.T) {
	fake(t, func(t *testing.T) {
		d := newDesk(t)
		network := d.create()
		a := ident(t, 1)
		d.letIn(a, network)
		before := d.stored(network, a)
		seen, _ := d.Seen(network, a.Address())
		for _, restarted := range []bool{false, true} {
			if restarted {
				d.restart()
			}
			if code := d.refusal(twin(t, a), network); code != packet.ErrorNetworkAccessDenied {
				t.Errorf("restarted %v: answered with %v", restarted, code)
			}
			after := d.stored(network, a)
			if was, is, err := model.Changes(before, after); err != nil || was != nil || is != nil {
				t.Errorf("restarted %v: the record changed: %s to %s", restarted, was, is)
			}
			if got := d.Stats().Dropped["other_identity"]; got != 1 {
				t.Errorf("restarted %v: counted %d times, want once", restarted, got)
			}
			if now, _ := d.Seen(network, a.Address()); now.Time != seen.Time {
				t.Errorf("restarted %v: the member was seen at %d because of another", restarted, now.Time)
			}
		}
		if c := d.answer(a, network); len(c.Addresses) != 1 {
			t.Errorf("the true node got %+v", c)
		}
	})
}

// twin is another identity with the same address. Nodes would not believe it;
// the controller gets it handed in.
func twin(t *testing.T, of *identity.Identity) *identity.Identity {
	t.Helper()
	raw := of.AppendPublic(nil)
	copy(raw[6:], ident(t, 9).AppendPublic(nil)[6:70])
	other, _, err := identity.ParsePublic(raw)
	if err != nil {
		t.Fatal(err)
	}
	if other.Address() != of.Address() || other.Equal(of) {
		t.Fatal("that is no twin")
	}
	return other
}

func TestPrecreatedMemberIsPinnedToTheFirstThatAsks(t *testing.T) {
	fake(t, func(t *testing.T) {
		d := newDesk(t)
		network := d.create()
		a := ident(t, 1)
		d.updateMember(network, a, authorize)
		if got := d.take(); len(got) != 0 {
			t.Errorf("a node that nobody has seen was sent %v", got)
		}
		if c := d.answer(a, network); len(c.Addresses) != 1 {
			t.Errorf("got %+v", c)
		}
		if m := d.stored(network, a); m.Identity != a.Public().String() {
			t.Errorf("pinned to %q", m.Identity)
		}
		if code := d.refusal(twin(t, a), network); code != packet.ErrorNetworkAccessDenied {
			t.Errorf("another identity got %v", code)
		}
	})
}

func TestNodeThatIsRefusedWhileItHoldsAConfigurationIsPutOut(t *testing.T) {
	fake(t, func(t *testing.T) {
		d := newDesk(t)
		network := d.create()
		a := ident(t, 1)
		d.ask(a, network, holding)
		all := d.takeTo(a)
		if got := d.configs(all); len(got) != 1 || !isOut(got[0]) {
			t.Errorf("a node with a configuration from earlier was sent %v", got)
		}
		if got := with(packet.VerbError, all); len(got) != 2 {
			t.Errorf("%d errors, want the answer and one after the configuration", len(got))
		}
		pushes := with(packet.VerbNetworkConfig, all)
		d.confirm(a, pushes[0])
		if got := with(packet.VerbError, d.takeTo(a)); len(got) != 1 || got[0].code != packet.ErrorNetworkAccessDenied {
			t.Errorf("after its receipt the node was sent %v", got)
		}
		for range 3 {
			pass(5 * time.Second)
			d.take()
			d.ask(a, network) // revision 0: it holds the last configuration
			if got := d.takeTo(a); len(got) != 1 || got[0].verb != packet.VerbError {
				t.Errorf("a node that is out already was sent %v", got)
			}
		}
	})
}

// What memory knows can be older than the store: only the transaction that
// stores a member can tell whose it is.
func TestIdentityIsJudgedInTheTransaction(t *testing.T) {
	fake(t, func(t *testing.T) {
		d := newDesk(t)
		network := d.create()
		a := ident(t, 1)
		d.updateMember(network, a, authorize)
		d.answer(a, network)
		m := d.network(network).find(a.Address())
		m.mu.Lock()
		m.record = m.record.Clone()
		m.record.Identity, m.identity = "", nil // as it was before the node asked
		m.mu.Unlock()
		if code := d.refusal(twin(t, a), network); code != packet.ErrorNetworkAccessDenied {
			t.Errorf("answered with %v", code)
		}
	})
}

// A node that is refused for want of room may be added by a user meanwhile.
func TestMemberThatIsAddedWhileItIsRefusedStays(t *testing.T) {
	fake(t, func(t *testing.T) {
		d := newDesk(t)
		network := d.create()
		a := ident(t, 1)
		n := d.network(network)
		m := d.meet(n, a.Address())
		d.updateMember(network, a, authorize)
		synctest.Wait()
		d.leave(n, m)
		if n.find(a.Address()) != m {
			t.Error("the member was let go of: it stays authorized where no event finds it")
		}
	})
}

func TestNetworkListsABoundedNumberOfStrangers(t *testing.T) {
	fake(t, func(t *testing.T) {
		d := newDesk(t, func(o *Options) { o.MaxPending = 3 })
		network := d.create()
		for n := 1; n <= 5; n++ {
			if code := d.refusal(ident(t, n), network); code != packet.ErrorNetworkAccessDenied {
				t.Errorf("node %d got %v", n, code)
			}
		}
		counts := func() int {
			c, err := d.store.MemberCounts(t.Context(), network)
			if err != nil {
				t.Fatal(err)
			}
			return c[network].Total
		}
		if got := counts(); got != 3 {
			t.Errorf("%d listed, want 3", got)
		}
		if s := d.Stats(); s.Dropped["too_many_pending"] != 2 || s.InMemory != 3 {
			t.Errorf("counted %+v", s)
		}
		// One who is listed is still served, and makes room when let in.
		d.updateMember(network, ident(t, 1), authorize)
		d.answer(ident(t, 1), network)
		d.refusal(ident(t, 4), network)
		if got := counts(); got != 4 {
			t.Errorf("%d listed after one was let in, want 4", got)
		}
		d.refusal(ident(t, 5), network)
		if got := counts(); got != 4 {
			t.Errorf("%d listed, want 4", got)
		}
		if err := d.central.DeleteMember(t.Context(), d.admin, network, ident(t, 2).Address()); err != nil {
			t.Fatal(err)
		}
		d.refusal(ident(t, 5), network)
		if got := counts(); got != 4 {
			t.Errorf("%d listed after one was deleted, want 4", got)
		}
		// A pre-created member is not a stranger.
		d.updateMember(network, ident(t, 6), authorize)
		d.answer(ident(t, 6), network)
	})
}

// While a request waits in a queue its member must not be let go of, or pushes
// and revocations miss the node.
func TestSweepKeepsAMemberWhoseRequestIsWaiting(t *testing.T) {
	fake(t, func(t *testing.T) {
		d := newDesk(t)
		network := d.create()
		synctest.Wait()
		n := d.network(network)
		m := d.meet(n, ident(t, 1).Address())
		d.sweep()
		if n.find(m.node) != m {
			t.Error("a new member was let go of before it was served")
		}
		pass(idleAfter*model.OnlineWindow*time.Millisecond + time.Minute)
		d.sweep()
		if n.find(m.node) != nil || d.Stats().InMemory != 0 {
			t.Error("a member that was not heard of stays in memory")
		}
	})
}

func TestMemoryHoldsTheMembersThatAreHeardOf(t *testing.T) {
	fake(t, func(t *testing.T) {
		d := newDesk(t, func(o *Options) { o.MaxMembers = 2 })
		network := d.create()
		member, stranger, idle := ident(t, 1), ident(t, 2), ident(t, 3)
		d.letIn(member, network)
		d.refusal(stranger, network)
		pass(8 * time.Second)
		d.refusal(idle, network)
		if got := d.Stats().InMemory; got != 3 {
			t.Fatalf("%d in memory, want 3", got)
		}
		pass(8 * time.Second)
		d.sweep() // in a crowd: the stranger is quiet for 16 s, the other one for 8
		if got := d.Stats().InMemory; got != 2 {
			t.Errorf("%d in memory, want 2", got)
		}
		if d.network(network).find(stranger.Address()) != nil {
			t.Error("the stranger did not make room first")
		}
		pass(idleAfter*model.OnlineWindow*time.Millisecond + time.Minute)
		if got := d.Stats().InMemory; got != 1 {
			t.Errorf("%d in memory, want the member only", got)
		}
		pass(lowTrafficMax * time.Millisecond)
		if got := d.Stats().InMemory; got != 0 {
			t.Errorf("%d in memory long after the last request, want 0", got)
		}
		// What comes back is as before.
		if c := d.answer(member, network); len(c.Addresses) != 1 {
			t.Errorf("a member that was gone for long got %+v", c)
		}
	})
}

// A push that finds no room must come later: nothing else tells the node.
func TestPushIsNotLostWhenTheControllerIsBusy(t *testing.T) {
	fake(t, func(t *testing.T) {
		d := newDesk(t)
		// No address is left for the member, so that it needs the store every time.
		network := d.create(func(n *model.Network) { n.Pools[0].End = n.Pools[0].Start })
		d.letIn(ident(t, 1), network)
		a := ident(t, 2)
		d.letIn(a, network)
		d.take()
		for range slowPlaces {
			d.slow <- struct{}{}
		}
		d.updateNetwork(network, func(n *model.Network) { n.Name = "renamed" })
		pass(time.Second)
		if got := with(packet.VerbNetworkConfig, d.takeTo(a)); len(got) != 0 {
			t.Fatal("the controller was not busy")
		}
		for range slowPlaces {
			<-d.slow
		}
		pass(time.Second)
		if got := d.configs(d.takeTo(a)); len(got) == 0 || got[0].Name != "renamed" {
			t.Errorf("the change was lost: %v", got)
		}
	})
}

func TestReceiveDoesNotWaitForTheStore(t *testing.T) {
	fake(t, func(t *testing.T) {
		d := newDesk(t)
		network := d.create()
		synctest.Wait()
		n := d.network(network)
		n.loadMu.Lock() // as while the store is read
		for i := 1; i <= 3; i++ {
			d.ask(ident(t, i), network)
		}
		n.loadMu.Unlock()
		if got := len(d.take()); got != 3 {
			t.Errorf("%d answers, want 3", got)
		}
	})
}

func TestNetworkMadeBeforeRunIsKnown(t *testing.T) {
	fake(t, func(t *testing.T) {
		d := newDesk(t)
		synctest.Wait()
		o := d.opts
		c, err := New(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		network := d.create()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- c.Run(ctx) }()
		synctest.Wait()
		if c.network(network) == nil {
			t.Error("a network that was made between New and Run is not known")
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// A slow answer that began before the network was deleted must not undo that.
func TestAnswerUnderWayDoesNotReviveADeletedNetwork(t *testing.T) {
	fake(t, func(t *testing.T) {
		d := newDesk(t)
		network := d.create()
		a := ident(t, 1)
		d.letIn(a, network)
		n := d.network(network)
		m := n.find(a.Address())
		m.mu.Lock()
		m.record = m.record.Clone()
		m.record.Addresses = nil // so that the answer needs the store
		m.mu.Unlock()
		pass(2 * time.Second)
		release, written := make(chan struct{}), make(chan error)
		go func() {
			written <- d.store.Update(t.Context(), func(*store.Tx) error { <-release; return nil })
		}()
		synctest.Wait()
		d.ask(a, network)
		if got := d.take(); len(got) != 0 {
			t.Fatalf("the answer did not wait: %v", got)
		}
		d.networkDeleted(n)
		close(release)
		if err := <-written; err != nil {
			t.Fatal(err)
		}
		if got := d.configs(with(packet.VerbOK, d.takeTo(a))); len(got) != 0 {
			t.Errorf("the node got %+v after the network was deleted", got[0])
		}
	})
}

func TestMalformedRequestsAreCounted(t *testing.T) {
	fake(t, func(t *testing.T) {
		d := newDesk(t)
		network := d.create()
		a := ident(t, 1)
		whole := netconf.Request{Network: network, Metadata: usual().metadata.Append(nil)}.Append(nil)
		for cut := range 8 { // from there on it names the network
			d.Receive(inbound(a, d.opts.Identity, whole[:cut]))
		}
		if got := d.Stats().Dropped["malformed"]; got != 8 {
			t.Errorf("%d counted, want 8", got)
		}
		if got := d.take(); len(got) != 0 {
			t.Errorf("answered with %v", got)
		}
	})
}
