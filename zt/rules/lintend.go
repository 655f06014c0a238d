package rules

import (
	"fmt"

	"github.com/orrery-net/orrery/zt/netconf"
	"github.com/orrery-net/orrery/zt/rules/syntax"
)

// endings looks at what tables leave to the frames that no rule decides.
func (l *linter) endings() {
	passing := anyPasses(l.base)
	for i, t := range l.capabilities {
		name := l.capabilityName(i)
		passes := anyPasses(t)
		passing = passing || passes
		switch {
		case len(t.rules) == 0:
			l.warn("W_UNUSED", name.Span, fmt.Sprintf("The capability %s is empty: members with it can do no more than others.", name),
				"Write what it lets pass, or remove it.")
		case !passes:
			l.warn("W_CAP_NO_ACCEPT", name.Span, fmt.Sprintf("The capability %s lets nothing pass: it has no rule with \"accept\" that applies.", name),
				"A capability gives permissions: say in it what it accepts.")
		}
		l.dropsInCapability(t)
	}
	if !passing {
		l.nothingPasses()
	}
	if len(l.capabilities) > 0 {
		l.uselessCapabilities(passing)
	}
}

func anyPasses(t *lintTable) bool {
	for _, r := range t.reached {
		if r.passes() {
			return true
		}
	}
	return false
}

func (l *linter) nothingPasses() {
	if len(l.base.rules) == 0 && len(l.capabilities) == 0 {
		l.warn("W_NO_ACCEPT", whole, "There are no rules, so the network carries nothing at all.", `Write "accept;" to let everything pass.`)
		return
	}
	l.warn("W_NO_ACCEPT", whole, "Nothing gets to a rule that lets it pass, so the network carries nothing at all.",
		`What no rule accepts is dropped: say what may pass with "accept".`)
}

// dropsInCapability: a drop there decides nothing for good.
func (l *linter) dropsInCapability(t *lintTable) {
	for _, r := range t.reached {
		if r.entry().Type == netconf.ActionDrop && len(r.ways) > 0 {
			l.warn("W_CAP_DROP", r.origin().Span, `"drop" in a capability only ends this capability: another one can still let the frame pass.`,
				`Write "break", which says that; or put the rule in front of the base rules.`, inMacro(r.origin())...)
		}
	}
}

// uselessCapabilities finds out whether any frame is left to capabilities.
func (l *linter) uselessCapabilities(passing bool) {
	reached := l.base.reached
	for _, r := range reached {
		if r.entry().Type == netconf.ActionBreak && len(r.ways) > 0 {
			return
		}
	}
	if len(reached) == 0 || !reached[len(reached)-1].always() {
		return
	}
	last := reached[len(reached)-1]
	switch last.entry().Type {
	case netconf.ActionDrop:
		l.warn("W_FINAL_DROP_DISABLES_CAPS", last.origin().Span, "This drops everything that is left, so no capability is ever tried.",
			`Write "break;" instead: then capabilities decide, and what they do not accept is dropped.`, inMacro(last.origin())...)
	case netconf.ActionAccept:
		name := l.capabilityName(0)
		l.warn("W_CAP_UNNEEDED", name.Span,
			fmt.Sprintf("Capabilities change nothing: %s lets everything pass that was not dropped before.", naming(last)),
			`For what only some members may do, write a rule with "break" before it. A capability cannot bring back what was dropped.`,
			related(last.origin().Span, "nothing is left behind this"))
	}
}

// capabilityName is the name in a definition.
func (l *linter) capabilityName(index int) syntax.Token {
	return l.definitions.capabilities[index].source.Name
}

// copies finds copies of frames that are never sent.
func (l *linter) copies() {
	for _, t := range l.tables() {
		for i, r := range t.reached {
			if r.copies() && len(r.ways) > 0 {
				l.copyLost(t, r, t.reached[i+1:])
			}
		}
	}
}

func (l *linter) copyLost(t *lintTable, r *lintRule, later []*lintRule) {
	lost := true
	for _, way := range r.ways {
		lost = lost && l.blocked(t, r, way, later)
		if l.copiedAgain(r, way, later) {
			return
		}
	}
	if lost {
		l.warn("W_TEE_LOST", r.origin().Span, fmt.Sprintf("%q never sends a copy: the frames that match here are always blocked behind it.", actionWords[r.entry().Type]),
			"Only frames that pass in the end are copied. Remove the rule, or let those frames pass.", inMacro(r.origin())...)
	}
}

// blocked reports whether what a rule matches is certainly blocked by those
// behind it.
func (l *linter) blocked(t *lintTable, r *lintRule, way int, later []*lintRule) bool {
	for _, next := range later {
		switch next.entry().Type {
		case netconf.ActionAccept, netconf.ActionRedirect, netconf.ActionBreak:
			if next.entry().Type == netconf.ActionBreak && !l.capabilitiesPass(t) {
				continue
			}
			for _, nextWay := range next.ways {
				if l.work--; l.work <= 0 || next.meets(nextWay, r, way) {
					return false
				}
			}
		case netconf.ActionDrop:
			if next.ends && l.takes(next, r, way) {
				return true
			}
		}
	}
	return !l.capabilitiesPass(t)
}

// capabilitiesPass reports whether a capability can let pass what a table leaves
// undecided.
func (l *linter) capabilitiesPass(t *lintTable) bool {
	if t != l.base {
		return false
	}
	for _, c := range l.capabilities {
		if anyPasses(c) {
			return true
		}
	}
	return false
}

// takes reports whether a rule matches everything that another one matches in one
// of its ways.
func (l *linter) takes(r, other *lintRule, otherWay int) bool {
	for _, way := range r.ways {
		if l.work--; l.work <= 0 {
			return false
		}
		if r.covers(way, other, otherWay) {
			return true
		}
	}
	return false
}

// copiedAgain warns if a later rule copies the same frames to somebody else: only
// the last copy is sent.
func (l *linter) copiedAgain(r *lintRule, way int, later []*lintRule) bool {
	for _, next := range later {
		if next.ends && l.takes(next, r, way) {
			return false
		}
		if !next.copies() || next.entry().Text == r.entry().Text {
			continue
		}
		for _, nextWay := range next.ways {
			if l.work--; l.work <= 0 {
				return false
			}
			if next.meets(nextWay, r, way) {
				l.warn("W_TEE_LOST", next.origin().Span,
					fmt.Sprintf("Frames that match both this and %s are copied only to %s, not to %s.", naming(r), next.entry().Text, r.entry().Text),
					"A node sends one copy of a frame: let the matches of the two rules exclude each other.",
					inMacro(next.origin(), related(r.origin().Span, "the other copy"))...)
				return true
			}
		}
	}
	return false
}
