package netconf

import (
	"net/netip"

	"github.com/orrery-net/orrery/zt"
)

// RFC4193 returns the address that a node has on a network with RFC 4193
// addressing, with the prefix length 88 (protocol 08 §3).
func RFC4193(network zt.NetworkID, node zt.Address) netip.Prefix {
	raw := network.Append(append(make([]byte, 0, 16), 0xfd))
	raw = node.Append(append(raw, 0x99, 0x93))
	return netip.PrefixFrom(netip.AddrFrom16([16]byte(raw)), 88)
}

// SixPlane returns the address that a node has on a network with 6PLANE
// addressing, with the prefix length 40 (protocol 08 §3). All addresses that
// share its first 80 bits are the node's.
func SixPlane(network zt.NetworkID, node zt.Address) netip.Prefix {
	folded := uint32(network>>32) ^ uint32(network)
	raw := [16]byte{0xfc, byte(folded >> 24), byte(folded >> 16), byte(folded >> 8), byte(folded), 15: 1}
	node.Put(raw[5:])
	return netip.PrefixFrom(netip.AddrFrom16(raw), 40)
}
