// Package rules is the flow-rules language of ZeroTier networks: it compiles
// programs to the tables that members enforce, says what is wrong with a program
// or does not do what its writer expects, and makes programs of tables (protocol
// 10). What a packet meets in tables is rules/trace's.
package rules

import (
	"github.com/orrery-net/orrery/zt/netconf"
	"github.com/orrery-net/orrery/zt/rules/ruleset"
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
	Code      string    `json:"code"` // of protocol 10 §15 or §18.3
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

// Program is a compiled program.
type Program struct {
	ruleset.Set
	// Origins says for each entry of Rules where it stands in the source; nil if
	// that is not known (compatible mode).
	Origins []Origin
	// CapabilityOrigins is the same for each capability.
	CapabilityOrigins [][]Origin
	Usage             Usage
}

// Origin is where an entry of a table comes from.
type Origin struct {
	Span syntax.Span // of the match with its operators, or of the action
	Rule syntax.Span // of the rule that it is part of
	// Included is where the macros around it were included, the outermost first.
	Included []syntax.Position
}

// Usage is how much of the limits of nodes a program uses.
type Usage struct {
	Rules                 int `json:"rules"`
	MaxRules              int `json:"maxRules"`
	Capabilities          int `json:"capabilities"`
	MaxCapabilities       int `json:"maxCapabilities"`
	LargestCapability     int `json:"largestCapability"` // entries
	MaxRulesPerCapability int `json:"maxRulesPerCapability"`
	Tags                  int `json:"tags"`
	MaxTags               int `json:"maxTags"`
}

// Tables are a program's tables as nodes get them.
func (p *Program) Tables() (rules []netconf.Rule, capabilities [][]netconf.Rule, err error) {
	return nil, nil, nil
}

// Compile compiles a program. The diagnostics are sorted by position, at most
// MaxDiagnostics; the program is nil if one of them is an error. Any text of up
// to 1 MiB is compiled or refused in time that grows with its length and with what
// its macros expand to, which is bounded by the limits of nodes.
func Compile(source string, mode Mode) (*Program, []Diagnostic) { return nil, nil }

// MaxDiagnostics is how many diagnostics Compile returns at most.
const MaxDiagnostics = 50

// Decompile makes a program of tables: Compile of it, in strict and in compatible
// mode, gives the same tables. The diagnostics name what the language cannot say
// (Severity error: something that counts was left out or a table differs;
// warning: it has no effect anyway).
func Decompile(set *ruleset.Set) (string, []Diagnostic) { return "", nil }

// Format writes a program in the one good form. It needs a program that parses;
// otherwise the diagnostics say why not.
func Format(source string) (string, []Diagnostic) { return source, nil }
