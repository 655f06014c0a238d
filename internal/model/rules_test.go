package model

import (
	"encoding/json"
	"reflect"
	"slices"
	"testing"

	"github.com/orrery-net/orrery/zt/netconf"
	"github.com/orrery-net/orrery/zt/rules"
	"github.com/orrery-net/orrery/zt/rules/ruleset"
)

const program = `tag server id 2 enum 0 no enum 1 yes default no;
tag dept id 1000 flag 0 sales flag 1 it;
accept ethertype arp;
drop tdiff dept 0 not tand dept it;
cap admin id 2000 default
	accept ipprotocol tcp and dport 22;
;
break;
`

func compile(t *testing.T, source string) *rules.Program {
	t.Helper()
	p, found := rules.Compile(source, rules.Strict)
	if p == nil {
		t.Fatalf("does not compile: %v", found)
	}
	return p
}

func TestSetProgram(t *testing.T) {
	n := NewNetwork(1, "owner", 1)
	n.Tags = []NetworkTag{{ID: 7}}
	n.Capabilities = []Capability{{ID: 8}}
	n.TagsByName = []byte(`{"old":{"id":7}}`)
	n.CapabilitiesByName = map[string]uint32{"old": 8}
	if err := n.SetProgram(program, compile(t, program)); err != nil {
		t.Fatal(err)
	}
	zero := uint32(0)
	if n.RulesSource != program || len(n.Rules) == 0 || n.Rules[len(n.Rules)-1].Type != netconf.ActionBreak {
		t.Errorf("text %q, rules %v", n.RulesSource, n.Rules)
	}
	if want := []NetworkTag{{ID: 2, Default: &zero}, {ID: 1000}}; !reflect.DeepEqual(n.Tags, want) {
		t.Errorf("tags %v, want %v", n.Tags, want)
	}
	if len(n.Capabilities) != 1 || n.Capabilities[0].ID != 2000 || !n.Capabilities[0].Default || len(n.Capabilities[0].Rules) != 3 {
		t.Errorf("capabilities %v", n.Capabilities)
	}
	const names = `{"dept":{"default":null,"enums":{},"flags":{"it":2,"sales":1},"id":1000},"server":{"default":0,"enums":{"no":0,"yes":1},"flags":{},"id":2}}`
	if string(n.TagsByName) != names {
		t.Errorf("names of tags %s\nwant %s", n.TagsByName, names)
	}
	if !reflect.DeepEqual(n.CapabilitiesByName, map[string]uint32{"admin": 2000}) {
		t.Errorf("names of capabilities %v", n.CapabilitiesByName)
	}
	if err := n.Validate(); err != nil {
		t.Error(err)
	}

	if err := n.SetProgram("", compile(t, "")); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(n)
	if err != nil {
		t.Fatal(err)
	}
	empty := NewNetwork(1, "owner", 1)
	empty.RulesSource, empty.Rules = "", []netconf.Rule{}
	if want, _ := json.Marshal(empty); string(text) != string(want) {
		t.Errorf("an empty program made\n%s\nwant\n%s", text, want)
	}
}

func TestSetProgramThatNodesCannotBeGiven(t *testing.T) {
	n := NewNetwork(1, "owner", 1)
	before := n.Clone()
	bad := &rules.Program{Set: ruleset.Set{Rules: []ruleset.Entry{{Type: netconf.MatchIPv4Source, Text: "nonsense"}}}}
	if err := n.SetProgram("x", bad); err == nil {
		t.Error("a rule with an address that is none was taken")
	}
	if !reflect.DeepEqual(n, before) {
		t.Error("the network was changed")
	}
}

func TestNewNetworkIsWhatItsTextCompilesTo(t *testing.T) {
	n := NewNetwork(1, "owner", 1)
	same := n.Clone()
	if err := same.SetProgram(DefaultRulesSource, compile(t, DefaultRulesSource)); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(n, same) {
		t.Errorf("%+v\nwant %+v", n, same)
	}
}

func TestRuleSetIsTheInverseOfSetProgram(t *testing.T) {
	n := NewNetwork(1, "owner", 1)
	if err := n.SetProgram(program, compile(t, program)); err != nil {
		t.Fatal(err)
	}
	set := n.RuleSet()
	again := NewNetwork(1, "owner", 1)
	if err := again.SetProgram(program, &rules.Program{Set: *set}); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(n, again) {
		t.Errorf("%+v\nbecame %+v", n, again)
	}
	if set.Tags[1].Name != "dept" || len(set.Tags[1].Flags) != 2 || set.Capabilities[0].Name != "admin" {
		t.Errorf("names %+v, %+v", set.Tags, set.Capabilities)
	}
}

func TestRuleSetOfOddNetworks(t *testing.T) {
	n := NewNetwork(1, "owner", 1)
	five := uint32(5)
	n.Tags = []NetworkTag{{ID: 1}, {ID: 2}, {ID: 1, Default: &five}}
	n.Capabilities = []Capability{{ID: 3, Rules: netconf.AcceptAll()}, {ID: 3, Rules: netconf.DropAll()}}
	n.TagsByName = []byte(`{"a":17}`) // no form of ours
	set := n.RuleSet()
	if len(set.Rules) != len(n.Rules) || len(set.Tags) != 2 || set.Tags[0].ID != 2 || set.Tags[1].ID != 1 || *set.Tags[1].Default != 5 {
		t.Errorf("%d rules, tags %+v", len(set.Rules), set.Tags)
	}
	if len(set.Capabilities) != 1 || set.Capabilities[0].Rules[0].Type != netconf.ActionDrop {
		t.Errorf("capabilities %+v", set.Capabilities)
	}
	if set := (&Network{}).RuleSet(); len(set.Rules) != 0 || len(set.Tags) != 0 {
		t.Errorf("an empty network has %+v", set)
	}
}

func TestTagsOn(t *testing.T) {
	five, six := uint32(5), uint32(6)
	n := NewNetwork(1, "owner", 1)
	n.Tags = []NetworkTag{{ID: 30, Default: &five}, {ID: 10, Default: &five}, {ID: 20}, {ID: 40, Default: &five}, {ID: 40, Default: &six}, {ID: 50, Default: &five}, {ID: 50}}
	m := NewMember(1, 2, 3)
	m.Tags = []MemberTag{{ID: 10, Unset: true}, {ID: 30, Value: 7}, {ID: 99, Value: 8}}
	want := []MemberTag{{ID: 30, Value: 7}, {ID: 40, Value: 6}, {ID: 99, Value: 8}}
	own := slices.Clone(m.Tags)
	if got := m.TagsOn(n); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if !slices.Equal(m.Tags, own) {
		t.Errorf("the member was changed to %v", m.Tags)
	}
}
