package netconf

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// parseRulesLenient reads rules as the reference controller does: what it does
// not understand is dropped without a word (protocol 07 §5).
func parseRulesLenient(data []byte) []Rule {
	var entries []json.RawMessage
	if json.Unmarshal(data, &entries) != nil {
		return nil
	}
	var rules []Rule
	for _, entry := range entries {
		var rule Rule
		if rule.UnmarshalJSON(entry) == nil && rule.Type != MatchIntegerRange {
			rules = append(rules, rule)
		}
	}
	return rules
}

func sameJSON(t *testing.T, what string, got, want []byte) {
	t.Helper()
	var compact bytes.Buffer
	if err := json.Compact(&compact, want); err != nil {
		t.Fatal(err)
	}
	// The vectors' keys are sorted, as ours are.
	if !bytes.Equal(got, compact.Bytes()) {
		t.Errorf("%s:\n got %s\nwant %s", what, got, compact.Bytes())
	}
}

func TestRuleVectors(t *testing.T) {
	var vectors struct {
		JSON []struct {
			JSON     json.RawMessage
			Accepted bool
			Wire     hexBytes `json:"wire_hex"`
			Rendered json.RawMessage
		} `json:"json_cases"`
		WireOnly []struct {
			Name     string
			Wire     hexBytes `json:"wire_hex"`
			Rendered json.RawMessage
		} `json:"wire_only_cases"`
		Decode []struct {
			Name     string
			Wire     hexBytes `json:"wire_hex"`
			Count    int
			Consumed int
			Rules    []struct {
				Type     RuleType `json:"t"`
				Rendered json.RawMessage
			}
		} `json:"wire_decode"`
	}
	loadVectors(t, "vl2-rules.json", &vectors)
	wantCases(t, len(vectors.JSON)+len(vectors.WireOnly)+len(vectors.Decode), 68)
	wrongFamily, integerRanges := 0, 0
	for _, c := range vectors.JSON {
		what := string(c.JSON)
		var rule Rule
		err := json.Unmarshal(c.JSON, &rule)
		kept := parseRulesLenient(slices.Concat([]byte("["), c.JSON, []byte(`,{"type":"ACTION_BREAK"}]`)))
		switch {
		case err != nil && strings.Contains(err.Error(), "is of the other family"):
			wrongFamily++ // the reference turns these into an address of zeros
		case !c.Accepted && rule.Type == MatchIntegerRange && err == nil:
			integerRanges++ // we take what nodes understand and controllers render
			fallthrough
		case !c.Accepted:
			if err == nil && rule.Type != MatchIntegerRange {
				t.Errorf("%s is taken", what)
			}
			if !slices.Equal(kept, []Rule{{Type: ActionBreak}}) {
				t.Errorf("%s is not dropped alone: %v", what, kept)
			}
		case err != nil:
			t.Errorf("%s: %v", what, err)
		default:
			wantBytes(t, what, AppendRules(nil, []Rule{rule}), c.Wire)
			rendered, _ := json.Marshal(rule)
			sameJSON(t, what, rendered, c.Rendered)
			parsed, err := ParseRules(c.Wire)
			if err != nil || !slices.Equal(parsed, []Rule{rule}) {
				t.Errorf("%s: its wire form parses as %v, %v", what, parsed, err)
			}
			if !slices.Equal(kept, []Rule{rule, {Type: ActionBreak}}) {
				t.Errorf("%s: kept %v", what, kept)
			}
		}
	}
	if wrongFamily != 2 || integerRanges != 1 {
		t.Errorf("%d cases of the wrong family and %d integer ranges; the vectors have 2 and 1", wrongFamily, integerRanges)
	}
	for _, c := range vectors.WireOnly {
		rules, err := ParseRules(c.Wire)
		if err != nil || len(rules) != 1 {
			t.Errorf("%s: %v, %v", c.Name, rules, err)
			continue
		}
		wantBytes(t, c.Name, AppendRules(nil, rules), c.Wire)
		rendered, _ := json.Marshal(rules[0])
		sameJSON(t, c.Name, rendered, c.Rendered)
		var again Rule
		if err := json.Unmarshal(rendered, &again); rules[0].Type == MatchIntegerRange && (err != nil || again != rules[0]) {
			t.Errorf("%s: JSON reads back as %v, %v", c.Name, again, err)
		}
	}
	for _, c := range vectors.Decode {
		rules, err := ParseRules(c.Wire[:c.Consumed])
		if err != nil || len(rules) != c.Count || c.Consumed != len(c.Wire) {
			t.Errorf("%s: %v, %v", c.Name, rules, err)
			continue
		}
		for i, want := range c.Rules {
			if rules[i].Type != want.Type {
				t.Errorf("%s: rule %d is %s", c.Name, i, rules[i].Type)
			}
			rendered, _ := json.Marshal(rules[i])
			sameJSON(t, c.Name, rendered, want.Rendered)
		}
	}
}

