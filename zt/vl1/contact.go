package vl1

import (
	"net/netip"

	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/identity"
)

// Contact is Learn for a node that was at an endpoint not long ago: it is
// greeted there, so that packets to it, which wait a little, need not wait for
// its own next packet. An endpoint that is not valid or not usable is left out.
func (e *Endpoint) Contact(local zt.Address, id *identity.Identity, endpoint netip.AddrPort) {
	l := e.locals[local]
	if l == nil || e.locals[id.Address()] != nil {
		return
	}
	p := e.learn(l, id)
	if p == nil || !endpoint.IsValid() || !e.usable(p.addr, endpoint) {
		return
	}
	now := e.now()
	if _, ok := p.bestForSend(now); !ok {
		e.sendHello(p, route{remote: endpoint}, now)
	}
}
