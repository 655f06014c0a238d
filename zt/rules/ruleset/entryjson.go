package ruleset

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/orrery-net/orrery/zt/netconf"
)

// MarshalJSON writes the entry as an object in the form of Central, its keys
// sorted by name; actions have no not and no or (protocol 10 §13.1).
func (e Entry) MarshalJSON() ([]byte, error) { return e.appendJSON(nil) }

func (e *Entry) appendJSON(b []byte) ([]byte, error) {
	if !Expressible(e.Type) {
		rule, err := e.Rule()
		if err != nil {
			return nil, err
		}
		text, err := rule.MarshalJSON()
		return append(b, text...), err
	}
	common := []string{"not", "or", "type"}
	if e.Type.IsAction() {
		common = common[2:]
	}
	opening := len(b)
	for _, o := range e.operands() {
		for ; len(common) > 0 && common[0] < o.name; common = common[1:] {
			b = e.appendCommon(b, common[0])
		}
		if o.name == "flags" && e.Flags == 0 {
			continue // programs have none
		}
		b = e.appendOperand(appendName(b, o.name), o)
	}
	for _, name := range common {
		b = e.appendCommon(b, name)
	}
	b[opening] = '{'
	return append(b, '}'), nil
}

// appendName writes a name behind a comma. The first comma of an object becomes
// its opening brace in the end.
func appendName(b []byte, name string) []byte {
	return append(append(append(b, ',', '"'), name...), '"', ':')
}

func (e *Entry) appendCommon(b []byte, name string) []byte {
	b = appendName(b, name)
	switch name {
	case "not":
		return strconv.AppendBool(b, e.Not)
	case "or":
		return strconv.AppendBool(b, e.Or)
	}
	return append(append(append(b, '"'), e.Type.String()...), '"')
}

func (e *Entry) appendOperand(b []byte, o operand) []byte {
	if o.in == inText {
		return appendString(b, e.Text)
	}
	if o.form == codeForm && e.Code == AnyCode {
		return append(b, "null"...)
	}
	return strconv.AppendInt(b, *e.number(o.in), 10)
}

// appendString writes a JSON string.
func appendString(b []byte, s string) []byte {
	text, _ := json.Marshal(s) // strings always have a JSON form
	return append(b, text...)
}

// UnmarshalJSON reads an entry as it was written: texts stay as they are and
// numbers are not cut. As controllers do, it takes numbers that are decimal
// strings or booleans, lets operands be missing and ignores other keys (protocol
// 07 §5). Unknown types are an error; so is what is no number where one must be.
func (e *Entry) UnmarshalJSON(data []byte) error {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(data, &object); err != nil || object == nil {
		return fmt.Errorf("want an object with a type, got %s", clip(string(data)))
	}
	var name string
	if err := json.Unmarshal(object["type"], &name); err != nil {
		return errors.New("type: missing or not a string")
	}
	t, ok := netconf.RuleTypeNamed(name)
	if !ok {
		return fmt.Errorf("type: %q is none that nodes know", clip(name))
	}
	if !Expressible(t) {
		var rule netconf.Rule
		err := rule.UnmarshalJSON(data)
		*e = EntryOf(rule)
		return err
	}
	read := Entry{Type: t}
	if err := read.unmarshalFields(object); err != nil {
		return err
	}
	*e = read
	return nil
}

func (e *Entry) unmarshalFields(object map[string]json.RawMessage) (err error) {
	if e.Not, err = netconf.LooseBool(object["not"]); err != nil {
		return fmt.Errorf("not: %w", err)
	}
	if e.Or, err = netconf.LooseBool(object["or"]); err != nil {
		return fmt.Errorf("or: %w", err)
	}
	for _, o := range e.operands() {
		value := object[o.name]
		if o.form == upperForm && isMissing(value) {
			value = object["start"]
		}
		if err := e.unmarshalOperand(o, value); err != nil {
			return fmt.Errorf("%s: %w", o.name, err)
		}
	}
	return nil
}

func (e *Entry) unmarshalOperand(o operand, data json.RawMessage) (err error) {
	switch {
	case o.form == codeForm && isMissing(data):
		e.Code = AnyCode
		return nil
	case o.in == inText && isMissing(data):
		e.Text = EntryOf(netconf.Rule{Type: e.Type}).Text
		return nil
	case o.in == inText:
		if json.Unmarshal(data, &e.Text) == nil {
			return nil
		}
		if o.form != maskForm {
			return fmt.Errorf("want a string, got %s", clip(string(data)))
		}
		mask, err := looseNumber(data)
		e.Text = fmt.Sprintf("%016x", uint64(mask))
		return err
	}
	value, err := looseNumber(data)
	if o.form == codeForm {
		value &= 0xff // AnyCode means null and nothing else
	}
	*e.number(o.in) = value
	return err
}

// isMissing reports whether an operand takes its default.
func isMissing(data json.RawMessage) bool { return len(data) == 0 || string(data) == "null" }

// looseNumber reads a number as controllers do; those from 2^63 are in two's
// complement.
func looseNumber(data json.RawMessage) (int64, error) {
	value, err := netconf.LooseNumber(data)
	return int64(value), err
}
