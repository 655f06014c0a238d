package table

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode"
)

var testNow = time.Date(2026, 11, 23, 16, 8, 0, 0, time.UTC)

func peopleMembers(t *testing.T) []Object {
	t.Helper()
	var all []Object
	for _, text := range []string{
		`{"id":"66a5132aaf","name":"alice's laptop","description":"on her desk, second floor, left","online":true,"lastSeen":1795449900000,"config":{"ipAssignments":["10.9.0.7"],"revision":7}}`,
		`{"id":"0badc0ffee","name":"日本語のノード","description":null,"online":false,"lastSeen":0,"config":{"ipAssignments":["10.9.0.17","fd00::17"],"revision":1234}}`,
		`{"id":"8a9d09e442","name":"👩‍👩‍👧‍👦 e\u0301","description":"line\nbreak\u001b[31m \u202ered","online":null,"lastSeen":1760000000000,"config":{"ipAssignments":[],"revision":0}}`,
	} {
		all = append(all, decode(t, text))
	}
	return all
}

func peopleColumns() []Column {
	return []Column{
		{Name: "id", Paths: []string{"id"}}, {Name: "name", Paths: []string{"name"}}, {Name: "description", Paths: []string{"description"}},
		{Name: "online", Paths: []string{"online"}, Kind: Bool}, {Name: "lastSeen", Paths: []string{"lastSeen"}, Kind: Time},
		{Name: "addresses", Paths: []string{"config.ipAssignments"}}, {Name: "config.revision", Paths: []string{"config.revision"}, Kind: Number},
	}
}

func TestTableForPeople(t *testing.T) {
	zone := time.FixedZone("two hours east", 2*3600)
	for name, c := range map[string]struct {
		options Options
		want    string
	}{
		"as wide as it takes": {Options{Now: testNow, Zone: zone}, `
ID          NAME            DESCRIPTION                      ONLINE  LAST SEEN                         ADDRESSES           config.revision
66a5132aaf  alice's laptop  on her desk, second floor, left  yes     2026-11-23 18:05 (3 min ago)      10.9.0.7                          7
0badc0ffee  日本語のノード  -                                no      never                             10.9.0.17 fd00::17             1234
8a9d09e442  👩‍👩‍👧‍👦 é            line break�[31m �red             -       2025-10-09 10:53 (13 months ago)  -                                 0
`},
		"moments are shorter": {Options{Now: testNow, Zone: zone, Width: 125}, `
ID          NAME            DESCRIPTION                      ONLINE  LAST SEEN      ADDRESSES           config.revision
66a5132aaf  alice's laptop  on her desk, second floor, left  yes     3 min ago      10.9.0.7                          7
0badc0ffee  日本語のノード  -                                no      never          10.9.0.17 fd00::17             1234
8a9d09e442  👩‍👩‍👧‍👦 é            line break�[31m �red             -       13 months ago  -                                 0
`},
		"texts are shorter": {Options{Now: testNow, Width: 100, NoHeader: true}, `
66a5132aaf  alice's laptop  on her desk, second floor…  yes  3 min ago      10.9.0.7               7
0badc0ffee  日本語のノード  -                           no   never          10.9.0.17 fd00::17  1234
8a9d09e442  👩‍👩‍👧‍👦 é            line break�[31m �red        -    13 months ago  -                      0
`},
		"texts are much shorter": {Options{Now: testNow, Width: 80, NoHeader: true}, `
66a5132aaf  alice's lap…  on her desk,…  yes  3 min ago      10.9.0.7          7
0badc0ffee  日本語のノ…   -              no   never          10.9.0.17 fd…  1234
8a9d09e442  👩‍👩‍👧‍👦 é          line break�[…  -    13 months ago  -                 0
`},
		"columns are left out": {Options{Now: testNow, Width: 60}, `
ID          NAME       DESCRIPTION  ONLINE  LAST SEEN  …
66a5132aaf  alice's …  on her des…  yes     3 min ago
0badc0ffee  日本語の…  -            no      never
8a9d09e442  👩‍👩‍👧‍👦 é       line break…  -       13 months ago
`},
		"chosen columns stay": {Options{Now: testNow, Width: 60, Chosen: true}, `
ID               66a5132aaf
NAME             alice's laptop
DESCRIPTION      on her desk, second floor, left
ONLINE           yes
LAST SEEN        2026-11-23 16:05 (3 min ago)
ADDRESSES        10.9.0.7
config.revision  7

ID               0badc0ffee
NAME             日本語のノード
DESCRIPTION      -
ONLINE           no
LAST SEEN        never
ADDRESSES        10.9.0.17 fd00::17
config.revision  1234

ID               8a9d09e442
NAME             👩‍👩‍👧‍👦 é
DESCRIPTION      line break�[31m �red
ONLINE           -
LAST SEEN        2025-10-09 08:53 (13 months ago)
ADDRESSES        -
config.revision  0
`},
		"records": {Options{Now: testNow, Width: 30}, `
ID               66a5132aaf
NAME             alice's lapt…
DESCRIPTION      on her desk,…
ONLINE           yes
LAST SEEN        3 min ago
ADDRESSES        10.9.0.7
config.revision  7

ID               0badc0ffee
NAME             日本語のノー…
DESCRIPTION      -
ONLINE           no
LAST SEEN        never
ADDRESSES        10.9.0.17 fd…
config.revision  1234

ID               8a9d09e442
NAME             👩‍👩‍👧‍👦 é
DESCRIPTION      line break�[…
ONLINE           -
LAST SEEN        13 months ago
ADDRESSES        -
config.revision  0
`},
	} {
		t.Run(name, func(t *testing.T) {
			c.options.Format, c.options.Columns = Table, peopleColumns()
			got := write(t, c.options, peopleMembers(t)...)
			if got != strings.TrimPrefix(c.want, "\n") {
				t.Errorf("%s\nwant%s", got, c.want)
			}
			for line := range strings.Lines(got) {
				if c.options.Width > 0 && width(strings.TrimSuffix(line, "\n")) > c.options.Width {
					t.Errorf("%d characters in %s", width(line), line)
				}
			}
		})
	}
}

