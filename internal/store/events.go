package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/orrery-net/orrery/internal/model"
)

// eventCounter is the row of counters that numbers events.
const eventCounter = "event"

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

// Events returns at most limit events with a Seq above after, ascending. Events
// become visible in the order of their numbers.
func (s *Store) Events(ctx context.Context, after int64, limit int) ([]model.Event, error) {
	var all []model.Event
	err := s.each(ctx, "read events", "SELECT record FROM events WHERE seq > $1 ORDER BY seq LIMIT $2",
		[]any{after, limit}, func(row *sql.Rows) error {
			var text sql.RawBytes
			if err := row.Scan(&text); err != nil {
				return err
			}
			e, err := decode[model.Event](text)
			if err == nil {
				all = append(all, *e)
			}
			return err
		})
	return all, err
}

// LastEvent returns the Seq of the newest event, also if it was pruned; 0 if
// there never was one.
func (s *Store) LastEvent(ctx context.Context) (int64, error) {
	var seq int64
	err := s.read.row(ctx, "SELECT value FROM counters WHERE name = $1", []any{eventCounter}, &seq)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, s.explain(fmt.Errorf("read the last event: %w", err))
	}
	return seq, nil
}

// prunePage is how many events are removed in one update, so that others need
// not wait long.
const prunePage = 500

// PruneEvents removes the events whose Time is before a time.
func (s *Store) PruneEvents(ctx context.Context, before int64) error {
	for {
		var count int64
		err := s.Update(ctx, func(tx *Tx) (err error) {
			count, err = tx.exec("prune events", `
				DELETE FROM events WHERE seq IN (SELECT seq FROM events WHERE time < $1 ORDER BY time LIMIT $2)`,
				before, prunePage)
			return err
		})
		if err != nil || count < prunePage {
			return err
		}
	}
}
