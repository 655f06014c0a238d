package syntax

import (
	"fmt"
	"slices"
	"strings"
)

// definition reads a macro, tag or capability.
func (p *parser) definition() Statement {
	p.open = &block{keyword: p.tok}
	p.last = nil
	defer p.close()
	switch p.tok.keyword {
	case "macro":
		return p.macro()
	case "tag":
		return p.tag()
	default:
		return p.capability()
	}
}

func (p *parser) close() { p.closed, p.open, p.last = p.open, nil, nil }

func (p *parser) macro() *Macro {
	m := &Macro{Keyword: p.tok.Token}
	p.nextInList()
	if p.hasName("MACRO") {
		m.Name, m.Parameters, _ = p.nameWithList("parameters")
	} else if p.tok.kind > semicolon {
		p.skipList()
	}
	p.open.name = m.Name
	p.body(&m.Body, nil)
	m.Span, m.Broken = p.from(m.Keyword.Span.Start), p.open.broken
	return m
}

func (p *parser) tag() *Tag {
	t := &Tag{Keyword: p.take()}
	if p.hasName("TAG") {
		t.Name = p.take()
	}
	p.open.name = t.Name
	p.open.read = func() {
		for !p.ends() {
			if p.tok.class != itemWord {
				p.unknownTagItem(t)
				continue
			}
			t.Items = append(t.Items, p.tagItem())
		}
		t.Span, t.Broken = p.from(t.Keyword.Span.Start), p.open.broken
	}
	p.open.read()
	return t
}

func (p *parser) capability() *Capability {
	c := &Capability{Keyword: p.take()}
	if p.hasName("CAP") {
		c.Name = p.take()
	}
	p.open.name = c.Name
	p.open.read = func() {
		p.body(&c.Body, &c.Items)
		c.Span, c.Broken = p.from(c.Keyword.Span.Start), p.open.broken
	}
	p.open.read()
	return c
}

// reopens goes on with a tag or capability that a ; behind one of its items ended
// too early, and reports whether there is one. That is one mistake, however many
// items have a ;.
func (p *parser) reopens() bool {
	b := p.closed
	if b == nil || b.read == nil {
		return false
	}
	p.open = b
	defer p.close()
	if !b.broken {
		if e := p.fail("UNKNOWN_ACTION", p.tok.Span, "%s stands behind the end of %s.", p.tok, b); e != nil {
			e.Hint = fmt.Sprintf("Remove the ; in line %d: items have none, only the last line of the block has one.", p.end.Line)
		}
	}
	b.read()
	return true
}

// hasName reports whether a name follows the word that opens a definition, and
// notes an error if not.
func (p *parser) hasName(what string) bool {
	if p.tok.kind == word {
		return true
	}
	keyword := p.open.keyword
	if e := p.fail(what+"_NAME_MISSING", keyword.Span, "No name follows %s.", keyword); e != nil {
		e.Hint = fmt.Sprintf("Write %s and a name of letters, digits and _.", keyword.keyword)
	}
	return false
}

// body reads rules and includes to the ; of a block, and items if the block is a
// capability.
func (p *parser) body(statements *[]Statement, items *[]Item) {
	for !p.ends() {
		switch {
		case items != nil && p.tok.keyword == "id":
			*items = append(*items, p.capabilityID())
		case items != nil && p.tok.keyword == "default":
			*items = append(*items, p.capabilityDefault())
		default:
			s := p.statement()
			if s == nil {
				continue
			}
			*statements = append(*statements, s)
			if i, ok := s.(*Include); ok {
				p.warnIfCloses(i)
			}
		}
	}
}

// ends reports whether the open block ends here, and goes on behind its ;. A
// definition inside it ends it, too, and a tag ends where a rule begins: most
// likely the ; was forgotten.
func (p *parser) ends() bool {
	b := p.open
	isTag := b.keyword.keyword == "tag"
	switch {
	case p.tok.kind == semicolon:
		p.advance()
	case p.tok.kind == endOfFile && b.broken:
		// What was wrong inside may have taken the ; with it.
	case p.tok.kind == endOfFile:
		if e := p.fail("UNTERMINATED_BLOCK", b.keyword.Span, "The block of %s is not closed.", b); e != nil {
			e.Hint = fmt.Sprintf("The block opened in line %d needs its own ; behind its last line.", b.keyword.Span.Start.Line)
		}
	case p.tok.class == definitionWord || isTag && p.tok.class.startsStatement():
		code := "UNKNOWN_ACTION"
		if isTag {
			code = "TAG_UNKNOWN_KEYWORD"
		}
		if e := p.fail(code, p.tok.Span, "%s stands inside %s.", p.tok, b); e != nil {
			e.Hint = fmt.Sprintf("Close the block opened in line %d with its own ; before this.", b.keyword.Span.Start.Line)
		}
		p.surplus = true
	default:
		return false
	}
	return true
}

