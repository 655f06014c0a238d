package store

import (
	"context"
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
}

// EventsBefore returns at most q.Limit events that q selects, newest first. It
// looks at the events in the range of times, from the newest on until it has
// enough, and there only at those of the first of these that q names: node,
// user, organization, network, actor, kinds.
func (s *Store) EventsBefore(ctx context.Context, q EventQuery) ([]model.Event, error) {
	if len(q.Kinds) > MaxKinds {
		return nil, fmt.Errorf("read events: %d kinds, at most %d are possible", len(q.Kinds), MaxKinds)
	}
	if q.Limit <= 0 {
		return nil, nil
	}
	from, before, err := s.seqRange(ctx, q.Since, q.Until)
	if err != nil {
		return nil, s.explain(err)
	}
	if q.Before == 0 || q.Before > before {
		q.Before = before
	}
	// The texts are too many to be kept as prepared statements.
	text, arguments := q.statement(from)
	rows, err := s.readDB.QueryContext(ctx, text, arguments...)
	if err != nil {
		return nil, s.explain(reading("events", err))
	}
	defer rows.Close()
	var all []model.Event
	for rows.Next() {
		e, err := scanEvent(rows)
		if err != nil {
			return nil, s.explain(reading("events", err))
		}
		all = append(all, *e)
	}
	return all, s.explain(rows.Err())
}

// statement is the query's SQL, for events whose Seq is at least from and below
// q.Before. It finds their numbers by an index and reads only the documents of
// those that are wanted. If kinds are all that is named, each kind has an index
// walk of its own: one walk with several kinds would not be in order.
func (q *EventQuery) statement(from int64) (text string, arguments []any) {
	var b eventSelection
	limit := b.parameter(q.Limit)
	filters, indexed := q.filters(&b, from)
	kinds := slices.Compact(slices.Sorted(slices.Values(q.Kinds)))
	var walks []string
	switch {
	case len(kinds) == 0:
		walks = []string{filters}
	case indexed:
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

// filters is the condition of everything but kinds, and whether an index of
// something that the query names serves it.
func (q *EventQuery) filters(b *eventSelection, from int64) (condition string, indexed bool) {
	all := []string{"seq >= " + b.parameter(from), "seq < " + b.parameter(q.Before)}
	for _, filter := range []struct{ column, value string }{
		{"node", nodeColumn(q.Node)},
		{"user_id", q.User},
		{"org", q.Org},
		{"network", networkColumn(q.Network)},
		{"actor", q.Actor},
	} {
		if filter.value == "" {
			continue
		}
		if !indexed {
			// The indexes leave "" out, so that only a query that does so too
			// can use them: this chooses one.
			all = append(all, filter.column+" <> ''")
			indexed = true
		}
		all = append(all, filter.column+" = "+b.parameter(filter.value))
	}
	// The sum keeps from taking the index of times, which has another order.
	if q.Since != 0 {
		all = append(all, "time + 0 >= "+b.parameter(q.Since))
	}
	if q.Until != 0 {
		all = append(all, "time + 0 < "+b.parameter(q.Until))
	}
	return strings.Join(all, " AND "), indexed
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
