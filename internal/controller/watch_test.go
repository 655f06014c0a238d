package controller

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/orrery-net/orrery/internal/central"
	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/internal/store"
	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/identity"
)

var _ central.Presence = (*Controller)(nil)

const window = model.OnlineWindow * time.Millisecond

// told takes what a channel holds.
func told(t *testing.T, changes <-chan model.OnlineChange) []model.OnlineChange {
	t.Helper()
	synctest.Wait()
	var all []model.OnlineChange
	for {
		select {
		case change, open := <-changes:
			if !open {
				t.Fatal("the channel is closed")
			}
			all = append(all, change)
		default:
			return all
		}
	}
}

func wantTold(t *testing.T, changes <-chan model.OnlineChange, want ...model.OnlineChange) {
	t.Helper()
	if got := told(t, changes); !slices.Equal(got, want) {
		t.Errorf("told %+v\nwant %+v", got, want)
	}
}

func change(network zt.NetworkID, id *identity.Identity, online bool, at time.Time) model.OnlineChange {
	return model.OnlineChange{Network: network, Node: id.Address(), Online: online, Time: at.UnixMilli()}
}

func TestWatchTellsWhoComesAndGoes(t *testing.T) {
	fake(t, func(t *testing.T) {
		d := newDesk(t)
		network := d.create()
		a, b := ident(t, 1), ident(t, 2)
		d.letIn(a, network)
		changes, stop := d.Watch(10)
		defer stop()
		wantTold(t, changes)

		d.answer(a, network) // it is online already
		aWent := time.Now().Add(window)
		d.refusal(b, network)
		wantTold(t, changes, change(network, b, true, time.Now()))
		bWent := time.Now().Add(window)

		pass(time.Until(aWent) - time.Millisecond)
		wantTold(t, changes)
		pass(time.Until(bWent) + offlineEvery)
		wantTold(t, changes, change(network, a, false, aWent), change(network, b, false, bWent))

		d.refusal(b, network)
		wantTold(t, changes, change(network, b, true, time.Now()))
	})
}

// A member may be back before anybody noticed that it went.
func TestWatchTellsBothWhenAMemberIsBackAtOnce(t *testing.T) {
	fake(t, func(t *testing.T) {
		d := newDesk(t)
		network := d.create()
		a := ident(t, 1)
		d.refusal(a, network)
		asked := time.Now()
		changes, stop := d.Watch(10)
		defer stop()
		pass(window) // the next look is a second later
		wantTold(t, changes)
		d.ask(a, network)
		wantTold(t, changes, change(network, a, false, asked.Add(window)), change(network, a, true, time.Now()))
		pass(window - offlineEvery)
		wantTold(t, changes)
	})
}

func TestWatchKeepsToTheWindowOfLowBandwidthNodes(t *testing.T) {
	fake(t, func(t *testing.T) {
		d := newDesk(t)
		network := d.create()
		a := ident(t, 1)
		d.letIn(a, network)
		d.answer(a, network)
		pass(64*time.Minute - gateInterval*time.Millisecond)
		changes, stop := d.Watch(10)
		defer stop()
		d.answer(a, network)
		wantTold(t, changes, change(network, a, true, time.Now()))
		asked := time.Now()
		pass(64 * time.Minute)
		wantTold(t, changes)
		pass(time.Until(asked.Add(64*window)) + offlineEvery)
		wantTold(t, changes, change(network, a, false, asked.Add(64*window)))
	})
}

func TestWatchFindsOutWhoLeftLowBandwidthMode(t *testing.T) {
	fake(t, func(t *testing.T) {
		d := newDesk(t)
		network := d.create()
		a := ident(t, 1)
		d.letIn(a, network)
		pass(64*time.Minute - gateInterval*time.Millisecond)
		d.answer(a, network)
		changes, stop := d.Watch(10)
		defer stop()
		pass(time.Minute)
		d.answer(a, network)
		asked := time.Now()
		pass(window + offlineEvery)
		wantTold(t, changes, change(network, a, false, asked.Add(window)))
	})
}

func TestDeauthorizedMembersStayOnlineAndDeletedOnesDoNot(t *testing.T) {
	fake(t, func(t *testing.T) {
		d := newDesk(t)
		network := d.create()
		a := ident(t, 1)
		d.letIn(a, network)
		changes, stop := d.Watch(10)
		defer stop()
		d.updateMember(network, a, deauthorize)
		pass(2 * offlineEvery)
		wantTold(t, changes)
		if err := d.central.DeleteMember(t.Context(), d.admin, network, a.Address()); err != nil {
			t.Fatal(err)
		}
		pass(2 * offlineEvery)
		if got := told(t, changes); len(got) != 1 || got[0].Online || got[0].Node != a.Address() {
			t.Errorf("told %+v after the deletion", got)
		}
	})
}

