package rules

import (
	"fmt"
	"slices"

	"github.com/orrery-net/orrery/zt/netconf"
	"github.com/orrery-net/orrery/zt/rules/ruleset"
)

// Words say entries of tables in the language, each on one line, for people: what
// the language cannot say is said otherwise. They are safe for concurrent use.
type Words struct{ wording *wording }

// NewWords makes words with the names of tags and their values; those without a
// name are said by their id.
func NewWords(tags []ruleset.Tag) *Words {
	named := slices.DeleteFunc(slices.Clone(tags), func(t ruleset.Tag) bool { return t.Name == "" })
	return &Words{wordingOf(named)}
}

// Entry says a match with its operators, or an action: "or not dport 22-23",
// "tee 64 89e92ceee5".
func (w *Words) Entry(e ruleset.Entry) string {
	if e.Type.IsAction() {
		text, _ := w.wording.action(asWritten(e))
		return text
	}
	text, _ := w.wording.match(e)
	if e.Or {
		return "or " + text
	}
	return text
}

// Rule says a run of matches and its action: "accept ipprotocol tcp and dport 22".
func (w *Words) Rule(run []ruleset.Entry) string {
	if last := len(run) - 1; last >= 0 {
		run = append(slices.Clone(run[:last]), asWritten(run[last]))
	}
	return w.wording.ruleText(run)
}

// asWritten gives a copy of whole frames the length that people write for it:
// tables have the largest one.
func asWritten(e ruleset.Entry) ruleset.Entry {
	if (e.Type == netconf.ActionTee || e.Type == netconf.ActionWatch) && e.Value == maxLength {
		e.Value = wholeFrame
	}
	return e
}

// Tag is the name of a tag, or its id.
func (w *Words) Tag(id uint32) string {
	if tag := w.wording.tags[id]; tag != nil {
		return tag.name
	}
	return fmt.Sprint(id)
}

// TagValue is the name of a tag's value, or the number.
func (w *Words) TagValue(id, value uint32) string {
	if tag := w.wording.tags[id]; tag != nil && tag.values[value] != "" {
		return tag.values[value]
	}
	return fmt.Sprint(value)
}

// EtherTypeName is the symbol of an ethertype, or its number in hexadecimal
// (protocol 10 §7).
func EtherTypeName(number uint16) string { return nameOf(etherTypes, int64(number), "0x%04x") }

// ProtocolName is the symbol of a protocol of IP, or its number (protocol 10 §7).
func ProtocolName(number uint8) string { return nameOf(ipProtocols, int64(number), "%d") }

// CharacteristicNames lists the characteristics in a mask with commas between, the
// highest bit first; "," if there are none (protocol 10 §7).
func CharacteristicNames(mask uint64) string {
	return characteristicsText(fmt.Sprintf("%016x", mask))
}

// ProbabilityText writes a probability of 32 bits as the shortest decimal fraction.
func ProbabilityText(p uint32) string { return probabilityText(p) }

// EtherTypeNamed is the ethertype with a symbol, in lower case.
func EtherTypeNamed(name string) (uint16, bool) {
	number, ok := etherTypes[name]
	return uint16(number), ok
}

// ProtocolNamed is the protocol of IP with a symbol, in lower case.
func ProtocolNamed(name string) (uint8, bool) {
	number, ok := ipProtocols[name]
	return uint8(number), ok
}
