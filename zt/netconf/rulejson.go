package netconf

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"

	"github.com/orrery-net/orrery/zt"
)

// MarshalJSON writes the rule as an object in the form of Central and of
// controllers, its keys sorted by name. Rules of a type that has no name become
// an empty object (protocol 07 §5).
func (r Rule) MarshalJSON() ([]byte, error) {
	layout := r.Type.layout()
	if layout.name == "" {
		return []byte("{}"), nil
	}
	common := []string{"not", "or", "type"}
	if r.Type.IsAction() {
		common = common[2:]
	}
	b := make([]byte, 0, 112)
	for _, o := range layout.operands {
		for ; len(common) > 0 && common[0] < o.name; common = common[1:] {
			b = r.appendCommon(b, common[0])
		}
		b = r.appendOperand(appendName(b, o.name), o)
	}
	for _, name := range common {
		b = r.appendCommon(b, name)
	}
	b[0] = '{'
	return append(b, '}'), nil
}

// appendName writes a name behind a comma. The first comma of an object becomes
// its opening brace in the end.
func appendName(b []byte, name string) []byte {
	return append(append(append(b, ',', '"'), name...), '"', ':')
}

func (r *Rule) appendCommon(b []byte, name string) []byte {
	b = appendName(b, name)
	switch name {
	case "not":
		return strconv.AppendBool(b, r.Not)
	case "or":
		return strconv.AppendBool(b, r.Or)
	}
	return append(append(append(b, '"'), r.Type.String()...), '"')
}

func (r *Rule) appendOperand(b []byte, o operand) []byte {
	raw := r.operands[o.at : o.at+o.size]
	switch o.kind {
	case nodeOperand:
		return append(appendHex(append(b, '"'), r.number(o)&(1<<40-1), 2*zt.AddressLen), '"')
	case macOperand:
		return append(append(append(b, '"'), zt.MAC(raw).String()...), '"')
	case ipv4Operand, ipv6Operand:
		address, _ := netip.AddrFromSlice(raw[:len(raw)-1])
		b = append(address.AppendTo(append(b, '"')), '/')
		return append(strconv.AppendUint(b, uint64(raw[len(raw)-1]), 10), '"')
	case hexOperand:
		return append(appendHex(append(b, '"'), r.number(o), 16), '"')
	case icmpCodeOperand:
		if r.operands[icmpFlags]&icmpWithCode == 0 {
			return append(b, "null"...)
		}
	case bitsOperand:
		return strconv.AppendUint(b, uint64(raw[0]&63)+1, 10)
	case littleOperand:
		return strconv.AppendBool(b, raw[0]&integerLittle != 0)
	}
	return strconv.AppendUint(b, r.number(o), 10)
}

// number reads an operand of up to 8 bytes.
func (r *Rule) number(o operand) uint64 {
	var wide [8]byte
	copy(wide[8-o.size:], r.operands[o.at:o.at+o.size])
	return binary.BigEndian.Uint64(wide[:])
}

// setNumber writes an operand of up to 8 bytes, the low bytes of value.
func (r *Rule) setNumber(o operand, value uint64) {
	var wide [8]byte
	binary.BigEndian.PutUint64(wide[:], value)
	copy(r.operands[o.at:o.at+o.size], wide[8-o.size:])
}

// UnmarshalJSON reads a rule as controllers do: operands may be missing, numbers
// may be decimal strings or booleans and are cut to the operand's width, unknown
// keys are ignored (protocol 07 §5). What controllers drop or turn into
// something else without a word is refused with an error that says what is
// wrong: values that are no object, unknown types, addresses that are none or of
// the wrong family. ParseRuleJSON also says what was cut.
func (r *Rule) UnmarshalJSON(data []byte) error {
	made, _, err := ParseRuleJSON(data)
	if err == nil {
		*r = made
	}
	return err
}

// ParseRuleJSON reads a rule as UnmarshalJSON does, and says of each operand that
// became something else than was written what it became.
func ParseRuleJSON(data []byte) (rule Rule, changed []string, err error) {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(data, &object); err != nil || object == nil {
		return Rule{}, nil, fmt.Errorf("rule: want an object with a type, got %s", clip(data))
	}
	var name string
	if err := json.Unmarshal(object["type"], &name); err != nil {
		return Rule{}, nil, errors.New("rule: type is missing or not a string")
	}
	t, ok := RuleTypeNamed(name)
	if !ok {
		return Rule{}, nil, fmt.Errorf("rule: unknown type %s", clip(object["type"]))
	}
	made := parsedRule{Rule: Rule{Type: t}}
	if err := made.unmarshalFields(object); err != nil {
		return Rule{}, nil, fmt.Errorf("rule %s: %w", t, err)
	}
	return made.Rule, made.changed, nil
}

