package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/orrery-net/orrery/internal/server"
)

// hostedNetwork is a network at a server without Orrery's own API, with members
// that can be changed.
type hostedNetwork struct {
	mu         sync.Mutex
	authorized map[string]bool // by node
	requests   []string
	fails      func(method, node string) int // status; 0: it does not
}

func (h *hostedNetwork) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	node, isMember := strings.CutPrefix(r.URL.Path, "/api/v1/network/"+testNetwork+"/member/")
	if !isMember {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	h.requests = append(h.requests, r.Method+" "+node)
	if h.fails != nil {
		if status := h.fails(r.Method, node); status != 0 {
			w.WriteHeader(status)
			return
		}
	}
	_, known := h.authorized[node]
	switch r.Method {
	case http.MethodDelete:
		delete(h.authorized, node)
		return
	case http.MethodPost:
		var patch struct{ Config struct{ Authorized bool } }
		if err := json.NewDecoder(r.Body).Decode(&patch); err != nil {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		h.authorized[node] = patch.Config.Authorized
	case http.MethodGet:
		if !known {
			w.WriteHeader(http.StatusNotFound)
			return
		}
	}
	fmt.Fprintf(w, `{"nodeId":%q,"config":{"authorized":%v}}`, node, h.authorized[node])
}

// told makes a short text of outcomes.
func told(outcomes []Outcome) (all []string) {
	for _, o := range outcomes {
		text := o.Node + " unchanged"
		switch {
		case errors.Is(o.Err, ErrNotFound):
			text = o.Node + " missing"
		case errors.Is(o.Err, ErrUnauthorized):
			text = o.Node + " unauthorized"
		case errors.Is(o.Err, context.Canceled):
			text = o.Node + " canceled"
		case o.Err != nil:
			text = o.Node + " failed"
		case o.Changed:
			text = o.Node + " changed"
		}
		all = append(all, text)
	}
	return all
}

func TestChangeMembersOneByOne(t *testing.T) {
	h := &hostedNetwork{authorized: map[string]bool{"000000000a": false, "000000000b": true, "000000000c": false}}
	c := serving(t, h.ServeHTTP)
	nodes := []string{"000000000A", "000000000b", "000000000d", "nonsense", "000000000c", "000000000a", "000000000d"}
	for _, x := range []struct {
		do   Action
		want []string
		is   map[string]bool
	}{
		{Authorize, []string{"000000000A changed", "000000000b unchanged", "000000000d missing", "nonsense failed", "000000000c changed", "000000000a unchanged", "000000000d missing"},
			map[string]bool{"000000000a": true, "000000000b": true, "000000000c": true}},
		{Deauthorize, []string{"000000000A changed", "000000000b changed", "000000000d missing", "nonsense failed", "000000000c changed", "000000000a unchanged", "000000000d missing"},
			map[string]bool{"000000000a": false, "000000000b": false, "000000000c": false}},
		{Delete, []string{"000000000A changed", "000000000b changed", "000000000d missing", "nonsense failed", "000000000c changed", "000000000a unchanged", "000000000d missing"},
			map[string]bool{}},
	} {
		got := told(slices.Collect(c.ChangeMembers(t.Context(), testNetwork, nodes, x.do)))
		if !reflect.DeepEqual(got, x.want) {
			t.Errorf("%s: %q, want %q", x.do, got, x.want)
		}
		if !reflect.DeepEqual(h.authorized, x.is) {
			t.Errorf("%s: %v, want %v", x.do, h.authorized, x.is)
		}
	}
}

func TestFailuresAreOfThoseMembersAlone(t *testing.T) {
	h := &hostedNetwork{authorized: make(map[string]bool), fails: func(method, node string) int {
		if method == "POST" && node == "0000000003" {
			return http.StatusForbidden
		}
		return 0
	}}
	var nodes []string
	for i := range 20 {
		nodes = append(nodes, fmt.Sprintf("%010x", i+1))
		h.authorized[nodes[i]] = false
	}
	c := serving(t, h.ServeHTTP)
	for i, o := range slices.Collect(c.ChangeMembers(t.Context(), testNetwork, nodes, Authorize)) {
		if o.Node != nodes[i] || o.Changed != (i != 2) || errors.Is(o.Err, ErrForbidden) != (i == 2) {
			t.Errorf("%d: %+v", i, o)
		}
	}
}

func TestHopelessFailuresEndABulkChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, status := range []int{401, 503, 429} {
			h := &hostedNetwork{authorized: make(map[string]bool), fails: func(method, node string) int {
				if node >= "0000000003" {
					return status
				}
				return 0
			}}
			var nodes []string
			for i := range 1000 {
				nodes = append(nodes, fmt.Sprintf("%010x", i+1))
				h.authorized[nodes[i]] = false
			}
			c := inBubble(t, h.ServeHTTP, nil)
			all := slices.Collect(c.ChangeMembers(t.Context(), testNetwork, nodes, Authorize))
			if len(all) != 1000 || !all[0].Changed || !all[1].Changed {
				t.Errorf("%d: %d outcomes", status, len(all))
			}
			for _, o := range all[2:] {
				if o.Changed || o.Err == nil || status == 401 != errors.Is(o.Err, ErrUnauthorized) {
					t.Fatalf("%d: %+v", status, o)
				}
			}
			h.mu.Lock()
			requests := slices.Clone(h.requests)
			h.mu.Unlock()
			for _, request := range requests {
				if request > "GET 0000000010" && strings.HasPrefix(request, "GET") {
					t.Fatalf("%d: %s was sent", status, request)
				}
			}
		}
	})
}

