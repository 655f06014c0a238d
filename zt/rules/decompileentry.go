package rules

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"

	"github.com/orrery-net/orrery/zt/netconf"
	"github.com/orrery-net/orrery/zt/rules/original"
	"github.com/orrery-net/orrery/zt/rules/ruleset"
	"github.com/orrery-net/orrery/zt/rules/syntax"
)

// wording says entries in the language, with the names of tags.
type wording struct {
	tags map[uint32]*tagWords
}

// tagWords are the names of a tag and of values that it can be compared with, in
// every mode.
type tagWords struct {
	name   string
	values map[uint32]string
}

// wordingOf makes the wording of tags that have good names already. Of several
// with one id, the last one counts.
func wordingOf(tags []ruleset.Tag) *wording {
	w := &wording{tags: make(map[uint32]*tagWords, len(tags))}
	for _, t := range tags {
		words := &tagWords{name: t.Name, values: make(map[uint32]string, len(t.Flags)+len(t.Enums))}
		for _, v := range t.Enums {
			words.add(v)
		}
		for _, v := range t.Flags {
			if v.Value&(1<<31) == 0 { // the original has it negative (Q13)
				words.add(v)
			}
		}
		w.tags[t.ID] = words
	}
	return w
}

func (t *tagWords) add(v ruleset.Value) {
	if original.IsName(v.Name) {
		t.values[uint32(v.Value)] = v.Name
	}
}

var matchNames = func() map[netconf.RuleType]string {
	names := map[netconf.RuleType]string{
		netconf.MatchIPv6Source: "ipsrc",
		netconf.MatchIPv6Dest:   "ipdest",
	}
	for name, kind := range matchKinds {
		names[kind.entry] = name
	}
	return names
}()

// action says an action with its arguments. An error says why the language cannot
// say it; the text is then for people only.
func (w *wording) action(e ruleset.Entry) (string, error) {
	name, target, length := actionWords[e.Type], e.Text, e.Value
	switch e.Type {
	case netconf.ActionAccept, netconf.ActionDrop, netconf.ActionBreak:
		return name, nil
	case netconf.ActionTee, netconf.ActionWatch, netconf.ActionRedirect:
	default:
		return e.Type.String(), errNoWords
	}
	enforced, err := enforcedEntry(e)
	if err == nil && len(target) != nodeDigits {
		target = enforced.Text
	}
	if err == nil && length != wholeFrame {
		length = enforced.Value
	}
	if e.Type == netconf.ActionRedirect {
		return name + " " + target, err
	}
	return fmt.Sprintf("%s %d %s", name, length, target), err
}

var errNoWords = errors.New("the language has no such entry")

// enforcedEntry is an entry as nodes see it: numbers are cut to their width, texts
// in canonical form.
func enforcedEntry(e ruleset.Entry) (ruleset.Entry, error) {
	rule, err := e.Rule()
	return ruleset.EntryOf(rule), err
}

// match says a match with its not, but without what connects it to others. An
// error is as for action.
func (w *wording) match(e ruleset.Entry) (string, error) {
	name := matchNames[e.Type]
	if name == "" {
		return e.Type.String() + " " + e.Text, errNoWords
	}
	if e.Not {
		name = "not " + name
	}
	enforced, err := enforcedEntry(e)
	if err != nil {
		return name + " " + e.Text, err
	}
	arguments, err := w.arguments(e, enforced)
	return name + " " + arguments, err
}

// arguments says the arguments of a match, as nodes see them. Addresses are as
// they were written where every mode can read them.
func (w *wording) arguments(e, enforced ruleset.Entry) (string, error) {
	v := enforced.Value
	switch e.Type {
	case netconf.MatchIPv4Source, netconf.MatchIPv4Dest, netconf.MatchIPv6Source, netconf.MatchIPv6Dest:
		// The original takes IPv6 addresses that end in an IPv4 one for the latter,
		// unless they have a ::.
		_, ok := parseNetwork(e.Text)
		if ok && (!strings.Contains(e.Text, ".") || !strings.Contains(e.Text, ":") || strings.Contains(e.Text, "::")) {
			return e.Text, nil
		}
		return enforced.Text, nil
	case netconf.MatchEtherType:
		return nameOf(etherTypes, v, "0x%04x"), nil
	case netconf.MatchIPProtocol:
		return nameOf(ipProtocols, v, "%d"), nil
	case netconf.MatchICMP:
		return fmt.Sprintf("%d %d", v, enforced.Code), nil
	case netconf.MatchIPTOS:
		text, err := rangeText(enforced)
		return fmt.Sprintf("%d %s", v, text), err
	case netconf.MatchSourcePorts, netconf.MatchDestPorts, netconf.MatchFrameSize:
		return rangeText(enforced)
	case netconf.MatchCharacteristics:
		return characteristicsText(enforced.Text), nil
	case netconf.MatchRandom:
		return probabilityText(uint32(v)), nil
	case netconf.MatchVLANID:
		return atMost(v, 4095)
	case netconf.MatchVLANPCP:
		return atMost(v, 7)
	case netconf.MatchVLANDEI:
		return atMost(v, 1)
	}
	if syntax.IsTagMatch(matchNames[e.Type]) {
		return w.tagArguments(e.Type, uint32(enforced.ID), uint32(v)), nil
	}
	return enforced.Text, nil // a node's address or a MAC
}

