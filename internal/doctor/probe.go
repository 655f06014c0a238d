package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/identity"
	"github.com/orrery-net/orrery/zt/member"
	"github.com/orrery-net/orrery/zt/vl1"
	"github.com/orrery-net/orrery/zt/world"
)

// reply is what came back from a planet.
type reply struct {
	err        error // of this machine: nothing could be sent
	roots      []vl1.RootStatus
	controller bool         // it answered
	newer      *world.World // a revision that a root handed out; nil: none
}

// root returns the state of a root; false if it does not answer.
func (r reply) root(a zt.Address) (vl1.RootStatus, bool) {
	for _, root := range r.roots {
		if root.Address == a {
			return root, root.Answering
		}
	}
	return vl1.RootStatus{}, false
}

// probe runs a member with an identity of its own on a planet until stop is
// called.
func (o *Options) probe(ctx context.Context, planet *world.World, onPlanet func(*world.World)) (node *member.Node, endpoint *vl1.Endpoint, stop func(), err error) {
	id, err := o.generate(ctx)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("make an identity: %w", err)
	}
	conn, err := vl1.ListenUDP(":0")
	if err != nil {
		return nil, nil, nil, err
	}
	host, err := member.New(member.Config{
		Nodes: []*identity.Identity{id}, Conn: conn, Planet: planet, OnPlanet: onPlanet,
		AllowLoopback: true, // what nodes may use is not what is asked here
	})
	if err != nil {
		return nil, nil, nil, errors.Join(err, conn.Close())
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = host.Run(ctx) // a socket that fails looks like one that hears nothing
	}()
	return host.Node(id.Address()), host.Endpoint(), func() { cancel(); <-ended }, nil
}

// noNetwork is the number that no controller of ours gives a network: to ask for
// it proves that question and answer get through, and leaves no trace.
const noNetwork = 0

// newerTime is how long after the controller's answer a newer planet is waited
// for, which came before it but is looked at by another goroutine.
const newerTime = 200 * time.Millisecond

// ask asks the controller on a planet for a network that does not exist, and
// waits for what comes back. Without a controller it waits for roots alone.
func (o *Options) ask(ctx context.Context, planet *world.World, controller zt.Address) reply {
	var newer atomic.Pointer[world.World]
	node, endpoint, stop, err := o.probe(ctx, planet, newer.Store)
	if err != nil {
		return reply{err: err}
	}
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, o.Patience)
	defer cancel()
	_, err = node.Join(zt.NewNetworkID(controller, noNetwork)).Wait(ctx, func(s member.State) bool { return s.Status == member.NotFound })
	if err == nil {
		select {
		case <-time.After(newerTime):
		case <-ctx.Done():
		}
	}
	return reply{roots: endpoint.Roots(), controller: err == nil, newer: newer.Load()}
}

// only is the planet with a single endpoint of a single root. Roots take it for
// the whole one.
func only(planet *world.World, root *identity.Identity, at netip.AddrPort) *world.World {
	narrow := *planet
	narrow.Roots = []world.Root{{Identity: root, Endpoints: []netip.AddrPort{at}}}
	return &narrow
}

// The states of the way to an endpoint, as the system here sees it.
var (
	errNoWay   = errors.New("no way")  // no route, such as to IPv6 without IPv6
	errRefused = errors.New("refused") // the other machine says that nothing listens
)

// refusedTime is how long an answer of the other machine's system is waited for.
const refusedTime = 500 * time.Millisecond

// knock sends a byte that means nothing. It returns errNoWay, errRefused, or nil
// if nothing speaks against the endpoint, or ctx ends before something does.
func knock(ctx context.Context, at netip.AddrPort) error {
	conn, err := new(net.Dialer).DialContext(ctx, "udp", at.String())
	if err != nil {
		return errNoWay
	}
	defer conn.Close()
	if _, err := conn.Write([]byte{0}); err != nil {
		return errNoWay
	}
	_ = conn.SetReadDeadline(time.Now().Add(refusedTime))
	defer context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Now()) })()
	if _, err := conn.Read(make([]byte, 1)); errors.Is(err, syscall.ECONNREFUSED) {
		return errRefused
	}
	return nil
}
