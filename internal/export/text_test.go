package export

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/orrery-net/orrery/internal/table"
)

// TestSeparatedIsReadByPython reads CSV and TSV back with Python's csv module.
func TestSeparatedIsReadByPython(t *testing.T) {
	rows := nastyRows(t)
	for f, delimiter := range map[Format]string{CSV: ",", TSV: "\t"} {
		file := filepath.Join(t.TempDir(), "members."+string(f))
		exportTo(t, file, "", Options{Members: true}, rows)
		var read [][]string
		out := python(t, "csv", "python3", `import csv, json, sys
print(json.dumps(list(csv.reader(open(sys.argv[1], newline="", encoding="utf-8"), delimiter=sys.argv[2], strict=True))))`, file, delimiter)
		if err := json.Unmarshal(out, &read); err != nil {
			t.Fatal(err)
		}
		if len(read) != len(nasty)+1 || !slices.Equal(read[0], []string{"id", "lastSeen", "physicalAddress", "ipAssignment", "name"}) {
			t.Fatalf("%s: read %d lines, first %q", f, len(read), read[0])
		}
		for i, name := range nasty {
			want := []string{text(rows[i+1].Member, "id"), text(rows[i+1].Member, "lastSeen"), "203.0.113.7", text(rows[i+1].Member, "config.ipAssignments[0]"), name}
			if !slices.Equal(read[i+1], want) {
				t.Errorf("%s: read %q, want %q", f, read[i+1], want)
			}
		}
	}
}

func TestListsHaveWhatIsExported(t *testing.T) {
	rows := nastyRows(t)[:3]
	if got := exportText(t, CSV, Options{}, rows[:1]); got != "id,name,description,totalMemberCount,creationTime,ipRangeStart,ipRangeEnd\r\n"+
		office+",office,of office,3,1689164970409,10.1.0.1,10.1.255.254\r\n" {
		t.Errorf("networks as CSV: %q", got)
	}
	got := exportText(t, TSV, Options{Members: true, Columns: columns(t, "node=nodeId,lastSeen"), NoHeader: true, Times: table.RFC3339}, rows)
	if got != "1000000000\t2023-08-03T16:05:01.874Z\n1000000001\t2023-08-03T16:05:02.874Z\n" {
		t.Errorf("members as TSV: %q", got)
	}
	got = exportText(t, NDJSON, Options{Members: true, Columns: columns(t, "node=nodeId"), Chosen: true}, rows)
	if got != `{"node":"1000000000"}`+"\n"+`{"node":"1000000001"}`+"\n" {
		t.Errorf("columns as NDJSON: %q", got)
	}
	var whole []map[string]any
	if err := json.Unmarshal([]byte(exportText(t, JSON, Options{Members: true}, rows)), &whole); err != nil || len(whole) != 2 || whole[1]["clientVersion"] != "1.14.2" {
		t.Errorf("members as JSON: %v, %v", whole, err)
	}
	if got := exportText(t, JSON, Options{Members: true}, nil); got != "[]\n" {
		t.Errorf("nothing as JSON: %q", got)
	}
}

func TestCount(t *testing.T) {
	for f, want := range map[Format]int{CSV: 3, Hosts: 2, Prometheus: 2, Ansible: 2, SQLite: 3, XLSX: 3} {
		network := networkRow(t, office, "office")
		hidden := memberFields(network, 2, "hidden")
		hidden["hidden"] = true
		target := Target{Format: f, Path: filepath.Join(t.TempDir(), "out")}
		w, err := Open(t.Context(), target, Options{Members: true})
		if err != nil {
			t.Fatal(err)
		}
		writeAll(t, w, []Row{network, memberRow(t, network, 0, "a"), memberRow(t, network, 1, "b"), {Network: network.Network, Member: object(t, hidden)}})
		if w.Count() != want {
			t.Errorf("%s: %d rows, want %d", f, w.Count(), want)
		}
	}
}

