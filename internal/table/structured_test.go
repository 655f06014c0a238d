package table

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

const structured = `{"z":"last","list":[1,[],{},[[2,-3.5]],{"x":null,"y":[true]}],"a":{"no":"yes","1":{"b c":1e9}},"e":1.5E-7,"q":"\"\\\u0000\u2028é"}`

func TestJSONKeepsWhatTheServerSent(t *testing.T) {
	a, b := decode(t, `{"z":1.0,"a":{"y":"\u003c","x":[ ]},"z":2}`), decode(t, "{}")
	for want, list := range map[string][]Object{
		"[]\n": nil,
		"[\n  {\n    \"z\": 1.0,\n    \"a\": {\n      \"y\": \"\\u003c\",\n      \"x\": []\n    },\n    \"z\": 2\n  },\n  {}\n]\n": {a, b},
	} {
		if got := write(t, Options{Format: JSON}, list...); got != want {
			t.Errorf("%s\nwant\n%s", got, want)
		}
	}
	if got, want := write(t, Options{Format: NDJSON}, a, b), "{\"z\":1.0,\"a\":{\"y\":\"\\u003c\",\"x\":[]},\"z\":2}\n{}\n"; got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	if got := write(t, Options{Format: NDJSON}); got != "" {
		t.Errorf("an empty list: %q", got)
	}
}

