package rules

import (
	"fmt"
	"strings"

	"github.com/orrery-net/orrery/zt/rules/syntax"
)

// text looks at rules as they are written, in macros, too.
func (l *linter) text() {
	for _, s := range l.file.Statements {
		switch s := s.(type) {
		case *syntax.Rule:
			l.operators(s)
		case *syntax.Macro:
			l.operatorsIn(s.Body)
		case *syntax.Capability:
			l.operatorsIn(s.Body)
		}
	}
}

func (l *linter) operatorsIn(body []syntax.Statement) {
	for _, s := range body {
		if r, ok := s.(*syntax.Rule); ok {
			l.operators(r)
		}
	}
}

func (l *linter) operators(r *syntax.Rule) {
	ands, ors := 0, 0
	for i := range r.Matches {
		switch {
		case r.Matches[i].Or:
			ors++
		case i > 0:
			ands++
		}
	}
	switch {
	case ors == 0:
	case r.Matches[0].Or:
		l.leadingOr(r, ands == 0)
	case ands > 0:
		l.grouping(r)
	}
}

// leadingOr: a rule begins as true, and true or something is true.
func (l *linter) leadingOr(r *syntax.Rule, always bool) {
	if l.full("W_LEADING_OR") {
		return
	}
	at := r.Matches[0].Keyword.Span
	for _, o := range r.Matches[0].Operators {
		if strings.EqualFold(o.Text, "or") {
			at = o.Span
		}
	}
	effect := "the alternatives up to the first match without \"or\" mean nothing"
	if always {
		effect = "this rule applies to every frame, whatever its matches are"
	}
	l.warn("W_LEADING_OR", at, "\"or\" in front of the first match is \"true or …\": "+effect+".", "Remove this \"or\".")
}

// maxGrouped is how many matches a grouping is shown for.
const maxGrouped = 8

// grouping shows how a rule with both "and" and "or" is understood.
func (l *linter) grouping(r *syntax.Rule) {
	if l.full("I_GROUPING") {
		return
	}
	message := `"and" and "or" are read from left to right: each counts for all that stands before it in the rule.`
	if len(r.Matches) <= maxGrouped {
		message = "This is read from left to right: " + grouped(r.Matches) + "."
	}
	l.add(SeverityInformation, "I_GROUPING", syntax.Span{Start: r.Matches[0].Span().Start, End: r.Matches[len(r.Matches)-1].Span().End}, message,
		"If you mean something else, write a rule for each alternative.", nil)
}

// grouped puts the matches of a rule in parentheses.
func grouped(matches []syntax.Match) string {
	text := clipped(matchWords(&matches[0]))
	for i := range matches[1:] {
		m := &matches[i+1]
		if i > 0 && m.Or != matches[i].Or {
			text = "(" + text + ")"
		}
		operator := " and "
		if m.Or {
			operator = " or "
		}
		text += operator + clipped(matchWords(m))
	}
	return text
}

// clipped joins words and leaves out the quotes.
func clipped(words []string) string {
	quoted := quoteWords(words)
	return quoted[1 : len(quoted)-1]
}

// unused finds macros that nothing includes.
func (l *linter) unused() {
	for _, m := range l.definitions.macros {
		if !m.used && !l.full("W_UNUSED") {
			l.warn("W_UNUSED", m.source.Name.Span, fmt.Sprintf("The macro %s is never included.", m.source.Name), "Include it, or remove it.")
		}
	}
}

// limits warns before a program outgrows what nodes take.
func (l *linter) limits() {
	u := &l.program.Usage
	for _, limit := range []struct {
		used, most int
		what       string
	}{
		{u.Rules, u.MaxRules, "entries of the base rules (each match and each action counts)"},
		{u.Capabilities, u.MaxCapabilities, "capabilities"},
		{u.LargestCapability, u.MaxRulesPerCapability, "entries of a capability"},
		{u.Tags, u.MaxTags, "tags"},
	} {
		if 10*limit.used > 9*limit.most {
			l.nearLimit(limit.used, limit.most, limit.what)
		}
	}
}

func (l *linter) nearLimit(used, most int, what string) {
	at := whole
	if what == "entries of a capability" {
		for i, t := range l.capabilities {
			if len(t.entries) == used {
				at = l.capabilityName(i).Span
				break
			}
		}
	}
	l.warn("W_LIMIT_NEAR", at, fmt.Sprintf("This uses %d of at most %d %s.", used, most, what), "What goes beyond the limit is refused.")
}
