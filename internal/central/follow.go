package central

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/orrery-net/orrery/internal/model"
)

const (
	// followPage is how many events a follower holds at a time.
	followPage = 100
	// followOnline is how many changes of who is online wait for a slow follower.
	followOnline = 1024
)

// Update is one thing that happened: exactly one field is set.
type Update struct {
	Event  *model.Event
	Online *model.OnlineChange
}

// Latest is the Seq of the newest event.
func (s *Service) Latest() int64 { return s.store.Committed() }

// Follow calls yield with what happens to what the caller may know of (see
// Activity), from the event after a Seq on (after < 0: from now), in order, and
// with the members that come online or go offline meanwhile. It first calls
// yield(Update{}) when it is listening. Calls of yield are one at a time. What
// the caller may know of is decided for each event when its turn comes.
//
// Follow returns yield's error, ctx.Err(), Unauthorized as soon as the caller's
// token or account ends, or Conflict when events after that Seq are not kept
// anymore, there is no such Seq, or the reader is too slow for who comes and
// goes.
func (s *Service) Follow(ctx context.Context, caller Caller, after int64, yield func(Update) error) error {
	if err := s.signedIn(caller); err != nil {
		return err
	}
	online, stop := s.presence.Watch(followOnline)
	defer stop()
	latest := s.Latest()
	if after < 0 {
		after = latest
	}
	f := follower{service: s, caller: caller, position: after, yield: yield}
	if err := f.checkStart(ctx, latest); err != nil {
		return orEnd(ctx, err)
	}
	if err := yield(Update{}); err != nil {
		return err
	}
	return f.run(ctx, online)
}

func errNotKept() error {
	return NewError(Conflict, "the changes since then are not all kept; read the present state and follow from now")
}

// follower is one call of Follow.
type follower struct {
	service  *Service
	caller   Caller
	position int64 // the Seq of the last event that was dealt with
	yield    func(Update) error
}

func (f *follower) run(ctx context.Context, online <-chan model.OnlineChange) error {
	expiry := time.NewTimer(f.untilExpiry())
	defer expiry.Stop()
	for {
		changed := f.service.store.Changed()
		if err := f.catchUp(ctx); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		case <-expiry.C:
			if err := f.service.signedIn(f.caller); err != nil {
				return err
			}
			expiry.Reset(f.untilExpiry())
		case change, open := <-online:
			if !open {
				return NewError(Conflict, "members come and go faster than the reader takes it, or the server stops; read the present state and follow from now")
			}
			if err := f.tellOnline(ctx, &change); err != nil {
				return err
			}
		}
	}
}

// checkStart makes sure that the event after the position is kept, if there is
// one yet.
func (f *follower) checkStart(ctx context.Context, latest int64) error {
	if f.position == latest {
		return nil
	}
	next, err := f.service.store.Events(ctx, f.position, 1)
	if err != nil {
		return explain("read events", err)
	}
	if len(next) == 0 || next[0].Seq != f.position+1 {
		return errNotKept()
	}
	return nil
}

// untilExpiry is after how long to look whether the caller's token has expired:
// when it does, if that is within an hour. The year 9999 is no time.Duration, and
// clocks are set.
func (f *follower) untilExpiry() time.Duration {
	if f.caller.Token == nil || f.caller.Token.ExpiryTime == 0 {
		return time.Hour
	}
	left := min(f.caller.Token.ExpiryTime-f.service.Now(), time.Hour.Milliseconds())
	return time.Duration(left) * time.Millisecond
}

// catchUp deals with all events that there are.
func (f *follower) catchUp(ctx context.Context) error {
	for {
		page, err := f.service.store.Events(ctx, f.position, followPage)
		if err != nil {
			return orEnd(ctx, explain("read events", err))
		}
		if len(page) == 0 {
			if f.position < f.service.Latest() {
				// What is committed is visible, unless it came after the look.
				if page, err = f.service.store.Events(ctx, f.position, 1); err != nil {
					return orEnd(ctx, explain("read events", err))
				}
				if len(page) == 0 {
					return errNotKept()
				}
				continue
			}
			return nil
		}
		for i := range page {
			if page[i].Seq != f.position+1 {
				return errNotKept()
			}
			if err := f.tellEvent(ctx, &page[i]); err != nil {
				return orEnd(ctx, err)
			}
			f.position = page[i].Seq
		}
	}
}

// tellEvent passes on an event if the caller may know of it.
func (f *follower) tellEvent(ctx context.Context, e *model.Event) error {
	if err := f.renew(ctx, concernsAccounts(e)); err != nil {
		return err
	}
	sees, err := f.service.newSight(f.caller).sees(ctx, e)
	if err != nil || !sees {
		return err
	}
	return f.yield(Update{Event: e})
}

func (f *follower) tellOnline(ctx context.Context, change *model.OnlineChange) error {
	if err := f.renew(ctx, false); err != nil {
		return orEnd(ctx, err)
	}
	sees, err := f.service.newSight(f.caller).network(ctx, change.Network)
	if err != nil || !sees {
		return orEnd(ctx, err)
	}
	return f.yield(Update{Online: change})
}

// concernsAccounts reports whether an event may change what a token stands for.
func concernsAccounts(e *model.Event) bool {
	kind := string(e.Kind)
	return strings.HasPrefix(kind, "user.") || strings.HasPrefix(kind, "token.") || strings.HasPrefix(kind, "organization.")
}

// renew makes sure that the caller's token still stands for somebody. Whoever
// ends a token commits that before memory knows: so after an event that may tell
// of it, memory is not asked.
func (f *follower) renew(ctx context.Context, changed bool) error {
	if f.caller.Token == nil {
		return nil
	}
	digest := f.caller.Token.Hash
	found, generation := f.service.sessions.find(digest)
	if found == nil || changed {
		var err error
		if found, err = f.service.lookUp(ctx, digest); err != nil {
			return err
		}
		f.service.sessions.keep(digest, generation, found)
	}
	f.caller.User, f.caller.Token, f.caller.Operator = found.user, found.token, found.operator
	return f.service.signedIn(f.caller)
}

// orEnd returns ctx's error if that is why something failed.
func orEnd(ctx context.Context, err error) error {
	var known *Error
	if err != nil && ctx.Err() != nil && errors.As(err, &known) && known.Kind == Internal {
		return ctx.Err()
	}
	return err
}
