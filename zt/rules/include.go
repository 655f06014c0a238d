package rules

import (
	"fmt"
	"strings"

	"github.com/orrery-net/orrery/zt/rules/syntax"
)

// maxDepth is how many includes may stand inside each other.
const maxDepth = 100

// manyEntries is more than any table holds: exact numbers above do not matter.
const manyEntries = 1 << 20

// expansion is an include that is being expanded.
type expansion struct {
	around    *expansion // nil: it does not stand in a macro
	include   *syntax.Include
	macro     *macro
	arguments []syntax.Token // nil: they are not known, the macro is only checked
	positions []syntax.Position
}

// included returns where the macros around were included, the outermost first;
// nil if the macro is only checked.
func (x *expansion) included() []syntax.Position {
	if x.positions == nil && x.include != nil {
		if x.around != nil {
			x.positions = append(x.positions, x.around.included()...)
		}
		x.positions = append(x.positions, x.include.Name.Span.Start)
	}
	return x.positions
}

// argument replaces a parameter by what it stands for; the word keeps its place
// in the macro. It reports whether its text is known: parameters are not while a
// macro is checked by itself, or if there is no such parameter, which is an error.
func (c *compiler) argument(t syntax.Token) (syntax.Token, bool) {
	if !isParameter(t.Text) {
		return t, c.within == nil || !c.within.macro.lacksSign(t.Text)
	}
	if c.within == nil {
		c.fail("UNDEFINED_VARIABLE", t, hint("Parameters exist inside the macro that has them: write a value."), "There is no parameter %s here.", t)
		return t, false
	}
	m := c.within.macro
	i, ok := m.parameters[strings.ToLower(t.Text)]
	switch {
	case !ok && m.broken:
	case !ok:
		c.fail("UNDEFINED_VARIABLE", t, hintParameters(t, m), "Macro %s has no parameter %s.", m.source.Name, t)
	case c.within.arguments != nil:
		value := c.within.arguments[i]
		return syntax.Token{Text: value.Text, Span: t.Span}, !isParameter(value.Text)
	}
	return t, false
}

// lacksSign reports whether a word is a parameter that was written without its $,
// which is an error where it is defined.
func (m *macro) lacksSign(text string) bool {
	if !m.broken {
		return false
	}
	_, defined := m.parameters[strings.ToLower(text)]
	return defined
}

// checkInclude looks up an include's macro and its arguments.
func (c *compiler) checkInclude(i *syntax.Include) (m *macro, arguments []syntax.Token, ok bool) {
	if i.Name.Text == "" {
		return nil, nil, false // the parser said it
	}
	m = c.macroNamed[strings.ToLower(i.Name.Text)]
	if m == nil {
		c.fail("MACRO_NOT_FOUND", i.Name, c.hintMacro(i.Name), "There is no macro %s.", i.Name)
		return nil, nil, false
	}
	m.used = true
	ok = true
	for _, t := range i.Arguments {
		argument, _ := c.argument(t)
		arguments = append(arguments, argument)
		ok = ok && t.Text != ""
	}
	switch takes, given := len(m.source.Parameters), len(arguments); {
	case m.broken || i.Broken:
		return nil, nil, false
	case !ok:
		c.fail("MACRO_ARG_MISSING", i.Name, hintCall(m), "An argument of macro %s is empty.", i.Name)
		return nil, nil, false
	case given < takes:
		c.fail("MACRO_ARG_MISSING", i.Name, hintCall(m), "Macro %s takes %s, not %d.", i.Name, countOf(takes, "argument"), given)
		return nil, nil, false
	case given > takes:
		c.fail("MACRO_ARG_EXTRA", i.Name, hintCall(m), "Macro %s takes %s, not %d.", i.Name, countOf(takes, "argument"), given)
		return nil, nil, false
	}
	return m, arguments, true
}

