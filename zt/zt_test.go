package zt

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestMemberMAC(t *testing.T) {
	var primitives struct {
		MemberMAC []struct {
			Address   Address
			NetworkID NetworkID `json:"network_id"`
			MAC       string    `json:"mac_hex"`
		} `json:"member_mac"`
	}
	load(t, "primitives.json", &primitives)
	for _, c := range primitives.MemberMAC {
		mac := MemberMAC(c.NetworkID, c.Address)
		if got := hex.EncodeToString(mac[:]); got != c.MAC {
			t.Errorf("%s on %s: %s, want %s", c.Address, c.NetworkID, got, c.MAC)
		}
	}
	var addresses struct {
		Addresses []struct {
			NetworkID NetworkID `json:"network_id"`
			Node      Address
			MAC       string
		}
	}
	load(t, "vl2-addresses.json", &addresses)
	for _, c := range addresses.Addresses {
		if got := MemberMAC(c.NetworkID, c.Node).String(); got != c.MAC {
			t.Errorf("%s on %s: %s, want %s", c.Node, c.NetworkID, got, c.MAC)
		}
	}
	if len(primitives.MemberMAC) == 0 || len(addresses.Addresses) == 0 {
		t.Error("no vectors")
	}
}

func TestAddress(t *testing.T) {
	for text, want := range map[string]Address{
		"d94995cccd": 0xd94995cccd,
		"D94995CCCD": 0xd94995cccd,
		"0000000001": 1,
		"feffffffff": 0xfeffffffff,
	} {
		got, err := ParseAddress(text)
		if err != nil || got != want || got.String() != strings.ToLower(text) {
			t.Errorf("%s is read as %v, %v", text, got, err)
		}
		wire := got.Append(nil)
		var put [AddressLen]byte
		got.Put(put[:])
		if AddressFrom(wire) != got || hex.EncodeToString(wire) != got.String() || !bytes.Equal(put[:], wire) {
			t.Errorf("%s is written as %x", text, wire)
		}
	}
	for _, text := range []string{"", "0", "d94995ccc", "d94995cccd0", "d94995cccg", "+94995cccd", "0xd94995cc", "d9_4995ccc", "0000000000", "ff00000001", "ffffffffff", strings.Repeat("é", 5)} {
		if a, err := ParseAddress(text); err == nil || a != 0 {
			t.Errorf("%q is read as %v", text, a)
		}
	}
}

func TestReservedAddresses(t *testing.T) {
	for a, want := range map[Address]bool{
		0: true, 1: false, 0xfeffffffff: false, 0xff00000000: true, 0xffffffffff: true, 1 << 40: true, 1<<40 | 5: true,
	} {
		if a.IsReserved() != want {
			t.Errorf("%#x: %v", uint64(a), !want)
		}
	}
}

func TestNetworkID(t *testing.T) {
	const text = "d94995cccd00abcd"
	n, err := ParseNetworkID(text)
	if err != nil || n.String() != text || n.Controller() != 0xd94995cccd {
		t.Errorf("%s is read as %v, %v", text, n, err)
	}
	if NewNetworkID(0xd94995cccd, 0xff00abcd) != n {
		t.Error("NewNetworkID does not drop what exceeds 24 bits")
	}
	if wire := n.Append(nil); NetworkIDFrom(wire) != n || hex.EncodeToString(wire) != text {
		t.Errorf("%s is written as %x", text, wire)
	}
	for _, text := range []string{"", "d94995cccd00abc", "d94995cccd00abcd0", "d94995cccd00abcg", "0000000000000000", "-94995cccd00abcd"} {
		if n, err := ParseNetworkID(text); err == nil || n != 0 {
			t.Errorf("%q is read as %v", text, n)
		}
	}
}

