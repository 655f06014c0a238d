package store

import (
	"context"
	"database/sql"
	"fmt"
	"net/netip"
	"slices"

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/zt"
)

// Counts says how many members a network has that are neither deleted nor
// hidden.
type Counts struct {
	Authorized int
	Total      int // authorized or not
}

// Member returns a member, also one that was deleted (DeletedTime is not 0);
// ErrNotFound if there is no record.
func (s *Store) Member(ctx context.Context, network zt.NetworkID, node zt.Address) (*model.Member, error) {
	m, err := s.read.member(ctx, network, node)
	return m, s.explain(err)
}

// countsPage is how many networks MemberCounts asks for in one query.
const countsPage = 1000

// MemberCounts counts the members of networks. Networks without members are
// missing from the result.
func (s *Store) MemberCounts(ctx context.Context, ids ...zt.NetworkID) (map[zt.NetworkID]Counts, error) {
	counts := make(map[zt.NetworkID]Counts, len(ids))
	for page := range slices.Chunk(ids, countsPage) {
		if err := s.countMembers(ctx, page, counts); err != nil {
			return nil, s.explain(fmt.Errorf("count members: %w", err))
		}
	}
	return counts, nil
}

// countMembers runs a text that depends on the number of networks and is
// therefore not kept as a prepared statement.
func (s *Store) countMembers(ctx context.Context, ids []zt.NetworkID, into map[zt.NetworkID]Counts) error {
	arguments := make([]any, len(ids))
	for i, id := range ids {
		arguments[i] = id.String()
	}
	rows, err := s.readDB.QueryContext(ctx, `
		SELECT network, SUM(CASE WHEN authorized THEN 1 ELSE 0 END), COUNT(*) FROM members
		WHERE deleted = 0 AND NOT hidden AND network IN (`+parameters(1, len(ids))+") GROUP BY network", arguments...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var text string
		var c Counts
		if err := rows.Scan(&text, &c.Authorized, &c.Total); err != nil {
			return err
		}
		id, err := zt.ParseNetworkID(text)
		if err != nil {
			return err
		}
		into[id] = c
	}
	return rows.Err()
}

// Addresses calls each for every address that a member of a network has. An
// address that several members have comes once for each.
func (s *Store) Addresses(ctx context.Context, network zt.NetworkID, each func(address netip.Addr, node zt.Address) error) error {
	return s.each(ctx, "read addresses", "SELECT address, node FROM member_addresses WHERE network = $1",
		[]any{network.String()}, func(row *sql.Rows) error {
			var address, node string
			if err := row.Scan(&address, &node); err != nil {
				return err
			}
			a, err := netip.ParseAddr(address)
			if err != nil {
				return err
			}
			holder, err := zt.ParseAddress(node)
			if err != nil {
				return err
			}
			return each(a, holder)
		})
}

// MembersByNode returns the records of the named members, deleted ones included,
// in no order; unknown ones are missing.
func (s *Store) MembersByNode(ctx context.Context, network zt.NetworkID, nodes []zt.Address) ([]*model.Member, error) {
	all := make([]*model.Member, 0, len(nodes))
	for some := range slices.Chunk(nodes, namedMembers) {
		arguments := make([]any, 1, 1+len(some))
		arguments[0] = network.String()
		for _, node := range some {
			arguments = append(arguments, node.String())
		}
		err := s.each(ctx, "read members",
			"SELECT "+memberColumns+" FROM members WHERE network = $1 AND node IN ("+parameters(2, len(some))+")",
			arguments, func(row *sql.Rows) error {
				m, err := scanMember(row)
				all = append(all, m)
				return err
			})
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// namedMembers is how many members MembersByNode asks for in one query, and with
// it the number of texts that are prepared for it.
const namedMembers = 64

// ActiveBridges returns the members of a network that may bridge, ascending.
func (s *Store) ActiveBridges(ctx context.Context, network zt.NetworkID) ([]zt.Address, error) {
	var all []zt.Address
	err := s.each(ctx, "read bridges",
		"SELECT node FROM members WHERE network = $1 AND active_bridge AND deleted = 0 ORDER BY node",
		[]any{network.String()}, func(row *sql.Rows) error {
			var text string
			if err := row.Scan(&text); err != nil {
				return err
			}
			node, err := zt.ParseAddress(text)
			all = append(all, node)
			return err
		})
	return all, err
}

// DeauthorizedSince returns the members, deleted ones included, that were last
// deauthorized or deleted at time t or later. They may be authorized again.
func (s *Store) DeauthorizedSince(ctx context.Context, t int64) ([]*model.Member, error) {
	var all []*model.Member
	err := s.each(ctx, "read members", "SELECT "+memberColumns+" FROM members WHERE put_out > 0 AND put_out >= $1 ORDER BY put_out",
		[]any{t}, func(row *sql.Rows) error {
			m, err := scanMember(row)
			all = append(all, m)
			return err
		})
	return all, err
}

// Identity returns the text form of the public identity that a membership of
// the node is pinned to, on any network, also a deleted one; ErrNotFound if
// there is none.
func (s *Store) Identity(ctx context.Context, node zt.Address) (string, error) {
	var text string
	err := s.read.row(ctx, "SELECT identity FROM members WHERE node = $1 AND identity <> '' LIMIT 1",
		[]any{node.String()}, &text)
	if err != nil {
		return "", s.explain(reading("identity", err))
	}
	return text, nil
}

// Meta returns a small value kept under a name, "" if there is none.
func (s *Store) Meta(ctx context.Context, key string) (string, error) {
	value, err := s.read.meta(ctx, key)
	return value, s.explain(err)
}

func (s *Store) each(ctx context.Context, what, text string, arguments []any, row func(*sql.Rows) error) error {
	if err := s.read.rows(ctx, text, arguments, row); err != nil {
		return s.explain(fmt.Errorf("%s: %w", what, err))
	}
	return nil
}
