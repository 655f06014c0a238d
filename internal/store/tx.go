package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"net/netip"

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/zt"
)

// Tx is a transaction, valid while the function given to Update runs and only
// on its goroutine. A database error in any method makes the Update fail, also
// if the function carries on.
type Tx struct {
	on        *statements
	lastEvent int64 // the Seq of the last one appended, 0 if none was
	failure   error
	over      bool
}

// Member returns a member, also one that was deleted (DeletedTime is not 0);
// ErrNotFound if there is no record.
func (t *Tx) Member(network zt.NetworkID, node zt.Address) (*model.Member, error) {
	return read(t, func(ctx context.Context) (*model.Member, error) { return t.on.member(ctx, network, node) })
}

// PutMember stores a member as it is, new or in place of an older record. Its
// network must be stored. From now on it holds exactly the addresses in the
// record, none if it is deleted; that another member has one too is no error.
func (t *Tx) PutMember(m *model.Member) error {
	text, err := encode(m)
	if err != nil {
		return err
	}
	_, err = t.exec("store member", `
		INSERT INTO members (network, node, authorized, hidden, active_bridge, put_out, identity, deleted, revision, record)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
		ON CONFLICT (network, node) DO UPDATE SET
			authorized = excluded.authorized, hidden = excluded.hidden, active_bridge = excluded.active_bridge,
			put_out = excluded.put_out, identity = excluded.identity, deleted = excluded.deleted,
			revision = excluded.revision, record = excluded.record`,
		m.Network.String(), m.Node.String(), m.Authorized, m.Hidden, m.ActiveBridge,
		max(m.LastDeauthorizedTime, m.DeletedTime), m.Identity, m.DeletedTime, int64(m.Revision), text)
	if err != nil {
		return err
	}
	if m.DeletedTime != 0 {
		return t.holdOnly(m.Network, m.Node, nil)
	}
	return t.holdOnly(m.Network, m.Node, m.Addresses)
}

// holdOnly makes a member the holder of exactly these addresses. Rows that stay
// keep their mark of automatic assignment.
func (t *Tx) holdOnly(network zt.NetworkID, node zt.Address, addresses []netip.Addr) error {
	wanted := make(map[string]bool, len(addresses))
	for _, a := range addresses {
		wanted[addressKey(a)] = true
	}
	var obsolete []string
	err := t.rows("read addresses", "SELECT address FROM member_addresses WHERE network = $1 AND node = $2",
		[]any{network.String(), node.String()}, func(row *sql.Rows) error {
			var address string
			if err := row.Scan(&address); err != nil {
				return err
			}
			if wanted[address] {
				delete(wanted, address)
			} else {
				obsolete = append(obsolete, address)
			}
			return nil
		})
	if err != nil {
		return err
	}
	for _, address := range obsolete {
		_, err := t.exec("free address", "DELETE FROM member_addresses WHERE network = $1 AND address = $2 AND node = $3",
			network.String(), address, node.String())
		if err != nil {
			return err
		}
	}
	for address := range wanted {
		_, err := t.exec("store address", `
			INSERT INTO member_addresses (network, address, node, automatic) VALUES ($1, $2, $3, $4)`,
			network.String(), address, node.String(), false)
		if err != nil {
			return err
		}
	}
	return nil
}

// addressKey is how an address is stored: IPv4 is IPv4 however it is written.
func addressKey(a netip.Addr) string { return a.Unmap().String() }

// MembersOf yields the members of a network that are not deleted, ascending by
// node. They may be changed during the iteration. It ends after an error.
func (t *Tx) MembersOf(network zt.NetworkID) iter.Seq2[*model.Member, error] {
	return func(yield func(*model.Member, error) bool) {
		var after zt.Address
		for {
			page := make([]*model.Member, 0, membersPage)
			err := t.rows("read members", membersAfter,
				[]any{network.String(), after.String(), membersPage}, func(row *sql.Rows) error {
					m, err := scanMember(row)
					page = append(page, m)
					return err
				})
			if err != nil {
				yield(nil, err)
				return
			}
			for _, m := range page {
				if !yield(m, nil) {
					return
				}
				after = m.Node
			}
			if len(page) < membersPage {
				return
			}
		}
	}
}

