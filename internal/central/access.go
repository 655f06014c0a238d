package central

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net/netip"

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/internal/store"
	"github.com/orrery-net/orrery/zt"
)

// Caller is who asks for something.
type Caller struct {
	User      *model.User
	From      netip.Addr // where the request came from; may be the zero Addr
	TokenName string     // the name of the token that was shown
}

func (c Caller) actor() model.Actor {
	actor := model.Actor{UserID: c.User.ID}
	if c.From.IsValid() {
		actor.From = c.From.String()
	}
	return actor
}

// Authenticate finds the user that a token acts for. A token that nobody has is
// an Error of kind Unauthorized. The store holds digests of tokens only, and is
// searched by digest, so that timing tells nothing about stored tokens.
func (s *Service) Authenticate(ctx context.Context, bearer string) (Caller, error) {
	if bearer == "" {
		return Caller{}, NewError(Unauthorized, "an API token is needed")
	}
	digest := sha256.Sum256([]byte(bearer))
	token, err := s.store.TokenByHash(ctx, digest)
	if errors.Is(err, store.ErrNotFound) || err == nil && subtle.ConstantTimeCompare(token.Hash[:], digest[:]) != 1 {
		return Caller{}, NewError(Unauthorized, "the API token is not valid")
	}
	if err != nil {
		return Caller{}, explain("look up token", err)
	}
	user, err := s.store.User(ctx, token.UserID)
	if err != nil {
		return Caller{}, explain("read the user of a token", err)
	}
	return Caller{User: user, TokenName: token.Name}, nil
}

// right is one of the things that a user can be allowed to do to a network.
type right uint8

const (
	toRead right = iota
	toModify
	toDelete
)

// allowed is the one place that decides who may do what: a network's owner may
// do everything, others nothing.
func allowed(caller Caller, n *model.Network, _ right) bool {
	return caller.User != nil && caller.User.ID == n.OwnerID
}

// permit returns nil if the caller may do what is wanted. Who may not even read
// a network is told that it does not exist.
func permit(caller Caller, n *model.Network, want right) error {
	switch {
	case !allowed(caller, n, toRead):
		return noNetwork(n.ID)
	case !allowed(caller, n, want):
		return NewError(Forbidden, "you do not have the right to do this to network %s", n.ID)
	}
	return nil
}

func noNetwork(id zt.NetworkID) error {
	return NewError(NotFound, "there is no network %s", id)
}

func noMember(network zt.NetworkID, node zt.Address) error {
	return NewError(NotFound, "network %s has no member %s", network, node)
}
