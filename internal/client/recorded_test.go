package client

import (
	"encoding/json"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The hosted service's answers, which are strange in places: null where a value
// belongs, fields that came and went, two names for one thing.

func TestRecordedNetworks(t *testing.T) {
	c := replaying(t, map[string]string{
		"GET /network": "network-list", "GET /network/" + testNetwork: "network-get", "POST /network": "network-create",
		"POST /network/" + testNetwork: "network-update", "DELETE /network/" + testNetwork: "",
	})
	all, err := collect(c.Networks(t.Context()))
	if err != nil || len(all) != 2 {
		t.Fatalf("%d networks: %v", len(all), err)
	}
	n, err := c.Network(t.Context(), strings.ToUpper(testNetwork))
	if err != nil {
		t.Fatal(err)
	}
	if n.ID != testNetwork || n.Config.Name != "fervent_example" || n.Description != "central description\n" || n.TotalMemberCount != 1 ||
		!n.Config.V4AssignMode.ZT || n.Config.V6AssignMode.Plane6 || n.Config.DNS.Domain != "home.example" || n.Config.MTU != 2800 ||
		n.Config.Routes[0].Target != "10.147.17.0/24" || n.Config.IPAssignmentPools[0].Last != "10.147.17.254" || !n.Config.Private {
		t.Errorf("%+v", n)
	}
	if string(n.Raw) != string(fixture(t, "network-get")) {
		t.Errorf("raw: %s", n.Raw)
	}
	if n, err = c.CreateNetwork(t.Context(), nil); err != nil || n.ID == "" {
		t.Errorf("%+v %v", n, err)
	}
	if n, err = c.UpdateNetwork(t.Context(), testNetwork, map[string]string{"description": ""}); err != nil || n.ID == "" {
		t.Errorf("%+v %v", n, err)
	}
	if err := c.DeleteNetwork(t.Context(), testNetwork); err != nil {
		t.Error(err)
	}
}

func TestRecordedMembers(t *testing.T) {
	c := replaying(t, map[string]string{
		"GET /network/" + testNetwork + "/member":               "member-list",
		"GET /network/" + testNetwork + "/member/21863bd76c":    "member-get.2019",
		"GET /network/" + testNetwork + "/member/0badc0ffee":    "member-get.tag-none",
		"POST /network/" + testNetwork + "/member/1122334455":   "member-update.authorize",
		"DELETE /network/" + testNetwork + "/member/1122334455": "",
	})
	all, err := collect(c.Members(t.Context(), testNetwork))
	if err != nil || len(all) != 5 {
		t.Fatalf("%d members: %v", len(all), err)
	}
	online := ""
	for _, m := range all {
		if m.Online() {
			online += m.NodeID + " "
		}
		if m.NetworkID != testNetwork || m.ID != testNetwork+"-"+m.NodeID || !json.Valid(m.Raw) {
			t.Errorf("%+v", m)
		}
	}
	if online != "0badc0ffee aa00bb11cc efcc1b0947 " {
		t.Errorf("online: %s", online)
	}
	if m := all[3]; m.LastSeen != 1691078748000 || m.PhysicalAddress != "198.51.100.23" || m.ClientVersion != "-1.-1.-1" || m.Config.Authorized {
		t.Errorf("%+v", m)
	}
	if m := all[1]; m.LastSeen != 0 || m.PhysicalAddress != "" || m.Config.IPAssignments[0] != "10.147.17.168" {
		t.Errorf("%+v", m)
	}
	if m, err := c.Member(t.Context(), testNetwork, "21863BD76C"); err != nil || m.LastSeen != 1564662756917 || !m.Online() {
		t.Errorf("of 2019: %+v %v", m, err)
	}
	if m, err := c.Member(t.Context(), testNetwork, "0badc0ffee"); err != nil || !strings.Contains(string(m.Config.Tags), "false") {
		t.Errorf("a tag that is none: %+v %v", m, err)
	}
	if m, err := c.UpdateMember(t.Context(), testNetwork, "1122334455", map[string]any{}); err != nil || !m.Config.Authorized {
		t.Errorf("%+v %v", m, err)
	}
	if err := c.DeleteMember(t.Context(), testNetwork, "1122334455"); err != nil {
		t.Error(err)
	}
}

func TestRecordedAccounts(t *testing.T) {
	const user = "/user/11111111-2222-4333-8444-555555555555/token"
	c := replaying(t, map[string]string{
		"GET /status": "status", "GET /org": "org-get", "GET /org-invitation": "org-invitation-list", "POST /org-invitation": "org-invitation-create",
		"POST /org-invitation/x": "org-invitation-accept", "DELETE /org-invitation/x": "", "POST " + user: "user-token-create", "DELETE " + user + "/a b/c": "",
	})
	s, err := c.Status(t.Context())
	if err != nil || s.User == nil || s.User.Email != "owner@example.com" || s.APIVersion != "4" || s.User.OrgID == "" {
		t.Errorf("%+v %v", s, err)
	}
	if orrery, err := c.IsOrrery(t.Context()); orrery || err != nil {
		t.Errorf("Orrery: %v %v", orrery, err)
	}
	if tokens, err := c.Tokens(t.Context()); err != nil || len(tokens) != 2 || tokens[0].Name != "laptop" || tokens[1].Name != "terraform" {
		t.Errorf("%+v %v", tokens, err)
	}
	if secret, err := c.CreateToken(t.Context(), Token{Name: "x"}); err != nil || len(secret) != 32 {
		t.Errorf("%q %v", secret, err)
	}
	_, err = c.CreateToken(t.Context(), Token{Name: "x", ReadOnly: true})
	isAll(t, err, ErrNotOrrery)
	saysOnly(t, err, "create token x: ", "only Orrery's servers limit tokens")
	if err := c.DeleteToken(t.Context(), "a b/c"); err != nil {
		t.Error(err)
	}
	_, err = collect(c.Activity(t.Context(), ActivityQuery{}))
	isAll(t, err, ErrNotOrrery)
	saysOnly(t, err, "read the activity log: ")
	o, err := c.Organization(t.Context())
	if err != nil || o.OwnerEmail != "owner@example.com" || len(o.Members) != 2 || o.Members[1].Name != "Ann Admin" {
		t.Errorf("%+v %v", o, err)
	}
	invitations, err := c.Invitations(t.Context())
	if err != nil || len(invitations) != 3 || invitations[2].Status != "canceled" || invitations[0].CreationTime != 1613067920454 {
		t.Errorf("%+v %v", invitations, err)
	}
	if i, err := c.Invite(t.Context(), "joe@example.org"); err != nil || i.Status != "pending" {
		t.Errorf("%+v %v", i, err)
	}
	if i, err := c.AcceptInvitation(t.Context(), "x"); err != nil || i.Status != "accepted" {
		t.Errorf("%+v %v", i, err)
	}
	if err := c.DeclineInvitation(t.Context(), "x"); err != nil {
		t.Error(err)
	}
}

func TestRecordedStatusWithoutToken(t *testing.T) {
	c := replaying(t, map[string]string{"GET /status": "status.anonymous"})
	s, err := c.Status(t.Context())
	if err != nil || s.User != nil {
		t.Errorf("%+v %v", s, err)
	}
	_, err = c.Tokens(t.Context())
	isAll(t, err, ErrUnauthorized)
	saysOnly(t, err, "list the tokens: the server does not accept the token; log in with orrery login")
}

func TestRecordedErrors(t *testing.T) {
	for name, want := range map[string]string{
		"error.bad-ip":     `invalid input syntax for type inet: "2" (SQLSTATE 22P02)`,
		"error.internal":   "Internal error loading network.",
		"error.wrong-type": "cannot unmarshal string into Go struct field APIMember.hidden of type bool",
		"error.empty-body": "the server says: JSON error; the fault is the server's",
	} {
		c := serving(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusInternalServerError)
			w.Write(fixture(t, name))
		})
		_, err := c.Network(t.Context(), testNetwork)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
		isAll(t, err)
	}
}

