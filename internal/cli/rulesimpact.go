package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/orrery-net/orrery/zt/netconf"
	"github.com/orrery-net/orrery/zt/rules"
	"github.com/orrery-net/orrery/zt/rules/ruleset"
	"github.com/orrery-net/orrery/zt/rules/trace"
)

// impact is what a change of a network's rules means.
type impact struct {
	text  []string // the change of the text, as diff -u
	same  bool     // the tables stay as they are
	rules []string // rules that come and go, with the names of their tables above
	names []string // tags and capabilities that come, go and change
	flows []string // of members: what works before or after, and not both
	tried string   // what was tried to find the flows

	// losses are what somebody may miss: a reason to ask before it is done.
	losses []string
}

// compareRules finds out what new rules mean for a network's members.
func compareRules(before *storedRules, name, text string, after *rules.Program, actors []actor) (*impact, error) {
	i := &impact{same: sameTables(before.set, &after.Set)}
	for _, line := range unifiedDiff(before.name, name, before.text, text) {
		i.text = append(i.text, onScreenLine(line))
	}
	i.compareNames(before.set, &after.Set, actors)
	if i.same {
		return i, nil
	}
	if !acceptsAnything(&after.Set) {
		i.losses = append(i.losses, "no rule accepts anything, so that nothing passes any more")
	}
	own, err := traceNetwork(before.network, before.set, before.located(), actors)
	if err != nil {
		return nil, fmt.Errorf("the rules of %s: %w", before.name, err)
	}
	next, err := traceNetwork(before.network, &after.Set, after, actors)
	if err != nil {
		return nil, fmt.Errorf("the rules of %s: %w", name, err)
	}
	titles := make(map[uint32]string)
	for _, capability := range slices.Concat(after.Capabilities, before.set.Capabilities) {
		titles[capability.ID] = capabilityTitle(capability)
	}
	i.compareTables(own, next, titles)
	return i, i.compareFlows(before, after, actors)
}

func acceptsAnything(set *ruleset.Set) bool {
	accepts := func(e ruleset.Entry) bool { return e.Type == netconf.ActionAccept || e.Type == netconf.ActionRedirect }
	return slices.ContainsFunc(set.Rules, accepts) ||
		slices.ContainsFunc(set.Capabilities, func(c ruleset.Capability) bool { return slices.ContainsFunc(c.Rules, accepts) })
}

// ruleTable is a table for people: a text for each rule.
type ruleTable struct {
	title string
	rules []string
	lines []string // where each stands; nil: not known
}

// ruleTables are the tables of a network: the base rules, then capabilities.
func ruleTables(n *trace.Network, titles map[uint32]string) []ruleTable {
	tables := []ruleTable{ruleTableOf("base rules", n, n.Rules, n.Origins)}
	for _, capability := range n.Capabilities {
		tables = append(tables, ruleTableOf(titles[capability.ID], n, capability.Rules, capability.Origins))
	}
	return tables
}

func ruleTableOf(title string, n *trace.Network, entries []netconf.Rule, origins []rules.Origin) ruleTable {
	t := ruleTable{title: title}
	first := 0
	for i, entry := range entries {
		if !entry.Type.IsAction() {
			continue
		}
		t.rules = append(t.rules, printable(trace.RuleText(entries[first:i+1], n.Names)))
		if first = i + 1; i < len(origins) {
			t.lines = append(t.lines, fmt.Sprintf("line %d%s", origins[i].Rule.Start.Line, includedIn(origins[i])))
		}
	}
	return t
}

func capabilityTitle(of ruleset.Capability) string {
	return fmt.Sprintf("capability %s (id %d)", nameOr(of.Name, "without a name"), of.ID)
}

func nameOr(name, otherwise string) string {
	if name == "" {
		return otherwise
	}
	return printable(name)
}

// compareTables says which rules come and go, table by table.
func (i *impact) compareTables(before, after *trace.Network, titles map[uint32]string) {
	olds, news := ruleTables(before, titles), ruleTables(after, titles)
	with := func(tables []ruleTable, title string) (ruleTable, bool) {
		at := slices.IndexFunc(tables, func(t ruleTable) bool { return t.title == title })
		if at < 0 {
			return ruleTable{title: title}, false
		}
		return tables[at], true
	}
	for _, old := range olds {
		next, _ := with(news, old.title)
		i.compareTable(old, next)
	}
	for _, added := range news {
		if old, known := with(olds, added.title); !known {
			i.compareTable(old, added)
		}
	}
}

func (i *impact) compareTable(before, after ruleTable) {
	const most = 40 // lines
	changes := gaps(commonRuns(before.rules, after.rules), len(before.rules), len(after.rules))
	if len(changes) == 0 {
		return
	}
	var lines []string
	for _, change := range changes {
		for _, text := range before.rules[change.a0:change.a1] {
			lines = append(lines, "  - "+text)
		}
		for at := change.b0; at < change.b1; at++ {
			line := "  + " + after.rules[at]
			if at < len(after.lines) {
				line += "  (" + after.lines[at] + ")"
			}
			lines = append(lines, line)
		}
	}
	if len(lines) > most {
		lines = append(lines[:most], fmt.Sprintf("  and %d more", len(lines)-most))
	}
	i.rules = append(append(i.rules, before.title+":"), lines...)
}

// write writes for people what changes, with the text or without.
func (i *impact) write(out io.Writer, withText bool) error {
	paint := func(line string) string { return line }
	if colored(out) {
		paint = paintChange
	}
	var lines []string
	section := func(title string, part []string) {
		switch {
		case len(part) == 0:
			return
		case len(lines) > 0:
			lines = append(lines, "")
		}
		if title != "" {
			lines = append(lines, title)
		}
		for _, line := range part {
			lines = append(lines, paint(line))
		}
	}
	if withText {
		section("", i.text)
	}
	section("RULES", i.rules)
	section("TAGS AND CAPABILITIES", i.names)
	switch {
	case !i.same:
		section("MEMBERS", append(slices.Clip(i.flows), "  "+i.tried))
	case len(i.names) > 0:
	case len(i.text) > 0:
		section("", []string{"The rules stay the same; only their text changes."})
	default:
		section("", []string{"The rules stay the same; only the form changes in which they are stored."})
	}
	_, err := io.WriteString(out, strings.Join(lines, "\n")+"\n")
	return err
}

// onScreenLine is a line of a text that does not control a terminal.
func onScreenLine(line string) string {
	parts := strings.Split(line, "\t")
	for i := range parts {
		parts[i] = printable(parts[i])
	}
	return strings.Join(parts, "\t")
}

func paintChange(line string) string {
	code := ""
	switch text := strings.TrimLeft(line, " "); {
	case strings.HasPrefix(text, "+"):
		code = "32"
	case strings.HasPrefix(text, "-"):
		code = "31"
	case strings.HasPrefix(text, "@@"):
		code = "36"
	default:
		return line
	}
	return "\x1b[" + code + "m" + line + "\x1b[0m"
}
