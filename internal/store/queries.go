package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/zt"
)

// The queries that transactions and plain reads have in common.

// membersAfter reads a page of a network's members that are not deleted, and
// membersPage is how many that is.
const (
	membersAfter = "SELECT " + memberColumns + ` FROM members
		WHERE network = $1 AND node > $2 AND deleted = 0 ORDER BY node LIMIT $3`
	membersPage = 256
)

func (s *statements) member(ctx context.Context, network zt.NetworkID, node zt.Address) (*model.Member, error) {
	var row memberRow
	err := s.row(ctx, "SELECT "+memberColumns+" FROM members WHERE network = $1 AND node = $2",
		[]any{network.String(), node.String()}, row.columns()...)
	if err != nil {
		return nil, reading("member", err)
	}
	return row.decode()
}

func (s *statements) meta(ctx context.Context, key string) (string, error) {
	var value string
	err := s.row(ctx, "SELECT value FROM meta WHERE key = $1", []any{key}, &value)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", reading(key, err)
	}
	return value, nil
}

// counter returns a counter's value, 0 if it never counted.
func (s *statements) counter(ctx context.Context, name string) (int64, error) {
	var value int64
	err := s.row(ctx, "SELECT value FROM counters WHERE name = $1", []any{name}, &value)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, fmt.Errorf("read the counter %s: %w", name, err)
	}
	return value, nil
}

// record decodes the document that a query selects as its only column.
func record[T any](ctx context.Context, on *statements, what string, decode func([]byte) (*T, error), query string, arguments ...any) (*T, error) {
	var text []byte
	if err := on.row(ctx, query, arguments, &text); err != nil {
		return nil, reading(what, err)
	}
	return decode(text)
}

// records decodes the documents that a query selects as its only column.
func records[T any](ctx context.Context, on *statements, what string, decode func([]byte) (*T, error), query string, arguments ...any) ([]*T, error) {
	var all []*T
	err := on.rows(ctx, query, arguments, func(row *sql.Rows) error {
		var text sql.RawBytes
		if err := row.Scan(&text); err != nil {
			return err
		}
		one, err := decode(text)
		all = append(all, one)
		return err
	})
	if err != nil {
		return nil, reading(what, err)
	}
	return all, nil
}

// reading says what was being read, in the terms of this package.
func reading(what string, err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNotFound
	}
	return fmt.Errorf("read %s: %w", what, err)
}

// parameters lists a number of parameters from a first one on: "$2,$3,$4".
func parameters(first, count int) string {
	var text strings.Builder
	for i := range count {
		if i > 0 {
			text.WriteByte(',')
		}
		text.WriteString("$" + strconv.Itoa(first+i))
	}
	return text.String()
}
