package ruleset

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strconv"

	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/netconf"
)

// form is how an operand is written in JSON and on the wire.
type form uint8

const (
	numberForm form = iota // a number, cut to its width on the wire
	upperForm              // the same; equal to start if missing
	codeForm               // a number or null, followed on the wire by a byte that says which
	nodeForm               // up to 10 hex digits
	macForm                // aa:bb:cc:dd:ee:ff
	ipForm                 // address/prefix: address bytes, then a byte of prefix length
	maskForm               // 16 hex digits
)

// operand is one operand of a type: its name in JSON, where it stands on the
// wire, and where in an Entry.
type operand struct {
	name string
	form form
	at   int // bytes from the start
	size int // bytes
	in   place
}

// place is the field of an Entry that holds an operand.
type place uint8

const (
	inText place = iota
	inValue
	inStart
	inEnd
	inCode
	inID
	inFlags
)

// number is the field of a number.
func (e *Entry) number(in place) *int64 {
	switch in {
	case inStart:
		return &e.Start
	case inEnd:
		return &e.End
	case inCode:
		return &e.Code
	case inID:
		return &e.ID
	case inFlags:
		return &e.Flags
	}
	return &e.Value
}

// The operands of the types that the language has, sorted by name, the order of
// JSON.
var (
	forwardOperands = []operand{{"address", nodeForm, 0, 8, inText}, {"flags", numberForm, 8, 4, inFlags}, {"length", numberForm, 12, 2, inValue}}
	nodeOperands    = []operand{{"zt", nodeForm, 0, 5, inText}}
	macOperands     = []operand{{"mac", macForm, 0, 6, inText}}
	ipv4Operands    = []operand{{"ip", ipForm, 0, 5, inText}}
	ipv6Operands    = []operand{{"ip", ipForm, 0, 17, inText}}
	rangeOperands   = []operand{{"end", upperForm, 2, 2, inEnd}, {"start", numberForm, 0, 2, inStart}}
	tagOperands     = []operand{{"id", numberForm, 0, 4, inID}, {"value", numberForm, 4, 4, inValue}}

	operandsOf = [...][]operand{
		netconf.ActionTee:            forwardOperands,
		netconf.ActionWatch:          forwardOperands,
		netconf.ActionRedirect:       forwardOperands[:2],
		netconf.MatchSourceNode:      nodeOperands,
		netconf.MatchDestNode:        nodeOperands,
		netconf.MatchVLANID:          {{"vlanId", numberForm, 0, 2, inValue}},
		netconf.MatchVLANPCP:         {{"vlanPcp", numberForm, 0, 1, inValue}},
		netconf.MatchVLANDEI:         {{"vlanDei", numberForm, 0, 1, inValue}},
		netconf.MatchMACSource:       macOperands,
		netconf.MatchMACDest:         macOperands,
		netconf.MatchIPv4Source:      ipv4Operands,
		netconf.MatchIPv4Dest:        ipv4Operands,
		netconf.MatchIPv6Source:      ipv6Operands,
		netconf.MatchIPv6Dest:        ipv6Operands,
		netconf.MatchIPTOS:           {{"end", numberForm, 2, 1, inEnd}, {"mask", numberForm, 0, 1, inValue}, {"start", numberForm, 1, 1, inStart}},
		netconf.MatchIPProtocol:      {{"ipProtocol", numberForm, 0, 1, inValue}},
		netconf.MatchEtherType:       {{"etherType", numberForm, 0, 2, inValue}},
		netconf.MatchICMP:            {{"icmpCode", codeForm, 1, 1, inCode}, {"icmpType", numberForm, 0, 1, inValue}},
		netconf.MatchSourcePorts:     rangeOperands,
		netconf.MatchDestPorts:       rangeOperands,
		netconf.MatchCharacteristics: {{"mask", maskForm, 0, 8, inText}},
		netconf.MatchFrameSize:       rangeOperands,
		netconf.MatchRandom:          {{"probability", numberForm, 0, 4, inValue}},
		netconf.MatchTagsDifference:  tagOperands,
		netconf.MatchTagsBitwiseAnd:  tagOperands,
		netconf.MatchTagsBitwiseOr:   tagOperands,
		netconf.MatchTagsBitwiseXor:  tagOperands,
		netconf.MatchTagsEqual:       tagOperands,
		netconf.MatchTagSender:       tagOperands,
		netconf.MatchTagReceiver:     tagOperands,
	}
)

