package controller

import (
	"context"
	"encoding/binary"
	"errors"
	"hash/maphash"
	"net/netip"
	"sync/atomic"

	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/identity"
	"github.com/orrery-net/orrery/zt/netconf"
	"github.com/orrery-net/orrery/zt/packet"
	"github.com/orrery-net/orrery/zt/vl1"
)

// request is one NETWORK_CONFIG_REQUEST, kept after its packet is gone.
type request struct {
	packetID uint64
	identity *identity.Identity
	metadata netconf.Metadata
	// holdsConfig tells that the node has a configuration of this network in
	// force; the one that puts a node out does not count (its revision is 0).
	holdsConfig bool
	endpoint    netip.AddrPort // of the node itself; not valid when it came through a relay
}

// job is work on one member: an answer to a request, or without one a push.
type job struct {
	network *network
	member  *member
	request *request
	attempt int // of a push: how often it was sent before without a receipt
}

// Receive takes what a node sent. It is the endpoint's handler: it does not
// block, and keeps nothing of the packet.
func (c *Controller) Receive(in *vl1.Inbound) {
	switch in.Verb {
	case packet.VerbNetworkConfigRequest:
		c.receiveRequest(in)
	case packet.VerbOK:
		// Nodes confirm a pushed configuration in the name of ECHO (protocol 02 §6.13).
		if in.InRe == packet.VerbEcho {
			c.receiveReceipt(in.Peer.Address(), in.Payload)
		}
	}
}

func (c *Controller) receiveRequest(in *vl1.Inbound) {
	asked, err := netconf.ParseRequest(in.Payload)
	if err != nil {
		c.counts.malformed.Add(1)
		return
	}
	if asked.Network.Controller() != c.address {
		c.counts.foreign.Add(1)
		return
	}
	c.counts.requests.Add(1)
	node := in.Peer.Address()
	hash := c.hashOf(asked.Network, node)
	if !c.gate.pass(hash, c.now().UnixMilli()) {
		c.counts.gated.Add(1)
		return
	}
	n := c.network(asked.Network)
	if n == nil {
		c.counts.notFound.Add(1)
		c.refuse(node, in.PacketID, asked.Network, packet.ErrorObjectNotFound)
		return
	}
	r := &request{
		packetID:    in.PacketID,
		identity:    in.Peer,
		metadata:    netconf.ParseMetadata(asked.Metadata),
		holdsConfig: asked.Revision != 0,
	}
	if in.Hops == 0 {
		r.endpoint = netip.AddrPortFrom(in.Remote.Addr().Unmap().WithZone(""), in.Remote.Port())
	}
	j := job{network: n, member: c.meet(n, node), request: r}
	if !c.finishNow(j) {
		c.queue(hash, j)
	}
}

// meet returns the entry of a member that has just been heard of.
func (c *Controller) meet(n *network, node zt.Address) *member {
	n.mu.Lock()
	defer n.mu.Unlock()
	m := c.enter(n, node)
	m.touched = c.now().UnixMilli()
	return m
}

// leave takes back what meet did for a node that gets no record. One that a user
// added meanwhile stays: what happens to it must find it.
func (c *Controller) leave(n *network, m *member) {
	n.mu.Lock()
	defer n.mu.Unlock()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.record == nil && n.members[m.node] == m {
		delete(n.members, m.node)
		c.entered.Add(-1)
	}
}

// queue hands a job to the worker of its member. A full queue drops requests,
// which nodes repeat, and reports so.
func (c *Controller) queue(hash uint64, j job) bool {
	select {
	case c.workers[hash%uint64(len(c.workers))] <- j:
		return true
	default:
		c.counts.overloaded.Add(1)
		return false
	}
}

func (c *Controller) hashOf(id zt.NetworkID, node zt.Address) uint64 {
	var key [16]byte
	binary.BigEndian.PutUint64(key[:8], uint64(id))
	binary.BigEndian.PutUint64(key[8:], uint64(node))
	return maphash.Bytes(c.hash, key[:])
}

// work does the jobs of one queue.
func (c *Controller) work(ctx context.Context, queue <-chan job) {
	for {
		select {
		case <-ctx.Done():
			return
		case j := <-queue:
			c.handle(ctx, j)
		}
	}
}

