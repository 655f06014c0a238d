package centralapi

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/orrery-net/orrery/internal/central"
	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/zt/rules"
)

// addSeeds gives a fuzz target the recorded objects and the bodies of the
// scenarios.
func addSeeds(f *testing.F) {
	files, err := filepath.Glob("testdata/fixtures/*.json")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	for _, s := range slices.Concat(networkScenarios, memberScenarios, accountScenarios, organizationScenarios, sharingScenarios) {
		if len(s.body) < 4096 {
			f.Add([]byte(s.body))
		}
	}
	f.Add([]byte(strings.Repeat(`{"ui":`, 101)))
	f.Add([]byte(`{"a":"\u0000\ud800","config":{"name":"\ud800"}}`))
}

// FuzzNetworkBody: what is taken can be stored, answered, and sent back without
// changing anything.
func FuzzNetworkBody(f *testing.F) {
	addSeeds(f)
	f.Fuzz(func(t *testing.T, text []byte) {
		body, err := parseBody(text)
		if err != nil {
			return
		}
		p, err := readNetworkBody(body)
		if err != nil {
			return
		}
		n := model.NewNetwork(0xa1b2c3d4e5000001, "owner", 5)
		if p.apply(n) != nil || n.Validate() != nil {
			return
		}
		answer := encode(t, networkOf(central.NetworkStatus{Network: n}, 9))
		if err := checkForAllReaders(answer); err != nil {
			t.Fatal(err)
		}
		again := n.Clone()
		applyNetwork(t, again, answer)
		if sent := encode(t, networkOf(central.NetworkStatus{Network: again}, 9)); sent != answer {
			t.Fatalf("%s\nbecame\n%s", answer, sent)
		}
		mustNotDiffer(t, n, again)
	})
}

// FuzzMemberBody is FuzzNetworkBody for members.
func FuzzMemberBody(f *testing.F) {
	addSeeds(f)
	f.Fuzz(func(t *testing.T, text []byte) {
		body, err := parseBody(text)
		if err != nil {
			return
		}
		p, err := readMemberPatch(body)
		if err != nil {
			return
		}
		m := model.NewMember(0xa1b2c3d4e5000001, 0x66a5132aaf, 5)
		if p.apply(m) != nil || m.Validate() != nil {
			return
		}
		answer := string(appendMember(nil, model.MemberStatus{Member: m}, 9))
		again := m.Clone()
		applyMember(t, again, answer)
		mustNotDiffer(t, m, again)
	})
}

// FuzzAccountBody feeds the small requests: what is taken has what it needs, and
// nothing makes them panic.
func FuzzAccountBody(f *testing.F) {
	addSeeds(f)
	for _, seed := range []string{
		`{"id":"u","r":true,"a":null,"m":false}`, `{"displayName":"x","smsNumber":"+1"}`, `{"tokenName":"x","token":"0123456789abcdef0123456789abcdef"}`, `{"email":"a@b","orgId":"x"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		body, err := parseBody(text)
		if err != nil {
			return
		}
		if token, err := readToken(body); err == nil && (token.Token == "" || !body.has("tokenName")) {
			t.Errorf("a token of %s", text)
		}
		if i, err := readInvitation(body); err == nil && !body.has("email") {
			t.Errorf("an invitation %+v of %s", i, text)
		}
		if g, err := readGrant(body); err == nil {
			rights := model.Rights{Authorize: true}
			if err := g.change.apply(&rights); err != nil || rights.Read && !body.has("r") || !rights.Authorize && !body.has("a") {
				t.Errorf("%s made %+v, %v", text, rights, err)
			}
		}
		if p, err := readUserPatch(body); err == nil {
			u := model.User{ID: "u", Email: "a@b", OrgID: "o"}
			if err := p.apply(&u); err != nil || u.ID != "u" || u.Email != "a@b" || u.OrgID != "o" {
				t.Errorf("%s made %+v, %v", text, u, err)
			}
		}
	})
}

func applyNetwork(t *testing.T, n *model.Network, text string) {
	t.Helper()
	apply(t, readNetworkBody, n, text)
}

func readNetworkBody(body object) (*networkPatch, error) {
	return readNetworkPatch(body, func(source string) (*rules.Program, []rules.Diagnostic, error) {
		made, found := rules.Compile(source, rules.Lenient)
		return made, found, nil
	})
}

func applyMember(t *testing.T, m *model.Member, text string) {
	t.Helper()
	apply(t, readMemberPatch, m, text)
}

// apply makes the changes of a body to a record.
func apply[T any, P interface{ apply(*T) error }](t *testing.T, read func(object) (P, error), record *T, text string) {
	t.Helper()
	body, err := parseBody([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	p, err := read(body)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.apply(record); err != nil {
		t.Fatal(err)
	}
}

func mustNotDiffer[T any](t *testing.T, a, b *T) {
	t.Helper()
	was, is, err := model.Changes(a, b)
	if err != nil {
		t.Fatal(err)
	}
	if is != nil {
		t.Fatalf("%s\nbecame\n%s", was, is)
	}
}

// FuzzPath: no path makes the router panic, and what it finds has an id.
func FuzzPath(f *testing.F) {
	for _, s := range slices.Concat(transportScenarios, networkScenarios, memberScenarios, accountScenarios, organizationScenarios, sharingScenarios) {
		f.Add(s.method, s.path)
	}
	f.Fuzz(func(t *testing.T, method, path string) {
		if found, err := findRoute(method, path); (err == nil) != (found.operation != nil) {
			t.Fatalf("%s %s: %v, %v", method, path, found, err)
		}
	})
}
