package controller

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/internal/store"
	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/identity"
	"github.com/orrery-net/orrery/zt/netconf"
)

// network is a network in memory. One that was deleted stays as an entry
// without a snapshot, to tell members that come back.
type network struct {
	id zt.NetworkID

	snapshot atomic.Pointer[snapshot]    // nil until loaded, and once deleted
	counted  atomic.Pointer[onlineCount] // nil: count anew

	revocations revocationLog

	loadMu sync.Mutex // held while the store is read, so never by who must not block
	loaded bool

	mu      sync.Mutex
	pending int // members that are not authorized; pendingUnknown to count them anew
	members map[zt.Address]*member
	pushDue bool   // a push to all members is on the agenda
	pushNo  uint64 // of the latest push to all

	bookMu sync.Mutex
	book   *addressBook // nil until an address is needed
}

// snapshot is a network as it is at one moment, ready to be sent. What it says
// does not change.
type snapshot struct {
	record   *model.Network
	template *netconf.Template // what is equal for all members
	bridges  []zt.Address      // members that may bridge, ascending
	window   int64             // credential time delta, ms
	// grants is the same value in successive snapshots while it says the same:
	// certificates made from it may be reused.
	grants *grants

	// variants are templates for nodes that cannot have the one for all, made at
	// the first need.
	variantsMu sync.Mutex
	variants   map[variant]*netconf.Template
}

// grants is what a network gives its members to go with its rules.
type grants struct {
	tags         map[uint32]uint32 // the defaults by id
	capabilities map[uint32]*model.Capability
}

// grantsOf reads a network's tags and capabilities, of several with one id the
// last (protocol 10 §13.4).
func grantsOf(n *model.Network) *grants {
	g := &grants{tags: make(map[uint32]uint32), capabilities: make(map[uint32]*model.Capability)}
	for _, t := range n.Tags {
		delete(g.tags, t.ID)
		if t.Default != nil {
			g.tags[t.ID] = *t.Default
		}
	}
	for i := range n.Capabilities {
		g.capabilities[n.Capabilities[i].ID] = &n.Capabilities[i]
	}
	return g
}

// equal reports whether members get the same certificates: which capabilities
// new members are given is not certified.
func (g *grants) equal(other *grants) bool {
	return maps.Equal(g.tags, other.tags) && maps.EqualFunc(g.capabilities, other.capabilities, func(a, b *model.Capability) bool {
		return slices.Equal(a.Rules, b.Rules)
	})
}

// credentialWindow is by how much the times of two members' certificates may
// differ, in ms (protocol 08 §2).
const credentialWindow = 30 * 60 * 1000

// reuseWindow is for how long a member's certificates are used again, in ms.
const reuseWindow = credentialWindow / 4

func (c *Controller) newNetwork(id zt.NetworkID) *network {
	return &network{id: id, pending: pendingUnknown, members: make(map[zt.Address]*member)}
}

// load reads a network and what has to be known of its members from the store,
// once. It returns nil and no error for a network that was deleted.
func (c *Controller) load(ctx context.Context, n *network) (*snapshot, error) {
	if s := n.snapshot.Load(); s != nil {
		return s, nil
	}
	n.loadMu.Lock()
	defer n.loadMu.Unlock()
	if n.loaded {
		return n.snapshot.Load(), nil
	}
	s, err := c.readSnapshot(ctx, n.id, nil)
	switch {
	case errors.Is(err, store.ErrNotFound): // it was deleted
	case err != nil:
		return nil, err
	default:
		if err := c.recall(ctx, n, s); err != nil {
			return nil, err
		}
		n.snapshot.Store(s)
	}
	n.loaded = true
	return s, nil
}

