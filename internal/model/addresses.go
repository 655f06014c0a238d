package model

import (
	"net/netip"
	"slices"

	"github.com/orrery-net/orrery/zt/netconf"
)

// AddressesOn returns the addresses that a member has on a network: the assigned
// ones, and those that nodes make of the ids (protocol 08 §3).
func (m *Member) AddressesOn(n *Network) []netip.Addr {
	all := slices.Clone(m.Addresses)
	if n.V6.RFC4193 {
		all = append(all, netconf.RFC4193(n.ID, m.Node).Addr())
	}
	if n.V6.SixPlane {
		all = append(all, netconf.SixPlane(n.ID, m.Node).Addr())
	}
	return all
}
