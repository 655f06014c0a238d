package vl1

import (
	"errors"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/identity"
	"github.com/orrery-net/orrery/zt/packet"
)

// Version is what a node says about its software. The zero value is unknown.
type Version struct {
	Protocol, Major, Minor uint8
	Revision               uint16
}

func (v Version) pack() uint64 {
	return uint64(v.Protocol)<<32 | uint64(v.Major)<<24 | uint64(v.Minor)<<16 | uint64(v.Revision)
}

func unpackVersion(u uint64) Version {
	return Version{uint8(u >> 32), uint8(u >> 24), uint8(u >> 16), uint16(u)}
}

// Protocol versions that change what a peer is sent (protocol 02 §8).
const (
	protocolMin  = 4  // below: ignored
	protocolEcho = 5  // understands ECHO, takes the port of its surface address
	protocolAES  = 12 // understands cipher 3
)

// The times of protocol 03, in milliseconds.
const (
	pathAlive      = 19_000
	pathExpired    = 243_000
	pathProve      = 100_000 // age of its last proof after which a path that is heard is tested again
	pathQuiet      = 5_000   // silence after which another port of the same IP is looked at
	heartbeat      = 14_000
	helloInterval  = 60_000
	peerActive     = 500_000
	peerForgotten  = 600_000
	confirmEvery   = 1_000
	whoisGate      = 100
	echoGate       = 166
	pushGap        = 30_000
	pushMost       = 8
	expectFor      = 30_000
	latencyUnknown = -1
)

const (
	maxPaths    = 8
	maxExpected = 32
	maxRecent   = 8
)

// route is the way of a datagram: the other end, and the address of this host
// that it uses.
type route struct {
	remote netip.AddrPort
	local  netip.Addr
}

// path is a route over which the peer answered a request, not long ago. Packets
// that merely come from there prove nothing: sources can be forged, and packets
// be replayed.
type path struct {
	route
	lastReceive, lastSend, lastHello int64
	proved                           int64 // when an answer came last
	latency                          int64 // ms, or latencyUnknown
	source                           *relaySource
}

func (x *path) expired(now int64) bool {
	return now-x.lastReceive >= pathExpired || now-x.proved >= pathExpired
}

// expected is a request that may be answered.
type expected struct {
	id      uint64
	at      int64
	to      netip.AddrPort // not valid if it went through a relay
	verb    packet.Verb
	handler bool // sent for the Handler, which wants the answer
}

// withheld is an answer to a HELLO whose world did not fit into what an
// unproven address may be sent.
type withheld struct {
	to        netip.AddrPort
	helloID   uint64
	helloTime int64
}

// peer is a remote node as one of our identities sees it.
type peer struct {
	local *local
	id    *identity.Identity
	addr  zt.Address

	version     atomic.Uint64
	lastReceive atomic.Int64
	lastActive  atomic.Int64 // last traffic that asks for keeping the path open
	keyCache    atomic.Pointer[packet.Key]
	keyless     atomic.Bool // its public key is of no use; packets must not make us try again
	trusted     atomic.Bool
	upstream    atomic.Bool

	mu       sync.Mutex // guards what follows; nothing else is locked while it is held
	paths    []path
	expected []expected // at most maxExpected
	probes   recent
	echoes   recent
	withheld *withheld
	whoisAt  int64
	pushAt   int64
	pushes   int

	// Guarded by the lock of the table's shard.
	created    int64
	placed     int64
	prev, succ *peer
	inList     *peerList
}

var errKeyless = errors.New("no key can be agreed on with this identity")

// key returns the session key, which is computed when it is first needed.
func (p *peer) key() (*packet.Key, error) {
	if k := p.keyCache.Load(); k != nil {
		return k, nil
	}
	if p.keyless.Load() {
		return nil, errKeyless
	}
	k48, err := p.local.id.Agree(p.id)
	if err != nil {
		p.keyless.Store(true)
		return nil, err
	}
	k := packet.NewKey(k48)
	if !p.keyCache.CompareAndSwap(nil, k) {
		return p.keyCache.Load(), nil
	}
	return k, nil
}

