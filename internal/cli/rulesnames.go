package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/orrery-net/orrery/zt/rules/ruleset"
)

// compareNames says which tags and capabilities come, go and change, and who has
// them.
func (i *impact) compareNames(before, after *ruleset.Set, actors []actor) {
	for _, old := range before.Tags {
		if next := after.TagWith(old.ID); next != nil {
			i.compareTag(old, *next, actors)
		} else {
			i.goes(tagTitle(old), actors, holders(actors, func(a *actor) bool { _, has := a.tag(old.ID); return has }))
		}
	}
	for _, added := range after.Tags {
		if before.TagWith(added.ID) == nil {
			has := holders(actors, func(a *actor) bool { _, has := a.tag(added.ID); return has })
			i.comes(tagTitle(added)+", "+defaultText(added), actors, has)
		}
	}
	for _, old := range before.Capabilities {
		next := after.CapabilityWith(old.ID)
		switch {
		case next == nil:
			i.goes(capabilityTitle(old), actors, holders(actors, func(a *actor) bool { return a.hasCapability(old.ID) }))
		default:
			i.compareCapability(old, *next)
		}
	}
	for _, added := range after.Capabilities {
		if before.CapabilityWith(added.ID) == nil {
			title := capabilityTitle(added)
			if added.Default {
				title += ", " + givenAtFirst
			}
			i.comes(title, actors, holders(actors, func(a *actor) bool { return a.hasCapability(added.ID) }))
		}
	}
}

// tag is the actor's own value of a tag.
func (a *actor) tag(id uint32) (value uint32, has bool) {
	at := slices.IndexFunc(a.tags, func(t memberTag) bool { return t.id == id && !t.unset })
	if at < 0 {
		return 0, false
	}
	return a.tags[at].value, true
}

func (a *actor) hasCapability(id uint32) bool { return slices.Contains(a.capabilities, id) }

// holders are the indexes of actors that have something.
func holders(actors []actor, has func(*actor) bool) []int {
	var found []int
	for n := range actors {
		if has(&actors[n]) {
			found = append(found, n)
		}
	}
	return found
}

func (i *impact) goes(title string, actors []actor, has []int) {
	line := "  - " + title
	if len(has) > 0 {
		line += "; who had it: " + labels(actors, has)
		i.losses = append(i.losses, "the "+title+" is taken from "+labels(actors, has))
	}
	i.names = append(i.names, line)
}

func (i *impact) comes(title string, actors []actor, has []int) {
	line := "  + " + title
	if len(has) > 0 {
		line += "; who has it already: " + labels(actors, has)
	}
	i.names = append(i.names, line)
}

func tagTitle(t ruleset.Tag) string {
	return fmt.Sprintf("tag %s (id %d)", nameOr(t.Name, "without a name"), t.ID)
}

// defaultText is a tag's default for people.
func defaultText(t ruleset.Tag) string {
	if t.Default == nil {
		return "no default"
	}
	return "default " + tagValueText(&t, uint32(*t.Default))
}

// givenAtFirst says what the default of a capability means.
const givenAtFirst = "given to members at their first authorization from now on"

func (i *impact) compareCapability(before, after ruleset.Capability) {
	var changes []string
	if before.Name != after.Name {
		changes = append(changes, "now called "+nameOr(after.Name, "nothing"))
	}
	switch {
	case after.Default && !before.Default:
		changes = append(changes, givenAtFirst)
	case before.Default && !after.Default:
		changes = append(changes, "not "+givenAtFirst)
	}
	i.alters(capabilityTitle(before), changes)
}

// alters notes what changes of a tag or capability that stays.
func (i *impact) alters(title string, changes []string) {
	if len(changes) > 0 {
		i.names = append(i.names, "  ~ "+title+": "+strings.Join(changes, "; "))
	}
}

func (i *impact) compareTag(before, after ruleset.Tag, actors []actor) {
	var changes []string
	if before.Name != after.Name {
		changes = append(changes, "now called "+nameOr(after.Name, "nothing"))
	}
	if was, is := defaultText(before), defaultText(after); was != is {
		change := was + " → " + is
		if has := holders(actors, func(a *actor) bool { return !a.decides(after.ID) }); len(has) > 0 {
			change += ", for " + labels(actors, has)
		}
		changes = append(changes, change)
	}
	olds, news := append(slices.Clip(before.Flags), before.Enums...), append(slices.Clip(after.Flags), after.Enums...)
	for _, old := range olds {
		at := slices.IndexFunc(news, func(v ruleset.Value) bool { return v.Name == old.Name })
		switch {
		case at < 0:
			changes = append(changes, fmt.Sprintf("without %s (%d)", printable(old.Name), old.Value))
		case news[at].Value != old.Value:
			changes = append(changes, fmt.Sprintf("%s %d → %d", printable(old.Name), old.Value, news[at].Value))
		}
	}
	for _, added := range news {
		if !slices.ContainsFunc(olds, func(v ruleset.Value) bool { return v.Name == added.Name }) {
			changes = append(changes, fmt.Sprintf("with %s (%d)", printable(added.Name), added.Value))
		}
	}
	i.alters(tagTitle(before), changes)
}

// decides reports whether the actor has a value of its own, or none by its own,
// so that the default does not count.
func (a *actor) decides(id uint32) bool {
	return slices.ContainsFunc(a.tags, func(t memberTag) bool { return t.id == id })
}
