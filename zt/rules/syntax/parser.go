package syntax

import (
	"fmt"
	"slices"
)

// Parse reads a source of any length and content. It never fails: see File.Errors.
// After an error it goes on behind the next ;, or where a line begins with a word
// that begins statements, so that one mistake gives one error.
func Parse(source string) *File {
	p := &parser{lex: newLexer(source), file: &File{}}
	if at, found := firstInvalid(source); found {
		if e := p.fail(InvalidUTF8, at, "The text is not UTF-8 here."); e != nil {
			e.Hint = "Save it as UTF-8 and look at the letters here."
		}
	}
	p.advance()
	p.program()
	p.file.Comments = p.lex.comments
	p.warnOfComments(source)
	if len(p.file.Errors) > 1 && p.file.Errors[0].Code == InvalidUTF8 {
		moveDown(p.file.Errors)
	}
	return p.file
}

// moveDown brings the first error to its place in the order.
func moveDown(errors []Error) {
	for i := 1; i < len(errors) && errors[i].Span.Start.Compare(errors[i-1].Span.Start) < 0; i++ {
		errors[i-1], errors[i] = errors[i], errors[i-1]
	}
}

type parser struct {
	lex  lexer
	tok  token    // the next one
	end  Position // of the last one
	file *File

	open    *block    // the definition around; nil at document level
	surplus bool      // a block was ended where its ; was missing: if one follows it is no second mistake
	last    Statement // the one before the next token; nil if something else stands between
	closed  *block    // the one before the next token; nil if something else stands between
}

// block is a definition that is being read.
type block struct {
	keyword token
	name    Token
	broken  bool   // an error was found in it
	read    func() // reads what stands behind the name, to the ;; nil: a macro
}

func (p *parser) advance() { p.end, p.tok = p.tok.Span.End, p.lex.next() }

// take returns the next token and goes on to the one behind it.
func (p *parser) take() Token {
	t := p.tok.Token
	p.advance()
	return t
}

// ahead is the token behind the next one.
func (p *parser) ahead() token {
	l := p.lex
	return l.next()
}

func (p *parser) from(start Position) Span { return Span{start, p.end} }

// fail notes an error and returns it for a hint, nil if there are enough.
func (p *parser) fail(code string, at Span, format string, args ...any) *Error {
	if p.open != nil {
		p.open.broken = true
	}
	return note(&p.file.Errors, code, at, format, args...)
}

func (p *parser) warn(code string, at Span, format string, args ...any) *Error {
	return note(&p.file.Warnings, code, at, format, args...)
}

func note(list *[]Error, code string, at Span, format string, args ...any) *Error {
	if len(*list) == MaxErrors {
		return nil
	}
	*list = append(*list, Error{Code: code, Span: at, Message: fmt.Sprintf(format, args...)})
	return &(*list)[len(*list)-1]
}

func (p *parser) program() {
	for p.tok.kind != endOfFile {
		switch {
		case p.tok.kind == semicolon:
			p.straySemicolon()
		case p.tok.class == definitionWord:
			p.file.Statements = append(p.file.Statements, p.definition())
		case p.tok.class == itemWord && p.reopens():
		default:
			s := p.statement()
			if s == nil {
				continue
			}
			p.file.Statements = append(p.file.Statements, s)
			if _, isInclude := s.(*Include); isInclude && p.tok.kind == semicolon {
				p.advance()
				p.last = nil
			}
		}
	}
}

func (p *parser) straySemicolon() {
	at := p.take().Span
	p.last, p.closed = nil, nil
	if p.surplus {
		p.surplus = false
		return
	}
	if e := p.warn("W_STRAY_SEMICOLON", at, "This ; ends nothing."); e != nil {
		e.Hint = "Remove it."
	}
}

// statement reads a rule or an include; it returns nil if there is neither.
func (p *parser) statement() Statement {
	p.closed = nil
	switch {
	case p.tok.class == actionWord:
		p.last = p.rule()
	case p.tok.class == includeWord:
		p.last = p.include()
	default:
		p.unknownAction()
		p.last = nil
	}
	return p.last
}

func (p *parser) unknownAction() {
	if e := p.fail("UNKNOWN_ACTION", p.tok.Span, "%s is not an action.", p.tok); e != nil {
		e.Hint = p.actionHint()
	}
	if i := p.listMissing(); i != nil {
		i.Broken = true
	}
	p.skip()
}

