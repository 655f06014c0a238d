package trace

import (
	"fmt"
	"strconv"

	"github.com/orrery-net/orrery/zt/netconf"
	"github.com/orrery-net/orrery/zt/rules"
	"github.com/orrery-net/orrery/zt/rules/ruleset"
)

// EntryText writes a match with its operators, or an action, in the rules
// language: "or not dport 22-23", "tee 64 89e92ceee5".
func EntryText(r netconf.Rule, names *Names) string {
	return names.words().Entry(ruleset.EntryOf(r))
}

// RuleText writes a run of matches and its action, as in a table, in the order of
// the rules language and on one line: "accept ipprotocol tcp and dport 22".
func RuleText(run []netconf.Rule, names *Names) string {
	entries := make([]ruleset.Entry, len(run))
	for i, r := range run {
		entries[i] = ruleset.EntryOf(r)
	}
	return names.words().Rule(entries)
}

// words are the words for entries with these names.
func (n *Names) words() *rules.Words {
	if n == nil {
		return rules.NewWords(nil)
	}
	return rules.NewWords(n.Tags)
}

func span(low, high uint64) string {
	if low == high {
		return strconv.FormatUint(low, 10)
	}
	return fmt.Sprintf("%d-%d", low, high)
}
