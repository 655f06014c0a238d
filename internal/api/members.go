package api

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/orrery-net/orrery/internal/central"
	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/zt"
)

// member is a node's membership of a network.
type member struct {
	NetworkID            networkID             `json:"networkId" doc:"The network."`
	NodeID               nodeID                `json:"nodeId" doc:"The node's ZeroTier address."`
	Name                 string                `json:"name" doc:"What you call it." example:"alice's laptop"`
	Description          string                `json:"description" doc:"What you note about it." example:"on her desk"`
	Hidden               bool                  `json:"hidden" doc:"Interfaces do not show it." example:"false"`
	Online               bool                  `json:"online" doc:"It asked for its configuration within the last two minutes." example:"true"`
	Authorized           bool                  `json:"authorized" doc:"It may take part in the network." example:"true"`
	ActiveBridge         bool                  `json:"activeBridge" doc:"It may bridge to another Ethernet network." example:"false"`
	NoAutoAssignIPs      bool                  `json:"noAutoAssignIps" doc:"It gets no addresses from the pools." example:"false"`
	SSOExempt            bool                  `json:"ssoExempt" doc:"It need not sign in where others do." example:"false"`
	IPAssignments        []netip.Addr          `json:"ipAssignments" nullable:"false" doc:"Its addresses in the network." example:"[\"10.9.0.7\"]"`
	Tags                 []memberTag           `json:"tags" nullable:"false" doc:"What the network's rules know about it: its own values, and where it has none the network's defaults. Ascending by id."`
	UnsetTags            []unsetTag            `json:"unsetTags" nullable:"false" doc:"Tags that it shall not have, whatever their default." example:"[]"`
	Capabilities         []ruleNumber          `json:"capabilities" nullable:"false" doc:"The ids of its capabilities." example:"[1]"`
	CapabilitiesByName   map[string]ruleNumber `json:"capabilitiesByName" doc:"The ids of those that have a name." example:"{\"ssh\":1}"`
	Identity             string                `json:"identity" doc:"The public identity that the membership is pinned to; empty until the node asks for the first time." example:"8a9d09e442:0:9ee0…"`
	CreationTime         int64                 `json:"creationTime" doc:"When it was first listed." example:"1767225600000"`
	LastAuthorizedTime   int64                 `json:"lastAuthorizedTime" doc:"When it was last let in." example:"1767225600000"`
	LastDeauthorizedTime int64                 `json:"lastDeauthorizedTime" doc:"When it was last put out." example:"0"`
	LastSeen             int64                 `json:"lastSeen" doc:"The node's last request. 0: never." example:"1767229200000"`
	PhysicalAddress      string                `json:"physicalAddress,omitempty" doc:"Where the node is on the physical network, if it talked to the controller directly." example:"203.0.113.7"`
	ClientVersion        string                `json:"clientVersion,omitempty" doc:"The ZeroTier version that the node announced." example:"1.14.2"`
	ProtocolVersion      int                   `json:"protocolVersion,omitempty" doc:"The protocol version that the node announced." example:"12"`
	Revision             uint64                `json:"revision" doc:"Grows with every change." example:"3"`
}

// memberTag is a tag's value for one member.
type memberTag struct {
	ID      ruleNumber `json:"id" doc:"The tag's id in the network's rules." example:"1000"`
	Value   ruleNumber `json:"value" doc:"Its value for this member." example:"100"`
	Name    string     `json:"name,omitempty" doc:"The tag's name. Absent: it has none, or the rules do not define the tag anymore." example:"department"`
	Labels  []string   `json:"labels,omitempty" nullable:"false" doc:"What the value is called: an enum or a flag, or several flags together. Absent: nothing." example:"[\"sales\"]"`
	Default bool       `json:"default" doc:"The member has no value of its own: this is the network's default." example:"false"`
}

// unsetTag is a tag that a member shall not have.
type unsetTag struct {
	ID   ruleNumber `json:"id" doc:"The tag's id in the network's rules." example:"7"`
	Name string     `json:"name,omitempty" doc:"The tag's name." example:"role"`
}

