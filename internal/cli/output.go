package cli

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/orrery-net/orrery/internal/table"
)

// output is how a command writes its result: the flags -o/--output, --columns,
// --times, --no-header and --spreadsheet-safe.
type output struct {
	format          string
	columns         string
	times           string
	noHeader        bool
	spreadsheetSafe bool

	known []table.Column // of which the first shown are people's
	shown int

	// For commands that set it:

	machines []table.Column // columns of CSV and TSV; nil: known
	none     string         // what people read instead of an empty table
}

// withOutput gives a command the flags of output. known are the columns that
// --columns may name, of which the first shown are shown to people by default.
// Mistakes in the flags are found before the command runs.
func withOutput(command *cobra.Command, known []table.Column, shown int) *output {
	o := &output{format: string(table.Table), times: "ms", known: known, shown: shown}
	flags := command.Flags()
	flags.StringVarP(&o.format, "output", "o", o.format, "`format`: table, json, ndjson, yaml, csv, tsv or markdown")
	flags.StringVar(&o.columns, "columns", "", "show these `columns`: names, paths as config.mtu or NAME=PATH, with commas")
	flags.StringVar(&o.times, "times", o.times, "times for machines: `ms` since 1970, or rfc3339")
	flags.BoolVar(&o.noHeader, "no-header", false, "leave the header out")
	flags.BoolVar(&o.spreadsheetSafe, "spreadsheet-safe", false, "guard cells of csv and tsv that a spreadsheet would run as formulas")
	fixedValues(command, "output", "table", "json", "ndjson", "yaml", "csv", "tsv", "markdown")
	fixedValues(command, "times", "ms", "rfc3339")
	_ = command.RegisterFlagCompletionFunc("columns", o.completeColumns) // the flag is there
	command.PreRunE = func(c *cobra.Command, _ []string) error {
		_, err := o.options(c)
		return err
	}
	return o
}

// inFront moves the named columns to the front, and counts them.
func inFront(columns []table.Column, names ...string) ([]table.Column, int) {
	slices.SortStableFunc(columns, func(a, b table.Column) int {
		place := func(c table.Column) int {
			if i := slices.Index(names, c.Name); i >= 0 {
				return i
			}
			return len(names)
		}
		return cmp.Compare(place(a), place(b))
	})
	return columns, len(names)
}

// fixedValues completes a flag's values.
func fixedValues(command *cobra.Command, flag string, values ...cobra.Completion) {
	_ = command.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)) // the flag is there
}

func (o *output) completeColumns(_ *cobra.Command, _ []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	before := begun[:strings.LastIndexByte(begun, ',')+1]
	var offers []cobra.Completion
	for _, column := range o.nameable() {
		offers = append(offers, before+column.Name)
	}
	return offers, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}

// nameable are the columns that have a name: people's first.
func (o *output) nameable() []table.Column {
	all := slices.Clone(o.known)
	for _, column := range o.machines {
		if !slices.ContainsFunc(all, func(c table.Column) bool { return c.Name == column.Name }) {
			all = append(all, column)
		}
	}
	return all
}

// forPeople reports whether a person reads the output.
func (o *output) forPeople() bool { return o.format == string(table.Table) }

// whole reports whether objects are written as they came.
func (o *output) whole() bool {
	switch table.Format(o.format) {
	case table.JSON, table.NDJSON, table.YAML:
		return o.columns == ""
	}
	return false
}

// options reads the flags.
func (o *output) options(c *cobra.Command) (table.Options, error) {
	options := table.Options{
		Format: table.Format(o.format), Chosen: o.columns != "", NoHeader: o.noHeader, SpreadsheetSafe: o.spreadsheetSafe,
		Width: width(c.OutOrStdout()), Color: colored(c.OutOrStdout()), Now: now(c), Zone: time.Local,
	}
	if !slices.Contains([]table.Format{table.Table, table.JSON, table.NDJSON, table.YAML, table.CSV, table.TSV, table.Markdown}, options.Format) {
		return options, usage(c, fmt.Errorf("--output %q; want table, json, ndjson, yaml, csv, tsv or markdown", o.format))
	}
	switch o.times {
	case "ms":
	case "rfc3339":
		options.Times = table.RFC3339
	default:
		return options, usage(c, fmt.Errorf("--times %q; want ms or rfc3339", o.times))
	}
	switch {
	case options.Chosen:
		var err error
		if options.Columns, err = table.ParseColumns(o.columns, o.nameable()); err != nil {
			return options, usage(c, fmt.Errorf("--columns: %w", err))
		}
	case c.Flags().Changed("columns"):
		return options, usage(c, errors.New("--columns names none"))
	case o.machines != nil && (options.Format == table.CSV || options.Format == table.TSV):
		options.Columns = o.machines
	case options.Format == table.CSV || options.Format == table.TSV:
		options.Columns = o.known
	default:
		options.Columns = o.known[:o.shown]
	}
	return options, nil
}

