package centralapi

import (
	"fmt"
	"net/http"
	"strings"
)

// warningHeader carries what a client should know about a request that was done
// nevertheless: Central's answers have no place for it. There is a line for each,
// at most maxWarnings of them and then one that tells how many more there are.
const (
	warningHeader  = "Orrery-Warning"
	maxWarnings    = 10
	maxWarningText = 300 // bytes
)

// warnings are gathered while a body is read.
type warnings struct {
	shown []string
	more  int
}

func (w *warnings) add(format string, args ...any) {
	if len(w.shown) == maxWarnings {
		w.more++
		return
	}
	w.shown = append(w.shown, fmt.Sprintf(format, args...))
}

// writeTo adds the warnings to an answer's header.
func (w *warnings) writeTo(header http.Header) {
	for _, text := range w.shown {
		header.Add(warningHeader, headerText(text))
	}
	if w.more > 0 {
		header.Add(warningHeader, fmt.Sprintf("%d more warnings", w.more))
	}
}

// headerText makes of a text one that any client can read in a header: one line of
// printable ASCII (RFC 9110 §5.5), not too long.
func headerText(text string) string {
	text = typographic.Replace(text)
	var line strings.Builder
	for _, r := range text {
		switch {
		case r <= ' ' || r == 0x7f:
			line.WriteByte(' ')
		case r > 0x7f:
			line.WriteByte('?')
		default:
			line.WriteByte(byte(r))
		}
		if line.Len() > maxWarningText {
			return line.String()[:maxWarningText-len("...")] + "..."
		}
	}
	return strings.TrimSpace(line.String())
}

var typographic = strings.NewReplacer("…", "...", "–", "-", "—", "-", "“", `"`, "”", `"`, "‘", "'", "’", "'")
