package store

import (
	"context"
	"database/sql"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/orrery-net/orrery/internal/model"
)

// User returns a user; ErrNotFound if there is none.
func (t *Tx) User(id string) (*model.User, error) {
	return read(t, func(ctx context.Context) (*model.User, error) { return t.on.user(ctx, id) })
}

// UserByEmail returns the user with an e-mail address, whatever the case of its
// letters; ErrNotFound if there is none.
func (t *Tx) UserByEmail(email string) (*model.User, error) {
	return read(t, func(ctx context.Context) (*model.User, error) { return t.on.userByEmail(ctx, email) })
}

// UsersOf returns the users of an organization, ascending by e-mail.
func (t *Tx) UsersOf(org string) ([]*model.User, error) {
	return read(t, func(ctx context.Context) ([]*model.User, error) { return t.on.usersOf(ctx, org) })
}

// PutUser stores a user as it is, new or in place of an older record. It ends
// the transaction if another user has the e-mail address, in whatever case: ask
// UserByEmail before. Users without one are possible.
func (t *Tx) PutUser(u *model.User) error {
	text, err := encode(u)
	if err != nil {
		return err
	}
	_, err = t.exec("store user", `
		INSERT INTO users (id, email, org, record) VALUES ($1, $2, $3, $4)
		ON CONFLICT (id) DO UPDATE SET email = excluded.email, org = excluded.org, record = excluded.record`,
		u.ID, model.EmailKey(u.Email), u.OrgID, text)
	return err
}

// DeleteUser removes a user with the user's tokens and their uses; ErrNotFound
// if there is none. Networks, grants and invitations stay.
func (t *Tx) DeleteUser(id string) error {
	if _, err := t.exec("delete tokens", "DELETE FROM tokens WHERE user_id = $1", id); err != nil {
		return err
	}
	return t.deleteOne("user", "DELETE FROM users WHERE id = $1", id)
}

// TokenByHash returns the token whose secret has this SHA-256; ErrNotFound if
// there is none.
func (t *Tx) TokenByHash(hash [32]byte) (*model.Token, error) {
	return read(t, func(ctx context.Context) (*model.Token, error) { return t.on.tokenByHash(ctx, hash) })
}

// TokensOf returns a user's tokens, ascending by name.
func (t *Tx) TokensOf(user string) ([]*model.Token, error) {
	return read(t, func(ctx context.Context) ([]*model.Token, error) { return t.on.tokensOf(ctx, user) })
}

// PutToken stores a token as it is, new or in place of an older record. Its
// user must be stored.
func (t *Tx) PutToken(token *model.Token) error {
	text, err := encode(token)
	if err != nil {
		return err
	}
	_, err = t.exec("store token", `
		INSERT INTO tokens (hash, user_id, record) VALUES ($1, $2, $3)
		ON CONFLICT (hash) DO UPDATE SET user_id = excluded.user_id, record = excluded.record`,
		hex.EncodeToString(token.Hash[:]), token.UserID, text)
	return err
}

// DeleteToken removes a token and its uses; ErrNotFound if there is none.
func (t *Tx) DeleteToken(hash [32]byte) error {
	return t.deleteOne("token", "DELETE FROM tokens WHERE hash = $1", hex.EncodeToString(hash[:]))
}

// User returns a user; ErrNotFound if there is none.
func (s *Store) User(ctx context.Context, id string) (*model.User, error) {
	u, err := s.read.user(ctx, id)
	return u, s.explain(err)
}

// UserByEmail returns the user with an e-mail address, whatever the case of its
// letters; ErrNotFound if there is none.
func (s *Store) UserByEmail(ctx context.Context, email string) (*model.User, error) {
	u, err := s.read.userByEmail(ctx, email)
	return u, s.explain(err)
}

// Users returns all users, ascending by e-mail.
func (s *Store) Users(ctx context.Context) ([]*model.User, error) {
	all, err := records(ctx, s.read, "users", decode[model.User], "SELECT record FROM users ORDER BY email, id")
	return all, s.explain(err)
}

// UsersOf returns the users of an organization, ascending by e-mail.
func (s *Store) UsersOf(ctx context.Context, org string) ([]*model.User, error) {
	all, err := s.read.usersOf(ctx, org)
	return all, s.explain(err)
}

// TokenByHash returns the token whose secret has this SHA-256; ErrNotFound if
// there is none.
func (s *Store) TokenByHash(ctx context.Context, hash [32]byte) (*model.Token, error) {
	token, err := s.read.tokenByHash(ctx, hash)
	return token, s.explain(err)
}

// TokensOf returns a user's tokens, ascending by name.
func (s *Store) TokensOf(ctx context.Context, user string) ([]*model.Token, error) {
	all, err := s.read.tokensOf(ctx, user)
	return all, s.explain(err)
}

// The indexes of both leave empty texts out, and serve only queries that do so too.
const (
	userWithEmail = "SELECT record FROM users WHERE email = $1 AND email <> ''"
	usersInOrg    = "SELECT record FROM users WHERE org = $1 AND org <> '' ORDER BY email, id"
)

func (s *statements) user(ctx context.Context, id string) (*model.User, error) {
	return record(ctx, s, "user", decode[model.User], "SELECT record FROM users WHERE id = $1", id)
}

func (s *statements) userByEmail(ctx context.Context, email string) (*model.User, error) {
	return record(ctx, s, "user", decode[model.User], userWithEmail, model.EmailKey(email))
}

func (s *statements) usersOf(ctx context.Context, org string) ([]*model.User, error) {
	return records(ctx, s, "users", decode[model.User], usersInOrg, org)
}

func (s *statements) tokenByHash(ctx context.Context, hash [32]byte) (*model.Token, error) {
	token, err := record(ctx, s, "token", decode[model.Token],
		"SELECT record FROM tokens WHERE hash = $1", hex.EncodeToString(hash[:]))
	if err != nil {
		return nil, err
	}
	token.Hash = hash
	return token, nil
}

func (s *statements) tokensOf(ctx context.Context, user string) ([]*model.Token, error) {
	var all []*model.Token
	err := s.rows(ctx, "SELECT hash, record FROM tokens WHERE user_id = $1", []any{user}, func(row *sql.Rows) error {
		var hash string
		var text sql.RawBytes
		if err := row.Scan(&hash, &text); err != nil {
			return err
		}
		token, err := decode[model.Token](text)
		if err == nil {
			token.Hash, err = decodeHash(hash)
		}
		all = append(all, token)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read tokens: %w", err)
	}
	slices.SortFunc(all, func(a, b *model.Token) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}
