package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/zt"
)

// The rows of counters.
const (
	eventCounter    = "event"          // numbers events
	prunedCounter   = "event.pruned"   // the highest Seq that was pruned
	latenessCounter = "event.lateness" // ms, see noteLateness
)

// AppendEvent stores an event and sets its Seq, one more than the last one's.
func (t *Tx) AppendEvent(e *model.Event) error {
	seq, err := read(t, func(ctx context.Context) (seq int64, err error) {
		err = t.on.row(ctx, `
			INSERT INTO counters (name, value) VALUES ($1, 1)
			ON CONFLICT (name) DO UPDATE SET value = counters.value + 1 RETURNING value`,
			[]any{eventCounter}, &seq)
		return seq, err
	})
	if err != nil {
		return fmt.Errorf("number an event: %w", err)
	}
	if err := t.noteLateness(e); err != nil {
		return fmt.Errorf("note the time of an event: %w", err)
	}
	e.Seq = seq
	text, err := encode(e)
	if err != nil {
		return err
	}
	_, err = t.exec("store event", `
		INSERT INTO events (seq, time, network, node, actor, user_id, org, kind, record)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		e.Seq, e.Time, networkColumn(e.Network), nodeColumn(e.Node), e.Actor.UserID, e.User, e.Org, string(e.Kind), text)
	t.lastEvent = e.Seq
	return err
}

// networkColumn and nodeColumn are how events name a network and a node, "" for
// none.
func networkColumn(id zt.NetworkID) string {
	if id == 0 {
		return ""
	}
	return id.String()
}

func nodeColumn(node zt.Address) string {
	if node == 0 {
		return ""
	}
	return node.String()
}

// Changed returns a channel that is closed after the next commit that appends
// events. A reader takes it before it reads, reads, and waits on it: nothing
// that is committed in between is missed.
func (s *Store) Changed() <-chan struct{} {
	s.changedMu.Lock()
	defer s.changedMu.Unlock()
	return s.changed
}

func (s *Store) wake() {
	s.changedMu.Lock()
	defer s.changedMu.Unlock()
	close(s.changed)
	s.changed = make(chan struct{})
}

// Committed returns the Seq of the newest committed event, also if it was
// pruned; 0 if there never was one. Every change whose Update has returned is
// visible to reads that follow and has a Seq not above the result. It comes from
// memory.
func (s *Store) Committed() int64 { return s.committed.Load() }

// LastEvent returns the Seq of the newest event, also if it was pruned; 0 if
// there never was one.
func (s *Store) LastEvent(ctx context.Context) (int64, error) {
	seq, err := s.read.counter(ctx, eventCounter)
	return seq, s.explain(err)
}

// OldestEvent returns the Seq of the oldest event that is still kept; 0 if
// there is none.
func (s *Store) OldestEvent(ctx context.Context) (int64, error) {
	var seq int64
	err := s.read.row(ctx, "SELECT seq FROM events ORDER BY seq LIMIT 1", nil, &seq)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, s.explain(reading("the oldest event", err))
	}
	return seq, nil
}

// Events returns at most limit events with a Seq above after, ascending. Events
// become visible in the order of their numbers.
func (s *Store) Events(ctx context.Context, after int64, limit int) ([]model.Event, error) {
	var all []model.Event
	err := s.each(ctx, "read events", "SELECT record FROM events WHERE seq > $1 ORDER BY seq LIMIT $2",
		[]any{after, limit}, func(row *sql.Rows) error {
			e, err := scanEvent(row)
			if err == nil {
				all = append(all, *e)
			}
			return err
		})
	return all, err
}

func scanEvent(row *sql.Rows) (*model.Event, error) {
	var text sql.RawBytes
	if err := row.Scan(&text); err != nil {
		return nil, err
	}
	return decode[model.Event](text)
}

const (
	networkEventAfter  = "SELECT seq FROM events WHERE network = $1 AND network <> '' AND seq > $2 LIMIT 1"
	networkEventsAfter = "SELECT node, kind FROM events WHERE network = $1 AND network <> '' AND seq > $2 ORDER BY seq LIMIT $3"
)

// NetworkTouched reports whether there are events of a network, about itself or
// its members, after a Seq. It is true also if such events may have been pruned.
func (s *Store) NetworkTouched(ctx context.Context, network zt.NetworkID, after int64) (bool, error) {
	var seq int64
	err := s.read.row(ctx, networkEventAfter, []any{network.String(), after}, &seq)
	if err == nil {
		return true, nil
	}
	if !errors.Is(err, sql.ErrNoRows) {
		return false, s.explain(reading("the events of a network", err))
	}
	return s.prunedAfter(ctx, after)
}

// MembersChanged returns the nodes (each once, in no order) of a network that
// events after a Seq name. whole reports that the network itself was deleted, or
// that events after that Seq are more than most or may have been pruned: then
// everything may have changed, and nodes is nil.
func (s *Store) MembersChanged(ctx context.Context, network zt.NetworkID, after int64, most int) (nodes []zt.Address, whole bool, err error) {
	events := 0
	named := make(map[string]bool)
	err = s.each(ctx, "read the events of a network", networkEventsAfter,
		[]any{network.String(), after, max(most, 0) + 1}, func(row *sql.Rows) error {
			var node, kind string
			if err := row.Scan(&node, &kind); err != nil {
				return err
			}
			events++
			whole = whole || kind == string(model.NetworkDeleted) || events > most
			named[node] = true
			return nil
		})
	if err == nil && !whole {
		whole, err = s.prunedAfter(ctx, after)
	}
	if err != nil || whole {
		return nil, whole, err
	}
	delete(named, "")
	for text := range named {
		node, err := zt.ParseAddress(text)
		if err != nil {
			return nil, false, fmt.Errorf("read the events of a network: %w", err)
		}
		nodes = append(nodes, node)
	}
	return nodes, false, nil
}

// prunedAfter reports whether an event above a Seq was pruned. Ask after looking
// for events: one that was pruned in between is then not overlooked.
func (s *Store) prunedAfter(ctx context.Context, after int64) (bool, error) {
	pruned, err := s.read.counter(ctx, prunedCounter)
	return pruned > after, s.explain(err)
}

// prunePage is how many events are removed in one update, so that others need
// not wait long.
const prunePage = 500

// PruneEvents removes the events whose Time is before a time.
func (s *Store) PruneEvents(ctx context.Context, before int64) error {
	for {
		var count int
		err := s.Update(ctx, func(tx *Tx) (err error) {
			count, err = tx.pruneEvents(before)
			return err
		})
		if err != nil || count < prunePage {
			return err
		}
	}
}

// pruneEvents removes up to prunePage events and notes the highest Seq of them.
// Times need not ascend with Seq, so that the oldest event that is left does not
// tell it.
func (t *Tx) pruneEvents(before int64) (count int, err error) {
	var highest int64
	err = t.rows("prune events", `
		DELETE FROM events WHERE seq IN (SELECT seq FROM events WHERE time < $1 ORDER BY time LIMIT $2) RETURNING seq`,
		[]any{before, prunePage}, func(row *sql.Rows) error {
			var seq int64
			err := row.Scan(&seq)
			count, highest = count+1, max(highest, seq)
			return err
		})
	if err != nil || count == 0 {
		return 0, err
	}
	return count, t.raiseCounter(prunedCounter, highest)
}

// raiseCounter sets a counter unless it is that high already.
func (t *Tx) raiseCounter(name string, value int64) error {
	_, err := t.exec("raise the counter "+name, `
		INSERT INTO counters (name, value) VALUES ($1, $2)
		ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE excluded.value > counters.value`, name, value)
	return err
}