func TestParseTarget(t *testing.T) {
	for _, x := range []struct {
		to, as string
		want   Target
		err    string
	}{
		{want: Target{Format: CSV}},
		{to: "-", want: Target{Format: CSV}},
		{to: "-", as: "json", want: Target{Format: JSON}},
		{to: "ansible", want: Target{Format: Ansible}},
		{to: "members.csv", want: Target{Format: CSV, Path: "members.csv"}},
		{to: "MEMBERS.XLSX", want: Target{Format: XLSX, Path: "MEMBERS.XLSX"}},
		{to: "a/b.sqlite3", want: Target{Format: SQLite, Path: "a/b.sqlite3"}},
		{to: `C:\inventory.yml`, want: Target{Format: Ansible, Path: `C:\inventory.yml`}},
		{to: "sd.json", as: "prometheus", want: Target{Format: Prometheus, Path: "sd.json"}},
		{to: "csv", as: "hosts", want: Target{Format: Hosts, Path: "csv"}},
		{to: "postgres://bob:secret@db.example.com/x?sslmode=disable", want: Target{Format: Postgres, server: "postgres://bob:secret@db.example.com/x?sslmode=disable"}},
		{to: "cvs", err: `"cvs" is not a format; want one of csv, tsv,`},
		{to: "members.txt", err: `the name "members.txt" tells no format; add --as`},
		{to: "./cvs", err: `the name "./cvs" tells no format; add --as`},
		{to: "xlsx", err: "xlsx needs a file"},
		{to: "-", as: "sqlite", err: "sqlite needs a file"},
		{to: "postgres", err: "needs the address of a database"},
		{to: "x.csv", as: "postgres", err: "needs the address of a database"},
		{to: "mysql://u:secret@h/d", err: "cannot go to mysql://"},
		{to: "postgres://u@h/d", as: "csv", err: "cannot be written as csv"},
		{to: "x", as: "yaml", err: `no format "yaml"`},
		{to: "postgres:u:secret@h/d", err: "not the address of a PostgreSQL database"},
		{to: "Host=h Password=secret", err: "not the address of a PostgreSQL database"},
		{to: "POSTGRES://u:secret@h/d", err: "cannot go to POSTGRES://"},
		{to: "postgres://u:12/secret@h/d", err: "not the address of a PostgreSQL database"},
		{to: "postgres://u:secret#1@h/d", err: "not the address of a PostgreSQL database"},
		{to: "postgres://u:12?secret@h/d", err: "not the address of a PostgreSQL database"},
		{to: "postgres://u:%zzsecret@h/d", err: "not the address of a PostgreSQL database"},
	} {
		got, err := ParseTarget(x.to, x.as)
		switch {
		case x.err == "" && (err != nil || got != x.want):
			t.Errorf("%q as %q: %+v, %v", x.to, x.as, got, err)
		case x.err != "" && (!errors.Is(err, ErrOptions) || !strings.Contains(err.Error(), x.err)):
			t.Errorf("%q as %q: %v, want %s", x.to, x.as, err, x.err)
		case err != nil && strings.Contains(err.Error(), "secret"):
			t.Errorf("%q: the error shows the password: %v", x.to, err)
		}
	}
	if got := (Target{Format: Postgres, server: "postgres://bob:secret@db.example.com:5433/x?password=secret"}).String(); got != "postgres://db.example.com:5433/x" {
		t.Errorf("shown as %s", got)
	}
}

func TestOptionsThatDoNotFit(t *testing.T) {
	for _, x := range []struct {
		format  Format
		options Options
		want    string
	}{
		{Ansible, Options{}, "a format for members"},
		{Hosts, Options{Members: true, Chosen: true}, "no columns"},
		{CSV, Options{Prune: true}, "only a database can be pruned"},
		{CSV, Options{List: true}, "only ansible"},
		{Ansible, Options{Members: true, List: true, Host: "a"}, "not both"},
		{Prometheus, Options{Members: true, Port: 70000}, "not a port"},
		{Hosts, Options{Members: true, Domain: "two words"}, "not a domain"},
		{SQLite, Options{Members: true, Columns: columns(t, "id=name")}, "column id of a database is the key"},
		{SQLite, Options{Members: true, Columns: columns(t, "NetworkID=name")}, "column networkId of a database is the key"},
		{SQLite, Options{Members: true, Columns: columns(t, "a=name,A=nodeId")}, "cannot both be called A"},
		{SQLite, Options{Members: true, Columns: columns(t, strings.Repeat("x", 64)+"=name")}, "cannot be the name of a column"},
		{"yaml", Options{}, "not a format of text"},
	} {
		_, err := NewText(new(strings.Builder), x.format, x.options)
		if !errors.Is(err, ErrOptions) || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s %+v: %v, want %s", x.format, x.options, err, x.want)
		}
	}
}
