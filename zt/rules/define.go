package rules

import (
	"math"
	"strings"
	"unicode"

	"github.com/orrery-net/orrery/zt/netconf"
	"github.com/orrery-net/orrery/zt/rules/ruleset"
	"github.com/orrery-net/orrery/zt/rules/syntax"
)

// definitions are the macros, tags and capabilities of a program, in order of
// definition and by name in lower case (protocol 10 §12). Those with a name that
// cannot be used are there, too, so that what uses them is not wrong as well. Of
// several definitions of one name, the first has it.
type definitions struct {
	macros       []*macro
	tags         []*tag
	capabilities []*capability

	macroNamed      map[string]*macro
	tagNamed        map[string]*tag
	capabilityNamed map[string]*capability
}

// macro is a macro's definition.
type macro struct {
	source     *syntax.Macro
	parameters map[string]int // by name in lower case, with $: the number of the argument
	broken     bool           // its parameters are not known

	used    bool                     // an include names it
	entries int                      // what it expands to, with what it includes; at most manyEntries
	depth   int                      // how many includes stand inside each other in it, its own counted
	cut     map[*syntax.Include]bool // the includes in it that are not followed: they would not end
}

// tag is a tag's definition.
type tag struct {
	source *syntax.Tag
	made   ruleset.Tag
	values map[string]int64 // flags and enums by name
	wrong  map[string]bool  // the words of flags and enums that are wrong
	used   bool             // a match names it
}

// capability is a capability's definition. Its rules are made later.
type capability struct {
	source *syntax.Capability
	made   ruleset.Capability
}

// define collects the definitions of a program and checks what does not depend on
// others.
func (c *compiler) define(file *syntax.File) {
	c.macroNamed, c.tagNamed, c.capabilityNamed = map[string]*macro{}, map[string]*tag{}, map[string]*capability{}
	tagIDs, capabilityIDs := map[uint32]syntax.Token{}, map[uint32]syntax.Token{}
	for _, s := range file.Statements {
		switch s := s.(type) {
		case *syntax.Macro:
			m := c.macro(s)
			c.macros = append(c.macros, m)
			claim(c, "MACRO", c.macroNamed, m)
		case *syntax.Tag:
			t := c.tag(s, tagIDs)
			c.tags = append(c.tags, t)
			claim(c, "TAG", c.tagNamed, t)
		case *syntax.Capability:
			one := c.capability(s, capabilityIDs)
			c.capabilities = append(c.capabilities, one)
			claim(c, "CAP", c.capabilityNamed, one)
		}
	}
	if n := len(c.tags); n > netconf.MaxTags {
		c.fail("LIMIT_EXCEEDED", c.tags[netconf.MaxTags].source.Name, hint("Put what members are and may do into the flags and enums of fewer tags."),
			"There are %d tags; the limit of nodes is %d.", n, netconf.MaxTags)
	}
	if n := len(c.capabilities); n > netconf.MaxCapabilities {
		c.fail("LIMIT_EXCEEDED", c.capabilities[netconf.MaxCapabilities].source.Name, hint("Use tags where members differ only a little."),
			"There are %d capabilities; the limit of nodes is %d.", n, netconf.MaxCapabilities)
	}
}

func (m *macro) name() syntax.Token      { return m.source.Name }
func (t *tag) name() syntax.Token        { return t.source.Name }
func (c *capability) name() syntax.Token { return c.source.Name }

// claim gives a definition its name.
func claim[T interface{ name() syntax.Token }](c *compiler, what string, names map[string]T, definition T) {
	name := definition.name()
	folded := strings.ToLower(name.Text)
	other, taken := names[folded]
	switch {
	case name.Text == "":
		return // the parser said it
	case !isName(name.Text):
		c.fail(what+"_NAME_INVALID", name, hint(nameHint), "%s cannot be a name.", name)
	case syntax.Reserved(name.Text):
		c.fail(what+"_NAME_RESERVED", name, hint("Choose another one."), "%s is a word of the language and cannot be a name.", name)
	case taken:
		c.fail(what+"_DUPLICATE", name, hint("Rename one of them; capital letters make no difference."),
			"%s is defined in line %d already.", name, other.name().Span.Start.Line)
	}
	if !taken {
		names[folded] = definition
	}
}

