// Package export writes networks and members to where the data goes: files for
// spreadsheets and databases, databases themselves, and configuration
// management. Rows come one after another and are not kept, so that 100 000 of
// them take no more memory than one. A file is written whole or not at all.
package export

import (
	"context"
	"errors"
	"io"

	"github.com/orrery-net/orrery/internal/table"
)

// Source is what is exported, in the order of the calls: each network, followed
// by its members if members are exported.
type Row struct {
	Network table.Object
	Member  table.Object // nil: the row is the network itself
}

// Format is what an export is written as.
type Format string

// The formats of text, which can go to a pipe.
const (
	CSV        Format = "csv"
	TSV        Format = "tsv"
	JSON       Format = "json"
	NDJSON     Format = "ndjson"
	Ansible    Format = "ansible"    // inventory, YAML
	Prometheus Format = "prometheus" // service discovery, JSON
	Hosts      Format = "hosts"      // hosts(5)
	SSHConfig  Format = "ssh-config" // ssh_config(5)
)

// Options say what is written and how.
type Options struct {
	Columns         []table.Column // for CSV, TSV, JSON (Chosen), xlsx, databases
	Chosen          bool           // JSON, NDJSON: the columns only, not whole objects
	NoHeader        bool
	Times           table.Times
	SpreadsheetSafe bool
	Port            int    // Prometheus: of the exporter on each member; 0: 9100
	Domain          string // Hosts, SSHConfig, Ansible: appended to names; empty: the network's DNS domain
	All             bool   // Ansible, Prometheus, Hosts, SSHConfig: also members that are not authorized
	Prune           bool   // databases: rows of the exported networks that are gone are deleted
}

// Writer takes rows; Close finishes, Abort leaves nothing of it behind. One of
// both must be called. Not safe for concurrent use.
type Writer interface {
	Write(ctx context.Context, r Row) error
	Close(ctx context.Context) error
	Abort()
}

// NewText writes a format of text to w. The caller closes w.
func NewText(w io.Writer, f Format, o Options) (Writer, error) { return nil, errContract }

var errContract = errors.New("not there")
