package central

import (
	"context"
	"errors"
	"strings"

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/internal/store"
)

// UserStatus is a user with the names of the user's tokens, ascending.
type UserStatus struct {
	*model.User
	Tokens []string
}

// User returns the caller (whatever the token is for), or for an operator
// anybody, or a user of the caller's organization: then without what is not for
// others, and Tokens is nil. Else NotFound.
func (s *Service) User(ctx context.Context, caller Caller, id string) (UserStatus, error) {
	if err := s.signedIn(caller); err != nil {
		return UserStatus{}, err
	}
	if id != caller.User.ID {
		if err := s.seesAccounts(caller); err != nil {
			return UserStatus{}, err
		}
	}
	user, err := s.readUser(ctx, id)
	if err != nil {
		return UserStatus{}, err
	}
	switch {
	case id == caller.User.ID, caller.Operator:
		return s.withTokens(ctx, user)
	case user.OrgID != "" && user.OrgID == caller.User.OrgID:
		return UserStatus{User: shown(user)}, nil
	}
	return UserStatus{}, noUser()
}

// shown is what users of one organization know of each other.
func shown(u *model.User) *model.User {
	return &model.User{ID: u.ID, Email: u.Email, DisplayName: u.DisplayName, OrgID: u.OrgID}
}

// onlyOwn returns nil if an account is the caller's own, Forbidden if it is one
// that the caller may know of, else NotFound.
func (s *Service) onlyOwn(ctx context.Context, caller Caller, id string) error {
	if id == caller.User.ID {
		return nil
	}
	if _, err := s.User(ctx, caller, id); err != nil {
		return err
	}
	return NewError(Forbidden, "this is another user's account")
}

// UpdateUser changes the caller's own DisplayName and SMSNumber; change works on
// a copy of the current record inside the transaction, and must leave the rest
// of it alone. Another user's id is Forbidden if User would show that user, else
// NotFound.
func (s *Service) UpdateUser(ctx context.Context, caller Caller, id string, change func(*model.User) error) (UserStatus, error) {
	if err := s.changesAccounts(caller); err != nil {
		return UserStatus{}, err
	}
	if err := s.onlyOwn(ctx, caller, id); err != nil {
		return UserStatus{}, err
	}
	err := s.changeAccount(ctx, caller, "change user "+id, func(tx *store.Tx) error {
		before, err := findUser(tx, id)
		if err != nil {
			return err
		}
		after := *before
		if err := change(&after); err != nil {
			return err
		}
		if err := after.Validate(); err != nil || after == *before {
			return err
		}
		return s.storeUser(tx, caller, model.UserUpdated, before, &after)
	})
	if err != nil {
		return UserStatus{}, err
	}
	return s.User(ctx, caller, id)
}

// DeleteUser deletes an account and everything in it: its tokens, its rights,
// the networks it owns with their members, and its organization with the
// invitations, which may have no other users (Forbidden). A user of another's
// organization leaves it, and the networks stay there. It is for the account's
// own user and for operators; the owner of the server stays (Forbidden).
//
// Others' changes get their turn between the networks, which may have many
// members; nothing but the caller's token opens the account meanwhile. If it
// fails on the way, the user is left with what is not deleted yet, and it can be
// called again.
func (s *Service) DeleteUser(ctx context.Context, caller Caller, id string) error {
	if err := s.changesAccounts(caller); err != nil {
		return err
	}
	if !caller.Operator {
		if err := s.onlyOwn(ctx, caller, id); err != nil {
			return err
		}
	}
	doing := "delete user " + id
	err := s.changeAccount(ctx, caller, doing, func(tx *store.Tx) error {
		if _, err := s.leaveForGood(tx, caller, id); err != nil {
			return err
		}
		return s.endTokens(tx, caller, id, caller.Token) // this one goes on
	})
	if err != nil {
		return err
	}
	if err := s.dropNetworksOf(ctx, caller, id); err != nil {
		return err
	}
	return s.changeAccount(ctx, caller, doing, func(tx *store.Tx) error {
		user, err := s.leaveForGood(tx, caller, id) // joined another one since?
		if err != nil {
			return err
		}
		networks, err := tx.NetworksOf(id) // made since
		if err != nil {
			return err
		}
		for _, n := range networks {
			if err := s.dropNetwork(tx, caller, n); err != nil {
				return err
			}
		}
		if err := s.endTokens(tx, caller, id, nil); err != nil {
			return err
		}
		if err := tx.DeleteUser(id); err != nil {
			return err
		}
		return s.reportUser(tx, caller, model.UserDeleted, user, nil)
	})
}

// leaveForGood takes a user who is about to be deleted out of the organization,
// if there is one, and returns the user.
func (s *Service) leaveForGood(tx *store.Tx, caller Caller, id string) (*model.User, error) {
	user, err := findUser(tx, id)
	if err != nil {
		return nil, err
	}
	if owner, err := tx.Meta(ownerKey); err != nil {
		return nil, err
	} else if id == owner {
		return nil, NewError(Forbidden, "the owner of the server cannot be deleted")
	}
	if user.OrgID == "" {
		return user, nil
	}
	org, err := tx.Organization(user.OrgID)
	if err != nil {
		return nil, err
	}
	if org.OwnerID != user.ID {
		return user, s.putOutOfOrganization(tx, caller, org, user)
	}
	users, err := tx.UsersOf(org.ID)
	if err != nil {
		return nil, err
	}
	if len(users) > 1 {
		return nil, NewError(Forbidden, "the organization has other users; remove them or give it to one of them first")
	}
	return user, s.dropOrganization(tx, caller, org, user)
}