func TestRuleJSONThatIsRefused(t *testing.T) {
	for _, c := range []struct{ json, want string }{
		{`null`, "want an object"},
		{`17`, "want an object"},
		{`{}`, "type is missing"},
		{`{"type":7}`, "type is missing or not a string"},
		{`{"type":""}`, "unknown type"},
		{`{"type":"match_ethertype"}`, "unknown type"},
		{`{"type":"MATCH_ETHERTYPE","etherType":"ipv4"}`, "etherType: want a number"},
		{`{"type":"MATCH_ETHERTYPE","etherType":[1]}`, "etherType: want a number"},
		{`{"type":"MATCH_ETHERTYPE","not":{}}`, "not: want a boolean"},
		{`{"type":"MATCH_MAC_DEST","mac":"01:02:03"}`, "mac: want"},
		{`{"type":"MATCH_SOURCE_ZEROTIER_ADDRESS","zt":"11223344556"}`, "zt: want"},
		{`{"type":"MATCH_SOURCE_ZEROTIER_ADDRESS","zt":5}`, "zt: want"},
		{`{"type":"MATCH_IPV4_DEST","ip":"fd00::1/64"}`, "fd00::1/64\" is of the other family"},
		{`{"type":"MATCH_IPV6_DEST","ip":"10.0.0.0/8"}`, "is of the other family"},
		{`{"type":"MATCH_IPV6_DEST","ip":"fe80::1%eth0/64"}`, "ip: want an IPv6 address"},
		{`{"type":"MATCH_IPV4_DEST","ip":"10.0.0.0/x"}`, "ip: want an IPv4 address"},
		{`{"type":"MATCH_CHARACTERISTICS","mask":"xyz"}`, "mask: want"},
		{`{"type":"INTEGER_RANGE","start":1,"end":2}`, "bits: want 1 to 64"},
		{`{"type":"INTEGER_RANGE","start":1,"end":2,"bits":65}`, "bits: want 1 to 64"},
		{`{"type":"INTEGER_RANGE","start":2,"end":1,"bits":8}`, "end must not be below start"},
		{`{"type":"INTEGER_RANGE","start":"0","end":"100000000","bits":64}`, "2^32-1 above"},
	} {
		rule := Rule{Type: ActionBreak}
		if err := json.Unmarshal([]byte(c.json), &rule); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", c.json, err, c.want)
		}
		if rule != (Rule{Type: ActionBreak}) {
			t.Errorf("%s: the rule was changed", c.json)
		}
	}
	var rule Rule
	long := `{"type":"` + strings.Repeat("x", 1<<20) + `"}`
	if err := json.Unmarshal([]byte(long), &rule); err == nil || len(err.Error()) > 200 {
		t.Error("a long type fills the error message")
	}
}

