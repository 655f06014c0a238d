package central

import (
	"context"
	"errors"

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/internal/store"
	"github.com/orrery-net/orrery/zt"
)

// NetworkUser is a user with rights on a network.
type NetworkUser struct {
	User   *model.User // what the users of an organization know of each other
	Rights model.Rights
}

// NetworkUsers returns who has rights on a network: the owner first, then the
// others by e-mail. Needs r.
func (s *Service) NetworkUsers(ctx context.Context, caller Caller, id zt.NetworkID) ([]NetworkUser, error) {
	n, err := s.readNetwork(ctx, caller, id)
	if err != nil {
		return nil, err
	}
	owner, err := s.readUser(ctx, n.OwnerID)
	if err != nil {
		return nil, err
	}
	all := []NetworkUser{{shown(owner), model.AllRights}}
	if len(n.Grants) == 0 {
		return all, nil
	}
	users, err := s.store.UsersOf(ctx, owner.OrgID)
	if err != nil {
		return nil, explain("list the users of an organization", err)
	}
	for _, user := range users {
		if granted, has := n.Grants[user.ID]; has && user.ID != owner.ID {
			all = append(all, NetworkUser{shown(user), granted})
		}
	}
	return all, nil
}

// SetRights changes what one user may do to a network, starting from what the
// user may do now; no right at all removes the user. Needs m.
// ErrNotInOrganization: the user cannot be given any. Invalid: the user is the
// network's owner, who may do everything. Forbidden: to grant a right that the
// caller does not have.
func (s *Service) SetRights(ctx context.Context, caller Caller, id zt.NetworkID, userID string, change func(*model.Rights) error) (NetworkUser, error) {
	var set NetworkUser
	err := s.change(ctx, caller, "share network "+id.String(), func(tx *store.Tx) error {
		n, err := s.networkForChange(tx, caller, id, toModify)
		if err != nil {
			return err
		}
		user, err := userForRights(tx, n, userID)
		if err != nil {
			return err
		}
		before := n.Grants[userID]
		after := before
		if err := change(&after); err != nil {
			return err
		}
		if own := n.Grant(caller.User.ID); !own.Covers(added(before, after)) {
			return NewError(Forbidden, "you cannot grant a right to network %s that you do not have", id)
		}
		set = NetworkUser{shown(user), after}
		if after == before {
			return nil
		}
		return s.storeGrant(tx, caller, n, userID, after)
	})
	if err != nil {
		return NetworkUser{}, err
	}
	return set, nil
}

// ErrNotInOrganization is the NotFound of a user to whom rights on a network
// cannot be given.
var ErrNotInOrganization = NewError(NotFound, "there is no such user in the organization that the network belongs to; invite the user first")

// userForRights returns a user to whom rights on a network can be given.
func userForRights(tx *store.Tx, n *model.Network, userID string) (*model.User, error) {
	if userID == n.OwnerID {
		return nil, &model.FieldError{Field: "id", Reason: "is the network's owner, whose rights cannot be changed"}
	}
	owner, err := tx.User(n.OwnerID)
	if err != nil {
		return nil, err
	}
	user, err := tx.User(userID)
	if errors.Is(err, store.ErrNotFound) || err == nil && (user.OrgID == "" || user.OrgID != owner.OrgID) {
		return nil, ErrNotInOrganization
	}
	return user, err
}

// added is what after grants and before does not.
func added(before, after model.Rights) model.Rights {
	return model.Rights{
		Read:      after.Read && !before.Read,
		Authorize: after.Authorize && !before.Authorize,
		Modify:    after.Modify && !before.Modify,
		Delete:    after.Delete && !before.Delete,
	}
}

// storeGrant gives a user other rights on a network.
func (s *Service) storeGrant(tx *store.Tx, caller Caller, before *model.Network, userID string, rights model.Rights) error {
	after := before.Clone()
	setGrant(after, userID, rights)
	after.Revision = before.Revision + 1
	e := s.event(caller, model.NetworkShared)
	e.User = userID
	return storeNetwork(tx, e, before, after)
}

// setGrant sets a user's rights in a record of the caller's own.
func setGrant(n *model.Network, userID string, rights model.Rights) {
	if rights == (model.Rights{}) {
		delete(n.Grants, userID)
		return
	}
	if n.Grants == nil {
		n.Grants = make(map[string]model.Rights)
	}
	n.Grants[userID] = rights
}
