package table

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// A path leads through an object: names with dots between them, and the numbers
// of a list's entries, from 0, in brackets:
//
//	config.ipAssignmentPools[0].ipRangeStart
//
// A name with a dot, a bracket or another character that separates is written as
// a JSON string in brackets, config["a.b"], at the beginning of a path too.

// maxIndex bounds the numbers of a list's entries.
const maxIndex = 1 << 20

// step is one part of a path: the name of a field, or the number of an entry.
type step struct {
	name  string
	index int // -1: a name
}

// nextStep takes the first part off a path.
func nextStep(path string) (s step, rest string, err error) {
	if strings.HasPrefix(path, "[") {
		return bracketStep(path)
	}
	end := strings.IndexAny(path, ".[")
	if end < 0 {
		end = len(path)
	}
	rest, err = afterStep(path[end:])
	return step{name: path[:end], index: -1}, rest, err
}

// bracketStep takes a part in brackets off a path.
func bracketStep(path string) (s step, rest string, err error) {
	if strings.HasPrefix(path, `["`) {
		quoted := path[1:stringEnd([]byte(path), 1)]
		after, closed := strings.CutPrefix(path[1+len(quoted):], "]")
		if !closed || json.Unmarshal([]byte(quoted), &s.name) != nil {
			return step{}, "", errors.New(`a name in brackets looks like ["a.b"]`)
		}
		s.index = -1
		rest, err = afterStep(after)
		return s, rest, err
	}
	digits, after, closed := strings.Cut(path[1:], "]")
	number, err := strconv.ParseUint(digits, 10, 32)
	if err != nil || !closed || number > maxIndex {
		return step{}, "", errors.New("in brackets is the number of a list's entry, from 0, as in routes[0]")
	}
	rest, err = afterStep(after)
	return step{index: int(number)}, rest, err
}

// afterStep takes off the dot between two parts.
func afterStep(path string) (string, error) {
	if path == "" || path[0] == '[' {
		return path, nil
	}
	if rest, dot := strings.CutPrefix(path, "."); dot && rest != "" && rest[0] != '[' {
		return rest, nil
	}
	return "", errors.New("a dot is between two names")
}

func checkName(name string) error {
	if name == "" {
		return errors.New("a name is missing")
	}
	for _, r := range name {
		if strings.ContainsRune(`]",=`, r) || unicode.IsSpace(r) || !unicode.IsPrint(r) {
			return fmt.Errorf(`the name of a field with %q in it is written as ["…"]`, r)
		}
	}
	return nil
}

// checkPath returns what is wrong with the form of a path.
func checkPath(path string) error {
	if path == "" {
		return errors.New("a name is missing")
	}
	for path != "" {
		s, rest, err := nextStep(path)
		if err != nil {
			return err
		}
		if s.index < 0 && path[0] != '[' {
			if err := checkName(s.name); err != nil {
				return err
			}
		}
		path = rest
	}
	return nil
}

// lastName is the last name of a path that is not wrong, "" if it has none.
func lastName(path string) string {
	last := ""
	for path != "" {
		s, rest, err := nextStep(path)
		if err != nil {
			return ""
		}
		if s.index < 0 {
			last = s.name
		}
		path = rest
	}
	return last
}

// source is what a path begins at.
type source interface{ field(name string) []byte }

// find returns the first value, null aside, that a column's paths lead to; nil if
// there is none.
func find[S source](c Column, from S) []byte {
	for _, path := range c.Paths {
		s, rest, err := nextStep(path)
		if err != nil || s.index >= 0 {
			continue
		}
		if raw := follow(from.field(s.name), rest); len(raw) > 0 && raw[0] != 'n' {
			return raw
		}
	}
	return nil
}

// follow returns the value that the rest of a path leads to, nil if it leads
// nowhere.
func follow(raw []byte, path string) []byte {
	for raw != nil && path != "" {
		s, rest, err := nextStep(path)
		switch {
		case err != nil:
			return nil
		case s.index < 0:
			raw = field(raw, s.name)
		default:
			raw = entry(raw, s.index)
		}
		path = rest
	}
	return raw
}

// entry returns the value at an index of the array that raw is, nil if it is
// shorter or no array.
func entry(raw []byte, index int) []byte {
	for value := range elements(raw) {
		if index == 0 {
			return value
		}
		index--
	}
	return nil
}
