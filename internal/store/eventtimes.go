package store

import (
	"context"
	"database/sql"
	"errors"
	"math"

	"github.com/orrery-net/orrery/internal/model"
)

// Events are in the order of their commits, and their times nearly so: clocks
// are set back, and updates that began at the same time end in either order. A
// counter keeps the most, in ms, that an event was ever earlier than one with a
// lower Seq. With that a binary search in the times of events tells where those
// of a time range are, for sure and without a walk.

// noteLateness keeps that counter when an event is about to be stored.
func (t *Tx) noteLateness(e *model.Event) error {
	latest, err := read(t, func(ctx context.Context) (latest sql.NullInt64, err error) {
		err = t.on.row(ctx, "SELECT MAX(time) FROM events", nil, &latest)
		return latest, err
	})
	if err != nil || !latest.Valid || latest.Int64 <= e.Time {
		return err
	}
	return t.raiseCounter(latenessCounter, lateness(latest.Int64, e.Time))
}

// lateness is how much earlier a time is than the latest so far.
func lateness(latest, time int64) int64 { return max(minus(latest, time), 0) }

// seqRange returns a range of Seq, from included and before not, outside of
// which no event has a time in the range of times; until 0 has no end.
func (s *Store) seqRange(ctx context.Context, since, until int64) (from, before int64, err error) {
	late, err := s.read.counter(ctx, latenessCounter)
	if err != nil {
		return 0, 0, err
	}
	before = math.MaxInt64
	if late == math.MaxInt64 {
		return 0, before, nil // times that are not times: it may be more
	}
	if until != 0 {
		if before, err = s.boundary(ctx, plus(until, late)); err != nil {
			return 0, 0, err
		}
	}
	if since != 0 {
		from, err = s.boundary(ctx, minus(since, late))
	}
	return from, before, err
}

// boundary returns a Seq: the next event below it, if any, is before a time,
// and the next one from it on is not.
func (s *Store) boundary(ctx context.Context, at int64) (int64, error) {
	below, boundary := int64(0), s.Committed()+1
	for below+1 < boundary {
		middle := below + (boundary-below)/2
		var seq, time int64
		err := s.read.row(ctx, "SELECT seq, time FROM events WHERE seq >= $1 AND seq < $2 ORDER BY seq LIMIT 1",
			[]any{middle, boundary}, &seq, &time)
		switch {
		case err == nil && time < at:
			below = seq
		case err == nil || errors.Is(err, sql.ErrNoRows):
			boundary = middle
		default:
			return 0, reading("the times of events", err)
		}
	}
	return boundary, nil
}

// plus and minus stop at the ends of int64: times come from strangers.
func plus(a, b int64) int64 {
	if b > 0 && a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

func minus(a, b int64) int64 {
	switch {
	case b > 0 && a < math.MinInt64+b:
		return math.MinInt64
	case b < 0 && a > math.MaxInt64+b:
		return math.MaxInt64
	}
	return a - b
}
