package server

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/orrery-net/orrery/internal/api"
	"github.com/orrery-net/orrery/zt"
)

// routes puts Central's API, our own and the operator's pages on one address.
func (s *Server) routes(compatible, native http.Handler) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		&metrics{server: s},
	)
	compatible, native = counted(registry, "central", compatible), counted(registry, "orrery", native)
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", s.ready)
	mux.HandleFunc("GET /{$}", s.welcome)
	// The APIs come before the mux, which answers some paths with redirects:
	// Central's never does.
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r = withOneSlash(r)
		switch path := r.URL.Path; {
		case isBelow(path, api.Base), isBelow(path, "/invitations"):
			native.ServeHTTP(w, r)
		case isBelow(path, "/api"):
			compatible.ServeHTTP(w, r)
		default:
			mux.ServeHTTP(w, r)
		}
	})
}

// withOneSlash leaves one of several slashes that a path begins with. Clients
// send them that were given a base URL with a slash at its end.
func withOneSlash(r *http.Request) *http.Request {
	if !strings.HasPrefix(r.URL.Path, "//") {
		return r
	}
	at := *r.URL
	at.Path = "/" + strings.TrimLeft(at.Path, "/")
	if at.RawPath != "" {
		at.RawPath = "/" + strings.TrimLeft(at.RawPath, "/")
	}
	same := *r
	same.URL = &at
	return &same
}

// isBelow reports whether a path is a folder or lies in it.
func isBelow(path, folder string) bool {
	rest, ok := strings.CutPrefix(path, folder)
	return ok && (rest == "" || rest[0] == '/')
}

func (s *Server) welcome(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	fmt.Fprintf(w, `Orrery %s, controller %s

ZeroTier Central's API   /api/v1
Orrery's own API         %s/docs
Metrics                  /metrics
State                    /readyz?verbose
`, s.config.Version, s.Address(), api.Base)
}

// ready answers 200 as soon as API and UDP serve. With ?verbose it also says
// what an operator should look at, none of which makes it fail.
func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	var report strings.Builder
	ok := s.serving.Load()
	say := func(good bool, what, format string, args ...any) {
		mark := "+"
		if !good {
			mark = "-"
		}
		fmt.Fprintf(&report, "[%s] %s: %s\n", mark, what, fmt.Sprintf(format, args...))
	}
	say(ok, "udp", "listening on %s", s.UDPAddr())
	networks, err := s.store.NetworkIDs(ctx)
	if err != nil {
		ok = false
		s.log.Error("the store does not answer", "error", err)
		say(false, "store", "does not answer; see the log")
	} else {
		say(true, "store", "%d networks", len(networks))
	}
	if _, verbose := r.URL.Query()["verbose"]; verbose && err == nil {
		s.reportRoots(say)
		s.reportNetworks(ctx, networks, say)
	}
	if !ok {
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprint(w, report.String(), "not ready\n")
		return
	}
	fmt.Fprint(w, report.String(), "ready\n")
}

// reportNetworks reads one network at a time: together they may be large.
func (s *Server) reportNetworks(ctx context.Context, ids []zt.NetworkID, say func(good bool, what, format string, args ...any)) {
	for _, id := range ids {
		n, err := s.store.Network(ctx, id)
		if err != nil {
			continue // it was deleted a moment ago, or nobody waits for the report
		}
		for _, warning := range n.Warnings() {
			say(false, "network "+id.String(), "%s", warning)
		}
	}
}

func (s *Server) reportRoots(say func(good bool, what, format string, args ...any)) {
	if len(s.config.Roots) > 0 {
		say(true, "planet", "own, this server is its root at %v", s.config.Roots)
		return
	}
	for _, root := range s.endpoint.Roots() {
		switch {
		case root.Answering:
			say(true, "root "+root.Address.String(), "answers from %s, %d ms", root.Endpoint, root.Latency.Milliseconds())
		case root.LastReceive.IsZero():
			say(false, "root "+root.Address.String(), "has not answered yet")
		default:
			say(false, "root "+root.Address.String(), "last answered %s ago", time.Since(root.LastReceive).Round(time.Second))
		}
	}
}

// counted counts the answers of an API. Refusals for their rate are there from
// the start, for alarms need a zero to rise from.
func counted(registry *prometheus.Registry, name string, api http.Handler) http.Handler {
	requests := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "orrery_api_requests_total", Help: "API requests answered, by API and HTTP status.",
		ConstLabels: prometheus.Labels{"api": name},
	}, []string{"code"})
	requests.WithLabelValues(strconv.Itoa(http.StatusTooManyRequests))
	registry.MustRegister(requests)
	return promhttp.InstrumentHandlerCounter(requests, api)
}

