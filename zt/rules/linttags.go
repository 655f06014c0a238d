package rules

import (
	"fmt"
	"net/netip"

	"github.com/orrery-net/orrery/zt/netconf"
	"github.com/orrery-net/orrery/zt/rules/ruleset"
)

// singleMatches looks at each match alone.
func (l *linter) singleMatches(t *lintTable) {
	for i := range t.entries {
		e, o := &t.entries[i], &t.origins[i]
		switch e.Type {
		case netconf.MatchVLANPCP, netconf.MatchVLANDEI:
			l.warn("W_VLAN", o.Span, fmt.Sprintf("Nodes do not look at this: %s has the same result for every frame.", l.quote(o)),
				"Remove it. Only the value 0 counts as a match.", inMacro(o)...)
		case netconf.MatchICMP:
			if e.Not {
				l.invertedICMP(e, o)
			}
		case netconf.MatchEtherType:
			l.decimalEtherType(e, o)
		case netconf.MatchCharacteristics:
			if m := newDemand(e, false); e.Not && m.mask == 0 {
				l.warn("W_ALWAYS_MATCHES", o.Span, fmt.Sprintf("%s is true for every frame: no frame has such a characteristic.", l.quote(o)),
					"Name at least one characteristic, such as tcp_syn or inbound.", inMacro(o)...)
			}
		case netconf.MatchIPv4Source, netconf.MatchIPv4Dest, netconf.MatchIPv6Source, netconf.MatchIPv6Dest:
			l.hostBits(e, o)
		}
	}
}

func (l *linter) invertedICMP(e *ruleset.Entry, o *Origin) {
	what := fmt.Sprintf("matches ICMP type %d, just as without \"not\"", e.Value)
	if e.Code != ruleset.AnyCode {
		what = fmt.Sprintf("matches ICMP type %d with other codes than %d, and no other type", e.Value, e.Code)
	}
	l.warn("W_NOT_ICMP", o.Span, fmt.Sprintf("Nodes do not invert the type: %s %s.", l.quote(o), what),
		"Put a rule for this type first, and one for the others behind it.", inMacro(o)...)
}

// decimalEtherType warns of an ethertype whose hexadecimal number, which is how
// everybody knows it, was written without 0x.
func (l *linter) decimalEtherType(e *ruleset.Entry, o *Origin) {
	for name, number := range etherTypes {
		if fmt.Sprintf("%x", number) == fmt.Sprint(e.Value) {
			l.warn("W_DECIMAL_ETHERTYPE", l.argumentSpan(o, 0), fmt.Sprintf("This is the decimal number %d; the ethertype of %s is %#04x.", e.Value, name, number),
				fmt.Sprintf("Write ethertype %s.", name), inMacro(o)...)
		}
	}
}

func (l *linter) hostBits(e *ruleset.Entry, o *Origin) {
	if l.full("W_HOST_BITS") {
		return
	}
	network, err := netip.ParsePrefix(e.Text)
	if err != nil || network.Masked() == network {
		return
	}
	l.warn("W_HOST_BITS", l.argumentSpan(o, 0), fmt.Sprintf("%q names an address inside a network; nodes see the network %s.", e.Text, network.Masked()),
		fmt.Sprintf("Write %s, or %s/%d for this address alone.", network.Masked(), network.Addr(), network.Addr().BitLen()), inMacro(o)...)
}

