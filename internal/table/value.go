package table

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"
)

// Times is how moments are written for machines.
type Times int

// How moments are written: as ms since 1970 (0 is never), or as RFC 3339 in UTC
// with milliseconds (never is empty).
const (
	Milliseconds Times = iota
	RFC3339
)

// rfc3339 has a fixed number of digits, so that moments sort as text.
const rfc3339 = "2006-01-02T15:04:05.000Z07:00"

// Value finds a column's value in an object: a string, json.Number, bool, nil
// (nothing there, or null), or the json.RawMessage of an object or list.
func (c Column) Value(o Object) any {
	raw := find(c, o)
	if raw == nil {
		return nil
	}
	switch raw[0] {
	case '"':
		return unquote(raw)
	case 't', 'f':
		return raw[0] == 't'
	case '{', '[':
		return json.RawMessage(raw)
	}
	return json.Number(raw)
}

// Moment is a column's value as a time, in UTC: ms since 1970 as the APIs show
// it. ok is false if there is none: nothing, 0 (never), or no number.
func (c Column) Moment(o Object) (t time.Time, ok bool) {
	ms, ok := milliseconds(find(c, o))
	if !ok || ms == 0 {
		return time.Time{}, false
	}
	return time.UnixMilli(ms).UTC(), true
}

// Text writes a value as a cell: text as it is, numbers in full, true or false,
// nothing for nil, lists of plain values separated by spaces, anything else as
// compact JSON. Moments are written as times says.
func (c Column) Text(o Object, times Times) string {
	return string(c.appendText(nil, find(c, o), times))
}

// appendText writes a value that find found.
func (c Column) appendText(b, raw []byte, times Times) []byte {
	if c.Kind == Time && times == RFC3339 {
		if ms, ok := milliseconds(raw); ok {
			return appendMoment(b, raw, ms)
		}
	}
	return appendValue(b, raw)
}

// appendMoment writes a moment as RFC 3339, which has no years beyond 9999: such
// a one stays the number that it is.
func appendMoment(b, raw []byte, ms int64) []byte {
	const first, last = -62_135_596_800_000, 253_402_300_799_999 // years 1 to 9999
	switch {
	case ms == 0:
		return b
	case ms < first || ms > last:
		return append(b, raw...)
	}
	return time.UnixMilli(ms).UTC().AppendFormat(b, rfc3339)
}

// appendValue writes a value that is not null; nothing for none.
func appendValue(b, raw []byte) []byte {
	if len(raw) == 0 {
		return b
	}
	switch raw[0] {
	case '"':
		if inner, plain := plainString(raw); plain {
			return append(b, inner...)
		}
		return append(b, unquote(raw)...)
	case '[':
		if isPlainList(raw) {
			return appendList(b, raw)
		}
		return appendCompact(b, raw)
	case '{':
		return appendCompact(b, raw)
	}
	return append(b, raw...)
}

// isPlainList says whether no entry of an array is itself an array or object.
func isPlainList(raw []byte) bool {
	for value := range elements(raw) {
		if value[0] == '[' || value[0] == '{' {
			return false
		}
	}
	return true
}

func appendList(b, raw []byte) []byte {
	first := true
	for value := range elements(raw) {
		if value[0] == 'n' {
			continue
		}
		if !first {
			b = append(b, ' ')
		}
		first = false
		b = appendValue(b, value)
	}
	return b
}

func appendCompact(b, raw []byte) []byte {
	text := bytes.NewBuffer(b)
	if json.Compact(text, raw) != nil {
		return b
	}
	return text.Bytes()
}

// milliseconds reads a number of ms since 1970; ok is false for anything else.
func milliseconds(raw []byte) (ms int64, ok bool) {
	text := string(raw)
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n, true
	}
	if text == "" || strings.IndexByte("-0123456789", text[0]) < 0 {
		return 0, false
	}
	f, err := strconv.ParseFloat(text, 64) // as 1.7e12
	if err != nil || math.Abs(f) > 1<<53 {
		return 0, false
	}
	return int64(f), true
}
