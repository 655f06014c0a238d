package controller

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/zt"
)

const (
	// seenEvery is how often what was seen is written, all of it together.
	seenEvery = 5 * time.Second
	// seenAgain is how long, in ms, a member that changed in nothing but the time
	// it was seen is not written again. Nodes ask every 60 s.
	seenAgain = 30_000
)

type memberKey struct {
	network zt.NetworkID
	node    zt.Address
}

// seenBuffer collects what has to be written about members that were seen.
type seenBuffer struct {
	mu      sync.Mutex
	waiting map[memberKey]model.Seen
}

// Seen returns when and how a member was last seen, if that is in memory; the
// store may know of an earlier time.
func (c *Controller) Seen(id zt.NetworkID, node zt.Address) (model.Seen, bool) {
	n := c.network(id)
	if n == nil {
		return model.Seen{}, false
	}
	m := n.find(node)
	if m == nil || m.lastRequest.Load() == 0 { // lists ask for many that never came
		return model.Seen{}, false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.seen, m.seen.Time != 0
}

// Online reports whether a member asked for its configuration, or confirmed one
// that it was sent, within the online window.
func (c *Controller) Online(id zt.NetworkID, node zt.Address) bool {
	n := c.network(id)
	if n == nil {
		return false
	}
	m := n.find(node)
	return m != nil && m.lastRequest.Load() != 0 && m.online(c.now().UnixMilli())
}

// countedFor is how long, in ms, a count of the members online is used again. It
// ends early when one comes.
const countedFor = 1000

// onlineCount is how many members of a network were online at a time.
type onlineCount struct {
	at      int64 // ms
	members int
}

// OnlineCount is the number of members of a network that are online, authorized
// or not. One that went offline may be counted for a second more.
func (c *Controller) OnlineCount(id zt.NetworkID) int {
	n := c.network(id)
	if n == nil {
		return 0
	}
	now := c.now().UnixMilli()
	if counted := n.counted.Load(); counted != nil && now >= counted.at && now-counted.at < countedFor {
		return counted.members
	}
	counted := &onlineCount{at: now}
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, m := range n.members {
		if m.online(now) {
			counted.members++
		}
	}
	n.counted.Store(counted)
	return counted.members
}

// AllowMulticast reports whether a node may announce and ask for multicast
// groups on a network: members that are let in and online.
func (c *Controller) AllowMulticast(id zt.NetworkID, node zt.Address) bool {
	n := c.network(id)
	if n == nil || n.snapshot.Load() == nil {
		return false
	}
	m := n.find(node)
	if m == nil || !m.online(c.now().UnixMilli()) {
		return false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return admitted(m.record)
}

func (m *member) online(now int64) bool { return now < m.onlineUntil() }

// onlineUntil is when the member's online window ends or ended, ms; 0 if it has
// none: it never asked, or was taken from the list or from memory.
func (m *member) onlineUntil() int64 {
	last := m.lastRequest.Load()
	if last == 0 {
		return 0
	}
	return max(last, m.lastReceipt.Load()) + m.window()
}

// window is the time without a request, in ms, after which the member counts as
// gone.
func (m *member) window() int64 {
	if m.lowTraffic.Load() {
		return model.OnlineWindow * model.LowBandwidthFactor
	}
	return model.OnlineWindow
}

// The interval between the requests of a node in low-bandwidth mode: 64 × 60 s,
// looked at every 25 s (protocol 08 §8), with room for a slow clock.
const (
	lowTrafficMin = 64*60_000 - 20_000
	lowTrafficMax = 64*60_000 + 60_000
)

// The interval between the requests of a node that runs on: 60 s, looked at
// every 5 s (protocol 08 §8), with room for the way.
const (
	rhythmMin = 55_000
	rhythmMax = 75_000
)

// setSeen notes a request. The mode of a node, and whether it may have been
// started again, show in the interval between two requests only. Called with
// m.mu held.
func (c *Controller) setSeen(n *network, m *member, at model.Seen) {
	until := m.onlineUntil()
	interval := at.Time - m.lastRequest.Swap(at.Time)
	m.lowTraffic.Store(interval >= lowTrafficMin && interval <= lowTrafficMax)
	if interval < rhythmMin || interval > rhythmMax {
		// The node may have been started again, and knows no revocation then.
		m.revokedUpTo = 0
	}
	if !at.Endpoint.IsValid() {
		at.Endpoint = m.seen.Endpoint
	}
	m.seen = at
	if at.Time < until {
		return
	}
	n.counted.Store(nil)
	if c.watch.on.Load() {
		c.watch.came(memberKey{at.Network, m.node}, m, until, at.Time)
	}
}

// noteSeen records a request in memory, and for the next write if there is news
// in it. Called with m.mu held.
func (c *Controller) noteSeen(n *network, m *member, r *request) {
	before := m.seen
	c.setSeen(n, m, model.Seen{
		Network:  n.id,
		Node:     m.node,
		Time:     c.now().UnixMilli(),
		Endpoint: r.endpoint,
		Version: model.Version{
			Major: r.metadata.Major, Minor: r.metadata.Minor, Revision: r.metadata.Revision, Protocol: r.metadata.Protocol,
		},
	})
	if m.seen.Time-m.noted >= seenAgain || m.seen.Endpoint != before.Endpoint || m.seen.Version != before.Version {
		c.noteForWriting(n, m)
	}
}

// noteReceipt records that a member which is online confirmed a configuration. A
// node asks 60 s after the last one that it got: while it is sent others it does
// not ask.
func (c *Controller) noteReceipt(n *network, m *member) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := c.now().UnixMilli()
	if !m.online(now) {
		return
	}
	m.lastReceipt.Store(now)
	m.seen.Time = now
	if now-m.noted >= seenAgain {
		c.noteForWriting(n, m)
	}
}

// noteForWriting has the next write include a member. Called with m.mu held.
func (c *Controller) noteForWriting(n *network, m *member) {
	m.noted = m.seen.Time
	c.seen.mu.Lock()
	c.seen.waiting[memberKey{n.id, m.node}] = m.seen
	c.seen.mu.Unlock()
}

// noteAll has the next write include all that was not written, before a stop.
func (c *Controller) noteAll() {
	c.mu.RLock()
	defer c.mu.RUnlock()
	for _, n := range c.networks {
		for _, m := range n.all(func(m *member) bool { return m.lastRequest.Load() != 0 }) {
			m.mu.Lock()
			if m.seen.Time > m.noted {
				c.noteForWriting(n, m)
			}
			m.mu.Unlock()
		}
	}
}

func (c *Controller) flushSeen(ctx context.Context) {
	tick := time.NewTicker(seenEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := c.writeSeen(ctx); err != nil && ctx.Err() == nil {
				c.log.Error("cannot write when members were seen; the times shown after a restart will be older", "error", err)
			}
		}
	}
}

func (c *Controller) writeSeen(ctx context.Context) error {
	c.seen.mu.Lock()
	waiting := c.seen.waiting
	c.seen.waiting = make(map[memberKey]model.Seen, len(waiting))
	c.seen.mu.Unlock()
	if len(waiting) == 0 {
		return nil
	}
	all := make([]model.Seen, 0, len(waiting))
	for _, s := range waiting {
		all = append(all, s)
	}
	if err := c.store.SaveSeen(ctx, all); err != nil {
		return fmt.Errorf("write when members were seen: %w", err)
	}
	return nil
}
