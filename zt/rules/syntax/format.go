package syntax

import (
	"math"
	"strings"
)

// Format writes a file in the one good form, with its comments. The result parses
// to the same tree, except that every match but the first of a rule gets its
// "and" or "or", that keywords are in lower case, and that a ; without meaning is
// gone. Only files without Errors can be formatted.
//
// Statements stand on lines of their own, what is inside of them is indented by a
// tab. Only a rule with no more than one match, and without comments inside, has
// its ; on the same line. A comment that stood behind something stays behind it;
// any other stands on its own line, in front of what it was in front of. Between
// statements there is at most one empty line, where there were some.
func Format(f *File) string {
	p := printer{comments: f.Comments}
	for _, s := range f.Statements {
		p.statement(s)
	}
	p.flush(Position{math.MaxInt, 0}, 0, betweenStatements)
	if len(p.out) > 0 {
		p.out = append(p.out, '\n')
	}
	return string(p.out)
}

// printer writes a file from top to bottom. Comments are not part of the tree:
// they are written when the first token behind them is.
type printer struct {
	out      []byte
	comments []Token // that are not written yet

	depth     int  // of the statement that is being written
	line      int  // of the source, where what was written last ends
	commented bool // the line that is being written ends in a comment
	opened    bool // nothing was written yet in the block, or in the file
}

// place is where comments stand that are about to be written.
type place bool

const (
	betweenStatements place = true // empty lines are kept
	insideStatement   place = false
)

func (p *printer) statement(s Statement) {
	switch s := s.(type) {
	case *Rule:
		p.rule(s)
	case *Include:
		p.begin(s.Keyword)
		p.call(s.Name, s.Arguments)
	case *Macro:
		p.begin(s.Keyword)
		p.call(s.Name, s.Parameters)
		p.block(nil, s.Body, s.Span.End)
	case *Tag:
		p.begin(s.Keyword)
		p.word(s.Name)
		p.block(s.Items, nil, s.Span.End)
	case *Capability:
		p.begin(s.Keyword)
		p.word(s.Name)
		p.block(s.Items, s.Body, s.Span.End)
	}
}

// block writes items and statements in the order in which they stand in the
// source, and the ; behind them.
func (p *printer) block(items []Item, body []Statement, end Position) {
	p.depth++
	p.opened = true
	for len(items)+len(body) > 0 {
		if len(body) == 0 || len(items) > 0 && items[0].Keyword.Span.Start.Compare(body[0].Where().Start) < 0 {
			p.begin(items[0].Keyword)
			p.words(items[0].Arguments)
			items = items[1:]
		} else {
			p.statement(body[0])
			body = body[1:]
		}
	}
	p.flush(end, p.depth, betweenStatements)
	p.depth--
	p.close(end)
}

func (p *printer) rule(r *Rule) {
	p.begin(r.Action)
	oneLine := len(r.Matches) <= 1 && !p.commentBefore(r.Span.End)
	p.words(r.Arguments)
	for i := range r.Matches {
		p.match(&r.Matches[i], i == 0, oneLine)
	}
	if len(r.Trailing) > 0 && len(r.Arguments)+len(r.Matches) == 0 {
		// The original compiler needs it (protocol 10 §17, Q01).
		p.keyword(r.Trailing[0])
	}
	if oneLine {
		p.out = append(p.out, ';')
		p.line = r.Span.End.Line
		return
	}
	p.flush(r.Span.End, p.depth+1, insideStatement)
	p.close(r.Span.End)
}

func (p *printer) match(m *Match, first, oneLine bool) {
	operators := operatorsOf(m, first)
	for i, o := range m.Operators {
		p.flush(o.Span.Start, p.depth+1, insideStatement)
		if i == 0 && operators != "" {
			p.startMatch(oneLine)
			p.out = append(p.out, operators...)
		}
		p.line = o.Span.End.Line
	}
	p.flush(m.Keyword.Span.Start, p.depth+1, insideStatement)
	switch {
	case operators == "":
		p.startMatch(oneLine)
	case len(m.Operators) == 0:
		p.startMatch(oneLine)
		p.out = append(append(p.out, operators...), ' ')
	default:
		p.space()
	}
	p.text(m.Keyword, strings.ToLower(m.Keyword.Text))
	p.words(m.Arguments)
}

