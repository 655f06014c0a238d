package rules

import (
	"fmt"
	"strings"

	"github.com/orrery-net/orrery/zt/netconf"
	"github.com/orrery-net/orrery/zt/rules/syntax"
)

// lint says what a program does that its writer hardly expects (protocol 10
// §18.3). The program is what the file compiles to in strict mode, nil if it has
// errors: then there is nothing to say. Where it cannot be sure, it is silent. The
// diagnostics are in no order, at most MaxDiagnostics of each code, and each place
// has each code once.
func lint(file *syntax.File, p *Program, d *definitions) []Diagnostic {
	if p == nil {
		return nil
	}
	l := &linter{file: file, program: p, definitions: d, seen: make(map[finding]bool), counts: make(map[string]int), work: maxLintWork}
	l.base = newTable(p.Rules, p.Origins)
	for i := range p.Capabilities {
		l.capabilities = append(l.capabilities, newTable(p.Capabilities[i].Rules, p.CapabilityOrigins[i]))
	}
	for _, t := range l.tables() {
		l.unreachable(t)
		l.contradictions(t)
		l.shadowed(t)
		l.tautologies(t)
		l.singleMatches(t)
	}
	l.endings()
	l.copies()
	l.ports()
	l.replies()
	l.tags()
	l.text()
	l.names()
	l.unused()
	l.limits()
	return l.found
}

// maxLintWork is how many pairs of matches are compared at most: of programs that
// need more, which have a thousand rules or a rule of a thousand matches, some
// contradictions and shadowed rules are not found.
const maxLintWork = 1 << 18

type linter struct {
	file         *syntax.File
	program      *Program
	definitions  *definitions
	base         *lintTable
	capabilities []*lintTable

	found  []Diagnostic
	seen   map[finding]bool
	counts map[string]int // of diagnostics by code
	work   int            // that is left

	places map[syntax.Position]place // of the tree; made when it is first needed
}

// finding is what a diagnostic is about.
type finding struct {
	code string
	at   syntax.Position
}

// place is what begins at a position of the tree.
type place struct {
	match   *syntax.Match
	include *syntax.Include
}

func (l *linter) tables() []*lintTable { return append([]*lintTable{l.base}, l.capabilities...) }

// full reports whether there are enough diagnostics of a code.
func (l *linter) full(code string) bool { return l.counts[code] >= MaxDiagnostics }

func (l *linter) warn(code string, at syntax.Span, message, hint string, related ...Related) {
	l.add(SeverityWarning, code, at, message, hint, related)
}

func (l *linter) add(severity, code string, at syntax.Span, message, hint string, related []Related) {
	key := finding{code, at.Start}
	if l.seen[key] || l.full(code) {
		return
	}
	l.seen[key] = true
	l.counts[code]++
	d := diagnosticAt(severity, code, at, message)
	d.Hint, d.Related = hint, related
	l.found = append(l.found, d)
}

// whole is the place of what is about the whole program.
var whole syntax.Span

func related(at syntax.Span, message string) Related {
	return Related{at.Start.Line, at.Start.Column, message}
}

// inMacro adds where the macro around an entry is included.
func inMacro(o *Origin, others ...Related) []Related {
	if len(o.Included) > 0 {
		at := o.Included[0]
		others = append(others, Related{at.Line, at.Column, "included from here"})
	}
	return others
}

// relative is where an entry stands as seen from another one of its table: for
// what a macro brought in and the other did not, the include.
func (l *linter) relative(o, other *Origin) syntax.Span {
	for i, at := range o.Included {
		if i >= len(other.Included) || other.Included[i] != at {
			if include := l.place(at).include; include != nil {
				return include.Span
			}
			return syntax.Span{Start: at, End: at}
		}
	}
	return o.Span
}

// place finds what begins at a position.
func (l *linter) place(at syntax.Position) place {
	if l.places == nil {
		l.places = make(map[syntax.Position]place)
		l.walk(l.file.Statements)
	}
	return l.places[at]
}

func (l *linter) walk(statements []syntax.Statement) {
	for _, s := range statements {
		switch s := s.(type) {
		case *syntax.Rule:
			for i := range s.Matches {
				m := &s.Matches[i]
				l.places[m.Span().Start] = place{match: m}
			}
		case *syntax.Include:
			l.places[s.Name.Span.Start] = place{include: s}
		case *syntax.Macro:
			l.walk(s.Body)
		case *syntax.Capability:
			l.walk(s.Body)
		}
	}
}

// argumentSpan is where an argument of a match stands.
func (l *linter) argumentSpan(o *Origin, argument int) syntax.Span {
	if m := l.place(o.Span.Start).match; m != nil && argument < len(m.Arguments) {
		return m.Arguments[argument].Span
	}
	return o.Span
}

// quote is a match as it stands in the source, in quotes, with other words in
// front instead of "and" and "or".
func (l *linter) quote(o *Origin, before ...string) string {
	m := l.place(o.Span.Start).match
	if m == nil {
		return quoteWords(append(before, "…"))
	}
	return quoteWords(append(before, matchWords(m)...))
}

func matchWords(m *syntax.Match) []string {
	var words []string
	if m.Not {
		words = append(words, "not")
	}
	words = append(words, m.Keyword.Text)
	for _, a := range m.Arguments {
		words = append(words, a.Text)
	}
	return words
}

// quoteWords puts words in quotes for messages.
func quoteWords(words []string) string {
	return syntax.Token{Text: strings.Join(words, " ")}.String()
}

// naming is a rule for messages: its action and its line.
func naming(r *lintRule) string {
	return fmt.Sprintf("%q in line %d", actionWords[r.entry().Type], r.origin().Span.Start.Line)
}

var actionWords = map[netconf.RuleType]string{
	netconf.ActionAccept: "accept", netconf.ActionDrop: "drop", netconf.ActionBreak: "break",
	netconf.ActionTee: "tee", netconf.ActionWatch: "watch", netconf.ActionRedirect: "redirect",
}
