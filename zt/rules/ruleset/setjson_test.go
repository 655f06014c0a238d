package ruleset

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/orrery-net/orrery/zt/netconf"
)

func TestSetJSON(t *testing.T) {
	minusOne := int64(-1)
	set := Set{
		Rules: []Entry{{Type: netconf.MatchDestPorts, Not: true, Start: 1, End: 2}, {Type: netconf.ActionAccept}},
		Capabilities: []Capability{
			{Name: "b", ID: 9, Default: true, Rules: []Entry{{Type: netconf.MatchICMP, Value: 8, Code: AnyCode}, {Type: netconf.ActionAccept}}},
			{ID: 1},
		},
		Tags: []Tag{
			{Name: "zeta", ID: 7, Default: &minusOne, Flags: []Value{{"y", 2}, {"x", -2147483648}}, Enums: []Value{{`a"b`, 5}}},
			{Name: "alpha", ID: 8},
			{ID: 3},
		},
	}
	const want = `{"config":{"rules":[{"end":2,"not":true,"or":false,"start":1,"type":"MATCH_IP_DEST_PORT_RANGE"},{"type":"ACTION_ACCEPT"}],` +
		`"capabilities":[{"default":true,"id":9,"rules":[{"icmpCode":null,"icmpType":8,"not":false,"or":false,"type":"MATCH_ICMP"},{"type":"ACTION_ACCEPT"}]},` +
		`{"default":false,"id":1,"rules":[]}],"tags":[{"default":-1,"id":7},{"default":null,"id":8},{"default":null,"id":3}]},` +
		`"capabilitiesByName":{"b":9},"tagsByName":{"zeta":{"default":-1,"enums":{"a\"b":5},"flags":{"y":2,"x":-2147483648},"id":7},` +
		`"alpha":{"default":null,"enums":{},"flags":{},"id":8}}}`
	got, err := json.Marshal(&set)
	if err != nil || string(got) != want {
		t.Errorf("got  %s, %v\nwant %s", got, err, want)
	}
	var back Set
	if err := json.Unmarshal(got, &back); err != nil {
		t.Fatal(err)
	}
	if again, err := json.Marshal(&back); string(again) != want {
		t.Errorf("reads back as %s, %v", again, err)
	}
	if empty, err := json.Marshal(&Set{}); string(empty) != `{"config":{"rules":[],"capabilities":[],"tags":[]},"capabilitiesByName":{},"tagsByName":{}}` {
		t.Errorf("an empty set is %s, %v", empty, err)
	}
	if got := string((&Set{}).TagsByName()); got != "{}" || (&Set{}).CapabilitiesByName() == nil {
		t.Errorf("no names are %s", got)
	}
}

func TestSetsOfOtherOrigin(t *testing.T) {
	for _, c := range []struct{ name, given, want string }{
		{"nothing", `{}`, `[] [] []`},
		{"nulls", `{"config":{"rules":null,"capabilities":null,"tags":null},"tagsByName":null,"capabilitiesByName":null,"rulesSource":null}`, `[] [] []`},
		{"a whole network", `{"id":"x","type":"Network","clock":1,"config":{"authTokens":[null],"rules":[{"type":"ACTION_DROP"}],"routes":[],"tags":[{"id":1,"default":null}]},
			"rulesSource":"drop;","tagsByName":{"role":{"id":1,"default":null,"enums":{"b":2,"a":1},"flags":{}}},"permissions":{}}`,
			`[ACTION_DROP] [] [role=1 b=2 a=1]`},
		{"sorted by a controller", `{"config":{"tags":[{"id":1,"default":5},{"id":2,"default":null},{"id":3,"default":7}],"capabilities":[{"id":4,"rules":[],"default":false},{"id":5,"rules":[{"not":false,"or":false,"type":"ACTION_ACCEPT"}],"default":true}]},
			"tagsByName":{"c":{"id":3},"a":{"id":1,"default":99}},"capabilitiesByName":{"y":5,"x":4}}`,
			`[] [x=4 y=5*ACTION_ACCEPT] [c=3:7 a=1:5 =2]`},
		{"numbers in other forms", `{"config":{"tags":[{"id":"12","default":"5"},{"id":13,"default":true}],"capabilities":[{"id":4294967297,"default":1}]}}`, `[] [=1*] [=12:5 =13:1]`},
		{"one id twice", `{"config":{"tags":[{"id":5,"default":0},{"id":5,"default":1}]},"tagsByName":{"a":{"id":5},"b":{"id":5},"c":{"id":5}}}`, `[] [] [a=5:0 b=5:1 c=5:1]`},
		{"a name only", `{"config":{"tags":[]},"tagsByName":{"a":{"id":5,"default":3}}}`, `[] [] [a=5]`},
		{"names of any form", `{"config":{"tags":[{"id":5,"default":0}]},"tagsByName":{"a":7,"b":null,"c":{"id":"x"},"d":{"id":5,"flags":[1],"enums":{"x":"y","z":3,"w":null}},"":{"id":6}},"capabilitiesByName":[1,2]}`,
			`[] [] [d=5:0 z=3]`},
		{"by-name objects that are none", `{"tagsByName":"x","capabilitiesByName":3}`, `[] [] []`},
		{"a key twice", `{"config":{"tags":[{"id":1},{"id":2}]},"tagsByName":{"a":{"id":1},"b":{"id":2},"a":{"id":2}}}`, `[] [] [a=2 b=2 =1]`},
	} {
		var set Set
		if err := json.Unmarshal([]byte(c.given), &set); err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got := summary(&set); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// summary is what a set holds, in short.
func summary(s *Set) string {
	types := func(entries []Entry) string {
		var names []string
		for _, e := range entries {
			names = append(names, e.Type.String())
		}
		return strings.Join(names, " ")
	}
	var capabilities, tags []string
	for _, c := range s.Capabilities {
		text := c.Name + "=" + numberText(int64(c.ID))
		if c.Default {
			text += "*"
		}
		capabilities = append(capabilities, text+types(c.Rules))
	}
	for _, tag := range s.Tags {
		text := tag.Name + "=" + numberText(int64(tag.ID))
		if tag.Default != nil {
			text += ":" + numberText(*tag.Default)
		}
		for _, v := range append(tag.Flags, tag.Enums...) {
			text += " " + v.Name + "=" + numberText(v.Value)
		}
		tags = append(tags, text)
	}
	return "[" + types(s.Rules) + "] [" + strings.Join(capabilities, " ") + "] [" + strings.Join(tags, " ") + "]"
}

func numberText(n int64) string {
	text, _ := json.Marshal(n)
	return string(text)
}

func TestWhatIsNoSetIsRefused(t *testing.T) {
	for _, c := range []struct{ given, want string }{
		{`[]`, "read a rule set"},
		{`{"config":[]}`, "read a rule set"},
		{`{"config":{"rules":{}}}`, "read a rule set"},
		{`{"config":{"rules":[{"type":"ACTION_DROP"},{"type":"X"}]}}`, `config.rules[1]: type: "X" is none`},
		{`{"config":{"rules":[null]}}`, "config.rules[0]: want an object"},
		{`{"config":{"capabilities":[{"id":1,"rules":[5]}]}}`, "config.capabilities[0]: rules[0]: want an object"},
		{`{"config":{"capabilities":[{"rules":[]}]}}`, "config.capabilities[0]: id: missing"},
		{`{"config":{"capabilities":[null]}}`, "config.capabilities[0]: want an object"},
		{`{"config":{"tags":[{"id":{}}]}}`, "config.tags[0]: id: want a number"},
		{`{"config":{"tags":[{"id":1,"default":"x"}]}}`, "config.tags[0]: default: want a number"},
		{`{"config":{"tags":[7]}}`, "config.tags[0]: want an object"},
	} {
		set := Set{Tags: []Tag{{ID: 4}}}
		if err := json.Unmarshal([]byte(c.given), &set); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.given, err, c.want)
		}
		if len(set.Tags) != 1 {
			t.Errorf("%s: the set was changed", c.given)
		}
	}
}

