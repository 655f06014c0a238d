package central

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/internal/store"
)

// maxInvitations is how many invitations of an organization are kept. The oldest
// that were answered make room for others; so many can be pending at most.
const maxInvitations = 10_000

// InvitationStatus is an invitation with what its reader wants to know.
type InvitationStatus struct {
	*model.Invitation
	OwnerEmail string // of the organization
	OrgName    string
}

// Invitations returns those of the caller's organization, if the caller is its
// owner, and those addressed to the caller's e-mail; the oldest first, each once.
func (s *Service) Invitations(ctx context.Context, caller Caller) ([]InvitationStatus, error) {
	if err := s.seesAccounts(caller); err != nil {
		return nil, err
	}
	user, err := s.readUser(ctx, caller.User.ID)
	if err != nil {
		return nil, err
	}
	found, err := s.store.InvitationsTo(ctx, user.Email)
	if err != nil {
		return nil, explain("list invitations", err)
	}
	inviters := make(map[string]inviter)
	if user.OrgID != "" {
		from, err := s.inviter(ctx, user.OrgID)
		if err != nil {
			return nil, err
		}
		inviters[user.OrgID] = from
		if from.org.OwnerID == user.ID {
			sent, err := s.store.InvitationsOf(ctx, user.OrgID)
			if err != nil {
				return nil, explain("list invitations", err)
			}
			found = append(found, sent...)
		}
	}
	slices.SortFunc(found, func(a, b *model.Invitation) int {
		return cmp.Or(cmp.Compare(a.CreationTime, b.CreationTime), strings.Compare(a.ID, b.ID))
	})
	found = slices.CompactFunc(found, func(a, b *model.Invitation) bool { return a.ID == b.ID })
	all := make([]InvitationStatus, 0, len(found))
	for _, i := range found {
		from, known := inviters[i.OrgID]
		if !known {
			from, err = s.inviter(ctx, i.OrgID)
			if kind := (*Error)(nil); errors.As(err, &kind) && kind.Kind == NotFound {
				continue // dissolved, and the invitation with it
			}
			if err != nil {
				return nil, err
			}
			inviters[i.OrgID] = from
		}
		all = append(all, from.status(i))
	}
	return all, nil
}

// Invite makes a pending invitation to the caller's organization, whose id is
// orgID unless that is "". Forbidden for who owns no organization; Invalid: a bad
// e-mail, one of a user who is in the organization, one that was invited and did
// not answer yet. Conflict: there are too many such.
func (s *Service) Invite(ctx context.Context, caller Caller, orgID, email string) (InvitationStatus, error) {
	if err := s.changesAccounts(caller); err != nil {
		return InvitationStatus{}, err
	}
	email = strings.TrimSpace(email)
	if err := model.ValidateEmail(email); err != nil {
		return InvitationStatus{}, explain("check an e-mail address", err)
	}
	// An organization can have so many invitations that reading them would keep
	// all other writers waiting; so they are read before the transaction, and
	// nothing may be added meanwhile.
	s.inviting.Lock()
	defer s.inviting.Unlock()
	surplus, err := s.mayInvite(ctx, caller, orgID, email)
	if err != nil {
		return InvitationStatus{}, err
	}
	var made *model.Invitation
	err = s.changeAccount(ctx, caller, "make an invitation", func(tx *store.Tx) error {
		org, err := ownOrganization(tx, caller, orgID)
		if err != nil {
			return err
		}
		invitee, err := tx.UserByEmail(email)
		switch {
		case err == nil && invitee.OrgID == org.ID:
			return &model.FieldError{Field: "email", Reason: "is of a user who is in the organization"}
		case err != nil && !errors.Is(err, store.ErrNotFound):
			return err
		}
		if surplus != "" {
			if err := tx.DeleteInvitation(surplus); err != nil {
				return err
			}
		}
		made = &model.Invitation{
			ID: newID(), OrgID: org.ID, Email: email, Status: model.InvitationPending,
			CreationTime: s.Now(), UpdateTime: s.Now(),
		}
		return s.storeInvitation(tx, s.event(caller, model.InvitationSent), nil, made)
	})
	if err != nil {
		return InvitationStatus{}, err
	}
	return s.invitationStatus(ctx, made)
}

