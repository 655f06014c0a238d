package central

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"maps"

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/internal/store"
	"github.com/orrery-net/orrery/zt"
)

// NetworkStatus is a network with the number of its members: those online, the
// authorized ones and all that are neither deleted nor hidden. The network must
// not be changed: others read it too.
type NetworkStatus struct {
	*model.Network
	Online, Authorized, Total int
}

// Networks returns the networks that the caller may read, ascending by id.
func (s *Service) Networks(ctx context.Context, caller Caller) ([]NetworkStatus, error) {
	if err := s.signedIn(caller); err != nil {
		return nil, err
	}
	all, err := s.store.NetworksFor(ctx, caller.User.ID)
	if err != nil {
		return nil, explain("list networks", err)
	}
	readable := all[:0]
	for _, n := range all {
		if caller.rights(n)&toRead != 0 {
			readable = append(readable, n)
		}
	}
	counts, err := s.countMembers(ctx, readable)
	if err != nil {
		return nil, explain("count members", err)
	}
	list := make([]NetworkStatus, len(readable))
	for i, n := range readable {
		list[i] = s.withCounts(n, counts[n.ID])
	}
	return list, nil
}

// countMembers counts the members of networks: from memory, and with one query
// for all others.
func (s *Service) countMembers(ctx context.Context, networks []*model.Network) (map[zt.NetworkID]store.Counts, error) {
	latest := s.Latest()
	known := make(map[zt.NetworkID]store.Counts)
	var unknown []zt.NetworkID
	for _, n := range networks {
		if now := s.views.peek(n.ID); s.views.serves(now, latest, theCounts) {
			known[n.ID] = *now.counts
		} else {
			unknown = append(unknown, n.ID)
		}
	}
	counted, err := s.store.MemberCounts(ctx, unknown...)
	maps.Copy(known, counted)
	return known, err
}

// Network returns one network.
func (s *Service) Network(ctx context.Context, caller Caller, id zt.NetworkID) (NetworkStatus, error) {
	n, err := s.readNetwork(ctx, caller, id)
	if err != nil {
		return NetworkStatus{}, err
	}
	return s.withCount(ctx, n)
}

// CreateNetwork makes a network with a random unused id. It is the caller's, or
// in an organization its owner's, and then the caller is granted all rights.
// change is called with the settings of a new network and may alter them; its
// error stops the creation.
func (s *Service) CreateNetwork(ctx context.Context, caller Caller, change func(*model.Network) error) (NetworkStatus, error) {
	if err := s.changesAccounts(caller); err != nil {
		return NetworkStatus{}, err
	}
	var made *model.Network
	err := s.change(ctx, caller, "create a network", func(tx *store.Tx) error {
		id, err := s.unusedID(tx)
		if err != nil {
			return err
		}
		owner, err := ownerOfNew(tx, caller.User.ID)
		if err != nil {
			return err
		}
		made = model.NewNetwork(id, owner, s.Now())
		if owner != caller.User.ID {
			setGrant(made, caller.User.ID, model.AllRights)
		}
		if err := change(made); err != nil {
			return err
		}
		if err := made.Validate(); err != nil {
			return err
		}
		return storeNetwork(tx, s.event(caller, model.NetworkCreated), nil, made)
	})
	if err != nil {
		return NetworkStatus{}, err
	}
	return s.withCount(ctx, made)
}

// ownerOfNew returns who owns the networks that a user makes.
func ownerOfNew(tx *store.Tx, userID string) (string, error) {
	user, err := findUser(tx, userID)
	if err != nil || user.OrgID == "" {
		return userID, err
	}
	org, err := tx.Organization(user.OrgID)
	if err != nil {
		return "", err
	}
	return org.OwnerID, nil
}

