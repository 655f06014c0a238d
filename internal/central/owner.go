package central

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/internal/store"
)

// Where the store keeps the id of the owner, the user made at the first start,
// and the digest of that user's first token.
const (
	ownerKey      = "owner"
	ownerTokenKey = "owner.token"
)

// ownerTokenName is the name of the owner's first token.
const ownerTokenName = "owner"

// EnsureOwner makes the owner and the owner's token at the first start. existing
// is the token that an earlier start handed out, "" if that is lost: then
// another one takes its place, and the lost one is not valid anymore. made says
// whether token is a new one that the caller must keep; otherwise token is
// existing.
func (s *Service) EnsureOwner(ctx context.Context, existing string) (token string, made bool, err error) {
	existing = strings.TrimSpace(existing) // an editor may have added a newline
	err = s.update(ctx, "make the owner", func(tx *store.Tx) error {
		id, err := tx.Meta(ownerKey)
		if err != nil {
			return err
		}
		if id != "" && existing != "" {
			token = existing
			return nil
		}
		if id == "" {
			if id, err = s.makeOwner(tx); err != nil {
				return err
			}
		}
		token, made = NewToken(), true
		return s.replaceOwnerToken(tx, id, token)
	})
	if err != nil {
		return "", false, err
	}
	if !made {
		s.warnUnknown(ctx, existing)
	}
	return token, made, nil
}

func (s *Service) makeOwner(tx *store.Tx) (id string, err error) {
	owner := &model.User{ID: newID(), Email: "owner@localhost", DisplayName: "Owner", CreationTime: s.Now()}
	if err := tx.PutUser(owner); err != nil {
		return "", err
	}
	if err := tx.SetMeta(ownerKey, owner.ID); err != nil {
		return "", err
	}
	return owner.ID, report(s, tx, model.UserCreated, owner)
}

// report writes the event of something that the setup made.
func report[T any](s *Service, tx *store.Tx, kind model.EventKind, made *T) error {
	_, is, err := model.Changes(nil, made)
	if err != nil {
		return err
	}
	return tx.AppendEvent(&model.Event{Time: s.Now(), Kind: kind, Actor: model.ActorSetup, After: is})
}

// replaceOwnerToken stores a token in place of the one made before, if any.
func (s *Service) replaceOwnerToken(tx *store.Tx, owner, token string) error {
	old, err := tx.Meta(ownerTokenKey)
	if err != nil {
		return err
	}
	if digest, err := hex.DecodeString(old); err == nil && len(digest) == sha256.Size {
		if err := tx.DeleteToken([sha256.Size]byte(digest)); err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
	}
	record := &model.Token{Hash: sha256.Sum256([]byte(token)), UserID: owner, Name: ownerTokenName, CreationTime: s.Now()}
	if err := tx.PutToken(record); err != nil {
		return err
	}
	if err := tx.SetMeta(ownerTokenKey, hex.EncodeToString(record.Hash[:])); err != nil {
		return err
	}
	return report(s, tx, model.TokenCreated, record)
}

// warnUnknown tells an operator whose token file opens nothing what to do.
func (s *Service) warnUnknown(ctx context.Context, existing string) {
	if _, err := s.Authenticate(ctx, existing); err != nil {
		s.log.Warn("the kept owner token is not valid; remove its file and start again to get another one")
	}
}
