package export

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/orrery-net/orrery/internal/table"
)

// postgresDatabase is a database of a server. Rows are copied, many at once, to
// temporary tables, and from there into the real ones at the end, all in one
// transaction. Until then it locks nothing that other programs use, however long
// the rows take to come.
type postgresDatabase struct {
	counter
	target  Target
	options Options
	conn    *pgx.Conn
	tx      pgx.Tx
	tables  map[string]*postgresTable
	order   []*postgresTable
	done    bool
}

// postgresTable is a table of it.
type postgresTable struct {
	relation
	rows bytes.Buffer // in the text format of COPY
}

// copyAtOnce is how many bytes of rows go to the server together.
const copyAtOnce = 1 << 20

func openPostgres(ctx context.Context, t Target, o Options) (Writer, error) {
	p := &postgresDatabase{counter: counter{members: o.Members}, target: t, options: o, tables: make(map[string]*postgresTable)}
	if err := p.open(ctx); err != nil {
		p.Abort()
		return nil, p.explain(ctx, err)
	}
	return p, nil
}

func (p *postgresDatabase) open(ctx context.Context) error {
	config, err := pgx.ParseConfig(p.target.server)
	if err != nil {
		return errLocation
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = 15 * time.Second
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "orrery"
	}
	config.RuntimeParams["client_encoding"] = "UTF8"
	config.OnNotice = nil
	if p.conn, err = pgx.ConnectConfig(ctx, config); err != nil {
		return err
	}
	if p.tx, err = p.conn.Begin(ctx); err != nil {
		return err
	}
	if _, err := p.tx.Exec(ctx, "SELECT set_config('lock_timeout', '60s', true) WHERE current_setting('lock_timeout') = '0'"); err != nil {
		return err
	}
	relations, err := p.options.relations()
	if err != nil {
		return err
	}
	for _, r := range relations {
		if err := p.prepare(ctx, r); err != nil {
			return err
		}
		t := &postgresTable{relation: r}
		p.tables[r.name] = t
		p.order = append(p.order, t)
	}
	return nil
}

// prepare makes the temporary table of a relation. Its columns have the types of
// those of the real one, as that would be if it were made fit now, which is taken
// back.
func (p *postgresDatabase) prepare(ctx context.Context, r relation) error {
	trial, err := p.tx.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = trial.Rollback(ctx) }() // if it failed, all is taken back
	if err := r.makeFit(ctx, trial); err != nil {
		return err
	}
	types, err := r.columnsIn(ctx, trial)
	if err != nil {
		return err
	}
	var columns []string
	for _, c := range r.columns {
		columns = append(columns, quote(c.Name)+" "+types[c.Name])
	}
	temporary := fmt.Sprintf("CREATE TEMPORARY TABLE %s (%s) ON COMMIT DROP", seenByPostgres(r.name), strings.Join(columns, ", "))
	if _, err := trial.Exec(ctx, temporary); err != nil {
		return err
	}
	// With nothing in it yet this only finds out whether it will be possible.
	if _, err := trial.Exec(ctx, r.postgresMerge()); err != nil {
		if isRefusal(err, "42P10") { // invalid_column_reference: no unique key
			err = fmt.Errorf("its table %s was not made by an export: its column id is not unique; rename the table, or export to another database", r.name)
		}
		return err
	}
	if err := trial.Rollback(ctx); err != nil {
		return err
	}
	_, err = p.tx.Exec(ctx, temporary)
	return err
}

