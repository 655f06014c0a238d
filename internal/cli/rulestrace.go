package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/orrery-net/orrery/internal/client"
	"github.com/orrery-net/orrery/zt/rules"
	"github.com/orrery-net/orrery/zt/rules/ruleset"
	"github.com/orrery-net/orrery/zt/rules/trace"
)

func traceRulesCommand() *cobra.Command {
	var from, to, file, expect string
	var verbose bool
	var isJSON func() bool
	command := &cobra.Command{
		Use:   "trace NETWORK --from MEMBER --to MEMBER FLOW…",
		Short: "Say whether one member reaches another, and which rule decides",
		Long: `Say what becomes of a flow between two members: of each packet that it needs, in
both directions, address resolution first; which line decides at the sender and at
the receiver; and of one that does not pass, why the rules did not match that would
have accepted it. Nothing is sent. Members are named by address, name or assigned IP.

A FLOW is what somebody wants to do:

  tcp 443, udp 53, sctp 36412   to a port; for tcp the handshake, for udp a reply, too
  ping                          an echo request and its reply
  icmp 8 0                      an ICMP type, and a code if you like
  ip 47                         another protocol of IP
  arp                           ARP alone
  ethertype 0x88cc              another kind of Ethernet frame

Before it may stand ipv4 or ipv6; behind it, as far as it has that, sport 1024,
flags syn,ack (of one TCP packet instead of a handshake), size 1400, tos 184, and
source or dest with an IP address that is not the member's own.

With --rules another program is tried than the one that the network has; nothing is
stored. A member that is not authorized is traced as if it were.

The exit status is 0 if all packets pass and 1 if not; it is 1 as well, with the
reason on standard error, if that could not be found out. With --expect it is 0 if
it is as expected: so a script notices as well that something is open which should
not be, and does not take a server that cannot be reached for a closed port.`,
		Example: `  orrery rules trace office --from alice --to bob tcp 443
  orrery rules trace office --from alice --to 10.9.0.10 ping --verbose
  orrery rules trace office --rules new.rules --from 8a9d09e442 --to bob udp 53
  orrery rules trace office --from guest --to files tcp 445 --expect dropped`,
		Args: func(c *cobra.Command, args []string) error {
			if err := atLeast("network", "flow")(c, args); err != nil {
				return err
			}
			return noneEmpty(c, "from", "to", "rules", "expect")
		},
		ValidArgsFunction: completeFirst(1, completeNetworks),
		RunE: func(c *cobra.Command, args []string) error {
			switch {
			case from == "" || to == "":
				return usage(c, errors.New("which members? name both with --from and --to"))
			case expect != "":
				if err := oneOf(c, "expect", expect, string(trace.Accepted), string(trace.Dropped)); err != nil {
					return err
				}
			}
			flow, err := trace.ParseFlow(strings.Join(args[1:], " "))
			if err != nil {
				return usage(c, err)
			}
			t := &tracing{flow: flow}
			if c.Flags().Changed("rules") {
				if err := t.try(c, file); err != nil {
					return err
				}
			}
			if err := t.read(c, args[0], from, to); err != nil {
				return err
			}
			sender, receiver := t.from.on(t.set), t.to.on(t.set)
			if t.conversation, err = trace.Converse(t.tables, &sender, &receiver, flow); err != nil {
				return err
			}
			if isJSON() {
				err = printJSON(c, t.object())
			} else {
				err = t.write(c, verbose)
			}
			if err != nil {
				return err
			}
			return t.answer(expect)
		},
	}
	isJSON = withForm(command)
	flags := command.Flags()
	flags.StringVar(&from, "from", "", "the `member` that begins")
	flags.StringVar(&to, "to", "", "the `member` that it wants to reach")
	flags.StringVar(&file, "rules", "", "a `file` with rules to try instead of the network's, - for standard input")
	flags.BoolVarP(&verbose, "verbose", "v", false, "show every rule that was looked at, for every packet")
	flags.StringVar(&expect, "expect", "", "fail unless the flow is `accepted`, or with dropped unless it is dropped")
	fixedValues(command, "expect", string(trace.Accepted), string(trace.Dropped))
	for _, flag := range []string{"from", "to"} {
		_ = command.RegisterFlagCompletionFunc(flag, completeOneMember) // the flag is there
	}
	return command
}

// completeOneMember completes a flag that names a member of the network that was
// named.
func completeOneMember(c *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return completeMembers(c, args[:1], begun)
}

