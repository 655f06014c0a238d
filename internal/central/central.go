// Package central holds the use cases: what a user may do to networks, members,
// accounts, tokens and organizations, and what happens then. Every change is one
// durable transaction that writes the new state and an event for each record
// that changed; whoever acts on changes reads the events.
//
// Who may do what is decided in access.go. Reads come from memory where they
// can (views), and see everything that was committed before they began.
//
// It knows nothing of HTTP, JSON bodies or packets: internal/centralapi turns
// requests into calls of this package, internal/controller reads the events.
package central

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/internal/store"
	"github.com/orrery-net/orrery/zt"
)

// Presence knows who is talking to the controller at this moment. Its methods
// are safe for concurrent use and answer from memory.
type Presence interface {
	// Seen returns when and how a member was last seen; false when memory holds
	// nothing, and the store's older row counts.
	Seen(network zt.NetworkID, node zt.Address) (model.Seen, bool)
	Online(network zt.NetworkID, node zt.Address) bool
	// OnlineCount is the number of members of a network that are online.
	OnlineCount(network zt.NetworkID) int
	// Watch tells who comes online and goes offline from now on, until stop is
	// called. The channel holds buffer changes; it is closed when a reader falls
	// further behind, or when the controller ends.
	Watch(buffer int) (changes <-chan model.OnlineChange, stop func())
}

// Options are what a Service works with.
type Options struct {
	Store      *store.Store
	Presence   Presence
	Controller zt.Address // the prefix of new networks' ids
	Logger     *slog.Logger
	Now        func() time.Time // nil: time.Now
}

// Service carries out the use cases. It is safe for concurrent use.
type Service struct {
	store      *store.Store
	presence   Presence
	controller zt.Address
	log        *slog.Logger
	now        func() time.Time

	sessions *sessions
	views    *views
	inviting sync.Mutex // held by whoever makes an invitation
	workshop *workshop
}

// New returns a service. All options but Now are needed.
func New(o Options) *Service {
	s := &Service{
		store: o.Store, presence: o.Presence, controller: o.Controller, log: o.Logger, now: o.Now,
		sessions: newSessions(), workshop: newWorkshop(),
	}
	if s.now == nil {
		s.now = time.Now
	}
	s.views = newViews(s.store, s.now)
	return s
}

// Now is the service's time in milliseconds since 1970.
func (s *Service) Now() int64 { return s.now().UnixMilli() }

// update runs one transaction and gives its failure a kind.
func (s *Service) update(ctx context.Context, doing string, fn func(tx *store.Tx) error) error {
	if err := s.store.Update(ctx, fn); err != nil {
		return explain(doing, err)
	}
	return nil
}

// change is update for what a caller does, whose token must be valid still.
func (s *Service) change(ctx context.Context, caller Caller, doing string, fn func(tx *store.Tx) error) error {
	if err := s.signedIn(caller); err != nil {
		return err
	}
	return s.update(ctx, doing, func(tx *store.Tx) error {
		if err := stillValid(tx, caller); err != nil {
			return err
		}
		return fn(tx)
	})
}

// changeAccount is change for accounts, tokens, organizations and invitations.
// No session that was known before is valid afterwards without another look.
func (s *Service) changeAccount(ctx context.Context, caller Caller, doing string, fn func(tx *store.Tx) error) error {
	if err := s.changesAccounts(caller); err != nil {
		return err
	}
	defer s.sessions.forget()
	return s.change(ctx, caller, doing, fn)
}

// event begins the record of what a caller does.
func (s *Service) event(caller Caller, kind model.EventKind) model.Event {
	return model.Event{Time: s.Now(), Kind: kind, Actor: caller.actor()}
}

// report writes the event of a change to a record, which tells what differs. A
// record that was made has no before, one that is gone has no after.
func report[T any](tx *store.Tx, e model.Event, before, after *T) error {
	var err error
	if e.Before, e.After, err = model.Changes(before, after); err != nil {
		return err
	}
	return tx.AppendEvent(&e)
}
