package export

import (
	"encoding/json"
	"maps"
	"net/netip"
	"slices"

	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/netconf"
)

// network is what formats that list hosts need of a network.
type network struct {
	ID     string
	Config struct {
		Name string
		DNS  struct{ Domain string }
		V6   struct {
			RFC4193  bool
			SixPlane bool `json:"6plane"`
		} `json:"v6AssignMode"`
	}
	TagsByName map[string]struct{ ID number }

	tagNames map[number]string // of variables
}

func readNetwork(r Row) *network {
	n := &network{tagNames: make(map[number]string)}
	_ = json.Unmarshal(r.Network, n)
	for _, name := range slices.Backward(slices.Sorted(maps.Keys(n.TagsByName))) {
		if l := label(name, '_'); l != "" && l[0] > '9' {
			n.tagNames[n.TagsByName[name].ID] = l
		}
	}
	n.TagsByName = nil
	return n
}

func (n *network) domain(o Options) string {
	if o.Domain != "" {
		return cleanDomain(o.Domain)
	}
	return cleanDomain(n.Config.DNS.Domain)
}

// member is what they need of a member.
type member struct {
	NodeID          string
	Name            string
	Description     string
	Hidden          bool
	LastSeen        number
	PhysicalAddress string
	ClientVersion   string
	IPAssignments   []string // today's servers have it in the configuration
	Config          struct {
		Authorized      bool
		NoAutoAssignIPs bool
		IPAssignments   []string
		Tags            []json.RawMessage // [id, value], the value may be false
	}
	node zt.Address
}

// number is one of JSON, empty if anything else is in its place. (At a json.Number
// with a text in it the decoder would stop, and leave out what follows.)
type number string

// UnmarshalJSON never fails.
func (n *number) UnmarshalJSON(raw []byte) error {
	*n = ""
	if raw[0] == '-' || '0' <= raw[0] && raw[0] <= '9' {
		*n = number(raw)
	}
	return nil
}

// hostReader reads the rows of formats that list hosts. Servers differ, so a
// field of another type than expected counts as one that is not there.
type hostReader struct {
	all     bool
	network *network
}

// read returns the member of a row and its addresses, nil if it is not listed:
// not authorized or hidden, or without an address.
func (h *hostReader) read(r Row) (*member, []netip.Addr) {
	if r.Member == nil || h.network == nil {
		h.network = readNetwork(r)
	}
	if r.Member == nil {
		return nil, nil
	}
	m := new(member)
	_ = json.Unmarshal(r.Member, m)
	if !h.all && (m.Hidden || !m.Config.Authorized) {
		return nil, nil
	}
	var err error
	if m.node, err = zt.ParseAddress(m.NodeID); err != nil {
		return nil, nil
	}
	addresses := h.addresses(m)
	if len(addresses) == 0 {
		return nil, nil
	}
	return m, addresses
}

// maxAddresses is more than a member's configuration has room for.
const maxAddresses = 64

// addresses are those assigned to a member, and then those that it makes by
// itself of the ids (netconf.RFC4193, netconf.SixPlane).
func (h *hostReader) addresses(m *member) []netip.Addr {
	texts := m.Config.IPAssignments
	if len(texts) == 0 {
		texts = m.IPAssignments
	}
	var all []netip.Addr
	for _, text := range texts[:min(len(texts), maxAddresses)] {
		if a, err := netip.ParseAddr(text); err == nil && a.Zone() == "" {
			all = append(all, a.Unmap())
		}
	}
	id, err := zt.ParseNetworkID(h.network.ID)
	if err != nil || m.Config.NoAutoAssignIPs {
		return all
	}
	if h.network.Config.V6.RFC4193 {
		all = append(all, netconf.RFC4193(id, m.node).Addr())
	}
	if h.network.Config.V6.SixPlane {
		all = append(all, netconf.SixPlane(id, m.node).Addr())
	}
	return all
}

// tag is a tag of a member.
type tag struct {
	name  string // of a variable
	value json.Number
}

// tags are the member's tags that have a value, in their order.
func (h *hostReader) tags(m *member) []tag {
	var all []tag
	for _, raw := range m.Config.Tags {
		var pair [2]number
		if json.Unmarshal(raw, &pair) != nil || pair[0] == "" || pair[1] == "" { // false: none
			continue
		}
		name, ok := h.network.tagNames[pair[0]]
		if !ok {
			name = "tag_" + label(string(pair[0]), '_')
		}
		all = append(all, tag{name, json.Number(pair[1])})
	}
	return all
}
