package rules

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/orrery-net/orrery/zt/netconf"
	"github.com/orrery-net/orrery/zt/rules/ruleset"
)

func TestVectorsSurviveDecompiling(t *testing.T) {
	tried := 0
	for _, v := range vectors(t) {
		if !v.OK || v.Quirk != "" {
			continue
		}
		tried++
		t.Run(v.Name, func(t *testing.T) {
			var set ruleset.Set
			if err := json.Unmarshal(v.Output, &set); err != nil {
				t.Fatal(err)
			}
			text, diagnostics := Decompile(&set)
			if len(diagnostics) > 0 {
				t.Errorf("diagnostics: %v", diagnostics)
			}
			for _, mode := range []Mode{Strict, Compatible, Lenient} {
				p, found := Compile(text, mode)
				if p == nil {
					t.Fatalf("%s: %v in:\n%s", mode, firstError(found), text)
				}
				got, err := json.Marshal(&p.Set)
				if err != nil {
					t.Fatal(err)
				}
				if !sameJSON(t, got, v.Output) {
					t.Errorf("%s:\n got %s\nwant %s\nfrom:\n%s", mode, got, v.Output, text)
				}
			}
			if formatted, _ := Format(text); formatted != text {
				t.Errorf("not in the form of Format:\n%s\nbut\n%s", text, formatted)
			}
		})
	}
	if tried < 170 {
		t.Errorf("only %d vectors", tried)
	}
}

// sameForNodesSets reports where nodes get something else of two sets.
func sameForNodesSets(t *rapid.T, got, want *ruleset.Set, text string) {
	t.Helper()
	table := func(what string, got, want []ruleset.Entry) {
		t.Helper()
		if !slices.EqualFunc(got, want, sameForNodes) {
			t.Fatalf("%s: nodes get\n%v\nwant\n%v\nfrom:\n%s", what, got, want, text)
		}
	}
	table("base", got.Rules, want.Rules)
	if len(got.Capabilities) != len(want.Capabilities) || len(got.Tags) != len(want.Tags) {
		t.Fatalf("%d capabilities and %d tags, want %d and %d in:\n%s", len(got.Capabilities), len(got.Tags), len(want.Capabilities), len(want.Tags), text)
	}
	for i, c := range want.Capabilities {
		if !sameCapability(&got.Capabilities[i], &c) {
			t.Fatalf("capability %d of %d is %v in:\n%s", i, c.ID, got.Capabilities[i], text)
		}
		table(c.Name, got.Capabilities[i].Rules, c.Rules)
	}
	for i, tag := range want.Tags {
		if got.Tags[i].ID != tag.ID || presetText(got.Tags[i].Default) != presetText(tag.Default) {
			t.Fatalf("tag %d is %v, want %v in:\n%s", i, got.Tags[i], tag, text)
		}
	}
}

// anyNumber draws numbers that are at an edge more often than not.
func anyNumber(t *rapid.T, most int64) int64 {
	return rapid.OneOf(rapid.Int64Range(0, most), rapid.SampledFrom([]int64{0, min(1, most), most / 2, max(most-1, 0), most})).Draw(t, "number")
}

func hexText(t *rapid.T, digits int) string {
	return rapid.StringMatching(fmt.Sprintf("[0-9a-f]{%d}", digits)).Draw(t, "hex")
}

// sayable draws entries that the language has words for.
func sayable(t *rapid.T, tags []ruleset.Tag) ruleset.Entry {
	e := ruleset.Entry{Type: rapid.SampledFrom(slices.Sorted(maps.Keys(matchNames))).Draw(t, "type")}
	e.Not, e.Or = rapid.Bool().Draw(t, "not"), rapid.Bool().Draw(t, "or")
	ranged := func(most int64) {
		e.Start = anyNumber(t, most)
		e.End = e.Start + anyNumber(t, most-e.Start)
	}
	switch e.Type {
	case netconf.MatchSourceNode, netconf.MatchDestNode:
		e.Text = hexText(t, 10)
	case netconf.MatchMACSource, netconf.MatchMACDest:
		e.Text = rapid.StringMatching("[0-9a-f]{2}(:[0-9a-f]{2}){5}").Draw(t, "mac")
	case netconf.MatchIPv4Source, netconf.MatchIPv4Dest:
		address := netip.AddrFrom4([4]byte(rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "address")))
		e.Text = fmt.Sprintf("%s/%d", address, anyNumber(t, 32))
	case netconf.MatchIPv6Source, netconf.MatchIPv6Dest:
		bytes := rapid.SliceOfN(rapid.SampledFrom([]byte{0, 0, 1, 0xff}), 16, 16).Draw(t, "address")
		e.Text = fmt.Sprintf("%s/%d", netip.AddrFrom16([16]byte(bytes)), anyNumber(t, 128))
	case netconf.MatchVLANID:
		e.Value = anyNumber(t, 4095)
	case netconf.MatchVLANPCP:
		e.Value = anyNumber(t, 7)
	case netconf.MatchVLANDEI:
		e.Value = anyNumber(t, 1)
	case netconf.MatchEtherType:
		e.Value = rapid.OneOf(rapid.Just(int64(0x0800)), rapid.Int64Range(0, 65535)).Draw(t, "type")
	case netconf.MatchIPProtocol:
		e.Value = anyNumber(t, 255)
	case netconf.MatchICMP:
		e.Value, e.Code = anyNumber(t, 255), anyNumber(t, 256)-1
	case netconf.MatchIPTOS:
		e.Value = anyNumber(t, 255)
		ranged(255)
	case netconf.MatchSourcePorts, netconf.MatchDestPorts, netconf.MatchFrameSize:
		ranged(65535)
	case netconf.MatchCharacteristics:
		e.Text = hexText(t, 16)
	case netconf.MatchRandom:
		e.Value = anyNumber(t, 1<<32-1)
	default:
		e.ID, e.Value = anyNumber(t, 1<<32-1), anyNumber(t, 1<<32-1)
		if len(tags) > 0 && rapid.Bool().Draw(t, "known") {
			tag := rapid.SampledFrom(tags).Draw(t, "tag")
			e.ID = int64(tag.ID)
			if values := slices.Concat(tag.Flags, tag.Enums); len(values) > 0 {
				e.Value = rapid.SampledFrom(values).Draw(t, "value").Value
			}
		}
	}
	return e
}

