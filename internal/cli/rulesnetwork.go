package cli

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/orrery-net/orrery/internal/client"
	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/netconf"
	"github.com/orrery-net/orrery/zt/rules"
	"github.com/orrery-net/orrery/zt/rules/ruleset"
	"github.com/orrery-net/orrery/zt/rules/trace"
)

// storedRules are the rules of a network as a server has them: the text, and the
// tables that members enforce.
type storedRules struct {
	network *client.Network
	program // its name is the network's
	set     *ruleset.Set
}

// fetchRules reads the rules of the network that a user names. If the tables cannot
// be read, there is the text beside the error.
func fetchRules(c *cobra.Command, name string) (*storedRules, error) {
	api, err := connect(c)
	if err != nil {
		return nil, err
	}
	network, err := findNetwork(c.Context(), api, name)
	if err != nil {
		return nil, err
	}
	return readRules(c.Context(), api, network.ID)
}

func readRules(ctx context.Context, api *client.Client, id string) (*storedRules, error) {
	network, err := api.Network(ctx, id) // a list may not show all of it
	if err != nil {
		return nil, err
	}
	set, err := rulesOf(network)
	return &storedRules{network, program{networkLabel(network), network.RulesSource}, set}, err
}

// rulesOf reads a network's tables, with the names of its tags and capabilities.
func rulesOf(n *client.Network) (*ruleset.Set, error) {
	set := &ruleset.Set{}
	if err := json.Unmarshal(n.Raw, set); err != nil {
		return nil, fmt.Errorf("the rules of %s cannot be read: %w", networkLabel(n), err)
	}
	return set, nil
}

// isEnforced reports whether the tables are what the text says, to the compiler
// here or to the original.
func (s *storedRules) isEnforced() bool {
	return slices.ContainsFunc([]rules.Mode{rules.Strict, rules.Lenient}, func(mode rules.Mode) bool {
		p, _ := rules.Compile(s.text, mode)
		return p != nil && sameTables(&p.Set, s.set)
	})
}

// located is the program in which the entries of the tables stand; nil if they are
// not those of the text. Defaults of tags have no part in that.
func (s *storedRules) located() *rules.Program {
	p, _ := rules.Compile(s.text, rules.Strict)
	if p == nil || !sameTables(&ruleset.Set{Rules: p.Rules, Capabilities: p.Capabilities, Tags: s.set.Tags}, s.set) {
		return nil
	}
	return p
}

// sameTables reports whether members enforce the same by two sets, whatever its
// parts are called.
func sameTables(a, b *ruleset.Set) bool {
	tablesA, errA := tablesOf(a)
	tablesB, errB := tablesOf(b)
	return errA == nil && errB == nil && bytes.Equal(tablesA, tablesB)
}

// tablesOf writes what members get of a set in one form.
func tablesOf(set *ruleset.Set) ([]byte, error) {
	normal := ruleset.Set{}
	base, err := ruleset.NetconfRules(set.Rules)
	if err != nil {
		return nil, err
	}
	normal.Rules = ruleset.EntriesOf(base)
	for _, of := range set.Capabilities {
		table, err := ruleset.NetconfRules(of.Rules)
		if err != nil {
			return nil, err
		}
		normal.Capabilities = append(normal.Capabilities, ruleset.Capability{ID: of.ID, Default: of.Default, Rules: ruleset.EntriesOf(table)})
	}
	slices.SortStableFunc(normal.Capabilities, func(x, y ruleset.Capability) int { return cmp.Compare(x.ID, y.ID) })
	for _, of := range set.Tags {
		normal.Tags = append(normal.Tags, ruleset.Tag{ID: of.ID, Default: of.Default})
	}
	slices.SortStableFunc(normal.Tags, func(x, y ruleset.Tag) int { return cmp.Compare(x.ID, y.ID) })
	return json.Marshal(&normal)
}

// traceNetwork makes of the rules of a network, or of others that are tried on it,
// what trace works on. Origins are those of the program that the set is the tables
// of; nil: not known. Actors are those whose names are known; who gets copies must
// be among them to be followed.
func traceNetwork(network *client.Network, set *ruleset.Set, of *rules.Program, actors []actor) (*trace.Network, error) {
	id, err := zt.ParseNetworkID(network.ID)
	if err != nil {
		return nil, fmt.Errorf("the server shows a network that is none: %w", err)
	}
	base, err := ruleset.NetconfRules(set.Rules)
	if err != nil {
		return nil, err
	}
	n := &trace.Network{
		ID: id, Rules: base,
		NoBroadcast: network.Config.EnableBroadcast != nil && !*network.Config.EnableBroadcast,
		NoMulticast: network.Config.MulticastLimit != nil && *network.Config.MulticastLimit == 0,
		Names:       &trace.Names{Tags: set.Tags, Members: make(map[zt.Address]string)},
		Observers:   make(map[zt.Address]*trace.Member),
	}
	origins := make(map[uint32][]rules.Origin)
	if of != nil {
		n.Origins = of.Origins
		for i, table := range of.CapabilityOrigins {
			origins[of.Capabilities[i].ID] = table
		}
	}
	for _, capability := range set.Capabilities {
		table, err := ruleset.NetconfRules(capability.Rules)
		if err != nil {
			return nil, err
		}
		n.Capabilities = append(n.Capabilities, trace.Capability{
			ID: capability.ID, Name: capability.Name, Rules: table, Origins: origins[capability.ID],
		})
	}
	slices.SortStableFunc(n.Capabilities, func(a, b trace.Capability) int { return cmp.Compare(a.ID, b.ID) })
	targets := n.Targets()
	for i := range actors {
		node := actors[i].trace.Node
		n.Names.Members[node] = actors[i].label
		if slices.Contains(targets, node) {
			member := actors[i].on(set)
			n.Observers[node] = &member
		}
	}
	return n, nil
}

