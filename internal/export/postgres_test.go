//go:build unix

package export

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/orrery-net/orrery/internal/table"
)

// postgresServer is a server of the test's own.
type postgresServer struct {
	port     int
	password string
}

// startPostgres starts a server that listens on loopback, as another user if the
// test runs as root, which PostgreSQL refuses.
func startPostgres(t *testing.T) *postgresServer {
	t.Helper()
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/pg_ctl")
	if path, err := exec.LookPath("pg_ctl"); err == nil {
		found = append(found, path)
	}
	if len(found) == 0 {
		missing(t, "a PostgreSQL server", "postgresql")
	}
	need(t, "psql", "postgresql-client")
	programs := filepath.Dir(found[len(found)-1])
	// Not t.TempDir, into which the other user cannot go.
	folder, err := os.MkdirTemp("", "orrery-postgres-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	credential := otherUser(t, folder)
	execute := func(program string, args ...string) {
		t.Helper()
		command := exec.Command(filepath.Join(programs, program), args...)
		command.Dir = folder
		command.SysProcAttr = &syscall.SysProcAttr{Credential: credential}
		command.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
		if out, err := command.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", program, err, out)
		}
	}
	s := &postgresServer{port: freePort(t), password: "s3cr3t/#word"}
	password := filepath.Join(folder, "password")
	if err := os.WriteFile(password, []byte(s.password), 0o644); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(folder, "data")
	execute("initdb", "-D", data, "-U", "orrery", "--auth=scram-sha-256", "--pwfile="+password, "--encoding=UTF8", "--no-sync")
	execute("pg_ctl", "-D", data, "-w", "-l", filepath.Join(folder, "log"), "-o",
		fmt.Sprintf("-c fsync=off -c listen_addresses=127.0.0.1 -p %d -k %s", s.port, folder), "start")
	t.Cleanup(func() { execute("pg_ctl", "-D", data, "-m", "immediate", "stop") })
	return s
}

