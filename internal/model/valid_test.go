package model

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/orrery-net/orrery/zt/netconf"
)

func TestValidateNetwork(t *testing.T) {
	long := func(n int) string { return strings.Repeat("x", n) }
	route := func(target, via string) Route {
		r := Route{Target: netip.MustParsePrefix(target)}
		if via != "" {
			r.Via = netip.MustParseAddr(via)
		}
		return r
	}
	pool := func(start, end string) []Pool {
		return []Pool{{Start: netip.MustParseAddr(start), End: netip.MustParseAddr(end)}}
	}
	for _, c := range []struct {
		name   string
		change func(*Network)
		field  string // of the error; "" if there is none
	}{
		{"new", func(*Network) {}, ""},
		{"name of 127 bytes", func(n *Network) { n.Name = long(127) }, ""},
		{"name of 128 bytes", func(n *Network) { n.Name = long(128) }, "config.name"},
		{"name with a line break", func(n *Network) { n.Name = "a\nb" }, "config.name"},
		{"name with NUL", func(n *Network) { n.Name = "a\x00b" }, "config.name"},
		{"name that is no UTF-8", func(n *Network) { n.Name = "\xff" }, "config.name"},
		{"description of lines", func(n *Network) { n.Description = "a\nb" }, ""},
		{"description with NUL", func(n *Network) { n.Description = "a\x00" }, "description"},
		{"long description", func(n *Network) { n.Description = long(MaxDescriptionLen + 1) }, "description"},
		{"long rules source", func(n *Network) { n.RulesSource = long(MaxRulesSourceLen + 1) }, "rulesSource"},
		{"least MTU", func(n *Network) { n.MTU = 1280 }, ""},
		{"MTU below", func(n *Network) { n.MTU = 1279 }, "config.mtu"},
		{"greatest MTU", func(n *Network) { n.MTU = 10000 }, ""},
		{"MTU above", func(n *Network) { n.MTU = 10001 }, "config.mtu"},
		{"multicast off", func(n *Network) { n.MulticastLimit = 0 }, ""},
		{"multicast below 0", func(n *Network) { n.MulticastLimit = -1 }, "config.multicastLimit"},
		{"multicast above 31 bits", func(n *Network) { n.MulticastLimit = 1 << 31 }, "config.multicastLimit"},
		{"big UI", func(n *Network) { n.UI = []byte(long(MaxOpaqueLen + 1)) }, "ui"},
		{"big tag names", func(n *Network) { n.TagsByName = []byte(long(MaxOpaqueLen + 1)) }, "tagsByName"},

		{"routes", func(n *Network) { n.Routes = []Route{route("10.0.0.0/8", ""), route("::/0", "fd00::1")} }, ""},
		{"route of nothing", func(n *Network) { n.Routes = []Route{route("10.0.0.0/8", ""), {}} }, "config.routes[1].target"},
		{"gateway of another family", func(n *Network) { n.Routes = []Route{route("10.0.0.0/8", "fd00::1")} }, "config.routes[0].via"},
		{"most routes", func(n *Network) { n.Routes = repeat(route("10.0.0.0/8", ""), 128) }, ""},
		{"too many routes", func(n *Network) { n.Routes = repeat(route("10.0.0.0/8", ""), 129) }, "config.routes"},

		{"pool of one", func(n *Network) { n.Pools = pool("10.0.0.1", "10.0.0.1") }, ""},
		{"pool upside down", func(n *Network) { n.Pools = pool("10.0.0.2", "10.0.0.1") }, "config.ipAssignmentPools[0]"},
		{"pool of two families", func(n *Network) { n.Pools = pool("10.0.0.2", "fd00::1") }, "config.ipAssignmentPools[0]"},
		{"pool without a start", func(n *Network) { n.Pools = []Pool{{End: netip.MustParseAddr("10.0.0.1")}} }, "config.ipAssignmentPools[0].ipRangeStart"},
		{"pool without an end", func(n *Network) { n.Pools = []Pool{{Start: netip.MustParseAddr("10.0.0.1")}} }, "config.ipAssignmentPools[0].ipRangeEnd"},
		{"too many pools", func(n *Network) { n.Pools = repeat(pool("10.0.0.1", "10.0.0.2")[0], MaxPools+1) }, "config.ipAssignmentPools"},

		{"long domain", func(n *Network) { n.DNS.Domain = long(MaxDNSDomainLen + 1) }, "config.dns.domain"},
		{"most servers", func(n *Network) { n.DNS.Servers = repeat(netip.MustParseAddr("10.0.0.1"), 4) }, ""},
		{"too many servers", func(n *Network) { n.DNS.Servers = repeat(netip.MustParseAddr("10.0.0.1"), 5) }, "config.dns.servers"},
		{"server of nothing", func(n *Network) { n.DNS.Servers = []netip.Addr{netip.MustParseAddr("10.0.0.1"), {}} }, "config.dns.servers[1]"},

		{"most rules", func(n *Network) { n.Rules = repeat(netconf.AcceptAll()[0], 1024) }, ""},
		{"too many rules", func(n *Network) { n.Rules = repeat(netconf.AcceptAll()[0], 1025) }, "config.rules"},
		{"too many tags", func(n *Network) { n.Tags = repeat(NetworkTag{}, 129) }, "config.tags"},
		{"too many capabilities", func(n *Network) { n.Capabilities = repeat(Capability{}, 129) }, "config.capabilities"},
		{"most rules of a capability", func(n *Network) {
			n.Capabilities = []Capability{{Rules: repeat(netconf.AcceptAll()[0], 64)}}
		}, ""},
		{"too many rules of a capability", func(n *Network) {
			n.Capabilities = []Capability{{}, {Rules: repeat(netconf.AcceptAll()[0], 65)}}
		}, "config.capabilities[1].rules"},
		{"most bytes of capabilities", func(n *Network) { n.Capabilities = bulky(94) }, ""},
		{"too many bytes of capabilities", func(n *Network) { n.Capabilities = bulky(95) }, "config.capabilities"},
		{"many bytes of which later ones take the place", func(n *Network) {
			n.Capabilities = append(bulky(30), bulky(94)...)
		}, ""},
	} {
		n := NewNetwork(1, "owner", 1)
		c.change(n)
		check(t, c.name, n.Validate(), c.field)
	}
}