func (w *wording) tagArguments(t netconf.RuleType, id, value uint32) string {
	tag, known := w.tags[id]
	if !known {
		return fmt.Sprintf("%d %d", id, value)
	}
	// How far two values are apart is none of the values that have names.
	if name, ok := tag.values[value]; ok && t != netconf.MatchTagsDifference {
		return tag.name + " " + name
	}
	return fmt.Sprintf("%s %d", tag.name, value)
}

func atMost(value, most int64) (string, error) {
	text := strconv.FormatInt(value, 10)
	if value > most {
		return text, fmt.Errorf("%d is more than %d", value, most)
	}
	return text, nil
}

func rangeText(e ruleset.Entry) (string, error) {
	if e.Start == e.End {
		return strconv.FormatInt(e.Start, 10), nil
	}
	text := fmt.Sprintf("%d-%d", e.Start, e.End)
	if e.Start > e.End {
		return text, fmt.Errorf("the range %s is upside down", text)
	}
	return text, nil
}

// nameOf is the shortest name of a number that is not a reserved word, or else the
// number in a format.
func nameOf(names map[string]uint64, value int64, format string) string {
	best := ""
	for name, v := range names {
		if v == uint64(value) && !syntax.Reserved(name) && (best == "" || len(name) < len(best) || len(name) == len(best) && name < best) {
			best = name
		}
	}
	if best == "" {
		return fmt.Sprintf(format, value)
	}
	return best
}

// characteristicsText lists the bits of a mask, the highest first; "," if it has
// none.
func characteristicsText(mask string) string {
	left, _ := strconv.ParseUint(mask, 16, 64)
	var names []string
	for left != 0 {
		bit := 63 - bits.LeadingZeros64(left)
		left &^= 1 << bit
		names = append(names, nameOf(characteristics, int64(bit), "%d"))
	}
	if names == nil {
		return ","
	}
	return strings.Join(names, ",")
}

// probabilityText is the shortest decimal fraction that a probability is read from.
func probabilityText(p uint32) string {
	if p == math.MaxUint32 {
		return "1"
	}
	scale := uint64(1)
	for digits := 0; ; digits++ {
		// The smallest fraction of so many digits that is not less.
		high, low := bits.Mul64(uint64(p), scale)
		low, carry := bits.Add64(low, math.MaxUint32-1, 0)
		n, _ := bits.Div64(high+carry, low, math.MaxUint32)
		text := "0"
		if digits > 0 {
			text = fmt.Sprintf("0.%0*d", digits, n)
		}
		if back, ok := parseProbability(text); ok && back == int64(p) || digits == 16 {
			return text
		}
		scale *= 10
	}
}

// ruleText says a rule in one line: an action with the matches in front of it. It
// is for people: nothing is left out that the language cannot say.
func (w *wording) ruleText(entries []ruleset.Entry) string {
	var text strings.Builder
	if last := len(entries) - 1; last >= 0 && entries[last].Type.IsAction() {
		action, _ := w.action(entries[last])
		text.WriteString(action)
		entries = entries[:last]
	} else {
		text.WriteString("…") // matches without an action
	}
	for i, e := range entries {
		match, _ := w.match(e)
		text.WriteString(connection(e, i == 0) + match)
	}
	return text.String()
}

// connection is what stands between a match and what is in front of it.
func connection(e ruleset.Entry, first bool) string {
	switch {
	case e.Or:
		return " or "
	case first:
		return " "
	}
	return " and "
}
