package vl1

import (
	"context"
	"hash/maphash"
	"net/netip"
	"slices"
	"sync/atomic"

	"golang.org/x/time/rate"

	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/packet"
)

// What unknown senders may cost. The first queue leads to work of about 0.1 ms
// (a key agreement), the second to work of about 15 ms (a validation).
const (
	greetQueue    = 1024
	greetShare    = greetQueue / 2 // of one source network
	validateQueue = 256
	relayedShare  = validateQueue / 2 // of what comes from the addresses of roots
	crowdBuckets  = 4096
)

// stranger is work for the goroutines that serve the unknown: a packet whose
// sender is not known (or is known with another identity, or is hidden by
// extended armor), or, without a packet, an address that somebody asked for.
type stranger struct {
	local  *local
	packet packet.Packet
	addr   zt.Address // if there is no packet
	arrival
	bucket uint16
	key    *packet.Key // for validation: of the identity in the HELLO
}

// crowd keeps a single source network from taking all the time there is for
// unknown senders. Source networks are hashed into buckets.
type crowd struct {
	queued [crowdBuckets]atomic.Int32
	paces  [crowdBuckets]*rate.Limiter // only the greeting goroutine uses them
	pace   *rate.Limiter               // of all validations
	seed   maphash.Seed
	warn   rate.Sometimes // strangers must not fill the log
}

func (c *crowd) bucket(ip netip.Addr) uint16 {
	bits := 48
	if ip.Is4() {
		bits = 24
	}
	network, _ := ip.Prefix(bits)
	return uint16(maphash.Comparable(c.seed, network) % crowdBuckets)
}

// admit copies a packet into the queue of strangers if there is room for it and
// its source network.
func (e *Endpoint) admit(s stranger) {
	s.bucket = e.crowd.bucket(s.remote.Addr())
	queued := &e.crowd.queued[s.bucket]
	if len(e.greet) == cap(e.greet) || queued.Load() >= greetShare {
		e.drop(DropStrangers)
		return
	}
	s.packet = slices.Clone(s.packet)
	queued.Add(1)
	select {
	case e.greet <- s:
	default:
		queued.Add(-1)
		e.drop(DropStrangers)
	}
}

// greetStrangers serves the queue of strangers until ctx is done.
func (e *Endpoint) greetStrangers(ctx context.Context) {
	r := e.newReceiver()
	for {
		select {
		case <-ctx.Done():
			return
		case s := <-e.greet:
			e.crowd.queued[s.bucket].Add(-1)
			r.now = e.now()
			r.greet(s)
		}
	}
}

func (r *receiver) greet(s stranger) {
	e := r.e
	if s.packet == nil {
		if e.recall(s.local, s.addr) == nil {
			e.ask(s.local, s.addr, r.now)
		}
		return
	}
	if s.packet.Cipher() == packet.CipherNone && s.packet.Extended() {
		plain, err := packet.OpenExtended(s.packet, s.local.id)
		if err != nil {
			e.drop(DropAuth)
			return
		}
		s.packet = plain
	}
	src := s.packet.Source()
	if src.IsReserved() || e.locals[src] != nil {
		e.drop(DropMalformed)
		return
	}
	p := e.recall(s.local, src)
	switch {
	case s.packet.Cipher() == packet.CipherNone && s.packet.Verb() == packet.VerbHello:
		r.greetHello(p, s)
	case p != nil:
		r.fromPeer(p, s.packet, s.arrival)
	default:
		e.keepIncoming(s, r.now)
	}
}

// recall returns a peer that is known, or was known and stored.
func (e *Endpoint) recall(l *local, addr zt.Address) *peer {
	if p := e.find(l, addr); p != nil {
		return p
	}
	if e.cfg.Lookup == nil || addr.IsReserved() || e.locals[addr] != nil {
		return nil
	}
	id := e.cfg.Lookup(addr)
	if id == nil || id.Address() != addr {
		return nil
	}
	return e.learn(l, id)
}

