package world

import (
	"bytes"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/identity"
)

//go:embed testdata/world.json
var vectorsJSON []byte

type worldVectors struct {
	Keys map[string]struct {
		Public  string `json:"public_hex"`
		Private string `json:"private_hex"`
	} `json:"signing_keys"`
	Worlds []struct {
		Name    string
		Binary  string `json:"binary_hex"`
		Length  int
		Message string `json:"signed_message_hex"`
		Key     string `json:"signed_with_key"`
		Decoded struct {
			Type      int
			ID        uint64
			IDHex     string `json:"id_hex"`
			Timestamp int64
			NextKey   string `json:"updates_must_be_signed_by_hex"`
			Signature string `json:"signature_hex"`
			Roots     []struct {
				Identity  string
				Endpoints []string `json:"stable_endpoints"`
			}
		}
	}
	Replacement []struct {
		Current, Candidate string
		Replaces           bool
	}
	Malformed []struct {
		Name     string
		Binary   string `json:"binary_hex"`
		Parses   bool
		Consumed int `json:"bytes_consumed"`
	}
	IDTool struct {
		JSON     json.RawMessage
		FileName string `json:"file_name"`
		Binary   string `json:"binary_hex"`
	}
}

func TestWorlds(t *testing.T) {
	v := vectors(t)
	for _, c := range v.Worlds {
		t.Run(c.Name, func(t *testing.T) {
			binary := unhex(t, c.Binary)
			w, n, err := Parse(append(binary, 0xaa))
			if err != nil || n != c.Length || n != len(binary) {
				t.Fatalf("%d bytes: %v", n, err)
			}
			if got := w.Append([]byte{0xbb}); !bytes.Equal(got[1:], binary) {
				t.Errorf("written:\n got %x\nwant %x", got[1:], binary)
			}
			equal(t, "signed message", hex.EncodeToString(w.signedMessage()), c.Message)

			want := c.Decoded
			equal(t, "type", fmt.Sprint(uint8(w.Kind)), fmt.Sprint(want.Type))
			equal(t, "id", fmt.Sprintf("%016x", w.ID), want.IDHex)
			equal(t, "next key", hex.EncodeToString(w.NextKey[:]), want.NextKey)
			equal(t, "signature", hex.EncodeToString(w.Signature[:]), want.Signature)
			if w.ID != want.ID || w.Timestamp != want.Timestamp || len(w.Roots) != len(want.Roots) {
				t.Fatalf("id %d, timestamp %d, %d roots", w.ID, w.Timestamp, len(w.Roots))
			}
			for i, root := range w.Roots {
				equal(t, "root", root.Identity.String(), want.Roots[i].Identity)
				equal(t, "endpoints", strings.Join(endpointTexts(root), " "), strings.Join(want.Roots[i].Endpoints, " "))
				if found := w.Root(root.Identity.Address()); found == nil || !found.Identity.Equal(root.Identity) {
					t.Errorf("root %s is not found", root.Identity.Address())
				}
			}

			broken := strings.HasSuffix(c.Name, "_bad_signature")
			if c.Key == "" {
				return
			}
			if w.signedBy(signingKey(t, v, c.Key).Public()) == broken {
				t.Error("the signature is judged wrongly")
			}
			w.Sign(signingKey(t, v, c.Key))
			if (hex.EncodeToString(w.Signature[:]) == want.Signature) == broken {
				t.Error("signed anew, the signature differs")
			}
		})
	}
}

func TestReplaces(t *testing.T) {
	v := vectors(t)
	worlds := map[string]*World{}
	for _, c := range v.Worlds {
		w, _, err := Parse(unhex(t, c.Binary))
		if err != nil {
			t.Fatal(err)
		}
		worlds[c.Name] = w
	}
	for _, c := range v.Replacement {
		candidate, current := worlds[c.Candidate], worlds[c.Current]
		if candidate == nil || current == nil && c.Current != "(none)" {
			t.Fatalf("unknown world in %+v", c)
		}
		if err := candidate.Replaces(current); (err == nil) != c.Replaces {
			t.Errorf("%s after %s: %v", c.Candidate, c.Current, err)
		}
	}
}

func TestMalformed(t *testing.T) {
	for _, c := range vectors(t).Malformed {
		_, n, err := Parse(unhex(t, c.Binary))
		if (err == nil) != c.Parses || n != c.Consumed {
			t.Errorf("%s: %d bytes, %v", c.Name, n, err)
		}
	}
}

func TestEveryTruncationIsAnError(t *testing.T) {
	for _, c := range vectors(t).Worlds {
		binary := unhex(t, c.Binary)
		for n := range binary {
			if _, _, err := Parse(binary[:n]); err == nil {
				t.Errorf("%s: %d of %d bytes are read", c.Name, n, len(binary))
			}
		}
	}
}

// The signature of a moon covers an empty dictionary, whatever came with it.
func TestMoonDictionaryIsNotSigned(t *testing.T) {
	for _, c := range vectors(t).Worlds {
		w, n, err := Parse(unhex(t, c.Binary))
		if err != nil {
			t.Fatal(err)
		}
		if w.Kind != Moon || c.Name != "moon_v2" {
			continue
		}
		with, m, err := Parse(append(unhex(t, c.Binary)[:n-2], 0, 2, 'h', 'i'))
		if err != nil || m != n+2 {
			t.Fatalf("%d bytes: %v", m, err)
		}
		current := *w
		current.Timestamp--
		current.NextKey = signingKey(t, vectors(t), c.Key).Public()
		if err := with.Replaces(&current); err != nil {
			t.Error(err)
		}
		return
	}
	t.Fatal("there is no moon_v2")
}

