package original

import (
	"strings"

	"github.com/orrery-net/orrery/zt/netconf"
	"github.com/orrery-net/orrery/zt/rules/ruleset"
)

// table makes the table of a list of actions (protocol 10 §16.3).
func (c *compiler) table(list []item) ([]ruleset.Entry, error) {
	t := table{compiler: c}
	err := t.actions(list)
	return t.entries, err
}

// table is a table while it is made.
type table struct {
	*compiler
	entries []ruleset.Entry
	// depth is how many macros are being expanded; arguments are the ones of the
	// innermost, by the name of their parameter.
	depth     int
	arguments map[string]string
}

// look counts a text in a macro that is being expanded.
func (t *table) look(text string, at *item) error {
	if t.depth == 0 {
		return nil
	}
	const bytesPerLook = 4
	if t.included += 1 + len(text)/bytesPerLook; t.included > maxIncluded {
		return fail("LIMIT_EXCEEDED", at)
	}
	return nil
}

func (t *table) append(e ruleset.Entry, at *item) error {
	if t.compiler.entries++; t.compiler.entries > MaxEntries {
		return fail("LIMIT_EXCEEDED", at)
	}
	t.entries = append(t.entries, e)
	return nil
}

// actions renders a list of actions.
func (t *table) actions(list []item) error {
	for i := 0; i < len(list); i++ {
		at := &list[i]
		if err := t.look(at.text, at); err != nil {
			return err
		}
		if at.isBlock() {
			continue
		}
		var block []item // that follows
		if i+1 < len(list) {
			block = list[i+1].block
		}
		var err error
		switch word := lower(at.text); word {
		case "include":
			i++
			if i == len(list) {
				return fail("INCLUDE_NAME_MISSING", at)
			}
			err = t.include(&list[i])
		case "accept", "drop", "break":
			err = t.action(ruleset.Entry{Type: plainActions[word]}, block, at)
		case "tee", "watch":
			err = t.copyTo(plainActions[word], block, at)
		case "redirect":
			err = t.redirect(block, at)
		default:
			err = fail("UNKNOWN_ACTION", at)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

var plainActions = map[string]netconf.RuleType{
	"accept": netconf.ActionAccept, "drop": netconf.ActionDrop, "break": netconf.ActionBreak,
	"tee": netconf.ActionTee, "watch": netconf.ActionWatch,
}

// action appends an action behind its matches.
func (t *table) action(e ruleset.Entry, matches []item, at *item) error {
	if err := t.matches(matches); err != nil {
		return err
	}
	return t.append(e, at)
}

func (t *table) copyTo(action netconf.RuleType, block []item, at *item) error {
	if len(block) == 0 {
		return fail("TEE_ARGS_MISSING", at)
	}
	if len(block) == 1 {
		return errInternal()
	}
	length, target := number(block[0].text), &block[1]
	switch {
	case length < -1 || length > 65535:
		return fail("TEE_LENGTH_RANGE", &item{text: target.text, line: block[0].line, column: target.column})
	case utf16Len(target.text) != targetLen:
		return fail("TEE_TARGET_BAD", target)
	}
	return t.action(ruleset.Entry{Type: action, Text: target.text, Value: length}, block[2:], at)
}

// targetLen is all that is asked of the target of an action (Q21).
const targetLen = 10

func (t *table) redirect(block []item, at *item) error {
	if len(block) == 0 {
		return fail("REDIRECT_ARGS_MISSING", at)
	}
	if utf16Len(block[0].text) != targetLen {
		return fail("REDIRECT_TARGET_BAD", &block[0])
	}
	return t.action(ruleset.Entry{Type: netconf.ActionRedirect, Text: block[0].text}, block[1:], at)
}

// include expands a call of a macro. A call that is inside of its own expansion
// would never end; the original overflows its stack (Q25).
func (t *table) include(call *item) error {
	if err := t.look(call.text, call); err != nil {
		return err
	}
	name, given := call.text, []string(nil)
	if opening := strings.IndexByte(name, '('); opening > 0 {
		given = strings.FieldsFunc(name[opening+1:], func(c rune) bool { return c == ',' || c == ')' })
		name = name[:opening]
	}
	m := t.macros[name]
	switch {
	case m == nil && isProperty(name):
		return errInternal()
	case m == nil:
		return fail("MACRO_NOT_FOUND", call)
	}
	arguments := make(map[string]string, len(m.parameters))
	for i, parameter := range m.parameters {
		if parameter == "" {
			continue
		}
		if i >= len(given) {
			return fail("MACRO_ARG_MISSING", call)
		}
		arguments[parameter] = given[i]
	}
	if t.active[call] || t.depth == maxDepth {
		return errInternal()
	}
	outer := t.arguments
	t.active[call], t.arguments, t.depth = true, arguments, t.depth+1
	err := t.actions(m.body)
	delete(t.active, call)
	t.arguments, t.depth = outer, t.depth-1
	return err
}
