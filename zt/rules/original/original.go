// Package original compiles flow rules exactly as the compiler that ZeroTier's
// Central runs, quirks included (protocol 10 §16, §17): for programs that were
// written for it.
package original

import (
	"fmt"
	"strings"

	"github.com/orrery-net/orrery/zt/netconf"
	"github.com/orrery-net/orrery/zt/rules/ruleset"
)

// Error is what the original compiler says to a program that it does not compile.
// It ends at the first one.
type Error struct {
	Line, Column int    // as the original counts them: columns from 0 in line 1, from 1 in the others
	Category     string // of protocol 10 §15.2, or LIMIT_EXCEEDED
	Message      string // a sentence
	Word         string // that stands there
}

func (e *Error) Error() string { return e.Message }

// Program is what the original makes of a program.
type Program struct {
	ruleset.Set
	Places           []Place   // of the entries of Rules
	CapabilityPlaces [][]Place // of each capability's
}

// Place is where in the source an entry's operands stand, in bytes; zero if it has
// none. Each run of bytes that are no UTF-8 counts as three. Operands that are
// parameters stand in the macro.
type Place struct{ Start, End int32 }

// The original has no limits (Q29), but what macros expand to must have some. Both
// are far beyond what nodes take, and end in an Error of category LIMIT_EXCEEDED
// at the token that goes beyond.
const (
	// MaxEntries is how many entries all tables of a program can have together.
	MaxEntries = 4 * (netconf.MaxRules + netconf.MaxCapabilities*netconf.MaxRulesPerCapability)
	// maxIncluded is how many words of macros are looked at; a long one counts as
	// several.
	maxIncluded = 1 << 19
)

// maxDepth is how deep macros can include others.
const maxDepth = 2000

// Compile compiles a program. The error is an *Error. It is safe for concurrent
// use; the time that it takes grows with the length of the source, plus what its
// macros expand to, which is bounded.
func Compile(source string) (*Program, error) {
	c := compiler{
		document: parse(strings.ToValidUTF8(source, "\uFFFD")),

		macros: make(map[string]*macro),
		tags:   make(map[string]*tag),
		caps:   make(map[string]bool),
		capIDs: make(map[uint32]bool),
		active: make(map[*item]bool),
	}
	base, err := c.define()
	if err != nil {
		return nil, err
	}
	p := &Program{Set: c.set}
	for i, body := range c.bodies {
		entries, places, err := c.table(body)
		if err != nil {
			return nil, err
		}
		p.Capabilities[i].Rules = entries
		p.CapabilityPlaces = append(p.CapabilityPlaces, places)
	}
	if p.Rules, p.Places, err = c.table(base); err != nil {
		return nil, err
	}
	return p, nil
}

// compiler holds what is known of a program.
type compiler struct {
	document
	set    ruleset.Set // without rules
	macros map[string]*macro
	tags   map[string]*tag
	caps   map[string]bool
	capIDs map[uint32]bool
	bodies [][]item // of the set's capabilities

	entries  int            // of all tables
	included int            // what was looked at in macros
	active   map[*item]bool // the calls of macros that are being expanded
}

// fail is the error of a category at a token.
func (d *document) fail(category string, at *item) *Error {
	line, column := position(d.source, at.start)
	word := d.text(at)
	return &Error{Line: line, Column: column, Category: category, Message: fmt.Sprintf(messages[category], clip(word)), Word: word}
}

// errInternal is where the original ends in an exception.
func errInternal() error {
	return &Error{Category: "INTERNAL", Message: "The original compiler crashes at this program."}
}

// clip keeps a program from filling an error message.
func clip(s string) string {
	const most = 60
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}

