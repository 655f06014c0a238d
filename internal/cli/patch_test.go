package cli

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/orrery-net/orrery/internal/client"
)

func TestPatchSaysWhatItChanges(t *testing.T) {
	const now = `{"id":"a1b2","description":"","config":{"mtu":2800,"private":true,"tags":[[2,1]],"ipAssignmentPools":[],
		"routes":[{"target":"10.9.0.0/24"},{"target":"10.1.0.0/16","via":"10.9.0.1"}],"dns":{"domain":"","servers":null}},"lastSeen":5}`
	for patch, want := range map[string][]string{
		`{}`:                        nil,
		`{"config":{"mtu":2800}}`:   nil,
		`{"config":{"mtu":1400}}`:   {"mtu 2800 → 1400"},
		`{"config":{"mtu":null}}`:   nil, // null keeps
		`{"description":null}`:      nil,
		`{"id":"other","clock":7}`:  nil, // is only read
		`{"description":"a\u001b"}`: {"description none → a\uFFFD"},
		`{"config":{"routes":[{"target":"10.9.0.0/24","via":null},{"target":"10.1.0.0/16","via":"10.9.0.1"}]}}`: nil,
		`{"config":{"routes":[{"via":"","target":"10.9.0.0/24"}]}}`:                                             {"routes 10.9.0.0/24, 10.1.0.0/16 via 10.9.0.1 → 10.9.0.0/24"},
		`{"config":{"dns":{"servers":[]}}}`:                                                                     nil,
		`{"config":{"dns":{"domain":"x.example","servers":["10.9.0.1"]}}}`:                                      {"dns.domain none → x.example", "dns.servers none → 10.9.0.1"},
		`{"config":{"ipAssignmentPools":[{"ipRangeStart":"a","ipRangeEnd":"b"}]}}`:                              {"ipAssignmentPools none → a-b"},
		`{"config":{"private":false,"tags":[[2,1],[3,false]]}}`:                                                 {"private yes → no", "tags 2=1 → 2=1, 3=no"},
		`{"config":{"ssoConfig":{"enabled":false}}}`:                                                            {"ssoConfig.enabled none → no"},
	} {
		p, err := decodePatch([]byte(patch))
		if err != nil {
			t.Fatalf("%s: %v", patch, err)
		}
		if got, err := p.changes(json.RawMessage(now)); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %q, %v", patch, got, err)
		}
	}
	for _, text := range []string{``, `null`, `[]`, `"a"`, `{`, `{} {}`, `{}x`} {
		if p, err := decodePatch([]byte(text)); err == nil {
			t.Errorf("%s is %v", text, p)
		}
	}
	if _, err := (patch{"a": 1}).changes(json.RawMessage(`null`)); err == nil {
		t.Error("a strange answer is no error")
	}
}

// A patch is made once for several objects.
func TestPatchIsCopied(t *testing.T) {
	p := patch{}
	p.set("config.mtu", 1400)
	other := p.clone()
	other.set("config.mtu", 9000)
	other.set("config.dns.domain", "x")
	if text := jsonText(p); text != `{"config":{"mtu":1400}}` {
		t.Error(text)
	}
}

func TestTagsOfMembers(t *testing.T) {
	m := &client.Member{}
	m.Config.Tags = json.RawMessage(`[[2,false],[1000,100]]`)
	s := &memberSettings{patch: patch{}}
	s.tags = []memberTag{{id: 1000, value: 5}, {id: 2, value: 1}, {id: 7, unset: true}, {id: 8, byDefault: true}}
	if text := jsonText(s.mergedTags(m)); text != `[[2,1],[7,false],[1000,5]]` {
		t.Error(text)
	}
	for _, strange := range []string{``, `null`, `{}`, `[1]`, `[[1]]`, `[["a",1]]`, `[[1,-1]]`, `[[99999999999,1]]`} {
		m.Config.Tags = json.RawMessage(strange)
		for _, tag := range tagsOf(m) {
			if strings.Contains("99999999999 a", tag.String()) {
				t.Errorf("%s has %s", strange, tag)
			}
		}
		if _, err := s.of(m); err != nil {
			t.Errorf("%s: %v", strange, err)
		}
	}
}