func TestPublicPlanet(t *testing.T) {
	w := Public()
	if w.Kind != Planet || w.ID != 149604618 || w.Timestamp != 1644592324813 {
		t.Errorf("it is %d, %d, %d", w.Kind, w.ID, w.Timestamp)
	}
	if !w.signedBy(w.NextKey) {
		t.Error("the signature does not verify")
	}
	for _, c := range vectors(t).Worlds {
		if c.Name == "public_planet" {
			equal(t, "public planet", hex.EncodeToString(w.Append(nil)), c.Binary)
		}
	}
	want := map[string]string{
		"cafe9efeb9": "104.194.8.134/9993 2605:9880:200:1200:30:571:e34:51/9993",
		"778cde7190": "103.195.103.66/9993 2605:9880:400:c3:254:f2bc:a1f7:19/9993",
		"62f865ae71": "50.7.252.138/9993 2001:49f0:d0db:2::2/9993",
		"cafe04eba9": "84.17.53.155/9993 2a02:6ea0:d405::9993/9993",
	}
	if len(w.Roots) != len(want) {
		t.Errorf("%d roots", len(w.Roots))
	}
	for _, root := range w.Roots {
		equal(t, "endpoints", strings.Join(endpointTexts(root), " "), want[root.Identity.Address().String()])
		if err := root.Identity.Validate(); err != nil {
			t.Error(err)
		}
	}
	w.Roots[0].Endpoints[0] = netip.AddrPort{}
	if !Public().Roots[0].Endpoints[0].IsValid() {
		t.Error("callers share one planet")
	}
	if w.Root(zt.Address(1)) != nil {
		t.Error("an unknown root is found")
	}
}

// Worlds are handed on as they came, or their signatures break.
func TestOddEndpointsSurvive(t *testing.T) {
	w := Public()
	key := signingKey(t, vectors(t), "k1")
	w.Roots[0].Endpoints = []netip.AddrPort{
		netip.MustParseAddrPort("[::ffff:192.0.2.1]:9993"), {}, netip.MustParseAddrPort("192.0.2.1:9993"),
	}
	w.Sign(key)
	binary := w.Append(nil)
	again, _, err := Parse(binary)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(again.Roots[0].Endpoints, w.Roots[0].Endpoints) || !bytes.Equal(again.Append(nil), binary) || !again.signedBy(key.Public()) {
		t.Errorf("%v became %v", w.Roots[0].Endpoints, again.Roots[0].Endpoints)
	}
}

func TestFileName(t *testing.T) {
	equal(t, "planet", Public().FileName(), "planet")
	equal(t, "moon", (&World{Kind: Moon, ID: 0xd94995cccd}).FileName(), "000000d94995cccd.moon")
}

func FuzzParse(f *testing.F) {
	v := vectors(f)
	for _, c := range v.Worlds {
		f.Add(unhex(f, c.Binary))
	}
	for _, c := range v.Malformed {
		f.Add(unhex(f, c.Binary))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		w, n, err := Parse(b)
		if err != nil {
			return
		}
		if n > len(b) || len(w.Roots) > MaxRoots {
			t.Fatalf("%d of %d bytes, %d roots", n, len(b), len(w.Roots))
		}
		binary := w.Append(nil)
		again, m, err := Parse(binary)
		if err != nil || m != len(binary) || !bytes.Equal(again.Append(nil), binary) {
			t.Fatalf("what was written is read differently: %d of %d bytes, %v", m, len(binary), err)
		}
		_ = w.Replaces(Public())
	})
}

func BenchmarkParse(b *testing.B) {
	binary := Public().Append(nil)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := Parse(binary); err != nil {
			b.Fatal(err)
		}
	}
}

func endpointTexts(root Root) (texts []string) {
	for _, e := range root.Endpoints {
		texts = append(texts, fmt.Sprintf("%s/%d", e.Addr(), e.Port()))
	}
	return texts
}

func signingKey(t testing.TB, v *worldVectors, name string) *identity.SigningKey {
	t.Helper()
	key, err := identity.ParseSigningKey([64]byte(unhex(t, v.Keys[name].Private)))
	if err != nil {
		t.Fatal(err)
	}
	public := key.Public()
	if hex.EncodeToString(public[:]) != v.Keys[name].Public {
		t.Fatalf("key %s has another public half", name)
	}
	return key
}

func vectors(t testing.TB) *worldVectors {
	t.Helper()
	v := new(worldVectors)
	if err := json.Unmarshal(vectorsJSON, v); err != nil {
		t.Fatal(err)
	}
	if len(v.Worlds) == 0 || len(v.Replacement) == 0 || len(v.Malformed) == 0 || len(v.Keys) != 3 {
		t.Fatal("vectors are missing")
	}
	return v
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func equal(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s:\n got %s\nwant %s", what, got, want)
	}
}
