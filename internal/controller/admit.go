package controller

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/internal/store"
	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/identity"
)

var (
	// errOtherIdentity says that the address is pinned to another identity.
	errOtherIdentity = errors.New("the address is pinned to another identity")
	// errTooManyPending says that the network lists no more nodes that ask.
	errTooManyPending = errors.New("too many nodes wait for authorization")
)

// addressTries bounds how often a proposed address may turn out to be taken.
const addressTries = 16

// admit brings a member's record up to what the request, or the lack of one for
// a push, asks for: it makes the record of a node that is new, pins its
// identity, authorizes it on a public network and gives it addresses, all in
// one transaction (protocol 08 §1, 5–12). Called without locks.
func (c *Controller) admit(ctx context.Context, n *network, s *snapshot, m *member, r *request) error {
	record, err := c.loadMember(ctx, n, m)
	if err != nil {
		return err
	}
	if err := checkIdentity(record, r); err != nil {
		return err
	}
	if record == nil && r != nil && s.record.Private {
		if full, err := c.pendingFull(ctx, n); err != nil || full {
			return cmp.Or(err, errTooManyPending)
		}
	}
	for range addressTries {
		proposed, err := c.proposeAddresses(ctx, n, s, m.node, record)
		if err != nil {
			return err
		}
		if len(proposed) == 0 && nothingToStore(s, record, r) {
			return c.accept(ctx, n, m, r, record, false)
		}
		next, isNew, taken, err := c.settle(ctx, n, m.node, r, proposed)
		if errors.Is(err, store.ErrAddressTaken) {
			if err := c.withBook(ctx, n, func(b *addressBook) { b.take(taken) }); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		return c.accept(ctx, n, m, r, next, isNew)
	}
	return fmt.Errorf("%d proposed addresses were taken", addressTries)
}

// checkIdentity returns errOtherIdentity if a record is pinned to another
// identity than the one that asks.
func checkIdentity(record *model.Member, r *request) error {
	if r == nil || record == nil || record.Identity == "" {
		return nil
	}
	pinned, err := identity.ParseText(record.Identity)
	if err != nil {
		return fmt.Errorf("the stored identity of %s is damaged: %w", record.Node, err)
	}
	if !pinned.Equal(r.identity) {
		return errOtherIdentity
	}
	return nil
}

// pendingUnknown says that a user changed members since they were counted.
const pendingUnknown = -1

// recount has the members that wait for authorization counted at the next need.
func (n *network) recount() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.pending = pendingUnknown
}

// pendingFull reports whether a network lists as many nodes as it may that wait
// for authorization.
func (c *Controller) pendingFull(ctx context.Context, n *network) (bool, error) {
	n.mu.Lock()
	pending := n.pending
	n.mu.Unlock()
	if pending != pendingUnknown {
		return pending >= c.maxPending, nil
	}
	counts, err := c.store.MemberCounts(ctx, n.id)
	if err != nil {
		return false, fmt.Errorf("count members of %s: %w", n.id, err)
	}
	pending = counts[n.id].Total - counts[n.id].Authorized
	n.mu.Lock()
	n.pending = pending
	n.mu.Unlock()
	return pending >= c.maxPending, nil
}

// proposeAddresses finds addresses for a member that is let in, or will be.
func (c *Controller) proposeAddresses(ctx context.Context, n *network, s *snapshot, node zt.Address, record *model.Member) ([]netip.Addr, error) {
	if s.record.Private && !admitted(record) {
		return nil, nil
	}
	if record == nil || record.DeletedTime != 0 {
		record = model.NewMember(n.id, node, 0)
	}
	if !lacksAddress(s.record, record) {
		return nil, nil
	}
	var proposed []netip.Addr
	err := c.withBook(ctx, n, func(b *addressBook) { proposed = b.propose(s.record, record) })
	return proposed, err
}

// nothingToStore reports whether a request, or the lack of one for a push, leaves
// a record as it is, addresses aside.
func nothingToStore(s *snapshot, record *model.Member, r *request) bool {
	switch {
	case record == nil:
		return r == nil
	case s.record.Private:
		return record.DeletedTime != 0 || r == nil || record.Identity != ""
	}
	return admitted(record) && record.Identity != ""
}