// collect sends one value to Prometheus.
type collect func(d *prometheus.Desc, value float64, labels ...string)

// metrics reads the counters of the parts when Prometheus asks.
type metrics struct{ server *Server }

var (
	membersOnline   = describe("orrery_members_online", "Members that asked for their configuration within the online window.")
	membersInMemory = describe("orrery_members_in_memory", "Members held in memory.")
	membersLimited  = describe("orrery_members_limited", "Members in memory whose nodes cannot hold or evaluate all of their network's rules.")
	networksTotal   = describe("orrery_networks", "Networks that this controller knows, deleted ones included.")
	configRequests  = describe("orrery_config_requests_total", "Configuration requests received.")
	configReplies   = describe("orrery_config_replies_total", "Configuration requests answered, by kind of the answer.", "kind")
	configDropped   = describe("orrery_config_dropped_total", "Configuration requests and answers dropped, by reason.", "reason")
	configPushes    = describe("orrery_config_pushes_total", "Configurations sent unasked, by result.", "result")
	receiptSeconds  = describe("orrery_push_receipt_seconds_total", "Time from pushes to their confirmations, summed.")
	revocationsSent = describe("orrery_revocations_sent_total", "Revocations sent, counted once per destination.")
	membersJoined   = describe("orrery_members_joined_total", "Nodes that asked to join for the first time.")
	signings        = describe("orrery_signings_total", "Configurations and sets of certificates signed.")
	signingSeconds  = describe("orrery_signing_seconds_total", "Time spent signing.")
	queueLength     = describe("orrery_queue_length", "Work that waits, by queue.", "queue")
	rootAnswering   = describe("orrery_root_answering", "Whether a root of the planet answers (1) or not (0).", "root")
	rootLatency     = describe("orrery_root_latency_seconds", "Round-trip time to a root of the planet.", "root")
	vl1Datagrams    = describe("orrery_vl1_datagrams_total", "Datagrams, by direction.", "direction")
	vl1Bytes        = describe("orrery_vl1_bytes_total", "UDP payload, by direction.", "direction")
	vl1Events       = describe("orrery_vl1_events_total", "What happened at the VL1 endpoint.", "event")
	vl1Drops        = describe("orrery_vl1_dropped_total", "Packets dropped by the VL1 endpoint, by reason.", "reason")
	vl1Sizes        = describe("orrery_vl1_size", "Sizes of the VL1 endpoint's tables and queues.", "table")
)

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

// Describe implements prometheus.Collector. It sends nothing, which makes the
// collector an unchecked one: some of its metrics come and go.
func (m *metrics) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (m *metrics) Collect(out chan<- prometheus.Metric) {
	var counter, gauge collect = func(d *prometheus.Desc, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, value, labels...)
	}, func(d *prometheus.Desc, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	c := m.server.controller.Stats()
	gauge(membersOnline, float64(c.Online))
	gauge(membersInMemory, float64(c.InMemory))
	gauge(membersLimited, float64(c.Limited))
	gauge(networksTotal, float64(c.Networks))
	counter(configRequests, float64(c.Requests))
	for kind, n := range c.Replies {
		counter(configReplies, float64(n), kind)
	}
	for reason, n := range c.Dropped {
		counter(configDropped, float64(n), reason)
	}
	for result, n := range c.Pushes {
		counter(configPushes, float64(n), result)
	}
	counter(receiptSeconds, c.ReceiptTime.Seconds())
	counter(revocationsSent, float64(c.Revoked))
	counter(membersJoined, float64(c.Joined))
	counter(signings, float64(c.Signings))
	counter(signingSeconds, c.SigningTime.Seconds())
	gauge(queueLength, float64(c.Queued), "requests")
	gauge(queueLength, float64(c.OnAgenda), "timers")
	gauge(queueLength, float64(c.Receipts), "unconfirmed_pushes")
	gauge(queueLength, float64(c.Revocating), "revocations")
	for _, root := range m.server.endpoint.Roots() {
		answering := 0.0
		if root.Answering {
			answering = 1
		}
		gauge(rootAnswering, answering, root.Address.String())
		gauge(rootLatency, root.Latency.Seconds(), root.Address.String())
	}
	m.collectEndpoint(counter, gauge)
}
