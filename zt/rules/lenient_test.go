package rules

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/orrery-net/orrery/zt/rules/ruleset"
)

func TestCompatibleVectors(t *testing.T) {
	for _, v := range vectors(t) {
		p, found := Compile(v.Source, Compatible)
		if !v.OK {
			if len(found) != 1 || found[0].Severity != SeverityError || found[0].Code != v.Error.Category ||
				found[0].Line != v.Error.Line || found[0].Column != v.Error.Column1 || found[0].EndColumn < found[0].Column || p != nil {
				t.Errorf("%s: %v, want %v", v.Name, found, v.Error)
			}
			continue
		}
		if p == nil || len(found) > 0 {
			t.Errorf("%s: %v", v.Name, found)
		} else if !sameJSON(t, []byte(jsonOf(t, &p.Set)), v.Output) {
			t.Errorf("%s: %s\nwant %s", v.Name, jsonOf(t, &p.Set), v.Output)
		}
	}
}

func TestLenientVectors(t *testing.T) {
	// What the original compiler takes and nodes cannot hold or obey.
	refused := map[string]string{
		"lit/ip-junk-around-ipv4": "BAD_IP", "lit/ip-five-octets": "BAD_IP", "lit/ip-octet-over-255": "BAD_IP",
		"lit/ip-prefix-empty": "BAD_IP", "lit/ip-prefix-not-a-number": "BAD_IP",
		"action/tee-target-not-hex": "TEE_TARGET_BAD", "action/redirect-target-not-hex": "REDIRECT_TARGET_BAD",
		"limits/capability-over-64-entries-accepted": "LIMIT_EXCEEDED",
	}
	counts := make(map[string]int)
	for _, v := range vectors(t) {
		strict, strictly := Compile(v.Source, Strict)
		p, found := Compile(v.Source, Lenient)
		policy := "as strict"
		switch code := refused[v.Name]; {
		case code != "":
			policy = "refused"
			if p != nil || firstError(found).Code != code || hasCode(found, onlyOriginal) {
				t.Errorf("%s: %v, want %s", v.Name, found, code)
			}
		case v.Name == "macro/parameter-ten-characters-as-tee-target":
			policy = "garbage"
			if p == nil || jsonOf(t, &p.Set) != jsonOf(t, &strict.Set) || !hasCode(found, "W_LEGACY_DIFFERS") {
				t.Errorf("%s: %v", v.Name, found)
			}
		case v.OK && strict == nil:
			policy = "only original"
			if p == nil || !sameJSON(t, []byte(jsonOf(t, &p.Set)), v.Output) || found[0].Code != onlyOriginal || found[0].Line != 0 {
				t.Errorf("%s: %v", v.Name, found)
				continue
			}
			want := slices.Clone(strictly)
			for i := range want {
				if want[i].Severity == SeverityError {
					want[i].Severity = SeverityWarning
				}
			}
			if got := found[1:]; jsonOf(t, got) != jsonOf(t, want) {
				t.Errorf("%s: warnings %v, want %v", v.Name, got, want)
			}
		case v.OK:
			policy = "both"
			if p == nil || !sameJSON(t, []byte(jsonOf(t, &p.Set)), v.Output) || len(p.Origins) != len(p.Rules) && !hasCode(found, "W_LEGACY_DIFFERS") {
				t.Errorf("%s: %v", v.Name, found)
			}
		default:
			if (p == nil) != (strict == nil) || jsonOf(t, found) != jsonOf(t, strictly) || p != nil && jsonOf(t, &p.Set) != jsonOf(t, &strict.Set) {
				t.Errorf("%s: %v, want %v", v.Name, found, strictly)
			}
		}
		counts[policy]++
	}
	t.Log(counts)
	if len(counts) != 5 || counts["refused"] != len(refused) {
		t.Errorf("cases by policy: %v", counts)
	}
}

func TestDifferencesAreToldWhereNodesGetSomethingElse(t *testing.T) {
	told := 0
	for _, v := range vectors(t) {
		p, found := Compile(v.Source, Strict)
		if p == nil {
			continue
		}
		differs := false
		if v.OK {
			var set ruleset.Set
			if err := json.Unmarshal(v.Output, &set); err != nil {
				t.Fatal(err)
			}
			differs = firstDifference(v.Source, &p.Set, &set) != nil
			if !differs {
				continue
			}
		}
		if differs != hasCode(found, "W_LEGACY_DIFFERS") {
			t.Errorf("%s: %v", v.Name, found)
		}
		if differs {
			told++
			if i := slices.IndexFunc(found, func(d Diagnostic) bool { return d.Code == "W_LEGACY_DIFFERS" }); i >= 0 && !strings.Contains(found[i].Message, "("+v.Quirk+")") {
				t.Errorf("%s shows %s: %s", v.Name, v.Quirk, found[i].Message)
			}
		}
	}
	if told < 8 {
		t.Errorf("%d vectors differ", told)
	}
}

