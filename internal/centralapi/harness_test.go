package centralapi

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/orrery-net/orrery/internal/central"
	"github.com/orrery-net/orrery/internal/gate"
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
	token    string // the owner's
	log      *lockedText
	names    map[string]string // what {name} in paths, bodies and expectations stands for

	mu  sync.Mutex
	now int64 // ms; guarded by mu
}

// newStore is a database as it is after the first start, with the token of its
// owner. Every world gets a copy: making it anew takes longer than most tests.
var newStore = sync.OnceValues(func() (made struct {
	file  []byte
	token string
}, err error) {
	dir, err := os.MkdirTemp("", "centralapi-*")
	if err != nil {
		return made, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "orrery.db")
	s, err := store.Open(context.Background(), store.Options{Path: path, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return made, err
	}
	service := central.New(central.Options{
		Store: s, Presence: &presence{}, Controller: testController, Logger: slog.New(slog.DiscardHandler),
		Now: func() time.Time { return time.UnixMilli(testStart) },
	})
	made.token, _, err = service.EnsureOwner(context.Background(), "")
	if err := errors.Join(err, s.Close()); err != nil {
		return made, err
	}
	made.file, err = os.ReadFile(path)
	return made, err
})

func newWorld(tb testing.TB) *world {
	tb.Helper()
	w := &world{TB: tb, presence: &presence{}, log: &lockedText{}, now: testStart, names: map[string]string{}}
	logger := slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	fresh, err := newStore()
	if err != nil {
		tb.Fatal(err)
	}
	w.token = fresh.token
	path := filepath.Join(tb.TempDir(), "orrery.db")
	if err := os.WriteFile(path, fresh.file, 0o600); err != nil {
		tb.Fatal(err)
	}
	w.store, err = store.Open(context.Background(), store.Options{Path: path, Logger: logger})
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
	w.handler = New(Options{
		Service: w.service, Gate: gate.New(gate.Options{Service: w.service, Logger: logger}),
		Logger: logger, Version: "9.8.7", StartTime: time.Now(),
	})
	local, err := w.service.Local(context.Background())
	if err != nil {
		tb.Fatal(err)
	}
	w.names["token"], w.names["node"], w.names["NODE"] = w.token, testNode, strings.ToUpper(testNode)
	w.names["owner"], w.names["owner.token"], w.names["owner.email"] = local.User.ID, w.token, local.User.Email
	w.names["org"], w.names["ORG"] = local.User.OrgID, strings.ToUpper(local.User.OrgID)
	return w
}

// user makes a user called name, in the owner's organization if join, and gives
// {name} the user's id, {NAME} the same in upper case, {name.token} a token and
// {name.email} the address.
func (w *world) user(name string, join bool) {
	w.Helper()
	local, err := w.service.Local(context.Background())
	if err != nil {
		w.Fatal(err)
	}
	made, secret, err := w.service.CreateUser(context.Background(), local, name+"@example.org", strings.ToUpper(name[:1])+name[1:], join)
	if err != nil {
		w.Fatal(err)
	}
	w.names[name], w.names[name+".token"], w.names[name+".email"] = made.ID, secret, made.Email
	w.names[strings.ToUpper(name)] = strings.ToUpper(made.ID)
}

// network makes a network with a body and gives {net} and {NET} its id.
func (w *world) network(body string) string {
	w.Helper()
	id := w.newNetwork(body)
	w.names["net"], w.names["NET"] = id, strings.ToUpper(id)
	return id
}

// fill puts in what {names} stand for.
func (w *world) fill(text string) string {
	if !strings.Contains(text, "{") {
		return text
	}
	pairs := make([]string, 0, 2*len(w.names))
	for name, value := range w.names {
		pairs = append(pairs, "{"+name+"}", value)
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// tick advances the clock and returns its time.
func (w *world) tick(ms int64) int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now += ms
	return w.now
}

// call is one request. auth is the Authorization header; "" sends the owner's
// token and "-" none. {names} are filled in.
type call struct {
	method, path, body string
	auth               string
	accept             string // the Accept header; "" sends none
}

// as is the same request of a user of the world.
func (c call) as(name string) call {
	c.auth = "token {" + name + ".token}"
	return c
}

type reply struct {
	status int
	header http.Header
	body   string
}

func (w *world) do(c call) reply {
	w.Helper()
	return w.send(w.request(c))
}

// request makes the request of a call.
func (w *world) request(c call) *http.Request {
	request := httptest.NewRequest(c.method, w.fill(c.path), strings.NewReader(w.fill(c.body)))
	if c.accept != "" {
		request.Header.Set("Accept", c.accept)
	}
	switch c.auth {
	case "":
		request.Header.Set("Authorization", "token "+w.token)
	case "-":
	default:
		request.Header.Set("Authorization", w.fill(c.auth))
	}
	return request
}

// send has a request answered, and looks at what all answers have in common.
func (w *world) send(request *http.Request) reply {
	w.Helper()
	recorder := httptest.NewRecorder()
	w.handler.ServeHTTP(recorder, request)
	r := reply{recorder.Code, recorder.Result().Header, recorder.Body.String()}
	w.checkAnswer(request, r)
	return r
}

// mustDo is do for requests that have to work.
func (w *world) mustDo(c call) reply {
	w.Helper()
	r := w.do(c)
	if r.status != http.StatusOK {
		w.Fatalf("%s %s %s: status %d: %s", c.method, c.path, c.body, r.status, r.body)
	}
	return r
}

// must is mustDo with the owner's token.
func (w *world) must(method, path, body string) string {
	w.Helper()
	return w.mustDo(call{method: method, path: path, body: body}).body
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

func (p *presence) Watch(int) (<-chan model.OnlineChange, func()) { return nil, func() {} }

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
