package gate

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/orrery-net/orrery/internal/central"
)

const (
	here    = "192.0.2.7:1234"
	nobodys = "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"
)

func TestSpellingsOfTheToken(t *testing.T) {
	y := newYard(t, Limits{})
	token := y.user("ada@example.com")
	for _, header := range []string{
		"token " + token, "Token " + token, "bearer " + token, "Bearer " + token, "BEARER   " + token, token, " token " + token + " ",
	} {
		if w := y.ask("GET", header, here); w.Code != 200 || w.Body.String() != "ada@example.com" {
			t.Errorf("%q: %d %s", header, w.Code, w.Body)
		}
	}
	for _, header := range []string{"", "token", "token ", "Basic " + token, "token token " + token, token + " token", "token " + nobodys} {
		if w := y.ask("GET", header, here); w.Code != 401 {
			t.Errorf("%q: %d %s", header, w.Code, w.Body)
		}
	}
}

func TestEveryAnswerHasTheHeaders(t *testing.T) {
	y := newYard(t, Limits{PerSecond: 1, Burst: 3})
	token := y.user("ada@example.com")
	ids := map[string]bool{}
	for _, x := range []struct {
		method, authorization string
		status                int
	}{
		{"GET", "token " + token, 200}, {"GET", "", 401}, {"GET", "token x", 401}, {"POST", "", 401}, {"GET", "", 429}, {"OPTIONS", "", 204},
	} {
		w := y.ask(x.method, x.authorization, here)
		if w.Code != x.status {
			t.Errorf("%s %q: %d, want %d", x.method, x.authorization, w.Code, x.status)
		}
		id := w.Header().Get("X-Request-Id")
		if len(id) != 16 || ids[id] {
			t.Errorf("%d: request id %q", x.status, id)
		}
		ids[id] = true
		for name, want := range map[string]string{
			"Access-Control-Allow-Origin":   "*",
			"Access-Control-Expose-Headers": "X-Request-Id, X-Ratelimit-Limit, X-Ratelimit-Remaining, X-Ratelimit-Reset, Retry-After, Content-Disposition, Orrery-Warning",
			"Cache-Control":                 "no-store",
			"X-Ratelimit-Limit":             "1",
		} {
			if got := w.Header().Get(name); got != want {
				t.Errorf("%d: %s is %q, want %q", x.status, name, got, want)
			}
		}
		if reset := w.Header().Get("X-Ratelimit-Reset"); !strings.HasSuffix(reset, " UTC") {
			t.Errorf("%d: reset %q", x.status, reset)
		}
		if w.Header().Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("%d: credentials with *", x.status)
		}
	}
}

func TestOptionsNeedsNoToken(t *testing.T) {
	y := newYard(t, Limits{PerSecond: 1, Burst: 1})
	for range 20 { // it is not counted
		w := y.ask("OPTIONS", "", here)
		if w.Code != 204 || w.Body.Len() != 0 {
			t.Fatalf("%d %q", w.Code, w.Body)
		}
		if got := w.Header().Get("Access-Control-Allow-Methods"); got != "GET,PUT,POST,PATCH,DELETE" {
			t.Errorf("methods %q", got)
		}
		if got := w.Header().Get("Access-Control-Allow-Headers"); !strings.Contains(got, "Authorization") || !strings.Contains(got, "Content-Type") {
			t.Errorf("headers %q", got)
		}
	}
}

func TestCallerIsWhoeverShowsTheToken(t *testing.T) {
	y := newYard(t, Limits{})
	token := y.user("ada@example.com")
	var caller central.Caller
	var id string
	var failed error
	y.api = y.gate.Wrap(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		caller, failed = Caller(r.Context())
		id = RequestID(r.Context())
	}), y.fail)
	w := y.ask("GET", "token "+token, "[::ffff:192.0.2.9]:80")
	if failed != nil || caller.User.Email != "ada@example.com" || caller.From != netip.MustParseAddr("192.0.2.9") {
		t.Errorf("%+v %v", caller, failed)
	}
	if id == "" || id != w.Header().Get("X-Request-Id") {
		t.Errorf("request id %q, header %q", id, w.Header().Get("X-Request-Id"))
	}
	y.ask("GET", "", here)
	var known *central.Error
	if !errors.As(failed, &known) || known.Kind != central.Unauthorized || caller.User != nil || caller.From != netip.MustParseAddr("192.0.2.7") {
		t.Errorf("without a token: %+v %v", caller, failed)
	}
	if caller, err := Caller(t.Context()); err == nil || caller.User != nil || RequestID(t.Context()) != "" {
		t.Errorf("a request that did not pass the gate has a caller")
	}
}

// What cannot be found out is not the same as a token that is not valid.
func TestFailureOfTheStoreIsNoBadToken(t *testing.T) {
	y := newYard(t, Limits{})
	y.gate.valid.add(nobodys) // as if it was valid lately
	if err := y.store.Close(); err != nil {
		t.Fatal(err)
	}
	w := y.ask("GET", "token "+nobodys, here)
	if w.Code != 500 || w.Body.String() != "internal: internal error" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if !y.gate.valid.has(nobodys) {
		t.Error("the token is no longer known")
	}
	if log := y.log.String(); !strings.Contains(log, "level=ERROR") || !strings.Contains(log, w.Header().Get("X-Request-Id")) || strings.Contains(log, nobodys) {
		t.Error(log)
	}
}

