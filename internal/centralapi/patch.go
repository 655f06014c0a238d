package centralapi

import (
	"bytes"
	"encoding/json"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"unicode"
)

// patch is what a request changes about a record: one assignment for each
// writable field that the body holds. A field that is absent or null keeps its
// value, objects are gone into, arrays replace; what is not looked up —
// read-only and unknown fields — is ignored whatever it holds (api-behaviour §7).
//
// A patch is made from the body first and applied to the current record later,
// inside the transaction.
type patch[T any] struct {
	assignments []func(*T) error
	err         error // the first thing wrong with the body
}

// apply makes the changes to record.
func (p *patch[T]) apply(record *T) error {
	for _, assign := range p.assignments {
		if err := assign(record); err != nil {
			return err
		}
	}
	return nil
}

// within returns the object that a field holds; it is empty if there is none.
func (p *patch[T]) within(o object, name string) object {
	if p.err != nil || !o.has(name) {
		return object{path: o.at(name)}
	}
	var inner object
	inner, p.err = readObject(o.at(name), o.values[name])
	return inner
}

// open returns the object that raw is, an entry of an array for instance.
func (p *patch[T]) open(path string, raw json.RawMessage) object {
	var o object
	o, p.err = readObject(path, raw)
	return o
}

// need makes the patch fail without a value for a field.
func (p *patch[T]) need(o object, name string) {
	if p.err == nil && !o.has(name) {
		p.err = refuse(o.at(name), "is missing")
	}
}

// reader turns a JSON value that is not null into a V; path is for its errors.
type reader[V any] func(path string, raw json.RawMessage) (V, error)

// field adds the assignment of one field to the place that at points to.
func field[T, V any](p *patch[T], o object, name string, read reader[V], at func(*T) *V) {
	computed(p, o, name, read, func(record *T, value V) error {
		*at(record) = value
		return nil
	})
}

// computed adds an assignment that depends on the record it is made to.
func computed[T, V any](p *patch[T], o object, name string, read reader[V], assign func(*T, V) error) {
	if p.err != nil || !o.has(name) {
		return
	}
	value, err := read(o.at(name), o.values[name])
	if err != nil {
		p.err = err
		return
	}
	p.assignments = append(p.assignments, func(record *T) error { return assign(record, value) })
}

// made returns what a patch makes of an empty record.
func (p *patch[T]) made() (T, error) {
	var record T
	if p.err != nil {
		return record, p.err
	}
	err := p.apply(&record)
	return record, err
}

// list reads an array whose entries read takes.
func list[V any](read reader[V]) reader[[]V] {
	return func(path string, raw json.RawMessage) ([]V, error) {
		if kindOf(raw) != anArray {
			return nil, wrongType(path, raw, "an array")
		}
		var entries []json.RawMessage
		if err := json.Unmarshal(raw, &entries); err != nil {
			return nil, refuse(path, "cannot be read")
		}
		all := make([]V, len(entries))
		for i, entry := range entries {
			var err error
			if all[i], err = read(path+"["+strconv.Itoa(i)+"]", entry); err != nil {
				return nil, err
			}
		}
		return all, nil
	}
}

// readText reads a string. Which line breaks a text may have is the record's
// business; no text has any other control character.
func readText(path string, raw json.RawMessage) (string, error) {
	if kindOf(raw) != aString {
		return "", wrongType(path, raw, "a string")
	}
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return "", refuse(path, "cannot be read")
	}
	for _, r := range text {
		if unicode.IsControl(r) && r != '\t' && r != '\n' && r != '\r' {
			return "", refuse(path, "has the control character %U", r)
		}
	}
	return text, nil
}

// readUUID reads an id of a user, an organization or an invitation, and returns
// it in lower case.
func readUUID(path string, raw json.RawMessage) (string, error) {
	text, err := readText(path, raw)
	if err != nil {
		return "", err
	}
	id, err := parseUUID(text)
	if err != nil {
		return "", refuse(path, "%s", err)
	}
	return id, nil
}

func readFlag(path string, raw json.RawMessage) (bool, error) {
	if kindOf(raw) != aBoolean {
		return false, wrongType(path, raw, "true or false")
	}
	return bytes.TrimSpace(raw)[0] == 't', nil
}

func readNumber(path string, raw json.RawMessage) (int, error) {
	return readInteger[int](path, raw, math.MinInt32, math.MaxInt32)
}

func readID(path string, raw json.RawMessage) (uint32, error) {
	return readInteger[uint32](path, raw, 0, math.MaxUint32)
}

func readInteger[V int | uint32](path string, raw json.RawMessage, least, most int64) (V, error) {
	if kindOf(raw) != aNumber {
		return 0, wrongType(path, raw, "an integer")
	}
	var number int64
	if err := json.Unmarshal(raw, &number); err != nil || number < least || number > most {
		return 0, refuse(path, "want an integer between %d and %d, not %s", least, most, clip(string(raw)))
	}
	return V(number), nil
}

func readAddress(path string, raw json.RawMessage) (netip.Addr, error) {
	text, err := readText(path, raw)
	if err != nil {
		return netip.Addr{}, err
	}
	address, err := netip.ParseAddr(strings.TrimSpace(text))
	if err != nil || address.Zone() != "" {
		return netip.Addr{}, refuse(path, "%q is not an IP address", clip(text))
	}
	return address.Unmap(), nil
}

func readPrefix(path string, raw json.RawMessage) (netip.Prefix, error) {
	text, err := readText(path, raw)
	if err != nil {
		return netip.Prefix{}, err
	}
	prefix, err := netip.ParsePrefix(strings.TrimSpace(text))
	if err != nil || prefix.Addr().Is4In6() {
		return netip.Prefix{}, refuse(path, "%q is not an address with a prefix length, such as 10.0.0.0/24", clip(text))
	}
	return prefix, nil
}
