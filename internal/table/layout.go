package table

import (
	"slices"
	"strings"
	"unicode"

	"github.com/mattn/go-runewidth"
)

// narrowest is what a text is shortened to at most.
const narrowest = 8

// layout is how wide the columns are, and whether the short texts are shown. It
// may have fewer columns than there are.
type layout struct {
	widths []int
	short  bool
}

// fit finds a layout that is no wider than the terminal: first moments become
// shorter, then, one character at a time, the widest text that is no id or
// address. If that is not enough, fewer than half of the columns, the last ones,
// are left out, unless the user chose them. ok is false if nothing helps.
func (p *peopleWriter) fit() (l layout, ok bool) {
	l = p.measure(false)
	if p.options.Width <= 0 || l.total() <= p.options.Width {
		return l, true
	}
	full := p.measure(true)
	least := p.least()
	fewest := len(full.widths)/2 + 1
	if p.options.Chosen {
		fewest = len(full.widths)
	}
	for count := len(full.widths); count >= fewest; count-- {
		l = layout{widths: slices.Clone(full.widths[:count]), short: true}
		room := p.options.Width
		if count < len(full.widths) {
			room -= width(gap + more)
		}
		if l.shrink(room, least) {
			return l, true
		}
	}
	return l, false
}

// shrink makes the widest column narrower, again and again, until all fit.
func (l layout) shrink(room int, least []int) bool {
	for l.total() > room {
		widest := -1
		for i, w := range l.widths {
			if w > least[i] && (widest < 0 || w > l.widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			return false
		}
		l.widths[widest]--
	}
	return true
}

func (l layout) total() int {
	total := len(gap) * (len(l.widths) - 1)
	for _, w := range l.widths {
		total += w
	}
	return total
}

func (p *peopleWriter) measure(short bool) layout {
	l := layout{widths: make([]int, len(p.options.Columns)), short: short}
	for i, c := range p.options.Columns {
		if !p.options.NoHeader {
			l.widths[i] = width(heading(c.Name))
		}
		for _, row := range p.rows {
			text := row[i].text
			if short {
				text = row[i].short
			}
			l.widths[i] = max(l.widths[i], width(text))
		}
	}
	return l
}

// least is how narrow each column may become.
func (p *peopleWriter) least() []int {
	least := make([]int, len(p.options.Columns))
	for i, c := range p.options.Columns {
		if !p.options.NoHeader {
			least[i] = width(heading(c.Name))
		}
		whole := c.Kind != Any
		for _, row := range p.rows {
			least[i] = max(least[i], min(width(row[i].short), narrowest))
			if whole || row[i].whole {
				least[i] = max(least[i], width(row[i].short))
			}
		}
	}
	return least
}

// screen counts cells of a terminal as Unicode says, whatever the locale: East
// Asian wide characters are two, combining ones none, and an emoji of several is
// one of two cells. Ambiguous ones are one.
func screen() *runewidth.Condition { return &runewidth.Condition{StrictEmojiNeutral: true} }

// width is how many cells of a terminal a text takes.
func width(text string) int { return screen().StringWidth(text) }

// shorten cuts a text to a width, … at its end.
func shorten(text string, to int) string {
	if width(text) <= to {
		return text
	}
	return screen().Truncate(text, to, "…")
}

// mostBlanks keeps one long text from making every row as long: rows beside it
// are not aligned then.
const mostBlanks = 200

// pad fills a text up to a width.
func pad(text string, to int, right bool) string {
	blanks := strings.Repeat(" ", min(max(0, to-width(text)), mostBlanks))
	if right {
		return blanks + text
	}
	return text + blanks
}

// visible makes a text of others fit for a terminal: one line, without anything
// that the terminal would obey or that shows text in another order than it has.
func visible(text string) string {
	return strings.TrimSpace(strings.Map(printable, text))
}

func printable(r rune) rune {
	const joiner = '\u200d' // between the parts of an emoji
	switch {
	case unicode.IsSpace(r):
		return ' '
	case unicode.IsPrint(r) || r == joiner:
		return r
	}
	return unicode.ReplacementChar
}
