package controller

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
	"net/netip"
	"slices"

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/netconf"
)

// addressBook knows which addresses of one network are taken, and finds free
// ones. What it says is a proposal: the store's unique constraint is the judge.
// Not safe for concurrent use.
type addressBook struct {
	byNode  map[zt.Address][]netip.Addr
	holders map[netip.Addr]int // members that have an address; users may give one to several
	// used4 has a bit for each taken IPv4 address, 64 to a word, so that a search
	// passes 64 taken addresses in one step. Words without a bit are absent.
	used4 map[uint32]uint64
}

func newAddressBook() *addressBook {
	return &addressBook{
		byNode:  make(map[zt.Address][]netip.Addr),
		holders: make(map[netip.Addr]int),
		used4:   make(map[uint32]uint64),
	}
}

// set records that a member has exactly these addresses; none frees them all.
func (b *addressBook) set(node zt.Address, addresses []netip.Addr) {
	if slices.Equal(b.byNode[node], addresses) {
		return
	}
	for _, a := range b.byNode[node] {
		b.release(a)
	}
	if len(addresses) == 0 {
		delete(b.byNode, node)
		return
	}
	b.byNode[node] = addresses
	for _, a := range addresses {
		b.take(a)
	}
}

// take marks an address as taken, also when its holder is not known.
func (b *addressBook) take(a netip.Addr) {
	b.holders[a]++
	if a.Is4() {
		n := number4(a)
		b.used4[n>>6] |= 1 << (n & 63)
	}
}

func (b *addressBook) release(a netip.Addr) {
	if b.holders[a]--; b.holders[a] > 0 {
		return
	}
	delete(b.holders, a)
	if a.Is4() {
		n := number4(a)
		if b.used4[n>>6] &^= 1 << (n & 63); b.used4[n>>6] == 0 {
			delete(b.used4, n>>6)
		}
	}
}

// propose finds the addresses that a member lacks and the network gives by
// itself: at most one IPv6 and one IPv4 address (protocol 08 §3 d and e).
func (b *addressBook) propose(n *model.Network, m *model.Member) []netip.Addr {
	if m.NoAutoAssignIPs {
		return nil
	}
	var found []netip.Addr
	have4, have6 := routedFamilies(n, m.Addresses)
	room := netconf.MaxAddresses - len(m.Addresses)
	if n.V6.ZT && !have6 && len(found) < room {
		if a, ok := b.propose6(n, m.Node); ok {
			found = append(found, a)
		}
	}
	if n.V4.ZT && !have4 && len(found) < room {
		if a, ok := b.propose4(n, m.Node); ok {
			found = append(found, a)
		}
	}
	return found
}

// propose4 walks each pool upwards from a place that the node's address fixes,
// so that a node gets the same address again while it is free. The last address
// of a pool of several is never given, nor one that ends in 255: both as the
// reference does, whose answers this reproduces.
func (b *addressBook) propose4(n *model.Network, node zt.Address) (netip.Addr, bool) {
	for _, pool := range n.Pools {
		if !pool.Start.Is4() || !pool.End.Is4() {
			continue
		}
		start, end := number4(pool.Start), number4(pool.End)
		if start == 0 || end < start {
			continue
		}
		first, last := start, end
		if end > start {
			first = start + uint32(node)%(end-start)
			last = end - 1
		}
		if a, ok := b.firstFree4(n, first, last); ok {
			return a, true
		}
		if first > start {
			if a, ok := b.firstFree4(n, start, first-1); ok {
				return a, true
			}
		}
	}
	return netip.Addr{}, false
}

// firstFree4 returns the lowest free address from low to high, both included,
// that lies in a route.
func (b *addressBook) firstFree4(n *model.Network, low, high uint32) (netip.Addr, bool) {
	for at := uint64(low); at <= uint64(high); {
		routeEnd, ok := routeFrom4(n, uint32(at), high)
		if !ok {
			return netip.Addr{}, false
		}
		at = max(at, uint64(routeEnd.low))
		for at <= uint64(min(routeEnd.high, high)) {
			free := ^b.used4[uint32(at>>6)] >> (at & 63)
			if free == 0 {
				at = at>>6<<6 + 64
				continue
			}
			at += uint64(bits.TrailingZeros64(free))
			if at > uint64(min(routeEnd.high, high)) {
				break
			}
			if at&0xff != 0xff {
				return address4(uint32(at)), true
			}
			at++
		}
		at = max(at, uint64(routeEnd.high)+1)
	}
	return netip.Addr{}, false
}

type range4 struct{ low, high uint32 }