func TestIDsStayWhole(t *testing.T) {
	for to := 1; to < 200; to++ {
		for _, chosen := range []bool{true, false} {
			got := write(t, Options{Format: Table, Columns: peopleColumns(), Now: testNow, Width: to, Chosen: chosen}, peopleMembers(t)...)
			texts := []string{"66a5132aaf", "0badc0ffee", "8a9d09e442", "ID", "NAME", "ONLINE"}
			if !strings.Contains(got, more+"\n") || chosen {
				texts = append(texts, "10.9.0.7", "1234", "ago", "never", "LAST SEEN", "config.revision")
			}
			for _, text := range texts {
				if !strings.Contains(got, text) {
					t.Errorf("width %d: no %s in\n%s", to, text, got)
				}
			}
		}
	}
}

// TestALongTextIsNotInEveryRow: what a stranger writes must not grow with the list.
func TestALongTextIsNotInEveryRow(t *testing.T) {
	columns := []Column{{Name: "a", Paths: []string{"a"}}, {Name: "b", Paths: []string{"b"}}}
	list := []Object{decode(t, `{"a":"`+strings.Repeat("x", 10_000)+`","b":"y"}`)}
	for range 100 {
		list = append(list, decode(t, `{"a":"x","b":"y"}`))
	}
	for _, format := range []Format{Table, Markdown} {
		if got := write(t, Options{Format: format, Columns: columns}, list...); len(got) > 100_000 || !strings.Contains(got, strings.Repeat("x", 10_000)) {
			t.Errorf("%s: %d bytes", format, len(got))
		}
	}
}

func TestEmptyListHasItsHeader(t *testing.T) {
	columns := []Column{{Name: "id"}, {Name: "ipRangeStart"}, {Name: "a\x1b[0m"}}
	if got, want := write(t, Options{Format: Table, Columns: columns, Width: 1}), ""; got != want {
		t.Errorf("%q", got)
	}
	if got, want := write(t, Options{Format: Table, Columns: columns}), "ID  IP RANGE START  a�[0m\n"; got != want {
		t.Errorf("%q", got)
	}
	if got, want := write(t, Options{Format: Table, Columns: columns, Color: true}), "\x1b[1mID  IP RANGE START  a�[0m\x1b[0m\n"; got != want {
		t.Errorf("%q", got)
	}
}

// TestTerminalsObeyNobody: whatever a server sends stays text of one line.
func TestTerminalsObeyNobody(t *testing.T) {
	var all []rune
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if !unicode.IsPrint(r) && unicode.IsOneOf([]*unicode.RangeTable{unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co}, r) {
			all = append(all, r, 'x')
		}
	}
	raw, err := json.Marshal(map[string]string{"a": string(all)})
	if err != nil {
		t.Fatal(err)
	}
	columns := []Column{{Name: "a", Paths: []string{"a"}}}
	for _, format := range []Format{Table, Markdown} {
		got := write(t, Options{Format: format, Columns: columns, NoHeader: true}, decode(t, string(raw)))
		for _, r := range got {
			if r != '\n' && r != '\u200d' && !unicode.IsPrint(r) {
				t.Errorf("%s: %U reaches the terminal", format, r)
			}
		}
	}
}

func TestMarkdown(t *testing.T) {
	columns := []Column{{Name: "a|b", Paths: []string{"a"}}, {Name: "number", Paths: []string{"n"}, Kind: Number}}
	got := write(t, Options{Format: Markdown, Columns: columns},
		decode(t, `{"a":"x | y\n<script>&","n":-7}`), decode(t, `{"a":"日本 *a* [b](c) \\ `+"`d`"+`","n":null}`))
	want := `
| a\|b                          | number |
| ----------------------------- | -----: |
| x \| y<br>&lt;script&gt;&amp; |     -7 |
| 日本 \*a\* \[b\](c) \\ ` + "\\`d\\`" + `  |        |
`
	if got != strings.TrimPrefix(want, "\n") {
		t.Errorf("%s\nwant%s", got, want)
	}
	if got, want := write(t, Options{Format: Markdown, Columns: columns[:1], NoHeader: true}), "|     |\n| --- |\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
