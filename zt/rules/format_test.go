package rules

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/orrery-net/orrery/zt/rules/syntax"
)

func TestDefaultProgramIsWellFormed(t *testing.T) {
	if got, diagnostics := Format(defaultSource); got != defaultSource || diagnostics != nil {
		t.Errorf("the default program is formatted as\n%s\n%v", got, diagnostics)
	}
}

func TestFormatKeepsWhatVectorsMean(t *testing.T) {
	for _, v := range vectors(t) {
		p, _ := Compile(v.Source, Strict)
		if p != nil {
			keepsMeaning(t, v.Source, p)
			continue
		}
		if got, diagnostics := Format(v.Source); len(diagnostics) > 0 && got != v.Source {
			t.Errorf("%s: errors %v, but it was changed", v.Name, diagnostics)
		}
	}
}

// keepsMeaning formats a program that compiles, and compiles the result.
func keepsMeaning(t interface {
	Helper()
	Fatalf(string, ...any)
}, source string, p *Program) string {
	t.Helper()
	formatted, diagnostics := Format(source)
	if len(diagnostics) > 0 {
		t.Fatalf("%q does not parse: %v", source, diagnostics)
	}
	again, diagnostics := Compile(formatted, Strict)
	if again == nil {
		t.Fatalf("%q\nis formatted as\n%s\n%v", source, formatted, firstError(diagnostics))
	}
	before, _ := json.Marshal(&p.Set)
	after, _ := json.Marshal(&again.Set)
	if string(before) != string(after) {
		t.Fatalf("%q\nis formatted as\n%s\nand means\n%s\ninstead of\n%s", source, formatted, after, before)
	}
	if twice, _ := Format(formatted); twice != formatted {
		t.Fatalf("%q\nis formatted as\n%s\nand that as\n%s", source, formatted, twice)
	}
	return formatted
}

// TestFormatRandomPrograms formats programs with comments, white space and
// semicolons wherever they may be.
func TestFormatRandomPrograms(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		words := drawProgram(t)
		var source strings.Builder
		comments := 0
		for i, word := range words {
			if word == ";" && i > 0 && rapid.IntRange(0, 9).Draw(t, "stray") == 0 && words[i-1] == ";" {
				source.WriteString(" ;")
			}
			switch gap := rapid.IntRange(0, 11).Draw(t, "gap"); {
			case gap >= 9:
				source.WriteString(rapid.SampledFrom([]string{"", "", "\n", "\r\n\n ", "\n\n\n"}).Draw(t, "before"))
				fmt.Fprintf(&source, "#%s %d%s", rapid.SampledFrom([]string{"", "#", "drop;"}).Draw(t, "comment"), comments, rapid.SampledFrom([]string{"\n", "\r\n", "\r", " \t\n\n"}).Draw(t, "after"))
				comments++
			case word != ";" || gap > 4:
				source.WriteString(rapid.SampledFrom([]string{" ", " ", "\n", "\t", "\r\n", "\n\n\n", "\u00a0"}).Draw(t, "space"))
			}
			if rapid.IntRange(0, 9).Draw(t, "case") == 0 && !strings.Contains(word, ":") {
				word = strings.ToUpper(word)
			}
			source.WriteString(word)
		}
		text := source.String()
		p, diagnostics := Compile(text, Strict)
		if p == nil {
			t.Fatalf("%q: %v", text, firstError(diagnostics))
		}
		formatted := keepsMeaning(t, text, p)
		before, after := syntax.Parse(text), syntax.Parse(formatted)
		if a, b := outline(before), outline(after); a != b {
			t.Fatalf("%q\nis formatted as\n%s\nwhich has the tree\n%s\ninstead of\n%s", text, formatted, b, a)
		}
		if len(after.Comments) != comments {
			t.Fatalf("%q\nis formatted as\n%s\nwith %d comments", text, formatted, len(after.Comments))
		}
		lines := strings.Split(formatted, "\n")
		for i, c := range after.Comments {
			was := before.Comments[i]
			if c.Text != strings.TrimRight(was.Text, " \t") {
				t.Fatalf("%q\nis formatted as\n%s\nwith %q for %q", text, formatted, c.Text, was.Text)
			}
			if isFirst(text, was) && strings.TrimLeft(lines[c.Span.Start.Line-1], "\t") != c.Text {
				t.Fatalf("%q\nis formatted as\n%s\nwith %q behind something else", text, formatted, c.Text)
			}
		}
		for i, line := range lines {
			if strings.TrimRight(line, " \t\r") != line || line == "" && i > 0 && lines[i-1] == "" && formatted != "" || line == "" && i == 0 && formatted != "" {
				t.Fatalf("%q\nis formatted as\n%s\nwith line %d %q", text, formatted, i+1, line)
			}
		}
	})
}

