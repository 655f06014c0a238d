package client

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"time"
)

// Coming is a member that came, left or was changed.
type Coming struct {
	Time    int64 // ms since 1970, by the server's clock
	Network string
	Node    string
	Kind    string  // online, offline, or an event's kind: member.added, member.authorized, …
	Member  *Member // as it is now; nil: deleted
}

// Watch streams who comes and goes in a network (empty: in all) until the
// context ends. An Orrery server tells it live, and Watch goes on after a broken
// connection without missing a change; any other is asked every few seconds and
// the answers compared: what happened twice in between is not seen. It tells
// nothing of how things are at the beginning.
//
// A server that cannot be reached is an error at the beginning only; later Watch
// tries again for as long as it takes, and tells Waiting. It ends with the first
// error: the context's, a refusal, a network that is deleted, or changes that the
// server does not keep anymore.
func (c *Client) Watch(ctx context.Context, network string) iter.Seq2[*Coming, error] {
	return func(yield func(*Coming, error) bool) {
		w := &watcher{Client: c, network: network, doing: "watch all networks", yield: yield, seen: make(roster)}
		if network != "" {
			w.doing = "watch network " + network
			if err := checkNetwork("watch network ", network); err != nil {
				yield(nil, err)
				return
			}
		}
		orrery, err := c.IsOrrery(ctx)
		if err == nil {
			look := w.compare
			if orrery {
				look = (&follower{watcher: w}).follow
			}
			err = w.run(ctx, look)
		}
		if !errors.Is(err, errEnough) {
			yield(nil, err)
		}
	}
}

// errEnough ends a watch whose reader has had enough.
var errEnough = errors.New("the reader has had enough")

// watcher is one call of Watch.
type watcher struct {
	*Client
	network string // empty: all
	doing   string
	yield   func(*Coming, error) bool
	seen    roster
	begun   bool  // the server has answered, and what was seen is known
	answers bool  // it did since the last wait
	clock   int64 // the server's, when it was last seen
}

// The waits of a watch while the server cannot be reached.
const (
	firstReturn   = time.Second
	longestReturn = 30 * time.Second
)

// run looks again and again. What look returns nil for is to be continued at once.
func (w *watcher) run(ctx context.Context, look func(context.Context) error) error {
	for wait := firstReturn; ; {
		err := look(ctx)
		if w.answers {
			wait, w.answers = firstReturn, false
		}
		switch {
		case err == nil:
			continue
		case ctx.Err() != nil:
			return fmt.Errorf("%s: %w", w.doing, context.Cause(ctx))
		case !w.begun || !mayPass(err):
			return err
		}
		w.pace.tell(wait, reason(err))
		if err := sleep(ctx, wait); err != nil {
			return fmt.Errorf("%s: %w", w.doing, err)
		}
		wait = min(2*wait, longestReturn)
	}
}

// mayPass reports whether an error is one of the server's state, not of what is
// asked.
func mayPass(err error) bool {
	var refused *Error
	return errors.Is(err, ErrUnreachable) ||
		errors.As(err, &refused) && (refused.Status >= http.StatusInternalServerError || refused.Status == http.StatusTooManyRequests)
}

// reason is what an error says, without what was being done.
func reason(err error) string {
	var lost *failure
	var refused *Error
	switch {
	case errors.As(err, &lost):
		return lost.what
	case errors.As(err, &refused):
		return fmt.Sprintf("the server answered with status %d", refused.Status)
	}
	return err.Error()
}

func (w *watcher) tell(c *Coming) error {
	if !w.yield(c, nil) {
		return errEnough
	}
	return nil
}

// compare reads all members and tells what differs from the last time.
func (w *watcher) compare(ctx context.Context) error {
	if w.begun {
		if err := sleep(ctx, pollEvery); err != nil {
			return fmt.Errorf("%s: %w", w.doing, err)
		}
	}
	now, changes, err := w.look(ctx, roster.changes)
	if err != nil {
		return err
	}
	changes = append(changes, now.missing(w.seen, w.clock)...)
	known := w.begun
	w.seen, w.begun = now, true
	if !known {
		return nil
	}
	for i := range changes {
		if err := w.tell(&changes[i]); err != nil {
			return err
		}
	}
	return nil
}

// maxWatched is how many members are watched at most: what is kept of each takes
// some 100 bytes.
const maxWatched = 2_000_000

// look reads all members that are watched, and what has changed of each. A list
// that breaks off tells nothing.
func (w *watcher) look(ctx context.Context, changesOf func(roster, *Member) []Coming) (roster, []Coming, error) {
	networks := []string{w.network}
	if w.network == "" {
		networks = nil
		for n, err := range w.Networks(ctx) {
			if err != nil {
				return nil, nil, err
			}
			networks = append(networks, n.ID)
		}
	}
	now := make(roster, len(w.seen))
	var changes []Coming
	for _, network := range networks {
		for m, err := range w.Members(ctx, network) {
			if err != nil && w.network == "" && errors.Is(err, ErrNotFound) {
				break // deleted meanwhile
			}
			if err != nil {
				return nil, nil, err
			}
			if w.begun {
				changes = append(changes, changesOf(w.seen, m)...)
			}
			w.clock = max(w.clock, m.Clock)
			now[keyOf(m)] = standing{m.Config.Authorized, m.Online()}
			if len(now) > maxWatched {
				return nil, nil, fmt.Errorf("%s: there are more than %d members; watch single networks", w.doing, maxWatched)
			}
		}
	}
	w.answers = true
	return now, changes, nil
}
