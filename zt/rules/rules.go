// Package rules is the flow-rules language of ZeroTier networks: it compiles
// programs to the tables that members enforce, says what is wrong with a program
// or does not do what its writer expects, and makes programs of tables (protocol
// 10). What a packet meets in tables is rules/trace's.
//
// A program is read in three steps: syntax makes a tree of the text, define finds
// the names in it, and the compiler checks every rule and writes the tables,
// macros expanded.
package rules

import (
	"slices"

	"github.com/orrery-net/orrery/zt/rules/syntax"
)

// Mode is how a program is understood.
type Mode string

const (
	// Strict is for people: the language as it should be, with all errors and
	// warnings.
	Strict Mode = "strict"
	// Compatible is exactly what the original compiler makes of a program.
	Compatible Mode = "compatible"
	// Lenient is for API clients: as Compatible what the original compiles, and as
	// Strict what only Strict compiles. Limits are errors. What Strict would refuse
	// or understand otherwise is told in warnings.
	Lenient Mode = "lenient"
)

// Compile compiles a program. The diagnostics are sorted by position, at most
// MaxDiagnostics; the program is nil if one of them is an error. Any text of up
// to 1 MiB is compiled or refused in time that grows with its length and with what
// its macros expand to, which is bounded by the limits of nodes. A mode that does
// not exist is Strict.
func Compile(source string, mode Mode) (*Program, []Diagnostic) {
	var p *Program
	var found []Diagnostic
	switch mode {
	case Compatible:
		p, found = compileCompatible(source)
	case Lenient:
		p, found = compileLenient(source)
	default:
		p, found = compileStrict(source)
		if p != nil {
			found = append(found, legacyDiffers(source, p)...)
		}
	}
	found = arranged(found)
	if HasErrors(found) {
		p = nil
	}
	return p, found
}

// compileStrict compiles a program in strict mode. The diagnostics are in no
// order; the program is nil if one of them is an error.
func compileStrict(source string) (*Program, []Diagnostic) {
	file := syntax.Parse(source)
	c := &compiler{}
	c.define(file)
	c.checkMacros()
	p := c.tables(file)
	found := slices.Concat(fromSyntax(SeverityError, file.Errors), fromSyntax(SeverityWarning, file.Warnings), c.diagnostics())
	tellBlockEnd(source, found)
	if HasErrors(found) {
		p = nil
	}
	return p, append(found, lint(file, p, &c.definitions)...)
}
