package export

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/orrery-net/orrery/internal/table"
)

// query asks SQLite's own program, which answers in JSON.
func query(t *testing.T, file, statement string) (rows []map[string]any) {
	t.Helper()
	out := run(t, exec.Command(need(t, "sqlite3", "sqlite3"), "-json", "-readonly", file, statement))
	if len(out) == 0 {
		return nil
	}
	if err := json.Unmarshal(out, &rows); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return rows
}

func TestSQLiteIsReadBySQLite(t *testing.T) {
	rows := nastyRows(t)
	file := filepath.Join(t.TempDir(), "members.db")
	exportTo(t, file, "", Options{Members: true, Columns: columns(t, "name,lastSeen,config.authorized,config.revision,tags=config.tags")}, rows)
	got := query(t, file, `SELECT *, typeof("lastSeen") || typeof("config.authorized") || typeof("config.revision") AS types FROM member ORDER BY id`)
	if len(got) != len(nasty) {
		t.Fatalf("%d rows", len(got))
	}
	for i, name := range nasty {
		want := map[string]any{
			"id": text(rows[i+1].Member, "id"), "networkId": office, "name": strings.ReplaceAll(name, "\x00", "\ufffd"), "lastSeen": 1691078701874 + float64(i)*1000,
			"config.authorized": 1.0, "config.revision": float64(i), "tags": "[[1000,100],[2,false]]", "types": "integerintegerinteger",
		}
		if asJSON(t, got[i]) != asJSON(t, want) {
			t.Errorf("%s\nwant %s", asJSON(t, got[i]), asJSON(t, want))
		}
	}
	networks := query(t, file, "SELECT * FROM network")
	want := map[string]any{"id": office, "name": "office", "description": "of office", "totalMemberCount": 3.0, "creationTime": 1689164970409.0, "ipRangeStart": "10.1.0.1", "ipRangeEnd": "10.1.255.254"}
	if len(networks) != 1 || asJSON(t, networks[0]) != asJSON(t, want) {
		t.Errorf("networks %v", networks)
	}
	if got := query(t, file, "PRAGMA integrity_check"); got[0]["integrity_check"] != "ok" {
		t.Errorf("%v", got)
	}
}

// TestDatabaseIsUpdatedInPlace is for both databases; see also TestPostgres.
func TestSQLiteIsUpdatedInPlace(t *testing.T) {
	need(t, "sqlite3", "sqlite3")
	file := filepath.Join(t.TempDir(), "members.db")
	updateInPlace(t, file, func(statement string) []map[string]any { return query(t, file, statement) })
}

// updateInPlace exports several times to one database.
func updateInPlace(t *testing.T, to string, ask func(statement string) []map[string]any) {
	t.Helper()
	names := func() string {
		t.Helper()
		var all []string
		for _, row := range ask(`SELECT name FROM member ORDER BY id`) {
			name, _ := row["name"].(string)
			all = append(all, name)
		}
		return strings.Join(all, " ")
	}
	expect := func(what, want string) {
		t.Helper()
		if got := names(); got != want {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
	}
	one, two := networkRow(t, office, "office"), networkRow(t, home, "home")
	a, b, c := memberRow(t, one, 1, "a"), memberRow(t, one, 2, "b"), memberRow(t, two, 3, "c")
	members := Options{Members: true}
	exportTo(t, to, "", members, []Row{one, a, b, two, c})
	expect("first", "a b c")
	exportTo(t, to, "", members, []Row{one, memberRow(t, one, 1, "A"), memberRow(t, one, 4, "d")})
	expect("updated", "A b d c")
	exportTo(t, to, "", members, []Row{one, memberRow(t, one, 1, "first"), memberRow(t, one, 1, "last")})
	expect("twice in one export", "last b d c")

	wide := Options{Members: true, Columns: columns(t, `id,Client "version"=clientVersion`)}
	exportTo(t, to, "", wide, []Row{one, memberRow(t, one, 1, "not exported")})
	expect("with another column", "last b d c")
	if got := ask(`SELECT count(*) AS n FROM member WHERE "Client ""version""" = '1.14.2'`); got[0]["n"] != 1.0 {
		t.Errorf("the new column: %v", got)
	}

	pruned := Options{Members: true, Prune: true}
	prune := func(o Options, rows []Row, want int) {
		t.Helper()
		if w := exportTo(t, to, "", o, rows); w.Pruned() != want {
			t.Errorf("it says that %d rows were deleted, want %d", w.Pruned(), want)
		}
	}
	prune(pruned, []Row{one, a}, 2)
	expect("pruned in one network", "a c")
	prune(Options{Members: true, Prune: true, Complete: true}, []Row{one, a, b}, 2)
	expect("pruned in all", "a b")
	if got := ask("SELECT id FROM network"); len(got) != 1 || got[0]["id"] != office {
		t.Errorf("networks %v", got)
	}
	prune(Options{Prune: true, Complete: true}, []Row{two}, 1)
	if got := ask("SELECT name FROM network"); len(got) != 1 || got[0]["name"] != "home" {
		t.Errorf("networks %v", got)
	}
	expect("after an export of networks", "a b")
	exportTo(t, to, "", Options{Columns: []table.Column{{Name: "id", Paths: []string{"id"}}}}, []Row{one, two})
	if got := ask("SELECT name FROM network ORDER BY id"); len(got) != 2 || got[1]["name"] != "home" {
		t.Errorf("only ids: %v", got)
	}
}

func TestSQLiteThatDoesNotFit(t *testing.T) {
	rows := nastyRows(t)[:3]
	for _, x := range []struct{ schema, want string }{
		{"CREATE TABLE member (id TEXT, name TEXT)", "table member was not made by an export: its column id is not unique"},
		{"CREATE TABLE member (id INTEGER PRIMARY KEY)", "table member has the column id with the type INTEGER, not TEXT"},
		{"CREATE TABLE member (id TEXT PRIMARY KEY, lastSeen TEXT)", "column lastSeen with the type TEXT, not INTEGER; write times as they are there (--times)"},
		{"CREATE TABLE member (id TEXT PRIMARY KEY, name TEXT CHECK (name <> 'plain'))", "CHECK constraint failed"},
		{"CREATE TABLE network (id TEXT, x INT, PRIMARY KEY (id, x))", "table network was not made by an export"},
		{"CREATE TABLE goose_db_version (id INTEGER PRIMARY KEY)", "it is the database of a server"},
		{"CREATE VIEW member AS SELECT 1 AS id", "table member"},
	} {
		folder := t.TempDir()
		file := filepath.Join(folder, "members.db")
		run(t, exec.Command(need(t, "sqlite3", "sqlite3"), file, x.schema))
		before, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		err = tryExport(t, file, Options{Members: true}, rows)
		if err == nil || !strings.Contains(err.Error(), x.want) || !strings.HasPrefix(err.Error(), "write "+file+": ") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", x.schema, err)
		}
		if after, err := os.ReadFile(file); err != nil || string(after) != string(before) {
			t.Errorf("%s: the file changed, %v", x.schema, err)
		}
		onlyFiles(t, folder, "members.db")
	}
}

