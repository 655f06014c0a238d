// Package member is a small ZeroTier node that joins networks: it asks a
// controller for its configuration, checks and keeps what comes back, confirms
// it and obeys revocations, as protocol 05 and 06 say nodes do. It moves no
// Ethernet frames. Tests, load generators and `orrery doctor` are made of it.
//
// A Host is one UDP socket with any number of nodes on it.
package member

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/identity"
	"github.com/orrery-net/orrery/zt/netconf"
	"github.com/orrery-net/orrery/zt/packet"
	"github.com/orrery-net/orrery/zt/vl1"
	"github.com/orrery-net/orrery/zt/world"
)

// Config is what a Host is made from. Nodes and Conn are mandatory.
type Config struct {
	Nodes  []*identity.Identity // with private keys
	Conn   vl1.Conn
	Planet *world.World // how controllers are found
	// OnPlanet, if set, is told of a newer planet that a root handed out and that
	// is used from then on. It is called from one goroutine.
	OnPlanet func(*world.World)
	Logger   *slog.Logger // nil: nothing is logged
	Now      func() time.Time
	// Manual leaves it to the caller to send requests; otherwise every
	// membership asks when a node would (protocol 08 §8).
	Manual bool
	// AllowLoopback makes loopback addresses usable as endpoints.
	AllowLoopback bool
}

// The intervals at which nodes look at their networks and renew what they hold
// (protocol 08 §8).
const (
	lookEvery  = 5 * time.Second
	renewAfter = 60 * time.Second
)

// The software version that members announce.
var announced = vl1.Version{Major: 1, Minor: 14, Revision: 2}

// Host is a socket with nodes. All methods are safe for concurrent use.
type Host struct {
	config   Config
	endpoint *vl1.Endpoint
	nodes    map[zt.Address]*Node
	received atomic.Uint64
}

// New makes a Host. It does nothing before Run.
func New(config Config) (*Host, error) {
	if config.Now == nil {
		config.Now = time.Now
	}
	h := &Host{config: config, nodes: make(map[zt.Address]*Node)}
	for _, id := range config.Nodes {
		h.nodes[id.Address()] = &Node{host: h, identity: id, memberships: make(map[zt.NetworkID]*Membership)}
	}
	var err error
	h.endpoint, err = vl1.New(vl1.Config{
		Identities:    config.Nodes,
		Conn:          config.Conn,
		Planet:        config.Planet,
		OnPlanet:      config.OnPlanet,
		Handler:       h,
		Logger:        config.Logger,
		Now:           config.Now,
		Version:       announced,
		AllowLoopback: config.AllowLoopback,
	})
	if err != nil {
		return nil, fmt.Errorf("make a member: %w", err)
	}
	return h, nil
}

// Run works until ctx ends.
func (h *Host) Run(ctx context.Context) error {
	if h.config.Manual {
		return h.endpoint.Run(ctx)
	}
	ctx, cancel := context.WithCancel(ctx)
	var looking sync.WaitGroup
	looking.Go(func() { h.look(ctx) })
	err := h.endpoint.Run(ctx)
	cancel()
	looking.Wait()
	return err
}

// look renews configurations as nodes do.
func (h *Host) look(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for _, n := range h.nodes {
			for _, m := range n.all() {
				if m.due(h.config.Now()) {
					m.Request()
				}
			}
		}
	}
}

// Node returns a node by its address, nil if the host has none such.
func (h *Host) Node(a zt.Address) *Node { return h.nodes[a] }

// Endpoint is the VL1 endpoint that the host's nodes share.
func (h *Host) Endpoint() *vl1.Endpoint { return h.endpoint }

// Receive implements vl1.Handler.
func (h *Host) Receive(in *vl1.Inbound) {
	n := h.nodes[in.Local.Address()]
	if n == nil {
		return
	}
	h.received.Add(1)
	switch in.Verb {
	case packet.VerbOK:
		if in.InRe == packet.VerbNetworkConfigRequest {
			n.receiveChunk(in, false)
		}
	case packet.VerbNetworkConfig:
		n.receiveChunk(in, true)
	case packet.VerbError:
		n.receiveError(in)
	case packet.VerbNetworkCredentials:
		n.receiveCredentials(in)
	}
}

