// Package vl1 is an endpoint of ZeroTier's virtual layer 1: the peers it knows,
// the paths on which it reaches them, its upstreams, and, if one of its
// identities is a root of the planet, what a root does for others (protocol 02,
// 03 and 04). Several identities share one socket; packets are told apart by
// their destination address.
//
// It knows nothing of networks: packets of virtual layer 2 are handed to a
// Handler. It stores nothing: identities and the planet come from outside. It
// opens no socket (ListenUDP does, for those who want one) and has no clock of
// its own.
//
// The way of a packet: a receiving goroutine reads a batch of datagrams
// (receive.go), relays those for others (relay.go), puts fragments together,
// opens packets of known peers and answers them or hands them to the Handler,
// all without waiting for anything. Whatever takes long — packets of strangers,
// whose keys must be computed and identities validated — goes through bounded
// queues to goroutines of its own (strangers.go). Sending seals at once and
// queues for one writing goroutine (send.go). One more goroutine does what must
// be done from time to time (upkeep.go).
package vl1

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/identity"
	"github.com/orrery-net/orrery/zt/packet"
	"github.com/orrery-net/orrery/zt/world"
)

// protocolVersion is what we announce: the first one whose peers use AES with
// us (protocol 01 §7).
const protocolVersion = 12

// Config is what an Endpoint is made from. Identities and Conn are mandatory.
type Config struct {
	Identities []*identity.Identity // with private keys, different addresses; at least one
	Conn       Conn                 // closed when Run returns
	Planet     *world.World         // nil: no upstreams and no root duties
	OnPlanet   func(*world.World)   // a newer planet was accepted from a root; called from one goroutine
	Handler    Handler              // nil: packets of layer 2 are dropped

	// Lookup returns an identity stored earlier, or nil. What it returns is
	// never validated again. It may take its time: it is called from a single
	// goroutine that only serves unknown senders and destinations.
	Lookup func(zt.Address) *identity.Identity
	// AllowMulticast decides whether a node may take part in the multicast of a
	// network whose controller is one of Identities; nil means never. Other
	// networks are served if we are a root. It must not block.
	AllowMulticast func(zt.NetworkID, zt.Address) bool

	Logger  *slog.Logger     // nil: nothing is logged
	Now     func() time.Time // nil: time.Now. It must not be set back
	Version Version          // the software version announced; Protocol is ignored

	// AllowLoopback makes loopback addresses usable as endpoints, which real
	// nodes never do (protocol 03 §4.2).
	AllowLoopback bool

	// Limits; 0 means the default that is given.
	MaxPeers                int     // 262144 peers, besides upstreams
	MaxStrangers            int     // 65536 of them never trusted
	MaxMulticast            int     // 262144 (group, member) pairs, at most half of them of foreign networks
	MaxMulticastPerMember   int     // 256 groups of one member
	SendQueue               int     // 8192 datagrams
	ValidationsPerSecond    float64 // 40 new identities validated, at most one core's worth
	ValidationsPerSource    float64 // 10 of one IPv4 /24 or IPv6 /48, after a burst
	ValidationBurst         int     // 64
	RelayBytesPerSecond     float64 // 16 MiB from one IPv4 address or IPv6 /64, and as much at once
	Receivers               int     // GOMAXPROCS goroutines that read
	AllowUntrustedPushPaths bool    // act on PUSH_DIRECT_PATHS of any known peer, as reference nodes do
}

func (c *Config) setDefaults() {
	setDefault(&c.MaxPeers, 1<<18)
	setDefault(&c.MaxStrangers, 1<<16)
	setDefault(&c.MaxMulticast, 1<<18)
	setDefault(&c.MaxMulticastPerMember, 256)
	setDefault(&c.SendQueue, 8192)
	setDefault(&c.ValidationsPerSecond, 40)
	setDefault(&c.ValidationsPerSource, 10)
	setDefault(&c.ValidationBurst, 64)
	setDefault(&c.RelayBytesPerSecond, 16<<20)
	setDefault(&c.Receivers, runtime.GOMAXPROCS(0))
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	c.Version.Protocol = protocolVersion
}

func setDefault[T int | float64](v *T, d T) {
	if *v <= 0 {
		*v = d
	}
}

// Handler takes what vl1 does not handle itself.
type Handler interface {
	// Receive is called for each authenticated packet with one of the verbs
	// NETWORK_CONFIG_REQUEST, NETWORK_CONFIG, NETWORK_CREDENTIALS, FRAME,
	// EXT_FRAME, MULTICAST_FRAME, REMOTE_TRACE and USER_MESSAGE, for each OK to
	// a request sent with Endpoint.Send, and for every ERROR, also those that
	// nobody asked for. It runs on a receiving goroutine, several at once: it
	// must be safe for concurrent use and must not block. in and all it points
	// to, except the identities, are valid only during the call. A packet may
	// come more than once: there is no replay protection in VL1.
	Receive(in *Inbound)
}

