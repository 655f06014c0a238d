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

// ownerOrgName is the name of the owner's organization until the owner changes
// it.
const ownerOrgName = "My organization"

// EnsureOwner makes the owner, the owner's organization and the owner's token at
// the first start, and what of this is missing at later ones. existing is the
// token that an earlier start handed out, "" if that is lost: then another one
// takes its place, and the lost one is not valid anymore. made says whether
// token is a new one that the caller must keep; otherwise token is existing.
func (s *Service) EnsureOwner(ctx context.Context, existing string) (token string, made bool, err error) {
	existing = strings.TrimSpace(existing) // an editor may have added a newline
	defer s.sessions.forget()
	err = s.update(ctx, "make the owner", func(tx *store.Tx) error {
		owner, isNew, err := s.findOrMakeOwner(tx)
		if err != nil {
			return err
		}
		if owner.OrgID == "" {
			if err := s.makeOrganization(tx, Caller{local: true}, owner, ownerOrgName); err != nil {
				return err
			}
		}
		if !isNew && existing != "" {
			token = existing
			return nil
		}
		token, made = NewToken(), true
		return s.replaceOwnerToken(tx, owner.ID, token)
	})
	if err != nil {
		return "", false, err
	}
	if !made {
		s.warnUnknown(ctx, existing)
	}
	return token, made, nil
}

func (s *Service) findOrMakeOwner(tx *store.Tx) (owner *model.User, isNew bool, err error) {
	id, err := tx.Meta(ownerKey)
	if err != nil {
		return nil, false, err
	}
	if id != "" {
		owner, err = tx.User(id)
		return owner, false, err
	}
	owner = &model.User{ID: newID(), Email: "owner@localhost", DisplayName: "Owner", CreationTime: s.Now()}
	if err := s.storeUser(tx, Caller{local: true}, model.UserCreated, nil, owner); err != nil {
		return nil, false, err
	}
	return owner, true, tx.SetMeta(ownerKey, owner.ID)
}

// replaceOwnerToken stores a token in place of the one made before, if any.
func (s *Service) replaceOwnerToken(tx *store.Tx, owner, secret string) error {
	old, err := tx.Meta(ownerTokenKey)
	if err != nil {
		return err
	}
	if digest, err := hex.DecodeString(old); err == nil && len(digest) == sha256.Size {
		lost, err := tx.TokenByHash([sha256.Size]byte(digest))
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if err == nil {
			if err := s.endToken(tx, Caller{local: true}, lost); err != nil {
				return err
			}
		}
	}
	token := s.newToken(owner, ownerTokenName, secret)
	if err := s.storeToken(tx, Caller{local: true}, token); err != nil {
		return err
	}
	return setOwnerToken(tx, token)
}

// setOwnerToken notes which token takes the place of a lost one.
func setOwnerToken(tx *store.Tx, token *model.Token) error {
	return tx.SetMeta(ownerTokenKey, hex.EncodeToString(token.Hash[:]))
}

// warnUnknown tells an operator whose token file opens nothing what to do.
func (s *Service) warnUnknown(ctx context.Context, existing string) {
	if _, err := s.lookUp(ctx, sha256.Sum256([]byte(existing))); err != nil {
		s.log.Warn("the kept owner token is not valid; remove its file and start again to get another one")
	}
}
