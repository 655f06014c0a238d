package netconf

import (
	"errors"
	"fmt"
)

// Rule is one entry of a rule set: a match or an action (protocol 07). It is a
// small value that can be compared with ==. The zero value is ACTION_DROP.
//
// Rules are made by MakeRule, from JSON or from the wire; their operands are held
// in the form of the wire.
type Rule struct {
	Type RuleType
	Not  bool // invert a match
	Or   bool // combine a match with what stands before it by OR instead of AND

	operands [maxOperandLen]byte
}

// MakeRule makes a rule of its operands in the form of the wire (protocol 07 §1).
// They must be as long as the type has them.
func MakeRule(t RuleType, not, or bool, operands []byte) (Rule, error) {
	if t > lastRuleType || len(operands) != int(t.layout().size) {
		return Rule{}, fmt.Errorf("make a rule: %d bytes of operands are not what %s has", len(operands), t)
	}
	rule := Rule{Type: t, Not: not, Or: or}
	copy(rule.operands[:], operands)
	return rule, nil
}

// Operands returns the operands in the form of the wire (protocol 07 §1), as many
// bytes as the type has.
func (r Rule) Operands() []byte { return r.operands[:r.Type.layout().size] }

// AcceptAll returns rules that let all traffic pass.
func AcceptAll() []Rule { return []Rule{{Type: ActionAccept}} }

// DropAll returns rules that let nothing pass.
func DropAll() []Rule { return []Rule{{Type: ActionDrop}} }

// The bits of a rule's first byte on the wire.
const (
	ruleNot = 0x80
	ruleOr  = 0x40
)

// AppendRules writes the wire form of rules to b, without a count: for each a
// byte of type and flags, a byte with the length of the operands, the operands.
// Types that nodes do not know are written without operands.
func AppendRules(b []byte, rules []Rule) []byte {
	for i := range rules {
		rule := &rules[i]
		first := byte(rule.Type & lastRuleType)
		if rule.Not {
			first |= ruleNot
		}
		if rule.Or {
			first |= ruleOr
		}
		size := rule.Type.layout().size
		b = append(append(b, first, size), rule.operands[:size]...)
	}
	return b
}

// ParseRules reads rules until b ends. Operands behind the ones it knows are
// skipped; rules of unknown types keep their type. What goes beyond MaxRules is
// left out, as by nodes.
func ParseRules(b []byte) ([]Rule, error) {
	var rules []Rule
	for r := read(b); len(r.Rest) > 0; {
		rule := r.rule()
		if r.Err != nil {
			return nil, fmt.Errorf("rule %d: %w", len(rules), r.Err)
		}
		if len(rules) < MaxRules {
			rules = append(rules, rule)
		}
	}
	return rules, nil
}

var errShortOperands = errors.New("operands are too short for the type")

func (r *reader) rule() Rule {
	first, size := r.Uint8(), r.Uint8()
	rule := Rule{Type: RuleType(first) & lastRuleType, Not: first&ruleNot != 0, Or: first&ruleOr != 0}
	operands := r.Take(int(size))
	known := int(rule.Type.layout().size)
	if len(operands) < known {
		r.Fail(errShortOperands)
		return Rule{}
	}
	copy(rule.operands[:known], operands)
	return rule
}
