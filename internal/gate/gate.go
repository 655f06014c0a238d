// Package gate is what a request to any of Orrery's HTTP APIs passes first: it
// gets an id, its sender is found out by the token shown, and nobody takes more
// than a fair share. It knows no operation; what the caller may do is decided in
// internal/central.
package gate

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"net/http"
	"net/netip"
	"runtime/debug"
	"time"

	"github.com/orrery-net/orrery/internal/central"
)

// Options are what a Gate works with; all but Limits and Now are needed.
type Options struct {
	Service *central.Service
	Logger  *slog.Logger
	Limits  Limits
	Now     func() time.Time // nil: time.Now
}

// Gate lets requests in. It is safe for concurrent use.
type Gate struct {
	service   *central.Service
	log       *slog.Logger
	now       func() time.Time
	valid     tokenSet
	users     *buckets[string]
	addresses *buckets[netip.Addr] // see block
}

// New returns a gate.
func New(o Options) *Gate {
	g := &Gate{
		service:   o.Service,
		log:       o.Logger,
		now:       o.Now,
		valid:     tokenSet{seed: maphash.MakeSeed()},
		users:     newBuckets[string](o.Limits, maxBuckets),
		addresses: newBuckets[netip.Addr](o.Limits, maxBuckets),
	}
	if g.now == nil {
		g.now = time.Now
	}
	return g
}

// Wrap puts the gate before an API. It sets X-Request-Id, the CORS headers,
// Cache-Control and X-Ratelimit-*; answers OPTIONS (204); finds the caller;
// refuses with RateLimited (429 and Retry-After); and turns a panic into an
// Internal error, or breaks the connection if the answer had begun. fail answers
// a request that ends with an error, in the API's own shape: the gate calls it
// itself for what it refuses, and handlers may.
func (g *Gate) Wrap(api http.Handler, fail func(w http.ResponseWriter, r *http.Request, err error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := &passage{id: newRequestID(), failed: errUnknown}
		r = r.WithContext(context.WithValue(r.Context(), passageKey{}, p))
		watched := &watchedWriter{ResponseWriter: w}
		defer g.recover(watched, r, fail)
		header := w.Header()
		header.Set("X-Request-Id", p.id)
		header.Set("Access-Control-Allow-Origin", "*")
		header.Set("Access-Control-Expose-Headers", "X-Request-Id, X-Ratelimit-Limit, X-Ratelimit-Remaining, X-Ratelimit-Reset, Retry-After, Content-Disposition, Orrery-Warning")
		header.Set("Cache-Control", "no-store")
		if r.Method == http.MethodOptions {
			g.answerOptions(watched, r)
			return
		}
		var refused error
		if p.caller, p.failed, refused = g.sender(r, header); refused != nil {
			fail(watched, r, refused)
			return
		}
		api.ServeHTTP(watched, r)
	})
}

var (
	errUnknown = central.NewError(central.Unauthorized, "an API token is needed")
	errFault   = errors.New("a fault of this program")
)

// answerOptions tells browsers what pages of other origins may send. It is not
// counted: browsers ask by themselves, and it costs next to nothing.
func (g *Gate) answerOptions(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	left, _ := g.addresses.look(block(remoteAddr(r.RemoteAddr)), g.now())
	left.tell(header)
	header.Set("Access-Control-Allow-Methods", "GET,PUT,POST,PATCH,DELETE")
	header.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, Last-Event-ID")
	header.Set("Access-Control-Max-Age", "86400")
	w.WriteHeader(http.StatusNoContent)
}

// recover answers for a fault of this program with status 500; net/http would
// close the connection and say so to nobody. It does that, too, once a part of
// the answer is on its way: what came must not pass for the whole.
func (g *Gate) recover(w *watchedWriter, r *http.Request, fail func(http.ResponseWriter, *http.Request, error)) {
	fault := recover()
	if fault == nil {
		return
	}
	if fault != http.ErrAbortHandler {
		g.log.Error("API request panicked", "request", RequestID(r.Context()), "fault", fmt.Sprint(fault), "stack", string(debug.Stack()))
		if !w.begun {
			w.Header().Del("Content-Length")
			w.Header().Del("Content-Encoding")
			fail(w, r, errFault)
			return
		}
	}
	panic(http.ErrAbortHandler)
}

// watchedWriter notes whether a part of the answer is on its way.
type watchedWriter struct {
	http.ResponseWriter
	begun bool
}

func (w *watchedWriter) WriteHeader(status int) {
	w.begun = w.begun || status >= http.StatusOK // those below are followed by another
	w.ResponseWriter.WriteHeader(status)
}

func (w *watchedWriter) Write(p []byte) (int, error) {
	w.begun = true
	return w.ResponseWriter.Write(p)
}

// FlushError sends what was written so far; http.ResponseController calls it.
func (w *watchedWriter) FlushError() error {
	w.begun = true
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// Flush implements http.Flusher.
func (w *watchedWriter) Flush() { _ = w.FlushError() }

// Unwrap gives http.ResponseController the rest of what the connection can do.
func (w *watchedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func newRequestID() string {
	var id [8]byte
	rand.Read(id[:])
	return hex.EncodeToString(id[:])
}
