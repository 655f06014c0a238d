package central

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/zt/rules/ruleset"
)

// RuleNames are the tags and capabilities that a network's rules define, with
// their names. They do not change.
type RuleNames struct {
	tags         []ruleset.Tag
	capabilities []ruleset.Capability // without their rules
}

// RuleNamesOf reads the names of a network. Of tags and capabilities that nobody
// named, only the id is known.
func RuleNamesOf(n *model.Network) *RuleNames {
	set := &ruleset.Set{}
	for _, t := range n.Tags {
		tag := ruleset.Tag{ID: t.ID}
		if t.Default != nil {
			tag.Default = new(int64(*t.Default))
		}
		set.Tags = append(set.Tags, tag)
	}
	for _, c := range n.Capabilities {
		set.Capabilities = append(set.Capabilities, ruleset.Capability{ID: c.ID, Default: c.Default})
	}
	capabilities, err := json.Marshal(n.CapabilitiesByName)
	if err != nil { // a map of numbers can always be written
		capabilities = nil
	}
	set.SetNames(n.TagsByName, capabilities)
	return &RuleNames{set.Tags, set.Capabilities}
}

// TagName is the name of a tag, "" if it has none.
func (r *RuleNames) TagName(id uint32) string {
	i := slices.IndexFunc(r.tags, func(t ruleset.Tag) bool { return t.ID == id })
	if i < 0 {
		return ""
	}
	return r.tags[i].Name
}

// CapabilityName is the name of a capability, "" if it has none.
func (r *RuleNames) CapabilityName(id uint32) string {
	i := slices.IndexFunc(r.capabilities, func(c ruleset.Capability) bool { return c.ID == id })
	if i < 0 {
		return ""
	}
	return r.capabilities[i].Name
}

// Labels names the value of a tag: the flag or enum that it is, or else the flags
// that it is made of, the lowest first. nil if there are no names for all of it.
func (r *RuleNames) Labels(id, value uint32) []string {
	i := slices.IndexFunc(r.tags, func(t ruleset.Tag) bool { return t.ID == id })
	if i < 0 {
		return nil
	}
	named := append(slices.Clone(r.tags[i].Flags), r.tags[i].Enums...)
	if at := slices.IndexFunc(named, func(v ruleset.Value) bool { return uint32(v.Value) == value }); at >= 0 {
		return []string{named[at].Name}
	}
	var labels []string
	var covered uint32
	flags := slices.SortedFunc(slices.Values(r.tags[i].Flags), func(a, b ruleset.Value) int { return cmp.Compare(uint32(a.Value), uint32(b.Value)) })
	for _, flag := range flags {
		if bits := uint32(flag.Value); bits != 0 && bits&^value == 0 {
			labels = append(labels, flag.Name)
			covered |= bits
		}
	}
	if covered != value {
		return nil
	}
	return labels
}

// tag finds a tag by its id or its name; false if the network has none.
func (r *RuleNames) tag(nameOrID string) (ruleset.Tag, bool) {
	i := indexNamed(len(r.tags), r.tagAt, nameOrID)
	if i < 0 {
		return ruleset.Tag{}, false
	}
	return r.tags[i], true
}

// capability is tag for capabilities.
func (r *RuleNames) capability(nameOrID string) (id uint32, found bool) {
	i := indexNamed(len(r.capabilities), r.capabilityAt, nameOrID)
	if i < 0 {
		return 0, false
	}
	return r.capabilities[i].ID, true
}

func (r *RuleNames) tagAt(i int) (name string, id uint32) { return r.tags[i].Name, r.tags[i].ID }

func (r *RuleNames) capabilityAt(i int) (name string, id uint32) {
	return r.capabilities[i].Name, r.capabilities[i].ID
}

// indexNamed finds what has an id or a name; -1: nothing has it. Clients can store
// names as they like: one that reads as an id is none here.
func indexNamed(n int, at func(i int) (name string, id uint32), nameOrID string) int {
	wanted, isID := parseRuleID(nameOrID)
	if !isID {
		return indexName(n, func(i int) string { name, _ := at(i); return name }, nameOrID)
	}
	for i := range n {
		if _, id := at(i); id == wanted {
			return i
		}
	}
	return -1
}

// indexName finds a name: exactly so, or in any case if there is one such name
// only; -1 otherwise. No name is none.
func indexName(n int, at func(i int) string, wanted string) int {
	inAnyCase, count := -1, 0
	for i := range n {
		switch name := at(i); {
		case name == "":
		case name == wanted:
			return i
		case strings.EqualFold(name, wanted):
			inAnyCase = i
			count++
		}
	}
	if count != 1 {
		return -1
	}
	return inAnyCase
}

// parseRuleID reads the id of a tag or a capability as programs have it, decimal
// or 0x and hexadecimal. Names do not begin with a digit.
func parseRuleID(text string) (uint32, bool) {
	base := 10
	if digits, isHex := strings.CutPrefix(strings.ToLower(text), "0x"); isHex {
		text, base = digits, 16
	}
	id, err := strconv.ParseUint(text, base, 32)
	return uint32(id), err == nil
}

// tagChoices are what can be written for a tag.
func (r *RuleNames) tagChoices() []string {
	return choices(len(r.tags), r.tagAt)
}

// capabilityChoices are what can be written for a capability.
func (r *RuleNames) capabilityChoices() []string {
	return choices(len(r.capabilities), r.capabilityAt)
}

// choices lists names, and ids where there are none that can be written.
func choices(n int, at func(i int) (name string, id uint32)) []string {
	all := make([]string, 0, n)
	for i := range n {
		name, id := at(i)
		if _, isID := parseRuleID(name); isID || name == "" {
			name = strconv.FormatUint(uint64(id), 10)
		}
		all = append(all, name)
	}
	return all
}

// valueNamed is the value that names of a tag stand for: one flag or enum, or
// several flags together. The error says which is none.
func valueNamed(tag ruleset.Tag, names []string) (uint32, error) {
	named := func(values []ruleset.Value, name string) (uint32, bool) {
		i := indexName(len(values), func(i int) string { return values[i].Name }, name)
		if i < 0 {
			return 0, false
		}
		return uint32(values[i].Value), true
	}
	var value uint32
	for _, name := range names {
		bits, isFlag := named(tag.Flags, name)
		number, isEnum := named(tag.Enums, name)
		switch {
		case isFlag:
			value |= bits
		case isEnum && len(names) == 1:
			value = number
		case isEnum:
			return 0, fmt.Errorf("%q is an enum of the tag and cannot be combined with other values", clip(name))
		default:
			return 0, fmt.Errorf("the tag has no value called %q", clip(name))
		}
	}
	return value, nil
}

// valueChoices are the names of a tag's values.
func valueChoices(tag ruleset.Tag) []string {
	var all []string
	for _, v := range append(slices.Clone(tag.Flags), tag.Enums...) {
		all = append(all, v.Name)
	}
	return all
}