// memberOf shows a member of a network whose rules have these names.
func memberOf(n *model.Network, names *central.RuleNames, s model.MemberStatus) member {
	m := s.Member
	v := member{
		NetworkID:            networkID{m.Network},
		NodeID:               nodeID{m.Node},
		Name:                 m.Name,
		Description:          m.Description,
		Hidden:               m.Hidden,
		Online:               s.Online,
		Authorized:           m.Authorized,
		ActiveBridge:         m.ActiveBridge,
		NoAutoAssignIPs:      m.NoAutoAssignIPs,
		SSOExempt:            m.SSOExempt,
		IPAssignments:        orNone(m.Addresses),
		Tags:                 tagsOf(n, names, m),
		UnsetTags:            []unsetTag{},
		Capabilities:         capabilitiesOf(m),
		CapabilitiesByName:   capabilitiesByName(names, m),
		Identity:             m.Identity,
		CreationTime:         m.CreationTime,
		LastAuthorizedTime:   m.LastAuthorizedTime,
		LastDeauthorizedTime: m.LastDeauthorizedTime,
		LastSeen:             s.Seen.Time,
		Revision:             m.Revision,
	}
	for _, t := range m.Tags {
		if t.Unset {
			v.UnsetTags = append(v.UnsetTags, unsetTag{ruleNumber(t.ID), names.TagName(t.ID)})
		}
	}
	if s.Seen.Endpoint.IsValid() {
		v.PhysicalAddress = s.Seen.Endpoint.Addr().Unmap().String()
	}
	if version := s.Seen.Version; version != (model.Version{}) {
		v.ClientVersion = fmt.Sprintf("%d.%d.%d", version.Major, version.Minor, version.Revision)
		v.ProtocolVersion = version.Protocol
	}
	return v
}

// tagsOf shows the tags that a member has.
func tagsOf(n *model.Network, names *central.RuleNames, m *model.Member) []memberTag {
	on := m.TagsOn(n)
	tags := make([]memberTag, 0, len(on))
	for _, t := range on {
		own := slices.ContainsFunc(m.Tags, func(other model.MemberTag) bool { return other.ID == t.ID })
		tags = append(tags, memberTag{ruleNumber(t.ID), ruleNumber(t.Value), names.TagName(t.ID), names.Labels(t.ID, t.Value), !own})
	}
	return tags
}

func capabilitiesOf(m *model.Member) []ruleNumber {
	all := make([]ruleNumber, 0, len(m.Capabilities))
	for _, id := range m.Capabilities {
		all = append(all, ruleNumber(id))
	}
	return all
}

// capabilitiesByName shows the capabilities of a member that have a name.
func capabilitiesByName(names *central.RuleNames, m *model.Member) map[string]ruleNumber {
	named := make(map[string]ruleNumber)
	for _, id := range m.Capabilities {
		if name := names.CapabilityName(id); name != "" {
			named[name] = ruleNumber(id)
		}
	}
	return named
}

// orNone makes an empty list of a nil one, which JSON would show as null.
func orNone[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// sortOrders are the values of the parameter sort.
func sortOrders() []any {
	var all []any
	for _, by := range []central.MemberSort{central.SortNode, central.SortName, central.SortCreated, central.SortLastSeen, central.SortAddress} {
		all = append(all, string(by), "-"+string(by))
	}
	return all
}

// sortOrder is what a page of members is ordered by; - in front: descending.
type sortOrder string

// Schema implements huma.SchemaProvider.
func (sortOrder) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Enum: sortOrders(), Examples: []any{"name"}}
}

type membersInput struct {
	ID         networkID `path:"id" doc:"The network's id."`
	Limit      int       `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"How many members a page has at most."`
	Cursor     string    `query:"cursor" maxLength:"4096" doc:"nextCursor of the page before. Absent: the first page."`
	Sort       sortOrder `query:"sort" doc:"What the list is ordered by; descending with a - in front. Absent: node."`
	Text       string    `query:"q" maxLength:"255" doc:"Part of the name, the description, the node id, or an assigned or physical address, in any case." example:"laptop"`
	Online     choice    `query:"online" doc:"Only members that are online, or only those that are not."`
	Authorized choice    `query:"authorized" doc:"Only members that are authorized, or only those that are not."`
	Hidden     choice    `query:"hidden" doc:"Only members that are hidden, or only those that are not. Absent: both."`
}

