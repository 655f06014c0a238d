package centralapi

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"testing"

	"pgregory.net/rapid"

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/zt"
)

// member is what appendMember writes, as a type: recordings are read into it, and
// encoding/json's form of it is the measure.
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
		at := s.Seen.Endpoint.Addr().Unmap().WithZone("")
		o.PhysicalAddress = &at
	}
	return o
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

func drawMember(t *rapid.T) model.MemberStatus {
	address := rapid.Custom(func(t *rapid.T) netip.Addr {
		switch rapid.IntRange(0, 3).Draw(t, "kind of address") {
		case 0:
			return netip.Addr{}
		case 1:
			return netip.AddrFrom4([4]byte(rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "IPv4")))
		case 2:
			return netip.AddrFrom16(netip.AddrFrom4([4]byte(rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "mapped"))).As16())
		}
		return netip.AddrFrom16([16]byte(rapid.SliceOfN(rapid.SampledFrom([]byte{0, 0, 1}), 16, 16).Draw(t, "IPv6")))
	})
	number := rapid.Int64()
	version := rapid.IntRange(-1, 20)
	flag := rapid.Bool()
	m := &model.Member{
		Network: zt.NetworkID(rapid.Uint64().Draw(t, "network")), Node: zt.Address(rapid.Uint64Range(0, 1<<40-1).Draw(t, "node")),
		Name: drawBytes(t), Description: drawBytes(t), Identity: rapid.SampledFrom([]string{"", "66a5132aaf:0:00", drawBytes(t)}).Draw(t, "identity"),
		Hidden: flag.Draw(t, "hidden"), Authorized: flag.Draw(t, "authorized"), ActiveBridge: flag.Draw(t, "bridge"),
		NoAutoAssignIPs: flag.Draw(t, "noAuto"), SSOExempt: flag.Draw(t, "exempt"),
		Addresses:    rapid.SliceOfN(address, 0, 4).Draw(t, "addresses"),
		Capabilities: rapid.SliceOfN(rapid.Uint32(), 0, 4).Draw(t, "capabilities"),
		TraceTarget:  zt.Address(rapid.SampledFrom([]uint64{0, 1, 0xa1b2c3d4e5}).Draw(t, "trace")), TraceLevel: version.Draw(t, "level"),
		CreationTime: number.Draw(t, "created"), LastAuthorizedTime: number.Draw(t, "in"), LastDeauthorizedTime: number.Draw(t, "out"),
		Revision: rapid.Uint64().Draw(t, "revision"),
		Tags: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) model.MemberTag {
			return model.MemberTag{ID: rapid.Uint32().Draw(t, "tag"), Value: rapid.Uint32().Draw(t, "value"), Unset: flag.Draw(t, "unset")}
		}), 0, 4).Draw(t, "tags"),
	}
	if flag.Draw(t, "never authorized") {
		m.LastAuthorizedTime = 0
	}
	s := model.MemberStatus{Member: m, Online: flag.Draw(t, "online"), Seen: model.Seen{
		Time:    number.Draw(t, "seen"),
		Version: model.Version{Major: version.Draw(t, "major"), Minor: version.Draw(t, "minor"), Revision: version.Draw(t, "revision"), Protocol: version.Draw(t, "protocol")},
	}}
	if a := address.Draw(t, "endpoint").WithZone(drawBytes(t)); a.IsValid() {
		s.Seen.Endpoint = netip.AddrPortFrom(a, 9993)
	}
	return s
}

// drawBytes draws any bytes, those that JSON escapes more often than others.
func drawBytes(t *rapid.T) string {
	piece := rapid.OneOf(
		rapid.SampledFrom([]string{"<", ">", "&", "\"", "\\", "/", "\u2028", "\u2029", "\u2027", "\x7f", "\xff", "\xe2\x80", "\ufffd", "\n", "\b", "\f", "😀", "é"}),
		rapid.StringN(0, 5, -1),
		rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 3), func(b []byte) string { return string(b) }),
	)
	text := ""
	for _, p := range rapid.SliceOfN(piece, 0, 4).Draw(t, "text") {
		text += p
	}
	return text
}

func TestMembersAreWrittenAsEncodingJSONDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, clock := drawMember(t), rapid.Int64().Draw(t, "clock")
		want, err := json.Marshal(memberOf(s, clock))
		if err != nil {
			t.Fatal(err)
		}
		if got := string(appendMember(nil, s, clock)); got != string(want) {
			t.Fatalf("got\n%s\nwant\n%s", got, want)
		}
	})
}

// TestAllBytesAreWrittenAsEncodingJSONDoes holds every byte and every rune of up
// to three bytes against encoding/json.
func TestAllBytesAreWrittenAsEncodingJSONDoes(t *testing.T) {
	check := func(s string) {
		want, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		var o jsonText
		if o.text(s); string(o.b) != string(want) {
			t.Errorf("%q: %s, want %s", s, o.b, want)
		}
	}
	for b := range 256 {
		check("a" + string([]byte{byte(b)}) + "z")
	}
	for r := range rune(0x10000) {
		check(string(r))
	}
}
