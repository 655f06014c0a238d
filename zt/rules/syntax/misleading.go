package syntax

import (
	"strings"
	"unicode"
)

// warnOfComments warns of comments that may end elsewhere, or hold something else,
// for a reader than for the compiler: what looks like a comment may be a rule, and
// the other way round. In words and between them such characters are errors, or
// mean nothing.
func (p *parser) warnOfComments(source string) {
	source = strings.TrimPrefix(source, byteOrderMark)
	for _, c := range p.lex.comments {
		source = source[strings.IndexByte(source, '#')+len(c.Text):]
		hidden := strings.IndexFunc(c.Text, isMisleading)
		switch {
		case hidden >= 0:
			if e := p.warn("W_MISLEADING_COMMENT", c.Span, "This comment has the invisible character %U in it: a reader may take something else for the comment.", firstRune(c.Text[hidden:])); e != nil {
				e.Hint = "Write the comment again without it, and look at what stands around it."
			}
		case strings.HasPrefix(source, "\r") && !strings.HasPrefix(source, "\r\n"):
			if e := p.warn("W_MISLEADING_COMMENT", c.Span, "This comment ends at a carriage return without a line feed: a reader may take the next line for a part of it."); e != nil {
				e.Hint = "Save the text with line feeds (LF, or CR LF) at the ends of all lines."
			}
		}
	}
}

// isMisleading reports whether a character ends lines, moves the cursor or changes
// the direction of the text for some readers.
func isMisleading(r rune) bool {
	return r != '\t' && unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp, unicode.Bidi_Control)
}

func firstRune(text string) rune {
	for _, r := range text {
		return r
	}
	return 0
}