// handle does one job: at once if memory has all that is needed, otherwise in a
// goroutine that waits for the store. There is never more than one at work on a
// member; meanwhile the latest job waits.
func (c *Controller) handle(ctx context.Context, j job) {
	m := j.member
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.busy {
		if m.next == nil || j.request != nil {
			m.next = &j
		}
		return
	}
	if s := j.network.snapshot.Load(); s != nil && m.ready(s, j) {
		c.finish(s, j)
		return
	}
	select {
	case c.slow <- struct{}{}:
	default:
		c.counts.overloaded.Add(1)
		if j.request == nil {
			c.pushLater(j)
		}
		return
	}
	m.busy = true
	c.waiting.Go(func() {
		defer func() { <-c.slow }()
		for next := &j; next != nil; {
			c.handleSlowly(ctx, *next)
			m.mu.Lock()
			next, m.next = m.next, nil
			m.busy = next != nil
			m.mu.Unlock()
		}
	})
}

// finishNow does a job at once if memory has all that is needed and nobody is at
// work on the member: most requests need no worker.
func (c *Controller) finishNow(j job) bool {
	m := j.member
	m.mu.Lock()
	defer m.mu.Unlock()
	s := j.network.snapshot.Load()
	if m.busy || s == nil || !m.ready(s, j) {
		return false
	}
	c.finish(s, j)
	return true
}

// ready reports whether a job can be finished without the store. Called with
// m.mu held.
func (m *member) ready(s *snapshot, j job) bool {
	if !m.loaded || m.record == nil {
		return false
	}
	if j.request != nil && !m.pinnedTo(j.request.identity) {
		return false
	}
	if !admitted(m.record) {
		return s.record.Private
	}
	return !lacksAddress(s.record, m.record)
}

// pinnedTo reports whether the record is pinned to this very identity and that
// was established before. Called with m.mu held.
func (m *member) pinnedTo(id *identity.Identity) bool {
	return m.identity != nil && m.record.Identity != "" && (m.identity == id || m.identity.Equal(id))
}

// handleSlowly does a job that may need the store. Called by the one goroutine
// that works on the member, without locks.
func (c *Controller) handleSlowly(ctx context.Context, j job) {
	n, m := j.network, j.member
	s, err := c.load(ctx, n)
	if err == nil && s != nil {
		err = c.admit(ctx, n, s, m, j.request)
	}
	switch {
	case errors.Is(err, errOtherIdentity):
		c.counts.mismatched.Add(1)
		c.log.Warn("a node with another identity claims a member's address; refused", "network", n.id, "node", m.node)
		c.refuse(m.node, j.request.packetID, n.id, packet.ErrorNetworkAccessDenied)
		return
	case errors.Is(err, errTooManyPending):
		c.counts.unlisted.Add(1)
		c.refuse(m.node, j.request.packetID, n.id, packet.ErrorNetworkAccessDenied)
		c.leave(n, m)
		return
	}
	if err != nil {
		if ctx.Err() == nil {
			c.counts.failed.Add(1)
			c.log.Error("cannot answer a member; it will ask again", "network", n.id, "node", m.node, "error", err)
		}
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	// The network may have changed or gone meanwhile.
	if s = n.snapshot.Load(); s == nil {
		c.answerDeleted(j)
		return
	}
	c.finish(s, j)
}

// gate lets one request of a node for a network pass per second (protocol 03
// §2.2). It is a fixed table in which a newer entry displaces an older one with
// the same slot: then at worst a request too many passes.
type gate struct {
	slots [1 << 16]atomic.Uint64 // 24 bits of hash, 40 bits of ms
}

const (
	gateInterval = 1000 // ms
	gateTimeBits = 40
)

func (g *gate) pass(hash uint64, now int64) bool {
	const mask = 1<<gateTimeBits - 1
	slot := &g.slots[hash%uint64(len(g.slots))]
	tag, time := hash>>gateTimeBits, uint64(now)&mask
	old := slot.Load()
	if old>>gateTimeBits == tag && (time-old)&mask < gateInterval {
		return false
	}
	slot.Store(tag<<gateTimeBits | time)
	return true
}
