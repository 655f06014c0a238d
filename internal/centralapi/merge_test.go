package centralapi

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/orrery-net/orrery/internal/central"
	"github.com/orrery-net/orrery/internal/model"
)

// jsonObject is a JSON object of the oracle.
type jsonObject = map[string]any

// naiveMerge is what a request means, in a few lines.
func naiveMerge(current, change jsonObject) {
	for name, value := range change {
		inner, isObject := value.(jsonObject)
		switch {
		case value == nil:
		case isObject && name != "tagsByName" && name != "capabilitiesByName":
			if _, intoObject := current[name].(jsonObject); !intoObject {
				current[name] = jsonObject{}
			}
			naiveMerge(current[name].(jsonObject), inner)
		default:
			current[name] = value
		}
	}
}

// drawFields draws for each name whether it is absent, null or has a value.
func drawFields(t *rapid.T, label string, values map[string]func() any) jsonObject {
	o := jsonObject{}
	for _, name := range slices.Sorted(maps.Keys(values)) { // in order, so that failures can be replayed
		switch rapid.IntRange(0, 3).Draw(t, label+name) {
		case 0:
		case 1:
			o[name] = nil
		default:
			o[name] = values[name]()
		}
	}
	return o
}

func drawList(t *rapid.T, label string, entry func(i int) any) any {
	all := []any{}
	for i := range rapid.IntRange(0, 3).Draw(t, label) {
		all = append(all, entry(i))
	}
	return all
}

func drawFlag(t *rapid.T) any { return rapid.Bool().Draw(t, "flag") }
func drawText(t *rapid.T) any { return rapid.StringMatching(`[a-z<&é ]{0,8}`).Draw(t, "text") }
func drawNumber(t *rapid.T, least, most int) any {
	return json.Number(fmt.Sprint(rapid.IntRange(least, most).Draw(t, "number")))
}

// drawNonsense is a value for fields that must be ignored.
func drawNonsense(t *rapid.T) any {
	return rapid.SampledFrom([]any{nil, "x", json.Number("5"), true, []any{"x"}, jsonObject{"x": []any{nil}}}).Draw(t, "nonsense")
}

func drawNetworkChange(t *rapid.T) jsonObject {
	flag := func() any { return drawFlag(t) }
	text := func() any { return drawText(t) }
	return drawFields(t, "network ", map[string]func() any{
		"description": text,
		"tagsByName":  func() any { return jsonObject{"server": jsonObject{"id": drawNumber(t, 0, 9), "default": nil}} },
		"capabilitiesByName": func() any {
			return jsonObject{rapid.SampledFrom([]string{"a", "b"}).Draw(t, "name"): drawNumber(t, 0, 9)}
		},
		"ui": func() any {
			return drawFields(t, "ui ", map[string]func() any{"a": flag, "b": text, "c": func() any {
				return drawFields(t, "ui c ", map[string]func() any{"d": flag, "e": text})
			}})
		},
		"id": func() any { return drawNonsense(t) }, "ownerId": func() any { return drawNonsense(t) },
		"config": func() any { return drawNetworkConfigChange(t, flag, text) },
	})
}

func drawNetworkConfigChange(t *rapid.T, flag, text func() any) jsonObject {
	return drawFields(t, "config ", map[string]func() any{
		"name": text, "private": flag, "enableBroadcast": flag,
		"mtu":            func() any { return drawNumber(t, 1280, 10000) },
		"multicastLimit": func() any { return drawNumber(t, 0, 1000) },
		"routes": func() any {
			return drawList(t, "routes", func(i int) any {
				r := jsonObject{"target": fmt.Sprintf("10.%d.0.0/24", i)}
				switch rapid.IntRange(0, 3).Draw(t, "via") {
				case 0:
					r["via"] = nil
				case 1:
					r["via"] = ""
				case 2:
					r["via"] = "10.0.0.9"
				}
				return r
			})
		},
		"ipAssignmentPools": func() any {
			return drawList(t, "pools", func(i int) any {
				return jsonObject{"ipRangeStart": fmt.Sprintf("10.%d.0.1", i), "ipRangeEnd": fmt.Sprintf("10.%d.0.9", i)}
			})
		},
		"rules": func() any {
			return drawList(t, "rules", func(int) any {
				return jsonObject{"type": rapid.SampledFrom([]string{"ACTION_DROP", "ACTION_ACCEPT"}).Draw(t, "rule")}
			})
		},
		"tags": func() any {
			return drawList(t, "tags", func(i int) any {
				return jsonObject{"id": drawNumber(t, 0, 99), "default": rapid.SampledFrom([]any{nil, json.Number("7")}).Draw(t, "default")}
			})
		},
		"v4AssignMode": func() any { return drawFields(t, "v4 ", map[string]func() any{"zt": flag}) },
		"v6AssignMode": func() any {
			return drawFields(t, "v6 ", map[string]func() any{"zt": flag, "rfc4193": flag, "6plane": flag})
		},
		"dns": func() any {
			return drawFields(t, "dns ", map[string]func() any{"domain": text, "servers": func() any {
				return drawList(t, "servers", func(i int) any { return fmt.Sprintf("10.0.0.%d", i) })
			}})
		},
		"ssoConfig": func() any { return drawFields(t, "sso ", map[string]func() any{"enabled": flag, "mode": text}) },
		"id":        func() any { return drawNonsense(t) }, "creationTime": func() any { return drawNonsense(t) },
		"unknown": func() any { return drawNonsense(t) },
	})
}

