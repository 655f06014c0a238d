package ruleset

import (
	"cmp"
	"math/bits"
	"slices"
	"strconv"
	"strings"
)

// ParseID reads the id of a tag or a capability as programs have it: decimal, or
// 0x and hexadecimal. Names that programs give do not begin with a digit.
func ParseID(text string) (uint32, bool) {
	base := 10
	if digits, isHex := strings.CutPrefix(strings.ToLower(text), "0x"); isHex {
		text, base = digits, 16
	}
	id, err := strconv.ParseUint(text, base, 32)
	return uint32(id), err == nil
}

// TagWith returns the tag with an id: the last of several, which is the one that
// counts (protocol 10 §13.4). nil: there is none.
func (s *Set) TagWith(id uint32) *Tag {
	for i := range slices.Backward(s.Tags) {
		if s.Tags[i].ID == id {
			return &s.Tags[i]
		}
	}
	return nil
}

// CapabilityWith is TagWith for capabilities.
func (s *Set) CapabilityWith(id uint32) *Capability {
	for i := range slices.Backward(s.Capabilities) {
		if s.Capabilities[i].ID == id {
			return &s.Capabilities[i]
		}
	}
	return nil
}

// FindTag returns the tag that somebody means by an id or a name: exactly the
// name, or in any case if that is one tag only. What reads as an id is no name.
// nil: there is none.
func (s *Set) FindTag(nameOrID string) *Tag {
	if id, ok := ParseID(nameOrID); ok {
		return s.TagWith(id)
	}
	return named(s.Tags, func(t *Tag) string { return t.Name }, nameOrID)
}

// FindCapability is FindTag for capabilities.
func (s *Set) FindCapability(nameOrID string) *Capability {
	if id, ok := ParseID(nameOrID); ok {
		return s.CapabilityWith(id)
	}
	return named(s.Capabilities, func(c *Capability) string { return c.Name }, nameOrID)
}

// FlagNamed returns the bits of a flag, whose name is found as by FindTag.
func (t *Tag) FlagNamed(name string) (uint32, bool) { return valueNamed(t.Flags, name) }

// EnumNamed returns the value of an enum, whose name is found as by FindTag.
func (t *Tag) EnumNamed(name string) (uint32, bool) { return valueNamed(t.Enums, name) }

func valueNamed(values []Value, name string) (uint32, bool) {
	found := named(values, func(v *Value) string { return v.Name }, name)
	if found == nil {
		return 0, false
	}
	return uint32(found.Value), true
}

// named finds what has a name: exactly so, or in any case if it is the only one.
func named[T any](all []T, name func(*T) string, wanted string) *T {
	var inAnyCase *T
	several := false
	for i := range all {
		switch has := name(&all[i]); {
		case has == "":
		case has == wanted:
			return &all[i]
		case strings.EqualFold(has, wanted):
			several = inAnyCase != nil
			inAnyCase = &all[i]
		}
	}
	if several {
		return nil
	}
	return inAnyCase
}

// Labels names a value of the tag: the flag or enum that it is, or else the flags
// that it is made of, ascending. nil if there are no names for all of it.
func (t *Tag) Labels(value uint32) []string {
	for _, v := range slices.Concat(t.Flags, t.Enums) {
		if uint32(v.Value) == value {
			return []string{v.Name}
		}
	}
	flags := slices.Clone(t.Flags)
	slices.SortStableFunc(flags, func(a, b Value) int { return bits.OnesCount32(uint32(a.Value)) - bits.OnesCount32(uint32(b.Value)) })
	var parts []Value
	var covered uint32
	for _, flag := range flags {
		if set := uint32(flag.Value); set&^value == 0 && set&^covered != 0 {
			parts = append(parts, flag)
			covered |= set
		}
	}
	if covered != value {
		return nil
	}
	slices.SortStableFunc(parts, func(a, b Value) int { return cmp.Compare(uint32(a.Value), uint32(b.Value)) })
	var labels []string
	for _, part := range parts {
		labels = append(labels, part.Name)
	}
	return labels
}