// actor is a member of a network as rules see it.
type actor struct {
	label        string
	name         string // as the server has it
	authorized   bool
	seen         bool        // was online once
	tags         []memberTag // of its own
	capabilities []uint32
	trace        trace.Member
}

// actorOf makes an actor of a member; its label and the tags that it has on a
// network are set later.
func actorOf(n *client.Network, m *client.Member) (actor, error) {
	node, err := zt.ParseAddress(m.NodeID)
	if err != nil {
		return actor{}, fmt.Errorf("the server shows a member that is none: %w", err)
	}
	a := actor{name: m.Name, label: strings.TrimSpace(printable(m.Name)), authorized: m.Config.Authorized, seen: m.LastSeen > 0, tags: tagsOf(m), capabilities: capabilitiesOf(m)}
	a.trace = trace.Member{Node: node, Capabilities: slices.Clone(a.capabilities), Bridge: m.Config.ActiveBridge}
	slices.Sort(a.trace.Capabilities)
	for _, text := range m.Config.IPAssignments {
		if ip, err := netip.ParseAddr(text); err == nil {
			a.trace.Addresses = append(a.trace.Addresses, ip.Unmap())
		}
	}
	id, err := zt.ParseNetworkID(n.ID)
	if err != nil {
		return actor{}, fmt.Errorf("the server shows a network that is none: %w", err)
	}
	if n.Config.V6AssignMode.RFC4193 {
		a.trace.Addresses = append(a.trace.Addresses, netconf.RFC4193(id, node).Addr())
	}
	if n.Config.V6AssignMode.Plane6 {
		a.trace.Addresses = append(a.trace.Addresses, netconf.SixPlane(id, node).Addr())
	}
	return a, nil
}

// on is the actor with the tags that it has with these rules: its own ones, and
// the defaults for others.
func (a *actor) on(set *ruleset.Set) trace.Member {
	m := a.trace
	m.Tags = make(map[uint32]uint32)
	for _, t := range set.Tags {
		if t.Default != nil {
			m.Tags[t.ID] = uint32(*t.Default)
		}
	}
	for _, t := range a.tags {
		if t.unset {
			delete(m.Tags, t.id)
		} else {
			m.Tags[t.id] = t.value
		}
	}
	return m
}

// unsetTags are the tags that members shall not have, by node, of one member or
// with an empty node of all. It matters only if one of the tags has a default.
func unsetTags(ctx context.Context, api *client.Client, network, node string, tags []ruleset.Tag) (map[string][]uint32, error) {
	if !slices.ContainsFunc(tags, func(t ruleset.Tag) bool { return t.Default != nil }) {
		return nil, nil
	}
	return api.UnsetTags(ctx, network, node)
}

// readActors reads the members of a network that are authorized, in the order of
// their addresses. Tags are those that rules compare.
func readActors(ctx context.Context, api *client.Client, n *client.Network, tags []ruleset.Tag) ([]actor, error) {
	unset, err := unsetTags(ctx, api, n.ID, "", tags)
	if err != nil {
		return nil, err
	}
	var actors []actor
	for m, err := range api.Members(ctx, n.ID) {
		if err != nil {
			return nil, err
		}
		if !m.Config.Authorized {
			continue
		}
		a, err := actorOf(n, m)
		if err != nil {
			return nil, err
		}
		a.tags = withUnset(a.tags, unset[m.NodeID])
		actors = append(actors, a)
	}
	labelActors(actors)
	return actors, nil
}

// labelActors gives actors labels that tell them apart: their names, with their
// addresses if several have one, or their addresses alone.
func labelActors(actors []actor) {
	named := make(map[string]int)
	for _, a := range actors {
		named[a.label]++
	}
	for i := range actors {
		switch a := &actors[i]; {
		case a.label == "":
			a.label = a.trace.Node.String()
		case named[a.label] > 1:
			a.label += " (" + a.trace.Node.String() + ")"
		}
	}
}

// labels names actors by their index, the first few of them.
func labels(actors []actor, indexes []int) string {
	names := make([]string, 0, len(indexes))
	for _, i := range indexes {
		names = append(names, actors[i].label)
	}
	const few = 3
	switch {
	case len(names) == 0:
		return "nobody"
	case len(names) == 1:
		return names[0]
	case len(names) > few+1:
		return fmt.Sprintf("%s and %d more", strings.Join(names[:few], ", "), len(names)-few)
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}
