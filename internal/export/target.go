package export

import (
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Target is where an export goes.
type Target struct {
	Format Format
	Path   string // of a file; empty: standard output, or a server
	server string // URL of a PostgreSQL database, with its password
}

// Formats are all formats by name.
func Formats() []Format {
	return []Format{CSV, TSV, JSON, NDJSON, XLSX, SQLite, Postgres, Ansible, Prometheus, Hosts, SSHConfig}
}

// ParseTarget reads where a user wants an export to go: the name of a format of
// text (to standard output), a file, whose name tells the format, or a
// postgres:// URL. Empty or - is standard output. as, if it is not empty, is the
// format. Errors wrap ErrOptions.
func ParseTarget(to, as string) (Target, error) {
	if as != "" && !slices.Contains(Formats(), Format(as)) {
		return Target{}, wrong("there is no format %q; want one of %s", as, listFormats())
	}
	t := Target{Format: Format(as)}
	scheme, _, isURL := strings.Cut(to, "://")
	switch {
	case isURL && (scheme == "postgres" || scheme == "postgresql"):
		if as != "" && t.Format != Postgres {
			return Target{}, wrong("a database cannot be written as %s", as)
		}
		t.Format, t.server = Postgres, to
		if _, err := t.location(); err != nil {
			return Target{}, optionsError{err}
		}
		return t, nil
	case isURL:
		return Target{}, wrong("an export cannot go to %s://, only to postgres://", scheme)
	case isConnection(to):
		return Target{}, optionsError{errLocation}
	case t.Format == Postgres || to == string(Postgres):
		return Target{}, wrong("postgres needs the address of a database, as postgres://user@host/database")
	case to == "" || to == "-":
		if as == "" {
			t.Format = CSV
		}
	case as == "" && slices.Contains(Formats(), Format(to)):
		t.Format = Format(to)
	default:
		t.Path = to
	}
	if t.Path != "" && t.Format == "" {
		t.Format = formatOf(t.Path)
	}
	switch {
	case t.Format == "" && filepath.Base(to) == to && filepath.Ext(to) == "":
		return Target{}, wrong("%q is not a format; want one of %s, or a file name such as members.xlsx", to, listFormats())
	case t.Format == "":
		return Target{}, wrong("the name %q tells no format; add --as with one of %s", to, listFormats())
	case t.Path == "" && t.Format == XLSX:
		return Target{}, wrong("xlsx needs a file, it cannot go to standard output; give a file name such as members.xlsx")
	case t.Path == "" && t.Format == SQLite:
		return Target{}, wrong("sqlite needs a file, it cannot go to standard output; give a file name such as members.db")
	}
	return t, nil
}

// isConnection reports whether a text that is no URL was meant to lead to a
// database. It may have a password.
func isConnection(text string) bool {
	text = strings.ToLower(text)
	return strings.HasPrefix(text, "postgres:") || strings.HasPrefix(text, "postgresql:") || strings.Contains(text, "password=")
}

// formatOf guesses a file's format from its name.
func formatOf(path string) Format {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".csv":
		return CSV
	case ".tsv", ".tab":
		return TSV
	case ".json":
		return JSON
	case ".ndjson", ".jsonl":
		return NDJSON
	case ".xlsx":
		return XLSX
	case ".db", ".sqlite", ".sqlite3":
		return SQLite
	case ".yml", ".yaml":
		return Ansible
	}
	return ""
}

func listFormats() string {
	var names []string
	for _, f := range Formats() {
		names = append(names, string(f))
	}
	return strings.Join(names, ", ")
}

// String is the target as people may see it: without a password.
func (t Target) String() string {
	switch {
	case t.IsOutput():
		return "standard output"
	case t.server == "":
		return t.Path
	}
	u, err := t.location()
	if err != nil {
		return "the database"
	}
	return "postgres://" + u.Host + u.EscapedPath()
}

var errLocation = errors.New("this is not the address of a PostgreSQL database; want postgres://user:password@host:port/database, with characters such as / # ? @ in the password written as %2F %23 %3F %40")

// location parses the server's URL. Its errors never show it. An @ behind the
// host means that the password was not escaped and that part of it would be
// taken for something that may be shown.
func (t Target) location() (*url.URL, error) {
	u, err := url.Parse(t.server)
	if err != nil {
		return nil, errLocation
	}
	if strings.Contains(u.EscapedPath(), "@") || strings.Contains(u.RawQuery, "@") || u.Fragment != "" || u.Opaque != "" {
		return nil, errLocation
	}
	return u, nil
}

// IsOutput reports whether the target is standard output.
func (t Target) IsOutput() bool { return t.Path == "" && t.server == "" }

// Streams reports whether what is written there is seen at once and cannot be
// taken back: it is standard output, a device or a pipe.
func (t Target) Streams() bool {
	info, err := os.Stat(t.Path)
	return t.IsOutput() || t.server == "" && err == nil && !info.Mode().IsRegular()
}