// greetHello takes a HELLO whose sender is unknown or differs from the one we
// know under its address. The cheap test, its MAC, comes first (protocol 03 §2.1).
func (r *receiver) greetHello(p *peer, s stranger) {
	e := r.e
	h, err := packet.ParseHello(s.packet.Payload())
	if err != nil || h.Identity.Address() != s.packet.Source() {
		e.drop(DropMalformed)
		return
	}
	if p != nil && p.id.Equal(h.Identity) {
		r.fromPeer(p, s.packet, s.arrival)
		return
	}
	k48, err := s.local.id.Agree(h.Identity)
	if err != nil {
		e.drop(DropIdentity)
		return
	}
	key := packet.NewKey(k48)
	if err := key.Open(s.packet); err != nil {
		e.drop(DropAuth)
		return
	}
	if h.Protocol < protocolMin {
		e.drop(DropVersion)
		return
	}
	// What an upstream relays comes from many sources.
	relayed := s.hops > 0 && e.topology.Load().provenUpstream(s.local, s.remote.Addr(), r.now)
	if relayed && len(e.validate) >= relayedShare || !relayed && !e.crowd.mayLearn(s.bucket, &e.cfg, r) {
		e.drop(DropPaced)
		return
	}
	if p != nil {
		r.refuse(p, key, s)
		return
	}
	s.key = key
	select {
	case e.validate <- s:
	default:
		e.drop(DropPaced)
	}
}

func (c *crowd) mayLearn(bucket uint16, cfg *Config, r *receiver) bool {
	if c.paces[bucket] == nil {
		c.paces[bucket] = rate.NewLimiter(rate.Limit(cfg.ValidationsPerSource), cfg.ValidationBurst)
	}
	return c.paces[bucket].AllowN(r.e.cfg.Now(), 1)
}

// refuse tells a node that its address belongs to another one: the first comes
// first. The answer is sealed with the key of the identity that is refused.
func (r *receiver) refuse(known *peer, key *packet.Key, s stranger) {
	e := r.e
	e.drop(DropCollision)
	e.crowd.warn.Do(func() {
		e.log.Warn("a node uses the address of another one", "address", known.addr, "from", s.remote)
	})
	buf := e.buffers.small()
	pk := packet.New(buf[:0], known.addr, s.local.addr, packet.VerbError)
	pk = append(appendOK(pk, packet.VerbHello, s.id), byte(packet.ErrorIdentityCollision))
	key.Seal(pk, packet.CipherSalsa)
	e.enqueue(outgoing{buf: buf, n: len(pk), route: s.route})
}

// validateStrangers validates the identities of strangers until ctx is done, at
// a pace that leaves time for the peers that are known.
func (e *Endpoint) validateStrangers(ctx context.Context) {
	r := e.newReceiver()
	for {
		select {
		case <-ctx.Done():
			return
		case s := <-e.validate:
			if e.find(s.local, s.packet.Source()) == nil {
				if e.crowd.pace.Wait(ctx) != nil {
					return
				}
			}
			r.now = e.now()
			r.introduceStranger(s)
		}
	}
}

// introduceStranger validates the identity in a HELLO, unless the same one came
// before, and answers.
func (r *receiver) introduceStranger(s stranger) {
	e := r.e
	p := e.find(s.local, s.packet.Source())
	if p == nil {
		h, err := packet.ParseHello(s.packet.Payload())
		if err != nil {
			e.drop(DropMalformed)
			return
		}
		e.count.validations.Add(1)
		if err := h.Identity.Validate(); err != nil {
			e.drop(DropIdentity)
			return
		}
		if p = e.learn(s.local, h.Identity); p == nil {
			e.drop(DropCollision)
			return
		}
		p.keyCache.CompareAndSwap(nil, s.key)
	}
	r.fromPeer(p, s.packet, s.arrival)
}
