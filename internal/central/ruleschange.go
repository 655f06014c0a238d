package central

import (
	"context"
	"slices"

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/rules"
	"github.com/orrery-net/orrery/zt/rules/trace"
)

// RulesChange is what other rules mean for a network and its members.
type RulesChange struct {
	Stored      bool
	Network     *model.Network     // with the new rules; must not be changed
	Diagnostics []rules.Diagnostic // of the new text; none is an error
	Usage       rules.Usage
	Tables      bool // the tables differ, not the text alone
	// RemovedTags and RemovedCapabilities are those that the rules do not define
	// anymore, ascending by id.
	RemovedTags, RemovedCapabilities []Orphans
	// Flows are what works for members before and not after, or the reverse, as far
	// as it was tried, at most MaxChangedFlows; MoreFlows counts the others.
	Flows     []FlowChange
	MoreFlows int
	// Whole is false if not everything could be tried: there are too many members,
	// or too many sorts of them.
	Whole bool
}

// Orphans are the members that carry a tag or capability which the rules do not
// define anymore. They keep it, in case it comes back.
type Orphans struct {
	ID    uint32
	Name  string // as it was; "" if it had none
	Count int
	First []MemberName // at most MaxOrphansNamed
}

// MemberName is a member as people know it.
type MemberName struct {
	Node zt.Address
	Name string // may be ""
}

// FlowChange is a flow between two members that other rules treat otherwise.
type FlowChange struct {
	From, To MemberName
	// FromLike and ToLike count the members that the rules treat like From and To,
	// these included.
	FromLike, ToLike int
	Flow             trace.Flow
	Before, After    trace.Outcome
}

// The bounds of a RulesChange.
const (
	MaxChangedFlows = 100
	MaxOrphansNamed = 10
	// maxCompared is for how many members it is tried what changes.
	maxCompared = 5000
)

// compareRules completes a change: what it means for the members.
func (s *Service) compareRules(ctx context.Context, before *model.Network, change *RulesChange) error {
	after := change.Network
	names := RuleNamesOf(before)
	for _, id := range goneIDs(before.Tags, after.Tags, tagID) {
		change.RemovedTags = append(change.RemovedTags, Orphans{ID: id, Name: names.TagName(id)})
	}
	for _, id := range goneIDs(before.Capabilities, after.Capabilities, capabilityID) {
		change.RemovedCapabilities = append(change.RemovedCapabilities, Orphans{ID: id, Name: names.CapabilityName(id)})
	}
	change.Whole = true
	if !change.Tables {
		return nil
	}
	var were, are []trace.Member // with the defaults of their rules
	var called []MemberName
	err := s.eachMember(ctx, before.ID, func(m *model.Member, _ model.Seen) error {
		change.noteOrphans(m)
		switch {
		case !m.Authorized:
		case len(are) == maxCompared:
			change.Whole = false
		default:
			were, are = append(were, traceMember(before, m)), append(are, traceMember(after, m))
			called = append(called, MemberName{m.Node, m.Name})
		}
		return ctx.Err()
	})
	if err != nil {
		return err
	}
	found := trace.CompareMembers(traceNetwork(before), traceNetwork(after), were, are)
	if err := ctx.Err(); err != nil {
		return explain("compare rules", err)
	}
	change.noteFlows(&found, called)
	return nil
}

// goneIDs are the ids of what is in before and not in after, ascending.
func goneIDs[T any](before, after []T, id func(T) uint32) []uint32 {
	var gone []uint32
	for _, one := range before {
		if !slices.ContainsFunc(after, func(other T) bool { return id(other) == id(one) }) {
			gone = append(gone, id(one))
		}
	}
	slices.Sort(gone)
	return slices.Compact(gone)
}

func (c *RulesChange) noteOrphans(m *model.Member) {
	for i := range c.RemovedTags {
		orphans := &c.RemovedTags[i]
		if slices.ContainsFunc(m.Tags, func(t model.MemberTag) bool { return t.ID == orphans.ID && !t.Unset }) {
			orphans.add(m)
		}
	}
	for i := range c.RemovedCapabilities {
		orphans := &c.RemovedCapabilities[i]
		if slices.Contains(m.Capabilities, orphans.ID) {
			orphans.add(m)
		}
	}
}

func (o *Orphans) add(m *model.Member) {
	if o.Count++; o.Count <= MaxOrphansNamed {
		o.First = append(o.First, MemberName{m.Node, m.Name})
	}
}

// noteFlows takes over what a comparison of members, who are called so, found.
func (c *RulesChange) noteFlows(found *trace.Comparison, called []MemberName) {
	c.Whole = c.Whole && found.Whole
	like := make([]int, len(called))
	for _, class := range found.Classes {
		for _, member := range class {
			like[member] = len(class)
		}
	}
	shown := found.Changes[:min(len(found.Changes), MaxChangedFlows)]
	c.MoreFlows = len(found.Changes) - len(shown)
	for _, f := range shown {
		c.Flows = append(c.Flows, FlowChange{
			From: called[f.From], To: called[f.To], FromLike: like[f.From], ToLike: like[f.To], Flow: f.Flow, Before: f.Before, After: f.After,
		})
	}
}
