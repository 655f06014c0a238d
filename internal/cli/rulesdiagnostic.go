package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/mattn/go-runewidth"
	"github.com/spf13/cobra"

	"github.com/orrery-net/orrery/zt/rules"
)

// tally counts diagnostics.
type tally struct{ errors, warnings int }

func (t *tally) add(all []rules.Diagnostic) {
	for _, d := range all {
		switch d.Severity {
		case rules.SeverityError:
			t.errors++
		case rules.SeverityWarning:
			t.warnings++
		}
	}
}

// String is "2 errors and 1 warning".
func (t tally) String() string {
	switch {
	case t.warnings == 0:
		return count(t.errors, "error")
	case t.errors == 0:
		return count(t.warnings, "warning")
	}
	return count(t.errors, "error") + " and " + count(t.warnings, "warning")
}

// compile compiles a program for a command that goes on with it. Its errors and
// warnings go to standard error; notes are for check. The error says that it does
// not compile.
func (p program) compile(c *cobra.Command, mode rules.Mode) (*rules.Program, error) {
	compiled, found := rules.Compile(p.text, mode)
	found = slices.DeleteFunc(found, func(d rules.Diagnostic) bool { return d.Severity == rules.SeverityInformation })
	p.explain(c.ErrOrStderr(), found)
	return compiled, p.refusal(found)
}

// refusal is the error of a program that has errors.
func (p program) refusal(found []rules.Diagnostic) error {
	var t tally
	if t.add(found); t.errors == 0 {
		return nil
	}
	return fmt.Errorf("%s has %s", p.name, t)
}

// explain writes what there is to say about a program as compilers do: where and
// what, the line with the place, and what to write instead.
func (p program) explain(out io.Writer, found []rules.Diagnostic) {
	if len(found) == 0 {
		return
	}
	lines := textLines(p.text)
	paint := func(_, text string) string { return text }
	if colored(out) {
		paint = func(code, text string) string { return "\x1b[" + code + "m" + text + "\x1b[0m" }
	}
	for _, d := range found {
		word, color := "note", "36"
		switch d.Severity {
		case rules.SeverityError:
			word, color = "error", "31"
		case rules.SeverityWarning:
			word, color = "warning", "33"
		}
		fmt.Fprintf(out, "%s %s %s [%s]\n", paint("1", p.place(d.Line, d.Column)), paint(color, word+":"), printable(d.Message), printable(d.Code))
		if d.Line >= 1 && d.Line <= len(lines) {
			shown, mark := excerpt(lines[d.Line-1], d.Column, endColumn(d))
			fmt.Fprintf(out, "    %s\n    %s\n", shown, paint(color, mark))
		}
		if d.Hint != "" {
			fmt.Fprintf(out, "  hint: %s\n", printable(d.Hint))
		}
		for _, r := range d.Related {
			fmt.Fprintf(out, "%s note: %s\n", paint("1", p.place(r.Line, r.Column)), printable(r.Message))
		}
	}
}

// place is what editors find a place by.
func (p program) place(line, column int) string {
	if line < 1 {
		return p.name + ":"
	}
	return fmt.Sprintf("%s:%d:%d:", p.name, line, column)
}

// endColumn is where what a diagnostic means ends in its first line; 0 if it goes
// on.
func endColumn(d rules.Diagnostic) int {
	if d.EndLine > d.Line {
		return 0
	}
	return d.EndColumn
}

// excerpt is the part of a line around its columns from begin to end, which is 0
// for its end, and a line that marks them.
func excerpt(line string, begin, end int) (shown, mark string) {
	const most, before = 100, 40 // characters
	from, to := byteAt(line, begin), len(line)
	if end > 0 {
		to = max(from, byteAt(line, end))
	}
	text, rest := []rune(strings.TrimLeft(line[:from], " \t")), []rune(line[from:])
	if len(text)+len(rest) > most {
		if len(text) > before {
			text = append([]rune("…"), text[len(text)-before:]...)
		}
		if len(rest) > most-before {
			rest = append(rest[:most-before:most-before], '…')
		}
	}
	left := onScreenText(string(text))
	marked := rest[:min(utf8.RuneCountInString(line[from:to]), len(rest))]
	wide := runewidth.StringWidth(onScreenText(string(marked)))
	return left + onScreenText(string(rest)), strings.Repeat(" ", runewidth.StringWidth(left)) + "^" + strings.Repeat("~", max(wide-1, 0))
}

// onScreenText is a part of a line that has the same width wherever it stands.
func onScreenText(text string) string {
	return printable(strings.ReplaceAll(text, "\t", "  "))
}

// usageSummary says how much of what nodes take a program uses.
func usageSummary(u rules.Usage) string {
	text := fmt.Sprintf("rules %d of %d, capabilities %d of %d", u.Rules, u.MaxRules, u.Capabilities, u.MaxCapabilities)
	if u.Capabilities > 0 {
		text += fmt.Sprintf(" (the largest has %d of %d)", u.LargestCapability, u.MaxRulesPerCapability)
	}
	return text + fmt.Sprintf(", tags %d of %d", u.Tags, u.MaxTags)
}
