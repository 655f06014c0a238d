package ruleset

import (
	"fmt"
	"testing"
)

func TestNames(t *testing.T) {
	set := &Set{
		Tags: []Tag{
			{Name: "Role", ID: 3}, {Name: "role", ID: 4, Flags: []Value{{"a", 1}, {"all", 7}, {"b", 2}, {"Top", 8}}, Enums: []Value{{"none", 0}, {"odd", 9}, {"top", 5}}},
			{Name: "Team", ID: 6}, {Name: "7", ID: 8}, {ID: 9}, {Name: "late", ID: 6},
		},
		Capabilities: []Capability{{Name: "ssh", ID: 1}, {Name: "SSH", ID: 2}, {Name: "web", ID: 1}},
	}
	for text, want := range map[string]string{
		"role": "role 4", "Role": "Role 3", "ROLE": "none", "TEAM": "Team 6", "6": "late 6", "0x4": "role 4", "7": "none", "8": "7 8", "9": " 9", "": "none",
	} {
		got := "none"
		if tag := set.FindTag(text); tag != nil {
			got = fmt.Sprint(tag.Name, " ", tag.ID)
		}
		if got != want {
			t.Errorf("%q is the tag %s, not %s", text, got, want)
		}
	}
	for text, want := range map[string]uint32{"ssh": 1, "SSH": 2, "Ssh": 0, "WEB": 1, "2": 2, "5": 0} {
		got := uint32(0)
		if capability := set.FindCapability(text); capability != nil {
			got = capability.ID
		}
		if got != want {
			t.Errorf("%q is capability %d, not %d", text, got, want)
		}
	}
	if capability := set.CapabilityWith(1); capability.Name != "web" {
		t.Errorf("of two the one that counts is %q", capability.Name)
	}
	role := set.TagWith(4)
	for value, want := range map[uint32]string{0: "[none]", 1: "[a]", 3: "[a b]", 4: "[]", 5: "[top]", 7: "[all]", 8: "[Top]", 9: "[odd]", 15: "[a b all Top]", 16: "[]"} {
		if got := fmt.Sprint(role.Labels(value)); got != want {
			t.Errorf("%d is %s, not %s", value, got, want)
		}
	}
	if bits, ok := role.FlagNamed("TOP"); !ok || bits != 8 {
		t.Error(bits, ok)
	}
	if value, ok := role.EnumNamed("Top"); !ok || value != 5 {
		t.Error(value, ok)
	}
}
