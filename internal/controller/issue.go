package controller

import (
	"context"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/orrery-net/orrery/internal/store"
)

const (
	// issueKey is where the store keeps the time up to which credentials may have
	// been issued, in ms.
	issueKey = "controller.issued-until"
	// issueAhead is how far the kept time runs ahead of the clock, and
	// issueRenewal how often it is moved.
	issueAhead   = 60 * time.Second
	issueRenewal = 20 * time.Second
	// clockBehind is how far behind the kept time the clock must be at a start to
	// be called wrong: a crash leaves the kept time ahead of it.
	clockBehind = 2 * issueAhead
)

// issueClock gives the times that configurations and certificates carry. It
// never goes back, not over a restart and not when the computer's clock does:
// members refuse certificates that are older than the ones they hold, and a
// revocation voids everything up to its own time (protocol 08 §12).
type issueClock struct {
	now   func() time.Time
	store *store.Store
	floor int64        // of the previous run, ms
	last  atomic.Int64 // the highest time given, ms
}

func openIssueClock(ctx context.Context, s *store.Store, now func() time.Time) (*issueClock, error) {
	text, err := s.Meta(ctx, issueKey)
	if err != nil {
		return nil, fmt.Errorf("read the time of the last issue: %w", err)
	}
	c := &issueClock{now: now, store: s}
	if text != "" {
		if c.floor, err = strconv.ParseInt(text, 10, 64); err != nil {
			return nil, fmt.Errorf("the time of the last issue is damaged (%q): %w", text, err)
		}
	}
	return c, c.reserve(ctx)
}

// Now returns the time of issue in ms: the clock's time, or the highest one
// given so far while the clock is behind that.
func (c *issueClock) Now() int64 { return c.Above(-1) }

// Above returns the time of issue for somebody who already holds something
// issued at previous: strictly above that.
func (c *issueClock) Above(previous int64) int64 {
	t := max(c.now().UnixMilli(), c.floor, previous+1)
	for {
		last := c.last.Load()
		if t <= last && last > previous {
			return last
		}
		if t > last && c.last.CompareAndSwap(last, t) {
			return t
		}
	}
}

// Threshold returns a time at or above everything issued to anyone so far, for
// a revocation. Everything issued from then on is strictly above it, also while
// the clock stands still.
func (c *issueClock) Threshold() int64 {
	t := c.Now()
	c.Above(t)
	return t
}

// Ahead is by how much the times of issue are ahead of the computer's clock.
func (c *issueClock) Ahead() time.Duration {
	return time.Duration(max(0, c.floor-c.now().UnixMilli())) * time.Millisecond
}

// reserve stores the time up to which credentials may be issued from now on.
func (c *issueClock) reserve(ctx context.Context) error {
	return c.keep(ctx, c.Now()+issueAhead.Milliseconds())
}

// settle stores the time that was really reached, for a stop in good order.
func (c *issueClock) settle(ctx context.Context) error {
	return c.keep(ctx, c.last.Load()+1)
}

func (c *issueClock) keep(ctx context.Context, until int64) error {
	err := c.store.Update(ctx, func(tx *store.Tx) error {
		return tx.SetMeta(issueKey, strconv.FormatInt(until, 10))
	})
	if err != nil {
		return fmt.Errorf("store the time of the last issue: %w", err)
	}
	return nil
}