// lacksAddress reports whether the network would give the member an address if
// one is free.
func lacksAddress(n *model.Network, m *model.Member) bool {
	if m.NoAutoAssignIPs || !n.V4.ZT && !n.V6.ZT || len(n.Pools) == 0 || len(n.Routes) == 0 {
		return false
	}
	have4, have6 := routedFamilies(n, m.Addresses)
	return slices.ContainsFunc(n.Pools, func(p model.Pool) bool {
		return n.V4.ZT && !have4 && p.Start.Is4() || n.V6.ZT && !have6 && p.Start.Is6()
	})
}

// settle stores what changes about a member. It returns the record as it then
// is, nil if there is none, and with ErrAddressTaken the address that was.
func (c *Controller) settle(ctx context.Context, n *network, node zt.Address, r *request, proposed []netip.Addr) (next *model.Member, isNew bool, taken netip.Addr, err error) {
	err = c.store.Update(ctx, func(tx *store.Tx) error {
		net, err := tx.Network(n.id)
		if err != nil {
			return err
		}
		before, err := tx.Member(n.id, node)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if err := checkIdentity(before, r); err != nil {
			return err // memory did not know yet
		}
		var kind model.EventKind
		next, kind = c.advance(net, before, node, r)
		isNew = before == nil && next != nil
		if admitted(next) {
			for _, a := range proposed {
				if !lacksAddress(net, next) {
					break
				}
				if err := tx.GiveAddress(n.id, node, a); err != nil {
					taken = a
					return err
				}
				next.Addresses = append(next.Addresses, a)
				if kind == "" {
					kind = model.MemberUpdated
				}
			}
		}
		if kind == "" {
			next = before
			return nil
		}
		if before != nil {
			next.Revision = before.Revision + 1
		}
		was, is, err := model.Changes(before, next)
		if err != nil {
			return err
		}
		if err := tx.PutMember(next); err != nil {
			return err
		}
		return tx.AppendEvent(&model.Event{
			Time: c.now().UnixMilli(), Kind: kind, Actor: model.ActorController,
			Network: n.id, Node: node, Before: was, After: is,
		})
	})
	return next, isNew, taken, err
}

// advance returns the record that follows from a request, and the kind of the
// change: "" if nothing changes except perhaps addresses. The result is never
// the same value as before.
func (c *Controller) advance(net *model.Network, before *model.Member, node zt.Address, r *request) (*model.Member, model.EventKind) {
	now := c.now().UnixMilli()
	var kind model.EventKind
	var next *model.Member
	switch {
	case before == nil && r == nil:
		return nil, ""
	case before == nil:
		next, kind = model.NewMember(net.ID, node, now), model.MemberJoined
	case before.DeletedTime != 0 && (net.Private || r == nil):
		return before.Clone(), ""
	case before.DeletedTime != 0:
		next, kind = model.NewMember(net.ID, node, now), model.MemberJoined
		next.Identity = before.Identity
	default:
		next = before.Clone()
	}
	if r != nil && next.Identity == "" {
		next.Identity = r.identity.Public().String()
		if kind == "" {
			kind = model.MemberUpdated
		}
	}
	if !net.Private && !next.Authorized && next.Identity != "" {
		next.Authorize(net, model.AuthorizedByPublic, now)
		if kind != model.MemberJoined {
			kind = model.MemberAuthorized
		}
	}
	return next, kind
}

// accept takes the stored record into memory.
func (c *Controller) accept(ctx context.Context, n *network, m *member, r *request, record *model.Member, isNew bool) error {
	if isNew {
		c.counts.joined.Add(1)
		if !record.Authorized {
			n.mu.Lock()
			if n.pending != pendingUnknown {
				n.pending++
			}
			n.mu.Unlock()
		}
		c.log.Info("a node asks to join", "network", n.id, "node", m.node, "authorized", record.Authorized)
	}
	if record != nil && len(record.Addresses) > 0 && record.DeletedTime == 0 {
		if err := c.withBook(ctx, n, func(b *addressBook) { b.set(m.node, record.Addresses) }); err != nil {
			return err
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.replace(record)
	if r != nil {
		m.identity = r.identity
	}
	return nil
}
