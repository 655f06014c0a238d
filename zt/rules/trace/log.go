package trace

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/orrery-net/orrery/zt/rules"
	"github.com/orrery-net/orrery/zt/rules/ruleset"
)

// log takes down how tables are evaluated.
type log struct {
	names  *Names
	words  *rules.Words
	at     *end
	tables []Table

	// Of the table that is being evaluated:
	entries []entry
	origins []rules.Origin
	rule    *Rule // that is being read; nil between rules

	evaluated []evaluated // tables, in order
	steps     int         // that were taken down
}

// copyFound is a tee or watch that was taken.
type copyFound struct {
	action  *entry
	certain bool
}

func (l *log) begin(t *table, entries []entry) {
	made := Table{Rules: []Rule{}}
	l.origins = l.at.network.Origins
	if t != nil {
		made.Capability, l.origins = t.Capability, t.Origins
	}
	l.tables = append(l.tables, made)
	l.entries, l.rule = entries, nil
}

func (l *log) line(index int) int {
	if index < len(l.origins) {
		return l.origins[index].Span.Start.Line
	}
	return 0
}

// reading returns the rule that an entry belongs to.
func (l *log) reading(index int) *Rule {
	if l.rule == nil {
		table := &l.tables[len(l.tables)-1]
		last := index
		for last < len(l.entries) && !l.entries[last].Type.IsAction() {
			last++
		}
		first := &l.entries[index]
		if first.rule == "" {
			first.rule = l.words.Rule(asWritten(l.entries[index:min(last+1, len(l.entries))]))
		}
		made := Rule{First: index, Action: last, Steps: []Step{}, Text: first.rule}
		if made.Line = l.line(index); index < len(l.origins) {
			made.Line = l.origins[index].Rule.Start.Line
		}
		table.Rules = append(table.Rules, made)
		l.rule = &table.Rules[len(table.Rules)-1]
	}
	return l.rule
}

func asWritten(run []entry) []ruleset.Entry {
	entries := make([]ruleset.Entry, len(run))
	for i := range run {
		entries[i] = ruleset.EntryOf(run[i].Rule)
	}
	return entries
}

func (l *log) step(index int) *Step {
	rule := l.reading(index)
	if n := len(rule.Steps); n == 0 || rule.Steps[n-1].Index != index {
		e := &l.entries[index]
		if e.text == "" {
			e.text = l.words.Entry(ruleset.EntryOf(e.Rule))
		}
		rule.Steps = append(rule.Steps, Step{Index: index, Line: l.line(index), Text: e.text, Skipped: true, Why: "not looked at: a match before it is false"})
		l.steps++
	}
	return &rule.Steps[len(rule.Steps)-1]
}

func (l *log) skip(index int) { l.step(index) }

func (l *log) match(index int, m *entry, v verdict, expects bool) {
	step := l.step(index)
	if !step.Skipped {
		return // told of another state already
	}
	step.Skipped = false
	step.Result = v == always || v == lenient || v == yes && !m.Not || v == no && m.Not
	step.Why = l.why(m, v, expects)
}

func (l *log) state(live []state) {
	step := &l.rule.Steps[len(l.rule.Steps)-1]
	step.State, step.Chance = agree(live)
}

// agree returns what states have in common: if all are set, and if they differ.
func agree(live []state) (set, differ bool) {
	count := 0
	for _, s := range live {
		if s.set {
			count++
		}
	}
	return count == len(live), count != 0 && count != len(live)
}

func (l *log) action(index int, live []state) {
	rule := l.reading(index)
	rule.Matched, rule.Chance = agree(live)
}

// act notes what an action that was reached did.
func (l *log) act(action *entry, way ending, what effect) {
	rule := l.rule
	name := l.names.Member(action.node)
	switch what {
	case actEnds:
		rule.Decided = true
		switch {
		case way.kind == acceptedAsTarget && action.forwards():
			rule.Why = fmt.Sprintf("%s is its target and gets the frame: accepted", name)
		case way.kind == acceptedHere && action.forwards():
			rule.Why = "there is nobody to redirect it to: accepted"
		}
	case actCopies:
		rule.Why = fmt.Sprintf("%s gets a copy if the frame is accepted", name)
	case actSpared:
		rule.Why = fmt.Sprintf("passed over once: a tag of %s is not known to %s", l.names.Member(l.at.dest), l.names.Member(l.at.self.Node))
		if l.at.dest == 0 {
			rule.Why = "passed over once: the tags of the receivers are not known yet"
		}
	case actSource:
		rule.Why = fmt.Sprintf("no effect: %s sent the frame", name)
	case actDest:
		rule.Why = fmt.Sprintf("no effect: %s is the destination", name)
	case actUnknown:
		rule.Why = "no effect: nodes do not know this action"
	}
}

func (l *log) end(ways []ending) {
	l.rule = nil
	table := &l.tables[len(l.tables)-1]
	table.End = endName(ways[0])
	for _, way := range ways[1:] {
		if endName(way) != table.End {
			table.End = EndChance
		}
	}
	l.evaluated = append(l.evaluated, evaluated{l.entries, slices.Clone(ways)})
}

// evaluated is a table and the ways in which its evaluation can end.
type evaluated struct {
	entries []entry
	ways    []ending
}

// copies returns the copies that are made if the frame is accepted in the end: of
// the base rules, and of the capability that accepts it.
func (l *log) copies() (found []copyFound) {
	base, capabilities := l.evaluated[0], l.evaluated[1:]
	rescued := slices.ContainsFunc(capabilities, func(t evaluated) bool { return slices.ContainsFunc(t.ways, ending.accepts) })
	found = base.copies(true, func(way ending) bool { return way.accepts() || way.kind != droppedHere && rescued })
	certain := !slices.ContainsFunc(base.ways, ending.accepts)
	for _, t := range capabilities {
		found = append(found, t.copies(certain, ending.accepts)...)
		certain = certain && !slices.ContainsFunc(t.ways, ending.accepts)
	}
	return found
}

// copies are those of the ways that count. certain says if the table is evaluated
// in any case.
func (t *evaluated) copies(certain bool, counts func(ending) bool) (found []copyFound) {
	times := make(map[int]int)
	for _, way := range t.ways {
		entries := way.copied.entries()
		certain = certain && len(entries) == 1
		if counts(way) {
			for _, i := range entries {
				times[i]++
			}
		}
	}
	delete(times, -1)
	for _, i := range slices.Sorted(maps.Keys(times)) {
		found = append(found, copyFound{&t.entries[i], certain && times[i] == len(t.ways)})
	}
	return found
}

func (way ending) accepts() bool {
	return way.kind == acceptedHere || way.kind == acceptedAsTarget || way.kind == redirected
}

func endName(way ending) string {
	switch way.kind {
	case acceptedHere, acceptedAsTarget:
		return EndAccept
	case droppedHere:
		return EndDrop
	case broken:
		return EndBreak
	case redirected:
		return EndRedirect
	}
	return EndNone
}

// copyLength is how much of a frame a tee or watch sends, in bytes.
func (e *entry) copyLength(p *Packet) int {
	if e.length == 0 || e.length >= p.Size || e.length == math.MaxUint16 {
		return p.Size
	}
	return e.length
}
