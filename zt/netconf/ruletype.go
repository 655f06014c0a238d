package netconf

import "fmt"

// RuleType says what a rule does or matches: 0 to 15 are actions, 16 to 63 are
// matches (protocol 07 §1).
type RuleType uint8

// The rule types that nodes know.
const (
	ActionDrop           RuleType = 0
	ActionAccept         RuleType = 1
	ActionTee            RuleType = 2
	ActionWatch          RuleType = 3
	ActionRedirect       RuleType = 4
	ActionBreak          RuleType = 5
	ActionPriority       RuleType = 6 // its operand has no place on the wire and the type no name in JSON
	MatchSourceNode      RuleType = 24
	MatchDestNode        RuleType = 25
	MatchVLANID          RuleType = 26
	MatchVLANPCP         RuleType = 27
	MatchVLANDEI         RuleType = 28
	MatchMACSource       RuleType = 29
	MatchMACDest         RuleType = 30
	MatchIPv4Source      RuleType = 31
	MatchIPv4Dest        RuleType = 32
	MatchIPv6Source      RuleType = 33
	MatchIPv6Dest        RuleType = 34
	MatchIPTOS           RuleType = 35
	MatchIPProtocol      RuleType = 36
	MatchEtherType       RuleType = 37
	MatchICMP            RuleType = 38
	MatchSourcePorts     RuleType = 39
	MatchDestPorts       RuleType = 40
	MatchCharacteristics RuleType = 41
	MatchFrameSize       RuleType = 42
	MatchRandom          RuleType = 43
	MatchTagsDifference  RuleType = 44
	MatchTagsBitwiseAnd  RuleType = 45
	MatchTagsBitwiseOr   RuleType = 46
	MatchTagsBitwiseXor  RuleType = 47
	MatchTagsEqual       RuleType = 48
	MatchTagSender       RuleType = 49
	MatchTagReceiver     RuleType = 50
	MatchIntegerRange    RuleType = 51
)

const (
	firstMatch   RuleType = 16
	lastRuleType RuleType = 63

	maxOperandLen = 19 // bytes, of MatchIntegerRange
)

// Where operands stand that depend on each other, in bytes from the start, and
// the flags in them.
const (
	rangeUpper = 2 // the upper end in MatchSourcePorts and the like

	icmpFlags    = 2 // in MatchICMP
	icmpWithCode = 0x01

	integerUpper  = 8  // the upper end in MatchIntegerRange
	integerFormat = 18 // bits-1 in the low 6 bits
	integerLittle = 0x80
)

// IsAction reports whether rules of this type do something; otherwise they
// match.
func (t RuleType) IsAction() bool { return t < firstMatch }

// String returns the name of the type in JSON, or its number if it has none.
func (t RuleType) String() string {
	if name := t.layout().name; name != "" {
		return name
	}
	return fmt.Sprintf("rule type %d", uint8(t))
}

// operandKind says how a part of a rule's operand is written in JSON.
type operandKind uint8

const (
	numberOperand   operandKind = iota // a number, cut to the operand's width
	upperOperand                       // a number; the lower end if missing
	nodeOperand                        // 10 hex digits
	macOperand                         // aa:bb:cc:dd:ee:ff
	ipv4Operand                        // address/prefix: address bytes, then one byte of prefix length
	ipv6Operand                        // the same
	hexOperand                         // 16 hex digits
	icmpCodeOperand                    // a number or null, with a flag in another byte
	bitsOperand                        // 1 to 64, in the low bits of a shared byte
	littleOperand                      // a boolean, the high bit of that byte
)

// operand is one part of a rule's operand: where it stands in the wire form and
// what it is called in JSON.
type operand struct {
	name string
	kind operandKind
	at   uint8 // bytes from the start
	size uint8 // bytes
}

// layout is what distinguishes a rule type. Operands are sorted by name, the
// order of JSON.
type layout struct {
	name     string
	size     uint8 // bytes of operands on the wire
	operands []operand
}

func (t RuleType) layout() *layout { return &layouts[t&lastRuleType] }