// tryExport is an export that may fail, anywhere.
func tryExport(t *testing.T, to string, o Options, rows []Row) error {
	t.Helper()
	target, err := ParseTarget(to, "")
	if err != nil {
		t.Fatal(err)
	}
	w, err := Open(t.Context(), target, o)
	if err != nil {
		return err
	}
	defer w.Abort()
	for _, r := range rows {
		if err := w.Write(t.Context(), r); err != nil {
			return err
		}
	}
	return w.Close(t.Context())
}

func TestSQLiteNeedsADatabase(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "notes.db")
	content := strings.Repeat("This is no database. ", 100)
	if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	err := tryExport(t, file, Options{Members: true}, nastyRows(t))
	if err == nil || !strings.Contains(err.Error(), "it is not an SQLite database; choose another file") {
		t.Error(err)
	}
	if after, _ := os.ReadFile(file); string(after) != content {
		t.Error("the file changed")
	}
	onlyFiles(t, folder, "notes.db")
}

func TestSQLiteWithTimesAsText(t *testing.T) {
	file := filepath.Join(t.TempDir(), "members.db")
	never := memberFields(networkRow(t, office, "office"), 7, "never")
	never["lastSeen"] = 0
	rows := nastyRows(t)[:2]
	rows = append(rows, Row{Network: rows[0].Network, Member: object(t, never)})
	exportTo(t, file, "", Options{Members: true, Times: table.RFC3339}, rows)
	got := query(t, file, `SELECT "lastSeen" FROM member ORDER BY id`)
	if got[0]["lastSeen"] != "2023-08-03T16:05:01.874Z" || got[1]["lastSeen"] != nil {
		t.Errorf("%v", got)
	}
}

// TestSQLiteBesideUnfinishedChanges has what a database that is gone left behind.
// SQLite would take it for changes of the new one.
func TestSQLiteBesideUnfinishedChanges(t *testing.T) {
	for _, rest := range []string{"members.db-wal", "members.db-journal"} {
		folder := t.TempDir()
		if err := os.WriteFile(filepath.Join(folder, rest), []byte("unfinished"), 0o644); err != nil {
			t.Fatal(err)
		}
		err := tryExport(t, filepath.Join(folder, "members.db"), Options{Members: true}, nastyRows(t)[:2])
		if err == nil || !strings.Contains(err.Error(), "its "+rest+" is still there") {
			t.Error(err)
		}
		onlyFiles(t, folder, rest)
	}
}

// TestSQLiteTimesInAnyForm has times as some servers write numbers.
func TestSQLiteTimesInAnyForm(t *testing.T) {
	file := filepath.Join(t.TempDir(), "members.db")
	network := networkRow(t, office, "office")
	rows := []Row{network}
	for i, x := range []any{json.Number("1.691078701874e12"), 0, "yesterday", nil, 1691078701874} {
		m := memberFields(network, i, "a")
		m["lastSeen"] = x
		rows = append(rows, Row{Network: network.Network, Member: object(t, m)})
	}
	exportTo(t, file, "", Options{Members: true}, rows)
	got := query(t, file, `SELECT "lastSeen" AS at FROM member ORDER BY id`)
	for i, want := range []any{1691078701874.0, 0.0, nil, nil, 1691078701874.0} {
		if got[i]["at"] != want {
			t.Errorf("%d: %v, want %v", i, got[i]["at"], want)
		}
	}
}
