package store

import (
	"context"
	"database/sql"
	"errors"
	"sync"
)

// preparer is a connection, or several of them.
type preparer interface {
	PrepareContext(ctx context.Context, query string) (*sql.Stmt, error)
	Close() error
}

// statements runs SQL through statements that are prepared once. The texts are
// this package's own, which bounds their number.
type statements struct {
	on preparer

	mu     sync.Mutex
	byText map[string]*sql.Stmt
}

func newStatements(on preparer) *statements {
	return &statements{on: on, byText: make(map[string]*sql.Stmt)}
}

// close ends the statements and then what they ran on. One statement left open
// would keep SQLite from emptying its log into the file.
func (s *statements) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []error
	for _, statement := range s.byText {
		all = append(all, statement.Close())
	}
	clear(s.byText)
	return errors.Join(append(all, s.on.Close())...)
}

func (s *statements) prepared(ctx context.Context, text string) (*sql.Stmt, error) {
	s.mu.Lock()
	statement := s.byText[text]
	s.mu.Unlock()
	if statement != nil {
		return statement, nil
	}
	statement, err := s.on.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if first := s.byText[text]; first != nil {
		statement.Close()
		return first, nil
	}
	s.byText[text] = statement
	return statement, nil
}

// exec runs a statement and returns how many rows it changed.
func (s *statements) exec(ctx context.Context, text string, arguments ...any) (int64, error) {
	statement, err := s.prepared(ctx, text)
	if err != nil {
		return 0, err
	}
	result, err := statement.ExecContext(ctx, arguments...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// row reads the first row of a query; sql.ErrNoRows if there is none.
func (s *statements) row(ctx context.Context, text string, arguments []any, into ...any) error {
	statement, err := s.prepared(ctx, text)
	if err != nil {
		return err
	}
	return statement.QueryRowContext(ctx, arguments...).Scan(into...)
}

// rows calls each for every row of a query until it returns an error.
func (s *statements) rows(ctx context.Context, text string, arguments []any, each func(row *sql.Rows) error) error {
	statement, err := s.prepared(ctx, text)
	if err != nil {
		return err
	}
	rows, err := statement.QueryContext(ctx, arguments...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := each(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}
