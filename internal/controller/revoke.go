package controller

import (
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/netconf"
	"github.com/orrery-net/orrery/zt/packet"
)

const (
	// revokeSpacing keeps packets with revocations to one node apart: nodes drop
	// one that comes within 1000 ms of the last (protocol 06 §8).
	revokeSpacing = 1100 * time.Millisecond
	// revokeBatch is how many revocations one packet carries.
	revokeBatch = 60
	// revokeRepeats is how often a revocation is sent to a node, since nothing
	// confirms it.
	revokeRepeats = 2
	// revocationLife is how long a revocation matters, in ms of times of issue: a
	// member judges by its own certificate, which may be reuseWindow old when the
	// member gets it and stays in force until the next one.
	revocationLife = credentialWindow + reuseWindow + model.OnlineWindow
)

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

// after returns the revocations above a number that do not concern the node
// itself, and the newest number.
func (l *revocationLog) after(number uint64, node zt.Address) ([]*netconf.Revocation, uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var some []*netconf.Revocation
	for _, r := range l.all {
		if r.number > number && r.target != node {
			some = append(some, r.revocation)
		}
	}
	return some, l.newest.Load()
}

// giveRevocations sends a member the revocations that it has not been given.
// Called with m.mu held.
func (c *Controller) giveRevocations(n *network, m *member) {
	if m.revokedUpTo == n.revocations.newest.Load() {
		return
	}
	some, newest := n.revocations.after(m.revokedUpTo, m.node)
	m.revokedUpTo = newest
	if len(some) > 0 {
		c.sendRevocations(m.node, some)
	}
}

// destination is a node to which revocations are on their way, for all networks
// together: nodes limit them by sender.
type destination struct {
	queue     []queuedRevocation
	next      time.Time // no packet before
	scheduled bool
}

type queuedRevocation struct {
	*netconf.Revocation
	left int // how often it is still to be sent
}

type destinations struct {
	mu  sync.Mutex
	all map[zt.Address]*destination
}

func (d *destinations) sweep(now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for node, one := range d.all {
		if len(one.queue) == 0 && one.next.Before(now) {
			delete(d.all, node)
		}
	}
}

func (d *destinations) count() (revocations int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, one := range d.all {
		revocations += len(one.queue)
	}
	return revocations
}

// sendRevocations sends revocations to a node: the first at once, what comes
// within the node's limit together afterwards.
func (c *Controller) sendRevocations(node zt.Address, some []*netconf.Revocation) {
	c.destinations.mu.Lock()
	one := c.destinations.all[node]
	if one == nil {
		one = new(destination)
		c.destinations.all[node] = one
	}
	for _, r := range some {
		waits := func(q queuedRevocation) bool { return q.Revocation == r }
		if !slices.ContainsFunc(one.queue, waits) {
			one.queue = append(one.queue, queuedRevocation{r, revokeRepeats})
		}
	}
	wait := time.Duration(-1)
	if !one.scheduled {
		one.scheduled = true
		wait = max(0, one.next.Sub(c.now()))
	}
	c.destinations.mu.Unlock()
	switch {
	case wait == 0:
		c.flushRevocations(node)
	case wait > 0:
		c.agenda.after(wait, func() { c.flushRevocations(node) })
	}
}

// flushRevocations sends one packet of what waits for a node and puts the next
// one on the agenda.
func (c *Controller) flushRevocations(node zt.Address) {
	c.destinations.mu.Lock()
	one := c.destinations.all[node]
	if one == nil || len(one.queue) == 0 {
		if one != nil {
			one.scheduled = false
		}
		c.destinations.mu.Unlock()
		return
	}
	batch := one.queue[:min(len(one.queue), revokeBatch)]
	var packed netconf.Credentials
	var again []queuedRevocation
	for _, r := range batch {
		packed.Revocations = append(packed.Revocations, r.Revocation)
		if r.left > 1 {
			again = append(again, queuedRevocation{r.Revocation, r.left - 1})
		}
	}
	one.queue = append(slices.Clone(one.queue[len(batch):]), again...)
	one.next = c.now().Add(revokeSpacing)
	c.destinations.mu.Unlock()

	if _, err := c.node.Send(c.address, node, packet.VerbNetworkCredentials, packed.Append(nil)); err != nil {
		c.counts.unsent.Add(1)
	}
	c.counts.revocations.Add(uint64(len(batch)))
	c.agenda.after(revokeSpacing, func() { c.flushRevocations(node) })
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
