package controller

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/internal/store"
	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/identity"
	"github.com/orrery-net/orrery/zt/netconf"
)

type addr = netip.Addr

// member is a node on one network, in memory while something is heard of it.
type member struct {
	node        zt.Address
	lastRequest atomic.Int64 // ms; 0: never in this run
	lastReceipt atomic.Int64 // ms: when the node last confirmed a configuration
	lowTraffic  atomic.Bool  // the node asks 64 times less often than others
	limited     atomic.Bool  // the node cannot hold all that it should get
	pushWaits   atomic.Bool  // a push for which there was no room is on the agenda

	touched int64 // ms: when the entry was last looked up to be used; guarded by network.mu

	mu     sync.Mutex
	loaded bool
	record *model.Member // immutable; nil when the store has none
	busy   bool          // one goroutine works on this member outside the lock
	next   *job          // what to do when it is done

	identity *identity.Identity // that made the last request
	metadata netconf.Metadata   // of the last request
	seen     model.Seen
	noted    int64 // ms: the time of what was last noted for writing

	lastIssued  int64 // ms: of the newest configuration; certificates up to it may be revoked
	credentials *credentials
	revokedUpTo uint64 // the newest revocation that the node was given
}

// enter returns a member's entry, made at need. Called with n.mu held.
func (c *Controller) enter(n *network, node zt.Address) *member {
	m := n.members[node]
	if m == nil {
		m = &member{node: node, metadata: assumedMetadata()}
		n.members[node] = m
		c.entered.Add(1)
	}
	return m
}

// assumedMetadata is what nodes of version 1.4 and later announce, for a push
// to one that has not asked in this run.
func assumedMetadata() netconf.Metadata {
	return netconf.Metadata{
		ConfigVersion: netconf.ConfigVersion, RulesEngine: 1,
		MaxRules: netconf.MaxRules, MaxCapabilities: netconf.MaxCapabilities,
		MaxRulesPerCapability: netconf.MaxRulesPerCapability, MaxTags: netconf.MaxTags,
	}
}

// find returns a member's entry, nil if it is not in memory.
func (n *network) find(node zt.Address) *member {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.members[node]
}

// all returns the members in memory for which keep holds.
func (n *network) all(keep func(*member) bool) []*member {
	n.mu.Lock()
	defer n.mu.Unlock()
	var some []*member
	for _, m := range n.members {
		if keep(m) {
			some = append(some, m)
		}
	}
	return some
}

// loadMember returns the record, reading it unless that was done; nil if there
// is none. Called without m.mu, for which others do not wait as long as for the
// store.
func (c *Controller) loadMember(ctx context.Context, n *network, m *member) (*model.Member, error) {
	m.mu.Lock()
	record, loaded := m.record, m.loaded
	m.mu.Unlock()
	if loaded {
		return record, nil
	}
	record, err := c.store.Member(ctx, n.id, m.node)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, fmt.Errorf("read member %s of %s: %w", m.node, n.id, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.loaded { // otherwise an event has brought what is at least as new
		m.record, m.loaded = record, true
	}
	return m.record, nil
}

// replace takes over a newer record. Called with m.mu held.
func (m *member) replace(record *model.Member) {
	if m.record == nil || record == nil || record.Revision >= m.record.Revision {
		m.record, m.loaded = record, true
	}
	if m.record != nil && m.record.DeletedTime != 0 {
		m.lastRequest.Store(0) // it is on no list to be online on
	}
}

// admitted reports whether the record lets the node in.
func admitted(record *model.Member) bool {
	return record != nil && record.DeletedTime == 0 && record.Authorized
}

// sweep forgets members of whom nothing was heard for long, and revocations and
// destinations that no longer matter.
func (c *Controller) sweep() {
	now, issued := c.now().UnixMilli(), c.issue.Now()
	crowded := int(c.entered.Load()) > c.maxMembers
	c.mu.RLock()
	all := make([]*network, 0, len(c.networks))
	for _, n := range c.networks {
		all = append(all, n)
	}
	c.mu.RUnlock()
	for _, n := range all {
		n.mu.Lock()
		for node, m := range n.members {
			if m.idle(now, crowded) {
				delete(n.members, node)
				c.entered.Add(-1)
				if m.limited.Swap(false) {
					c.limited.Add(-1)
				}
				m.lastRequest.Store(0)
				n.counted.Store(nil)
				c.watch.removed(memberKey{n.id, node}, now)
			}
		}
		n.mu.Unlock()
		n.revocations.sweep(issued)
	}
	c.destinations.sweep(c.now())
}

// idleAfter is how long a member stays in memory after its last request, in
// units of the online window.
const idleAfter = 5

// idle reports whether a member can be let go of. In a crowd the ones that are
// not admitted go early. Called with the network's mu held.
func (m *member) idle(now int64, crowded bool) bool {
	if !m.mu.TryLock() {
		return false
	}
	defer m.mu.Unlock()
	if m.busy {
		return false
	}
	quiet := now - max(m.lastRequest.Load(), m.touched)
	switch in := admitted(m.record); {
	case crowded && !in:
		return quiet > model.OnlineWindow/10
	case crowded || !in:
		return quiet > idleAfter*m.window()
	}
	// Whether a node is in low-bandwidth mode shows in its next request.
	return quiet > max(idleAfter*m.window(), lowTrafficMax)
}
