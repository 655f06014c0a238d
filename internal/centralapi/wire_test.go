package centralapi

import (
	"bufio"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/orrery-net/orrery/internal/gate"
)

// limited is a server whose users may make 20 requests per second, 40 at once.
func (w *world) limited() *httptest.Server {
	logger := slog.New(slog.NewTextHandler(w.log, nil))
	now := func() time.Time { return time.UnixMilli(w.tick(0)) }
	door := gate.New(gate.Options{Service: w.service, Logger: logger, Limits: gate.Limits{PerSecond: 20, Burst: 40}, Now: now})
	server := httptest.NewServer(New(Options{Service: w.service, Gate: door, Logger: logger, Version: "9.8.7", StartTime: time.Now()}))
	w.Cleanup(server.Close)
	return server
}

// raw sends bytes as curl -i shows them, and returns the head and the body of the
// answer as they came.
func raw(t *testing.T, server *httptest.Server, request string) (head, body string) {
	t.Helper()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, strings.ReplaceAll(request, "\n", "\r\n")); err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(bufio.NewReader(conn))
	if err != nil {
		t.Fatal(err)
	}
	head, body, _ = strings.Cut(string(text), "\r\n\r\n")
	return head + "\r\n", body
}

func TestHeadersOnTheWire(t *testing.T) {
	w := newWorld(t)
	w.network("{}")
	server := w.limited()
	const common = "Host: api.example\nConnection: close\nUser-Agent: curl/8\nAccept: */*\n"
	body := `{"config":{"authorized":true}}`
	for name, c := range map[string]struct {
		request string
		has     []string
	}{
		"an answer": {"GET /api/v1/network HTTP/1.1\n" + common + "Authorization: token {token}\n\n", []string{
			"HTTP/1.1 200 OK", "Content-Type: application/json", "Access-Control-Allow-Origin: *", "Cache-Control: no-store",
			"X-Ratelimit-Limit: 20", "X-Ratelimit-Remaining: 20", "X-Ratelimit-Reset: Tue, 14 Nov 2023 22:", " UTC\r\n",
		}},
		"a form, as curl --data sends it": {"POST /api/v1/network/{net}/member/{node} HTTP/1.1\n" + common + "Authorization: bearer {token}\nContent-Type: application/x-www-form-urlencoded\nContent-Length: " + strconv.Itoa(len(body)) + "\n\n" + body, []string{
			"HTTP/1.1 200 OK", "Content-Type: application/json",
		}},
		"a body of unknown length": {"POST /api/v1/network/{net} HTTP/1.1\n" + common + "Authorization: bearer {token}\nTransfer-Encoding: chunked\n\n2\n{}\n0\n\n", []string{"HTTP/1.1 200 OK"}},
		"no token":                 {"GET /api/v1/network HTTP/1.1\n" + common + "\n", []string{"HTTP/1.1 401 Unauthorized", "Content-Type: application/json", "Access-Control-Allow-Origin: *", "X-Ratelimit-Limit: 20"}},
		"an unknown path":          {"GET /api/v1/nothing HTTP/1.1\n" + common + "\n", []string{"HTTP/1.1 404 Not Found", "Content-Type: application/json", "Access-Control-Allow-Origin: *"}},
		"two slashes":              {"GET /api/v1//network HTTP/1.1\n" + common + "Authorization: token {token}\n\n", []string{"HTTP/1.1 404 Not Found", "Content-Type: application/json"}},
		"a path with dots":         {"GET /api/v1/x/../network HTTP/1.1\n" + common + "Authorization: token {token}\n\n", []string{"HTTP/1.1 404 Not Found", "Content-Type: application/json"}},
		"another method":           {"PATCH /api/v1/network HTTP/1.1\n" + common + "Authorization: token {token}\n\n", []string{"HTTP/1.1 405 Method Not Allowed", "Allow: OPTIONS, GET, HEAD, POST, PUT", "Access-Control-Allow-Origin: *"}},
		"HEAD":                     {"HEAD /api/v1/network/{net} HTTP/1.1\n" + common + "Authorization: Token {token}\n\n", []string{"HTTP/1.1 200 OK", "Content-Type: application/json", "Content-Length: "}},
		"preflight":                {"OPTIONS /api/v1/network/{net} HTTP/1.1\n" + common + "Origin: https://example.org\nAccess-Control-Request-Method: PUT\n\n", []string{"HTTP/1.1 204 No Content", "Access-Control-Allow-Origin: *", "Access-Control-Allow-Methods: GET,PUT,POST", "DELETE\r\n", "Access-Control-Allow-Headers: Authorization, Content-Type"}},
	} {
		w.tick(60_000)
		head, body := raw(t, server, w.fill(c.request))
		for _, text := range c.has {
			if !strings.Contains(head, text) {
				t.Errorf("%s: no %q in\n%s", name, text, head)
			}
		}
		if strings.Contains(head, "Location:") || strings.Contains(head, "Allow-Credentials") {
			t.Errorf("%s: %s", name, head)
		}
		if (name == "HEAD" || name == "preflight") != (body == "") {
			t.Errorf("%s: body %q", name, body)
		}
		if strings.HasSuffix(body, "\n") {
			t.Errorf("%s: the body ends with a line end", name)
		}
	}
}

// TestFloods makes more requests than are allowed: the flooder is told to wait,
// and nobody else.
func TestFloods(t *testing.T) {
	w := newWorld(t)
	w.user("ann", true)
	server := w.limited()
	for i := range 40 {
		if status, body := ask(t, server, w.token, "GET", "/api/v1/self", ""); status != http.StatusOK {
			t.Fatalf("request %d: %d %s", i, status, body)
		}
	}
	w.names["token"] = w.token
	head, body := raw(t, server, w.fill("GET /api/v1/self HTTP/1.1\nHost: x\nConnection: close\nAuthorization: token {token}\n\n"))
	for _, text := range []string{"HTTP/1.1 429 ", "Content-Type: application/json", "Retry-After: 1", "X-Ratelimit-Limit: 20", "X-Ratelimit-Remaining: 0", "Access-Control-Allow-Origin: *"} {
		if !strings.Contains(head, text) {
			t.Errorf("no %q in\n%s", text, head)
		}
	}
	if err := checkErrorObject(body); err != nil {
		t.Error(err)
	}
	if status, body := ask(t, server, w.names["ann.token"], "GET", "/api/v1/self", ""); status != http.StatusOK {
		t.Errorf("another user: %d %s", status, body)
	}
	w.tick(1000)
	if status, body := ask(t, server, w.token, "GET", "/api/v1/self", ""); status != http.StatusOK {
		t.Errorf("a second later: %d %s", status, body)
	}
}
