package trace

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/netconf"
)

// distinctions are what the rules of some networks can tell members apart by.
type distinctions struct {
	nodes        map[zt.Address]bool
	macs         map[zt.MAC]bool
	prefixes     map[netip.Prefix]bool // without host bits
	lengths      map[int][]int         // the prefix lengths, by the bits of an address; the longest first
	bytes        bool                  // a rule looks at bytes, which addresses are among
	capabilities []uint32              // ascending
	tags         []uint32              // ascending
	// values are what tags are compared with, by tag. nil for tags whose values are
	// compared with each other: each of them counts.
	values map[uint32]map[uint32]bool
}

func distinguish(programs ...*program) *distinctions {
	d := &distinctions{
		nodes: make(map[zt.Address]bool), macs: make(map[zt.MAC]bool),
		prefixes: make(map[netip.Prefix]bool), lengths: make(map[int][]int), values: make(map[uint32]map[uint32]bool),
	}
	for _, p := range programs {
		d.add(p.rules)
		for i := range p.capabilities {
			d.add(p.capabilities[i].entries)
			d.capabilities = append(d.capabilities, p.capabilities[i].ID)
		}
	}
	for prefix := range d.prefixes {
		bits := prefix.Addr().BitLen()
		if !slices.Contains(d.lengths[bits], prefix.Bits()) {
			d.lengths[bits] = append(d.lengths[bits], prefix.Bits())
		}
	}
	for _, lengths := range d.lengths {
		slices.SortFunc(lengths, func(a, b int) int { return b - a })
	}
	for tag := range d.values {
		d.tags = append(d.tags, tag)
	}
	slices.Sort(d.tags)
	slices.Sort(d.capabilities)
	d.capabilities = slices.Compact(d.capabilities)
	return d
}

func (d *distinctions) add(entries []entry) {
	for i := range entries {
		switch e := &entries[i]; e.Type {
		case netconf.ActionTee, netconf.ActionWatch, netconf.ActionRedirect, netconf.MatchSourceNode, netconf.MatchDestNode:
			d.nodes[e.node] = true
		case netconf.MatchMACSource, netconf.MatchMACDest:
			d.macs[e.mac] = true
		case netconf.MatchIPv4Source, netconf.MatchIPv4Dest, netconf.MatchIPv6Source, netconf.MatchIPv6Dest:
			d.prefixes[e.prefix.Masked()] = true
		case netconf.MatchIntegerRange:
			d.bytes = true
		case netconf.MatchTagsEqual, netconf.MatchTagSender, netconf.MatchTagReceiver:
			if values, ok := d.values[e.tag]; !ok {
				d.values[e.tag] = map[uint32]bool{e.value: true}
			} else if values != nil {
				values[e.value] = true
			}
		case netconf.MatchTagsDifference, netconf.MatchTagsBitwiseAnd, netconf.MatchTagsBitwiseOr, netconf.MatchTagsBitwiseXor:
			d.values[e.tag] = nil
		}
	}
}

// classes groups members that the rules cannot tell apart, as they were and as they
// are; the largest group first, members in their order.
func (d *distinctions) classes(n *Network, were, are []Member) [][]int {
	index := make(map[string]int)
	classes := [][]int{}
	var key []byte
	for i := range were {
		key = d.appendKey(key[:0], n, &were[i])
		if &were[0] != &are[0] {
			key = d.appendKey(key, n, &are[i])
		}
		at, ok := index[string(key)]
		if !ok {
			at = len(classes)
			index[string(key)] = at
			classes = append(classes, nil)
		}
		classes[at] = append(classes[at], i)
	}
	slices.SortStableFunc(classes, func(a, b []int) int { return len(b) - len(a) })
	return classes
}

// appendKey writes what rules can see of a member: equal keys, equal treatment.
func (d *distinctions) appendKey(key []byte, n *Network, m *Member) []byte {
	flag := func(set bool) {
		if set {
			key = append(key, 1)
		} else {
			key = append(key, 0)
		}
	}
	if d.nodes[m.Node] || d.bytes {
		key = m.Node.Append(append(key, 'n'))
	}
	if len(d.macs) > 0 {
		if mac := m.macOn(n); d.macs[mac] {
			key = append(append(key, 'm'), mac[:]...)
		}
	}
	for _, tag := range d.tags {
		value, has := m.Tags[tag]
		flag(has)
		if values := d.values[tag]; has && (values == nil || values[value]) {
			key = binary.BigEndian.AppendUint32(append(key, 't'), value)
		}
	}
	for _, capability := range d.capabilities {
		flag(slices.Contains(m.Capabilities, capability))
	}
	for _, address := range m.Addresses {
		key = d.appendAddress(append(key, 'a'), n, m, address.Unmap())
	}
	return key
}

// appendAddress writes the longest of the rules' prefixes that an address is in,
// which says all others: prefixes contain each other or have nothing in common.
func (d *distinctions) appendAddress(key []byte, n *Network, m *Member, address netip.Addr) []byte {
	bits := address.BitLen()
	key = append(key, byte(bits))
	if bits == 128 && m.emulates(n, address) {
		key = append(key, 'e')
	}
	for _, length := range d.lengths[bits] {
		if prefix, err := address.Prefix(length); err == nil && d.prefixes[prefix] {
			return append(append(append(key, 'p'), byte(length)), prefix.Addr().AsSlice()...)
		}
	}
	return key
}
