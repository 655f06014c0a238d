package cli

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/orrery-net/orrery/internal/client"
)

func TestSubnetsSayWhatToWrite(t *testing.T) {
	for text, want := range map[string]string{
		"10.9.0.0/24":   "",
		"fd00:1::/64":   "",
		"10.9.0.7/32":   "",
		"10.9.0.7/24":   "write 10.9.0.0/24, or 10.9.0.7/32",
		"10.9.0.0":      "for example 10.9.0.0/24",
		"fd00:1::":      "for example fd00:1::/64",
		"10.9.0.0/33":   "write it as 10.9.0.0/24",
		"office":        "write it as 10.9.0.0/24",
		"10.9.0.0/24/8": "write it as 10.9.0.0/24",
	} {
		_, err := parseSubnet(text)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestPools(t *testing.T) {
	for text, want := range map[string]client.Pool{
		"10.9.0.0/24":             {First: "10.9.0.1", Last: "10.9.0.254"},
		"10.9.0.4/30":             {First: "10.9.0.5", Last: "10.9.0.6"},
		"fd00::/120":              {First: "fd00::1", Last: "fd00::ff"},
		"10.9.0.9 - 10.9.1.9":     {First: "10.9.0.9", Last: "10.9.1.9"},
		"10.9.0.9-10.9.0.9":       {First: "10.9.0.9", Last: "10.9.0.9"},
		"10.9.0.9-10.9.0.1":       {},
		"10.9.0.1-fd00::1":        {},
		"10.9.0.1":                {},
		"10.9.0.1-10.9.0.9-10.10": {},
		"10.9.0.4/31":             {},
	} {
		got, err := parsePool(text)
		if (err == nil) != (want != client.Pool{}) || err == nil && got != want {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
}

// TestEasySubnetIsFree takes all that there are, one after another.
func TestEasySubnetIsFree(t *testing.T) {
	t.Parallel()
	const wide = 10 // routes of a /16 each leave 10 subnets of a /24
	used := &client.Network{}
	for i := 64; i < 255; i++ {
		used.Config.Routes = append(used.Config.Routes, client.Route{Target: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i), 0, 0}), 16).String()})
	}
	used.Config.Routes[7] = client.Route{Target: "0.0.0.0/0", Via: "10.9.0.1"} // 10.71
	used.Config.IPAssignmentPools = []client.Pool{{First: "10.71.10.0", Last: "10.71.255.255"}, {First: "fd00::1", Last: "fd00::9"}, {First: "x"}}
	seen := make(map[netip.Prefix]bool)
	for range wide {
		subnet, err := easySubnet([]*client.Network{used})
		if err != nil {
			t.Fatal(err)
		}
		if seen[subnet] || !netip.MustParsePrefix("10.71.0.0/16").Overlaps(subnet) || !subnet.Addr().Less(netip.MustParseAddr("10.71.10.0")) {
			t.Errorf("%s is used", subnet)
		}
		seen[subnet] = true
		used.Config.Routes = append(used.Config.Routes, client.Route{Target: subnet.String()})
	}
	if subnet, err := easySubnet([]*client.Network{used}); err == nil {
		t.Errorf("%s, though all are used", subnet)
	}
}

func FuzzParseRoute(f *testing.F) {
	for _, text := range []string{"10.9.0.0/24", "192.168.7.0/24,10.9.0.1", "10.9.0.0", "fd00::/8,::1", ",", "%eth0/8"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		route, err := parseRoute(text)
		if err == nil {
			again, err := parseRoute(route.Target + "," + route.Via)
			if err != nil || again != route {
				t.Errorf("%q is %+v, and again %+v, %v", text, route, again, err)
			}
		}
		if pool, err := parsePool(text); err == nil {
			if again, err := parsePool(pool.First + "-" + pool.Last); err != nil || again != pool {
				t.Errorf("%q is %+v, and again %+v, %v", text, pool, again, err)
			}
		}
	})
}
