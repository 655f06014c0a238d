package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/orrery-net/orrery/zt/netconf"
	"github.com/orrery-net/orrery/zt/rules/original"
	"github.com/orrery-net/orrery/zt/rules/ruleset"
	"github.com/orrery-net/orrery/zt/rules/syntax"
)

// asRead is a set with the addresses that controllers read. Those that are exact
// stay as they were written.
func asRead(set *ruleset.Set) *ruleset.Set {
	read := *set
	read.Rules = entriesAsRead(set.Rules)
	read.Capabilities = slices.Clone(set.Capabilities)
	for i, c := range read.Capabilities {
		read.Capabilities[i].Rules = entriesAsRead(c.Rules)
	}
	return &read
}

func entriesAsRead(table []ruleset.Entry) []ruleset.Entry {
	read := slices.Clone(table)
	for i, e := range table {
		if !isExact(e) {
			read[i].Text = ruleset.EntryOf(e.AsControllersRead()).Text
		}
	}
	return read
}

func rulesAsRead(table []ruleset.Entry) []netconf.Rule {
	rules := make([]netconf.Rule, len(table))
	for i, e := range table {
		rules[i] = e.AsControllersRead()
	}
	return rules
}

// isExact reports whether controllers read an entry as it was meant.
func isExact(e ruleset.Entry) bool {
	exact, err := e.Rule()
	return err == nil && exact == e.AsControllersRead()
}

// makesSense reports whether controllers read every address of a set, if perhaps
// with another prefix length.
func makesSense(set *ruleset.Set) bool {
	return !slices.ContainsFunc(set.Rules, isSenseless) && !slices.ContainsFunc(set.Capabilities, func(c ruleset.Capability) bool {
		return slices.ContainsFunc(c.Rules, isSenseless)
	})
}

func isSenseless(e ruleset.Entry) bool { return !isExact(e) && !isExact(withLengthAsRead(e)) }

// withLengthAsRead gives a network the prefix length that controllers read.
func withLengthAsRead(e ruleset.Entry) ruleset.Entry {
	if address, _, isNetwork := strings.Cut(e.Text, "/"); isNetwork && !e.Type.IsAction() {
		e.Text = address + "/" + lengthAsRead(e)
	}
	return e
}

func lengthAsRead(e ruleset.Entry) string {
	_, length, _ := strings.Cut(ruleset.EntryOf(e.AsControllersRead()).Text, "/")
	return length
}

// readings are what became of the operands of a program on the network.
type readings struct {
	*wording
	all []reading
}

type reading struct {
	entry            ruleset.Entry
	at               syntax.Span // of its operands; no place if it has none
	exact, explained bool
}

func readingsOf(source string, made *original.Program) *readings {
	r := &readings{wording: wordingOf(made.Tags)}
	places := slices.Concat(append(made.CapabilityPlaces, made.Places)...)
	spans := spansOf(strings.ToValidUTF8(source, "\uFFFD"), places)
	add := func(table []ruleset.Entry) {
		for _, e := range table {
			r.all = append(r.all, reading{entry: e, at: spans[places[len(r.all)]], exact: isExact(e)})
		}
	}
	for _, c := range made.Capabilities {
		add(c.Rules)
	}
	add(made.Rules)
	return r
}

// spansOf finds places in lines and columns, in one pass.
func spansOf(source string, places []original.Place) map[original.Place]syntax.Span {
	var offsets []int32
	for _, p := range places {
		offsets = append(offsets, p.Start, p.End)
	}
	slices.Sort(offsets)
	positions := make(map[int32]syntax.Position)
	at, done := syntax.Position{Line: 1, Column: 1}, int32(0)
	for _, offset := range slices.Compact(offsets) {
		further := syntax.PositionOf(source[done:], int(offset-done))
		if further.Line > 1 {
			at.Column = 1
		}
		at = syntax.Position{Line: at.Line + further.Line - 1, Column: at.Column + further.Column - 1}
		positions[offset], done = at, offset
	}
	spans := make(map[original.Place]syntax.Span, len(places))
	for _, p := range places {
		if p.Start < p.End {
			spans[p] = syntax.Span{Start: positions[p.Start], End: positions[p.End]}
		}
	}
	return spans
}

// addressCodes are the errors of strict mode about operands of which controllers
// can make something else.
var addressCodes = []string{"BAD_IP", "TEE_TARGET_BAD", "REDIRECT_TARGET_BAD"}

// explain says in a diagnostic about an operand what that is on the network, unless
// it is several things, in a macro.
func (r *readings) explain(d *Diagnostic) {
	var first *reading
	several := false
	for i := range r.all {
		one := &r.all[i]
		switch {
		case d.position().Compare(one.at.Start) < 0 || d.position().Compare(one.at.End) >= 0:
		case !one.exact && slices.Contains(addressCodes, d.Code):
			d.Message, one.explained = meaning(one.entry), true
			return
		case first == nil:
			first = one
		default:
			several = several || !sameForNodes(first.entry, one.entry)
		}
	}
	if first != nil && !several {
		d.Message += fmt.Sprintf(" On the network it is %q.", r.entryText(first.entry))
	}
}

func (r *readings) entryText(e ruleset.Entry) string {
	text, _ := r.match(e)
	if e.Type.IsAction() {
		text, _ = r.action(e)
	}
	return text
}

// unexplained says what the other operands are that controllers read otherwise
// than they were meant.
func (r *readings) unexplained() []Diagnostic {
	var warnings []Diagnostic
	told := make(map[string]bool)
	for _, one := range r.all {
		if one.explained {
			told[one.entry.Text] = true
		}
	}
	for _, one := range r.all {
		if one.exact || told[one.entry.Text] || len(warnings) == MaxDiagnostics {
			continue
		}
		told[one.entry.Text] = true
		warnings = append(warnings, diagnosticAt(SeverityWarning, onlyOriginal, one.at, meaning(one.entry)))
	}
	return warnings
}

// meaning says what an operand is on the network that controllers read otherwise
// than it was meant.
func meaning(e ruleset.Entry) string {
	written, read := word(e.Text), ruleset.EntryOf(e.AsControllersRead()).Text
	if e.Type.IsAction() {
		if strings.Trim(read, "0") == "" {
			return fmt.Sprintf("%s is not a node's address; on the network it is %s, which no node has: what is sent there is lost.", written, read)
		}
		return fmt.Sprintf("%s is not a node's address; on the network it is %s, the hex digits that it begins with.", written, read)
	}
	family := "IPv4"
	if e.Type == netconf.MatchIPv6Source || e.Type == netconf.MatchIPv6Dest {
		family = "IPv6"
	}
	switch everything := lengthAsRead(e) == "0"; {
	case everything && !isSenseless(e):
		return fmt.Sprintf("%s matches every %s address: its prefix length counts as 0.", written, family)
	case everything:
		return fmt.Sprintf("%s matches every %s address: it is not an %[2]s address, and its prefix length counts as 0.", written, family)
	case isSenseless(e):
		return fmt.Sprintf("%s is %s on the network: it is not an %s address.", written, read, family)
	}
	return fmt.Sprintf("%s is %s on the network.", written, read)
}
