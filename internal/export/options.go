package export

import (
	"errors"
	"fmt"

	"github.com/orrery-net/orrery/internal/table"
)

// Options say what is written and how.
type Options struct {
	Members  bool // members are exported, otherwise networks
	Complete bool // the rows are of all networks that the account has

	Columns         []table.Column // for CSV, TSV, JSON (Chosen), xlsx, databases; nil: the documented ones
	Chosen          bool           // JSON, NDJSON: the columns only, not whole objects
	NoHeader        bool           // CSV, TSV
	Times           table.Times    // not xlsx, which has dates
	SpreadsheetSafe bool           // CSV, TSV
	Port            int            // Prometheus: of the exporter on each member; 0: 9100
	Domain          string         // Hosts, SSHConfig: appended to names; empty: the network's DNS domain. Ansible: appended if set
	All             bool           // Ansible, Prometheus, Hosts, SSHConfig: also members that are hidden or not authorized
	Prune           bool           // databases: members of the exported networks that are gone are deleted; if Complete, networks too

	// For Ansible: what its dynamic inventory asks for, in JSON.
	List bool   // the whole inventory
	Host string // the variables of this host
}

// ErrOptions is what errors about a target or about options are, for errors.Is:
// they do not fit together or to the format. Nothing was written then.
var ErrOptions = errors.New("wrong options")

// optionsError is an ErrOptions with nothing but its own words.
type optionsError struct{ error }

func (e optionsError) Unwrap() error        { return e.error }
func (e optionsError) Is(target error) bool { return target == ErrOptions }

func wrong(format string, values ...any) error {
	return optionsError{fmt.Errorf(format, values...)}
}

// Check finds options that do not fit together or to a format. Its errors wrap
// ErrOptions. Open and NewText do it too.
func (o Options) Check(f Format) error {
	database := f == SQLite || f == Postgres
	hosts := f == Ansible || f == Prometheus || f == Hosts || f == SSHConfig
	switch {
	case hosts && !o.Members:
		return wrong("%s lists hosts: it is a format for members, not for networks", f)
	case hosts && o.Chosen:
		return wrong("%s has no columns to choose", f)
	case o.Prune && !database:
		return wrong("only a database can be pruned; a file has nothing but what is exported")
	case (o.List || o.Host != "") && f != Ansible:
		return wrong("only ansible asks for an inventory's list or host, not %s", f)
	case o.List && o.Host != "":
		return wrong("ansible asks for the list or for one host, not both")
	case o.Port < 0 || o.Port > 65535:
		return wrong("%d is not a port", o.Port)
	case o.Domain != "" && cleanDomain(o.Domain) == "":
		return wrong("%q is not a domain", o.Domain)
	}
	if database {
		_, err := o.relations()
		return err
	}
	return nil
}

// columns are those of what is exported.
func (o Options) columns() []table.Column {
	switch {
	case len(o.Columns) > 0:
		return o.Columns
	case o.Members:
		return table.Members()
	}
	return table.Networks()
}
