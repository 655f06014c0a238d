package vl1

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"

	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/packet"
)

var (
	// ErrNotLocal is returned for a sender that is none of our identities.
	ErrNotLocal = errors.New("sender is none of our identities")
	// ErrDestination is returned for a destination that cannot be sent to: a
	// reserved address, or one of our own.
	ErrDestination = errors.New("address cannot be sent to")
	// ErrTooLong is returned for a payload that does not fit into a packet.
	ErrTooLong = errors.New("payload too long for a packet")
)

// maxPayload is the size of the longest payload that can be sent, in bytes.
const maxPayload = packet.MaxSendLen - packet.HeaderLen

// buffer holds one datagram of at most packet.MTU bytes, or a short packet with
// room for what is appended to it.
type buffer [1536]byte

// outgoing is a datagram in the send queue.
type outgoing struct {
	buf *buffer
	n   int
	ttl uint8
	route
}

// largeBuffer holds one packet of any size before it is cut into fragments.
type largeBuffer [packet.MaxLen]byte

// buffers are the pools of an endpoint.
type buffers struct{ smalls, larges sync.Pool }

func (b *buffers) small() *buffer {
	if x, ok := b.smalls.Get().(*buffer); ok {
		return x
	}
	return new(buffer)
}

func (b *buffers) large() *largeBuffer {
	if x, ok := b.larges.Get().(*largeBuffer); ok {
		return x
	}
	return new(largeBuffer)
}

// Send sends a packet from one of our identities: directly if there is a path,
// otherwise through the best upstream. It never waits. If the destination is
// unknown, or there is no way to it yet, the packet is kept for 5 s while its
// identity is asked for; when queues are full it is dropped and counted, which
// is no error. Answers to it reach the Handler with the returned packet id as
// InReID, for 30 s. It is compressed if that saves a fragment and the verb is
// one that nodes compress.
// payload is not kept.
func (e *Endpoint) Send(local, to zt.Address, v packet.Verb, payload []byte) (packetID uint64, err error) {
	l := e.locals[local]
	switch {
	case l == nil:
		return 0, fmt.Errorf("sending %s from %s: %w", v, local, ErrNotLocal)
	case to.IsReserved() || e.locals[to] != nil:
		return 0, fmt.Errorf("sending %s to %s: %w", v, to, ErrDestination)
	case len(payload) > maxPayload:
		return 0, fmt.Errorf("sending %s of %d bytes: %w", v, len(payload), ErrTooLong)
	}
	p := e.find(l, to)
	if p == nil {
		return e.sendLater(l, to, v, payload), nil
	}
	return e.send(p, v, payload, true), nil
}

// SendOK answers a request (protocol 02 §6.3); otherwise it is like Send.
func (e *Endpoint) SendOK(local, to zt.Address, inRe packet.Verb, inReID uint64, rest []byte) error {
	return e.sendAnswer(local, to, packet.VerbOK, appendOK(nil, inRe, inReID), rest)
}

// SendError answers a request with an error, or tells one unasked; otherwise it
// is like Send.
func (e *Endpoint) SendError(local, to zt.Address, inRe packet.Verb, inReID uint64, code packet.ErrorCode, rest []byte) error {
	return e.sendAnswer(local, to, packet.VerbError, append(appendOK(nil, inRe, inReID), byte(code)), rest)
}

func (e *Endpoint) sendAnswer(local, to zt.Address, v packet.Verb, head, rest []byte) error {
	large := e.buffers.large()
	defer e.buffers.larges.Put(large)
	if len(head)+len(rest) > maxPayload {
		return fmt.Errorf("answering with %d bytes: %w", len(rest), ErrTooLong)
	}
	payload := append(append(large[:0], head...), rest...)
	_, err := e.Send(local, to, v, payload)
	return err
}

// appendOK writes the 9 bytes that all OK and ERROR payloads begin with.
func appendOK(b []byte, inRe packet.Verb, id uint64) []byte {
	return append(b, byte(inRe),
		byte(id>>56), byte(id>>48), byte(id>>40), byte(id>>32), byte(id>>24), byte(id>>16), byte(id>>8), byte(id))
}

