package table

import (
	"io"
	"strings"
)

// markdownWriter writes a table of GitHub Flavored Markdown (section 4.10),
// aligned so that it can be read as text too.
type markdownWriter struct {
	w       io.Writer
	options Options
	rows    [][]string
}

func (m *markdownWriter) Write(o Object) error {
	row := make([]string, len(m.options.Columns))
	for i, c := range m.options.Columns {
		row[i] = markdownText(c.Text(o, m.options.Times))
	}
	m.rows = append(m.rows, row)
	return nil
}

// Close writes the table. A Markdown table without a header does not exist, so
// NoHeader leaves it empty.
func (m *markdownWriter) Close() error {
	header := make([]string, len(m.options.Columns))
	for i, c := range m.options.Columns {
		if !m.options.NoHeader {
			header[i] = markdownText(c.Name)
		}
	}
	widths := make([]int, len(header))
	for _, row := range append([][]string{header}, m.rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], width(cell), 3)
		}
	}
	var text strings.Builder
	m.appendRow(&text, header, widths)
	for i, c := range m.options.Columns {
		dashes := strings.Repeat("-", widths[i]-1)
		if c.Kind == Number {
			text.WriteString("| " + dashes + ": ")
		} else {
			text.WriteString("| " + dashes + "- ")
		}
	}
	text.WriteString("|\n")
	for _, row := range m.rows {
		m.appendRow(&text, row, widths)
	}
	_, err := io.WriteString(m.w, text.String())
	return err
}

func (m *markdownWriter) appendRow(text *strings.Builder, row []string, widths []int) {
	for i, cell := range row {
		text.WriteString("| ")
		text.WriteString(pad(cell, widths[i], m.options.Columns[i].Kind == Number))
		text.WriteByte(' ')
	}
	text.WriteString("|\n")
}

// markdownText makes a text stand for itself in a cell: characters that Markdown
// gives a meaning are escaped, and lines are parted by <br>.
func markdownText(text string) string {
	var b strings.Builder
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
	for _, r := range strings.TrimSpace(text) {
		switch r {
		case '\n':
			b.WriteString("<br>")
		case '<':
			b.WriteString("&lt;")
		case '>':
			b.WriteString("&gt;")
		case '&':
			b.WriteString("&amp;")
		case '\\', '`', '*', '_', '[', ']', '|', '~', '$':
			b.WriteByte('\\')
			b.WriteRune(r)
		default:
			b.WriteRune(printable(r))
		}
	}
	return b.String()
}
