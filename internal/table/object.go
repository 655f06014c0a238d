package table

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
)

// Object is a network, a member or another record as an API shows it: the text of
// one JSON object in UTF-8, as Decode returns it, its keys in their order. nil is
// no object. It is not changed once it was made. Of a key that comes twice in an
// object the first one counts.
type Object []byte

// Decode reads one JSON object, and nothing after it but white space. It keeps
// nothing of raw. Bytes that are not UTF-8 become U+FFFD. How large raw may be is
// the caller's to bound.
func Decode(raw []byte) (Object, error) {
	raw = bytes.Trim(raw, " \t\r\n") // what JSON has as white space
	if !json.Valid(raw) {
		return nil, syntaxError(raw)
	}
	if raw[0] != '{' {
		return nil, errors.New("this JSON is not an object")
	}
	if depth(raw) > maxDepth {
		return nil, fmt.Errorf("this JSON has more than %d objects and lists inside each other", maxDepth)
	}
	return bytes.ToValidUTF8(raw, []byte("\ufffd")), nil
}

// maxDepth keeps an object from growing with its indentation.
const maxDepth = 100

// depth is how many objects and arrays are inside each other at most.
func depth(raw []byte) int {
	deepest, now := 0, 0
	for i := 0; i < len(raw); i++ {
		switch raw[i] {
		case '"':
			i = stringEnd(raw, i) - 1
		case '{', '[':
			now++
			deepest = max(deepest, now)
		case '}', ']':
			now--
		}
	}
	return deepest
}

// syntaxError finds out what is wrong with text that is not valid JSON.
func syntaxError(raw []byte) error {
	var whole json.RawMessage
	var syntax *json.SyntaxError
	if errors.As(json.Unmarshal(raw, &whole), &syntax) {
		return fmt.Errorf("this is not JSON: byte %d of %d: %w", syntax.Offset, len(raw), syntax)
	}
	return errors.New("this is not JSON")
}

// MarshalJSON returns the object as it is, null for none.
func (o Object) MarshalJSON() ([]byte, error) {
	if o == nil {
		return []byte("null"), nil
	}
	return o, nil
}

// The functions below walk through JSON without decoding it: a cell needs one
// value of an object that has dozens. They return less, never panic, when what
// they are given is not JSON.

// field returns the value of a key of the object that raw is, nil if it has none
// or is no object.
func field(raw []byte, name string) []byte {
	for key, value := range fields(raw) {
		if keyIs(key, name) {
			return value
		}
	}
	return nil
}

func (o Object) field(name string) []byte { return field(o, name) }

// record is an object whose own fields were found already: for rows, which take
// several.
type record []pair

type pair struct{ key, value []byte }

// read makes it a record of an object.
func (r *record) read(o Object) {
	*r = (*r)[:0]
	for key, value := range fields(o) {
		*r = append(*r, pair{key, value})
	}
}

func (r record) field(name string) []byte {
	for _, p := range r {
		if keyIs(p.key, name) {
			return p.value
		}
	}
	return nil
}

// fields goes through an object's keys, with their quotes, and values.
func fields(raw []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(key, value []byte) bool) {
		if len(raw) == 0 || raw[0] != '{' {
			return
		}
		for end := 1; ; {
			start, colon := nextValue(raw, end)
			if start == colon || raw[start] != '"' {
				return
			}
			key := raw[start:colon]
			start, end = nextValue(raw, colon)
			if start == end || !yield(key, raw[start:end]) {
				return
			}
		}
	}
}

// elements goes through an array's values.
func elements(raw []byte) iter.Seq[[]byte] {
	return func(yield func(value []byte) bool) {
		if len(raw) == 0 || raw[0] != '[' {
			return
		}
		for start, end := nextValue(raw, 1); start < end && yield(raw[start:end]); {
			start, end = nextValue(raw, end)
		}
	}
}

// nextValue finds the next JSON value at or after i, behind white space and
// separators; it is empty where an object or array ends.
func nextValue(raw []byte, i int) (start, end int) {
	for i < len(raw) && isBetween(raw[i]) {
		i++
	}
	if i == len(raw) {
		return i, i
	}
	switch raw[i] {
	case '"':
		return i, stringEnd(raw, i)
	case '{', '[':
		return i, closingEnd(raw, i)
	case '}', ']':
		return i, i
	}
	return i, literalEnd(raw, i)
}

// closingEnd is where the object or array that begins at start is over.
func closingEnd(raw []byte, start int) int {
	depth := 0
	for i := start; i < len(raw); i++ {
		switch raw[i] {
		case '"':
			i = stringEnd(raw, i) - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return len(raw)
}

func isBetween(c byte) bool {
	return c == ',' || c == ':' || c == ' ' || c == '\n' || c == '\r' || c == '\t'
}

// stringEnd is where the string that begins at start is over.
func stringEnd(raw []byte, start int) int {
	for i := start + 1; ; {
		quote := bytes.IndexByte(raw[i:], '"')
		if quote < 0 {
			return len(raw)
		}
		escapes := 0
		for raw[i+quote-1-escapes] == '\\' {
			escapes++
		}
		i += quote + 1
		if escapes%2 == 0 {
			return i
		}
	}
}

func literalEnd(raw []byte, i int) int {
	for i < len(raw) && !isBetween(raw[i]) && raw[i] != '}' && raw[i] != ']' {
		i++
	}
	return i
}

// keyIs compares a key, with its quotes, to a name. Escapes only make keys longer.
func keyIs(key []byte, name string) bool {
	const quotes = 2
	switch {
	case len(key) < len(name)+quotes:
		return false
	case len(key) == len(name)+quotes:
		return string(key[1:len(key)-1]) == name && bytes.IndexByte(key, '\\') < 0
	}
	return bytes.IndexByte(key, '\\') >= 0 && unquote(key) == name
}

// plainString returns what is between the quotes of a JSON string, if there is
// nothing escaped in it.
func plainString(raw []byte) (inner []byte, ok bool) {
	if len(raw) < 2 || raw[len(raw)-1] != '"' || bytes.IndexByte(raw, '\\') >= 0 {
		return nil, false
	}
	return raw[1 : len(raw)-1], true
}

// unquote reads a JSON string.
func unquote(raw []byte) string {
	if inner, plain := plainString(raw); plain {
		return string(inner)
	}
	var text string
	if json.Unmarshal(raw, &text) != nil {
		return ""
	}
	return text
}
