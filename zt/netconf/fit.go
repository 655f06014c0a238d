package netconf

import (
	"slices"

	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/identity"
)

// KnownTo reports whether nodes with a revision of the rules engine, as they
// announce it, evaluate rules of this type. All types that can be carried are of
// revision 1; nodes of revision 0 know no rules (protocol 05 §2.1).
func (t RuleType) KnownTo(rulesEngine int) bool {
	return rulesEngine >= 1 && t.layout().name != ""
}

// FitRules makes a network's table fit for nodes that take at most limit entries
// and have a revision of the rules engine. One that fits is returned as it is.
// Otherwise the result is the longest start of the table that does, up to the end
// of a whole rule, and at its end what drops everything else: a node must never
// let pass what the whole table drops. Neither may capabilities then, which a
// table that just ended would leave the decision to (protocol 07 §2). The same
// goes for a match of a type that nodes do not know, which can be true or false
// for them, but not whichever is safe in its rule.
func FitRules(table []Rule, limit, rulesEngine int) []Rule {
	unknown := slices.IndexFunc(table, func(r Rule) bool { return !r.Type.KnownTo(rulesEngine) })
	if unknown < 0 && len(table) <= limit {
		return table
	}
	if unknown >= 0 {
		limit = min(limit, unknown+1)
	}
	return cutRules(table, limit)
}

// cutRules returns the whole rules at the start of a table, and behind them what
// drops everything else, together at most limit entries, but at least one. It
// takes two: a tag of the receiver that a sender does not know yet makes it skip
// the next drop that it comes to, whatever rule that is of (protocol 07 §2).
func cutRules(table []Rule, limit int) []Rule {
	drop := Rule{Type: ActionDrop}
	whole := min(len(table), max(limit-2, 0))
	for whole > 0 && !table[whole-1].Type.IsAction() {
		whole--
	}
	if whole == 0 {
		return []Rule{drop}
	}
	return append(table[:whole:whole], drop, drop)
}

// FitsAsCapability reports whether nodes can be given a capability with these
// rules that take at most limit entries in one and have a revision of the rules
// engine. To leave a capability out is safe: it can only accept.
func FitsAsCapability(rules []Rule, limit, rulesEngine int) bool {
	return len(rules) <= limit && !slices.ContainsFunc(rules, func(r Rule) bool { return !r.Type.KnownTo(rulesEngine) })
}

// CapabilityLen is the length in bytes of a capability with these rules that was
// issued to a member: all of a member's together must not exceed
// MaxCapabilityBytes.
func CapabilityLen(rules []Rule) int {
	const (
		before    = 8 + 8 + 4 + 2 // network, time, id, count
		custody   = 2*zt.AddressLen + 3 + identity.SignatureLen
		lastTo    = zt.AddressLen
		chainLen  = 1
		additions = 2
	)
	size := before + chainLen + custody + lastTo + additions
	for _, rule := range rules[:min(len(rules), MaxRulesPerCapability)] {
		size += 2 + int(rule.Type.layout().size)
	}
	return size
}
