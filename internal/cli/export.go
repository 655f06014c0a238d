package cli

import (
	"errors"
	"fmt"
	"io"
	"unicode"

	"github.com/spf13/cobra"
	"golang.org/x/text/runes"
	"golang.org/x/text/transform"

	"github.com/orrery-net/orrery/internal/client"
	"github.com/orrery-net/orrery/internal/export"
	"github.com/orrery-net/orrery/internal/table"
)

// exporting is an export as flags describe it.
type exporting struct {
	to, as  string
	columns string
	times   string
	quiet   bool
	options export.Options
}

// withExport gives a command the flags that all exports have. Mistakes in them
// are found before the command runs.
func withExport(command *cobra.Command, members bool) *exporting {
	e := &exporting{times: "ms", options: export.Options{Members: members}}
	flags := command.Flags()
	flags.StringVarP(&e.to, "to", "o", "", "`where` to: a file, a format, or postgres://user@host/database")
	flags.StringVar(&e.as, "as", "", "`format`, where the file's name does not tell it")
	flags.StringVar(&e.columns, "columns", "", "export these `columns`: names, paths as config.mtu or NAME=PATH, with commas")
	flags.StringVar(&e.times, "times", e.times, "write times as `ms` since 1970, or as rfc3339")
	flags.BoolVar(&e.options.NoHeader, "no-header", false, "leave the header of csv and tsv out")
	flags.BoolVar(&e.options.SpreadsheetSafe, "spreadsheet-safe", false, "guard cells of csv and tsv that a spreadsheet would run as formulas")
	flags.BoolVar(&e.options.Prune, "prune", false, "delete from the database the members and networks that are gone, as said above")
	flags.BoolVarP(&e.quiet, "quiet", "q", false, "show neither progress nor what was done")
	var formats []string
	for _, f := range export.Formats() {
		formats = append(formats, string(f))
	}
	fixedValues(command, "as", formats...)
	fixedValues(command, "times", "ms", "rfc3339")
	command.PreRunE = func(c *cobra.Command, _ []string) error {
		_, err := e.read(c)
		return err
	}
	return e
}

// read takes the flags together.
func (e *exporting) read(c *cobra.Command) (export.Target, error) {
	if (e.options.List || e.options.Host != "") && e.to == "" && e.as == "" {
		e.as = string(export.Ansible)
	}
	target, err := export.ParseTarget(e.to, e.as)
	if err != nil {
		return target, wrongExport(c, err)
	}
	switch e.times {
	case "ms":
	case "rfc3339":
		e.options.Times = table.RFC3339
	default:
		return target, usage(c, fmt.Errorf("--times %q; want ms or rfc3339", e.times))
	}
	if c.Flags().Changed("columns") {
		known := table.Networks()
		if e.options.Members {
			known = table.Members()
		}
		if e.options.Columns, err = table.ParseColumns(e.columns, known); err != nil {
			return target, usage(c, fmt.Errorf("--columns: %w", err))
		}
		e.options.Chosen = true
	}
	return target, wrongExport(c, e.options.Check(target.Format))
}

// wrongExport makes a usage error of one about the options.
func wrongExport(c *cobra.Command, err error) error {
	if errors.Is(err, export.ErrOptions) {
		return usage(c, err)
	}
	return err
}

func networkExportCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "export [NETWORK…]",
		Short: "Export networks to a file, a spreadsheet or a database",
		Long: `Export networks, all that you may see or those that you name, with the columns
id, name, description, totalMemberCount, creationTime, ipRangeStart and
ipRangeEnd, or with those of --columns.

` + exportDestinations,
		Example: `  orrery network export > networks.csv
  orrery network export --to networks.xlsx
  orrery network export --columns id,name,config.mtu,private --to json
  orrery network export --to inventory.db --prune`,
		ValidArgsFunction: completeNetworks,
	}
	e := withExport(command, false)
	command.RunE = func(c *cobra.Command, args []string) error {
		e.options.Complete = len(args) == 0
		if e.options.Prune && !e.options.Complete {
			return usage(c, errors.New("--prune deletes the networks that are not exported; name none, so that all are"))
		}
		return e.run(c, args)
	}
	return command
}

