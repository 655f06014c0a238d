package central

import (
	"context"
	"errors"

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/internal/store"
)

// OrganizationStatus is an organization with its owner's e-mail address and its
// users by e-mail, the owner among them; of each what all of them may know.
type OrganizationStatus struct {
	*model.Organization
	OwnerEmail string
	Users      []*model.User
}

// Organization returns the caller's organization, whose id is id unless that is
// "". NotFound without one, and for others'.
func (s *Service) Organization(ctx context.Context, caller Caller, id string) (OrganizationStatus, error) {
	if err := s.seesAccounts(caller); err != nil {
		return OrganizationStatus{}, err
	}
	user, err := s.readUser(ctx, caller.User.ID)
	if err != nil {
		return OrganizationStatus{}, err
	}
	if user.OrgID == "" || id != "" && id != user.OrgID {
		return OrganizationStatus{}, noOrganization()
	}
	org, err := s.store.Organization(ctx, user.OrgID)
	if errors.Is(err, store.ErrNotFound) { // dissolved since the user was read
		return OrganizationStatus{}, noOrganization()
	}
	if err != nil {
		return OrganizationStatus{}, explain("read an organization", err)
	}
	users, err := s.store.UsersOf(ctx, org.ID)
	if err != nil {
		return OrganizationStatus{}, explain("list the users of an organization", err)
	}
	status := OrganizationStatus{Organization: org, Users: make([]*model.User, len(users))}
	for i, user := range users {
		status.Users[i] = shown(user)
		if user.ID == org.OwnerID {
			status.OwnerEmail = user.Email
		}
	}
	return status, nil
}

// CreateOrganization makes an organization of the caller's. Conflict if the
// caller is in one.
func (s *Service) CreateOrganization(ctx context.Context, caller Caller, name string) (OrganizationStatus, error) {
	err := s.changeAccount(ctx, caller, "make an organization", func(tx *store.Tx) error {
		user, err := findUser(tx, caller.User.ID)
		if err != nil {
			return err
		}
		if user.OrgID != "" {
			return NewError(Conflict, "you are in an organization; nobody can be in two")
		}
		return s.makeOrganization(tx, caller, user, name)
	})
	if err != nil {
		return OrganizationStatus{}, err
	}
	return s.Organization(ctx, caller, "")
}

// makeOrganization makes a user the owner of a new organization.
func (s *Service) makeOrganization(tx *store.Tx, caller Caller, owner *model.User, name string) error {
	org := &model.Organization{ID: newID(), Name: name, OwnerID: owner.ID, CreationTime: s.Now()}
	if err := s.storeOrganization(tx, caller, model.OrganizationCreated, nil, org); err != nil {
		return err
	}
	owner.OrgID = org.ID
	return tx.PutUser(owner)
}

// RenameOrganization gives the caller's organization another name. Its owner
// only, else Forbidden.
func (s *Service) RenameOrganization(ctx context.Context, caller Caller, id, name string) (OrganizationStatus, error) {
	err := s.changeAccount(ctx, caller, "rename an organization", func(tx *store.Tx) error {
		before, err := ownOrganization(tx, caller, id)
		if err != nil {
			return err
		}
		after := *before
		after.Name = name
		if after == *before {
			return nil
		}
		return s.storeOrganization(tx, caller, model.OrganizationUpdated, before, &after)
	})
	if err != nil {
		return OrganizationStatus{}, err
	}
	return s.Organization(ctx, caller, id)
}

// RemoveFromOrganization puts a user out of the caller's organization, with all
// rights to its networks. It is for the owner, who cannot be removed (Conflict),
// and for the user who leaves; else Forbidden.
func (s *Service) RemoveFromOrganization(ctx context.Context, caller Caller, id, userID string) error {
	return s.changeAccount(ctx, caller, "remove a user from an organization", func(tx *store.Tx) error {
		org, err := joinedOrganization(tx, caller, id)
		if err != nil {
			return err
		}
		user, err := findUser(tx, userID)
		if err != nil {
			return err
		}
		switch {
		case user.OrgID != org.ID:
			return noUser()
		case caller.User.ID != org.OwnerID && caller.User.ID != userID:
			return errNotOrgOwner()
		case userID == org.OwnerID:
			return NewError(Conflict, "the owner cannot leave the organization; give it to another user first")
		}
		return s.putOutOfOrganization(tx, caller, org, user)
	})
}

// TransferOrganization gives the caller's organization to another of its users,
// and with it all its networks. The owner until now stays in it, with all rights
// to these networks. The owner only, else Forbidden; Invalid: the user is not in
// the organization.
func (s *Service) TransferOrganization(ctx context.Context, caller Caller, id, userID string) (OrganizationStatus, error) {
	err := s.changeAccount(ctx, caller, "transfer an organization", func(tx *store.Tx) error {
		before, err := ownOrganization(tx, caller, id)
		if err != nil {
			return err
		}
		heir, err := tx.User(userID)
		if errors.Is(err, store.ErrNotFound) || err == nil && heir.OrgID != before.ID {
			return &model.FieldError{Field: "userId", Reason: "is not a user of the organization; invite the user first"}
		}
		if err != nil || userID == before.OwnerID {
			return err
		}
		after := *before
		after.OwnerID = userID
		if err := s.storeOrganization(tx, caller, model.OrganizationUpdated, before, &after); err != nil {
			return err
		}
		return s.giveNetworks(tx, caller, before.OwnerID, userID)
	})
	if err != nil {
		return OrganizationStatus{}, err
	}
	return s.Organization(ctx, caller, id)
}

