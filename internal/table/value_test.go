package table

import (
	"encoding/json"
	"math"
	"reflect"
	"testing"
	"time"
)

func TestValuesHaveTheirTypes(t *testing.T) {
	o := decode(t, `{"text":"a\u00e9\ud83d\ude00","number":-1.50e3,"big":12345678901234567890,"yes":true,"no":false,"null":null,"list":[1,"a",null,[]],"object":{"b":{}}}`)
	for path, want := range map[string]any{
		"text": "aé😀", "number": json.Number("-1.50e3"), "big": json.Number("12345678901234567890"), "yes": true, "no": false, "null": nil, "none": nil,
		"list": json.RawMessage(`[1,"a",null,[]]`), "object": json.RawMessage(`{"b":{}}`),
	} {
		if got := (Column{Paths: []string{path}}).Value(o); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %#v, want %#v", path, got, want)
		}
	}
	if got := (Column{Paths: []string{"none", "null", "object.x", "yes"}}).Value(o); got != true {
		t.Errorf("the last path: %v", got)
	}
	for _, o := range []Object{nil, {}, Object("{"), Object(`{"text`), Object(`{"text":`), Object(`[1]`), Object(`{"text"]`)} {
		if got := (Column{Paths: []string{"text", "[0]", "", "a[", "text[0]"}}).Value(o); got != nil {
			t.Errorf("%s: %v", o, got)
		}
	}
}

func TestTextOfMoments(t *testing.T) {
	for raw, want := range map[string][2]string{
		`1767225600123`:       {"1767225600123", "2026-01-01T00:00:00.123Z"},
		`1767225600000`:       {"1767225600000", "2026-01-01T00:00:00.000Z"},
		`1.7672256e12`:        {"1.7672256e12", "2026-01-01T00:00:00.000Z"},
		`0`:                   {"0", ""},
		`-1`:                  {"-1", "1969-12-31T23:59:59.999Z"},
		`null`:                {"", ""},
		`"soon"`:              {"soon", "soon"},
		`true`:                {"true", "true"},
		`253402300799999`:     {"253402300799999", "9999-12-31T23:59:59.999Z"},
		`253402300800000`:     {"253402300800000", "253402300800000"},
		`9223372036854775808`: {"9223372036854775808", "9223372036854775808"},
		`1e400`:               {"1e400", "1e400"},
	} {
		o := decode(t, `{"at":`+raw+`}`)
		c := Column{Name: "at", Paths: []string{"at"}, Kind: Time}
		if got := [2]string{c.Text(o, Milliseconds), c.Text(o, RFC3339)}; got != want {
			t.Errorf("%s: %q, want %q", raw, got, want)
		}
	}
	c := Column{Paths: []string{"a"}, Kind: Time}
	if at, ok := c.Moment(decode(t, `{"a":1767225600123}`)); !ok || !at.Equal(time.Date(2026, 1, 1, 0, 0, 0, 123e6, time.UTC)) {
		t.Errorf("%v %v", at, ok)
	}
	for _, text := range []string{`{}`, `{"a":0}`, `{"a":"x"}`, `{"a":null}`} {
		if at, ok := c.Moment(decode(t, text)); ok {
			t.Errorf("%s: %v", text, at)
		}
	}
}

func TestTextOfLists(t *testing.T) {
	for raw, want := range map[string]string{
		`[]`: "", `["a"]`: "a", `["a", "b" ,1,true,null,"c"]`: "a b 1 true c", `[[1, 2],[3,4]]`: "[[1,2],[3,4]]", `[ { "a" : 1 } ]`: `[{"a":1}]`,
		`{ "z" : 1, "a" : [ ] }`: `{"z":1,"a":[]}`, `[null]`: "",
	} {
		if got := (Column{Paths: []string{"x"}}).Text(decode(t, `{"x":`+raw+`}`), Milliseconds); got != want {
			t.Errorf("%s: %q, want %q", raw, got, want)
		}
	}
}

func TestRelative(t *testing.T) {
	const day = 24 * time.Hour
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for ago, want := range map[time.Duration]string{
		0: "now", 999 * time.Millisecond: "now", 12 * time.Second: "12 s ago", 59 * time.Second: "59 s ago", 3 * time.Minute: "3 min ago", time.Hour: "1 h ago",
		47 * time.Hour: "47 h ago", 48 * time.Hour: "2 days ago", 59 * day: "59 days ago", 60 * day: "2 months ago", 729 * day: "24 months ago", 730 * day: "2 years ago",
		-90 * time.Second: "in 1 min", -40 * day: "in 40 days",
	} {
		if got := Relative(now.Add(-ago), now); got != want {
			t.Errorf("%v: %q, want %q", ago, got, want)
		}
	}
	for far, want := range map[int64]string{math.MaxInt64: "in 292 years", math.MinInt64: "292 years ago"} {
		if got := Relative(time.UnixMilli(far), now); got != want {
			t.Errorf("%d ms: %q, want %q", far, got, want)
		}
	}
}
