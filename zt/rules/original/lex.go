package original

import "strings"

// item is a token, or a block of items if it has any.
type item struct {
	text         string
	line, column int32
	block        []item
}

func (i *item) isBlock() bool { return i.block != nil }

// opensBlock are the words that what follows them belongs to, up to a ;.
var opensBlock = words("macro tag cap drop accept tee watch redirect break priority")

// parse reads a program as the document's items (protocol 10 §16.1). Columns
// count UTF-16 code units, from 0 in line 1 and from 1 in the others.
func parse(source string) []item {
	l := lexer{stack: make([][]item, 1)}
	line, column := 1, 0
	start := -1 // of the token
	inComment := false
	for i, c := range source {
		switch {
		case inComment:
			if c == '\r' || c == '\n' {
				inComment = false
				line, column = line+1, 0
			}
		case c == '\n' || c == '\r' || c == '\t' || c == ' ':
			if c == '\n' {
				line, column = line+1, 0
			}
			if start >= 0 {
				l.finish(source[start:i])
				start = -1
			}
		case start < 0 && c == '#':
			inComment = true
		case start < 0:
			start = i
			l.line, l.column = line, column
		}
		column++
		if c > 0xffff {
			column++
		}
	}
	if start >= 0 {
		l.append(strings.TrimSuffix(source[start:], ";"))
	}
	for l.close() {
	}
	return l.stack[0] // what is open above it is forgotten (Q08)
}

// lexer holds the blocks that are open, the document first, and where the current
// token begins.
type lexer struct {
	stack        [][]item
	line, column int
}

func (l *lexer) top() *[]item { return &l.stack[len(l.stack)-1] }

func (l *lexer) append(text string) {
	if text != "" {
		*l.top() = append(*l.top(), item{text: text, line: int32(l.line), column: int32(l.column)})
	}
}

func (l *lexer) finish(text string) {
	text, closing := strings.CutSuffix(text, ";")
	l.append(text)
	if closing && l.close() {
		return
	}
	if startsBlock(text) {
		l.stack = append(l.stack, nil)
	}
}

// close ends the innermost block unless it is empty or the document.
func (l *lexer) close() bool {
	block := *l.top()
	if len(l.stack) == 1 || len(block) == 0 {
		return false
	}
	l.stack = l.stack[:len(l.stack)-1]
	*l.top() = append(*l.top(), item{block: block})
	return true
}
