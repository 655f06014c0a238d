package api

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/orrery-net/orrery/internal/central"
	"github.com/orrery-net/orrery/internal/gate"
	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/internal/store"
	"github.com/orrery-net/orrery/zt"
)

const (
	testController = zt.Address(0xa1b2c3d4e5)
	testStart      = int64(1_700_000_000_000)
)

// world is an API on a real store, service and HTTP server, with a presence that
// tests set. The server's owner is in it as "owner".
type world struct {
	testing.TB
	store    *store.Store
	service  *central.Service
	server   *http.Server
	client   *http.Client
	address  string // of the server, http://…
	presence *testPresence
	log      *lockedText
	document *openapi3.T // see document
	// names are what {name} stands for in requests: ids, and under "token NAME"
	// the secrets of tokens.
	names map[string]string

	mu  sync.Mutex
	now int64 // ms; guarded by mu
}

// newWorld serves on a real port.
func newWorld(tb testing.TB) *world {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	return newWorldOn(tb, listener, nil)
}

// newWorldOn serves on a listener that dial reaches.
func newWorldOn(tb testing.TB, listener net.Listener, dial func(context.Context, string, string) (net.Conn, error)) *world {
	tb.Helper()
	w := &world{
		TB: tb, presence: newTestPresence(), log: &lockedText{}, now: testStart, names: make(map[string]string),
		client: &http.Client{Transport: &http.Transport{DialContext: dial, MaxIdleConnsPerHost: 100}}, address: "http://" + listener.Addr().String(),
	}
	logger := slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	var err error
	w.store, err = store.Open(context.Background(), store.Options{Path: filepath.Join(tb.TempDir(), "orrery.db"), Logger: logger})
	if err != nil {
		tb.Fatal(err)
	}
	now := func() time.Time { return time.UnixMilli(w.tick(0)) }
	w.service = central.New(central.Options{
		Store: w.store, Presence: w.presence, Controller: testController, Logger: logger, Now: now,
	})
	secret, _, err := w.service.EnsureOwner(context.Background(), "")
	if err != nil {
		tb.Fatal(err)
	}
	w.know("owner", secret)

	stopping := make(chan struct{})
	w.server = &http.Server{
		Handler: New(Options{
			Service: w.service, Logger: logger, Version: "9.8.7", Stopping: stopping,
			Gate: gate.New(gate.Options{Service: w.service, Logger: logger, Now: now}),
		}),
		ReadTimeout: 60 * time.Second, WriteTimeout: 120 * time.Second,
	}
	w.server.RegisterOnShutdown(sync.OnceFunc(func() { close(stopping) }))
	served := make(chan error, 1)
	go func() { served <- w.server.Serve(listener) }()
	tb.Cleanup(func() {
		w.client.CloseIdleConnections()
		if err := w.server.Shutdown(context.Background()); err != nil {
			tb.Error(err)
		}
		<-served
		if err := w.store.Close(); err != nil {
			tb.Error(err)
		}
		if strings.Contains(w.log.String(), "panicked") {
			tb.Error(w.log.String())
		}
	})
	return w
}

// tick advances the clock and returns its time.
func (w *world) tick(ms int64) int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now += ms
	return w.now
}

// know gives a user with a token a name.
func (w *world) know(name, secret string) {
	w.Helper()
	w.names["token "+name] = secret
	w.names[name] = w.caller(name).User.ID
}

// caller is the user with a name.
func (w *world) caller(name string) central.Caller {
	w.Helper()
	caller, err := w.service.Authenticate(context.Background(), w.names["token "+name], netip.Addr{})
	if err != nil {
		w.Fatalf("%s: %v", name, err)
	}
	return caller
}

// call is one request. as is the name of who sends it: "" for the owner, "nobody"
// for nobody. path is below Base, unless ^ is in front of it.
type call struct{ as, method, path, body string }

type reply struct {
	status int
	header http.Header
	body   string
}

// request makes the request of a call with its {names} filled in.
func (w *world) request(ctx context.Context, c call) *http.Request {
	w.Helper()
	path, body := w.fill(c.path), w.fill(c.body)
	path, outside := strings.CutPrefix(path, "^")
	if !outside {
		path = Base + path
	}
	r, err := http.NewRequestWithContext(ctx, c.method, w.address+path, strings.NewReader(body))
	if err != nil {
		w.Fatal(err)
	}
	if c.as == "" {
		c.as = "owner"
	}
	if c.as != "nobody" {
		secret, known := w.names["token "+c.as]
		if !known {
			w.Fatalf("nobody is called %s", c.as)
		}
		r.Header.Set("Authorization", "Bearer "+secret)
	}
	return r
}

