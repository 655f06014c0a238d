package centralapi

import (
	"encoding/json"
	"net/netip"

	"github.com/orrery-net/orrery/internal/central"
	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/netconf"
)

// network is Central's Network object, its keys in Central's order
// (api-behaviour §9).
type network struct {
	ID                    string                 `json:"id"`
	Type                  string                 `json:"type"`
	Clock                 int64                  `json:"clock"`
	Config                networkConfig          `json:"config"`
	Description           string                 `json:"description"`
	RulesSource           string                 `json:"rulesSource"`
	Permissions           map[string]permissions `json:"permissions"` // null in lists
	OwnerID               string                 `json:"ownerId"`
	OnlineMemberCount     int                    `json:"onlineMemberCount"` // 0 in lists
	AuthorizedMemberCount int                    `json:"authorizedMemberCount"`
	TotalMemberCount      int                    `json:"totalMemberCount"`
	CapabilitiesByName    map[string]uint32      `json:"capabilitiesByName"`
	TagsByName            json.RawMessage        `json:"tagsByName"`
	UI                    json.RawMessage        `json:"ui"` // null in lists
}

type networkConfig struct {
	AuthTokens        *empty         `json:"authTokens"` // always null
	CreationTime      int64          `json:"creationTime"`
	Capabilities      []capability   `json:"capabilities"`
	EnableBroadcast   bool           `json:"enableBroadcast"`
	ID                string         `json:"id"`
	IPAssignmentPools []pool         `json:"ipAssignmentPools"`
	LastModified      int64          `json:"lastModified"`
	MTU               int            `json:"mtu"`
	MulticastLimit    int            `json:"multicastLimit"`
	Name              string         `json:"name"`
	Private           bool           `json:"private"`
	RemoteTraceLevel  int            `json:"remoteTraceLevel"`
	RemoteTraceTarget *zt.Address    `json:"remoteTraceTarget"`
	Routes            []managedRoute `json:"routes"`
	Rules             []netconf.Rule `json:"rules"`
	Tags              []networkTag   `json:"tags"`
	V4AssignMode      v4AssignMode   `json:"v4AssignMode"`
	V6AssignMode      v6AssignMode   `json:"v6AssignMode"`
	DNS               dns            `json:"dns"`
	SSOConfig         ssoConfig      `json:"ssoConfig"`
	// Description repeats the network's: the documented examples read it here.
	Description string `json:"description"`
}

type permissions struct {
	A bool `json:"a"` // authorize members
	D bool `json:"d"` // delete
	M bool `json:"m"` // modify
	R bool `json:"r"` // read
}

type capability struct {
	Default bool           `json:"default"`
	ID      uint32         `json:"id"`
	Rules   []netconf.Rule `json:"rules"`
}

type pool struct {
	Start netip.Addr `json:"ipRangeStart"`
	End   netip.Addr `json:"ipRangeEnd"`
}

type managedRoute struct {
	Target netip.Prefix `json:"target"`
	Via    netip.Addr   `json:"via,omitzero"`
}

type networkTag struct {
	Default *uint32 `json:"default"`
	ID      uint32  `json:"id"`
}

type v4AssignMode struct {
	ZT bool `json:"zt"`
}

type v6AssignMode struct {
	SixPlane bool `json:"6plane"`
	RFC4193  bool `json:"rfc4193"`
	ZT       bool `json:"zt"`
}

type dns struct {
	Domain  string       `json:"domain"`
	Servers []netip.Addr `json:"servers"` // null when nothing is configured
}

type ssoConfig struct {
	Enabled   bool     `json:"enabled"`
	Mode      string   `json:"mode"`
	ClientID  string   `json:"clientId,omitempty"`
	AllowList []string `json:"allowList,omitempty"`
}

// networkOf is the object that an operation on one network answers with.
func networkOf(n central.NetworkStatus, clock int64) network {
	return network{
		ID:                    n.ID.String(),
		Type:                  "Network",
		Clock:                 clock,
		Config:                networkConfigOf(n.Network),
		Description:           n.Description,
		RulesSource:           n.RulesSource,
		Permissions:           permissionsOf(n.Network),
		OwnerID:               n.OwnerID,
		OnlineMemberCount:     n.Online,
		AuthorizedMemberCount: n.Authorized,
		TotalMemberCount:      n.Total,
		CapabilitiesByName:    n.CapabilitiesByName,
		TagsByName:            n.TagsByName,
		UI:                    n.UI,
	}
}

