package store

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/zt"
)

// Members calls each for the members of a network that are not deleted,
// ascending by node. It stops at an error of each and returns it. While each has
// the members of one page, the next page is read and then waits: nothing of the
// database is held for as long as each may take, and changes made meanwhile may
// show.
func (s *Store) Members(ctx context.Context, network zt.NetworkID, each func(*model.Member) error) error {
	ctx, cancel := context.WithCancel(ctx)
	next := s.startPage(ctx, network, 0)
	defer func() {
		cancel()
		if next != nil {
			<-next
		}
	}()
	for next != nil {
		page := <-next
		next = nil
		if page.err != nil {
			return page.err
		}
		if len(page.rows) == membersPage {
			next = s.startPage(ctx, network, page.last)
		}
		for i := range page.rows {
			m, err := page.rows[i].decode()
			if err != nil {
				return err
			}
			if err := each(m); err != nil {
				return err
			}
		}
	}
	return nil
}

// memberPage is a page of a member list, not decoded yet.
type memberPage struct {
	rows []memberRow
	last zt.Address // of a full page
	err  error
}

// startPage reads a page beside its caller, who must take it from the channel.
func (s *Store) startPage(ctx context.Context, network zt.NetworkID, after zt.Address) <-chan memberPage {
	read := make(chan memberPage, 1)
	go func() { read <- s.readPage(ctx, network, after) }()
	return read
}

func (s *Store) readPage(ctx context.Context, network zt.NetworkID, after zt.Address) memberPage {
	rows := make([]memberRow, 0, membersPage)
	err := s.each(ctx, "read members", membersAfter,
		[]any{network.String(), after.String(), membersPage}, func(row *sql.Rows) error {
			rows = append(rows, memberRow{})
			return row.Scan(rows[len(rows)-1].columns()...)
		})
	if err != nil || len(rows) < membersPage {
		return memberPage{rows: rows, err: err}
	}
	last, err := rows[len(rows)-1].decode()
	if err != nil {
		return memberPage{err: err}
	}
	return memberPage{rows: rows, last: last.Node}
}

// memberRow is a member as the database gives it.
type memberRow struct {
	document          string
	deleted, revision integer
}

// integer is a column that database/sql would otherwise convert by way of its
// text.
type integer int64

// Scan implements sql.Scanner.
func (i *integer) Scan(value any) error {
	number, ok := value.(int64)
	if !ok {
		return fmt.Errorf("the column is not an integer but %T", value)
	}
	*i = integer(number)
	return nil
}

// memberColumns is what columns takes.
const memberColumns = "record, deleted, revision"

func (r *memberRow) columns() []any { return []any{&r.document, &r.deleted, &r.revision} }

func (r *memberRow) decode() (*model.Member, error) {
	m, err := decodeMember(r.document)
	if err != nil {
		return nil, err
	}
	m.DeletedTime, m.Revision = int64(r.deleted), uint64(r.revision)
	return m, nil
}

func scanMember(row *sql.Rows) (*model.Member, error) {
	var r memberRow
	if err := row.Scan(r.columns()...); err != nil {
		return nil, err
	}
	return r.decode()
}