// memberPage is a page of a list of members.
type memberPage struct {
	Members    []member `json:"members" nullable:"false" doc:"In the order asked for."`
	NextCursor string   `json:"nextCursor,omitempty" doc:"For the next page. Absent: this is the last one." example:"bm9kZTo4YTlkMDllNDQy"`
	Total      int      `json:"total" doc:"How many members all pages have together." example:"10000"`
}

type memberPageOutput struct{ Body memberPage }

// bulkRequest is what shall be done to many members.
type bulkRequest struct {
	Action  string   `json:"action" enum:"authorize,deauthorize,delete" doc:"What to do to each." example:"authorize"`
	Members []nodeID `json:"members" nullable:"false" minItems:"1" maxItems:"1000" doc:"Each once."`
}

type bulkInput struct {
	ID   networkID `path:"id" doc:"The network's id."`
	Body bulkRequest
}

// bulkResult is what was done to many members.
type bulkResult struct {
	Results   []memberOutcome `json:"results" nullable:"false" doc:"In the order of the request."`
	Changed   int             `json:"changed" doc:"How many members changed." example:"1"`
	Unchanged int             `json:"unchanged" doc:"How many were so already." example:"0"`
	Missing   int             `json:"missing" doc:"How many nodes are no members. None is made." example:"0"`
}

// memberOutcome is what was done to one of many members.
type memberOutcome struct {
	NodeID  nodeID `json:"nodeId" doc:"The member's node."`
	Outcome string `json:"outcome" enum:"changed,unchanged,missing" doc:"unchanged: it was so already. missing: it is no member." example:"changed"`
}

type bulkOutput struct{ Body bulkResult }

func (a *api) registerMembers() {
	tags := []string{tagMembers}
	handle(a, huma.Operation{
		OperationID: "list-members", Method: http.MethodGet, Path: "/networks/{id}/members", Tags: tags, Errors: []int{http.StatusNotFound},
		Summary:     "List members by pages",
		Description: "Sorted and filtered. Members that stay as they are come exactly once while others change. Needs the right to read.",
	}, a.listMembers)
	handle(a, huma.Operation{
		OperationID: "change-members", Method: http.MethodPost, Path: "/networks/{id}/members/bulk", Tags: tags, Errors: []int{http.StatusNotFound},
		Summary:     "Authorize, deauthorize or delete many members",
		Description: "All in one transaction: when the request fails, nothing was done. Needs the right to modify; for authorize and deauthorize the right to authorize is enough.",
	}, a.changeMembers)
	a.registerClassify()
}

func (a *api) listMembers(ctx context.Context, caller central.Caller, in *membersInput) (*memberPageOutput, error) {
	by, descending := strings.CutPrefix(string(in.Sort), "-")
	page, err := a.service.MemberPage(ctx, caller, in.ID.NetworkID, central.MemberQuery{
		Limit: in.Limit, Cursor: in.Cursor, Sort: central.MemberSort(by), Descending: descending, Text: in.Text,
		Online: in.Online.pointer(), Authorized: in.Authorized.pointer(), Hidden: in.Hidden.pointer(),
	})
	if err != nil {
		return nil, err
	}
	names := central.RuleNamesOf(page.Network)
	members := make([]member, 0, len(page.Members))
	for _, m := range page.Members {
		members = append(members, memberOf(page.Network, names, m))
	}
	return &memberPageOutput{memberPage{members, page.Next, page.Total}}, nil
}

func (a *api) changeMembers(ctx context.Context, caller central.Caller, in *bulkInput) (*bulkOutput, error) {
	nodes := make([]zt.Address, 0, len(in.Body.Members))
	for _, node := range in.Body.Members {
		nodes = append(nodes, node.Address)
	}
	outcomes, err := a.service.ChangeMembers(ctx, caller, in.ID.NetworkID, nodes, central.BulkAction(in.Body.Action))
	if err != nil {
		return nil, err
	}
	result := bulkResult{Results: make([]memberOutcome, 0, len(outcomes))}
	for i, outcome := range outcomes {
		result.Results = append(result.Results, memberOutcome{in.Body.Members[i], string(outcome)})
		switch outcome {
		case central.BulkChanged:
			result.Changed++
		case central.BulkUnchanged:
			result.Unchanged++
		case central.BulkMissing:
			result.Missing++
		}
	}
	return &bulkOutput{result}, nil
}
