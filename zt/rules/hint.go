package rules

import (
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/orrery-net/orrery/zt/rules/original"
	"github.com/orrery-net/orrery/zt/rules/ruleset"
	"github.com/orrery-net/orrery/zt/rules/syntax"
)

// hint is a hint that is always the same.
func hint(text string) func() string { return func() string { return text } }

// hintf is a hint with words in it.
func hintf(format string, args ...any) func() string {
	return func() string { return fmt.Sprintf(format, args...) }
}

// plain is a word without quotes, for hints that say what to write.
func plain(t syntax.Token) string {
	quoted := t.String()
	return quoted[1 : len(quoted)-1]
}

func word(text string) syntax.Token { return syntax.Token{Text: text} }

// didYouMean is a hint to the name that is nearest, "" if none is near.
func didYouMean(typed string, names iter.Seq[string]) string {
	if near := syntax.Nearest(typed, names); near != "" {
		return "Did you mean " + plain(word(near)) + "?"
	}
	return ""
}

// What hints look at and list, of the names that a program defines.
const (
	maxNames  = 512
	maxListed = 10
)

// listed lists names in the order in which they are given.
func listed(names []string) string {
	shown := make([]string, 0, maxListed)
	for _, name := range names[:min(len(names), maxListed)] {
		shown = append(shown, plain(word(name)))
	}
	list := strings.Join(shown, ", ")
	if more := len(names) - maxListed; more > 0 {
		list += " …"
	}
	return list
}

// namesOf returns the first names of definitions in lower case.
func namesOf[T interface{ name() syntax.Token }](definitions []T) []string {
	var names []string
	for _, one := range definitions[:min(len(definitions), maxNames)] {
		if name := one.name().Text; name != "" {
			names = append(names, strings.ToLower(name))
		}
	}
	return names
}

// tellBlockEnd adds to the hint about a block without end where the original
// compiler ends it: the program may have been written for that one.
func tellBlockEnd(source string, found []Diagnostic) {
	i := slices.IndexFunc(found, func(d Diagnostic) bool { return d.Code == "UNTERMINATED_BLOCK" })
	if i < 0 {
		return
	}
	if _, err := original.Compile(source); err != nil {
		return
	}
	start := syntax.OffsetOf(source, found[i].position())
	end, ok := original.BlockEnd(source[start:])
	if !ok {
		found[i].Hint += " The original compiler takes all that follows for a part of it."
		return
	}
	found[i].Hint += fmt.Sprintf(" The original compiler, which may have compiled this program, ends it in line %d.", syntax.PositionOf(source, start+end).Line)
}

func (c *compiler) hintMacro(name syntax.Token) func() string {
	return func() string {
		return unknownName(name, namesOf(c.macros), "There are no macros: define it with macro %s … ;", "Macros: %s.")
	}
}

func (c *compiler) hintTag(name syntax.Token) func() string {
	return func() string {
		return unknownName(name, namesOf(c.tags), "There are no tags: define it with tag %s id 1 … ;", "Tags: %s.")
	}
}

const nameHint = "Names are letters, digits and _, and do not begin with a digit."

// unknownName is a hint to names that exist.
func unknownName(name syntax.Token, names []string, none, some string) string {
	switch {
	case len(names) == 0 && !isName(name.Text):
		return nameHint
	case len(names) == 0:
		return fmt.Sprintf(none, plain(name))
	}
	list := fmt.Sprintf(some, listed(names))
	if near := didYouMean(name.Text, slices.Values(names)); near != "" {
		return near + " " + list
	}
	return list
}

// hintTagValue is about a word that is no value of a tag.
func hintTagValue(t *tag, value syntax.Token) func() string {
	return func() string {
		var names []string
		for _, values := range [][]ruleset.Value{t.made.Flags, t.made.Enums} {
			for _, v := range values[:min(len(values), maxNames)] {
				names = append(names, v.Name)
			}
		}
		if len(names) == 0 {
			return "Write a number from 0 to 4294967295; the tag has no flags and enums."
		}
		list := fmt.Sprintf("Values of %s: %s, or a number from 0 to 4294967295.", plain(t.source.Name), listed(names))
		if near := didYouMean(value.Text, slices.Values(names)); near != "" {
			return near + " " + list
		}
		return list
	}
}

// hintNumericTag is about the name of a value behind the number of a tag.
func (c *compiler) hintNumericTag(id int64) func() string {
	return func() string {
		for _, t := range c.tags {
			if int64(t.made.ID) == id {
				return fmt.Sprintf("Write %s instead of %d.", plain(t.source.Name), id)
			}
		}
		return "Write a number from 0 to 4294967295."
	}
}

func hintParameter(t syntax.Token, taken bool) func() string {
	switch {
	case taken && t.Text != "":
		return hint("Parameters of a macro need different names.")
	case t.Text != "" && isName(t.Text):
		return hintf("Write $%s, here and in the rules.", plain(t))
	}
	return hint("Parameters are written ($a,$b): a $ and a name each, with commas between them.")
}

func hintParameters(t syntax.Token, m *macro) func() string {
	return func() string {
		if len(m.source.Parameters) == 0 {
			return fmt.Sprintf("Write macro %s(%s) to give it one.", plain(m.source.Name), plain(t))
		}
		var names []string
		for _, p := range m.source.Parameters[:min(len(m.source.Parameters), maxNames)] {
			names = append(names, p.Text)
		}
		return "Its parameters: " + listed(names) + ". A parameter is a word of its own, not a part of one."
	}
}

// hintCall says how a macro is included.
func hintCall(m *macro) func() string {
	return func() string {
		name := plain(m.source.Name)
		if len(m.source.Parameters) == 0 {
			return fmt.Sprintf("Write include %s.", name)
		}
		var names []string
		for _, p := range m.source.Parameters[:min(len(m.source.Parameters), maxListed)] {
			names = append(names, strings.TrimPrefix(plain(p), "$"))
		}
		return fmt.Sprintf("Write include %s(%s) with a value for each.", name, strings.Join(names, ","))
	}
}

func hintAction(name string) func() string {
	if name == "redirect" {
		return hint("Write redirect and the 10-digit address of a node, then the matches: redirect 0123456789 dport 80;")
	}
	return hintf("Write %s, a length in bytes (-1: whole frames) and the 10-digit address of a node, then the matches: %s 128 0123456789 chr inbound;", name, name)
}

func hintLength(name string, t syntax.Token) func() string {
	if _, ok := parseNode(t.Text); ok {
		return hintf("The length comes first: %s 128 %s.", name, plain(t))
	}
	return hint("Lengths are 0 to 65535 bytes; -1 means whole frames.")
}

// hintEnum is about a value that is no number.
func hintEnum(number, name syntax.Token) func() string {
	if _, ok := parseNumber(name.Text); ok && isName(number.Text) {
		return hintf("The value comes first, then the name: enum %s %s.", plain(name), plain(number))
	}
	return hint("Write a number from 0 to 4294967295, then the name.")
}

// hintFlagBits is about a word that is no list of bits.
func hintFlagBits(bits, name syntax.Token) func() string {
	if _, ok := parseNumber(name.Text); ok && isName(bits.Text) {
		return hintf("The bits come first, then the name: flag %s %s.", plain(name), plain(bits))
	}
	return hint("Write bit numbers from 0 to 31 or flags that are defined before, with commas and without spaces, then the name.")
}
