package table

import (
	"errors"
	"fmt"
	"io"
	"time"
)

// Format is how a list is written.
type Format string

// The formats.
const (
	Table    Format = "table"    // aligned, for people
	JSON     Format = "json"     // one array of whole objects, indented
	NDJSON   Format = "ndjson"   // an object a line
	YAML     Format = "yaml"     // a list of whole objects
	CSV      Format = "csv"      // RFC 4180 (lines end with CR LF)
	TSV      Format = "tsv"      // the same with tabs, lines end with LF
	Markdown Format = "markdown" // a table for documents
)

// Options say how a list is written.
type Options struct {
	Format  Format
	Columns []Column
	// Chosen: the columns were chosen by the user, so that JSON, NDJSON and YAML
	// have these only, by name, instead of whole objects. Whole objects are as the
	// server sent them, Times does not change them. And where a terminal is too
	// narrow for all columns, chosen ones are written below each other, while of
	// others the last ones are left out.
	Chosen   bool
	NoHeader bool
	Times    Times // for machines
	// SpreadsheetSafe guards CSV, TSV cells that a spreadsheet would run as a
	// formula: text that begins with = + - @, their full-width forms, tab, CR or LF
	// gets a ' in front. Numbers stay as they are.
	SpreadsheetSafe bool

	// For Table only.
	Width int            // characters of the terminal; 0: as wide as it takes
	Color bool           // may use ANSI colors
	Now   time.Time      // moments are shown relative to it, "3 min ago"
	Zone  *time.Location // and in this zone; nil: UTC
}

// Writer writes a list, one object after another. CSV, TSV, NDJSON, JSON and
// YAML stream: each object goes to the underlying writer in one piece before
// Write returns, so that what shall be fast puts a bufio.Writer under it. Table
// and Markdown are written by Close, as they align. A list that was not closed is
// incomplete. Not safe for concurrent use.
type Writer interface {
	Write(Object) error
	Close() error
}

// NewWriter begins a list. The error is about the options, nothing is written
// yet.
func NewWriter(w io.Writer, o Options) (Writer, error) {
	switch o.Format {
	case JSON, NDJSON, YAML:
		if o.Chosen && len(o.Columns) == 0 {
			return nil, errNoColumns
		}
	default:
		if len(o.Columns) == 0 {
			return nil, errNoColumns
		}
	}
	switch o.Format {
	case Table:
		return newPeopleWriter(w, o), nil
	case Markdown:
		return &markdownWriter{w: w, options: o}, nil
	case YAML:
		return &yamlWriter{w: w, options: o}, nil
	case JSON:
		return &jsonWriter{w: w, options: o}, nil
	case NDJSON:
		return &ndjsonWriter{w: w, options: o}, nil
	case CSV:
		return newSeparated(w, o, ',', "\r\n"), nil
	case TSV:
		return newSeparated(w, o, '\t', "\n"), nil
	}
	return nil, fmt.Errorf("%q is not a format; there are table, json, ndjson, yaml, csv, tsv and markdown", clip(string(o.Format)))
}

var errNoColumns = errors.New("a list needs at least one column")

// WriteOne writes a single object: for people its fields below each other, for
// machines the object without a list around it; formats of rows have one row.
func WriteOne(w io.Writer, object Object, o Options) error {
	if _, err := NewWriter(w, o); err != nil {
		return err
	}
	switch o.Format {
	case Table:
		return writeRecord(w, object, o)
	case JSON:
		return writeIndented(w, o.object(object))
	case YAML:
		return writeDocument(w, o.object(object))
	}
	list, err := NewWriter(w, o)
	if err != nil {
		return err
	}
	if err := list.Write(object); err != nil {
		return err
	}
	return list.Close()
}
