package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/spf13/cobra"

	"github.com/orrery-net/orrery/internal/client"
	"github.com/orrery-net/orrery/zt/rules"
	"github.com/orrery-net/orrery/zt/rules/ruleset"
)

func diffRulesCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "diff NETWORK [FILE]",
		Short: "Show what other rules would change, and for whom",
		Long: `Show what changes if a program takes the place of a network's rules: in the text, in
the rules, in tags and capabilities with the members that have them, and in what
members can do. For that, flows that the rules speak of and usual ones are tried
between members that are authorized; members that no rule can tell apart count as
one kind. Without FILE the program comes from standard input.

The exit status is 1 if anything is different, 0 if nothing is; it is 1 as well,
with the reason on standard error, if that could not be found out.`,
		Example: `  orrery rules diff office office.rules
  orrery rules diff office - < office.rules`,
		Args:              networkAndFile,
		ValidArgsFunction: completeNetworkAndFile,
		RunE: func(c *cobra.Command, args []string) error {
			plan, err := planRules(c, args)
			if err != nil {
				return err
			}
			if plan.changesNothing() {
				return nil
			}
			if err := plan.impact.write(c.OutOrStdout(), true); err != nil {
				return err
			}
			return errNo
		},
	}
}

// networkAndFile is for commands that take a network and, if they are told, a
// file.
func networkAndFile(c *cobra.Command, args []string) error {
	if len(args) > 2 {
		return usage(c, fmt.Errorf("%q is too much; want one network and one file", args[2]))
	}
	return atLeast("network")(c, args)
}

func setRulesCommand() *cobra.Command {
	var yes, dryRun bool
	command := &cobra.Command{
		Use:   "set NETWORK [FILE]",
		Short: "Change the rules of a network, after showing what that means",
		Long: `Change the rules of a network. The program is compiled here, strictly: one with
errors is refused, and nothing is changed. Then it is shown what changes for whom,
as diff does, but without the text. Members that are online obey the new rules at
once; they need not join again.

What takes nothing away is done without a question. It is asked before something
that works stops working, members lose a tag or capability, nothing could pass any
more, or not everything could be tried: there are too many kinds of members, or
some have no address in the network. Where nobody can be asked, as in a script or
with the program on standard input, --yes is needed then; without it nothing is
changed, and the exit status is 2.

If somebody else changes the rules between the question and the answer, nothing is
changed either.`,
		Example: `  orrery rules set office office.rules
  orrery rules set office office.rules --dry-run
  orrery rules set office - --yes < office.rules`,
		Args:              networkAndFile,
		ValidArgsFunction: completeNetworkAndFile,
		RunE: func(c *cobra.Command, args []string) error {
			plan, err := planRules(c, args)
			if err != nil {
				return err
			}
			if plan.changesNothing() {
				fmt.Fprintln(c.OutOrStdout(), plan.before.name, "has these rules already")
				return nil
			}
			if err := plan.impact.write(c.OutOrStdout(), false); err != nil {
				return err
			}
			losses := plan.impact.losses
			switch {
			case dryRun:
				fmt.Fprintln(c.ErrOrStderr(), "dry run: nothing was changed")
				return nil
			case len(losses) > 0 && !yes:
				for _, loss := range losses {
					fmt.Fprintln(c.ErrOrStderr(), "warning:", loss)
				}
				if err := confirm(c, "Change the rules of "+plan.before.name+"?"); err != nil {
					return err
				}
			}
			return plan.carryOut(c)
		},
	}
	command.Flags().BoolVar(&yes, "yes", false, "do not ask")
	command.Flags().BoolVar(&dryRun, "dry-run", false, "show what would change, and change nothing")
	return command
}

// rulesPlan is a change of a network's rules.
type rulesPlan struct {
	api      *client.Client
	before   *storedRules
	program  program
	compiled *rules.Program
	impact   *impact
}

// planRules reads a program, and what a network has now. Nothing is asked of a
// server for a program that does not compile.
func planRules(c *cobra.Command, args []string) (*rulesPlan, error) {
	programs, err := readPrograms(c, args[1:])
	if err != nil {
		return nil, err
	}
	plan := &rulesPlan{program: programs[0]}
	if plan.compiled, err = plan.program.compile(c, rules.Strict); err != nil {
		return nil, err
	}
	if plan.api, err = connect(c); err != nil {
		return nil, err
	}
	network, err := findNetwork(c.Context(), plan.api, args[0])
	if err != nil {
		return nil, err
	}
	if plan.before, err = readRules(c.Context(), plan.api, network.ID); err != nil {
		return nil, err
	}
	if plan.changesNothing() {
		return plan, nil
	}
	actors, err := readActors(c.Context(), plan.api, plan.before.network, slices.Concat(plan.before.set.Tags, plan.compiled.Tags))
	if err != nil {
		return nil, err
	}
	plan.impact, err = compareRules(plan.before, plan.program.name, plan.program.text, plan.compiled, actors)
	return plan, err
}

// changesNothing reports whether the network has text, tables and names already.
func (p *rulesPlan) changesNothing() bool {
	return p.before.text == p.program.text && sameTables(p.before.set, &p.compiled.Set) && sameNames(p.before.set, &p.compiled.Set)
}

func sameNames(a, b *ruleset.Set) bool {
	return sameObject(a.TagsByName(), b.TagsByName()) && maps.Equal(a.CapabilitiesByName(), b.CapabilitiesByName())
}

// sameObject compares objects in JSON, whose members have no order.
func sameObject(a, b []byte) bool {
	objectA, errA := decodePatch(a)
	objectB, errB := decodePatch(b)
	return errA == nil && errB == nil && reflect.DeepEqual(objectA, objectB)
}

// carryOut sends text and tables together, so that servers need not compile, and
// none compiles it in another way.
func (p *rulesPlan) carryOut(c *cobra.Command) error {
	object, err := json.Marshal(&p.compiled.Set)
	if err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	body, err := decodePatch(object)
	if err != nil {
		return err
	}
	body.set("rulesSource", p.program.text)
	now, err := readRules(c.Context(), p.api, p.before.network.ID)
	if err != nil {
		return err
	}
	if !p.before.same(now) {
		return fmt.Errorf("somebody changed the rules of %s just now; nothing was changed; look at what they are now: orrery rules diff", p.before.name)
	}
	after, err := p.api.UpdateNetwork(c.Context(), p.before.network.ID, body)
	if err != nil {
		return err
	}
	stored, err := rulesOf(after)
	if err != nil {
		return err
	}
	if after.RulesSource != p.program.text || !sameTables(stored, &p.compiled.Set) {
		return fmt.Errorf("the server accepted the rules of %s and did not store them like that; see orrery rules diff", p.before.name)
	}
	_, err = fmt.Fprintf(c.OutOrStdout(), "changed the rules of %s: %s\n", p.before.name, usageSummary(p.compiled.Usage))
	return err
}

// same reports whether nothing of the rules was changed since they were read.
func (s *storedRules) same(now *storedRules) bool {
	a, errA := json.Marshal(s.set)
	b, errB := json.Marshal(now.set)
	return s.text == now.text && errors.Join(errA, errB) == nil && bytes.Equal(a, b)
}
