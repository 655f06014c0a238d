package ruleset

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/orrery-net/orrery/zt/netconf"
)

func load(t *testing.T, path string, into any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatal(err)
	}
}

// compiled is the programs of the vectors that compile, by name, with what they
// compile to.
func compiled(t *testing.T) map[string]json.RawMessage {
	t.Helper()
	var vectors struct {
		Cases []struct {
			Name   string
			Output json.RawMessage
		}
	}
	load(t, "../testdata/rules-language.json", &vectors)
	outputs := make(map[string]json.RawMessage)
	for _, c := range vectors.Cases {
		if c.Output != nil {
			outputs[c.Name] = c.Output
		}
	}
	if len(outputs) != 236 {
		t.Fatalf("%d programs compile; the vectors have 236", len(outputs))
	}
	return outputs
}

func sameJSON(t *testing.T, what string, got, want []byte) {
	t.Helper()
	var a, b any
	if err := json.Unmarshal(got, &a); err != nil {
		t.Fatalf("%s: %v in %s", what, err, got)
	}
	if err := json.Unmarshal(want, &b); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(a, b) {
		t.Errorf("%s:\n got %s\nwant %s", what, got, want)
	}
}

func TestSetsAreWrittenAsTheyWereRead(t *testing.T) {
	for name, output := range compiled(t) {
		var set Set
		if err := json.Unmarshal(output, &set); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		written, err := json.Marshal(&set)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		sameJSON(t, name, written, output)
	}
}

func TestEntriesBecomeWhatControllersMakeOfThem(t *testing.T) {
	var vectors struct {
		JSON []struct {
			JSON     json.RawMessage
			Accepted bool
			Wire     string `json:"wire_hex"`
		} `json:"json_cases"`
	}
	load(t, "../testdata/vl2-rules.json", &vectors)
	taken := 0
	for _, c := range vectors.JSON {
		var entry Entry
		err := json.Unmarshal(c.JSON, &entry)
		var rule netconf.Rule
		if err == nil {
			rule, err = entry.Rule()
		}
		if !c.Accepted {
			if err == nil && entry.Type != netconf.MatchIntegerRange {
				t.Errorf("%s is taken", c.JSON)
			}
			continue
		}
		want, _ := hex.DecodeString(c.Wire)
		if got := netconf.AppendRules(nil, []netconf.Rule{entry.AsControllersRead()}); !bytes.Equal(got, want) {
			t.Errorf("%s: controllers read %x, want %x", c.JSON, got, want)
		}
		if err != nil {
			if !strings.Contains(err.Error(), "want an IPv") {
				t.Errorf("%s: %v", c.JSON, err)
			}
			continue // addresses of the other family
		}
		taken++
		if got := netconf.AppendRules(nil, []netconf.Rule{rule}); !bytes.Equal(got, want) {
			t.Errorf("%s: wire form %x, want %x", c.JSON, got, want)
		}
		if back, err := EntryOf(rule).Rule(); back != rule || err != nil {
			t.Errorf("%s: %v comes back as %v, %v", c.JSON, rule, back, err)
		}
	}
	if taken < 45 {
		t.Errorf("only %d cases were taken", taken)
	}
}