// otherUser gives a folder to a user that a server may run as, nil if the test's
// own may.
func otherUser(t *testing.T, folder string) *syscall.Credential {
	t.Helper()
	if os.Geteuid() != 0 {
		return nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.Atoi(u.Uid)
		if err != nil {
			t.Fatal(err)
		}
		gid, err := strconv.Atoi(u.Gid)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(folder, uid, gid); err != nil {
			t.Fatal(err)
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	missing(t, "a user to run PostgreSQL as", "postgresql")
	return nil
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// url is the address of a database of the server.
func (s *postgresServer) url(database string) string {
	return (&url.URL{Scheme: "postgres", User: url.UserPassword("orrery", s.password), Host: "127.0.0.1:" + strconv.Itoa(s.port), Path: "/" + database}).String()
}

// psql runs statements with PostgreSQL's own program.
func (s *postgresServer) psql(t *testing.T, database string, args ...string) string {
	t.Helper()
	return string(run(t, exec.Command("psql", append([]string{"-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", s.url(database)}, args...)...)))
}

func (s *postgresServer) create(t *testing.T, schema string) (database string) {
	t.Helper()
	database = strings.ToLower(strings.NewReplacer("/", "_", "#", "_").Replace(t.Name()))
	s.psql(t, "postgres", "-c", fmt.Sprintf(`CREATE DATABASE %q`, database))
	if schema != "" {
		s.psql(t, database, "-c", schema)
	}
	return database
}

func (s *postgresServer) query(t *testing.T, database, statement string) (rows []map[string]any) {
	t.Helper()
	out := s.psql(t, database, "-c", "SELECT coalesce(json_agg(q), '[]') FROM ("+statement+") q")
	if err := json.Unmarshal([]byte(out), &rows); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return rows
}

func TestPostgres(t *testing.T) {
	s := startPostgres(t)
	t.Run("read", func(t *testing.T) { s.testRead(t) })
	t.Run("update", func(t *testing.T) {
		database := s.create(t, "")
		updateInPlace(t, s.url(database), func(statement string) []map[string]any { return s.query(t, database, statement) })
	})
	t.Run("moments", func(t *testing.T) { s.testMoments(t) })
	t.Run("misfits", func(t *testing.T) { s.testMisfits(t) })
	t.Run("early", func(t *testing.T) { s.testEarlyEnd(t) })
	t.Run("locks", func(t *testing.T) { s.testLocks(t) })
	t.Run("refused", func(t *testing.T) { s.testRefused(t) })
	t.Run("memory", func(t *testing.T) { s.testMemory(t) })
	t.Run("own columns", func(t *testing.T) { s.testOwnColumns(t) })
}

func (s *postgresServer) testRead(t *testing.T) {
	database, rows := s.create(t, ""), nastyRows(t)
	exportTo(t, s.url(database), "", Options{Members: true, Columns: columns(t, "name,lastSeen,config.authorized,config.revision,tags=config.tags,none=nothing")}, rows)
	got := s.query(t, database, `SELECT *, pg_typeof("lastSeen") || ' ' || pg_typeof("config.authorized") || ' ' || pg_typeof("config.revision") AS types FROM member ORDER BY id`)
	if len(got) != len(nasty) {
		t.Fatalf("%d rows", len(got))
	}
	for i, name := range nasty {
		want := map[string]any{
			"id": text(rows[i+1].Member, "id"), "networkId": office, "name": strings.ReplaceAll(name, "\x00", "\ufffd"), "lastSeen": 1691078701874 + float64(i)*1000,
			"config.authorized": true, "config.revision": float64(i), "tags": "[[1000,100],[2,false]]", "none": nil, "types": "bigint boolean numeric",
		}
		if asJSON(t, got[i]) != asJSON(t, want) {
			t.Errorf("%s\nwant %s", asJSON(t, got[i]), asJSON(t, want))
		}
	}
	if got := s.query(t, database, "SELECT * FROM network"); len(got) != 1 || got[0]["totalMemberCount"] != 3.0 || got[0]["name"] != "office" {
		t.Errorf("networks %v", got)
	}
}

func (s *postgresServer) testMoments(t *testing.T) {
	database, rows := s.create(t, ""), nastyRows(t)[:2]
	never := memberFields(rows[0], 7, "never")
	never["lastSeen"] = 0
	rows = append(rows, Row{Network: rows[0].Network, Member: object(t, never)})
	exportTo(t, s.url(database), "", Options{Members: true, Times: table.RFC3339}, rows)
	got := s.query(t, database, `SELECT extract(epoch FROM "lastSeen") AS at, pg_typeof("lastSeen") AS type FROM member ORDER BY id`)
	if len(got) != 2 || got[0]["at"] != 1691078701.874 || got[1]["at"] != nil || got[0]["type"] != "timestamp with time zone" {
		t.Errorf("%v", got)
	}
	err := tryExport(t, s.url(database), Options{Members: true}, rows)
	if err == nil || !strings.Contains(err.Error(), "write times as they are there (--times)") {
		t.Error(err)
	}
}

func (s *postgresServer) testMisfits(t *testing.T) {
	rows := nastyRows(t)
	for i, x := range []struct{ schema, want string }{
		{`CREATE TABLE member (id text, name text)`, "table member was not made by an export: its column id is not unique"},
		{`CREATE TABLE member (id text PRIMARY KEY, "lastSeen" timestamptz)`, "column lastSeen with the type timestamp with time zone, not bigint"},
		{`CREATE TABLE member (id bigint PRIMARY KEY)`, `invalid input syntax for type bigint: "8056c2e21c000001-1000000000" (line 1, column id`},
		{`CREATE TABLE member (id text PRIMARY KEY, name varchar(5))`, `value too long for type character varying(5) (line 2, column name`},
		{`CREATE TABLE member (id text PRIMARY KEY, owner text NOT NULL)`, `null value in column "owner"`},
		{`CREATE VIEW member AS SELECT 'x'::text AS id`, `member`},
	} {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			database := s.create(t, x.schema)
			err := tryExport(t, s.url(database), Options{Members: true}, rows)
			if err == nil || !strings.Contains(err.Error(), x.want) || strings.ContainsAny(err.Error(), "\n") || !strings.HasPrefix(err.Error(), "write to postgres://127.0.0.1:"+strconv.Itoa(s.port)+"/"+database+": ") {
				t.Errorf("%s: %v", x.schema, err)
			}
			s.checkUntouched(t, database, "member")
		})
	}
}

// checkUntouched fails if a database has more than these tables, or rows in them.
func (s *postgresServer) checkUntouched(t *testing.T, database string, tables ...string) {
	t.Helper()
	var found []string
	for _, row := range s.query(t, database, "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'") {
		found = append(found, row["table_name"].(string))
	}
	if !slices.Equal(found, tables) {
		t.Errorf("there are the tables %q, want %q", found, tables)
	}
}

func (s *postgresServer) testEarlyEnd(t *testing.T) {
	database, rows := s.create(t, ""), nastyRows(t)
	for how, end := range map[string]func(w Writer, ctx context.Context, cancel func()) error{
		"abort":               func(w Writer, _ context.Context, _ func()) error { w.Abort(); return context.Canceled },
		"canceled at the end": func(w Writer, ctx context.Context, cancel func()) error { cancel(); return w.Close(ctx) },
	} {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		target, err := ParseTarget(s.url(database), "")
		if err != nil {
			t.Fatal(err)
		}
		w, err := Open(ctx, target, Options{Members: true})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			if err := w.Write(ctx, r); err != nil {
				t.Fatal(err)
			}
		}
		if err := end(w, ctx, cancel); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", how, err)
		}
		s.checkUntouched(t, database)
	}
}

