package rules

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/orrery-net/orrery/zt/netconf"
	"github.com/orrery-net/orrery/zt/rules/ruleset"
)

// anyEntry draws entries that nobody checked.
func anyEntry(t *rapid.T) ruleset.Entry {
	integer := rapid.OneOf(rapid.Int64Range(-2, 3), rapid.Int64Range(-70000, 70000), rapid.Int64())
	return ruleset.Entry{
		Type: netconf.RuleType(rapid.OneOf(rapid.Uint8Range(0, 63), rapid.SampledFrom([]uint8{0, 1, 2, 3, 4, 5, 6, 51, 200})).Draw(t, "type")),
		Not:  rapid.Bool().Draw(t, "not"), Or: rapid.Bool().Draw(t, "or"),
		Text: rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{
			"deadbeef11", "DEADBEEF11", "abc", "$whoandlen", "aa-bb-cc-dd-ee-ff", "10.0.0.0/8", "10.0.0.1", "10.0.0.0/99", "10.0.0.0/", "10.0.0.0/x",
			"fd00::/8", "FD00::1/64", "1:2:3:4:5:6:7.8.9.10/64", "::ffff:1.2.3.4/96", "fe80::1%eth0/64", "8000000000000001", "ffff", "10.0.0.0/8;\naccept;",
		})).Draw(t, "text"),
		Value: integer.Draw(t, "value"), Start: integer.Draw(t, "start"), End: integer.Draw(t, "end"),
		Code: integer.Draw(t, "code"), ID: integer.Draw(t, "id"), Flags: rapid.SampledFrom([]int64{0, 0, 0, 5}).Draw(t, "flags"),
	}
}

func anySet(t *rapid.T) *ruleset.Set {
	entries := rapid.SliceOfN(rapid.Custom(anyEntry), 0, 8)
	values := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) ruleset.Value {
		return ruleset.Value{Name: anyName(t), Value: rapid.OneOf(rapid.Int64(), rapid.Int64Range(-1<<31, 1<<32)).Draw(t, "value")}
	}), 0, 3)
	return &ruleset.Set{
		Rules: entries.Draw(t, "rules"),
		Capabilities: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) ruleset.Capability {
			return ruleset.Capability{Name: anyName(t), ID: rapid.Uint32Range(0, 3).Draw(t, "id"), Rules: entries.Draw(t, "rules")}
		}), 0, 3).Draw(t, "capabilities"),
		Tags: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) ruleset.Tag {
			return ruleset.Tag{
				Name: anyName(t), ID: rapid.Uint32Range(0, 3).Draw(t, "id"), Flags: values.Draw(t, "flags"), Enums: values.Draw(t, "enums"),
				Default: rapid.Ptr(rapid.Int64(), true).Draw(t, "default"),
			}
		}), 0, 4).Draw(t, "tags"),
	}
}

// effective is what counts of a set: what has no effect on nodes is left out.
func effective(set *ruleset.Set) *ruleset.Set {
	made := &ruleset.Set{Rules: effectiveRules(set.Rules)}
	for i, c := range set.Capabilities {
		if !slices.ContainsFunc(set.Capabilities[i+1:], func(later ruleset.Capability) bool { return later.ID == c.ID }) {
			c.Rules = effectiveRules(c.Rules)
			made.Capabilities = append(made.Capabilities, c)
		}
	}
	for i, tag := range set.Tags {
		if !slices.ContainsFunc(set.Tags[i+1:], func(later ruleset.Tag) bool { return later.ID == tag.ID }) {
			made.Tags = append(made.Tags, tag)
		}
	}
	return made
}

func effectiveRules(table []ruleset.Entry) []ruleset.Entry {
	table = slices.Clone(table)
	for len(table) > 0 && !table[len(table)-1].Type.IsAction() {
		table = table[:len(table)-1]
	}
	for i := range table {
		if table[i].Type.IsAction() {
			table[i].Not, table[i].Or = false, false
		}
	}
	return table
}

func countRules(set *ruleset.Set) (n int) {
	for _, table := range append([][]ruleset.Entry{set.Rules}, tablesOf(set)...) {
		rules, _ := rulesOf(table)
		n += len(rules)
	}
	return n
}

func tablesOf(set *ruleset.Set) (tables [][]ruleset.Entry) {
	for _, c := range set.Capabilities {
		tables = append(tables, c.Rules)
	}
	return tables
}

