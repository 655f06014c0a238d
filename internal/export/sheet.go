package export

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/xuri/excelize/v2"

	"github.com/orrery-net/orrery/internal/table"
)

// sheet is the first sheet of a book: a header that stays in sight, and rows.
type sheet struct {
	*excelize.StreamWriter
	book    *excelize.File
	columns []table.Column
	rows    int // with the header
	cells   []any
}

func newSheet(book *excelize.File, columns []table.Column) (*sheet, error) {
	styles, err := makeStyles(book)
	if err != nil {
		return nil, err
	}
	stream, err := book.NewStreamWriter(book.GetSheetName(0))
	if err != nil {
		return nil, err
	}
	if err := stream.SetPanes(&excelize.Panes{Freeze: true, YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft"}); err != nil {
		return nil, err
	}
	s := &sheet{StreamWriter: stream, book: book, columns: columns, rows: 1, cells: make([]any, len(columns))}
	for i, c := range columns {
		header, width, style := c.Name, 28.0, styles.text
		switch c.Kind {
		case table.Time:
			header, width, style = c.Name+" (UTC)", 20, styles.moment
		case table.Number, table.Bool:
			width, style = 12, 0
		}
		const arrow = 4 // of the filter
		if err := stream.SetColWidth(i+1, i+1, max(width, float64(min(len(header), 60)+arrow))); err != nil {
			return nil, err
		}
		if style != 0 {
			if err := stream.SetColStyle(i+1, i+1, style); err != nil {
				return nil, err
			}
		}
		s.cells[i] = excelize.Cell{StyleID: styles.header, Value: header}
	}
	return s, stream.SetRow("A1", s.cells)
}

// styles are what cells look like, by their numbers in a book. They have the same
// numbers in every book.
type styles struct{ header, text, moment int }

func makeStyles(book *excelize.File) (styles, error) {
	var s styles
	moment := "yyyy-mm-dd hh:mm:ss"
	var err error
	for _, one := range []struct {
		number *int
		style  excelize.Style
	}{
		{&s.header, excelize.Style{Font: &excelize.Font{Bold: true}}},
		{&s.text, excelize.Style{NumFmt: 49}}, // text: what is typed into such a cell stays what it is
		{&s.moment, excelize.Style{CustomNumFmt: &moment}},
	} {
		if *one.number, err = book.NewStyle(&one.style); err != nil {
			return s, err
		}
	}
	return s, nil
}

// errSheetFull says that there are more rows than Excel reads.
var errSheetFull = fmt.Errorf("a sheet has room for %d rows and there are more; export to csv or sqlite", excelize.TotalRows)

func (s *sheet) write(o table.Object) error {
	if s.rows == excelize.TotalRows {
		return errSheetFull
	}
	s.rows++
	for i, c := range s.columns {
		s.cells[i] = s.cell(c, o)
	}
	return s.SetRow("A"+strconv.Itoa(s.rows), s.cells)
}

// cell is a value as spreadsheets know it. Text is never taken for a formula or a
// number; a number with more digits than they keep is text.
func (s *sheet) cell(c table.Column, o table.Object) any {
	if c.Kind == table.Time {
		if serial, ok := serialDate(c, o); ok {
			return serial
		}
	}
	switch value := c.Value(o).(type) {
	case bool:
		return value
	case json.Number:
		if c.Kind == table.Time && value == "0" {
			return nil
		}
		if number, err := value.Float64(); err == nil && len(strings.Trim(value.String(), "-")) <= 15 {
			return number
		}
	}
	if text := c.Text(o, table.RFC3339); text != "" {
		return text
	}
	return nil
}

// serialDate is a moment as spreadsheets count: days since the end of 1899.
func serialDate(c table.Column, o table.Object) (float64, bool) {
	t, ok := c.Moment(o)
	if !ok || t.Year() < 1901 || t.Year() > 9999 {
		return 0, false
	}
	const epoch = 25569 // 1970-01-01
	return epoch + float64(t.UnixMilli())/float64(24*time.Hour/time.Millisecond), true
}

// area are the cells that are written.
func (s *sheet) area() string {
	last, _ := excelize.CoordinatesToCellName(len(s.columns), s.rows) // within the bounds of a sheet
	return "A1:" + last
}

func (s *sheet) close() error {
	if err := s.book.AutoFilter(s.book.GetSheetName(0), s.area(), nil); err != nil {
		return err
	}
	return s.Flush()
}
