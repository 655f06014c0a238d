package table

import (
	"io"
	"strings"
)

// separatedWriter writes CSV (RFC 4180) and TSV, which differ in the separator
// and in how lines end. It is not encoding/csv, which would change the line ends
// inside of cells to its own.
type separatedWriter struct {
	w         io.Writer
	columns   []Column
	times     Times
	separator byte
	lineEnd   string
	guard     bool // against formulas
	header    bool // is yet to be written
	record    record
	line      []byte
	cell      []byte
}

func newSeparated(w io.Writer, o Options, separator byte, lineEnd string) *separatedWriter {
	return &separatedWriter{w: w, columns: o.Columns, times: o.Times, separator: separator, lineEnd: lineEnd, guard: o.SpreadsheetSafe, header: !o.NoHeader}
}

func (s *separatedWriter) Write(o Object) error {
	s.line = s.appendHeader(s.line[:0])
	s.record.read(o)
	for i, c := range s.columns {
		raw := find(c, s.record)
		s.cell = c.appendText(s.cell[:0], raw, s.times)
		s.line = s.appendCell(s.line, i, s.guard && !isScalar(raw))
	}
	s.line = append(s.line, s.lineEnd...)
	_, err := s.w.Write(s.line)
	return err
}

// Close writes the header if there was no object.
func (s *separatedWriter) Close() error {
	s.line = s.appendHeader(s.line[:0])
	if len(s.line) == 0 {
		return nil
	}
	_, err := s.w.Write(s.line)
	return err
}

func (s *separatedWriter) appendHeader(line []byte) []byte {
	if !s.header {
		return line
	}
	s.header = false
	for i, c := range s.columns {
		s.cell = append(s.cell[:0], c.Name...)
		line = s.appendCell(line, i, s.guard)
	}
	return append(line, s.lineEnd...)
}

// appendCell writes s.cell as the cell at an index of the line.
func (s *separatedWriter) appendCell(line []byte, index int, guard bool) []byte {
	if index > 0 {
		line = append(line, s.separator)
	}
	guard = guard && isFormula(s.cell)
	if !guard && !s.mustQuote() {
		return append(line, s.cell...)
	}
	line = append(line, '"')
	if guard {
		line = append(line, '\'')
	}
	for _, c := range s.cell {
		if c == '"' {
			line = append(line, '"')
		}
		line = append(line, c)
	}
	return append(line, '"')
}

// mustQuote says whether a cell cannot stand as it is. RFC 4180 asks for quotes
// around separators, quotes and line ends. Readers that trim cells, and PostgreSQL,
// which takes a line of \. for the end, need a few more; and an only cell that is
// empty would be an empty line, which many readers pass over. Where formulas are
// guarded against, nothing may begin a cell in the middle of a text: programs split
// lines at semicolons and tabs too.
func (s *separatedWriter) mustQuote() bool {
	if len(s.cell) == 0 {
		return len(s.columns) == 1
	}
	first, last := s.cell[0], s.cell[len(s.cell)-1]
	if first == ' ' || last == ' ' || first == '\t' || last == '\t' || string(s.cell) == `\.` {
		return true
	}
	for _, c := range s.cell {
		if c == s.separator || c == '"' || c == '\r' || c == '\n' || s.guard && (c == ';' || c == '\t') {
			return true
		}
	}
	return false
}

// formulaStarts are the characters that make spreadsheets take a cell for a
// formula (OWASP, "CSV Injection").
const formulaStarts = "=+-@\t\r\n＝＋－＠"

func isFormula(cell []byte) bool {
	for _, start := range formulaStarts {
		if strings.HasPrefix(string(cell[:min(len(cell), 3)]), string(start)) {
			return true
		}
	}
	return false
}

// isScalar says whether a JSON value is a number, true or false.
func isScalar(raw []byte) bool {
	return len(raw) > 0 && raw[0] != '"' && raw[0] != '[' && raw[0] != '{'
}
