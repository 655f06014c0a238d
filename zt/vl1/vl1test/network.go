// Package vl1test is a datagram network in memory, so that whole endpoints meet
// in one test without sockets. It is no test of the protocol: it carries bytes.
//
// Everything blocks on channels only, so it works inside testing/synctest.
package vl1test

import (
	"errors"
	"net"
	"net/netip"
	"sync"

	"github.com/orrery-net/orrery/zt/vl1"
)

// inbox is how many datagrams wait for a host before further ones are lost.
const inbox = 8192

// Network carries datagrams between the hosts attached to it. The zero value is
// an empty network in which every host reaches every other one. It is safe for
// concurrent use.
type Network struct {
	mu      sync.Mutex
	hosts   map[netip.AddrPort]*Host
	blocked map[[2]netip.Addr]bool
	carry   func(from, to netip.AddrPort, data []byte) bool
}

// Host is one host's socket. It implements vl1.Conn.
type Host struct {
	network *Network
	addrs   []netip.AddrPort
	in      chan message
	closed  chan struct{}
	once    sync.Once
}

type message struct {
	from, to netip.AddrPort
	data     []byte
}

// Listen attaches a host with the given addresses, at most one or two of each
// family; the first of a family is the one datagrams leave from by default.
func (n *Network) Listen(addrs ...string) *Host {
	h := &Host{network: n, in: make(chan message, inbox), closed: make(chan struct{})}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.hosts == nil {
		n.hosts = make(map[netip.AddrPort]*Host)
		n.blocked = make(map[[2]netip.Addr]bool)
	}
	for _, a := range addrs {
		ap := netip.MustParseAddrPort(a)
		h.addrs = append(h.addrs, ap)
		n.hosts[ap] = h
	}
	return h
}

// Block stops (or with on == false lets through again) everything between two
// IP addresses, in both directions.
func (n *Network) Block(a, b string, on bool) {
	x, y := netip.MustParseAddr(a), netip.MustParseAddr(b)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.blocked[[2]netip.Addr{x, y}] = on
	n.blocked[[2]netip.Addr{y, x}] = on
}

// Filter has fn see every datagram; those for which it returns false are lost.
// It must not keep or change data, nor call the network. nil removes it.
func (n *Network) Filter(fn func(from, to netip.AddrPort, data []byte) bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.carry = fn
}

// deliver copies one datagram to its destination. As with UDP, nobody learns
// whether it arrived.
func (n *Network) deliver(from, to netip.AddrPort, data []byte, arrives bool) {
	n.mu.Lock()
	h := n.hosts[to]
	lost := h == nil || n.blocked[[2]netip.Addr{from.Addr(), to.Addr()}]
	if n.carry != nil && !n.carry(from, to, data) {
		lost = true
	}
	n.mu.Unlock()
	if lost || !arrives {
		return
	}
	select {
	case h.in <- message{from, to, append([]byte(nil), data...)}:
	case <-h.closed:
	default:
	}
}

// ReadBatch implements vl1.Conn.
func (h *Host) ReadBatch(ds []vl1.Datagram) (int, error) {
	select {
	case <-h.closed:
		return 0, net.ErrClosed
	case m := <-h.in:
		h.fill(&ds[0], m)
	}
	n := 1
	for n < len(ds) {
		select {
		case m := <-h.in:
			h.fill(&ds[n], m)
			n++
		default:
			return n, nil
		}
	}
	return n, nil
}

func (h *Host) fill(d *vl1.Datagram, m message) {
	d.Data = d.Data[:copy(d.Data, m.data)]
	d.Remote, d.Local, d.TTL = m.from, m.to.Addr(), 0
}

var errNoRoute = errors.New("no address of this family")

// WriteBatch implements vl1.Conn. A datagram with a TTL is seen by the filter,
// but gets no further than the first router, that is nowhere.
func (h *Host) WriteBatch(ds []vl1.Datagram) (int, error) {
	for i := range ds {
		select {
		case <-h.closed:
			return i, net.ErrClosed
		default:
		}
		from, ok := h.source(&ds[i])
		if !ok {
			return i, errNoRoute
		}
		h.network.deliver(from, ds[i].Remote, ds[i].Data, ds[i].TTL == 0)
	}
	return len(ds), nil
}

func (h *Host) source(d *vl1.Datagram) (netip.AddrPort, bool) {
	var first netip.AddrPort
	for _, a := range h.addrs {
		if a.Addr() == d.Local {
			return a, true
		}
		if !first.IsValid() && a.Addr().Is4() == d.Remote.Addr().Is4() {
			first = a
		}
	}
	return first, first.IsValid()
}

// Send sends one datagram from the host's address of the right family, for
// tests that speak without an endpoint.
func (h *Host) Send(to netip.AddrPort, data []byte) error {
	_, err := h.WriteBatch([]vl1.Datagram{{Data: data, Remote: to}})
	return err
}

// Drain returns the datagrams that have arrived and were not read.
func (h *Host) Drain() [][]byte {
	var all [][]byte
	for {
		select {
		case m := <-h.in:
			all = append(all, m.data)
		default:
			return all
		}
	}
}

// LocalAddr implements vl1.Conn.
func (h *Host) LocalAddr() netip.AddrPort { return h.addrs[0] }

// Close implements vl1.Conn and detaches the host.
func (h *Host) Close() error {
	h.once.Do(func() {
		close(h.closed)
		h.network.mu.Lock()
		defer h.network.mu.Unlock()
		for _, a := range h.addrs {
			if h.network.hosts[a] == h {
				delete(h.network.hosts, a)
			}
		}
	})
	return nil
}
