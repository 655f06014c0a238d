package central

import (
	"cmp"
	"context"
	"slices"
	"time"
	"unsafe"

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/internal/store"
	"github.com/orrery-net/orrery/zt"
)

// roster is the members of a network at one moment, and what the store knew of
// when they were seen. It does not change.
type roster struct {
	members []*model.Member // not deleted, ascending by node
	counts  store.Counts
	size    int // bytes, about

	seen     []model.Seen // ascending by node; also of nodes that are no members
	seenRead time.Time
}

// readRoster reads a roster from the store; errTooLarge if it would take more
// than so many bytes.
func readRoster(ctx context.Context, from *store.Store, id zt.NetworkID, most int, now time.Time) (*roster, error) {
	r := new(roster)
	err := from.Members(ctx, id, func(m *model.Member) error {
		r.members = append(r.members, m)
		if r.count(m, 1); r.size > most {
			return errTooLarge
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return r.withSeen(ctx, from, id, now)
}

// withSeen returns the roster with what the store knows now of when members were
// seen.
func (r *roster) withSeen(ctx context.Context, from *store.Store, id zt.NetworkID, now time.Time) (*roster, error) {
	seen, err := from.Seen(ctx, id)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(seen, func(a, b model.Seen) int { return cmp.Compare(a.Node, b.Node) })
	after := *r
	after.size += (len(seen) - len(r.seen)) * int(unsafe.Sizeof(model.Seen{}))
	after.seen, after.seenRead = seen, now
	return &after, nil
}

// with returns the roster with other records of some members, deleted ones
// included. Its cost is that of copying a list of pointers.
func (r *roster) with(changed []*model.Member) *roster {
	if len(changed) == 0 {
		return r
	}
	slices.SortFunc(changed, func(a, b *model.Member) int { return cmp.Compare(a.Node, b.Node) })
	after := *r
	after.members = make([]*model.Member, 0, len(r.members)+len(changed))
	rest := r.members
	for _, m := range changed {
		i, found := find(rest, m.Node)
		after.members = append(after.members, rest[:i]...)
		if found {
			after.count(rest[i], -1)
			i++
		}
		rest = rest[i:]
		if m.DeletedTime == 0 {
			after.members = append(after.members, m)
			after.count(m, 1)
		}
	}
	after.members = append(after.members, rest...)
	return &after
}

// member returns a member and when the store last saw it.
func (r *roster) member(node zt.Address) (*model.Member, model.Seen, bool) {
	i, found := find(r.members, node)
	if !found {
		return nil, model.Seen{}, false
	}
	m := r.members[i]
	if at, seen := slices.BinarySearchFunc(r.seen, node, func(s model.Seen, node zt.Address) int { return cmp.Compare(s.Node, node) }); seen {
		return m, r.seen[at], true
	}
	return m, model.Seen{Network: m.Network, Node: node}, true
}

// each calls yield for all members, ascending by node, until it returns an
// error.
func (r *roster) each(yield func(*model.Member, model.Seen) error) error {
	seen := r.seen
	for _, m := range r.members {
		for len(seen) > 0 && seen[0].Node < m.Node {
			seen = seen[1:]
		}
		at := model.Seen{Network: m.Network, Node: m.Node}
		if len(seen) > 0 && seen[0].Node == m.Node {
			at = seen[0]
		}
		if err := yield(m, at); err != nil {
			return err
		}
	}
	return nil
}

// count adds a member to the sums, or with sign -1 takes it off.
func (r *roster) count(m *model.Member, sign int) {
	r.size += sign * memberSize(m)
	if m.Hidden {
		return
	}
	r.counts.Total += sign
	if m.Authorized {
		r.counts.Authorized += sign
	}
}

// memberSize is about how many bytes a member takes.
func memberSize(m *model.Member) int {
	const pointer, allocations = 8, 64
	return pointer + allocations + int(unsafe.Sizeof(*m)) + len(m.Name) + len(m.Description) + len(m.Identity) + len(m.AuthorizedBy) +
		cap(m.Addresses)*int(unsafe.Sizeof(m.Addresses[0])) + cap(m.Tags)*int(unsafe.Sizeof(m.Tags[0])) + cap(m.Capabilities)*4
}

// find returns where a node is in a list of members, or would have to be put.
func find(members []*model.Member, node zt.Address) (int, bool) {
	return slices.BinarySearchFunc(members, node, func(m *model.Member, node zt.Address) int { return cmp.Compare(m.Node, node) })
}
