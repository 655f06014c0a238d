package controller

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/zt/netconf"
)

// limits is what a node can hold and evaluate, as it announced in its request
// (protocol 05 §2.1). A node that can less than the network asks for gets what
// makes it pass less than the whole would, never more: see rulesFor, capabilities
// and tagsFor.
type limits struct {
	rulesEngine        int // 0: the node knows no rules; 1: it knows all there are
	rules              int
	capabilities       int
	rulesPerCapability int
	tags               int
}

func limitsOf(m netconf.Metadata) limits {
	return limits{
		rulesEngine:        min(max(m.RulesEngine, 0), rulesEngine),
		rules:              announced(m.MaxRules, netconf.MaxRules),
		capabilities:       announced(m.MaxCapabilities, netconf.MaxCapabilities),
		rulesPerCapability: announced(m.MaxRulesPerCapability, netconf.MaxRulesPerCapability),
		tags:               announced(m.MaxTags, netconf.MaxTags),
	}
}

// rulesEngine is the revision of the rules engine that all types of rules are of.
const rulesEngine = 1

// announced is a limit that a node announced, or the usual one if it did not or
// says that it holds more than anyone else.
func announced(limit, usual int) int {
	if limit <= 0 {
		return usual
	}
	return min(limit, usual)
}

// What is left out for a node, in the words of the log.
const (
	shortOfEngine       = "it knows no rules: it gets a single one that accepts everything"
	shortOfRules        = "it takes fewer rules: it gets the first ones, and drops what they do not decide"
	shortOfCapabilities = "it takes fewer or shorter capabilities: it gets those that fit"
	shortOfTags         = "it takes fewer tags than rules compare: it drops all traffic"
)

// maxVariants bounds how many templates of a network are kept that differ in what
// nodes announced.
const maxVariants = 16

// rulesFor returns the template with the rules that a node gets, and what is left
// out. dropAll is for nodes that cannot judge by any rules.
func (s *snapshot) rulesFor(l limits, dropAll bool) (t *netconf.Template, short string) {
	switch {
	case l.rulesEngine == 0:
		short = shortOfEngine
	case dropAll:
		l.rules, short = 0, shortOfTags
	case l.rules >= len(s.record.Rules):
		return s.template, ""
	default:
		short = shortOfRules
	}
	key := variant{l.rulesEngine, l.rules}
	if l.rulesEngine == 0 {
		key.rules = 0
	}
	s.variantsMu.Lock()
	defer s.variantsMu.Unlock()
	if t = s.variants[key]; t != nil {
		return t, short
	}
	table := netconf.AcceptAll()
	if l.rulesEngine > 0 {
		table = netconf.FitRules(s.record.Rules, l.rules, l.rulesEngine)
	}
	t = s.template.WithRules(table)
	if s.variants == nil || len(s.variants) >= maxVariants {
		s.variants = make(map[variant]*netconf.Template)
	}
	s.variants[key] = t
	return t, short
}

// variant is what distinguishes the rules of one node from those of others.
type variant struct{ rulesEngine, rules int }

// capabilitiesFor returns the capabilities that a member gets, ascending by id:
// of those it was given the ones that the network defines and that fit. Leaving
// one out is safe, for it can only accept.
func (s *snapshot) capabilitiesFor(m *model.Member, l limits) (all []*model.Capability, short string) {
	room := netconf.MaxCapabilityBytes
	given := slices.Clone(m.Capabilities)
	slices.Sort(given)
	for _, id := range slices.Compact(given) {
		one := s.grants.capabilities[id]
		if one == nil {
			continue
		}
		size := netconf.CapabilityLen(one.Rules)
		if len(all) == l.capabilities || size > room || !netconf.FitsAsCapability(one.Rules, l.rulesPerCapability, l.rulesEngine) {
			short = shortOfCapabilities
			continue
		}
		room -= size
		all = append(all, one)
	}
	return all, short
}

// tagsFor returns the tags that a member gets, ascending by id. If its node does
// not hold all of them, those that rules compare are chosen first; enough is false
// if even these are too many: without a tag a rule that drops would not match.
func (s *snapshot) tagsFor(m *model.Member, l limits) (all []model.MemberTag, chosen, enough bool) {
	all = m.TagsOn(s.record)
	if len(all) <= l.tags {
		return all, false, true
	}
	compared := comparedTags(s.record)
	needed := slices.DeleteFunc(slices.Clone(all), func(t model.MemberTag) bool { return !compared[t.ID] })
	others := slices.DeleteFunc(all, func(t model.MemberTag) bool { return compared[t.ID] })
	all = append(needed, others...)[:l.tags]
	slices.SortFunc(all, func(a, b model.MemberTag) int { return cmp.Compare(a.ID, b.ID) })
	return all, true, len(needed) <= l.tags
}

// comparedTags are the ids of tags that rules of a network look at.
func comparedTags(n *model.Network) map[uint32]bool {
	ids := make(map[uint32]bool)
	note := func(table []netconf.Rule) {
		for _, rule := range table {
			if rule.Type >= netconf.MatchTagsDifference && rule.Type <= netconf.MatchTagReceiver {
				ids[binary.BigEndian.Uint32(rule.Operands())] = true
			}
		}
	}
	note(n.Rules)
	for _, c := range n.Capabilities {
		note(c.Rules)
	}
	return ids
}

// noteLimits keeps count of members whose nodes cannot hold all that they should
// get, and says so in the log once for each. Called with m.mu held.
func (c *Controller) noteLimits(n *network, m *member, short string) {
	if was := m.limited.Swap(short != ""); was == (short != "") {
		return
	}
	if short == "" {
		c.limited.Add(-1)
		return
	}
	c.limited.Add(1)
	c.log.Warn("a member's node cannot hold all of the network's rules", "network", n.id, "node", m.node, "effect", short)
}