// String names the block for messages.
func (b *block) String() string {
	what := b.keyword.keyword
	if what == "cap" {
		what = "capability"
	}
	if b.name.Text == "" {
		return "the " + what
	}
	return fmt.Sprintf("%s %s", what, b.name)
}

// warnIfCloses warns of a ; that looks like the end of an include and is the end
// of the block.
func (p *parser) warnIfCloses(i *Include) {
	line := i.Span.End.Line
	if p.tok.kind != semicolon || p.tok.Span.Start.Line != line {
		return
	}
	if next := p.ahead(); p.open.keyword.Span.Start.Line == line && (next.first || next.kind != word || next.class == definitionWord) {
		return // a block in one line
	}
	b := p.open
	if e := p.warn("W_INCLUDE_CLOSES_BLOCK", p.tok.Span, "This ; ends %s, not the include.", b); e != nil {
		e.Hint = "An include has no ; in a block: remove it if more follows, or write it in a line of its own."
	}
}

// isCutList reports whether the item is a flag with a list of bits that a space
// cuts: "0, 1".
func (i *Item) isCutList() bool {
	return len(i.Arguments) == 2 && strings.HasSuffix(i.Arguments[0].Text, ",")
}

// skipSign is about a sign like = in an item.
func (p *parser) skipSign(code string, keyword Token) {
	if p.tok.kind != word || !isSign(p.tok.Text) {
		return
	}
	if e := p.fail(code, p.tok.Span, "%s does not belong behind %s.", p.tok, keyword); e != nil {
		e.Hint = "Remove it: only spaces stand between the words."
	}
	p.advance()
}

func (p *parser) capabilityID() Item {
	item := Item{Keyword: p.take()}
	p.skipSign("CAP_ID_RANGE", item.Keyword)
	if p.tok.kind != word || p.tok.keyword == "default" || p.tok.class.startsStatement() {
		if e := p.fail("CAP_ID_MISSING_VALUE", item.Keyword.Span, "No number follows %s.", item.Keyword); e != nil {
			e.Hint = "Write id and a number that no other capability has."
		}
		return item
	}
	item.Arguments = []Token{p.take()}
	return item
}

func (p *parser) capabilityDefault() Item {
	item := Item{Keyword: p.take()}
	if p.tok.kind == word && !p.tok.first && p.tok.keyword != "id" && p.tok.keyword != "default" && !p.tok.class.startsStatement() {
		if e := p.fail("UNKNOWN_ACTION", p.tok.Span, "%s is not an action.", p.tok); e != nil {
			e.Hint = "Remove it: default has no value here. New members get a capability with default, and not without."
		}
		p.advance()
	}
	return item
}

// tagItemForms says what is wrong with items of tags that are not complete, and how
// they are.
var tagItemForms = map[string]struct{ code, form string }{
	"id":      {"TAG_ID_MISSING_VALUE", "id and a number that no other tag has"},
	"default": {"TAG_DEFAULT_MISSING_VALUE", "default and a number, or the name of a flag or enum"},
	"flag":    {"TAG_FLAG_INCOMPLETE", "flag, a bit number or several with commas, and a name: flag 0 name"},
	"enum":    {"TAG_ENUM_INCOMPLETE", "enum, a number and a name: enum 100 name"},
}

func (p *parser) tagItem() Item {
	form, count := tagItemForms[p.tok.keyword], p.tok.arguments
	isID := p.tok.keyword == "id"
	item := Item{Keyword: p.take()}
	for len(item.Arguments) < count {
		p.skipSign("TAG_UNKNOWN_KEYWORD", item.Keyword)
		// Names can be any word, but not at the beginning of a line if it is one that
		// begins items.
		next := p.tok.class == itemWord && (isID || p.tok.first)
		if p.tok.kind != word || next {
			if e := p.fail(form.code, item.Keyword.Span, "%s is not complete.", item.Keyword); e != nil {
				e.Hint = "Write " + form.form + "."
			}
			item.Arguments = nil
			return item
		}
		item.Arguments = append(item.Arguments, p.take())
	}
	return item
}

// unknownTagItem is about a word in a tag that begins no item. It goes on at the
// next one that does.
func (p *parser) unknownTagItem(t *Tag) {
	e := p.fail("TAG_UNKNOWN_KEYWORD", p.tok.Span, "%s does not belong in a tag.", p.tok)
	if n := len(t.Items); n > 0 && t.Items[n-1].isCutList() {
		if e != nil {
			e.Hint = "Write lists of bits without spaces: flag 0,1 name."
		}
		t.Items = t.Items[:n-1]
	} else if e != nil {
		e.Hint = didYouMean(p.tok.Text, slices.Values(itemWords))
		if e.Hint == "" {
			e.Hint = "Write id, default, flag or enum."
		}
	}
	for p.advance(); p.tok.kind == word && p.tok.class != itemWord; p.advance() {
		if p.tok.first && p.tok.class.startsStatement() {
			return
		}
	}
}
