package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/orrery-net/orrery/zt/netconf"
	"github.com/orrery-net/orrery/zt/rules/syntax"
)

// unreachable finds the first rule behind one that ends the table for every frame.
func (l *linter) unreachable(t *lintTable) {
	if len(t.reached) == len(t.rules) {
		return
	}
	last, next := t.reached[len(t.reached)-1], t.rules[len(t.reached)]
	why := "has no matches"
	if len(last.matches) > 0 {
		why = `has only matches with "or"`
	}
	hint := "Move " + naming(last) + " to the end"
	if t != l.base {
		hint += " of the capability"
	}
	switch last.entry().Type {
	case netconf.ActionAccept:
		hint += ": everything that is not decided before it is accepted."
	default:
		hint += ", or give it the matches that it should apply to."
	}
	l.warn("W_UNREACHABLE", l.relative(next.origin(), last.origin()),
		fmt.Sprintf("No frame gets here: %s %s, so it applies to everything.", naming(last), why), hint,
		related(last.origin().Span, "everything ends here"))
}

// contradictions finds the ways of rules in which no frame can match, and takes
// them away from the rules.
func (l *linter) contradictions(t *lintTable) {
	for _, r := range t.reached {
		if len(r.matches) == 0 {
			continue
		}
		all := r.ways
		dead := l.deadWays(r)
		if len(dead) == 0 {
			continue
		}
		r.ways = nil
		for _, way := range all {
			if _, isDead := dead[way]; !isDead {
				r.ways = append(r.ways, way)
			}
		}
		for _, way := range all {
			if c, isDead := dead[way]; isDead {
				l.contradiction(r, way, c)
				break
			}
		}
	}
}

// clash is two matches of a rule that exclude each other; the same one twice if
// no frame matches it.
type clash struct{ earlier, later int }

// deadWays finds the ways of a rule that contradict themselves.
func (l *linter) deadWays(r *lintRule) map[int]clash {
	var dead map[int]clash
	kill := func(way int, c clash) {
		if dead == nil {
			dead = make(map[int]clash)
		}
		if _, known := dead[way]; !known {
			dead[way] = c
		}
	}
	// Both matches of a clash belong to all ways that begin at or before the
	// earlier one; if that has "or", just to the way that it begins.
	common, commonClash := noMatch-1, clash{}
	for j := range r.matches {
		later := &r.matches[j]
		isOr := later.or
		if later.impossible {
			if isOr {
				kill(j, clash{j, j})
			} else {
				common, commonClash = j, clash{j, j}
			}
		}
		if isOr {
			continue
		}
		for i := j - 1; i > max(common, noMatch) && l.work > 0; i-- {
			l.work--
			if !r.matches[i].excludes(later) {
				continue
			}
			if r.matches[i].or {
				kill(i, clash{i, j})
			} else {
				common, commonClash = i, clash{i, j}
			}
		}
	}
	for _, way := range r.ways {
		if way <= common {
			kill(way, commonClash)
		}
	}
	return dead
}

func (l *linter) contradiction(r *lintRule, way int, c clash) {
	later, earlier := r.matchOrigin(c.later), r.matchOrigin(c.earlier)
	whole := len(r.ways) == 0
	if c.earlier == c.later {
		what := "so this alternative never matches"
		if whole {
			what = "so this rule never applies"
		}
		l.warn("W_NEVER_MATCHES", later.Span, fmt.Sprintf("No frame matches %s, %s.", l.quote(later), what), impossibleHint(&r.matches[c.later]),
			inMacro(later)...)
		return
	}
	message := fmt.Sprintf("This rule never applies: no frame matches both %s and %s.", l.quote(earlier), l.quote(later))
	hint := "Every match without \"or\" must be true: remove one of the two, or write two rules."
	first, second := &r.matches[c.earlier], &r.matches[c.later]
	switch {
	case !whole:
		message = fmt.Sprintf("The alternative with %s never matches: %s counts for it, too, and no frame matches both.", l.quote(earlier), l.quote(later))
		hint = "A match without \"or\" counts for everything before it in the rule. Write a rule for each alternative."
	case first.sameField(second) && !first.not && !second.not:
		hint = fmt.Sprintf("If either will do, write %s.", l.quote(later, "or"))
		if len(r.matches) > 2 {
			hint += " " + syntax.GroupingHint
		}
	}
	l.warn("W_NEVER_MATCHES", later.Span, message, hint, inMacro(later, related(earlier.Span, "this excludes it"))...)
}

func impossibleHint(m *demand) string {
	if m.what == netconf.MatchIPTOS {
		return fmt.Sprintf("The value is compared with the bits in the mask %#x only: use a value of these bits.", m.entry.Value)
	}
	return "Name at least one characteristic, such as tcp_syn or inbound."
}

// shadowed finds rules that come too late: what they match was ended before.
func (l *linter) shadowed(t *lintTable) {
	var ended endings
	for _, r := range t.reached {
		if len(r.ways) == 0 || len(r.ways)*r.shared() > maxWays {
			continue
		}
		if len(r.matches) > 0 && l.isShadowed(r, &ended) {
			continue
		}
		if r.ends && !r.always() {
			for _, way := range r.ways {
				ended.add(r, way)
			}
		}
	}
}