// mayInvite checks an invitation against those that there are. It returns the id
// of the one that must make room, "" for none.
func (s *Service) mayInvite(ctx context.Context, caller Caller, orgID, email string) (surplus string, err error) {
	user, err := s.readUser(ctx, caller.User.ID)
	if err != nil {
		return "", err
	}
	if user.OrgID == "" {
		return "", NewError(Forbidden, "you have no organization to invite to; make one first (POST /api/orrery/v1/organization)")
	}
	if orgID != "" && orgID != user.OrgID {
		return "", noOrganization()
	}
	if from, err := s.inviter(ctx, user.OrgID); err != nil {
		return "", err
	} else if from.org.OwnerID != user.ID {
		return "", errNotOrgOwner()
	}
	sent, err := s.store.InvitationsOf(ctx, user.OrgID)
	if err != nil {
		return "", explain("list invitations", err)
	}
	pending := 0
	for _, i := range sent {
		if i.Status != model.InvitationPending {
			if surplus == "" && len(sent) >= maxInvitations {
				surplus = i.ID
			}
			continue
		}
		if pending++; model.EmailKey(i.Email) == model.EmailKey(email) {
			return "", explain("check an invitation", &model.FieldError{Field: "email", Reason: "was invited already, and has not answered yet"})
		}
	}
	if pending >= maxInvitations {
		return "", NewError(Conflict, "%d invitations have not been answered, which is as many as there can be; cancel some first", pending)
	}
	return surplus, nil
}

// Invitation returns an invitation that the caller got, or that was sent for the
// organization that the caller owns; else NotFound.
func (s *Service) Invitation(ctx context.Context, caller Caller, id string) (InvitationStatus, error) {
	if err := s.seesAccounts(caller); err != nil {
		return InvitationStatus{}, err
	}
	user, err := s.readUser(ctx, caller.User.ID)
	if err != nil {
		return InvitationStatus{}, err
	}
	i, err := s.store.Invitation(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return InvitationStatus{}, noInvitation()
	}
	if err != nil {
		return InvitationStatus{}, explain("read an invitation", err)
	}
	from, err := s.inviter(ctx, i.OrgID)
	if err != nil {
		return InvitationStatus{}, err
	}
	if from.org.OwnerID != user.ID && !isFor(i, user) {
		return InvitationStatus{}, noInvitation()
	}
	return from.status(i), nil
}

// AcceptInvitation takes the caller, to whom the invitation must be addressed,
// into the organization. All networks of the caller's then belong to the
// organization's owner; the caller keeps all rights to them. Invalid: the
// invitation is not pending. Conflict: the caller is in an organization with
// others; an own one without others is dissolved.
func (s *Service) AcceptInvitation(ctx context.Context, caller Caller, id string) (InvitationStatus, error) {
	return s.answerInvitation(ctx, caller, id, func(tx *store.Tx, user *model.User, org *model.Organization, i *model.Invitation) error {
		if !isFor(i, user) {
			return NewError(Forbidden, "the invitation is for %s to accept", i.Email)
		}
		if err := s.leaveEmptyOrganization(tx, caller, user); err != nil {
			return err
		}
		accepted := s.event(caller, model.InvitationWasAccepted)
		accepted.User = user.ID
		if err := s.endInvitation(tx, accepted, i, model.InvitationAccepted); err != nil {
			return err
		}
		if err := s.takeIntoOrganization(tx, caller, org, user); err != nil {
			return err
		}
		return s.giveNetworks(tx, caller, user.ID, org.OwnerID)
	})
}

// leaveEmptyOrganization makes sure that a user is in no organization.
func (s *Service) leaveEmptyOrganization(tx *store.Tx, caller Caller, user *model.User) error {
	if user.OrgID == "" {
		return nil
	}
	own, err := tx.Organization(user.OrgID)
	if err != nil {
		return err
	}
	users, err := tx.UsersOf(own.ID)
	if err != nil {
		return err
	}
	if own.OwnerID != user.ID || len(users) > 1 {
		return NewError(Conflict, "you are in an organization with others; nobody can be in two, so leave that one first")
	}
	return s.dropOrganization(tx, caller, own, user)
}