// Inbound is a packet for the Handler.
type Inbound struct {
	Local       *identity.Identity // the one of ours it was sent to
	Peer        *identity.Identity // the sender, authenticated
	PeerVersion Version            // zero while unknown
	PacketID    uint64
	Verb        packet.Verb
	Payload     []byte // decompressed; for OK and ERROR what follows the common fields
	Hops        int    // 0: came straight from the sender
	Remote      netip.AddrPort
	// For OK and ERROR: the request, as the sender of the answer names it, and
	// for an OK the verb that the request really had. (The answer to
	// NETWORK_CONFIG names ECHO, protocol 02 §6.13.)
	InRe      packet.Verb
	Asked     packet.Verb
	InReID    uint64
	ErrorCode packet.ErrorCode
}

// Endpoint is one socket with its identities and peers. All methods are safe
// for concurrent use and never wait for the network.
type Endpoint struct {
	cfg    Config
	log    *slog.Logger
	locals map[zt.Address]*local
	order  []*local

	start   time.Time
	startMS int64

	topology  atomic.Pointer[topology]
	planetMu  sync.Mutex // one change of the planet at a time
	peers     peerTable
	waiting   waitingTable
	multicast multicastTable
	relay     relayState
	surface   surfaceTable
	assembly  [16]assembly
	buffers   buffers
	count     counters

	outbox   chan outgoing
	greet    chan stranger
	validate chan stranger
	worlds   chan offeredWorld
	crowd    crowd
}

// local is one of our identities.
type local struct {
	index  int
	id     *identity.Identity
	public *identity.Identity // without the private key
	addr   zt.Address
}

// assembly collects fragments; which one is used depends on the packet id.
type assembly struct {
	mu  sync.Mutex
	set *packet.Assembler
}

// The bounds of one assembly: packets being put together, in all and from one
// source.
const (
	assemblySlots     = 64
	assemblyPerSource = 16
)

// New makes an Endpoint. It does nothing until Run is called, but Learn, Trust
// and the like work at once.
func New(cfg Config) (*Endpoint, error) {
	cfg.setDefaults()
	if cfg.Conn == nil {
		return nil, errors.New("vl1: no connection")
	}
	if len(cfg.Identities) == 0 {
		return nil, errors.New("vl1: no identity")
	}
	e := &Endpoint{
		cfg:      cfg,
		log:      cfg.Logger,
		locals:   make(map[zt.Address]*local, len(cfg.Identities)),
		start:    cfg.Now(),
		outbox:   make(chan outgoing, cfg.SendQueue),
		greet:    make(chan stranger, greetQueue),
		validate: make(chan stranger, validateQueue),
		worlds:   make(chan offeredWorld, 4),
	}
	e.startMS = e.start.UnixMilli()
	for i, id := range cfg.Identities {
		if !id.HasPrivate() {
			return nil, fmt.Errorf("vl1: identity %s has no private key", id.Address())
		}
		if e.locals[id.Address()] != nil {
			return nil, fmt.Errorf("vl1: identity %s is given twice", id.Address())
		}
		l := &local{index: i, id: id, public: id.Public(), addr: id.Address()}
		e.locals[l.addr] = l
		e.order = append(e.order, l)
	}
	e.peers.init(cfg.MaxPeers, cfg.MaxStrangers)
	e.waiting.init(&e.count.dropped[DropWaiting])
	e.multicast.init(cfg.MaxMulticast, cfg.MaxMulticastPerMember)
	e.relay.init(cfg.RelayBytesPerSecond)
	e.crowd.seed = maphash.MakeSeed()
	e.crowd.warn.Interval = time.Second
	e.crowd.pace = rate.NewLimiter(rate.Limit(cfg.ValidationsPerSecond), cfg.ValidationBurst)
	for i := range e.assembly {
		e.assembly[i].set = packet.NewAssembler(assemblySlots, assemblyPerSource)
	}
	e.SetPlanet(cfg.Planet)
	return e, nil
}

// Run serves until ctx is done, then closes the connection and returns nil when
// everything it started has ended. An error means that the connection failed.
func (e *Endpoint) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var all sync.WaitGroup
	all.Go(func() { e.write(ctx) })
	all.Go(func() { e.greetStrangers(ctx) })
	all.Go(func() { e.validateStrangers(ctx) })
	all.Go(func() { e.upkeep(ctx) })
	for range e.cfg.Receivers {
		all.Go(func() {
			if err := e.receive(); err != nil {
				cancel(err)
			}
		})
	}
	<-ctx.Done()
	e.cfg.Conn.Close()
	all.Wait()
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("reading datagrams: %w", err)
	}
	return nil
}