// The operands of the rule types (protocol 07 §1, §5).
var (
	forwardOperands  = []operand{{"address", nodeOperand, 0, 8}, {"flags", numberOperand, 8, 4}, {"length", numberOperand, 12, 2}}
	nodeOperands     = []operand{{"zt", nodeOperand, 0, 5}}
	macOperands      = []operand{{"mac", macOperand, 0, 6}}
	ipv4Operands     = []operand{{"ip", ipv4Operand, 0, 5}}
	ipv6Operands     = []operand{{"ip", ipv6Operand, 0, 17}}
	rangeOperands    = []operand{{"end", upperOperand, rangeUpper, 2}, {"start", numberOperand, 0, 2}}
	tagOperands      = []operand{{"id", numberOperand, 0, 4}, {"value", numberOperand, 4, 4}}
	tosOperands      = []operand{{"end", numberOperand, 2, 1}, {"mask", numberOperand, 0, 1}, {"start", numberOperand, 1, 1}}
	icmpOperands     = []operand{{"icmpCode", icmpCodeOperand, 1, 1}, {"icmpType", numberOperand, 0, 1}}
	intRangeOperands = []operand{
		{"bits", bitsOperand, integerFormat, 1}, {"end", hexOperand, integerUpper, 8}, {"idx", numberOperand, 16, 2},
		{"little", littleOperand, integerFormat, 1}, {"start", hexOperand, 0, 8},
	}
)

var layouts = [lastRuleType + 1]layout{
	ActionDrop:           {"ACTION_DROP", 0, nil},
	ActionAccept:         {"ACTION_ACCEPT", 0, nil},
	ActionTee:            {"ACTION_TEE", 14, forwardOperands},
	ActionWatch:          {"ACTION_WATCH", 14, forwardOperands},
	ActionRedirect:       {"ACTION_REDIRECT", 14, forwardOperands[:2]},
	ActionBreak:          {"ACTION_BREAK", 0, nil},
	MatchSourceNode:      {"MATCH_SOURCE_ZEROTIER_ADDRESS", 5, nodeOperands},
	MatchDestNode:        {"MATCH_DEST_ZEROTIER_ADDRESS", 5, nodeOperands},
	MatchVLANID:          {"MATCH_VLAN_ID", 2, []operand{{"vlanId", numberOperand, 0, 2}}},
	MatchVLANPCP:         {"MATCH_VLAN_PCP", 1, []operand{{"vlanPcp", numberOperand, 0, 1}}},
	MatchVLANDEI:         {"MATCH_VLAN_DEI", 1, []operand{{"vlanDei", numberOperand, 0, 1}}},
	MatchMACSource:       {"MATCH_MAC_SOURCE", 6, macOperands},
	MatchMACDest:         {"MATCH_MAC_DEST", 6, macOperands},
	MatchIPv4Source:      {"MATCH_IPV4_SOURCE", 5, ipv4Operands},
	MatchIPv4Dest:        {"MATCH_IPV4_DEST", 5, ipv4Operands},
	MatchIPv6Source:      {"MATCH_IPV6_SOURCE", 17, ipv6Operands},
	MatchIPv6Dest:        {"MATCH_IPV6_DEST", 17, ipv6Operands},
	MatchIPTOS:           {"MATCH_IP_TOS", 3, tosOperands},
	MatchIPProtocol:      {"MATCH_IP_PROTOCOL", 1, []operand{{"ipProtocol", numberOperand, 0, 1}}},
	MatchEtherType:       {"MATCH_ETHERTYPE", 2, []operand{{"etherType", numberOperand, 0, 2}}},
	MatchICMP:            {"MATCH_ICMP", 3, icmpOperands},
	MatchSourcePorts:     {"MATCH_IP_SOURCE_PORT_RANGE", 4, rangeOperands},
	MatchDestPorts:       {"MATCH_IP_DEST_PORT_RANGE", 4, rangeOperands},
	MatchCharacteristics: {"MATCH_CHARACTERISTICS", 8, []operand{{"mask", hexOperand, 0, 8}}},
	MatchFrameSize:       {"MATCH_FRAME_SIZE_RANGE", 4, rangeOperands},
	MatchRandom:          {"MATCH_RANDOM", 4, []operand{{"probability", numberOperand, 0, 4}}},
	MatchTagsDifference:  {"MATCH_TAGS_DIFFERENCE", 8, tagOperands},
	MatchTagsBitwiseAnd:  {"MATCH_TAGS_BITWISE_AND", 8, tagOperands},
	MatchTagsBitwiseOr:   {"MATCH_TAGS_BITWISE_OR", 8, tagOperands},
	MatchTagsBitwiseXor:  {"MATCH_TAGS_BITWISE_XOR", 8, tagOperands},
	MatchTagsEqual:       {"MATCH_TAGS_EQUAL", 8, tagOperands},
	MatchTagSender:       {"MATCH_TAG_SENDER", 8, tagOperands},
	MatchTagReceiver:     {"MATCH_TAG_RECEIVER", 8, tagOperands},
	MatchIntegerRange:    {"INTEGER_RANGE", 19, intRangeOperands},
}

// RuleTypeNamed returns the type with a name in JSON.
func RuleTypeNamed(name string) (RuleType, bool) {
	for t := range layouts {
		if layouts[t].name == name && name != "" {
			return RuleType(t), true
		}
	}
	return 0, false
}
