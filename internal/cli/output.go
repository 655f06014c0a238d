package cli

import (
	"errors"
	"iter"

	"github.com/spf13/cobra"

	"github.com/orrery-net/orrery/internal/table"
)

// output is how a command writes a list: the flags -o/--output, --columns,
// --times, --no-header.
type output struct{}

// withOutput gives a command the flags of output. known are the columns that
// --columns may name, of which the first shown are shown to people by default.
func withOutput(command *cobra.Command, known []table.Column, shown int) *output { return &output{} }

// print writes a list to standard output: a table that fits the terminal, or
// what the user chose.
func (o *output) print(c *cobra.Command, list iter.Seq2[table.Object, error]) error {
	return errors.New("not there")
}

// printOne writes a single object: its fields below each other for people, the
// object itself (no list around it) for machines.
func (o *output) printOne(c *cobra.Command, one table.Object) error { return errors.New("not there") }