// permissionsOf is what users may do, by id: the owner everything.
func permissionsOf(n *model.Network) map[string]permissions {
	all := make(map[string]permissions, len(n.Grants)+1)
	for id, r := range n.Grants {
		all[id] = permissions{A: r.Authorize, D: r.Delete, M: r.Modify, R: r.Read}
	}
	all[n.OwnerID] = permissions{A: true, D: true, M: true, R: true}
	return all
}

// listedNetworkOf is the object as it is in lists.
func listedNetworkOf(n central.NetworkStatus, clock int64) network {
	o := networkOf(n, clock)
	o.Permissions, o.UI, o.OnlineMemberCount = nil, nil, 0
	return o
}

func networkConfigOf(n *model.Network) networkConfig {
	return networkConfig{
		CreationTime: n.CreationTime,
		Capabilities: each(n.Capabilities, func(c model.Capability) capability {
			return capability{Default: c.Default, ID: c.ID, Rules: orNone(c.Rules)}
		}),
		EnableBroadcast:   n.EnableBroadcast,
		ID:                n.ID.String(),
		IPAssignmentPools: each(n.Pools, func(p model.Pool) pool { return pool(p) }),
		LastModified:      n.LastModified,
		MTU:               n.MTU,
		MulticastLimit:    n.MulticastLimit,
		Name:              n.Name,
		Private:           n.Private,
		RemoteTraceLevel:  n.TraceLevel,
		RemoteTraceTarget: traceTarget(n.TraceTarget),
		Routes:            each(n.Routes, func(r model.Route) managedRoute { return managedRoute(r) }),
		Rules:             orNone(n.Rules),
		Tags:              each(n.Tags, func(t model.NetworkTag) networkTag { return networkTag{Default: t.Default, ID: t.ID} }),
		V4AssignMode:      v4AssignMode(n.V4),
		V6AssignMode:      v6AssignMode(n.V6),
		DNS:               dnsOf(n.DNS),
		SSOConfig:         ssoConfig(n.SSO),
		Description:       n.Description,
	}
}

func dnsOf(d model.DNS) dns {
	if d.IsZero() {
		return dns{}
	}
	return dns{Domain: d.Domain, Servers: orNone(d.Servers)}
}

func traceTarget(a zt.Address) *zt.Address {
	if a == 0 {
		return nil
	}
	return &a
}

// each makes one value of another; the result is never nil, which would be null
// in an answer.
func each[A, B any](all []A, of func(A) B) []B {
	made := make([]B, len(all))
	for i, a := range all {
		made[i] = of(a)
	}
	return made
}

func orNone[A any](all []A) []A {
	if all == nil {
		return []A{}
	}
	return all
}

func (q *request) listNetworks() error {
	all, err := q.api.service.Networks(q.r.Context(), q.caller)
	if err != nil {
		return err
	}
	clock := q.api.service.Now()
	if form := q.negotiate(); form != asJSON {
		return q.sendNetworksAsCSV(all, clock, form)
	}
	return answer(q, each(all, func(n central.NetworkStatus) network { return listedNetworkOf(n, clock) }))
}

func (q *request) createNetwork() error {
	p, err := readBody(q, q.readNetworkPatch)
	if err != nil {
		return err
	}
	n, err := q.api.service.CreateNetwork(q.r.Context(), q.caller, p.apply)
	return q.answerChange(n, p, err)
}

func (q *request) getNetwork(id zt.NetworkID) error {
	n, err := q.api.service.Network(q.r.Context(), q.caller, id)
	return q.answerNetwork(n, err)
}

func (q *request) updateNetwork(id zt.NetworkID) error {
	p, err := readBody(q, q.readNetworkPatch)
	if err != nil {
		return err
	}
	n, err := q.api.service.UpdateNetwork(q.r.Context(), q.caller, id, p.apply)
	return q.answerChange(n, p, err)
}

func (q *request) deleteNetwork(id zt.NetworkID) error {
	return q.done(q.api.service.DeleteNetwork(q.r.Context(), q.caller, id))
}

func (q *request) answerChange(n central.NetworkStatus, made *networkPatch, err error) error {
	if err == nil {
		made.writeTo(q.w.Header())
	}
	return q.answerNetwork(n, err)
}

func (q *request) answerNetwork(n central.NetworkStatus, err error) error {
	if err != nil {
		return err
	}
	return answer(q, networkOf(n, q.api.service.Now()))
}
