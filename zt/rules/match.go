package rules

import (
	"fmt"
	"math"
	"strings"

	"github.com/orrery-net/orrery/zt/netconf"
	"github.com/orrery-net/orrery/zt/rules/ruleset"
	"github.com/orrery-net/orrery/zt/rules/syntax"
)

// operand is an argument of a match. What a parameter stands for is not known
// while a macro is checked by itself.
type operand struct {
	syntax.Token
	known   bool
	written bool // it stands in the match, and no parameter for it
}

// matchKind is what distinguishes a match: its type in tables and how its
// arguments become operands (protocol 10 §6).
type matchKind struct {
	entry netconf.RuleType
	read  func(c *compiler, name string, a []operand, e *ruleset.Entry)
}

var matchKinds = map[string]matchKind{
	"ztsrc":      {netconf.MatchSourceNode, (*compiler).node},
	"ztdest":     {netconf.MatchDestNode, (*compiler).node},
	"vlan":       {netconf.MatchVLANID, number("a VLAN", 4095, nil)},
	"vlanpcp":    {netconf.MatchVLANPCP, number("a VLAN priority", 7, nil)},
	"vlandei":    {netconf.MatchVLANDEI, number("a drop eligible indicator", 1, nil)},
	"ethertype":  {netconf.MatchEtherType, number("an ethertype", math.MaxUint16, etherTypes)},
	"ipprotocol": {netconf.MatchIPProtocol, number("an IP protocol", math.MaxUint8, ipProtocols)},
	"macsrc":     {netconf.MatchMACSource, (*compiler).mac},
	"macdest":    {netconf.MatchMACDest, (*compiler).mac},
	"ipsrc":      {netconf.MatchIPv4Source, (*compiler).network},
	"ipdest":     {netconf.MatchIPv4Dest, (*compiler).network},
	"iptos":      {netconf.MatchIPTOS, (*compiler).tos},
	"icmp":       {netconf.MatchICMP, (*compiler).icmp},
	"sport":      {netconf.MatchSourcePorts, ports},
	"dport":      {netconf.MatchDestPorts, ports},
	"framesize":  {netconf.MatchFrameSize, numberRange("a size of frames", math.MaxUint16, "0-1500")},
	"chr":        {netconf.MatchCharacteristics, (*compiler).characteristics},
	"random":     {netconf.MatchRandom, (*compiler).probability},
	"tdiff":      {netconf.MatchTagsDifference, (*compiler).tagValue},
	"tand":       {netconf.MatchTagsBitwiseAnd, (*compiler).tagValue},
	"tor":        {netconf.MatchTagsBitwiseOr, (*compiler).tagValue},
	"txor":       {netconf.MatchTagsBitwiseXor, (*compiler).tagValue},
	"teq":        {netconf.MatchTagsEqual, (*compiler).tagValue},
	"tseq":       {netconf.MatchTagSender, (*compiler).tagValue},
	"treq":       {netconf.MatchTagReceiver, (*compiler).tagValue},
}

var ports = numberRange("a port", math.MaxUint16, "8000-8100")

// match makes the entry of a match.
func (c *compiler) match(m *syntax.Match) ruleset.Entry {
	name := strings.ToLower(m.Keyword.Text)
	kind := matchKinds[name]
	e := ruleset.Entry{Type: kind.entry, Not: m.Not, Or: m.Or}
	for i, t := range m.Arguments {
		argument, known := c.argument(t)
		c.operands[i] = operand{argument, known, !isParameter(t.Text)}
	}
	kind.read(c, name, c.operands[:len(m.Arguments)], &e)
	return e
}

// notA notes that the operand of a match with one is not what it should be.
func (c *compiler) notA(what, code, name string, o operand, hint func() string) {
	c.fail(code, o.Token, hintUnlessList(name, o.Token, hint), "%s is not %s.", o, what)
}

func (c *compiler) node(name string, a []operand, e *ruleset.Entry) {
	address, ok := parseNode(a[0].Text)
	if !ok && a[0].known {
		c.notA("a node's address", "BAD_ZT_ADDRESS", name, a[0], hintNode(a[0].Token))
	}
	e.Text = address
}

func (c *compiler) mac(name string, a []operand, e *ruleset.Entry) {
	mac, ok := parseMAC(a[0].Text)
	if !ok && a[0].known {
		c.notA("a MAC", "BAD_MAC", name, a[0], hint("Write 12 hex digits, like 02:00:00:00:00:01."))
	}
	e.Text = mac
}

func (c *compiler) network(name string, a []operand, e *ruleset.Entry) {
	t := a[0]
	e.Text = t.Text
	is6, ok := parseNetwork(t.Text)
	switch {
	case ok && is6:
		e.Type += netconf.MatchIPv6Source - netconf.MatchIPv4Source
	case ok || !t.known:
	case strings.Index(t.Text, "/") < 1:
		c.notA("a network: the prefix length is missing", "IP_PREFIX_MISSING", name, t, hintPrefix(t.Token))
	default:
		c.notA("a network", "BAD_IP", name, t, hintNetwork(t.Token))
	}
}

