package server

import (
	"context"
	"errors"
	"log/slog"

	"github.com/orrery-net/orrery/internal/central"
	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/internal/store"
	"github.com/orrery-net/orrery/zt"
)

// localUsers works on the store while no server does.
type localUsers struct {
	folder  folder
	unlock  func() error
	store   *store.Store
	service *central.Service
	caller  central.Caller
}

func openLocalUsers(ctx context.Context, f folder, unlock func() error, log *slog.Logger) (_ Users, err error) {
	u := &localUsers{folder: f, unlock: unlock}
	defer func() {
		if err != nil {
			err = errors.Join(err, u.Close())
		}
	}()
	if u.store, err = store.Open(ctx, store.Options{Path: f.path(databaseFile), Logger: log}); err != nil {
		return nil, err
	}
	u.service = central.New(central.Options{Store: u.store, Presence: nobody{}, Logger: log})
	// As a start does: the data may be of a version that had no organizations.
	if err := f.ensureOwner(ctx, u.service, log); err != nil {
		return nil, err
	}
	if u.caller, err = u.service.Local(ctx); err != nil {
		return nil, err
	}
	return u, nil
}

func (u *localUsers) Close() error {
	var err error
	if u.store != nil {
		err = u.store.Close()
	}
	return errors.Join(err, u.unlock())
}

func (u *localUsers) List(ctx context.Context) ([]User, error) {
	all, err := u.service.Users(ctx, u.caller)
	if err != nil {
		return nil, err
	}
	users := make([]User, 0, len(all))
	for _, one := range all {
		users = append(users, userOf(one))
	}
	return users, nil
}

func (u *localUsers) Find(ctx context.Context, idOrEmail string) (User, error) {
	found, err := u.service.FindUser(ctx, u.caller, idOrEmail)
	if err != nil {
		return User{}, err
	}
	return userOf(found), nil
}

func (u *localUsers) Create(ctx context.Context, email, name string, join bool) (User, string, error) {
	made, secret, err := u.service.CreateUser(ctx, u.caller, email, name, join)
	if err != nil {
		return User{}, "", err
	}
	return userOf(made), secret, nil
}

func (u *localUsers) Delete(ctx context.Context, id string) error {
	return u.service.DeleteUser(ctx, u.caller, id)
}

func (u *localUsers) ResetToken(ctx context.Context, id string) (string, error) {
	secret, err := u.service.ResetToken(ctx, u.caller, id)
	if err != nil || id != u.caller.User.ID {
		return secret, err
	}
	return secret, u.folder.keepOwnerToken(secret)
}

func userOf(u central.UserStatus) User {
	tokens := u.Tokens
	if tokens == nil {
		tokens = []string{}
	}
	return User{
		ID: u.ID, Email: u.Email, DisplayName: u.DisplayName, OrganizationID: u.OrgID, CreationTime: u.CreationTime, Tokens: tokens,
	}
}

// nobody is who is online while no server runs.
type nobody struct{}

func (nobody) Seen(zt.NetworkID, zt.Address) (model.Seen, bool) { return model.Seen{}, false }
func (nobody) Online(zt.NetworkID, zt.Address) bool             { return false }
func (nobody) OnlineCount(zt.NetworkID) int                     { return 0 }

func (nobody) Watch(int) (<-chan model.OnlineChange, func()) {
	ended := make(chan model.OnlineChange)
	close(ended)
	return ended, func() {}
}
