package store

import (
	"fmt"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/zt"
)

// activity is a store beside a plain list of the events that it should have.
type activity struct {
	store  *Store
	kept   []model.Event
	pruned int64 // the highest Seq
	newest int64
}

// drawEvent draws from few values, so that queries find something. Times go
// back and forth as those of a bad clock.
func drawEvent(t *rapid.T, now int64) model.Event {
	text := func(of string) string { return rapid.SampledFrom([]string{"", of + "1", of + "2"}).Draw(t, of) }
	return model.Event{
		Time:    now + rapid.Int64Range(-300, 300).Draw(t, "clock"),
		Kind:    drawKind(t),
		Actor:   model.Actor{UserID: text("actor")},
		Network: drawNetwork(t),
		Node:    zt.Address(rapid.Uint64Range(0, 3).Draw(t, "node")),
		User:    text("user"),
		Org:     text("org"),
	}
}

func drawNetwork(t *rapid.T) zt.NetworkID {
	return zt.NetworkID(rapid.Uint64Range(0, 2).Draw(t, "network"))
}

func drawKind(t *rapid.T) model.EventKind {
	return rapid.SampledFrom([]model.EventKind{
		model.MemberAdded, model.MemberUpdated, model.MemberDeleted, model.NetworkUpdated, model.NetworkDeleted,
	}).Draw(t, "kind")
}