// Node is one node of a host.
type Node struct {
	host     *Host
	identity *identity.Identity

	mu          sync.Mutex
	memberships map[zt.NetworkID]*Membership
	// lastCredentials is when revocations were last taken, by controller: nodes
	// drop what comes sooner than 1000 ms after (protocol 06 §8).
	lastCredentials map[zt.Address]time.Time
}

// Address is the node's address.
func (n *Node) Address() zt.Address { return n.identity.Address() }

// Join makes the node a member of a network and sends the first request. Joining
// again returns the same membership.
func (n *Node) Join(network zt.NetworkID) *Membership {
	n.mu.Lock()
	m := n.memberships[network]
	if m == nil {
		m = &Membership{
			node:    n,
			network: network,
			state:   State{Status: Requesting},
			changed: make(chan struct{}),
			revoked: make(map[zt.Address]int64),
		}
		n.memberships[network] = m
	}
	n.mu.Unlock()
	m.Request()
	return m
}

// Leave forgets a network.
func (n *Node) Leave(network zt.NetworkID) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.memberships, network)
}

func (n *Node) all() []*Membership {
	n.mu.Lock()
	defer n.mu.Unlock()
	all := make([]*Membership, 0, len(n.memberships))
	for _, m := range n.memberships {
		all = append(all, m)
	}
	return all
}

func (n *Node) membership(network zt.NetworkID) *Membership {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.memberships[network]
}

func (n *Node) receiveChunk(in *vl1.Inbound, pushed bool) {
	chunk, err := netconf.ParseChunk(in.Payload)
	if err != nil {
		return
	}
	m := n.membership(chunk.Network)
	if m == nil || in.Peer.Address() != chunk.Network.Controller() {
		return
	}
	if !m.take(chunk, in.Peer) || !pushed {
		return
	}
	receipt := chunk.Network.Append(nil)
	for shift := 56; shift >= 0; shift -= 8 {
		receipt = append(receipt, byte(chunk.UpdateID>>shift))
	}
	// The receipt goes out in the name of ECHO (protocol 02 §6.13).
	_ = n.host.endpoint.SendOK(n.Address(), in.Peer.Address(), packet.VerbEcho, in.PacketID, receipt)
}

func (n *Node) receiveError(in *vl1.Inbound) {
	if len(in.Payload) < zt.NetworkIDLen {
		return
	}
	network := zt.NetworkIDFrom(in.Payload)
	m := n.membership(network)
	if m == nil || in.Peer.Address() != network.Controller() {
		return
	}
	switch in.ErrorCode {
	case packet.ErrorObjectNotFound, packet.ErrorUnsupportedOperation:
		m.set(func(s *State) { s.Status = NotFound })
	case packet.ErrorNetworkAccessDenied:
		m.set(func(s *State) { s.Status = AccessDenied })
	}
}

// controlledBy reports whether a is the controller of one of the networks; n.mu
// is held.
func (n *Node) controlledBy(a zt.Address) bool {
	for network := range n.memberships {
		if network.Controller() == a {
			return true
		}
	}
	return false
}

func (n *Node) receiveCredentials(in *vl1.Inbound) {
	const limit = 1000 * time.Millisecond
	now := n.host.config.Now()
	n.mu.Lock()
	if n.lastCredentials == nil {
		n.lastCredentials = make(map[zt.Address]time.Time)
	}
	tooSoon := now.Sub(n.lastCredentials[in.Peer.Address()]) < limit
	known := n.controlledBy(in.Peer.Address())
	if known && !tooSoon {
		n.lastCredentials[in.Peer.Address()] = now
	}
	n.mu.Unlock()
	if !known || tooSoon {
		return
	}
	given, err := netconf.ParseCredentials(in.Payload)
	if err != nil {
		return
	}
	for i := range given.Revocations {
		r := given.Revocations[i]
		m := n.membership(r.Network)
		if m != nil && r.Network.Controller() == in.Peer.Address() && r.Verify(in.Peer) {
			m.revoke(r)
		}
	}
}

// Status is what a node shows for a network.
type Status string