// Expressible reports whether the language has the type.
func Expressible(t netconf.RuleType) bool {
	switch t {
	case netconf.ActionDrop, netconf.ActionAccept, netconf.ActionBreak:
		return true
	}
	return int(t) < len(operandsOf) && operandsOf[t] != nil
}

// operands returns the operands of the entry's type; none if the language does
// not have it.
func (e *Entry) operands() []operand {
	if int(e.Type) < len(operandsOf) {
		return operandsOf[e.Type]
	}
	return nil
}

// Rule is the entry as nodes get it: numbers cut to the width of their field,
// addresses in canonical form, as a controller does (protocol 10 §13.4). What a
// controller would turn into something else without a word — text that is no
// address or no mask — is refused with an error that begins with the operand's
// name in JSON.
func (e Entry) Rule() (netconf.Rule, error) { return e.rule(putText) }

// AsControllersRead is the entry as nodes get it from a controller that was given
// it as it is: the same as Rule where that has no error, but for prefix lengths
// above 255. Of an operand that cannot be read counts what its beginning says, or
// else zero (see readText). An entry of a type that no program has and that is not
// right comes without operands.
func (e Entry) AsControllersRead() netconf.Rule {
	rule, err := e.rule(readText)
	if err != nil {
		return netconf.Rule{Type: e.Type, Not: e.Not, Or: e.Or}
	}
	return rule
}

// rule makes the rule of the entry. The texts among its operands are read by
// putText or readText.
func (e *Entry) rule(text func(bytes []byte, f form, text string) error) (netconf.Rule, error) {
	var buffer [20]byte
	raw := buffer[:wireLen(e.Type)]
	if !Expressible(e.Type) {
		given, err := hex.DecodeString(e.Text)
		if err != nil || len(given) != len(raw) {
			return netconf.Rule{}, fmt.Errorf("type: %s cannot be made by a program", e.Type)
		}
		copy(raw, given)
	}
	for _, o := range e.operands() {
		bytes := raw[o.at : o.at+o.size]
		switch {
		case o.in == inText:
			if err := text(bytes, o.form, e.Text); err != nil {
				return netconf.Rule{}, fmt.Errorf("%s: %w", o.name, err)
			}
		case o.form == codeForm && e.Code == AnyCode:
		default:
			putNumber(bytes, uint64(*e.number(o.in)))
			if o.form == codeForm {
				raw[icmpWithCode] = 1
			}
		}
	}
	return netconf.MakeRule(e.Type, e.Not, e.Or, raw)
}

// wireLen is how many bytes of operands a type has.
func wireLen(t netconf.RuleType) int { return wireLens[t&63] }

var wireLens = func() (lens [64]int) {
	for t := range lens {
		lens[t] = len(netconf.Rule{Type: netconf.RuleType(t)}.Operands())
	}
	return lens
}()

// icmpWithCode is the byte of an ICMP match that says whether the code counts.
const icmpWithCode = 2

// EntryOf is the inverse of Entry.Rule.
func EntryOf(r netconf.Rule) Entry {
	e := Entry{Type: r.Type, Not: r.Not, Or: r.Or}
	raw := r.Operands()
	if !Expressible(e.Type) {
		e.Text = hex.EncodeToString(raw)
	}
	for _, o := range e.operands() {
		bytes := raw[o.at : o.at+o.size]
		switch o.form {
		case nodeForm:
			e.Text = hex.EncodeToString(bytes[len(bytes)-zt.AddressLen:])
		case maskForm:
			e.Text = hex.EncodeToString(bytes)
		case macForm:
			e.Text = zt.MAC(bytes).String()
		case ipForm:
			address, _ := netip.AddrFromSlice(bytes[:len(bytes)-1])
			e.Text = address.String() + "/" + strconv.Itoa(int(bytes[len(bytes)-1]))
		case codeForm:
			e.Code = AnyCode
			if raw[icmpWithCode]&1 != 0 {
				e.Code = int64(bytes[0])
			}
		default:
			*e.number(o.in) = int64(number(bytes))
		}
	}
	return e
}

// putNumber fills bytes with the low bytes of value.
func putNumber(bytes []byte, value uint64) {
	var wide [8]byte
	binary.BigEndian.PutUint64(wide[:], value)
	copy(bytes, wide[8-len(bytes):])
}

func number(bytes []byte) uint64 {
	var wide [8]byte
	copy(wide[8-len(bytes):], bytes)
	return binary.BigEndian.Uint64(wide[:])
}