// print writes a list to standard output: a table that fits the terminal, or
// what the user chose.
func (o *output) print(c *cobra.Command, list iter.Seq2[table.Object, error]) error {
	options, err := o.options(c)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(c.OutOrStdout())
	w, err := table.NewWriter(out, options)
	if err != nil {
		return usage(c, err)
	}
	empty := true
	for one, err := range list {
		if err == nil {
			empty = false
			err = w.Write(one)
		}
		if err != nil {
			return errors.Join(err, out.Flush())
		}
	}
	if empty && o.none != "" && o.forPeople() {
		fmt.Fprintln(c.ErrOrStderr(), o.none)
		return nil
	}
	if err := w.Close(); err != nil {
		return err
	}
	return out.Flush()
}

// printOne writes a single object: its fields below each other for people, the
// object itself (no list around it) for machines.
func (o *output) printOne(c *cobra.Command, one table.Object) error {
	options, err := o.options(c)
	if err != nil {
		return err
	}
	return table.WriteOne(c.OutOrStdout(), one, options)
}

// printAll is printOne for one, and for several the same one below the other.
func (o *output) printAll(c *cobra.Command, list iter.Seq2[table.Object, error], length int) error {
	if length != 1 && !o.forPeople() {
		return o.print(c, list)
	}
	first := true
	for one, err := range list {
		if err != nil {
			return err
		}
		if !first {
			fmt.Fprintln(c.OutOrStdout())
		}
		first = false
		if err := o.printOne(c, one); err != nil {
			return err
		}
	}
	return nil
}

// objects makes a list of objects of a list of records.
func objects[Record any](list iter.Seq2[Record, error], object func(Record) (table.Object, error)) iter.Seq2[table.Object, error] {
	return func(yield func(table.Object, error) bool) {
		for record, err := range list {
			var one table.Object
			if err == nil {
				one, err = object(record)
			}
			if !yield(one, err) || err != nil {
				return
			}
		}
	}
}

// each is a list of what is known already.
func each[Record any](records []Record) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		for _, record := range records {
			if !yield(record, nil) {
				return
			}
		}
	}
}

// objectOf makes an object of a record that the server did not send like that.
func objectOf[Record any](record Record) (table.Object, error) {
	raw, err := json.Marshal(record)
	if err != nil {
		return nil, fmt.Errorf("write JSON: %w", err)
	}
	return table.Decode(raw)
}

// object is what a server sent, with more fields in front for columns to show,
// unless it is written as it came.
func object[Fields any](o *output, raw json.RawMessage, more Fields) (table.Object, error) {
	one, err := table.Decode(raw)
	if err != nil || o.whole() {
		return one, err
	}
	front, err := objectOf(more)
	if err != nil || len(front) < len(`{"":0}`) || len(one) < len(`{"":0}`) {
		return one, err
	}
	return table.Decode(slices.Concat(front[:len(front)-1], []byte(","), one[1:]))
}

// width is how many characters a line has: what COLUMNS says, or the terminal; 0
// if it is neither.
func width(out io.Writer) int {
	if columns, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && columns > 0 {
		return columns
	}
	if file, ok := out.(*os.File); ok {
		if columns, _, err := term.GetSize(int(file.Fd())); err == nil {
			return columns
		}
	}
	return 0
}

// atTerminal reports whether a person sees what goes to out.
func atTerminal(out io.Writer) bool {
	file, ok := out.(*os.File)
	return ok && isTerminal(file)
}

// colored reports whether colors may go to out.
func colored(out io.Writer) bool {
	switch {
	case !atTerminal(out), os.Getenv("NO_COLOR") != "", os.Getenv("TERM") == "dumb":
		return false
	}
	// The old console of Windows shows the codes themselves.
	return runtime.GOOS != "windows" || os.Getenv("WT_SESSION") != "" || os.Getenv("TERM") != ""
}
