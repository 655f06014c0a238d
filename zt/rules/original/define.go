package original

import (
	"strings"

	"github.com/orrery-net/orrery/zt/rules/ruleset"
)

const maxUint32 = 1<<32 - 1

// macro is rules with a name. Parameters are in the order of the call, "" where
// the header has an empty one.
type macro struct {
	parameters []string
	body       []item
}

// tag is what rules need to know of a tag.
type tag struct {
	id           int64
	flags, enums map[string]int64
}

// define reads the definitions and returns the items of the base table (protocol
// 10 §16.2).
func (c *compiler) define() ([]item, error) {
	document := c.items
	base := make([]item, 0, len(document))
	for i := 0; i < len(document); i++ {
		at := &document[i]
		var add func([]item) error
		prefix := ""
		switch lower(c.text(at)) {
		case "macro":
			add, prefix = c.addMacro, "MACRO"
		case "tag":
			add, prefix = c.addTag, "TAG"
		case "cap":
			add, prefix = c.addCapability, "CAP"
		default:
			base = append(base, *at)
			continue
		}
		i++
		if i == len(document) || !document[i].isBlock() {
			return nil, c.fail(prefix+"_NAME_MISSING", at)
		}
		if err := add(c.block(&document[i])); err != nil {
			return nil, err
		}
	}
	return base, nil
}

// checkName says what is wrong with a name, folded from the token at.
func (d *document) checkName(prefix, name string, taken bool, at *item) error {
	switch {
	case !isName(name):
		return d.fail(prefix+"_NAME_INVALID", at)
	case isReserved(name):
		return d.fail(prefix+"_NAME_RESERVED", at)
	case taken:
		return d.fail(prefix+"_DUPLICATE", at)
	}
	return nil
}

func (c *compiler) addMacro(block []item) error {
	name := lower(c.text(&block[0]))
	m := &macro{body: block[1:]}
	if opening := strings.IndexByte(name, '('); opening > 0 {
		m.parameters = pieces(name[opening+1:])
		name = name[:opening]
	}
	if err := c.checkName("MACRO", name, c.macros[name] != nil, &block[0]); err != nil {
		return err
	}
	c.macros[name] = m
	return nil
}

// pieces splits a parameter list at each run of commas and closing parentheses.
func pieces(list string) []string {
	var all []string
	separator := func(c rune) bool { return c == ',' || c == ')' }
	for {
		at := strings.IndexFunc(list, separator)
		if at < 0 {
			return append(all, list)
		}
		all = append(all, list[:at])
		list = strings.TrimLeftFunc(list[at:], separator)
	}
}

func (c *compiler) addTag(block []item) error {
	name := lower(c.text(&block[0]))
	if err := c.checkName("TAG", name, c.tags[name] != nil, &block[0]); err != nil {
		return err
	}
	d := tagDefinition{document: &c.document, left: block[1:], tag: tag{id: -1, flags: make(map[string]int64), enums: make(map[string]int64)}}
	d.made.Name = name
	for len(d.left) > 0 {
		if err := d.read(); err != nil {
			return err
		}
	}
	if d.id < 0 {
		return c.fail("TAG_ID_ABSENT", &block[0])
	}
	d.made.ID = uint32(d.id)
	if d.standard != nil {
		value := d.resolve(*d.standard)
		d.made.Default = &value
	}
	c.tags[name] = &d.tag
	c.set.Tags = append(c.set.Tags, d.made)
	return nil
}

// tagDefinition is the definition of a tag while it is read.
type tagDefinition struct {
	*document
	tag
	made     ruleset.Tag
	standard *string // the default as it was written
	left     []item
}

// read reads the next part of a definition.
func (d *tagDefinition) read() error {
	at := &d.left[0]
	if at.isBlock() {
		return errInternal()
	}
	length := 2
	keyword := lower(d.text(at))
	if keyword == "flag" || keyword == "enum" {
		length = 3
	}
	part := d.left[:min(length, len(d.left))]
	d.left = d.left[len(part):]
	switch keyword {
	case "id":
		return d.readID(part)
	case "default":
		return d.readDefault(part)
	case "flag":
		return d.readFlag(part)
	case "enum":
		return d.readEnum(part)
	}
	return d.fail("TAG_UNKNOWN_KEYWORD", at)
}

