package centralapi

import (
	"encoding/json"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/orrery-net/orrery/internal/central"
	"github.com/orrery-net/orrery/zt/netconf"
	"github.com/orrery-net/orrery/zt/rules"
	"github.com/orrery-net/orrery/zt/rules/ruleset"
)

// programCase is a program of the reference vectors.
type programCase struct {
	Name   string
	Source string
	OK     bool // the original compiler takes it
	Output json.RawMessage
}

func readProgramCases(t testing.TB) []programCase {
	t.Helper()
	text, err := os.ReadFile("../../zt/rules/testdata/rules-language.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Cases []programCase }
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Cases) < 390 {
		t.Fatalf("%d cases", len(file.Cases))
	}
	return file.Cases
}

// networkAnswer is what the rules are in an answer.
type networkAnswer struct {
	RulesSource string `json:"rulesSource"`
	Config      struct {
		Rules        json.RawMessage `json:"rules"`
		Capabilities json.RawMessage `json:"capabilities"`
		Tags         json.RawMessage `json:"tags"`
	} `json:"config"`
	CapabilitiesByName json.RawMessage `json:"capabilitiesByName"`
	TagsByName         json.RawMessage `json:"tagsByName"`
}

func setOf(t testing.TB, text []byte) *ruleset.Set {
	t.Helper()
	set := &ruleset.Set{}
	if err := json.Unmarshal(text, set); err != nil {
		t.Fatal(err)
	}
	return set
}

