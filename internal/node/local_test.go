package node

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/orrery-net/orrery/zt"
)

// fakeAPI is the API of a ZeroTier service, as protocol 09 has it.
type fakeAPI struct {
	port string

	mu       sync.Mutex
	token    string
	address  string
	networks map[string]string // id to JSON
	answer   http.HandlerFunc  // instead of the API; nil: the API
	asked    []string
}

func startAPI(t testing.TB, address string) *fakeAPI {
	t.Helper()
	a := &fakeAPI{token: "secret0123456789", address: address, networks: map[string]string{}}
	server := httptest.NewServer(a)
	t.Cleanup(server.Close)
	_, a.port, _ = net.SplitHostPort(server.Listener.Addr().String())
	return a
}

// files are those of a home where this service runs.
func (a *fakeAPI) files() []string {
	return []string{"authtoken.secret:" + a.token, "zerotier-one.port:" + a.port}
}

func (a *fakeAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	a.asked = append(a.asked, strings.TrimSpace(r.Method+" "+r.URL.Path+" "+string(body)))
	if a.answer != nil {
		a.answer(w, r)
		return
	}
	if r.Header.Get("X-ZT1-Auth") != a.token {
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, "{}")
		return
	}
	id, one := strings.CutPrefix(r.URL.Path, "/network/")
	switch {
	case r.URL.Path == "/status":
		_, _ = io.WriteString(w, `{"address":"`+a.address+`","clock":1,"config":{"settings":{}},"online":true,"version":"1.14.1","versionMajor":1}`)
	case r.URL.Path == "/network":
		all := []json.RawMessage{}
		for _, network := range a.networks {
			all = append(all, json.RawMessage(network))
		}
		_ = json.NewEncoder(w).Encode(all)
	case !one:
		w.WriteHeader(http.StatusNotFound)
	case r.Method == http.MethodPost && string(body) != "{}":
		w.WriteHeader(http.StatusInternalServerError)
	case r.Method == http.MethodPost:
		if a.networks[id] == "" {
			a.networks[id] = `{"id":"` + id + `","name":"","status":"REQUESTING_CONFIGURATION","assignedAddresses":[],"routes":[]}`
		}
		_, _ = io.WriteString(w, a.networks[id])
	case a.networks[id] == "":
		w.WriteHeader(http.StatusNotFound)
	case r.Method == http.MethodDelete:
		delete(a.networks, id)
		_, _ = io.WriteString(w, `{"result":true}`)
	default:
		_, _ = io.WriteString(w, a.networks[id])
	}
}

func (a *fakeAPI) set(change func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	change()
}

const (
	testNode    = "af3756afc3"
	testNetwork = zt.NetworkID(0x8056c2e21c000001)
)

func TestLocal(t *testing.T) {
	ctx := t.Context()
	a := startAPI(t, testNode)
	l := open(t, folder(t, a.files()...)).Local()
	status, err := l.Status(ctx)
	if err != nil || status.Address.String() != testNode || status.Version != "1.14.1" || !status.Online {
		t.Fatalf("%+v %v", status, err)
	}
	if all, err := l.Networks(ctx); err != nil || len(all) != 0 {
		t.Errorf("%v %v", all, err)
	}
	if err := l.Leave(ctx, testNetwork); !errors.Is(err, ErrNotJoined) {
		t.Errorf("%v", err)
	}
	if err := l.Join(ctx, testNetwork); err != nil {
		t.Fatal(err)
	}
	if one, err := l.Network(ctx, testNetwork); err != nil || one.Status != StatusRequesting {
		t.Errorf("%+v %v", one, err)
	}
	go a.set(func() {
		a.networks[testNetwork.String()] = `{"id":"8056c2e21c000001","name":"home","status":"OK","portDeviceName":"zt0","assignedAddresses":["10.9.0.7/24","fd00::1/88"],"routes":[{"target":"10.9.0.0/24","via":null}]}`
	})
	one, err := l.Await(ctx, testNetwork, func(j *Joined) bool { return j.Status == StatusOK })
	if err != nil || one.Name != "home" || one.Device != "zt0" || len(one.AssignedAddresses) != 2 || one.AssignedAddresses[0].String() != "10.9.0.7/24" || one.Routes[0].Target != "10.9.0.0/24" {
		t.Errorf("%+v %v", one, err)
	}
	short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	if one, err := l.Await(short, testNetwork, func(*Joined) bool { return false }); !errors.Is(err, context.DeadlineExceeded) || one.Status != StatusOK {
		t.Errorf("%+v %v", one, err)
	}
	if err := l.Leave(ctx, testNetwork); err != nil {
		t.Error(err)
	}
}

func TestLocalFailures(t *testing.T) {
	a := startAPI(t, testNode)
	at := "127.0.0.1:" + a.port
	for _, x := range []struct {
		name   string
		answer http.HandlerFunc
		want   string
		silent bool
	}{
		{"another token", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(401) }, "the ZeroTier service on " + at + " refuses the token in ", false},
		{"an error", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, "answers with status 500", false},
		{"a redirect", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://192.0.2.1/", http.StatusFound)
		}, "answers with status 302", false},
		{"a page", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") }, "what answers on " + at + " is no ZeroTier service", false},
		{"an empty object", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") }, "what answers on " + at + " is no ZeroTier service", false},
		{"other types", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"address":7}`) }, "is no ZeroTier service", false},
		{"too much", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"address":"`+strings.Repeat("a", maxAnswer)+`"}`)
		}, "is no ZeroTier service", false},
		{"half", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, `{"addr`)
		}, "broke off in the middle of its answer on " + at, true},
		{"a broken connection", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "the ZeroTier service does not answer on " + at + "; is it running?", true},
	} {
		t.Run(x.name, func(t *testing.T) {
			a.set(func() { a.answer = x.answer })
			_, err := open(t, folder(t, a.files()...)).Local().Status(t.Context())
			if err == nil || !strings.Contains(err.Error(), x.want) || errors.Is(err, ErrSilent) != x.silent || strings.Contains(err.Error(), a.token) {
				t.Errorf("%v, want %s", err, x.want)
			}
		})
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	listener.Close()
	l := open(t, folder(t, "authtoken.secret:x", "zerotier-one.port:"+port)).Local()
	if _, err := l.Status(t.Context()); err == nil || err.Error() != "the ZeroTier service does not answer on 127.0.0.1:"+port+"; is it running?" {
		t.Errorf("%v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.Status(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// FuzzLocal has something else answer where the service would.
func FuzzLocal(f *testing.F) {
	f.Add([]byte(`{"address":"af3756afc3","version":"1.14.1","online":true}`))
	f.Add([]byte(`[{"id":"8056c2e21c000001","assignedAddresses":["10.9.0.7/24"],"routes":[{"target":"0.0.0.0/0"}]}]`))
	f.Add([]byte(`[{"assignedAddresses":["x"],"routes":null}]`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		h := open(t, folder(t, "authtoken.secret:x"))
		l := h.Local()
		l.http.Transport = canned(raw)
		_, _ = l.Status(t.Context())
		joined, _ := l.Networks(t.Context())
		_, _ = (&Cleanup{joined: joined}).Reached(testServer)
	})
}

// canned is a server that always answers the same.
type canned []byte

func (c canned) RoundTrip(r *http.Request) (*http.Response, error) {
	if u := (url.URL{Scheme: "http", Host: "127.0.0.1:9993"}); r.URL.Host != u.Host {
		return nil, errors.New("not loopback")
	}
	return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(string(c))), Request: r}, nil
}