func TestWatchersDoNotDisturbEachOther(t *testing.T) {
	fake(t, func(t *testing.T) {
		d := newDesk(t)
		network := d.create()
		slow, stopSlow := d.Watch(1)
		quick, stopQuick := d.Watch(10)
		ended, stopEnded := d.Watch(10)
		stopEnded()
		stopEnded()
		for i := 1; i <= 3; i++ {
			d.refusal(ident(t, i), network)
		}
		if got := told(t, quick); len(got) != 3 {
			t.Errorf("the quick reader was told %+v", got)
		}
		if _, open := <-slow; !open {
			t.Error("what fitted is lost")
		}
		if _, open := <-slow; open {
			t.Error("the slow reader's channel is open")
		}
		if _, open := <-ended; open {
			t.Error("a channel is open after stop")
		}
		stopSlow()
		stopQuick()

		pass(2 * offlineEvery)
		if d.watch.on.Load() || d.watch.online != nil {
			t.Error("the controller watches for nobody")
		}
		again, stop := d.Watch(10)
		defer stop()
		pass(window + offlineEvery)
		if got := told(t, again); len(got) != 3 || got[0].Online {
			t.Errorf("a later reader was told %+v", got)
		}
	})
}

func TestWatchEndsWithTheController(t *testing.T) {
	fake(t, func(t *testing.T) {
		d := newDesk(t)
		changes, stop := d.Watch(1)
		d.stop()
		if _, open := <-changes; open {
			t.Error("the channel is open")
		}
		stop()
		changes, stop = d.Watch(1)
		if _, open := <-changes; open {
			t.Error("a channel made after the end is open")
		}
		stop()
	})
}

func TestWatchFindsWhoIsRecalled(t *testing.T) {
	fake(t, func(t *testing.T) {
		d := newDesk(t)
		network := d.create()
		a, b := ident(t, 1), ident(t, 2)
		d.letIn(a, network)
		asked, _ := d.Seen(network, a.Address())
		d.restart()
		changes, stop := d.Watch(10)
		defer stop()
		d.refusal(b, network) // somebody has to wake the network
		wantTold(t, changes, change(network, a, true, time.UnixMilli(asked.Time)), change(network, b, true, time.Now()))
	})
}

// A crowd makes strangers leave memory before their window ends.
func TestWatchTellsWhoIsPutOffMemory(t *testing.T) {
	fake(t, func(t *testing.T) {
		d := newDesk(t, func(o *Options) { o.MaxMembers = 1 })
		network := d.create()
		d.refusal(ident(t, 1), network)
		d.refusal(ident(t, 2), network)
		changes, stop := d.Watch(10)
		defer stop()
		pass(time.Minute)
		if d.OnlineCount(network) != 0 {
			t.Fatal("they are in memory")
		}
		if got := told(t, changes); len(got) != 2 || got[0].Online || got[1].Online {
			t.Errorf("told %+v", got)
		}
	})
}

func TestMembersAreNotToldWhoManagesTheirNetwork(t *testing.T) {
	fake(t, func(t *testing.T) {
		d := newDesk(t)
		network := d.create()
		a := ident(t, 1)
		d.letIn(a, network)
		pass(10 * time.Second)
		d.take()
		for _, kind := range []model.EventKind{model.NetworkShared, model.NetworkMoved} {
			record, err := d.store.Network(t.Context(), network)
			if err != nil {
				t.Fatal(err)
			}
			record.OwnerID, record.Revision = "somebody else", record.Revision+1
			err = d.store.Update(t.Context(), func(tx *store.Tx) error {
				if err := tx.PutNetwork(record); err != nil {
					return err
				}
				return tx.AppendEvent(&model.Event{Kind: kind, Network: network, User: "somebody else"})
			})
			if err != nil {
				t.Fatal(err)
			}
			pass(10 * time.Second)
			if got := d.take(); len(got) != 0 {
				t.Errorf("%s sent %d packets, the first a %v", kind, len(got), got[0].verb)
			}
		}
	})
}

// BenchmarkOfflineSweep looks after 100 000 members that ask every minute.
func BenchmarkOfflineSweep(b *testing.B) {
	p := presenceWatch{watchers: map[*watcher]struct{}{{}: {}}}
	now := time.Now().UnixMilli()
	for i := range zt.Address(100_000) {
		m := &member{node: i}
		m.lastRequest.Store(now - int64(i)*60_000/100_000)
		p.note(memberKey{1, i}, m, now)
	}
	for b.Loop() {
		now += int64(offlineEvery / time.Millisecond)
		b.StopTimer()
		for _, m := range p.online {
			if last := m.lastRequest.Load(); now-last >= 60_000 {
				m.lastRequest.Store(last + 60_000)
			}
		}
		b.StartTimer()
		p.sweep(now)
	}
	if len(p.online) != 100_000 {
		b.Errorf("%d are online", len(p.online))
	}
}
