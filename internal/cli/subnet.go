package cli

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"

	"github.com/orrery-net/orrery/internal/client"
)

// parseSubnet reads a network as 10.9.0.0/24. What has a wrong mask, or none, is
// an error that says what to write.
func parseSubnet(text string) (netip.Prefix, error) {
	prefix, err := netip.ParsePrefix(text)
	if err == nil {
		if masked := prefix.Masked(); masked != prefix {
			return prefix, fmt.Errorf("%s is an address in the subnet %s; write %s, or %s/%d for this address alone",
				text, masked, masked, prefix.Addr(), prefix.Addr().BitLen())
		}
		return prefix, nil
	}
	address, err := netip.ParseAddr(text)
	if err != nil {
		return prefix, fmt.Errorf("%q is no subnet; write it as 10.9.0.0/24 or fd00:1234::/64", text)
	}
	bits := 64
	if address.Is4() {
		bits = 24
	}
	subnet := netip.PrefixFrom(address, bits).Masked()
	return prefix, fmt.Errorf("%s has no mask; write the subnet, for example %s, or %s/%d for this address alone", text, subnet, address, address.BitLen())
}

// parseRoute reads TARGET or TARGET,VIA.
func parseRoute(text string) (client.Route, error) {
	target, via, _ := strings.Cut(text, ",")
	subnet, err := parseSubnet(strings.TrimSpace(target))
	if err != nil {
		return client.Route{}, err
	}
	route := client.Route{Target: subnet.String()}
	if via = strings.TrimSpace(via); via == "" {
		return route, nil
	}
	gateway, err := netip.ParseAddr(via)
	switch {
	case err != nil:
		return route, fmt.Errorf("%q is no gateway; write TARGET,VIA as 192.168.7.0/24,10.9.0.1", via)
	case gateway.Is4() != subnet.Addr().Is4():
		return route, fmt.Errorf("the gateway %s and the target %s are not of the same family, IPv4 or IPv6", gateway, subnet)
	}
	route.Via = gateway.String()
	return route, nil
}

// parsePool reads FIRST-LAST, or a subnet for all addresses in it that members
// can have.
func parsePool(text string) (client.Pool, error) {
	if strings.Contains(text, "/") {
		subnet, err := parseSubnet(text)
		if err != nil {
			return client.Pool{}, err
		}
		return poolOf(subnet)
	}
	start, end, ok := strings.Cut(text, "-")
	first, err := netip.ParseAddr(strings.TrimSpace(start))
	last, errLast := netip.ParseAddr(strings.TrimSpace(end))
	switch {
	case !ok || err != nil || errLast != nil:
		return client.Pool{}, fmt.Errorf("%q is no range of addresses; write FIRST-LAST as 10.9.0.1-10.9.0.254, or the subnet as 10.9.0.0/24", text)
	case first.Is4() != last.Is4():
		return client.Pool{}, fmt.Errorf("%s and %s are not of the same family, IPv4 or IPv6", first, last)
	case last.Less(first):
		return client.Pool{}, fmt.Errorf("%s is behind %s; write %s-%s", first, last, last, first)
	}
	return client.Pool{First: first.String(), Last: last.String()}, nil
}

// poolOf are the addresses of a subnet that members can have: for IPv4 all but
// the first and the last, for IPv6 all but the first.
func poolOf(subnet netip.Prefix) (client.Pool, error) {
	first, last := subnet.Addr().Next(), lastOf(subnet)
	if subnet.Addr().Is4() {
		last = last.Prev()
	}
	if subnet.Addr().BitLen()-subnet.Bits() < 2 {
		return client.Pool{}, fmt.Errorf("%s is too small for members", subnet)
	}
	return client.Pool{First: first.String(), Last: last.String()}, nil
}

func lastOf(subnet netip.Prefix) netip.Addr {
	raw := subnet.Addr().AsSlice()
	for i := subnet.Bits(); i < len(raw)*8; i++ {
		raw[i/8] |= 0x80 >> (i % 8)
	}
	last, _ := netip.AddrFromSlice(raw) // of the same length
	return last
}

// easySubnet picks a private subnet at random that no network and no interface of
// this machine uses.
func easySubnet(networks []*client.Network) (netip.Prefix, error) {
	used := localSubnets()
	var pools []client.Pool
	for _, n := range networks {
		for _, r := range n.Config.Routes {
			if p, err := netip.ParsePrefix(r.Target); err == nil {
				used = append(used, p)
			}
		}
		pools = append(pools, n.Config.IPAssignmentPools...)
	}
	// 10.64.0.0 to 10.254.255.0, away from what routers at home are set to.
	const first, total = 64 << 8, (255 - 64) << 8
	start := rand.IntN(total)
	for i := range total {
		number := first + (start+i)%total
		subnet := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(number >> 8), byte(number)}), 24)
		if isFree(subnet, used, pools) {
			return subnet, nil
		}
	}
	return netip.Prefix{}, errors.New("all subnets from 10.64.0.0/24 to 10.254.255.0/24 are used; choose one with --subnet")
}

func isFree(subnet netip.Prefix, used []netip.Prefix, pools []client.Pool) bool {
	for _, p := range used {
		if p.Bits() > 0 && p.Overlaps(subnet) { // a default route overlaps all
			return false
		}
	}
	for _, p := range pools {
		first, err := netip.ParseAddr(p.First)
		last, errLast := netip.ParseAddr(p.Last)
		if err == nil && errLast == nil && first.Compare(lastOf(subnet)) <= 0 && subnet.Addr().Compare(last) <= 0 && first.Is4() {
			return false
		}
	}
	return true
}

func localSubnets() []netip.Prefix {
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	var subnets []netip.Prefix
	for _, a := range addresses {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			subnets = append(subnets, p.Masked())
		}
	}
	return subnets
}
