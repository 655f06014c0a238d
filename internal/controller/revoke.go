package controller

import (
	"math/rand/v2"
	"slices"
	"sort"
	"sync"
	"sync/atomic"

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/netconf"
	"github.com/orrery-net/orrery/zt/packet"
)

// revocationLife is how long a revocation matters, in ms of times of issue: a
// member judges by its own certificate, which may be reuseWindow old when the
// member gets it and stays in force until the next one.
const revocationLife = credentialWindow + reuseWindow + model.OnlineWindow

// revoked is a revocation of one member's certificates, signed once.
type revoked struct {
	number     uint64 // ascending per network
	target     zt.Address
	revocation *netconf.Revocation
	until      int64 // ms, in times of issue: from then on nobody accepts what it voids
}

// revocationLog holds a network's revocations while they matter. Its lock is
// taken last, and may be with any other held.
type revocationLog struct {
	newest atomic.Uint64 // the number of the newest one

	mu  sync.Mutex
	all []revoked // ascending by number
}

// addRevocation voids all certificates that a member was issued so far. The
// caller makes sure that the member gets no new ones at or below the threshold.
func (c *Controller) addRevocation(n *network, target zt.Address, threshold int64) {
	r := &netconf.Revocation{
		ID:        rand.Uint32(),
		Network:   n.id,
		Threshold: threshold,
		Flags:     netconf.RevocationFastPropagate,
		Target:    target,
		Type:      netconf.CredentialCOM,
	}
	r.Sign(c.identity)
	l := &n.revocations
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = slices.DeleteFunc(l.all, func(old revoked) bool { return old.target == target })
	number := l.newest.Load() + 1
	l.all = append(l.all, revoked{number: number, target: target, revocation: r, until: threshold + revocationLife})
	l.newest.Store(number)
}

// drop forgets the revocation of a member that is let in again.
func (l *revocationLog) drop(target zt.Address) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = slices.DeleteFunc(l.all, func(r revoked) bool { return r.target == target })
}

// sweep forgets revocations of certificates that have run out. issued is a time
// of issue, which a clock that was set back does not change.
func (l *revocationLog) sweep(issued int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = slices.DeleteFunc(l.all, func(r revoked) bool { return r.until < issued })
}

// after returns at most limit revocations above a number, oldest first, without
// those of the node itself, and the number up to which that is all.
func (l *revocationLog) after(number uint64, node zt.Address, limit int) (some []*netconf.Revocation, upTo uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	first := sort.Search(len(l.all), func(i int) bool { return l.all[i].number > number })
	for _, r := range l.all[first:] {
		if r.target == node {
			continue
		}
		if len(some) == limit {
			return some, number
		}
		some, number = append(some, r.revocation), r.number
	}
	return some, l.newest.Load()
}

// giveRevocations sends a member the revocations that it has not been given.
// Called with m.mu held.
func (c *Controller) giveRevocations(n *network, m *member) {
	newest := n.revocations.newest.Load()
	if m.revokedUpTo != newest {
		c.sendRevocations(m.node, &n.revocations, m.revokedUpTo)
		m.revokedUpTo = newest
	}
}

// revoke voids what a member was issued and tells everyone who is online, the
// member itself last of all by putting it out.
func (c *Controller) revoke(n *network, m *member, record *model.Member, code packet.ErrorCode) {
	m.mu.Lock()
	m.replace(record)
	m.lastIssued = max(m.lastIssued, c.issue.Threshold())
	threshold := m.lastIssued
	if m.identity != nil {
		c.putOut(n, m, code, 0)
	}
	m.mu.Unlock()

	c.addRevocation(n, m.node, threshold)
	now := c.now().UnixMilli()
	for _, other := range n.all(func(o *member) bool { return o != m && o.online(now) }) {
		other.mu.Lock()
		if admitted(other.record) {
			c.giveRevocations(n, other)
		}
		other.mu.Unlock()
	}
}
