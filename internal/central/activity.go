package central

import (
	"context"
	"errors"
	"strings"

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/internal/store"
	"github.com/orrery-net/orrery/zt"
)

const (
	// MaxActivity is how many events one call of Activity may ask for.
	MaxActivity = 500
	// activityWork is how many events one call reads, for its caller may know of
	// none of them.
	activityWork = 2000
	// activityWalk is how many events one query of the store looks at, for its
	// filters may refuse all of them, and activityWalks how many queries a call
	// makes.
	activityWalk  = 10_000
	activityWalks = 10
)

// ActivityQuery asks for changes that the caller may know of. Zero fields select
// all.
type ActivityQuery struct {
	Network      zt.NetworkID
	Node         zt.Address
	Actor, User  string // user ids
	Kinds        []model.EventKind
	Since, Until int64 // ms: Since <= Time < Until; Until 0: no end
	Before       int64 // only older than this Seq; 0: from the newest
	Limit        int   // 1..MaxActivity
}

// Activity returns changes, newest first, and the Before of the next page, 0 at
// the end. A page may be short, even empty, with more to follow: the work of a
// call is bounded.
//
// Callers know of the changes of networks that they may read (of deleted ones by
// their last record, unless they left the organization), of their own account
// and tokens, of the organization that they own, and of their own joining and
// leaving of one; operators also of the accounts and tokens of all users.
func (s *Service) Activity(ctx context.Context, caller Caller, q ActivityQuery) (events []model.Event, next int64, err error) {
	if err := s.signedIn(caller); err != nil {
		return nil, 0, err
	}
	if err := q.validate(); err != nil {
		return nil, 0, explain("check a query", err)
	}
	sight := s.newSight(caller)
	if q.Network != 0 {
		if sees, err := sight.network(ctx, q.Network); err != nil {
			return nil, 0, err
		} else if !sees {
			return nil, 0, noNetwork(q.Network)
		}
	} else {
		q.Network = caller.onlyNetwork()
	}
	// One more than wanted tells whether more follow. Pages get longer for who
	// knows of few events.
	before, looked, size := q.Before, 0, q.Limit+1
	for walks := 0; walks < activityWalks && looked < activityWork; walks++ {
		page, next, err := s.store.EventsBefore(ctx, store.EventQuery{
			Network: q.Network, Node: q.Node, Actor: q.Actor, User: q.User, Kinds: q.Kinds,
			Since: q.Since, Until: q.Until, Before: before, Limit: size, Walk: activityWalk,
		})
		if err != nil {
			return nil, 0, explain("read events", err)
		}
		for _, e := range page {
			if len(events) == q.Limit {
				return events, before, nil
			}
			sees, err := sight.sees(ctx, &e)
			if err != nil {
				return nil, 0, err
			}
			if sees {
				events = append(events, e)
			}
			before = e.Seq
		}
		if next == 0 {
			return events, 0, nil
		}
		before, looked, size = next, looked+len(page), min(2*size, MaxActivity+1)
	}
	return events, before, nil
}

func (q *ActivityQuery) validate() error {
	switch {
	case q.Limit < 1 || q.Limit > MaxActivity:
		return NewError(Invalid, "limit: %d is outside 1–%d", q.Limit, MaxActivity)
	case len(q.Kinds) > store.MaxKinds:
		return NewError(Invalid, "kind: %d are named; at most %d can be", len(q.Kinds), store.MaxKinds)
	case q.Before < 0:
		return NewError(Invalid, "before: %d is not the number of an event", q.Before)
	}
	return nil
}

// sight decides which events a caller may know of, by what holds now. It
// remembers what it found out about networks and organizations, and is for one
// page and one goroutine.
type sight struct {
	service  *Service
	caller   Caller
	networks map[zt.NetworkID]bool
	owns     map[string]bool
}

func (s *Service) newSight(caller Caller) *sight {
	return &sight{service: s, caller: caller, networks: make(map[zt.NetworkID]bool), owns: make(map[string]bool)}
}

func (v *sight) sees(ctx context.Context, e *model.Event) (bool, error) {
	kind := string(e.Kind)
	switch {
	case e.Network != 0:
		return v.network(ctx, e.Network)
	case v.caller.onlyNetwork() != 0:
		return false, nil
	case strings.HasPrefix(kind, "user."), strings.HasPrefix(kind, "token."):
		return e.User == v.caller.User.ID || v.caller.Operator, nil
	case e.User == v.caller.User.ID && strings.HasPrefix(kind, "organization."):
		return true, nil
	}
	return v.ownsOrganization(ctx, e.Org)
}

// network reports whether the caller may read a network, or could read it when
// it was deleted and is still in its owner's organization.
func (v *sight) network(ctx context.Context, id zt.NetworkID) (bool, error) {
	if sees, known := v.networks[id]; known {
		return sees, nil
	}
	n, err := v.service.anyNetwork(ctx, id)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return false, explain("read network "+id.String(), err)
	}
	sees := err == nil && v.caller.rights(n)&toRead != 0
	if sees && n.DeletedTime != 0 && n.OwnerID != v.caller.User.ID {
		// Who is put out of an organization loses the grants on networks that
		// there are, but those that were deleted keep their last record.
		if sees, err = v.isColleague(ctx, n.OwnerID); err != nil {
			return false, err
		}
	}
	v.networks[id] = sees
	return sees, nil
}

// isColleague reports whether a user is in the caller's organization.
func (v *sight) isColleague(ctx context.Context, id string) (bool, error) {
	user, err := v.service.store.User(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, explain("read a user", err)
	}
	return user.OrgID != "" && user.OrgID == v.caller.User.OrgID, nil
}

// anyNetwork returns a network as it is now, or the last record of one that was
// deleted.
func (s *Service) anyNetwork(ctx context.Context, id zt.NetworkID) (*model.Network, error) {
	now, err := s.views.latest(ctx, id, theRecord)
	if errors.Is(err, store.ErrNotFound) {
		return s.store.AnyNetwork(ctx, id)
	}
	if err != nil {
		return nil, err
	}
	return now.network, nil
}

func (v *sight) ownsOrganization(ctx context.Context, id string) (bool, error) {
	if owns, known := v.owns[id]; known || id == "" {
		return owns, nil
	}
	org, err := v.service.store.Organization(ctx, id)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return false, explain("read an organization", err)
	}
	owns := err == nil && org.OwnerID == v.caller.User.ID
	v.owns[id] = owns
	return owns, nil
}
