package rules

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/orrery-net/orrery/zt/netconf"
	"github.com/orrery-net/orrery/zt/rules/ruleset"
	"github.com/orrery-net/orrery/zt/rules/syntax"
)

// difference is where the original compiler makes something else of a program
// than strict mode, for nodes.
type difference struct {
	what              string // "rule 2", "the default of tag \"role\""
	original, strict  string // in words
	tag               string // whose default differs; "": none
	capability, entry int    // where the rule begins in the strict tables; -1: the base table, no entry
	quirk             string // of protocol 10 §17; "" if not known
}

// warning is the difference as a warning at its place in the source.
func (d *difference) warning(source string, strict *Program, strictApplies bool) Diagnostic {
	format := "Here %s is %[2]s, as the original compiler has it; in strict mode it is %[3]s."
	if strictApplies {
		format = "Here %s is %[3]s, but for the original compiler it is %[2]s."
	}
	warning := diagnosticAt(SeverityWarning, "W_LEGACY_DIFFERS", d.place(source, strict), fmt.Sprintf(format, d.what, d.original, d.strict))
	if d.quirk != "" {
		warning.Message += " (" + d.quirk + ")"
		warning.Hint = quirkHints[d.quirk]
	}
	return warning
}

func (d *difference) place(source string, strict *Program) syntax.Span {
	if d.tag != "" {
		for _, s := range syntax.Parse(source).Statements {
			if t, ok := s.(*syntax.Tag); ok && strings.ToLower(t.Name.Text) == d.tag {
				return t.Name.Span
			}
		}
	}
	origins := strict.Origins
	if d.capability >= 0 {
		origins = strict.CapabilityOrigins[d.capability]
	}
	if 0 <= d.entry && d.entry < len(origins) {
		return origins[d.entry].Rule
	}
	return whole
}

// quirkHints say what both understand alike, by quirk.
var quirkHints = map[string]string{
	"Q02": `Write "accept and;" for a bare action that is not the last one of its block.`,
	"Q03": `Write the ; right behind the word in front of it.`,
	"Q05": `Write white space behind each ; and in front of each #.`,
	"Q10": `Write the name in lower case.`,
	"Q12": `Write a match of its own for each characteristic and join them with "or".`,
	"Q13": `Write a default below 2147483648.`,
	"Q24": `Write the length and the address themselves, not a parameter.`,
}

// firstDifference compares what nodes get of two sets: the one that strict mode
// made of a source, and the original compiler's. It is nil if that is the same.
func firstDifference(source string, here, there *ruleset.Set) *difference {
	if d := differentTags(here.Tags, there.Tags); d != nil {
		return d
	}
	w := wordingOf(here.Tags)
	for i := range max(len(here.Capabilities), len(there.Capabilities)) {
		if i >= len(here.Capabilities) || i >= len(there.Capabilities) || !sameCapability(&here.Capabilities[i], &there.Capabilities[i]) {
			return &difference{
				what: fmt.Sprintf("capability %d of the program", i+1), capability: -1, entry: -1,
				original: capabilityText(there.Capabilities, i), strict: capabilityText(here.Capabilities, i),
			}
		}
		if d := w.differentRules(source, here.Capabilities[i].Rules, there.Capabilities[i].Rules); d != nil {
			d.what += fmt.Sprintf(" of capability %s", word(here.Capabilities[i].Name))
			d.capability = i
			return d
		}
	}
	return w.differentRules(source, here.Rules, there.Rules)
}

// sameCapability reports whether two capabilities are the same but for their
// rules.
func sameCapability(a, b *ruleset.Capability) bool { return a.ID == b.ID && a.Default == b.Default }

func capabilityText(capabilities []ruleset.Capability, i int) string {
	if i >= len(capabilities) {
		return "missing"
	}
	c := &capabilities[i]
	if c.Default {
		return fmt.Sprintf("%s with id %d and default", word(c.Name), c.ID)
	}
	return fmt.Sprintf("%s with id %d", word(c.Name), c.ID)
}

func differentTags(here, there []ruleset.Tag) *difference {
	for i := range max(len(here), len(there)) {
		d := &difference{what: fmt.Sprintf("tag %d of the program", i+1), capability: -1, entry: -1}
		switch {
		case i >= len(here):
			d.original, d.strict = word(there[i].Name).String(), "missing"
		case i >= len(there):
			d.original, d.strict = "missing", word(here[i].Name).String()
		case here[i].ID != there[i].ID:
			d.original, d.strict = fmt.Sprintf("of id %d", there[i].ID), fmt.Sprintf("of id %d", here[i].ID)
		case presetText(here[i].Default) != presetText(there[i].Default):
			d.what, d.tag = fmt.Sprintf("the default of tag %s", word(here[i].Name)), here[i].Name
			d.original, d.strict = presetText(there[i].Default), presetText(here[i].Default)
			d.quirk = "Q13"
			if d.original == "0" {
				d.quirk = "Q10"
			}
		default:
			continue
		}
		return d
	}
	return nil
}

// presetText is a tag's default as nodes get it.
func presetText(value *int64) string {
	if value == nil {
		return "none"
	}
	return fmt.Sprint(uint32(*value))
}

// differentRules compares two tables rule by rule.
func (w *wording) differentRules(source string, here, there []ruleset.Entry) *difference {
	if slices.EqualFunc(here, there, sameForNodes) {
		return nil
	}
	ours, oursRest := rulesOf(here)
	theirs, theirsRest := rulesOf(there)
	ours, theirs = append(ours, oursRest), append(theirs, theirsRest)
	entry := 0
	i := 0
	for ; i < min(len(ours), len(theirs))-1 && slices.EqualFunc(ours[i], theirs[i], sameForNodes); i++ {
		entry += len(ours[i])
	}
	return &difference{
		what: fmt.Sprintf("rule %d", i+1), original: w.quotedRule(theirs[i]), strict: w.quotedRule(ours[i]),
		capability: -1, entry: entry, quirk: quirkOf(source, ours[i], theirs[i]),
	}
}

func (w *wording) quotedRule(rule []ruleset.Entry) string {
	if len(rule) == 0 {
		return "missing"
	}
	const most = 100
	text := w.ruleText(rule)
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return fmt.Sprintf("%q", text)
}

// sameForNodes reports whether nodes get the same of two entries.
func sameForNodes(a, b ruleset.Entry) bool {
	return a == b || a.AsControllersRead() == b.AsControllersRead()
}

// quirkOf guesses which quirk of the original compiler makes it read one rule
// instead of another.
func quirkOf(source string, here, there []ruleset.Entry) string {
	if len(here) == len(there) {
		for i := range here {
			switch {
			case sameForNodes(here[i], there[i]):
			case here[i].Type != there[i].Type:
				return ""
			case here[i].Type == netconf.MatchCharacteristics:
				return "Q12"
			case here[i].Type.IsAction():
				return "Q24"
			}
		}
	}
	switch {
	case gluedWords.MatchString(source):
		return "Q05"
	case distantSemicolon.MatchString(source):
		return "Q03"
	case bareAction.MatchString(source):
		return "Q02"
	}
	return ""
}

// What in a source the original compiler takes for something else.
var (
	gluedWords       = regexp.MustCompile(`;[^;\s]|[^\s#]#`)
	distantSemicolon = regexp.MustCompile(`\b(accept|drop|break)\s+;`)
	bareAction       = regexp.MustCompile(`\b(accept|drop|break);`)
)