// giveNetworks makes another user the owner of all networks of one, who keeps
// all rights to them.
func (s *Service) giveNetworks(tx *store.Tx, caller Caller, from, to string) error {
	networks, err := tx.NetworksOf(from)
	if err != nil {
		return err
	}
	for _, before := range networks {
		after := before.Clone()
		after.OwnerID = to
		setGrant(after, to, model.Rights{})
		setGrant(after, from, model.AllRights)
		after.Revision = before.Revision + 1
		if err := storeNetwork(tx, s.event(caller, model.NetworkMoved), before, after); err != nil {
			return err
		}
	}
	return nil
}

// takeIntoOrganization makes a user, whose record it changes, one of an
// organization's.
func (s *Service) takeIntoOrganization(tx *store.Tx, caller Caller, org *model.Organization, user *model.User) error {
	user.OrgID = org.ID
	if err := tx.PutUser(user); err != nil {
		return err
	}
	e := s.event(caller, model.OrganizationUserAdded)
	e.Org, e.User = org.ID, user.ID
	return tx.AppendEvent(&e)
}

// putOutOfOrganization is the reverse of takeIntoOrganization, and takes away
// all rights to the organization's networks.
func (s *Service) putOutOfOrganization(tx *store.Tx, caller Caller, org *model.Organization, user *model.User) error {
	networks, err := tx.NetworksOf(org.OwnerID)
	if err != nil {
		return err
	}
	for _, n := range networks {
		if _, has := n.Grants[user.ID]; !has {
			continue
		}
		if err := s.storeGrant(tx, caller, n, user.ID, model.Rights{}); err != nil {
			return err
		}
	}
	user.OrgID = ""
	if err := tx.PutUser(user); err != nil {
		return err
	}
	e := s.event(caller, model.OrganizationUserRemoved)
	e.Org, e.User = org.ID, user.ID
	return tx.AppendEvent(&e)
}

// dropOrganization deletes an organization, in which nobody but its owner is
// left. The owner's record is changed.
func (s *Service) dropOrganization(tx *store.Tx, caller Caller, org *model.Organization, owner *model.User) error {
	owner.OrgID = ""
	if err := tx.PutUser(owner); err != nil {
		return err
	}
	if err := tx.DeleteOrganization(org.ID); err != nil {
		return err
	}
	e := s.event(caller, model.OrganizationDeleted)
	e.Org, e.User = org.ID, owner.ID
	return report(tx, e, org, nil)
}

// storeOrganization writes an organization and the event of the change.
func (s *Service) storeOrganization(tx *store.Tx, caller Caller, kind model.EventKind, before, after *model.Organization) error {
	if err := after.Validate(); err != nil {
		return err
	}
	if err := tx.PutOrganization(after); err != nil {
		return err
	}
	e := s.event(caller, kind)
	e.Org, e.User = after.ID, after.OwnerID
	return report(tx, e, before, after)
}

// joinedOrganization returns the organization that the caller is in, whose id is
// id unless that is "".
func joinedOrganization(tx *store.Tx, caller Caller, id string) (*model.Organization, error) {
	user, err := findUser(tx, caller.User.ID)
	if err != nil {
		return nil, err
	}
	if user.OrgID == "" || id != "" && id != user.OrgID {
		return nil, noOrganization()
	}
	return tx.Organization(user.OrgID)
}

// ownOrganization is joinedOrganization for the owner.
func ownOrganization(tx *store.Tx, caller Caller, id string) (*model.Organization, error) {
	org, err := joinedOrganization(tx, caller, id)
	if err == nil && org.OwnerID != caller.User.ID {
		return nil, errNotOrgOwner()
	}
	return org, err
}

// ownersOrganization returns the organization that the server's owner owns.
func ownersOrganization(tx *store.Tx) (*model.Organization, error) {
	id, err := tx.Meta(ownerKey)
	if err != nil {
		return nil, err
	}
	owner, err := tx.User(id)
	if err != nil {
		return nil, err
	}
	org, err := tx.Organization(owner.OrgID)
	if errors.Is(err, store.ErrNotFound) || err == nil && org.OwnerID != id {
		return nil, NewError(Conflict, "the owner of the server owns no organization that the user could be put into; ask the owner of the organization for an invitation")
	}
	return org, err
}

func noOrganization() error { return NewError(NotFound, "you are not in this organization") }

func errNotOrgOwner() error {
	return NewError(Forbidden, "only the owner of the organization may do this")
}
