package export

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/orrery-net/orrery/internal/table"
)

// sqliteFile is a database file. One that is new is made under another name and
// put in its place when it is complete; one that was there is changed in one
// transaction.
type sqliteFile struct {
	counter
	options Options
	path    string // as the user wrote it
	real    string // behind links
	working string // the file that is written
	isNew   bool
	db      *sql.DB
	tx      *sql.Tx
	tables  map[string]*sqliteTable
	done    bool
}

// sqliteTable is a table of it.
type sqliteTable struct {
	relation
	upsert *sql.Stmt
	seen   *sql.Stmt // notes an id; nil if nothing will be pruned
	cells  []any
}

func openSQLite(ctx context.Context, t Target, o Options) (Writer, error) {
	if t.Path == "" {
		return nil, wrong("sqlite needs a file")
	}
	f := &sqliteFile{counter: counter{members: o.Members}, options: o, path: t.Path, tables: make(map[string]*sqliteTable)}
	if err := f.open(ctx); err != nil {
		f.Abort()
		return nil, f.explain(ctx, err)
	}
	return f, nil
}

func (f *sqliteFile) open(ctx context.Context) error {
	real, info, err := find(f.path)
	if err != nil {
		return err
	}
	f.real, f.working = real, real
	switch {
	case info == nil:
		if err := f.create(); err != nil {
			return err
		}
	case !info.Mode().IsRegular():
		return errors.New("it is not a file")
	}
	if f.db, err = sql.Open("sqlite", sqliteURL(f.working, f.isNew)); err != nil {
		return err
	}
	f.db.SetMaxOpenConns(1)
	if f.tx, err = f.db.BeginTx(ctx, nil); err != nil {
		return err
	}
	switch migrations, err := f.columnsOf(ctx, "goose_db_version"); {
	case err != nil:
		return err
	case migrations != nil:
		return errors.New("it is the database of a server, which nobody else should change; choose another file")
	}
	relations, err := f.options.relations()
	if err != nil {
		return err
	}
	for _, r := range relations {
		if err := f.prepare(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

// create makes the file that becomes the database.
func (f *sqliteFile) create() error {
	for _, rest := range []string{"-wal", "-journal"} {
		// SQLite would take it for unfinished changes of the new database, and do or
		// undo them there.
		if _, err := os.Lstat(f.real + rest); err == nil {
			return fmt.Errorf("the database is gone, but its %s is still there; delete that, or choose another file", filepath.Base(f.real+rest))
		}
	}
	f.working = temporaryName(f.real)
	file, err := os.OpenFile(f.working, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return inFolder(err)
	}
	f.isNew = true
	return file.Close()
}

// sqliteURL names a file to the driver. A file that is new needs no journal:
// nobody knows it before it is complete.
func sqliteURL(path string, isNew bool) string {
	absolute, err := filepath.Abs(path)
	if err != nil {
		absolute = path
	}
	absolute = filepath.ToSlash(absolute)
	if !strings.HasPrefix(absolute, "/") {
		absolute = "/" + absolute // C:/…
	}
	query := url.Values{"_txlock": {"immediate"}, "_pragma": {"busy_timeout(5000)"}}
	if isNew {
		query["_pragma"] = append(query["_pragma"], "journal_mode(off)", "synchronous(off)")
	}
	return (&url.URL{Scheme: "file", Path: absolute, RawQuery: query.Encode()}).String()
}

// prepare makes a table fit for a relation, and the statements that fill it.
func (f *sqliteFile) prepare(ctx context.Context, r relation) error {
	existing, err := f.columnsOf(ctx, r.name)
	if err != nil {
		return err
	}
	if existing != nil {
		if err := f.checkTable(ctx, r, existing); err != nil {
			return err
		}
	}
	for _, statement := range r.sqliteChanges(existing) {
		if _, err := f.tx.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	t := &sqliteTable{relation: r, cells: make([]any, len(r.columns))}
	insert := fmt.Sprintf("INSERT INTO %s (%s) VALUES (?%s) %s", quote(r.name), r.names(""), strings.Repeat(", ?", len(r.columns)-1), r.onConflict())
	if t.upsert, err = f.tx.PrepareContext(ctx, insert); err != nil {
		return err
	}
	if f.options.Prune {
		if _, err := f.tx.ExecContext(ctx, fmt.Sprintf(`CREATE TEMP TABLE %s ("id" TEXT PRIMARY KEY) WITHOUT ROWID`, seenBySQLite(r.name))); err != nil {
			return err
		}
		if t.seen, err = f.tx.PrepareContext(ctx, fmt.Sprintf(`INSERT OR IGNORE INTO %s VALUES (?)`, seenBySQLite(r.name))); err != nil {
			return err
		}
	}
	f.tables[r.name] = t
	return nil
}

func seenBySQLite(relation string) string { return `temp."exported ` + relation + `"` }

// columnsOf are the columns of a table with the types that they were declared
// with, in upper case; nil if there is no such table. Names are in lower case,
// which is all the same to SQLite.
func (f *sqliteFile) columnsOf(ctx context.Context, name string) (map[string]string, error) {
	rows, err := f.tx.QueryContext(ctx, "SELECT name, upper(type) FROM pragma_table_xinfo(?)", name)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var columns map[string]string
	for rows.Next() {
		var column, kind string
		if err := rows.Scan(&column, &kind); err != nil {
			return nil, err
		}
		if columns == nil {
			columns = make(map[string]string)
		}
		columns[strings.ToLower(column)] = kind
	}
	return columns, rows.Err()
}

// checkTable reports whether rows can be updated by their id in a table that is
// there, and whether the columns that it has are of the right types.
func (f *sqliteFile) checkTable(ctx context.Context, r relation, existing map[string]string) error {
	for _, c := range r.columns {
		if err := r.sqliteFits(c, existing); err != nil {
			return err
		}
	}
	unique := false
	err := f.tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM pragma_index_list(?) i WHERE i."unique" AND NOT i.partial
		AND (SELECT group_concat(lower(name)) FROM pragma_index_info(i.name)) = 'id')`, r.name).Scan(&unique)
	if err == nil && !unique {
		err = fmt.Errorf("its table %s was not made by an export: its column id is not unique; rename the table, or export to another file", r.name)
	}
	return err
}

// sqliteChanges make the table that a relation needs, or the columns.
func (r relation) sqliteChanges(existing map[string]string) []string {
	definition := func(c table.Column) string { return quote(c.Name) + " " + r.sqliteType(c) }
	var changes []string
	if existing == nil {
		columns := []string{`"id" TEXT NOT NULL PRIMARY KEY`}
		for _, c := range r.columns[1:] {
			columns = append(columns, definition(c))
		}
		return append(changes, fmt.Sprintf("CREATE TABLE %s (%s)", quote(r.name), strings.Join(columns, ", ")))
	}
	for _, c := range r.columns[1:] {
		if _, ok := existing[strings.ToLower(c.Name)]; !ok {
			changes = append(changes, fmt.Sprintf("ALTER TABLE %s ADD COLUMN %s", quote(r.name), definition(c)))
		}
	}
	return changes
}

func (r relation) sqliteType(c table.Column) string {
	switch {
	case c.Kind == table.Time && r.times == table.Milliseconds:
		return "INTEGER"
	case c.Kind == table.Number:
		return "NUMERIC"
	case c.Kind == table.Bool:
		return "BOOLEAN"
	}
	return "TEXT"
}

// sqliteFits reports whether an existing column, if it is one, has the type that
// a relation gives it, as far as SQLite treats values by it.
func (r relation) sqliteFits(c table.Column, existing map[string]string) error {
	declared, ok := existing[strings.ToLower(c.Name)]
	if want := r.sqliteType(c); ok && isSQLiteText(declared) != isSQLiteText(want) {
		hint := "rename the column, or export to another file"
		if c.Kind == table.Time {
			hint = "write times as they are there (--times), or export to another file"
		}
		return fmt.Errorf("its table %s has the column %s with the type %s, not %s; %s", r.name, c.Name, declared, want, hint)
	}
	return nil
}

// isSQLiteText reports whether values of a declared type are kept as text
// (SQLite's rules of affinity).
func isSQLiteText(declared string) bool {
	if strings.Contains(declared, "INT") {
		return false
	}
	return declared == "" || strings.Contains(declared, "CHAR") || strings.Contains(declared, "CLOB") || strings.Contains(declared, "TEXT")
}

func (f *sqliteFile) Write(ctx context.Context, r Row) error {
	name, object := networkTable, r.Network
	if r.Member != nil {
		name, object = memberTable, r.Member
	}
	t := f.tables[name]
	if t == nil {
		return nil
	}
	for i, c := range t.columns {
		t.cells[i] = nil
		if text, ok := t.cell(c, object); ok {
			t.cells[i] = text
			if c.Kind == table.Bool {
				t.cells[i] = text == "true"
			}
		}
	}
	if t.cells[0] == nil || t.cells[0] == "" {
		return errNoID
	}
	if _, err := t.upsert.ExecContext(ctx, t.cells...); err != nil {
		return f.explain(ctx, err)
	}
	if t.seen != nil {
		if _, err := t.seen.ExecContext(ctx, t.cells[0]); err != nil {
			return f.explain(ctx, err)
		}
	}
	f.add(r)
	return nil
}

func (f *sqliteFile) Close(ctx context.Context) error {
	if f.done {
		return nil
	}
	if err := f.finish(ctx); err != nil {
		f.Abort()
		return f.explain(ctx, err)
	}
	f.done = true
	return nil
}

func (f *sqliteFile) finish(ctx context.Context) error {
	for _, statement := range f.options.gone(seenBySQLite) {
		deleted, err := f.tx.ExecContext(ctx, statement)
		if err != nil {
			return err
		}
		n, err := deleted.RowsAffected()
		if err != nil {
			return err
		}
		f.pruned += int(n)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := f.tx.Commit(); err != nil {
		return err
	}
	if err := f.db.Close(); err != nil || !f.isNew {
		return err
	}
	file, err := os.OpenFile(f.working, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	if err := errors.Join(file.Sync(), file.Close()); err != nil {
		return err
	}
	return os.Rename(f.working, f.real)
}

func (f *sqliteFile) Abort() {
	if f.done {
		return
	}
	f.done = true
	if f.tx != nil {
		_ = f.tx.Rollback()
	}
	if f.db != nil {
		_ = f.db.Close()
	}
	if f.isNew {
		os.Remove(f.working)
	}
}

// explain makes an error of the driver one that says what to do.
func (f *sqliteFile) explain(ctx context.Context, err error) error {
	if ended := ctx.Err(); ended != nil {
		return ended
	}
	var refusal *sqlite.Error
	if !errors.As(err, &refusal) {
		return fmt.Errorf("write %s: %w", f.path, cause(err))
	}
	switch refusal.Code() & 0xff { // what is above tells more than users need
	case sqlite3.SQLITE_BUSY:
		err = errors.New("another program is using it; try again later")
	case sqlite3.SQLITE_NOTADB:
		err = errors.New("it is not an SQLite database; choose another file")
	case sqlite3.SQLITE_FULL:
		err = errors.New("the disk is full")
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN:
		err = errors.New("this user may not change it, or may make no files in its folder")
	}
	return fmt.Errorf("write %s: %w", f.path, err)
}
