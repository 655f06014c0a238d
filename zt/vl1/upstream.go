package vl1

import (
	"math"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/packet"
	"github.com/orrery-net/orrery/zt/world"
)

// The times towards roots, in milliseconds.
const (
	rootRetry   = 5_000  // between HELLOs to a root that does not answer
	rootEcho    = 20_000 // idle time after which a path to a root gets an ECHO
	rootSilence = 65_000 // without a sign of life a root counts as not answering
	rootRound   = 61_000 // silence that doubles a root's latency when choosing (protocol 03 §7.1)
)

// topology is what follows from the planet. It is never changed, only replaced.
type topology struct {
	planet    *world.World // may be nil
	encoded   []byte
	rootLocal []*local      // those of our identities that are roots of the planet
	upstreams [][]*upstream // by the number of the local identity; never contains one of ours
}

// upstream is a root as one of our identities uses it.
type upstream struct {
	peer *peer
	root *world.Root
	// helloAt is when a HELLO went to a listed endpoint, by family (4, 6). Only
	// the upkeep goroutine uses it.
	helloAt [2]int64
}

// SetPlanet replaces the planet, without asking whether it may be replaced; nil
// removes it. Roots that it no longer lists cease to be upstreams.
func (e *Endpoint) SetPlanet(w *world.World) {
	e.planetMu.Lock()
	defer e.planetMu.Unlock()
	e.setPlanet(w)
}

func (e *Endpoint) setPlanet(w *world.World) {
	now := e.now()
	old := e.topology.Load()
	t := &topology{planet: w, upstreams: make([][]*upstream, len(e.order))}
	if w != nil {
		t.encoded = w.Append(nil)
		for i := range w.Roots {
			e.addRoot(t, &w.Roots[i], now)
		}
	}
	e.topology.Store(t)
	if old == nil {
		return
	}
	for i, list := range old.upstreams {
		for _, u := range list {
			kept := slices.ContainsFunc(t.upstreams[i], func(x *upstream) bool { return x.peer == u.peer })
			if !kept {
				e.peers.pin(u.peer, false, now)
			}
		}
	}
}

func (e *Endpoint) addRoot(t *topology, root *world.Root, now int64) {
	if own := e.locals[root.Identity.Address()]; own != nil {
		if own.id.Equal(root.Identity) {
			t.rootLocal = append(t.rootLocal, own)
		} else {
			e.log.Error("a root of the planet has our address but another identity", "address", own.addr)
		}
		return
	}
	for _, l := range e.order {
		p := e.learn(l, root.Identity)
		if p == nil {
			e.log.Error("a root of the planet has the address of another known node", "address", root.Identity.Address())
			continue
		}
		e.peers.pin(p, true, now)
		t.upstreams[l.index] = append(t.upstreams[l.index], &upstream{peer: p, root: root})
	}
}

// bestUpstream chooses the root that l relays through and asks, as in protocol
// 03 §7.1, among those it has a path to; nil if there is none. except is left
// out.
func (t *topology) bestUpstream(l *local, now int64, except *peer) *upstream {
	var best *upstream
	bestScore := int64(math.MaxInt64)
	for _, u := range t.upstreams[l.index] {
		if u.peer == except {
			continue
		}
		if score := u.score(now); score < bestScore || score == bestScore && best != nil && u.peer.addr > best.peer.addr {
			best, bestScore = u, score
		}
	}
	return best
}

// score is the lower the better, and math.MaxInt64 without a path.
func (u *upstream) score(now int64) int64 {
	p := u.peer
	p.mu.Lock()
	defer p.mu.Unlock()
	i := p.bestIndex(now, 0)
	if i < 0 {
		return math.MaxInt64
	}
	latency := p.paths[i].latency
	if latency == latencyUnknown {
		latency = 65535
	}
	return (latency + 1) * ((now-p.lastReceive.Load())/rootRound + 1)
}

// isRoot reports whether one of our identities is a root of the planet.
func (t *topology) isRoot(l *local) bool { return slices.Contains(t.rootLocal, l) }

// isUpstream reports whether p is one of the roots that its local identity uses.
func (t *topology) isUpstream(p *peer) bool {
	return slices.ContainsFunc(t.upstreams[p.local.index], func(u *upstream) bool { return u.peer == p })
}

// provenUpstream reports whether one of l's upstreams has answered from an IP.
func (t *topology) provenUpstream(l *local, ip netip.Addr, now int64) bool {
	return slices.ContainsFunc(t.upstreams[l.index], func(u *upstream) bool { return u.peer.proven(ip, now) })
}

// prohibited is the rule of protocol 03 §4.2 that a root is only where the
// planet says, at any port.
func (t *topology) prohibited(a zt.Address, ip netip.Addr) bool {
	if t.planet == nil {
		return false
	}
	root := t.planet.Root(a)
	if root == nil || len(root.Endpoints) == 0 {
		return false
	}
	return !slices.ContainsFunc(root.Endpoints, func(ep netip.AddrPort) bool { return ep.Addr().Unmap() == ip })
}

// usable reports whether an endpoint may become a path to a node (protocol 03
// §4.2).
func (e *Endpoint) usable(a zt.Address, remote netip.AddrPort) bool {
	ip := remote.Addr()
	if remote.Port() == 0 || tunnelProvider.Contains(ip) {
		return false
	}
	switch zt.Scope(ip) {
	case zt.ScopePseudoPrivate, zt.ScopeGlobal, zt.ScopeShared, zt.ScopePrivate:
	case zt.ScopeLoopback:
		if !e.cfg.AllowLoopback {
			return false
		}
	default:
		return false
	}
	return !e.topology.Load().prohibited(a, ip)
}

