package packet

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"

	"github.com/orrery-net/orrery/zt/identity"
)

// hexBytes are bytes that vectors write as hex.
type hexBytes []byte

func (h *hexBytes) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	return err
}

// packetOf returns a copy, as packets are worked on in place.
func (h hexBytes) packetOf() Packet { return append(Packet(nil), h...) }

func (h hexBytes) key() *Key { return NewKey([48]byte(h)) }

// readVectors decodes a file of test vectors.
func readVectors[T any](t testing.TB, name string) (v T) {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return v
}

// identities reads identities from their text form.
func identities(t testing.TB, texts map[string]string) map[string]*identity.Identity {
	t.Helper()
	all := make(map[string]*identity.Identity, len(texts))
	for name, text := range texts {
		id, err := identity.ParseText(text)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		all[name] = id
	}
	return all
}

// testIdentities are id0 to id9 of the vectors, with their private keys.
func testIdentities(t testing.TB) map[string]*identity.Identity {
	t.Helper()
	file := readVectors[struct {
		Valid []struct {
			Name string
			Text string `json:"secret_text"`
		}
	}](t, "identities.json")
	texts := make(map[string]string)
	for _, v := range file.Valid {
		texts[v.Name] = v.Text
	}
	return identities(t, texts)
}
