package vl1

import (
	"errors"
	"net"
	"time"

	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/packet"
)

// receiver is the working memory of one goroutine that processes packets.
type receiver struct {
	e      *Endpoint
	now    int64
	plain  []byte // where packets are decompressed
	answer []byte // where payloads of answers are built
	in     Inbound
}

func (e *Endpoint) newReceiver() *receiver {
	return &receiver{e: e, plain: make([]byte, 0, packet.MaxLen)}
}

// arrival is a packet on its way through the endpoint: how it came, and what
// may be sent in return.
type arrival struct {
	route
	size   int    // bytes of the datagram that it came in, or that completed it
	hops   int    // 0: straight from its source
	id     uint64 // on the wire
	budget int    // bytes that may still be sent to where it came from
}

// maxFailures is how often in a row reading may fail: for about a minute.
const maxFailures = 650

// receive reads datagrams until the connection is closed.
func (e *Endpoint) receive() error {
	r := e.newReceiver()
	memory := make([]byte, batchSize*MaxDatagram)
	batch := make([]Datagram, batchSize)
	for failures := 0; ; {
		for i := range batch {
			batch[i].Data = memory[i*MaxDatagram : (i+1)*MaxDatagram : (i+1)*MaxDatagram]
		}
		n, err := e.cfg.Conn.ReadBatch(batch)
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			// Such as an ICMP answer to something we sent, or a moment without
			// memory. What never ends is an error of the connection.
			if failures++; failures > maxFailures {
				return err
			}
			time.Sleep(time.Duration(min(failures, 100)) * time.Millisecond)
			continue
		}
		failures = 0
		r.now = e.now()
		bytes := 0
		for i := range n {
			bytes += len(batch[i].Data)
			r.datagram(&batch[i])
		}
		e.count.receivedDatagrams.Add(uint64(n))
		e.count.receivedBytes.Add(uint64(bytes))
	}
}

// datagram tells datagrams apart (protocol 02 §1).
func (r *receiver) datagram(d *Datagram) {
	e := r.e
	if !d.Remote.IsValid() || d.Remote.Port() == 0 || len(d.Data) > packet.MaxLen {
		e.drop(DropMalformed)
		return
	}
	a := arrival{route: route{d.Remote, d.Local}, size: len(d.Data)}
	switch packet.Classify(d.Data) {
	case packet.KindPacket:
		p := packet.Packet(d.Data)
		src := p.Source()
		if e.locals[src] != nil {
			e.drop(DropSelf)
			return
		}
		l := e.locals[p.Destination()]
		if l == nil {
			r.relay(d.Data, a, p.Destination(), src, p.Hops())
			return
		}
		if p.IsHead() {
			r.part(l, d.Data, a)
			return
		}
		r.packet(l, p, a)
	case packet.KindFragment:
		f := packet.Fragment(d.Data)
		l := e.locals[f.Destination()]
		if l == nil {
			r.relay(d.Data, a, f.Destination(), 0, f.Hops())
			return
		}
		r.part(l, d.Data, a)
	case packet.KindBeacon, packet.KindNothing:
		// Openers of NAT and beacons of old nodes are part of normal life.
		if len(d.Data) != openerLen && len(d.Data) != beaconLen {
			e.drop(DropMalformed)
		}
	}
}

const beaconLen = 13

// part collects the head or a fragment of a packet for us.
func (r *receiver) part(l *local, datagram []byte, a arrival) {
	as := &r.e.assembly[datagram[7]%byte(len(r.e.assembly))]
	as.mu.Lock()
	whole, done := as.set.Add(r.e.cfg.Now(), a.remote, datagram)
	as.mu.Unlock()
	if !done {
		return
	}
	if r.e.locals[whole.Destination()] != l || r.e.locals[whole.Source()] != nil {
		r.e.drop(DropMalformed)
		return
	}
	r.packet(l, whole, a)
}

