package export

import (
	"bufio"
	"context"

	"github.com/orrery-net/orrery/internal/table"
)

// list is an export in a format of package table.
type list struct {
	rows    table.Writer
	out     *bufio.Writer
	members bool
}

func newList(out *bufio.Writer, f Format, o Options) (*list, error) {
	rows, err := table.NewWriter(out, table.Options{
		Format: table.Format(f), Columns: o.columns(), Chosen: o.Chosen,
		NoHeader: o.NoHeader, Times: o.Times, SpreadsheetSafe: o.SpreadsheetSafe,
	})
	if err != nil {
		return nil, optionsError{err}
	}
	return &list{rows: rows, out: out, members: o.Members}, nil
}

func (l *list) write(_ context.Context, r Row) (bool, error) {
	switch {
	case !l.members:
		return true, l.rows.Write(r.Network)
	case r.Member == nil:
		return false, nil
	}
	return true, l.rows.Write(r.Member)
}

func (l *list) close(context.Context) error {
	if err := l.rows.Close(); err != nil {
		return err
	}
	return l.out.Flush()
}

func (l *list) abort() {}