// number reads a number up to a limit, or its name.
func number(what string, limit uint64, names map[string]uint64) func(*compiler, string, []operand, *ruleset.Entry) {
	return func(c *compiler, name string, a []operand, e *ruleset.Entry) {
		t := a[0]
		n, named := names[strings.ToLower(t.Text)]
		if !named && t.known {
			var ok bool
			if n, ok = parseNumber(t.Text); !ok || n > limit {
				c.notA(what, "BAD_NUMBER", name, t, hintNumber(name, t.Token, limit, names))
			}
		}
		e.Value = int64(n)
	}
}

// numberRange reads a number or a range.
func numberRange(what string, limit uint64, example string) func(*compiler, string, []operand, *ruleset.Entry) {
	return func(c *compiler, name string, a []operand, e *ruleset.Entry) {
		if !a[0].inRange(limit, e) {
			c.notA(what+" or range", "BAD_RANGE", name, a[0], hintRange(name, a[0].Token, limit, example))
		}
	}
}

// inRange reads a number or a range up to a limit and reports whether it is one,
// or may be.
func (o operand) inRange(limit uint64, e *ruleset.Entry) bool {
	from, to, ok := parseRange(o.Text)
	e.Start, e.End = int64(from), int64(to)
	return !o.known || ok && to <= limit
}

func (c *compiler) tos(name string, a []operand, e *ruleset.Entry) {
	mask, ok := parseNumber(a[0].Text)
	if a[0].known && (!ok || mask > math.MaxUint8) {
		c.fail("BAD_TOS_MASK", a[0].Token, hint("Masks are numbers from 0 to 255, like 0xfc."), "%s is not a mask.", a[0])
		return
	}
	e.Value = int64(mask)
	if !a[1].inRange(math.MaxUint8, e) {
		c.fail("BAD_TOS_RANGE", a[1].Token, hintRange(name, a[1].Token, math.MaxUint8, "0xa0-0xa8"), "%s is not a type of service or range.", a[1])
	}
}

func (c *compiler) icmp(name string, a []operand, e *ruleset.Entry) {
	kind, ok := parseNumber(a[0].Text)
	if a[0].known && (!ok || kind > math.MaxUint8) {
		c.fail("BAD_ICMP_TYPE", a[0].Token, hintICMP(a[0].Token), "%s is not an ICMP type.", a[0])
		return
	}
	e.Value, e.Code = int64(kind), ruleset.AnyCode
	if a[1].Text == "-1" {
		return
	}
	code, ok := parseNumber(a[1].Text)
	if a[1].known && (!ok || code > math.MaxUint8) {
		c.fail("BAD_ICMP_CODE", a[1].Token, hint("Write a code from 0 to 255, or -1 for any."), "%s is not an ICMP code.", a[1])
	}
	e.Code = int64(code)
}

func (c *compiler) characteristics(name string, a []operand, e *ruleset.Entry) {
	var mask uint64
	for word := range strings.SplitSeq(a[0].Text, ",") {
		bit, ok := characteristics[strings.ToLower(word)]
		if !ok && word != "" {
			bit, ok = parseNumber(word)
			if a[0].known && (!ok || bit > 63) {
				at := syntax.Token{Text: word, Span: a[0].Span}
				c.fail("BAD_CHARACTERISTIC", at, hintCharacteristic(word), "%s is not a characteristic.", at)
				return
			}
		}
		if ok {
			mask |= 1 << bit
		}
	}
	e.Text = fmt.Sprintf("%016x", mask)
}

func (c *compiler) probability(name string, a []operand, e *ruleset.Entry) {
	p, ok := parseProbability(a[0].Text)
	if !ok && a[0].known {
		c.notA("a probability", "BAD_NUMBER", name, a[0], hintProbability(a[0].Token))
	}
	e.Value = p
}

// tagValue reads a tag and a value. Values have names only where the tag is
// written by its name (protocol 10 §9).
func (c *compiler) tagValue(name string, a []operand, e *ruleset.Entry) {
	t := c.tagNamed[strings.ToLower(a[0].Text)]
	switch id, ok := parseNumber(a[0].Text); {
	case t != nil:
		t.used = true
		e.ID = int64(t.made.ID)
	case !a[0].known:
		return
	case !ok || id > math.MaxUint32:
		c.fail("UNKNOWN_TAG", a[0].Token, c.hintTag(a[0].Token), "There is no tag %s.", a[0])
		return
	default:
		e.ID = int64(id)
	}
	if !a[1].known {
		return
	}
	if t != nil {
		value, named := t.values[strings.ToLower(a[1].Text)]
		if e.Value = value; named {
			return
		}
	}
	value, ok := parseNumber(a[1].Text)
	switch {
	case ok && value <= math.MaxUint32:
		e.Value = int64(value)
	case t != nil && t.mayHave(a[1].Token):
	case t == nil:
		c.fail(a[1].codeOfValue(), a[1].Token, c.hintNumericTag(e.ID), "%s is not a number: values have names only where the tag is written by its name.", a[1])
	default:
		c.fail(a[1].codeOfValue(), a[1].Token, hintTagValue(t, a[1].Token), "%s is not a value of tag %s.", a[1], t.source.Name)
	}
}

// codeOfValue is the code for a tag's value that does not exist: a keyword means
// that something is missing in front of it.
func (o operand) codeOfValue() string {
	if o.written && syntax.Reserved(o.Text) {
		return "MATCH_ARG_RESERVED"
	}
	return "BAD_TAG_VALUE"
}
