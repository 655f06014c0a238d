package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/orrery-net/orrery/internal/client"
	"github.com/orrery-net/orrery/zt/rules/ruleset"
)

// capabilityFlags are the tags and capabilities of a member as flags have them.
type capabilityFlags struct {
	tags                  []string
	capabilities, removed []string
}

func (f *capabilityFlags) addTo(command *cobra.Command) {
	flags := command.Flags()
	flags.StringArrayVar(&f.tags, "tag", nil, "set a tag, `TAG=VALUE`: names or numbers, names of flags with + between them, unset, or default; repeatable")
	flags.StringSliceVar(&f.capabilities, "capability", nil, "give it the capability with this `name` or id; repeatable")
	completeCapabilities(command, "capability")
}

// addRemoval is addTo for commands that take capabilities away, too.
func (f *capabilityFlags) addRemoval(command *cobra.Command) {
	command.Flags().StringSliceVar(&f.removed, "remove-capability", nil, "take the capability with this `name` or id away; repeatable")
	completeCapabilities(command, "remove-capability")
}

func (f *capabilityFlags) read(c *cobra.Command) (memberRights, error) {
	var r memberRights
	var err error
	if r.wanted.tags, err = parseEach("tag", f.tags, parseTagSetting); err != nil {
		return r, usage(c, err)
	}
	for _, x := range []struct {
		flag  string
		names []string
		into  *[]string
	}{{"capability", f.capabilities, &r.wanted.capabilities}, {"remove-capability", f.removed, &r.wanted.removed}} {
		for _, name := range x.names {
			*x.into = append(*x.into, strings.TrimSpace(name))
		}
		if c.Flags().Changed(x.flag) && (len(x.names) == 0 || slices.Contains(*x.into, "")) {
			return r, usage(c, fmt.Errorf("--%s is empty", x.flag))
		}
	}
	return r, nil
}

// memberRights are tags and capabilities to be set, first as flags name them, and
// then as a network has them.
type memberRights struct {
	wanted struct {
		tags                  []tagSetting
		capabilities, removed []string
	}
	tags               []memberTag
	addCaps, removeCap []uint32
}

func (r *memberRights) isEmpty() bool {
	return len(r.wanted.tags)+len(r.wanted.capabilities)+len(r.wanted.removed) == 0
}

// resolve finds what the names mean on a network.
func (r *memberRights) resolve(network *client.Network) error {
	if r.isEmpty() {
		return nil
	}
	set, err := rulesOf(network)
	if err != nil {
		return err
	}
	label := networkLabel(network)
	for _, wanted := range r.wanted.tags {
		tag, err := wanted.resolve(set, label)
		if err != nil {
			return err
		}
		r.tags = append(r.tags, tag)
	}
	for _, x := range []struct {
		names []string
		into  *[]uint32
	}{{r.wanted.capabilities, &r.addCaps}, {r.wanted.removed, &r.removeCap}} {
		for _, name := range x.names {
			id, err := resolveCapability(name, set, label)
			if err != nil {
				return err
			}
			*x.into = append(*x.into, id)
		}
	}
	return nil
}

// see completes what a server shows of a member's tags, if it matters to what shall
// be set.
func (r *memberRights) see(ctx context.Context, api *client.Client, network string, m *client.Member) error {
	if !slices.ContainsFunc(r.tags, func(t memberTag) bool { return t.unset || t.byDefault }) {
		return nil
	}
	unset, err := api.UnsetTags(ctx, network, m.NodeID)
	if err != nil {
		return err
	}
	tags := withUnset(tagsOf(m), unset[m.NodeID])
	m.Config.Tags = json.RawMessage(jsonText(tags))
	if m.Raw == nil {
		return nil
	}
	raw, err := decodePatch(m.Raw)
	if err != nil {
		return err
	}
	raw.set("config.tags", tags)
	m.Raw = json.RawMessage(jsonText(raw))
	return nil
}

// freed are the tags that are unset, and shall be left to the default.
func (r *memberRights) freed(m *client.Member) []uint32 {
	var ids []uint32
	for _, t := range tagsOf(m) {
		if t.unset && slices.ContainsFunc(r.tags, func(wanted memberTag) bool { return wanted.id == t.id && wanted.byDefault }) {
			ids = append(ids, t.id)
		}
	}
	return ids
}

// withUnset adds unset tags to those of a member, ascending by id.
func withUnset(tags []memberTag, ids []uint32) []memberTag {
	for _, id := range ids {
		if !slices.ContainsFunc(tags, func(t memberTag) bool { return t.id == id }) {
			tags = append(tags, memberTag{id: id, unset: true})
		}
	}
	sortTags(tags)
	return tags
}

func sortTags(tags []memberTag) {
	slices.SortFunc(tags, func(a, b memberTag) int { return cmp.Compare(a.id, b.id) })
}

// add adds what was resolved to the patch of a member.
func (r *memberRights) add(p patch, m *client.Member) {
	if len(r.tags) > 0 {
		p.set("config.tags", r.mergedTags(m))
	}
	if len(r.addCaps)+len(r.removeCap) > 0 {
		p.set("config.capabilities", r.merged(m))
	}
}

