package centralapi

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/orrery-net/orrery/internal/central"
	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/internal/store"
	"github.com/orrery-net/orrery/zt"
)

const (
	testController = zt.Address(0xa1b2c3d4e5)
	testStart      = int64(1_700_000_000_000)
	testNode       = "66a5132aaf"
)

// world is an API on a real store, with a clock and a presence that tests set.
type world struct {
	testing.TB
	store    *store.Store
	service  *central.Service
	handler  http.Handler
	presence *presence
	token    string
	log      *lockedText

	mu  sync.Mutex
	now int64 // ms; guarded by mu
}

func newWorld(tb testing.TB) *world {
	tb.Helper()
	w := &world{TB: tb, presence: &presence{}, log: &lockedText{}, now: testStart}
	logger := slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	var err error
	w.store, err = store.Open(context.Background(), store.Options{Path: filepath.Join(tb.TempDir(), "orrery.db"), Logger: logger})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := w.store.Close(); err != nil {
			tb.Error(err)
		}
	})
	w.service = central.New(central.Options{
		Store: w.store, Presence: w.presence, Controller: testController, Logger: logger,
		Now: func() time.Time { return time.UnixMilli(w.tick(0)) },
	})
	if w.token, _, err = w.service.EnsureOwner(context.Background(), ""); err != nil {
		tb.Fatal(err)
	}
	w.handler = New(Options{Service: w.service, Logger: logger, Version: "9.8.7", StartTime: time.Now()})
	return w
}

// tick advances the clock and returns its time.
func (w *world) tick(ms int64) int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now += ms
	return w.now
}

// call is one request. auth is the Authorization header; "" sends the owner's
// token and "-" none.
type call struct {
	method, path, body string
	auth               string
}

type reply struct {
	status int
	header http.Header
	body   string
}

func (w *world) do(c call) reply {
	w.Helper()
	request := httptest.NewRequest(c.method, c.path, strings.NewReader(c.body))
	switch c.auth {
	case "":
		request.Header.Set("Authorization", "token "+w.token)
	case "-":
	default:
		request.Header.Set("Authorization", strings.ReplaceAll(c.auth, "{token}", w.token))
	}
	recorder := httptest.NewRecorder()
	w.handler.ServeHTTP(recorder, request)
	r := reply{recorder.Code, recorder.Result().Header, recorder.Body.String()}
	if r.header.Get("X-Request-Id") == "" {
		w.Errorf("%s %s: no request id", c.method, c.path)
	}
	if r.header.Get("Access-Control-Allow-Origin") != "*" {
		w.Errorf("%s %s: no Access-Control-Allow-Origin", c.method, c.path)
	}
	if strings.HasSuffix(r.body, "\n") {
		w.Errorf("%s %s: the body ends with a newline", c.method, c.path)
	}
	checkContract(w, c, r)
	return r
}

// must is do for requests that have to work.
func (w *world) must(method, path, body string) string {
	w.Helper()
	r := w.do(call{method: method, path: path, body: body})
	if r.status != http.StatusOK {
		w.Fatalf("%s %s %s: status %d: %s", method, path, body, r.status, r.body)
	}
	return r.body
}

// newNetwork makes a network and returns its id.
func (w *world) newNetwork(body string) string {
	w.Helper()
	var made struct{ ID string }
	if err := json.Unmarshal([]byte(w.must("POST", "/api/v1/network", body)), &made); err != nil {
		w.Fatal(err)
	}
	return made.ID
}

// lastEvent is the sequence number of the newest event.
func (w *world) lastEvent() int64 {
	w.Helper()
	seq, err := w.store.LastEvent(context.Background())
	if err != nil {
		w.Fatal(err)
	}
	return seq
}

// eventsAfter are the events with a higher sequence number.
func (w *world) eventsAfter(seq int64) []model.Event {
	w.Helper()
	all, err := w.store.Events(context.Background(), seq, 1000)
	if err != nil {
		w.Fatal(err)
	}
	return all
}

func mustNetworkID(tb testing.TB, text string) zt.NetworkID {
	tb.Helper()
	id, err := zt.ParseNetworkID(text)
	if err != nil {
		tb.Fatal(err)
	}
	return id
}

func mustAddress(tb testing.TB, text string) zt.Address {
	tb.Helper()
	a, err := zt.ParseAddress(text)
	if err != nil {
		tb.Fatal(err)
	}
	return a
}

// presence is who a controller would say is there.
type presence struct {
	mu     sync.Mutex
	seen   map[zt.Address]model.Seen
	online map[zt.Address]bool
}

func (p *presence) set(at model.Seen, online bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.seen == nil {
		p.seen, p.online = map[zt.Address]model.Seen{}, map[zt.Address]bool{}
	}
	p.seen[at.Node], p.online[at.Node] = at, online
}

func (p *presence) Seen(_ zt.NetworkID, node zt.Address) (model.Seen, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at, ok := p.seen[node]
	return at, ok
}

func (p *presence) Online(_ zt.NetworkID, node zt.Address) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.online[node]
}

func (p *presence) OnlineCount(zt.NetworkID) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	count := 0
	for _, is := range p.online {
		if is {
			count++
		}
	}
	return count
}

type lockedText struct {
	mu   sync.Mutex
	text strings.Builder
}

var _ io.Writer = (*lockedText)(nil)

func (l *lockedText) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lockedText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