// parsedRule is a rule that is being read.
type parsedRule struct {
	Rule
	changed []string // operands that became something else than was written
}

func (r *parsedRule) unmarshalFields(object map[string]json.RawMessage) error {
	for name, flag := range map[string]*bool{"not": &r.Not, "or": &r.Or} {
		var err error
		if *flag, err = LooseBool(object[name]); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	for _, o := range r.Type.layout().operands {
		if err := r.unmarshalOperand(o, object[o.name]); err != nil {
			return fmt.Errorf("%s: %w", o.name, err)
		}
		if o.kind == upperOperand && isMissing(object[o.name]) {
			lower, err := LooseNumber(object["start"])
			if err != nil {
				return fmt.Errorf("start: %w", err)
			}
			r.setNumber(o, lower)
		}
	}
	if r.Type == MatchIntegerRange {
		start, end := binary.BigEndian.Uint64(r.operands[:]), binary.BigEndian.Uint64(r.operands[integerUpper:])
		if end < start || end-start > math.MaxUint32 {
			return errors.New("end must not be below start nor more than 2^32-1 above it")
		}
	}
	return nil
}

func (r *parsedRule) unmarshalOperand(o operand, data json.RawMessage) (err error) {
	raw := r.operands[o.at : o.at+o.size]
	var value uint64
	switch o.kind {
	case macOperand:
		return unmarshalMAC(raw, data)
	case ipv4Operand, ipv6Operand:
		became, err := unmarshalIP(raw, data)
		if became != "" {
			r.changed = append(r.changed, became)
		}
		return err
	case littleOperand:
		little, err := LooseBool(data)
		if little {
			raw[0] |= integerLittle
		}
		return err
	case bitsOperand:
		if value, err = LooseNumber(data); err == nil && (value < 1 || value > 64) {
			err = errors.New("want 1 to 64")
		}
		raw[0] |= byte(value-1) & 63
		return err
	case nodeOperand:
		value, err = unmarshalNode(data)
	case hexOperand:
		value, err = unmarshalHex(data)
	case icmpCodeOperand:
		if !isMissing(data) {
			r.operands[icmpFlags] |= icmpWithCode
		}
		value, err = LooseNumber(data)
	default:
		value, err = LooseNumber(data)
	}
	r.setNumber(o, value)
	if is := r.number(o); is != value && !r.meansWholePacket(o, value) {
		r.changed = append(r.changed, fmt.Sprintf("%s: %s became %d", o.name, clip(data), is))
	}
	return err
}

// meansWholePacket reports whether a number is the length of -1 that compilers
// write for all of a packet.
func (r *parsedRule) meansWholePacket(o operand, value uint64) bool {
	return o.name == "length" && int64(value) == -1
}

// isMissing reports whether an operand takes its default.
func isMissing(data json.RawMessage) bool { return len(data) == 0 || string(data) == "null" }

// LooseBool reads a boolean, a number (true above 0) or a string (true if it
// begins with t, T or 1); false if missing (protocol 07 §5).
func LooseBool(data json.RawMessage) (bool, error) {
	if isMissing(data) {
		return false, nil
	}
	switch data[0] {
	case 't', 'f':
		return data[0] == 't', nil
	case '"':
		var text string
		if err := json.Unmarshal(data, &text); err != nil {
			return false, err
		}
		return text != "" && strings.ContainsRune("tT1", rune(text[0])), nil
	case '{', '[':
		return false, fmt.Errorf("want a boolean, got %s", clip(data))
	}
	number, err := strconv.ParseFloat(string(data), 64)
	return number > 0, err
}

// LooseNumber reads an integer, its decimal form as a string, or a boolean; 0 if
// missing. Negative numbers are in two's complement, fractions are cut off
// (protocol 07 §5).
func LooseNumber(data json.RawMessage) (uint64, error) {
	if isMissing(data) {
		return 0, nil
	}
	switch string(data) {
	case "true":
		return 1, nil
	case "false":
		return 0, nil
	}
	text := string(data)
	if data[0] == '"' {
		if err := json.Unmarshal(data, &text); err != nil {
			return 0, err
		}
		text = strings.TrimSpace(text)
	}
	if number, err := strconv.ParseUint(text, 10, 64); err == nil {
		return number, nil
	}
	if number, err := strconv.ParseInt(text, 10, 64); err == nil {
		return uint64(number), nil
	}
	if number, err := strconv.ParseFloat(text, 64); err == nil && data[0] != '"' && math.Abs(number) < 1<<63 {
		return uint64(int64(number)), nil
	}
	return 0, fmt.Errorf("want a number, got %s", clip(data))
}

func unmarshalText(data json.RawMessage, want string) (string, error) {
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return "", fmt.Errorf("want %s, got %s", want, clip(data))
	}
	return text, nil
}