func TestRuleJSONTolerance(t *testing.T) {
	for _, c := range []struct{ given, want string }{
		{`{"type":"MATCH_ETHERTYPE","etherType":" 2048 "}`, `{"etherType":2048,"not":false,"or":false,"type":"MATCH_ETHERTYPE"}`},
		{`{"type":"MATCH_ETHERTYPE","etherType":2048.9}`, `{"etherType":2048,"not":false,"or":false,"type":"MATCH_ETHERTYPE"}`},
		{`{"type":"MATCH_ETHERTYPE","etherType":null,"not":null}`, `{"etherType":0,"not":false,"or":false,"type":"MATCH_ETHERTYPE"}`},
		{`{"type":"MATCH_ETHERTYPE","not":0.5,"or":"no"}`, `{"etherType":0,"not":true,"or":false,"type":"MATCH_ETHERTYPE"}`},
		{`{"type":"MATCH_IP_DEST_PORT_RANGE","start":"80","end":null}`, `{"end":80,"not":false,"or":false,"start":80,"type":"MATCH_IP_DEST_PORT_RANGE"}`},
		{`{"type":"MATCH_IP_DEST_PORT_RANGE","end":80}`, `{"end":80,"not":false,"or":false,"start":0,"type":"MATCH_IP_DEST_PORT_RANGE"}`},
		{`{"type":"MATCH_ICMP","icmpType":8,"icmpCode":"0"}`, `{"icmpCode":0,"icmpType":8,"not":false,"or":false,"type":"MATCH_ICMP"}`},
		{`{"type":"MATCH_CHARACTERISTICS","mask":18446744073709551615}`, `{"mask":"ffffffffffffffff","not":false,"or":false,"type":"MATCH_CHARACTERISTICS"}`},
		{`{"type":"INTEGER_RANGE","start":"ffffffffffffff00","end":18446744073709551615,"idx":65535,"little":true,"bits":1}`,
			`{"bits":1,"end":"ffffffffffffffff","idx":65535,"little":true,"not":false,"or":false,"start":"ffffffffffffff00","type":"INTEGER_RANGE"}`},
	} {
		var rule Rule
		if err := json.Unmarshal([]byte(c.given), &rule); err != nil {
			t.Errorf("%s: %v", c.given, err)
			continue
		}
		got, _ := json.Marshal(rule)
		sameJSON(t, c.given, got, []byte(c.want))
	}
}

// randomRule is a rule of a type with a name, with random operands such as JSON
// can express.
func randomRule(random *rand.Rand) Rule {
	for {
		rule := Rule{Type: RuleType(random.UintN(64)), Not: random.IntN(2) == 0, Or: random.IntN(2) == 0}
		layout := rule.Type.layout()
		if layout.name == "" {
			continue
		}
		if rule.Type.IsAction() {
			rule.Not, rule.Or = false, false
		}
		for i := range layout.size {
			rule.operands[i] = byte(random.Uint32())
		}
		switch rule.Type {
		case ActionTee, ActionWatch, ActionRedirect:
			clear(rule.operands[:3])
		case MatchIPv4Source, MatchIPv4Dest:
			rule.operands[4] %= 33
		case MatchIPv6Source, MatchIPv6Dest:
			rule.operands[16] %= 129
		case MatchICMP:
			rule.operands[icmpFlags] &= icmpWithCode
			rule.operands[1] *= rule.operands[icmpFlags]
		case MatchIntegerRange:
			copy(rule.operands[integerUpper:], rule.operands[:4]) // within 2^32 of the start
			copy(rule.operands[integerUpper+4:], []byte{0xff, 0xff, 0xff, 0xff})
			rule.operands[integerFormat] &= integerLittle | 63
		}
		if rule.Type == ActionRedirect {
			rule.operands[12], rule.operands[13] = 0, 0
		}
		return rule
	}
}

func TestRulesSurviveJSONAndWire(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	rules := make([]Rule, 0, MaxRules)
	for range MaxRules {
		rules = append(rules, randomRule(random))
	}
	text, err := json.Marshal(rules)
	if err != nil {
		t.Fatal(err)
	}
	var fromJSON []Rule
	if err := json.Unmarshal(text, &fromJSON); err != nil || !slices.Equal(fromJSON, rules) {
		t.Errorf("JSON reads back differently: %v", err)
	}
	fromWire, err := ParseRules(AppendRules(nil, rules))
	if err != nil || !slices.Equal(fromWire, rules) {
		t.Errorf("wire form reads back differently: %v", err)
	}
	tooMany, err := ParseRules(AppendRules(nil, append(rules, rules...)))
	if err != nil || !slices.Equal(tooMany, rules) {
		t.Errorf("%d rules are kept of twice as many as allowed: %v", len(tooMany), err)
	}
}

func TestRulesOfEveryTypeHaveSortedNames(t *testing.T) {
	named := 0
	for i := range layouts {
		layout := &layouts[i]
		if layout.name == "" {
			continue
		}
		named++
		if typed, ok := RuleTypeNamed(layout.name); !ok || typed != RuleType(i) {
			t.Errorf("%s is found as %s", layout.name, typed)
		}
		names := []string{}
		for _, o := range layout.operands {
			names = append(names, o.name)
			if o.at+o.size > layout.size {
				t.Errorf("%s: %s lies outside the operands", layout.name, o.name)
			}
		}
		if !slices.IsSorted(names) {
			t.Errorf("%s: %v is not sorted", layout.name, names)
		}
	}
	if named != 34 {
		t.Errorf("%d types have names; the protocol has 34", named)
	}
}

