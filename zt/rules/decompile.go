package rules

import (
	"fmt"
	"math/bits"
	"strconv"
	"strings"
	"unicode"

	"github.com/orrery-net/orrery/zt/netconf"
	"github.com/orrery-net/orrery/zt/rules/original"
	"github.com/orrery-net/orrery/zt/rules/ruleset"
	"github.com/orrery-net/orrery/zt/rules/syntax"
)

// What Decompile has to say. Codes of errors are in capitals without W_ or I_, like
// the compiler's.
const (
	notExpressible = "NOT_EXPRESSIBLE" // error: something that counts is only in a comment
	noEffect       = "W_NO_EFFECT"     // warning: something without effect was left out
	renamed        = "W_RENAMED"       // warning: a name cannot be used
	onlyStrict     = "I_ONLY_STRICT"   // information: the original compiler reads it otherwise
)

// Decompile makes a program of tables: Compile of it, in strict and in compatible
// mode, gives the same tables for nodes (protocol 10 §19). It is in the form that
// Format gives programs.
//
// What the language cannot say is in the program as a comment, and in the
// diagnostics, whose positions are in the program: errors for what counts, and
// then the program's tables differ; warnings for what has no effect and for names
// that cannot be used; information for what the original compiler reads otherwise.
// Any set is decompiled, in time and space that grow with its size.
func Decompile(set *ruleset.Set) (string, []Diagnostic) {
	d := decompiler{line: 1}
	tags := d.tags(set.Tags)
	d.wording = wordingOf(tags)
	d.capabilities(set.Capabilities)
	d.table(0, set.Rules)
	d.limits(set)
	return string(d.out), arranged(d.found)
}

// decompiler writes a program from top to bottom.
type decompiler struct {
	*wording
	out    []byte
	line   int  // that is written next, from 1
	spaced bool // what was written last wants an empty line behind it
	found  []Diagnostic
}

// put writes a line.
func (d *decompiler) put(depth int, format string, args ...any) {
	for range depth {
		d.out = append(d.out, '\t')
	}
	d.out = append(fmt.Appendf(d.out, format, args...), '\n')
	d.line++
}

// space writes an empty line between two statements if one of them has several
// lines.
func (d *decompiler) space(long bool) {
	if len(d.out) > 0 && (d.spaced || long) {
		d.put(0, "")
	}
	d.spaced = long
}

// tell notes something about the line that is written next.
func (d *decompiler) tell(severity, code, format string, args ...any) {
	at := syntax.Position{Line: d.line, Column: 1}
	d.found = append(d.found, diagnosticAt(severity, code, syntax.Span{Start: at, End: at}, fmt.Sprintf(format, args...)))
}

// comment writes a comment about something that is missing, and notes it.
func (d *decompiler) comment(depth int, severity, code, format string, args ...any) {
	d.tell(severity, code, format, args...)
	d.put(depth, "# %s", fmt.Sprintf(format, args...))
}

// tags writes the definitions of tags and returns them with the names that they
// got. Of several with one id, the last one counts.
func (d *decompiler) tags(tags []ruleset.Tag) []ruleset.Tag {
	last := make(map[uint32]int, len(tags))
	for i, t := range tags {
		last[t.ID] = i
	}
	names := newNamespace()
	kept := make([]ruleset.Tag, 0, len(tags))
	for i, t := range tags {
		d.space(true)
		if last[t.ID] != i {
			d.comment(0, SeverityWarning, noEffect, "Tag %s is left out: a later one has its id %d, too.", word(t.Name), t.ID)
			continue
		}
		t.Name = d.name(names, "tag", t.Name, t.ID)
		kept = append(kept, d.tag(t))
	}
	return kept
}

// name chooses the name of a tag or capability.
func (d *decompiler) name(names *namespace, kind, wanted string, id uint32) string {
	if wanted == "" {
		wanted = fmt.Sprintf("%s_%d", kind, id)
	}
	name, same := names.choose(wanted, kind+"_", false)
	if !same {
		d.tell(SeverityWarning, renamed, "The name %s cannot be used; it is %s here.", word(wanted), name)
	}
	if !original.IsName(name) {
		d.tell(SeverityInformation, onlyStrict, "The original compiler cannot read the name %s.", name)
	}
	return name
}

func (d *decompiler) tag(t ruleset.Tag) ruleset.Tag {
	d.put(0, "tag %s", t.Name)
	d.put(1, "id %d", t.ID)
	names := newNamespace()
	given := t
	t.Flags, t.Enums = nil, nil
	for _, v := range given.Flags {
		v.Value = int64(uint32(v.Value))
		v.Name = d.value(names, v.Name)
		if v.Value == 0 {
			d.tell(SeverityWarning, renamed, "The flag %s has no bits; it is a value here.", v.Name)
			t.Enums = append(t.Enums, v)
			continue
		}
		d.put(1, "flag %s %s", bitList(uint32(v.Value)), v.Name)
		t.Flags = append(t.Flags, v)
	}
	for _, v := range given.Enums {
		v.Value = int64(uint32(v.Value))
		v.Name = d.value(names, v.Name)
		t.Enums = append(t.Enums, v)
	}
	for _, v := range t.Enums {
		d.put(1, "enum %d %s", v.Value, v.Name)
	}
	if t.Default != nil {
		d.put(1, "default %s", defaultText(&t, int64(uint32(*t.Default))))
	}
	d.put(0, ";")
	return t
}

