package centralapi

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestBodiesThatAreRefused shows what a client is told.
func TestBodiesThatAreRefused(t *testing.T) {
	deep := func(levels int) string { return strings.Repeat(`{"a":`, levels) + "1" + strings.Repeat("}", levels) }
	wide := func(entries int) string { return `{"a":[` + strings.Repeat("1,", entries-1) + `1]}` }
	for _, c := range []struct{ body, want string }{
		{"", "JSON error: the body is empty; send {} to set nothing"},
		{" \n\t", "JSON error: the body is empty; send {} to set nothing"},
		{"{", "JSON error: the body is not valid JSON at byte 1 of 1"},
		{`{"a":x}`, "JSON error: the body is not valid JSON at byte 6 of 7"},
		{`{} {}`, "JSON error: the body is not valid JSON at byte 4 of 5"},
		{"{\"a\":\"\xff\"}", "JSON error: the body is not UTF-8"},
		{"\xef\xbb\xbf{}", ""},
		{"\xef\xbb\xbf", "JSON error: the body is empty; send {} to set nothing"},
		{"{}\x00", "JSON error: the body is not valid JSON at byte 3 of 3"},
		{`[]`, "body: want an object, not an array"},
		{`null`, "body: want an object, not null"},
		{`"x"`, "body: want an object, not a string"},
		{deep(100), ""},
		{deep(101), "body: more than 100 levels deep"},
		{strings.Repeat("[", 9999) + strings.Repeat("]", 9999), "body: more than 100 levels deep"},
		{wide(4096), ""},
		{wide(4097), "a: more than 4096 entries"},
		{`{"a":1,"b":2,"a":3}`, "a: comes twice"},
		{`{"a":null,"a":null}`, "a: comes twice"},
		{`{"config":{"x":[0,{"b":1,"\u0062":2}]}}`, "config.x[1].b: comes twice"},
		{`{"":1,"":2}`, `"": comes twice`},
		{`{"a":{"a":{"a":1}},"b":[{"a":1},{"a":1}],"A":"a"}`, ""},
		{`{"a":"{\"b\":1,[[[,,","c":"\\","d":"\\\""}`, ""},
	} {
		_, err := parseBody([]byte(c.body))
		if got := fmt.Sprint(err); got != c.want && !(err == nil && c.want == "") {
			t.Errorf("%.60q: %v, want %q", c.body, err, c.want)
		}
	}
}

// TestStructureIsSeenAsItIs draws JSON values, of which none has a name twice
// unless one was put there.
func TestStructureIsSeenAsItIs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		twice := false
		text := drawJSON(t, 4, &twice)
		err := checkStructure([]byte(text))
		if (err != nil) != twice {
			t.Fatalf("%s: %v", text, err)
		}
	})
}

// drawJSON draws a value; twice is set when one of its objects has a name twice.
func drawJSON(t *rapid.T, depth int, twice *bool) string {
	kind := rapid.IntRange(0, 5).Draw(t, "kind")
	if depth == 0 {
		kind %= 3
	}
	var parts []string
	count := rapid.IntRange(0, 3).Draw(t, "count")
	switch kind {
	case 0, 1:
		return rapid.SampledFrom([]string{`""`, `","`, `"\\"`, `"\"{"`, `"a:b"`}).Draw(t, "string")
	case 2:
		return rapid.SampledFrom([]string{"1", "-2.5e3", "true", "null"}).Draw(t, "scalar")
	case 3:
		for range count {
			parts = append(parts, drawJSON(t, depth-1, twice))
		}
		return "[" + strings.Join(parts, " , ") + "]"
	}
	seen := map[string]bool{}
	for range count {
		name := rapid.SampledFrom([]string{"a", "b", "c d", "e,", "{", "é"}).Draw(t, "name")
		written := name
		if name == "a" && rapid.Bool().Draw(t, "escaped") {
			written = `\u0061`
		}
		*twice = *twice || seen[name]
		seen[name] = true
		parts = append(parts, `"`+written+`" :`+drawJSON(t, depth-1, twice))
	}
	return "{" + strings.Join(parts, ",") + "}"
}