// DeleteNetworkMembers marks all members of a network that are not deleted as
// deleted at a time, each with its next revision, and frees their addresses. It
// returns how many there were.
func (t *Tx) DeleteNetworkMembers(network zt.NetworkID, at int64) (int, error) {
	count, err := t.exec("delete members", `
		UPDATE members SET deleted = $2, put_out = $2, revision = revision + 1
		WHERE network = $1 AND deleted = 0`, network.String(), at)
	if err != nil {
		return 0, err
	}
	_, err = t.exec("free addresses", "DELETE FROM member_addresses WHERE network = $1", network.String())
	return int(count), err
}

// AddressHolder returns the member that has an address in a network, the one
// with the lowest node address if there are several. Deleted members have none.
func (t *Tx) AddressHolder(network zt.NetworkID, address netip.Addr) (zt.Address, bool) {
	holder, err := read(t, func(ctx context.Context) (zt.Address, error) {
		var text string
		err := t.on.row(ctx, "SELECT node FROM member_addresses WHERE network = $1 AND address = $2 ORDER BY node LIMIT 1",
			[]any{network.String(), addressKey(address)}, &text)
		if err != nil {
			return 0, reading("address", err)
		}
		return zt.ParseAddress(text)
	})
	return holder, err == nil
}

// GiveAddress assigns a free address to a member, whose record follows with
// PutMember. ErrAddressTaken if any member of the network has it.
func (t *Tx) GiveAddress(network zt.NetworkID, node zt.Address, address netip.Addr) error {
	// Beside another automatic assignment the unique index judges.
	count, err := t.exec("assign address", `
		INSERT INTO member_addresses (network, address, node, automatic)
		SELECT $1, $2, $3, $4
		WHERE NOT EXISTS (SELECT 1 FROM member_addresses WHERE network = $1 AND address = $2)
		ON CONFLICT DO NOTHING`, network.String(), addressKey(address), node.String(), true)
	if err == nil && count == 0 {
		return fmt.Errorf("assign %s: %w", address, ErrAddressTaken)
	}
	return err
}

// Meta returns a small value kept under a name, "" if there is none.
func (t *Tx) Meta(key string) (string, error) {
	return read(t, func(ctx context.Context) (string, error) { return t.on.meta(ctx, key) })
}

// SetMeta keeps a small value under a name.
func (t *Tx) SetMeta(key, value string) error {
	_, err := t.exec("store "+key, `
		INSERT INTO meta (key, value) VALUES ($1, $2)
		ON CONFLICT (key) DO UPDATE SET value = excluded.value`, key, value)
	return err
}

// deleteOne runs a statement that deletes one record; ErrNotFound if there was
// none.
func (t *Tx) deleteOne(what, text string, arguments ...any) error {
	count, err := t.exec("delete "+what, text, arguments...)
	if err == nil && count == 0 {
		return fmt.Errorf("delete %s: %w", what, ErrNotFound)
	}
	return err
}

// read runs a query of a transaction. That something is not there is the
// caller's to judge; any other error ends the transaction.
func read[T any](t *Tx, query func(ctx context.Context) (T, error)) (T, error) {
	if t.over {
		var none T
		return none, errTxOver
	}
	// The callers' contexts stop at the door: SQLite answers an interruption
	// by undoing the whole transaction, others' updates included.
	value, err := query(context.Background())
	if err != nil && !errors.Is(err, ErrNotFound) {
		t.fail(err)
	}
	return value, err
}

func (t *Tx) exec(what, text string, arguments ...any) (int64, error) {
	if t.over {
		return 0, errTxOver
	}
	count, err := t.on.exec(context.Background(), text, arguments...)
	if err != nil {
		err = fmt.Errorf("%s: %w", what, err)
		t.fail(err)
	}
	return count, err
}

func (t *Tx) rows(what, text string, arguments []any, each func(row *sql.Rows) error) error {
	if t.over {
		return errTxOver
	}
	err := t.on.rows(context.Background(), text, arguments, each)
	if err != nil {
		err = fmt.Errorf("%s: %w", what, err)
		t.fail(err)
	}
	return err
}

func (t *Tx) fail(err error) {
	if t.failure == nil {
		t.failure = err
	}
}