// packet processes a whole packet for l.
func (r *receiver) packet(l *local, pk packet.Packet, a arrival) {
	e := r.e
	src := pk.Source()
	a.hops, a.id = pk.Hops(), pk.ID()
	switch pk.Cipher() {
	case packet.CipherNone:
		if pk.Extended() {
			// A key agreement is due before anything else is known.
			e.admit(stranger{local: l, packet: pk, arrival: a})
			return
		}
	case packet.CipherSalsa, packet.CipherAES:
	default:
		e.drop(DropAuth)
		return
	}
	if src.IsReserved() {
		e.drop(DropMalformed)
		return
	}
	p := e.peers.get(l, src)
	if p == nil {
		e.admit(stranger{local: l, packet: pk, arrival: a})
		return
	}
	r.fromPeer(p, pk, a)
}

// fromPeer processes a packet that claims to come from a known peer.
func (r *receiver) fromPeer(p *peer, pk packet.Packet, a arrival) {
	e := r.e
	key, err := p.key()
	if err != nil {
		e.drop(DropIdentity)
		return
	}
	plainHello := pk.Cipher() == packet.CipherNone && pk.Verb() == packet.VerbHello
	if err := key.Open(pk); err != nil {
		if plainHello && differs(p, pk) {
			e.admit(stranger{local: p.local, packet: pk, arrival: a})
			return
		}
		e.drop(DropAuth)
		return
	}
	a.budget = e.budget(p, a.route, a.size, r.now)
	if plainHello {
		r.hello(p, pk.Payload(), &a)
		return
	}
	pk, err = packet.Decompress(r.plain, pk)
	if err != nil {
		e.drop(DropMalformed)
		return
	}
	r.dispatch(p, pk.Verb(), pk.Payload(), &a)
}

// differs reports whether a HELLO carries another identity than the one we know
// under its address.
func differs(p *peer, pk packet.Packet) bool {
	h, err := packet.ParseHello(pk.Payload())
	return err == nil && h.Identity.Address() == p.addr && !h.Identity.Equal(p.id)
}

// dispatch acts on an authenticated packet. Whatever its verb, it is a sign of
// life.
func (r *receiver) dispatch(p *peer, v packet.Verb, payload []byte, a *arrival) {
	switch v {
	case packet.VerbHello:
		r.hello(p, payload, a)
		return
	case packet.VerbOK:
		r.ok(p, payload, a)
		return
	}
	r.received(p, v, a)
	switch v {
	case packet.VerbEcho:
		r.echo(p, payload, a)
	case packet.VerbWhois:
		r.whois(p, payload, a)
	case packet.VerbError:
		r.err(p, payload, a)
	case packet.VerbRendezvous:
		r.rendezvous(p, payload)
	case packet.VerbPushDirectPaths:
		r.pushDirectPaths(p, payload, a)
	case packet.VerbMulticastLike:
		r.multicastLike(p, payload)
	case packet.VerbMulticastGather:
		r.multicastGather(p, payload, a)
	case packet.VerbNetworkConfigRequest, packet.VerbNetworkConfig, packet.VerbNetworkCredentials,
		packet.VerbFrame, packet.VerbExtFrame, packet.VerbMulticastFrame,
		packet.VerbRemoteTrace, packet.VerbUserMessage:
		r.deliver(p, v, payload, a)
	}
}

// deliver hands a packet to the Handler.
func (r *receiver) deliver(p *peer, v packet.Verb, payload []byte, a *arrival) {
	r.in = Inbound{Verb: v, Payload: payload}
	r.handle(p, a)
}

// handle completes r.in and calls the Handler.
func (r *receiver) handle(p *peer, a *arrival) {
	if r.e.cfg.Handler == nil {
		return
	}
	r.in.Local, r.in.Peer = p.local.id, p.id
	r.in.PeerVersion = unpackVersion(p.version.Load())
	r.in.PacketID, r.in.Hops, r.in.Remote = a.id, a.hops, a.remote
	r.e.cfg.Handler.Receive(&r.in)
}

// received notes a sign of life and, if it came straight, tests the way that it
// came if that is due (protocol 03 §4.1).
func (r *receiver) received(p *peer, v packet.Verb, a *arrival) {
	p.lastReceive.Store(r.now)
	if wakesPath(v) {
		p.lastActive.Store(r.now)
	}
	if a.hops != 0 {
		return
	}
	if p.heard(a.route, r.now, v == packet.VerbHello) {
		r.e.probe(p, a.route, &a.budget, r.now)
	}
}

