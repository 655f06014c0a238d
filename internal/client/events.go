package client

import (
	"bufio"
	"errors"
	"io"
	"strings"
)

// event is a server-sent event (WHATWG HTML §9.2).
type event struct {
	kind string // "message" if the server gives none
	id   string // the last one that came, of this event or one before
	data string
}

// maxEvent is how many bytes the lines of an event have at most together: a
// change has up to 64 KiB of a record before and after it.
const maxEvent = 1 << 20

var errLongEvent = errors.New("an event is too long")

// eventReader reads a stream of server-sent events. How long browsers shall wait
// before they connect again is passed over: the client has its own times.
type eventReader struct {
	from  *bufio.Reader
	begun bool   // the byte order mark, if there is one, is behind
	id    string // the last that came
	afCR  bool   // the last line ended with CR, of which an LF may be part
}

func newEventReader(from io.Reader) *eventReader {
	return &eventReader{from: bufio.NewReaderSize(from, 16<<10)}
}

// next returns the next event. One that the stream ends in the middle of is none.
// A comment is none either, but keeps a stream from being silent.
func (r *eventReader) next() (event, error) {
	e := event{}
	var data strings.Builder
	hasData := false
	for left := maxEvent; ; {
		line, err := r.line(left)
		if err != nil {
			return event{}, err
		}
		left -= len(line) + 1
		if line == "" {
			if !hasData {
				e.kind, left = "", maxEvent
				continue
			}
			e.id, e.data = r.id, data.String()
			if e.kind == "" {
				e.kind = "message"
			}
			return e, nil
		}
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch field {
		case "": // a comment
			if !hasData && e.kind == "" {
				left = maxEvent
			}
		case "event":
			e.kind = value
		case "data":
			if hasData {
				data.WriteByte('\n')
			}
			hasData = true
			data.WriteString(value)
		case "id":
			if !strings.Contains(value, "\x00") {
				r.id = value
			}
		}
	}
}

// line reads to the next CR LF, LF or CR, which is not part of the line.
func (r *eventReader) line(most int) (string, error) {
	var line []byte
	for {
		b, err := r.from.ReadByte()
		if err != nil {
			return "", err
		}
		if r.afCR {
			r.afCR = false
			if b == '\n' {
				continue
			}
		}
		if b == '\n' || b == '\r' {
			r.afCR = b == '\r'
			text := string(line)
			if !r.begun {
				r.begun = true
				text = strings.TrimPrefix(text, "\ufeff")
			}
			return text, nil
		}
		if len(line) >= most {
			return "", errLongEvent
		}
		line = append(line, b)
	}
}
