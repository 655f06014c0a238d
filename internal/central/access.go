package central

import (
	"errors"
	"net/netip"

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/internal/store"
	"github.com/orrery-net/orrery/zt"
)

// Caller is who asks for something.
type Caller struct {
	User     *model.User  // nil: nobody is signed in; must not be changed
	From     netip.Addr   // where the request came from; may be the zero Addr
	Token    *model.Token // the token that was shown, nil if none was; must not be changed
	Operator bool         // may manage the users of this server
	local    bool         // acts on the server's machine
}

func (c Caller) actor() model.Actor {
	if c.local {
		return model.ActorSetup
	}
	actor := model.Actor{UserID: c.User.ID}
	if c.From.IsValid() {
		actor.From = c.From.String()
	}
	return actor
}

// onlyNetwork is the one network that the caller's token is for, 0 for all.
func (c Caller) onlyNetwork() zt.NetworkID {
	if c.Token == nil {
		return 0
	}
	return c.Token.Network
}

func (c Caller) readOnly() bool { return c.Token != nil && c.Token.ReadOnly }

// right is a set of things that a user can be allowed to do to a network.
type right uint8

const (
	toRead      right = 1 << iota
	toAuthorize       // let members in and put them out
	toModify
	toDelete
)

// rights is the one place that decides who may do what to a network: what the
// user was granted, and of that what the token is for (api-behaviour §18).
func (c Caller) rights(n *model.Network) right {
	if c.User == nil || c.onlyNetwork() != 0 && c.onlyNetwork() != n.ID {
		return 0
	}
	granted := n.Grant(c.User.ID)
	var all right
	if granted.Read {
		all |= toRead
	}
	if granted.Authorize {
		all |= toAuthorize
	}
	if granted.Modify {
		all |= toModify
	}
	if granted.Delete {
		all |= toDelete
	}
	if c.readOnly() {
		all &= toRead
	}
	return all
}

// permit returns nil if the caller has any of the rights that are wanted. Who
// may not even read a network is told that it does not exist.
func permit(caller Caller, n *model.Network, anyOf right) error {
	switch has := caller.rights(n); {
	case has&anyOf != 0:
		return nil
	case has&toRead == 0:
		return noNetwork(n.ID)
	case caller.readOnly():
		return errReadOnly()
	}
	return NewError(Forbidden, "you do not have the right to do this to network %s", n.ID)
}

// signedIn returns nil if the caller is somebody whose token is valid still.
func (s *Service) signedIn(caller Caller) error {
	if caller.User == nil {
		return NewError(Unauthorized, "an API token is needed")
	}
	if caller.Token != nil && s.expired(caller.Token) {
		return errExpired()
	}
	return nil
}

func (s *Service) expired(token *model.Token) bool {
	return token.ExpiryTime != 0 && s.Now() >= token.ExpiryTime
}

// seesAccounts returns nil if the caller's token is for more than one network:
// for accounts, tokens, organizations and invitations too.
func (s *Service) seesAccounts(caller Caller) error {
	if err := s.signedIn(caller); err != nil {
		return err
	}
	if only := caller.onlyNetwork(); only != 0 {
		return NewError(Forbidden, "this token is for network %s only; use one that is for all", only)
	}
	return nil
}

// changesAccounts is seesAccounts for changes.
func (s *Service) changesAccounts(caller Caller) error {
	if err := s.seesAccounts(caller); err != nil {
		return err
	}
	if caller.readOnly() {
		return errReadOnly()
	}
	return nil
}

// operates returns nil if the caller may see the users of this server.
func (s *Service) operates(caller Caller) error {
	if err := s.seesAccounts(caller); err != nil {
		return err
	}
	if !caller.Operator {
		return NewError(Forbidden, "only the operator of this server may do this")
	}
	return nil
}

// stillValid returns nil if the caller's token was not deleted between its check
// and this transaction.
func stillValid(tx *store.Tx, caller Caller) error {
	if caller.Token == nil {
		return nil
	}
	_, err := tx.TokenByHash(caller.Token.Hash)
	if errors.Is(err, store.ErrNotFound) {
		return errUnknownToken()
	}
	return err
}

func errReadOnly() error {
	return NewError(Forbidden, "this token may only read; use one that may also change")
}
func errExpired() error      { return NewError(Unauthorized, "the API token has expired; make another one") }
func errUnknownToken() error { return NewError(Unauthorized, "the API token is not valid") }

func noNetwork(id zt.NetworkID) error {
	return NewError(NotFound, "there is no network %s", id)
}

func noMember(network zt.NetworkID, node zt.Address) error {
	return NewError(NotFound, "network %s has no member %s", network, node)
}
