package zt

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"testing"
)

func TestInetAddrVectors(t *testing.T) {
	var vectors struct {
		Cases []struct {
			Text   string
			Binary string `json:"binary_hex"`
			Scope  ScopeClass
		} `json:"inet_addresses"`
	}
	load(t, "world.json", &vectors)
	for _, c := range vectors.Cases {
		t.Run(c.Text, func(t *testing.T) {
			checkInetAddr(t, c.Text, unhex(t, c.Binary))
			addr, _, err := InetAddrFrom(unhex(t, c.Binary))
			if err != nil || Scope(addr.Addr()) != c.Scope {
				t.Errorf("scope %d, want %d; %v", Scope(addr.Addr()), c.Scope, err)
			}
		})
	}
	if len(vectors.Cases) == 0 {
		t.Error("no vectors")
	}
}

// In network configurations the same form holds a prefix length as the port.
func TestInetAddrVectorsOfConfigurations(t *testing.T) {
	var vectors struct {
		Cases []struct {
			Wire    string `json:"wire_hex"`
			Printed string
		} `json:"inet_address_wire"`
	}
	load(t, "vl2-addresses.json", &vectors)
	for _, c := range vectors.Cases {
		checkInetAddr(t, c.Printed, unhex(t, c.Wire))
	}
	if len(vectors.Cases) == 0 {
		t.Error("no vectors")
	}
}

// checkInetAddr reads and writes the address with text form "IP/port".
func checkInetAddr(t *testing.T, text string, wire []byte) {
	t.Helper()
	want := parseAddrPort(t, text)
	got, n, err := InetAddrFrom(append(bytes.Clone(wire), 0xaa))
	if err != nil || n != len(wire) || got != want {
		t.Errorf("read %v, %d bytes, %v; want %v, %d bytes", got, n, err, want, len(wire))
	}
	if want.Addr().Is4In6() {
		wire = append([]byte{inetIPv4}, wire[1+12:]...)
	}
	if got := AppendInetAddr([]byte{0xbb}, want); !bytes.Equal(got[1:], wire) {
		t.Errorf("%v is written as %x, want %x", want, got[1:], wire)
	}
}

func TestInetAddrReservedTypesAreSkipped(t *testing.T) {
	for text, size := range map[string]int{
		"00":             1,
		"01aaaaaaaaaaaa": 7,
		"02aaaaaaaaaaaa": 7,
		"030000":         3,
		"030002aaaa":     5,
	} {
		addr, n, err := InetAddrFrom(append(unhex(t, text), 4, 4))
		if err != nil || n != size || addr.IsValid() {
			t.Errorf("%s: %v, %d bytes, %v", text, addr, n, err)
		}
	}
}

func TestInetAddrErrors(t *testing.T) {
	for _, text := range []string{
		"", "01aaaaaaaaaa", "02", "0300", "030002aa", "03ffff", "040a0102032709"[:12], "05", "07", "ff",
		"0600000000000000000000000000000000ffff"[:36],
	} {
		if addr, n, err := InetAddrFrom(unhex(t, text)); err == nil || n != 0 || addr.IsValid() {
			t.Errorf("%s: %v, %d bytes, %v", text, addr, n, err)
		}
	}
}

func TestInetAddrZoneIsLost(t *testing.T) {
	zoned := netip.MustParseAddrPort("[fe80::2%eth0]:9993")
	again, _, err := InetAddrFrom(AppendInetAddr(nil, zoned))
	if want := netip.MustParseAddrPort("[fe80::2]:9993"); err != nil || again != want {
		t.Errorf("%v became %v, %v", zoned, again, err)
	}
}

func TestScopeOfOddAddresses(t *testing.T) {
	if s := Scope(netip.Addr{}); s != ScopeNone {
		t.Errorf("no address: %d", s)
	}
	if s := Scope(netip.MustParseAddr("fe80::1%eth0")); s != ScopeLoopback {
		t.Errorf("with a zone: %d", s)
	}
}

func FuzzInetAddrFrom(f *testing.F) {
	for _, text := range []string{"", "00", "01aaaaaaaaaaaa", "030002aaaa", "04c00002012709", "0600000000000000000000ffff080808080001", "07"} {
		f.Add(unhex(f, text))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		addr, n, err := InetAddrFrom(b)
		if err != nil {
			return
		}
		if n < 1 || n > len(b) {
			t.Fatalf("%d of %d bytes", n, len(b))
		}
		if addr.IsValid() && !addr.Addr().Is4In6() && !bytes.Equal(AppendInetAddr(nil, addr), b[:n]) {
			t.Fatalf("%x is read as %v", b[:n], addr)
		}
		Scope(addr.Addr())
	})
}

// parseAddrPort reads "IP/port"; nothing is no address.
func parseAddrPort(t *testing.T, text string) netip.AddrPort {
	t.Helper()
	if text == "" {
		return netip.AddrPort{}
	}
	host, port, _ := strings.Cut(text, "/")
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		t.Fatal(err)
	}
	return netip.AddrPortFrom(netip.MustParseAddr(host), uint16(number))
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(fmt.Errorf("%q: %w", s, err))
	}
	return b
}
