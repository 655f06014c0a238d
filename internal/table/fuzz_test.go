package table

import (
	"encoding/csv"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzParseColumns: what is accepted names itself, and can be asked for again.
func FuzzParseColumns(f *testing.F) {
	for _, seed := range []string{"id,name", `a["b,c=d"].e[3]`, `x=["a\"b"]`, "=", `["`, "a[1", "config.routes[0].target,mtu", `["\ud800"]`, "\x00", `a=b=c`, `[""]`} {
		f.Add(seed)
	}
	o := decode(f, networkText)
	f.Fuzz(func(t *testing.T, spec string) {
		columns, err := ParseColumns(spec, Networks())
		if err != nil {
			if columns != nil || len(err.Error()) > 1000 {
				t.Fatalf("%v, %v", columns, err)
			}
			return
		}
		for _, c := range columns {
			if c.Name == "" || len(c.Paths) == 0 {
				t.Fatalf("%+v", c)
			}
			for _, path := range c.Paths {
				if err := checkPath(path); err != nil {
					t.Fatalf("%s: %v", path, err)
				}
				again, err := ParseColumns("x="+path, nil)
				if err != nil || len(again) != 1 || again[0].Paths[0] != path {
					t.Fatalf("%s: %+v, %v", path, again, err)
				}
			}
			c.Value(o)
			c.Text(o, RFC3339)
		}
	})
}

// FuzzDecode: an object is what encoding/json says, and so are its values.
func FuzzDecode(f *testing.F) {
	for _, seed := range append(awkward, structured, networkText, memberText, `{"a":{"a":1,"a":2}}`, `{"\u0061":"\ud83d\ude00\ud800"}`, `{"a":[[[]],{}]}`, "{\"a\":\"\xff\"}") {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, path := range []string{"a", "a[1]", "a.a", "", "[0]"} { // also of what is no JSON
			Column{Paths: []string{path}}.Text(Object(raw), RFC3339)
			Column{Paths: []string{path}}.Value(Object(raw))
		}
		o, err := Decode(raw)
		var want map[string]any
		isObject := json.Unmarshal(raw, &want) == nil && want != nil
		if (err == nil) != isObject && depth(raw) <= maxDepth {
			t.Fatalf("%q: %v, encoding/json: %v", raw, err, isObject)
		}
		if err != nil {
			return
		}
		if !utf8.Valid(o) || !json.Valid(o) {
			t.Fatalf("%q became %q", raw, o)
		}
		checkFields(t, o)
		for _, format := range []Format{JSON, NDJSON, YAML, CSV, Markdown, Table} {
			write(t, Options{Format: format, Columns: awkwardColumns}, o)
		}
	})
}

// checkFields compares each field to what encoding/json finds, which takes the
// last one of a key that comes twice.
func checkFields(t *testing.T, o Object) {
	d := json.NewDecoder(strings.NewReader(string(o)))
	if _, err := d.Token(); err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]bool)
	for d.More() {
		key, err := d.Token()
		if err != nil {
			t.Fatal(err)
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			t.Fatal(err)
		}
		name := key.(string)
		if seen[name] {
			continue
		}
		seen[name] = true
		if got := field(o, name); string(got) != string(value) {
			t.Fatalf("%q: %q, want %q", name, got, value)
		}
	}
}

// FuzzCSV: a reader gets exactly the cells that Text gives.
func FuzzCSV(f *testing.F) {
	for i, text := range awkward {
		f.Add(text, awkward[(i+1)%len(awkward)])
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		raw, err := json.Marshal(map[string]string{"a": a, "b": b})
		if err != nil {
			t.Fatal(err)
		}
		o := decode(t, string(raw))
		for _, columns := range [][]Column{awkwardColumns[:2], awkwardColumns[:1]} {
			want := asRead(rowsOf(columns, []Object{o}))
			for format, separator := range map[Format]rune{CSV: ',', TSV: '\t'} {
				reader := csv.NewReader(strings.NewReader(write(t, Options{Format: format, Columns: columns}, o)))
				reader.Comma = separator
				if got, err := reader.ReadAll(); err != nil || !slices.EqualFunc(got, want, slices.Equal) {
					t.Fatalf("%s: %q, %v; want %q", format, got, err, want)
				}
			}
		}
	})
}
