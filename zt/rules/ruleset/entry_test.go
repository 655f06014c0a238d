package ruleset

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/orrery-net/orrery/zt/netconf"
)

// anyRule draws rules of every type such as JSON and programs can make.
func anyRule(t *rapid.T) netconf.Rule {
	kind := netconf.RuleType(rapid.Uint8Range(0, 63).Draw(t, "type"))
	operands := rapid.SliceOfN(rapid.Byte(), wireLen(kind), wireLen(kind)).Draw(t, "operands")
	switch kind {
	case netconf.ActionTee, netconf.ActionWatch, netconf.ActionRedirect:
		clear(operands[:3]) // the address has 5 bytes of 8
		if kind == netconf.ActionRedirect {
			clear(operands[12:])
		}
	case netconf.MatchIPv4Source, netconf.MatchIPv4Dest:
		operands[4] %= 33
	case netconf.MatchIPv6Source, netconf.MatchIPv6Dest:
		operands[16] %= 129
	case netconf.MatchICMP:
		operands[2] &= 1
		operands[1] *= operands[2]
	}
	rule, err := netconf.MakeRule(kind, rapid.Bool().Draw(t, "not"), rapid.Bool().Draw(t, "or"), operands)
	if err != nil {
		t.Fatal(err)
	}
	return rule
}

func TestEntriesOfRulesAreTheSameRules(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rule := anyRule(t)
		entry := EntryOf(rule)
		if back, err := entry.Rule(); back != rule || err != nil {
			t.Fatalf("%v: %v is %v, %v", rule, entry, back, err)
		}
		if again := EntryOf(rule); again != entry {
			t.Fatalf("%v and %v", entry, again)
		}
	})
}

func TestEntriesAreReadLikeRules(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rule := anyRule(t)
		if _, named := netconf.RuleTypeNamed(rule.Type.String()); !named || rule.Type == netconf.MatchIntegerRange {
			return
		}
		if rule.Type.IsAction() {
			rule.Not, rule.Or = false, false
		}
		text, err := json.Marshal(EntryOf(rule))
		if err != nil {
			t.Fatal(err)
		}
		var entry Entry
		var direct netconf.Rule
		if err := json.Unmarshal(text, &entry); err != nil || entry != EntryOf(rule) {
			t.Fatalf("%s is %v, %v", text, entry, err)
		}
		if err := json.Unmarshal(text, &direct); err != nil || direct != rule {
			t.Fatalf("%s is the rule %v, %v, want %v", text, direct, err, rule)
		}
		controllers, _ := json.Marshal(rule)
		if err := json.Unmarshal(controllers, &entry); err != nil || entry != EntryOf(rule) {
			t.Fatalf("%s is %v, %v", controllers, entry, err)
		}
	})
}

