package original

import (
	"math"
	"strings"

	"github.com/orrery-net/orrery/zt/netconf"
	"github.com/orrery-net/orrery/zt/rules/ruleset"
)

// match is a match of the language (protocol 10 §6). Its reader fills the entry in;
// if it cannot, it returns the category of the error and which argument is wrong.
type match struct {
	entry     netconf.RuleType
	arguments int
	read      func(c *compiler, e *ruleset.Entry, arguments []string) (category string, wrong int)
}

var matchesByName = map[string]match{
	"ztsrc":      {netconf.MatchSourceNode, 1, readNode},
	"ztdest":     {netconf.MatchDestNode, 1, readNode},
	"vlan":       {netconf.MatchVLANID, 1, readNumber},
	"vlanpcp":    {netconf.MatchVLANPCP, 1, readNumber},
	"vlandei":    {netconf.MatchVLANDEI, 1, readNumber},
	"ethertype":  {netconf.MatchEtherType, 1, readEtherType},
	"macsrc":     {netconf.MatchMACSource, 1, readMAC},
	"macdest":    {netconf.MatchMACDest, 1, readMAC},
	"ipsrc":      {netconf.MatchIPv4Source, 1, readIP},
	"ipdest":     {netconf.MatchIPv4Dest, 1, readIP},
	"iptos":      {netconf.MatchIPTOS, 2, readTOS},
	"ipprotocol": {netconf.MatchIPProtocol, 1, readProtocol},
	"icmp":       {netconf.MatchICMP, 2, readICMP},
	"sport":      {netconf.MatchSourcePorts, 1, readRange},
	"dport":      {netconf.MatchDestPorts, 1, readRange},
	"chr":        {netconf.MatchCharacteristics, 1, readCharacteristics},
	"framesize":  {netconf.MatchFrameSize, 1, readRange},
	"random":     {netconf.MatchRandom, 1, readRandom},
	"tand":       {netconf.MatchTagsBitwiseAnd, 2, readTag},
	"tor":        {netconf.MatchTagsBitwiseOr, 2, readTag},
	"txor":       {netconf.MatchTagsBitwiseXor, 2, readTag},
	"tdiff":      {netconf.MatchTagsDifference, 2, readTag},
	"teq":        {netconf.MatchTagsEqual, 2, readTag},
	"tseq":       {netconf.MatchTagSender, 2, readTag},
	"treq":       {netconf.MatchTagReceiver, 2, readTag},
}

// matches renders the matches of an action (protocol 10 §16.4).
func (t *table) matches(list []item) error {
	var not, or bool
	for i := 0; i < len(list); i++ {
		at := &list[i]
		if err := t.look(t.text(at), at); err != nil {
			return err
		}
		if at.isBlock() {
			continue
		}
		word := lower(t.text(at))
		switch word {
		case "and":
			continue
		case "not":
			not = true
			continue
		case "or":
			or = true
			continue
		}
		m, ok := matchesByName[word]
		if !ok && !isProperty(word) {
			return t.fail("UNKNOWN_MATCH", at)
		}
		if ok {
			e := ruleset.Entry{Type: m.entry, Not: not, Or: or}
			tokens := list[i:min(i+1+m.arguments, len(list))]
			if err := t.match(m, &e, tokens); err != nil {
				return err
			}
			if err := t.append(e, at, tokens[1:]); err != nil {
				return err
			}
			i += m.arguments
		}
		not, or = false, false
	}
	return nil
}

// match reads a match from its tokens, the keyword first.
func (t *table) match(m match, e *ruleset.Entry, tokens []item) error {
	var buffer [2]string
	arguments := buffer[:0]
	for i := 1; i <= m.arguments; i++ {
		if i >= len(tokens) {
			return t.fail("MATCH_ARGS_MISSING", &tokens[i-1])
		}
		text := t.text(&tokens[i])
		if tokens[i].isBlock() || isReserved(text) {
			return t.fail("MATCH_ARG_RESERVED", &tokens[i-1])
		}
		if strings.HasPrefix(text, "$") {
			argument, ok := t.arguments[text]
			if !ok {
				return t.fail("UNDEFINED_VARIABLE", &tokens[i])
			}
			text = argument
		}
		if err := t.look(text, &tokens[i]); err != nil {
			return err
		}
		arguments = append(arguments, text)
	}
	category, wrong := m.read(t.compiler, e, arguments)
	switch category {
	case "":
		return nil
	case "INTERNAL":
		return errInternal()
	}
	return t.fail(category, &tokens[1+wrong])
}

