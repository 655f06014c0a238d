package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"

	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/identity"
	"github.com/orrery-net/orrery/zt/world"
)

const udpCheck = "udp"

// clientsPlanet is the planet through which clients find the server, as far as
// it can be known here; nil if it cannot.
func (s *survey) clientsPlanet() *world.World {
	switch {
	case s.Planet != nil:
		return s.Planet
	case s.pages.isPublic():
		return world.Public()
	case s.serverHere() && s.folder.Planet != nil:
		return s.folder.Planet
	case s.homePlanet != nil && (s.controller == 0 || s.homePlanet.Root(s.controller) != nil):
		return s.homePlanet
	}
	return nil
}

// checkUDP sees with a member of its own whether ZeroTier's packets reach the
// server, at each endpoint that clients use.
func (s *survey) checkUDP(ctx context.Context) []Finding {
	found, way := s.tryUDP(ctx)
	if s.Join {
		found = append(found, s.checkJoin(ctx, way))
	}
	return found
}

// tryUDP also returns a planet on which the controller answered; nil: there is no
// way to it.
func (s *survey) tryUDP(ctx context.Context) (found []Finding, way *world.World) {
	planet, controller := s.clientsPlanet(), s.controller
	if s.serverHere() && s.local == nil && len(s.Endpoints) == 0 {
		return one(udpCheck, Skipped, "nothing was tried, since the server of this machine does not run", "start it, then run orrery doctor again"), nil
	}
	if planet == nil {
		if near := s.checkNear(ctx); near != nil {
			found = append(found, *near)
		}
		return append(found, Finding{udpCheck, Skipped, "it is not known through which planet clients find the server", "get the planet's file with orrery planet export on the server's machine, and name it with --planet FILE"}), nil
	}
	if controller == 0 && len(planet.Roots) == 1 {
		controller = planet.Roots[0].Identity.Address()
	}
	root := planet.Root(controller)
	if root != nil {
		return s.checkEndpoints(ctx, planet, root)
	}
	if planet.ID != world.Public().ID {
		return one(udpCheck, Skipped, "nothing was sent: the planet does not name this server", "see planet"), nil
	}
	return s.checkPublic(ctx, planet, controller)
}

// target is an endpoint that is asked, and what came back.
type target struct {
	at      netip.AddrPort
	knocked error
	reply   reply
}

func (t *target) ask(ctx context.Context, o *Options, planet *world.World, root *identity.Identity) {
	ctx, cancel := context.WithCancel(ctx)
	var knocking sync.WaitGroup
	knocking.Go(func() {
		if t.knocked = knock(ctx, t.at); errors.Is(t.knocked, errNoWay) {
			cancel()
		}
	})
	t.reply = o.ask(ctx, only(planet, root, t.at), root.Address())
	cancel()
	knocking.Wait()
}

// checkEndpoints is for a server that is the root of its own planet.
func (s *survey) checkEndpoints(ctx context.Context, planet *world.World, root *world.Root) (found []Finding, way *world.World) {
	endpoints := root.Endpoints
	if len(s.Endpoints) > 0 {
		endpoints = s.Endpoints
	}
	targets := make([]target, len(endpoints))
	var near *Finding
	var asking sync.WaitGroup
	asking.Go(func() { near = s.checkNear(ctx) })
	for i, at := range endpoints {
		targets[i].at = at
		asking.Go(func() { targets[i].ask(ctx, &s.Options, planet, root.Identity) })
	}
	asking.Wait()

	if near != nil {
		found = append(found, *near)
	}
	anyAnswers := false
	for _, t := range targets {
		_, answers := t.reply.root(root.Identity.Address())
		anyAnswers = anyAnswers || answers
	}
	nearAnswers := near != nil && near.State == OK
	var newer *world.World
	for _, t := range targets {
		f := s.judge(t, root.Identity.Address(), anyAnswers, nearAnswers)
		found = append(found, f)
		if f.State == OK && way == nil {
			way = only(planet, root.Identity, t.at)
		}
		if t.reply.newer != nil {
			newer = t.reply.newer
		}
	}
	if newer != nil {
		found = append(found, Finding{udpCheck, Warning, "the server hands out a newer planet, of " + moment(newer.Timestamp) + ", than the one used here", "export it again with orrery planet export for new clients; those that reach a root get it by themselves"})
	}
	return found, way
}

