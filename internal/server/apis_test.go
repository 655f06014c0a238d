package server

import (
	"errors"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/orrery-net/orrery/internal/api"
	"github.com/orrery-net/orrery/internal/store"
)

// ask sends a GET with the owner's token.
func (s *Server) ask(t *testing.T, c Config, path string) *http.Response {
	t.Helper()
	request, err := http.NewRequest("GET", "http://"+s.HTTPAddr().String()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "token "+token(t, c))
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	return response
}

func TestBothAPIsStandBehindOneGate(t *testing.T) {
	c := settled(t)
	c.RateLimit, c.RateBurst = 1, 4
	s := start(t, c)
	for path, kind := range map[string]string{
		"/api/v1/network":     "application/json",
		"/api/orrery/v1/me":   "application/json",
		"/api/orrery/v1beta":  "application/json", // Central's 404
		"/api/orrery/v1/none": "application/problem+json",
	} {
		r := s.ask(t, c, path)
		if got := r.Header.Get("Content-Type"); got != kind {
			t.Errorf("%s: %d %s", path, r.StatusCode, got)
		}
		if r.Header.Get("X-Request-Id") == "" || r.Header.Get("X-Ratelimit-Limit") != "1" {
			t.Errorf("%s: %v", path, r.Header)
		}
	}
	for _, path := range []string{"/api/v1/network", "/api/orrery/v1/me"} {
		if r := s.ask(t, c, path); r.StatusCode != http.StatusTooManyRequests || r.Header.Get("Retry-After") == "" {
			t.Errorf("%s, the fifth request: %d", path, r.StatusCode)
		}
	}
	if status, _ := s.get(t, "/healthz"); status != 200 {
		t.Errorf("/healthz: %d", status)
	}
	_, metrics := s.get(t, "/metrics")
	for _, line := range []string{
		`{api="central",code="200"} 1`, `{api="central",code="404"} 1`, `{api="central",code="429"} 1`,
		`{api="orrery",code="200"} 1`, `{api="orrery",code="404"} 1`, `{api="orrery",code="429"} 1`,
	} {
		if !strings.Contains(metrics, "\norrery_api_requests_total"+line+"\n") {
			t.Errorf("/metrics has no %s", line)
		}
	}
}

// Clients put a path after a base URL that has a slash at its end, and follow no
// redirects.
func TestSlashesBeforeAPIs(t *testing.T) {
	c := settled(t)
	s := start(t, c)
	for path, want := range map[string]int{
		"//api/v1/network": 200, "///api/network": 200, "//api/orrery/v1/me": 200, "/%2Fapi/v1/network": 200,
		"//api/v1/user/none": 404, "//invitations/none": 404,
		"//api/v1/network/%2F": 404, "//metrics": 200, "//": 200,
	} {
		if r := s.ask(t, c, path); r.StatusCode != want {
			t.Errorf("%s: %d, want %d", path, r.StatusCode, want)
		}
	}
	// What is escaped in a path stays so.
	for path, want := range map[string]string{"//a/%2Fb": "/a/%2Fb", "/%2F/a%2Fb": "/a/b", "///": "/", "/a//b": "/a//b", "//%61": "/%61"} {
		r := httptest.NewRequest("GET", path, nil)
		if got := withOneSlash(r).URL.EscapedPath(); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}

// A live stream needs a deadline of its own for each event, through everything
// that is around its connection.
func TestStreamsSetTheirDeadlines(t *testing.T) {
	c := settled(t)
	s := start(t, c)
	h := s.routes(http.NotFoundHandler(), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Error(err)
		}
	}))
	server := httptest.NewServer(h)
	defer server.Close()
	response, err := http.Get(server.URL + api.Base + "/events")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
}

func TestInvitationsHaveAPage(t *testing.T) {
	c := settled(t)
	s := start(t, c)
	for path, want := range map[string]string{"/invitations/x": "text/html", "/invitationsx": "text/plain"} {
		if got := s.ask(t, c, path).Header.Get("Content-Type"); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s", path, got)
		}
	}
}

