package syntax

import "strings"

// class is what a word is for.
type class uint8

const (
	plain    class = iota // a name, a value or a mistake
	reserved              // without a use of its own, but not a name either
	itemWord              // in definitions
	matchWord
	operatorWord
	// The others begin statements; the last of them is known as one, but none.
	actionWord
	includeWord
	definitionWord
	priorityWord
)

// startsStatement reports whether a statement begins with a word, and hardly
// anything else has it.
func (c class) startsStatement() bool { return c >= actionWord }

// continuesRule reports whether a word can only be a match or an operator.
func (c class) continuesRule() bool { return c == matchWord || c == operatorWord }

// keywords are the words with a use (protocol 10 §3.1, §5, §6), and how many
// arguments matches have, and actions in front of their matches.
var keywords = map[string]struct {
	class     class
	arguments int
}{
	"accept": {actionWord, 0}, "drop": {actionWord, 0}, "break": {actionWord, 0},
	"tee": {actionWord, 2}, "watch": {actionWord, 2}, "redirect": {actionWord, 1},
	"priority": {priorityWord, 0}, "include": {includeWord, 0},
	"macro": {definitionWord, 0}, "tag": {definitionWord, 0}, "cap": {definitionWord, 0},
	"and": {operatorWord, 0}, "or": {operatorWord, 0}, "not": {operatorWord, 0},
	"id": {itemWord, 1}, "default": {itemWord, 1}, "flag": {itemWord, 2}, "enum": {itemWord, 2},

	"ztsrc": {matchWord, 1}, "ztdest": {matchWord, 1}, "vlan": {matchWord, 1}, "vlanpcp": {matchWord, 1}, "vlandei": {matchWord, 1},
	"macsrc": {matchWord, 1}, "macdest": {matchWord, 1}, "ipsrc": {matchWord, 1}, "ipdest": {matchWord, 1}, "iptos": {matchWord, 2},
	"ethertype": {matchWord, 1}, "ipprotocol": {matchWord, 1}, "icmp": {matchWord, 2}, "sport": {matchWord, 1}, "dport": {matchWord, 1},
	"chr": {matchWord, 1}, "framesize": {matchWord, 1}, "random": {matchWord, 1},
	"tand": {matchWord, 2}, "tor": {matchWord, 2}, "txor": {matchWord, 2}, "tdiff": {matchWord, 2}, "teq": {matchWord, 2},
	"tseq": {matchWord, 2}, "treq": {matchWord, 2},

	"type": {reserved, 0}, "class": {reserved, 0}, "define": {reserved, 0}, "import": {reserved, 0}, "log": {reserved, 0},
	"xor": {reserved, 0}, "set": {reserved, 0}, "var": {reserved, 0}, "let": {reserved, 0},
}

// The words of some classes, for hints.
var (
	statementWords = wordsOf(actionWord, includeWord, definitionWord)
	matchWords     = wordsOf(matchWord)
	itemWords      = wordsOf(itemWord)
)

func wordsOf(classes ...class) []string {
	var words []string
	for w, k := range keywords {
		for _, c := range classes {
			if k.class == c {
				words = append(words, w)
			}
		}
	}
	return words
}

const maxKeywordLen = len("ipprotocol")

// keyword is a word in lower case if it can be a keyword; otherwise "".
func keyword(text string) string {
	if len(text) > maxKeywordLen {
		return ""
	}
	return strings.ToLower(text)
}

// Reserved reports whether macros, tags and capabilities cannot have a name
// (protocol 10 §3.1). Case does not matter.
func Reserved(name string) bool {
	name = keyword(name)
	return keywords[name].class != plain && name != "id" && name != "flag"
}

// IsTagMatch reports whether a keyword, in lower case, compares tags: its
// arguments are a tag and a value.
func IsTagMatch(keyword string) bool {
	switch keyword {
	case "tand", "tor", "txor", "tdiff", "teq", "tseq", "treq":
		return true
	}
	return false
}
