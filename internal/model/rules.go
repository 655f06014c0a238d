package model

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/orrery-net/orrery/zt/netconf"
	"github.com/orrery-net/orrery/zt/rules"
	"github.com/orrery-net/orrery/zt/rules/ruleset"
)

// SetProgram gives the network the rules, tags and capabilities of a program,
// their names, and its text as it is. If the program has an entry that nodes
// cannot be given, the error says which, and the network stays as it was.
func (n *Network) SetProgram(source string, p *rules.Program) error {
	table, tables, err := p.Tables()
	if err != nil {
		return fmt.Errorf("make tables of rules: %w", err)
	}
	names, err := sortedObject(p.TagsByName())
	if err != nil {
		return fmt.Errorf("write the names of tags: %w", err)
	}
	n.RulesSource = source
	n.Rules = orEmpty(table)
	n.Tags = make([]NetworkTag, len(p.Tags))
	for i, t := range p.Tags {
		n.Tags[i].ID = t.ID
		if t.Default != nil {
			value := uint32(*t.Default) // cut as controllers do (protocol 10 §13.4)
			n.Tags[i].Default = &value
		}
	}
	n.Capabilities = make([]Capability, len(p.Capabilities))
	for i, c := range p.Capabilities {
		n.Capabilities[i] = Capability{ID: c.ID, Default: c.Default, Rules: orEmpty(tables[i])}
	}
	n.TagsByName = names
	n.CapabilitiesByName = p.CapabilitiesByName()
	if n.CapabilitiesByName == nil {
		n.CapabilitiesByName = map[string]uint32{}
	}
	return nil
}

// sortedObject brings an object's names into the order in which the API writes
// and stores them: whoever sends back what was read changes nothing.
func sortedObject(object []byte) (json.RawMessage, error) {
	d := json.NewDecoder(bytes.NewReader(object))
	d.UseNumber()
	var names map[string]any
	if err := d.Decode(&names); err != nil {
		return nil, err
	}
	return json.Marshal(names)
}

func orEmpty(table []netconf.Rule) []netconf.Rule {
	if table == nil {
		return []netconf.Rule{}
	}
	return table
}

// RuleSet is the network's rules as the rules language has them, with the names of
// its tags and capabilities. Of several tags or capabilities with one id the last
// is there, the one that counts (protocol 10 §13.4). Names that clients stored in
// a form of their own are left out.
func (n *Network) RuleSet() *ruleset.Set {
	set := &ruleset.Set{Rules: entriesOf(n.Rules)}
	place := make(map[uint32]int) // of a tag in the network, 0 for one that has only a name
	for i, t := range n.tagsInForce() {
		tag := ruleset.Tag{ID: t.ID}
		if t.Default != nil {
			value := int64(*t.Default)
			tag.Default = &value
		}
		set.Tags = append(set.Tags, tag)
		place[t.ID] = i - len(n.Tags)
	}
	for _, c := range n.capabilitiesInForce() {
		set.Capabilities = append(set.Capabilities, ruleset.Capability{ID: c.ID, Default: c.Default, Rules: entriesOf(c.Rules)})
	}
	capabilityNames, _ := json.Marshal(n.CapabilitiesByName) // strings and numbers can always be written
	set.SetNames(n.TagsByName, capabilityNames)

	// Names are stored in the order of the alphabet.
	slices.SortStableFunc(set.Tags, func(a, b ruleset.Tag) int { return cmp.Compare(place[a.ID], place[b.ID]) })
	byValue := func(a, b ruleset.Value) int { return cmp.Compare(a.Value, b.Value) }
	for _, t := range set.Tags {
		slices.SortStableFunc(t.Flags, byValue)
		slices.SortStableFunc(t.Enums, byValue)
	}
	return set
}

func entriesOf(table []netconf.Rule) []ruleset.Entry {
	entries := make([]ruleset.Entry, len(table))
	for i, rule := range table {
		entries[i] = ruleset.EntryOf(rule)
	}
	return entries
}

// tagsInForce are the network's tags without those that a later one with the
// same id takes the place of.
func (n *Network) tagsInForce() []NetworkTag {
	return lastOfEach(n.Tags, func(t NetworkTag) uint32 { return t.ID })
}

func (n *Network) capabilitiesInForce() []Capability {
	return lastOfEach(n.Capabilities, func(c Capability) uint32 { return c.ID })
}

// lastOfEach leaves of several values with one id the last.
func lastOfEach[T any](all []T, id func(T) uint32) []T {
	last := make(map[uint32]int, len(all))
	for i, one := range all {
		last[id(one)] = i
	}
	kept := make([]T, 0, len(last))
	for i, one := range all {
		if last[id(one)] == i {
			kept = append(kept, one)
		}
	}
	return kept
}

// TagsOn returns the values that a member has on a network: its own ones, and for
// other tags the network's defaults. Unset ones are left out. Ascending by id.
// There can be more of them than nodes take.
func (m *Member) TagsOn(n *Network) []MemberTag {
	all := slices.Clone(m.Tags)
	own := make(map[uint32]bool, len(m.Tags))
	for _, t := range m.Tags {
		own[t.ID] = true
	}
	for _, t := range n.tagsInForce() {
		if t.Default != nil && !own[t.ID] {
			all = append(all, MemberTag{ID: t.ID, Value: *t.Default})
		}
	}
	all = slices.DeleteFunc(all, func(t MemberTag) bool { return t.Unset })
	slices.SortFunc(all, byTagID)
	return all
}

func byTagID(a, b MemberTag) int { return cmp.Compare(a.ID, b.ID) }