// recall brings back what an earlier run knew: who was online, and who was put
// out within the credential window. Called with n.loadMu held.
func (c *Controller) recall(ctx context.Context, n *network, s *snapshot) error {
	now := c.now().UnixMilli()
	out, err := c.store.DeauthorizedSince(ctx, now-revocationLife-c.clockDoubt())
	if err != nil {
		return fmt.Errorf("list members put out lately: %w", err)
	}
	for _, m := range out {
		if m.Network == n.id && !m.Authorized {
			c.addRevocations(n, m.Node, c.issue.Threshold(), membership)
		}
	}
	stale, err := c.recallWithdrawn(ctx, n, s)
	if err != nil {
		return err
	}
	seen, err := c.store.Seen(ctx, n.id)
	if err != nil {
		return fmt.Errorf("read who was online: %w", err)
	}
	var greetings []greeting
	for _, at := range seen {
		if now-at.Time > model.OnlineWindow {
			continue
		}
		m := c.meet(n, at.Node)
		if _, err := c.loadMember(ctx, n, m); err != nil {
			return err
		}
		m.mu.Lock()
		if m.record != nil && m.record.Identity != "" {
			if id, err := identity.ParseText(m.record.Identity); err == nil {
				m.identity = id
				greetings = append(greetings, greeting{id, at.Endpoint})
			}
		}
		if m.record != nil && m.record.DeletedTime == 0 {
			c.setSeen(n, m, at)
		}
		m.mu.Unlock()
	}
	c.greet(greetings)
	c.pushPortions(n, 0, n.all(func(m *member) bool { return stale[m.node] && m.online(now) }))
	return nil
}

// greeting is a node and where it was not long ago.
type greeting struct {
	id *identity.Identity
	at netip.AddrPort
}

// greet has the endpoint find nodes where they were, a portion at a time.
func (c *Controller) greet(all []greeting) {
	portion := all[:min(len(all), pushPortion)]
	for _, g := range portion {
		c.node.Contact(c.address, g.id, g.at)
	}
	if rest := all[len(portion):]; len(rest) > 0 {
		c.agenda.after(pushPause, func() { c.greet(rest) })
	}
}

// clockDoubt is by how much the recorded times of deauthorizations may be too
// early, in ms: a day if the clock was set back, because certificates then stay
// in force for longer than the clock shows.
func (c *Controller) clockDoubt() int64 {
	if c.issue.Ahead() > clockBehind {
		return 24 * 60 * 60 * 1000
	}
	return 0
}

// readSnapshot reads a network from the store; previous is the snapshot that
// the new one replaces, if any.
func (c *Controller) readSnapshot(ctx context.Context, id zt.NetworkID, previous *snapshot) (*snapshot, error) {
	record, err := c.store.Network(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("read network %s: %w", id, err)
	}
	bridges, err := c.store.ActiveBridges(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("read bridges of %s: %w", id, err)
	}
	s := &snapshot{record: record, bridges: bridges, window: credentialWindow}
	s.grants = grantsOf(record)
	if previous != nil && previous.grants.equal(s.grants) {
		s.grants = previous.grants
	}
	s.template = netconf.NewTemplate(sharedConfig(record, bridges, s.window))
	return s, nil
}

// sharedConfig is the part of a configuration that all members of a network
// have in common (protocol 08 §2).
func sharedConfig(n *model.Network, bridges []zt.Address, window int64) *netconf.Config {
	shared := &netconf.Config{
		Network:        n.ID,
		MaxDelta:       window,
		Revision:       n.Revision,
		MulticastLimit: n.MulticastLimit,
		Public:         !n.Private,
		Name:           n.Name,
		MTU:            n.MTU,
		Rules:          netconf.FitRules(n.Rules, netconf.MaxRules, rulesEngine),
		DNS:            netconf.DNS{Domain: n.DNS.Domain, Servers: n.DNS.Servers},
	}
	for _, r := range n.Routes {
		shared.Routes = append(shared.Routes, netconf.Route{Target: r.Target, Via: r.Via})
	}
	for _, b := range bridges[:min(len(bridges), netconf.MaxSpecialists)] {
		shared.Specialists = append(shared.Specialists, netconf.Specialist{Address: b, Roles: netconf.RoleActiveBridge})
	}
	return shared
}

// withBook runs f with the network's address book, loading it at the first
// need.
func (c *Controller) withBook(ctx context.Context, n *network, f func(*addressBook)) error {
	n.bookMu.Lock()
	defer n.bookMu.Unlock()
	if n.book == nil {
		book := newAddressBook()
		taken := make(map[zt.Address][]addr)
		err := c.store.Addresses(ctx, n.id, func(a addr, node zt.Address) error {
			taken[node] = append(taken[node], a)
			return nil
		})
		if err != nil {
			return fmt.Errorf("read the addresses of %s: %w", n.id, err)
		}
		for node, all := range taken {
			book.set(node, all)
		}
		n.book = book
	}
	f(n.book)
	return nil
}
