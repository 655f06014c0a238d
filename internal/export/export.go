// Package export writes networks and members to where the data goes: files for
// spreadsheets and databases, databases themselves, and configuration
// management. Rows come one after another and are not kept, so that 100 000 of
// them take hardly more memory than one; only formats that name hosts keep a few
// words of each, because names must be unique. A file is written whole or not at
// all, and a database is changed in one transaction.
package export

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/orrery-net/orrery/internal/table"
)

// Row is a network, or a member with its network. Each network comes first by
// itself and is followed by its members, if members are exported.
type Row struct {
	Network table.Object
	Member  table.Object // nil: the row is the network itself
}

// Format is what an export is written as.
type Format string

// The formats of text, which can go to a pipe.
const (
	CSV        Format = "csv"
	TSV        Format = "tsv"
	JSON       Format = "json"
	NDJSON     Format = "ndjson"
	Ansible    Format = "ansible"    // inventory, YAML
	Prometheus Format = "prometheus" // service discovery, JSON
	Hosts      Format = "hosts"      // hosts(5)
	SSHConfig  Format = "ssh-config" // ssh_config(5)
)

// The formats that need a file or a server.
const (
	XLSX     Format = "xlsx"
	SQLite   Format = "sqlite"
	Postgres Format = "postgres"
)

// Writer takes rows. Close finishes, Abort leaves nothing behind of what was not
// finished: no file, no half of one, and the database as it was. Close does the
// same when it fails. Abort after Close does nothing. Not safe for concurrent use.
type Writer interface {
	Write(ctx context.Context, r Row) error
	Close(ctx context.Context) error
	Abort()
	// Count is how many rows are in the export: of members if those are exported,
	// without those that the format leaves out.
	Count() int
	// Pruned is how many rows Close deleted from the database.
	Pruned() int
}

// Open begins an export to a file or a database. The target is not touched yet,
// except that a missing table or column may be waiting to be committed.
func Open(ctx context.Context, t Target, o Options) (Writer, error) {
	if err := o.Check(t.Format); err != nil {
		return nil, err
	}
	switch t.Format {
	case SQLite:
		return openSQLite(ctx, t, o)
	case Postgres:
		return openPostgres(ctx, t, o)
	}
	if t.Path == "" {
		return nil, wrong("%s needs a file", t.Format)
	}
	file, err := replaceFile(t.Path)
	if err != nil {
		return nil, err
	}
	var rows rowWriter
	if t.Format == XLSX {
		rows, err = newWorkbook(file, o)
	} else {
		rows, err = newRows(file, t.Format, o)
	}
	if err != nil {
		file.discard()
		return nil, err
	}
	return &document{rows: rows, file: file}, nil
}

// NewText writes a format of text to w. The caller closes w, of which Abort
// takes nothing back.
func NewText(w io.Writer, f Format, o Options) (Writer, error) {
	if err := o.Check(f); err != nil {
		return nil, err
	}
	rows, err := newRows(w, f, o)
	if err != nil {
		return nil, err
	}
	return &document{rows: rows}, nil
}

// rowWriter is a format.
type rowWriter interface {
	// write reports whether the row is in the export.
	write(context.Context, Row) (bool, error)
	close(context.Context) error
	abort()
}

func newRows(w io.Writer, f Format, o Options) (rowWriter, error) {
	out := bufio.NewWriterSize(w, 1<<16)
	switch f {
	case CSV, TSV, JSON, NDJSON:
		return newList(out, f, o)
	case Prometheus:
		return newTargets(out, o), nil
	case Ansible:
		return newInventory(out, o), nil
	case Hosts:
		return newHosts(out, o), nil
	case SSHConfig:
		return newSSHConfig(out, o), nil
	}
	return nil, wrong("%s is not a format of text", f)
}

// document is an export to a file, or to a stream if file is nil.
type document struct {
	rows  rowWriter
	file  *replacement
	count int
	done  bool
}

func (d *document) Write(ctx context.Context, r Row) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	written, err := d.rows.write(ctx, r)
	if written && err == nil {
		d.count++
	}
	return d.explain(err)
}

func (d *document) Close(ctx context.Context) error {
	if d.done {
		return nil
	}
	if err := d.rows.close(ctx); err != nil {
		d.Abort()
		return d.explain(err)
	}
	if err := ctx.Err(); err != nil {
		d.Abort()
		return err
	}
	d.done = true
	if d.file == nil {
		return nil
	}
	return d.explain(d.file.commit())
}

func (d *document) Abort() {
	if d.done {
		return
	}
	d.done = true
	d.rows.abort()
	if d.file != nil {
		d.file.discard()
	}
}

func (d *document) Count() int  { return d.count }
func (d *document) Pruned() int { return 0 }

// explain says which file it is that cannot be written, as the user named it.
func (d *document) explain(err error) error {
	if err == nil || d.file == nil {
		return err
	}
	var path *fs.PathError
	if errors.As(err, &path) && path.Path == d.file.Name() {
		err = path.Err
	}
	return fmt.Errorf("write %s: %w", d.file.path, err)
}
