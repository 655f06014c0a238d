package doctor

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/big"
	"net/netip"
	"strings"
	"time"

	"github.com/orrery-net/orrery/internal/client"
	"github.com/orrery-net/orrery/zt"
)

const membersCheck = "members"

// asksLately is how long ago a member that is not authorized asked last, to be
// talked about: older ones have given up.
const asksLately = 24 * time.Hour

// checkMembers looks for members that wait to be let in, and for those that were
// let in and yet cannot work.
func (s *survey) checkMembers(ctx context.Context) []Finding {
	if len(s.networks) == 0 {
		return s.withoutNetworks(membersCheck)
	}
	var found []Finding
	members := 0
	for i, n := range s.networks {
		c := census{network: n, taken: make([]uint64, len(n.Config.IPAssignmentPools))}
		for m, err := range s.Client.Members(ctx, n.ID) {
			if err == nil {
				_, err = zt.ParseAddress(m.NodeID) // as for networks
			}
			if err != nil {
				c.err = err
				break
			}
			c.count(m)
		}
		members += c.members
		found = append(found, c.findings()...)
		if errors.Is(c.err, client.ErrUnauthorized) || ctx.Err() != nil {
			found = append(found, Finding{membersCheck, Skipped, fmt.Sprintf("the members of %s were not looked at in time", count(len(s.networks)-i, "network", "networks")), "look at them one by one: orrery member list NETWORK --pending"})
			return found
		}
	}
	if len(found) == 0 {
		return one(membersCheck, OK, fmt.Sprintf("nobody waits to be let in, and all who shall have an address have one (%s)", count(members, "member", "members")), "")
	}
	return found
}

// census is what a network's members need.
type census struct {
	network *client.Network
	err     error // the list ended early
	members int
	taken   []uint64 // addresses of each pool that members have

	waiting, without, old few
}

// few counts members and names the first of them.
type few struct {
	all   int
	first []*client.Member
}

func (f *few) add(m *client.Member) {
	if f.all++; len(f.first) < maxNamed {
		f.first = append(f.first, m)
	}
}

// names lists addresses, with names where there are some.
func (f *few) names() string {
	var names []string
	for _, m := range f.first {
		if m.Name != "" {
			names = append(names, fmt.Sprintf("%s (%s)", m.NodeID, m.Name))
		} else {
			names = append(names, m.NodeID)
		}
	}
	if rest := f.all - len(f.first); rest > 0 {
		names = append(names, fmt.Sprintf("%d more", rest))
	}
	return strings.Join(names, ", ")
}

func (c *census) count(m *client.Member) {
	c.members++
	has4 := false
	for _, text := range m.Config.IPAssignments {
		ip, err := netip.ParseAddr(text)
		if err != nil {
			continue
		}
		has4 = has4 || ip.Is4()
		for i, p := range c.network.Config.IPAssignmentPools {
			if first, last, ok := bounds(p); ok && first.BitLen() == ip.BitLen() && !ip.Less(first) && !last.Less(ip) {
				c.taken[i]++
			}
		}
	}
	seen := m.LastSeen > 0
	switch {
	case !m.Config.Authorized:
		if seen && !m.Hidden && m.Config.LastAuthorizedTime == 0 && m.Clock-m.LastSeen < asksLately.Milliseconds() {
			c.waiting.add(m)
		}
	case tooOld(m.ClientVersion):
		c.old.add(m)
	case seen && c.network.Config.V4AssignMode.ZT && !m.Config.NoAutoAssignIPs && !has4:
		c.without.add(m)
	}
}

func (c *census) findings() []Finding {
	var found []Finding
	add := func(state State, do, format string, values ...any) {
		found = append(found, Finding{membersCheck, state, title(c.network) + ": " + fmt.Sprintf(format, values...), do})
	}
	if c.err != nil && !errors.Is(c.err, context.DeadlineExceeded) {
		add(Warning, "see api, and try again", "the members could not be read: %s", c.err)
	}
	if c.waiting.all > 0 {
		var nodes []string
		for _, m := range c.waiting.first {
			nodes = append(nodes, m.NodeID)
		}
		add(Warning, fmt.Sprintf("let them in: orrery member authorize %s %s (--pending: all of them); or orrery member hide those that you do not know", c.network.ID, strings.Join(nodes, " ")),
			"%s in vain to be let in: %s", count(c.waiting.all, "member asks", "members ask"), c.waiting.names())
	}
	for i, p := range c.network.Config.IPAssignmentPools {
		if c.free(i) == 0 && !c.hasRoom(isIPv4(p)) {
			add(Problem, "add a pool, with orrery network set "+c.network.ID+" --add-pool, or delete members that are gone: orrery member delete "+c.network.ID+" --offline-for 90d", "the pool %s–%s is used up", p.First, p.Last)
		}
	}
	if c.without.all > 0 {
		do := "they get one when they ask the next time, within a minute; if not, look at the server's log"
		if !c.hasRoom(true) {
			do = "give the network a pool with free addresses and a route that covers it, with orrery network set " + c.network.ID + " --add-pool and --add-route"
		}
		add(Warning, do, "%s no address: %s", count(c.without.all, "authorized member has", "authorized members have"), c.without.names())
	}
	if c.old.all > 0 {
		add(Warning, "update ZeroTier there, to 1.2 at the least and better to the newest version", "%s a ZeroTier too old for a network with rules: %s", count(c.old.all, "member runs", "members run"), c.old.names())
	}
	return found
}

// hasRoom reports whether members can still get an address of a family.
func (c *census) hasRoom(ipv4 bool) bool {
	for i, p := range c.network.Config.IPAssignmentPools {
		if isIPv4(p) == ipv4 && c.free(i) > 0 && covered(p, c.network.Config.Routes) {
			return true
		}
	}
	return false
}

// free is how many addresses of a pool nobody has. The last one is never given,
// as that of the reference controller is not.
func (c *census) free(pool int) uint64 {
	first, last, ok := bounds(c.network.Config.IPAssignmentPools[pool])
	if !ok {
		return math.MaxUint64
	}
	size := new(big.Int).Sub(new(big.Int).SetBytes(last.AsSlice()), new(big.Int).SetBytes(first.AsSlice()))
	if size.Sign() == 0 {
		size.SetInt64(1)
	}
	if !size.IsUint64() {
		return math.MaxUint64
	}
	return size.Uint64() - min(size.Uint64(), c.taken[pool])
}

// tooOld reports whether a known version of ZeroTier has no rules engine, which
// came with 1.2.0.
func tooOld(version string) bool {
	var major, minor int
	if n, err := fmt.Sscanf(version, "%d.%d", &major, &minor); n != 2 || err != nil || major < 1 {
		return false // not known: 0.0.0 and -1.-1.-1
	}
	return major == 1 && minor < 2
}
