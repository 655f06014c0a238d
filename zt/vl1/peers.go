package vl1

import (
	"sync"
	"sync/atomic"

	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/identity"
)

// shardCount is how many parts the peer table has. The periodic work visits one
// part a tick, so that it never does much at once.
const shardCount = 64

// peerKey names a remote node as seen by one of our identities: the identity's
// number in the upper 24 bits, the node's address in the lower 40.
type peerKey uint64

func keyOf(l *local, a zt.Address) peerKey { return peerKey(l.index)<<40 | peerKey(a) }

func (k peerKey) shard() int { return int(uint64(k) * 0x9e3779b97f4a7c15 >> 58) }

// peerTable holds all peers. Strangers and trusted peers are bounded together
// by maxPeers, strangers alone by maxStrangers; when there are too many, the
// strangers not heard from for long go first. Upstreams are in neither count
// and stay.
type peerTable struct {
	maxPeers, maxStrangers int64
	strangers, trusted     atomic.Int64
	hand                   atomic.Uint32
	shards                 [shardCount]peerShard
}

type peerShard struct {
	mu        sync.RWMutex // guards what follows, and the list fields of the peers
	byKey     map[peerKey]*peer
	strangers peerList
	trusted   peerList
}

// peerList is a doubly linked ring of peers in order of insertion.
type peerList struct{ newest *peer }

func (t *peerTable) init(maxPeers, maxStrangers int) {
	t.maxPeers, t.maxStrangers = int64(maxPeers), int64(maxStrangers)
	for i := range t.shards {
		t.shards[i].byKey = make(map[peerKey]*peer)
	}
}

// get returns a peer or nil.
func (t *peerTable) get(l *local, a zt.Address) *peer {
	k := keyOf(l, a)
	s := &t.shards[k.shard()]
	s.mu.RLock()
	p := s.byKey[k]
	s.mu.RUnlock()
	return p
}

// add makes a node known to one of our identities, as a stranger. If its
// address is known already it returns the peer that is there, whatever its
// identity: the first comes first. evicted is how many others had to go.
func (t *peerTable) add(l *local, id *identity.Identity, now int64) (p *peer, added bool, evicted int) {
	k := keyOf(l, id.Address())
	s := &t.shards[k.shard()]
	s.mu.Lock()
	if p = s.byKey[k]; p != nil {
		s.mu.Unlock()
		return p, false, 0
	}
	p = &peer{local: l, id: id, addr: id.Address(), created: now}
	s.byKey[k] = p
	s.strangers.push(p, now)
	s.mu.Unlock()
	t.strangers.Add(1)
	return p, true, t.shrink(p)
}

// trust moves a peer from the strangers to the trusted.
func (t *peerTable) trust(p *peer, now int64) {
	k := keyOf(p.local, p.addr)
	s := &t.shards[k.shard()]
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byKey[k] != p || p.trusted.Load() {
		return
	}
	p.trusted.Store(true)
	if p.inList == &s.strangers {
		s.strangers.remove(p)
		s.trusted.push(p, now)
		t.strangers.Add(-1)
		t.trusted.Add(1)
	}
}

// pin takes a peer out of the reach of eviction, or puts it back.
func (t *peerTable) pin(p *peer, on bool, now int64) {
	k := keyOf(p.local, p.addr)
	s := &t.shards[k.shard()]
	s.mu.Lock()
	defer s.mu.Unlock()
	if on && s.byKey[k] != p {
		s.byKey[k] = p // evicted a moment ago
		p.upstream.Store(true)
		return
	}
	if p.upstream.Swap(on) == on {
		return
	}
	list, n := &s.strangers, &t.strangers
	if p.trusted.Load() {
		list, n = &s.trusted, &t.trusted
	}
	if on {
		list.remove(p)
		n.Add(-1)
	} else {
		list.push(p, now)
		n.Add(1)
	}
}

// shrink evicts until the bounds hold; never keep.
func (t *peerTable) shrink(keep *peer) int {
	evicted := 0
	for {
		strangers := t.strangers.Load()
		tooMany := strangers+t.trusted.Load() > t.maxPeers
		if strangers <= t.maxStrangers && !tooMany {
			return evicted
		}
		if !t.evict(keep, false) && !(tooMany && t.evict(keep, true)) {
			return evicted
		}
		evicted++
	}
}

// evict removes one peer of a kind, if there is one besides keep: one that was
// not heard from since it was looked at last, if possible.
func (t *peerTable) evict(keep *peer, trusted bool) bool {
	return t.evictFrom(keep, trusted, false) || t.evictFrom(keep, trusted, true)
}

func (t *peerTable) evictFrom(keep *peer, trusted, insist bool) bool {
	start := t.hand.Add(1)
	for i := range uint32(shardCount) {
		s := &t.shards[(start+i)%shardCount]
		list, n := &s.strangers, &t.strangers
		if trusted {
			list, n = &s.trusted, &t.trusted
		}
		s.mu.Lock()
		p := list.victim(keep, insist)
		if p != nil {
			list.remove(p)
			if k := keyOf(p.local, p.addr); s.byKey[k] == p {
				delete(s.byKey, k) // otherwise a root has taken its place
			}
			n.Add(-1)
		}
		s.mu.Unlock()
		if p != nil {
			return true
		}
	}
	return false
}

// forget removes a stranger.
func (t *peerTable) forget(p *peer) {
	k := keyOf(p.local, p.addr)
	s := &t.shards[k.shard()]
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byKey[k] == p && p.inList == &s.strangers {
		s.strangers.remove(p)
		delete(s.byKey, k)
		t.strangers.Add(-1)
	}
}

// snapshot appends the peers of one shard to list.
func (t *peerTable) snapshot(list []*peer, shard int) []*peer {
	s := &t.shards[shard]
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, p := range s.byKey {
		list = append(list, p)
	}
	return list
}

func (l *peerList) push(p *peer, now int64) {
	p.inList, p.placed = l, now
	if l.newest == nil {
		p.prev, p.succ = p, p
	} else {
		p.prev, p.succ = l.newest, l.newest.succ
		p.prev.succ, p.succ.prev = p, p
	}
	l.newest = p
}

func (l *peerList) remove(p *peer) {
	if p.inList != l {
		return
	}
	if p.succ == p {
		l.newest = nil
	} else {
		p.prev.succ, p.succ.prev = p.succ, p.prev
		if l.newest == p {
			l.newest = p.prev
		}
	}
	p.inList, p.prev, p.succ = nil, nil, nil
}

// victim picks the peer to evict: the oldest, but one that was heard from since
// it was put in its place gets a second chance, unless the caller insists.
func (l *peerList) victim(keep *peer, insist bool) *peer {
	const chances = 8
	for range chances {
		if l.newest == nil {
			return nil
		}
		p := l.newest.succ
		heard := p.lastReceive.Load()
		if p != keep && (insist || heard <= p.placed+1000) {
			return p
		}
		p.placed = max(p.placed, heard)
		if p == l.newest {
			return nil
		}
		l.newest = p // the ring turns: the oldest becomes the newest
	}
	return nil
}
