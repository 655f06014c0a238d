package table

import (
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode"
)

// yamlWriter writes a list of objects in block style. Texts are always in double
// quotes, so that no reader, of YAML 1.1 or 1.2, takes yes, 0e1, 00123 or
// 12:30:45 for anything else.
type yamlWriter struct {
	w       io.Writer
	options Options
	begun   bool
	text    []byte
}

func (y *yamlWriter) Write(o Object) error {
	y.begun = true
	y.text = append(y.text[:0], "- "...)
	y.text = appendYAML(y.text, y.options.object(o), 1, true)
	_, err := y.w.Write(y.text)
	return err
}

func (y *yamlWriter) Close() error {
	if y.begun {
		return nil
	}
	_, err := io.WriteString(y.w, "[]\n")
	return err
}

func writeDocument(w io.Writer, o Object) error {
	_, err := w.Write(appendYAML(nil, o, 0, true))
	return err
}

// appendYAML writes a JSON value and ends its line. An object or list with
// entries has each on a line of its own, indented by level; the first one goes on
// in the line that was begun if inline is set.
func appendYAML(b, raw []byte, level int, inline bool) []byte {
	if len(raw) == 0 {
		return append(b, "null\n"...)
	}
	first := true
	entry := func() {
		if !first || !inline {
			if first {
				b = append(b, '\n')
			}
			b = append(b, strings.Repeat("  ", level)...)
		}
		first = false
	}
	switch raw[0] {
	case '{':
		seen := make(map[string]bool) // YAML does not allow a key twice
		for quoted, value := range fields(raw) {
			key := unquote(quoted)
			if seen[key] {
				continue
			}
			seen[key] = true
			entry()
			b = appendYAMLKey(b, key)
			b = appendYAMLValue(append(b, ':'), value, level+1)
		}
		if first {
			b = append(b, "{}\n"...)
		}
	case '[':
		for value := range elements(raw) {
			entry()
			b = appendYAML(append(b, "- "...), value, level+1, true)
		}
		if first {
			b = append(b, "[]\n"...)
		}
	case '"':
		b = append(appendYAMLText(b, unquote(raw)), '\n')
	default:
		b = append(appendYAMLNumber(b, string(raw)), '\n')
	}
	return b
}

// appendYAMLValue writes the value of a key: on the lines below, or, if it has
// just one, behind the key.
func appendYAMLValue(b, raw []byte, level int) []byte {
	if (raw[0] == '{' || raw[0] == '[') && !isEmpty(raw) {
		return appendYAML(b, raw, level, false)
	}
	return appendYAML(append(b, ' '), raw, level, true)
}

func isEmpty(raw []byte) bool {
	start, end := nextValue(raw, 1)
	return start == end
}

// plainKey is what every reader takes for a text without quotes, a few words
// aside.
var plainKey = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]*$`)

func appendYAMLKey(b []byte, key string) []byte {
	switch strings.ToLower(key) {
	case "y", "n", "yes", "no", "on", "off", "true", "false", "null":
		return appendYAMLText(b, key)
	}
	if len(key) > 100 || !plainKey.MatchString(key) {
		return appendYAMLText(b, key)
	}
	return append(b, key...)
}

// appendYAMLText writes a text in double quotes. What is not printable is
// escaped, which YAML demands of some characters and terminals are better without.
func appendYAMLText(b []byte, text string) []byte {
	b = append(b, '"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r == '\n':
			b = append(b, `\n`...)
		case r == '\t':
			b = append(b, `\t`...)
		case unicode.IsPrint(r):
			b = append(b, string(r)...)
		case r > 0xffff:
			b = fmt.Appendf(b, `\U%08x`, r)
		default:
			b = fmt.Appendf(b, `\u%04x`, r)
		}
	}
	return append(b, '"')
}

// appendYAMLNumber writes a number, true, false or null. Readers of YAML 1.1 take
// 1e9 for a text; 1.0e+9 is a number for all.
func appendYAMLNumber(b []byte, number string) []byte {
	mantissa, exponent, ok := strings.Cut(strings.ToLower(number), "e")
	if !ok || strings.HasPrefix(number, "t") || strings.HasPrefix(number, "f") {
		return append(b, number...)
	}
	b = append(b, mantissa...)
	if !strings.Contains(mantissa, ".") {
		b = append(b, ".0"...)
	}
	b = append(b, 'e')
	if exponent != "" && exponent[0] != '-' && exponent[0] != '+' {
		b = append(b, '+')
	}
	return append(b, exponent...)
}