// way returns the route for a packet to p, and whether it goes through a relay.
func (e *Endpoint) way(p *peer, now int64) (r route, relayed, ok bool) {
	if r, ok = p.bestForSend(now); ok {
		return r, false, true
	}
	if o := e.sibling(p, now); o != nil {
		if r, ok = o.bestForSend(now); ok {
			return r, false, true
		}
	}
	if u := e.topology.Load().bestUpstream(p.local, now, p); u != nil {
		if r, ok = u.peer.bestForSend(now); ok {
			return r, true, true
		}
	}
	return route{}, false, false
}

// send seals a packet and queues it, or keeps it until there is a way.
func (e *Endpoint) send(p *peer, v packet.Verb, payload []byte, handler bool) uint64 {
	now := e.now()
	if wakesPath(v) {
		p.lastActive.Store(now)
	}
	r, relayed, ok := e.way(p, now)
	if !ok {
		return e.keepOutgoing(p.local, p.addr, v, payload, handler)
	}
	return e.sendOver(p, r, relayed, v, payload, p.cipher(), 0, handler, now)
}

// sendOver seals a packet and queues it for a route. If id is not 0 it is the
// packet id to use, which only ciphers other than AES keep. It returns the
// packet id on the wire, 0 if nothing could be sent.
func (e *Endpoint) sendOver(p *peer, r route, relayed bool, v packet.Verb, payload []byte, c packet.Cipher, id uint64, handler bool, now int64) uint64 {
	key, err := p.key()
	if err != nil {
		e.drop(DropIdentity)
		return 0
	}
	if packet.HeaderLen+len(payload) <= packet.MTU {
		buf := e.buffers.small()
		pk := append(packet.New(buf[:0], p.addr, p.local.addr, v), payload...)
		pk = e.finish(p, key, pk, v, r, relayed, c, id, handler, now)
		wire := pk.ID()
		e.enqueue(outgoing{buf: buf, n: len(pk), route: r})
		return wire
	}
	large := e.buffers.large()
	defer e.buffers.larges.Put(large)
	pk := append(packet.New(large[:0], p.addr, p.local.addr, v), payload...)
	pk = e.finish(p, key, pk, v, r, relayed, c, id, handler, now)
	for part := range packet.Split(pk, packet.MTU) {
		buf := e.buffers.small()
		e.enqueue(outgoing{buf: buf, n: copy(buf[:], part), route: r})
	}
	return pk.ID()
}

// finish compresses, seals and remembers a packet.
func (e *Endpoint) finish(p *peer, key *packet.Key, pk packet.Packet, v packet.Verb, r route, relayed bool, c packet.Cipher, id uint64, handler bool, now int64) packet.Packet {
	if len(pk) > packet.MTU && compresses(v) {
		pk = packet.Compress(pk)
	}
	if id != 0 {
		putID(pk, id)
	}
	key.Seal(pk, c)
	if answered(v) {
		x := expected{id: pk.ID(), at: now, verb: v, handler: handler}
		if !relayed {
			x.to = r.remote
		}
		p.expect(x)
	}
	return pk
}

func putID(p packet.Packet, id uint64) {
	for i := range 8 {
		p[i] = byte(id >> (56 - 8*i))
	}
}

// compresses says for which verbs compression is worth its time: those whose
// payload is text or has a repeated structure (protocol 02 §4). It is done only
// to packets that would have to be cut otherwise.
func compresses(v packet.Verb) bool {
	switch v {
	case packet.VerbOK, packet.VerbNetworkConfigRequest, packet.VerbNetworkConfig, packet.VerbNetworkCredentials,
		packet.VerbMulticastLike, packet.VerbMulticastFrame, packet.VerbPushDirectPaths:
		return true
	}
	return false
}

// answered says which verbs may be answered with OK.
func answered(v packet.Verb) bool {
	switch v {
	case packet.VerbHello, packet.VerbEcho, packet.VerbWhois, packet.VerbNetworkConfigRequest, packet.VerbNetworkConfig,
		packet.VerbMulticastGather, packet.VerbMulticastFrame, packet.VerbExtFrame:
		return true
	}
	return false
}

