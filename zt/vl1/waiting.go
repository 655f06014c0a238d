package vl1

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"

	"golang.org/x/time/rate"

	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/identity"
	"github.com/orrery-net/orrery/zt/packet"
)

// The bounds of what waits for an identity or a path (protocol 03 §5).
const (
	waitFor        = 5_000 // ms
	askEvery       = 500   // ms between two WHOIS for one address
	waitingPerPeer = 32    // packets each way
	waitingPackets = 4096  // packets in all
	waitingDirect  = 1024  // addresses that only anybody is interested in
	waitingAll     = 4096  // addresses in all
	asksPerSecond  = 50    // WHOIS because of anybody
	asksBurst      = 100
	makeRoomTries  = 32 // entries looked at to find one that may be pushed out
)

// waitingTable holds packets of unknown senders, and packets to destinations
// that are unknown or have no path. Where there is no room, what is ours, which
// is packets that we want to send to nodes that are no strangers, pushes out the
// rest, and so does the new the old: an answer to WHOIS comes soon or not at all.
type waitingTable struct {
	mu      sync.Mutex // guards what follows
	byKey   map[peerKey]*waiting
	packets int
	direct  int
	asks    *rate.Limiter

	pushedOut *atomic.Uint64 // counts packets
}

type waiting struct {
	local    *local
	addr     zt.Address
	asked    int64          // when WHOIS was sent last
	until    int64          // when it is no longer of interest
	direct   bool           // only anybody is interested: a sender that came straight, or one who asks
	ours     bool           // not to be pushed out
	unstored bool           // Lookup does not have it, so a root may be asked
	repeated bool           // WHOIS was sent again for the sake of packets that came in
	meet     netip.AddrPort // where a root says it may be reached
	in       []waitingIn
	out      []waitingOut
}

type waitingIn struct {
	stranger
	at int64
}

type waitingOut struct {
	verb    packet.Verb
	payload []byte
	id      uint64
	handler bool
	at      int64
}

func (t *waitingTable) init(pushedOut *atomic.Uint64) {
	t.pushedOut = pushedOut
	t.byKey = make(map[peerKey]*waiting)
	t.asks = rate.NewLimiter(asksPerSecond, asksBurst)
}

func (t *waitingTable) size() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.packets
}

// entry returns the entry of an address, made if there is room; t.mu is held.
func (t *waitingTable) entry(l *local, addr zt.Address, now int64, direct bool) *waiting {
	k := keyOf(l, addr)
	w := t.byKey[k]
	if w == nil {
		if direct && t.direct >= waitingDirect || len(t.byKey) >= waitingAll && !t.makeRoom() {
			return nil
		}
		w = &waiting{local: l, addr: addr, direct: direct}
		t.byKey[k] = w
		if direct {
			t.direct++
		}
	}
	if w.direct && !direct {
		w.direct = false
		t.direct--
	}
	w.until = max(w.until, now+waitFor)
	return w
}

// makeRoom pushes out some entry that is not ours; t.mu is held. A map begins
// at a random place each time it is walked.
func (t *waitingTable) makeRoom() bool {
	tries := makeRoomTries
	for _, w := range t.byKey {
		if !w.ours {
			t.pushedOut.Add(uint64(len(w.in) + len(w.out)))
			t.remove(w)
			return true
		}
		if tries--; tries == 0 {
			break
		}
	}
	return false
}

// remove forgets an entry; t.mu is held.
func (t *waitingTable) remove(w *waiting) {
	delete(t.byKey, keyOf(w.local, w.addr))
	t.packets -= len(w.in) + len(w.out)
	if w.direct {
		t.direct--
	}
}

// keepIncoming keeps a packet of an unknown sender and asks for its identity.
func (e *Endpoint) keepIncoming(s stranger, now int64) {
	t := &e.waiting
	direct := !e.topology.Load().provenUpstream(s.local, s.remote.Addr(), now)
	t.mu.Lock()
	if t.packets >= waitingPackets && !t.makeRoom() {
		t.mu.Unlock()
		e.drop(DropWaiting)
		return
	}
	w := t.entry(s.local, s.packet.Source(), now, direct)
	if w == nil {
		t.mu.Unlock()
		e.drop(DropWaiting)
		return
	}
	w.unstored = true
	if len(w.in) >= waitingPerPeer {
		w.in = slices.Delete(w.in, 0, 1)
		t.packets--
		e.drop(DropWaiting)
	}
	w.in = append(w.in, waitingIn{s, now})
	t.packets++
	t.mu.Unlock()
	e.askWaiting(w, now)
}

// sendLater keeps a packet to an unknown destination and has its identity
// looked up, then asked for.
func (e *Endpoint) sendLater(l *local, to zt.Address, v packet.Verb, payload []byte) uint64 {
	id := e.keepOutgoing(l, to, v, payload, true)
	if id != 0 {
		e.admit(stranger{local: l, addr: to})
	}
	return id
}

// keepOutgoing keeps a packet that cannot be sent yet and returns its packet
// id, which it will really have: it is sealed with a cipher that keeps it. 0
// means that there was no room.
func (e *Endpoint) keepOutgoing(l *local, to zt.Address, v packet.Verb, payload []byte, handler bool) uint64 {
	t, now := &e.waiting, e.now()
	p := e.peers.get(l, to)
	stranger := p != nil && !p.trusted.Load() && !p.upstream.Load()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.packets >= waitingPackets && !t.makeRoom() {
		e.drop(DropWaiting)
		return 0
	}
	w := t.entry(l, to, now, false)
	if w == nil {
		e.drop(DropWaiting)
		return 0
	}
	w.ours = w.ours || !stranger
	if len(w.out) >= waitingPerPeer {
		w.out = slices.Delete(w.out, 0, 1)
		t.packets--
		e.drop(DropWaiting)
	}
	o := waitingOut{verb: v, payload: slices.Clone(payload), id: max(1, rand.Uint64()), handler: handler, at: now}
	w.out = append(w.out, o)
	t.packets++
	return o.id
}

