package cli

import (
	"fmt"
	"strings"

	"github.com/orrery-net/orrery/zt/rules"
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
	old, err := traceNetwork(before.network, before.set, nil, actors)
	if err != nil {
		return err
	}
	next, err := traceNetwork(before.network, &after.Set, nil, actors)
	if err != nil {
		return err
	}
	were, are := make([]trace.Member, len(actors)), make([]trace.Member, len(actors))
	for n := range actors {
		were[n], are[n] = actors[n].on(before.set), actors[n].on(&after.Set)
	}
	found := trace.CompareMembers(old, next, were, are)
	i.tried = fmt.Sprintf("Tried: %s between %s.", count(len(found.Flows), "flow"), kinds(len(found.Classes), len(actors)))
	if !found.Whole {
		i.tried += " There is more than could be tried."
		i.losses = append(i.losses, "not all that might stop working could be tried")
	}
	// Who never joined has nothing to lose yet.
	if bare := holders(actors, func(a *actor) bool { return a.seen && len(a.trace.Addresses) == 0 }); len(bare) > 0 {
		i.tried += " Nothing of IP could be tried with members that have no address: " + labels(actors, bare) + "."
		i.losses = append(i.losses, "what members without an address do over IP could not be tried: "+labels(actors, bare))
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