func TestAddressIsThereWhileTheServerRuns(t *testing.T) {
	c := settled(t)
	put(t, &c, httpAddressFile, "192.0.2.1:1\n") // left by a crash
	s := start(t, c)
	at, ok := s.folder.httpAddress()
	if !ok || at.String() != s.HTTPAddr().String() {
		t.Errorf("%s %v, want %s", at, ok, s.HTTPAddr())
	}
	if info, err := os.Stat(s.folder.path(httpAddressFile)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(s.folder.path(httpAddressFile)); !os.IsNotExist(err) {
		t.Errorf("after the stop: %v", err)
	}
}

func TestAddressCanBeDialed(t *testing.T) {
	f := folder(t.TempDir())
	for listening, want := range map[string]string{
		"0.0.0.0:8000": "127.0.0.1:8000", "[::]:8000": "127.0.0.1:8000", "192.0.2.1:80": "192.0.2.1:80", "[2001:db8::1]:80": "[2001:db8::1]:80",
	} {
		at, err := net.ResolveTCPAddr("tcp", listening)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.keepHTTPAddress(at); err != nil {
			t.Fatal(err)
		}
		if got, ok := f.httpAddress(); !ok || got.String() != want {
			t.Errorf("%s: %s %v, want %s", listening, got, ok, want)
		}
	}
	for _, damaged := range []string{"", "\n", "localhost:80", "127.0.0.1"} {
		if err := os.WriteFile(f.path(httpAddressFile), []byte(damaged), fs.FileMode(0o600)); err != nil {
			t.Fatal(err)
		}
		if at, ok := f.httpAddress(); ok {
			t.Errorf("%q is the address %s", damaged, at)
		}
	}
}

// Between taking the folder and removing what a crashed server left, a server
// that starts must not have the owner's token shown to whoever listens there now.
func TestLeftAddressIsNotAskedWhileAServerStarts(t *testing.T) {
	c := settled(t)
	if err := start(t, c).Stop(); err != nil {
		t.Fatal(err)
	}
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("another program was asked") }))
	defer other.Close()
	unlock, err := store.LockDir(c.Data)
	if err != nil {
		t.Fatal(err)
	}
	put(t, &c, httpAddressFile, other.Listener.Addr().String()+"\n")
	done := make(chan error, 1)
	time.AfterFunc(openUsersEvery/4, func() {
		done <- errors.Join(folder(c.Data).forgetHTTPAddress(), unlock())
	})
	users, err := OpenUsers(t.Context(), c.Data, t.Output())
	if err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if all, err := users.List(t.Context()); err != nil || len(all) != 1 {
		t.Errorf("%+v %v", all, err)
	}
	if err := users.Close(); err != nil {
		t.Error(err)
	}
}

func TestServerIsAskedWhereverItListens(t *testing.T) {
	for _, listen := range []string{"127.0.0.1:0", "0.0.0.0:0", "[::]:0", ":0", "localhost:0", "[::1]:0"} {
		t.Run(listen, func(t *testing.T) {
			if probe, err := net.Listen("tcp", listen); err != nil {
				t.Skip(err)
			} else if err := probe.Close(); err != nil {
				t.Fatal(err)
			}
			c := settled(t)
			c.HTTP = listen
			start(t, c)
			users, err := OpenUsers(t.Context(), c.Data, t.Output())
			if err != nil {
				t.Fatal(err)
			}
			if all, err := users.List(t.Context()); err != nil || len(all) != 1 {
				t.Errorf("%+v %v", all, err)
			}
			if err := users.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestAddressWithAZoneMakesAURL(t *testing.T) {
	c := settled(t)
	put(t, &c, ownerTokenFile, "token")
	at := netip.MustParseAddrPort("[fe80::1%eth0]:8000")
	users, err := openRemoteUsers(folder(c.Data), at)
	if err != nil {
		t.Fatal(err)
	}
	if u, err := url.Parse(users.(*remoteUsers).api); err != nil || u.Host != at.String() || u.Path != api.Base {
		t.Errorf("%v %v", u, err)
	}
}

// A server that starts or stops has the folder and cannot be asked.
func TestUsersWaitForAServerThatIsNotReady(t *testing.T) {
	c := settled(t)
	if err := start(t, c).Stop(); err != nil {
		t.Fatal(err)
	}
	unlock, err := store.LockDir(c.Data)
	if err != nil {
		t.Fatal(err)
	}
	given := make(chan error, 1)
	time.AfterFunc(3*openUsersEvery, func() { given <- unlock() })
	users, err := OpenUsers(t.Context(), c.Data, t.Output())
	if err != nil {
		t.Fatal(err)
	}
	if err := <-given; err != nil {
		t.Error(err)
	}
	if _, err := Start(t.Context(), c, t.Output()); err == nil || !strings.Contains(err.Error(), "in use by process") {
		t.Errorf("a server started while the users were open: %v", err)
	}
	if err := users.Close(); err != nil {
		t.Error(err)
	}
	if err := start(t, c).Stop(); err != nil {
		t.Error(err)
	}
}
