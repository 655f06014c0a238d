package netconf

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestFitRules(t *testing.T) {
	const future RuleType = 60
	drop, accept, match := Rule{Type: ActionDrop}, Rule{Type: ActionAccept}, Rule{Type: MatchEtherType}
	unknown, unknownAction := Rule{Type: future}, Rule{Type: 12}
	table := []Rule{match, accept, match, match, drop, accept}
	cases := []struct {
		name   string
		table  []Rule
		limit  int
		engine int
		want   []Rule
	}{
		{"fits", table, 6, 1, table},
		{"a later engine", table, 6, 2, table},
		{"empty", nil, 0, 1, nil},
		{"one too long", table, 5, 1, []Rule{match, accept, drop, drop}},
		{"room for a whole rule and the end", table, 4, 1, []Rule{match, accept, drop, drop}},
		{"no room for the end", table, 3, 1, []Rule{drop}},
		{"no room for anything", table, 0, 1, []Rule{drop}},
		{"no action at all", []Rule{match, match, match}, 2, 1, []Rule{drop}},
		{"unknown match", []Rule{accept, match, unknown, drop, accept}, 99, 1, []Rule{accept, drop, drop}},
		{"unknown match first", []Rule{unknown, drop, accept}, 99, 1, []Rule{drop}},
		{"unknown action", []Rule{match, accept, match, unknownAction, accept}, 99, 1, []Rule{match, accept, drop, drop}},
		{"unknown behind what is cut", []Rule{match, accept, match, drop, unknown, drop}, 4, 1, []Rule{match, accept, drop, drop}},
		{"no engine", table, 99, 0, []Rule{drop}},
	}
	for _, c := range cases {
		before := slices.Clone(c.table)
		if got := FitRules(c.table, c.limit, c.engine); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
		if !slices.Equal(c.table, before) {
			t.Errorf("%s: the table itself was changed", c.name)
		}
	}
}

// outcome evaluates a table whose matches are each true or false, as nodes do
// (protocol 07 §2), with tags of the receiver that the sender may not know yet:
// passes reports whether the frame may pass, if need be by a capability.
func outcome(table []Rule, holds, known func(position int) bool) (passes bool) {
	set, skipDrop := true, false
	for i, rule := range table {
		if !rule.Type.IsAction() {
			if !set && !rule.Or {
				continue
			}
			result := holds(i) != rule.Not
			if rule.Type == MatchTagReceiver && !known(i) {
				result, skipDrop = true, true
			}
			if rule.Or {
				set = set || result
			} else {
				set = set && result
			}
			continue
		}
		if set {
			switch rule.Type {
			case ActionDrop:
				if !skipDrop {
					return false
				}
				skipDrop = false
			case ActionAccept, ActionRedirect, ActionBreak:
				return true
			}
			continue
		}
		set = true
	}
	return true // the capabilities decide
}

func TestCutTablesLetNothingMorePass(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	types := []RuleType{ActionDrop, ActionAccept, ActionBreak, ActionTee, ActionRedirect, MatchEtherType, MatchEtherType, MatchTagReceiver, 60}
	cut := 0
	for range 20000 {
		table := make([]Rule, random.IntN(12))
		for i := range table {
			table[i] = Rule{Type: types[random.IntN(len(types)-random.IntN(2))], Not: random.IntN(2) == 0, Or: random.IntN(3) == 0}
		}
		fitted := FitRules(table, random.IntN(13), 1)
		if len(fitted) != len(table) {
			cut++
		}
		frame := random.Uint64()
		holds := func(position int) bool { return frame>>position&1 != 0 }
		known := func(position int) bool { return frame>>(32+position)&1 != 0 }
		if outcome(fitted, holds, known) && !outcome(table, holds, known) {
			t.Fatalf("%v was made %v: it lets pass what is dropped by the whole", table, fitted)
		}
	}
	if cut < 1000 {
		t.Errorf("only %d tables were cut", cut)
	}
}

func TestFitsAsCapability(t *testing.T) {
	rules := []Rule{{Type: MatchEtherType}, {Type: ActionAccept}}
	if !FitsAsCapability(rules, 2, 1) {
		t.Error("what fits does not")
	}
	if FitsAsCapability(rules, 1, 1) || FitsAsCapability(rules, 9, 0) || FitsAsCapability([]Rule{{Type: 60}}, 9, 1) {
		t.Error("what does not fit does")
	}
}

func TestCapabilityLen(t *testing.T) {
	var vectors people
	loadVectors(t, "vl2-capability.json", &vectors)
	controller := vectors.controller(t)
	var rules []Rule
	for kind := range lastRuleType + 1 {
		rules = append(rules, Rule{Type: kind})
	}
	for _, table := range [][]Rule{nil, rules[:1], rules, slices.Repeat(rules, 2)} {
		t.Run(fmt.Sprint(len(table)), func(t *testing.T) {
			issued := Capability{Rules: table}
			issued.Issue(controller, 1)
			if got, want := CapabilityLen(table), len(issued.Append(nil)); got != want {
				t.Errorf("%d bytes, want %d", got, want)
			}
		})
	}
}
