package central

import (
	"context"
	"crypto/sha256"
	"errors"

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/internal/store"
	"github.com/orrery-net/orrery/zt"
)

// maxTokens is how many tokens a user can have.
const maxTokens = 64

// TokenStatus is a token with its last use; Time 0: never used.
type TokenStatus struct {
	*model.Token
	LastUse model.TokenUse
}

// TokenRequest is what a new token shall be. Secret "" lets the service make one.
type TokenRequest struct {
	Name       string
	Secret     string // at least 32 printable ASCII characters without spaces
	ReadOnly   bool
	Network    zt.NetworkID // 0: all
	ExpiryTime int64        // ms; 0: never
}

// Tokens returns a user's tokens, ascending by name: the caller's own, or for an
// operator anybody's. Another user's id is Forbidden if User would show that
// user, else NotFound.
func (s *Service) Tokens(ctx context.Context, caller Caller, userID string) ([]TokenStatus, error) {
	if err := s.seesAccounts(caller); err != nil {
		return nil, err
	}
	if !caller.Operator {
		if err := s.onlyOwn(ctx, caller, userID); err != nil {
			return nil, err
		}
	} else if _, err := s.readUser(ctx, userID); err != nil {
		return nil, err
	}
	tokens, err := s.store.TokensOf(ctx, userID)
	if err != nil {
		return nil, explain("list tokens", err)
	}
	uses, err := s.store.TokenUses(ctx, userID)
	if err != nil {
		return nil, explain("read when tokens were used", err)
	}
	all := make([]TokenStatus, len(tokens))
	for i, token := range tokens {
		all[i] = TokenStatus{Token: token, LastUse: uses[token.Hash]}
		if use, ok := s.sessions.lastUse(token.Hash); ok {
			all[i].LastUse = use
		}
	}
	return all, nil
}

// CreateToken stores a token of the caller's and returns it with its secret,
// which is not kept. It is valid at once. Invalid: the name is taken, the secret
// is too short or has other characters, the expiry is in the past or after that
// of the caller's token, the network is none that the caller may read. Conflict:
// the user has too many tokens.
func (s *Service) CreateToken(ctx context.Context, caller Caller, userID string, r TokenRequest) (token *model.Token, secret string, err error) {
	if err := s.changesAccounts(caller); err != nil {
		return nil, "", err
	}
	if err := s.onlyOwn(ctx, caller, userID); err != nil {
		return nil, "", err
	}
	secret = r.Secret
	if secret == "" {
		secret = NewToken()
	}
	token = &model.Token{
		Hash: sha256.Sum256([]byte(secret)), UserID: userID, Name: r.Name, CreationTime: s.Now(),
		ReadOnly: r.ReadOnly, Network: r.Network, ExpiryTime: r.ExpiryTime,
	}
	if err := s.validToken(token, secret); err != nil {
		return nil, "", explain("check a token", err)
	}
	if outlives(token, caller) {
		return nil, "", explain("check a token", &model.FieldError{Field: "expiryTime", Reason: "is later than the expiry of the token that you show; use one that is valid as long"})
	}
	err = s.changeAccount(ctx, caller, "store a token", func(tx *store.Tx) error {
		if err := mayGetToken(tx, caller, token); err != nil {
			return err
		}
		return s.storeToken(tx, caller, token)
	})
	if err != nil {
		return nil, "", err
	}
	return token, secret, nil
}

func (s *Service) validToken(token *model.Token, secret string) error {
	if err := token.Validate(); err != nil {
		return err
	}
	if err := model.ValidateSecret(secret); err != nil {
		return err
	}
	if s.expired(token) {
		return &model.FieldError{Field: "expiryTime", Reason: "is in the past"}
	}
	return nil
}

// outlives reports whether a new token would be valid when the caller's is not
// anymore: whoever finds a token that expires must not be able to prolong it.
func outlives(token *model.Token, caller Caller) bool {
	if caller.Token == nil || caller.Token.ExpiryTime == 0 {
		return false
	}
	return token.ExpiryTime == 0 || token.ExpiryTime > caller.Token.ExpiryTime
}

