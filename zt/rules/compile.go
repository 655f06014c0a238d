package rules

import (
	"strings"

	"github.com/orrery-net/orrery/zt/netconf"
	"github.com/orrery-net/orrery/zt/rules/ruleset"
	"github.com/orrery-net/orrery/zt/rules/syntax"
)

// compiler checks the statements of a program and makes tables of them.
type compiler struct {
	definitions
	problems
	within *expansion // the include that is being expanded; nil outside
	table  *table     // that entries go to; nil while macros are checked

	// operands are those of the match that is being made: memory for all.
	operands [2]operand
}

// table is a table that is being made.
type table struct {
	entries []ruleset.Entry
	origins []Origin
	limit   int
	name    *syntax.Token // of the capability; nil: the base rules
	full    bool          // the limit was exceeded: the rest is checked, but not kept
}

// fail notes an error at a word.
func (c *compiler) fail(code string, at syntax.Token, hint func() string, format string, args ...any) {
	var included []syntax.Position
	if c.within != nil {
		included = c.within.included()
	}
	c.add(code, at.Span, included, hint, format, args...)
}

// tables makes the tables of a program.
func (c *compiler) tables(file *syntax.File) *Program {
	p := &Program{}
	for _, t := range c.tags {
		p.Tags = append(p.Tags, t.made)
	}
	for i, one := range c.capabilities {
		t := &table{limit: netconf.MaxRulesPerCapability, name: &one.source.Name, full: i >= netconf.MaxCapabilities}
		c.fill(t, one.source.Body)
		one.made.Rules = t.entries
		p.Capabilities = append(p.Capabilities, one.made)
		p.CapabilityOrigins = append(p.CapabilityOrigins, t.origins)
	}
	base := &table{limit: netconf.MaxRules}
	c.fill(base, file.Statements)
	p.Rules, p.Origins = base.entries, base.origins
	p.Usage = UsageOf(&p.Set)
	c.checkRoom(p)
	return p
}

// checkRoom looks whether a member that has all capabilities can be given them in
// one configuration.
func (c *compiler) checkRoom(p *Program) {
	if len(c.kept) > 0 {
		return // what the tables have in place of errors has no length
	}
	room := netconf.MaxCapabilityBytes
	for i, one := range p.Capabilities {
		rules, err := ruleset.NetconfRules(one.Rules)
		if err != nil {
			return
		}
		if room -= netconf.CapabilityLen(rules); room < 0 {
			c.fail("LIMIT_EXCEEDED", c.capabilities[i].source.Name, hint("Use ranges, or fewer capabilities."),
				"The capabilities up to %s have more than %d bytes, the limit of a member's configuration.", one.Name, netconf.MaxCapabilityBytes)
			return
		}
	}
}

// fill puts the rules among statements into a table.
func (c *compiler) fill(t *table, body []syntax.Statement) {
	if n := min(c.entriesOf(body), t.limit); n > 0 && !t.full {
		t.entries, t.origins = make([]ruleset.Entry, 0, n), make([]Origin, 0, n)
	}
	c.table = t
	for _, s := range body {
		c.statement(s)
	}
	c.table = nil
}

// entriesOf counts the entries that statements become.
func (c *compiler) entriesOf(body []syntax.Statement) int {
	n := 0
	for _, s := range body {
		switch s := s.(type) {
		case *syntax.Rule:
			n += len(s.Matches) + 1
		case *syntax.Include:
			if m := c.macroNamed[strings.ToLower(s.Name.Text)]; m != nil {
				n += m.entries
			}
		}
	}
	return n
}

func (c *compiler) statement(s syntax.Statement) {
	switch s := s.(type) {
	case *syntax.Rule:
		c.rule(s)
	case *syntax.Include:
		if m, arguments, ok := c.checkInclude(s); ok {
			c.expand(s, m, arguments)
		}
	}
}

// rule checks a rule and puts it into the table.
func (c *compiler) rule(r *syntax.Rule) {
	if c.pointless(r.Span.Start) {
		return
	}
	t := c.table
	if t != nil && !t.full && len(t.entries)+len(r.Matches)+1 > t.limit {
		c.tooLong(r)
	}
	for i := range r.Matches {
		m := &r.Matches[i]
		c.put(c.match(m), m.Span(), r)
	}
	action := r.Action.Span
	if n := len(r.Arguments); n > 0 {
		action.End = r.Arguments[n-1].Span.End
	}
	c.put(c.action(r), action, r)
}