// wakesPath says which verbs make a peer one whose direct path is kept open.
func wakesPath(v packet.Verb) bool {
	switch v {
	case packet.VerbFrame, packet.VerbExtFrame, packet.VerbNetworkConfigRequest, packet.VerbNetworkConfig, packet.VerbMulticastFrame:
		return true
	}
	return false
}

// reply sends a packet to the very endpoint that a request came from, within
// budget: an address that has not proven itself gets no more than three times as
// much as came from it, counting all answers.
func (e *Endpoint) reply(p *peer, r route, v packet.Verb, payload []byte, c packet.Cipher, budget *int, now int64) bool {
	size := packet.HeaderLen + len(payload)
	if size > *budget {
		e.drop(DropAmplify)
		return false
	}
	*budget -= size
	return e.sendOver(p, r, false, v, payload, c, 0, false, now) != 0
}

// amplification is how many times more than it sent an unproven address gets.
const amplification = 3

// unlimited is the budget of an address that has proven itself.
const unlimited = 1 << 20

// budget is how many bytes may be sent to where a datagram of size bytes came
// from. What comes from the address of a root may have been relayed by it, or be
// a forgery by anybody who knows the planet: there only trusted peers get more.
func (e *Endpoint) budget(p *peer, r route, size int, now int64) int {
	ip := r.remote.Addr()
	if p.proven(ip, now) || p.trusted.Load() && e.topology.Load().provenUpstream(p.local, ip, now) {
		return unlimited
	}
	return amplification * size
}

// enqueue hands a datagram to the writing goroutine, or drops it.
func (e *Endpoint) enqueue(o outgoing) {
	select {
	case e.outbox <- o:
	default:
		e.buffers.smalls.Put(o.buf)
		e.drop(DropSendQueue)
	}
}

// passOn queues a copy of a datagram that is relayed.
func (e *Endpoint) passOn(datagram []byte, r route) bool {
	if len(datagram) > len(buffer{}) {
		e.drop(DropMalformed)
		return false
	}
	buf := e.buffers.small()
	e.enqueue(outgoing{buf: buf, n: copy(buf[:], datagram), route: r})
	return true
}

// write sends what is queued until ctx is done.
func (e *Endpoint) write(ctx context.Context) {
	batch := make([]Datagram, 0, 2*batchSize)
	taken := make([]*buffer, 0, 2*batchSize)
	for {
		select {
		case <-ctx.Done():
			return
		case o := <-e.outbox:
			batch, taken = append(batch[:0], o.datagram()), append(taken[:0], o.buf)
		}
	fill:
		for len(batch) < cap(batch) {
			select {
			case o := <-e.outbox:
				batch, taken = append(batch, o.datagram()), append(taken, o.buf)
			default:
				break fill
			}
		}
		if !e.writeAll(batch) {
			return
		}
		for _, buf := range taken {
			e.buffers.smalls.Put(buf)
		}
	}
}

func (o *outgoing) datagram() Datagram {
	return Datagram{Data: o.buf[:o.n], Remote: o.remote, Local: o.local, TTL: o.ttl}
}

// writeAll sends a batch, passing over what the system does not take. It
// returns false when the connection is closed.
func (e *Endpoint) writeAll(batch []Datagram) bool {
	for len(batch) > 0 {
		n, err := e.cfg.Conn.WriteBatch(batch)
		bytes := 0
		for i := range n {
			bytes += len(batch[i].Data)
		}
		e.count.sentDatagrams.Add(uint64(n))
		e.count.sentBytes.Add(uint64(bytes))
		batch = batch[n:]
		if errors.Is(err, net.ErrClosed) {
			return false
		}
		if len(batch) > 0 {
			e.drop(DropWrite)
			batch = batch[1:]
		}
	}
	return true
}

func family(ip netip.Addr) int {
	if ip.Is4() {
		return 4
	}
	return 6
}
