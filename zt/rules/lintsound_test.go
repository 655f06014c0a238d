package rules

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/orrery-net/orrery/zt/rules/syntax"
)

// compiled compiles a program that must have no errors.
func compiled(t testing.TB, source string) (*Program, []Diagnostic) {
	t.Helper()
	p, diagnostics := Compile(source, Strict)
	if p == nil {
		t.Fatalf("%s\n%v", source, firstError(diagnostics))
	}
	return p, diagnostics
}

func TestComparedMatchesKeepTheirWord(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 18))
	excluded, implied := 0, 0
	for range 4000 {
		source := fmt.Sprintf("accept %s%s and %s%s;", pick(r, "", "not "), randomMatch(r), pick(r, "", "not "), randomMatch(r))
		p, _ := compiled(t, source)
		a, b := newDemand(&p.Rules[0], false), newDemand(&p.Rules[1], false)
		excludes, implies := a.excludes(&b), a.implies(&b)
		if excludes != b.excludes(&a) {
			t.Fatalf("%s: one excludes the other, but not the other way round", source)
		}
		if excludes {
			excluded++
		}
		if implies {
			implied++
		}
		for range 300 {
			f := randomSample(r)
			first, _ := f.matches(&p.Rules[0], false)
			second, _ := f.matches(&p.Rules[1], false)
			if first && (excludes && second || implies && !second || a.impossible) {
				t.Fatalf("%s: excludes %v, implies %v, impossible %v, but the second is %v for %+v", source, excludes, implies, a.impossible, second, f)
			}
			if kind := f.kind(); first && !kind.within(a.kinds) || a.exact && !first && kind.within(a.kinds) {
				t.Fatalf("%s: the first is %v for a frame of kind %x: %+v", source, first, kind, f)
			}
		}
	}
	if excluded < 300 || implied < 100 {
		t.Errorf("only %d pairs exclude each other, %d imply", excluded, implied)
	}
}

func (f *sample) kind() *kinds {
	var k kinds
	switch {
	case f.etherType == etherTypeIPv4 && f.protocol < 0:
		return k.with(cutIPv4)
	case f.etherType == etherTypeIPv6 && f.protocol < 0:
		return k.with(cutIPv6)
	case f.etherType == etherTypeIPv4:
		k[ipv4Word+f.protocol/64] = 1 << (f.protocol % 64)
	case f.etherType == etherTypeIPv6:
		k[ipv6Word+f.protocol/64] = 1 << (f.protocol % 64)
	default:
		return k.with(notIP)
	}
	return &k
}

// TestNoFrameGetsWhereNoneShould evaluates random programs for random frames: a
// rule that is said to be unreachable, shadowed or contradictory is never applied.
func TestNoFrameGetsWhereNoneShould(t *testing.T) {
	r := rand.New(rand.NewPCG(10, 20))
	const programs, frames = 3000, 400
	said := make(map[string]int)
	for range programs {
		source := randomProgram(r)
		p, diagnostics := compiled(t, source)
		for range frames {
			f := randomSample(r)
			actions, reached := f.applied(p.Rules)
			for _, d := range diagnostics {
				wrong := false
				switch {
				case d.Code == "W_UNREACHABLE":
					wrong = reached < len(p.Rules) && p.Origins[reached].Span.Start.Line >= d.Line || reached == len(p.Rules)
				case d.Code == "W_SHADOWED" || d.Code == "W_NEVER_MATCHES" && strings.Contains(d.Message, "his rule never applies"):
					wrong = slices.ContainsFunc(actions, func(i int) bool { return p.Origins[i].Span.Start.Line == d.Line })
				case d.Code == "W_NEVER_MATCHES":
					wrong = f.matchesAlternative(p, d)
				case d.Code == "W_LEADING_OR" && strings.Contains(d.Message, "applies to every frame"):
					wrong = p.Origins[reached-min(reached/len(p.Rules), 1)].Span.Start.Line > d.Line && !slices.ContainsFunc(actions, func(i int) bool { return p.Origins[i].Span.Start.Line == d.Line })
				case d.Code == "W_ALWAYS_MATCHES":
					wrong = f.provesOtherwise(p, d)
				}
				if wrong {
					t.Fatalf("%s\n%v\nis not true: actions at %v, reached %d, for %+v", source, d, actions, reached, f)
				}
			}
		}
		for _, d := range diagnostics {
			said[d.Code]++
		}
	}
	for _, code := range []string{"W_UNREACHABLE", "W_SHADOWED", "W_NEVER_MATCHES", "W_ALWAYS_MATCHES", "W_LEADING_OR"} {
		if said[code] < 5 {
			t.Errorf("%s was said %d times only", code, said[code])
		}
	}
}

// matchesAlternative reports whether a frame matches the alternative with the two
// matches that a diagnostic names.
func (f *sample) matchesAlternative(p *Program, d Diagnostic) bool {
	first, second := f.matchesBoth(p, d)
	return first && second && !isTagMatch(p.Rules[entryAt(p, d.position())].Type)
}

// matchesBoth are the results of the two matches that a diagnostic names, or of
// the only one.
func (f *sample) matchesBoth(p *Program, d Diagnostic) (earlier, later bool) {
	later, _ = f.matches(&p.Rules[entryAt(p, d.position())], false)
	if len(d.Related) == 0 {
		return later, later
	}
	earlier, _ = f.matches(&p.Rules[entryAt(p, syntax.Position{Line: d.Related[0].Line, Column: d.Related[0].Column})], false)
	return earlier, later
}

// provesOtherwise reports whether a frame matches neither of the two matches of
// which one is said to match always, or not the only one.
func (f *sample) provesOtherwise(p *Program, d Diagnostic) bool {
	isIP := f.protocol >= 0
	switch {
	case strings.Contains(d.Message, "every IP frame") && !isIP,
		strings.Contains(d.Message, "every IPv4 frame") && (!isIP || f.etherType != etherTypeIPv4),
		strings.Contains(d.Message, "every IPv6 frame") && (!isIP || f.etherType != etherTypeIPv6):
		return false
	}
	first, second := f.matchesBoth(p, d)
	return !first && !second
}

func entryAt(p *Program, at syntax.Position) int {
	return slices.IndexFunc(p.Origins, func(o Origin) bool { return o.Span.Start == at })
}
