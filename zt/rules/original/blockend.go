package original

import "strings"

// BlockEnd finds where the original ends the block that a text begins with: behind
// the first ; that is the end of a token while no other block is open inside
// (protocol 10 §16.1). It is an offset in bytes. Blocks that only the end of the
// text ends have none.
func BlockEnd(text string) (end int, ok bool) {
	var open []int // the blocks, innermost last: how many items they have
	for rest := text; rest != ""; {
		size := strings.IndexAny(rest, "\n\r\t ")
		switch {
		case size == 0:
			rest = rest[1:]
			continue
		case rest[0] == '#':
			line := strings.IndexAny(rest, "\r\n")
			if line < 0 {
				return 0, false
			}
			rest = rest[line:]
			continue
		case size < 0:
			return 0, false // the last token closes nothing
		}
		token := rest[:size]
		rest = rest[size:]
		word, closing := strings.CutSuffix(token, ";")
		top := len(open) - 1
		if top >= 0 && word != "" {
			open[top]++
		}
		switch {
		case closing && top >= 0 && open[top] > 0:
			if open = open[:top]; top == 0 {
				return len(text) - len(rest), true
			}
			open[top-1]++
		case opensBlock[word] || isProperty(word):
			open = append(open, 0)
		}
	}
	return 0, false
}
