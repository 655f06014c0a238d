package central

import (
	"context"
	"errors"

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/internal/store"
	"github.com/orrery-net/orrery/zt"
)

// Members calls yield for each member of a network that is not deleted,
// ascending by node, and ends with the first error that yield returns. Errors
// of the network (it does not exist) come before the first call. Needs r.
func (s *Service) Members(ctx context.Context, caller Caller, id zt.NetworkID, yield func(model.MemberStatus) error) error {
	if _, err := s.readNetwork(ctx, caller, id); err != nil {
		return err
	}
	return s.eachMember(ctx, id, func(m *model.Member, row model.Seen) error { return yield(s.status(m, row)) })
}

// eachMember calls yield for each member of a network that is not deleted,
// ascending by node, with when the store last saw it.
func (s *Service) eachMember(ctx context.Context, id zt.NetworkID, yield func(*model.Member, model.Seen) error) error {
	now, err := s.views.latest(ctx, id, theMembers)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return noNetwork(id)
	case err != nil:
		return explain("read the members of "+id.String(), err)
	case now.roster != nil:
		err = now.roster.each(yield)
	default:
		err = s.eachStored(ctx, id, yield)
	}
	if err != nil {
		return explain("list members of "+id.String(), err)
	}
	return nil
}

// eachStored is eachMember for a network that is too large for memory.
func (s *Service) eachStored(ctx context.Context, id zt.NetworkID, yield func(*model.Member, model.Seen) error) error {
	rows, err := s.store.Seen(ctx, id)
	if err != nil {
		return err
	}
	seen := make(map[zt.Address]model.Seen, len(rows))
	for _, row := range rows {
		seen[row.Node] = row
	}
	return s.store.Members(ctx, id, func(m *model.Member) error { return yield(m, seen[m.Node]) })
}

// Member returns one member that is not deleted. Needs r.
func (s *Service) Member(ctx context.Context, caller Caller, id zt.NetworkID, node zt.Address) (model.MemberStatus, error) {
	if _, err := s.readNetwork(ctx, caller, id); err != nil {
		return model.MemberStatus{}, err
	}
	if s.views.holdsMembers(id) {
		now, err := s.views.latest(ctx, id, theMembers)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return model.MemberStatus{}, explain("read the members of "+id.String(), err)
		}
		if err == nil && now.roster != nil {
			m, row, found := now.roster.member(node)
			if !found {
				return model.MemberStatus{}, noMember(id, node)
			}
			return s.status(m, row), nil
		}
	}
	m, err := s.store.Member(ctx, id, node)
	switch {
	case errors.Is(err, store.ErrNotFound), err == nil && m.DeletedTime != 0:
		return model.MemberStatus{}, noMember(id, node)
	case err != nil:
		return model.MemberStatus{}, explain("read member "+node.String()+" of "+id.String(), err)
	}
	return s.withSeen(ctx, m)
}

// UpdateMember changes a member, makes one that does not exist yet, and brings a
// deleted one back: visible and not authorized, unless change says otherwise.
// change works on a copy of the current record inside the transaction, so that
// of two writers at once neither undoes the other; it must be quick. It lets a
// member in or puts it out by setting Authorized; what goes with that is done
// here. Nothing is stored when nothing differs.
//
// Needs m, or a alone if all that differs in effect is Authorized (also of a
// member that is made or brought back authorized) or nothing at all.
func (s *Service) UpdateMember(ctx context.Context, caller Caller, id zt.NetworkID, node zt.Address, change func(*model.Member) error) (model.MemberStatus, error) {
	var after *model.Member
	err := s.change(ctx, caller, "change member "+node.String()+" of "+id.String(), func(tx *store.Tx) error {
		network, err := s.networkForChange(tx, caller, id, toAuthorize|toModify)
		if err != nil {
			return err
		}
		before, err := findMember(tx, id, node)
		if err != nil {
			return err
		}
		start := s.startingPoint(before, id, node)
		after = start.Clone()
		if err := change(after); err != nil {
			return err
		}
		added := before == nil || before.DeletedTime != 0
		if justAuthorizes, err := justAuthorizes(start, after, added); err != nil {
			return err
		} else if !justAuthorizes {
			if err := permit(caller, network, toModify); err != nil {
				return err
			}
		}
		kind := s.settle(after, network, start.Authorized)
		if kind == model.MemberUpdated && added {
			kind = model.MemberAdded
		}
		if err := after.Validate(); err != nil {
			return err
		}
		if before != nil {
			if _, is, err := model.Changes(before, after); err != nil || is == nil {
				return err
			}
			after.Revision = before.Revision + 1
		}
		return s.storeMember(tx, caller, kind, before, after)
	})
	if err != nil {
		return model.MemberStatus{}, err
	}
	return s.withSeen(ctx, after)
}

