package rules

import (
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/orrery-net/orrery/zt/netconf"
	"github.com/orrery-net/orrery/zt/rules/original"
	"github.com/orrery-net/orrery/zt/rules/ruleset"
	"github.com/orrery-net/orrery/zt/rules/syntax"
)

// onlyOriginal is the code of the warning that a program compiles only as the
// original compiler understands it.
const onlyOriginal = "W_LEGACY_ONLY"

// compileCompatible compiles as the original compiler does. Its error is the only
// diagnostic.
func compileCompatible(source string) (*Program, []Diagnostic) {
	made, err := original.Compile(source)
	if err != nil {
		return nil, []Diagnostic{fromOriginal(err)}
	}
	return &Program{Set: made.Set, Usage: UsageOf(&made.Set)}, nil
}

// fromOriginal makes a diagnostic of an error of the original compiler, which
// counts the columns of line 1 from 0 and those of others from 1 (protocol 10 §2.4).
func fromOriginal(err error) Diagnostic {
	var found *original.Error
	if !errors.As(err, &found) {
		return diagnosticAt(SeverityError, "INTERNAL", whole, err.Error())
	}
	start := syntax.Position{Line: found.Line, Column: found.Column}
	if start.Line == 1 {
		start.Column++
	}
	end := start
	end.Column += utf8.RuneCountInString(found.Word)
	return diagnosticAt(SeverityError, found.Category, syntax.Span{Start: start, End: end}, found.Message)
}

// compileLenient compiles what clients send, most of which was written for the
// original compiler:
//
//   - What it compiles is never refused, but for the limits of nodes. It has the
//     tables that a controller makes of the original's. Where strict mode makes
//     others, or refuses the program, warnings say so.
//   - What it refuses, or makes something of that only strict mode makes sense of,
//     is understood strictly.
func compileLenient(source string) (*Program, []Diagnostic) {
	strict, found := compileStrict(source)
	made, err := original.Compile(source)
	if err != nil {
		return strict, found
	}
	p := &Program{Set: *asRead(&made.Set), Usage: UsageOf(&made.Set)}
	problems := placed(limitProblems(&p.Set), found, "LIMIT_EXCEEDED")
	if strict == nil {
		return p, append(problems, tolerated(source, made, found, problems)...)
	}
	different := legacyDifference(source, strict, made)
	switch {
	case different == nil:
		p.Origins, p.CapabilityOrigins = strict.Origins, strict.CapabilityOrigins
		return p, found
	case len(problems) > 0 || !makesSense(&made.Set):
		return strict, append(found, different.warning(source, strict, true))
	}
	return p, append(found, different.warning(source, strict, false))
}

// tolerated makes warnings of what strict mode refuses, but for the problems. If
// there are none, they begin with what they mean.
func tolerated(source string, made *original.Program, found, problems []Diagnostic) []Diagnostic {
	var warnings []Diagnostic
	if len(problems) == 0 {
		warnings = append(warnings, diagnosticAt(SeverityWarning, onlyOriginal, whole,
			"Strict mode refuses this program; its rules are what the original compiler makes of it. The other warnings say what may mean something else than it seems."))
	}
	readings := readingsOf(source, made)
	for _, d := range found {
		if slices.ContainsFunc(problems, func(p Diagnostic) bool { return p.Code == d.Code && p.position() == d.position() }) {
			continue
		}
		if d.Severity == SeverityError {
			d.Severity = SeverityWarning
			readings.explain(&d)
		}
		warnings = append(warnings, d)
	}
	return append(warnings, readings.unexplained()...)
}

// placed returns what strict mode found of a code, if there are problems, or else
// the problems without a place.
func placed(problems []string, found []Diagnostic, code string) []Diagnostic {
	var all []Diagnostic
	if len(problems) == 0 {
		return nil
	}
	for _, d := range found {
		if d.Severity == SeverityError && d.Code == code {
			all = append(all, d)
		}
	}
	if all != nil {
		return all
	}
	for _, problem := range problems {
		all = append(all, diagnosticAt(SeverityError, code, whole, problem))
	}
	return all
}

// limitProblems says what nodes cannot hold of a set.
func limitProblems(set *ruleset.Set) []string {
	var problems []string
	exceeds := func(what string, n, most int) {
		if n > most {
			problems = append(problems, fmt.Sprintf("There are %d %s; nodes take %d.", n, what, most))
		}
	}
	exceeds("tags", len(set.Tags), netconf.MaxTags)
	exceeds("capabilities", len(set.Capabilities), netconf.MaxCapabilities)
	room := netconf.MaxCapabilityBytes
	for _, c := range set.Capabilities {
		exceeds(fmt.Sprintf("matches and actions in capability %s", word(c.Name)), len(c.Rules), netconf.MaxRulesPerCapability)
		fitted := room >= 0
		if room -= netconf.CapabilityLen(rulesAsRead(c.Rules)); room < 0 && fitted {
			problems = append(problems, fmt.Sprintf("The capabilities up to %s have more than %d bytes, the limit of a member's configuration.", word(c.Name), netconf.MaxCapabilityBytes))
		}
	}
	exceeds("matches and actions", len(set.Rules), netconf.MaxRules)
	return problems
}

// legacyDiffers warns if the original compiler makes other tables of a program
// that compiles strictly.
func legacyDiffers(source string, p *Program) []Diagnostic {
	made, err := original.Compile(source)
	if err != nil {
		return nil
	}
	different := legacyDifference(source, p, made)
	if different == nil {
		return nil
	}
	return []Diagnostic{different.warning(source, p, true)}
}

// legacyDifference compares what nodes get of a program in both ways. What only
// strict mode makes sense of is shown as the original has it.
func legacyDifference(source string, strict *Program, made *original.Program) *difference {
	there := &made.Set
	if makesSense(there) {
		there = asRead(there)
	}
	return firstDifference(source, &strict.Set, there)
}
