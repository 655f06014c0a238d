package vl1

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/packet"
)

// maxHops is how often a packet may have been relayed to be relayed again
// (protocol 03 §8.1).
const maxHops = 3

const (
	introduceEvery = 30_000 // ms between two RENDEZVOUS for one pair of peers
	maxPairs       = 1 << 16
	maxSources     = 1 << 18 / shardCount // in one of the parts
)

// relayState is what a root keeps about the packets it relays.
type relayState struct {
	bytesPerMS float64
	seed       maphash.Seed
	sources    [shardCount]relaySources

	mu           sync.Mutex // guards the pairs
	pairs, older map[pair]int64
	turned       int64
}

// relaySources are the networks, an IPv4 address or an IPv6 /64 each, from which
// peers answered us. Only those may use the relay, so that nobody can hide
// behind it.
type relaySources struct {
	mu    sync.RWMutex // guards byNet
	byNet map[netip.Prefix]*relaySource
}

// relaySource is one such network with its share of bandwidth, a token bucket.
type relaySource struct {
	heard atomic.Int64

	mu     sync.Mutex // guards what follows
	tokens float64
	at     int64
}

type pair struct {
	root *local
	a, b zt.Address // a < b
}

func (s *relayState) init(bytesPerSecond float64) {
	s.bytesPerMS = bytesPerSecond / 1000
	s.seed = maphash.MakeSeed()
	for i := range s.sources {
		s.sources[i].byNet = make(map[netip.Prefix]*relaySource)
	}
	s.pairs, s.older = make(map[pair]int64), make(map[pair]int64)
}

// network is what shares one source's bandwidth, and where it is kept. A host
// has as many IPv6 addresses as it likes, but one /64.
func (s *relayState) network(ip netip.Addr) (netip.Prefix, *relaySources) {
	bits := 64
	if ip.Is4() {
		bits = 32
	}
	network, _ := ip.Prefix(bits)
	return network, &s.sources[maphash.Comparable(s.seed, network)%shardCount]
}

// sourceOf returns the entry of an IP address from which a peer answered, nil if
// there are too many.
func (s *relayState) sourceOf(ip netip.Addr, now int64) *relaySource {
	network, sh := s.network(ip)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	x := sh.byNet[network]
	if x == nil {
		if len(sh.byNet) >= maxSources {
			return nil
		}
		x = &relaySource{at: now, tokens: s.bytesPerMS * 1000}
		sh.byNet[network] = x
	}
	x.heard.Store(now)
	return x
}

