package original

import "strings"

// item is a token, or a block of items. It has no pointers, which is what makes
// programs of very many words cheap.
type item struct {
	start, end int32 // of the token in the source, in bytes
	block      int32 // its number among the blocks, from 1; 0: a token
}

func (i *item) isBlock() bool { return i.block != 0 }

// opensBlock are the words that what follows them belongs to, up to a ;.
var opensBlock = words("macro tag cap drop accept tee watch redirect break priority")

// document is a program as nested blocks (protocol 10 §16.1).
type document struct {
	source string
	items  []item
	blocks [][]item
}

// text is what a token is, "" for a block.
func (d *document) text(i *item) string { return d.source[i.start:i.end] }

// block is the items of a block, nil for a token.
func (d *document) block(i *item) []item {
	if !i.isBlock() {
		return nil
	}
	return d.blocks[i.block-1]
}

func isSeparator(c byte) bool { return c == '\n' || c == '\r' || c == '\t' || c == ' ' }

// parse reads a program.
func parse(source string) document {
	l := lexer{document: document{source: source}, stack: make([][]item, 1)}
	for i := 0; i < len(source); {
		switch {
		case isSeparator(source[i]):
			i++
		case source[i] == '#':
			i += lengthUntil(source[i:], "\r\n")
		default:
			end := i + lengthUntil(source[i:], separators)
			if end == len(source) {
				l.append(i, len(strings.TrimSuffix(source, ";")))
			} else {
				l.finish(i, end)
			}
			i = end
		}
	}
	for l.close() {
	}
	l.items = l.stack[0] // what is open above it is forgotten (Q08)
	return l.document
}

const separators = "\n\r\t "

// lengthUntil is how much of a text is in front of the first of some characters.
func lengthUntil(text, characters string) int {
	if end := strings.IndexAny(text, characters); end >= 0 {
		return end
	}
	return len(text)
}

// position is where a place in the source is for the original, which counts UTF-16
// code units, from 0 in line 1 and from 1 in the others (protocol 10 §2.4).
func position(source string, place int32) (line, column int) {
	line = 1
	inToken, inComment := false, false
	for _, c := range source[:place] {
		switch {
		case inComment:
			if inComment = c != '\r' && c != '\n'; !inComment {
				line, column = line+1, 0
			}
		case c < 0x80 && isSeparator(byte(c)):
			if inToken = false; c == '\n' {
				line, column = line+1, 0
			}
		case !inToken && c == '#':
			inComment = true
		default:
			inToken = true
		}
		column++
		if c > 0xffff {
			column++
		}
	}
	return line, column
}

// lexer holds the blocks that are open, the document first.
type lexer struct {
	document
	stack [][]item
}

func (l *lexer) top() *[]item { return &l.stack[len(l.stack)-1] }

func (l *lexer) append(start, end int) {
	if start < end {
		*l.top() = append(*l.top(), item{start: int32(start), end: int32(end)})
	}
}

// finish ends a token.
func (l *lexer) finish(start, end int) {
	closing := l.source[end-1] == ';'
	if closing {
		end--
	}
	l.append(start, end)
	if closing && l.close() {
		return
	}
	if startsBlock(l.source[start:end]) {
		l.stack = append(l.stack, nil)
	}
}

// close ends the innermost block unless it is empty or the document.
func (l *lexer) close() bool {
	block := *l.top()
	if len(l.stack) == 1 || len(block) == 0 {
		return false
	}
	l.blocks = append(l.blocks, block)
	l.stack = l.stack[:len(l.stack)-1]
	*l.top() = append(*l.top(), item{block: int32(len(l.blocks))})
	return true
}