// exportDestinations is the part of the help that both commands share.
const exportDestinations = `--to says where the data goes:
  nothing                CSV to standard output
  csv, tsv, json, ndjson this format to standard output
  NAME.csv .tsv .json .ndjson .xlsx .db .sqlite
                         a file, written whole or not at all
  postgres://USER@HOST/DATABASE
                         a PostgreSQL database; the password comes from
                         PGPASSWORD or ~/.pgpass, or stands in the URL, where
                         others on this computer can see it
                         (?search_path=SCHEMA behind it names a schema)

A spreadsheet has a sheet of the networks and, where members are exported, one
for the members of each network, with times in UTC.

A database, SQLite or PostgreSQL, has the table network and, for members, the
table member, which later exports update by the key id, in one transaction.
Their columns have the names of the exported columns, which SQL writes in
quotes, as in SELECT "lastSeen" FROM member. With --prune, an export of members
deletes those there that their networks have no more, and an export of all
networks also deletes the networks that the token does not see (any more), and
with members theirs: those of another server or account too.`

func memberExportCommand() *cobra.Command {
	var allNetworks bool
	command := &cobra.Command{
		Use:   "export NETWORK…",
		Short: "Export members to a file, a spreadsheet, a database or an inventory",
		Long: `Export the members of the networks that you name, or of all that you may see,
with the columns id, lastSeen, physicalAddress, ipAssignment and name, or with
those of --columns.

` + exportDestinations + `

These formats list the members that have an address and are authorized and not
hidden (--all-members: all that have an address). Names become host names, with
the node's address behind them where several have the same:
  ansible      inventory: YAML (NAME.yml), or what --list and --host ask for
  prometheus   service discovery for file_sd_configs and http_sd_configs
  hosts        lines for /etc/hosts; a file that is named is replaced
  ssh-config   Host blocks for ssh, to include in ~/.ssh/config

Ansible asks an executable inventory that consists of these two lines:
  #!/bin/sh
  exec orrery member export --all-networks --to ansible "$@"`,
		Example: `  orrery member export office > members.csv
  orrery member export --all-networks --to members.xlsx
  orrery member export office --columns id,name,config.authorized --to json
  orrery member export --all-networks --to inventory.db --prune
  orrery member export office --to postgres://orrery@db.example.com/inventory
  orrery member export office --to /etc/prometheus/zerotier.json --as prometheus --port 9100
  orrery member export office --to ~/.ssh/zerotier.conf --as ssh-config`,
		ValidArgsFunction: completeNetworks,
	}
	e := withExport(command, true)
	flags := command.Flags()
	flags.BoolVar(&allNetworks, "all-networks", false, "the members of all networks that you may see")
	flags.BoolVar(&e.options.All, "all-members", false, "inventories: also members that are hidden or not authorized")
	flags.IntVar(&e.options.Port, "port", 9100, "prometheus: the `port` of the exporter on the members")
	flags.StringVar(&e.options.Domain, "domain", "", "ansible, hosts, ssh-config: `domain` of the names, for hosts and ssh-config if it is not that of the network's DNS")
	flags.BoolVar(&e.options.List, "list", false, "ansible: the whole inventory as JSON")
	flags.StringVar(&e.options.Host, "host", "", "ansible: the variables of the host with this `name` as JSON")
	command.Args = func(c *cobra.Command, args []string) error {
		switch {
		case len(args) == 0 && !allNetworks:
			return usage(c, errors.New("which network? name some, or all with --all-networks"))
		case len(args) > 0 && allNetworks:
			return usage(c, errors.New("name networks, or take --all-networks, not both"))
		}
		return nil
	}
	command.RunE = func(c *cobra.Command, args []string) error {
		e.options.Complete = allNetworks
		return e.run(c, args)
	}
	return command
}

