package export

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"
)

// readSheet is a sheet as another program reads it. A cell is [type, value,
// format of numbers, bold].
type readSheet struct {
	Title, Freeze, Filter string
	Widths                []float64
	Rows                  [][][4]any
}

func readBook(t *testing.T, file string) []readSheet {
	t.Helper()
	out := python(t, "openpyxl", "python3-openpyxl", `import json, sys, openpyxl
book = openpyxl.load_workbook(sys.argv[1])
print(json.dumps([dict(title=s.title, freeze=s.freeze_panes, filter=s.auto_filter.ref,
  widths=[s.column_dimensions[openpyxl.utils.get_column_letter(i+1)].width for i in range(s.max_column)],
  rows=[[[c.data_type, c.value.isoformat() if c.is_date and c.value is not None else c.value, c.number_format, bool(c.font.b)] for c in r] for r in s.iter_rows()]) for s in book]))`, file)
	var sheets []readSheet
	if err := json.Unmarshal(out, &sheets); err != nil {
		t.Fatal(err)
	}
	return sheets
}

func cellIs(t *testing.T, what string, cell [4]any, kind string, value any) {
	t.Helper()
	if cell[0] != kind || cell[1] != value {
		t.Errorf("%s: %v, want %s %v", what, cell, kind, value)
	}
}

func TestWorkbookIsReadByAnotherProgram(t *testing.T) {
	rows := nastyRows(t)
	never := memberFields(rows[0], 900, "never seen")
	never["lastSeen"] = 0
	never["config"].(fields)["revision"] = json.Number("12345678901234567890")
	rows = append(rows, Row{Network: rows[0].Network, Member: object(t, never)}, networkRow(t, home, "office"))
	file := filepath.Join(t.TempDir(), "members.xlsx")
	exportTo(t, file, "", Options{Members: true, Columns: columns(t, "id,nodeId,name,lastSeen,config.authorized,config.revision,config.tags")}, rows)
	sheets := readBook(t, file)
	if len(sheets) != 3 || sheets[0].Title != "Networks" || sheets[1].Title != "office" || sheets[2].Title != "office "+home {
		t.Fatalf("%d sheets, first %q", len(sheets), sheets[0].Title)
	}
	networks, members := sheets[0].Rows, sheets[1].Rows
	if len(networks) != 3 || len(members) != len(nasty)+2 || len(sheets[2].Rows) != 1 {
		t.Fatalf("%d, %d, %d rows", len(networks), len(members), len(sheets[2].Rows))
	}
	for i, header := range []string{"id", "nodeId", "name", "lastSeen (UTC)", "config.authorized", "config.revision", "config.tags"} {
		cellIs(t, "header", members[0][i], "s", header)
		if members[0][i][3] != true || members[1][i][3] != false {
			t.Errorf("%s: bold %v, below %v", header, members[0][i][3], members[1][i][3])
		}
	}
	if s := sheets[1]; s.Freeze != "A2" || !strings.HasPrefix(s.Filter, "$A$1:$G$") || s.Widths[0] < 27 || s.Widths[3] < 19 {
		t.Errorf("frozen at %s, filter %s, widths %v", s.Freeze, s.Filter, s.Widths)
	}
	cellIs(t, "network", networks[1][0], "s", office)
	cellIs(t, "members", networks[1][3], "n", 3.0)
	cellIs(t, "created", networks[1][4], "d", "2023-07-12T12:29:30.409000")
	for i, name := range nasty {
		row := members[i+1]
		cellIs(t, "id", row[0], "s", text(rows[i+1].Member, "id"))
		cellIs(t, "node", row[1], "s", text(rows[i+1].Member, "nodeId"))
		cellIs(t, "authorized", row[4], "b", true)
		cellIs(t, "revision", row[5], "n", float64(i))
		cellIs(t, "tags", row[6], "s", "[[1000,100],[2,false]]")
		if row[3][0] != "d" || row[3][2] != "yyyy-mm-dd hh:mm:ss" {
			t.Errorf("last seen %v", row[3])
		}
		// The format writes a text that looks like one of its escapes so; this reader
		// does not know.
		want := strings.Map(func(r rune) rune {
			if r < ' ' && !strings.ContainsRune("\t\r\n", r) {
				return '\ufffd' // which XML cannot hold
			}
			return r
		}, strings.ReplaceAll(name, "_x000D_", "_x005F_x000D_"))
		if name == "" {
			cellIs(t, "empty name", row[2], "n", nil)
			continue
		}
		cellIs(t, "name", row[2], "s", want)
	}
	cellIs(t, "first seen", members[1][3], "d", "2023-08-03T16:05:01.874000")
	last := members[len(members)-1]
	cellIs(t, "never seen", last[3], "n", nil)
	cellIs(t, "huge number", last[5], "s", "12345678901234567890")
}

func TestWorkbookOfNetworks(t *testing.T) {
	file := filepath.Join(t.TempDir(), "networks.xlsx")
	exportTo(t, file, "", Options{}, []Row{networkRow(t, office, "office"), networkRow(t, home, "=1+1")})
	sheets := readBook(t, file)
	if len(sheets) != 1 || len(sheets[0].Rows) != 3 || sheets[0].Filter != "$A$1:$G$3" {
		t.Fatalf("%+v", sheets)
	}
	cellIs(t, "name", sheets[0].Rows[2][1], "s", "=1+1")
	exportTo(t, file, "", Options{}, nil)
	if sheets := readBook(t, file); len(sheets) != 1 || len(sheets[0].Rows) != 1 {
		t.Errorf("of nothing: %+v", sheets)
	}
}

// TestSheetNames names sheets after networks that do not care for the rules of
// sheets.
func TestSheetNames(t *testing.T) {
	names := append([]string{
		"Networks", "networks", "History", "a/b\\c?d*e[f]g:h", "'quoted'", strings.Repeat("x", 31), strings.Repeat("x", 32), strings.Repeat("x", 33),
		strings.Repeat("😀", 40), strings.Repeat("a", 30) + "😀", "/", "'", strings.Repeat("y", 13) + "'" + strings.Repeat("y", 30), strings.Repeat("Y", 13) + "'" + strings.Repeat("y", 30),
	}, nasty...)
	var rows []Row
	for i, name := range names {
		network := networkRow(t, "8056c2e21c"+strings.Repeat("0", 4)+string("0123456789abcdef"[i/16])+string("0123456789abcdef"[i%16]), name)
		rows = append(rows, network, memberRow(t, network, i, name))
	}
	rows = append(rows, rows[0], rows[0]) // as a server would have to be broken to send it
	file := filepath.Join(t.TempDir(), "members.xlsx")
	exportTo(t, file, "", Options{Members: true}, rows)
	sheets := readBook(t, file)
	if len(sheets) != len(names)+3 {
		t.Fatalf("%d sheets of %d networks", len(sheets), len(names))
	}
	taken := make(map[string]bool)
	for _, s := range sheets {
		lower := strings.ToLower(s.Title)
		if s.Title == "" || len(utf16.Encode([]rune(s.Title))) > 31 || strings.ContainsAny(s.Title, "[]:*?/\\\n'") || taken[lower] || lower == "history" {
			t.Errorf("the sheet %q", s.Title)
		}
		taken[lower] = true
	}
	for i, name := range names {
		if s := sheets[i+1]; len(s.Rows) != 2 {
			t.Errorf("%q: the sheet %q has %d rows", name, s.Title, len(s.Rows))
		}
	}
}
