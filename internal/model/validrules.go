package model

import (
	"fmt"
	"net/netip"

	"github.com/orrery-net/orrery/zt/netconf"
)

// validRules checks rules, tags and capabilities against what nodes can hold, and
// what fits into a configuration.
func (n *Network) validRules() error {
	switch {
	case len(n.Rules) > netconf.MaxRules:
		return invalid("config.rules", "%d rules; nodes take %d, so config.rules[%d] is the first one too many", len(n.Rules), netconf.MaxRules, netconf.MaxRules)
	case len(n.Tags) > netconf.MaxTags:
		return invalid("config.tags", "%d tags; a network can have %d, so config.tags[%d] is the first one too many", len(n.Tags), netconf.MaxTags, netconf.MaxTags)
	case len(n.Capabilities) > netconf.MaxCapabilities:
		return invalid("config.capabilities", "%d capabilities; a network can have %d, so config.capabilities[%d] is the first one too many",
			len(n.Capabilities), netconf.MaxCapabilities, netconf.MaxCapabilities)
	}
	for i, c := range n.Capabilities {
		if len(c.Rules) > netconf.MaxRulesPerCapability {
			return invalid(fmt.Sprintf("config.capabilities[%d].rules", i), "%d rules; nodes take %d in a capability (the id of this one is %d)",
				len(c.Rules), netconf.MaxRulesPerCapability, c.ID)
		}
	}
	return n.capabilitiesFit()
}

// capabilitiesFit checks that a member that holds all capabilities can be sent
// all of them.
func (n *Network) capabilitiesFit() error {
	size := 0
	for _, c := range n.capabilitiesInForce() {
		if size += netconf.CapabilityLen(c.Rules); size > netconf.MaxCapabilityBytes {
			return invalid("config.capabilities", "up to capability %d they have %d bytes as certificates; a configuration has room for %d, and a member may hold all of them",
				c.ID, size, netconf.MaxCapabilityBytes)
		}
	}
	return nil
}

// rulesWarnings names rules, tags and capabilities that do not do what their
// writer expects.
func (n *Network) rulesWarnings() []string {
	var all []string
	if len(n.Rules) == 0 {
		all = append(all, "there are no rules: nodes drop all traffic")
	}
	all = append(all, tableWarnings("config.rules", n.Rules)...)
	for i, c := range n.Capabilities {
		all = append(all, tableWarnings(fmt.Sprintf("config.capabilities[%d].rules", i), c.Rules)...)
	}
	if extra := len(n.Tags) - len(n.tagsInForce()); extra > 0 {
		all = append(all, fmt.Sprintf("config.tags has %d entries with the id of a later one: only the last one of each id counts", extra))
	}
	if extra := len(n.Capabilities) - len(n.capabilitiesInForce()); extra > 0 {
		all = append(all, fmt.Sprintf("config.capabilities has %d entries with the id of a later one: only the last one of each id counts", extra))
	}
	return all
}

// tableWarnings names entries that match something else than they seem to: an
// address without a prefix length is every address, a range that ends before it
// starts holds nothing, matches that no action follows do nothing.
func tableWarnings(field string, table []netconf.Rule) []string {
	var all []string
	for i, rule := range table {
		operands := rule.Operands()
		switch rule.Type {
		case netconf.MatchIPv4Source, netconf.MatchIPv4Dest, netconf.MatchIPv6Source, netconf.MatchIPv6Dest:
			address, _ := netip.AddrFromSlice(operands[:len(operands)-1])
			if bits := operands[len(operands)-1]; bits == 0 && !address.IsUnspecified() {
				all = append(all, fmt.Sprintf("%s[%d] is %s/0, which is every address; did you mean %s/%d?", field, i, address, address, address.BitLen()))
			}
		case netconf.MatchSourcePorts, netconf.MatchDestPorts, netconf.MatchFrameSize:
			start, end := int(operands[0])<<8|int(operands[1]), int(operands[2])<<8|int(operands[3])
			if end < start {
				all = append(all, fmt.Sprintf("%s[%d] is a range from %d to %d: it matches nothing", field, i, start, end))
			}
		}
	}
	if len(table) > 0 && !table[len(table)-1].Type.IsAction() {
		all = append(all, fmt.Sprintf("%s ends with matches that no action follows: they do nothing", field))
	}
	return all
}