// do sends a request and holds the answer against the document.
func (w *world) do(c call) reply {
	w.Helper()
	return w.send(w.request(context.Background(), c))
}

func (w *world) send(request *http.Request) reply {
	w.Helper()
	answer, err := w.client.Do(request)
	if err != nil {
		w.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		w.Fatal(err)
	}
	r := reply{answer.StatusCode, answer.Header, string(text)}
	if request.Method != http.MethodOptions && strings.HasPrefix(request.URL.Path, Base) {
		checkAnswer(w, request.Method, strings.TrimPrefix(request.URL.EscapedPath(), Base), r)
	}
	return r
}

// must is do for requests that have to work; it returns the answer's body.
func (w *world) must(as, method, path, body string) string {
	w.Helper()
	r := w.do(call{as, method, path, body})
	if r.status >= 300 {
		w.Fatalf("%s: %s %s %s: status %d: %s", as, method, path, body, r.status, r.body)
	}
	return r.body
}

// get reads a field of a JSON object.
func (w *world) get(text, field string) string {
	w.Helper()
	var object map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &object); err != nil {
		w.Fatalf("%v in %s", err, text)
	}
	var value string
	if err := json.Unmarshal(object[field], &value); err != nil {
		w.Fatalf("%s: %v in %s", field, err, text)
	}
	return value
}

func (w *world) fill(text string) string {
	for name, value := range w.names {
		text = strings.ReplaceAll(text, "{"+name+"}", value)
	}
	return text
}

// newUser makes a user with a name and the e-mail address name@example.com.
func (w *world) newUser(name string, join bool) {
	w.Helper()
	_, secret, err := w.service.CreateUser(context.Background(), w.caller("owner"), name+"@example.com", name, join)
	if err != nil {
		w.Fatal(err)
	}
	w.know(name, secret)
}

// newNetwork makes a network and gives it a name.
func (w *world) newNetwork(as, name string) zt.NetworkID {
	w.Helper()
	n, err := w.service.CreateNetwork(context.Background(), w.caller(as), func(n *model.Network) error {
		n.Name = name
		return nil
	})
	if err != nil {
		w.Fatal(err)
	}
	w.names[name] = n.ID.String()
	return n.ID
}

// newMember adds a member to the network with a name.
func (w *world) newMember(network string, node zt.Address, change func(*model.Member)) {
	w.Helper()
	id, err := zt.ParseNetworkID(w.names[network])
	if err != nil {
		w.Fatal(err)
	}
	_, err = w.service.UpdateMember(context.Background(), w.caller("owner"), id, node, func(m *model.Member) error {
		change(m)
		return nil
	})
	if err != nil {
		w.Fatal(err)
	}
}

// eventsAfter are the kinds of the events with a higher sequence number.
func (w *world) eventsAfter(seq int64) []string {
	w.Helper()
	all, err := w.store.Events(context.Background(), seq, 1000)
	if err != nil {
		w.Fatal(err)
	}
	kinds := []string{}
	for _, e := range all {
		kinds = append(kinds, string(e.Kind))
	}
	return kinds
}

// testPresence is who a controller would say is there.
type testPresence struct {
	mu       sync.Mutex
	online   map[zt.Address]model.Seen
	watchers map[chan model.OnlineChange]bool
}

func newTestPresence() *testPresence {
	return &testPresence{online: make(map[zt.Address]model.Seen), watchers: make(map[chan model.OnlineChange]bool)}
}

// set lets a member come online or go offline.
func (p *testPresence) set(at model.Seen, online bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if online {
		p.online[at.Node] = at
	} else {
		delete(p.online, at.Node)
	}
	for changes := range p.watchers {
		select {
		case changes <- model.OnlineChange{Network: at.Network, Node: at.Node, Online: online, Time: at.Time}:
		default:
			close(changes)
			delete(p.watchers, changes)
		}
	}
}

func (p *testPresence) Seen(_ zt.NetworkID, node zt.Address) (model.Seen, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at, ok := p.online[node]
	return at, ok
}

func (p *testPresence) Online(_ zt.NetworkID, node zt.Address) bool {
	_, ok := p.Seen(0, node)
	return ok
}

func (p *testPresence) OnlineCount(zt.NetworkID) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.online)
}

func (p *testPresence) Watch(buffer int) (<-chan model.OnlineChange, func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	changes := make(chan model.OnlineChange, buffer)
	p.watchers[changes] = true
	return changes, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.watchers[changes] {
			close(changes)
			delete(p.watchers, changes)
		}
	}
}

type lockedText struct {
	mu   sync.Mutex
	text strings.Builder
}

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