// maxWays is how long the ways of a rule may be together to be compared with
// those of others. With many alternatives that share many matches that grows with
// the square.
const maxWays = 1 << 13

// shared is how many matches are in every way of the rule, at most, and the one
// that begins it.
func (r *lintRule) shared() int {
	n := 1
	for i := range r.matches {
		if !r.matches[i].or {
			n++
		}
	}
	return n
}

// ending is a way of a rule that ends the table.
type ending struct {
	rule *lintRule
	way  int
	// narrowest is the match in it that others hardly imply.
	narrowest *demand
}

// endings are the ways that end a table. Those with a match that only a match of
// the same type implies are found by that type.
type endings struct {
	byType [64][]ending
	kinds  []ending // the others
}

func (e *endings) add(r *lintRule, way int) {
	narrowest := r.begin(way)
	for i := narrowest; i < len(r.matches); i = r.matches[i].next {
		if !r.matches[i].exact {
			narrowest = i
		}
	}
	m := &r.matches[narrowest]
	list := &e.kinds
	if !m.exact {
		list = &e.byType[m.what&63]
	}
	*list = append(*list, ending{r, way, m})
}

func (l *linter) isShadowed(r *lintRule, ended *endings) bool {
	var by []*lintRule
	for _, way := range r.ways {
		earlier := l.takenBy(r, way, ended)
		if earlier == nil {
			return false
		}
		if !slices.Contains(by, earlier) {
			by = append(by, earlier)
		}
	}
	l.shadow(r, by)
	return true
}

// takenBy finds a rule that ends the table for all that a way matches.
func (l *linter) takenBy(r *lintRule, way int, ended *endings) *lintRule {
	for i := r.begin(way); i < len(r.matches); i = r.matches[i].next {
		m := &r.matches[i]
		for _, list := range [2][]ending{ended.kinds, ended.byType[m.what&63]} {
			if l.work -= len(list); l.work < 0 {
				return nil
			}
			for j := range list {
				if e := &list[j]; m.implies(e.narrowest) && e.rule.covers(e.way, r, way) {
					return e.rule
				}
			}
		}
	}
	return nil
}

// shadow warns of a rule that others leave nothing to.
func (l *linter) shadow(r *lintRule, by []*lintRule) {
	if l.full("W_SHADOWED") {
		return
	}
	const most = 3
	var names []string
	var others []Related
	same := true
	for i, b := range by {
		same = same && b.entry().Type == r.entry().Type
		if i < most {
			names = append(names, naming(b))
			others = append(others, related(b.origin().Span, "this rule takes them"))
		}
	}
	verb := "takes"
	if len(by) > 1 {
		verb = "take"
	}
	hint := "Put this rule first, or remove it."
	if same {
		hint = "Remove it: those frames meet the same action there."
	}
	l.warn("W_SHADOWED", l.relative(r.origin(), by[0].origin()),
		fmt.Sprintf("No frame gets to this rule: %s %s all that it matches.", inWords(names, len(by)), verb), hint, others...)
}

// inWords joins names; there are count, of which the first are given.
func inWords(names []string, count int) string {
	if more := count - len(names); more > 0 {
		names = append(names, fmt.Sprintf("%d more", more))
	}
	if len(names) == 1 {
		return names[0]
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

// tautologies finds "not … or not …" that is true for every frame.
func (l *linter) tautologies(t *lintTable) {
	for _, r := range t.reached {
		if r.always() {
			continue
		}
		var nots []int // of the alternatives since the last match that all of them share
		for i := range r.matches {
			m := &r.matches[i]
			if i > 0 && !m.or {
				nots = nots[:0]
				continue
			}
			if !m.not || !m.ranged {
				continue
			}
			for _, j := range nots {
				if other := &r.matches[j]; other.sameField(m) && other.values.apart(m.values) {
					l.tautology(r, j, i)
					break
				}
			}
			if len(nots) < maxNots {
				nots = append(nots, i)
			}
		}
	}
}

// maxNots is how many alternatives with "not" are compared with those behind
// them.
const maxNots = 8

func (l *linter) tautology(r *lintRule, earlier, later int) {
	o, other := r.matchOrigin(later), r.matchOrigin(earlier)
	frames := "every frame"
	switch r.matches[later].what {
	case netconf.MatchIPv4Source, netconf.MatchIPv4Dest:
		frames = "every IPv4 frame"
	case netconf.MatchIPv6Source, netconf.MatchIPv6Dest:
		frames = "every IPv6 frame"
	case netconf.MatchSourcePorts, netconf.MatchDestPorts, netconf.MatchIPProtocol, netconf.MatchIPTOS:
		frames = "every IP frame"
	}
	l.warn("W_ALWAYS_MATCHES", o.Span,
		fmt.Sprintf("%s or %s is true for %s: what is not the one is the other.", l.quote(other), l.quote(o), frames),
		fmt.Sprintf("To match all but these two, write %s.", l.quote(o, "and")),
		inMacro(o, related(other.Span, "the other one"))...)
}
