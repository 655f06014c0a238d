package controller

import (
	"sync"
	"time"

	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/packet"
)

const (
	// coalesce is how long changes of a network are collected before its members
	// are told.
	coalesce = 250 * time.Millisecond
	// A push to all members goes out in portions: pushPortion members every
	// pushPause, 2 000 a second.
	pushPortion = 64
	pushPause   = 32 * time.Millisecond
	// pushAttempts is how often a push is sent while the node does not confirm
	// it; the first repetition comes after receiptWait, each next one after twice
	// the time. The node's own request within a minute is the net below.
	pushAttempts = 4
	receiptWait  = 300 * time.Millisecond
	// showAgain is how long after new certificates a node gets a configuration with
	// the same ones. It shows its certificates to another after each configuration,
	// with the next frame; the other drops those that come within 1000 ms of the
	// last (protocol 06 §8), and would not know of new ones for a minute.
	showAgain = 1100 * time.Millisecond
)

// receipt is a push that waits for the node to confirm it.
type receipt struct {
	network *network
	member  *member
	attempt int
	sent    time.Time
	out     bool             // it put the node out
	code    packet.ErrorCode // then the status that the node shall show
}

// receipts are the pushes on their way, by update id.
type receipts struct {
	mu      sync.Mutex
	waiting map[uint64]receipt
}

func (r *receipts) put(update uint64, what receipt) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.waiting[update] = what
}

func (r *receipts) take(update uint64) (receipt, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	what, ok := r.waiting[update]
	delete(r.waiting, update)
	return what, ok
}

func (r *receipts) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.waiting)
}

// expect waits for the receipt of a push and repeats it without one. It returns
// the update id to send it with: a receipt can be back before the sender knows.
func (c *Controller) expect(what receipt) (update uint64) {
	update = newUpdate()
	what.sent = c.now()
	c.receipts.put(update, what)
	c.agenda.after(receiptWait<<what.attempt, func() {
		if late, ok := c.receipts.take(update); ok {
			c.repeat(late)
		}
	})
	return update
}

func (c *Controller) repeat(late receipt) {
	if late.attempt+1 >= pushAttempts {
		c.counts.unconfirmed.Add(1)
		return
	}
	if !late.out {
		c.push(late.network, late.member, late.attempt+1)
		return
	}
	late.member.mu.Lock()
	defer late.member.mu.Unlock()
	if late.stillOut() {
		c.putOut(late.network, late.member, late.code, late.attempt+1)
	}
}

// stillOut reports whether the node was not let in again meanwhile. Called with
// the member's mu held.
func (r receipt) stillOut() bool {
	return r.network.snapshot.Load() == nil || !admitted(r.member.record)
}

// receiveReceipt takes a node's confirmation of a push.
func (c *Controller) receiveReceipt(node zt.Address, payload []byte) {
	id, update, ok := parseReceipt(payload)
	if !ok {
		return
	}
	what, ok := c.receipts.take(update)
	if !ok {
		return
	}
	if what.member.node != node || what.network.id != id {
		c.receipts.put(update, what)
		return
	}
	c.counts.confirmed(c.now().Sub(what.sent))
	if !what.out {
		c.noteReceipt(what.network, what.member)
		return
	}
	what.member.mu.Lock()
	defer what.member.mu.Unlock()
	if what.stillOut() {
		// Had the ERROR overtaken the configuration, the node would show OK.
		c.refuse(node, 0, id, what.code)
	}
}

// push has a member's configuration sent to it without a request.
func (c *Controller) push(n *network, m *member, attempt int) {
	j := job{network: n, member: m, attempt: attempt}
	if !c.queue(c.hashOf(n.id, m.node), j) {
		c.pushLater(j)
	}
}

// pushLater tries again, later, a push for which there was no room. One waits
// for each member at most: it sends what is true then.
func (c *Controller) pushLater(j job) {
	if !j.member.pushWaits.CompareAndSwap(false, true) {
		return
	}
	c.agenda.after(receiptWait, func() {
		j.member.pushWaits.Store(false)
		c.push(j.network, j.member, j.attempt)
	})
}

// pushAll tells all members of a network that are online what has changed, once
// for all changes within a short time.
func (c *Controller) pushAll(n *network) {
	n.mu.Lock()
	due := n.pushDue
	n.pushDue = true
	n.mu.Unlock()
	if due {
		return
	}
	c.agenda.after(coalesce, func() {
		now := c.now().UnixMilli()
		n.mu.Lock()
		n.pushDue = false
		n.pushNo++
		number := n.pushNo
		n.mu.Unlock()
		c.pushPortions(n, number, n.all(func(m *member) bool { return m.online(now) }))
	})
}

// pushPortions pushes to some members and puts the rest on the agenda. A newer
// push to all of the network takes its place.
func (c *Controller) pushPortions(n *network, number uint64, members []*member) {
	n.mu.Lock()
	current := n.pushNo == number
	n.mu.Unlock()
	if !current {
		return
	}
	portion := members[:min(len(members), pushPortion)]
	for _, m := range portion {
		c.push(n, m, 0)
	}
	if rest := members[len(portion):]; len(rest) > 0 {
		c.agenda.after(pushPause, func() { c.pushPortions(n, number, rest) })
	}
}
