package controller

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sort"
	"sync"
	"sync/atomic"

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/internal/store"
	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/netconf"
	"github.com/orrery-net/orrery/zt/packet"
)

// revocationLife is how long a revocation matters, in ms of times of issue: a
// member judges by its own certificate, which may be reuseWindow old when the
// member gets it and stays in force until the next one.
const revocationLife = credentialWindow + reuseWindow + model.OnlineWindow

// certificate names one kind of a member's certificates.
type certificate struct {
	kind netconf.CredentialType
	id   uint32 // of the tag or capability, 0 for membership
}

var membership = certificate{kind: netconf.CredentialCOM}

// revoked is a revocation of one member's certificates, signed once.
type revoked struct {
	number     uint64 // ascending per network
	target     zt.Address
	what       certificate
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

// Bounds of a log, beyond which the oldest revocations of tags and capabilities
// are forgotten: their members' nodes have stopped showing them, unless they were
// tampered with.
const (
	maxRevokedOfMember = netconf.MaxTags + netconf.MaxCapabilities
	maxRevoked         = 10_000
)

// addRevocations voids what a member was issued so far of some certificates. The
// caller makes sure that the member gets no new ones at or below the threshold,
// not even of membership: nodes take any revocation for one of that as well, and
// the last new one that they receive counts (protocol 06 §7). So none of a member
// that is put out may have a lower threshold than that: earlier ones are renewed.
func (c *Controller) addRevocations(n *network, target zt.Address, threshold int64, what ...certificate) {
	l := &n.revocations
	l.mu.Lock()
	defer l.mu.Unlock()
	out := slices.Contains(what, membership)
	for _, old := range l.all {
		if old.target != target {
			continue
		}
		threshold = max(threshold, old.revocation.Threshold)
		if out && !slices.Contains(what, old.what) {
			what = append(what, old.what)
		}
	}
	l.all = slices.DeleteFunc(l.all, func(old revoked) bool { return old.target == target && slices.Contains(what, old.what) })
	number := l.newest.Load()
	for _, one := range what {
		number++
		l.all = append(l.all, revoked{number: number, target: target, what: one, revocation: c.newRevocation(n, target, threshold, one), until: threshold + revocationLife})
	}
	l.trim(maxRevokedOfMember, func(r revoked) bool { return r.target == target })
	l.trim(maxRevoked, func(revoked) bool { return true })
	l.newest.Store(number)
}

// newRevocation signs a revocation. Members pass on only those of membership, to
// all others that they know, the one that it is about among them: one that was
// tampered with could keep an old one of a tag, and let itself in with its lower
// threshold after it was put out. Besides, changes of many members' tags would
// make a flood of it.
func (c *Controller) newRevocation(n *network, target zt.Address, threshold int64, what certificate) *netconf.Revocation {
	r := &netconf.Revocation{
		ID:           rand.Uint32(),
		Network:      n.id,
		CredentialID: what.id,
		Threshold:    threshold,
		Target:       target,
		Type:         what.kind,
	}
	if what == membership {
		r.Flags = netconf.RevocationFastPropagate
	}
	r.Sign(c.identity)
	return r
}

// trim forgets the oldest revocations of tags and capabilities among some if
// these are more than most. Called with l.mu held.
func (l *revocationLog) trim(most int, among func(revoked) bool) {
	excess := -most
	for _, r := range l.all {
		if among(r) && r.what != membership {
			excess++
		}
	}
	if excess <= 0 {
		return
	}
	l.all = slices.DeleteFunc(l.all, func(r revoked) bool {
		if excess == 0 || r.what == membership || !among(r) {
			return false
		}
		excess--
		return true
	})
}

// readmit forgets that a member was put out: it is let in again. What was taken
// from it stays void.
func (l *revocationLog) readmit(target zt.Address) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = slices.DeleteFunc(l.all, func(r revoked) bool { return r.target == target && r.what == membership })
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

	c.addRevocations(n, m.node, threshold, membership)
	c.tellOthers(n, m)
}

// withdraw voids certificates of tags and capabilities that a member no longer
// has. It goes on with fresh ones; the others may hold the old ones, and its node
// could go on showing them.
func (c *Controller) withdraw(n *network, m *member, lost []certificate) {
	m.mu.Lock()
	m.lastIssued = max(m.lastIssued, c.issue.Threshold())
	m.credentials = nil
	threshold := m.lastIssued
	known := m.identity != nil && admitted(m.record)
	m.mu.Unlock()
	if known {
		c.push(n, m, 0) // first: with the old ones it is cut off
	}
	c.addRevocations(n, m.node, threshold, lost...)
	c.tellOthers(n, m)
}

// What recallWithdrawn looks at: changes of members that can take certificates
// away, newest first, not more than maxRecalled of them.
var withdrawing = []model.EventKind{model.MemberUpdated, model.MemberAuthorized, model.MemberDeauthorized, model.MemberAdded, model.MemberJoined}

const maxRecalled = 10_000

// recallWithdrawn brings back what members lost shortly before the start: those
// who were away then are still to be told. It returns members that may be cut off
// until they get fresh certificates. Called with n.loadMu held.
func (c *Controller) recallWithdrawn(ctx context.Context, n *network, s *snapshot) (stale map[zt.Address]bool, err error) {
	stale = make(map[zt.Address]bool)
	// The run may have ended before it acted on its last changes, and a crash
	// before that puts times of issue ahead of those of changes.
	certain := c.issue.floor - clockBehind.Milliseconds()
	if c.clockDoubt() > 0 {
		certain = 0
	}
	query := store.EventQuery{
		Network: n.id, Kinds: withdrawing, Since: c.now().UnixMilli() - revocationLife - c.clockDoubt(), Limit: eventPage,
	}
	for range maxRecalled / eventPage {
		events, next, err := c.store.EventsBefore(ctx, query)
		if err != nil {
			return nil, fmt.Errorf("list what members lost lately: %w", err)
		}
		for i := range events {
			e := &events[i]
			lost, err := lostCertificates(s.record, e)
			if err != nil || len(lost) == 0 {
				continue
			}
			threshold := e.Time
			if threshold > certain {
				threshold = c.issue.Threshold()
				stale[e.Node] = true
			}
			c.addRevocations(n, e.Node, threshold, lost...)
		}
		if query.Before = next; next == 0 {
			break
		}
	}
	return stale, nil
}

// tellOthers sends new revocations to all members that are online but the one
// that they are about.
func (c *Controller) tellOthers(n *network, about *member) {
	now := c.now().UnixMilli()
	for _, other := range n.all(func(o *member) bool { return o != about && o.online(now) }) {
		other.mu.Lock()
		if admitted(other.record) {
			c.giveRevocations(n, other)
		}
		other.mu.Unlock()
	}
}
