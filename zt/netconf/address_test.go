package netconf

import (
	"net/netip"
	"testing"

	"github.com/orrery-net/orrery/zt"
)

func TestAddressVectors(t *testing.T) {
	var vectors struct {
		Addresses []struct {
			Network     zt.NetworkID `json:"network_id"`
			Node        zt.Address
			RFC4193     netip.Prefix
			RFC4193Hex  hexBytes `json:"rfc4193_hex"`
			SixPlane    netip.Prefix
			SixPlaneHex hexBytes `json:"sixplane_hex"`
			MAC         string
		}
		Wire []struct {
			Text    *string
			Wire    hexBytes `json:"wire_hex"`
			Printed string
		} `json:"inet_address_wire"`
	}
	loadVectors(t, "vl2-addresses.json", &vectors)
	wantCases(t, len(vectors.Addresses)+len(vectors.Wire), 28)
	for _, c := range vectors.Addresses {
		if got := RFC4193(c.Network, c.Node); got != c.RFC4193 {
			t.Errorf("RFC4193 of %s on %s: %s, want %s", c.Node, c.Network, got, c.RFC4193)
		}
		wantBytes(t, "RFC4193", RFC4193(c.Network, c.Node).Addr().AsSlice(), c.RFC4193Hex)
		if got := SixPlane(c.Network, c.Node); got != c.SixPlane {
			t.Errorf("6PLANE of %s on %s: %s, want %s", c.Node, c.Network, got, c.SixPlane)
		}
		wantBytes(t, "6PLANE", SixPlane(c.Network, c.Node).Addr().AsSlice(), c.SixPlaneHex)
		if got := zt.MemberMAC(c.Network, c.Node).String(); got != c.MAC {
			t.Errorf("MAC of %s on %s: %s, want %s", c.Node, c.Network, got, c.MAC)
		}
	}
	for _, c := range vectors.Wire {
		address, size, err := zt.InetAddrFrom(c.Wire)
		if err != nil || size != len(c.Wire) {
			t.Errorf("%x: %v", c.Wire, err)
			continue
		}
		if c.Text == nil {
			if address.IsValid() {
				t.Errorf("%x reads as %s", c.Wire, address)
			}
			continue
		}
		if got := prefix(address).String(); got != c.Printed {
			t.Errorf("%x reads as %s, want %s", c.Wire, got, c.Printed)
		}
		// Addresses with a zone cannot be sent; the reference makes zeros of them.
		want, err := netip.ParsePrefix(c.Printed)
		if err != nil {
			t.Fatal(err)
		}
		ip, bits, ok := plain(want)
		if !ok {
			t.Fatalf("%s is not valid", want)
		}
		wantBytes(t, c.Printed, zt.AppendInetAddr(nil, netip.AddrPortFrom(ip, bits)), c.Wire)
	}
}
