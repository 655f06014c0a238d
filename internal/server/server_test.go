package server

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/orrery-net/orrery/zt/world"
)

// testRoot is a root endpoint that nobody uses: with it nothing is sent to
// ZeroTier's public roots.
var testRoot = netip.MustParseAddrPort("192.0.2.1:9993")

func testConfig(t *testing.T) Config {
	t.Helper()
	c := Default()
	c.Data = filepath.Join(t.TempDir(), "data")
	c.HTTP, c.UDP = "127.0.0.1:0", "127.0.0.1:0"
	c.Roots = []netip.AddrPort{testRoot}
	c.Version = "test"
	return c
}

// settled is a configuration whose data folder has an identity already, which
// takes seconds to make.
func settled(t *testing.T) Config {
	t.Helper()
	c := testConfig(t)
	made, err := os.ReadFile("../controller/testdata/identities.txt")
	if err != nil {
		t.Fatal(err)
	}
	put(t, &c, identitySecretFile, strings.Fields(string(made))[0])
	return c
}

func start(t *testing.T, c Config) *Server {
	t.Helper()
	s, err := Start(t.Context(), c, t.Output())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if s.serving.Load() {
			if err := s.Stop(); err != nil {
				t.Error(err)
			}
		}
	})
	return s
}

func (s *Server) get(t *testing.T, path string) (int, string) {
	t.Helper()
	response, err := http.Get("http://" + s.HTTPAddr().String() + path)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

func (s *Server) api(t *testing.T, token, method, path, body string) (int, string) {
	t.Helper()
	request, err := http.NewRequest(method, "http://"+s.HTTPAddr().String()+"/api/v1"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "token "+token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(answer)
}

func token(t *testing.T, c Config) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(c.Data, ownerTokenFile))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestOperatorPages(t *testing.T) {
	c := settled(t)
	s := start(t, c)
	if status, body := s.get(t, "/healthz"); status != 200 || body != "ok\n" {
		t.Errorf("/healthz: %d %q", status, body)
	}
	if status, body := s.get(t, "/readyz"); status != 200 || !strings.HasSuffix(body, "\nready\n") {
		t.Errorf("/readyz: %d %q", status, body)
	}
	status, body := s.api(t, token(t, c), "POST", "/network", `{"config":{"routes":[{"target":"10.1.0.0/24"}],"ipAssignmentPools":[{"ipRangeStart":"10.2.0.1","ipRangeEnd":"10.2.0.9"}]}}`)
	if status != 200 {
		t.Fatalf("create: %d %s", status, body)
	}
	if _, body := s.get(t, "/readyz"); strings.Contains(body, "outside every route") {
		t.Errorf("/readyz warns unasked: %s", body)
	}
	status, body = s.get(t, "/readyz?verbose")
	if status != 200 || !strings.Contains(body, "pool 10.2.0.1–10.2.0.9 lies outside every route") || !strings.Contains(body, "own, this server is its root") {
		t.Errorf("/readyz?verbose: %d %s", status, body)
	}
	if status, body := s.get(t, "/"); status != 200 || !strings.Contains(body, s.Address().String()) {
		t.Errorf("/: %d %q", status, body)
	}
	if status, _ := s.get(t, "/nothing"); status != 404 {
		t.Errorf("/nothing: %d", status)
	}
	if status, body := s.get(t, "/api//v1/network/../status"); status != 404 || !strings.HasPrefix(body, `{"type":`) {
		t.Errorf("a crooked API path: %d %s", status, body)
	}
}

// TestDocumentedMetrics holds docs/operations.md to what /metrics shows.
func TestDocumentedMetrics(t *testing.T) {
	s := start(t, settled(t))
	_, shown := s.get(t, "/metrics")
	document, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile(`orrery_[a-z0-9_]+`).FindAllString(string(document), -1)
	if len(names) < 8 {
		t.Fatalf("the document names %d metrics", len(names))
	}
	for _, name := range names {
		// A server with an own planet has no roots above it.
		if !strings.Contains(shown, "\n"+name) && !strings.HasPrefix(name, "orrery_root_") {
			t.Errorf("/metrics has no %s", name)
		}
	}
}

func TestRestartKeepsWhatMatters(t *testing.T) {
	c := testConfig(t)
	s := start(t, c)
	address, owner, planet := s.Address(), token(t, c), s.planet.Append(nil)
	_, made := s.api(t, owner, "POST", "/network", `{"config":{"name":"kept"}}`)
	began := time.Now()
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("the stop took %s", took)
	}
	s = start(t, c)
	if s.Address() != address || token(t, c) != owner || !bytes.Equal(s.planet.Append(nil), planet) {
		t.Error("identity, token or planet changed")
	}
	id := regexp.MustCompile(`"id":"([0-9a-f]{16})"`).FindStringSubmatch(made)[1]
	if status, body := s.api(t, owner, "GET", "/network/"+id, ""); status != 200 || !strings.Contains(body, `"name":"kept"`) {
		t.Errorf("the network after the restart: %d %s", status, body)
	}
	for name, mode := range map[string]os.FileMode{
		httpAddressFile: 0o600, identitySecretFile: 0o600, planetSecretFile: 0o600, ownerTokenFile: 0o600, databaseFile: 0o600,
		identityPublicFile: 0o644, planetFile: 0o644,
	} {
		info, err := os.Stat(filepath.Join(c.Data, name))
		if err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v %v, want %v", name, info, err, mode)
		}
	}
}