// value chooses the name of a flag or enum.
func (d *decompiler) value(names *namespace, wanted string) string {
	name, same := names.choose(wanted, "value_", true)
	if !same {
		d.tell(SeverityWarning, renamed, "The name %s of a value cannot be used; it is %s here.", word(wanted), name)
	}
	if !original.CanNameValue(name) {
		d.tell(SeverityInformation, onlyStrict, "The original compiler cannot read a value with the name %s.", name)
	}
	return name
}

func defaultText(t *ruleset.Tag, value int64) string {
	for _, v := range t.Enums {
		if v.Value == value && original.IsName(v.Name) {
			return v.Name
		}
	}
	return fmt.Sprint(value)
}

func bitList(mask uint32) string {
	var list []string
	for mask != 0 {
		bit := bits.TrailingZeros32(mask)
		mask &^= 1 << bit
		list = append(list, fmt.Sprint(bit))
	}
	return strings.Join(list, ",")
}

func (d *decompiler) capabilities(capabilities []ruleset.Capability) {
	last := make(map[uint32]int, len(capabilities))
	for i, c := range capabilities {
		last[c.ID] = i
	}
	names := newNamespace()
	for i, c := range capabilities {
		d.space(true)
		if last[c.ID] != i {
			d.comment(0, SeverityWarning, noEffect, "Capability %s is left out: a later one has its id %d, too.", word(c.Name), c.ID)
			continue
		}
		d.put(0, "cap %s", d.name(names, "cap", c.Name, c.ID))
		d.put(1, "id %d", c.ID)
		if c.Default {
			d.put(1, "default")
		}
		d.spaced = false
		d.table(1, c.Rules)
		d.put(0, ";")
		d.spaced = true
	}
}

// table writes the rules of a table.
func (d *decompiler) table(depth int, entries []ruleset.Entry) {
	rules, rest := rulesOf(entries)
	var said []saidRule
	lastSaid := -1
	for i, rule := range rules {
		said = append(said, d.say(rule))
		if said[i].err == nil {
			lastSaid = i
		}
	}
	for i, s := range said {
		d.space(s.err != nil || len(s.matches) > 1)
		if s.err != nil {
			d.comment(depth, SeverityError, notExpressible, "A rule is left out that the language cannot say: %v.", s.err)
			d.put(depth, "# %s", commentText(d.ruleText(rules[i])))
			continue
		}
		d.notes(rules[i])
		d.rule(depth, s, i == lastSaid)
	}
	if len(rest) > 0 {
		d.space(true)
		d.comment(depth, SeverityWarning, noEffect, "Matches without an action behind them are left out: they have no effect.")
		d.put(depth, "# %s", commentText(d.ruleText(rest)))
	}
}

// commentText keeps a text in the line of its comment, and keeps from terminals
// what they would obey.
func commentText(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, text)
}

// rulesOf cuts a table behind each action. The rest has none.
func rulesOf(entries []ruleset.Entry) (rules [][]ruleset.Entry, rest []ruleset.Entry) {
	start := 0
	for i, e := range entries {
		if e.Type.IsAction() {
			rules = append(rules, entries[start:i+1])
			start = i + 1
		}
	}
	return rules, entries[start:]
}

// saidRule is a rule in words, or why there are none.
type saidRule struct {
	action  string
	matches []string
	err     error
}

func (d *decompiler) say(rule []ruleset.Entry) (s saidRule) {
	last := len(rule) - 1
	if s.action, s.err = d.action(rule[last]); s.err != nil {
		return s
	}
	for i, e := range rule[:last] {
		text, err := d.match(e)
		if err != nil {
			s.err = err
			return s
		}
		s.matches = append(s.matches, strings.TrimPrefix(connection(e, i == 0)+text, " "))
	}
	return s
}

// rule writes a rule. The original compiler takes what follows an action without
// matches for its matches, unless it is the last of its table or ends in "and"
// (protocol 10 §17, Q01, Q02).
func (d *decompiler) rule(depth int, s saidRule, isLast bool) {
	switch {
	case len(s.matches) == 1:
		d.put(depth, "%s %s;", s.action, s.matches[0])
	case len(s.matches) > 1:
		d.put(depth, "%s", s.action)
		for _, m := range s.matches {
			d.put(depth+1, "%s", m)
		}
		d.put(depth, ";")
	case isLast || strings.Contains(s.action, " "):
		d.put(depth, "%s;", s.action)
	default:
		d.put(depth, "%s and;", s.action)
	}
}

// notes tells what is not said of a rule.
func (d *decompiler) notes(rule []ruleset.Entry) {
	for _, e := range rule {
		switch {
		case e.Flags != 0:
			d.tell(SeverityError, notExpressible, "The flags %d of %s are left out.", e.Flags, actionWords[e.Type])
		case e.Type.IsAction() && (e.Not || e.Or):
			d.tell(SeverityWarning, noEffect, "A %s has a not or an or, which mean nothing there; they are left out.", actionWords[e.Type])
		case e.Type == netconf.MatchCharacteristics && isMisread(e.Text):
			d.tell(SeverityInformation, onlyStrict, "The original compiler makes something else of this list of characteristics.")
		}
	}
}

// isMisread reports whether the original compiler writes a mask in another way:
// one of its halves has the highest bit and others (protocol 10 §17, Q12).
func isMisread(mask string) bool {
	value, _ := strconv.ParseUint(mask, 16, 64)
	const highest = 1 << 31
	high, low := uint32(value>>32), uint32(value)
	return high > highest || low > highest
}

// limits tells what nodes do not take.
func (d *decompiler) limits(set *ruleset.Set) {
	for _, problem := range limitProblems(set) {
		d.tell(SeverityError, "LIMIT_EXCEEDED", "%s", problem)
	}
}