func TestHostileSetsAreDecompiledWithoutSilentLoss(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		set := anySet(t)
		text, diagnostics := Decompile(set)
		p, found := Compile(text, Strict)
		if p == nil {
			t.Fatalf("%v in:\n%s", firstError(found), text)
		}
		leftOut := 0
		for _, d := range diagnostics {
			if d.Code == notExpressible && strings.HasPrefix(d.Message, "A rule is left out") {
				leftOut++
				if line := strings.Split(text, "\n")[d.Line-1]; !strings.Contains(line, "# ") {
					t.Fatalf("line %d has no comment about it:\n%s", d.Line, text)
				}
			}
		}
		want := effective(set)
		if got, want := countRules(&p.Set)+leftOut, countRules(want); got != want {
			t.Fatalf("%d rules of %d, %d of them left out:\n%s", got, want, leftOut, text)
		}
		if !HasErrors(diagnostics) {
			sameForNodesSets(t, &p.Set, want, text)
		}
		if again, _ := Decompile(&p.Set); strings.Count(again, "#") > 0 {
			t.Fatalf("decompiled again, something is left out:\n%s", again)
		}
	})
}

func TestWhatCannotBeSaidIsToldWithItsPlace(t *testing.T) {
	accept, tcp := ruleset.Entry{Type: netconf.ActionAccept}, ruleset.Entry{Type: netconf.MatchIPProtocol, Value: 6}
	for _, c := range []struct {
		name  string
		set   ruleset.Set
		codes string // severity and code of each diagnostic, with its line
		text  string // that must be in the program
	}{
		{"broken operand", ruleset.Set{Rules: []ruleset.Entry{tcp, {Type: netconf.ActionTee, Text: "$whoandlen", Value: 1}, accept}},
			"error NOT_EXPRESSIBLE 1", "# tee 1 $whoandlen ipprotocol tcp\n"},
		{"integer range", ruleset.Set{Rules: []ruleset.Entry{{Type: netconf.MatchIntegerRange}, accept}}, "error NOT_EXPRESSIBLE 1", "# accept INTEGER_RANGE"},
		{"priority", ruleset.Set{Rules: []ruleset.Entry{{Type: netconf.ActionPriority}, accept}}, "error NOT_EXPRESSIBLE 1", "# rule type 6"},
		{"VLAN", ruleset.Set{Rules: []ruleset.Entry{{Type: netconf.MatchVLANID, Value: 5000}, accept}}, "error NOT_EXPRESSIBLE 1", "# accept vlan 5000"},
		{"flags", ruleset.Set{Rules: []ruleset.Entry{{Type: netconf.ActionWatch, Text: "deadbeef11", Flags: 5}}}, "error NOT_EXPRESSIBLE 1", "watch 0 deadbeef11;"},
		{"no action", ruleset.Set{Rules: []ruleset.Entry{accept, tcp}}, "warning W_NO_EFFECT 3", "# … ipprotocol tcp"},
		{"negated action", ruleset.Set{Rules: []ruleset.Entry{{Type: netconf.ActionDrop, Not: true}}}, "warning W_NO_EFFECT 1", "drop;"},
		{"new line in a text", ruleset.Set{Rules: []ruleset.Entry{{Type: netconf.ActionRedirect, Text: "a\naccept;"}}}, "error NOT_EXPRESSIBLE 1", "# redirect a accept;"},
		{"control characters in a text", ruleset.Set{Rules: []ruleset.Entry{{Type: netconf.ActionRedirect, Text: "a\x1b[31m\u202e\x00\xffb"}}}, "error NOT_EXPRESSIBLE 1", "# redirect a [31m  \uFFFDb\n"},
		{"names", ruleset.Set{Tags: []ruleset.Tag{
			{Name: "accept", ID: 1}, {Name: "two words", ID: 2}, {Name: "Role", ID: 3}, {Name: "role", ID: 4}, {ID: 5}, {Name: "constructor", ID: 6}, {Name: "9", ID: 7},
		}}, "warning W_RENAMED 1, warning W_RENAMED 5, warning W_RENAMED 13, information I_ONLY_STRICT 21, warning W_RENAMED 25",
			"tag tag_accept\n\tid 1\n;\n\ntag two_words\n\tid 2\n;\n\ntag role\n\tid 3\n;\n\ntag role_2\n\tid 4\n;\n\ntag tag_5\n\tid 5\n;\n\ntag constructor\n\tid 6\n;\n\ntag tag_9\n\tid 7\n;\n"},
		{"duplicate ids", ruleset.Set{Capabilities: []ruleset.Capability{{Name: "a", ID: 1}, {Name: "b", ID: 1, Default: true}}},
			"warning W_NO_EFFECT 1", "cap b\n\tid 1\n\tdefault\n;"},
		{"value without bits", ruleset.Set{Tags: []ruleset.Tag{{Name: "t", Flags: []ruleset.Value{{Name: "none"}}}}}, "warning W_RENAMED 3", "\tenum 0 none\n"},
		{"misread mask", ruleset.Set{Rules: []ruleset.Entry{{Type: netconf.MatchCharacteristics, Text: "c000000000000000"}, accept}},
			"information I_ONLY_STRICT 1", "accept chr inbound,multicast;"},
		{"too many rules", ruleset.Set{Rules: slices.Repeat([]ruleset.Entry{tcp, accept}, 513)}, "error LIMIT_EXCEEDED 514", "accept ipprotocol tcp;"},
	} {
		text, diagnostics := Decompile(&c.set)
		var codes []string
		for _, d := range diagnostics {
			codes = append(codes, strings.Join([]string{d.Severity, d.Code, jsonOf(t, d.Line)}, " "))
		}
		if got := strings.Join(codes, ", "); got != c.codes {
			t.Errorf("%s: %s, want %s: %v in\n%s", c.name, got, c.codes, diagnostics, text)
		}
		if !strings.Contains(text, c.text) {
			t.Errorf("%s: no %q in\n%s", c.name, c.text, text)
		}
	}
}