func TestLostOwnerToken(t *testing.T) {
	c := settled(t)
	s := start(t, c)
	lost := token(t, c)
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(c.Data, ownerTokenFile)); err != nil {
		t.Fatal(err)
	}
	s = start(t, c)
	if status, _ := s.api(t, token(t, c), "GET", "/network", ""); status != 200 {
		t.Errorf("the new token gives %d", status)
	}
	if status, _ := s.api(t, lost, "GET", "/network", ""); status != 401 {
		t.Errorf("the lost token gives %d", status)
	}
}

func TestSecretsStayOutOfLogs(t *testing.T) {
	c := settled(t)
	c.LogLevel = "debug"
	var log bytes.Buffer
	s, err := Start(t.Context(), c, &log)
	if err != nil {
		t.Fatal(err)
	}
	owner := token(t, c)
	s.api(t, owner, "POST", "/network", `{}`)
	s.api(t, owner, "POST", "/network", `{"config":{"mtu":"`+owner+`"}}`)
	s.api(t, owner[1:]+"x", "GET", "/network", "")
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	secret, err := os.ReadFile(filepath.Join(c.Data, identitySecretFile))
	if err != nil {
		t.Fatal(err)
	}
	private := string(secret[bytes.LastIndexByte(secret, ':')+1:])
	for what, text := range map[string]string{"owner's token": owner, "wrong token": owner[1:] + "x", "private key": private} {
		if strings.Contains(log.String(), text) || strings.Contains(s.Summary(), text) {
			t.Errorf("the %s is in the log:\n%s", what, log.String())
		}
	}
}

