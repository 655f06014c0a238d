package centralapi

import (
	"cmp"
	"encoding/json"
	"net/netip"
	"slices"

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/zt/netconf"
)

// readMemberPatch reads what a body changes about a member.
func readMemberPatch(body object) (*patch[model.Member], error) {
	p := &patch[model.Member]{}
	field(p, body, "hidden", readFlag, func(m *model.Member) *bool { return &m.Hidden })
	field(p, body, "name", readText, func(m *model.Member) *string { return &m.Name })
	field(p, body, "description", readText, func(m *model.Member) *string { return &m.Description })
	config := p.within(body, "config")
	field(p, config, "activeBridge", readFlag, func(m *model.Member) *bool { return &m.ActiveBridge })
	field(p, config, "authorized", readFlag, func(m *model.Member) *bool { return &m.Authorized })
	field(p, config, "capabilities", list(readID), func(m *model.Member) *[]uint32 { return &m.Capabilities })
	field(p, config, "ipAssignments", readAddresses, func(m *model.Member) *[]netip.Addr { return &m.Addresses })
	field(p, config, "noAutoAssignIps", readFlag, func(m *model.Member) *bool { return &m.NoAutoAssignIPs })
	computed(p, config, "tags", list(readMemberTag), setTags)
	field(p, config, "ssoExempt", readFlag, func(m *model.Member) *bool { return &m.SSOExempt })
	return p, p.err
}

// readAddresses reads an array of addresses; one that comes twice counts once.
func readAddresses(path string, raw json.RawMessage) ([]netip.Addr, error) {
	all, err := list(readAddress)(path, raw)
	if err != nil {
		return nil, err
	}
	distinct := all[:0]
	for _, a := range all {
		if !slices.Contains(distinct, a) {
			distinct = append(distinct, a)
		}
		if len(distinct) > netconf.MaxAddresses {
			return nil, refuse(path, "more than %d addresses", netconf.MaxAddresses)
		}
	}
	return distinct, nil
}

// readMemberTag reads [id, value]. The value false means that this member does
// not have the tag (api-behaviour §11.8).
func readMemberTag(path string, raw json.RawMessage) (model.MemberTag, error) {
	const want = "want [id, value] with a number or false as value"
	if kindOf(raw) != anArray {
		return model.MemberTag{}, wrongType(path, raw, "an array [id, value]")
	}
	var pair []json.RawMessage
	if err := json.Unmarshal(raw, &pair); err != nil || len(pair) != 2 {
		return model.MemberTag{}, refuse(path, want)
	}
	id, err := readID(path+"[0]", pair[0])
	if err != nil {
		return model.MemberTag{}, err
	}
	if string(pair[1]) == "false" {
		return model.MemberTag{ID: id, Unset: true}, nil
	}
	if kindOf(pair[1]) != aNumber {
		return model.MemberTag{}, refuse(path+"[1]", want)
	}
	value, err := readID(path+"[1]", pair[1])
	return model.MemberTag{ID: id, Value: value}, err
}

// setTags replaces a member's tags. Of two values for one tag the last counts.
// Answers leave unset tags out, so one that the new array does not name stays
// unset: whoever writes back what was read changes nothing.
func setTags(m *model.Member, sent []model.MemberTag) error {
	byID := make(map[uint32]model.MemberTag, len(sent))
	for _, t := range sent {
		byID[t.ID] = t
	}
	for _, t := range m.Tags {
		if _, named := byID[t.ID]; t.Unset && !named && len(byID) < netconf.MaxTags {
			byID[t.ID] = t
		}
	}
	m.Tags = make([]model.MemberTag, 0, len(byID))
	for _, t := range byID {
		m.Tags = append(m.Tags, t)
	}
	slices.SortFunc(m.Tags, func(a, b model.MemberTag) int { return cmp.Compare(a.ID, b.ID) })
	return nil
}