func countOf(n int, what string) string {
	switch n {
	case 0:
		return "no " + what
	case 1:
		return "one " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// expand puts the rules of a macro into the table. If there are as many errors as
// are told, it is not worth looking for more in there.
func (c *compiler) expand(i *syntax.Include, m *macro, arguments []syntax.Token) {
	if c.table == nil || c.table.full || c.enough() || m.entries == 0 || c.within != nil && c.within.macro.cut[i] {
		return
	}
	if arguments == nil {
		arguments = []syntax.Token{}
	}
	c.within = &expansion{around: c.within, include: i, macro: m, arguments: arguments}
	for _, s := range m.source.Body {
		if c.table.full {
			break
		}
		c.statement(s)
	}
	c.within = c.within.around
}

// checkMacros checks the bodies of macros, whether they are included or not, and
// finds out how much they expand to.
func (c *compiler) checkMacros() {
	for _, m := range c.macros {
		c.within = &expansion{macro: m}
		for _, s := range m.source.Body {
			c.statement(s)
		}
	}
	c.within = nil
	c.measure()
}

// measure finds the macros that include themselves, and for each the number of
// its entries and the depth of its includes. It walks over what macros include
// with a stack of its own: sources can include very deeply.
func (c *compiler) measure() {
	w := walk{compiler: c, state: map[*macro]walkState{}}
	for _, m := range c.macros {
		w.from(m)
	}
}

type walk struct {
	*compiler
	state map[*macro]walkState
	path  []step // from the first macro to the one that is looked at
	deep  bool   // an include that is too deep was found
	loops int    // macros that include themselves that were found
}

type walkState uint8

const (
	onPath walkState = iota + 1
	measured
)

// step is a macro on the path with the include that is followed.
type step struct {
	macro *macro
	next  int // of its statements
	at    *syntax.Include
}

func (w *walk) from(m *macro) {
	if w.state[m] != 0 {
		return
	}
	w.enter(m)
	for len(w.path) > 0 {
		top := &w.path[len(w.path)-1]
		if top.next == len(top.macro.source.Body) {
			w.leave()
			continue
		}
		s := top.macro.source.Body[top.next]
		top.next++
		switch s := s.(type) {
		case *syntax.Rule:
			top.macro.grow(len(s.Matches) + 1)
		case *syntax.Include:
			top.at = s
			w.follow(top.macro, s)
		}
	}
}

func (w *walk) enter(m *macro) {
	w.state[m] = onPath
	m.depth = 1
	w.path = append(w.path, step{macro: m})
}

func (w *walk) leave() {
	m := w.path[len(w.path)-1].macro
	w.state[m] = measured
	w.path = w.path[:len(w.path)-1]
	if n := len(w.path); n > 0 {
		w.count(w.path[n-1].macro, w.path[n-1].at, m)
	}
}

// follow looks at an include in a macro.
func (w *walk) follow(in *macro, i *syntax.Include) {
	m := w.macroNamed[strings.ToLower(i.Name.Text)]
	switch {
	case m == nil:
	case w.state[m] == onPath:
		in.end(i)
		w.loop(m)
	case w.state[m] == measured:
		w.count(in, i, m)
	default:
		w.enter(m)
	}
}

// count adds what an include expands to to the macro that it stands in.
func (w *walk) count(in *macro, i *syntax.Include, m *macro) {
	if m.depth >= maxDepth {
		in.end(i)
		if !w.deep {
			w.deep = true
			w.fail("LIMIT_EXCEEDED", i.Name, hint("Include fewer macros in macros."), "More than %d includes stand inside each other.", maxDepth)
		}
		return
	}
	in.depth = max(in.depth, m.depth+1)
	in.grow(m.entries)
}

// end marks an include in the macro that is not followed.
func (m *macro) end(i *syntax.Include) {
	if m.cut == nil {
		m.cut = map[*syntax.Include]bool{}
	}
	m.cut[i] = true
}

func (m *macro) grow(entries int) { m.entries = min(m.entries+entries, manyEntries) }

// loop is about a macro that includes itself over the macros on the path. The
// error is at the first of their includes in the source.
func (w *walk) loop(m *macro) {
	if w.loops++; w.loops > MaxDiagnostics {
		return
	}
	var first *syntax.Include
	for k := len(w.path) - 1; k >= 0; k-- {
		if at := w.path[k].at; first == nil || at.Name.Span.Start.Compare(first.Name.Span.Start) < 0 {
			first = at
		}
		if w.path[k].macro == m {
			break
		}
	}
	w.fail("MACRO_RECURSION", first.Name, hint("Macros are replaced by their rules, which would never end here: remove the include, or close the macro with its own ; before it."), "Macro %s includes itself.", m.source.Name)
}
