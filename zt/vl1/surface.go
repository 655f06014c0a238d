package vl1

import (
	"net/netip"
	"sync"

	"github.com/orrery-net/orrery/zt"
)

const surfaceFor = 600_000 // ms that a report of a surface address counts

// surfaceTable notes how roots see us from outside (protocol 03 §9). There are
// as many entries as there are roots and families.
type surfaceTable struct {
	mu      sync.Mutex // guards reports
	reports map[surfaceKey]surfaceReport
}

type surfaceKey struct {
	reporter zt.Address
	is4      bool
}

type surfaceReport struct {
	addr netip.AddrPort
	at   int64
}

// noteSurface takes a report from a direct packet of an upstream.
func (e *Endpoint) noteSurface(p *peer, from route, seen netip.AddrPort, now int64) {
	class := zt.Scope(seen.Addr())
	if !seen.IsValid() || class != zt.Scope(from.remote.Addr()) || !p.upstream.Load() {
		return
	}
	switch class {
	case zt.ScopeNone, zt.ScopeMulticast, zt.ScopeLoopback:
		return
	}
	s := &e.surface
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reports == nil {
		s.reports = make(map[surfaceKey]surfaceReport)
	}
	for k, r := range s.reports {
		if now-r.at >= surfaceFor {
			delete(s.reports, k)
		}
	}
	s.reports[surfaceKey{p.addr, seen.Addr().Is4()}] = surfaceReport{seen, now}
}

// Surfaces returns the different addresses under which roots see us, in no
// particular order.
func (e *Endpoint) Surfaces() []netip.AddrPort {
	s, now := &e.surface, e.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := make(map[netip.AddrPort]bool)
	var list []netip.AddrPort
	for _, r := range s.reports {
		if now-r.at < surfaceFor && !seen[r.addr] {
			seen[r.addr] = true
			list = append(list, r.addr)
		}
	}
	return list
}