// makeFit makes the table of a relation, or the columns that it lacks.
func (r relation) makeFit(ctx context.Context, tx pgx.Tx) error {
	existing, err := r.columnsIn(ctx, tx)
	if err != nil {
		return err
	}
	for _, c := range r.columns {
		if err := r.postgresFits(c, existing); err != nil {
			return err
		}
	}
	for _, statement := range r.postgresChanges(existing) {
		if _, err := tx.Exec(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

func seenByPostgres(relation string) string { return `pg_temp."exported ` + relation + `"` }

// columnsIn are the columns of the relation's table with their types, nil if there
// is no such table.
func (r relation) columnsIn(ctx context.Context, tx pgx.Tx) (map[string]string, error) {
	rows, err := tx.Query(ctx, `SELECT attname::text, format_type(atttypid, atttypmod) FROM pg_attribute
		WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped`, quote(r.name))
	if err != nil {
		return nil, err
	}
	var columns map[string]string
	var column, kind string
	_, err = pgx.ForEachRow(rows, []any{&column, &kind}, func() error {
		if columns == nil {
			columns = make(map[string]string)
		}
		columns[column] = kind
		return nil
	})
	return columns, err
}

// postgresChanges make the table that a relation needs, or the columns.
func (r relation) postgresChanges(existing map[string]string) []string {
	var columns, changes []string
	for _, c := range r.columns {
		definition := quote(c.Name) + " " + r.postgresType(c)
		columns = append(columns, definition)
		if _, ok := existing[c.Name]; !ok {
			changes = append(changes, fmt.Sprintf("ALTER TABLE %s ADD COLUMN %s", quote(r.name), definition))
		}
	}
	if existing == nil {
		columns[0] += " PRIMARY KEY"
		return []string{fmt.Sprintf("CREATE TABLE %s (%s)", quote(r.name), strings.Join(columns, ", "))}
	}
	return changes
}

func (r relation) postgresType(c table.Column) string {
	switch c.Kind {
	case table.Time:
		if r.times == table.RFC3339 {
			return "timestamp with time zone"
		}
		return "bigint"
	case table.Number:
		return "numeric"
	case table.Bool:
		return "boolean"
	}
	return "text"
}

// postgresFits reports whether an existing column, if it is one, takes times as
// they are written. About other types the server decides.
func (r relation) postgresFits(c table.Column, existing map[string]string) error {
	kind, ok := existing[c.Name]
	if !ok || c.Kind != table.Time {
		return nil
	}
	isMoment := strings.HasPrefix(kind, "timestamp") || kind == "date"
	if isMoment == (r.times == table.RFC3339) && kind != "boolean" {
		return nil
	}
	return fmt.Errorf("its table %s has the column %s with the type %s, not %s; write times as they are there (--times), or export to another database", r.name, c.Name, kind, r.postgresType(c))
}

// postgresMerge takes over the rows of the temporary table. A row that came more
// than once counts as it came last.
func (r relation) postgresMerge() string {
	return fmt.Sprintf(`INSERT INTO %s (%s) SELECT %s FROM (SELECT DISTINCT ON ("id") * FROM %s ORDER BY "id", ctid DESC) s %s`,
		quote(r.name), r.names(""), r.names("s."), seenByPostgres(r.name), r.onConflict())
}

func (p *postgresDatabase) Write(ctx context.Context, r Row) error {
	name, object := networkTable, r.Network
	if r.Member != nil {
		name, object = memberTable, r.Member
	}
	t := p.tables[name]
	if t == nil {
		return nil
	}
	if id, ok := t.cell(t.columns[0], object); !ok || id == "" {
		return errNoID
	}
	for i, c := range t.columns {
		if i > 0 {
			t.rows.WriteByte('\t')
		}
		if text, ok := t.cell(c, object); ok {
			_, _ = copyEscapes.WriteString(&t.rows, text)
		} else {
			t.rows.WriteString(`\N`)
		}
	}
	t.rows.WriteByte('\n')
	p.add(r)
	if t.rows.Len() < copyAtOnce {
		return nil
	}
	return p.explain(ctx, p.copy(ctx, t))
}

// copyEscapes are those of COPY's text format.
var copyEscapes = strings.NewReplacer(`\`, `\\`, "\t", `\t`, "\n", `\n`, "\r", `\r`)

// copy sends the rows that wait.
func (p *postgresDatabase) copy(ctx context.Context, t *postgresTable) error {
	if t.rows.Len() == 0 {
		return ctx.Err()
	}
	_, err := p.conn.PgConn().CopyFrom(ctx, &t.rows, fmt.Sprintf("COPY %s (%s) FROM STDIN", seenByPostgres(t.name), t.names("")))
	t.rows.Reset()
	return err
}

func (p *postgresDatabase) Close(ctx context.Context) error {
	if p.done {
		return nil
	}
	if err := p.finish(ctx); err != nil {
		p.Abort()
		return p.explain(ctx, err)
	}
	p.done = true
	ctx, cancel := context.WithTimeout(ctx, time.Second) // the data is safe by now
	defer cancel()
	_ = p.conn.Close(ctx)
	return nil
}

func (p *postgresDatabase) finish(ctx context.Context) error {
	for _, t := range p.order {
		if err := p.copy(ctx, t); err != nil {
			return err
		}
	}
	for _, t := range p.order {
		if err := t.makeFit(ctx, p.tx); err != nil {
			return err
		}
		if _, err := p.tx.Exec(ctx, t.postgresMerge()); err != nil {
			return err
		}
	}
	for _, statement := range p.options.gone(seenByPostgres) {
		deleted, err := p.tx.Exec(ctx, statement)
		if err != nil {
			return err
		}
		p.pruned += int(deleted.RowsAffected())
	}
	return p.tx.Commit(ctx)
}

// Abort ends the connection, at which the server takes everything back.
func (p *postgresDatabase) Abort() {
	if p.done {
		return
	}
	p.done = true
	if p.conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if p.tx != nil {
		_ = p.tx.Rollback(ctx)
	}
	_ = p.conn.Close(ctx)
}

func isRefusal(err error, code string) bool {
	var refusal *pgconn.PgError
	return errors.As(err, &refusal) && refusal.Code == code
}

// explain makes one line of an error, without the password.
func (p *postgresDatabase) explain(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ended := ctx.Err(); ended != nil {
		return ended
	}
	var refusal *pgconn.PgError
	var connect *pgconn.ConnectError
	var dial *net.OpError
	switch {
	case isRefusal(err, "55P03"): // lock_not_available
		err = errors.New("another program has locked its tables; try again later")
	case errors.As(err, &refusal):
		text := refusal.Message
		if place := refusal.Where; strings.HasPrefix(place, "COPY ") {
			_, place, _ = strings.Cut(place, ", ")
			text += " (" + place + ")"
		}
		err = errors.New(strings.Join(strings.Fields(text), " "))
	case errors.As(err, &dial):
		// Not wrapped: a broken pipe to a server is not one that nobody reads.
		err = fmt.Errorf("no connection to %s: %v", dial.Addr, dial.Err)
	case errors.As(err, &connect):
		err = errors.New("no connection to the server; check the address, and whether it wants TLS (sslmode)")
	}
	return fmt.Errorf("write to %s: %w", p.target, err)
}
