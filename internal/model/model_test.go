package model

import (
	_ "embed"
	"encoding/json"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/orrery-net/orrery/zt/netconf"
)

//go:embed testdata/network-get.default-rules.json
var centralsDefault []byte

func TestNewNetworkHasCentralsRules(t *testing.T) {
	var want struct {
		Config struct {
			Rules           []netconf.Rule `json:"rules"`
			MTU             int            `json:"mtu"`
			MulticastLimit  int            `json:"multicastLimit"`
			Private         bool           `json:"private"`
			EnableBroadcast bool           `json:"enableBroadcast"`
			V4              V4AssignMode   `json:"v4AssignMode"`
			V6              V6AssignMode   `json:"v6AssignMode"`
		} `json:"config"`
	}
	if err := json.Unmarshal(centralsDefault, &want); err != nil {
		t.Fatal(err)
	}
	n := NewNetwork(0x08e285faab000001, "owner", 7)
	if !reflect.DeepEqual(n.Rules, want.Config.Rules) || len(n.Rules) != 5 {
		t.Errorf("rules %v, want %v", n.Rules, want.Config.Rules)
	}
	if n.MTU != want.Config.MTU || n.MulticastLimit != want.Config.MulticastLimit || n.Private != want.Config.Private ||
		n.EnableBroadcast != want.Config.EnableBroadcast || n.V4 != want.Config.V4 || n.V6 != want.Config.V6 {
		t.Errorf("settings %+v, want %+v", n, want.Config)
	}
	if err := n.Validate(); err != nil {
		t.Errorf("a new network is not valid: %v", err)
	}
	if got := n.Warnings(); len(got) != 0 {
		t.Errorf("a new network has warnings: %q", got)
	}
	if n.Revision != 1 || n.CreationTime != 7 || n.LastModified != 0 || n.OwnerID != "owner" {
		t.Errorf("made as %+v", n)
	}
}

// full is a network with something in every field.
func full(t *testing.T) *Network {
	t.Helper()
	five := uint32(5)
	n := NewNetwork(0x08e285faab000001, "owner", 7)
	n.Name, n.Description = "home", "mine"
	n.Routes = []Route{{Target: netip.MustParsePrefix("10.0.0.0/24"), Via: netip.MustParseAddr("10.0.0.1")}}
	n.Pools = []Pool{{Start: netip.MustParseAddr("10.0.0.1"), End: netip.MustParseAddr("10.0.0.9")}}
	n.V6 = V6AssignMode{SixPlane: true, RFC4193: true, ZT: true}
	n.DNS = DNS{Domain: "home.arpa", Servers: []netip.Addr{netip.MustParseAddr("10.0.0.1")}}
	n.Tags = []NetworkTag{{ID: 1, Default: &five}}
	n.Capabilities = []Capability{{ID: 1, Default: true, Rules: netconf.AcceptAll()}}
	n.TagsByName = []byte(`{"a":1}`)
	n.CapabilitiesByName = map[string]uint32{"b": 1}
	n.SSO = SSO{Enabled: true, Mode: "default", ClientID: "x", AllowList: []string{"a@example.com"}}
	n.UI = []byte(`{"a":1}`)
	n.TraceTarget, n.TraceLevel = 1, 2
	n.LastModified, n.DeletedTime = 8, 9
	return n
}

func TestCloneSharesNothing(t *testing.T) {
	original := full(t)
	before, err := json.Marshal(original)
	if err != nil {
		t.Fatal(err)
	}
	c := original.Clone()
	if !reflect.DeepEqual(c, original) {
		t.Fatalf("cloned %+v as %+v", original, c)
	}
	scribble(reflect.ValueOf(c).Elem())
	if after, _ := json.Marshal(original); string(after) != string(before) {
		t.Errorf("writing to a clone made\n%s of\n%s", after, before)
	}

	m := NewMember(1, 2, 3)
	m.Addresses = []netip.Addr{netip.MustParseAddr("10.0.0.1")}
	m.Tags, m.Capabilities = []MemberTag{{ID: 1}}, []uint32{1}
	if before, err = json.Marshal(m); err != nil {
		t.Fatal(err)
	}
	scribble(reflect.ValueOf(m.Clone()).Elem())
	if after, _ := json.Marshal(m); string(after) != string(before) {
		t.Errorf("writing to a clone made\n%s of\n%s", after, before)
	}
}

// scribble writes zeros to everything that can be reached from a value without
// replacing what holds it.
func scribble(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				scribble(v.Field(i))
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			scribble(v.Index(i))
			v.Index(i).SetZero()
		}
	case reflect.Map:
		v.Clear()
	case reflect.Pointer:
		if !v.IsNil() {
			v.Elem().SetZero()
		}
	}
}

func TestRecordsSurviveTheirStoredForm(t *testing.T) {
	n := full(t)
	text, err := json.Marshal(n)
	if err != nil {
		t.Fatal(err)
	}
	var again Network
	if err := json.Unmarshal(text, &again); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(&again, n) {
		t.Errorf("%+v came back as %+v", n, again)
	}
}