// bulky are capabilities that are as long as they can be, 1 483 bytes each as a
// certificate.
func bulky(count int) []Capability {
	all := make([]Capability, count)
	for i := range all {
		all[i] = Capability{ID: uint32(i), Rules: repeat(netconf.Rule{Type: netconf.MatchIntegerRange}, netconf.MaxRulesPerCapability)}
	}
	return all
}

func TestValidateMember(t *testing.T) {
	a := netip.MustParseAddr("10.0.0.1")
	for _, c := range []struct {
		name   string
		change func(*Member)
		field  string
	}{
		{"new", func(*Member) {}, ""},
		{"long name", func(m *Member) { m.Name = strings.Repeat("x", 256) }, "name"},
		{"name with a control character", func(m *Member) { m.Name = "a\x7f" }, "name"},
		{"name that moves a terminal's cursor", func(m *Member) { m.Name = "a\u009b2J" }, "name"},
		{"long description", func(m *Member) { m.Description = strings.Repeat("x", MaxDescriptionLen+1) }, "description"},
		{"most addresses", func(m *Member) { m.Addresses = repeat(a, 32) }, ""},
		{"too many addresses", func(m *Member) { m.Addresses = repeat(a, 33) }, "config.ipAssignments"},
		{"address of nothing", func(m *Member) { m.Addresses = []netip.Addr{a, {}} }, "config.ipAssignments[1]"},
		{"address with a zone", func(m *Member) { m.Addresses = []netip.Addr{netip.MustParseAddr("fe80::1%eth0")} }, "config.ipAssignments[0]"},
		{"most tags", func(m *Member) { m.Tags = repeat(MemberTag{}, 128) }, ""},
		{"too many tags", func(m *Member) { m.Tags = repeat(MemberTag{}, 129) }, "config.tags"},
		{"too many capabilities", func(m *Member) { m.Capabilities = repeat(uint32(1), 129) }, "config.capabilities"},
	} {
		m := NewMember(1, 2, 3)
		c.change(m)
		check(t, c.name, m.Validate(), c.field)
	}
}

func check(t *testing.T, name string, err error, field string) {
	t.Helper()
	var wrong *FieldError
	switch {
	case err == nil && field == "":
	case !errors.As(err, &wrong):
		t.Errorf("%s: %v, want an error of field %q", name, err, field)
	case wrong.Field != field || wrong.Reason == "":
		t.Errorf("%s: %v, want an error of field %q", name, err, field)
	}
}

