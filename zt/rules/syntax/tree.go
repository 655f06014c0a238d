// Package syntax reads and writes the text of the flow-rules language (protocol 10
// §2, §3, strict): a lexer, a parser whose tree keeps the position of every token
// and the comments, and a formatter. It knows the form of programs, not what their
// names and numbers mean.
package syntax

import (
	"cmp"
	"strconv"
	"unicode/utf8"
)

// Position is a place in a source: lines and columns count from 1, columns in
// code points; CR LF, LF and a lone CR each end a line.
type Position struct {
	Line   int `json:"line"`
	Column int `json:"column"`
}

// Compare orders positions as they stand in the source.
func (p Position) Compare(other Position) int {
	return cmp.Or(cmp.Compare(p.Line, other.Line), cmp.Compare(p.Column, other.Column))
}

// Span is where something stands in a source: from its first code point to behind
// its last.
type Span struct{ Start, End Position }

// Token is a word of the source as it was written.
type Token struct {
	Text string
	Span Span
}

// maxQuoted is how many bytes of a word messages repeat, about.
const maxQuoted = 40

// String is the word in quotes for messages: shortened, and without anything that
// cannot be printed.
func (t Token) String() string {
	if len(t.Text) <= maxQuoted {
		return strconv.Quote(t.Text)
	}
	end := maxQuoted
	for !utf8.RuneStart(t.Text[end]) && end > maxQuoted-utf8.UTFMax {
		end--
	}
	return strconv.Quote(t.Text[:end] + "…")
}

// File is a parsed program. Where the source is wrong, the tree has what could be
// read and Errors says what was wrong.
type File struct {
	Statements []Statement
	Comments   []Token // in the order of the source, each from # to the end of its line
	Errors     []Error // in the order of the source, the first MaxErrors
	Warnings   []Error // tolerated syntax: W_EOF, W_STRAY_SEMICOLON, W_INCLUDE_CLOSES_BLOCK; the first MaxErrors
}

// MaxErrors is how many errors and how many warnings a File has at most.
const MaxErrors = 50

// Error is what is wrong with the form of a source.
type Error struct {
	Code    string // a category of protocol 10 §15, InvalidUTF8, or a warning of §18.3
	Span    Span
	Message string
	Hint    string // what to write instead; may be ""
}

// InvalidUTF8 is the code of the error about a source that is not UTF-8. There is
// one, at the first wrong byte.
const InvalidUTF8 = "INVALID_UTF8"

// Statement is *Rule, *Include, *Macro, *Tag or *Capability. The bodies of macros
// and capabilities have rules and includes only.
type Statement interface{ Where() Span }

// Rule is an action with its matches.
type Rule struct {
	Action    Token
	Arguments []Token // length and target; there can be fewer than the action needs
	Matches   []Match
	Trailing  []Token // the "and" without a match in front of the ;
	Span      Span    // to its ; included
}

// Match is a match with the operators in front of it. It has all its arguments.
type Match struct {
	Operators []Token // and, or, not
	Not, Or   bool
	Keyword   Token
	Arguments []Token
}

// Span is where the match stands with its operators.
func (m *Match) Span() Span {
	start := m.Keyword.Span.Start
	if len(m.Operators) > 0 {
		start = m.Operators[0].Span.Start
	}
	return Span{start, m.lastArgument().Span.End}
}

func (m *Match) lastArgument() Token { return m.Arguments[len(m.Arguments)-1] }

// Include inserts a macro. Its ; at document level is no part of it.
type Include struct {
	Keyword   Token
	Name      Token   // "" if it is missing
	Arguments []Token // those that were left out in a list are ""
	Span      Span
	Broken    bool // an error is in the list: arguments may be missing
}

// Macro defines a macro.
type Macro struct {
	Keyword    Token
	Name       Token   // "" if it is missing
	Parameters []Token // with their $; those that were left out in a list are ""
	Body       []Statement
	Span       Span // to its ; included
	Broken     bool // an error is inside: parts may be missing
}

// Tag defines a tag.
type Tag struct {
	Keyword Token
	Name    Token  // "" if it is missing
	Items   []Item // id, default, flag, enum
	Span    Span   // to its ; included
	Broken  bool   // an error is inside: parts may be missing
}

// Capability defines a capability. Rules and items may be mixed in the source.
type Capability struct {
	Keyword Token
	Name    Token  // "" if it is missing
	Items   []Item // id, default
	Body    []Statement
	Span    Span // to its ; included
	Broken  bool // an error is inside: parts may be missing
}

// Item is a line of a definition. It has as many arguments as it needs, or none
// if Errors says that they are missing.
type Item struct {
	Keyword   Token
	Arguments []Token
}

// Where implements Statement.
func (r *Rule) Where() Span { return r.Span }

// Where implements Statement.
func (i *Include) Where() Span { return i.Span }

// Where implements Statement.
func (m *Macro) Where() Span { return m.Span }

// Where implements Statement.
func (t *Tag) Where() Span { return t.Span }

// Where implements Statement.
func (c *Capability) Where() Span { return c.Span }
