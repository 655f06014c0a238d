// Package model holds Orrery's records — networks, members, users, tokens,
// events — and what makes them valid. The types are plain values: they know
// nothing of SQL, HTTP or packets, and a value that was handed out is never
// changed in place; whoever changes one works on a Clone.
//
// Times are milliseconds since 1970 (UTC); 0 means never. The json tags are the
// form in which the store keeps the records and in which events show changes;
// the shapes of Central's API are internal/centralapi's.
package model

import (
	"encoding/json"
	"maps"
	"net/netip"
	"slices"

	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/netconf"
)

// Network is one virtual network and its settings.
type Network struct {
	ID          zt.NetworkID `json:"id"`
	OwnerID     string       `json:"ownerId"`
	Name        string       `json:"name"`
	Description string       `json:"description"`

	Private         bool `json:"private"` // members need to be authorized
	EnableBroadcast bool `json:"enableBroadcast"`
	MTU             int  `json:"mtu"`            // bytes
	MulticastLimit  int  `json:"multicastLimit"` // recipients of one multicast frame

	Routes []Route      `json:"routes"`
	Pools  []Pool       `json:"ipAssignmentPools"`
	V4     V4AssignMode `json:"v4AssignMode"`
	V6     V6AssignMode `json:"v6AssignMode"`
	DNS    DNS          `json:"dns"`

	RulesSource        string            `json:"rulesSource"`
	Rules              []netconf.Rule    `json:"rules"`
	Tags               []NetworkTag      `json:"tags"`
	Capabilities       []Capability      `json:"capabilities"`
	TagsByName         json.RawMessage   `json:"tagsByName"`         // an object, opaque here
	CapabilitiesByName map[string]uint32 `json:"capabilitiesByName"` // name to capability id

	SSO SSO             `json:"ssoConfig"`
	UI  json.RawMessage `json:"ui"` // an object that interfaces keep here, opaque

	TraceTarget zt.Address `json:"remoteTraceTarget,omitzero"` // 0: none
	TraceLevel  int        `json:"remoteTraceLevel"`

	// Grants is what users other than the owner may do, by user id. All of them
	// are in the owner's organization.
	Grants map[string]Rights `json:"permissions,omitempty"`

	CreationTime int64  `json:"creationTime"`
	LastModified int64  `json:"lastModified"` // 0 until the first update
	DeletedTime  int64  `json:"deletedTime,omitzero"`
	Revision     uint64 `json:"revision"` // 1 at first, +1 with every stored change
}

// Route is a managed route. Via is the zero Addr for a route that is reached
// directly on the network.
type Route struct {
	Target netip.Prefix `json:"target"`
	Via    netip.Addr   `json:"via,omitzero"`
}

// Pool is a range of addresses for automatic assignment, both ends included.
type Pool struct {
	Start netip.Addr `json:"ipRangeStart"`
	End   netip.Addr `json:"ipRangeEnd"`
}

// V4AssignMode says how members get IPv4 addresses.
type V4AssignMode struct {
	ZT bool `json:"zt"` // from the pools
}

// V6AssignMode says how members get IPv6 addresses; any combination is allowed.
type V6AssignMode struct {
	SixPlane bool `json:"6plane"`
	RFC4193  bool `json:"rfc4193"`
	ZT       bool `json:"zt"` // from the pools
}

// DNS is what members are told about name servers.
type DNS struct {
	Domain  string       `json:"domain"`
	Servers []netip.Addr `json:"servers"`
}

// IsZero reports whether nothing is configured.
func (d DNS) IsZero() bool { return d.Domain == "" && len(d.Servers) == 0 }

// NetworkTag is a tag that the network's rules know. Default is nil when
// members do not get the tag unasked.
type NetworkTag struct {
	ID      uint32  `json:"id"`
	Default *uint32 `json:"default"`
}

// Capability is a named set of extra rules that members can be given.
type Capability struct {
	ID      uint32         `json:"id"`
	Default bool           `json:"default"` // given at first authorization
	Rules   []netconf.Rule `json:"rules"`
}

// SSO is the single-sign-on setting of a network, kept as it was written.
type SSO struct {
	Enabled   bool     `json:"enabled"`
	Mode      string   `json:"mode"`
	ClientID  string   `json:"clientId,omitempty"`
	AllowList []string `json:"allowList,omitempty"`
}

