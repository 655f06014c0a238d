package ruleset

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/orrery-net/orrery/zt/netconf"
)

// MarshalJSON writes {"config":{"rules","capabilities","tags"},"capabilitiesByName","tagsByName"},
// empty lists as [], empty objects as {}. Tables are in the order of the set, keys
// of other objects sorted.
func (s *Set) MarshalJSON() ([]byte, error) {
	b, err := appendEntries([]byte(`{"config":{"rules":`), s.Rules)
	if err != nil {
		return nil, err
	}
	b = append(b, `,"capabilities":[`...)
	for i, c := range s.Capabilities {
		b = appendComma(b, i)
		b = strconv.AppendBool(append(b, `{"default":`...), c.Default)
		b = strconv.AppendUint(append(b, `,"id":`...), uint64(c.ID), 10)
		if b, err = appendEntries(append(b, `,"rules":`...), c.Rules); err != nil {
			return nil, fmt.Errorf("capabilities[%d].%w", i, err)
		}
		b = append(b, '}')
	}
	b = append(b, `],"tags":[`...)
	for i, t := range s.Tags {
		b = appendDefault(append(appendComma(b, i), `{"default":`...), t.Default)
		b = append(strconv.AppendUint(append(b, `,"id":`...), uint64(t.ID), 10), '}')
	}
	byName, err := json.Marshal(s.CapabilitiesByName())
	if err != nil {
		return nil, err
	}
	b = append(append(b, `]},"capabilitiesByName":`...), byName...)
	b = append(append(b, `,"tagsByName":`...), s.TagsByName()...)
	return append(b, '}'), nil
}

func appendEntries(b []byte, entries []Entry) ([]byte, error) {
	b = append(b, '[')
	for i := range entries {
		var err error
		if b, err = entries[i].appendJSON(appendComma(b, i)); err != nil {
			return nil, fmt.Errorf("rules[%d].%w", i, err)
		}
	}
	return append(b, ']'), nil
}

func appendComma(b []byte, i int) []byte {
	if i > 0 {
		b = append(b, ',')
	}
	return b
}

func appendDefault(b []byte, value *int64) []byte {
	if value == nil {
		return append(b, "null"...)
	}
	return strconv.AppendInt(b, *value, 10)
}

// TagsByName is the object of the same name in Central's API, in order of
// definition; {} if there are no tags with a name.
func (s *Set) TagsByName() []byte {
	b := []byte{'{'}
	for _, t := range s.Tags {
		if t.Name == "" {
			continue
		}
		b = append(appendString(appendComma(b, len(b)-1), t.Name), `:{"default":`...)
		b = append(appendDefault(b, t.Default), `,"enums":`...)
		b = append(appendValues(b, t.Enums), `,"flags":`...)
		b = append(appendValues(b, t.Flags), `,"id":`...)
		b = append(strconv.AppendUint(b, uint64(t.ID), 10), '}')
	}
	return append(b, '}')
}

func appendValues(b []byte, values []Value) []byte {
	b = append(b, '{')
	for i, v := range values {
		b = append(appendString(appendComma(b, i), v.Name), ':')
		b = strconv.AppendInt(b, v.Value, 10)
	}
	return append(b, '}')
}

// CapabilitiesByName maps names to ids. It is never nil.
func (s *Set) CapabilitiesByName() map[string]uint32 {
	byName := make(map[string]uint32, len(s.Capabilities))
	for _, c := range s.Capabilities {
		if c.Name != "" {
			byName[c.Name] = c.ID
		}
	}
	return byName
}

// UnmarshalJSON reads what MarshalJSON writes, the same after a controller or
// Central normalized it, and whole networks as Central's API has them; other keys
// are ignored and missing ones, or null, are empty. Tags come in the order of
// tagsByName, the ones without a name behind them. Errors name what they are about
// by its path in JSON.
func (s *Set) UnmarshalJSON(data []byte) error {
	var given struct {
		Config struct {
			Rules        []json.RawMessage `json:"rules"`
			Capabilities []json.RawMessage `json:"capabilities"`
			Tags         []json.RawMessage `json:"tags"`
		} `json:"config"`
		CapabilitiesByName json.RawMessage `json:"capabilitiesByName"`
		TagsByName         json.RawMessage `json:"tagsByName"`
	}
	if err := json.Unmarshal(data, &given); err != nil {
		return fmt.Errorf("read a rule set: %w", err)
	}
	var read Set
	var err error
	if read.Rules, err = readEntries(given.Config.Rules); err != nil {
		return fmt.Errorf("config.%w", err)
	}
	for i, raw := range given.Config.Capabilities {
		c, err := readCapability(raw)
		if err != nil {
			return fmt.Errorf("config.capabilities[%d]: %w", i, err)
		}
		read.Capabilities = append(read.Capabilities, c)
	}
	for i, raw := range given.Config.Tags {
		t, err := readTag(raw)
		if err != nil {
			return fmt.Errorf("config.tags[%d]: %w", i, err)
		}
		read.Tags = append(read.Tags, t)
	}
	read.SetNames(given.TagsByName, given.CapabilitiesByName)
	*s = read
	return nil
}

