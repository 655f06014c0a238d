package cli

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// progress is a bar on standard error that shows how far a command is: how many
// of how many, how fast, and how long it will take. A nil one shows nothing.
type progress struct {
	to    io.Writer
	width func() int
	now   func() time.Time

	total int // 0: unknown
	done  int
	start time.Time
	drawn time.Time // last
	shown int       // characters
}

// newProgress begins a bar for so many members, nil if no terminal is there to
// show it. What the command writes to standard error then goes through it.
func newProgress(c *cobra.Command, total int) *progress {
	file, ok := c.ErrOrStderr().(*os.File)
	if !ok || !isTerminal(file) || os.Getenv("TERM") == "dumb" {
		return nil
	}
	p := &progress{to: file, width: func() int { return width(file) }, now: time.Now, total: total}
	c.SetErr(p)
	return p
}

// Write writes something else in the place of the bar, which comes back with the
// next member.
func (p *progress) Write(text []byte) (int, error) {
	p.clear()
	return p.to.Write(text)
}

// expect says how many there will be, for who learns it later.
func (p *progress) expect(total int) {
	if p != nil {
		p.total = total
	}
}

// drawEvery is how often the bar changes.
const drawEvery = 100 * time.Millisecond

// add counts members that are done.
func (p *progress) add(n int) {
	if p == nil {
		return
	}
	p.done += n
	now := p.now()
	if p.start.IsZero() {
		p.start, p.drawn = now, now // what is done at once needs no bar
	}
	if now.Sub(p.drawn) < drawEvery {
		return
	}
	p.drawn = now
	p.draw(p.line(now.Sub(p.start)))
}

// clear takes the bar away.
func (p *progress) clear() {
	if p != nil && p.shown > 0 {
		p.draw("")
		fmt.Fprint(p.to, "\r")
	}
}

// longest is the longest time that is shown.
const longest = 99 * time.Hour

// draw writes over the last line. It does so with spaces, which every terminal
// knows.
func (p *progress) draw(line string) {
	fmt.Fprintf(p.to, "\r%s%s", line, strings.Repeat(" ", max(0, p.shown-len(line))))
	p.shown = len(line)
}

// line is what the terminal has room for: the count, then the rate and the time
// that is left, then a bar.
func (p *progress) line(took time.Duration) string {
	room := p.width() - 1 // the last column would make some terminals go on
	if room <= 0 {
		room = 79
	}
	rate := float64(p.done) / max(took.Seconds(), 0.001)
	parts := []string{grouped(p.done) + " members", grouped(int(rate)) + "/s"}
	if p.total >= p.done {
		parts[0] = fmt.Sprintf("%s of %s members", grouped(p.done), grouped(p.total))
		seconds := min(float64(p.total-p.done)/max(rate, 0.001), longest.Seconds())
		parts = append(parts, time.Duration(seconds*float64(time.Second)).Round(time.Second).String()+" left")
	}
	line := ""
	for _, part := range parts {
		if len(line)+2+len(part) > room {
			break
		}
		line = strings.TrimPrefix(line+"  "+part, "  ")
	}
	const border = 4 // two spaces and two brackets
	if size := min(room-len(line)-border, 40); line != "" && p.total >= p.done && size >= 10 {
		filled := size * p.done / max(p.total, 1)
		line += "  [" + strings.Repeat("#", filled) + strings.Repeat("-", size-filled) + "]"
	}
	return line
}

// grouped is a number with spaces between groups of three digits.
func grouped(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + " " + text[i:]
	}
	return text
}