// CancelInvitation ends an invitation: the one to whom it is addressed declines
// it, the organization's owner withdraws it. Invalid: it is not pending.
func (s *Service) CancelInvitation(ctx context.Context, caller Caller, id string) (InvitationStatus, error) {
	return s.answerInvitation(ctx, caller, id, func(tx *store.Tx, user *model.User, _ *model.Organization, i *model.Invitation) error {
		e := s.event(caller, model.InvitationWithdrawn)
		if isFor(i, user) {
			e.Kind, e.User = model.InvitationDeclined, user.ID
		}
		return s.endInvitation(tx, e, i, model.InvitationCanceled)
	})
}

// answerInvitation does something to a pending invitation that the caller may
// know of.
func (s *Service) answerInvitation(ctx context.Context, caller Caller, id string,
	answer func(tx *store.Tx, user *model.User, org *model.Organization, i *model.Invitation) error,
) (InvitationStatus, error) {
	var answered *model.Invitation
	err := s.changeAccount(ctx, caller, "answer an invitation", func(tx *store.Tx) error {
		user, err := findUser(tx, caller.User.ID)
		if err != nil {
			return err
		}
		i, err := tx.Invitation(id)
		if errors.Is(err, store.ErrNotFound) {
			return noInvitation()
		}
		if err != nil {
			return err
		}
		org, err := tx.Organization(i.OrgID)
		switch {
		case err != nil:
			return err
		case org.OwnerID != user.ID && !isFor(i, user):
			return noInvitation()
		case i.Status != model.InvitationPending:
			return NewError(Invalid, "the invitation is %s already", i.Status)
		}
		answered = i
		return answer(tx, user, org, i)
	})
	if err != nil {
		return InvitationStatus{}, err
	}
	return s.invitationStatus(ctx, answered)
}

// endInvitation gives an invitation, whose record it changes, its final status.
func (s *Service) endInvitation(tx *store.Tx, e model.Event, i *model.Invitation, status model.InvitationStatus) error {
	before := *i
	i.Status, i.UpdateTime = status, s.Now()
	return s.storeInvitation(tx, e, &before, i)
}

// storeInvitation writes an invitation and the event of the change.
func (s *Service) storeInvitation(tx *store.Tx, e model.Event, before, after *model.Invitation) error {
	if err := tx.PutInvitation(after); err != nil {
		return err
	}
	e.Org = after.OrgID
	return report(tx, e, before, after)
}

func isFor(i *model.Invitation, user *model.User) bool {
	return model.EmailKey(i.Email) == model.EmailKey(user.Email)
}

func noInvitation() error { return NewError(NotFound, "there is no such invitation") }

// inviter is what invitations tell of the organization that they are to.
type inviter struct {
	org   *model.Organization
	email string // of the owner
}

func (f inviter) status(i *model.Invitation) InvitationStatus {
	return InvitationStatus{Invitation: i, OwnerEmail: f.email, OrgName: f.org.Name}
}

func (s *Service) inviter(ctx context.Context, orgID string) (inviter, error) {
	org, err := s.store.Organization(ctx, orgID)
	if errors.Is(err, store.ErrNotFound) { // dissolved since the invitation was read
		return inviter{}, noInvitation()
	}
	if err != nil {
		return inviter{}, explain("read an organization", err)
	}
	owner, err := s.readUser(ctx, org.OwnerID)
	if err != nil {
		return inviter{}, err
	}
	return inviter{org: org, email: owner.Email}, nil
}

func (s *Service) invitationStatus(ctx context.Context, i *model.Invitation) (InvitationStatus, error) {
	from, err := s.inviter(ctx, i.OrgID)
	if err != nil {
		return InvitationStatus{}, err
	}
	return from.status(i), nil
}
