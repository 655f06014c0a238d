package rules

import (
	"github.com/orrery-net/orrery/zt/netconf"
	"github.com/orrery-net/orrery/zt/rules/ruleset"
)

// lintTable is a table as the linter looks at it: rules instead of entries.
type lintTable struct {
	entries []ruleset.Entry
	origins []Origin
	rules   []*lintRule
	// reached are the rules up to the first one that ends the table for every
	// frame.
	reached []*lintRule
}

// lintRule is a run of matches closed by an action.
type lintRule struct {
	table   *lintTable
	first   int // the entry of the first match
	action  int // the entry of the action
	matches []demand

	// ways are the alternatives in which the rule can match, those that
	// contradict themselves left out. Matches are combined from left to right:
	// each "or" begins another alternative, and a match without "or" belongs to
	// all that began before it. A way is the match that begins it; noMatch is the
	// way of a rule whose first match has "or", or that has no match.
	ways []int
	// ends: no frame for which the rule matches gets beyond it.
	ends bool
}

const noMatch = -1

func (r *lintRule) entry() *ruleset.Entry { return &r.table.entries[r.action] }

func (r *lintRule) origin() *Origin { return &r.table.origins[r.action] }

func (r *lintRule) matchOrigin(i int) *Origin { return &r.table.origins[r.first+i] }

// passes reports whether frames that the rule matches travel on.
func (r *lintRule) passes() bool {
	t := r.entry().Type
	return len(r.ways) > 0 && (t == netconf.ActionAccept || t == netconf.ActionRedirect)
}

// copies reports whether frames that the rule matches are copied to somebody.
func (r *lintRule) copies() bool {
	t := r.entry().Type
	return t == netconf.ActionTee || t == netconf.ActionWatch
}

// always reports whether the rule matches every frame.
func (r *lintRule) always() bool {
	for i := range r.matches {
		if !r.matches[i].or {
			return false
		}
	}
	return true
}

// begin is the first match of a way; a walk over its matches is
//
//	for i := r.begin(way); i < len(r.matches); i = r.matches[i].next
func (r *lintRule) begin(way int) int {
	switch {
	case way != noMatch:
		return way
	case len(r.matches) == 0:
		return 0
	default:
		return r.matches[0].next
	}
}

// newTable reads a table. Contradictions are not found yet.
func newTable(entries []ruleset.Entry, origins []Origin) *lintTable {
	t := &lintTable{entries: entries, origins: origins}
	copies := false
	rules := 0
	for i := range entries {
		switch entries[i].Type {
		case netconf.ActionTee, netconf.ActionWatch, netconf.ActionRedirect:
			copies = true
		}
		if entries[i].Type.IsAction() {
			rules++
		}
	}
	t.rules = make([]*lintRule, 0, rules)
	store := make([]lintRule, rules)
	matches := make([]demand, 0, len(entries)-rules)
	ways := make([]int, 0, len(entries)+rules)
	first := 0
	for i := range entries {
		e := &entries[i]
		if !e.Type.IsAction() {
			matches = append(matches, newDemand(e, copies))
			continue
		}
		r := &store[len(t.rules)]
		*r = lintRule{table: t, first: first, action: i}
		r.matches = matches[len(matches)-(i-first):]
		next := len(r.matches)
		for j := len(r.matches) - 1; j >= 0; j-- {
			r.matches[j].next = next
			if !r.matches[j].or {
				next = j
			}
		}
		begin := len(ways)
		if len(r.matches) == 0 || r.matches[0].or {
			ways = append(ways, noMatch)
		}
		for j := range r.matches {
			if isFirst := j == 0; isFirst != r.matches[j].or {
				ways = append(ways, j)
			}
		}
		r.ways = ways[begin:len(ways):len(ways)]
		t.rules = append(t.rules, r)
		first = i + 1
	}
	t.followDrops()
	t.reached = t.rules
	for i, r := range t.rules {
		if r.ends && r.always() {
			t.reached = t.rules[:i+1]
			break
		}
	}
	return t
}

// followDrops finds out which rules end the table. A sender that does not know
// the receiver's tags passes over the next drop that it comes to after it had to
// guess one (protocol 10 §20.4).
func (t *lintTable) followDrops() {
	guessed := false
	for _, r := range t.rules {
		guesses, forgets := r.guesses()
		switch r.entry().Type {
		case netconf.ActionAccept, netconf.ActionBreak:
			r.ends = true
			guessed = guessed || guesses && forgets
		case netconf.ActionDrop:
			r.ends = !guessed && !guesses
			guessed = guessed || guesses && forgets
		default:
			guessed = guessed || guesses
		}
	}
}

// guesses reports whether a node may have to guess the other's tag in a rule, and
// whether the rule may then not match all the same.
func (r *lintRule) guesses() (guesses, forgets bool) {
	for i := range r.matches {
		m := &r.matches[i]
		if m.guesses() {
			guesses = true
			forgets = forgets || m.next < len(r.matches)
		}
	}
	return guesses, forgets
}

// guesses reports whether the match is taken for true where the other's tag is
// not known.
func (m *demand) guesses() bool {
	return isTagMatch(m.what) && (m.what != netconf.MatchTagSender || m.varies)
}

// covers reports whether every frame that matches the other rule in one of its
// ways matches this rule in one of its own.
func (r *lintRule) covers(way int, other *lintRule, otherWay int) bool {
	for i := r.begin(way); i < len(r.matches); i = r.matches[i].next {
		if !other.implies(otherWay, &r.matches[i]) {
			return false
		}
	}
	return true
}

// implies reports whether a match is true for every frame that the rule matches in
// one of its ways.
func (r *lintRule) implies(way int, m *demand) bool {
	for i := r.begin(way); i < len(r.matches); i = r.matches[i].next {
		if r.matches[i].implies(m) {
			return true
		}
	}
	return false
}

// meets reports whether some frame may match both rules in the given ways.
func (r *lintRule) meets(way int, other *lintRule, otherWay int) bool {
	for i := r.begin(way); i < len(r.matches); i = r.matches[i].next {
		for j := other.begin(otherWay); j < len(other.matches); j = other.matches[j].next {
			if other.matches[j].excludes(&r.matches[i]) {
				return false
			}
		}
	}
	return true
}
