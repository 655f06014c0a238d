package rules

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/orrery-net/orrery/zt/rules/syntax"
)

// names finds names that a reader cannot tell apart: what is said of the one looks
// as if it were said of the other.
func (l *linter) names() {
	var macros, tags, capabilities []syntax.Token
	for _, s := range l.file.Statements {
		switch s := s.(type) {
		case *syntax.Macro:
			macros = append(macros, s.Name)
			l.lookalikes(s.Parameters)
		case *syntax.Tag:
			tags = append(tags, s.Name)
			var values []syntax.Token
			for _, item := range s.Items {
				if len(item.Arguments) == 2 {
					values = append(values, item.Arguments[1])
				}
			}
			l.lookalikes(values)
		case *syntax.Capability:
			capabilities = append(capabilities, s.Name)
		}
	}
	l.lookalikes(macros)
	l.lookalikes(tags)
	l.lookalikes(capabilities)
}

// lookalikes finds names of one kind that look the same.
func (l *linter) lookalikes(names []syntax.Token) {
	if !slices.ContainsFunc(names, func(t syntax.Token) bool { return !isASCII(t.Text) }) {
		return
	}
	seen := make(map[string]syntax.Token, len(names))
	for _, name := range names {
		look := lookOf(name.Text)
		other, taken := seen[look]
		if !taken {
			seen[look] = name
			continue
		}
		l.warn("W_CONFUSABLE_NAMES", name.Span, fmt.Sprintf("%s looks like %s, but has other letters: %s and %s.", name, other, codes(name), codes(other)),
			"Choose names that can be told apart.", related(other.Span, "the other name"))
	}
}

// lookOf is the same for names that look the same: with the letters of other
// alphabets replaced by the Latin ones that they look like, and without letters
// that cannot be seen.
func lookOf(name string) string {
	name = strings.ToLower(name)
	if isASCII(name) {
		return name
	}
	return strings.Map(func(r rune) rune {
		switch latin, known := latinLooks[r]; {
		case known:
			return latin
		case unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r):
			return -1
		case 'ａ' <= r && r <= 'ｚ':
			return r - 'ａ' + 'a'
		}
		return r
	}, name)
}

func isASCII(text string) bool {
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// latinLooks are letters of other alphabets, in lower case, that look like Latin
// ones.
var latinLooks = map[rune]rune{
	'а': 'a', 'с': 'c', 'ԁ': 'd', 'е': 'e', 'һ': 'h', 'і': 'i', 'ј': 'j', 'ӏ': 'l', 'о': 'o', 'р': 'p', 'ԛ': 'q', 'ѕ': 's', 'ԝ': 'w', 'х': 'x', 'у': 'y',
	'α': 'a', 'ι': 'i', 'κ': 'k', 'ν': 'v', 'ο': 'o', 'ρ': 'p', 'υ': 'u', 'χ': 'x', 'γ': 'y', 'ϲ': 'c', 'ϳ': 'j',
	'ա': 'w', 'հ': 'h', 'յ': 'j', 'ո': 'n', 'ս': 'u', 'օ': 'o', 'զ': 'q', 'ց': 'g',
	'ı': 'i', 'ɑ': 'a', 'ɡ': 'g', 'ɩ': 'i', 'ſ': 'f',
}

// codes is a name for messages with everything but ASCII as numbers.
func codes(name syntax.Token) string { return strconv.QuoteToASCII(plain(name)) }