// tablesOf are the tables as nodes get them from a controller.
func tablesOf(t testing.TB, set *ruleset.Set) string {
	t.Helper()
	tables := [][]netconf.Rule{}
	add := func(table []ruleset.Entry) {
		made := []netconf.Rule{}
		for _, e := range table {
			made = append(made, e.AsControllersRead())
		}
		tables = append(tables, made)
	}
	add(set.Rules)
	for _, c := range set.Capabilities {
		add(c.Rules)
	}
	text, err := json.Marshal(tables)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var errorMessage = regexp.MustCompile(`^\{"type":"[a-z]+","message":"(line \d+ column \d+: )?([^"\\]|\\.)+"\}$`)

// Every program that the hosted service takes is taken, with the tables that it
// has there, and nobody who sends the whole network back changes anything.
func TestProgramsOfTheHostedService(t *testing.T) {
	w := newWorld(t)
	w.network(`{"config":{"name":"home"}}`)
	taken := 0
	for _, c := range readProgramCases(t) {
		body := `{"rulesSource":` + quote(c.Source) + `}`
		before := w.do(get(atNetwork)).body
		position := w.lastEvent()
		r := w.do(post(atNetwork, body))
		compiled, _ := rules.Compile(c.Source, rules.Lenient)
		switch {
		case compiled == nil && r.status != http.StatusBadRequest, compiled != nil && r.status != http.StatusOK:
			t.Errorf("%s: status %d: %s", c.Name, r.status, r.body)
			continue
		case compiled == nil:
			if !errorMessage.MatchString(r.body) {
				t.Errorf("%s: refused with %s", c.Name, r.body)
			}
			if w.lastEvent() != position || w.do(get(atNetwork)).body != before {
				t.Errorf("%s: refused, but something changed", c.Name)
			}
			continue
		}
		var got networkAnswer
		if err := json.Unmarshal([]byte(r.body), &got); err != nil {
			t.Fatal(err)
		}
		if got.RulesSource != c.Source {
			t.Errorf("%s: the text %q became %q", c.Name, c.Source, got.RulesSource)
		}
		if c.OK {
			want := setOf(t, c.Output)
			if c.Name == "macro/parameter-ten-characters-as-tee-target" {
				// The original does not replace the parameter; here it is.
				want.Rules[1].Text = "deadbeef11"
			}
			if taken++; tablesOf(t, setOf(t, []byte(r.body))) != tablesOf(t, want) {
				t.Errorf("%s: %s\nwant %s", c.Name, r.body, c.Output)
			}
		}
		position = w.lastEvent()
		if again := w.do(post(atNetwork, r.body)); again.status != http.StatusOK || again.body != r.body || w.lastEvent() != position {
			t.Errorf("%s: the answer\n%s\nsent back became, with status %d,\n%s", c.Name, r.body, again.status, again.body)
		}
	}
	// Of the 236 one has a capability with more rules than nodes hold.
	if taken != 235 {
		t.Errorf("%d programs were taken that the original takes", taken)
	}
}

// Whoever has several long texts compiled at a time is told to wait, not that the
// text is wrong.
func TestLongTextsWaitForTheirTurn(t *testing.T) {
	w := newWorld(t)
	w.network(`{}`)
	long := strings.Repeat("# long\n", shortText) + "drop;"
	if r := w.do(post(atNetwork, `{"rulesSource":`+quote(long)+`}`)); r.status != http.StatusOK || !strings.Contains(r.body, `"rules":[{"type":"ACTION_DROP"}]`) {
		t.Errorf("status %d", r.status)
	}
	body, err := parseBody([]byte(`{"rulesSource":"accept;"}`))
	if err != nil {
		t.Fatal(err)
	}
	_, err = readNetworkPatch(body, func(string) (*rules.Program, []rules.Diagnostic, error) {
		return nil, nil, central.NewError(central.RateLimited, "busy")
	})
	if !isKind(invalid(err), central.RateLimited) {
		t.Errorf("refused with %v", err)
	}
}

func TestTextOfRulesIsKeptByteForByte(t *testing.T) {
	w := newWorld(t)
	w.network(`{}`)
	for _, source := range []string{
		"", " ", "\n", "accept;", "accept;\r\n", "  accept;  \r\n\t\r\n ", "\taccept # mine\t\n;", "accept; # äöü 日本 \U0001F600 <&>", "accept;\f\v\u2028\u0085\x01",
	} {
		r := w.do(post(atNetwork, `{"rulesSource":`+quote(source)+`}`))
		var got networkAnswer
		if err := json.Unmarshal([]byte(r.body), &got); err != nil || r.status != http.StatusOK {
			if _, found := rules.Compile(source, rules.Lenient); len(found) > 0 && r.status == http.StatusBadRequest {
				continue
			}
			t.Errorf("%q: status %d: %s", source, r.status, r.body)
			continue
		}
		if got.RulesSource != source {
			t.Errorf("%q became %q", source, got.RulesSource)
		}
		if err := json.Unmarshal([]byte(w.do(get(atNetwork)).body), &got); err != nil || got.RulesSource != source {
			t.Errorf("%q is read as %q, %v", source, got.RulesSource, err)
		}
	}
}

func TestNetworkIsNotMadeOfAWrongProgram(t *testing.T) {
	w := newWorld(t)
	r := w.do(post("/api/v1/network", `{"config":{"name":"home"},"rulesSource":"accept\n foo;"}`))
	if r.status != http.StatusBadRequest || !strings.Contains(r.body, "line 2 column 2: ") {
		t.Errorf("status %d: %s", r.status, r.body)
	}
	if got := w.do(get("/api/v1/network")).body; got != "[]" {
		t.Errorf("there is %s", got)
	}
	made := w.do(post("/api/v1/network", `{"config":{"name":"home"},"rulesSource":"drop;"}`))
	if made.status != http.StatusOK || !strings.Contains(made.body, `"rules":[{"type":"ACTION_DROP"}]`) || !strings.Contains(made.body, `"name":"home"`) {
		t.Errorf("status %d: %s", made.status, made.body)
	}
}

func TestWarningsInTheHeader(t *testing.T) {
	w := newWorld(t)
	w.network(`{}`)
	oddRules := strings.Repeat(`{"type":"MATCH_ETHERTYPE","etherType":70000},`, 13) + `{"type":"ACTION_ACCEPT"}`
	for _, c := range []struct {
		name, body string
		want       []string // each in the line of its place
		more       string   // the last line
	}{
		{"nothing to say", `{"rulesSource":"accept;"}`, nil, ""},
		{"a change of something else", `{"description":"x"}`, nil, ""},
		{"a program that does nothing good", `{"rulesSource":"accept;\ndrop;"}`, []string{"line 2 column 1: W_UNREACHABLE: "}, ""},
		{"tables as they were meant", `{"config":{"rules":[{"type":"ACTION_ACCEPT"}]}}`, nil, ""},
		{"tables with numbers that do not fit", `{"config":{"rules":[{"type":"MATCH_IPV4_SOURCE","ip":"10.0.0.1"},{"type":"ACTION_ACCEPT"}],
			"capabilities":[{"id":1,"rules":[{"type":"MATCH_IP_DEST_PORT_RANGE","start":65558},{"type":"ACTION_ACCEPT"}]}]}}`,
			[]string{"config.rules[0].ip: 10.0.0.1 has no prefix length", "config.capabilities[0].rules[0].start: 65558 became 22"}, ""},
		{"a text that is not compiled", `{"rulesSource":"drop;","config":{"tags":[],"capabilities":[]}}`, []string{"config.tags and config.capabilities came with it"}, ""},
		{"too many to show", `{"config":{"rules":[` + oddRules + `]}}`, []string{"config.rules[0].etherType: 70000 became 4464"}, "3 more warnings"},
		{"a long one with characters of all kinds", `{"config":{"rules":[{"type":"MATCH_ETHERTYPE","etherType":7` + strings.Repeat("0", 17) + `},{"type":"ACTION_ACCEPT"}]}}`,
			[]string{"config.rules[0].etherType: 7000"}, ""},
	} {
		r := w.do(post(atNetwork, c.body))
		if r.status != http.StatusOK {
			t.Errorf("%s: status %d: %s", c.name, r.status, r.body)
			continue
		}
		got := r.header.Values("Orrery-Warning")
		if len(c.want) == 0 && len(got) > 0 || len(got) < len(c.want) || len(got) > maxWarnings+1 {
			t.Errorf("%s: warnings %q", c.name, got)
			continue
		}
		for i, want := range c.want {
			if !strings.Contains(got[i], want) {
				t.Errorf("%s: warning %q, want one with %q", c.name, got[i], want)
			}
		}
		if c.more != "" && got[len(got)-1] != c.more {
			t.Errorf("%s: the last warning is %q, want %q", c.name, got[len(got)-1], c.more)
		}
	}
}

func TestHeaderText(t *testing.T) {
	for text, want := range map[string]string{
		"plain":                      "plain",
		"a\r\nSet-Cookie: x\x00\x7f": "a  Set-Cookie: x",
		"“café” – naïve…":            `"caf?" - na?ve...`,
		strings.Repeat("é", 200):     strings.Repeat("?", 200),
		strings.Repeat("x", 300):     strings.Repeat("x", 300),
		strings.Repeat("x", 301):     strings.Repeat("x", 297) + "...",
		strings.Repeat("…", 999):     strings.Repeat(".", 300),
	} {
		if got := headerText(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}
