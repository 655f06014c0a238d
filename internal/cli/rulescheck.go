package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/orrery-net/orrery/internal/table"
	"github.com/orrery-net/orrery/zt/rules"
)

// checked is what check finds, in JSON.
type checked struct {
	File        string             `json:"file"`
	OK          bool               `json:"ok"`
	Diagnostics []rules.Diagnostic `json:"diagnostics"`
	Usage       *rules.Usage       `json:"usage"` // null: it does not compile
}

func checkRulesCommand() *cobra.Command {
	var network, mode string
	var failOnWarnings bool
	var isJSON func() bool
	command := &cobra.Command{
		Use:   "check [FILE…]",
		Short: "Find mistakes in programs",
		Long: `Find mistakes in programs, and what is right in form but does not do what its
reader expects; and say how much of what nodes take they use. It needs no server,
unless --network names a network, whose stored program is checked.

Without FILE the program comes from standard input. With --mode compatible it is
checked as the compiler of Central does, which stops at the first error and never
warns.

The exit status is 1 if there is an error; with -W also if there is a warning.
With -o json each file is an object of a list, with its diagnostics: severity,
code, line and column (both from 1), endLine, endColumn, message, hint, related.`,
		Example: `  orrery rules check office.rules
  orrery rules check -W *.rules
  orrery rules check --network office
  orrery rules get office | orrery rules check -o json`,
		RunE: func(c *cobra.Command, args []string) error {
			if err := oneOf(c, "mode", mode, string(rules.Strict), string(rules.Compatible)); err != nil {
				return err
			}
			programs, err := readOrFetch(c, args, network)
			if err != nil {
				return err
			}
			return checkPrograms(c, programs, rules.Mode(mode), failOnWarnings, isJSON())
		},
	}
	isJSON = withForm(command)
	withNetworkFlag(command, &network, "check the program of this `network` instead of files")
	withMode(command, &mode)
	command.Flags().BoolVarP(&failOnWarnings, "fail-on-warnings", "W", false, "fail if there are warnings, too")
	return command
}

// withMode gives a command the flag --mode.
func withMode(command *cobra.Command, mode *string) {
	command.Flags().StringVar(mode, "mode", string(rules.Strict), "how to understand it: `strict`, or compatible: as the compiler of Central does")
	fixedValues(command, "mode", string(rules.Strict), string(rules.Compatible))
}

// readOrFetch reads programs from files, or the one that a network has.
func readOrFetch(c *cobra.Command, files []string, network string) ([]program, error) {
	if !c.Flags().Changed("network") {
		return readPrograms(c, files)
	}
	if len(files) > 0 {
		return nil, usage(c, errors.New("name files or a network, not both"))
	}
	stored, err := fetchRules(c, network)
	if err != nil {
		return nil, err
	}
	return []program{stored.program}, nil
}

func checkPrograms(c *cobra.Command, programs []program, mode rules.Mode, failOnWarnings, isJSON bool) error {
	out := c.OutOrStdout()
	var sum tally
	results := make([]checked, len(programs))
	for i, p := range programs {
		compiled, found := rules.Compile(p.text, mode)
		sum.add(found)
		results[i] = checked{p.name, compiled != nil, append([]rules.Diagnostic{}, found...), nil}
		if compiled != nil {
			results[i].Usage = &compiled.Usage
		}
		if isJSON {
			continue
		}
		if p.explain(out, found); compiled != nil {
			fmt.Fprintf(out, "%s: %s; %s\n", p.name, verdict(found), usageSummary(compiled.Usage))
		}
	}
	if isJSON {
		if err := printJSON(c, results); err != nil {
			return err
		}
	}
	if sum.errors == 0 && (sum.warnings == 0 || !failOnWarnings) {
		return nil
	}
	if len(programs) == 1 {
		return fmt.Errorf("%s has %s", programs[0].name, sum)
	}
	return fmt.Errorf("%d programs have %s", len(programs), sum)
}

// verdict is what there is to say in short of a program that compiles.
func verdict(found []rules.Diagnostic) string {
	var t tally
	if t.add(found); t.warnings == 0 {
		return "no mistakes found"
	}
	return t.String()
}

// printJSON writes a value for machines.
func printJSON(c *cobra.Command, value any) error {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	_, err := c.OutOrStdout().Write(table.EscapeControls(text.Bytes()))
	return err
}