// routeFrom4 returns the route range that holds at, or else the next one above
// it that begins no later than high.
func routeFrom4(n *model.Network, at, high uint32) (range4, bool) {
	next, found := range4{}, false
	for _, r := range n.Routes {
		if !r.Target.Addr().Is4() || !givesAddresses(r) {
			continue
		}
		low := number4(r.Target.Addr())
		span := range4{low, low | (1<<(32-r.Target.Bits()) - 1)}
		switch {
		case span.low <= at && at <= span.high:
			return span, true
		case span.low > at && span.low <= high && (!found || span.low < next.low):
			next, found = span, true
		}
	}
	return next, found
}

// tries6 is how many random addresses of an IPv6 pool are tried.
const tries6 = 1000

func (b *addressBook) propose6(n *model.Network, node zt.Address) (netip.Addr, bool) {
	for _, pool := range n.Pools {
		if !pool.Start.Is6() || !pool.End.Is6() {
			continue
		}
		start, end := pool.Start.As16(), pool.End.As16()
		startHigh, startLow := binary.BigEndian.Uint64(start[:8]), binary.BigEndian.Uint64(start[8:])
		endHigh, endLow := binary.BigEndian.Uint64(end[:8]), binary.BigEndian.Uint64(end[8:])
		for try := range tries6 {
			high, low := startHigh, startLow
			if try == 0 && endLow > startLow && endLow-startLow >= 0xffffffffff {
				low += uint64(node)
			} else {
				high += below(endHigh, startHigh)
				low += below(endLow, startLow)
			}
			var raw [16]byte
			binary.BigEndian.PutUint64(raw[:8], high)
			binary.BigEndian.PutUint64(raw[8:], low)
			a := netip.AddrFrom16(raw)
			if b.holders[a] == 0 && inLANRoute6(n, a) {
				return a, true
			}
			if startHigh == endHigh && startLow == endLow {
				break
			}
		}
	}
	return netip.Addr{}, false
}

// below returns a random offset under end − start, 0 if there is none.
func below(end, start uint64) uint64 {
	if end <= start {
		return 0
	}
	return rand.Uint64N(end - start)
}

func inLANRoute6(n *model.Network, a netip.Addr) bool {
	return slices.ContainsFunc(n.Routes, func(r model.Route) bool {
		return !r.Via.IsValid() && givesAddresses(r) && r.Target.Contains(a)
	})
}

// givesAddresses reports whether addresses can be assigned inside a route: a
// default route or one with bits set after its prefix matches nothing.
func givesAddresses(r model.Route) bool {
	return r.Target.Bits() > 0 && r.Target == r.Target.Masked()
}

// assigned returns the addresses that a member's configuration carries, each
// with the prefix length that its interface shall use (protocol 08 §3).
func assigned(n *model.Network, m *model.Member) []netip.Prefix {
	all := make([]netip.Prefix, 0, len(m.Addresses)+2)
	if n.V6.RFC4193 && !m.NoAutoAssignIPs {
		all = append(all, netconf.RFC4193(n.ID, m.Node))
	}
	if n.V6.SixPlane && !m.NoAutoAssignIPs {
		all = append(all, netconf.SixPlane(n.ID, m.Node))
	}
	for _, a := range m.Addresses {
		if length, ok := prefixLength(n, a); ok && len(all) < netconf.MaxAddresses {
			all = append(all, netip.PrefixFrom(a, length))
		}
	}
	return all
}

// prefixLength is that of the longest route that contains an address. The
// reference takes another route's for the very first answer after an automatic
// assignment and this one afterwards; here it is this one from the start.
func prefixLength(n *model.Network, a netip.Addr) (int, bool) {
	longest, ok := 0, false
	for _, r := range n.Routes {
		if contains(r.Target, a) && (!ok || r.Target.Bits() > longest) {
			longest, ok = r.Target.Bits(), true
		}
	}
	return longest, ok
}

// contains is Prefix.Contains except that an IPv6 target with bits set after
// its prefix contains nothing, as nodes and the reference have it.
func contains(target netip.Prefix, a netip.Addr) bool {
	if target.Addr().Is6() && target != target.Masked() {
		return false
	}
	return target.Contains(a)
}

// routedFamilies tells for which families one of the addresses lies in a route.
func routedFamilies(n *model.Network, addresses []netip.Addr) (v4, v6 bool) {
	for _, a := range addresses {
		if _, ok := prefixLength(n, a); ok {
			v4 = v4 || a.Is4()
			v6 = v6 || a.Is6()
		}
	}
	return v4, v6
}

func number4(a netip.Addr) uint32 {
	raw := a.As4()
	return binary.BigEndian.Uint32(raw[:])
}

func address4(n uint32) netip.Addr {
	var raw [4]byte
	binary.BigEndian.PutUint32(raw[:], n)
	return netip.AddrFrom4(raw)
}
