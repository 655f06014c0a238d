package table

import (
	"encoding/csv"
	"encoding/json"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// awkward are texts that formats like to get wrong.
var awkward = []string{
	"", " ", "a", " a", "a ", "a b", "\ta", "a\t", "a,b", "a;b", `"`, `a"b`, `""`, "a\nb", "a\r\nb", "a\rb", "\n", "\r\n", "\n\n", "a\n", `\.`, `\`, `\n`, "'", "'a", "`a",
	"=1+1", "+1", "-1", "-", "@SUM(A1)", "＝1", "＋1", "－1", "＠a", "=", "\x00", "a\x00b", "\x07", "\x1b[31mred", "\x7f", "\u0085", "\u00a0", "\u200b", "\u2028", "\u202eabc", "\ufeff", "\ufffd", "\ufffe",
	"😀", "👩‍👩‍👧‍👦", "e\u0301", "日本語", "ｆｕｌｌ", "مرحبا", "yes", "No", "on", "y", "null", "~", "true", "TRUE", "0e1", "00123", "1_000", "0x1f", "0o7", "1e3", ".5", "1.0", ".inf", ".NaN", "12:30:45",
	"2026-01-01", "2026-01-01T00:00:00Z", "<<", "=", "- a", "a: b", "a:", "a #b", "#a", "? a", "|", ">", "|-", "%a", "!a", "&a", "*a", "[a", "{a}", "---", "...", "key: |\n  a\n", "  a\n b\n", "a|b", "<b>", "&amp;", "**a**", "[a](b)", "a_b", "$a$", "~~a~~",
	"66a5132aaf", "12345e6789", "1234567890", "fd00::1", "10.9.0.0/24", strings.Repeat("long ", 100),
}

// awkwardObjects have awkward texts as "a" and in a list, and each other's as "b".
func awkwardObjects(tb testing.TB) []Object {
	tb.Helper()
	var objects []Object
	for i, text := range awkward {
		other := awkward[(i*7+3)%len(awkward)]
		raw, err := json.Marshal(map[string]any{"a": text, "b": other, "c": []string{text, other}, "d": map[string]any{other: text}})
		if err != nil {
			tb.Fatal(err)
		}
		objects = append(objects, decode(tb, string(raw)))
	}
	return objects
}

var awkwardColumns = []Column{{Name: "a", Paths: []string{"a"}}, {Name: "the, \"b\"", Paths: []string{"b"}}, {Name: "c", Paths: []string{"c"}}, {Name: "d", Paths: []string{"d"}}}

// rowsOf are the cells that a list of rows has to have.
func rowsOf(columns []Column, objects []Object) [][]string {
	header := make([]string, len(columns))
	for i, c := range columns {
		header[i] = c.Name
	}
	all := [][]string{header}
	for _, o := range objects {
		row := make([]string, len(columns))
		for i, c := range columns {
			row[i] = c.Text(o, Milliseconds)
		}
		all = append(all, row)
	}
	return all
}

func TestCSVForm(t *testing.T) {
	o := decode(t, memberText)
	columns := Members()
	for want, options := range map[string]Options{
		"id,lastSeen,physicalAddress,ipAssignment,name\r\na1b2c3d4e5000001-66a5132aaf,0,,10.9.0.7,\"alice's \"\"laptop\"\"\"\r\n": {Format: CSV},
		"a1b2c3d4e5000001-66a5132aaf,0,,10.9.0.7,\"alice's \"\"laptop\"\"\"\r\n":                                                  {Format: CSV, NoHeader: true},
		"a1b2c3d4e5000001-66a5132aaf\t\t\t10.9.0.7\t\"alice's \"\"laptop\"\"\"\n":                                                 {Format: TSV, NoHeader: true, Times: RFC3339},
	} {
		options.Columns = columns
		if got := write(t, options, o); got != want {
			t.Errorf("%q\nwant\n%q", got, want)
		}
	}
	if got := write(t, Options{Format: CSV, Columns: columns}); got != "id,lastSeen,physicalAddress,ipAssignment,name\r\n" {
		t.Errorf("an empty list: %q", got)
	}
	if got := write(t, Options{Format: CSV, Columns: columns, NoHeader: true}); got != "" {
		t.Errorf("an empty list without header: %q", got)
	}
	one := []Column{{Name: "a", Paths: []string{"a"}}}
	if got := write(t, Options{Format: CSV, Columns: one}, decode(t, `{}`)); got != "a\r\n\"\"\r\n" {
		t.Errorf("one empty cell: %q", got)
	}
	list := decode(t, `{"a":" x","b":"x\ty"}`)
	two := []Column{{Name: "a", Paths: []string{"a"}}, {Name: "b", Paths: []string{"b"}}}
	if got := write(t, Options{Format: CSV, Columns: two, NoHeader: true}, list); got != "\" x\",x\ty\r\n" {
		t.Errorf("spaces: %q", got)
	}
}

func TestCSVIsReadBack(t *testing.T) {
	objects := awkwardObjects(t)
	want := rowsOf(awkwardColumns, objects)
	for _, format := range []Format{CSV, TSV} {
		reader := csv.NewReader(strings.NewReader(write(t, Options{Format: format, Columns: awkwardColumns}, objects...)))
		if format == TSV {
			reader.Comma = '\t'
		}
		got, err := reader.ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		if !slices.EqualFunc(got, asRead(want), slices.Equal) {
			t.Errorf("%s: got %q\nwant %q", format, got, asRead(want))
		}
	}
}

// asRead is what encoding/csv makes of cells: it drops CR before LF.
func asRead(rows [][]string) [][]string {
	var all [][]string
	for _, row := range rows {
		var cells []string
		for _, cell := range row {
			cells = append(cells, strings.ReplaceAll(cell, "\r\n", "\n"))
		}
		all = append(all, cells)
	}
	return all
}

// TestCSVIsReadByPython is the same with a reader that changes nothing.
func TestCSVIsReadByPython(t *testing.T) {
	objects := awkwardObjects(t)
	want := rowsOf(awkwardColumns, objects)
	for format, dialect := range map[Format]string{CSV: "excel", TSV: "excel-tab"} {
		got := python[[][]string](t, "import csv, io, json, sys\n"+
			"text = sys.stdin.buffer.read().decode('utf-8')\n"+
			"print(json.dumps(list(csv.reader(io.StringIO(text, newline=''), '"+dialect+"', strict=True))))",
			write(t, Options{Format: format, Columns: awkwardColumns}, objects...))
		if !slices.EqualFunc(got, want, slices.Equal) {
			t.Errorf("%s: got %q\nwant %q", format, got, want)
		}
	}
}

// python runs a program with text as its standard input and reads the JSON that
// it prints.
func python[Result any](t *testing.T, program, input string) Result {
	t.Helper()
	command := exec.Command(needPython(t), "-c", program)
	command.Stdin = strings.NewReader(input)
	out, err := command.Output()
	if failed, ok := err.(*exec.ExitError); ok {
		t.Fatalf("%v: %s", err, failed.Stderr)
	}
	var result Result
	if err := json.Unmarshal(out, &result); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	return result
}

// needPython returns a Python that has PyYAML. The first one in the PATH may be
// another than Debian's, for which packages are installed.
func needPython(t *testing.T) string {
	t.Helper()
	for _, python := range []string{"python3", "/usr/bin/python3"} {
		if exec.Command(python, "-c", "import yaml").Run() == nil {
			return python
		}
	}
	if os.Getenv("CI") != "" {
		t.Fatal("this needs Python with PyYAML")
	}
	t.Skip("SKIPPED: this needs Python with PyYAML (Debian: apt-get install python3-yaml)")
	return ""
}

func TestSpreadsheetsRunNothing(t *testing.T) {
	columns := []Column{{Name: "=a", Paths: []string{"a"}}, {Name: "b", Paths: []string{"b"}}, {Name: "c", Paths: []string{"c"}, Kind: Time}}
	o := decode(t, `{"a":-1,"b":"-1","c":"@x"}`)
	if got, want := write(t, Options{Format: CSV, Columns: columns, SpreadsheetSafe: true}, o), "\"'=a\",b,c\r\n-1,\"'-1\",\"'@x\"\r\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := write(t, Options{Format: CSV, Columns: columns}, o), "=a,b,c\r\n-1,-1,@x\r\n"; got != want {
		t.Errorf("not asked for: %q, want %q", got, want)
	}
	split := decode(t, `{"a":"x;=1","b":"x\t=1"}`) // as by those that split at these too
	if got, want := write(t, Options{Format: CSV, Columns: columns[:2], SpreadsheetSafe: true, NoHeader: true}, split), "\"x;=1\",\"x\t=1\"\r\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	objects := awkwardObjects(t)
	rows, err := csv.NewReader(strings.NewReader(write(t, Options{Format: CSV, Columns: awkwardColumns, SpreadsheetSafe: true}, objects...))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	guarded := 0
	for i, want := range asRead(rowsOf(awkwardColumns, objects)) {
		for j, cell := range rows[i] {
			switch {
			case cell != "" && strings.ContainsAny(string([]rune(cell)[:1]), "=+-@\t\r\n＝＋－＠"):
				t.Errorf("%q is a formula", cell)
			case cell == "'"+want[j]:
				guarded++
			case cell != want[j]:
				t.Errorf("%q became %q", want[j], cell)
			}
		}
	}
	if guarded < 20 {
		t.Errorf("%d cells were guarded", guarded)
	}
}