func TestNumbersAreCutAndTextsMadeCanonical(t *testing.T) {
	for _, c := range []struct{ given, want string }{
		{`{"type":"MATCH_IP_PROTOCOL","ipProtocol":262}`, `{"ipProtocol":6,"not":false,"or":false,"type":"MATCH_IP_PROTOCOL"}`},
		{`{"type":"MATCH_ETHERTYPE","etherType":"67584","not":1,"or":"true"}`, `{"etherType":2048,"not":true,"or":true,"type":"MATCH_ETHERTYPE"}`},
		{`{"type":"MATCH_VLAN_ID","vlanId":" 80\n"}`, `{"not":false,"or":false,"type":"MATCH_VLAN_ID","vlanId":80}`},
		{`{"type":"ACTION_TEE","address":"DEADBEEF11","length":-1}`, `{"address":"deadbeef11","length":65535,"type":"ACTION_TEE"}`},
		{`{"type":"ACTION_WATCH","address":"abc","flags":7}`, `{"address":"0000000abc","flags":7,"length":0,"type":"ACTION_WATCH"}`},
		{`{"type":"ACTION_REDIRECT","not":true}`, `{"address":"0000000000","type":"ACTION_REDIRECT"}`},
		{`{"type":"MATCH_IPV4_DEST","ip":"10.0.0.1"}`, `{"ip":"10.0.0.1/0","not":false,"or":false,"type":"MATCH_IPV4_DEST"}`},
		{`{"type":"MATCH_IPV6_SOURCE","ip":"FD00:0::1/200"}`, `{"ip":"fd00::1/128","not":false,"or":false,"type":"MATCH_IPV6_SOURCE"}`},
		{`{"type":"MATCH_IPV6_SOURCE"}`, `{"ip":"::/0","not":false,"or":false,"type":"MATCH_IPV6_SOURCE"}`},
		{`{"type":"MATCH_MAC_SOURCE","mac":"AABB-CCDD-EEFF"}`, `{"mac":"aa:bb:cc:dd:ee:ff","not":false,"or":false,"type":"MATCH_MAC_SOURCE"}`},
		{`{"type":"MATCH_IP_DEST_PORT_RANGE","start":80}`, `{"end":80,"not":false,"or":false,"start":80,"type":"MATCH_IP_DEST_PORT_RANGE"}`},
		{`{"type":"MATCH_ICMP","icmpType":8}`, `{"icmpCode":null,"icmpType":8,"not":false,"or":false,"type":"MATCH_ICMP"}`},
		{`{"type":"MATCH_ICMP","icmpType":8,"icmpCode":-1}`, `{"icmpCode":255,"icmpType":8,"not":false,"or":false,"type":"MATCH_ICMP"}`},
		{`{"type":"MATCH_CHARACTERISTICS","mask":3}`, `{"mask":"0000000000000003","not":false,"or":false,"type":"MATCH_CHARACTERISTICS"}`},
		{`{"type":"MATCH_CHARACTERISTICS","mask":18446744073709551615}`, `{"mask":"ffffffffffffffff","not":false,"or":false,"type":"MATCH_CHARACTERISTICS"}`},
		{`{"type":"MATCH_TAGS_EQUAL","id":4294967297,"value":-1,"extra":[1]}`, `{"id":1,"not":false,"or":false,"type":"MATCH_TAGS_EQUAL","value":4294967295}`},
		{`{"type":"MATCH_RANDOM","probability":2147483647.9}`, `{"not":false,"or":false,"probability":2147483647,"type":"MATCH_RANDOM"}`},
	} {
		var entry Entry
		if err := json.Unmarshal([]byte(c.given), &entry); err != nil {
			t.Errorf("%s: %v", c.given, err)
			continue
		}
		rule, err := entry.Rule()
		if err != nil {
			t.Errorf("%s: %v", c.given, err)
			continue
		}
		if got, _ := json.Marshal(EntryOf(rule)); string(got) != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.given, got, c.want)
		}
		var direct netconf.Rule
		if err := json.Unmarshal([]byte(c.given), &direct); err != nil || direct != rule {
			t.Errorf("%s: %v, but as a rule %v, %v", c.given, rule, direct, err)
		}
	}
}

func TestWhatIsNoEntryIsRefused(t *testing.T) {
	for _, c := range []struct{ json, want string }{
		{`null`, "want an object"},
		{`[]`, "want an object"},
		{`{}`, "type: missing"},
		{`{"type":3}`, "type: missing or not a string"},
		{`{"type":"ACTION_PRIORITY"}`, `type: "ACTION_PRIORITY" is none`},
		{`{"type":"MATCH_ETHERTYPE","etherType":"ipv4"}`, "etherType: want a number"},
		{`{"type":"MATCH_ETHERTYPE","etherType":{}}`, "etherType: want a number"},
		{`{"type":"MATCH_ETHERTYPE","not":[]}`, "not: want a boolean"},
		{`{"type":"MATCH_IPV4_DEST","ip":5}`, "ip: want a string"},
		{`{"type":"INTEGER_RANGE","start":2,"end":1,"bits":8}`, "end must not be below start"},
		{`{"type":"` + strings.Repeat("x", 1<<16) + `"}`, "…"},
	} {
		entry := Entry{Type: netconf.ActionBreak}
		err := entry.UnmarshalJSON([]byte(c.json))
		if err == nil || !strings.Contains(err.Error(), c.want) || len(err.Error()) > 200 {
			t.Errorf("%.80s: %v, want %q", c.json, err, c.want)
		}
	}
}