// Clone returns a deep copy.
func (n *Network) Clone() *Network {
	c := *n
	c.Routes = slices.Clone(n.Routes)
	c.Pools = slices.Clone(n.Pools)
	c.DNS.Servers = slices.Clone(n.DNS.Servers)
	c.Rules = slices.Clone(n.Rules)
	c.Tags = slices.Clone(n.Tags)
	for i, tag := range c.Tags {
		if tag.Default != nil {
			value := *tag.Default
			c.Tags[i].Default = &value
		}
	}
	c.Capabilities = slices.Clone(n.Capabilities)
	for i := range c.Capabilities {
		c.Capabilities[i].Rules = slices.Clone(c.Capabilities[i].Rules)
	}
	c.TagsByName = slices.Clone(n.TagsByName)
	c.CapabilitiesByName = maps.Clone(n.CapabilitiesByName)
	c.SSO.AllowList = slices.Clone(n.SSO.AllowList)
	c.UI = slices.Clone(n.UI)
	c.Grants = maps.Clone(n.Grants)
	return &c
}

// Member is a node's membership of a network, asked for or pre-created.
type Member struct {
	Network     zt.NetworkID `json:"networkId"`
	Node        zt.Address   `json:"nodeId"`
	Name        string       `json:"name"`
	Description string       `json:"description"`
	Hidden      bool         `json:"hidden"`

	Authorized      bool `json:"authorized"`
	ActiveBridge    bool `json:"activeBridge"`
	NoAutoAssignIPs bool `json:"noAutoAssignIps"`
	SSOExempt       bool `json:"ssoExempt"`

	Addresses    []netip.Addr `json:"ipAssignments"`
	Tags         []MemberTag  `json:"tags"`         // ascending by id
	Capabilities []uint32     `json:"capabilities"` // ids, also ones the network does not define

	// Identity is the text form of the public identity that the membership is
	// pinned to: the first one that asked with this address. Empty until then.
	Identity string `json:"identity,omitempty"`

	TraceTarget zt.Address `json:"remoteTraceTarget,omitzero"` // 0: none
	TraceLevel  int        `json:"remoteTraceLevel,omitzero"`

	CreationTime         int64  `json:"creationTime"`
	LastAuthorizedTime   int64  `json:"lastAuthorizedTime"`
	LastDeauthorizedTime int64  `json:"lastDeauthorizedTime"`
	AuthorizedBy         string `json:"authorizedBy,omitempty"` // AuthorizedByAPI or AuthorizedByPublic
	DeletedTime          int64  `json:"deletedTime,omitzero"`
	Revision             uint64 `json:"revision"` // 1 at first, +1 with every stored change
}

// Who or what authorized a member.
const (
	AuthorizedByAPI    = "api"    // a user
	AuthorizedByPublic = "public" // the network was public when the member asked
)

// MemberTag is a tag's value for one member. Unset withholds the tag from the
// member even if the network has a default for it.
type MemberTag struct {
	ID    uint32 `json:"id"`
	Value uint32 `json:"value"`
	Unset bool   `json:"unset,omitempty"`
}

// Clone returns a deep copy.
func (m *Member) Clone() *Member {
	c := *m
	c.Addresses = slices.Clone(m.Addresses)
	c.Tags = slices.Clone(m.Tags)
	c.Capabilities = slices.Clone(m.Capabilities)
	return &c
}

// Version is the software of a node as it last announced it.
type Version struct {
	Major    int `json:"major"`
	Minor    int `json:"minor"`
	Revision int `json:"revision"`
	Protocol int `json:"protocol"`
}

// Seen is what changes all the time about a member: kept in memory first,
// written in batches, and allowed to be lost.
type Seen struct {
	Network zt.NetworkID `json:"networkId"`
	Node    zt.Address   `json:"nodeId"`
	Time    int64        `json:"time"` // the last request
	// Endpoint is where the node is on the physical network, known only while it
	// talks to the controller directly; the zero AddrPort keeps an earlier one.
	Endpoint netip.AddrPort `json:"endpoint,omitzero"`
	Version  Version        `json:"version"`
}

// MemberStatus is a member together with when and how it was last seen.
type MemberStatus struct {
	Member *Member
	Seen   Seen // Time 0: never
	Online bool
}

// OnlineChange says that a member came online or went offline.
type OnlineChange struct {
	Network zt.NetworkID
	Node    zt.Address
	Online  bool
	Time    int64 // of the change, ms since 1970
}