func FuzzRuleJSON(f *testing.F) {
	var vectors struct {
		JSON []struct{ JSON json.RawMessage } `json:"json_cases"`
	}
	loadVectors(f, "vl2-rules.json", &vectors)
	for _, c := range vectors.JSON {
		f.Add([]byte(c.JSON))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var rule, again Rule
		if json.Unmarshal(data, &rule) != nil {
			return
		}
		text, err := json.Marshal(rule)
		if err != nil {
			t.Fatal(err)
		}
		if rule.Type.IsAction() {
			rule.Not, rule.Or = false, false
		}
		if err := json.Unmarshal(text, &again); err != nil || again != rule {
			t.Errorf("%s reads back as %+v, %v", text, again, err)
		}
	})
}

func FuzzParseRules(f *testing.F) {
	f.Add([]byte{0xa5, 2, 8, 0, 0x68, 4, 0, 80, 0, 80, 0x3c, 3, 'a', 'b', 'c', 1, 0})
	f.Add(AppendRules(nil, []Rule{{Type: MatchIntegerRange}, {Type: MatchICMP, Not: true, Or: true}, {Type: ActionTee}}))
	f.Fuzz(func(t *testing.T, data []byte) {
		rules, err := ParseRules(data)
		if err != nil {
			return
		}
		for _, rule := range rules {
			if _, err := json.Marshal(rule); err != nil {
				t.Error(err)
			}
		}
		again, err := ParseRules(AppendRules(nil, rules))
		if err != nil || !reflect.DeepEqual(again, rules) {
			t.Errorf("%v reads back as %v, %v", rules, again, err)
		}
	})
}

func TestRuleJSONThatBecomesSomethingElse(t *testing.T) {
	for _, c := range []struct {
		rule string
		want []string
	}{
		{`{"type":"MATCH_ETHERTYPE","etherType":70000}`, []string{"etherType: 70000 became 4464"}},
		{`{"type":"MATCH_ETHERTYPE","etherType":65535}`, nil},
		{`{"type":"MATCH_IP_DEST_PORT_RANGE","start":-1,"end":"65536"}`, []string{`end: "65536" became 0`, "start: -1 became 65535"}},
		{`{"type":"MATCH_IP_DEST_PORT_RANGE","start":22}`, nil},
		{`{"type":"MATCH_ICMP","icmpType":256,"icmpCode":null}`, []string{"icmpType: 256 became 0"}},
		{`{"type":"MATCH_TAGS_EQUAL","id":1,"value":4294967296}`, []string{"value: 4294967296 became 0"}},
		{`{"type":"MATCH_CHARACTERISTICS","mask":"ffffffffffffffff"}`, nil},
		{`{"type":"ACTION_TEE","address":"0000000001","length":-1}`, nil},
		{`{"type":"ACTION_TEE","address":"0000000001","length":65536}`, []string{"length: 65536 became 0"}},
		{`{"type":"MATCH_IPV4_SOURCE","ip":"10.0.0.1"}`, []string{"ip: 10.0.0.1 has no prefix length and became 10.0.0.1/0, which is every address; write 10.0.0.1/32"}},
		{`{"type":"MATCH_IPV6_DEST","ip":"fd00::1/200"}`, []string{`ip: "fd00::1/200" became fd00::1/128`}},
		{`{"type":"MATCH_IPV6_DEST","ip":"fd00::1/128"}`, nil},
		{`{"type":"MATCH_IPV4_SOURCE"}`, nil},
	} {
		rule, changed, err := ParseRuleJSON([]byte(c.rule))
		if err != nil || !slices.Equal(changed, c.want) {
			t.Errorf("%s: %q, %v, want %q", c.rule, changed, err, c.want)
		}
		var same Rule
		if err := json.Unmarshal([]byte(c.rule), &same); err != nil || same != rule {
			t.Errorf("%s: read as %v and as %v, %v", c.rule, rule, same, err)
		}
	}
}
