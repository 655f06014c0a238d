package table

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"unicode"
	"unicode/utf8"
)

// jsonWriter writes one array, indented, its objects as they came or made of the
// chosen columns.
type jsonWriter struct {
	w       io.Writer
	options Options
	begun   bool
	text    bytes.Buffer
}

func (j *jsonWriter) Write(o Object) error {
	j.text.Reset()
	if j.begun {
		j.text.WriteString(",\n  ")
	} else {
		j.text.WriteString("[\n  ")
	}
	if err := json.Indent(&j.text, j.options.object(o), "  ", "  "); err != nil {
		return err
	}
	j.begun = true
	_, err := j.w.Write(EscapeControls(j.text.Bytes()))
	return err
}

func (j *jsonWriter) Close() error {
	end := "\n]\n"
	if !j.begun {
		end = "[]\n"
	}
	_, err := io.WriteString(j.w, end)
	return err
}

func writeIndented(w io.Writer, o Object) error {
	var text bytes.Buffer
	if err := json.Indent(&text, o, "", "  "); err != nil {
		return err
	}
	text.WriteByte('\n')
	_, err := w.Write(EscapeControls(text.Bytes()))
	return err
}

// ndjsonWriter writes an object a line.
type ndjsonWriter struct {
	w       io.Writer
	options Options
	text    bytes.Buffer
}

func (n *ndjsonWriter) Write(o Object) error {
	n.text.Reset()
	if err := json.Compact(&n.text, n.options.object(o)); err != nil {
		return err
	}
	n.text.WriteByte('\n')
	_, err := n.w.Write(EscapeControls(n.text.Bytes()))
	return err
}

func (n *ndjsonWriter) Close() error { return nil }

// EscapeControls escapes what JSON allows in strings as it is and a terminal would
// obey: DEL, the control characters behind it, and those that turn text around.
// To programs the text stays the same.
func EscapeControls(text []byte) []byte {
	if !bytes.ContainsFunc(text, isControl) {
		return text
	}
	escaped := make([]byte, 0, len(text)+64)
	for _, r := range string(text) {
		if isControl(r) {
			escaped = fmt.Appendf(escaped, `\u%04x`, r)
		} else {
			escaped = utf8.AppendRune(escaped, r)
		}
	}
	return escaped
}

func isControl(r rune) bool {
	return r >= 0x7f && (r <= 0x9f || unicode.Is(unicode.Bidi_Control, r))
}

// object is what JSON and YAML show of an object.
func (options Options) object(o Object) Object {
	if !options.Chosen {
		return o
	}
	b := []byte{'{'}
	for i, c := range options.Columns {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, c.Name)
		b = append(b, ':')
		b = c.appendJSON(b, o, options.Times)
	}
	return append(b, '}')
}

// appendJSON writes a column's value as JSON, null for nothing.
func (c Column) appendJSON(b []byte, o Object, times Times) []byte {
	raw := find(c, o)
	if raw == nil {
		return append(b, "null"...)
	}
	if c.Kind != Time || times != RFC3339 {
		return append(b, raw...)
	}
	ms, ok := milliseconds(raw)
	switch {
	case !ok:
		return append(b, raw...)
	case ms == 0:
		return append(b, "null"...)
	}
	text := appendMoment(nil, raw, ms)
	if bytes.Equal(text, raw) {
		return append(b, raw...)
	}
	return appendString(b, string(text))
}

func appendString(b []byte, text string) []byte {
	quoted, _ := json.Marshal(text) // strings can always be written
	return append(b, quoted...)
}