// now is the time in ms since 1970, counted from the start so that a clock that
// is set does not make paths look old.
func (e *Endpoint) now() int64 { return e.startMS + e.cfg.Now().Sub(e.start).Milliseconds() }

func (e *Endpoint) timeOf(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}

// Learn makes a node known to the identity local of ours. The caller knows id
// to be valid. If its address is known with another identity nothing changes.
func (e *Endpoint) Learn(local zt.Address, id *identity.Identity) {
	if l := e.locals[local]; l != nil && e.locals[id.Address()] == nil {
		e.learn(l, id)
	}
}

// learn returns the peer for an identity that is known to be valid, or nil if
// its address belongs to another one. Packets that waited for it go their ways.
func (e *Endpoint) learn(l *local, id *identity.Identity) *peer {
	p, added, evicted := e.peers.add(l, id.Public(), e.now())
	e.count.evicted.Add(uint64(evicted))
	if !added && !p.id.Equal(id) {
		return nil
	}
	if added {
		e.release(p)
	}
	return p
}

// Trust marks a peer as one to keep: it is evicted only after all strangers,
// and direct paths to it are kept open while there is traffic. A node that is
// not known to the identity local of ours, but to another one, becomes known.
func (e *Endpoint) Trust(local, addr zt.Address) {
	if l := e.locals[local]; l != nil {
		if p := e.find(l, addr); p != nil {
			e.peers.trust(p, e.now())
		}
	}
}

// Known returns the identity with an address, if one of our identities knows it
// or it is our own; nil otherwise. Stored identities are not looked up.
func (e *Endpoint) Known(addr zt.Address) *identity.Identity {
	if l := e.locals[addr]; l != nil {
		return l.public
	}
	for _, l := range e.order {
		if p := e.peers.get(l, addr); p != nil {
			return p.id
		}
	}
	return nil
}

// find returns the peer, making it known to l if another of our identities
// knows it; nil if none does.
func (e *Endpoint) find(l *local, addr zt.Address) *peer {
	if p := e.peers.get(l, addr); p != nil {
		return p
	}
	if len(e.order) == 1 || e.locals[addr] != nil {
		return nil
	}
	id := e.Known(addr)
	if id == nil {
		return nil
	}
	p := e.learn(l, id)
	for _, other := range e.order {
		if o := e.peers.get(other, addr); o != nil && p != nil && p.version.Load() == 0 {
			p.version.Store(o.version.Load())
		}
	}
	return p
}

// PeerStatus is how a peer is reached now.
type PeerStatus struct {
	Direct      bool           // there is a path that the peer answered on
	Endpoint    netip.AddrPort // of that path; not valid if relayed
	Version     Version        // zero while unknown
	LastReceive time.Time      // of anything, also relayed; zero if never
	Latency     time.Duration  // of that path, to the peer and back; 0 if unknown
}

// PeerStatus returns the state of a peer of the identity local of ours; false
// if it is not known.
func (e *Endpoint) PeerStatus(local, addr zt.Address) (PeerStatus, bool) {
	l := e.locals[local]
	if l == nil {
		return PeerStatus{}, false
	}
	p := e.peers.get(l, addr)
	if p == nil {
		return PeerStatus{}, false
	}
	now := e.now()
	s := PeerStatus{Version: unpackVersion(p.version.Load()), LastReceive: e.timeOf(p.lastReceive.Load())}
	if !s.fill(p, now) {
		if o := e.sibling(p, now); o != nil {
			s.fill(o, now)
		}
	}
	return s, true
}

func (s *PeerStatus) fill(p *peer, now int64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := p.bestIndex(now, 0)
	if i < 0 {
		return false
	}
	s.Direct, s.Endpoint = true, p.paths[i].remote
	s.Latency = max(0, time.Duration(p.paths[i].latency)*time.Millisecond)
	return true
}

// sibling returns the peer as which one of our root identities reaches the same
// node directly. All identities share the socket, so what works for one does
// for all.
func (e *Endpoint) sibling(p *peer, now int64) *peer {
	for _, l := range e.topology.Load().rootLocal {
		if l == p.local {
			continue
		}
		if o := e.peers.get(l, p.addr); o != nil && o.id.Equal(p.id) {
			if _, ok := o.best(now, 0); ok {
				return o
			}
		}
	}
	return nil
}