// listMissing returns the include in front of the next word if that looks like an
// argument without parentheses.
func (p *parser) listMissing() *Include {
	i, isInclude := p.last.(*Include)
	if !isInclude || i.Arguments != nil || p.tok.first || p.tok.class != plain {
		return nil
	}
	return i
}

// skip goes on behind the next ;, or to a line that begins with a word that
// begins statements.
func (p *parser) skip() {
	for p.advance(); p.tok.kind != endOfFile; p.advance() {
		if p.tok.first && p.tok.class.startsStatement() {
			return
		}
		if p.tok.kind == semicolon {
			p.advance()
			return
		}
	}
}

func (p *parser) rule() *Rule {
	start, n := p.tok.Span.Start, p.tok.arguments
	r := &Rule{Action: p.take()}
	for len(r.Arguments) < n && p.tok.kind == word && !p.tok.class.continuesRule() && !p.tok.class.startsStatement() {
		r.Arguments = append(r.Arguments, p.take())
	}
	ended := p.matches(r)
	r.Span = p.from(start)
	if !ended {
		return r
	}
	switch {
	case p.tok.kind == semicolon:
		p.advance()
		r.Span = p.from(start)
	case p.open == nil:
		last := Position{p.end.Line, p.end.Column - 1}
		if e := p.warn("W_EOF", Span{last, p.end}, "The last rule has no ; at its end."); e != nil {
			e.Hint = "Write ; after it."
		}
	}
	return r
}

// matches reads what stands between an action with its arguments and the ;. It
// reports whether the rule's end was found: a ; or the end of the file.
func (p *parser) matches(r *Rule) bool {
	for {
		var m Match
		repeated := p.operators(&m)
		switch {
		case p.tok.kind == word && p.tok.class != matchWord:
			p.unknownMatch(r)
			return false
		case p.tok.kind == word:
			if p.arguments(&m) {
				r.Matches = append(r.Matches, m)
			} else if p.tok.class.startsStatement() {
				return false
			}
			continue
		case !m.Not && !m.Or:
			r.Trailing = m.Operators
		case !repeated:
			p.danglingOperator(m.Operators)
		}
		return true
	}
}

// operators reads the operators in front of a match. It reports whether it found
// fault with one that is repeated.
func (p *parser) operators(m *Match) (repeated bool) {
	for p.tok.class == operatorWord {
		name := p.tok.keyword
		t := p.take()
		if again := name == "not" && m.Not || name == "or" && m.Or; again && !repeated {
			repeated = true
			if e := p.fail("DANGLING_OPERATOR", t.Span, "%s stands here twice.", t); e != nil {
				e.Hint = "Remove one of them."
			}
		}
		m.Not = m.Not || name == "not"
		m.Or = m.Or || name == "or"
		m.Operators = append(m.Operators, t)
	}
	return repeated
}

// danglingOperator is about operators that no match follows.
func (p *parser) danglingOperator(operators []Token) {
	at := slices.IndexFunc(operators, func(t Token) bool { return keyword(t.Text) != "and" })
	t := operators[at]
	if e := p.fail("DANGLING_OPERATOR", t.Span, "No match follows %s.", t); e != nil {
		e.Hint = "It belongs to the match behind it: write one, or remove the word."
	}
}

// unknownMatch is about a word in a rule that is no match.
func (p *parser) unknownMatch(r *Rule) {
	t := p.tok
	if t.keyword == "tag" && !t.first {
		t.class = plain // hardly a definition: rather a wish to compare a tag
	}
	isItem := p.open != nil && p.open.keyword.keyword == "cap" && (t.keyword == "id" || t.keyword == "default")
	if !isItem && !t.class.startsStatement() || t.class == priorityWord {
		if e := p.fail("UNKNOWN_MATCH", t.Span, "%s is not a match.", t); e != nil {
			e.Hint = p.matchHint(r)
		}
		if isContinued(r, t) {
			r.Matches = r.Matches[:len(r.Matches)-1]
		}
		p.skip()
		return
	}
	if e := p.fail("UNKNOWN_MATCH", t.Span, "%s stands inside a rule.", t); e != nil {
		e.Hint = fmt.Sprintf("A ; is missing before it: the rule that begins with %s in line %d is still open.", r.Action, r.Action.Span.Start.Line)
	}
}