func (d *tagDefinition) readID(part []item) error {
	switch {
	case d.id >= 0:
		return d.fail("TAG_ID_REPEATED", &part[0])
	case len(part) < 2:
		return d.fail("TAG_ID_MISSING_VALUE", &part[0])
	}
	d.id = number(d.text(&part[1]))
	if d.id < 0 || d.id > maxUint32 {
		return d.fail("TAG_ID_RANGE", &part[1])
	}
	return nil
}

func (d *tagDefinition) readDefault(part []item) error {
	switch {
	case d.standard != nil:
		return d.fail("TAG_DEFAULT_REPEATED", &part[0])
	case len(part) < 2:
		return d.fail("TAG_DEFAULT_MISSING_VALUE", &part[0])
	}
	text := d.text(&part[1])
	d.standard = &text
	return nil
}

func (d *tagDefinition) readFlag(part []item) error {
	if len(part) < 3 {
		return d.fail("TAG_FLAG_INCOMPLETE", &part[0])
	}
	var value int32
	for _, piece := range splitRuns(lower(d.text(&part[1]))) {
		if has(d.flags, piece) {
			value |= int32(d.flags[piece])
			continue
		}
		bit := number(piece)
		if bit < 0 || bit > 31 {
			return d.fail("TAG_FLAG_BIT_BAD", &part[1])
		}
		value |= 1 << bit
	}
	name := lower(d.text(&part[2]))
	switch {
	case part[2].isBlock():
		return errInternal()
	case !isName(name):
		return d.fail("TAG_FLAG_NAME_INVALID", &part[2])
	case has(d.flags, name):
		return d.fail("TAG_FLAG_DUPLICATE", &part[2])
	}
	d.flags[name] = int64(value)
	d.made.Flags = append(d.made.Flags, ruleset.Value{Name: name, Value: int64(value)})
	return nil
}

// has reports whether the original finds a name in a table.
func has(table map[string]int64, name string) bool {
	_, ok := table[name]
	return ok || isProperty(name)
}

// splitRuns splits a list at each run of commas.
func splitRuns(list string) []string {
	parts := strings.Split(list, ",")
	kept := parts[:0]
	for i, part := range parts {
		if part != "" || i == 0 || i == len(parts)-1 {
			kept = append(kept, part)
		}
	}
	return kept
}

func (d *tagDefinition) readEnum(part []item) error {
	if len(part) < 3 {
		return d.fail("TAG_ENUM_INCOMPLETE", &part[0])
	}
	value := number(d.text(&part[1]))
	name := lower(d.text(&part[2]))
	switch {
	case value < 0 || value > maxUint32:
		return d.fail("TAG_ENUM_VALUE_RANGE", &part[1])
	case !isName(name):
		return d.fail("TAG_ENUM_NAME_INVALID", &part[2])
	case has(d.enums, name):
		return d.fail("TAG_ENUM_DUPLICATE", &part[2])
	}
	d.enums[name] = value
	d.made.Enums = append(d.made.Enums, ruleset.Value{Name: name, Value: value})
	return nil
}

// resolve returns the value of a default: here enums go before flags (Q14).
func (d *tagDefinition) resolve(text string) int64 {
	if value, ok := d.enums[text]; ok {
		return value
	}
	if value, ok := d.flags[text]; ok {
		return value
	}
	return defaultValue(text)
}

func (c *compiler) addCapability(block []item) error {
	name := lower(c.text(&block[0]))
	if err := c.checkName("CAP", name, c.caps[name], &block[0]); err != nil {
		return err
	}
	made := ruleset.Capability{Name: name}
	id := int64(-1)
	var body []item
	for i := 1; i < len(block); i++ {
		at := &block[i]
		switch lower(c.text(at)) {
		case "default":
			made.Default = true
		case "id":
			switch {
			case id >= 0:
				return c.fail("CAP_ID_REPEATED", at)
			case i+1 == len(block):
				return c.fail("CAP_ID_MISSING_VALUE", at)
			case block[i+1].isBlock():
				return errInternal()
			}
			i++
			id = number(c.text(&block[i]))
			if id < 0 || id > maxUint32 {
				return c.fail("CAP_ID_RANGE", at)
			}
			if c.capIDs[uint32(id)] {
				return c.fail("CAP_ID_DUPLICATE", at)
			}
		default:
			body = append(body, *at)
		}
	}
	if id < 0 {
		return c.fail("CAP_ID_ABSENT", &block[0])
	}
	made.ID = uint32(id)
	c.caps[name], c.capIDs[made.ID] = true, true
	c.set.Capabilities = append(c.set.Capabilities, made)
	c.bodies = append(c.bodies, body)
	return nil
}