// cipher is the one to use for everything but HELLO (protocol 01 §7).
func (p *peer) cipher() packet.Cipher {
	if unpackVersion(p.version.Load()).Protocol >= protocolAES {
		return packet.CipherAES
	}
	return packet.CipherSalsa
}

func (p *peer) protocol() uint8 { return unpackVersion(p.version.Load()).Protocol }

// best returns the path to use, fresh ones first, then those of low latency,
// then the one heard last (protocol 03 §4.5). family is 4, 6 or 0 for any.
func (p *peer) best(now int64, family int) (route, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if i := p.bestIndex(now, family); i >= 0 {
		return p.paths[i].route, true
	}
	return route{}, false
}

// bestForSend is best for a datagram that is about to be sent.
func (p *peer) bestForSend(now int64) (route, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if i := p.bestIndex(now, 0); i >= 0 {
		p.paths[i].lastSend = now
		return p.paths[i].route, true
	}
	return route{}, false
}

func (p *peer) bestIndex(now int64, family int) int {
	best, bestQuality := -1, int64(0)
	for i := range p.paths {
		x := &p.paths[i]
		age := now - x.lastReceive
		if x.expired(now) || family == 4 && !x.remote.Addr().Is4() || family == 6 && !x.remote.Addr().Is6() {
			continue
		}
		quality := x.latency
		if quality == latencyUnknown {
			quality = 1 << 16
		}
		if age > pathAlive {
			quality += 1<<17 + age
		}
		if best < 0 || quality < bestQuality || quality == bestQuality && x.lastReceive > p.paths[best].lastReceive {
			best, bestQuality = i, quality
		}
	}
	return best
}

// expect remembers a request by the packet id it has on the wire, in place of
// the oldest one if that has expired or there are too many.
func (p *peer) expect(x expected) {
	p.mu.Lock()
	defer p.mu.Unlock()
	oldest := 0
	for i := range p.expected {
		if p.expected[i].at < p.expected[oldest].at {
			oldest = i
		}
	}
	if n := len(p.expected); n == maxExpected || n > 0 && x.at-p.expected[oldest].at > expectFor {
		p.expected[oldest] = x
		return
	}
	p.expected = append(p.expected, x)
}

// asked returns the request with this packet id, if it is recent.
func (p *peer) asked(id uint64, now int64) (expected, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.expected {
		if x := &p.expected[i]; x.id == id && now-x.at <= expectFor {
			return *x, true
		}
	}
	return expected{}, false
}

// heard notes a direct packet and reports whether the route that it came over
// should be tested: it is no path, and no live path uses its IP (protocol 03
// §4.1), or it is one whose last proof is old or used another address of ours. A
// HELLO from a new port of a known IP is looked at sooner, since a node that
// restarted may be there.
func (p *peer) heard(r route, now int64, hello bool) (confirm bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	confirm = true
	for i := range p.paths {
		x := &p.paths[i]
		if x.expired(now) {
			continue
		}
		if x.remote == r.remote {
			x.lastReceive = now
			if x.source != nil {
				x.source.heard.Store(now)
			}
			return now-x.proved >= pathProve || x.local != r.local
		}
		if x.remote.Addr() == r.remote.Addr() {
			quiet := int64(pathAlive)
			if hello {
				quiet = pathQuiet
			}
			if now-x.lastReceive < quiet {
				confirm = false
			}
		}
	}
	return confirm
}

// mayProbe reports whether an endpoint may be tested now, and notes that it is.
func (p *peer) mayProbe(remote netip.AddrPort, now int64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.probes.pass(remote, now, confirmEvery)
}

// mayEcho reports whether an ECHO from an endpoint is answered.
func (p *peer) mayEcho(remote netip.AddrPort, now int64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.echoes.pass(remote, now, echoGate)
}

// recent remembers when something was last done for each of a few endpoints.
type recent []doneAt

