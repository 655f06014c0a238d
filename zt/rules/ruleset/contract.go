// Package ruleset holds what programs in the flow-rules language compile to, in
// the form of Central's JSON (protocol 10 §13.1): tables of entries for nodes, and
// names for people. Entries keep their operands as they were written; nodes get
// them as netconf.Rule, in which they have one form.
package ruleset

import (
	"errors"

	"github.com/orrery-net/orrery/zt/netconf"
)

// Set is what a program compiles to.
type Set struct {
	Rules        []Entry
	Capabilities []Capability // in the order of definition
	Tags         []Tag        // in the order of definition
}

// Capability is a table that members can be given.
type Capability struct {
	Name    string // lower case; "" if it has none
	ID      uint32
	Default bool // new members get it
	Rules   []Entry
}

// Tag is a number that members carry and rules compare.
type Tag struct {
	Name    string // lower case; "" if it has none
	ID      uint32
	Default *int64 // nil: none. Negative only as the original compiler writes it (protocol 10 §17, Q13)
	Flags   []Value
	Enums   []Value
}

// Value is a name for a tag's value. A flag's is the OR of its bits.
type Value struct {
	Name  string // lower case
	Value int64  // negative only as the original compiler writes it
}

// Entry is one match or action (protocol 10 §5, §6). Which operands count depends
// on the type; the others are zero, so that entries can be compared with ==.
type Entry struct {
	Type    netconf.RuleType
	Not, Or bool // of matches

	// Text is the operand that is a string in JSON: zt, mac, ip, mask; the
	// address of tee, watch and redirect.
	Text string
	// Value is vlanId, vlanPcp, vlanDei, etherType, ipProtocol, icmpType, mask of
	// iptos, probability, value of a tag match, length of tee and watch.
	Value int64
	// Start and End are the range of iptos, sport, dport, framesize.
	Start, End int64
	// Code is icmpCode; AnyCode: null.
	Code int64
	// ID is the id of a tag match.
	ID int64
}

// AnyCode is the Code of an ICMP match that any code matches.
const AnyCode = -1

var errNotBuilt = errors.New("not built")

// Rule is the entry as nodes get it: numbers cut to the width of their field,
// addresses in canonical form, as a controller does (protocol 10 §13.4). An error
// says which operand is none.
func (e Entry) Rule() (netconf.Rule, error) { return netconf.Rule{}, errNotBuilt }

// EntryOf is the inverse of Entry.Rule.
func EntryOf(r netconf.Rule) Entry { return Entry{Type: r.Type, Not: r.Not, Or: r.Or} }

// NetconfRules converts a table; the error names the position of the entry.
func NetconfRules(entries []Entry) ([]netconf.Rule, error) { return nil, errNotBuilt }

// MarshalJSON writes {"config":{"rules","capabilities","tags"},"capabilitiesByName","tagsByName"},
// empty lists as [], empty objects as {}.
func (s *Set) MarshalJSON() ([]byte, error) { return nil, errNotBuilt }

// UnmarshalJSON reads what MarshalJSON writes, and the same after a controller
// normalized it; keeps the order of the names; by-name objects may be missing.
func (s *Set) UnmarshalJSON(data []byte) error { return errNotBuilt }

// TagsByName is the object of the same name in Central's API, in order of
// definition; {} if there are no tags.
func (s *Set) TagsByName() []byte { return []byte("{}") }

// CapabilitiesByName maps names to ids.
func (s *Set) CapabilitiesByName() map[string]uint32 { return nil }