func TestPanicBeforeTheAnswerIsStatus500(t *testing.T) {
	y := newYard(t, Limits{})
	y.api = y.gate.Wrap(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		panic("what nobody may see")
	}), y.fail)
	w := y.ask("GET", "", here)
	if w.Code != 500 || strings.Contains(w.Body.String(), "nobody") || w.Header().Get("Content-Length") != "" {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
	if log := y.log.String(); !strings.Contains(log, "what nobody may see") || !strings.Contains(log, w.Header().Get("X-Request-Id")) {
		t.Errorf("the log does not say it: %s", log)
	}
}

func TestPanicInTheAnswerBreaksTheConnection(t *testing.T) {
	for name, begin := range map[string]func(http.ResponseWriter){
		"status": func(w http.ResponseWriter) { w.WriteHeader(200) },
		"body":   func(w http.ResponseWriter) { _, _ = w.Write([]byte("[{")) },
		"flush":  func(w http.ResponseWriter) { _ = http.NewResponseController(w).Flush() },
	} {
		t.Run(name, func(t *testing.T) {
			y := newYard(t, Limits{})
			s := httptest.NewUnstartedServer(y.gate.Wrap(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				begin(w)
				panic("fault")
			}), y.fail))
			s.Start()
			defer s.Close()
			response, err := http.Get(s.URL)
			if err != nil {
				return // broken before the headers were flushed
			}
			defer response.Body.Close()
			if body, err := io.ReadAll(response.Body); err == nil {
				t.Errorf("the answer %d %q looks whole", response.StatusCode, body)
			}
		})
	}
}

// Live streams flush, and set deadlines of their own.
func TestWriterCanWhatTheConnectionCan(t *testing.T) {
	y := newYard(t, Limits{})
	s := httptest.NewServer(y.gate.Wrap(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		control := http.NewResponseController(w)
		if err := errors.Join(control.SetWriteDeadline(time.Time{}), control.Flush()); err != nil {
			t.Error(err)
		}
		if _, ok := w.(http.Flusher); !ok {
			t.Error("no Flusher")
		}
	}), y.fail))
	defer s.Close()
	response, err := http.Get(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
}

// Strangers choose how long a method and a path are.
func TestLogLinesAreShort(t *testing.T) {
	y := newYard(t, Limits{})
	r := httptest.NewRequest("GET", "/"+strings.Repeat("ä", 30_000), nil)
	r.Method = strings.Repeat("M", 30_000)
	y.api.ServeHTTP(httptest.NewRecorder(), r)
	if log := y.log.String(); len(log) > 2000 || !strings.Contains(log, "path=/ä") || !strings.Contains(log, "MM…") {
		t.Errorf("%d bytes: %.1000s", len(log), log)
	}
}

// Who is refused has no caller, in fail neither.
func TestWhoIsRefusedIsNobody(t *testing.T) {
	y := newYard(t, Limits{PerSecond: 1, Burst: 1})
	y.ask("GET", "", here)
	refused := false
	y.api = y.gate.Wrap(http.NotFoundHandler(), func(_ http.ResponseWriter, r *http.Request, _ error) {
		refused = true
		if caller, err := Caller(r.Context()); err == nil {
			t.Errorf("the caller is %+v without an error", caller)
		}
	})
	if y.ask("GET", "", here); !refused {
		t.Error("it was let in")
	}
}

func TestClassify(t *testing.T) {
	for _, x := range []struct {
		err     error
		status  int
		kind    string
		message string
	}{
		{central.NewError(central.NotFound, "no %s", "a"), 404, "notFound", "no a"},
		{central.NewError(central.Unauthorized, "m"), 401, "unauthorized", "m"},
		{central.NewError(central.Forbidden, "m"), 403, "forbidden", "m"},
		{central.NewError(central.Invalid, "m"), 400, "invalid", "m"},
		{central.NewError(central.Conflict, "m"), 409, "conflict", "m"},
		{central.NewError(central.TooLarge, "m"), 413, "tooLarge", "m"},
		{central.NewError(central.RateLimited, "m"), 429, "rateLimited", "m"},
		{central.NewError(central.Internal, "internal error"), 500, "internal", "internal error"},
		{errors.New("no such table: users"), 500, "internal", "internal error"},
		{&MethodError{Allowed: []string{"GET", "HEAD"}}, 405, "methodNotAllowed", "this path does not have that method; it has GET, HEAD"},
	} {
		if status, kind, message := Classify(x.err); status != x.status || kind != x.kind || message != x.message {
			t.Errorf("%v: %d %s %q", x.err, status, kind, message)
		}
	}
}

func FuzzAuthorization(f *testing.F) {
	y := newYard(f, Limits{})
	token := y.user("ada@example.com")
	for _, seed := range []string{"", "token", "token " + token, "Bearer\t" + token, token, "  ", "token \x00", strings.Repeat("a", 70_000), "ＴＯＫＥＮ " + token} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		w := y.ask("GET", header, here)
		if entitled := strings.Contains(header, token); w.Code != 401 && !(entitled && w.Code == 200) {
			t.Errorf("%q: %d", header, w.Code)
		}
	})
}