func TestAuthorizeAndDeauthorize(t *testing.T) {
	n := full(t)
	m := NewMember(n.ID, 2, 3)
	m.Deauthorize(4)
	if m.LastDeauthorizedTime != 0 {
		t.Error("who never was in was put out")
	}
	m.Tags = []MemberTag{{ID: 9, Value: 9}}
	m.Authorize(n, AuthorizedByAPI, 5)
	if !m.Authorized || m.LastAuthorizedTime != 5 || m.AuthorizedBy != AuthorizedByAPI {
		t.Errorf("authorized as %+v", m)
	}
	if want := []MemberTag{{ID: 1, Value: 5}, {ID: 9, Value: 9}}; !slices.Equal(m.Tags, want) || !slices.Equal(m.Capabilities, []uint32{1}) {
		t.Errorf("tags %v, capabilities %v", m.Tags, m.Capabilities)
	}
	m.Authorize(n, AuthorizedByPublic, 6)
	if m.LastAuthorizedTime != 5 || m.AuthorizedBy != AuthorizedByAPI {
		t.Errorf("authorized twice: %+v", m)
	}
	m.Deauthorize(7)
	if m.Authorized || m.LastDeauthorizedTime != 7 || m.LastAuthorizedTime != 5 || len(m.Tags) != 2 {
		t.Errorf("deauthorized as %+v", m)
	}
	m.Tags, m.Capabilities = nil, nil
	m.Authorize(n, AuthorizedByAPI, 8)
	if len(m.Tags) != 0 || len(m.Capabilities) != 0 {
		t.Error("the defaults were given again")
	}
}

func TestDefaultsDoNotReplaceWhatAMemberHas(t *testing.T) {
	n := full(t)
	m := NewMember(n.ID, 2, 3)
	m.Tags, m.Capabilities = []MemberTag{{ID: 1, Unset: true}}, []uint32{1}
	m.Authorize(n, AuthorizedByAPI, 5)
	if len(m.Tags) != 1 || !m.Tags[0].Unset || len(m.Capabilities) != 1 {
		t.Errorf("tags %v, capabilities %v", m.Tags, m.Capabilities)
	}

	n.Tags = nil
	for i := range uint32(netconf.MaxTags + 5) {
		n.Tags = append(n.Tags, NetworkTag{ID: 0xffffff00 - i, Default: &i})
	}
	m = NewMember(n.ID, 2, 3)
	m.Authorize(n, AuthorizedByAPI, 5)
	if len(m.Tags) != netconf.MaxTags || !slices.IsSortedFunc(m.Tags, func(a, b MemberTag) int { return int(int64(a.ID) - int64(b.ID)) }) {
		t.Errorf("%d tags, sorted or not", len(m.Tags))
	}
	if err := m.Validate(); err != nil {
		t.Error(err)
	}
}

func TestChanges(t *testing.T) {
	n := full(t)
	if was, is, err := Changes(n, n.Clone()); was != nil || is != nil || err != nil {
		t.Errorf("a clone differs: %s, %s, %v", was, is, err)
	}
	other := n.Clone()
	other.Name, other.DeletedTime, other.Pools[0].End = "other", 0, netip.MustParseAddr("10.0.0.8")
	was, is, err := Changes(n, other)
	if err != nil {
		t.Fatal(err)
	}
	const oldPools = `[{"ipRangeStart":"10.0.0.1","ipRangeEnd":"10.0.0.9"}]`
	if want := `{"deletedTime":9,"ipAssignmentPools":` + oldPools + `,"name":"home"}`; string(was) != want {
		t.Errorf("was %s, want %s", was, want)
	}
	if want := `{"ipAssignmentPools":` + strings.Replace(oldPools, ".9", ".8", 1) + `,"name":"other"}`; string(is) != want {
		t.Errorf("is %s, want %s", is, want)
	}

	was, is, err = Changes(nil, n)
	if whole, _ := json.Marshal(n); err != nil || was != nil || len(is) != len(whole) {
		t.Errorf("made: %s, %s, %v", was, is, err)
	}
	if was, is, err = Changes(n, nil); err != nil || was == nil || is != nil {
		t.Errorf("gone: %s, %s, %v", was, is, err)
	}
	token, _, err := Changes(&Token{Hash: [32]byte{1, 2, 3}, UserID: "u"}, nil)
	if err != nil || strings.Contains(strings.ToLower(string(token)), "hash") {
		t.Errorf("an event would show %s, %v", token, err)
	}
}

func TestChangesAreBounded(t *testing.T) {
	n := full(t)
	n.RulesSource, n.UI = strings.Repeat("#", MaxRulesSourceLen), json.RawMessage(`"`+strings.Repeat("u", MaxOpaqueLen-2)+`"`)
	other := n.Clone()
	other.Name, other.UI[1] = "other", 'v'
	was, is, err := Changes(n, other)
	if want := `{"name":"home","ui":"(1048576 bytes, not kept)"}`; err != nil || string(was) != want {
		t.Errorf("was %.200s, want %s, %v", was, want, err)
	}
	if want := `{"name":"other","ui":"(1048576 bytes, not kept)"}`; string(is) != want {
		t.Errorf("is %.200s, want %s", is, want)
	}
	if _, is, err = Changes(nil, n); err != nil || len(is) > maxShown || !strings.Contains(string(is), `"name":"home"`) {
		t.Errorf("made: %d bytes, %v", len(is), err)
	}
}

func TestDNSIsZero(t *testing.T) {
	if !(DNS{}).IsZero() || !(DNS{Servers: []netip.Addr{}}).IsZero() || (DNS{Domain: "x"}).IsZero() {
		t.Error("IsZero is wrong")
	}
}
