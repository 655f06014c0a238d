package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/orrery-net/orrery/internal/api"
	"github.com/orrery-net/orrery/internal/central"
	"github.com/orrery-net/orrery/internal/centralapi"
	"github.com/orrery-net/orrery/internal/controller"
	"github.com/orrery-net/orrery/internal/gate"
	"github.com/orrery-net/orrery/internal/store"
	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/identity"
	"github.com/orrery-net/orrery/zt/vl1"
	"github.com/orrery-net/orrery/zt/world"
)

// Server is one running Orrery. Make it with Start, end it with Stop.
type Server struct {
	config   Config
	log      *slog.Logger
	folder   folder
	identity *identity.Identity
	planet   *world.World

	store      *store.Store
	endpoint   *vl1.Endpoint
	controller *controller.Controller
	service    *central.Service
	http       *http.Server
	listener   net.Listener
	udp        netip.AddrPort
	started    time.Time

	cancel  context.CancelFunc
	running sync.WaitGroup
	failed  chan error // the first error of a part that ended by itself
	unlock  func() error
	serving atomic.Bool
}

// The times that a stop may take, 5 s in all: the store may hang on its disk.
const (
	stopHTTP  = 1500 * time.Millisecond
	stopParts = 2500 * time.Millisecond
	stopStore = time.Second
)

// Start brings a server up. Its error says what to do; nothing is left running
// then.
func Start(ctx context.Context, config Config, logTo io.Writer) (_ *Server, err error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	s := &Server{config: config, log: newLogger(config, logTo), started: time.Now(), failed: make(chan error, 4)}
	defer func() {
		if err != nil {
			s.release()
		}
	}()
	if err := checkClock(s.started); err != nil {
		return nil, err
	}
	if s.folder, err = openFolder(config.Data); err != nil {
		return nil, err
	}
	if s.unlock, err = s.folder.lock(); err != nil {
		return nil, err
	}
	if s.identity, err = s.folder.identity(ctx, s.log); err != nil {
		return nil, err
	}
	if s.planet, err = s.folder.planet(config.Roots, s.identity, s.started, s.log); err != nil {
		return nil, err
	}
	if s.store, err = store.Open(ctx, store.Options{Path: s.folder.path(databaseFile), Logger: s.log}); err != nil {
		return nil, err
	}
	if s.listener, err = net.Listen("tcp", config.HTTP); err != nil {
		return nil, explainListen("HTTP", "--http", "tcp", config.HTTP, err)
	}
	conn, err := vl1.ListenUDP(config.UDP)
	if err != nil {
		return nil, explainListen("ZeroTier", "--udp", "udp", config.UDP, err)
	}
	s.udp = conn.LocalAddr()
	if err := s.assemble(ctx, conn); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	if err := s.folder.keepHTTPAddress(s.HTTPAddr()); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	s.run()
	return s, nil
}

// assemble makes the parts and connects them.
func (s *Server) assemble(ctx context.Context, conn vl1.Conn) (err error) {
	s.controller, err = controller.New(ctx, controller.Options{Identity: s.identity, Store: s.store, Logger: s.log})
	if err != nil {
		return err
	}
	s.endpoint, err = vl1.New(vl1.Config{
		Identities:     []*identity.Identity{s.identity},
		Conn:           conn,
		Planet:         s.planet,
		OnPlanet:       func(w *world.World) { s.folder.keepPublicPlanet(w, s.log) },
		Handler:        s.controller,
		Lookup:         s.lookup,
		AllowMulticast: s.controller.AllowMulticast,
		Logger:         s.log,
		AllowLoopback:  true,
	})
	if err != nil {
		return err
	}
	s.controller.SetNode(s.endpoint)
	s.service = central.New(central.Options{
		Store: s.store, Presence: s.controller, Controller: s.identity.Address(), Logger: s.log,
	})
	if err := s.folder.ensureOwner(ctx, s.service, s.log); err != nil {
		return err
	}
	stopping := make(chan struct{})
	s.http = &http.Server{
		Handler:           s.routes(s.apis(stopping)),
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       60 * time.Second,
		WriteTimeout:      120 * time.Second, // for long lists to slow clients too
		IdleTimeout:       120 * time.Second,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	s.http.RegisterOnShutdown(sync.OnceFunc(func() { close(stopping) }))
	return nil
}

// apis puts the APIs behind one gate. Live streams end when stopping is closed.
func (s *Server) apis(stopping <-chan struct{}) (compatible, native http.Handler) {
	g := gate.New(gate.Options{
		Service: s.service, Logger: s.log,
		Limits: gate.Limits{PerSecond: s.config.RateLimit, Burst: s.config.RateBurst},
	})
	compatible = centralapi.New(centralapi.Options{
		Service: s.service, Gate: g, Logger: s.log, Version: s.config.Version, StartTime: s.started,
	})
	native = api.New(api.Options{
		Service: s.service, Gate: g, Logger: s.log, Version: s.config.Version, Stopping: stopping,
	})
	return compatible, native
}

// lookup finds the identity of a node that was a member before: it was checked
// when it was stored.
func (s *Server) lookup(node zt.Address) *identity.Identity {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	text, err := s.store.Identity(ctx, node)
	if err != nil {
		return nil
	}
	id, err := identity.ParseText(text)
	if err != nil {
		return nil
	}
	return id
}

func (s *Server) run() {
	var ctx context.Context
	ctx, s.cancel = context.WithCancel(context.Background())
	s.running.Go(func() { s.ended("controller", ctx, s.controller.Run(ctx)) })
	s.running.Go(func() { s.ended("VL1 endpoint", ctx, s.endpoint.Run(ctx)) })
	s.running.Go(func() { s.ended("API service", ctx, s.service.Run(ctx)) })
	s.running.Go(func() { s.watchRoots(ctx) })
	s.running.Go(func() { s.tidy(ctx) })
	s.running.Go(func() {
		if err := s.http.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
			s.ended("HTTP server", ctx, err)
		}
	})
	s.serving.Store(true)
}

