// Package ruleset holds what programs in the flow-rules language compile to, in
// the form of Central's JSON (protocol 10 §13.1): tables of entries for nodes, and
// names for people. Entries keep their operands as they were written; nodes get
// them as netconf.Rule, in which they have one form.
package ruleset

import (
	"fmt"

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
	// address of tee, watch and redirect. Of types that the language does not
	// have, it is all operands in hex, as on the wire (protocol 07 §1).
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
	// Flags is flags of tee, watch and redirect; 0 from every program.
	Flags int64
}

// AnyCode is the Code of an ICMP match that any code matches.
const AnyCode = -1

// NetconfRules converts a table to what nodes get. The error names the entry and
// its operand by their path in JSON, such as rules[3].ip.
func NetconfRules(entries []Entry) ([]netconf.Rule, error) {
	rules := make([]netconf.Rule, len(entries))
	for i, e := range entries {
		var err error
		if rules[i], err = e.Rule(); err != nil {
			return nil, fmt.Errorf("rules[%d].%w", i, err)
		}
	}
	return rules, nil
}

// EntriesOf is the inverse of NetconfRules.
func EntriesOf(rules []netconf.Rule) []Entry {
	entries := make([]Entry, len(rules))
	for i, r := range rules {
		entries[i] = EntryOf(r)
	}
	return entries
}
