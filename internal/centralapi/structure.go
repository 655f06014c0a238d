package centralapi

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
)

// checkStructure refuses JSON that is deeper or wider than any request needs, and
// objects with one name twice, anywhere in the body: readers disagree about which
// of the two values counts. text must be valid JSON; it is gone through once.
func checkStructure(text []byte) error {
	c := structureCheck{text: text}
	for c.at = 0; c.at < len(text); c.at++ {
		var err error
		switch text[c.at] {
		case '{':
			err = c.open(level{isObject: true})
		case '[':
			err = c.open(level{})
		case '}', ']':
			c.levels = c.levels[:len(c.levels)-1]
		case ',':
			err = c.next()
		case '"':
			err = c.readString()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// structureCheck is where a check is: at a byte of the text, inside of levels.
type structureCheck struct {
	text   []byte
	at     int
	levels []level
}

// level is an object or an array that the check is inside of.
type level struct {
	isObject bool
	names    map[string]struct{} // of the object's fields so far
	name     string              // of the current field
	named    bool                // the current field has its name
	count    int                 // entries before the current one
}

func (c *structureCheck) open(l level) error {
	if len(c.levels) == maxDepth {
		return refuse("", "more than %d levels deep", maxDepth)
	}
	c.levels = append(c.levels, l)
	return nil
}

// next goes to the next entry of an object or array.
func (c *structureCheck) next() error {
	l := &c.levels[len(c.levels)-1]
	l.named = false
	if l.count++; l.count >= maxItems {
		return refuse(c.path(len(c.levels)-1), "more than %d entries", maxItems)
	}
	return nil
}

// readString goes to the end of a string, which may be the name of a field.
func (c *structureCheck) readString() error {
	start := c.at
	for c.at++; c.text[c.at] != '"'; c.at++ {
		if c.text[c.at] == '\\' {
			c.at++
		}
	}
	if len(c.levels) == 0 {
		return nil
	}
	l := &c.levels[len(c.levels)-1]
	if !l.isObject || l.named {
		return nil
	}
	quoted := c.text[start : c.at+1]
	l.name, l.named = string(quoted[1:len(quoted)-1]), true
	if bytes.IndexByte(quoted, '\\') >= 0 {
		if err := json.Unmarshal(quoted, &l.name); err != nil {
			return refuse(c.path(len(c.levels)-1), "has a name that cannot be read")
		}
	}
	if _, twice := l.names[l.name]; twice {
		return refuse(c.path(len(c.levels)), "comes twice")
	}
	if l.names == nil {
		l.names = make(map[string]struct{})
	}
	l.names[l.name] = struct{}{}
	return nil
}

// path names the entry that the first levels lead to.
func (c *structureCheck) path(levels int) string {
	var path strings.Builder
	for _, l := range c.levels[:levels] {
		if !l.isObject {
			path.WriteString("[" + strconv.Itoa(l.count) + "]")
			continue
		}
		if path.Len() > 0 {
			path.WriteByte('.')
		}
		if l.name == "" {
			path.WriteString(`""`)
		}
		path.WriteString(clip(l.name))
	}
	return path.String()
}