type doneAt struct {
	remote netip.AddrPort
	at     int64
}

// pass reports whether it may be done for an endpoint, once per gap, and notes
// that it is.
func (r *recent) pass(remote netip.AddrPort, now, gap int64) bool {
	oldest := -1
	for i, x := range *r {
		if x.remote == remote {
			if now-x.at < gap {
				return false
			}
			(*r)[i].at = now
			return true
		}
		if oldest < 0 || x.at < (*r)[oldest].at {
			oldest = i
		}
	}
	if len(*r) < maxRecent {
		*r = append(*r, doneAt{remote, now})
		return true
	}
	if now-(*r)[oldest].at < gap {
		return false
	}
	(*r)[oldest] = doneAt{remote, now}
	return true
}

// proved adds the path that an answer came over, or refreshes it. It returns
// whether the path is new. latency is ms or latencyUnknown. source is nil unless
// we relay for others.
func (p *peer) proved(r route, now, latency int64, source *relaySource) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	slot := -1
	for i := range p.paths {
		x := &p.paths[i]
		if x.remote == r.remote {
			fresh := !x.expired(now)
			x.lastReceive, x.proved, x.local, x.source = now, now, r.local, source
			switch {
			case latency == latencyUnknown:
			case x.latency == latencyUnknown:
				x.latency = latency
			default:
				x.latency = (x.latency + latency) / 2
			}
			return !fresh
		}
		if x.remote.Addr() == r.remote.Addr() && now-x.lastReceive >= pathQuiet {
			slot = i
		}
	}
	if slot < 0 && len(p.paths) < maxPaths {
		p.paths = append(p.paths, path{})
		slot = len(p.paths) - 1
	}
	if slot < 0 {
		slot = 0
		for i := range p.paths {
			if p.paths[i].lastReceive < p.paths[slot].lastReceive {
				slot = i
			}
		}
	}
	p.paths[slot] = path{route: r, lastReceive: now, lastSend: now, proved: now, latency: latency, source: source}
	return true
}

// proven reports whether the peer has shown that it can be reached at this IP.
func (p *peer) proven(ip netip.Addr, now int64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.paths {
		if p.paths[i].remote.Addr() == ip && !p.paths[i].expired(now) {
			return true
		}
	}
	return false
}

// withhold notes what an address gets once it has proven itself.
func (p *peer) withhold(w withheld) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.withheld = &w
}

func (p *peer) takeWithheld(to netip.AddrPort) (withheld, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.withheld == nil || p.withheld.to != to {
		return withheld{}, false
	}
	w := *p.withheld
	p.withheld = nil
	return w, true
}

// passed reports whether an event may happen that is allowed once per gap, and
// notes it. at must be guarded by p.mu.
func (p *peer) passed(at *int64, now, gap int64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if *at != 0 && now-*at < gap {
		return false
	}
	*at = now
	return true
}

// mayPush counts PUSH_DIRECT_PATHS that follow each other (protocol 03 §2.2).
func (p *peer) mayPush(now int64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now-p.pushAt > pushGap {
		p.pushes = 0
	}
	p.pushAt = now
	p.pushes++
	return p.pushes <= pushMost
}

// keepalive is one datagram that keeps a path open.
type keepalive struct {
	route
	hello bool
}

// due drops expired paths and appends what must be sent to keep the best one of
// each family open. Others, such as further ports of the same node, expire.
func (p *peer) due(list []keepalive, now, echoAfter int64) []keepalive {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.paths = slices.DeleteFunc(p.paths, func(x path) bool { return x.expired(now) })
	for _, fam := range [2]int{4, 6} {
		i := p.bestIndex(now, fam)
		if i < 0 {
			continue
		}
		x := &p.paths[i]
		switch {
		case now-x.lastHello >= helloInterval:
			x.lastHello, x.lastSend = now, now
			list = append(list, keepalive{x.route, true})
		case now-x.lastSend >= echoAfter:
			x.lastSend = now
			list = append(list, keepalive{x.route, false})
		}
	}
	return list
}