func TestRefusals(t *testing.T) {
	for _, x := range []struct {
		name, want string
		change     func(t *testing.T, c *Config)
	}{
		{"a folder inside a file", "choose another with --data", func(t *testing.T, c *Config) {
			file := filepath.Join(t.TempDir(), "file")
			if err := os.WriteFile(file, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			c.Data = filepath.Join(file, "data")
		}},
		{"no port", "is no host:port", func(_ *testing.T, c *Config) { c.HTTP = "localhost" }},
		{"log level", "want debug, info, warn or error", func(_ *testing.T, c *Config) { c.LogLevel = "loud" }},
		{"log format", "want text or json", func(_ *testing.T, c *Config) { c.LogFormat = "xml" }},
		{"database", "SQLite inside --data", func(_ *testing.T, c *Config) { c.Database = "postgres://x" }},
		{"negative rate", "--rate-limit -1; want requests per second", func(_ *testing.T, c *Config) { c.RateLimit = -1 }},
		{"burst below the rate", "--rate-burst 400; want at least --rate-limit, which is 500", func(_ *testing.T, c *Config) { c.RateLimit = 500 }},
		{"huge burst", "at most 1000000", func(_ *testing.T, c *Config) { c.RateBurst = 1 << 40 }},
		{"short memory", "--keep-activity 1m0s; want from 1h0m0s to 36500 days", func(_ *testing.T, c *Config) { c.KeepActivity = time.Minute }},
		{"negative memory", "--keep-activity", func(_ *testing.T, c *Config) { c.KeepActivity = -day }},
		{"address of another machine", "choose another with --http", func(_ *testing.T, c *Config) { c.HTTP = "192.0.2.7:80" }},
		{"damaged identity", "identity.secret is damaged", func(t *testing.T, c *Config) { put(t, c, identitySecretFile, "0123456789:0:00") }},
		{"public identity", "holds no private key", func(t *testing.T, c *Config) {
			s := start(t, *c)
			public := s.identity.String()
			if err := s.Stop(); err != nil {
				t.Fatal(err)
			}
			put(t, c, identitySecretFile, public)
		}},
		{"lost identity", "restore the file from a backup", func(t *testing.T, c *Config) { put(t, c, databaseFile, "x") }},
		{"damaged planet", "planet is damaged", func(t *testing.T, c *Config) { put(t, c, planetFile, "\x01xyz"); keepKey(t, c) }},
		{"lost planet key", "planet.secret is missing", func(t *testing.T, c *Config) { put(t, c, planetFile, "\x01xyz") }},
		{"damaged planet key", "want 128 hex digits", func(t *testing.T, c *Config) { put(t, c, planetSecretFile, "00ff") }},
		{"damaged database", "orrery.db", func(t *testing.T, c *Config) {
			s := start(t, *c)
			if err := s.Stop(); err != nil {
				t.Fatal(err)
			}
			put(t, c, databaseFile, strings.Repeat("no database ", 1000))
			for _, rest := range []string{databaseFile + "-wal", databaseFile + "-shm"} {
				_ = os.Remove(filepath.Join(c.Data, rest))
			}
		}},
	} {
		t.Run(x.name, func(t *testing.T) {
			c := testConfig(t)
			x.change(t, &c)
			s, err := Start(t.Context(), c, io.Discard)
			if err == nil {
				_ = s.Stop()
				t.Fatal("it started")
			}
			if !strings.Contains(err.Error(), x.want) {
				t.Fatalf("%q does not say %q", err, x.want)
			}
		})
	}
}

func put(t *testing.T, c *Config, name, content string) {
	t.Helper()
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(c.Data, name), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func keepKey(t *testing.T, c *Config) {
	t.Helper()
	put(t, c, planetSecretFile, strings.Repeat("17", 64))
}

func TestPlanetFollowsItsRoots(t *testing.T) {
	f, err := openFolder(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	id, err := f.newIdentity(context.Background(), log)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	make := func(roots ...string) *world.World {
		t.Helper()
		var all []netip.AddrPort
		for _, r := range roots {
			at, err := ParseRoot(r)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, at)
		}
		w, err := f.planet(all, id, now, log)
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	first := make("10.0.0.1/9993", "2001:db8::1/9993")
	if again := make("[2001:db8::1]:9993", "10.0.0.1:9993"); again.Timestamp != first.Timestamp {
		t.Error("the same endpoints in another order and notation made a new revision")
	}
	now = now.Add(-time.Hour) // a clock that was set back must not stop updates
	second := make("10.0.0.2/9993")
	if err := second.Replaces(first); err != nil || second.ID != first.ID {
		t.Errorf("clients would refuse the new revision: %v", err)
	}
	read, err := ReadPlanet(string(f))
	if err != nil || !bytes.Equal(read.Append(nil), second.Append(nil)) {
		t.Errorf("the planet on disk: %v %v", read, err)
	}
	if w, err := f.planet(nil, id, now, log); err != nil || w.ID != world.Public().ID {
		t.Errorf("without roots: %v %v", w, err)
	}
}

func TestParseRoot(t *testing.T) {
	for text, want := range map[string]string{
		"10.77.0.1/9993":      "10.77.0.1:9993",
		"10.77.0.1:443":       "10.77.0.1:443",
		"2001:db8::1/9993":    "[2001:db8::1]:9993",
		"[2001:db8::1]:9993":  "[2001:db8::1]:9993",
		"::ffff:10.0.0.1/9":   "10.0.0.1:9",
		"10.77.0.1":           "",
		"10.77.0.1/0":         "",
		"10.77.0.1/70000":     "",
		"127.0.0.1/9993":      "",
		"fe80::1%eth0/9993":   "",
		"0.0.0.0/9993":        "",
		"224.0.0.1/9993":      "",
		"orrery.example/9993": "",
		"":                    "",
	} {
		at, err := ParseRoot(text)
		if (err == nil) != (want != "") || err == nil && at.String() != want {
			t.Errorf("%q: %v %v, want %q", text, at, err, want)
		}
	}
}

func TestParseKeep(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"90d": 90 * day, "1d": day, "0d": 0, "0": 0, "720h": 720 * time.Hour, "1h30m": 90 * time.Minute,
		"": -1, "d": -1, "90": -1, "-5d": -1, "1.5d": -1, "99999999d": -1, "ever": -1,
	} {
		got, err := ParseKeep("--keep-activity", text)
		if (err == nil) != (want >= 0) || err == nil && got != want {
			t.Errorf("%q: %v %v, want %v", text, got, err, want)
		}
		if err != nil && !errors.Is(err, ErrUsage) {
			t.Errorf("%q: %v is no usage error", text, err)
		}
	}
}

func TestCheckClock(t *testing.T) {
	for text, ok := range map[string]bool{"1970-01-01": false, "2025-12-31": false, "2026-11-23": true, "2099-01-01": true, "2101-01-01": false} {
		now, err := time.Parse(time.DateOnly, text)
		if err != nil {
			t.Fatal(err)
		}
		if err := checkClock(now); (err == nil) != ok {
			t.Errorf("%s: %v", text, err)
		}
	}
}
