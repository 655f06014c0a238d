package rules

import (
	"fmt"
	"slices"

	"github.com/orrery-net/orrery/zt/rules/syntax"
)

// The severities of diagnostics.
const (
	SeverityError       = "error"
	SeverityWarning     = "warning"
	SeverityInformation = "information"
)

// Diagnostic is what there is to say about a place in a program. It is also its
// JSON form (protocol 10 §18.1). Lines and columns count from 1, columns in code
// points; the end is behind the last code point. Line 0: about the whole.
type Diagnostic struct {
	Severity  string    `json:"severity"`
	Code      string    `json:"code"` // of protocol 10 §15 or §18.3, or syntax.InvalidUTF8
	Line      int       `json:"line"`
	Column    int       `json:"column"`
	EndLine   int       `json:"endLine"`
	EndColumn int       `json:"endColumn"`
	Message   string    `json:"message"`        // one sentence: what is wrong
	Hint      string    `json:"hint,omitempty"` // what to write instead
	Related   []Related `json:"related,omitempty"`
}

// Related is another place that has to do with a diagnostic.
type Related struct {
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Message string `json:"message"`
}

// MaxDiagnostics is how many diagnostics Compile returns at most.
const MaxDiagnostics = 50

// HasErrors reports whether one of the diagnostics is an error.
func HasErrors(diagnostics []Diagnostic) bool {
	return slices.ContainsFunc(diagnostics, func(d Diagnostic) bool { return d.Severity == SeverityError })
}

// diagnosticAt makes a diagnostic without a hint.
func diagnosticAt(severity, code string, at syntax.Span, message string) Diagnostic {
	return Diagnostic{
		Severity: severity, Code: code, Message: message,
		Line: at.Start.Line, Column: at.Start.Column, EndLine: at.End.Line, EndColumn: at.End.Column,
	}
}

func (d *Diagnostic) position() syntax.Position {
	return syntax.Position{Line: d.Line, Column: d.Column}
}

// fromSyntax makes diagnostics of what the parser found.
func fromSyntax(severity string, found []syntax.Error) []Diagnostic {
	diagnostics := make([]Diagnostic, 0, len(found))
	for _, e := range found {
		d := diagnosticAt(severity, e.Code, e.Span, e.Message)
		d.Hint = e.Hint
		diagnostics = append(diagnostics, d)
	}
	return diagnostics
}

var severityRank = map[string]int{SeverityError: 0, SeverityWarning: 1, SeverityInformation: 2}

// arranged sorts diagnostics by position. If there are too many of them, errors
// are kept rather than warnings, and warnings rather than information.
func arranged(all []Diagnostic) []Diagnostic {
	byPosition := func(a, b Diagnostic) int { return a.position().Compare(b.position()) }
	slices.SortStableFunc(all, byPosition)
	if len(all) > MaxDiagnostics {
		slices.SortStableFunc(all, func(a, b Diagnostic) int { return severityRank[a.Severity] - severityRank[b.Severity] })
		all = all[:MaxDiagnostics]
		slices.SortStableFunc(all, byPosition)
	}
	return all
}

// problems are the errors of a program. Only the first MaxDiagnostics by position
// are kept, whatever the order in which they are found; their hints are made last,
// so that work for errors that nobody sees is not done.
type problems struct{ kept []problem }

type problem struct {
	Diagnostic
	hint func() string
}

// maxRelated is how many places a diagnostic is related to at most.
const maxRelated = 5

// enough reports whether as many errors as are told are known.
func (p *problems) enough() bool { return len(p.kept) == MaxDiagnostics }

// pointless reports whether errors behind a position would not be kept.
func (p *problems) pointless(behind syntax.Position) bool {
	return p.enough() && behind.Compare(p.kept[MaxDiagnostics-1].position()) > 0
}

// add notes an error. The arguments are formatted only if it is kept. An error
// that is known already is not repeated, but if it is another one at the same
// place – the argument of another include is wrong, too – it is told where it
// comes from.
func (p *problems) add(code string, at syntax.Span, included []syntax.Position, hint func() string, format string, args ...any) {
	i, known := slices.BinarySearchFunc(p.kept, at.Start, func(one problem, at syntax.Position) int { return one.position().Compare(at) })
	if i == MaxDiagnostics {
		return
	}
	message := fmt.Sprintf(format, args...)
	if known {
		p.kept[i].alsoFrom(code, message, included)
		return
	}
	one := problem{diagnosticAt(SeverityError, code, at, message), hint}
	if len(included) > 0 {
		one.Related = []Related{{included[0].Line, included[0].Column, "included from here"}}
	}
	if p.enough() {
		p.kept = p.kept[:MaxDiagnostics-1]
	}
	p.kept = slices.Insert(p.kept, i, one)
}

func (d *Diagnostic) alsoFrom(code, message string, included []syntax.Position) {
	if code != d.Code || len(included) == 0 || len(d.Related) == maxRelated {
		return
	}
	place := Related{included[0].Line, included[0].Column, "included from here"}
	if message != d.Message {
		place.Message += ", too: " + message
	} else if len(d.Related) > 0 {
		return
	}
	if !slices.Contains(d.Related, place) {
		d.Related = append(d.Related, place)
	}
}

func (p *problems) diagnostics() []Diagnostic {
	all := make([]Diagnostic, 0, len(p.kept))
	for _, one := range p.kept {
		if one.hint != nil {
			one.Hint = one.hint()
		}
		all = append(all, one.Diagnostic)
	}
	return all
}
