// Package table says what the lists of networks and members look like as
// columns, and writes them: for people as a table, for machines as JSON, YAML,
// CSV, TSV or Markdown. It knows an object only as JSON and nothing of where
// objects come from. The server and the command line both use it, so that both
// write the same.
package table

import (
	"errors"
	"io"
	"time"
)

// Object is a network, a member or another record as an API shows it: decoded
// JSON whose numbers are json.Number. It is not changed once it was decoded.
type Object map[string]any

// Decode reads one JSON object.
func Decode(raw []byte) (Object, error) { return nil, errContract }

// Column is a column of a list.
type Column struct {
	Name string // in the header
	// Path leads to the value: names and indices, as config.routes[0].target.
	// Several are tried in turn until one leads to a value.
	Paths []string
	Kind  Kind // how people, spreadsheets and databases see the value
}

// Kind is what the values of a column mean.
type Kind int

// The kinds of columns.
const (
	Any  Kind = iota // text, or whatever the value is
	Time             // ms since 1970, 0: never
	Number
	Bool
)

// Networks are the documented columns of a list of networks: id, name,
// description, totalMemberCount, creationTime, ipRangeStart, ipRangeEnd.
func Networks() []Column { return nil }

// Members are the documented columns of a list of members: id, lastSeen,
// physicalAddress, ipAssignment, name.
func Members() []Column { return nil }

// ParseColumns reads what a user wants to see, separated by commas: names of
// known columns, paths of any field of the object (config.mtu,
// config.routes[0].target, also one of config without "config."), or NAME=PATH.
// The error names the one that is wrong. A well-known field (creationTime,
// config.authorized, …) gets its kind.
func ParseColumns(spec string, known []Column) ([]Column, error) { return nil, errContract }

// Value finds a column's value in an object: a string, json.Number, bool, nil
// (nothing there, or null), or a list or object.
func (c Column) Value(o Object) any { return nil }

// Times is how moments are written for machines.
type Times int

// How moments are written: as ms since 1970 (0 is never), or as RFC 3339 in UTC
// (never is empty).
const (
	Milliseconds Times = iota
	RFC3339
)

// Text writes a value as a cell: text as it is, numbers in full, true or false,
// nothing for nil, lists of plain values separated by spaces, anything else as
// compact JSON.
func (c Column) Text(o Object, times Times) string { return "" }

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
	// have these only, by name, instead of whole objects.
	Chosen   bool
	NoHeader bool
	Times    Times // for machines
	// SpreadsheetSafe guards CSV, TSV cells that a spreadsheet would run as a
	// formula: text that begins with = + - @ tab or CR gets a ' in front.
	SpreadsheetSafe bool

	// For Table only.
	Width int            // characters of the terminal; 0: as wide as it takes
	Color bool           // may use ANSI colors
	Now   time.Time      // moments are shown relative to it, "3 minutes ago"
	Zone  *time.Location // and in this zone
}

// Writer writes a list, one object after another. CSV, TSV, NDJSON, JSON and
// YAML stream; Table and Markdown are written by Close, as they align.
type Writer interface {
	Write(Object) error
	Close() error
}

// NewWriter begins a list. The error is about the options.
func NewWriter(w io.Writer, o Options) (Writer, error) { return nil, errContract }

var errContract = errors.New("not there")