// isName reports whether a word is letters of the Basic Multilingual Plane,
// digits and _, the first one no digit (protocol 10 §3).
func isName(text string) bool {
	for i, r := range text {
		isLetter := r == '_' || r <= 0xffff && unicode.IsLetter(r)
		if !isLetter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return text != ""
}

func (c *compiler) macro(s *syntax.Macro) *macro {
	m := &macro{source: s}
	if len(s.Parameters) > 0 {
		m.parameters = make(map[string]int, len(s.Parameters))
	}
	for i, t := range s.Parameters {
		folded := strings.ToLower(t.Text)
		_, taken := m.parameters[folded]
		if m.parameters[folded] = i; !m.broken && (taken || !isParameter(folded) || !isName(folded[1:])) {
			m.broken = true
			c.fail("MACRO_PARAM_INVALID", s.Name, hintParameter(t, taken), "%s is not a parameter that %s can have.", t, s.Name)
		}
	}
	return m
}

func isParameter(word string) bool { return strings.HasPrefix(word, "$") }

func (c *compiler) capability(s *syntax.Capability, ids map[uint32]syntax.Token) *capability {
	one := &capability{source: s, made: ruleset.Capability{Name: strings.ToLower(s.Name.Text)}}
	hasID := false
	for _, item := range s.Items {
		switch {
		case strings.EqualFold(item.Keyword.Text, "default"):
			one.made.Default = true
		case hasID:
			c.fail("CAP_ID_REPEATED", item.Keyword, hint("Remove one."), "Capability %s has an id already.", s.Name)
		default:
			hasID = true
			one.made.ID = c.id("CAP", s.Name, item, item.Keyword, ids)
		}
	}
	if !hasID && !s.Broken {
		c.fail("CAP_ID_ABSENT", s.Name, hint("Write id and a number that no other capability has."), "Capability %s has no id.", s.Name)
	}
	return one
}

// id reads the id of a tag or capability, which no other one must have.
func (c *compiler) id(what string, name syntax.Token, item syntax.Item, badAt syntax.Token, ids map[uint32]syntax.Token) uint32 {
	if len(item.Arguments) == 0 {
		return 0 // the parser said it
	}
	t := item.Arguments[0]
	id, ok := parseNumber(t.Text)
	switch {
	case !ok || id > math.MaxUint32:
		c.fail(what+"_ID_RANGE", badAt, hint("Ids are numbers from 0 to 4294967295."), "%s cannot be an id.", t)
		return 0
	}
	if other, taken := ids[uint32(id)]; taken {
		c.fail(what+"_ID_DUPLICATE", item.Keyword, hint("Choose another number."), "%s has id %d already.", other, id)
		return uint32(id)
	}
	ids[uint32(id)] = name
	return uint32(id)
}

func (c *compiler) tag(s *syntax.Tag, ids map[uint32]syntax.Token) *tag {
	t := &tag{source: s, made: ruleset.Tag{Name: strings.ToLower(s.Name.Text)}, values: make(map[string]int64, len(s.Items))}
	flags := map[string]int64{}
	var preset *syntax.Item
	hasID := false
	for i, item := range s.Items {
		switch keyword := strings.ToLower(item.Keyword.Text); {
		case keyword == "id" && hasID:
			c.fail("TAG_ID_REPEATED", item.Keyword, hint("Remove one."), "Tag %s has an id already.", s.Name)
		case keyword == "id":
			hasID = true
			value := item.Keyword
			if len(item.Arguments) > 0 {
				value = item.Arguments[0]
			}
			t.made.ID = c.id("TAG", s.Name, item, value, ids)
		case keyword == "default" && preset != nil:
			c.fail("TAG_DEFAULT_REPEATED", item.Keyword, hint("Remove one."), "Tag %s has a default already.", s.Name)
		case keyword == "default":
			preset = &s.Items[i]
		case len(item.Arguments) < 2:
			// The parser said it.
		case keyword == "flag":
			c.flag(t, flags, item.Arguments[0], item.Arguments[1])
		default:
			c.enum(t, item.Arguments[0], item.Arguments[1])
		}
	}
	if !hasID && !s.Broken {
		c.fail("TAG_ID_ABSENT", s.Name, hint("Write id and a number that no other tag has."), "Tag %s has no id.", s.Name)
	}
	if preset != nil && len(preset.Arguments) == 1 {
		c.preset(t, preset.Arguments[0])
	}
	return t
}

// flag defines a flag: the OR of bits, which are numbers or earlier flags.
func (c *compiler) flag(t *tag, flags map[string]int64, bits, name syntax.Token) {
	var value int64
	for part := range strings.SplitSeq(bits.Text, ",") {
		known, isFlag := flags[strings.ToLower(part)]
		switch bit, ok := parseNumber(part); {
		case isFlag:
			value |= known
		case ok && bit < 32:
			value |= 1 << bit
		default:
			c.fail("TAG_FLAG_BIT_BAD", bits, hintFlagBits(bits, name), "%s is not a list of bits.", bits)
			t.mistake(bits, name)
			return
		}
	}
	if c.name(t, "FLAG", name, value) {
		flags[strings.ToLower(name.Text)] = value
		t.made.Flags = append(t.made.Flags, ruleset.Value{Name: strings.ToLower(name.Text), Value: value})
	}
}

func (c *compiler) enum(t *tag, number, name syntax.Token) {
	value, ok := parseNumber(number.Text)
	if !ok || value > math.MaxUint32 {
		c.fail("TAG_ENUM_VALUE_RANGE", number, hintEnum(number, name), "%s cannot be a tag's value.", number)
		t.mistake(number, name)
		return
	}
	if c.name(t, "ENUM", name, int64(value)) {
		t.made.Enums = append(t.made.Enums, ruleset.Value{Name: strings.ToLower(name.Text), Value: int64(value)})
	}
}

// name gives a value of a tag a name. It reports whether the name can be used.
func (c *compiler) name(t *tag, what string, name syntax.Token, value int64) bool {
	folded := strings.ToLower(name.Text)
	if !isName(name.Text) {
		t.mistake(name)
		c.fail("TAG_"+what+"_NAME_INVALID", name, hint(nameHint), "%s cannot be a name.", name)
		return false
	}
	if _, taken := t.values[folded]; taken {
		c.fail("TAG_"+what+"_DUPLICATE", name, hint("Flags and enums of a tag need different names; capital letters make no difference."),
			"Tag %s has a value %s already.", t.source.Name, name)
		return false
	}
	t.values[folded] = value
	return true
}

// mistake notes the words of a flag or enum that is wrong.
func (t *tag) mistake(words ...syntax.Token) {
	if t.wrong == nil {
		t.wrong = map[string]bool{}
	}
	for _, w := range words {
		t.wrong[strings.ToLower(w.Text)] = true
	}
}

// mayHave reports whether a word would be a value of the tag if something else in
// it were not wrong.
func (t *tag) mayHave(word syntax.Token) bool {
	return t.source.Broken || t.wrong[strings.ToLower(word.Text)]
}

// preset reads the value that members have who were given none.
func (c *compiler) preset(t *tag, value syntax.Token) {
	number, known := t.values[strings.ToLower(value.Text)]
	if !known {
		n, ok := parseNumber(value.Text)
		if !ok || n > math.MaxUint32 {
			if !t.mayHave(value) {
				c.fail("TAG_DEFAULT_BAD", value, hintTagValue(t, value), "%s is not a value of tag %s.", value, t.source.Name)
			}
			return
		}
		number = int64(n)
	}
	t.made.Default = &number
}