// tracing is one run of trace.
type tracing struct {
	flow     trace.Flow
	network  *client.Network
	from, to actor

	// What is traced, and the text that its lines are of; compiled is nil if there
	// is none.
	set      *ruleset.Set
	text     program
	compiled *rules.Program

	tables       *trace.Network
	conversation *trace.Conversation
}

// try takes the rules of a file.
func (t *tracing) try(c *cobra.Command, file string) error {
	var err error
	if t.text, err = readProgram(c, file); err != nil {
		return err
	}
	if t.compiled, err = t.text.compile(c, rules.Strict); err == nil {
		t.set = &t.compiled.Set
	}
	return err
}

// read finds the network and both members, and the network's rules if no others
// are tried.
func (t *tracing) read(c *cobra.Command, network, from, to string) error {
	api, err := connect(c)
	if err != nil {
		return err
	}
	found, err := findNetwork(c.Context(), api, network)
	if err != nil {
		return err
	}
	stored, err := readRules(c.Context(), api, found.ID)
	if err != nil {
		return err
	}
	t.network = stored.network
	if t.set == nil {
		t.useStored(c, stored)
	}
	chosen, err := namedMembers(c.Context(), api, t.network, []string{from, to})
	if err != nil {
		return err
	}
	if len(chosen) < 2 {
		return usage(c, fmt.Errorf("%s and %s are the same member; what a device sends to itself meets no rules", quoted(from), quoted(to)))
	}
	if t.tables, err = traceNetwork(t.network, t.set, t.compiled, nil); err != nil {
		return fmt.Errorf("the rules of %s: %w", t.text.name, err)
	}
	for _, node := range t.tables.Targets() {
		if !slices.ContainsFunc(chosen, func(m choice) bool { return m.node == node.String() }) {
			chosen = append(chosen, choice{node: node.String()})
		}
	}
	actors, err := t.actors(c, api, chosen)
	if err != nil {
		return err
	}
	t.from, t.to = actors[0], actors[1]
	t.tables, err = traceNetwork(t.network, t.set, t.compiled, actors)
	return err
}

// useStored takes the rules that a network has. If its text is not what members
// enforce, lines are those of a text made of the tables.
func (t *tracing) useStored(c *cobra.Command, stored *storedRules) {
	t.set, t.text = stored.set, stored.program
	if t.compiled = stored.located(); t.compiled != nil {
		return
	}
	made := program{name: stored.name}
	made.text, _ = rules.Decompile(stored.set)
	compiled, _ := rules.Compile(made.text, rules.Strict)
	if compiled == nil || !sameTables(&compiled.Set, stored.set) {
		t.text, t.compiled = program{name: stored.name}, nil
		return
	}
	fmt.Fprintf(c.ErrOrStderr(), "note: the members of %s do not enforce what its text says; lines are those of: orrery rules get --from-tables\n", stored.name)
	t.text, t.compiled = made, compiled
}

// actors are both ends, and behind them who gets copies, as far as they are
// members.
func (t *tracing) actors(c *cobra.Command, api *client.Client, chosen []choice) ([]actor, error) {
	const ends = 2
	if err := readEach(c.Context(), api, t.network.ID, chosen); err != nil {
		return nil, err
	}
	var actors []actor
	for i, one := range chosen {
		switch {
		case one.member == nil && i < ends:
			return nil, noMember(one.node, t.network)
		case one.member == nil:
			continue
		case i < ends && !one.member.Config.Authorized:
			fmt.Fprintf(c.ErrOrStderr(), "note: %s is not authorized, so that nothing reaches it, whatever the rules say\n", one)
		}
		a, err := actorOf(t.network, one.member)
		if err != nil {
			return nil, err
		}
		unset, err := unsetTags(c.Context(), api, t.network.ID, one.node, t.set.Tags)
		if err != nil {
			return nil, err
		}
		a.tags = withUnset(a.tags, unset[one.node])
		actors = append(actors, a)
	}
	labelActors(actors)
	return actors, nil
}

// answer is the command's end.
func (t *tracing) answer(expect string) error {
	outcome := t.conversation.Outcome
	switch {
	case expect != "" && string(outcome) != expect:
		return fmt.Errorf("%s is not %s, but %s", t.title(), expect, outcomeText(outcome))
	case expect == "" && outcome != trace.Accepted:
		return errNo
	}
	return nil
}

// title is the flow with its ends.
func (t *tracing) title() string {
	return fmt.Sprintf("%s → %s %s", t.from.label, t.to.label, t.flow)
}

func outcomeText(o trace.Outcome) string {
	if o == trace.Chance {
		return "left to chance"
	}
	return string(o)
}
