package store

import (
	"context"
	"database/sql"

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/zt"
)

// Network returns a network; ErrNotFound also if it was deleted.
func (t *Tx) Network(id zt.NetworkID) (*model.Network, error) {
	return notDeleted(t.AnyNetwork(id))
}

// AnyNetwork returns a network, also one that was deleted; ErrNotFound if the
// id was never used.
func (t *Tx) AnyNetwork(id zt.NetworkID) (*model.Network, error) {
	return read(t, func(ctx context.Context) (*model.Network, error) { return t.on.network(ctx, id) })
}

// NetworksOf returns the networks that a user owns and that are not deleted,
// ascending by id. Its cost grows with their number only.
func (t *Tx) NetworksOf(owner string) ([]*model.Network, error) {
	return read(t, func(ctx context.Context) ([]*model.Network, error) {
		return records(ctx, t.on, "networks", decodeNetwork, networksOfUser+networksOwned, owner)
	})
}

// PutNetwork stores a network as it is, new or in place of an older record.
func (t *Tx) PutNetwork(n *model.Network) error {
	text, err := encode(n)
	if err != nil {
		return err
	}
	_, err = t.exec("store network", `
		INSERT INTO networks (id, deleted, record) VALUES ($1, $2, $3)
		ON CONFLICT (id) DO UPDATE SET deleted = excluded.deleted, record = excluded.record`,
		n.ID.String(), n.DeletedTime, text)
	if err != nil {
		return err
	}
	return t.putNetworkUsers(n)
}

// putNetworkUsers keeps network_users as the network's document says. Most
// times there is nothing to write.
func (t *Tx) putNetworkUsers(n *model.Network) error {
	wanted := networkUsers(n)
	var obsolete []string
	err := t.rows("read the users of a network", "SELECT user_id, owner FROM network_users WHERE network = $1",
		[]any{n.ID.String()}, func(row *sql.Rows) error {
			var user string
			var owner bool
			if err := row.Scan(&user, &owner); err != nil {
				return err
			}
			if is, found := wanted[user]; !found {
				obsolete = append(obsolete, user)
			} else if is == owner {
				delete(wanted, user)
			}
			return nil
		})
	if err != nil {
		return err
	}
	for _, user := range obsolete {
		_, err := t.exec("remove a user of a network", "DELETE FROM network_users WHERE network = $1 AND user_id = $2",
			n.ID.String(), user)
		if err != nil {
			return err
		}
	}
	for user, owner := range wanted {
		_, err := t.exec("store a user of a network", `
			INSERT INTO network_users (network, user_id, owner) VALUES ($1, $2, $3)
			ON CONFLICT (network, user_id) DO UPDATE SET owner = excluded.owner`, n.ID.String(), user, owner)
		if err != nil {
			return err
		}
	}
	return nil
}

// networkUsers says who has to do with a network, and whether as its owner.
func networkUsers(n *model.Network) map[string]bool {
	users := make(map[string]bool, 1+len(n.Grants))
	if n.DeletedTime != 0 {
		return users
	}
	for user := range n.Grants {
		users[user] = false
	}
	users[n.OwnerID] = true
	delete(users, "")
	return users
}

// Network returns a network; ErrNotFound also if it was deleted.
func (s *Store) Network(ctx context.Context, id zt.NetworkID) (*model.Network, error) {
	return notDeleted(s.AnyNetwork(ctx, id))
}

// AnyNetwork returns a network, also one that was deleted; ErrNotFound if the
// id was never used.
func (s *Store) AnyNetwork(ctx context.Context, id zt.NetworkID) (*model.Network, error) {
	n, err := s.read.network(ctx, id)
	return n, s.explain(err)
}

// Networks returns all networks that are not deleted, ascending by id.
func (s *Store) Networks(ctx context.Context) ([]*model.Network, error) {
	all, err := records(ctx, s.read, "networks", decodeNetwork, "SELECT record FROM networks WHERE deleted = 0 ORDER BY id")
	return all, s.explain(err)
}

// NetworksFor returns the networks, not deleted, that a user owns or has a
// grant on (whatever it grants), ascending by id. Its cost grows with their
// number only.
func (s *Store) NetworksFor(ctx context.Context, user string) ([]*model.Network, error) {
	all, err := records(ctx, s.read, "networks", decodeNetwork, networksOfUser+networksHeld, user)
	return all, s.explain(err)
}

// NetworkIDs returns the ids of all networks that are not deleted, ascending.
func (s *Store) NetworkIDs(ctx context.Context) ([]zt.NetworkID, error) {
	return s.networkIDs(ctx, "SELECT id FROM networks WHERE deleted = 0 ORDER BY id")
}

// EveryNetworkID returns the ids of all networks, also of those that were
// deleted, ascending.
func (s *Store) EveryNetworkID(ctx context.Context) ([]zt.NetworkID, error) {
	return s.networkIDs(ctx, "SELECT id FROM networks ORDER BY id")
}

func (s *Store) networkIDs(ctx context.Context, text string) ([]zt.NetworkID, error) {
	var all []zt.NetworkID
	err := s.each(ctx, "read networks", text, nil,
		func(row *sql.Rows) error {
			var text string
			if err := row.Scan(&text); err != nil {
				return err
			}
			id, err := zt.ParseNetworkID(text)
			all = append(all, id)
			return err
		})
	return all, err
}

// networksOfUser selects networks of a user: with networksHeld all of them, with
// networksOwned the user's own. network_users has no deleted ones.
const (
	networksOfUser = "SELECT n.record FROM network_users u JOIN networks n ON n.id = u.network WHERE u.user_id = $1"
	networksHeld   = " ORDER BY u.network"
	networksOwned  = " AND u.owner ORDER BY u.network"
)

func (s *statements) network(ctx context.Context, id zt.NetworkID) (*model.Network, error) {
	return record(ctx, s, "network", decodeNetwork, "SELECT record FROM networks WHERE id = $1", id.String())
}

func notDeleted(n *model.Network, err error) (*model.Network, error) {
	if err == nil && n.DeletedTime != 0 {
		return nil, reading("network", sql.ErrNoRows)
	}
	return n, err
}
