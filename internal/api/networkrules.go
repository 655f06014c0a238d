package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/orrery-net/orrery/internal/central"
)

// networkRules are the rules of a network.
type networkRules struct {
	NetworkID   networkID    `json:"networkId" doc:"The network."`
	Revision    uint64       `json:"revision" doc:"Of the network: grows with every change of its settings. Send it as ifRevision." example:"3"`
	Source      string       `json:"source" doc:"The text." example:"accept;"`
	Agree       bool         `json:"agree" doc:"The text compiles to the tables. Otherwise a client stored tables of its own, and members obey those." example:"true"`
	Diagnostics []diagnostic `json:"diagnostics" nullable:"false" doc:"What there is to say about the text; as errors only if it does not compile." example:"[]"`
	Usage       rulesUsage   `json:"usage" doc:"How much of the limits of nodes the tables use."`
	RuleTables
}

// rulesRequest is what a network's rules shall be.
type rulesRequest struct {
	Source     string  `json:"source" maxLength:"1048576" doc:"The program. It is compiled strictly." example:"accept;"`
	IfRevision *uint64 `json:"ifRevision,omitempty" doc:"The revision that you read. If the network is of another one by now, nothing is done: 409. Absent: whatever it is."`
	DryRun     bool    `json:"dryRun,omitempty" doc:"Store nothing, and say only what would change." example:"false"`
}

// memberName is a member as people know it.
type memberName struct {
	NodeID nodeID `json:"nodeId" doc:"The member's node."`
	Name   string `json:"name" doc:"What you call it; may be empty." example:"alice"`
}

// orphans are members that carry what the rules do not define anymore.
type orphans struct {
	ID      ruleNumber   `json:"id" doc:"Of the tag or capability." example:"1000"`
	Name    string       `json:"name,omitempty" doc:"As it was called." example:"department"`
	Count   int          `json:"count" doc:"How many members have it still. They keep it, in case it comes back." example:"1"`
	Members []memberName `json:"members" nullable:"false" doc:"The first ten of them."`
}

// flowChange is a flow that works for members before and not after, or the
// reverse.
type flowChange struct {
	From     memberName `json:"from" doc:"Who begins it."`
	FromLike int        `json:"fromLike" doc:"How many members the rules treat like this one, itself included." example:"1"`
	To       memberName `json:"to" doc:"Who it goes to."`
	ToLike   int        `json:"toLike" doc:"How many members the rules treat like this one, itself included." example:"3"`
	Flow     string     `json:"flow" doc:"As traces take it." example:"tcp 23"`
	Before   string     `json:"before" enum:"accepted,dropped,redirected,chance" doc:"What became of it. redirected: another node gets it. chance: a random match decides." example:"accepted"`
	After    string     `json:"after" enum:"accepted,dropped,redirected,chance" doc:"What becomes of it." example:"dropped"`
}

// rulesChange is what other rules mean for a network and its members.
type rulesChange struct {
	NetworkID           networkID    `json:"networkId" doc:"The network."`
	Revision            uint64       `json:"revision" doc:"Of the network now." example:"4"`
	Stored              bool         `json:"stored" doc:"These are the network's rules now. false: it was a dry run." example:"true"`
	TablesChanged       bool         `json:"tablesChanged" doc:"Members obey other rules. false: at most the text differs." example:"true"`
	Diagnostics         []diagnostic `json:"diagnostics" nullable:"false" doc:"Warnings, by position." example:"[]"`
	Usage               rulesUsage   `json:"usage" doc:"How much of the limits of nodes the rules use."`
	RemovedTags         []orphans    `json:"removedTags" nullable:"false" doc:"Tags that the rules do not define anymore, with the members that have a value of their own."`
	RemovedCapabilities []orphans    `json:"removedCapabilities" nullable:"false" doc:"Capabilities that the rules do not define anymore, with the members that have them." example:"[]"`
	Changes             []flowChange `json:"changes" nullable:"false" doc:"What works for authorized members before and not after, or the reverse, as far as it was tried: flows that the rules speak of, and common ones. At most 100."`
	MoreChanges         int          `json:"moreChanges" doc:"How many changes are left out." example:"0"`
	Whole               bool         `json:"whole" doc:"All members were tried with all flows. false: they are too many." example:"true"`
}