// dropNetworksOf deletes the networks that a user owns, each in a transaction of
// its own.
func (s *Service) dropNetworksOf(ctx context.Context, caller Caller, id string) error {
	networks, err := s.store.NetworksFor(ctx, id)
	if err != nil {
		return explain("list the networks of a user", err)
	}
	for _, n := range networks {
		err := s.change(ctx, caller, "delete network "+n.ID.String(), func(tx *store.Tx) error {
			now, err := tx.Network(n.ID)
			if errors.Is(err, store.ErrNotFound) || err == nil && now.OwnerID != id {
				return nil
			}
			if err != nil {
				return err
			}
			return s.dropNetwork(tx, caller, now)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Users returns all users by e-mail. Operators only, else Forbidden.
func (s *Service) Users(ctx context.Context, caller Caller) ([]UserStatus, error) {
	if err := s.operates(caller); err != nil {
		return nil, err
	}
	users, err := s.store.Users(ctx)
	if err != nil {
		return nil, explain("list users", err)
	}
	all := make([]UserStatus, len(users))
	for i, user := range users {
		if all[i], err = s.withTokens(ctx, user); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// CreateUser makes a user with a first token, named "first", and returns its
// secret; if join, the user is in the organization of the server's owner.
// Invalid: a bad or taken e-mail; Conflict: the server's owner owns no
// organization to join. Operators only.
func (s *Service) CreateUser(ctx context.Context, caller Caller, email, name string, join bool) (u UserStatus, secret string, err error) {
	if err := s.operates(caller); err != nil {
		return UserStatus{}, "", err
	}
	user := &model.User{ID: newID(), Email: strings.TrimSpace(email), DisplayName: name, CreationTime: s.Now()}
	if err := user.Validate(); err != nil {
		return UserStatus{}, "", explain("check a user", err)
	}
	secret = NewToken()
	err = s.changeAccount(ctx, caller, "make a user", func(tx *store.Tx) error {
		if _, err := tx.UserByEmail(user.Email); err == nil {
			return &model.FieldError{Field: "email", Reason: "another user has this e-mail address"}
		} else if !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if err := s.storeUser(tx, caller, model.UserCreated, nil, user); err != nil {
			return err
		}
		if err := s.storeToken(tx, caller, s.newToken(user.ID, firstTokenName, secret)); err != nil {
			return err
		}
		if !join {
			return nil
		}
		org, err := ownersOrganization(tx)
		if err != nil {
			return err
		}
		return s.takeIntoOrganization(tx, caller, org, user)
	})
	if err != nil {
		return UserStatus{}, "", err
	}
	return UserStatus{User: user, Tokens: []string{firstTokenName}}, secret, nil
}

// firstTokenName is the name of the token that a user starts with.
const firstTokenName = "first"

// FindUser returns a user by id or e-mail address. Operators only.
func (s *Service) FindUser(ctx context.Context, caller Caller, idOrEmail string) (UserStatus, error) {
	if err := s.operates(caller); err != nil {
		return UserStatus{}, err
	}
	if !strings.Contains(idOrEmail, "@") {
		return s.User(ctx, caller, idOrEmail)
	}
	user, err := s.store.UserByEmail(ctx, strings.TrimSpace(idOrEmail))
	if errors.Is(err, store.ErrNotFound) {
		return UserStatus{}, noUser()
	}
	if err != nil {
		return UserStatus{}, explain("look for a user", err)
	}
	return s.withTokens(ctx, user)
}

func (s *Service) readUser(ctx context.Context, id string) (*model.User, error) {
	user, err := s.store.User(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, noUser()
	}
	if err != nil {
		return nil, explain("read a user", err)
	}
	return user, nil
}

func findUser(tx *store.Tx, id string) (*model.User, error) {
	user, err := tx.User(id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, noUser()
	}
	return user, err
}

func noUser() error { return NewError(NotFound, "there is no such user") }

func (s *Service) withTokens(ctx context.Context, user *model.User) (UserStatus, error) {
	tokens, err := s.store.TokensOf(ctx, user.ID)
	if err != nil {
		return UserStatus{}, explain("list tokens", err)
	}
	names := make([]string, len(tokens))
	for i, token := range tokens {
		names[i] = token.Name
	}
	return UserStatus{User: user, Tokens: names}, nil
}

// storeUser writes a user and the event of the change.
func (s *Service) storeUser(tx *store.Tx, caller Caller, kind model.EventKind, before, after *model.User) error {
	if err := tx.PutUser(after); err != nil {
		return err
	}
	return s.reportUser(tx, caller, kind, before, after)
}

func (s *Service) reportUser(tx *store.Tx, caller Caller, kind model.EventKind, before, after *model.User) error {
	e := s.event(caller, kind)
	if after != nil {
		e.User = after.ID
	} else {
		e.User = before.ID
	}
	return report(tx, e, before, after)
}