func repeat[T any](one T, n int) []T {
	all := make([]T, n)
	for i := range all {
		all[i] = one
	}
	return all
}

func TestWarnings(t *testing.T) {
	routes := func(targets ...string) []Route {
		var all []Route
		for _, target := range targets {
			all = append(all, Route{Target: netip.MustParsePrefix(target)})
		}
		return all
	}
	pool := func(start, end string) []Pool {
		return []Pool{{Start: netip.MustParseAddr(start), End: netip.MustParseAddr(end)}}
	}
	for _, c := range []struct {
		name   string
		change func(*Network)
		want   string // part of the only warning; "" if there is none
	}{
		{"new", func(*Network) {}, ""},
		{"pool in a route", func(n *Network) { n.Routes, n.Pools = routes("10.0.0.0/24"), pool("10.0.0.1", "10.0.0.9") }, ""},
		{"pool without a route", func(n *Network) { n.Pools = pool("10.0.0.1", "10.0.0.9") }, "outside every route"},
		{"pool beside a route", func(n *Network) { n.Routes, n.Pools = routes("10.0.0.0/24"), pool("10.0.0.1", "10.0.1.9") }, "outside every route"},
		{"pool in the default route", func(n *Network) { n.Routes, n.Pools = routes("0.0.0.0/0"), pool("10.0.0.1", "10.0.0.9") }, "outside every route"},
		{"IPv4 from IPv6 pools", func(n *Network) {
			n.Routes, n.Pools = routes("fd00::/64"), pool("fd00::1", "fd00::9")
		}, "no IPv4 pool"},
		{"IPv6 without pools", func(n *Network) { n.V6.ZT = true }, "no IPv6 pool"},
		{"bits after the prefix", func(n *Network) { n.Routes = routes("10.0.0.1/24") }, "did you mean 10.0.0.0/24"},
		{"no rules", func(n *Network) { n.Rules = nil }, "drop all traffic"},
		{"address without a prefix length", func(n *Network) {
			n.Rules = []netconf.Rule{rule(t, `{"type":"MATCH_IPV4_SOURCE","ip":"10.0.0.1"}`), {Type: netconf.ActionAccept}}
		}, "config.rules[0] is 10.0.0.1/0, which is every address; did you mean 10.0.0.1/32?"},
		{"every address", func(n *Network) {
			n.Rules = []netconf.Rule{rule(t, `{"type":"MATCH_IPV6_SOURCE","ip":"::/0"}`), {Type: netconf.ActionAccept}}
		}, ""},
		{"empty range in a capability", func(n *Network) {
			n.Capabilities = []Capability{{}, {ID: 1, Rules: []netconf.Rule{
				rule(t, `{"type":"MATCH_IP_DEST_PORT_RANGE","start":443,"end":80}`), {Type: netconf.ActionAccept},
			}}}
		}, "config.capabilities[1].rules[0] is a range from 443 to 80"},
		{"matches without an action", func(n *Network) {
			n.Rules = append(n.Rules, netconf.Rule{Type: netconf.MatchEtherType})
		}, "config.rules ends with matches"},
		{"tags with one id", func(n *Network) { n.Tags = []NetworkTag{{ID: 1}, {ID: 2}, {ID: 1}} }, "config.tags has 1 entries"},
		{"capabilities with one id", func(n *Network) { n.Capabilities = []Capability{{ID: 1}, {ID: 1}, {ID: 1}} }, "config.capabilities has 2 entries"},
		{"single sign-on", func(n *Network) { n.SSO.Enabled = true }, "asks nobody to sign in"},
		{"no multicast", func(n *Network) { n.MulticastLimit = 0 }, "multicastLimit"},
	} {
		n := NewNetwork(1, "owner", 1)
		c.change(n)
		got := n.Warnings()
		switch {
		case c.want == "" && len(got) != 0:
			t.Errorf("%s: warnings %q", c.name, got)
		case c.want != "" && (len(got) != 1 || !strings.Contains(got[0], c.want)):
			t.Errorf("%s: warnings %q, want one with %q", c.name, got, c.want)
		}
	}
}

func rule(t *testing.T, text string) netconf.Rule {
	t.Helper()
	var r netconf.Rule
	if err := r.UnmarshalJSON([]byte(text)); err != nil {
		t.Fatal(err)
	}
	return r
}