// tags looks at how tags are compared.
func (l *linter) tags() {
	declared := make(map[int64]*ruleset.Tag, len(l.program.Tags))
	for i := range l.program.Tags {
		declared[int64(l.program.Tags[i].ID)] = &l.program.Tags[i]
	}
	used := make(map[int64]*Origin)
	for _, t := range l.tables() {
		for i := range t.entries {
			e, o := &t.entries[i], &t.origins[i]
			if !isTagMatch(e.Type) {
				continue
			}
			if used[e.ID] == nil {
				used[e.ID] = o
			}
			tag := declared[e.ID]
			if tag == nil {
				l.warn("W_TAG_NO_DEFAULT", l.argumentSpan(o, 0), fmt.Sprintf("No tag here has the id %d, so members have no value by default and never match.", e.ID),
					fmt.Sprintf("Define it: \"tag name id %d default 0;\".", e.ID), inMacro(o)...)
				continue
			}
			l.wholeValue(tag, e, o)
		}
	}
	for i := range l.program.Tags {
		tag := &l.program.Tags[i]
		name := l.definitions.tags[i].source.Name
		use := used[int64(tag.ID)]
		switch {
		case use == nil:
			l.warn("W_UNUSED", name.Span, fmt.Sprintf("No rule looks at the tag %s.", name), "Use it, or remove it.")
		case tag.Default == nil:
			l.warn("W_TAG_NO_DEFAULT", name.Span, fmt.Sprintf("The tag %s has no default: members without a value of their own never match where it is compared, not even with \"not\".", name),
				`Add a line such as "default 0".`, related(use.Span, "it is compared here"))
		}
	}
	l.tagsBeforeARP()
}

// wholeValue warns of "tand" and "tor" that seem to ask for one flag of several:
// they compare the whole result.
func (l *linter) wholeValue(tag *ruleset.Tag, e *ruleset.Entry, o *Origin) {
	if e.Type != netconf.MatchTagsBitwiseAnd && e.Type != netconf.MatchTagsBitwiseOr || e.Value == 0 {
		return
	}
	var all int64
	for _, f := range tag.Flags {
		all |= f.Value
	}
	// With all flags in the value, "equal to" and "contains" are the same.
	if all&^e.Value == 0 {
		return
	}
	code := "W_TAND_NONZERO"
	if e.Type == netconf.MatchTagsBitwiseOr {
		code = "W_TOR"
	}
	if l.full(code) {
		return
	}
	at := l.argumentSpan(o, 1)
	if e.Type == netconf.MatchTagsBitwiseAnd {
		l.warn(code, at, fmt.Sprintf("%s is true only if the two share exactly this and no other flag.", l.quote(o)),
			fmt.Sprintf("\"not tand %s 0\" is true if they share any flag. To ask for one flag, give it a tag of its own.", tagText(tag)), inMacro(o)...)
		return
	}
	l.warn(code, at, fmt.Sprintf("%s is true only if the flags of both together are exactly this.", l.quote(o)),
		fmt.Sprintf("\"not tor %s 0\" is true if either has any flag. To ask for one flag, give it a tag of its own.", tagText(tag)), inMacro(o)...)
}

func tagText(tag *ruleset.Tag) string {
	if tag.Name == "" {
		return fmt.Sprint(tag.ID)
	}
	return tag.Name
}

// tagsBeforeARP finds a break that depends on the other's tags and comes before
// ARP is let through: the tags would come with the first frames, but a sender that
// does not know them takes the match for true and breaks (protocol 10 §20.4).
func (l *linter) tagsBeforeARP() {
	arp := &lintRule{matches: []demand{newDemand(&ruleset.Entry{Type: netconf.MatchEtherType, Value: etherTypeARP}, false)}, ways: []int{0}}
	arp.matches[0].next = 1
	for _, r := range l.base.reached {
		if r.ends && l.takes(r, arp, 0) {
			return
		}
		if r.entry().Type != netconf.ActionBreak {
			continue
		}
		for _, way := range r.ways {
			guess := r.guess(way)
			if guess < 0 || !r.meets(way, arp, 0) {
				continue
			}
			o := r.matchOrigin(guess)
			l.warn("W_TAG_BEFORE_ARP", o.Span,
				"Nodes learn each other's tags with the first frames, which this rule stops: members may never reach each other.",
				`Put "accept ethertype arp;" before it.`, inMacro(o)...)
			return
		}
	}
}

// guess is the first match in a way that is taken for true where the other's tag
// is not known, -1 if there is none.
func (r *lintRule) guess(way int) int {
	for i := r.begin(way); i < len(r.matches); i = r.matches[i].next {
		if r.matches[i].guesses() {
			return i
		}
	}
	return -1
}