func sayableTable(t *rapid.T, tags []ruleset.Tag, most int) []ruleset.Entry {
	var table []ruleset.Entry
	for range rapid.IntRange(0, most).Draw(t, "rules") {
		for range rapid.IntRange(0, 3).Draw(t, "matches") {
			table = append(table, sayable(t, tags))
		}
		e := ruleset.Entry{Type: rapid.SampledFrom(slices.Sorted(maps.Keys(actionWords))).Draw(t, "action")}
		switch e.Type {
		case netconf.ActionTee, netconf.ActionWatch:
			e.Text, e.Value = hexText(t, 10), anyNumber(t, 65536)-1
		case netconf.ActionRedirect:
			e.Text = hexText(t, 10)
		}
		table = append(table, e)
	}
	return table
}

// anyName draws names, good and bad ones.
func anyName(t *rapid.T) string {
	return rapid.OneOf(
		rapid.StringMatching("[a-c]"),
		rapid.StringMatching("[a-z_][a-z0-9_]{0,8}"),
		rapid.SampledFrom([]string{"", "accept", "DROP", "tag", "Role", "role", "role_2", "toString", "constructor", "__proto__", "tag_1", "cap_1",
			"two words", "9to5", "a;b", "#c", "x\ny", "ñandú", "ας", "İ", "\xff", "日本", "id", "enum", "default", "not", "tcp"}),
		rapid.String(),
	).Draw(t, "name")
}

// anyNames draws a set that nodes can hold, with good tables and any names.
func anyNames(t *rapid.T) *ruleset.Set {
	set := &ruleset.Set{}
	ids := rapid.SliceOfNDistinct(rapid.Uint32Range(0, 20), 0, 4, rapid.ID).Draw(t, "tags")
	for _, id := range ids {
		tag := ruleset.Tag{Name: anyName(t), ID: id}
		for range rapid.IntRange(0, 3).Draw(t, "flags") {
			tag.Flags = append(tag.Flags, ruleset.Value{Name: anyName(t), Value: rapid.Int64Range(1, 1<<32-1).Draw(t, "flag")})
		}
		for range rapid.IntRange(0, 3).Draw(t, "enums") {
			tag.Enums = append(tag.Enums, ruleset.Value{Name: anyName(t), Value: anyNumber(t, 1<<32-1)})
		}
		if rapid.Bool().Draw(t, "default") {
			value := anyNumber(t, 1<<32-1)
			if values := slices.Concat(tag.Flags, tag.Enums); len(values) > 0 && rapid.Bool().Draw(t, "named") {
				value = rapid.SampledFrom(values).Draw(t, "value").Value
			}
			tag.Default = &value
		}
		set.Tags = append(set.Tags, tag)
	}
	ids = rapid.SliceOfNDistinct(rapid.Uint32Range(0, 20), 0, 3, rapid.ID).Draw(t, "capabilities")
	for _, id := range ids {
		set.Capabilities = append(set.Capabilities, ruleset.Capability{
			Name: anyName(t), ID: id, Default: rapid.Bool().Draw(t, "default"), Rules: sayableTable(t, set.Tags, 3),
		})
	}
	set.Rules = sayableTable(t, set.Tags, 6)
	return set
}

func TestWhatTheLanguageCanSaySurvivesDecompiling(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		set := anyNames(t)
		text, diagnostics := Decompile(set)
		if HasErrors(diagnostics) {
			t.Fatalf("%v in:\n%s", firstError(diagnostics), text)
		}
		p, found := Compile(text, Strict)
		if p == nil {
			t.Fatalf("%v in:\n%s", firstError(found), text)
		}
		sameForNodesSets(t, &p.Set, set, text)
		if again, diagnostics := Decompile(&p.Set); again != text || hasCode(diagnostics, renamed) {
			t.Fatalf("decompiled again, it is\n%s\nnot\n%s", again, text)
		}
		if formatted, _ := Format(text); formatted != text {
			t.Fatalf("Format makes\n%s\nof\n%s", formatted, text)
		}
		if hasCode(diagnostics, onlyStrict) {
			return
		}
		for _, mode := range []Mode{Compatible, Lenient} {
			p, found := Compile(text, mode)
			if p == nil {
				t.Fatalf("%s: %v in:\n%s", mode, firstError(found), text)
			}
			sameForNodesSets(t, &p.Set, set, text)
		}
	})
}

func hasCode(diagnostics []Diagnostic, code string) bool {
	return slices.ContainsFunc(diagnostics, func(d Diagnostic) bool { return d.Code == code })
}
