package export

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/orrery-net/orrery/internal/table"
)

const (
	office = "8056c2e21c000001"
	home   = "8056c2e21c000002"
)

// nasty are names that some format or other would take for something else.
var nasty = []string{
	"plain", `a "quoted" name`, "two\nlines", "carriage\r\nreturn", "comma, semicolon; tab\tend", "emoji 😀 büro", "=1+1", "+cmd|' /C calc'!A0",
	"-2", "@SUM(A1:A9)", "007", "1e10", "TRUE", "", " spaces around ", strings.Repeat("long", 2000), "web", "web", "Web", `\N`, `\.`, "back\\slash",
	"<b>&amp;", "_x000D_", "'apostrophes'", "null", "localhost", "12345", "0x7f000001", "\u202eright to left", "escape \x1b[31m red", "nul \x00 byte",
	"{{ lookup('pipe', 'touch pwned') }}", "web\nProxyCommand touch pwned", "$(touch pwned)", "* !web", "# comment", "名前", "all",
}

// object makes an object of Go values.
func object(t testing.TB, value any) table.Object {
	t.Helper()
	raw, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	o, err := table.Decode(raw)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

type fields = map[string]any

func networkRow(t testing.TB, id, name string) Row {
	t.Helper()
	return Row{Network: object(t, fields{
		"id": id, "description": "of " + name, "totalMemberCount": 3,
		"config": fields{
			"name": name, "creationTime": 1689164970409, "dns": fields{"domain": "zt.example"},
			"ipAssignmentPools": []fields{{"ipRangeStart": "10.1.0.1", "ipRangeEnd": "10.1.255.254"}},
			"v6AssignMode":      fields{"zt": false, "rfc4193": false, "6plane": false},
		},
		"tagsByName": fields{"Department": fields{"id": 1000}},
	})}
}

// memberFields is the n-th member of a network; change may change it.
func memberFields(network Row, n int, name string) fields {
	id, node := text(network.Network, "id"), fmt.Sprintf("%010x", 0x1000000000+n)
	return fields{
		"id": id + "-" + node, "networkId": id, "nodeId": node, "name": name, "hidden": false, "lastSeen": 1691078701874 + int64(n)*1000,
		"description": "about " + name, "physicalAddress": "203.0.113.7", "clientVersion": "1.14.2",
		"config": fields{
			"authorized": true, "ipAssignments": []string{fmt.Sprintf("10.1.%d.%d", n/256, n%256)}, "noAutoAssignIps": false,
			"creationTime": 1689164995720, "revision": n, "tags": []any{[]any{1000, 100}, []any{2, false}},
		},
	}
}

func memberRow(t testing.TB, network Row, n int, name string) Row {
	t.Helper()
	return Row{Network: network.Network, Member: object(t, memberFields(network, n, name))}
}

// nastyRows is a network with a member for each nasty name.
func nastyRows(t testing.TB) []Row {
	t.Helper()
	network := networkRow(t, office, "office")
	rows := []Row{network}
	for i, name := range nasty {
		rows = append(rows, memberRow(t, network, i, name))
	}
	return rows
}

// writeAll writes rows and closes.
func writeAll(t testing.TB, w Writer, rows []Row) {
	t.Helper()
	defer w.Abort()
	for _, r := range rows {
		if err := w.Write(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// exportText is an export to a string.
func exportText(t testing.TB, f Format, o Options, rows []Row) string {
	t.Helper()
	var out bytes.Buffer
	w, err := NewText(&out, f, o)
	if err != nil {
		t.Fatal(err)
	}
	writeAll(t, w, rows)
	return out.String()
}

// exportTo is an export to a file, or to a database. What it returns is closed.
func exportTo(t testing.TB, to string, as Format, o Options, rows []Row) Writer {
	t.Helper()
	target, err := ParseTarget(to, string(as))
	if err != nil {
		t.Fatal(err)
	}
	w, err := Open(t.Context(), target, o)
	if err != nil {
		t.Fatal(err)
	}
	writeAll(t, w, rows)
	return w
}

func columns(t testing.TB, spec string) []table.Column {
	t.Helper()
	all, err := table.ParseColumns(spec, table.Members())
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// need finds a program, and skips the test if there is none; where CI is set
// there must be.
func need(t *testing.T, program, debian string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		missing(t, program, debian)
	}
	return path
}

func missing(t *testing.T, what, debian string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf("the test needs %s", what)
	}
	t.Skipf("SKIPPED: the test needs %s (Debian: apt-get install %s)", what, debian)
}

// python runs a program with Debian's Python, whatever else is in the PATH, and
// returns what it prints.
func python(t *testing.T, modules, debian, program string, args ...string) []byte {
	t.Helper()
	for _, name := range []string{"/usr/bin/python3", "python3"} {
		if exec.Command(name, "-c", "import "+modules).Run() == nil {
			return run(t, exec.Command(name, append([]string{"-c", program}, args...)...))
		}
	}
	missing(t, "Python with "+modules, debian)
	return nil
}

// run returns what a program prints.
func run(t *testing.T, command *exec.Cmd) []byte {
	t.Helper()
	var out, errOut bytes.Buffer
	command.Stdout, command.Stderr = &out, &errOut
	if err := command.Run(); err != nil {
		t.Fatalf("%s: %v\n%s%s", filepath.Base(command.Path), err, out.Bytes(), errOut.Bytes())
	}
	return out.Bytes()
}

// onlyFiles fails if a folder has other files than these.
func onlyFiles(t *testing.T, folder string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, e := range entries {
		found = append(found, e.Name())
	}
	if strings.Join(found, " ") != strings.Join(names, " ") {
		t.Errorf("the folder has %q, want %q", found, names)
	}
}