func TestChosenColumnsOfObjects(t *testing.T) {
	columns, err := ParseColumns(`name,"x=routes[0],lastSeen=creationTime,never=clock,mtu,nothing`, Networks())
	if err != nil {
		t.Fatal(err)
	}
	o := decode(t, strings.Replace(networkText, `{"id"`, `{"clock":0,"id"`, 1))
	options := Options{Format: NDJSON, Columns: columns, Chosen: true}
	if got, want := write(t, options, o), `{"name":"home","\"x":{"target":"10.9.0.0/24"},"lastSeen":1767225600123,"never":0,"mtu":2800,"nothing":null}`+"\n"; got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	options.Times = RFC3339
	if got, want := write(t, options, o), `{"name":"home","\"x":{"target":"10.9.0.0/24"},"lastSeen":"2026-01-01T00:00:00.123Z","never":null,"mtu":2800,"nothing":null}`+"\n"; got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	options.Format = YAML
	if got, want := write(t, options, o), "- name: \"home\"\n  \"\\\"x\":\n    target: \"10.9.0.0/24\"\n  lastSeen: \"2026-01-01T00:00:00.123Z\"\n  never: null\n  mtu: 2800\n  nothing: null\n"; got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

func TestYAMLForm(t *testing.T) {
	want := `- z: "last"
  list:
    - 1
    - []
    - {}
    - - - 2
        - -3.5
    - x: null
      "y":
        - true
  a:
    "no": "yes"
    "1":
      "b c": 1.0e+9
  e: 1.5e-7
  q: "\"\\\u0000\u2028é"
- {}
`
	if got := write(t, Options{Format: YAML}, decode(t, structured), decode(t, " {} ")); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	if got, want := write(t, Options{Format: YAML}, decode(t, `{"a":1,"b":2,"\u0061":3}`)), "- a: 1\n  b: 2\n"; got != want {
		t.Errorf("a key that comes twice: %q", got)
	}
	if got := write(t, Options{Format: YAML}); got != "[]\n" {
		t.Errorf("an empty list: %q", got)
	}
}

func TestYAMLIsReadBack(t *testing.T) {
	objects := append(awkwardObjects(t), decode(t, structured), decode(t, networkText))
	var want []any
	for _, o := range objects {
		var value any
		if err := json.Unmarshal(o, &value); err != nil {
			t.Fatal(err)
		}
		want = append(want, value)
	}
	text := write(t, Options{Format: YAML}, objects...)
	if strings.ContainsFunc(strings.ReplaceAll(text, "\n", ""), func(r rune) bool { return r < ' ' || r == 0x7f || r == '\u202e' }) {
		t.Error("there are control characters in it")
	}
	for name, read := range map[string]func(*testing.T, string) []any{"goccy": readByGoccy, "PyYAML": readByPyYAML} {
		t.Run(name, func(t *testing.T) {
			got := read(t, text)
			if len(got) != len(want) {
				t.Fatalf("%d of %d objects", len(got), len(want))
			}
			for i := range want {
				if !reflect.DeepEqual(got[i], want[i]) {
					t.Errorf("got  %q\nwant %q", got[i], want[i])
				}
			}
		})
	}
}

// readByGoccy returns what JSON would have made of a document.
func readByGoccy(t *testing.T, text string) []any {
	var document []any
	if err := yaml.Unmarshal([]byte(text), &document); err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	var all []any
	if err := json.Unmarshal(raw, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

func readByPyYAML(t *testing.T, text string) []any {
	return python[[]any](t, "import json, sys, yaml\nprint(json.dumps(yaml.safe_load(sys.stdin.buffer.read().decode('utf-8'))))", text)
}

func TestSingleObjects(t *testing.T) {
	o := decode(t, `{"id":"a","at":0}`)
	columns := []Column{{Name: "id", Paths: []string{"id"}}, {Name: "lastSeen", Paths: []string{"at"}, Kind: Time}}
	for format, want := range map[Format]string{
		JSON: "{\n  \"id\": \"a\",\n  \"at\": 0\n}\n", NDJSON: "{\"id\":\"a\",\"at\":0}\n", YAML: "id: \"a\"\nat: 0\n", CSV: "id,lastSeen\r\na,0\r\n", TSV: "id\tlastSeen\na\t0\n",
		Markdown: "| id  | lastSeen |\n| --- | -------- |\n| a   | 0        |\n", Table: "ID         a\nLAST SEEN  never\n",
	} {
		var text bytes.Buffer
		if err := WriteOne(&text, o, Options{Format: format, Columns: columns}); err != nil || text.String() != want {
			t.Errorf("%s: %v\n%s\nwant\n%s", format, err, text.String(), want)
		}
	}
}

func TestWrongOptions(t *testing.T) {
	for _, o := range []Options{
		{}, {Format: "xml", Columns: Members()}, {Format: CSV}, {Format: TSV}, {Format: Table}, {Format: Markdown}, {Format: JSON, Chosen: true}, {Format: YAML, Chosen: true},
	} {
		var text bytes.Buffer
		if _, err := NewWriter(&text, o); err == nil {
			t.Errorf("%+v is accepted", o)
		}
		if err := WriteOne(&text, Object("{}"), o); err == nil || text.Len() > 0 {
			t.Errorf("%+v is accepted for one", o)
		}
	}
}

// refusing takes some writes, and then none.
type refusing struct{ left int }

func (r *refusing) Write(b []byte) (int, error) {
	if r.left--; r.left < 0 {
		return 0, fmt.Errorf("no space")
	}
	return len(b), nil
}

func TestFailedWritesAreTold(t *testing.T) {
	o := decode(t, memberText)
	for _, format := range []Format{Table, JSON, NDJSON, YAML, CSV, TSV, Markdown} {
		for left := range 2 {
			list, err := NewWriter(&refusing{left}, Options{Format: format, Columns: Members()})
			if err != nil {
				t.Fatal(err)
			}
			for range 3 {
				if err = list.Write(o); err != nil {
					break
				}
			}
			if err == nil {
				err = list.Close()
			}
			if wholeAtOnce := format == Table || format == Markdown; (err == nil) != (wholeAtOnce && left == 1) {
				t.Errorf("%s, %d writes taken: %v", format, left, err)
			}
		}
	}
}

// TestEachObjectIsWrittenAtOnce is what live lists build on.
func TestEachObjectIsWrittenAtOnce(t *testing.T) {
	for _, format := range []Format{JSON, NDJSON, YAML, CSV, TSV} {
		var text strings.Builder
		list, err := NewWriter(&text, Options{Format: format, Columns: Members()})
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range []string{"first", "second"} {
			if err := list.Write(decode(t, `{"id":"`+id+`"}`)); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(text.String(), id) {
				t.Errorf("%s: %s is not there yet", format, id)
			}
		}
	}
}

func TestJSONControlsNoTerminal(t *testing.T) {
	const sent = "{\"name\":\"a\x7f\u009b31mb\u202ec\u2066d\",\"city\":\"Zürich 東京\"}"
	object, err := Decode([]byte(sent))
	if err != nil {
		t.Fatal(err)
	}
	for _, format := range []Format{JSON, NDJSON} {
		var list, one bytes.Buffer
		w, err := NewWriter(&list, Options{Format: format})
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(w.Write(object), w.Close(), WriteOne(&one, object, Options{Format: format})); err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{list.String(), one.String()} {
			if strings.ContainsAny(text, "\x7f\u009b\u202e\u2066") || !strings.Contains(text, "Zürich 東京") {
				t.Errorf("%s: %q", format, text)
			}
		}
		var back map[string]string
		if err := json.Unmarshal(one.Bytes(), &back); err != nil || back["name"] != "a\x7f\u009b31mb\u202ec\u2066d" {
			t.Errorf("%s reads back as %q, %v", format, back["name"], err)
		}
	}
}