// The statuses that a membership can have.
const (
	Requesting   Status = "REQUESTING_CONFIGURATION"
	OK           Status = "OK"
	AccessDenied Status = "ACCESS_DENIED"
	NotFound     Status = "NOT_FOUND"
)

// State is a membership at one moment.
type State struct {
	Status  Status
	Config  *netconf.Config // the last one taken, also after an error; nil before the first
	Configs int             // how many were taken
	Taken   time.Time       // when the last one was
}

// Addresses are those of the configuration in force.
func (s State) Addresses() []netip.Prefix {
	if s.Config == nil {
		return nil
	}
	return s.Config.Addresses
}

// Membership is a node's membership of a network. All methods are safe for
// concurrent use.
type Membership struct {
	node    *Node
	network zt.NetworkID

	mu         sync.Mutex
	state      State
	changed    chan struct{} // closed and replaced at each change
	assembling netconf.Reassembly
	revoked    map[zt.Address]int64 // certificates up to this time are void, ms
}

// Request asks the controller for the configuration now.
func (m *Membership) Request() {
	asked := netconf.Request{Network: m.network, Metadata: metadata()}
	m.mu.Lock()
	if c := m.state.Config; c != nil {
		asked.Revision, asked.Timestamp = c.Revision, c.Timestamp
	}
	m.mu.Unlock()
	_, _ = m.node.host.endpoint.Send(m.node.Address(), m.network.Controller(), packet.VerbNetworkConfigRequest, asked.Append(nil))
}

func metadata() netconf.Dictionary {
	return netconf.Metadata{
		ConfigVersion: netconf.ConfigVersion, Vendor: 1, Protocol: 12,
		Major: int(announced.Major), Minor: int(announced.Minor), Revision: int(announced.Revision),
		MaxRules: netconf.MaxRules, MaxCapabilities: netconf.MaxCapabilities,
		MaxRulesPerCapability: netconf.MaxRulesPerCapability, MaxTags: netconf.MaxTags,
		RulesEngine: 1,
	}.Append(nil)
}

// State returns the membership as it is now.
func (m *Membership) State() State {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.state
}

// Revoked returns the time, in ms, up to which the certificates of another
// member are void.
func (m *Membership) Revoked(other zt.Address) int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.revoked[other]
}

// ErrGaveUp is returned by Wait when its context ends.
var ErrGaveUp = errors.New("gave up waiting")

// Wait returns as soon as ok holds for the membership. It is asked at once and
// after every change.
func (m *Membership) Wait(ctx context.Context, ok func(State) bool) (State, error) {
	for {
		m.mu.Lock()
		state, changed := m.state, m.changed
		m.mu.Unlock()
		if ok(state) {
			return state, nil
		}
		select {
		case <-ctx.Done():
			return state, fmt.Errorf("%w: node %s on %s shows %s", ErrGaveUp, m.node.Address(), m.network, state.Status)
		case <-changed:
		}
	}
}

func (m *Membership) set(change func(*State)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change(&m.state)
	m.notify()
}

// notify wakes those who wait. Called with m.mu held.
func (m *Membership) notify() {
	close(m.changed)
	m.changed = make(chan struct{})
}

// take adds a chunk and reports whether it completed a configuration for this
// node.
func (m *Membership) take(chunk netconf.Chunk, controller *identity.Identity) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	dictionary, complete := m.assembling.Add(chunk, controller)
	if !complete {
		return false
	}
	config, err := netconf.ParseConfig(dictionary)
	if err != nil || config.CheckFor(m.network, m.node.Address()) != nil {
		return false
	}
	m.state = State{Status: OK, Config: config, Configs: m.state.Configs + 1, Taken: m.node.host.config.Now()}
	m.notify()
	return true
}

func (m *Membership) revoke(r *netconf.Revocation) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r.Threshold > m.revoked[r.Target] {
		m.revoked[r.Target] = r.Threshold
		m.notify()
	}
}

// due reports whether a node would ask now. A little chance keeps thousands of
// nodes on one host from asking in the same moment.
func (m *Membership) due(now time.Time) bool {
	s := m.State()
	return s.Status != OK || now.Sub(s.Taken) >= renewAfter-time.Duration(rand.Int64N(int64(lookEvery)))
}