// ask asks the best upstream for an identity that is not stored, for the sake of
// what waits for it, or of somebody who will ask again.
func (e *Endpoint) ask(l *local, addr zt.Address, now int64) {
	t := &e.waiting
	t.mu.Lock()
	w := t.entry(l, addr, now, true)
	if w != nil {
		w.unstored = true
	}
	t.mu.Unlock()
	if w != nil {
		e.askWaiting(w, now)
	}
}

// askWaiting sends a WHOIS if one is due.
func (e *Endpoint) askWaiting(w *waiting, now int64) {
	t := &e.waiting
	t.mu.Lock()
	unstored := w.unstored
	due := unstored && now-w.asked >= askEvery && (!w.direct || t.asks.AllowN(e.cfg.Now(), 1))
	if due {
		w.asked = now
	}
	t.mu.Unlock()
	if !unstored { // there was no room in the queue of strangers
		e.admit(stranger{local: w.local, addr: w.addr})
	}
	if !due {
		return
	}
	u := e.topology.Load().bestUpstream(w.local, now, nil)
	if u == nil || u.peer.addr == w.addr {
		return
	}
	if r, ok := u.peer.bestForSend(now); ok {
		e.count.whoisSent.Add(1)
		var payload [zt.AddressLen]byte
		w.addr.Put(payload[:])
		e.sendOver(u.peer, r, false, packet.VerbWhois, payload[:], u.peer.cipher(), 0, false, now)
	}
}

// meetLater notes where a peer may be reached whose identity is only being asked
// for: a root introduces two nodes when it relays their first packet.
func (e *Endpoint) meetLater(l *local, addr zt.Address, at netip.AddrPort, now int64) {
	t := &e.waiting
	t.mu.Lock()
	defer t.mu.Unlock()
	if w := t.entry(l, addr, now, false); w != nil {
		w.meet = at
	}
}

// okWhois takes the identity that an upstream answered with. Like reference
// nodes we believe our upstreams, but only what we asked for.
func (r *receiver) okWhois(p *peer, rest []byte) {
	e := r.e
	if !e.topology.Load().isUpstream(p) {
		e.drop(DropUntrusted)
		return
	}
	id, _, err := identity.ParsePublic(rest)
	if err != nil || id.Address().IsReserved() {
		e.drop(DropMalformed)
		return
	}
	if !e.waiting.wants(p.local, id.Address()) {
		e.drop(DropUnasked)
		return
	}
	if e.learn(p.local, id) == nil {
		e.drop(DropCollision)
	}
}

// wants reports whether an identity was asked for, which is not done if it is
// stored.
func (t *waitingTable) wants(l *local, addr zt.Address) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	w := t.byKey[keyOf(l, addr)]
	return w != nil && w.asked != 0
}

// release processes and sends what waited for a peer. What has no path yet goes
// on waiting.
func (e *Endpoint) release(p *peer) {
	t := &e.waiting
	t.mu.Lock()
	w := t.byKey[keyOf(p.local, p.addr)]
	if w == nil {
		t.mu.Unlock()
		return
	}
	in, meet := w.in, w.meet
	w.in, w.meet = nil, netip.AddrPort{}
	t.packets -= len(in)
	var out []waitingOut
	now := e.now()
	if _, _, ok := e.way(p, now); ok || len(w.out) == 0 {
		out = w.out
		t.remove(w)
	}
	t.mu.Unlock()
	if meet.IsValid() {
		budget := unlimited
		e.try(p, meet, &budget, now)
	}
	for _, x := range in {
		select {
		case e.greet <- x.stranger:
			e.crowd.queued[x.bucket].Add(1)
		default:
			e.drop(DropWaiting)
		}
	}
	for _, x := range out {
		if r, relayed, ok := e.way(p, now); ok {
			e.sendOver(p, r, relayed, x.verb, x.payload, packet.CipherSalsa, x.id, x.handler, now)
		}
	}
}

// tendWaiting drops what waited too long and asks again for the rest. For the
// sake of packets that came in it does so once: they may be forgeries, and for
// each no more than three times its size may go to a root.
func (e *Endpoint) tendWaiting(now int64) {
	t := &e.waiting
	var due []*waiting
	t.mu.Lock()
	for _, w := range t.byKey {
		t.expire(w, now, e)
		switch {
		case now >= w.until:
			t.remove(w)
		case now-w.asked < askEvery:
		case len(w.out) > 0, len(w.in) > 0 && !w.repeated:
			w.repeated = true
			due = append(due, w)
		}
	}
	t.mu.Unlock()
	for _, w := range due {
		if p := e.peers.get(w.local, w.addr); p != nil {
			e.release(p)
		} else {
			e.askWaiting(w, now)
		}
	}
}

// expire drops the packets of an entry that are too old; t.mu is held.
func (t *waitingTable) expire(w *waiting, now int64, e *Endpoint) {
	before := len(w.in) + len(w.out)
	w.in = slices.DeleteFunc(w.in, func(x waitingIn) bool { return now-x.at >= waitFor })
	w.out = slices.DeleteFunc(w.out, func(x waitingOut) bool { return now-x.at >= waitFor })
	gone := before - len(w.in) - len(w.out)
	t.packets -= gone
	e.count.dropped[DropWaiting].Add(uint64(gone))
}
