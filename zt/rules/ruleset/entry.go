package ruleset

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

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
func (e Entry) Rule() (netconf.Rule, error) {
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
		if err := e.putTo(raw[o.at:o.at+o.size], raw, o); err != nil {
			return netconf.Rule{}, fmt.Errorf("%s: %w", o.name, err)
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

// putTo writes an operand to its bytes of the wire form, which is all.
func (e *Entry) putTo(bytes, all []byte, o operand) error {
	switch o.form {
	case codeForm:
		if e.Code == AnyCode {
			return nil
		}
		all[icmpWithCode] = 1
	case nodeForm:
		value, err := strconv.ParseUint(e.Text, 16, 8*zt.AddressLen)
		if err != nil {
			return wantText("the 10 hex digits of a node's address", e.Text)
		}
		putNumber(bytes, value)
		return nil
	case maskForm:
		value, err := strconv.ParseUint(e.Text, 16, 64)
		if err != nil {
			return wantText("up to 16 hex digits", e.Text)
		}
		putNumber(bytes, value)
		return nil
	case macForm:
		return putMAC(bytes, e.Text)
	case ipForm:
		return putIP(bytes, e.Text)
	}
	putNumber(bytes, uint64(*e.number(o.in)))
	return nil
}

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

// putMAC reads 12 hex digits; colons and hyphens do not count.
func putMAC(bytes []byte, text string) error {
	var digits [2 * zt.MACLen]byte
	n := 0
	for _, c := range []byte(text) {
		if c == ':' || c == '-' {
			continue
		}
		if n < len(digits) {
			digits[n] = c
		}
		n++
	}
	const want = "12 hex digits, like aa:bb:cc:dd:ee:ff"
	if n != len(digits) {
		return wantText(want, text)
	}
	if _, err := hex.Decode(bytes, digits[:]); err != nil {
		return wantText(want, text)
	}
	return nil
}

// putIP reads address/prefix. Without a prefix its length is 0, as controllers
// have it; a greater length than the address has is cut.
func putIP(bytes []byte, text string) error {
	size := len(bytes) - 1
	want := "an IPv6 address with a prefix length, like fd00::/64"
	if size == 4 {
		want = "an IPv4 address with a prefix length, like 10.0.0.0/8"
	}
	host, length, hasLength := strings.Cut(text, "/")
	address, err := netip.ParseAddr(host)
	if err != nil || address.Zone() != "" || address.BitLen() != 8*size {
		return wantText(want, text)
	}
	if hasLength {
		bits, err := strconv.ParseUint(length, 10, 16)
		if err != nil {
			return wantText(want, text)
		}
		bytes[size] = byte(min(bits, uint64(8*size)))
	}
	if size == 4 {
		raw := address.As4()
		copy(bytes, raw[:])
	} else {
		raw := address.As16()
		copy(bytes, raw[:])
	}
	return nil
}

func wantText(want, got string) error {
	if got == "" {
		return errors.New("want " + want + ", got nothing")
	}
	return fmt.Errorf("want %s, got %q", want, clip(got))
}

// clip keeps what somebody wrote from filling an error message.
func clip(s string) string {
	const most = 60
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
