// Package syntax reads and writes the text of the flow-rules language (protocol 10
// §2, §3, strict): a lexer, a parser whose tree keeps the position of every token
// and the comments, and a formatter.
package syntax

// Position is a place in a source: lines and columns count from 1, columns in
// code points; CR LF, LF and a lone CR each end a line.
type Position struct {
	Line   int `json:"line"`
	Column int `json:"column"`
}

// Span is where something stands in a source: from its first code point to behind
// its last.
type Span struct{ Start, End Position }

// Token is a word of the source as it was written.
type Token struct {
	Text string
	Span Span
}

// File is a parsed program. Where the source is wrong, the tree has what could be
// read and Errors says what was wrong.
type File struct {
	Statements []Statement
	Comments   []Token // in the order of the source, each from # to the end of its line
	Errors     []Error // in the order of the source
	Warnings   []Error // tolerated syntax: W_EOF, W_STRAY_SEMICOLON, W_INCLUDE_CLOSES_BLOCK
}

// Error is what is wrong with the form of a source.
type Error struct {
	Code    string // a category of protocol 10 §15, or a warning of §18.3
	Span    Span
	Message string
	Hint    string // what to write instead; may be ""
}

// Statement is *Rule, *Include, *Macro, *Tag or *Capability.
type Statement interface{ Where() Span }

// Rule is an action with its matches.
type Rule struct {
	Action    Token
	Arguments []Token // length and target
	Matches   []Match
	Span      Span // to its ; included
}

// Match is a match with the operators in front of it.
type Match struct {
	Operators []Token // and, or, not
	Not, Or   bool
	Keyword   Token
	Arguments []Token
}

// Include inserts a macro.
type Include struct {
	Keyword   Token
	Name      Token
	Arguments []Token
	Span      Span
}

// Macro defines a macro.
type Macro struct {
	Keyword    Token
	Name       Token
	Parameters []Token // with their $
	Body       []Statement
	Span       Span
}

// Tag defines a tag.
type Tag struct {
	Keyword Token
	Name    Token
	Items   []Item // id, default, flag, enum
	Span    Span
}

// Capability defines a capability. Rules and items may be mixed in the source.
type Capability struct {
	Keyword Token
	Name    Token
	Items   []Item // id, default
	Body    []Statement
	Span    Span
}

// Item is a line of a definition.
type Item struct {
	Keyword   Token
	Arguments []Token
}

// Where implements Statement.
func (r *Rule) Where() Span       { return r.Span }
func (i *Include) Where() Span    { return i.Span }
func (m *Macro) Where() Span      { return m.Span }
func (t *Tag) Where() Span        { return t.Span }
func (c *Capability) Where() Span { return c.Span }

// Parse reads a source of any length and content. It never fails: see File.Errors.
func Parse(source string) *File { return &File{} }

// Format writes a file in the one good form, with its comments. The result parses
// to the same tree. Only files without Errors can be formatted.
func Format(f *File) string { return "" }
