package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/orrery-net/orrery/zt/netconf"
	"github.com/orrery-net/orrery/zt/rules"
	"github.com/orrery-net/orrery/zt/rules/ruleset"
	"github.com/orrery-net/orrery/zt/rules/trace"
)

// flowChange is what becomes of flows between members that are treated alike.
type flowChange struct {
	from, to      int // classes
	before, after trace.Outcome
}

// stops reports whether something works no more, or not always.
func (f flowChange) stops() bool { return f.before != trace.Dropped && f.after != trace.Accepted }

// compareFlows says which flows work before or after, and not both.
func (i *impact) compareFlows(before *storedRules, after *rules.Program, actors []actor) error {
	if len(actors) < 2 {
		i.tried = "Fewer than two are authorized, so that nothing changes between members."
		return nil
	}
	moved, members := apart(before.set, &after.Set, actors)
	old, err := traceNetwork(before.network, before.set, nil, actors)
	if err != nil {
		return err
	}
	next, err := traceNetwork(before.network, moved, nil, actors)
	if err != nil {
		return err
	}
	found := trace.Compare(old, next, members)
	i.tried = fmt.Sprintf("Tried: %s between %s.", count(len(found.Flows), "flow"), kinds(len(found.Classes), len(actors)))
	if !found.Whole {
		i.tried += " There is more than could be tried."
		i.losses = append(i.losses, "not all that might stop working could be tried")
	}
	i.tellFlows(&found, actors)
	return nil
}

func kinds(classes, members int) string {
	if classes == members {
		return count(members, "member")
	}
	return fmt.Sprintf("%s of %s", count(members, "member"), count(classes, "kind"))
}

// tellFlows writes a line for each change between two classes of members, first
// what stops working.
func (i *impact) tellFlows(found *trace.Comparison, actors []actor) {
	classOf := make([]int, len(actors))
	for class, members := range found.Classes {
		for _, member := range members {
			classOf[member] = class
		}
	}
	flows := make(map[flowChange][]string)
	var stopping, others []flowChange
	for _, c := range found.Changes {
		change := flowChange{classOf[c.From], classOf[c.To], c.Before, c.After}
		switch {
		case flows[change] != nil:
		case change.stops():
			stopping = append(stopping, change)
		default:
			others = append(others, change)
		}
		flows[change] = append(flows[change], strings.TrimPrefix(c.Flow.String(), "ipv4 "))
	}
	if len(stopping) > 0 {
		i.losses = append(i.losses, "something that works stops working")
	}
	all := append(stopping, others...)
	if len(all) == 0 {
		i.flows = []string{"  nothing that was tried changes for them"}
	}
	const most = 40 // lines
	for _, change := range all[:min(most, len(all))] {
		who := labels(actors, found.Classes[change.from]) + " → " + labels(actors, found.Classes[change.to])
		if change.from == change.to {
			who = "among " + labels(actors, found.Classes[change.from])
		}
		i.flows = append(i.flows, fmt.Sprintf("  %s  %s  %s → %s", who, someFlows(flows[change]), change.before, change.after))
	}
	if len(all) > most {
		i.flows = append(i.flows, fmt.Sprintf("  and %d more", len(all)-most))
	}
}

func someFlows(flows []string) string {
	const few = 6
	if len(flows) > few+1 {
		return fmt.Sprintf("%s and %d more", strings.Join(flows[:few], ", "), len(flows)-few)
	}
	return strings.Join(flows, ", ")
}

// apart makes members have a tag with both values if its default changes: one by
// the rules before, and one by those after, in which the tag gets another id.
func apart(before, after *ruleset.Set, actors []actor) (*ruleset.Set, []trace.Member) {
	used := make(map[int64]bool)
	eachTagMatch(before, func(e *ruleset.Entry) { used[e.ID] = true })
	eachTagMatch(after, func(e *ruleset.Entry) { used[e.ID] = true })
	members, next := make([]trace.Member, len(actors)), make([]trace.Member, len(actors))
	for n := range actors {
		members[n], next[n] = actors[n].on(before), actors[n].on(after)
		for id := range members[n].Tags {
			used[int64(id)] = true
		}
	}
	other, free := make(map[int64]int64), int64(0)
	for _, t := range slices.Concat(before.Tags, after.Tags) {
		if other[int64(t.ID)] != 0 || sameDefault(tagWith(before, t.ID), tagWith(after, t.ID)) {
			continue
		}
		for free++; used[free]; free++ {
		}
		other[int64(t.ID)] = free
		for n := range members {
			if value, has := next[n].Tags[t.ID]; has {
				members[n].Tags[uint32(free)] = value
			}
		}
	}
	moved := &ruleset.Set{Rules: slices.Clone(after.Rules), Capabilities: slices.Clone(after.Capabilities), Tags: after.Tags}
	for n := range moved.Capabilities {
		moved.Capabilities[n].Rules = slices.Clone(moved.Capabilities[n].Rules)
	}
	eachTagMatch(moved, func(e *ruleset.Entry) {
		if id := other[e.ID]; id != 0 {
			e.ID = id
		}
	})
	return moved, members
}

// eachTagMatch visits the matches of a set that compare tags.
func eachTagMatch(set *ruleset.Set, visit func(*ruleset.Entry)) {
	each := func(entries []ruleset.Entry) {
		for n := range entries {
			if t := entries[n].Type; t >= netconf.MatchTagsDifference && t <= netconf.MatchTagReceiver {
				visit(&entries[n])
			}
		}
	}
	each(set.Rules)
	for _, capability := range set.Capabilities {
		each(capability.Rules)
	}
}

func sameDefault(a, b *ruleset.Tag) bool {
	value := func(t *ruleset.Tag) (uint32, bool) {
		if t == nil || t.Default == nil {
			return 0, false
		}
		return uint32(*t.Default), true
	}
	valueA, hasA := value(a)
	valueB, hasB := value(b)
	return valueA == valueB && hasA == hasB
}