func TestValuesThatTheOriginalCannotCompareByNameAreNumbers(t *testing.T) {
	set := &ruleset.Set{Tags: []ruleset.Tag{{Name: "t", ID: 1, Flags: []ruleset.Value{{Name: "top", Value: 1 << 31}, {Name: "low", Value: 1}}, Enums: []ruleset.Value{{Name: "log", Value: 7}}}}}
	for _, value := range []int64{1 << 31, 1, 7} {
		set.Rules = append(set.Rules, ruleset.Entry{Type: netconf.MatchTagsEqual, ID: 1, Value: value})
	}
	set.Rules = append(set.Rules, ruleset.Entry{Type: netconf.ActionAccept})
	text, diagnostics := Decompile(set)
	if len(diagnostics) > 0 || !strings.Contains(text, "teq t 2147483648\n\tand teq t low\n\tand teq t 7\n") {
		t.Errorf("%v in\n%s", diagnostics, text)
	}
	for _, mode := range []Mode{Strict, Compatible} {
		if p, found := Compile(text, mode); p == nil || !slices.EqualFunc(p.Rules, set.Rules, sameForNodes) {
			t.Errorf("%s: %v", mode, found)
		}
	}
}

func jsonOf(t *testing.T, value any) string {
	t.Helper()
	data, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestDecompilingTakesTimeThatGrowsWithTheSet(t *testing.T) {
	set := &ruleset.Set{}
	for i := range uint32(20_000) {
		set.Tags = append(set.Tags, ruleset.Tag{ID: i, Name: "tag"})
		set.Capabilities = append(set.Capabilities, ruleset.Capability{ID: i, Name: "cap_" + strings.Repeat("_2", int(i%5))})
	}
	set.Rules = slices.Repeat([]ruleset.Entry{{Type: netconf.MatchEtherType, Value: 1}}, 20_000)
	start := time.Now()
	text, _ := Decompile(set)
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("took %v for %d bytes", took, len(text))
	} else {
		t.Logf("%v for %d bytes", took, len(text))
	}
}

func FuzzDecompile(f *testing.F) {
	for _, v := range vectors(f) {
		if v.OK {
			f.Add([]byte(v.Output))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var set ruleset.Set
		if set.UnmarshalJSON(data) != nil {
			return
		}
		text, diagnostics := Decompile(&set)
		if p, found := Compile(text, Strict); p == nil && !hasCode(diagnostics, "LIMIT_EXCEEDED") {
			t.Errorf("%v in:\n%s", firstError(found), text)
		}
	})
}