// tunnelProvider is the IPv6 range whose paths real nodes do not use.
var tunnelProvider = netip.MustParsePrefix("2001:470::/32")

// tendUpstreams sends what is due to all roots: HELLO every 5 s to those that do
// not answer, by family, otherwise what keeps the paths open.
func (e *Endpoint) tendUpstreams(now int64) {
	for _, list := range e.topology.Load().upstreams {
		for _, u := range list {
			e.tend(u, now)
		}
	}
}

func (e *Endpoint) tend(u *upstream, now int64) {
	for _, k := range u.peer.due(nil, now, rootEcho) {
		e.keepOpen(u.peer, k, now)
	}
	for i, fam := range [2]int{4, 6} {
		if now-u.helloAt[i] < rootRetry || u.peer.aliveIn(fam, now) {
			continue
		}
		if ep, ok := randomEndpoint(u.root, fam); ok {
			u.helloAt[i] = now
			e.sendHello(u.peer, route{remote: ep}, now)
		}
	}
}

// aliveIn reports whether a root was heard over a path of a family lately.
func (p *peer) aliveIn(fam int, now int64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := p.bestIndex(now, fam)
	return i >= 0 && now-p.paths[i].lastReceive < rootSilence
}

func randomEndpoint(root *world.Root, fam int) (netip.AddrPort, bool) {
	start := rand.IntN(len(root.Endpoints) + 1)
	for i := range root.Endpoints {
		ep := root.Endpoints[(start+i)%len(root.Endpoints)]
		if ip := ep.Addr().Unmap(); ip.IsValid() && family(ip) == fam && ep.Port() != 0 {
			return netip.AddrPortFrom(ip, ep.Port()), true
		}
	}
	return netip.AddrPort{}, false
}

// RootStatus is how one root of the planet looks from here.
type RootStatus struct {
	Address     zt.Address
	Own         bool           // it is one of our identities, and so answers
	Answering   bool           // there was a sign of life lately
	LastReceive time.Time      // zero if never
	Latency     time.Duration  // to it and back; 0 if unknown
	Endpoint    netip.AddrPort // where it is reached; not valid if it is not
}

// Roots returns the state of every root of the planet, in its order. With
// several identities it is the best that one of them sees.
func (e *Endpoint) Roots() []RootStatus {
	t, now := e.topology.Load(), e.now()
	if t.planet == nil {
		return nil
	}
	var all []RootStatus
	for i := range t.planet.Roots {
		s := RootStatus{Address: t.planet.Roots[i].Identity.Address()}
		s.Own = slices.ContainsFunc(t.rootLocal, func(l *local) bool { return l.addr == s.Address })
		s.Answering = s.Own
		for _, list := range t.upstreams {
			for _, u := range list {
				if u.peer.addr == s.Address {
					e.addStatus(&s, u.peer, now)
				}
			}
		}
		all = append(all, s)
	}
	return all
}

func (e *Endpoint) addStatus(s *RootStatus, p *peer, now int64) {
	last := p.lastReceive.Load()
	if last == 0 || !s.LastReceive.Before(e.timeOf(last)) {
		return
	}
	var ps PeerStatus
	s.LastReceive = e.timeOf(last)
	s.Answering = now-last < rootSilence
	if ps.fill(p, now) {
		s.Endpoint, s.Latency = ps.Endpoint, ps.Latency
	}
}

// offeredWorld is what a root sent with an OK(HELLO).
type offeredWorld struct {
	from zt.Address
	data []byte
}

// offer queues worlds for the upkeep goroutine, which checks signatures.
func (e *Endpoint) offer(from *peer, data []byte) {
	select {
	case e.worlds <- offeredWorld{from.addr, slices.Clone(data)}:
	default: // the next HELLO brings them again
	}
}

// accept takes a planet from a root if it may replace ours (protocol 04 §4).
func (e *Endpoint) accept(o offeredWorld) {
	for data := o.data; len(data) > 0; {
		w, n, err := world.Parse(data)
		if err != nil || n <= 0 {
			e.drop(DropMalformed)
			return
		}
		data = data[n:]
		if w.Kind == world.Planet {
			e.acceptPlanet(o.from, w)
		}
	}
}

func (e *Endpoint) acceptPlanet(from zt.Address, w *world.World) {
	e.planetMu.Lock()
	current := e.topology.Load().planet
	if current == nil || w.ID == current.ID && w.Timestamp == current.Timestamp {
		e.planetMu.Unlock()
		return // the public roots always send what they have
	}
	if err := w.Replaces(current); err != nil {
		e.planetMu.Unlock()
		e.drop(DropUntrusted)
		e.log.Debug("a root offered a planet that is not accepted", "root", from, "reason", err)
		return
	}
	e.setPlanet(w)
	e.planetMu.Unlock()
	e.log.Info("the planet was updated", "root", from, "world", w.ID, "timestamp", w.Timestamp, "roots", len(w.Roots))
	if e.cfg.OnPlanet != nil {
		e.cfg.OnPlanet(w)
	}
}

// worldUpdate returns the planet if a HELLO names an older revision of it.
func (t *topology) worldUpdate(h *packet.Hello) []byte {
	if t.planet == nil || h.PlanetID != t.planet.ID || h.PlanetTime >= t.planet.Timestamp {
		return nil
	}
	return t.encoded
}
