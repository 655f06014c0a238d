package doctor

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/orrery-net/orrery/internal/client"
)

const networksCheck = "networks"

// maxNamed is how many of many things are named.
const maxNamed = 3

// checkNetworks looks for settings of networks that do not do what they seem to,
// and for networks that get in each other's way.
func (s *survey) checkNetworks(context.Context) []Finding {
	if len(s.networks) == 0 {
		return s.withoutNetworks(networksCheck)
	}
	var found []Finding
	add := func(state State, do, format string, values ...any) {
		found = append(found, Finding{networksCheck, state, fmt.Sprintf(format, values...), do})
	}
	for _, n := range s.networks {
		for _, p := range n.Config.IPAssignmentPools {
			if !covered(p, n.Config.Routes) {
				add(Problem, "add a route that covers it, for example with orrery network set "+n.ID+" --add-route, or choose another pool", "%s: the pool %s–%s lies outside every route: members get no address from it", title(n), p.First, p.Last)
			}
		}
		if n.Config.V4AssignMode.ZT && !slices.ContainsFunc(n.Config.IPAssignmentPools, isIPv4) {
			add(Warning, "give it a pool, or turn the assignment of IPv4 addresses off, with orrery network set "+n.ID+" --add-pool or --auto-assign=false", "%s: members shall get IPv4 addresses, but there is no pool of them", title(n))
		}
	}
	for _, line := range s.pages.state {
		if strings.HasPrefix(line.what, "network ") && !line.good && !strings.HasPrefix(line.text, "pool ") && !strings.HasPrefix(line.text, "v4AssignMode") {
			add(Warning, "change the network's settings, or leave them if they are meant so", "%s: %s", line.what, line.text)
		}
	}
	pairs, more := overlaps(s.networks)
	for _, p := range pairs {
		add(Warning, "give one of them another range if a device shall be in both: it reaches only one of them", "the routes %s of %s and %s of %s overlap", p[0].to, title(p[0].network), p[1].to, title(p[1].network))
	}
	if more > 0 {
		add(Warning, "see above", "%s more overlap", count(more, "route", "routes"))
	}
	if len(found) == 0 {
		return one(networksCheck, OK, fmt.Sprintf("the settings of %s fit together", count(len(s.networks), "network", "networks")), "")
	}
	return found
}

func (s *survey) withoutNetworks(check string) []Finding {
	if s.status != nil && s.status.User != nil && s.networksErr == nil {
		return one(check, OK, "there are no networks yet that the token opens", "")
	}
	return one(check, Skipped, "the networks cannot be seen", "see api")
}

// covered reports whether a route takes in a whole pool. A pool that cannot be
// read is no business of this check.
func covered(p client.Pool, routes []client.Route) bool {
	first, last, ok := bounds(p)
	if !ok {
		return true
	}
	return slices.ContainsFunc(routes, func(r client.Route) bool {
		target, err := netip.ParsePrefix(r.Target)
		return err == nil && target.Bits() > 0 && target == target.Masked() && target.Contains(first) && target.Contains(last)
	})
}

func isIPv4(p client.Pool) bool { return strings.Contains(p.First, ".") }

func bounds(p client.Pool) (first, last netip.Addr, ok bool) {
	first, err := netip.ParseAddr(p.First)
	if err != nil {
		return first, last, false
	}
	last, err = netip.ParseAddr(p.Last)
	return first, last, err == nil && first.BitLen() == last.BitLen() && !last.Less(first)
}

// routed is a managed route with its network.
type routed struct {
	to      netip.Prefix
	network *client.Network
}

// overlaps finds routes of different networks of which one takes in the other:
// the first few pairs, and how many routes more overlap with an earlier one.
// Default routes are left out, which are meant to take in everything.
func overlaps(networks []*client.Network) (pairs [][2]routed, more int) {
	var all []routed
	for _, n := range networks {
		for _, r := range n.Config.Routes {
			if to, err := netip.ParsePrefix(r.Target); err == nil && to.Bits() > 0 {
				all = append(all, routed{to.Masked(), n})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b routed) int {
		if c := a.to.Addr().Compare(b.to.Addr()); c != 0 {
			return c
		}
		return a.to.Bits() - b.to.Bits()
	})
	// Prefixes either lie in each other or have nothing in common, so those that
	// take in the next one are the last ones of a stack.
	var around []routed
	for _, r := range all {
		for len(around) > 0 && !around[len(around)-1].to.Contains(r.to.Addr()) {
			around = around[:len(around)-1]
		}
		other := slices.IndexFunc(around, func(o routed) bool { return o.network != r.network })
		switch {
		case other < 0:
		case len(pairs) < maxNamed:
			pairs = append(pairs, [2]routed{around[other], r})
		default:
			more++
		}
		if len(around) < maxAround {
			around = append(around, r)
		}
	}
	return pairs, more
}

// maxAround is how many routes that lie in each other are kept: enough to find
// one of another network nearly always.
const maxAround = 64
