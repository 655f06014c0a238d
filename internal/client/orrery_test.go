package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/orrery-net/orrery/internal/server"
)

func TestNetworksAndMembersOfOrrery(t *testing.T) {
	s, config := newOrrery(t, nil)
	c, ctx := clientOf(t, s, config), t.Context()
	n, err := c.CreateNetwork(ctx, map[string]any{"config": map[string]any{"name": "office", "dns": map[string]any{"domain": "office.example", "servers": []string{"10.0.0.1"}}}})
	if err != nil || n.Config.Name != "office" || n.Config.DNS.Servers[0] != "10.0.0.1" || !n.Config.Private {
		t.Fatalf("%+v %v", n, err)
	}
	other, err := c.CreateNetwork(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	all, err := collect(c.Networks(ctx))
	if err != nil || len(all) != 2 || !slices.IsSortedFunc(all, func(a, b *Network) int { return strings.Compare(a.ID, b.ID) }) {
		t.Errorf("%v %v", all, err)
	}
	if n, err = c.UpdateNetwork(ctx, n.ID, map[string]string{"description": "<&> ümlaut"}); err != nil || n.Description != "<&> ümlaut" || n.Config.Name != "office" {
		t.Errorf("%+v %v", n, err)
	}
	m, err := c.UpdateMember(ctx, n.ID, "8A9D09E442", map[string]any{"name": "laptop", "config": map[string]bool{"authorized": true}})
	if err != nil || m.NodeID != "8a9d09e442" || m.Name != "laptop" || !m.Config.Authorized || m.Online() || m.LastSeen != 0 {
		t.Errorf("%+v %v", m, err)
	}
	if m, err = c.Member(ctx, n.ID, "8a9d09e442"); err != nil || m.Name != "laptop" {
		t.Errorf("%+v %v", m, err)
	}
	if members, err := collect(c.Members(ctx, n.ID)); err != nil || len(members) != 1 || members[0].ID != n.ID+"-8a9d09e442" {
		t.Errorf("%+v %v", members, err)
	}
	_, err = c.Member(ctx, n.ID, "8a9d09e443")
	isAll(t, err, ErrNotFound)
	saysOnly(t, err, "read member 8a9d09e443 of network "+n.ID+": the server says: ", "request id ")
	_, err = c.UpdateNetwork(ctx, n.ID, map[string]any{"config": map[string]any{"mtu": "big"}})
	saysOnly(t, err, "mtu")
	for _, node := range []string{"8a9d09e442", "8a9d09e443"} { // the second is no member
		if err := c.DeleteMember(ctx, n.ID, node); err != nil {
			t.Error(err)
		}
	}
	if err := c.DeleteNetwork(ctx, other.ID); err != nil {
		t.Error(err)
	}
	for _, err := range []error{
		errorOf(c.Network(ctx, other.ID)), c.DeleteMember(ctx, other.ID, "8a9d09e442"), c.DeleteNetwork(ctx, other.ID), errorOf(collect(c.Members(ctx, other.ID))),
	} {
		isAll(t, err, ErrNotFound)
		saysOnly(t, err, other.ID)
	}
}

func TestAccountsOfOrrery(t *testing.T) {
	s, config := newOrrery(t, nil)
	c, ctx := clientOf(t, s, config), t.Context()
	status, err := c.Status(ctx)
	if err != nil || status.User == nil || status.User.Email != "owner@localhost" {
		t.Fatalf("%+v %v", status, err)
	}
	if orrery, err := c.IsOrrery(ctx); !orrery || err != nil {
		t.Fatalf("%v %v", orrery, err)
	}
	n, err := c.CreateNetwork(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	expiry := time.Now().Add(time.Hour).UnixMilli()
	secret, err := c.CreateToken(ctx, Token{Name: "a b/c", ReadOnly: true, NetworkID: n.ID, ExpiryTime: expiry})
	if err != nil || len(secret) < 32 {
		t.Fatalf("%q %v", secret, err)
	}
	tokens, err := c.Tokens(ctx)
	if err != nil || len(tokens) != 2 || tokens[0].Name != "a b/c" || !tokens[0].ReadOnly || tokens[0].NetworkID != n.ID || tokens[0].ExpiryTime != expiry || tokens[1].LastUsedTime == 0 {
		t.Errorf("%+v %v", tokens, err)
	}
	limited := newClient(t, Options{URL: c.URL(), Token: secret})
	if orrery, err := limited.IsOrrery(ctx); !orrery || err != nil {
		t.Errorf("with a token for one network: %v %v", orrery, err)
	}
	isAll(t, limited.DeleteNetwork(ctx, n.ID), ErrForbidden)
	if _, err := c.CreateToken(ctx, Token{Name: "a b/c"}); err == nil || strings.Contains(err.Error(), secret) {
		t.Errorf("the name is taken: %v", err)
	}
	if err := c.DeleteToken(ctx, "a b/c"); err != nil {
		t.Error(err)
	}
	isAll(t, c.DeleteToken(ctx, "a b/c"), ErrNotFound)
	isAll(t, c.DeleteToken(ctx, ""), ErrNotFound)
	_, err = limited.Network(ctx, n.ID)
	isAll(t, err, ErrUnauthorized)
	saysOnly(t, err, "the server does not accept the token; log in with orrery login")

	nobody := newClient(t, Options{URL: c.URL()})
	if orrery, err := nobody.IsOrrery(ctx); !orrery || err != nil {
		t.Errorf("without a token: %v %v", orrery, err)
	}
	if status, err := nobody.Status(ctx); err != nil || status.User != nil {
		t.Errorf("%+v %v", status, err)
	}

	o, err := c.Organization(ctx)
	if err != nil || o.OwnerEmail != "owner@localhost" || len(o.Members) != 1 {
		t.Errorf("%+v %v", o, err)
	}
	i, err := c.Invite(ctx, "alice@example.com")
	if err != nil || i.Status != "pending" || i.CreationTime < expiry-2*time.Hour.Milliseconds() {
		t.Fatalf("%+v %v", i, err)
	}
	invitations, err := c.Invitations(ctx)
	if err != nil || len(invitations) != 1 || invitations[0].ID != i.ID {
		t.Errorf("%+v %v", invitations, err)
	}
	if _, err := c.AcceptInvitation(ctx, i.ID); err == nil {
		t.Error("one's own invitation was accepted")
	}
	if err := c.DeclineInvitation(ctx, i.ID); err != nil {
		t.Error(err)
	}
}

func TestActivityOfOrrery(t *testing.T) {
	s, config := newOrrery(t, func(c *server.Config) { c.RateLimit = 0 })
	c, ctx := clientOf(t, s, config), t.Context()
	n, err := c.CreateNetwork(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	const count = 2*activityPage + 20 // more than two pages
	for i := range count {
		if _, err := c.UpdateMember(ctx, n.ID, fmt.Sprintf("%010x", i+1), nil); err != nil {
			t.Fatal(err)
		}
	}
	all, err := collect(c.Activity(ctx, ActivityQuery{Network: n.ID}))
	if err != nil || len(all) != count+1 || all[count].Kind != "network.created" || all[0].Kind != "member.added" {
		t.Fatalf("%d changes: %v", len(all), err)
	}
	for i := range all[1:] {
		if all[i].Seq <= all[i+1].Seq || all[i].Time == 0 || !strings.Contains(string(all[i].Raw), n.ID) {
			t.Errorf("%+v", all[i])
		}
	}
	one, err := collect(c.Activity(ctx, ActivityQuery{
		Network: n.ID, Node: "0000000007", Kinds: []string{"member.added", "member.deleted"}, Since: time.UnixMilli(all[count].Time), Until: time.Now().Add(time.Hour),
	}))
	if err != nil || len(one) != 1 {
		t.Errorf("%v %v", one, err)
	}
	if none, err := collect(c.Activity(ctx, ActivityQuery{Until: time.UnixMilli(1)})); err != nil || len(none) != 0 {
		t.Errorf("%v %v", none, err)
	}
	_, err = collect(c.Activity(ctx, ActivityQuery{Kinds: []string{"nonsense"}}))
	saysOnly(t, err, "read the activity log: the server says: ")
	for range c.Activity(ctx, ActivityQuery{}) {
		break
	}
}

func TestOtherServersAreNotOrrery(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"the web application": func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<!doctype html>") },
		"its page as 404":     func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404); io.WriteString(w, "<!doctype html>") },
		"a JSON 404": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(404)
			io.WriteString(w, `{"type":"internal","message":"no"}`)
		},
		"a fault": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) },
		"another's problem": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(404)
			io.WriteString(w, `{"title":"Not Found"}`)
		},
		"a kind without a problem": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(401)
			io.WriteString(w, `{"kind":"unauthorized"}`)
		},
		"a refusal":  func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(403) },
		"somebody":   func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{"user":{"id":"x"}}`) },
		"a list":     func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `[]`) },
		"nothing":    func(http.ResponseWriter, *http.Request) {},
		"a redirect": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/login", http.StatusFound) },
	} {
		var asked atomic.Int32
		c := serving(t, func(w http.ResponseWriter, r *http.Request) {
			asked.Add(1)
			if r.URL.Path != "/api/orrery/v1/me" {
				t.Errorf("%s was asked", r.URL)
			}
			answer(w, r)
		})
		var all sync.WaitGroup
		for range 5 {
			all.Go(func() {
				if orrery, err := c.IsOrrery(t.Context()); orrery || err != nil {
					t.Errorf("%s: %v %v", name, orrery, err)
				}
			})
		}
		all.Wait()
		if asked.Load() != 1 {
			t.Errorf("%s: asked %d times", name, asked.Load())
		}
	}
}

func TestKindIsAskedAgainAfterAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var answers atomic.Bool
		c := inBubble(t, func(w http.ResponseWriter, _ *http.Request) {
			if !answers.Load() {
				panic(http.ErrAbortHandler)
			}
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusUnauthorized)
			io.WriteString(w, `{"kind":"unauthorized","detail":"no"}`)
		}, nil)
		_, err := c.IsOrrery(t.Context())
		isAll(t, err, ErrUnreachable)
		saysOnly(t, err, "ask what kind of server it is: ")
		_, err = collect(c.Watch(t.Context(), ""))
		isAll(t, err, ErrUnreachable)
		answers.Store(true)
		if orrery, err := c.IsOrrery(t.Context()); !orrery || err != nil {
			t.Errorf("%v %v", orrery, err)
		}
		c.kind.asking <- struct{}{} // somebody asks
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := c.IsOrrery(ctx); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}