// testLocks reads the table while an export with a new column is under way, and
// exports while the table is locked.
func (s *postgresServer) testLocks(t *testing.T) {
	database, rows := s.create(t, ""), nastyRows(t)
	exportTo(t, s.url(database), "", Options{Members: true}, rows)
	target, err := ParseTarget(s.url(database), "")
	if err != nil {
		t.Fatal(err)
	}
	w, err := Open(t.Context(), target, Options{Members: true, Columns: columns(t, "name,new=nodeId")})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	s.psql(t, database, "-c", "SET lock_timeout = '10s'", "-c", "ALTER TABLE member ADD COLUMN other text", "-c", "UPDATE member SET other = 'mine'")
	writeAll(t, w, rows)
	if got := s.query(t, database, "SELECT count(*) AS n FROM member WHERE new IS NOT NULL AND other = 'mine'"); got[0]["n"] != float64(len(nasty)) {
		t.Errorf("%v", got)
	}

	other, err := pgx.Connect(t.Context(), s.url(database))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close(context.Background())
	if _, err := other.Exec(t.Context(), "BEGIN; LOCK TABLE member IN ACCESS EXCLUSIVE MODE"); err != nil {
		t.Fatal(err)
	}
	err = tryExport(t, s.url(database)+"?lock_timeout=50ms", Options{Members: true}, rows)
	if err == nil || !strings.HasSuffix(err.Error(), "another program has locked its tables; try again later") {
		t.Error(err)
	}
}

// testRefused has servers that do not answer, and none of the errors the
// password.
func (s *postgresServer) testRefused(t *testing.T) {
	database := s.create(t, "")
	s.psql(t, database, "-c", "CREATE ROLE reader LOGIN PASSWORD 'reader-s3cr3t'; REVOKE CREATE ON SCHEMA public FROM PUBLIC")
	host := "127.0.0.1:" + strconv.Itoa(s.port)
	for to, want := range map[string]string{
		"postgres://orrery:wrong-s3cr3t@" + host + "/" + database:                                  `password authentication failed for user "orrery"`,
		"postgres://orrery@" + host + "/" + database + "?password=wrong-s3cr3t":                    `password authentication failed for user "orrery"`,
		strings.Replace(s.url("nowhere"), "postgres:", "postgresql:", 1):                           `database "nowhere" does not exist`,
		"postgres://orrery:wrong-s3cr3t@127.0.0.1:1/" + database:                                   "no connection to 127.0.0.1:1: ",
		"postgres://orrery:wrong-s3cr3t@" + host + "/" + database + "?sslmode=require":             "no connection to the server; check the address, and whether it wants TLS (sslmode)",
		"postgres://orrery:wrong-s3cr3t@" + host + "/" + database + "?sslmode=s3cr3t":              "this is not the address of a PostgreSQL database",
		"postgres://reader:reader-s3cr3t@" + host + "/" + database + "?application_name=from-test": "permission denied for schema public",
	} {
		err := tryExport(t, to, Options{Members: true}, nastyRows(t))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", to, err)
		}
		if err != nil && (strings.Contains(err.Error(), "s3cr3t") || strings.Contains(err.Error(), url.QueryEscape(s.password))) {
			t.Errorf("the error shows the password: %v", err)
		}
	}
}

// testOwnColumns has a table that users made to their taste.
func (s *postgresServer) testOwnColumns(t *testing.T) {
	database := s.create(t, `CREATE TABLE member (n serial PRIMARY KEY, id varchar(80) NOT NULL UNIQUE, "ipAssignment" inet, "lastSeen" numeric, note text DEFAULT 'mine')`)
	rows := nastyRows(t)
	exportTo(t, s.url(database), "", Options{Members: true}, rows)
	s.psql(t, database, "-c", `UPDATE member SET note = 'changed'`)
	exportTo(t, s.url(database), "", Options{Members: true}, rows[:2])
	got := s.query(t, database, `SELECT count(*) AS n FROM member WHERE "ipAssignment" << '10.1.0.0/24' AND "lastSeen" > 0 AND note = 'changed'`)
	if got[0]["n"] != float64(len(nasty)) {
		t.Errorf("%v", got)
	}
}

func (s *postgresServer) testMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	target, err := ParseTarget(s.url(s.create(t, "")), "")
	if err != nil {
		t.Fatal(err)
	}
	measure(t, target, 100_000, 8<<20)
}

// TestBrokenConnectionIsNamed has what a write to a server that is gone ends with.
// The command line passes over a broken pipe: it takes it for a reader who has
// enough.
func TestBrokenConnectionIsNamed(t *testing.T) {
	p := &postgresDatabase{target: Target{Format: Postgres, server: "postgres://db.example.com/x"}}
	broken := &net.OpError{Op: "write", Net: "tcp", Addr: &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 5432}, Err: os.NewSyscallError("write", syscall.EPIPE)}
	err := p.explain(t.Context(), fmt.Errorf("write failed: %w", broken))
	if errors.Is(err, syscall.EPIPE) || err.Error() != "write to postgres://db.example.com/x: no connection to 192.0.2.1:5432: write: broken pipe" {
		t.Error(err)
	}
}