// allow takes n bytes from the share of an IP address.
func (s *relayState) allow(ip netip.Addr, n int, now int64) (known, ok bool) {
	network, sh := s.network(ip)
	sh.mu.RLock()
	x := sh.byNet[network]
	sh.mu.RUnlock()
	if x == nil || now-x.heard.Load() >= pathExpired {
		return false, false
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.tokens = min(x.tokens+float64(now-x.at)*s.bytesPerMS, s.bytesPerMS*1000)
	x.at = now
	if x.tokens < float64(n) {
		return true, false
	}
	x.tokens -= float64(n)
	return true, true
}

// sweep forgets the networks of one shard from which nothing came for long.
func (s *relayState) sweep(shard int, now int64) {
	sh := &s.sources[shard]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	for network, x := range sh.byNet {
		if now-x.heard.Load() >= pathExpired {
			delete(sh.byNet, network)
		}
	}
}

// relay passes on a datagram that is addressed to somebody else (protocol 03
// §8.1). It is not opened, we have no key for it. src is 0 for a fragment, which
// does not tell its source.
func (r *receiver) relay(datagram []byte, a arrival, dest, src zt.Address, hops int) {
	e, t := r.e, r.e.topology.Load()
	if len(t.rootLocal) == 0 {
		e.drop(DropNotForUs)
		return
	}
	if hops >= maxHops {
		e.drop(DropHops)
		return
	}
	fromRoot := false
	for _, l := range t.rootLocal {
		fromRoot = fromRoot || t.provenUpstream(l, a.remote.Addr(), r.now)
	}
	if !fromRoot && !r.mayUseRelay(t, len(datagram), a, src) {
		return
	}
	for _, l := range t.rootLocal {
		p := e.peers.get(l, dest)
		if p == nil || p.upstream.Load() && fromRoot {
			continue
		}
		to, ok := p.bestForSend(r.now)
		if !ok || to.remote == a.remote {
			continue
		}
		packet.IncrementHops(datagram)
		if e.passOn(datagram, to) {
			e.count.relayed.Add(1)
		}
		if src != 0 && hops == 0 {
			r.introduce(l, src, p)
		}
		return
	}
	r.relayToRoot(t, datagram, a, fromRoot)
}

// mayUseRelay reports whether the source of a datagram may use us as relay:
// a peer that answered us from the same IP, within its bandwidth.
func (r *receiver) mayUseRelay(t *topology, size int, a arrival, src zt.Address) bool {
	if src != 0 {
		known := false
		for _, l := range t.rootLocal {
			p := r.e.peers.get(l, src)
			known = known || p != nil && p.proven(a.remote.Addr(), r.now)
		}
		if !known {
			r.e.drop(DropRelaySource)
			return false
		}
	}
	known, ok := r.e.relay.allow(a.remote.Addr(), size, r.now)
	switch {
	case !known:
		r.e.drop(DropRelaySource)
	case !ok:
		r.e.drop(DropRelayRate)
	}
	return ok
}

// relayToRoot gives a datagram to another root of the planet, unless it comes
// from one.
func (r *receiver) relayToRoot(t *topology, datagram []byte, a arrival, fromRoot bool) {
	if !fromRoot {
		if u := t.bestUpstream(t.rootLocal[0], r.now, nil); u != nil {
			if to, ok := u.peer.bestForSend(r.now); ok && to.remote != a.remote {
				packet.IncrementHops(datagram)
				if r.e.passOn(datagram, to) {
					r.e.count.relayed.Add(1)
				}
				return
			}
		}
	}
	r.e.drop(DropNoRoute)
}

// introduce tells two peers, for whom a packet was just relayed, where they may
// reach each other, for each address family that both use with us (protocol 03
// §8.2).
func (r *receiver) introduce(l *local, src zt.Address, b *peer) {
	e := r.e
	a := e.peers.get(l, src)
	if a == nil || a == b {
		return
	}
	allowed := false
	for _, fam := range [2]int{4, 6} {
		ra, okA := a.best(r.now, fam)
		rb, okB := b.best(r.now, fam)
		if !okA || !okB {
			continue
		}
		if !allowed && !e.relay.mayIntroduce(pair{l, min(a.addr, b.addr), max(a.addr, b.addr)}, r.now) {
			return
		}
		allowed = true
		e.count.rendezvous.Add(1)
		e.sendRendezvous(a, ra, b.addr, rb.remote, r.now)
		e.sendRendezvous(b, rb, a.addr, ra.remote, r.now)
	}
}

func (e *Endpoint) sendRendezvous(to *peer, over route, with zt.Address, at netip.AddrPort, now int64) {
	var room [32]byte
	payload := packet.Rendezvous{Peer: with, Endpoint: at}.Append(room[:0])
	e.sendOver(to, over, false, packet.VerbRendezvous, payload, to.cipher(), 0, false, now)
}

// mayIntroduce notes a pair and reports whether it was not introduced lately.
// Two maps that take turns forget old pairs without looking at each.
func (s *relayState) mayIntroduce(p pair, now int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now-s.turned >= introduceEvery {
		s.pairs, s.older, s.turned = s.older, s.pairs, now
		clear(s.pairs)
	}
	at, ok := s.pairs[p]
	if !ok {
		at, ok = s.older[p]
	}
	if ok && now-at < introduceEvery || len(s.pairs) >= maxPairs {
		return false
	}
	s.pairs[p] = now
	return true
}
