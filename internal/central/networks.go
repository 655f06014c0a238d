package central

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/internal/store"
	"github.com/orrery-net/orrery/zt"
)

// NetworkStatus is a network with the number of its members: those online, the
// authorized ones and all that are neither deleted nor hidden.
type NetworkStatus struct {
	*model.Network
	Online, Authorized, Total int
}

// Networks returns the networks that the caller may read, ascending by id.
func (s *Service) Networks(ctx context.Context, caller Caller) ([]NetworkStatus, error) {
	all, err := s.store.Networks(ctx)
	if err != nil {
		return nil, explain("list networks", err)
	}
	readable := all[:0]
	for _, n := range all {
		if allowed(caller, n, toRead) {
			readable = append(readable, n)
		}
	}
	return s.withCounts(ctx, readable...)
}

// Network returns one network.
func (s *Service) Network(ctx context.Context, caller Caller, id zt.NetworkID) (NetworkStatus, error) {
	n, err := s.readNetwork(ctx, caller, id)
	if err != nil {
		return NetworkStatus{}, err
	}
	return s.withCount(ctx, n)
}

// CreateNetwork makes a network of the caller's with a random unused id. change
// is called with the settings of a new network and may alter them; its error
// stops the creation.
func (s *Service) CreateNetwork(ctx context.Context, caller Caller, change func(*model.Network) error) (NetworkStatus, error) {
	var made *model.Network
	err := s.update(ctx, "create a network", func(tx *store.Tx) error {
		id, err := s.unusedID(tx)
		if err != nil {
			return err
		}
		made = model.NewNetwork(id, caller.User.ID, s.Now())
		if err := change(made); err != nil {
			return err
		}
		if err := made.Validate(); err != nil {
			return err
		}
		return s.storeNetwork(tx, caller, model.NetworkCreated, nil, made)
	})
	if err != nil {
		return NetworkStatus{}, err
	}
	return s.withCount(ctx, made)
}

// UpdateNetwork changes a network. change works on a copy of the current record
// inside the transaction, so that of two writers at once neither undoes the
// other; it must be quick. Nothing is stored when nothing differs.
func (s *Service) UpdateNetwork(ctx context.Context, caller Caller, id zt.NetworkID, change func(*model.Network) error) (NetworkStatus, error) {
	var after *model.Network
	err := s.update(ctx, "change network "+id.String(), func(tx *store.Tx) error {
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
		return s.storeNetwork(tx, caller, model.NetworkUpdated, before, after)
	})
	if err != nil {
		return NetworkStatus{}, err
	}
	return s.withCount(ctx, after)
}

// DeleteNetwork deletes a network and its members.
func (s *Service) DeleteNetwork(ctx context.Context, caller Caller, id zt.NetworkID) error {
	return s.update(ctx, "delete network "+id.String(), func(tx *store.Tx) error {
		before, err := s.networkForChange(tx, caller, id, toDelete)
		if err != nil {
			return err
		}
		after := before.Clone()
		after.Revision = before.Revision + 1
		after.DeletedTime = s.Now()
		if _, err := tx.DeleteNetworkMembers(id, after.DeletedTime); err != nil {
			return err
		}
		return s.storeNetwork(tx, caller, model.NetworkDeleted, before, after)
	})
}

// storeNetwork writes a network and the event that reports it.
func (s *Service) storeNetwork(tx *store.Tx, caller Caller, kind model.EventKind, before, after *model.Network) error {
	was, is, err := model.Changes(before, after)
	if err != nil {
		return err
	}
	if err := tx.PutNetwork(after); err != nil {
		return err
	}
	return tx.AppendEvent(&model.Event{
		Time: s.Now(), Kind: kind, Actor: caller.actor(), Network: after.ID, Before: was, After: is,
	})
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

func (s *Service) readNetwork(ctx context.Context, caller Caller, id zt.NetworkID) (*model.Network, error) {
	n, err := s.store.Network(ctx, id)
	return permitted(n, err, caller, id, toRead)
}

func (s *Service) networkForChange(tx *store.Tx, caller Caller, id zt.NetworkID, want right) (*model.Network, error) {
	n, err := tx.Network(id)
	return permitted(n, err, caller, id, want)
}

// permitted judges what reading a network from the store returned.
func permitted(n *model.Network, err error, caller Caller, id zt.NetworkID, want right) (*model.Network, error) {
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, noNetwork(id)
	case err != nil:
		return nil, explain("read network "+id.String(), err)
	}
	return n, permit(caller, n, want)
}

func (s *Service) withCount(ctx context.Context, n *model.Network) (NetworkStatus, error) {
	all, err := s.withCounts(ctx, n)
	if err != nil {
		return NetworkStatus{}, err
	}
	return all[0], nil
}

func (s *Service) withCounts(ctx context.Context, networks ...*model.Network) ([]NetworkStatus, error) {
	ids := make([]zt.NetworkID, len(networks))
	for i, n := range networks {
		ids[i] = n.ID
	}
	counts, err := s.store.MemberCounts(ctx, ids...)
	if err != nil {
		return nil, explain("count members", err)
	}
	all := make([]NetworkStatus, len(networks))
	for i, n := range networks {
		c := counts[n.ID]
		all[i] = NetworkStatus{Network: n, Online: s.presence.OnlineCount(n.ID), Authorized: c.Authorized, Total: c.Total}
	}
	return all, nil
}
