package vl1

import (
	"net/netip"

	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/packet"
)

// hello answers an authenticated HELLO of a known peer. It is answered however
// often it comes: nodes send the same one from several sockets (protocol 03 §2).
func (r *receiver) hello(p *peer, payload []byte, a *arrival) {
	e := r.e
	h, err := packet.ParseHello(payload)
	if err != nil || !h.Identity.Equal(p.id) {
		e.drop(DropMalformed)
		return
	}
	if h.Protocol < protocolMin {
		e.drop(DropVersion)
		return
	}
	e.count.hellos.Add(1)
	p.version.Store(Version{h.Protocol, h.Major, h.Minor, h.Revision}.pack())
	if a.hops == 0 {
		e.noteSurface(p, a.route, h.Destination, r.now)
	}
	// The tail lists moons, which we do not serve; it stays as it is.

	update := e.topology.Load().worldUpdate(&h)
	if update != nil && a.budget != unlimited {
		// It goes to the address as soon as that has proven itself.
		e.count.worldsWithheld.Add(1)
		update = nil
		if a.hops == 0 {
			p.withhold(withheld{to: a.remote, helloID: a.id, helloTime: h.Time})
		}
	}
	r.answer = e.appendOKHello(r.answer[:0], p, a.id, h.Time, a.remote, update)
	e.reply(p, a.route, packet.VerbOK, r.answer, p.cipher(), &a.budget, r.now)
	r.received(p, packet.VerbHello, a)
}

func (e *Endpoint) appendOKHello(b []byte, p *peer, id uint64, time int64, seen netip.AddrPort, worlds []byte) []byte {
	if p.protocol() < protocolEcho {
		seen = netip.AddrPortFrom(seen.Addr(), 0)
	}
	v := e.cfg.Version
	return packet.OKHello{
		Time: time, Protocol: v.Protocol, Major: v.Major, Minor: v.Minor, Revision: v.Revision,
		Surface: seen, Worlds: worlds,
	}.Append(appendOK(b, packet.VerbHello, id))
}

// okHello takes the answer to our HELLO.
func (r *receiver) okHello(p *peer, rest []byte, a *arrival) {
	e := r.e
	m, err := packet.ParseOKHello(rest)
	if err != nil {
		e.drop(DropMalformed)
		return
	}
	if m.Protocol < protocolMin {
		e.drop(DropVersion)
		return
	}
	p.version.Store(Version{m.Protocol, m.Major, m.Minor, m.Revision}.pack())
	if a.hops == 0 {
		e.noteSurface(p, a.route, m.Surface, r.now)
	}
	if len(m.Worlds) == 0 {
		return
	}
	if !e.topology.Load().isUpstream(p) {
		e.drop(DropUntrusted)
		return
	}
	e.offer(p, m.Worlds)
}

// sendHello sends a HELLO to an endpoint, whether or not it is a path.
func (e *Endpoint) sendHello(p *peer, r route, now int64) {
	key, err := p.key()
	if err != nil {
		e.drop(DropIdentity)
		return
	}
	v := e.cfg.Version
	h := packet.Hello{
		Protocol: v.Protocol, Major: v.Major, Minor: v.Minor, Revision: v.Revision,
		Time: now, Identity: p.local.public, Destination: r.remote,
	}
	if w := e.topology.Load().planet; w != nil {
		h.PlanetID, h.PlanetTime = w.ID, w.Timestamp
	}
	buf := e.buffers.small()
	pk := packet.Packet(h.Append(packet.New(buf[:0], p.addr, p.local.addr, packet.VerbHello)))
	key.CryptHelloTail(pk, len(pk)-helloTail)
	key.Seal(pk, packet.CipherNone)
	p.expect(expected{id: pk.ID(), at: now, to: r.remote, verb: packet.VerbHello})
	e.enqueue(outgoing{buf: buf, n: len(pk), route: r})
}

// helloTail is the size of the encrypted tail of our HELLOs: two bytes that say
// that we orbit no moons.
const helloTail = 2

// helloSize is the size of a HELLO packet to an endpoint (protocol 02 §6.2).
func helloSize(to netip.Addr) int {
	if to.Is4() {
		return packet.HeaderLen + 109
	}
	return packet.HeaderLen + helloMax
}

// helloMax is the size of the payload of a HELLO to an IPv6 endpoint.
const helloMax = 121

// sendEcho sends an empty ECHO to an endpoint, whether or not it is a path.
func (e *Endpoint) sendEcho(p *peer, r route, now int64) {
	e.sendOver(p, r, false, packet.VerbEcho, nil, p.cipher(), 0, false, now)
}

