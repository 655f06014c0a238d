package gate

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/orrery-net/orrery/internal/central"
	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/internal/store"
	"github.com/orrery-net/orrery/zt"
)

// yard is a gate on a real store, with a clock that tests set, before an API
// that says who asked.
type yard struct {
	testing.TB
	store   *store.Store
	service *central.Service
	gate    *Gate
	api     http.Handler
	log     lockedText
	now     time.Time
}

// nobody is a presence that knows of none.
type nobody struct{}

func (nobody) Seen(zt.NetworkID, zt.Address) (model.Seen, bool) { return model.Seen{}, false }
func (nobody) Online(zt.NetworkID, zt.Address) bool             { return false }
func (nobody) OnlineCount(zt.NetworkID) int                     { return 0 }
func (nobody) Watch(int) (<-chan model.OnlineChange, func())    { return nil, func() {} }

func newYard(tb testing.TB, limits Limits) *yard {
	tb.Helper()
	y := &yard{TB: tb, now: time.Date(2026, time.August, 6, 20, 53, 47, 0, time.UTC)}
	logger := slog.New(slog.NewTextHandler(&y.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	var err error
	y.store, err = store.Open(context.Background(), store.Options{Path: filepath.Join(tb.TempDir(), "orrery.db"), Logger: logger})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := y.store.Close(); err != nil {
			tb.Error(err)
		}
	})
	y.service = central.New(central.Options{Store: y.store, Presence: nobody{}, Controller: 0xa1b2c3d4e5, Logger: logger})
	if _, _, err := y.service.EnsureOwner(context.Background(), ""); err != nil {
		tb.Fatal(err)
	}
	y.gate = New(Options{Service: y.service, Logger: logger, Limits: limits, Now: func() time.Time { return y.now }})
	y.api = y.gate.Wrap(http.HandlerFunc(y.whoAmI), y.fail)
	return y
}

// user makes a user and returns a token of theirs.
func (y *yard) user(email string) (token string) {
	y.Helper()
	local, err := y.service.Local(context.Background())
	if err != nil {
		y.Fatal(err)
	}
	if _, token, err = y.service.CreateUser(context.Background(), local, email, "", false); err != nil {
		y.Fatal(err)
	}
	return token
}

// caller is who a token stands for.
func (y *yard) caller(token string) central.Caller {
	y.Helper()
	caller, err := y.service.Authenticate(context.Background(), token, netip.Addr{})
	if err != nil {
		y.Fatal(err)
	}
	return caller
}

// whoAmI answers with the caller's e-mail address, or fails as APIs do without a caller.
func (y *yard) whoAmI(w http.ResponseWriter, r *http.Request) {
	caller, err := Caller(r.Context())
	if err != nil {
		y.fail(w, r, err)
		return
	}
	_, _ = w.Write([]byte(caller.User.Email))
}

func (y *yard) fail(w http.ResponseWriter, r *http.Request, err error) {
	status, kind, message := Classify(err)
	y.gate.LogFailure(r, status, err)
	w.WriteHeader(status)
	_, _ = w.Write([]byte(kind + ": " + message))
}

// ask sends a request; authorization "" sends none.
func (y *yard) ask(method, authorization, from string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "/api/v1/network", nil)
	r.RemoteAddr = from
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	w := httptest.NewRecorder()
	y.api.ServeHTTP(w, r)
	return w
}

// flood sends requests until one is refused, and returns how many were not.
func (y *yard) flood(authorization, from string) int {
	y.Helper()
	for n := range 100_000 {
		if y.ask("GET", authorization, from).Code == http.StatusTooManyRequests {
			return n
		}
	}
	y.Fatal("a flood is never refused")
	return 0
}

func number(tb testing.TB, w *httptest.ResponseRecorder, name string) int {
	tb.Helper()
	n, err := strconv.Atoi(w.Header().Get(name))
	if err != nil {
		tb.Fatalf("%s: %v", name, err)
	}
	return n
}

// lockedText is a log that goroutines may write to.
type lockedText struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lockedText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lockedText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
