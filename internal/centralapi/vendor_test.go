package centralapi

import (
	"context"
	"net/http/httptest"
	"slices"
	"testing"

	ztcentral "github.com/zerotier/go-ztcentral"
	"github.com/zerotier/go-ztcentral/pkg/spec"
)

// TestVendorClient drives the API with ZeroTier's own Go client, over a socket.
// The client's address is a package variable: this test is not parallel.
func TestVendorClient(t *testing.T) {
	w := newWorld(t)
	server := httptest.NewServer(w.checked())
	defer server.Close()
	ctx := context.Background()
	for _, base := range []string{"/api/v1", "/api"} {
		ztcentral.BaseURLV1 = server.URL + base
		client, err := ztcentral.NewClient(w.token)
		if err != nil {
			t.Fatal(err)
		}
		driveVendorClient(t, ctx, client)
	}
	stranger, err := ztcentral.NewClient("00000000000000000000000000000000")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stranger.GetNetworks(ctx); err == nil {
		t.Error("a stranger may list networks")
	}
	if s, err := stranger.Status(ctx); err != nil || s.User != nil {
		t.Errorf("a stranger's status: %v, %v", s, err)
	}
}

func driveVendorClient(t *testing.T, ctx context.Context, client *ztcentral.Client) {
	t.Helper()
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	status, err := client.Status(ctx)
	ok(err)
	if status.User == nil || *status.User.Id == "" || *status.ApiVersion != "4" {
		t.Errorf("status %+v", status)
	}

	made, err := client.NewNetwork(ctx, "home", &spec.Network{Description: new("at home"), Config: &spec.NetworkConfig{
		Routes:            &[]spec.Route{{Target: new("10.9.0.0/24")}},
		IpAssignmentPools: &[]spec.IPRange{{IpRangeStart: new("10.9.0.1"), IpRangeEnd: new("10.9.0.254")}},
	}})
	ok(err)
	id := *made.Id
	if *made.Config.Name != "home" || *made.Description != "at home" || len(*made.Config.Routes) != 1 {
		t.Errorf("made %+v", made)
	}
	// The client sends every field that is not set as null.
	changed, err := client.UpdateNetwork(ctx, id, &spec.Network{Config: &spec.NetworkConfig{Mtu: new(1400)}})
	ok(err)
	if *changed.Config.Mtu != 1400 || *changed.Config.Name != "home" || *changed.Description != "at home" || len(*changed.Config.IpAssignmentPools) != 1 {
		t.Errorf("changed %+v", changed.Config)
	}
	networks, err := client.GetNetworks(ctx)
	ok(err)
	if len(networks) == 0 {
		t.Error("no networks")
	}

	member, err := client.CreateAuthorizedMember(ctx, id, testNode, "laptop")
	ok(err)
	if !*member.Config.Authorized || *member.Name != "laptop" {
		t.Errorf("member %+v", member)
	}
	member, err = client.DeauthorizeMember(ctx, id, testNode)
	ok(err)
	if *member.Config.Authorized || *member.Name != "laptop" {
		t.Errorf("member %+v", member)
	}
	_, err = client.AuthorizeMember(ctx, id, testNode)
	ok(err)
	member, err = client.GetMember(ctx, id, testNode)
	ok(err)
	if !*member.Config.Authorized || *member.NodeId != testNode || member.Config.IpAssignments == nil {
		t.Errorf("member %+v", member)
	}
	members, err := client.GetMembers(ctx, id)
	ok(err)
	if len(members) != 1 {
		t.Errorf("%d members", len(members))
	}
	if _, err := client.GetMember(ctx, id, "66a5132aa"); err == nil {
		t.Error("a nine-digit node id names a member")
	}
	driveVendorTokens(t, ctx, client)
	member, err = client.UpdateMember(ctx, id, testNode, &spec.Member{Description: new("on the desk")})
	ok(err)
	if *member.Description != "on the desk" || *member.Name != "laptop" || !*member.Config.Authorized {
		t.Errorf("member %+v", member)
	}
	if source, err := client.UpdateNetworkRules(ctx, id, "drop;"); err != nil || source != "drop;" {
		t.Errorf("rules %q, %v", source, err)
	}
	network, err := client.GetNetwork(ctx, id)
	ok(err)
	if *network.Description != "at home" || *network.Config.Name != "home" || len(*network.Config.Rules) != 1 || *network.TotalMemberCount != 1 {
		t.Errorf("network %+v", network)
	}
	ok(client.DeleteMember(ctx, id, testNode))
	ok(client.DeleteMember(ctx, id, testNode))
	if _, err := client.GetMember(ctx, id, testNode); err == nil {
		t.Error("a deleted member is found")
	}
	ok(client.DeleteNetwork(ctx, id))
	if _, err := client.GetNetwork(ctx, id); err == nil {
		t.Error("a deleted network is found")
	}
}

// driveVendorTokens makes and deletes tokens. The client escapes names twice.
func driveVendorTokens(t *testing.T, ctx context.Context, client *ztcentral.Client) {
	t.Helper()
	user, err := client.User(ctx)
	if err != nil || user.Id == nil || *user.Email == "" {
		t.Fatalf("user %+v, %v", user, err)
	}
	for _, name := range []string{"plain", "with a space", "a/b", "100%", "é ключ", "a?b#c", "a%20b"} {
		secret, err := client.RandomToken(ctx)
		if err != nil || len(secret) != 32 {
			t.Fatalf("random token %q, %v", secret, err)
		}
		if err := client.CreateAPIToken(ctx, *user.Id, name, secret); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		with, err := ztcentral.NewClient(secret)
		if err != nil {
			t.Fatal(err)
		}
		with.SetUserAgent("test")
		if again, err := with.User(ctx); err != nil || *again.Id != *user.Id || !slices.Contains(*again.Tokens, name) {
			t.Errorf("%s: %+v, %v", name, again, err)
		}
		if err := client.DeleteAPIToken(ctx, *user.Id, name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if s, err := with.Status(ctx); err != nil || s.User != nil {
			t.Errorf("%s: a deleted token is valid: %+v, %v", name, s, err)
		}
	}
}