func TestWarningsNameTheFirstDifference(t *testing.T) {
	for _, c := range []struct {
		name, source string
		strict       string // line, column and message
		lenient      string
		hint         string
	}{
		{
			"rule", "accept dport 80;\naccept dport 22;accept dport 23;\n",
			`2:1 Here rule 2 is "accept dport 22", but for the original compiler it is "accept dport 22 and dport 23". (Q05)`,
			`2:1 Here rule 2 is "accept dport 22 and dport 23", as the original compiler has it; in strict mode it is "accept dport 22". (Q05)`,
			"white space behind each ;",
		},
		{
			"missing rule", "accept ;\ndrop ;\n",
			`2:1 Here rule 2 is "drop", but for the original compiler it is missing. (Q03)`,
			`2:1 Here rule 2 is missing, as the original compiler has it; in strict mode it is "drop". (Q03)`,
			"right behind",
		},
		{
			"capability", "cap c id 1\n  accept;\n  drop chr multicast;\n;\naccept;\n",
			`3:3 Here rule 2 of capability "c" is "drop chr multicast", but for the original compiler it is missing. (Q02)`,
			`3:3 Here rule 2 of capability "c" is missing, as the original compiler has it; in strict mode it is "drop chr multicast". (Q02)`,
			"accept and;",
		},
		{
			"characteristics", "accept chr inbound,multicast;\n",
			`1:1 Here rule 1 is "accept chr inbound,multicast", but for the original compiler it is "accept chr multicast". (Q12)`,
			`1:1 Here rule 1 is "accept chr multicast", as the original compiler has it; in strict mode it is "accept chr inbound,multicast". (Q12)`,
			"a match of its own",
		},
		{
			"default of a tag", "tag server id 2\n enum 1 yes\n default Yes\n;\naccept;\n",
			`1:5 Here the default of tag "server" is 1, but for the original compiler it is 0. (Q10)`,
			`1:5 Here the default of tag "server" is 0, as the original compiler has it; in strict mode it is 1. (Q10)`,
			"lower case",
		},
	} {
		for mode, want := range map[Mode]string{Strict: c.strict, Lenient: c.lenient} {
			_, found := Compile(c.source, mode)
			i := slices.IndexFunc(found, func(d Diagnostic) bool { return d.Code == "W_LEGACY_DIFFERS" })
			if i < 0 {
				if want != "" {
					t.Errorf("%s, %s: no warning in %v", c.name, mode, found)
				}
				continue
			}
			d := found[i]
			if got := jsonOf(t, d.Line) + ":" + jsonOf(t, d.Column) + " " + d.Message; got != want || !strings.Contains(d.Hint, c.hint) {
				t.Errorf("%s, %s:\n got %s\nwant %s\nhint %s", c.name, mode, got, want, d.Hint)
			}
		}
	}
}

func TestLenientLimits(t *testing.T) {
	for _, c := range []struct {
		name, source string
		code         string
		line         int
	}{
		{"base", strings.Repeat("accept dport 1;\n", 513), "LIMIT_EXCEEDED", 513},
		{"base, refused by strict mode", "accept random 50%;\n" + strings.Repeat("accept dport 1;\n", 512), "LIMIT_EXCEEDED", 513},
		{"beyond all bounds", strings.Repeat("accept dport 1;\n", 40_000), "LIMIT_EXCEEDED", 513},
		{"target", "tee 1 notanode42;\naccept;\n", "TEE_TARGET_BAD", 1},
	} {
		p, found := Compile(c.source, Lenient)
		if d := firstError(found); p != nil || d.Code != c.code || d.Line != c.line {
			t.Errorf("%s: %v", c.name, d)
		}
	}
	// Only the original compiler sees that many rules: strict mode stops before.
	p, found := Compile("macro m accept dport 1; ;\ncap c id 1\n accept;\n"+strings.Repeat(" include m\n", 40), Lenient)
	if p == nil {
		t.Errorf("what the original compiler takes is refused: %v", found)
	}
}
