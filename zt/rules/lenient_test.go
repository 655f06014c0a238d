package rules

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/orrery-net/orrery/zt/netconf"
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

// asControllersHave is a set of the vectors after a controller read it.
func asControllersHave(t *testing.T, output []byte) string {
	t.Helper()
	var set ruleset.Set
	if err := json.Unmarshal(output, &set); err != nil {
		t.Fatal(err)
	}
	return tablesText(t, &set)
}

// tablesText is what nodes get of a set, with its names.
func tablesText(t *testing.T, set *ruleset.Set) string {
	t.Helper()
	read := *set
	read.Capabilities = slices.Clone(set.Capabilities)
	asRules := func(table []ruleset.Entry) []ruleset.Entry {
		made := []ruleset.Entry{}
		for _, e := range table {
			made = append(made, ruleset.EntryOf(e.AsControllersRead()))
		}
		return made
	}
	read.Rules = asRules(set.Rules)
	for i := range read.Capabilities {
		read.Capabilities[i].Rules = asRules(read.Capabilities[i].Rules)
	}
	return jsonOf(t, &read)
}

func TestLenientVectors(t *testing.T) {
	counts := make(map[string]int)
	for _, v := range vectors(t) {
		strict, strictly := Compile(v.Source, Strict)
		p, found := Compile(v.Source, Lenient)
		policy := "as strict"
		switch {
		case v.Name == "limits/capability-over-64-entries-accepted":
			policy = "refused"
			if p != nil || firstError(found).Code != "LIMIT_EXCEEDED" || hasCode(found, onlyOriginal) {
				t.Errorf("%s: %v", v.Name, found)
			}
		case v.Name == "macro/parameter-ten-characters-as-tee-target":
			policy = "garbage"
			if p == nil || jsonOf(t, &p.Set) != jsonOf(t, &strict.Set) || !hasCode(found, "W_LEGACY_DIFFERS") {
				t.Errorf("%s: %v", v.Name, found)
			}
		case v.OK:
			policy = "both"
			if p == nil || tablesText(t, &p.Set) != asControllersHave(t, v.Output) {
				t.Errorf("%s: %v", v.Name, found)
				continue
			}
			if _, _, err := p.Tables(); err != nil {
				t.Errorf("%s: %v", v.Name, err)
			}
			if strict != nil {
				if len(p.Origins) != len(p.Rules) && !hasCode(found, "W_LEGACY_DIFFERS") {
					t.Errorf("%s: %v", v.Name, found)
				}
				break
			}
			policy = "only original"
			if found[0].Code != onlyOriginal || found[0].Line != 0 || len(found) != 1+len(strictly) {
				t.Errorf("%s: %v", v.Name, found)
				continue
			}
			for i, want := range strictly {
				got := found[1+i]
				if got.Severity == SeverityError || got.Code != want.Code || got.position() != want.position() || got.Hint != want.Hint {
					t.Errorf("%s: %v, want %v", v.Name, got, want)
				}
			}
		default:
			if (p == nil) != (strict == nil) || jsonOf(t, found) != jsonOf(t, strictly) || p != nil && jsonOf(t, &p.Set) != jsonOf(t, &strict.Set) {
				t.Errorf("%s: %v, want %v", v.Name, found, strictly)
			}
		}
		counts[policy]++
	}
	t.Log(counts)
	if len(counts) != 5 || counts["refused"] != 1 || counts["both"]+counts["only original"]+counts["garbage"] != 235 {
		t.Errorf("cases by policy: %v", counts)
	}
}

