package model

import (
	"net/netip"
	"slices"

	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/netconf"
)

// OnlineWindow is how long after its last request a member counts as online
// (protocol 08 §10): nodes ask every 60 s.
const OnlineWindow = 120_000

// LowBandwidthFactor stretches OnlineWindow for nodes in low-bandwidth mode,
// which ask 64 times less often (protocol 08 §8).
const LowBandwidthFactor = 64

// DefaultRulesSource is the text of a new network's rules; NewNetwork holds
// what it compiles to.
const DefaultRulesSource = `# Only IPv4, ARP and IPv6 frames may travel on this network.
drop
	not ethertype ipv4
	and not ethertype arp
	and not ethertype ipv6
;

# Remove the # from the next three lines to drop traffic whose source address
# was not assigned to its sender.
#drop
#	not chr ipauth
#;

# Everything else is accepted.
accept;
`

// NewNetwork returns a network with the settings that Central gives to an empty
// request (api-behaviour §10), made at time now.
func NewNetwork(id zt.NetworkID, ownerID string, now int64) *Network {
	return &Network{
		ID:                 id,
		OwnerID:            ownerID,
		Private:            true,
		EnableBroadcast:    true,
		MTU:                DefaultMTU,
		MulticastLimit:     DefaultMulticastLimit,
		Routes:             []Route{},
		Pools:              []Pool{},
		V4:                 V4AssignMode{ZT: true},
		RulesSource:        DefaultRulesSource,
		Rules:              defaultRules(),
		Tags:               []NetworkTag{},
		Capabilities:       []Capability{},
		TagsByName:         []byte("{}"),
		CapabilitiesByName: map[string]uint32{},
		UI:                 []byte("{}"),
		CreationTime:       now,
		Revision:           1,
	}
}

// The settings of a new network that are numbers.
const (
	DefaultMTU            = 2800
	DefaultMulticastLimit = 32
)

// NewMember returns the record of a node that has just asked to join, or that a
// user adds, at time now.
func NewMember(network zt.NetworkID, node zt.Address, now int64) *Member {
	return &Member{
		Network:      network,
		Node:         node,
		Addresses:    []netip.Addr{},
		Tags:         []MemberTag{},
		Capabilities: []uint32{},
		CreationTime: now,
		Revision:     1,
	}
}

// Authorize lets a member in at time now. The first time it also gives the
// network's default tags and capabilities, which the member then owns: a later
// change of the defaults does not reach it.
func (m *Member) Authorize(n *Network, by string, now int64) {
	if m.Authorized {
		return
	}
	if m.LastAuthorizedTime == 0 {
		m.giveDefaults(n)
	}
	m.Authorized = true
	m.AuthorizedBy = by
	m.LastAuthorizedTime = now
}

// Deauthorize puts a member out at time now. Its addresses, tags and
// capabilities stay, for when it is let in again.
func (m *Member) Deauthorize(now int64) {
	if !m.Authorized {
		return
	}
	m.Authorized = false
	m.LastDeauthorizedTime = now
}

func (m *Member) giveDefaults(n *Network) {
	for _, c := range n.capabilitiesInForce() {
		if c.Default && !slices.Contains(m.Capabilities, c.ID) && len(m.Capabilities) < netconf.MaxCapabilities {
			m.Capabilities = append(m.Capabilities, c.ID)
		}
	}
	for _, tag := range n.tagsInForce() {
		has := slices.ContainsFunc(m.Tags, func(t MemberTag) bool { return t.ID == tag.ID })
		if tag.Default != nil && !has && len(m.Tags) < netconf.MaxTags {
			m.Tags = append(m.Tags, MemberTag{ID: tag.ID, Value: *tag.Default})
		}
	}
	slices.SortFunc(m.Tags, byTagID)
}

// defaultRules is what DefaultRulesSource compiles to: three matches that are
// negated, of the ethertypes IPv4, ARP and IPv6, then drop, then accept.
func defaultRules() []netconf.Rule {
	rules, _ := netconf.ParseRules([]byte{
		0xa5, 2, 0x08, 0x00,
		0xa5, 2, 0x08, 0x06,
		0xa5, 2, 0x86, 0xdd,
		0, 0,
		1, 0,
	})
	return rules
}
