// Package central holds the use cases: what a user may do to networks and
// members, and what happens then. Every change is one durable transaction that
// writes the new state and one event; whoever acts on changes reads the events.
//
// It knows nothing of HTTP, JSON bodies or packets: internal/centralapi turns
// requests into calls of this package, internal/controller reads the events.
package central

import (
	"context"
	"log/slog"
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
}

// New returns a service. All options but Now are needed.
func New(o Options) *Service {
	s := &Service{store: o.Store, presence: o.Presence, controller: o.Controller, log: o.Logger, now: o.Now}
	if s.now == nil {
		s.now = time.Now
	}
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
