package syntax

import (
	"fmt"
	"slices"
	"strings"
)

// actionHint says what to write in place of the next word, which is not an action.
func (p *parser) actionHint() string {
	t := p.tok
	switch keyword := t.keyword; {
	case keyword == "priority":
		return priorityHint
	case t.class.continuesRule():
		if r, isRule := p.last.(*Rule); isRule && len(r.Matches) == 0 {
			return fmt.Sprintf("Matches need an action in front. The %s in line %d ended with its ; and applies to everything.",
				strings.ToLower(r.Action.Text), r.Span.End.Line)
		}
		return "Matches need an action in front: write accept, drop or break before it."
	case actionsElsewhere[keyword] != "":
		return "Write " + actionsElsewhere[keyword] + "."
	case isCommentElsewhere(t.Text):
		return commentHint
	case strings.HasPrefix(t.Text, "{") || strings.HasPrefix(t.Text, "}"):
		return "There are no braces: a definition begins with its word and name, and ends with a ; of its own."
	case strings.Index(t.Text, "(") > 0 && strings.HasSuffix(t.Text, ")"):
		return fmt.Sprintf("To insert the rules of a macro, write include %s.", shown(t.Token))
	case p.listMissing() != nil:
		return fmt.Sprintf("Arguments stand in parentheses, with commas between them: include %s(%s).", shown(p.listMissing().Name), shown(t.Token))
	case p.unknownInLine() >= 3:
		return "Is this a comment? Start comments with #."
	}
	if hint := didYouMean(t.Text, slices.Values(statementWords)); hint != "" {
		return hint
	}
	if p.unknownInLine() == 2 {
		return "Is this a comment? Start comments with #."
	}
	return "A rule begins with accept, drop, break, tee, watch or redirect."
}

const commentHint = "Comments start with # and end with their line."

const priorityHint = "Neither controllers nor this compiler support priority: remove the rule."

// actionsElsewhere are actions in the languages of other firewalls.
var actionsElsewhere = map[string]string{
	"allow": "accept", "permit": "accept", "pass": "accept",
	"deny": "drop (or break, which lets capabilities accept it)", "block": "drop (or break, which lets capabilities accept it)",
	"reject":  "drop (or break, which lets capabilities accept it)",
	"forward": "accept, or redirect to send it to a certain node",
	"log":     "watch or tee, which send a copy to a node", "mirror": "tee, which sends a copy to a node",
}

func isCommentElsewhere(text string) bool {
	return strings.HasPrefix(text, "//") || strings.HasPrefix(text, "/*") || strings.HasPrefix(text, "--")
}

// unknownInLine counts the words from the next one to the end of its line, at most
// three. It is 0 if one of them is a keyword.
func (p *parser) unknownInLine() int {
	l := p.lex
	n := 1
	for n < 3 {
		t := l.next()
		if t.first || t.kind != word {
			break
		}
		if t.class == matchWord || t.class.startsStatement() {
			return 0
		}
		n++
	}
	return n
}

// matchHint says what to write in place of the next word, which is not a match.
func (p *parser) matchHint(r *Rule) string {
	t := p.tok
	switch {
	case isContinued(r, t):
		return p.listHint(r.Matches[len(r.Matches)-1])
	case t.class == priorityWord:
		return priorityHint
	case strings.ContainsAny(t.Text, "()"):
		return "There are no parentheses around matches: they are taken from left to right, one after the other."
	case isCommentElsewhere(t.Text):
		return commentHint
	case strings.HasPrefix(t.Text, "!") && len(t.Text) > 1:
		return fmt.Sprintf("Write not %s.", shown(Token{Text: t.Text[1:]}))
	}
	if name, value, isCut := strings.Cut(t.Text, "="); isCut && value != "" && keywords[keyword(name)].class == matchWord {
		return fmt.Sprintf("Write %s %s, without a sign between.", keyword(name), shown(Token{Text: value}))
	}
	if hint := matchesElsewhere[t.keyword]; hint != "" {
		return hint
	}
	if n := len(r.Matches); n > 0 && '0' <= t.Text[0] && t.Text[0] <= '9' {
		if name := keyword(r.Matches[n-1].Keyword.Text); name == "sport" || name == "dport" || name == "ipprotocol" || name == "ethertype" {
			hint := fmt.Sprintf("Write \"or %s %s\" for one more value.", name, shown(t.Token))
			if n > 1 {
				hint += " " + GroupingHint
			}
			return hint
		}
	}
	if hint := didYouMean(t.Text, slices.Values(matchWords)); hint != "" {
		return hint
	}
	return "After the action stand matches like dport 22 or ipprotocol tcp, then a ;."
}

