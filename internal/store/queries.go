package store

import (
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/zt"
)

// The queries that transactions and plain reads have in common.

// membersAfter reads a page of a network's members that are not deleted, and
// membersPage is how many that is.
const (
	membersAfter = "SELECT " + memberColumns + ` FROM members
		WHERE network = $1 AND node > $2 AND deleted = 0 ORDER BY node LIMIT $3`
	membersPage = 256
)

func (s *statements) network(ctx context.Context, id zt.NetworkID) (*model.Network, error) {
	var text []byte
	if err := s.row(ctx, "SELECT record FROM networks WHERE id = $1", []any{id.String()}, &text); err != nil {
		return nil, reading("network", err)
	}
	return decodeNetwork(text)
}

func (s *statements) member(ctx context.Context, network zt.NetworkID, node zt.Address) (*model.Member, error) {
	var text []byte
	var deleted, revision int64
	err := s.row(ctx, "SELECT "+memberColumns+" FROM members WHERE network = $1 AND node = $2",
		[]any{network.String(), node.String()}, &text, &deleted, &revision)
	if err != nil {
		return nil, reading("member", err)
	}
	return decodeMember(text, deleted, revision)
}

func (s *statements) user(ctx context.Context, id string) (*model.User, error) {
	var text []byte
	if err := s.row(ctx, "SELECT record FROM users WHERE id = $1", []any{id}, &text); err != nil {
		return nil, reading("user", err)
	}
	return decode[model.User](text)
}

func (s *statements) tokenByHash(ctx context.Context, hash [32]byte) (*model.Token, error) {
	var text []byte
	if err := s.row(ctx, "SELECT record FROM tokens WHERE hash = $1", []any{hex.EncodeToString(hash[:])}, &text); err != nil {
		return nil, reading("token", err)
	}
	token, err := decode[model.Token](text)
	if err != nil {
		return nil, err
	}
	token.Hash = hash
	return token, nil
}

func (s *statements) meta(ctx context.Context, key string) (string, error) {
	var value string
	err := s.row(ctx, "SELECT value FROM meta WHERE key = $1", []any{key}, &value)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", reading(key, err)
	}
	return value, nil
}

// reading says what was being read, in the terms of this package.
func reading(what string, err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNotFound
	}
	return fmt.Errorf("read %s: %w", what, err)
}