// What was on its way when another failure ended the rest was done, and is told so.
func TestWhatWasOnItsWayIsTold(t *testing.T) {
	h := &hostedNetwork{authorized: make(map[string]bool)}
	nodes := make([]string, 20)
	for i := range nodes {
		nodes[i] = fmt.Sprintf("%010x", i+1)
		h.authorized[nodes[i]] = false
	}
	var others sync.WaitGroup
	others.Add(bulkAtOnce - 1)
	c := serving(t, func(w http.ResponseWriter, r *http.Request) {
		switch first := strings.HasSuffix(r.URL.Path, nodes[0]); {
		case !first:
			h.ServeHTTP(w, r)
			if r.Method == http.MethodPost {
				others.Done()
			}
		case r.Method == http.MethodPost:
			others.Wait()
			w.WriteHeader(http.StatusUnauthorized)
		default:
			h.ServeHTTP(w, r)
		}
	})
	got := told(slices.Collect(c.ChangeMembers(t.Context(), testNetwork, append(nodes, nodes[1]), Authorize)))
	want := []string{nodes[0] + " unauthorized", nodes[1] + " changed", nodes[2] + " changed", nodes[3] + " changed"}
	for _, node := range nodes[bulkAtOnce:] {
		want = append(want, node+" unauthorized")
	}
	if want = append(want, nodes[1]+" unchanged"); !reflect.DeepEqual(got, want) {
		t.Errorf("%q", got)
	}
}

func TestBulkChangeEndsWithTheContextAndItsReader(t *testing.T) {
	h := &hostedNetwork{authorized: make(map[string]bool)}
	var nodes []string
	for i := range 100 {
		nodes = append(nodes, fmt.Sprintf("%010x", i+1))
		h.authorized[nodes[i]] = false
	}
	c := serving(t, h.ServeHTTP)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var all []Outcome
	for o := range c.ChangeMembers(ctx, testNetwork, nodes, Authorize) {
		all = append(all, o)
		cancel()
	}
	if got := told(all); len(got) != 100 || got[0] != "0000000001 changed" || got[99] != "0000000064 canceled" {
		t.Errorf("%q", got)
	}
	for range c.ChangeMembers(t.Context(), testNetwork, nodes[50:], Authorize) {
		break
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.requests) > 8*bulkAtOnce {
		t.Errorf("%d requests", len(h.requests))
	}
	c = serving(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<html>") })
	if got := slices.Collect(c.ChangeMembers(t.Context(), "nonsense", nodes[:2], Authorize)); len(got) != 2 || got[1].Err == nil || got[1].Node != nodes[1] {
		t.Errorf("%+v", got)
	}
	for range c.ChangeMembers(t.Context(), testNetwork, nil, Delete) {
		t.Error("an outcome of none")
	}
}

// A server that accepts a change and does not make it, as with a plan that allows
// no more members.
func TestAuthorizedInNameOnly(t *testing.T) {
	c := serving(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "/member/") {
			io.WriteString(w, `{"nodeId":"0000000001","config":{"authorized":false}}`)
		}
	})
	for o := range c.ChangeMembers(t.Context(), testNetwork, []string{"0000000001"}, Authorize) {
		saysOnly(t, o.Err, "the server accepted it and did not do it")
	}
}