func TestTextInJSON(t *testing.T) {
	type both struct {
		Node    Address
		Network NetworkID
	}
	want := both{0xd94995cccd, 0xd94995cccd00abcd}
	text, err := json.Marshal(want)
	if err != nil || string(text) != `{"Node":"d94995cccd","Network":"d94995cccd00abcd"}` {
		t.Errorf("%s, %v", text, err)
	}
	var got both
	if err := json.Unmarshal(text, &got); err != nil || got != want {
		t.Errorf("%v, %v", got, err)
	}
	for _, bad := range []string{`{"Node":"x"}`, `{"Node":7}`, `{"Network":"x"}`, `{"Node":"0000000000"}`} {
		kept := want
		if err := json.Unmarshal([]byte(bad), &kept); err == nil || kept != want {
			t.Errorf("%s: %v, %v", bad, kept, err)
		}
	}
}

func TestParseMAC(t *testing.T) {
	want := MAC{0x02, 0x00, 0x5e, 0x10, 0xab, 0xff}
	for _, text := range []string{"02:00:5e:10:ab:ff", "02-00-5E-10-AB-FF", "02005e10abff"} {
		if got, err := ParseMAC(text); err != nil || got != want {
			t.Errorf("%q is read as %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "02:00:5e:10:ab", "02:00:5e:10:ab:ff:00", "02:00:5e:10:ab:fg", "+2005e10abff", strings.Repeat("0", 5000)} {
		if m, err := ParseMAC(text); err == nil || m != (MAC{}) || len(err.Error()) > 200 {
			t.Errorf("%.40q is read as %v, %v", text, m, err)
		}
	}
	text, err := json.Marshal(want)
	if err != nil || string(text) != `"02:00:5e:10:ab:ff"` {
		t.Errorf("%s, %v", text, err)
	}
	var got MAC
	if err := json.Unmarshal(text, &got); err != nil || got != want {
		t.Errorf("%v, %v", got, err)
	}
}

// What a stranger sent must not fill a log.
func TestErrorsAreShort(t *testing.T) {
	long := strings.Repeat("7", 1<<16)
	for _, parse := range []func() error{
		func() error { _, err := ParseAddress(long); return err },
		func() error { _, err := ParseNetworkID(long); return err },
	} {
		if err := parse(); err == nil || len(err.Error()) > 200 {
			t.Error("an error repeats all of a long text")
		}
	}
}

func TestMulticastGroup(t *testing.T) {
	wire := unhex(t, "ffffffffffff0a010203")
	g, err := MulticastGroupFrom(append(wire, 0xaa))
	want := MulticastGroup{MAC: MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, ADI: 0x0a010203}
	if err != nil || g != want || !bytes.Equal(g.Append(nil), wire) {
		t.Errorf("%x is read as %v, %v", wire, g, err)
	}
	for n := range wire {
		if _, err := MulticastGroupFrom(wire[:n]); err == nil {
			t.Errorf("%d bytes are enough", n)
		}
	}
}

func FuzzParseText(f *testing.F) {
	for _, text := range []string{"", "d94995cccd", "ff00000001", "d94995cccd00abcd", "0000000000000000", "+94995cccd"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if a, err := ParseAddress(text); err == nil && (a.IsReserved() || a.String() != strings.ToLower(text)) {
			t.Errorf("address %q is read as %v", text, a)
		}
		if n, err := ParseNetworkID(text); err == nil && n.String() != strings.ToLower(text) {
			t.Errorf("network id %q is read as %v", text, n)
		}
	})
}

func FuzzMulticastGroupFrom(f *testing.F) {
	f.Add(make([]byte, MulticastGroupLen))
	f.Add([]byte{1, 2, 3})
	f.Fuzz(func(t *testing.T, b []byte) {
		g, err := MulticastGroupFrom(b)
		if (err == nil) != (len(b) >= MulticastGroupLen) {
			t.Fatalf("%d bytes: %v", len(b), err)
		}
		if err == nil && !bytes.Equal(g.Append(nil), b[:MulticastGroupLen]) {
			t.Fatalf("%x is read as %v", b, g)
		}
	})
}

// load reads a file of test vectors.
func load(t *testing.T, name string, into any) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatal(err)
	}
}