// judge says what an endpoint's reply means.
func (s *survey) judge(t target, root zt.Address, othersAnswer, nearAnswers bool) Finding {
	at := written(t.at)
	status, answers := t.reply.root(root)
	switch {
	case errors.Is(t.knocked, errNoWay) && !answers:
		return Finding{udpCheck, Skipped, fmt.Sprintf("%s was not tried: this machine has no way there", at), "try it with orrery doctor --planet FILE on a machine that has one"}
	case t.reply.err != nil:
		return Finding{udpCheck, Problem, fmt.Sprintf("%s was not tried: %s", at, t.reply.err), "let this program open a UDP socket, and see what the message says"}
	case answers && t.reply.controller:
		return Finding{udpCheck, OK, fmt.Sprintf("%s: the root answers in %d ms, and so does the controller", at, status.Latency.Milliseconds()), ""}
	case answers:
		return Finding{udpCheck, Problem, fmt.Sprintf("%s: the root answers, the controller does not", at), "the way to the server is fine, so look at the server: its log, and orrery_config_dropped_total and orrery_queue_length of /metrics, which show whether it is overloaded; then restart it"}
	}
	state := Problem
	if othersAnswer {
		state = Warning // clients try all of them
	}
	port := t.at.Port()
	if errors.Is(t.knocked, errRefused) {
		return Finding{udpCheck, state, fmt.Sprintf("%s: no root answers, and that machine says that nothing listens on UDP port %d", at, port), fmt.Sprintf("start the server, see with which --udp it listens, and that a firewall does not reject UDP port %d", port)}
	}
	do := fmt.Sprintf("open UDP port %d for incoming packets in the firewall of the server's machine and in that of its provider", port)
	if listening := s.pages.udpAddress(); listening.IsValid() {
		do += fmt.Sprintf("; behind a router, forward UDP port %d of %s to port %d of the server's machine", port, t.at.Addr().Unmap(), listening.Port())
	} else {
		do += "; behind a router, forward it to the port of --udp"
	}
	if nearAnswers {
		do += ". The server itself is fine, it answers on its own machine"
		if !isOurs(t.at.Addr()) {
			state = Warning
			do += "; many routers do not let a machine behind them reach its own outer address, so make sure with orrery doctor --planet FILE on a machine elsewhere"
		}
	}
	return Finding{udpCheck, state, fmt.Sprintf("%s: no root answers", at), do}
}

// checkNear asks the server on this machine without anything in between; nil if
// it is not here, or does not run.
func (s *survey) checkNear(ctx context.Context) *Finding {
	at := s.pages.udpAddress()
	if s.local == nil || !at.IsValid() {
		return nil
	}
	if at.Addr().IsUnspecified() {
		at = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), at.Port())
	}
	t := target{at: at}
	t.ask(ctx, &s.Options, &world.World{Kind: world.Planet}, s.folder.Identity)
	if t.reply.controller {
		return &Finding{udpCheck, OK, fmt.Sprintf("on this machine the controller answers at %s", written(at)), ""}
	}
	return &Finding{udpCheck, Problem, fmt.Sprintf("not even on this machine does the controller answer at %s", written(at)), "look at the server's log and at port below, see that no firewall of this machine drops UDP to itself, and restart the server"}
}

// checkPublic is for a server on the public planet, which clients find through
// roots that are not ours.
func (s *survey) checkPublic(ctx context.Context, planet *world.World, controller zt.Address) (found []Finding, way *world.World) {
	var near *Finding
	var reply reply
	var asking sync.WaitGroup
	asking.Go(func() { near = s.checkNear(ctx) })
	asking.Go(func() { reply = s.ask(ctx, planet, controller) })
	asking.Wait()
	if near != nil {
		found = append(found, *near)
	}
	found = append(found, judgePublic(reply, controller))
	if reply.controller {
		way = planet
	}
	return found, way
}

// judgePublic says what came back through the public planet.
func judgePublic(r reply, controller zt.Address) Finding {
	if r.err != nil {
		return Finding{udpCheck, Problem, "nothing was sent: " + r.err.Error(), "let this program open a UDP socket, and see what the message says"}
	}
	answering := 0
	for _, root := range r.roots {
		if root.Answering {
			answering++
		}
	}
	of := fmt.Sprintf("%d of the public planet's %d roots answer this machine", answering, len(r.roots))
	switch {
	case r.controller:
		return Finding{udpCheck, OK, of + ", and through them the controller does", ""}
	case answering == 0:
		return Finding{udpCheck, Problem, of, "let UDP out to port 9993 (and the answers in); without internet access, serve an own planet with --root"}
	case controller == 0:
		return Finding{udpCheck, Skipped, of + "; which controller to ask is not known", "make a network first, whose id tells; the controllers of other services than Orrery are not asked"}
	}
	return Finding{udpCheck, Problem, fmt.Sprintf("%s, the controller %s does not", of, controller), "on the server's machine let UDP out to port 9993 (and the answers in); its /readyz?verbose says which roots answer it"}
}

// written is an endpoint as ZeroTier's tools write it, with its family.
func written(at netip.AddrPort) string {
	family := "IPv6"
	if at.Addr().Unmap().Is4() {
		family = "IPv4"
	}
	return fmt.Sprintf("%s/%d (%s)", at.Addr().Unmap(), at.Port(), family)
}

// isOurs reports whether this machine has an address.
func isOurs(ip netip.Addr) bool {
	if ip.IsLoopback() {
		return true
	}
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return false
	}
	for _, address := range addresses {
		if prefix, err := netip.ParsePrefix(address.String()); err == nil && prefix.Addr().Unmap().WithZone("") == ip.Unmap().WithZone("") {
			return true
		}
	}
	return false
}
