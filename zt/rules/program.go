package rules

import (
	"fmt"

	"github.com/orrery-net/orrery/zt/netconf"
	"github.com/orrery-net/orrery/zt/rules/ruleset"
	"github.com/orrery-net/orrery/zt/rules/syntax"
)

// Program is a compiled program.
type Program struct {
	ruleset.Set
	// Origins says for each entry of Rules where it stands in the source; nil if
	// that is not known (compatible mode).
	Origins []Origin
	// CapabilityOrigins is the same for each capability.
	CapabilityOrigins [][]Origin
	Usage             Usage
}

// Origin is where an entry of a table comes from.
type Origin struct {
	Span syntax.Span // of the match with its operators, or of the action with its arguments
	Rule syntax.Span // of the rule that it is part of
	// Included is where the macros around it were included: the names in the
	// includes, the outermost first. Entries share the slices.
	Included []syntax.Position
}

// Usage is how much of the limits of nodes a program uses.
type Usage struct {
	Rules                 int `json:"rules"`
	MaxRules              int `json:"maxRules"`
	Capabilities          int `json:"capabilities"`
	MaxCapabilities       int `json:"maxCapabilities"`
	LargestCapability     int `json:"largestCapability"` // entries
	MaxRulesPerCapability int `json:"maxRulesPerCapability"`
	Tags                  int `json:"tags"`
	MaxTags               int `json:"maxTags"`
}

// Tables are a program's tables as nodes get them. Programs that were compiled
// strictly have no entries that cannot be converted.
func (p *Program) Tables() (rules []netconf.Rule, capabilities [][]netconf.Rule, err error) {
	if rules, err = ruleset.NetconfRules(p.Rules); err != nil {
		return nil, nil, fmt.Errorf("rules: %w", err)
	}
	capabilities = make([][]netconf.Rule, len(p.Capabilities))
	for i, c := range p.Capabilities {
		if capabilities[i], err = ruleset.NetconfRules(c.Rules); err != nil {
			return nil, nil, fmt.Errorf("capability %s: %w", c.Name, err)
		}
	}
	return rules, capabilities, nil
}