func TestOperandsThatNodesCannotObey(t *testing.T) {
	for _, c := range []struct {
		entry Entry
		want  string
	}{
		{Entry{Type: netconf.ActionTee, Text: "$whoandlen"}, `address: want the 10 hex digits of a node's address, got "$whoandlen"`},
		{Entry{Type: netconf.ActionRedirect}, `address: want the 10 hex digits of a node's address, got nothing`},
		{Entry{Type: netconf.MatchSourceNode, Text: "deadbeef112"}, "zt: want"},
		{Entry{Type: netconf.MatchMACDest, Text: "aa:bb"}, "mac: want 12 hex digits"},
		{Entry{Type: netconf.MatchMACDest, Text: "gg:bb:cc:dd:ee:ff"}, "mac: want 12 hex digits"},
		{Entry{Type: netconf.MatchIPv4Source, Text: "10.0.0.0/x"}, "ip: want an IPv4 address"},
		{Entry{Type: netconf.MatchIPv4Source, Text: "10.0.0.0/"}, "ip: want an IPv4 address"},
		{Entry{Type: netconf.MatchIPv4Source, Text: "fd00::/8"}, "ip: want an IPv4 address"},
		{Entry{Type: netconf.MatchIPv6Source, Text: "10.0.0.0/8"}, "ip: want an IPv6 address"},
		{Entry{Type: netconf.MatchIPv6Source, Text: "fe80::1%eth0/64"}, "ip: want an IPv6 address"},
		{Entry{Type: netconf.MatchCharacteristics, Text: "10000000000000000"}, "mask: want up to 16 hex digits"},
		{Entry{Type: netconf.MatchIntegerRange, Text: "00"}, "type: INTEGER_RANGE cannot be made"},
		{Entry{Type: netconf.ActionPriority, Text: "00"}, "type: rule type 6 cannot be made"},
		{Entry{Type: 200}, "type"},
	} {
		if _, err := c.entry.Rule(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %v, want %q", c.entry, err, c.want)
		}
	}
	_, err := NetconfRules([]Entry{{Type: netconf.ActionAccept}, {Type: netconf.MatchIPv4Dest, Text: "x"}})
	if err == nil || !strings.HasPrefix(err.Error(), "rules[1].ip: want") {
		t.Errorf("table: %v", err)
	}
	rules := []netconf.Rule{{Type: netconf.MatchVLANID, Not: true}, {Type: netconf.ActionDrop}}
	if back, err := NetconfRules(EntriesOf(rules)); err != nil || !slices.Equal(back, rules) {
		t.Errorf("%v, %v", back, err)
	}
}