// arguments reads a match with its arguments. It reports whether all are there;
// if not, it notes an error and stops where the list of matches can go on.
func (p *parser) arguments(m *Match) bool {
	name, count := p.tok.keyword, p.tok.arguments
	m.Keyword = p.take()
	last := m.Keyword
	for i := range count {
		if p.tok.kind != word {
			if e := p.fail("MATCH_ARGS_MISSING", last.Span, "%s has too few arguments.", m.Keyword); e != nil {
				e.Hint = "Write " + matchForm(name) + "."
			}
			return false
		}
		if p.isReservedArgument(name, i) {
			e := p.fail("MATCH_ARG_RESERVED", p.tok.Span, "%s stands where %s needs an argument.", p.tok, m.Keyword)
			if e != nil {
				e.Hint = "Write " + matchForm(name) + "."
			}
			if value := p.ahead(); p.tok.keyword == "not" && i == 0 && value.kind == word && value.class == plain {
				if e != nil {
					e.Hint = fmt.Sprintf("Write not in front: not %s %s.", name, shown(value.Token))
				}
				p.advance()
				p.advance()
				return false
			}
			if !p.tok.class.continuesRule() && !p.tok.class.startsStatement() {
				p.advance()
			}
			return false
		}
		last = p.take()
		m.Arguments = append(m.Arguments, last)
	}
	return true
}

// isReservedArgument reports whether the next word is a keyword and cannot be the
// argument of a match. Values of tags can have any name: a keyword is one if what
// follows it does not look like its own argument.
func (p *parser) isReservedArgument(name string, argument int) bool {
	switch {
	case p.tok.class == plain || p.tok.class == itemWord && !Reserved(p.tok.keyword):
		return false
	case name == "ipprotocol" && p.tok.keyword == "icmp":
		return false
	case argument != 1 || !IsTagMatch(name):
		return true
	}
	next := p.ahead()
	return next.kind == word && !next.class.continuesRule() && !next.class.startsStatement()
}

func (p *parser) include() *Include {
	i := &Include{Keyword: p.tok.Token}
	start := p.tok.Span.Start
	p.nextInList()
	if p.tok.kind != word || p.tok.class.startsStatement() {
		if e := p.fail("INCLUDE_NAME_MISSING", i.Keyword.Span, "No name of a macro follows %s.", i.Keyword); e != nil {
			e.Hint = "Write include and the name of a macro."
		}
		i.Span = p.from(start)
		if p.tok.kind > semicolon {
			p.skipList()
		}
		return i
	}
	i.Name, i.Arguments, i.Broken = p.nameWithList("arguments")
	i.Span = p.from(start)
	return i
}

// nameWithList reads a name and the list in parentheses behind it, if there is
// one. It reports whether the list is broken.
func (p *parser) nameWithList(what string) (name Token, list []Token, broken bool) {
	name = p.tok.Token
	if !p.lex.opensList() {
		p.advance()
		return name, nil, false
	}
	p.nextInList()
	list, closed := p.list()
	if !closed {
		if e := p.fail("MACRO_ARGS_UNCLOSED", name.Span, "The list of %s after %s is not closed.", what, name); e != nil {
			e.Hint = "Write commas between them and ) at the end."
		}
		p.skipList()
	}
	return name, list, !closed
}

func (p *parser) nextInList() { p.end, p.tok = p.tok.Span.End, p.lex.nextInList() }

// list reads from ( to ). Where nothing stands before or behind a comma, the list
// has an empty token.
func (p *parser) list() (list []Token, closed bool) {
	p.nextInList()
	if p.tok.kind == closing {
		p.advance()
		return nil, true
	}
	for {
		item := Token{Span: Span{p.tok.Span.Start, p.tok.Span.Start}}
		if p.tok.kind == word {
			item = p.tok.Token
			p.nextInList()
		}
		list = append(list, item)
		switch p.tok.kind {
		case comma:
			p.nextInList()
		case closing:
			p.advance()
			return list, true
		default:
			return list, false
		}
	}
}

// skipList goes on behind a list that is not as it should be.
func (p *parser) skipList() {
	for p.tok.kind != endOfFile && p.tok.kind != semicolon && !p.tok.class.startsStatement() {
		if p.tok.kind == closing {
			p.advance()
			return
		}
		p.nextInList()
	}
}