// UpdateNetwork changes a network. change works on a copy of the current record
// inside the transaction, so that of two writers at once neither undoes the
// other; it must be quick. Nothing is stored when nothing differs.
func (s *Service) UpdateNetwork(ctx context.Context, caller Caller, id zt.NetworkID, change func(*model.Network) error) (NetworkStatus, error) {
	var after *model.Network
	err := s.change(ctx, caller, "change network "+id.String(), func(tx *store.Tx) error {
		before, err := s.networkForChange(tx, caller, id, toModify)
		if err != nil {
			return err
		}
		after = before.Clone()
		if err := change(after); err != nil {
			return err
		}
		if err := after.Validate(); err != nil {
			return err
		}
		if _, is, err := model.Changes(before, after); err != nil || is == nil {
			return err
		}
		after.Revision = before.Revision + 1
		after.LastModified = s.Now()
		return storeNetwork(tx, s.event(caller, model.NetworkUpdated), before, after)
	})
	if err != nil {
		return NetworkStatus{}, err
	}
	return s.withCount(ctx, after)
}

// DeleteNetwork deletes a network and its members.
func (s *Service) DeleteNetwork(ctx context.Context, caller Caller, id zt.NetworkID) error {
	return s.change(ctx, caller, "delete network "+id.String(), func(tx *store.Tx) error {
		n, err := s.networkForChange(tx, caller, id, toDelete)
		if err != nil {
			return err
		}
		return s.dropNetwork(tx, caller, n)
	})
}

func (s *Service) dropNetwork(tx *store.Tx, caller Caller, before *model.Network) error {
	after := before.Clone()
	after.Revision = before.Revision + 1
	after.DeletedTime = s.Now()
	if _, err := tx.DeleteNetworkMembers(after.ID, after.DeletedTime); err != nil {
		return err
	}
	return storeNetwork(tx, s.event(caller, model.NetworkDeleted), before, after)
}

// storeNetwork writes a network and the event of the change.
func storeNetwork(tx *store.Tx, e model.Event, before, after *model.Network) error {
	if err := tx.PutNetwork(after); err != nil {
		return err
	}
	e.Network = after.ID
	return report(tx, e, before, after)
}

// unusedID returns the id of a network that never existed, not even deleted.
func (s *Service) unusedID(tx *store.Tx) (zt.NetworkID, error) {
	const attempts = 100
	for range attempts {
		var random [4]byte
		rand.Read(random[:])
		id := zt.NewNetworkID(s.controller, binary.BigEndian.Uint32(random[:]))
		if id == zt.NewNetworkID(s.controller, 0) {
			continue
		}
		switch _, err := tx.AnyNetwork(id); {
		case errors.Is(err, store.ErrNotFound):
			return id, nil
		case err != nil:
			return 0, err
		}
	}
	return 0, NewError(Conflict, "no unused network id was found; try again")
}

// readNetwork returns a network that the caller may read.
func (s *Service) readNetwork(ctx context.Context, caller Caller, id zt.NetworkID) (*model.Network, error) {
	if err := s.signedIn(caller); err != nil {
		return nil, err
	}
	now, err := s.views.latest(ctx, id, theRecord)
	if err != nil {
		return permitted(nil, err, caller, id, toRead)
	}
	return permitted(now.network, nil, caller, id, toRead)
}

// networkForChange returns a network on which the caller has any of the rights
// that are wanted.
func (s *Service) networkForChange(tx *store.Tx, caller Caller, id zt.NetworkID, anyOf right) (*model.Network, error) {
	n, err := tx.Network(id)
	return permitted(n, err, caller, id, anyOf)
}

// permitted judges what reading a network from the store returned.
func permitted(n *model.Network, err error, caller Caller, id zt.NetworkID, anyOf right) (*model.Network, error) {
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, noNetwork(id)
	case err != nil:
		return nil, explain("read network "+id.String(), err)
	}
	return n, permit(caller, n, anyOf)
}

// withCount joins a network that the caller may read with the number of its
// members.
func (s *Service) withCount(ctx context.Context, n *model.Network) (NetworkStatus, error) {
	now, err := s.views.latest(ctx, n.ID, theCounts)
	switch {
	case errors.Is(err, store.ErrNotFound): // deleted since
		return s.withCounts(n, store.Counts{}), nil
	case err != nil:
		return NetworkStatus{}, explain("count members", err)
	}
	return s.withCounts(n, *now.counts), nil
}

func (s *Service) withCounts(n *model.Network, c store.Counts) NetworkStatus {
	return NetworkStatus{Network: n, Online: s.presence.OnlineCount(n.ID), Authorized: c.Authorized, Total: c.Total}
}