// mayGetToken checks a new token against what is stored.
func mayGetToken(tx *store.Tx, caller Caller, token *model.Token) error {
	others, err := tx.TokensOf(token.UserID)
	if err != nil {
		return err
	}
	if len(others) >= maxTokens {
		return NewError(Conflict, "you have %d tokens, which is as many as a user can have; delete one first", len(others))
	}
	for _, other := range others {
		if other.Name == token.Name {
			return &model.FieldError{Field: "tokenName", Reason: "you have a token of this name; delete it first or choose another name"}
		}
	}
	_, err = tx.TokenByHash(token.Hash)
	if err == nil {
		return &model.FieldError{Field: "token", Reason: "cannot be used; choose another one"}
	}
	if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if token.Network == 0 {
		return nil
	}
	n, err := tx.Network(token.Network)
	if errors.Is(err, store.ErrNotFound) || err == nil && caller.rights(n)&toRead == 0 {
		return &model.FieldError{Field: "networkId", Reason: noNetwork(token.Network).Error()}
	}
	return err
}

// DeleteToken ends one of the caller's tokens at once. NotFound if there is none
// of that name.
func (s *Service) DeleteToken(ctx context.Context, caller Caller, userID, name string) error {
	if err := s.changesAccounts(caller); err != nil {
		return err
	}
	if err := s.onlyOwn(ctx, caller, userID); err != nil {
		return err
	}
	return s.changeAccount(ctx, caller, "delete a token", func(tx *store.Tx) error {
		tokens, err := tx.TokensOf(userID)
		if err != nil {
			return err
		}
		for _, token := range tokens {
			if token.Name == name {
				return s.endToken(tx, caller, token)
			}
		}
		return NewError(NotFound, "there is no token of this name")
	})
}

// ResetToken ends all of a user's tokens and makes one in their place, named
// "reset". Operators only.
func (s *Service) ResetToken(ctx context.Context, caller Caller, userID string) (secret string, err error) {
	if err := s.operates(caller); err != nil {
		return "", err
	}
	secret = NewToken()
	token := s.newToken(userID, "reset", secret)
	if outlives(token, caller) {
		return "", NewError(Forbidden, "the token that you show expires; use one that does not")
	}
	err = s.changeAccount(ctx, caller, "reset the tokens of a user", func(tx *store.Tx) error {
		if _, err := findUser(tx, userID); err != nil {
			return err
		}
		if err := s.endTokens(tx, caller, userID, nil); err != nil {
			return err
		}
		if err := s.storeToken(tx, caller, token); err != nil {
			return err
		}
		owner, err := tx.Meta(ownerKey)
		if err != nil || userID != owner {
			return err
		}
		return setOwnerToken(tx, token) // it is the one that is kept now
	})
	if err != nil {
		return "", err
	}
	return secret, nil
}

func (s *Service) newToken(userID, name, secret string) *model.Token {
	return &model.Token{Hash: sha256.Sum256([]byte(secret)), UserID: userID, Name: name, CreationTime: s.Now()}
}

// storeToken writes a new token and its event.
func (s *Service) storeToken(tx *store.Tx, caller Caller, token *model.Token) error {
	if err := tx.PutToken(token); err != nil {
		return err
	}
	e := s.event(caller, model.TokenCreated)
	e.User = token.UserID
	return report(tx, e, nil, token)
}

// endToken deletes a token and writes the event of it.
func (s *Service) endToken(tx *store.Tx, caller Caller, token *model.Token) error {
	if err := tx.DeleteToken(token.Hash); err != nil {
		return err
	}
	e := s.event(caller, model.TokenDeleted)
	e.User = token.UserID
	return report(tx, e, token, nil)
}

// endTokens deletes all tokens of a user but one, nil for none.
func (s *Service) endTokens(tx *store.Tx, caller Caller, userID string, but *model.Token) error {
	tokens, err := tx.TokensOf(userID)
	if err != nil {
		return err
	}
	for _, token := range tokens {
		if but != nil && token.Hash == but.Hash {
			continue
		}
		if err := s.endToken(tx, caller, token); err != nil {
			return err
		}
	}
	return nil
}