// justAuthorizes reports whether the step from start to after is within the
// right to authorize: Authorized alone differs, or nothing does. A member that
// is added must end up authorized.
func justAuthorizes(start, after *model.Member, added bool) (bool, error) {
	if added && !after.Authorized {
		return false, nil
	}
	rest := after.Clone()
	rest.Authorized = start.Authorized
	_, differs, err := model.Changes(start, rest)
	return differs == nil, err
}

// DeleteMember puts a member out and takes it off the list; its addresses are
// free again. A node that keeps asking does not bring it back to a private
// network. Deleting what does not exist is no error. Needs m.
func (s *Service) DeleteMember(ctx context.Context, caller Caller, id zt.NetworkID, node zt.Address) error {
	return s.change(ctx, caller, "delete member "+node.String()+" of "+id.String(), func(tx *store.Tx) error {
		if _, err := s.networkForChange(tx, caller, id, toModify); err != nil {
			return err
		}
		before, err := findMember(tx, id, node)
		if err != nil || before == nil || before.DeletedTime != 0 {
			return err
		}
		return s.dropMember(tx, caller, before)
	})
}

func (s *Service) dropMember(tx *store.Tx, caller Caller, before *model.Member) error {
	after := before.Clone()
	after.Deauthorize(s.Now())
	after.DeletedTime = s.Now()
	after.Addresses = after.Addresses[:0]
	after.Revision = before.Revision + 1
	return s.storeMember(tx, caller, model.MemberDeleted, before, after)
}

// findMember returns a member's record, deleted or not, or nil if there is none.
func findMember(tx *store.Tx, id zt.NetworkID, node zt.Address) (*model.Member, error) {
	m, err := tx.Member(id, node)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	return m, err
}

// startingPoint is the record that a change is made to.
func (s *Service) startingPoint(before *model.Member, id zt.NetworkID, node zt.Address) *model.Member {
	if before == nil {
		return model.NewMember(id, node, s.Now())
	}
	m := before.Clone()
	if m.DeletedTime != 0 {
		m.DeletedTime = 0
		m.Hidden = false
		m.Authorized = false
	}
	return m
}

// settle does what goes with letting a member in or putting it out, if Authorized
// is no longer what it was, and returns the kind of the change.
func (s *Service) settle(m *model.Member, network *model.Network, was bool) model.EventKind {
	wanted := m.Authorized
	m.Authorized = was
	switch {
	case wanted && !was:
		m.Authorize(network, model.AuthorizedByAPI, s.Now())
		return model.MemberAuthorized
	case !wanted && was:
		m.Deauthorize(s.Now())
		return model.MemberDeauthorized
	}
	return model.MemberUpdated
}

// storeMember writes a member and the event of the change.
func (s *Service) storeMember(tx *store.Tx, caller Caller, kind model.EventKind, before, after *model.Member) error {
	if err := tx.PutMember(after); err != nil {
		return err
	}
	e := s.event(caller, kind)
	e.Network, e.Node = after.Network, after.Node
	return report(tx, e, before, after)
}

func (s *Service) withSeen(ctx context.Context, m *model.Member) (model.MemberStatus, error) {
	row, err := s.store.SeenOf(ctx, m.Network, m.Node)
	if err != nil {
		return model.MemberStatus{}, explain("read when "+m.Node.String()+" was seen", err)
	}
	return s.status(m, row), nil
}

// status joins a member with when it was last seen and whether it is online.
func (s *Service) status(m *model.Member, row model.Seen) model.MemberStatus {
	return model.MemberStatus{Member: m, Seen: s.seen(m, row), Online: s.presence.Online(m.Network, m.Node)}
}

// seen is when a member was last seen: what is in memory counts, and the stored
// row for what memory does not know.
func (s *Service) seen(m *model.Member, row model.Seen) model.Seen {
	seen, ok := s.presence.Seen(m.Network, m.Node)
	if !ok {
		return row
	}
	if !seen.Endpoint.IsValid() {
		seen.Endpoint = row.Endpoint
	}
	return seen
}
