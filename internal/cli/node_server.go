package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/orrery-net/orrery/internal/client"
	"github.com/orrery-net/orrery/internal/node"
	"github.com/orrery-net/orrery/zt"
)

// expeller puts nodes out of networks at a server of Central's API.
type expeller struct{ api *client.Client }

// membership asks what a node is to a network. A network that there is not, or
// that the token may not read, is an error.
func (e expeller) membership(ctx context.Context, network zt.NetworkID, address zt.Address) (node.Membership, error) {
	member, err := e.api.Member(ctx, network.String(), address.String())
	if errors.Is(err, client.ErrNotFound) {
		if _, err := e.api.Network(ctx, network.String()); err != nil {
			return node.Unknown, err
		}
		return node.NoMember, nil
	}
	if err != nil {
		return node.Unknown, err
	}
	authorized, err := isAuthorized(member, network, address)
	switch {
	case err != nil:
		return node.Unknown, err
	case authorized:
		return node.Authorized, nil
	}
	return node.NotAuthorized, nil
}

// isAuthorized reads it from a server's answer, which must be about that member
// and say so: an answer that says nothing confirms nothing.
func isAuthorized(m *client.Member, network zt.NetworkID, address zt.Address) (bool, error) {
	var shown struct {
		Config struct{ Authorized *bool }
	}
	if json.Unmarshal(m.Raw, &shown) != nil || shown.Config.Authorized == nil ||
		!strings.EqualFold(m.NodeID, address.String()) || !strings.EqualFold(m.NetworkID, network.String()) {
		return false, errors.New("the server's answer does not say whether the member is authorized")
	}
	return *shown.Config.Authorized, nil
}

// Deauthorize implements node.Expeller. A node that is no member is not made one.
func (e expeller) Deauthorize(ctx context.Context, network zt.NetworkID, address zt.Address) (node.Membership, error) {
	was, err := e.membership(ctx, network, address)
	if err != nil || was != node.Authorized {
		return was, err
	}
	member, err := e.api.UpdateMember(ctx, network.String(), address.String(), patch{"config": map[string]any{"authorized": false}})
	if err != nil {
		return was, err
	}
	authorized, err := isAuthorized(member, network, address)
	if err == nil && authorized {
		err = errors.New("the server took the request and still shows it as authorized")
	}
	return was, err
}

// Delete implements node.Expeller. A node that runs asks again and may be listed
// anew, not authorized.
func (e expeller) Delete(ctx context.Context, network zt.NetworkID, address zt.Address) (node.Membership, error) {
	was, err := e.membership(ctx, network, address)
	if err != nil || was == node.NoMember {
		return was, err
	}
	if err := e.api.DeleteMember(ctx, network.String(), address.String()); err != nil {
		return was, err
	}
	now, err := e.membership(ctx, network, address)
	if err == nil && now == node.Authorized {
		err = errors.New("the server took the request and still shows it as authorized")
	}
	return was, err
}

// named finds the networks that a user names for a node. One named by id that
// cannot be looked at now is kept: its own step will say why. A server that is
// down is not asked again.
func (e expeller) named(ctx context.Context, names []string, address zt.Address) ([]node.Network, error) {
	var found []node.Network
	var down error
	for _, name := range names {
		network, err := e.look(ctx, name, address, down)
		if err != nil {
			return nil, err
		}
		if errors.Is(network.err, client.ErrUnreachable) {
			down = network.err
		}
		if !slices.ContainsFunc(found, func(other node.Network) bool { return other.ID == network.ID }) {
			found = append(found, network.Network)
		}
	}
	return found, nil
}

// looked is a network, and why no more than its id is known.
type looked struct {
	node.Network
	err error
}

// look finds one network, without asking if the server is down.
func (e expeller) look(ctx context.Context, name string, address zt.Address, down error) (looked, error) {
	id, notID := zt.ParseNetworkID(name)
	if notID == nil && down != nil {
		return looked{node.Network{ID: id}, down}, nil
	}
	shown, err := findNetwork(ctx, e.api, name)
	switch {
	case err == nil:
	case notID != nil, ctx.Err() != nil, errors.Is(err, client.ErrNotFound), errors.Is(err, client.ErrUnauthorized):
		return looked{}, err
	default:
		return looked{node.Network{ID: id}, err}, nil
	}
	if id, err = idOf(shown, name); err != nil {
		return looked{}, err
	}
	was, err := e.membership(ctx, id, address)
	return looked{node.Network{ID: id, Name: shown.Config.Name, Was: was}, err}, nil
}

// idOf is the id of the network that a server shows for what a user named: an id
// has to be that one.
func idOf(shown *client.Network, named string) (zt.NetworkID, error) {
	id, err := zt.ParseNetworkID(shown.ID)
	if want, notID := zt.ParseNetworkID(named); err != nil || notID == nil && want != id {
		return 0, fmt.Errorf("the server's answer is not about the network %q", named)
	}
	return id, nil
}

// all finds the networks of the account in which a node is a member, and those
// which do not say.
func (e expeller) all(ctx context.Context, address zt.Address) ([]node.Network, error) {
	var found []node.Network
	for shown, err := range e.api.Networks(ctx) {
		if err != nil {
			return nil, err
		}
		id, err := zt.ParseNetworkID(shown.ID)
		if err != nil {
			return nil, fmt.Errorf("the server shows a network without an id: %w", err)
		}
		was, err := e.membership(ctx, id, address)
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case errors.Is(err, client.ErrUnauthorized), errors.Is(err, client.ErrUnreachable):
			return nil, err
		case was != node.NoMember:
			found = append(found, node.Network{ID: id, Name: shown.Config.Name, Was: was})
		}
	}
	return found, nil
}

// effect says what putting a node out does to the others, which depends on the
// server.
func (e expeller) effect(ctx context.Context) string {
	switch orrery, err := e.api.IsOrrery(ctx); {
	case err != nil:
		return ""
	case orrery:
		return "This takes effect at once: the server tells the other members, and they drop it."
	}
	return "The server does not push this: others accept the node until its credential expires. Removing its identity cuts it off now."
}

// whereIs looks the server's addresses up.
func (e expeller) whereIs(ctx context.Context) []netip.Addr {
	base, err := url.Parse(e.api.URL())
	if err != nil {
		return nil
	}
	limited, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	found, err := net.DefaultResolver.LookupNetIP(limited, "ip", base.Hostname())
	if err != nil {
		return nil
	}
	return found
}