func TestControllersMakeSomethingOfEveryText(t *testing.T) {
	for _, c := range []struct {
		kind       netconf.RuleType
		text, want string
	}{
		{netconf.MatchIPv4Source, "10.0.0.0/8", "10.0.0.0/8"},
		{netconf.MatchIPv4Source, "10.0.0.0/x", "10.0.0.0/0"},
		{netconf.MatchIPv4Source, "10.0.0.0/", "10.0.0.0/0"},
		{netconf.MatchIPv4Source, "10.0.0.0", "10.0.0.0/0"},
		{netconf.MatchIPv4Source, "10.0.0.0/99", "10.0.0.0/32"},
		{netconf.MatchIPv4Source, "10.0.0.0/8;accept", "10.0.0.0/8"},
		{netconf.MatchIPv4Source, "10.0.0.0/ \t+8", "10.0.0.0/8"},
		{netconf.MatchIPv4Source, "10.0.0.0/\u00a08", "10.0.0.0/0"},
		{netconf.MatchIPv4Source, "10.0.0.0/8/9", "10.0.0.0/8"},
		{netconf.MatchIPv4Source, "10.0.0.0/-1", "10.0.0.0/32"},
		{netconf.MatchIPv4Source, "10.0.0.0/256", "10.0.0.0/0"},
		{netconf.MatchIPv4Source, "10.0.0.0/264", "10.0.0.0/8"},
		{netconf.MatchIPv4Source, "10.0.0.0/99999999999999999999", "10.0.0.0/32"},
		{netconf.MatchIPv4Source, "10.0.0.0/8\x00.1", "10.0.0.0/8"},
		{netconf.MatchIPv4Source, "300.1.2.3/8", "0.0.0.0/8"},
		{netconf.MatchIPv4Source, "01.2.3.4/8", "0.0.0.0/8"},
		{netconf.MatchIPv4Source, "x10.0.0.1y/24", "0.0.0.0/24"},
		{netconf.MatchIPv4Source, "10/8", "0.0.0.0/0"},
		{netconf.MatchIPv4Source, "", "0.0.0.0/0"},
		{netconf.MatchIPv4Source, "fd00::1/64", "0.0.0.0/32"},
		{netconf.MatchIPv4Source, "10.0.0.0/8" + strings.Repeat(" ", 53), "10.0.0.0/8"},
		{netconf.MatchIPv4Source, "10.0.0.0/8" + strings.Repeat(" ", 54), "0.0.0.0/0"},
		{netconf.MatchIPv6Dest, "FD00::1/200", "fd00::1/128"},
		{netconf.MatchIPv6Dest, "10.0.0.1/8", "::/8"},
		{netconf.MatchIPv6Dest, "fe80::1%eth0/64", "::/64"},
		{netconf.ActionRedirect, "DEADBEEF11", "deadbeef11"},
		{netconf.ActionRedirect, "not_hex_10", "0000000000"},
		{netconf.ActionRedirect, "deadbeefXY", "00deadbeef"},
		{netconf.ActionTee, "0x12345678", "0012345678"},
		{netconf.ActionTee, "0xzzzzzzzz", "0000000000"},
		{netconf.ActionTee, "-000000001", "ffffffffff"},
		{netconf.ActionTee, "$whoandlen", "0000000000"},
		{netconf.MatchSourceNode, "123456789abcdef0123456789", "ffffffffff"},
		{netconf.MatchMACDest, "AA-bb:cg", "aa:bb:c0:00:00:00"},
		{netconf.MatchMACDest, "aabbccddeeff00", "aa:bb:cc:dd:ee:ff"},
		{netconf.MatchCharacteristics, "10000000000000000", "ffffffffffffffff"},
		{netconf.MatchCharacteristics, "x", "0000000000000000"},
	} {
		if got := EntryOf(Entry{Type: c.kind, Text: c.text}.AsControllersRead()).Text; got != c.want {
			t.Errorf("%s %q: %s, want %s", c.kind, c.text, got, c.want)
		}
	}
	for _, odd := range []Entry{{Type: netconf.MatchIntegerRange, Text: "00"}, {Type: netconf.ActionPriority, Text: "x"}, {Type: 200, Not: true}} {
		if got := odd.AsControllersRead(); got != (netconf.Rule{Type: odd.Type, Not: odd.Not}) {
			t.Errorf("%v is %v", odd, got)
		}
	}
}

func TestControllersReadWhatIsExactAsItIs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rule := anyRule(t)
		if got := EntryOf(rule).AsControllersRead(); got != rule {
			t.Fatalf("%v is read as %v", rule, got)
		}
	})
}

func BenchmarkEntryRule(b *testing.B) {
	for _, e := range []Entry{
		{Type: netconf.MatchDestPorts, Start: 22, End: 22},
		{Type: netconf.MatchIPv4Dest, Text: "10.0.0.0/8"},
		{Type: netconf.ActionTee, Text: "deadbeef11", Value: -1},
	} {
		b.Run(e.Type.String(), func(b *testing.B) {
			for b.Loop() {
				if _, err := e.Rule(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
