package central

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/zt/rules/ruleset"
)

// RuleNames are the tags and capabilities that a network's rules define, with
// their names. They do not change.
type RuleNames struct{ set ruleset.Set } // without rules

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
	return &RuleNames{*set}
}

// TagName is the name of a tag, "" if it has none.
func (r *RuleNames) TagName(id uint32) string {
	if tag := r.set.TagWith(id); tag != nil {
		return tag.Name
	}
	return ""
}

// CapabilityName is the name of a capability, "" if it has none.
func (r *RuleNames) CapabilityName(id uint32) string {
	if capability := r.set.CapabilityWith(id); capability != nil {
		return capability.Name
	}
	return ""
}

// Labels names the value of a tag; nil if there are no names for all of it.
func (r *RuleNames) Labels(id, value uint32) []string {
	if tag := r.set.TagWith(id); tag != nil {
		return tag.Labels(value)
	}
	return nil
}

// tagChoices are what can be written for a tag.
func (r *RuleNames) tagChoices() []string {
	return choices(r.set.Tags, func(t ruleset.Tag) (string, uint32) { return t.Name, t.ID })
}

// capabilityChoices are what can be written for a capability.
func (r *RuleNames) capabilityChoices() []string {
	return choices(r.set.Capabilities, func(c ruleset.Capability) (string, uint32) { return c.Name, c.ID })
}

// choices lists names, and ids where there are none that can be written.
func choices[T any](named []T, of func(T) (name string, id uint32)) []string {
	all := make([]string, 0, len(named))
	for _, one := range named {
		name, id := of(one)
		if _, isID := ruleset.ParseID(name); isID || name == "" {
			name = strconv.FormatUint(uint64(id), 10)
		}
		all = append(all, name)
	}
	return all
}

// valueNamed is the value that names of a tag stand for: one flag or enum, or
// several flags together. The error says which is none.
func valueNamed(tag *ruleset.Tag, names []string) (uint32, error) {
	var value uint32
	for _, name := range names {
		bits, isFlag := tag.FlagNamed(name)
		number, isEnum := tag.EnumNamed(name)
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
func valueChoices(tag *ruleset.Tag) []string {
	var all []string
	for _, v := range slices.Concat(tag.Flags, tag.Enums) {
		all = append(all, v.Name)
	}
	return all
}