// run exports the networks that are named, or all.
func (e *exporting) run(c *cobra.Command, names []string) error {
	target, err := e.read(c)
	if err != nil {
		return err
	}
	bar := e.progress(c, target)
	defer bar.clear()
	api, err := connect(c)
	if err != nil {
		return err
	}
	networks, err := e.networks(c, api, names)
	if err != nil {
		return err
	}
	if e.options.Prune && len(networks) == 0 {
		return errors.New("the server shows no network at all, and --prune would delete everything; if that is right, delete it in the database")
	}
	w, err := e.open(c, target)
	if err != nil {
		return wrongExport(c, err)
	}
	defer w.Abort()
	seen, err := e.write(c, api, networks, w, bar)
	bar.clear()
	if err == nil {
		err = w.Close(c.Context())
	}
	switch {
	case err != nil && target.Streams():
		return err
	case err != nil:
		return fmt.Errorf("%w; nothing was written to %s", err, target)
	case !e.quiet && !target.IsOutput():
		e.summarize(c, target, w, seen, len(networks))
	}
	return nil
}

func (e *exporting) networks(c *cobra.Command, api *client.Client, names []string) ([]*client.Network, error) {
	if len(names) > 0 {
		return findNetworks(c.Context(), api, names)
	}
	var all []*client.Network
	for n, err := range api.Networks(c.Context()) {
		if err != nil {
			return nil, err
		}
		all = append(all, n)
	}
	return all, nil
}

func (e *exporting) open(c *cobra.Command, target export.Target) (export.Writer, error) {
	if !target.IsOutput() {
		return export.Open(c.Context(), target, e.options)
	}
	out := c.OutOrStdout()
	if atTerminal(out) {
		out = tame(out)
	}
	return export.NewText(out, target.Format, e.options)
}

// tame keeps a name in an export, which no format but JSON escapes, from
// controlling the terminal.
func tame(out io.Writer) io.Writer {
	return transform.NewWriter(out, runes.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\t' && r != '\r' && r != '\n' || unicode.Is(unicode.Bidi_Control, r) {
			return unicode.ReplacementChar
		}
		return r
	}))
}

// progress is the bar of an export of members, nil if nobody wants to see it or
// the export itself goes to the terminal.
func (e *exporting) progress(c *cobra.Command, target export.Target) *progress {
	if e.quiet || !e.options.Members || target.IsOutput() && atTerminal(c.OutOrStdout()) {
		return nil
	}
	return newProgress(c, 0)
}

// write sends all rows to the export and says how many members or networks there
// were.
func (e *exporting) write(c *cobra.Command, api *client.Client, networks []*client.Network, w export.Writer, bar *progress) (seen int, err error) {
	total := 0
	for _, n := range networks {
		total += n.TotalMemberCount
	}
	bar.expect(total)
	for _, n := range networks {
		network, err := table.Decode(n.Raw)
		if err != nil {
			return 0, fmt.Errorf("read the network %s: %w", n.ID, err)
		}
		if err := w.Write(c.Context(), export.Row{Network: network}); err != nil {
			return 0, err
		}
		if !e.options.Members {
			seen++
			continue
		}
		for m, err := range api.Members(c.Context(), n.ID) {
			if err != nil {
				return 0, err
			}
			member, err := table.Decode(m.Raw)
			if err != nil {
				return 0, fmt.Errorf("read the member %s: %w", m.ID, err)
			}
			if err := w.Write(c.Context(), export.Row{Network: network, Member: member}); err != nil {
				return 0, err
			}
			seen++
			bar.add(1)
		}
	}
	return seen, nil
}

// summarize says what was written.
func (e *exporting) summarize(c *cobra.Command, target export.Target, w export.Writer, seen, networks int) {
	what := count(w.Count(), "network")
	if e.options.Members {
		what = fmt.Sprintf("%s of %s", count(w.Count(), "member"), count(networks, "network"))
	}
	fmt.Fprintf(c.ErrOrStderr(), "exported %s to %s\n", what, printable(target.String()))
	if pruned := w.Pruned(); pruned > 0 {
		fmt.Fprintf(c.ErrOrStderr(), "deleted %s there that the export does not have\n", count(pruned, "row"))
	}
	if left := seen - w.Count(); left > 0 {
		reason := "not authorized, hidden, or without an address"
		if e.options.All {
			reason = "without an address"
		}
		fmt.Fprintf(c.ErrOrStderr(), "%s left out: %s\n", count(left, "member"), reason)
	}
}
