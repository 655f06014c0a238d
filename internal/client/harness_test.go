package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"iter"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/orrery-net/orrery/internal/server"
)

const (
	testToken   = "kQm2VvT9hXw4bZs7RjNc8LpYfD3gAe6u"
	testNetwork = "a1b2c3d4e5f60718"
)

// newOrrery starts an Orrery server of which nothing is sent anywhere.
func newOrrery(t *testing.T, change func(*server.Config)) (*server.Server, server.Config) {
	t.Helper()
	config := server.Default()
	config.Data = t.TempDir()
	config.HTTP, config.UDP, config.LogLevel = "127.0.0.1:0", "127.0.0.1:0", "warn"
	config.Roots = []netip.AddrPort{netip.MustParseAddrPort("192.0.2.1:9993")}
	if change != nil {
		change(&config)
	}
	made, err := os.ReadFile("../controller/testdata/identities.txt")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(config.Data, "identity.secret"), []byte(strings.Fields(string(made))[0]), 0o600); err != nil {
		t.Fatal(err)
	}
	return startOrrery(t, config), config
}

func startOrrery(t *testing.T, config server.Config) *server.Server {
	t.Helper()
	s, err := server.Start(context.Background(), config, t.Output())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Stop() }) // a second time does nothing
	return s
}

// clientOf is a client of an Orrery server, as its owner.
func clientOf(t *testing.T, s *server.Server, config server.Config) *Client {
	t.Helper()
	token, err := os.ReadFile(filepath.Join(config.Data, "owner.token"))
	if err != nil {
		t.Fatal(err)
	}
	return newClient(t, Options{URL: "http://" + s.HTTPAddr().String(), Token: string(token)})
}

func newClient(t *testing.T, o Options) *Client {
	t.Helper()
	if o.HTTP == nil {
		transport := transport()
		transport.Proxy = nil
		o.HTTP = &http.Client{Transport: transport}
		t.Cleanup(transport.CloseIdleConnections)
	}
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// serving is a client of a handler.
func serving(t *testing.T, h http.HandlerFunc) *Client {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return newClient(t, Options{URL: s.URL, Token: testToken})
}

// inBubble is a client of a handler in a synctest bubble, where time is fast.
func inBubble(t *testing.T, h http.HandlerFunc, change func(*Options)) *Client {
	t.Helper()
	wire := &wire{dialed: make(chan net.Conn), closed: make(chan struct{})}
	s := &http.Server{Handler: h}
	go s.Serve(wire)
	t.Cleanup(func() { s.Close() })
	transport := &http.Transport{DialContext: wire.dial}
	t.Cleanup(transport.CloseIdleConnections)
	o := Options{URL: "http://central.test", Token: testToken, HTTP: &http.Client{Transport: transport}}
	if change != nil {
		change(&o)
	}
	return newClient(t, o)
}

// wire is a network with one listener, in memory.
type wire struct {
	dialed chan net.Conn
	closed chan struct{}
}

func (w *wire) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case w.dialed <- there:
		return here, nil
	case <-w.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Accept implements net.Listener.
func (w *wire) Accept() (net.Conn, error) {
	select {
	case conn := <-w.dialed:
		return conn, nil
	case <-w.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (w *wire) Close() error { close(w.closed); return nil }

// Addr implements net.Listener.
func (w *wire) Addr() net.Addr { return &net.TCPAddr{} }

// fixture is a recorded answer of the hosted service, compact as it sends it.
func fixture(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../centralapi/testdata/fixtures", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, text); err != nil {
		t.Fatal(err)
	}
	return compact.Bytes()
}

// replaying is a client of a server that answers with recordings: METHOD and path
// below the base, and the name of one. Everything else is the web application's
// page, as at the hosted service.
func replaying(t *testing.T, answers map[string]string) *Client {
	t.Helper()
	return serving(t, func(w http.ResponseWriter, r *http.Request) {
		name, known := answers[r.Method+" "+strings.TrimPrefix(r.URL.Path, "/api/v1")]
		if !known {
			w.Header().Set("Content-Type", "text/html")
			w.Write([]byte("<!doctype html><title>ZeroTier Central</title>"))
			return
		}
		w.Header().Set("Content-Type", "application/json")
		if name != "" {
			w.Write(fixture(t, name))
		}
	})
}

func collect[T any](list iter.Seq2[*T, error]) (all []*T, err error) {
	for one, err := range list {
		if err != nil {
			return all, err
		}
		all = append(all, one)
	}
	return all, nil
}

// saysOnly makes sure that an error is one clear line for people.
func saysOnly(t *testing.T, err error, want ...string) {
	t.Helper()
	if err == nil {
		t.Error("no error")
		return
	}
	line := err.Error()
	for _, text := range want {
		if !strings.Contains(line, text) {
			t.Errorf("%q does not say %q", line, text)
		}
	}
	for _, jargon := range []string{"dial tcp", "connect:", "EOF", "Get \"", "Post \"", "json:", "invalid character", "x509:", "tls:", "*client", "context", "\n", "\x1b", testToken} {
		if strings.Contains(line, jargon) {
			t.Errorf("%q has %q in it", line, jargon)
		}
	}
	if len([]rune(line)) > 600 {
		t.Errorf("a line of %d characters", len(line))
	}
}

func isAll(t *testing.T, err error, targets ...error) {
	t.Helper()
	for _, target := range []error{ErrUnauthorized, ErrForbidden, ErrNotFound, ErrUnreachable, ErrNotOrrery} {
		want := false
		for _, is := range targets {
			want = want || is == target
		}
		if errors.Is(err, target) != want {
			t.Errorf("%v: is %v %v, want %v", err, target, !want, want)
		}
	}
}
