package controller

import (
	"sync/atomic"
	"time"
)

// counters count what happened since the start.
type counters struct {
	requests, malformed, foreign, gated, overloaded, failed atomic.Uint64
	answered, denied, notFound, mismatched, unlisted        atomic.Uint64
	pushed, unconfirmed, putOut, revocations, unsent        atomic.Uint64
	joined, certified                                       atomic.Uint64

	signings, signingNanos atomic.Uint64
	receipts, receiptNanos atomic.Uint64
}

func (c *counters) signing(took time.Duration) {
	c.signings.Add(1)
	c.signingNanos.Add(uint64(took))
}

func (c *counters) confirmed(took time.Duration) {
	c.receipts.Add(1)
	c.receiptNanos.Add(uint64(took))
}

// Stats is a snapshot of what the controller did since its start, and of what
// waits.
type Stats struct {
	Requests  uint64            // configuration requests for networks of this controller
	Replies   map[string]uint64 // by kind: ok, denied, not_found
	Dropped   map[string]uint64 // requests without an answer, by reason
	Pushes    map[string]uint64 // by result: sent, confirmed, unconfirmed, put_out
	Revoked   uint64            // revocations sent, counted per destination
	Joined    uint64            // nodes that asked for the first time
	Certified uint64            // times that a member's certificates were signed

	Signings    uint64        // certificates and configurations signed
	SigningTime time.Duration // spent on them
	ReceiptTime time.Duration // from pushes to their confirmations, summed

	Online     int // members, on all networks
	InMemory   int // members
	Limited    int // of these, whose nodes cannot hold or evaluate all of the rules
	Networks   int // loaded or not
	Queued     int // jobs that wait for a worker
	OnAgenda   int // timers
	Receipts   int // pushes that wait for a confirmation
	Revocating int // nodes to which revocations are still to be sent
}

// Stats returns the numbers as they are now.
func (c *Controller) Stats() Stats {
	n := &c.counts
	s := Stats{
		Requests: n.requests.Load(),
		Replies: map[string]uint64{
			"ok": n.answered.Load(), "denied": n.denied.Load(), "not_found": n.notFound.Load(),
		},
		Dropped: map[string]uint64{
			"malformed": n.malformed.Load(), "foreign_network": n.foreign.Load(), "too_soon": n.gated.Load(),
			"overloaded": n.overloaded.Load(), "failed": n.failed.Load(), "unsent": n.unsent.Load(),
			"other_identity": n.mismatched.Load(), "too_many_pending": n.unlisted.Load(),
		},
		Pushes: map[string]uint64{
			"sent": n.pushed.Load(), "confirmed": n.receipts.Load(),
			"unconfirmed": n.unconfirmed.Load(), "put_out": n.putOut.Load(),
		},
		Revoked:     n.revocations.Load(),
		Joined:      n.joined.Load(),
		Certified:   n.certified.Load(),
		Signings:    n.signings.Load(),
		SigningTime: time.Duration(n.signingNanos.Load()),
		ReceiptTime: time.Duration(n.receiptNanos.Load()),
		InMemory:    int(c.entered.Load()),
		Limited:     int(c.limited.Load()),
		OnAgenda:    c.agenda.waiting(),
		Receipts:    c.receipts.count(),
		Revocating:  c.destinations.count(),
	}
	for _, queue := range c.workers {
		s.Queued += len(queue)
	}
	ids := c.networkIDs()
	s.Networks = len(ids)
	for _, id := range ids {
		s.Online += c.OnlineCount(id)
	}
	return s
}