// has reports whether a member has what was resolved already.
func (r *memberRights) has(m *client.Member) bool {
	return slices.Equal(r.mergedTags(m), tagsOf(m)) && slices.Equal(r.merged(m), slices.Sorted(slices.Values(capabilitiesOf(m))))
}

// mergedTags are a member's tags with those that were set.
func (r *memberRights) mergedTags(m *client.Member) []memberTag {
	tags := slices.Clone(tagsOf(m))
	for _, t := range r.tags {
		i := slices.IndexFunc(tags, func(other memberTag) bool { return other.id == t.id })
		switch {
		case i >= 0:
			tags[i] = t
		default:
			tags = append(tags, t)
		}
	}
	tags = slices.DeleteFunc(tags, func(t memberTag) bool { return t.byDefault })
	sortTags(tags)
	return tags
}

// merged are a member's capabilities with those that were given and taken.
func (r *memberRights) merged(m *client.Member) []uint32 {
	all := append(capabilitiesOf(m), r.addCaps...)
	slices.Sort(all)
	return slices.DeleteFunc(slices.Compact(all), func(id uint32) bool { return slices.Contains(r.removeCap, id) })
}

// capabilitiesOf reads a member's capabilities; a strange list counts as none.
func capabilitiesOf(m *client.Member) []uint32 {
	all := []uint32{}
	if json.Unmarshal(m.Config.Capabilities, &all) != nil {
		return []uint32{}
	}
	return all
}

// memberTag is a tag's value for a member.
type memberTag struct {
	id        uint32
	value     uint32
	unset     bool // the member does not have the tag
	byDefault bool // it has no value of its own; only to be set
}

// MarshalJSON makes what Central has: a pair, with false for a tag that is unset.
func (t memberTag) MarshalJSON() ([]byte, error) {
	if t.unset {
		return fmt.Appendf(nil, "[%d,false]", t.id), nil
	}
	return fmt.Appendf(nil, "[%d,%d]", t.id, t.value), nil
}

// String is what --tag takes.
func (t memberTag) String() string {
	if t.unset {
		return fmt.Sprintf("%d=unset", t.id)
	}
	return fmt.Sprintf("%d=%d", t.id, t.value)
}

// tagsOf reads a member's tags; what is no tag is left out.
func tagsOf(m *client.Member) []memberTag { return readTags(m.Config.Tags) }

func readTags(raw json.RawMessage) []memberTag {
	var pairs [][2]json.RawMessage
	if json.Unmarshal(raw, &pairs) != nil {
		return nil
	}
	tags := make([]memberTag, 0, len(pairs))
	for _, pair := range pairs {
		id, err := strconv.ParseUint(string(pair[0]), 10, 32)
		value, valueErr := strconv.ParseUint(string(pair[1]), 10, 32)
		unset := string(pair[1]) == "false"
		if err == nil && (valueErr == nil || unset) {
			tags = append(tags, memberTag{id: uint32(id), value: uint32(value), unset: unset})
		}
	}
	return tags
}

// ruleNames are the names of a network's tags and capabilities; the zero value
// knows none.
type ruleNames struct{ set *ruleset.Set }

// namesOn are the names that a network's rules define; none if they cannot be
// read.
func namesOn(n *client.Network) ruleNames {
	set, err := rulesOf(n)
	if err != nil {
		return ruleNames{}
	}
	return ruleNames{set}
}

// tags are tags for people, as --tag takes them.
func (n ruleNames) tags(tags []memberTag) string {
	texts := make([]string, len(tags))
	for i, t := range tags {
		texts[i] = t.String()
		if n.set != nil {
			texts[i] = tagText(t, n.set)
		}
	}
	return strings.Join(texts, " ")
}

// capabilities are a member's capabilities for people; nil if no names are known.
func (n ruleNames) capabilities(m *client.Member) []string {
	if n.set == nil {
		return nil
	}
	var texts []string
	for _, id := range capabilitiesOf(m) {
		texts = append(texts, capabilityText(id, n.set))
	}
	return texts
}

// words say for people what a change makes of a member's tags and capabilities.
func (n ruleNames) words() map[string]func(any) string {
	if n.set == nil {
		return nil
	}
	reread := func(value any) json.RawMessage { return json.RawMessage(jsonText(value)) }
	return map[string]func(any) string{
		"config.tags": func(value any) string {
			return cmp.Or(strings.ReplaceAll(n.tags(readTags(reread(value))), " ", ", "), "none")
		},
		"config.capabilities": func(value any) string {
			m := &client.Member{}
			m.Config.Capabilities = reread(value)
			return cmp.Or(strings.Join(n.capabilities(m), ", "), "none")
		},
	}
}

// completeCapabilities completes a flag that takes capabilities of the network
// that was named: their names, or ids.
func completeCapabilities(command *cobra.Command, flag string) {
	_ = command.RegisterFlagCompletionFunc(flag, completeCapability) // the flag is there
}