func (p *printer) startMatch(oneLine bool) {
	if oneLine {
		p.space()
	} else {
		p.newLine(p.depth + 1)
	}
}

func operatorsOf(m *Match, first bool) string {
	var words []string
	switch {
	case m.Or:
		words = append(words, "or")
	case !first:
		words = append(words, "and")
	}
	if m.Not {
		words = append(words, "not")
	}
	return strings.Join(words, " ")
}

// begin writes the keyword that a statement or an item begins with.
func (p *printer) begin(keyword Token) {
	p.flush(keyword.Span.Start, p.depth, betweenStatements)
	p.emptyLine(keyword)
	p.newLine(p.depth)
	p.opened = false
	p.text(keyword, strings.ToLower(keyword.Text))
}

// call writes the name of a macro and the list behind it.
func (p *printer) call(name Token, list []Token) {
	if len(list) == 0 {
		p.word(name)
		return
	}
	p.flush(name.Span.Start, p.depth+1, insideStatement)
	p.space()
	p.text(name, name.Text+"(")
	for i, t := range list {
		p.flush(t.Span.Start, p.depth+1, insideStatement)
		if p.commented {
			p.newLine(p.depth + 1)
		}
		end := ","
		if i == len(list)-1 {
			end = ")"
		}
		p.text(t, t.Text+end)
	}
}

func (p *printer) words(tokens []Token) {
	for _, t := range tokens {
		p.word(t)
	}
}

func (p *printer) word(t Token) {
	p.flush(t.Span.Start, p.depth+1, insideStatement)
	p.space()
	p.text(t, t.Text)
}

func (p *printer) keyword(t Token) {
	t.Text = strings.ToLower(t.Text)
	p.word(t)
}

// close writes the ; that a block or a rule ends with on its own line.
func (p *printer) close(end Position) {
	p.newLine(p.depth)
	p.out = append(p.out, ';')
	p.line = end.Line
	p.opened = false
}

// text writes a token of the source that is written as text.
func (p *printer) text(t Token, text string) {
	p.out = append(p.out, text...)
	p.line = t.Span.End.Line
}

// space separates two words of a statement.
func (p *printer) space() {
	if p.commented {
		p.newLine(p.depth + 1)
	} else {
		p.out = append(p.out, ' ')
	}
}

func (p *printer) newLine(depth int) {
	if len(p.out) > 0 {
		p.out = append(p.out, '\n')
	}
	for range depth {
		p.out = append(p.out, '\t')
	}
	p.commented = false
}

// emptyLine keeps an empty line in front of a token.
func (p *printer) emptyLine(t Token) {
	if t.Span.Start.Line > p.line+1 && !p.opened && len(p.out) > 0 {
		p.out = append(p.out, '\n')
	}
}

// commentBefore reports whether a comment is to be written before a position.
func (p *printer) commentBefore(end Position) bool {
	return len(p.comments) > 0 && p.comments[0].Span.Start.Compare(end) < 0
}

// flush writes the comments before a position.
func (p *printer) flush(end Position, depth int, where place) {
	for p.commentBefore(end) {
		c := p.comments[0]
		p.comments = p.comments[1:]
		if c.Span.Start.Line == p.line && !p.commented && len(p.out) > 0 {
			p.out = append(p.out, ' ')
		} else {
			if where == betweenStatements {
				p.emptyLine(c)
				p.opened = false
			}
			p.newLine(depth)
		}
		p.text(c, strings.TrimRight(c.Text, " \t"))
		p.commented = true
	}
}
