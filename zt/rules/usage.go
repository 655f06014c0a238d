package rules

import (
	"github.com/orrery-net/orrery/zt/netconf"
	"github.com/orrery-net/orrery/zt/rules/ruleset"
)

// UsageOf says how much of the limits of nodes tables use.
func UsageOf(set *ruleset.Set) Usage {
	u := Usage{
		Rules: len(set.Rules), MaxRules: netconf.MaxRules,
		Capabilities: len(set.Capabilities), MaxCapabilities: netconf.MaxCapabilities,
		MaxRulesPerCapability: netconf.MaxRulesPerCapability,
		Tags:                  len(set.Tags), MaxTags: netconf.MaxTags,
	}
	for _, c := range set.Capabilities {
		u.LargestCapability = max(u.LargestCapability, len(c.Rules))
	}
	return u
}