// Services differ, and have differed, in what they put where a value belongs.
func TestStrangeValues(t *testing.T) {
	n, err := decodeNetwork([]byte(`{"id":"x","clock":1.5,"config":{"name":null,"dns":[],"routes":{},"ipAssignmentPools":null,"mtu":"2800","private":1,
		"v4AssignMode":"zt","v6AssignMode":{"6plane":true,"zt":null},"creationTime":7,"authTokens":null},"totalMemberCount":3,"description":["x"]}`))
	if err != nil || n.ID != "x" || !n.Config.V6AssignMode.Plane6 || n.Config.CreationTime != 7 || n.TotalMemberCount != 3 {
		t.Errorf("%+v %v", n, err)
	}
	for _, dns := range []string{`{}`, `[]`, `null`, `{"domain":"","servers":null}`, `{"domain":null,"servers":{}}`, `"x"`, `false`} {
		if n, err := decodeNetwork([]byte(`{"config":{"dns":` + dns + `,"name":"n"}}`)); err != nil || n.Config.Name != "n" || len(n.Config.DNS.Servers) > 0 {
			t.Errorf("%s: %+v %v", dns, n, err)
		}
	}
	m, err := decodeMember([]byte(`{"nodeId":"n","lastOnline":5,"online":null,"physicalAddress":null,"config":{"ipAssignments":[null,"10.0.0.1",7],"tags":[[1,false]],"authorized":true,"capabilities":false}}`))
	if err != nil || m.LastSeen != 5 || len(m.Config.IPAssignments) != 1 || !m.Config.Authorized || string(m.Config.Tags) != "[[1,false]]" {
		t.Errorf("%+v %v", m, err)
	}
	m = &Member{Clock: 1_000_000, LastSeen: 800_000}
	if !m.Online() {
		t.Error("seen 200 s ago")
	}
	if m.online = new(bool); m.Online() {
		t.Error("the server says it is not")
	}
	i, err := decodeInvitation([]byte(`{"id":"x","creation_time":"2026-01-02T03:04:05.5Z"}`))
	if err != nil || i.CreationTime != time.Date(2026, 1, 2, 3, 4, 5, 5e8, time.UTC).UnixMilli() {
		t.Errorf("%+v %v", i, err)
	}
	for _, raw := range []string{``, ` `, `null`, `[]`, `"x"`, `7`, `{`, `{"id":`, `{}{}`, strings.Repeat(`{"config":`, 20_000)} {
		if _, err := decodeMember([]byte(raw)); err == nil {
			t.Errorf("%.20q is a member", raw)
		}
		if _, err := decodeNetwork([]byte(raw)); err == nil {
			t.Errorf("%.20q is a network", raw)
		}
	}
}

func FuzzDecode(f *testing.F) {
	err := filepath.WalkDir("../centralapi/testdata/fixtures", func(path string, _ fs.DirEntry, err error) error {
		if text, err := os.ReadFile(path); err == nil {
			f.Add(text)
		}
		return err
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if m, err := decodeMember(raw); err == nil {
			m.Online()
			if !json.Valid(m.Raw) {
				t.Errorf("%q", m.Raw)
			}
		}
		decodeNetwork(raw)
		decodeStatus(raw)
		decodeInvitation(raw)
	})
}