func TestChangeMembersTogether(t *testing.T) {
	s, config := newOrrery(t, func(c *server.Config) { c.RateLimit = 0 })
	c, ctx := clientOf(t, s, config), t.Context()
	n, err := c.CreateNetwork(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	nodes := make([]string, bulkMost+100)
	if testing.Short() {
		nodes = nodes[:100] // one request
	}
	count, before := len(nodes), len(nodes)-50 // the latter is authorized already
	var making sync.WaitGroup
	for begin := range 10 {
		making.Go(func() {
			for i := begin; i < len(nodes); i += 10 {
				nodes[i] = fmt.Sprintf("%010x", i+1)
				if _, err := c.UpdateMember(ctx, n.ID, nodes[i], map[string]any{"config": map[string]bool{"authorized": i == before}}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	making.Wait()
	named := slices.Concat(nodes, []string{"00000fffff", "nonsense", nodes[0], strings.ToUpper(nodes[10]), "ff00000001"})
	all := slices.Collect(c.ChangeMembers(ctx, n.ID, named, Authorize))
	for i, o := range all {
		want := named[i] + " changed"
		switch {
		case i == before || i == count+2 || i == count+3:
			want = named[i] + " unchanged"
		case i == count:
			want = named[i] + " missing"
		case i == count+1 || i == count+4:
			want = named[i] + " failed"
		}
		if got := told([]Outcome{o})[0]; got != want {
			t.Errorf("%s, want %s: %v", got, want, o.Err)
		}
	}
	if len(all) != len(named) {
		t.Errorf("%d outcomes", len(all))
	}
	changes, err := collect(c.Activity(ctx, ActivityQuery{Network: n.ID, Kinds: []string{"member.authorized"}}))
	if err != nil || len(changes) != count {
		t.Errorf("%d were authorized: %v", len(changes), err)
	}
	missing := slices.Collect(c.ChangeMembers(ctx, "a1b2c3d4e5f60718", nodes[:3], Delete))
	if got := told(missing); !reflect.DeepEqual(got, []string{nodes[0] + " missing", nodes[1] + " missing", nodes[2] + " missing"}) {
		t.Errorf("in a network that is not there: %q", got)
	}
	other := newClient(t, Options{URL: c.URL(), Token: "wrong"})
	if got := told(slices.Collect(other.ChangeMembers(ctx, n.ID, nodes[:2], Delete))); !reflect.DeepEqual(got, []string{nodes[0] + " unauthorized", nodes[1] + " unauthorized"}) {
		t.Errorf("with a wrong token: %q", got)
	}
}

func TestStrangeBulkAnswers(t *testing.T) {
	for _, answer := range []string{
		`{}`, `[]`, `{"results":null}`, `{"results":[]}`, `{"results":[{"nodeId":"0000000002","outcome":"changed"}]}`,
		`{"results":[{"nodeId":"0000000001","outcome":"exploded"}]}`, `{"results":[{"nodeId":"0000000001"},{}]}`, `<html>`,
	} {
		c := serving(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, answer) })
		c.kind.known, c.kind.orrery = true, true
		for o := range c.ChangeMembers(t.Context(), testNetwork, []string{"0000000001"}, Authorize) {
			if o.Changed || !errors.Is(o.Err, ErrUnreachable) {
				t.Errorf("%s: %+v", answer, o)
			}
		}
	}
}