func readEntries(given []json.RawMessage) ([]Entry, error) {
	entries := make([]Entry, len(given))
	for i, raw := range given {
		if err := entries[i].UnmarshalJSON(raw); err != nil {
			return nil, fmt.Errorf("rules[%d]: %w", i, err)
		}
	}
	return entries, nil
}

func readCapability(data json.RawMessage) (Capability, error) {
	var given struct {
		ID      json.RawMessage   `json:"id"`
		Default json.RawMessage   `json:"default"`
		Rules   []json.RawMessage `json:"rules"`
	}
	if err := json.Unmarshal(data, &given); err != nil || isMissing(data) {
		return Capability{}, fmt.Errorf("want an object with id, default and rules, got %s", clip(string(data)))
	}
	var c Capability
	var err error
	if c.ID, err = readID(given.ID); err != nil {
		return c, err
	}
	if c.Default, err = netconf.LooseBool(given.Default); err != nil {
		return c, fmt.Errorf("default: %w", err)
	}
	c.Rules, err = readEntries(given.Rules)
	return c, err
}

func readTag(data json.RawMessage) (Tag, error) {
	var given struct {
		ID      json.RawMessage `json:"id"`
		Default json.RawMessage `json:"default"`
	}
	if err := json.Unmarshal(data, &given); err != nil || isMissing(data) {
		return Tag{}, fmt.Errorf("want an object with id and default, got %s", clip(string(data)))
	}
	id, err := readID(given.ID)
	if err != nil {
		return Tag{}, err
	}
	value, err := readDefault(given.Default)
	return Tag{ID: id, Default: value}, err
}

// readID reads the id of a tag or capability, cut to its width.
func readID(data json.RawMessage) (uint32, error) {
	if isMissing(data) {
		return 0, fmt.Errorf("id: missing")
	}
	id, err := looseNumber(data)
	if err != nil {
		return 0, fmt.Errorf("id: %w", err)
	}
	return uint32(id), nil
}

func readDefault(data json.RawMessage) (*int64, error) {
	if isMissing(data) {
		return nil, nil
	}
	value, err := looseNumber(data)
	if err != nil {
		return nil, fmt.Errorf("default: %w", err)
	}
	return &value, nil
}

// SetNames gives the tags and capabilities of a set their names, of the two
// objects of Central's API. Both are only for people, so that what is not of their
// form is left out: a client may have stored anything there. Tags that only
// tagsByName has are added, without a default: members get none.
func (s *Set) SetNames(tagsByName, capabilitiesByName []byte) {
	s.nameTags(readObject(tagsByName))
	names := make(map[uint32][]string)
	for _, m := range readObject(capabilitiesByName) {
		if id, err := readID(m.value); err == nil && m.name != "" {
			names[id] = append(names[id], m.name)
		}
	}
	for i := range s.Capabilities {
		c := &s.Capabilities[i]
		if left := names[c.ID]; len(left) > 0 {
			c.Name, names[c.ID] = left[0], left[1:]
		}
	}
}

// nameTags puts the tags in the order of their names. Names of one id take its
// tags in their order; the last one is left for all further names.
func (s *Set) nameTags(names []member) {
	configured := make(map[uint32][]Tag)
	for _, t := range s.Tags {
		configured[t.ID] = append(configured[t.ID], t)
	}
	taken := make(map[uint32]int)
	var tags []Tag
	for _, m := range names {
		named, ok := readNamedTag(m)
		if !ok {
			continue
		}
		if of := configured[named.ID]; len(of) > 0 {
			named.Default = of[min(taken[named.ID], len(of)-1)].Default
		}
		taken[named.ID]++
		tags = append(tags, named)
	}
	for _, t := range s.Tags {
		if taken[t.ID] > 0 {
			taken[t.ID]--
			continue
		}
		tags = append(tags, t)
	}
	s.Tags = tags
}

func readNamedTag(m member) (Tag, bool) {
	var given struct {
		ID    json.RawMessage `json:"id"`
		Enums json.RawMessage `json:"enums"`
		Flags json.RawMessage `json:"flags"`
	}
	if m.name == "" || json.Unmarshal(m.value, &given) != nil {
		return Tag{}, false
	}
	id, err := readID(given.ID)
	if err != nil {
		return Tag{}, false
	}
	return Tag{Name: m.name, ID: id, Flags: readValues(given.Flags), Enums: readValues(given.Enums)}, true
}

func readValues(data json.RawMessage) []Value {
	var values []Value
	for _, m := range readObject(data) {
		if value, err := looseNumber(m.value); err == nil && !isMissing(m.value) {
			values = append(values, Value{Name: m.name, Value: value})
		}
	}
	return values
}

// member is a member of a JSON object.
type member struct {
	name  string
	value json.RawMessage
}

// readObject reads an object's members in their order; of several with one name
// the last one counts. What is no object has none.
func readObject(data []byte) []member {
	decoder := json.NewDecoder(bytes.NewReader(data))
	if opening, err := decoder.Token(); err != nil || opening != json.Delim('{') {
		return nil
	}
	var members []member
	index := make(map[string]int)
	for decoder.More() {
		name, err := decoder.Token()
		var m member
		if err != nil || decoder.Decode(&m.value) != nil {
			return nil
		}
		m.name, _ = name.(string)
		if at, again := index[m.name]; again {
			members[at] = m
			continue
		}
		index[m.name] = len(members)
		members = append(members, m)
	}
	return members
}
