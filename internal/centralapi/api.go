// Package centralapi serves ZeroTier Central's REST API, version 1: its paths,
// its shapes and its quirks. What a request does is decided in
// internal/central; nothing is stored, permitted or forgotten here.
//
// It does not serve what Central has no operation for; that is another API.
package centralapi

import (
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strings"
	"time"

	"github.com/orrery-net/orrery/internal/central"
)

// Options are what the API works with; all are needed.
type Options struct {
	Service   *central.Service
	Logger    *slog.Logger
	Version   string    // of this program, for /status
	StartTime time.Time // of this process, for /status
}

// New returns a handler for every path at and below /api.
func New(o Options) http.Handler {
	return &api{service: o.Service, log: o.Logger, version: o.Version, started: o.StartTime}
}

type api struct {
	service *central.Service
	log     *slog.Logger
	version string
	started time.Time
}

// ServeHTTP implements http.Handler.
func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := &request{api: a, w: w, r: r, id: newRequestID()}
	defer q.recover()
	header := w.Header()
	header.Set("X-Request-Id", q.id)
	header.Set("Access-Control-Allow-Origin", "*")
	header.Set("Cache-Control", "no-store")
	if r.Method == http.MethodOptions {
		header.Set("Access-Control-Allow-Methods", "GET,PUT,POST,DELETE")
		header.Set("Access-Control-Allow-Headers", "Authorization, Content-Type")
		header.Set("Access-Control-Max-Age", "86400")
		w.WriteHeader(http.StatusNoContent)
		return
	}
	if err := q.serve(); err != nil {
		q.fail(err)
	}
}

// request is one request on its way through the API.
type request struct {
	api    *api
	w      http.ResponseWriter
	r      *http.Request
	id     string
	caller central.Caller
	begun  bool // part of the answer is on its way
}

// recover answers for a fault of this program with status 500; net/http would
// close the connection and say so to nobody.
func (q *request) recover() {
	fault := recover()
	if fault == nil {
		return
	}
	if fault != http.ErrAbortHandler {
		q.api.log.Error("API request panicked", "request", q.id, "fault", fault, "stack", string(debug.Stack()))
		if !q.begun {
			q.fail(errFault)
			return
		}
	}
	panic(http.ErrAbortHandler)
}

// serve finds the operation, makes sure who asks, and carries it out.
func (q *request) serve() error {
	route, err := findRoute(q.r.Method, q.r.URL.Path)
	if err != nil {
		return err
	}
	q.caller, err = q.api.service.Authenticate(q.r.Context(), bearerToken(q.r.Header.Get("Authorization")))
	if err != nil && !(route.anonymous && isUnauthorized(err)) {
		return err
	}
	q.caller.From = remoteAddr(q.r.RemoteAddr)
	return route.operation(q)
}

// bearerToken reads an Authorization header. Central's clients write token,
// Token, bearer and Bearer, and some write no scheme at all.
func bearerToken(header string) string {
	header = strings.TrimSpace(header)
	scheme, token, found := strings.Cut(header, " ")
	switch {
	case !found:
		return header
	case strings.EqualFold(scheme, "token"), strings.EqualFold(scheme, "bearer"):
		return strings.TrimSpace(token)
	}
	return ""
}

func remoteAddr(text string) netip.Addr {
	at, err := netip.ParseAddrPort(text)
	if err != nil {
		return netip.Addr{}
	}
	return at.Addr().Unmap()
}

func newRequestID() string {
	var id [8]byte
	rand.Read(id[:])
	return hex.EncodeToString(id[:])
}