func TestWarningsSayWhatOddOperandsAreOnTheNetwork(t *testing.T) {
	for _, c := range []struct {
		source string
		want   []string // line, column and message of each warning about an operand
		rules  string   // the first table, in words
	}{
		{"accept ipsrc 10.0.0.0/x;", []string{`1:14 "10.0.0.0/x" matches every IPv4 address: its prefix length counts as 0.`}, "accept ipsrc 10.0.0.0/0"},
		{"accept\n\tipdest 10.0.0.0/256\n;", []string{`2:9 "10.0.0.0/256" matches every IPv4 address: its prefix length counts as 0.`}, "accept ipdest 10.0.0.0/0"},
		{"# c\r\n# d\r\naccept ipsrc fd00::/ ;", []string{`3:14 "fd00::/" matches every IPv6 address: its prefix length counts as 0.`}, "accept ipsrc fd00::/0"},
		{"accept ipsrc 10.0.0.0/99;", []string{`1:14 "10.0.0.0/99" is not a network. On the network it is "ipsrc 10.0.0.0/32".`}, "accept ipsrc 10.0.0.0/32"},
		{"accept ipsrc 10.0.0.0/8x;", []string{`1:14 "10.0.0.0/8x" is 10.0.0.0/8 on the network.`}, "accept ipsrc 10.0.0.0/8"},
		{"accept ipsrc 300.1.2.3/8;", []string{`1:14 "300.1.2.3/8" is 0.0.0.0/8 on the network: it is not an IPv4 address.`}, "accept ipsrc 0.0.0.0/8"},
		{"accept ipsrc 1.2.3.4.5/;", []string{`1:14 "1.2.3.4.5/" matches every IPv4 address: it is not an IPv4 address, and its prefix length counts as 0.`}, "accept ipsrc 0.0.0.0/0"},
		{"tee 64 zzzzzzzzzz; accept;", []string{`1:8 "zzzzzzzzzz" is not a node's address; on the network it is 0000000000, which no node has: what is sent there is lost.`}, "tee 64 0000000000"},
		{"redirect deadbeefXY dport 1;", []string{`1:10 "deadbeefXY" is not a node's address; on the network it is 00deadbeef, the hex digits that it begins with.`}, "redirect 00deadbeef dport 1"},
		{"tee x notanode42 dport 1;", []string{
			`1:5 "x" is not a length. On the network it is "tee -1 notanode42".`,
			`1:5 "notanode42" is not a node's address; on the network it is 0000000000, which no node has: what is sent there is lost.`,
		}, "tee -1 0000000000 dport 1"},
		{"accept ipprotocol 262;", []string{`1:19 "262" is not an IP protocol. On the network it is "ipprotocol tcp".`}, "accept ipprotocol tcp"},
		// Only one include has a wrong argument; what the other makes of the operand is not told.
		{"macro m($n) accept ipsrc $n; ;\ninclude m(10.0.0.0/8)\ninclude m(10.0.0.0/x)",
			[]string{`1:26 "10.0.0.0/x" matches every IPv4 address: its prefix length counts as 0.`}, "accept ipsrc 10.0.0.0/8"},
		{"macro m($n) accept dport $n; ;\ninclude m(22)\ninclude m(22,80)\ninclude m(x1)", nil, ""},
		{"macro m($n) accept dport $n; ;\ninclude m(22)\ninclude m(0x)", []string{`1:26 "0x" is not a port or range.`}, "accept dport 22"},
		// Strict mode refuses the program for something else.
		{"macro m($whoandlen) tee 1 $whoandlen dport 1; ;\ninclude m(deadbeef11)\naccept random 2;", []string{
			`1:25 "$whoandlen" is not a node's address; on the network it is 0000000000, which no node has: what is sent there is lost.`,
			`3:15 "2" is not a probability. On the network it is "random 1".`,
		}, "tee 1 0000000000 dport 1"},
	} {
		p, found := Compile(c.source, Lenient)
		var got []string
		for _, d := range found {
			if d.Line > 0 && (d.Code == onlyOriginal || strings.HasPrefix(d.Code, "BAD_") || strings.HasSuffix(d.Code, "TARGET_BAD") || d.Code == "TEE_LENGTH_RANGE") {
				got = append(got, jsonOf(t, d.Line)+":"+jsonOf(t, d.Column)+" "+d.Message)
			}
		}
		if c.rules == "" {
			if p != nil {
				t.Errorf("%q compiles", c.source)
			}
			continue
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%q:\n got %q\nwant %q", c.source, got, c.want)
		}
		if p == nil {
			continue
		}
		rules, _ := rulesOf(p.Rules)
		if text := NewWords(p.Set.Tags).Rule(rules[0]); text != c.rules {
			t.Errorf("%q: %s, want %s", c.source, text, c.rules)
		}
	}
}

