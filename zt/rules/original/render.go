package original

import (
	"strings"

	"github.com/orrery-net/orrery/zt/netconf"
	"github.com/orrery-net/orrery/zt/rules/ruleset"
)

// table makes the table of a list of actions (protocol 10 §16.3).
func (c *compiler) table(list []item) ([]ruleset.Entry, []Place, error) {
	t := table{compiler: c}
	err := t.actions(list)
	return t.entries, t.places, err
}

// table is a table while it is made.
type table struct {
	*compiler
	entries []ruleset.Entry
	places  []Place
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
		return t.fail("LIMIT_EXCEEDED", at)
	}
	return nil
}

// append puts an entry with the words of its operands into the table.
func (t *table) append(e ruleset.Entry, at *item, words []item) error {
	if t.compiler.entries++; t.compiler.entries > MaxEntries {
		return t.fail("LIMIT_EXCEEDED", at)
	}
	t.entries = append(t.entries, e)
	var place Place
	if len(words) > 0 {
		place = Place{words[0].start, words[len(words)-1].end}
	}
	t.places = append(t.places, place)
	return nil
}

// actions renders a list of actions.
func (t *table) actions(list []item) error {
	for i := 0; i < len(list); i++ {
		at := &list[i]
		if err := t.look(t.text(at), at); err != nil {
			return err
		}
		if at.isBlock() {
			continue
		}
		var block []item // that follows
		if i+1 < len(list) {
			block = t.block(&list[i+1])
		}
		var err error
		switch word := lower(t.text(at)); word {
		case "include":
			i++
			if i == len(list) {
				return t.fail("INCLUDE_NAME_MISSING", at)
			}
			err = t.include(&list[i])
		case "accept", "drop", "break":
			err = t.action(ruleset.Entry{Type: plainActions[word]}, block, at, nil)
		case "tee", "watch":
			err = t.copyTo(plainActions[word], block, at)
		case "redirect":
			err = t.redirect(block, at)
		default:
			err = t.fail("UNKNOWN_ACTION", at)
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

// action appends an action, with the words of its operands, behind its matches.
func (t *table) action(e ruleset.Entry, matches []item, at *item, words []item) error {
	if err := t.matches(matches); err != nil {
		return err
	}
	return t.append(e, at, words)
}

func (t *table) copyTo(action netconf.RuleType, block []item, at *item) error {
	if len(block) == 0 {
		return t.fail("TEE_ARGS_MISSING", at)
	}
	if len(block) == 1 {
		return errInternal()
	}
	length, target := number(t.text(&block[0])), &block[1]
	switch {
	case length < -1 || length > 65535:
		found := t.fail("TEE_LENGTH_RANGE", target)
		found.Line, _ = position(t.source, block[0].start) // its column is the target's
		return found
	case utf16Len(t.text(target)) != targetLen:
		return t.fail("TEE_TARGET_BAD", target)
	}
	return t.action(ruleset.Entry{Type: action, Text: t.text(target), Value: length}, block[2:], at, block[:2])
}

// targetLen is all that is asked of the target of an action (Q21).
const targetLen = 10

func (t *table) redirect(block []item, at *item) error {
	if len(block) == 0 {
		return t.fail("REDIRECT_ARGS_MISSING", at)
	}
	if utf16Len(t.text(&block[0])) != targetLen {
		return t.fail("REDIRECT_TARGET_BAD", &block[0])
	}
	return t.action(ruleset.Entry{Type: netconf.ActionRedirect, Text: t.text(&block[0])}, block[1:], at, block[:1])
}

// include expands a call of a macro. A call that is inside of its own expansion
// would never end; the original overflows its stack (Q25).
func (t *table) include(call *item) error {
	if err := t.look(t.text(call), call); err != nil {
		return err
	}
	name, given := t.text(call), []string(nil)
	if opening := strings.IndexByte(name, '('); opening > 0 {
		given = strings.FieldsFunc(name[opening+1:], func(c rune) bool { return c == ',' || c == ')' })
		name = name[:opening]
	}
	m := t.macros[name]
	switch {
	case m == nil && isProperty(name):
		return errInternal()
	case m == nil:
		return t.fail("MACRO_NOT_FOUND", call)
	}
	arguments := make(map[string]string, len(m.parameters))
	for i, parameter := range m.parameters {
		if parameter == "" {
			continue
		}
		if i >= len(given) {
			return t.fail("MACRO_ARG_MISSING", call)
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
