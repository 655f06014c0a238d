package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/zt"
)

const (
	// seenPage is how many rows SaveSeen writes before it lets an update in, and
	// seenRows how many of them one statement writes.
	seenPage = 200
	seenRows = 50
)

// SaveSeen stores when and how members were last seen, in portions between
// which updates get their turn. A zero Endpoint keeps the stored one, and a row
// that is newer in the store stays. It does not wait for the disk: a crash of
// the computer, not of the process, may lose what the last seconds stored.
func (s *Store) SaveSeen(ctx context.Context, all []model.Seen) error {
	for portion := range slices.Chunk(all, seenPage) {
		err := s.savePortion(ctx, func(ctx context.Context) error { return s.writeSeen(ctx, portion) })
		if err != nil {
			return s.explain(fmt.Errorf("store when members were seen: %w", err))
		}
	}
	return nil
}

// savePortion runs write in a transaction whose commit does not wait for the
// disk. All statements of write must be s.seen's.
func (s *Store) savePortion(ctx context.Context, write func(ctx context.Context) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	// The connection is the only one of its database, so that these statements
	// all run on it. Once begun, a portion is not interrupted.
	ctx = context.WithoutCancel(ctx)
	if _, err := s.seen.exec(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	err := write(ctx)
	if err == nil {
		_, err = s.seen.exec(ctx, "COMMIT")
	}
	if err != nil {
		_, _ = s.seen.exec(ctx, "ROLLBACK") // fails if SQLite has done it already
	}
	return err
}

func (s *Store) writeSeen(ctx context.Context, portion []model.Seen) error {
	for group := range slices.Chunk(portion, seenRows) {
		arguments := make([]any, 0, 5*len(group))
		for i := range group {
			endpoint := ""
			if group[i].Endpoint.IsValid() {
				endpoint = group[i].Endpoint.String()
			}
			arguments = append(arguments, group[i].Network.String(), group[i].Node.String(), group[i].Time,
				endpoint, encodeVersion(group[i].Version))
		}
		if _, err := s.seen.exec(ctx, saveSeenText(len(group)), arguments...); err != nil {
			return err
		}
	}
	return nil
}

// saveSeenText is the statement that stores a number of rows, 1 to seenRows.
func saveSeenText(rows int) string {
	var text strings.Builder
	text.WriteString("INSERT INTO seen (network, node, time, endpoint, version) VALUES ")
	for i := range 5 * rows {
		switch {
		case i == 0:
			text.WriteString("(")
		case i%5 == 0:
			text.WriteString("),(")
		default:
			text.WriteString(",")
		}
		text.WriteString("$" + strconv.Itoa(i+1))
	}
	text.WriteString(`) ON CONFLICT (network, node) DO UPDATE SET time = excluded.time, version = excluded.version,
		endpoint = CASE WHEN excluded.endpoint = '' THEN seen.endpoint ELSE excluded.endpoint END
		WHERE excluded.time >= seen.time`)
	return text.String()
}

const seenColumns = "node, time, endpoint, version"

// Seen returns when and how the members of a network were last seen, in no
// particular order.
func (s *Store) Seen(ctx context.Context, network zt.NetworkID) ([]model.Seen, error) {
	var all []model.Seen
	err := s.each(ctx, "read when members were seen", "SELECT "+seenColumns+" FROM seen WHERE network = $1",
		[]any{network.String()}, func(row *sql.Rows) error {
			at, err := scanSeen(network, row.Scan)
			all = append(all, at)
			return err
		})
	return all, err
}

// SeenOf returns when and how a member was last seen, with Time 0 if it never
// was.
func (s *Store) SeenOf(ctx context.Context, network zt.NetworkID, node zt.Address) (model.Seen, error) {
	at, err := scanSeen(network, func(into ...any) error {
		return s.read.row(ctx, "SELECT "+seenColumns+" FROM seen WHERE network = $1 AND node = $2",
			[]any{network.String(), node.String()}, into...)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return model.Seen{Network: network, Node: node}, nil
	}
	if err != nil {
		return model.Seen{}, s.explain(fmt.Errorf("read when a member was seen: %w", err))
	}
	return at, nil
}

func scanSeen(network zt.NetworkID, scan func(into ...any) error) (model.Seen, error) {
	at := model.Seen{Network: network}
	var node, endpoint, version string
	err := scan(&node, &at.Time, &endpoint, &version)
	if err == nil {
		at.Node, err = zt.ParseAddress(node)
	}
	if err == nil && endpoint != "" {
		at.Endpoint, err = netip.ParseAddrPort(endpoint)
	}
	if err == nil {
		at.Version, err = decodeVersion(version)
	}
	return at, err
}
