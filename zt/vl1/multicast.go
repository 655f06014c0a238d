package vl1

import (
	"math/rand/v2"
	"slices"
	"sync"

	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/packet"
)

const (
	likeFor        = 600_000 // ms that a MULTICAST_LIKE counts
	maxGathered    = 255     // addresses in one answer: they fit into one datagram
	gatherAttempts = 4 * maxGathered
)

// multicastTable remembers which nodes want which groups (protocol 03 §8.3).
type multicastTable struct {
	mu           sync.Mutex // guards what follows
	most         int
	mostOf       int
	foreign      int
	groups       map[groupKey]*group
	likes        map[likeKey]*like
	perMember    map[zt.Address]int
	oldest, last *like // a list in order of the last MULTICAST_LIKE
}

type groupKey struct {
	network zt.NetworkID
	group   zt.MulticastGroup
}

type likeKey struct {
	groupKey
	member zt.Address
}

// group holds its members in a slice so that some can be drawn at random.
type group struct{ members []*like }

type like struct {
	likeKey
	index      int // in the group
	foreign    bool
	at         int64
	prev, next *like
}

func (t *multicastTable) init(most, mostOf int) {
	t.most, t.mostOf = most, mostOf
	t.groups = make(map[groupKey]*group)
	t.likes = make(map[likeKey]*like)
	t.perMember = make(map[zt.Address]int)
}

func (t *multicastTable) size() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.likes)
}

// like notes that a member wants a group. It returns false if the table or the
// member's share of it is full. Foreign networks, those of other controllers,
// get half of it: anybody may like anything there.
func (t *multicastTable) like(k likeKey, foreign bool, now int64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	x := t.likes[k]
	if x != nil {
		t.unlink(x)
	} else {
		if len(t.likes) >= t.most || t.perMember[k.member] >= t.mostOf || foreign && t.foreign >= t.most/2 {
			return false
		}
		if foreign {
			t.foreign++
		}
		g := t.groups[k.groupKey]
		if g == nil {
			g = &group{}
			t.groups[k.groupKey] = g
		}
		x = &like{likeKey: k, index: len(g.members), foreign: foreign}
		g.members = append(g.members, x)
		t.likes[k] = x
		t.perMember[k.member]++
	}
	x.at = now
	x.prev = t.last
	if t.last != nil {
		t.last.next = x
	} else {
		t.oldest = x
	}
	t.last = x
	return true
}

func (t *multicastTable) unlink(x *like) {
	if x.prev != nil {
		x.prev.next = x.next
	} else {
		t.oldest = x.next
	}
	if x.next != nil {
		x.next.prev = x.prev
	} else {
		t.last = x.prev
	}
	x.prev, x.next = nil, nil
}

// expire forgets up to most entries that were not renewed in time.
func (t *multicastTable) expire(now int64, most int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for ; most > 0 && t.oldest != nil && now-t.oldest.at >= likeFor; most-- {
		t.remove(t.oldest)
	}
}

func (t *multicastTable) remove(x *like) {
	t.unlink(x)
	delete(t.likes, x.likeKey)
	if x.foreign {
		t.foreign--
	}
	g := t.groups[x.groupKey]
	end := g.members[len(g.members)-1]
	g.members[x.index], end.index = end, x.index
	g.members[len(g.members)-1] = nil
	if g.members = g.members[:len(g.members)-1]; len(g.members) == 0 {
		delete(t.groups, x.groupKey)
	}
	if t.perMember[x.member]--; t.perMember[x.member] == 0 {
		delete(t.perMember, x.member)
	}
}

// gather draws up to limit members of a group at random, other than the asker,
// and appends them to list. known counts all members, the asker too.
func (t *multicastTable) gather(list []zt.Address, k groupKey, asker zt.Address, limit int, now int64) (members []zt.Address, known int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	g := t.groups[k]
	if g == nil {
		return list, 0
	}
	for i := 0; i < len(g.members) && len(list) < limit; i++ {
		j := i + rand.IntN(len(g.members)-i)
		x, y := g.members[i], g.members[j]
		g.members[i], g.members[j], x.index, y.index = y, x, j, i
		if y.member != asker && now-y.at < likeFor {
			list = append(list, y.member)
		}
	}
	return list, len(g.members)
}

// mayMulticast decides who may take part in the multicast of a network: of our
// own ones those the configuration allows, of others everybody if we are a root.
func (e *Endpoint) mayMulticast(l *local, n zt.NetworkID, a zt.Address) bool {
	if e.locals[n.Controller()] != nil {
		return e.cfg.AllowMulticast != nil && e.cfg.AllowMulticast(n, a)
	}
	return e.topology.Load().isRoot(l)
}

func (r *receiver) multicastLike(p *peer, payload []byte) {
	e := r.e
	for entry := range packet.MulticastLikes(payload) {
		if !e.mayMulticast(p.local, entry.Network, p.addr) ||
			!e.multicast.like(likeKey{groupKey{entry.Network, entry.Group}, p.addr}, e.locals[entry.Network.Controller()] == nil, r.now) {
			e.drop(DropMulticast)
		}
	}
}

func (r *receiver) multicastGather(p *peer, payload []byte, a *arrival) {
	e := r.e
	m, err := packet.ParseMulticastGather(payload)
	if err != nil {
		e.drop(DropMalformed)
		return
	}
	if !e.mayMulticast(p.local, m.Network, p.addr) {
		e.drop(DropMulticast)
		return
	}
	const fixed = packet.HeaderLen + 9 + zt.NetworkIDLen + zt.MulticastGroupLen + 4 + 2
	limit := min(int(min(m.Limit, maxGathered)), max(0, (a.budget-fixed)/zt.AddressLen))
	members, known := e.multicast.gather(nil, groupKey{m.Network, m.Group}, p.addr, min(2*limit, gatherAttempts), r.now)
	members = slices.DeleteFunc(members, func(x zt.Address) bool { return !e.mayMulticast(p.local, m.Network, x) })
	if len(members) > limit {
		members = members[:limit]
	}
	if len(members) == 0 {
		return
	}
	r.answer = packet.OKMulticastGather{Network: m.Network, Group: m.Group, Known: uint32(known), Members: members}.
		Append(appendOK(r.answer[:0], packet.VerbMulticastGather, a.id))
	e.reply(p, a.route, packet.VerbOK, r.answer, p.cipher(), &a.budget, r.now)
}
