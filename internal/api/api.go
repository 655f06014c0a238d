// Package api serves Orrery's own REST API, /api/orrery/v1: what Central has no
// operation for. Its types are the source of its OpenAPI document, which is the
// source of the documentation page. What a request does is decided in
// internal/central; nothing is stored, permitted or forgotten here.
//
// It also serves /invitations/{id}, the page that an invitation's link leads to.
package api

import (
	"context"
	"log/slog"
	"net/http"
	"path"
	"reflect"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/orrery-net/orrery/internal/central"
	"github.com/orrery-net/orrery/internal/gate"
)

// Base is the path of the API.
const Base = "/api/orrery/v1"

// Options are what the API works with; all are needed, Stopping aside.
type Options struct {
	Service *central.Service
	Gate    *gate.Gate
	Logger  *slog.Logger
	Version string // of this program
	// Stopping is closed when the server begins to stop: event streams end then,
	// which otherwise last as long as their reader. http.Server.RegisterOnShutdown
	// is the place to close it.
	Stopping <-chan struct{}
}

// New returns a handler for every path at and below /api/orrery/v1, and for
// /invitations/{id}.
func New(o Options) http.Handler {
	strictNames()
	a := &api{
		service:  o.Service,
		gate:     o.Gate,
		log:      o.Logger,
		mux:      http.NewServeMux(),
		stopping: o.Stopping,
		readers:  newReaders(maxStreams),
		exports:  newReaders(maxExports),
		large:    newReaders(maxLarge),
	}
	a.huma = humago.NewWithPrefix(a.mux, Base, a.config(o.Version))
	a.huma.UseMiddleware(a.admit)
	a.registerAccount()
	a.registerTokens()
	a.registerOrganization()
	a.registerInvitations()
	a.registerNetworkUsers()
	a.registerMembers()
	a.registerRules()
	a.registerExport()
	a.registerActivity()
	a.registerEvents()
	a.registerUsers()
	a.serveDocument()
	a.serveInvitationPage()
	a.mux.HandleFunc("/", a.refusePath)
	return o.Gate.Wrap(http.HandlerFunc(a.route), a.fail)
}

// route finds the operation. The multiplexer would redirect a path such as
// //me or /../me, and a client that follows may show its token elsewhere.
func (a *api) route(w http.ResponseWriter, r *http.Request) {
	asked := r.URL.EscapedPath()
	if clean := path.Clean(asked); asked != clean && asked != clean+"/" {
		a.fail(w, r, noPath())
		return
	}
	a.mux.ServeHTTP(w, r)
}

// strictNames lets huma hold names in bodies to their case. Only a variable of
// its package does that; it is written once, before the first handler is made, so
// that any number of servers can live in one process.
var strictNames = sync.OnceFunc(func() { huma.ValidateStrictCasing = true })

type api struct {
	service  *central.Service
	gate     *gate.Gate
	log      *slog.Logger
	mux      *http.ServeMux
	huma     huma.API
	stopping <-chan struct{}
	readers  *readers // of events
	exports  *readers
	large    *readers // requests with a program
}

// handle registers an operation. What it returns as an error becomes a problem
// document.
func handle[In, Out any](a *api, op huma.Operation, do func(ctx context.Context, caller central.Caller, in *In) (*Out, error)) {
	_, hasBody := reflect.TypeFor[In]().FieldByName("Body")
	huma.Register(a.huma, a.describe(op, hasBody), func(ctx context.Context, in *In) (*Out, error) {
		caller, err := gate.Caller(ctx)
		if err != nil {
			return nil, failure{err}
		}
		out, err := do(ctx, caller, in)
		if err != nil {
			return nil, failure{err}
		}
		return out, nil
	})
}

// refusePath answers for every path and method without an operation.
func (a *api) refusePath(w http.ResponseWriter, r *http.Request) {
	var allowed []string
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		other := r.Clone(r.Context())
		other.Method = method
		if _, pattern := a.mux.Handler(other); pattern != "/" {
			allowed = append(allowed, method)
		}
	}
	if len(allowed) > 0 {
		a.fail(w, r, &gate.MethodError{Allowed: allowed})
		return
	}
	a.fail(w, r, noPath())
}

func noPath() error {
	return central.NewError(central.NotFound, "there is nothing at this path; %s/docs lists what there is", Base)
}