func readNode(_ *compiler, e *ruleset.Entry, arguments []string) (string, int) {
	var ok bool
	if e.Text, ok = nodeAddress(arguments[0]); !ok {
		return "BAD_ZT_ADDRESS", 0
	}
	return "", 0
}

// readNumber reads a number of 32 bits, whatever the width of the field is (Q16).
func readNumber(_ *compiler, e *ruleset.Entry, arguments []string) (string, int) {
	return setNumber(e, number(arguments[0]))
}

func readEtherType(_ *compiler, e *ruleset.Entry, arguments []string) (string, int) {
	return setNumber(e, symbolOr(ruleset.EtherTypes, arguments[0]))
}

func readProtocol(_ *compiler, e *ruleset.Entry, arguments []string) (string, int) {
	return setNumber(e, symbolOr(ruleset.IPProtocols, arguments[0]))
}

func setNumber(e *ruleset.Entry, value int64) (string, int) {
	if value < 0 || value > maxUint32 {
		return "BAD_NUMBER", 0
	}
	e.Value = value
	return "", 0
}

func readMAC(_ *compiler, e *ruleset.Entry, arguments []string) (string, int) {
	var ok bool
	if e.Text, ok = macAddress(arguments[0]); !ok {
		return "BAD_MAC", 0
	}
	return "", 0
}

func readIP(_ *compiler, e *ruleset.Entry, arguments []string) (string, int) {
	slash := strings.IndexByte(arguments[0], '/')
	if slash <= 0 {
		return "IP_PREFIX_MISSING", 0
	}
	address := arguments[0][:slash]
	switch {
	case likeIPv6(address):
		e.Type += netconf.MatchIPv6Source - netconf.MatchIPv4Source
	case !likeIPv4(address):
		return "BAD_IP", 0
	}
	e.Text = arguments[0]
	return "", 0
}

func readTOS(_ *compiler, e *ruleset.Entry, arguments []string) (string, int) {
	var ok bool
	if e.Value = number(arguments[0]); e.Value < 0 || e.Value > 255 {
		return "BAD_TOS_MASK", 0
	}
	if e.Start, e.End, ok = numberRange(arguments[1], 255); !ok {
		return "BAD_TOS_RANGE", 1
	}
	return "", 0
}

func readICMP(_ *compiler, e *ruleset.Entry, arguments []string) (string, int) {
	if e.Value = number(arguments[0]); e.Value < 0 || e.Value > 255 {
		return "BAD_ICMP_TYPE", 0
	}
	if e.Code = max(ruleset.AnyCode, number(arguments[1])); e.Code > 255 {
		return "BAD_ICMP_CODE", 1
	}
	return "", 0
}

func readRange(_ *compiler, e *ruleset.Entry, arguments []string) (string, int) {
	var ok bool
	if e.Start, e.End, ok = numberRange(arguments[0], 65535); !ok {
		return "BAD_RANGE", 0
	}
	return "", 0
}

func readCharacteristics(_ *compiler, e *ruleset.Entry, arguments []string) (string, int) {
	var bits uint64
	for name := range strings.SplitSeq(arguments[0], ",") {
		if name == "" {
			continue
		}
		bit := symbolOr(ruleset.Characteristics, name)
		if bit < 0 || bit > 63 {
			return "BAD_CHARACTERISTIC", 0
		}
		bits |= 1 << bit
	}
	e.Text = mask(bits)
	return "", 0
}

func readRandom(_ *compiler, e *ruleset.Entry, arguments []string) (string, int) {
	e.Value = int64(math.Floor(math.MaxUint32 * fraction(arguments[0])))
	return "", 0
}

func readTag(c *compiler, e *ruleset.Entry, arguments []string) (string, int) {
	named := c.tags[arguments[0]]
	switch {
	case named == nil && isProperty(arguments[0]):
		return "INTERNAL", 0
	case named == nil:
		named = &tag{id: number(arguments[0])}
	case isProperty(arguments[1]):
		e.ID = named.id
		return "", 0 // a match without a value, which controllers read as 0
	}
	value, isFlag := named.flags[arguments[1]]
	if !isFlag {
		value = symbolOr(named.enums, arguments[1])
	}
	switch {
	case named.id < 0 || named.id > maxUint32:
		return "UNKNOWN_TAG", 0
	case value < 0 || value > maxUint32:
		return "BAD_TAG_VALUE", 1
	}
	e.ID, e.Value = named.id, value
	return "", 0
}