type (
	networkRulesOutput struct{ Body networkRules }
	rulesChangeOutput  struct{ Body rulesChange }
	rulesInput         struct {
		ID   networkID `path:"id" doc:"The network's id."`
		Body rulesRequest
	}
)

func (a *api) registerNetworkRules() {
	tags := []string{tagRules}
	handle(a, huma.Operation{
		OperationID: "get-network-rules", Method: http.MethodGet, Path: "/networks/{id}/rules", Tags: tags, Errors: []int{http.StatusNotFound},
		Summary:     "The rules of a network",
		Description: "Its text, what there is to say about it, and the tables that members obey. Needs the right to read.",
	}, a.getNetworkRules)
	handle(a, huma.Operation{
		OperationID: "set-network-rules", Method: http.MethodPut, Path: "/networks/{id}/rules", Tags: tags, MaxBodyBytes: maxRulesBody,
		Errors:  []int{http.StatusNotFound, http.StatusConflict},
		Summary: "Change the rules of a network, or see what a change would do",
		Description: "Compiles a program strictly: one with errors is refused, with all of them in `diagnostics`, and nothing is changed. The answer says what the change means for the members, " +
			"which obey it within a second. With `dryRun` nothing is stored. `ifRevision` keeps you from undoing a change that somebody else made meanwhile. " +
			"Needs the rights to read and to modify.",
	}, a.setNetworkRules)
}

func (a *api) getNetworkRules(ctx context.Context, caller central.Caller, in *networkInput) (*networkRulesOutput, error) {
	now, err := a.service.NetworkRules(ctx, caller, in.ID.NetworkID)
	if err != nil {
		return nil, err
	}
	answer := networkRules{
		NetworkID: in.ID, Revision: now.Network.Revision, Source: now.Network.RulesSource, Agree: now.Agree,
		Diagnostics: diagnosticsOf(now.Diagnostics), Usage: rulesUsage(now.Usage),
	}
	if answer.RuleTables, err = tablesOf(now.Network.RuleSet()); err != nil {
		return nil, err
	}
	return &networkRulesOutput{answer}, nil
}

func (a *api) setNetworkRules(ctx context.Context, caller central.Caller, in *rulesInput) (*rulesChangeOutput, error) {
	c, err := a.service.WriteRules(ctx, caller, in.ID.NetworkID, central.RulesWrite{
		Source: in.Body.Source, IfRevision: in.Body.IfRevision, DryRun: in.Body.DryRun,
	})
	if err != nil {
		return nil, err
	}
	answer := rulesChange{
		NetworkID: in.ID, Revision: c.Network.Revision, Stored: c.Stored, TablesChanged: c.Tables,
		Diagnostics: diagnosticsOf(c.Diagnostics), Usage: rulesUsage(c.Usage),
		RemovedTags: orphansOf(c.RemovedTags), RemovedCapabilities: orphansOf(c.RemovedCapabilities),
		Changes: make([]flowChange, 0, len(c.Flows)), MoreChanges: c.MoreFlows, Whole: c.Whole,
	}
	for _, f := range c.Flows {
		answer.Changes = append(answer.Changes, flowChange{
			From: memberNameOf(f.From), FromLike: f.FromLike, To: memberNameOf(f.To), ToLike: f.ToLike,
			Flow: f.Flow.String(), Before: string(f.Before), After: string(f.After),
		})
	}
	return &rulesChangeOutput{answer}, nil
}

func memberNameOf(m central.MemberName) memberName { return memberName{nodeID{m.Node}, m.Name} }

func orphansOf(all []central.Orphans) []orphans {
	shown := make([]orphans, 0, len(all))
	for _, o := range all {
		members := make([]memberName, 0, len(o.First))
		for _, m := range o.First {
			members = append(members, memberNameOf(m))
		}
		shown = append(shown, orphans{ruleNumber(o.ID), o.Name, o.Count, members})
	}
	return shown
}