// expectNetwork is what a network that had current answers after change.
func expectNetwork(current, change jsonObject) jsonObject {
	for _, name := range []string{"id", "ownerId"} {
		delete(change, name)
	}
	if config, ok := change["config"].(jsonObject); ok {
		for _, name := range []string{"id", "creationTime", "unknown"} {
			delete(config, name)
		}
	}
	naiveMerge(current, change)
	config := current["config"].(jsonObject)
	config["description"] = current["description"]
	for _, r := range config["routes"].([]any) {
		if r := r.(jsonObject); r["via"] == nil || r["via"] == "" {
			delete(r, "via")
		}
	}
	dns := config["dns"].(jsonObject)
	if servers, _ := dns["servers"].([]any); len(servers) == 0 {
		dns["servers"] = []any{}
		if dns["domain"] == "" {
			dns["servers"] = nil
		}
	}
	return current
}

func TestNetworkChangesMerge(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := model.NewNetwork(0xa1b2c3d4e5000001, "owner", 5)
		for range rapid.IntRange(1, 4).Draw(t, "changes") {
			before := reread(t, networkOf(central.NetworkStatus{Network: n}, 9))
			change := drawNetworkChange(t)
			p, err := readNetworkBody(bodyOf(t, change))
			if err != nil {
				t.Fatal(err)
			}
			kept := n.Clone()
			next := n.Clone()
			if err := p.apply(next); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(n, kept) {
				t.Fatal("the change reached the record that it was not made to")
			}
			n = next
			want := expectNetwork(before, change)
			if got := reread(t, networkOf(central.NetworkStatus{Network: n}, 9)); !reflect.DeepEqual(got, want) {
				t.Fatalf("got  %v\nwant %v", got, want)
			}
		}
	})
}

func drawMemberChange(t *rapid.T) jsonObject {
	flag := func() any { return drawFlag(t) }
	text := func() any { return drawText(t) }
	nonsense := func() any { return drawNonsense(t) }
	return drawFields(t, "member ", map[string]func() any{
		"name": text, "description": text, "hidden": flag, "physicalAddress": nonsense, "ipAssignments": nonsense,
		"config": func() any {
			return drawFields(t, "config ", map[string]func() any{
				"authorized": flag, "activeBridge": flag, "noAutoAssignIps": flag, "ssoExempt": flag,
				"ipAssignments": func() any {
					return drawList(t, "addresses", func(i int) any { return fmt.Sprintf("10.0.0.%d", i) })
				},
				"tags": func() any {
					return drawList(t, "tags", func(i int) any { return []any{json.Number(fmt.Sprint(i)), drawNumber(t, 0, 9)} })
				},
				"capabilities": func() any { return drawList(t, "capabilities", func(int) any { return drawNumber(t, 0, 9) }) },
				"identity":     nonsense, "revision": nonsense, "unknown": nonsense,
			})
		},
	})
}

func expectMember(current, change jsonObject) jsonObject {
	delete(change, "physicalAddress")
	delete(change, "ipAssignments")
	if config, ok := change["config"].(jsonObject); ok {
		for _, name := range []string{"identity", "revision", "unknown"} {
			delete(config, name)
		}
	}
	naiveMerge(current, change)
	current["ipAssignments"] = current["config"].(jsonObject)["ipAssignments"]
	return current
}

func TestMemberChangesMerge(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := model.NewMember(0xa1b2c3d4e5000001, 0x66a5132aaf, 5)
		for range rapid.IntRange(1, 4).Draw(t, "changes") {
			before := reread(t, memberOf(model.MemberStatus{Member: m}, 9))
			change := drawMemberChange(t)
			p, err := readMemberPatch(bodyOf(t, change))
			if err != nil {
				t.Fatal(err)
			}
			kept := m.Clone()
			next := m.Clone()
			if err := p.apply(next); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(m, kept) {
				t.Fatal("the change reached the record that it was not made to")
			}
			m = next
			want := expectMember(before, change)
			if got := reread(t, memberOf(model.MemberStatus{Member: m}, 9)); !reflect.DeepEqual(got, want) {
				t.Fatalf("got  %v\nwant %v", got, want)
			}
		}
	})
}

func bodyOf(t *rapid.T, change jsonObject) object {
	t.Helper()
	text, err := json.Marshal(change)
	if err != nil {
		t.Fatal(err)
	}
	o, err := parseBody(text)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// reread is an answer as a client sees it.
func reread[T any](t *rapid.T, answer T) jsonObject {
	t.Helper()
	text, err := json.Marshal(answer)
	if err != nil {
		t.Fatal(err)
	}
	o, err := treeOf(text)
	if err != nil {
		t.Fatal(err)
	}
	return jsonObject(o)
}
