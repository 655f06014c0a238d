package controller

import (
	"sync"
	"time"

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
	// revokePasses is how often a revocation is sent to a node, since nothing
	// confirms it.
	revokePasses = 2
)

// destination is a node to which revocations are on their way, for all networks
// together: nodes limit them by sender. It holds places in the networks' logs,
// not revocations, so that a thousand of them for a thousand nodes cost no more
// than the logs.
type destination struct {
	places    map[*revocationLog]*place
	next      time.Time // no packet before
	scheduled bool
}

// place is how far each pass over a log has come: the number of the last
// revocation sent.
type place [revokePasses]uint64

// destinations are the nodes to which revocations are on their way or were sent
// a moment ago. The lock of a revocationLog may be taken with this one held.
type destinations struct {
	mu  sync.Mutex
	all map[zt.Address]*destination
}

// sweep forgets nodes that have everything and may be sent to at once.
func (d *destinations) sweep(now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for node, one := range d.all {
		if len(one.places) == 0 && one.next.Before(now) {
			delete(d.all, node)
		}
	}
}

// count is the number of nodes to which revocations are still to be sent.
func (d *destinations) count() (nodes int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, one := range d.all {
		if len(one.places) > 0 {
			nodes++
		}
	}
	return nodes
}

// sendRevocations sends a node what a log has above a number: at once, or with
// what else waits when the node takes the next packet. A node that is on the way
// through the log already just goes on.
func (c *Controller) sendRevocations(node zt.Address, log *revocationLog, after uint64) {
	c.destinations.mu.Lock()
	one := c.destinations.all[node]
	if one == nil {
		one = &destination{places: make(map[*revocationLog]*place)}
		c.destinations.all[node] = one
	}
	if one.places[log] == nil {
		one.places[log] = &place{after, after}
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
	if one == nil {
		c.destinations.mu.Unlock()
		return
	}
	packed := netconf.Credentials{Revocations: one.batch(node)}
	if len(packed.Revocations) == 0 {
		one.scheduled = false
		c.destinations.mu.Unlock()
		return
	}
	one.next = c.now().Add(revokeSpacing)
	c.destinations.mu.Unlock()

	if _, err := c.node.Send(c.address, node, packet.VerbNetworkCredentials, packed.Append(nil)); err != nil {
		c.counts.unsent.Add(1)
	}
	c.counts.revocations.Add(uint64(len(packed.Revocations)))
	c.agenda.after(revokeSpacing, func() { c.flushRevocations(node) })
}

// batch takes as many revocations as fit in a packet. A revocation is never in
// it twice: the next pass over a log begins after a packet in which the last one
// found nothing more.
func (d *destination) batch(node zt.Address) (batch []*netconf.Revocation) {
	for log, at := range d.places {
		done := true
		for pass := range at {
			some, upTo := log.after(at[pass], node, revokeBatch-len(batch))
			at[pass] = upTo
			batch = append(batch, some...)
			if len(some) > 0 || upTo != log.newest.Load() {
				done = false
				break
			}
		}
		if done {
			delete(d.places, log)
		}
		if len(batch) == revokeBatch {
			break
		}
	}
	return batch
}
