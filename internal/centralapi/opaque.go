package centralapi

import (
	"bytes"
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/orrery-net/orrery/internal/model"
)

// tree is a JSON object that means something to others only: they get it back,
// so it must be one that all of them can read.
type tree map[string]any

func readTree(path string, raw json.RawMessage) (tree, error) {
	switch {
	case kindOf(raw) != anObject:
		return nil, wrongType(path, raw, "an object")
	case len(raw) > model.MaxOpaqueLen:
		return nil, refuse(path, "more than %d bytes", model.MaxOpaqueLen)
	}
	t, err := treeOf(raw)
	if err != nil {
		return nil, refuse(path, "cannot be read")
	}
	return t, checkReadable(path, map[string]any(t))
}

// readOpaque takes any object as it is, with its names in order.
func readOpaque(path string, raw json.RawMessage) (json.RawMessage, error) {
	t, err := readTree(path, raw)
	if err != nil {
		return nil, err
	}
	return json.Marshal(t)
}

func treeOf(raw json.RawMessage) (tree, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	t := tree{}
	return t, d.Decode(&t)
}

// merge adds other to t: null keeps, objects merge, all else replaces.
func (t tree) merge(other map[string]any) {
	for name, value := range other {
		switch value := value.(type) {
		case nil:
		case map[string]any:
			inner, ok := t[name].(map[string]any)
			if !ok {
				inner = map[string]any{}
				t[name] = inner
			}
			tree(inner).merge(value)
		default:
			t[name] = value
		}
	}
}

// maxExact is the largest integer that readers which hold numbers as 64-bit
// floats, JavaScript for one, tell from its neighbors.
const maxExact = 1<<53 - 1

// checkReadable refuses what PowerShell or JavaScript cannot read: names that
// are empty or differ only in case, and numbers from 2^53 on. It also refuses
// what could not be sent back: objects that grew too large by merging.
func checkReadable(path string, value any) error {
	switch value := value.(type) {
	case map[string]any:
		if len(value) > maxItems {
			return refuse(path, "more than %d entries", maxItems)
		}
		if err := checkNames(path, value); err != nil {
			return err
		}
		for name, inner := range value {
			if err := checkReadable(path+"."+clip(name), inner); err != nil {
				return err
			}
		}
	case []any:
		for i, inner := range value {
			if err := checkReadable(path+"["+strconv.Itoa(i)+"]", inner); err != nil {
				return err
			}
		}
	case json.Number:
		if number, err := value.Float64(); err != nil || math.Abs(number) > maxExact {
			return refuse(path, "the number %s is not below 2^53; send it as a string", clip(value.String()))
		}
	}
	return nil
}

func checkNames[V any](path string, object map[string]V) error {
	seen := make(map[string]string, len(object))
	for _, name := range slices.Sorted(maps.Keys(object)) {
		if name == "" {
			return refuse(path, "has a field without a name")
		}
		folded := strings.ToLower(strings.ToUpper(name))
		if other, twice := seen[folded]; twice {
			return refuse(path, "has the names %q and %q, which differ only in case", clip(other), clip(name))
		}
		seen[folded] = name
	}
	return nil
}
