// Package controller decides who is on a network: it takes the configuration
// requests of nodes, admits members, gives them addresses, signs what they
// need, tells them at once when something changes, and puts them out (protocol
// 08). It reads and writes the store and speaks through a VL1 endpoint; it
// knows nothing of HTTP or users.
//
// The way of a request: Receive (request.go) passes the gate and queues it to a
// worker by node, the worker admits the member (admit.go), builds the answer
// (answer.go) and sends it. Changes made by others arrive as events (events.go)
// and end in pushes (push.go), revocations (revoke.go) or both.
//
// Lock order: network.loadMu, then Controller.mu, then network.mu, then
// member.mu, then the locks of small things (destinations, receipts, agenda,
// seenBuffer, presenceWatch), of which one at most is held, then
// revocationLog.mu. presenceWatch.turning comes before all; network.bookMu is
// taken alone.
package controller

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/internal/store"
	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/identity"
	"github.com/orrery-net/orrery/zt/packet"
)

// Node is what the controller needs of its VL1 endpoint. All methods are safe
// for concurrent use and do not block; *vl1.Endpoint is one.
type Node interface {
	Send(local, to zt.Address, v packet.Verb, payload []byte) (packetID uint64, err error)
	SendOK(local, to zt.Address, inRe packet.Verb, inReID uint64, rest []byte) error
	SendError(local, to zt.Address, inRe packet.Verb, inReID uint64, code packet.ErrorCode, rest []byte) error
	Contact(local zt.Address, id *identity.Identity, endpoint netip.AddrPort)
	Trust(local, addr zt.Address)
}

// Options are the parts a controller is made of.
type Options struct {
	Identity *identity.Identity // with its private key; its address is in every network id
	Store    *store.Store
	Node     Node
	Logger   *slog.Logger
	Now      func() time.Time // nil: time.Now

	// MaxMembers bounds the members held in memory; 0 means 262 144. Members of
	// whom nothing was heard for long make room first.
	MaxMembers int
	// MaxPending bounds the nodes that are listed as asking to join one network
	// without ever having been authorized; 0 means 10 000.
	MaxPending int
}

// Controller controls the networks whose ids begin with its identity's address.
// All methods are safe for concurrent use.
type Controller struct {
	identity   *identity.Identity
	address    zt.Address
	store      *store.Store
	node       Node
	log        *slog.Logger
	now        func() time.Time
	issue      *issueClock
	position   int64 // of the last event before New read what there is
	agenda     *agenda
	maxMembers int
	maxPending int

	gate    gate
	workers []chan job
	slow    chan struct{} // a place for each request that waits for the store
	hash    maphash.Seed
	counts  counters
	seen    seenBuffer
	watch   presenceWatch

	waiting      sync.WaitGroup // jobs that wait for the store
	entered      atomic.Int64   // members in memory, of all networks
	limited      atomic.Int64   // of these, whose nodes cannot hold all of the rules
	destinations destinations
	receipts     receipts

	mu       sync.RWMutex
	networks map[zt.NetworkID]*network // every network that exists or existed
}

const (
	defaultMaxMembers = 1 << 18
	defaultMaxPending = 10_000
	// workerQueue is how many requests wait for one worker; more are dropped,
	// and nodes repeat them.
	workerQueue = 1024
	// slowPlaces is how many requests may wait for the store at a time.
	slowPlaces = 256
	// lastWrites is the time that a stop gives to what is still to be written.
	lastWrites = 2 * time.Second
)

// New loads what the controller must know from the start. Nothing runs before
// Run.
func New(ctx context.Context, o Options) (*Controller, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.MaxMembers == 0 {
		o.MaxMembers = defaultMaxMembers
	}
	if o.MaxPending == 0 {
		o.MaxPending = defaultMaxPending
	}
	c := &Controller{
		identity:   o.Identity,
		address:    o.Identity.Address(),
		store:      o.Store,
		node:       o.Node,
		log:        o.Logger,
		now:        o.Now,
		agenda:     newAgenda(o.Now),
		maxMembers: o.MaxMembers,
		maxPending: o.MaxPending,
		slow:       make(chan struct{}, slowPlaces),
		hash:       maphash.MakeSeed(),
		networks:   make(map[zt.NetworkID]*network),
	}
	c.seen.waiting = make(map[memberKey]model.Seen)
	c.destinations.all = make(map[zt.Address]*destination)
	c.receipts.waiting = make(map[uint64]receipt)
	for range max(2, runtime.GOMAXPROCS(0)) {
		c.workers = append(c.workers, make(chan job, workerQueue))
	}
	var err error
	if c.issue, err = openIssueClock(ctx, o.Store, o.Now); err != nil {
		return nil, err
	}
	if ahead := c.issue.Ahead(); ahead > clockBehind {
		c.log.Warn("the clock is behind the certificates issued earlier; set the clock, or members that are offline may need minutes to be accepted again", "behind", ahead.Round(time.Second))
	}
	if c.position, err = o.Store.LastEvent(ctx); err != nil {
		return nil, fmt.Errorf("find the last event: %w", err)
	}
	ids, err := o.Store.EveryNetworkID(ctx)
	if err != nil {
		return nil, fmt.Errorf("list networks: %w", err)
	}
	for _, id := range ids {
		if id.Controller() == c.address {
			c.networks[id] = c.newNetwork(id)
		}
	}
	return c, nil
}

// SetNode gives the controller its endpoint, which needs the controller first.
// Call it before Run.
func (c *Controller) SetNode(n Node) { c.node = n }

// Run works until ctx ends, then writes what has not been written yet.
func (c *Controller) Run(ctx context.Context) error {
	var all sync.WaitGroup
	for _, queue := range c.workers {
		all.Go(func() { c.work(ctx, queue) })
	}
	all.Go(func() { c.agenda.run(ctx) })
	all.Go(func() { c.follow(ctx, c.position) })
	all.Go(func() { c.flushSeen(ctx) })
	all.Go(func() { c.watch.run(ctx, c.now) })
	all.Go(func() { c.housekeep(ctx) })
	all.Wait()
	c.waiting.Wait()
	c.noteAll()

	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWrites)
	defer cancel()
	return errors.Join(c.writeSeen(last), c.issue.settle(last))
}

// housekeep moves the reserved issue time and lets go of what is idle.
func (c *Controller) housekeep(ctx context.Context) {
	tick := time.NewTicker(issueRenewal)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := c.issue.reserve(ctx); err != nil && ctx.Err() == nil {
				c.log.Error("cannot reserve issue times", "error", err)
			}
			c.sweep()
		}
	}
}

// network returns a network that exists or existed, nil otherwise.
func (c *Controller) network(id zt.NetworkID) *network {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.networks[id]
}