// What only strict mode makes sense of is understood strictly; that controllers
// read a prefix length with something behind it is no difference.
func TestWordsThatAreGluedToAddresses(t *testing.T) {
	for _, c := range []struct{ source, rules, differs string }{
		{"accept ipsrc 10.0.0.0/8#office\n;", "accept ipsrc 10.0.0.0/8", ""},
		{"accept ipsrc 10.0.0.0/8;accept dport 23;", "accept ipsrc 10.0.0.0/8 and dport 23",
			`Here rule 1 is "accept ipsrc 10.0.0.0/8 and dport 23", as the original compiler has it; in strict mode it is "accept ipsrc 10.0.0.0/8". (Q05)`},
		{"accept ipsrc 1:2:3:4:5:6:7.8.9.10/64;", "accept ipsrc 1:2:3:4:5:6:708:90a/64",
			`Here rule 1 is "accept ipsrc 1:2:3:4:5:6:708:90a/64", but for the original compiler it is "accept ipsrc 1:2:3:4:5:6:7.8.9.10/64".`},
	} {
		p, found := Compile(c.source, Lenient)
		if p == nil {
			t.Errorf("%q: %v", c.source, found)
			continue
		}
		rules, _ := rulesOf(p.Rules)
		if text := NewWords(nil).Rule(rules[0]); text != c.rules {
			t.Errorf("%q: %s, want %s", c.source, text, c.rules)
		}
		differs := ""
		for _, d := range found {
			if d.Code == "W_LEGACY_DIFFERS" {
				differs = d.Message
			}
		}
		if differs != c.differs {
			t.Errorf("%q:\n got %s\nwant %s", c.source, differs, c.differs)
		}
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

// longCapabilities are capabilities with as many rules as can be.
func longCapabilities(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "cap c%d id %d accept %s; ;\n", i, i, strings.Repeat("ipsrc fd00::/8 ", netconf.MaxRulesPerCapability-1))
	}
	return b.String()
}

func TestLenientLimits(t *testing.T) {
	for _, c := range []struct {
		name, source string
		code         string
		line         int
	}{
		{"base", strings.Repeat("accept dport 1;\n", 513), "LIMIT_EXCEEDED", 513},
		{"base, refused by strict mode", "accept random 50%;\n" + strings.Repeat("accept dport 1;\n", 512), "LIMIT_EXCEEDED", 513},
		{"bytes of capabilities, refused by strict mode", "accept random 50%;\n" + longCapabilities(110), "LIMIT_EXCEEDED", 0},
		{"beyond all bounds", strings.Repeat("accept dport 1;\n", 40_000), "LIMIT_EXCEEDED", 513},
	} {
		p, found := Compile(c.source, Lenient)
		if d := firstError(found); p != nil || d.Code != c.code || d.Line != c.line {
			t.Errorf("%s: %v", c.name, d)
		}
	}
	if p, found := Compile("accept random 50%;\n"+longCapabilities(90), Lenient); p == nil {
		t.Errorf("capabilities that fit: %v", firstError(found))
	}
	// Only the original compiler sees that many rules: strict mode stops before.
	p, found := Compile("macro m accept dport 1; ;\ncap c id 1\n accept;\n"+strings.Repeat(" include m\n", 40), Lenient)
	if p == nil {
		t.Errorf("what the original compiler takes is refused: %v", found)
	}
}