// isFirst reports whether a comment is the first in its line.
func isFirst(source string, c syntax.Token) bool {
	lines := strings.Split(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(source), "\n")
	return strings.HasPrefix(strings.TrimSpace(lines[c.Span.Start.Line-1]), "#")
}

// drawProgram draws the words of a program that compiles.
func drawProgram(t *rapid.T) []string {
	words := strings.Fields("tag t id 7 default 0 flag 0 red enum 4 many ;")
	words = append(words, strings.Fields("macro m ( $a , $b ) accept dport $a or sport $b ; ;")...)
	id := 0
	for range rapid.IntRange(0, 5).Draw(t, "statements") {
		switch rapid.IntRange(0, 6).Draw(t, "statement") {
		case 0:
			words = append(words, "cap", fmt.Sprintf("c%d", id), "id", fmt.Sprint(id))
			if rapid.Bool().Draw(t, "default") {
				words = append(words, "default")
			}
			words = append(append(words, drawRules(t)...), ";")
		case 1:
			words = append(words, "macro", fmt.Sprintf("n%d", id))
			if rapid.Bool().Draw(t, "empty list") {
				words = append(words, "(", ")")
			}
			words = append(append(words, drawRules(t)...), ";")
		default:
			words = append(words, drawRules(t)...)
		}
		id++
	}
	return words
}

func drawRules(t *rapid.T) []string {
	var words []string
	for range rapid.IntRange(0, 3).Draw(t, "rules") {
		text := rapid.SampledFrom([]string{"accept", "drop", "break", "tee 64 ab12cd34ef", "redirect ab12cd34ef", "include"}).Draw(t, "action")
		words = append(words, strings.Fields(text)...)
		if text == "include" {
			words = append(words, "m", "(", "1", ",", "2-3", ")")
			continue
		}
		for range rapid.IntRange(0, 3).Draw(t, "matches") {
			words = append(words, strings.Fields(rapid.SampledFrom([]string{"", "", "and", "or", "not", "not or", "or and not", "and and"}).Draw(t, "operators"))...)
			words = append(words, strings.Fields(rapid.SampledFrom([]string{
				"dport 22", "icmp 8 -1", "chr inbound,tcp_ack", "ipsrc fd00::/8", "tand t red", "teq 7 4", "ethertype 0x88cc", "ztsrc ab12cd34ef",
			}).Draw(t, "match"))...)
		}
		if rapid.IntRange(0, 4).Draw(t, "trailing") == 0 {
			words = append(words, "and")
		}
		words = append(words, ";")
	}
	return words
}

// outline is a tree as text, without places: keywords in lower case, and operators
// for what they mean.
func outline(f *syntax.File) string {
	var b strings.Builder
	outlineOf(&b, f.Statements)
	return b.String()
}

func outlineOf(b *strings.Builder, statements []syntax.Statement) {
	for _, s := range statements {
		switch s := s.(type) {
		case *syntax.Rule:
			fmt.Fprintf(b, "(%s%s", strings.ToLower(s.Action.Text), texts(s.Arguments))
			for _, m := range s.Matches {
				fmt.Fprintf(b, " [%v %v %s%s]", m.Or, m.Not, strings.ToLower(m.Keyword.Text), texts(m.Arguments))
			}
			if len(s.Matches)+len(s.Arguments) == 0 && len(s.Trailing) > 0 {
				b.WriteString(" and")
			}
			b.WriteString(")")
		case *syntax.Include:
			fmt.Fprintf(b, "(include %s%s)", s.Name.Text, texts(s.Arguments))
		case *syntax.Macro:
			fmt.Fprintf(b, "(macro %s%s ", s.Name.Text, texts(s.Parameters))
			outlineOf(b, s.Body)
			b.WriteString(")")
		case *syntax.Tag:
			fmt.Fprintf(b, "(tag %s", s.Name.Text)
			outlineItems(b, s.Items)
			b.WriteString(")")
		case *syntax.Capability:
			fmt.Fprintf(b, "(cap %s", s.Name.Text)
			outlineItems(b, s.Items)
			outlineOf(b, s.Body)
			b.WriteString(")")
		}
	}
}

func outlineItems(b *strings.Builder, items []syntax.Item) {
	for _, i := range items {
		fmt.Fprintf(b, "(%s%s)", strings.ToLower(i.Keyword.Text), texts(i.Arguments))
	}
}

func texts(tokens []syntax.Token) string {
	var b strings.Builder
	for _, t := range tokens {
		b.WriteString(" " + t.Text)
	}
	return b.String()
}