// probe tests whether a peer is really at an endpoint: the answer makes it a
// path. At most once per second, and within budget.
func (e *Endpoint) probe(p *peer, r route, budget *int, now int64) {
	if e.mayProbe(p, r.remote, 0, budget, now) {
		e.test(p, r, now)
	}
}

// mayProbe reports whether an endpoint may be tested now, and takes the test and
// extra bytes out of the budget.
func (e *Endpoint) mayProbe(p *peer, remote netip.AddrPort, extra int, budget *int, now int64) bool {
	if !e.usable(p.addr, remote) {
		return false
	}
	size := packet.HeaderLen + extra
	if p.protocol() < protocolEcho {
		size = helloSize(remote.Addr()) + extra
	}
	if size > *budget {
		e.drop(DropAmplify)
		return false
	}
	if !p.mayProbe(remote, now) {
		return false
	}
	*budget -= size
	return true
}

// test sends what a peer answers over the route it came.
func (e *Endpoint) test(p *peer, r route, now int64) {
	if p.protocol() < protocolEcho {
		e.sendHello(p, r, now)
	} else {
		e.sendEcho(p, r, now)
	}
}

// pathFound sends what waited for a path to a peer.
func (e *Endpoint) pathFound(p *peer, r route, now int64) {
	if w, ok := p.takeWithheld(r.remote); ok {
		if t := e.topology.Load(); t.planet != nil {
			budget := unlimited
			payload := e.appendOKHello(nil, p, w.helloID, w.helloTime, r.remote, t.encoded)
			e.reply(p, r, packet.VerbOK, payload, p.cipher(), &budget, now)
		}
	}
	e.release(p)
}

// keepOpen sends what keeps a path open.
func (e *Endpoint) keepOpen(p *peer, k keepalive, now int64) {
	if k.hello {
		e.sendHello(p, k.route, now)
	} else {
		e.test(p, k.route, now)
	}
}

// openerLen is the size of the datagram that opens our own NAT.
const openerLen = 4

// openerTTL gets an opener out of our NAT, but not to the other side's.
const openerTTL = 2

// try opens our NAT towards an endpoint and tests it (protocol 03 §4.6), within
// budget.
func (e *Endpoint) try(p *peer, remote netip.AddrPort, budget *int, now int64) {
	if !e.mayProbe(p, remote, openerLen, budget, now) {
		return
	}
	buf := e.buffers.small()
	o := outgoing{buf: buf, n: openerLen, route: route{remote: remote}}
	copy(buf[:openerLen], "\x00\x01\x02\x03")
	if remote.Addr().Is4() {
		o.ttl = openerTTL
	}
	e.enqueue(o)
	e.test(p, o.route, now)
}

// rendezvous acts on a root's word where a peer may be reached.
func (r *receiver) rendezvous(p *peer, payload []byte) {
	e := r.e
	m, err := packet.ParseRendezvous(payload)
	if err != nil {
		e.drop(DropMalformed)
		return
	}
	if !e.topology.Load().isUpstream(p) {
		e.drop(DropUntrusted)
		return
	}
	if m.Peer.IsReserved() || e.locals[m.Peer] != nil {
		return
	}
	if other := e.peers.get(p.local, m.Peer); other != nil {
		budget := unlimited
		e.try(other, m.Endpoint, &budget, r.now)
	} else {
		e.meetLater(p.local, m.Peer, m.Endpoint, r.now)
	}
}

// pushDirectPaths acts on a peer's word where it may be reached. Those who are
// really there get one test, or no more than three times what the peer spent.
func (r *receiver) pushDirectPaths(p *peer, payload []byte, a *arrival) {
	e := r.e
	if !p.trusted.Load() && !p.upstream.Load() && !e.cfg.AllowUntrustedPushPaths {
		e.drop(DropUntrusted)
		return
	}
	if !p.mayPush(r.now) {
		e.drop(DropRate)
		return
	}
	m, err := packet.ParsePushDirectPaths(payload)
	if err != nil {
		e.drop(DropMalformed)
		return
	}
	type kind struct {
		class zt.ScopeClass
		is4   bool
	}
	used := make(map[kind]int)
	budget := max(amplification*a.size, openerLen+packet.HeaderLen+helloMax)
	for _, d := range m.Paths {
		ip := d.Endpoint.Addr()
		k := kind{zt.Scope(ip), ip.Is4()}
		if d.Flags&packet.PathForget != 0 || used[k] >= pathsPerPush || p.proven(ip, r.now) {
			continue
		}
		used[k]++
		e.try(p, d.Endpoint, &budget, r.now)
	}
}

// pathsPerPush is how many addresses of one class and family are tried.
const pathsPerPush = 8