func (a *activity) append(t *rapid.T) {
	count := rapid.IntRange(1, 30).Draw(t, "events")
	err := a.store.Update(t.Context(), func(tx *Tx) error {
		for range count {
			e := drawEvent(t, 1000+10*a.newest)
			if err := tx.AppendEvent(&e); err != nil {
				return err
			}
			a.newest = e.Seq
			a.kept = append(a.kept, e)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (a *activity) prune(t *rapid.T) {
	if len(a.kept) < 40 {
		return
	}
	before := a.kept[rapid.IntRange(0, 20).Draw(t, "prune")].Time
	if err := a.store.PruneEvents(t.Context(), before); err != nil {
		t.Fatal(err)
	}
	a.kept = slices.DeleteFunc(a.kept, func(e model.Event) bool {
		if e.Time < before {
			a.pruned = max(a.pruned, e.Seq)
		}
		return e.Time < before
	})
}

func (a *activity) drawSeq(t *rapid.T) int64 { return rapid.Int64Range(0, a.newest+2).Draw(t, "seq") }

// TestActivityAgainstAList asks for what a loop over a list of all events finds.
func TestActivityAgainstAList(t *testing.T) {
	a := &activity{store: openWithNetwork(t)}
	rapid.Check(t, func(t *rapid.T) {
		a.append(t)
		if rapid.IntRange(0, 3).Draw(t, "prune at all") == 0 {
			a.prune(t)
		}
		for range 5 {
			if err := a.checkQuery(t); err != nil {
				t.Fatal(err)
			}
			if err := a.checkNetwork(t); err != nil {
				t.Fatal(err)
			}
		}
		oldest, err := a.store.OldestEvent(t.Context())
		if err != nil || len(a.kept) == 0 && oldest != 0 || len(a.kept) > 0 && oldest != a.kept[0].Seq {
			t.Fatalf("the oldest event is %d: %v", oldest, err)
		}
	})
}

func (a *activity) checkQuery(t *rapid.T) error {
	sometimes := func(e EventQuery, set func(to *EventQuery)) EventQuery {
		if rapid.IntRange(0, 2).Draw(t, "set") == 0 {
			set(&e)
		}
		return e
	}
	like := drawEvent(t, 1000+10*a.drawSeq(t))
	q := EventQuery{Limit: rapid.IntRange(-1, 60).Draw(t, "limit")}
	if rapid.Bool().Draw(t, "of all") {
		like = a.kept[rapid.IntRange(0, len(a.kept)-1).Draw(t, "like")]
		q.Limit = len(a.kept)
	}
	q = sometimes(q, func(q *EventQuery) { q.Network = like.Network })
	q = sometimes(q, func(q *EventQuery) { q.Node = like.Node })
	q = sometimes(q, func(q *EventQuery) { q.Actor = like.Actor.UserID })
	q = sometimes(q, func(q *EventQuery) { q.User = like.User })
	q = sometimes(q, func(q *EventQuery) { q.Org = like.Org })
	q = sometimes(q, func(q *EventQuery) { q.Since = like.Time })
	q = sometimes(q, func(q *EventQuery) { q.Until = max(q.Since, 1000) + rapid.Int64Range(0, 500).Draw(t, "span") })
	q = sometimes(q, func(q *EventQuery) { q.Before = a.drawSeq(t) })
	q = sometimes(q, func(q *EventQuery) {
		q.Kinds = rapid.SliceOfN(rapid.Custom(drawKind), 1, 3).Draw(t, "kinds")
	})
	q.Walk = rapid.IntRange(0, 20).Draw(t, "walk")
	var want []model.Event
	for _, e := range slices.Backward(a.kept) {
		if selects(q, e) && len(want) < q.Limit {
			want = append(want, e)
		}
	}
	got, err := a.ask(t, q)
	if err != nil || len(got) != len(want) || len(want) > 0 && !reflect.DeepEqual(got, want) {
		return fmt.Errorf("%+v: got %v, want %v: %w", q, got, want, err)
	}
	return nil
}

// ask goes on until there is what a query wants, or no more follows.
func (a *activity) ask(t *rapid.T, q EventQuery) (all []model.Event, err error) {
	for wanted := q.Limit; ; q.Limit = wanted - len(all) {
		page, next, err := a.store.EventsBefore(t.Context(), q)
		all = append(all, page...)
		if err != nil || next == 0 || len(all) >= wanted {
			return all, err
		}
		if q.Walk == 0 && len(page) < q.Limit {
			return nil, fmt.Errorf("%d of %d events, and yet more follow after %d", len(page), q.Limit, next)
		}
		q.Before = next
	}
}

// selects is what EventQuery says, one word after the other.
func selects(q EventQuery, e model.Event) bool {
	return (q.Network == 0 || e.Network == q.Network) &&
		(q.Node == 0 || e.Node == q.Node) &&
		(q.Actor == "" || e.Actor.UserID == q.Actor) &&
		(q.User == "" || e.User == q.User) &&
		(q.Org == "" || e.Org == q.Org) &&
		(len(q.Kinds) == 0 || slices.Contains(q.Kinds, e.Kind)) &&
		(q.Since == 0 || e.Time >= q.Since) &&
		(q.Until == 0 || e.Time < q.Until) &&
		(q.Before == 0 || e.Seq < q.Before)
}

func (a *activity) checkNetwork(t *rapid.T) error {
	network, after := drawNetwork(t)+1, a.drawSeq(t)
	most := rapid.IntRange(0, 40).Draw(t, "most")
	events, whole := 0, a.pruned > after
	var want []zt.Address
	for _, e := range a.kept {
		if e.Network != network || e.Seq <= after {
			continue
		}
		events++
		whole = whole || events > most || e.Kind == model.NetworkDeleted
		if e.Node != 0 && !slices.Contains(want, e.Node) {
			want = append(want, e.Node)
		}
	}
	if whole {
		want = nil
	}
	got, gotWhole, err := a.store.MembersChanged(t.Context(), network, after, most)
	slices.Sort(got)
	slices.Sort(want)
	if err != nil || gotWhole != whole || !slices.Equal(got, want) {
		return fmt.Errorf("members changed after %d: %v, %v, want %v, %v: %w", after, got, gotWhole, want, whole, err)
	}
	touched, err := a.store.NetworkTouched(t.Context(), network, after)
	if err != nil || touched != (events > 0 || a.pruned > after) {
		return fmt.Errorf("touched after %d: %v with %d events: %w", after, touched, events, err)
	}
	return nil
}

func TestEventQueryIsBounded(t *testing.T) {
	s := openWithNetwork(t)
	kinds := make([]model.EventKind, MaxKinds+1)
	for i := range kinds {
		kinds[i] = model.EventKind(fmt.Sprint("kind ", i))
	}
	change(t, s, func(tx *Tx) error { return tx.AppendEvent(&model.Event{Kind: kinds[MaxKinds-1]}) })
	if got, _, err := s.EventsBefore(t.Context(), EventQuery{Kinds: kinds[:MaxKinds], Limit: 10}); err != nil || len(got) != 1 {
		t.Errorf("%v, %v", got, err)
	}
	if _, _, err := s.EventsBefore(t.Context(), EventQuery{Kinds: kinds, Limit: 10}); err == nil {
		t.Error("too many kinds were taken")
	}
}

// Filters that refuse everything do not make a query look at everything.
func TestAWalkEnds(t *testing.T) {
	s := openWithNetwork(t)
	const events, walk = 100, 10
	change(t, s, func(tx *Tx) error {
		for i := range int64(events) {
			if err := tx.AppendEvent(&model.Event{Time: 1000 + i, Kind: model.MemberAdded, Network: testNetwork}); err != nil {
				return err
			}
		}
		return nil
	})
	for what, q := range map[string]EventQuery{
		"an actor": {Network: testNetwork, Actor: "nobody"},
		"a kind":   {Network: testNetwork, Kinds: []model.EventKind{model.MemberDeleted}},
	} {
		q.Limit, q.Walk = 5, walk
		got, next, err := s.EventsBefore(t.Context(), q)
		if err != nil || len(got) != 0 || next != events-walk+1 {
			t.Errorf("%s: %d events, next %d, %v", what, len(got), next, err)
		}
		q.Before = walk + 1
		if _, next, err = s.EventsBefore(t.Context(), q); err != nil || next != 1 {
			t.Errorf("%s, the last events: next %d, %v", what, next, err)
		}
		q.Before = next
		if _, next, err = s.EventsBefore(t.Context(), q); err != nil || next != 0 {
			t.Errorf("%s, after the last events: next %d, %v", what, next, err)
		}
	}
}

// A time range is found without reading the events outside of it, unless clocks
// were off by as much.
func TestSeqRangeIsNarrow(t *testing.T) {
	s := openWithNetwork(t)
	const events = 300
	change(t, s, func(tx *Tx) error {
		for i := range int64(events) {
			if err := tx.AppendEvent(&model.Event{Time: 1000 + 10*i - 15*(i%3)}); err != nil { // 1000, 995, 990, 1030 …
				return err
			}
		}
		return nil
	})
	from, before, err := s.seqRange(t.Context(), 2000, 2100)
	if err != nil || from < 98 || from > 103 || before < 112 || before > 117 {
		t.Errorf("events %d to %d, %v; those from 103 on and before 112 were asked for", from, before, err)
	}
}

func TestCommittedIsTheNewestEvent(t *testing.T) {
	path := t.TempDir() + "/orrery.db"
	s := open(t, path)
	if s.Committed() != 0 {
		t.Errorf("a new store has committed %d", s.Committed())
	}
	const callers = 200
	fillBatch(t, s, callers, func(i int) {
		e := &model.Event{}
		err := s.Update(t.Context(), func(tx *Tx) error {
			if err := tx.AppendEvent(e); err != nil {
				return err
			}
			if i%4 == 3 {
				return fmt.Errorf("no")
			}
			return nil
		})
		if err == nil && s.Committed() < e.Seq {
			t.Errorf("event %d was committed, but not as Committed says: %d", e.Seq, s.Committed())
		}
	})
	if last, err := s.LastEvent(t.Context()); err != nil || last != callers*3/4 || s.Committed() != last {
		t.Errorf("committed %d, last %d, %v", s.Committed(), last, err)
	}
	change(t, s, func(tx *Tx) error { return tx.SetMeta("a", "1") })
	if err := s.PruneEvents(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if s.Committed() != callers*3/4 {
		t.Errorf("committed %d after pruning", s.Committed())
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if again := open(t, path); again.Committed() != callers*3/4 {
		t.Errorf("committed %d after opening again", again.Committed())
	}
}
