package netconf

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/identity"
)

// hexBytes is a byte string in lower-case hex.
type hexBytes []byte

func (h *hexBytes) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	return err
}

// hexNumber is a number in 16 hex digits.
type hexNumber uint64

func (h *hexNumber) UnmarshalText(text []byte) error {
	value, err := strconv.ParseUint(string(text), 16, 64)
	*h = hexNumber(value)
	return err
}

// nodeText is an address in 10 hex digits, reserved ones too.
type nodeText zt.Address

func (n *nodeText) UnmarshalText(text []byte) error {
	value, err := strconv.ParseUint(string(text), 16, 40)
	*n = nodeText(value)
	return err
}

// people are the identities that most vector files carry.
type people struct {
	Controller struct{ Secret string } `json:"controller"`
	Member1    struct{ Public string } `json:"member1"`
	Member2    struct{ Public string } `json:"member2"`
}

func (p *people) controller(t testing.TB) *identity.Identity {
	return parseIdentity(t, p.Controller.Secret)
}

func (p *people) members(t testing.TB) []*identity.Identity {
	return []*identity.Identity{p.controller(t).Public(), parseIdentity(t, p.Member1.Public), parseIdentity(t, p.Member2.Public)}
}

func (p *people) named(t testing.TB, address zt.Address) *identity.Identity {
	id := find(p.members(t), address)
	if id == nil {
		t.Fatalf("the vectors have no identity %s", address)
	}
	return id
}

func parseIdentity(t testing.TB, text string) *identity.Identity {
	id, err := identity.ParseText(text)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func loadVectors(t testing.TB, name string, into any) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err == nil {
		err = json.Unmarshal(data, into)
	}
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

func wantBytes(t *testing.T, what string, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		t.Errorf("%s:\n got %x\nwant %x", what, got, want)
	}
}

func wantCases(t *testing.T, count, least int) {
	t.Helper()
	if count < least {
		t.Fatalf("%d cases; the vectors have at least %d", count, least)
	}
}
