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
	set, err := original.Compile(source)
	if err != nil {
		return nil, []Diagnostic{fromOriginal(err)}
	}
	return &Program{Set: *set, Usage: UsageOf(set)}, nil
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
//   - What it compiles has its tables. Where strict mode makes others, or refuses
//     the program, warnings say so.
//   - What it refuses, or makes something of that nodes cannot hold or obey, is
//     understood strictly.
func compileLenient(source string) (*Program, []Diagnostic) {
	strict, found := compileStrict(source)
	set, err := original.Compile(source)
	if err != nil {
		return strict, found
	}
	p := &Program{Set: *set, Usage: UsageOf(set)}
	problems := unenforceable(set, found)
	if strict == nil {
		return p, append(problems, tolerated(found, problems)...)
	}
	different := firstDifference(source, &strict.Set, set)
	switch {
	case different == nil:
		p.Origins, p.CapabilityOrigins = strict.Origins, strict.CapabilityOrigins
		return p, found
	case len(problems) > 0:
		return strict, append(found, different.warning(source, strict, true))
	}
	return p, append(found, different.warning(source, strict, false))
}

// tolerated makes warnings of what strict mode refuses, but for the problems. If
// there are none, they begin with what they mean.
func tolerated(found, problems []Diagnostic) []Diagnostic {
	var warnings []Diagnostic
	if len(problems) == 0 {
		warnings = append(warnings, diagnosticAt(SeverityWarning, onlyOriginal, whole,
			"Strict mode refuses this program; its rules are what the original compiler makes of it. The other warnings say what may mean something else than it seems."))
	}
	for _, d := range found {
		if slices.ContainsFunc(problems, func(p Diagnostic) bool { return p.Code == d.Code && p.position() == d.position() }) {
			continue
		}
		if d.Severity == SeverityError {
			d.Severity = SeverityWarning
		}
		warnings = append(warnings, d)
	}
	return warnings
}

// operandCodes are the errors of strict mode about operands that the original
// compiler takes as they are, some of which nodes could not obey.
var operandCodes = []string{"BAD_IP", "TEE_TARGET_BAD", "REDIRECT_TARGET_BAD"}

// unenforceable returns as errors what nodes cannot hold or obey of a set, at the
// places where strict mode found the same.
func unenforceable(set *ruleset.Set, found []Diagnostic) []Diagnostic {
	problems := placed(limitProblems(set), found, "LIMIT_EXCEEDED")
	if err := operandProblem(set); err != nil {
		problems = append(problems, placed([]string{fmt.Sprintf("Nodes cannot obey this: %v.", err)}, found, operandCodes...)...)
	}
	return problems
}

// placed returns what strict mode found of some codes, if there are problems, or
// else the problems without a place.
func placed(problems []string, found []Diagnostic, codes ...string) []Diagnostic {
	var all []Diagnostic
	if len(problems) == 0 {
		return nil
	}
	for _, d := range found {
		if d.Severity == SeverityError && slices.Contains(codes, d.Code) {
			all = append(all, d)
		}
	}
	if all != nil {
		return all
	}
	for _, problem := range problems {
		all = append(all, diagnosticAt(SeverityError, codes[0], whole, problem))
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
	for _, c := range set.Capabilities {
		exceeds(fmt.Sprintf("matches and actions in capability %s", word(c.Name)), len(c.Rules), netconf.MaxRulesPerCapability)
	}
	exceeds("matches and actions", len(set.Rules), netconf.MaxRules)
	return problems
}

// operandProblem names the first operand that is none for nodes.
func operandProblem(set *ruleset.Set) error {
	for _, c := range set.Capabilities {
		if _, err := ruleset.NetconfRules(c.Rules); err != nil {
			return fmt.Errorf("capability %s: %w", c.Name, err)
		}
	}
	_, err := ruleset.NetconfRules(set.Rules)
	return err
}

// legacyDiffers warns if the original compiler makes other tables of a program
// that compiles strictly.
func legacyDiffers(source string, p *Program) []Diagnostic {
	set, err := original.Compile(source)
	if err != nil {
		return nil
	}
	different := firstDifference(source, &p.Set, set)
	if different == nil {
		return nil
	}
	return []Diagnostic{different.warning(source, p, true)}
}
