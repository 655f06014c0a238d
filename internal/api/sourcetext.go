package api

import (
	"strings"

	"github.com/orrery-net/orrery/zt/rules/syntax"
)

// sourceText finds the text of a place in a program.
type sourceText struct{ lines []string }

// newSourceText splits a program as positions count its lines: CR LF, LF and a
// lone CR each end one.
func newSourceText(source string) sourceText {
	source = strings.TrimPrefix(source, "\ufeff")
	source = strings.ReplaceAll(strings.ReplaceAll(source, "\r\n", "\n"), "\r", "\n")
	return sourceText{strings.Split(source, "\n")}
}

// maxSourceText is how many bytes of a place are shown.
const maxSourceText = 1000

// at is the text of a place, its lines joined by line feeds.
func (t sourceText) at(span syntax.Span) string {
	var text strings.Builder
	for line := span.Start.Line; line <= span.End.Line && line >= 1 && line <= len(t.lines) && text.Len() <= maxSourceText; line++ {
		part := t.lines[line-1]
		if line == span.End.Line {
			part = part[:columnOffset(part, span.End.Column)]
		}
		if line == span.Start.Line {
			part = part[min(len(part), columnOffset(part, span.Start.Column)):]
		} else {
			text.WriteByte('\n')
		}
		text.WriteString(part)
	}
	if text.Len() > maxSourceText {
		return strings.ToValidUTF8(text.String()[:maxSourceText], "") + "…"
	}
	return text.String()
}

// columnOffset is where a column, counted in characters from 1, is in a line, in
// bytes.
func columnOffset(line string, column int) int {
	for offset := range line {
		if column--; column <= 0 {
			return offset
		}
	}
	return len(line)
}
