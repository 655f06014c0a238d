package doctor

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/orrery-net/orrery/internal/client"
	"github.com/orrery-net/orrery/internal/server"
)

// behind puts a proxy before the server, which answers some requests to the API
// itself: those that answer returns true for. Paths are below /api/v1.
func (c *clinic) behind(answer func(w http.ResponseWriter, method, path string) bool) Options {
	c.t.Helper()
	at, err := url.Parse("http://" + c.server.HTTPAddr().String())
	if err != nil {
		c.t.Fatal(err)
	}
	passed := httputil.NewSingleHostReverseProxy(at)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !answer(w, r.Method, strings.TrimPrefix(r.URL.Path, "/api/v1")) {
			passed.ServeHTTP(w, r)
		}
	}))
	c.t.Cleanup(proxy.Close)
	o := c.elsewhere()
	if o.Client, err = client.New(client.Options{URL: proxy.URL, Token: c.token()}); err != nil {
		c.t.Fatal(err)
	}
	return o
}

// TestLeftNetwork checks that a network that cannot be deleted is told, also to
// somebody who does not want to wait anymore.
func TestLeftNetwork(t *testing.T) {
	c := newClinic(t)
	ctx, interrupt := context.WithCancel(t.Context())
	o := c.behind(func(w http.ResponseWriter, method, path string) bool {
		switch {
		case method == http.MethodDelete:
			http.Error(w, "{}", http.StatusForbidden)
			return true
		case strings.Contains(path, "/member/"):
			interrupt()
		}
		return false
	})
	o.Join = true
	var found report
	for f := range Run(ctx, o) {
		found = append(found, f)
	}
	found.want(t, "join", Problem, "is still there", "orrery network delete ")
	if last := found[len(found)-1]; last.Check != "join" {
		t.Errorf("after the end: %+v", last)
	}
}

// TestForeignNetwork has a server that does not make a network, but answers with
// another one: that must not be deleted.
func TestForeignNetwork(t *testing.T) {
	c := newClinic(t)
	dear := c.network(`{"name":"dear"}`)
	for _, id := range []string{dear, "", "../" + dear} {
		o := c.behind(func(w http.ResponseWriter, method, path string) bool {
			if method != http.MethodPost || path != "/network" {
				return false
			}
			_, _ = w.Write([]byte(`{"id":"` + id + `"}`))
			return true
		})
		o.Join = true
		examine(t, o).want(t, "join", Problem, "none that it made")
		c.must("GET", "/network/"+dear, "", nil)
	}
}

// TestStrangeIDs checks that ids which a shell would run get into no advice.
func TestStrangeIDs(t *testing.T) {
	c := newClinic(t)
	network := c.network(`{}`)
	const strange = "$(touch pwned)"
	for list, answer := range map[string]string{
		"/network":                        `[{"id":"` + strange + `","config":{"v4AssignMode":{"zt":true}}}]`,
		"/network/" + network + "/member": `[{"nodeId":"` + strange + `","lastSeen":1,"config":{}}]`,
	} {
		o := c.behind(func(w http.ResponseWriter, _, path string) bool {
			if path != list {
				return false
			}
			_, _ = w.Write([]byte(answer))
			return true
		})
		told := false
		for _, f := range examine(t, o) {
			told = told || strings.Contains(f.Found, "want 1") // so many hex digits
			if strings.Contains(f.Do, strange) {
				t.Errorf("the advice of %s is to run %s", f.Check, f.Do)
			}
		}
		if !told {
			t.Errorf("the strange id of %s is not told", list)
		}
	}
}

func TestUnreadableNetworks(t *testing.T) {
	c := newClinic(t)
	for status, do := range map[int]string{http.StatusForbidden: "use a token", http.StatusInternalServerError: "try again"} {
		o := c.behind(func(w http.ResponseWriter, _, path string) bool {
			if path != "/network" {
				return false
			}
			http.Error(w, "{}", status)
			return true
		})
		examine(t, o).want(t, "api", Problem, "does not show the networks", do)
	}
}

// TestJoinUnseen checks that a wish that cannot be met is not passed over.
func TestJoinUnseen(t *testing.T) {
	examine(t, Options{Join: true}).want(t, "join", Skipped, "see api")
}

// TestMuteServer has a server that runs and does not say how it is: the program
// that has its port may be itself, and is not to be stopped.
func TestMuteServer(t *testing.T) {
	s := &survey{folder: &server.Inspection{}, local: &server.Local{}}
	report(s.checkPort(t.Context())).want(t, "port", Skipped, "does not say")
}
