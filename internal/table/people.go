package table

import (
	"io"
	"strings"
	"time"
	"unicode"
)

// peopleWriter writes a list for people at a terminal: aligned columns that fit
// its width, or, if they cannot, the fields of each object below each other.
type peopleWriter struct {
	w       io.Writer
	options Options
	rows    [][]cell
}

// cell is what people see of a value.
type cell struct {
	text  string
	short string // for narrow terminals; the same as text if there is no shorter one
	whole bool   // an id or an address: part of it is of no use
}

func newPeopleWriter(w io.Writer, o Options) *peopleWriter {
	return &peopleWriter{w: w, options: o}
}

func (p *peopleWriter) Write(o Object) error {
	row := make([]cell, len(p.options.Columns))
	for i, c := range p.options.Columns {
		row[i] = p.options.cell(c, o)
	}
	p.rows = append(p.rows, row)
	return nil
}

func (p *peopleWriter) Close() error {
	var text strings.Builder
	if layout, ok := p.fit(); ok {
		p.appendTable(&text, layout)
	} else {
		for i, row := range p.rows {
			if i > 0 {
				text.WriteByte('\n')
			}
			p.options.appendRecord(&text, row)
		}
	}
	_, err := io.WriteString(p.w, text.String())
	return err
}

const (
	gap  = "  " // between two columns
	more = "…"  // in the header, for columns that are left out
)

func (p *peopleWriter) appendTable(text *strings.Builder, l layout) {
	texts := make([]string, len(l.widths))
	if !p.options.NoHeader {
		for i := range texts {
			texts[i] = heading(p.options.Columns[i].Name)
		}
		line := p.line(texts, l.widths)
		if len(l.widths) < len(p.options.Columns) {
			line += gap + more
		}
		if p.options.Color {
			line = bold(line)
		}
		text.WriteString(line + "\n")
	}
	for _, row := range p.rows {
		for i := range texts {
			texts[i] = row[i].text
			if l.short {
				texts[i] = row[i].short
			}
		}
		text.WriteString(p.line(texts, l.widths) + "\n")
	}
}

func (p *peopleWriter) line(texts []string, widths []int) string {
	cells := make([]string, len(texts))
	for i, text := range texts {
		cells[i] = pad(shorten(text, widths[i]), widths[i], p.options.Columns[i].Kind == Number)
	}
	return strings.TrimRight(strings.Join(cells, gap), " ")
}

func bold(text string) string { return "\x1b[1m" + text + "\x1b[0m" }

// writeRecord writes the fields of one object below each other, in full.
func writeRecord(w io.Writer, o Object, options Options) error {
	row := make([]cell, len(options.Columns))
	for i, c := range options.Columns {
		row[i] = options.cell(c, o)
	}
	options.Width = 0
	var text strings.Builder
	options.appendRecord(&text, row)
	_, err := io.WriteString(w, text.String())
	return err
}

func (options Options) appendRecord(text *strings.Builder, row []cell) {
	labels := 0
	for _, c := range options.Columns {
		labels = max(labels, width(heading(c.Name)))
	}
	for i, c := range row {
		label := pad(heading(options.Columns[i].Name), labels, false)
		if options.Color {
			label = bold(label)
		}
		shown := c.text
		if room := options.Width - labels - len(gap); options.Width > 0 && width(shown) > room {
			shown = c.short
			if !c.whole {
				shown = shorten(shown, max(room, narrowest))
			}
		}
		text.WriteString(strings.TrimRight(label+gap+shown, " ") + "\n")
	}
}

// heading makes a column's name one for people: LAST SEEN of lastSeen. One that
// is a path stays as it is.
func heading(name string) string {
	var b strings.Builder
	runes := []rune(name)
	for i, r := range runes {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != ' ' {
			return visible(name)
		}
		if i > 0 && unicode.IsUpper(r) && unicode.IsLower(runes[i-1]) {
			b.WriteByte(' ')
		}
		b.WriteRune(unicode.ToUpper(r))
	}
	return b.String()
}

// cell makes a value one for people: moments in their zone and relative to now,
// yes and no, a dash for nothing.
func (options Options) cell(c Column, o Object) cell {
	raw := find(c, o)
	if ms, ok := milliseconds(raw); ok && c.Kind == Time {
		return options.moment(ms)
	}
	shown := visible(string(appendValue(nil, raw)))
	switch {
	case shown == "":
		shown = "-"
	case string(raw) == "true":
		shown = "yes"
	case string(raw) == "false":
		shown = "no"
	}
	return cell{text: shown, short: shown, whole: isAddress(shown)}
}

func (options Options) moment(ms int64) cell {
	if ms == 0 {
		return cell{text: "never", short: "never", whole: true}
	}
	zone := options.Zone
	if zone == nil {
		zone = time.UTC
	}
	t := time.UnixMilli(ms).In(zone)
	local := t.Format("2006-01-02 15:04")
	if options.Now.IsZero() {
		return cell{text: local, short: local, whole: true}
	}
	relative := Relative(t, options.Now)
	return cell{text: local + " (" + relative + ")", short: relative, whole: true}
}

// isAddress says whether a text looks like an id or an address.
func isAddress(text string) bool {
	const longest = 45 // bytes; an identity, say, is longer
	return len(text) <= longest && strings.Trim(text, "0123456789abcdefABCDEF.:/-") == ""
}