func TestSetNames(t *testing.T) {
	set := Set{Tags: []Tag{{ID: 1}, {ID: 2}}, Capabilities: []Capability{{ID: 7}, {ID: 8}, {ID: 7}}}
	set.SetNames([]byte(`{"b":{"id":2},"a":{"id":1}}`), []byte(`{"x":7,"y":7,"z":7}`))
	if got := summary(&set); got != "[] [x=7 =8 y=7] [b=2 a=1]" {
		t.Error(got)
	}
	set.SetNames(nil, nil)
	if got := summary(&set); got != "[] [x=7 =8 y=7] [b=2 a=1]" {
		t.Errorf("without names: %s", got)
	}
}

func TestReadingTakesTimeThatGrowsWithTheInput(t *testing.T) {
	many := func(one string) string { return strings.TrimSuffix(strings.Repeat(one, (1<<20)/len(one)), ",") }
	for name, given := range map[string]string{
		"rules":          `{"config":{"rules":[` + many(`{"type":"ACTION_DROP"},`) + `]}}`,
		"tags":           `{"config":{"tags":[` + many(`{"id":1},`) + `]},"tagsByName":{` + many(`"a":{"id":1},`) + `}}`,
		"capabilities":   `{"config":{"capabilities":[` + many(`{"id":1},`) + `]},"capabilitiesByName":{` + many(`"a":1,`) + `}}`,
		"depth":          `{"tagsByName":{"a":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + `}}`,
		"depth of rules": `{"config":{"rules":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + `}}`,
	} {
		start := time.Now()
		var set Set
		err := set.UnmarshalJSON([]byte(given))
		if took := time.Since(start); took > 20*time.Second {
			t.Errorf("%s: took %v, %v", name, took, err)
		}
	}
}

func FuzzSetJSON(f *testing.F) {
	f.Add([]byte(`{"config":{"rules":[{"type":"MATCH_IPV4_DEST","ip":"10.0.0.0/8"},{"type":"ACTION_TEE","address":"deadbeef11"}],"tags":[{"id":1,"default":2}],
		"capabilities":[{"id":1,"default":true,"rules":[]}]},"tagsByName":{"a":{"id":1,"flags":{"x":1}}},"capabilitiesByName":{"c":1}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var set Set
		if json.Unmarshal(data, &set) != nil {
			return
		}
		text, err := json.Marshal(&set)
		if err != nil {
			t.Fatalf("%s cannot be written: %v", data, err)
		}
		var again Set
		if err := json.Unmarshal(text, &again); err != nil {
			t.Fatalf("%s cannot be read: %v", text, err)
		}
		if second, err := json.Marshal(&again); err != nil || string(second) != string(text) {
			t.Fatalf("%s is written again as %s, %v", text, second, err)
		}
		if rules, err := NetconfRules(set.Rules); err == nil {
			if back, err := NetconfRules(EntriesOf(rules)); err != nil || len(back) != len(rules) {
				t.Fatalf("%v comes back as %v, %v", rules, back, err)
			}
		}
	})
}
