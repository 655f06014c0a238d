package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/zt"
)

// MaxKinds is how many kinds of events an EventQuery may name.
const MaxKinds = 32

// EventQuery selects events. Zero fields select all.
type EventQuery struct {
	Network      zt.NetworkID
	Node         zt.Address
	Actor        string            // user id of who did it
	User         string            // whose account it concerns
	Org          string            // which organization it concerns
	Kinds        []model.EventKind // any of them; at most MaxKinds
	Since, Until int64             // ms: Since <= Time < Until; Until 0: no end
	Before       int64             // only events with a lower Seq; 0: from the newest
	Limit        int
	// Walk is how many events are looked at, 0 for all: of two filters one finds
	// the events by an index, and the other may refuse them all.
	Walk int
}

// EventsBefore returns at most q.Limit events that q selects, newest first, and
// the Before with which to go on, 0 if no more follow. It looks at the events in
// the range of times, from the newest on until it has enough or its Walk ends,
// and there only at those of the first of these that q names: node, user,
// organization, network, actor, kinds.
func (s *Store) EventsBefore(ctx context.Context, q EventQuery) (all []model.Event, next int64, err error) {
	if len(q.Kinds) > MaxKinds {
		return nil, 0, fmt.Errorf("read events: %d kinds, at most %d are possible", len(q.Kinds), MaxKinds)
	}
	if q.Limit <= 0 {
		return nil, 0, nil
	}
	from, before, err := s.seqRange(ctx, q.Since, q.Until)
	if err != nil {
		return nil, 0, s.explain(err)
	}
	if q.Before == 0 || q.Before > before {
		q.Before = before
	}
	if q.Walk > 0 {
		if next, err = s.walkEnd(ctx, &q, from); err != nil {
			return nil, 0, s.explain(err)
		}
		from = max(from, next)
	}
	// The texts are too many to be kept as prepared statements.
	text, arguments := q.statement(from)
	rows, err := s.readDB.QueryContext(ctx, text, arguments...)
	if err != nil {
		return nil, 0, s.explain(reading("events", err))
	}
	defer rows.Close()
	for rows.Next() {
		e, err := scanEvent(rows)
		if err != nil {
			return nil, 0, s.explain(reading("events", err))
		}
		all = append(all, *e)
	}
	if len(all) == q.Limit {
		next = all[len(all)-1].Seq
	}
	return all, next, s.explain(rows.Err())
}

// walkEnd returns the Seq of the last event that a query's walk looks at, 0 if
// all events come before its end.
func (s *Store) walkEnd(ctx context.Context, q *EventQuery, from int64) (seq int64, err error) {
	named := q.named()
	switch {
	case len(named) == 0 && len(q.Kinds) > 0:
		return 0, nil // each kind has a walk that meets no others
	case len(named) <= 1 && len(q.Kinds) == 0 && q.Since == 0 && q.Until == 0:
		return 0, nil // nothing that is met is refused
	}
	var b eventSelection
	text := "SELECT seq FROM events WHERE " + q.walked(&b, from, named) + " ORDER BY seq DESC LIMIT 1 OFFSET " + b.parameter(q.Walk-1)
	err = s.readDB.QueryRowContext(ctx, text, b.arguments...).Scan(&seq)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, reading("events", err)
	}
	return seq, nil
}

// statement is the query's SQL, for events whose Seq is at least from and below
// q.Before. It finds their numbers by an index and reads only the documents of
// those that are wanted. If kinds are all that is named, each kind has an index
// walk of its own: one walk with several kinds would not be in order.
func (q *EventQuery) statement(from int64) (text string, arguments []any) {
	var b eventSelection
	limit := b.parameter(q.Limit)
	named := q.named()
	filters := q.walked(&b, from, named) + q.refusing(&b, named)
	kinds := slices.Compact(slices.Sorted(slices.Values(q.Kinds)))
	var walks []string
	switch {
	case len(kinds) == 0:
		walks = []string{filters}
	case len(named) > 0:
		places := make([]string, len(kinds))
		for i, kind := range kinds {
			places[i] = b.parameter(string(kind))
		}
		walks = []string{filters + " AND kind IN (" + strings.Join(places, ", ") + ")"}
	default:
		for _, kind := range kinds {
			walks = append(walks, filters+" AND kind <> '' AND kind = "+b.parameter(string(kind)))
		}
	}
	for i, walk := range walks {
		walks[i] = fmt.Sprintf("SELECT seq FROM (SELECT seq FROM events WHERE %s ORDER BY seq DESC LIMIT %s) AS walk%d", walk, limit, i)
	}
	found := "SELECT seq FROM (" + strings.Join(walks, " UNION ALL ") + ") AS found ORDER BY seq DESC LIMIT " + limit
	return "SELECT e.record FROM (" + found + ") AS newest JOIN events e ON e.seq = newest.seq ORDER BY newest.seq DESC", b.arguments
}

// eventFilter wants a column of events to have a value.
type eventFilter struct{ column, value string }

// named is what a query names besides kinds. An index of the first one serves
// the query.
func (q *EventQuery) named() []eventFilter {
	return slices.DeleteFunc([]eventFilter{
		{"node", nodeColumn(q.Node)},
		{"user_id", q.User},
		{"org", q.Org},
		{"network", networkColumn(q.Network)},
		{"actor", q.Actor},
	}, func(f eventFilter) bool { return f.value == "" })
}

// walked is the condition that an index serves.
func (q *EventQuery) walked(b *eventSelection, from int64, named []eventFilter) string {
	condition := "seq >= " + b.parameter(from) + " AND seq < " + b.parameter(q.Before)
	if len(named) > 0 {
		// The indexes leave "" out, so that only a query that does so too can
		// use them: this chooses one.
		condition += " AND " + named[0].column + " <> '' AND " + named[0].column + " = " + b.parameter(named[0].value)
	}
	return condition
}

// refusing is the rest of the condition, without kinds.
func (q *EventQuery) refusing(b *eventSelection, named []eventFilter) string {
	condition := ""
	for _, filter := range named[min(1, len(named)):] {
		condition += " AND " + filter.column + " = " + b.parameter(filter.value)
	}
	// The sum keeps from taking the index of times, which has another order.
	if q.Since != 0 {
		condition += " AND time + 0 >= " + b.parameter(q.Since)
	}
	if q.Until != 0 {
		condition += " AND time + 0 < " + b.parameter(q.Until)
	}
	return condition
}

// eventSelection collects the arguments of a statement.
type eventSelection struct {
	arguments []any
}

// parameter adds an argument and returns the text that stands for it.
func (b *eventSelection) parameter(value any) string {
	b.arguments = append(b.arguments, value)
	return "$" + strconv.Itoa(len(b.arguments))
}