// matchesElsewhere are words that people write for matches.
var matchesElsewhere = map[string]string{
	"&&": "Write and.", "||": "Write or.", "!": "Write not.",
	"tcp": "Write ipprotocol tcp.", "udp": "Write ipprotocol udp.", "icmp4": "Write ipprotocol icmp4.",
	"icmp6": "Write ipprotocol icmp6.", "icmpv6": "Write ipprotocol icmp6.", "sctp": "Write ipprotocol sctp.",
	"ipv4": "Write ethertype ipv4.", "ipv6": "Write ethertype ipv6.", "arp": "Write ethertype arp.",
	"from": "Write ipsrc and a network, or ztsrc and a node's address.", "src": "Write ipsrc and a network, or ztsrc and a node's address.",
	"to": "Write ipdest and a network, or ztdest and a node's address.", "dst": "Write ipdest and a network, or ztdest and a node's address.",
	"ip": "Write ipsrc or ipdest, and a network.", "host": "Write ipsrc or ipdest, and an address with /32 or /128.",
	"proto": "Write ipprotocol.", "protocol": "Write ipprotocol.", "type": "Write ethertype, or icmp with a type and a code.",
	"mac":  "Write macsrc or macdest.",
	"port": "Write dport for the port that traffic goes to, sport for the one that it comes from.",
	"tag":  "Write teq, tand, tor, txor, tdiff, tseq or treq, the tag and a value.",
	"all":  "Remove it: an action without matches applies to everything.", "any": "Remove it: an action without matches applies to everything.",
	"*": "Remove it: an action without matches applies to everything.", "everything": "Remove it: an action without matches applies to everything.",
	"inbound": "Write chr inbound.", "multicast": "Write chr multicast.", "broadcast": "Write chr broadcast.", "ipauth": "Write chr ipauth.",
	"macauth": "Write chr macauth.", "tcp_syn": "Write chr tcp_syn.", "tcp_ack": "Write chr tcp_ack.",
}

// isContinued reports whether a word goes on with what the last argument of a rule
// began: a list like "22, 80", a comparison like "= 22", or an address and its mask.
func isContinued(r *Rule, t token) bool {
	if len(r.Matches) == 0 {
		return false
	}
	m := r.Matches[len(r.Matches)-1]
	last := m.lastArgument().Text
	return strings.HasSuffix(last, ",") || strings.HasPrefix(t.Text, ",") || isSign(last) || isMask(m, t.Token)
}

// isMask reports whether a word is the mask of an address in front of it, as in
// "ipsrc 10.0.0.0 255.0.0.0".
func isMask(m Match, t Token) bool {
	name := keyword(m.Keyword.Text)
	return (name == "ipsrc" || name == "ipdest") && !strings.Contains(m.lastArgument().Text, "/") &&
		strings.Count(t.Text, ".") == 3 && strings.Trim(t.Text, "0123456789.") == ""
}

func isSign(text string) bool { return strings.Trim(text, "=<>!:") == "" }

// maxListed is how many values hints list.
const maxListed = 10

// listHint is about a list with spaces in it, of which a match has the first
// word, or about a comparison, of which it has the sign.
func (p *parser) listHint(m Match) string {
	name, last := keyword(m.Keyword.Text), m.lastArgument()
	switch {
	case isSign(last.Text) && strings.ContainsAny(last.Text, "<>"):
		return fmt.Sprintf("There are no comparisons: write %s and a range like 1024-65535.", name)
	case isSign(last.Text):
		for _, a := range m.Arguments[:len(m.Arguments)-1] {
			name += " " + shown(a)
		}
		return fmt.Sprintf("Write %s %s, without a sign between.", name, shown(p.tok.Token))
	case isMask(m, p.tok.Token):
		return fmt.Sprintf("Write the length of the prefix in place of a mask, as in %s %s/24.", name, shown(last))
	}
	values := listed(nil, last)
	l := p.lex
	for t := p.tok; t.kind == word && !t.class.continuesRule() && len(values) < maxListed; t = l.next() {
		values = listed(values, t.Token)
	}
	if name == "chr" {
		return fmt.Sprintf("Write lists without spaces: chr %s.", strings.Join(values, ","))
	}
	return fmt.Sprintf("There are no lists here: write %s %s. "+GroupingHint, name, strings.Join(values, " or "+name+" "))
}

// GroupingHint is what to remember about several values joined by or.
const GroupingHint = "Matches are taken from left to right: write these first and the others behind them."

// listed adds the values in a word with commas.
func listed(values []string, t Token) []string {
	for value := range strings.SplitSeq(shown(t), ",") {
		if value != "" && len(values) < maxListed {
			values = append(values, value)
		}
	}
	return values
}

// shown is a word as it is written in hints.
func shown(t Token) string {
	quoted := t.String()
	return quoted[1 : len(quoted)-1]
}

// matchForm says how a match is written.
func matchForm(name string) string {
	if form := matchForms[name]; form != "" {
		return form
	}
	if IsTagMatch(name) {
		return name + ", a tag and a value"
	}
	return name + " and a value"
}

var matchForms = map[string]string{
	"ztsrc": "ztsrc and the 10-digit address of a node", "ztdest": "ztdest and the 10-digit address of a node",
	"macsrc": "macsrc and a MAC like 02:00:00:00:00:01", "macdest": "macdest and a MAC like 02:00:00:00:00:01",
	"ipsrc": "ipsrc and a network like 10.0.0.0/8", "ipdest": "ipdest and a network like 10.0.0.0/8",
	"iptos": "iptos, a mask and a value or range, like iptos 0xfc 0xb8", "icmp": "icmp, a type and a code (-1 for any), like icmp 8 -1",
	"sport": "sport and a port or range, like sport 1024-65535", "dport": "dport and a port or range, like dport 443",
	"ipprotocol": "ipprotocol and a protocol, like ipprotocol tcp", "ethertype": "ethertype and a type, like ethertype ipv4",
	"chr":       "chr and characteristics with commas, like chr tcp_syn,tcp_ack",
	"framesize": "framesize and a size or range in bytes, like framesize 0-1500", "random": "random and a probability from 0 to 1",
	"vlan": "vlan and a number from 0 to 4095", "vlanpcp": "vlanpcp and a number from 0 to 7", "vlandei": "vlandei and 0 or 1",
}
