package centralapi

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/orrery-net/orrery/internal/central"
	"github.com/orrery-net/orrery/internal/model"
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
	for _, s := range append(networkScenarios, memberScenarios...) {
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
		p, err := readNetworkPatch(body)
		if err != nil {
			return
		}
		n := model.NewNetwork(0xa1b2c3d4e5000001, "owner", 5)
		if p.apply(n) != nil || n.Validate() != nil {
			return
		}
		answer := encode(t, networkOf(central.NetworkStatus{Network: n}, 9))
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
		answer := encode(t, memberOf(model.MemberStatus{Member: m}, 9))
		again := m.Clone()
		body, err = parseBody([]byte(answer))
		if err != nil {
			t.Fatal(err)
		}
		if p, err = readMemberPatch(body); err != nil {
			t.Fatal(err)
		}
		if err := p.apply(again); err != nil {
			t.Fatal(err)
		}
		mustNotDiffer(t, m, again)
	})
}

func applyNetwork(t *testing.T, n *model.Network, text string) {
	t.Helper()
	body, err := parseBody([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	p, err := readNetworkPatch(body)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.apply(n); err != nil {
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
	for _, s := range append(append(transportScenarios, networkScenarios...), memberScenarios...) {
		f.Add(s.method, s.path)
	}
	f.Fuzz(func(t *testing.T, method, path string) {
		if found, err := findRoute(method, path); (err == nil) != (found.operation != nil) {
			t.Fatalf("%s %s: %v, %v", method, path, found, err)
		}
	})
}

func TestDepthIsThatOfBracketsOutsideStrings(t *testing.T) {
	for text, want := range map[string]bool{
		`[[[1]]]`: false, `[[[[1]]]]`: true, `["[[[[[["]`: false, `["\"[[[[[["]`: false, `[{"a":[{}]}]`: true, `]]]][[[`: false,
	} {
		if got := depthExceeds([]byte(text), 3); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
	if _, err := parseBody([]byte(`{"a":` + strings.Repeat("[", maxDepth-1) + strings.Repeat("]", maxDepth-1) + "}")); err != nil {
		t.Error(err)
	}
}