// echo answers an ECHO.
func (r *receiver) echo(p *peer, payload []byte, a *arrival) {
	if !p.mayEcho(a.remote, r.now) {
		r.e.drop(DropRate)
		return
	}
	r.answer = append(appendOK(r.answer[:0], packet.VerbEcho, a.id), payload...)
	if len(r.answer) > maxPayload {
		r.e.drop(DropMalformed)
		return
	}
	r.e.reply(p, a.route, packet.VerbOK, r.answer, p.cipher(), &a.budget, r.now)
}

// ok takes an answer to something we asked (protocol 03 §3).
func (r *receiver) ok(p *peer, payload []byte, a *arrival) {
	e := r.e
	ok, err := packet.ParseOK(payload)
	if err != nil {
		e.drop(DropMalformed)
		return
	}
	x, found := p.asked(ok.InReID, r.now)
	if !found || x.verb != ok.InRe && !(x.verb == packet.VerbNetworkConfig && ok.InRe == packet.VerbEcho) {
		e.drop(DropUnasked)
		r.received(p, packet.VerbOK, a)
		return
	}
	if a.hops == 0 && x.to == a.remote && e.usable(p.addr, a.remote) {
		latency := int64(latencyUnknown)
		if x.verb == packet.VerbHello || x.verb == packet.VerbEcho {
			latency = r.now - x.at
		}
		var source *relaySource
		if len(e.topology.Load().rootLocal) > 0 {
			source = e.relay.sourceOf(a.remote.Addr(), r.now)
		}
		if p.proved(a.route, r.now, latency, source) {
			e.pathFound(p, a.route, r.now)
		}
		a.budget = unlimited
	}
	r.received(p, packet.VerbOK, a)
	switch x.verb {
	case packet.VerbHello:
		r.okHello(p, ok.Rest, a)
	case packet.VerbWhois:
		r.okWhois(p, ok.Rest)
	}
	if x.handler {
		r.in = Inbound{Verb: packet.VerbOK, Payload: ok.Rest, InRe: ok.InRe, InReID: ok.InReID, Asked: x.verb}
		r.handle(p, a)
	}
}

// err hands an ERROR to the Handler. Nothing vl1 does depends on one.
func (r *receiver) err(p *peer, payload []byte, a *arrival) {
	m, err := packet.ParseError(payload)
	if err != nil {
		r.e.drop(DropMalformed)
		return
	}
	if m.Code == packet.ErrorIdentityCollision && p.upstream.Load() {
		r.e.log.Error("a root knows our address with another identity; a new identity is needed",
			"root", p.addr, "address", p.local.addr)
	}
	r.in = Inbound{Verb: packet.VerbError, Payload: m.Rest, InRe: m.InRe, InReID: m.InReID, ErrorCode: m.Code}
	r.handle(p, a)
}

// whois answers for every address that we know, with one OK each, since nodes
// read only the first identity of an answer (protocol 02 §6.4).
func (r *receiver) whois(p *peer, payload []byte, a *arrival) {
	e := r.e
	most := whoisLeaf
	if e.topology.Load().isRoot(p.local) {
		most = whoisRoot
	} else if !p.passed(&p.whoisAt, r.now, whoisGate) {
		e.drop(DropRate)
		return
	}
	for ; len(payload) >= zt.AddressLen && most > 0; most-- {
		addr := zt.AddressFrom(payload)
		payload = payload[zt.AddressLen:]
		id := e.Known(addr)
		if id == nil {
			// The question may go on to a root, which has asked for nothing.
			const question = packet.HeaderLen + zt.AddressLen
			if !addr.IsReserved() && !p.upstream.Load() && a.budget >= question {
				a.budget -= question
				e.admit(stranger{local: p.local, addr: addr, arrival: arrival{route: a.route}})
			}
			continue
		}
		r.answer = id.AppendPublic(appendOK(r.answer[:0], packet.VerbWhois, a.id))
		if !e.reply(p, a.route, packet.VerbOK, r.answer, p.cipher(), &a.budget, r.now) {
			return
		}
	}
}

// How many addresses of one WHOIS are looked at.
const (
	whoisLeaf = 4
	whoisRoot = 64
)
