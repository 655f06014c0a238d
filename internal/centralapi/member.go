package centralapi

import (
	"fmt"
	"net/netip"

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/zt"
)

// member is Central's Member object, its keys in Central's order (api-behaviour
// §13).
type member struct {
	ID                  string       `json:"id"`
	Type                string       `json:"type"`
	Clock               int64        `json:"clock"`
	NetworkID           string       `json:"networkId"`
	NodeID              string       `json:"nodeId"`
	ControllerID        string       `json:"controllerId"`
	Hidden              bool         `json:"hidden"`
	Name                string       `json:"name"`
	Online              bool         `json:"online"` // gone from Central in 2023, still read by clients
	Description         string       `json:"description"`
	Config              memberConfig `json:"config"`
	LastOnline          int64        `json:"lastOnline"`
	LastSeen            int64        `json:"lastSeen"`
	PhysicalAddress     *netip.Addr  `json:"physicalAddress"`
	PhysicalLocation    *empty       `json:"physicalLocation"` // always null
	ClientVersion       string       `json:"clientVersion"`
	ProtocolVersion     int          `json:"protocolVersion"`
	SupportsRulesEngine bool         `json:"supportsRulesEngine"`
	// IPAssignments repeats the configuration's: the documented examples read
	// it here.
	IPAssignments []netip.Addr `json:"ipAssignments"`
}

type memberConfig struct {
	ActiveBridge         bool         `json:"activeBridge"`
	Address              string       `json:"address"`
	Authorized           bool         `json:"authorized"`
	Capabilities         []uint32     `json:"capabilities"`
	CreationTime         int64        `json:"creationTime"`
	ID                   string       `json:"id"`
	Identity             string       `json:"identity"`
	IPAssignments        []netip.Addr `json:"ipAssignments"`
	LastAuthorizedTime   int64        `json:"lastAuthorizedTime"`
	LastDeauthorizedTime int64        `json:"lastDeauthorizedTime"`
	NoAutoAssignIPs      bool         `json:"noAutoAssignIps"`
	NetworkID            string       `json:"nwid"`
	ObjType              string       `json:"objtype"`
	RemoteTraceLevel     int          `json:"remoteTraceLevel"`
	RemoteTraceTarget    *zt.Address  `json:"remoteTraceTarget"`
	Revision             uint64       `json:"revision"`
	Tags                 [][2]uint32  `json:"tags"` // [id, value]; unset ones are left out
	VMajor               int          `json:"vMajor"`
	VMinor               int          `json:"vMinor"`
	VRev                 int          `json:"vRev"`
	VProto               int          `json:"vProto"`
	SSOExempt            bool         `json:"ssoExempt"`
}

func memberOf(s model.MemberStatus, clock int64) member {
	m := s.Member
	version := versionOf(s)
	networkID, nodeID := m.Network.String(), m.Node.String()
	addresses := orNone(m.Addresses)
	o := member{
		ID:           networkID + "-" + nodeID,
		Type:         "Member",
		Clock:        clock,
		NetworkID:    networkID,
		NodeID:       nodeID,
		ControllerID: networkID[:2*zt.AddressLen],
		Hidden:       m.Hidden,
		Name:         m.Name,
		Online:       s.Online,
		Description:  m.Description,
		Config: memberConfig{
			ActiveBridge:         m.ActiveBridge,
			Address:              nodeID,
			Authorized:           m.Authorized,
			Capabilities:         orNone(m.Capabilities),
			CreationTime:         m.CreationTime,
			ID:                   nodeID,
			Identity:             m.Identity,
			IPAssignments:        addresses,
			LastAuthorizedTime:   m.LastAuthorizedTime,
			LastDeauthorizedTime: m.LastDeauthorizedTime,
			NoAutoAssignIPs:      m.NoAutoAssignIPs,
			NetworkID:            networkID,
			ObjType:              "member",
			RemoteTraceLevel:     m.TraceLevel,
			RemoteTraceTarget:    traceTarget(m.TraceTarget),
			Revision:             m.Revision,
			Tags:                 tagPairs(m.Tags),
			VMajor:               version.Major,
			VMinor:               version.Minor,
			VRev:                 version.Revision,
			VProto:               version.Protocol,
			SSOExempt:            m.SSOExempt,
		},
		LastOnline:          s.Seen.Time,
		LastSeen:            s.Seen.Time,
		ClientVersion:       fmt.Sprintf("%d.%d.%d", version.Major, version.Minor, version.Revision),
		ProtocolVersion:     version.Protocol,
		SupportsRulesEngine: version.Major > 1 || version.Major == 1 && version.Minor >= 2,
		IPAssignments:       addresses,
	}
	if s.Seen.Endpoint.IsValid() {
		at := s.Seen.Endpoint.Addr().Unmap()
		o.PhysicalAddress = &at
	}
	return o
}

// versionOf is the version that Central shows in each state of a member
// (api-behaviour §13.3): zeros before the first contact, minus ones until the
// member was let in once.
func versionOf(s model.MemberStatus) model.Version {
	switch m := s.Member; {
	case m.Identity == "":
		return model.Version{}
	case !m.Authorized && m.LastAuthorizedTime == 0:
		return model.Version{Major: -1, Minor: -1, Revision: -1, Protocol: -1}
	}
	return s.Seen.Version
}

func tagPairs(tags []model.MemberTag) [][2]uint32 {
	pairs := make([][2]uint32, 0, len(tags))
	for _, t := range tags {
		if !t.Unset {
			pairs = append(pairs, [2]uint32{t.ID, t.Value})
		}
	}
	return pairs
}

func (q *request) getMember(id zt.NetworkID, node zt.Address) error {
	m, err := q.api.service.Member(q.r.Context(), q.caller, id, node)
	return q.answerMember(m, err)
}

func (q *request) updateMember(id zt.NetworkID, node zt.Address) error {
	body, err := q.body()
	if err != nil {
		return err
	}
	p, err := readMemberPatch(body)
	if err != nil {
		return invalid(err)
	}
	m, err := q.api.service.UpdateMember(q.r.Context(), q.caller, id, node, p.apply)
	return q.answerMember(m, err)
}

func (q *request) deleteMember(id zt.NetworkID, node zt.Address) error {
	if err := q.api.service.DeleteMember(q.r.Context(), q.caller, id, node); err != nil {
		return err
	}
	return answer(q, empty{})
}

func (q *request) answerMember(m model.MemberStatus, err error) error {
	if err != nil {
		return err
	}
	return answer(q, memberOf(m, q.api.service.Now()))
}
