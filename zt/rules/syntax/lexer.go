package syntax

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

type kind uint8

const (
	endOfFile kind = iota
	word
	semicolon
	// The others are tokens in lists of parameters and arguments only; elsewhere
	// they are parts of words.
	comma
	opening
	closing
)

// token is a token with what the parser wants to know of it.
type token struct {
	Token
	kind    kind
	first   bool   // it is the first one in its line
	keyword string // the word in lower case if it can be a keyword, otherwise ""

	class     class
	arguments int // that the keyword has
}

// lexer reads a source token by token. A copy of it reads ahead.
type lexer struct {
	rest     string // what is not read yet
	at       Position
	inside   bool // something stands in the line before
	comments []Token
}

func newLexer(source string) lexer {
	return lexer{rest: strings.TrimPrefix(source, byteOrderMark), at: Position{1, 1}}
}

const byteOrderMark = "\ufeff"

// next reads a word or a ;.
func (l *lexer) next() token { return l.read("") }

// nextInList also takes commas and parentheses for tokens.
func (l *lexer) nextInList() token { return l.read(",()") }

// opensList reports whether a ( follows.
func (l *lexer) opensList() bool {
	l.skipSpace()
	return strings.HasPrefix(l.rest, "(")
}

var marks = map[byte]kind{';': semicolon, ',': comma, '(': opening, ')': closing}

func (l *lexer) read(inList string) token {
	l.skipSpace()
	t := token{first: !l.inside}
	t.Span = Span{l.at, l.at}
	if l.rest == "" {
		return t
	}
	l.inside = true
	size := l.wordLen(inList)
	if size == 0 {
		t.kind = marks[l.rest[0]]
		l.at.Column++
		size = 1
	} else {
		t.kind = word
		t.keyword = keyword(l.rest[:size])
		k := keywords[t.keyword]
		t.class, t.arguments = k.class, k.arguments
	}
	t.Text, l.rest = l.rest[:size], l.rest[size:]
	t.Span.End = l.at
	return t
}

// wordLen counts the bytes of the word that begins here and moves the column
// behind it.
func (l *lexer) wordLen(inList string) int {
	i := 0
	for i < len(l.rest) {
		size := 1
		switch c := l.rest[i]; {
		case c == ';' || c == '#' || c <= ' ' && unicode.IsSpace(rune(c)):
			return i
		case inList != "" && strings.IndexByte(inList, c) >= 0:
			return i
		case c >= utf8.RuneSelf:
			var r rune
			if r, size = utf8.DecodeRuneInString(l.rest[i:]); unicode.IsSpace(r) {
				return i
			}
		}
		i += size
		l.at.Column++
	}
	return i
}

// skipSpace goes on to the next token and keeps the comments in between.
func (l *lexer) skipSpace() {
	for l.rest != "" {
		switch r, _ := utf8.DecodeRuneInString(l.rest); {
		case unicode.IsSpace(r):
			l.step()
		case r == '#':
			l.comment()
		default:
			return
		}
	}
}

// step goes on by a code point or by the end of a line.
func (l *lexer) step() {
	switch r, size := utf8.DecodeRuneInString(l.rest); {
	case strings.HasPrefix(l.rest, "\r\n"):
		l.newLine(2)
	case r == '\n' || r == '\r':
		l.newLine(1)
	default:
		l.rest = l.rest[size:]
		l.at.Column++
	}
}

func (l *lexer) newLine(size int) {
	l.rest = l.rest[size:]
	l.at = Position{l.at.Line + 1, 1}
	l.inside = false
}

func (l *lexer) comment() {
	size := strings.IndexAny(l.rest, "\r\n")
	if size < 0 {
		size = len(l.rest)
	}
	start := l.at
	l.at.Column += utf8.RuneCountInString(l.rest[:size])
	l.comments = append(l.comments, Token{l.rest[:size], Span{start, l.at}})
	l.rest = l.rest[size:]
}

// PositionOf returns where a byte of a source stands, from its offset.
func PositionOf(source string, offset int) Position {
	l := newLexer(source)
	for rest := len(source) - offset; len(l.rest) > rest; {
		l.step()
	}
	return l.at
}

// OffsetOf is the inverse of PositionOf.
func OffsetOf(source string, at Position) int {
	l := newLexer(source)
	for l.rest != "" && l.at.Compare(at) < 0 {
		l.step()
	}
	return len(source) - len(l.rest)
}

// firstInvalid finds the first byte that is not UTF-8.
func firstInvalid(source string) (Span, bool) {
	if utf8.ValidString(source) {
		return Span{}, false
	}
	offset := 0
	for {
		r, size := utf8.DecodeRuneInString(source[offset:])
		if r == utf8.RuneError && size == 1 {
			at := PositionOf(source, offset)
			return Span{at, Position{at.Line, at.Column + 1}}, true
		}
		offset += size
	}
}