// messages are for people, by category, with the token's text.
var messages = map[string]string{
	"UNKNOWN_ACTION":            "%q is not an action.",
	"UNKNOWN_MATCH":             "%q is not a match.",
	"MATCH_ARGS_MISSING":        "An argument is missing after %q.",
	"MATCH_ARG_RESERVED":        "What follows %q is a reserved word and cannot be its argument.",
	"UNDEFINED_VARIABLE":        "%q is not a parameter here.",
	"BAD_ZT_ADDRESS":            "%q is not the address of a node.",
	"BAD_NUMBER":                "%q is neither a number in range nor a known name.",
	"BAD_MAC":                   "%q is not a MAC address.",
	"IP_PREFIX_MISSING":         "%q has no prefix length.",
	"BAD_IP":                    "%q is not an IP address.",
	"BAD_ICMP_TYPE":             "%q is not an ICMP type.",
	"BAD_ICMP_CODE":             "%q is not an ICMP code.",
	"BAD_RANGE":                 "%q is neither a number nor a range from 0 to 65535.",
	"BAD_TOS_MASK":              "%q is not a mask of 8 bits.",
	"BAD_TOS_RANGE":             "%q is neither a number nor a range from 0 to 255.",
	"BAD_CHARACTERISTIC":        "%q is not a list of characteristics.",
	"UNKNOWN_TAG":               "%q is not a tag.",
	"BAD_TAG_VALUE":             "%q is not a value of the tag.",
	"INCLUDE_NAME_MISSING":      "The name of a macro is missing after %q.",
	"MACRO_NOT_FOUND":           "There is no macro %q.",
	"MACRO_ARG_MISSING":         "%q has too few arguments.",
	"TEE_ARGS_MISSING":          "Length and target are missing after %q.",
	"TEE_LENGTH_RANGE":          "The length before %q is not from -1 to 65535.",
	"TEE_TARGET_BAD":            "%q is not the address of a node.",
	"REDIRECT_ARGS_MISSING":     "The target is missing after %q.",
	"REDIRECT_TARGET_BAD":       "%q is not the address of a node.",
	"MACRO_NAME_MISSING":        "A name is missing after %q.",
	"MACRO_NAME_INVALID":        "%q cannot be the name of a macro.",
	"MACRO_NAME_RESERVED":       "%q is a reserved word.",
	"MACRO_DUPLICATE":           "There is a macro %q already.",
	"TAG_NAME_MISSING":          "A name is missing after %q.",
	"TAG_NAME_INVALID":          "%q cannot be the name of a tag.",
	"TAG_NAME_RESERVED":         "%q is a reserved word.",
	"TAG_DUPLICATE":             "There is a tag %q already.",
	"TAG_ID_REPEATED":           "The tag has an %q already.",
	"TAG_ID_MISSING_VALUE":      "A number is missing after %q.",
	"TAG_ID_RANGE":              "%q is not a number from 0 to 4294967295.",
	"TAG_ID_ABSENT":             "The tag %q has no id.",
	"TAG_DEFAULT_REPEATED":      "The tag has a %q already.",
	"TAG_DEFAULT_MISSING_VALUE": "A value is missing after %q.",
	"TAG_FLAG_INCOMPLETE":       "Bits and a name are missing after %q.",
	"TAG_FLAG_BIT_BAD":          "%q is not a list of bits from 0 to 31 and earlier flags.",
	"TAG_FLAG_NAME_INVALID":     "%q cannot be the name of a flag.",
	"TAG_FLAG_DUPLICATE":        "There is a flag %q already.",
	"TAG_ENUM_INCOMPLETE":       "A number and a name are missing after %q.",
	"TAG_ENUM_VALUE_RANGE":      "%q is not a number from 0 to 4294967295.",
	"TAG_ENUM_NAME_INVALID":     "%q cannot be the name of a value.",
	"TAG_ENUM_DUPLICATE":        "There is a value %q already.",
	"TAG_UNKNOWN_KEYWORD":       "%q does not belong into the definition of a tag.",
	"CAP_NAME_MISSING":          "A name is missing after %q.",
	"CAP_NAME_INVALID":          "%q cannot be the name of a capability.",
	"CAP_NAME_RESERVED":         "%q is a reserved word.",
	"CAP_DUPLICATE":             "There is a capability %q already.",
	"CAP_ID_REPEATED":           "The capability has an %q already.",
	"CAP_ID_MISSING_VALUE":      "A number is missing after %q.",
	"CAP_ID_RANGE":              "What follows %q is not a number from 0 to 4294967295.",
	"CAP_ID_DUPLICATE":          "Another capability has this %q.",
	"CAP_ID_ABSENT":             "The capability %q has no id.",
	"LIMIT_EXCEEDED":            "The program is far beyond what nodes take at %q.",
}
