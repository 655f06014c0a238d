package central

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/internal/store"
	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/rules/ruleset"
)

// Classification changes which tags and capabilities a member has, by their names,
// in any case, or their ids. What it does not name stays.
type Classification struct {
	Tags         map[string]TagValue
	Capabilities map[string]bool // whether the member has it
}

// TagValue is what a member's tag shall be: one of these.
type TagValue struct {
	Names   []string // of one enum or flag, or of several flags together
	Number  *uint32
	Unset   bool // none, also if the network has a default
	Default bool // no value of the member's own: the network's default counts
}

// ClassifyMember changes tags and capabilities of a member. Invalid, with a
// ChoiceError: a tag, a value or a capability that the network's rules do not
// define; what they do not define anymore can be taken away by its id. Needs m.
func (s *Service) ClassifyMember(ctx context.Context, caller Caller, id zt.NetworkID, node zt.Address, c Classification) (model.MemberStatus, *model.Network, error) {
	var after *model.Member
	var network *model.Network
	err := s.change(ctx, caller, "classify member "+node.String()+" of "+id.String(), func(tx *store.Tx) error {
		var err error
		if network, err = s.networkForChange(tx, caller, id, toModify); err != nil {
			return err
		}
		before, err := findMember(tx, id, node)
		if err != nil {
			return err
		}
		if before == nil || before.DeletedTime != 0 {
			return noMember(id, node)
		}
		after = before.Clone()
		if err := c.apply(RuleNamesOf(network), after); err != nil {
			return err
		}
		if err := after.Validate(); err != nil {
			return err
		}
		if _, is, err := model.Changes(before, after); err != nil || is == nil {
			return err
		}
		after.Revision = before.Revision + 1
		return s.storeMember(tx, caller, model.MemberUpdated, before, after)
	})
	if err != nil {
		return model.MemberStatus{}, nil, err
	}
	status, err := s.withSeen(ctx, after)
	return status, network, err
}

// apply changes a member. Names come in order, so that of several mistakes the
// same one is told each time.
func (c *Classification) apply(names *RuleNames, m *model.Member) error {
	named := make(map[uint32]string)
	for _, name := range slices.Sorted(maps.Keys(c.Tags)) {
		field, value := "tags."+clip(name), c.Tags[name]
		tag := names.set.FindTag(name)
		if tag == nil {
			id, isID := ruleset.ParseID(name)
			if !isID || !value.Default || !hasTag(m, id) {
				return noSuch(Invalid, field, "the network's rules define no such tag", names.tagChoices())
			}
			tag = &ruleset.Tag{ID: id}
		}
		if other, twice := named[tag.ID]; twice {
			return noSuch(Invalid, field, fmt.Sprintf("is the same tag as %q", clip(other)), nil)
		}
		named[tag.ID] = name
		if err := value.apply(field, tag, m); err != nil {
			return err
		}
	}
	clear(named)
	for _, name := range slices.Sorted(maps.Keys(c.Capabilities)) {
		field, wanted := "capabilities."+clip(name), c.Capabilities[name]
		id, isID := ruleset.ParseID(name)
		if known := names.set.FindCapability(name); known != nil {
			id = known.ID
		} else if !isID || wanted || !slices.Contains(m.Capabilities, id) {
			return noSuch(Invalid, field, "the network's rules define no such capability", names.capabilityChoices())
		}
		if other, twice := named[id]; twice {
			return noSuch(Invalid, field, fmt.Sprintf("is the same capability as %q", clip(other)), nil)
		}
		named[id] = name
		switch has := slices.Contains(m.Capabilities, id); {
		case wanted && !has:
			m.Capabilities = append(m.Capabilities, id)
		case !wanted:
			m.Capabilities = slices.DeleteFunc(m.Capabilities, func(other uint32) bool { return other == id })
		}
	}
	return nil
}

func hasTag(m *model.Member, id uint32) bool {
	return slices.ContainsFunc(m.Tags, func(t model.MemberTag) bool { return t.ID == id })
}

// apply gives a member a value of a tag, or takes it.
func (v *TagValue) apply(field string, tag *ruleset.Tag, m *model.Member) error {
	value := model.MemberTag{ID: tag.ID, Unset: v.Unset}
	switch {
	case v.Number != nil:
		value.Value = *v.Number
	case len(v.Names) > 0:
		var err error
		if value.Value, err = valueNamed(tag, v.Names); err != nil {
			return noSuch(Invalid, field, err.Error(), valueChoices(tag))
		}
	}
	m.Tags = slices.DeleteFunc(m.Tags, func(t model.MemberTag) bool { return t.ID == tag.ID })
	if !v.Default {
		m.Tags = append(m.Tags, value)
		slices.SortFunc(m.Tags, func(a, b model.MemberTag) int { return cmp.Compare(a.ID, b.ID) })
	}
	return nil
}
