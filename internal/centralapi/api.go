// Package centralapi serves ZeroTier Central's REST API, version 1: its paths,
// its shapes and its quirks. Who asks is found out by internal/gate, what a
// request does is decided in internal/central; nothing is stored, permitted or
// forgotten here.
//
// It does not serve what Central has no operation for; that is internal/api.
package centralapi

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/orrery-net/orrery/internal/central"
	"github.com/orrery-net/orrery/internal/gate"
)

// Options are what the API works with; all are needed.
type Options struct {
	Service   *central.Service
	Gate      *gate.Gate
	Logger    *slog.Logger
	Version   string    // of this program, for /status
	StartTime time.Time // of this process, for /status
}

// New returns a handler for every path at and below /api, behind the gate.
func New(o Options) http.Handler {
	a := &api{service: o.Service, gate: o.Gate, log: o.Logger, version: o.Version, started: o.StartTime}
	return o.Gate.Wrap(http.HandlerFunc(a.serve), a.fail)
}

type api struct {
	service *central.Service
	gate    *gate.Gate
	log     *slog.Logger
	version string
	started time.Time
}

func (a *api) serve(w http.ResponseWriter, r *http.Request) {
	q := &request{api: a, w: w, r: r}
	if err := q.serve(); err != nil {
		a.fail(w, r, err)
	}
}

// request is one request on its way through the API.
type request struct {
	api    *api
	w      http.ResponseWriter
	r      *http.Request
	caller central.Caller
}

// serve finds the operation, makes sure who asks, and carries it out.
func (q *request) serve() error {
	route, err := findRoute(q.r.Method, q.r.URL.EscapedPath())
	if err != nil {
		return err
	}
	q.caller, err = gate.Caller(q.r.Context())
	if err != nil && !(route.anonymous && isKind(err, central.Unauthorized)) {
		return err
	}
	return route.operation(q)
}