func (c *compiler) tooLong(r *syntax.Rule) {
	t := c.table
	t.full = true
	if t.name != nil {
		c.add("LIMIT_EXCEEDED", t.name.Span, nil, hint("Use ranges and macros with fewer rules, or move rules to another capability."),
			"Capability %s has more than %d entries, the limit of nodes: each match and each action is one.", *t.name, t.limit)
		return
	}
	c.fail("LIMIT_EXCEEDED", r.Action, hint("Use ranges, or move rules to capabilities."),
		"The base rules have more than %d entries with this rule, the limit of nodes: each match and each action is one.", t.limit)
}

func (c *compiler) put(e ruleset.Entry, at syntax.Span, r *syntax.Rule) {
	if c.table == nil || c.table.full {
		return
	}
	origin := Origin{Span: at, Rule: r.Span}
	if c.within != nil {
		origin.Included = c.within.included()
	}
	c.table.entries = append(c.table.entries, e)
	c.table.origins = append(c.table.origins, origin)
}

// actionTypes are the types of actions in tables (protocol 10 §5).
var actionTypes = map[string]netconf.RuleType{
	"accept": netconf.ActionAccept, "drop": netconf.ActionDrop, "break": netconf.ActionBreak,
	"tee": netconf.ActionTee, "watch": netconf.ActionWatch, "redirect": netconf.ActionRedirect,
}

// action makes the entry of a rule's action.
func (c *compiler) action(r *syntax.Rule) ruleset.Entry {
	name := strings.ToLower(r.Action.Text)
	e := ruleset.Entry{Type: actionTypes[name]}
	switch e.Type {
	case netconf.ActionTee, netconf.ActionWatch:
		c.tee(r, name, &e)
	case netconf.ActionRedirect:
		switch {
		case len(r.Arguments) == 1:
			e.Text = c.target("REDIRECT_TARGET_BAD", r.Arguments[0])
		case len(r.Matches) > 0:
			c.fail("REDIRECT_TARGET_BAD", firstWord(&r.Matches[0]), hintAction(name), "No node's address follows %s.", r.Action)
		default:
			c.fail("REDIRECT_ARGS_MISSING", r.Action, hintAction(name), "No node's address follows %s.", r.Action)
		}
	}
	return e
}

// tee reads the length and the target of tee and watch.
func (c *compiler) tee(r *syntax.Rule, name string, e *ruleset.Entry) {
	if len(r.Arguments) == 0 || len(r.Arguments) == 1 && len(r.Matches) == 0 {
		c.fail("TEE_ARGS_MISSING", r.Action, hintAction(name), "%s needs a length and a node's address.", r.Action)
		return
	}
	length, known := c.argument(r.Arguments[0])
	if n, ok := parseNumber(length.Text); ok && n <= maxLength {
		e.Value = int64(n)
	} else if length.Text == "-1" {
		e.Value = wholeFrame
	} else if known {
		c.fail("TEE_LENGTH_RANGE", length, hintLength(name, length), "%s is not a length.", length)
		return
	}
	if len(r.Arguments) == 2 {
		e.Text = c.target("TEE_TARGET_BAD", r.Arguments[1])
		return
	}
	c.fail("TEE_TARGET_BAD", firstWord(&r.Matches[0]), hintAction(name), "No node's address follows %s.", r.Arguments[0])
}

const (
	maxLength  = 65535
	wholeFrame = -1 // the length that means all of it
)

// target reads the node that frames are sent to.
func (c *compiler) target(code string, t syntax.Token) string {
	t, known := c.argument(t)
	if !known {
		return ""
	}
	address, ok := parseNode(t.Text)
	if !ok {
		c.fail(code, t, hintNode(t), "%s is not a node's address.", t)
	}
	return address
}

func firstWord(m *syntax.Match) syntax.Token {
	if len(m.Operators) > 0 {
		return m.Operators[0]
	}
	return m.Keyword
}