// unmarshalNode reads the hex digits of a node's address; none may be missing
// but zeros in front.
func unmarshalNode(data json.RawMessage) (uint64, error) {
	const want = "a string of 10 hex digits"
	if isMissing(data) {
		return 0, nil
	}
	text, err := unmarshalText(data, want)
	if err != nil {
		return 0, err
	}
	value, err := strconv.ParseUint(text, 16, 8*zt.AddressLen)
	if err != nil {
		return 0, fmt.Errorf("want %s, got %s", want, clip(data))
	}
	return value, nil
}

// unmarshalHex reads a string of hex digits or a number.
func unmarshalHex(data json.RawMessage) (uint64, error) {
	if isMissing(data) || data[0] != '"' {
		return LooseNumber(data)
	}
	const want = "up to 16 hex digits or a number"
	text, err := unmarshalText(data, want)
	if err != nil {
		return 0, err
	}
	value, err := strconv.ParseUint(text, 16, 64)
	if err != nil {
		return 0, fmt.Errorf("want %s, got %s", want, clip(data))
	}
	return value, nil
}

func unmarshalMAC(raw []byte, data json.RawMessage) error {
	const want = "a string of 12 hex digits in pairs, like aa:bb:cc:dd:ee:ff"
	if isMissing(data) {
		return nil
	}
	text, err := unmarshalText(data, want)
	if err != nil {
		return err
	}
	address, err := zt.ParseMAC(text)
	if err != nil {
		return fmt.Errorf("want %s, got %s", want, clip(data))
	}
	copy(raw, address[:])
	return nil
}

// unmarshalIP reads address/prefix. Without a prefix its length is 0, as
// controllers have it; a greater length than the address has is cut. It returns
// what that made of the address, "" if nothing else.
func unmarshalIP(raw []byte, data json.RawMessage) (became string, err error) {
	if isMissing(data) {
		return "", nil
	}
	size := len(raw) - 1
	want := "an IPv6 address with a prefix length, like fd00::/64"
	if size == 4 {
		want = "an IPv4 address with a prefix length, like 10.0.0.0/8"
	}
	text, err := unmarshalText(data, want)
	if err != nil {
		return "", err
	}
	host, length, hasLength := strings.Cut(text, "/")
	address, err := netip.ParseAddr(host)
	if err != nil || address.Zone() != "" {
		return "", fmt.Errorf("want %s, got %s", want, clip(data))
	}
	if address.BitLen() != 8*size {
		return "", fmt.Errorf("want %s, but %s is of the other family", want, clip(data))
	}
	var bits uint64
	if hasLength {
		if bits, err = strconv.ParseUint(length, 10, 16); err != nil {
			return "", fmt.Errorf("want %s, got %s", want, clip(data))
		}
	}
	most := uint64(address.BitLen())
	switch {
	case !hasLength:
		became = fmt.Sprintf("ip: %s has no prefix length and became %s/0, which is every address; write %s/%d", address, address, address, most)
	case bits > most:
		became = fmt.Sprintf("ip: %s became %s/%d", clip(data), address, most)
	}
	copy(raw, address.AsSlice())
	raw[size] = byte(min(bits, most))
	return became, nil
}

// clip keeps what a client sent from filling an error message.
func clip(data []byte) string {
	const most = 60
	if len(data) == 0 {
		return "nothing"
	}
	if len(data) > most {
		return strings.ToValidUTF8(string(data[:most]), "") + "…"
	}
	return string(data)
}
