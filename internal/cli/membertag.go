package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/orrery-net/orrery/zt/rules/ruleset"
)

// tagSetting is what --tag says: a tag and its value, by names or numbers.
type tagSetting struct{ tag, value string }

func parseTagSetting(text string) (tagSetting, error) {
	tag, value, ok := strings.Cut(text, "=")
	s := tagSetting{strings.TrimSpace(tag), strings.TrimSpace(value)}
	if !ok || s.tag == "" || s.value == "" {
		return s, fmt.Errorf("%s; want TAG=VALUE, where VALUE is a name, names of flags with + between them, a number, unset or default", quoted(text))
	}
	return s, nil
}

// resolve finds the tag of a network and the value that are meant. Names come
// before numbers, as they cannot begin with a digit. The words none and default
// mean a value of the tag with such a name, if it has one and is named itself.
func (s tagSetting) resolve(set *ruleset.Set, network string) (memberTag, error) {
	id, byID := ruleset.ParseID(s.tag)
	known := set.FindTag(s.tag)
	if !byID {
		if known == nil {
			return memberTag{}, fmt.Errorf("%s has no tag %s; %s", network, quoted(s.tag), knownNames("its rules define", "its rules define none", tagNames(set)))
		}
		id = known.ID
	}
	t := memberTag{id: id}
	if value, ok := namedValue(known, s.value); ok && !byID {
		t.value = value
		return t, nil
	}
	switch strings.ToLower(s.value) {
	case "none", "unset":
		t.unset = true
		return t, nil
	case "default":
		t.byDefault = true
		return t, nil
	}
	for part := range strings.SplitSeq(s.value, "+") {
		value, ok := namedValue(known, strings.TrimSpace(part))
		if !ok {
			value, ok = ruleset.ParseID(strings.TrimSpace(part))
		}
		switch {
		case !ok:
			return t, noValue(known, s.tag, part)
		case part != s.value && known != nil && !isFlag(known, part) && isEnum(known, part):
			return t, fmt.Errorf("%s of %s is no flag, and stands alone", quoted(part), quoted(s.tag))
		}
		t.value |= value
	}
	return t, nil
}

func noValue(of *ruleset.Tag, tag, value string) error {
	if of == nil {
		return fmt.Errorf("%s is no number; the network's rules do not define the tag %s, and so no names for its values", quoted(value), quoted(tag))
	}
	return fmt.Errorf("%s has no value %s; %s", quoted(tag), quoted(value), knownNames("there are", "its values are numbers", valueNames(of)))
}

// knownNames lists what could have been meant.
func knownNames(some, none string, names []string) string {
	const most = 20
	switch {
	case len(names) == 0:
		return none
	case len(names) > most:
		return fmt.Sprintf("%s %s and %d more", some, strings.Join(names[:most], ", "), len(names)-most)
	}
	return some + " " + strings.Join(names, ", ")
}

func tagNames(set *ruleset.Set) []string {
	var names []string
	for _, t := range set.Tags {
		if t.Name != "" {
			names = append(names, printable(t.Name))
		}
	}
	return names
}

func valueNames(t *ruleset.Tag) []string {
	var names []string
	for _, v := range slices.Concat(t.Enums, t.Flags) {
		names = append(names, printable(v.Name))
	}
	return names
}

func isFlag(t *ruleset.Tag, name string) bool {
	_, ok := t.FlagNamed(strings.TrimSpace(name))
	return ok
}

func isEnum(t *ruleset.Tag, name string) bool {
	_, ok := t.EnumNamed(strings.TrimSpace(name))
	return ok
}

// namedValue is the value with a name: a flag's or, as in rules, else an enum's.
func namedValue(t *ruleset.Tag, name string) (uint32, bool) {
	if t == nil {
		return 0, false
	}
	if value, ok := t.FlagNamed(name); ok {
		return value, true
	}
	return t.EnumNamed(name)
}

// tagValueText is a tag's value for people, as --tag takes it: the name of an
// enum or flag, names of flags with + between them, or the number.
func tagValueText(t *ruleset.Tag, value uint32) string {
	labels := t.Labels(value)
	if labels == nil {
		return fmt.Sprint(value)
	}
	for i := range labels {
		labels[i] = printable(labels[i])
	}
	return strings.Join(labels, "+")
}

// tagText is a member's tag for people, as --tag takes it.
func tagText(t memberTag, set *ruleset.Set) string {
	known := set.TagWith(t.id)
	switch {
	case known == nil || known.Name == "":
		return t.String()
	case t.unset:
		return printable(known.Name) + "=unset"
	}
	return printable(known.Name) + "=" + tagValueText(known, t.value)
}

// resolveCapability finds the id of a capability by its name or id.
func resolveCapability(text string, set *ruleset.Set, network string) (uint32, error) {
	if id, ok := ruleset.ParseID(text); ok {
		return id, nil
	}
	known := set.FindCapability(text)
	if known == nil {
		return 0, fmt.Errorf("%s has no capability %s; %s", network, quoted(text), knownNames("its rules define", "its rules define none", capabilityNames(set)))
	}
	return known.ID, nil
}

func capabilityNames(set *ruleset.Set) []string {
	var names []string
	for _, c := range set.Capabilities {
		if c.Name != "" {
			names = append(names, printable(c.Name))
		}
	}
	return names
}

// capabilityText is a capability of a member for people, as --capability takes it.
func capabilityText(id uint32, set *ruleset.Set) string {
	if known := set.CapabilityWith(id); known != nil && known.Name != "" {
		return printable(known.Name)
	}
	return fmt.Sprint(id)
}