// ended notes that a part stopped, which is an error unless all do.
func (s *Server) ended(part string, ctx context.Context, err error) {
	if err == nil && ctx.Err() == nil {
		err = errors.New("it ended by itself")
	}
	if err == nil {
		return
	}
	select {
	case s.failed <- fmt.Errorf("%s: %w", part, err):
	default:
	}
}

// Wait returns when ctx ends, or with an error when a part fails.
func (s *Server) Wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-s.failed:
		return err
	}
}

// Stop ends everything in order: no new requests, then the parts, then the
// store. It takes 5 s at most.
func (s *Server) Stop() error {
	s.serving.Store(false)
	forgotten := s.folder.forgetHTTPAddress()
	ctx, cancel := context.WithTimeout(context.Background(), stopHTTP)
	defer cancel()
	if err := s.http.Shutdown(ctx); err != nil {
		s.http.Close()
	}
	s.cancel()
	err := errors.Join(forgotten, within(stopParts, "the server's parts", func() error { s.running.Wait(); return nil }))
	select {
	case failed := <-s.failed:
		err = errors.Join(err, failed)
	default:
	}
	err = errors.Join(err, within(stopStore, "the store", s.release))
	s.log.Info("stopped")
	return err
}

// within runs stop and does not wait for it longer than a time.
func within(limit time.Duration, what string, stop func() error) error {
	done := make(chan error, 1)
	go func() { done <- stop() }()
	select {
	case err := <-done:
		return err
	case <-time.After(limit):
		return fmt.Errorf("%s did not stop in time; nothing that was acknowledged is lost", what)
	}
}

// release gives back what Start took, in reverse order.
func (s *Server) release() error {
	var err error
	if s.listener != nil {
		s.listener.Close()
	}
	if s.store != nil {
		err = s.store.Close()
	}
	if s.unlock != nil {
		err = errors.Join(err, s.unlock())
	}
	return err
}

// Address is the controller's ZeroTier address.
func (s *Server) Address() zt.Address { return s.identity.Address() }

// HTTPAddr is the address that the console and the APIs are on.
func (s *Server) HTTPAddr() net.Addr { return s.listener.Addr() }

// UDPAddr is the address that ZeroTier's packets come to.
func (s *Server) UDPAddr() netip.AddrPort { return s.udp }

// tidyEvery is how often events that are too old are removed.
const tidyEvery = time.Hour

// tidy keeps the store from growing with what nobody asks for anymore.
func (s *Server) tidy(ctx context.Context) {
	tick := time.NewTicker(tidyEvery)
	defer tick.Stop()
	for {
		s.forgetEvents(ctx, time.Now())
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (s *Server) forgetEvents(ctx context.Context, now time.Time) {
	if s.config.KeepActivity == 0 {
		return
	}
	if err := s.store.PruneEvents(ctx, now.Add(-s.config.KeepActivity).UnixMilli()); err != nil && ctx.Err() == nil {
		s.log.Error("cannot remove old events; trying again later", "error", err)
	}
}

// watchRoots says in the log when the server becomes reachable through the
// roots, and when it ceases to be.
func (s *Server) watchRoots(ctx context.Context) {
	if len(s.config.Roots) > 0 {
		return
	}
	const every = 5 * time.Second
	const patience = 6 // looks before the first complaint
	tick := time.NewTicker(every)
	defer tick.Stop()
	answering, looks := false, 0
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		looks++
		now := s.answeringRoots() > 0
		switch {
		case now && !answering:
			s.log.Info("reachable: a root of the public planet answers")
		case !now && (answering || looks == patience):
			s.log.Warn("no root of the public planet answers: nodes elsewhere cannot find this controller. Let UDP out to port 9993, or serve an own planet with --root")
		}
		answering = now
	}
}

func (s *Server) answeringRoots() int {
	count := 0
	for _, root := range s.endpoint.Roots() {
		if root.Answering {
			count++
		}
	}
	return count
}

// Summary is what a person wants to know after the start.
func (s *Server) Summary() string {
	text := fmt.Sprintf(`Orrery %s is running.

  API          http://%s/api/v1
  Controller   %s   (the first ten digits of every network id)
  Owner token  %s
  ZeroTier     udp %s
`, s.config.Version, s.HTTPAddr(), s.Address(), s.folder.path(ownerTokenFile), s.UDPAddr())
	if len(s.config.Roots) > 0 {
		text += fmt.Sprintf("  Planet       %s   (copy it into the home folder of every client, see docs/planet.md)\n", s.folder.path(planetFile))
	} else {
		text += "  Planet       ZeroTier's public one; clients need no change\n"
	}
	return text + "\nStop with Ctrl-C.\n"
}

func newLogger(config Config, to io.Writer) *slog.Logger {
	level, _ := config.level()
	options := &slog.HandlerOptions{Level: level}
	if config.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(to, options))
	}
	return slog.New(slog.NewTextHandler(to, options))
}

// explainListen turns a failure to listen into what to do about it.
func explainListen(what, flag, network, addr string, err error) error {
	switch {
	case isInUse(err):
		return fmt.Errorf("%s address %s (%s) is in use%s; stop that program, or choose another address with %s", what, addr, network, portHolder(network, addr), flag)
	case errors.Is(err, os.ErrPermission):
		return fmt.Errorf("%s address %s (%s): this user may not listen there; choose a port above 1023 with %s", what, addr, network, flag)
	}
	return fmt.Errorf("%s address %s (%s): %w; choose another with %s", what, addr, network, err, flag)
}
