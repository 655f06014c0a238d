package rules

import (
	"encoding/binary"

	"github.com/orrery-net/orrery/zt/netconf"
	"github.com/orrery-net/orrery/zt/rules/ruleset"
)

// demand is a match of a table, as the linter compares it with others: what it
// demands of a frame's kind, and of one field of it.
type demand struct {
	entry *ruleset.Entry
	what  netconf.RuleType
	or    bool
	next  int // where the next match without "or" stands in the rule; its length if there is none

	kinds *kinds // the frames that it can be true for
	// exact: kinds says all; the match is true for each of them.
	exact bool

	not    bool       // the field is outside of values, or no bit of mask is set
	key    int64      // the tag, or the mask of iptos: fields with other keys have nothing to do with it
	values fieldRange // of the field, or what it is compared with
	ranged bool       // values are all that it demands of the field
	loose  bool       // not all values do
	mask   uint64     // of chr

	impossible bool // it is true for no frame
	// varies: the next evaluation for the same frame can have another result.
	varies bool
}

// kinds is a set of kinds of frames: IPv4 and IPv6 with each protocol, IPv4 and
// IPv6 in which nodes find no protocol because headers are cut off, and the rest.
// Every frame is of one kind.
type kinds [9]uint64

const (
	ipv4Word, ipv6Word, restWord = 0, 4, 8

	cutIPv4, cutIPv6, notIP uint64 = 1, 2, 4
)

// ipKinds are frames with the protocols that a function picks.
func ipKinds(has func(protocol int) bool) *kinds {
	var k kinds
	for p := range 256 {
		if has(p) {
			k.add(p, p)
		}
	}
	return &k
}

// protocolKinds are frames with one protocol.
func protocolKinds(ofIPv4, ofIPv6 int) *kinds {
	var k kinds
	k.add(ofIPv4, ofIPv6)
	return &k
}

func (k *kinds) add(ofIPv4, ofIPv6 int) {
	k[ipv4Word+ofIPv4>>6&3] |= 1 << (ofIPv4 & 63)
	k[ipv6Word+ofIPv6>>6&3] |= 1 << (ofIPv6 & 63)
}

func (k kinds) with(rest uint64) *kinds {
	k[restWord] |= rest
	return &k
}

// without leaves only what is not in other.
func (k kinds) without(other *kinds) *kinds {
	for i := range k {
		k[i] &^= other[i]
	}
	return &k
}

func (k kinds) meet(other *kinds) kinds {
	for i := range k {
		k[i] &= other[i]
	}
	return k
}

func (k *kinds) meets(other *kinds) bool {
	for i := range k {
		if k[i]&other[i] != 0 {
			return true
		}
	}
	return false
}

func (k *kinds) within(other *kinds) bool {
	for i := range k {
		if k[i]&^other[i] != 0 {
			return false
		}
	}
	return true
}

// protocol reports whether frames with a protocol are in the set.
func (k *kinds) protocol(p int) bool {
	return (k[ipv4Word+p/64]|k[ipv6Word+p/64])>>(p%64)&1 != 0
}

// The numbers of the protocols that have a meaning in rules (protocol 10 §7).
const (
	protocolICMP4   = 1
	protocolTCP     = 6
	protocolUDP     = 17
	protocolICMP6   = 58
	protocolSCTP    = 132
	protocolUDPLite = 136

	etherTypeIPv4 = 0x0800
	etherTypeARP  = 0x0806
	etherTypeIPv6 = 0x86dd
)

var (
	allProtocols = ipKinds(func(int) bool { return true })
	allKinds     = allProtocols.with(cutIPv4 | cutIPv6 | notIP)
	otherKinds   = (kinds{}).with(notIP)

	ipv4Kinds    = kinds{^uint64(0), ^uint64(0), ^uint64(0), ^uint64(0)}.with(cutIPv4)
	ipv6Kinds    = kinds{4: ^uint64(0), 5: ^uint64(0), 6: ^uint64(0), 7: ^uint64(0)}.with(cutIPv6)
	notIPv4Kinds = allKinds.without(ipv4Kinds)
	notIPv6Kinds = allKinds.without(ipv6Kinds)
	bothIPKinds  = allKinds.without(otherKinds)

	tcpKinds  = protocolKinds(protocolTCP, protocolTCP)
	icmpKinds = protocolKinds(protocolICMP4, protocolICMP6)
	portKinds = ipKinds(func(p int) bool {
		return p == protocolTCP || p == protocolUDP || p == protocolSCTP || p == protocolUDPLite
	})
)

// fieldValue is wide enough for every field of a frame.
type fieldValue struct{ high, low uint64 }

func (v fieldValue) less(other fieldValue) bool {
	return v.high < other.high || v.high == other.high && v.low < other.low
}

// fieldRange is the values from one to another, both included.
type fieldRange struct{ from, to fieldValue }

func between(from, to int64) fieldRange {
	return fieldRange{fieldValue{low: uint64(from)}, fieldValue{low: uint64(to)}}
}

func (r fieldRange) within(other fieldRange) bool {
	return !r.from.less(other.from) && !other.to.less(r.to)
}

func (r fieldRange) apart(other fieldRange) bool {
	return r.to.less(other.from) || other.to.less(r.from)
}

// The bits of characteristics (protocol 07 §3).
const (
	chrInbound   uint64 = 1 << 63
	chrMulticast uint64 = 1 << 62
	chrBroadcast uint64 = 1 << 61
	chrIPAuth    uint64 = 1 << 60
	chrMACAuth   uint64 = 1 << 59
	chrTCP       uint64 = 1<<12 - 1
	chrTCPAck    uint64 = 1 << 4

	// chrKnown are those that nodes set.
	chrKnown = chrInbound | chrMulticast | chrBroadcast | chrIPAuth | chrMACAuth | chrTCP
)

// newDemand reads a match. In a table with copies or redirects, the nodes that
// these go to see tags with other eyes.
func newDemand(e *ruleset.Entry, copies bool) demand {
	m := demand{entry: e, what: e.Type, or: e.Or, not: e.Not, kinds: allKinds}
	switch e.Type {
	case netconf.MatchEtherType:
		m.is(between(e.Value, e.Value))
		m.etherType()
	case netconf.MatchIPProtocol:
		m.is(between(e.Value, e.Value))
		single := protocolKinds(int(e.Value), int(e.Value))
		m.kinds, m.exact = single, true
		if e.Not {
			m.kinds = allProtocols.without(single)
		}
	case netconf.MatchICMP:
		m.icmp()
	case netconf.MatchSourcePorts, netconf.MatchDestPorts:
		m.is(between(e.Start, e.End))
		m.kinds = portKinds
		if e.Not {
			m.kinds = allProtocols
		}
	case netconf.MatchCharacteristics:
		m.characteristics()
	case netconf.MatchFrameSize:
		m.is(between(e.Start, e.End))
	case netconf.MatchVLANID:
		m.is(between(e.Value, e.Value))
	case netconf.MatchIPTOS:
		m.is(between(e.Start, e.End))
		m.key = e.Value
		m.kinds = bothIPKinds
		m.impossible = !e.Not && !anyMasked(e.Value, e.Start, e.End)
	case netconf.MatchIPv4Source, netconf.MatchIPv4Dest:
		m.network(4)
		m.kinds = ipv4Kinds
	case netconf.MatchIPv6Source, netconf.MatchIPv6Dest:
		m.network(16)
		m.kinds = ipv6Kinds
	case netconf.MatchSourceNode, netconf.MatchDestNode, netconf.MatchMACSource, netconf.MatchMACDest:
		m.address()
	case netconf.MatchRandom:
		m.varies = true
	default:
		m.key = e.ID
		m.values = between(e.Value, e.Value)
		m.varies = copies && isTagMatch(e.Type)
		m.ranged = !copies && e.Type == netconf.MatchTagSender
	}
	return m
}

func (m *demand) is(values fieldRange) { m.ranged, m.values = true, values }

func (m *demand) etherType() {
	families := [2]*kinds{allKinds, allKinds}
	switch m.entry.Value {
	case etherTypeIPv4:
		families, m.exact = [2]*kinds{ipv4Kinds, notIPv4Kinds}, true
	case etherTypeIPv6:
		families, m.exact = [2]*kinds{ipv6Kinds, notIPv6Kinds}, true
	default:
		families[0] = otherKinds
	}
	m.kinds = families[0]
	if m.not {
		m.kinds = families[1]
	}
}

// icmp: nodes do not invert it. With "not", a type matches just the same, and only
// the code, if there is one, must be another one.
func (m *demand) icmp() {
	e := m.entry
	m.kinds, m.not = icmpKinds, false
	first := e.Value << 8
	if e.Code == ruleset.AnyCode || e.Not {
		m.is(between(first, first+255))
		m.loose = e.Code != ruleset.AnyCode
	} else {
		m.is(between(first+e.Code, first+e.Code))
	}
}

func (m *demand) characteristics() {
	m.mask = binary.BigEndian.Uint64(m.operands()) & chrKnown
	if m.not {
		return
	}
	m.impossible = m.mask == 0
	if m.mask&^chrTCP == 0 {
		m.kinds = tcpKinds
	}
}

// network reads an address with its prefix.
func (m *demand) network(size int) {
	raw := m.operands()
	var from, to [16]byte
	copy(from[16-size:], raw[:size])
	to = from
	for bit := 8*(16-size) + int(raw[size]); bit < 8*16; bit++ {
		from[bit/8] &^= 0x80 >> (bit % 8)
		to[bit/8] |= 0x80 >> (bit % 8)
	}
	m.is(fieldRange{numberOf(from), numberOf(to)})
}

func numberOf(b [16]byte) fieldValue {
	return fieldValue{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}

// address reads the address of a node or a MAC.
func (m *demand) address() {
	var value [16]byte
	raw := m.operands()
	copy(value[16-len(raw):], raw)
	m.is(fieldRange{numberOf(value), numberOf(value)})
}

// operands are those on the wire; a compiled program has no others than those
// that can be written there.
func (m *demand) operands() []byte {
	rule, err := m.entry.Rule()
	if err != nil {
		return make([]byte, 32)
	}
	return rule.Operands()
}

// anyMasked reports whether some byte of which only the bits of mask are kept is
// in a range.
func anyMasked(mask, from, to int64) bool {
	for value := from; value <= to; value++ {
		if value&^mask == 0 {
			return true
		}
	}
	return false
}

// isTagMatch reports whether a match compares tags.
func isTagMatch(t netconf.RuleType) bool {
	return t >= netconf.MatchTagsDifference && t <= netconf.MatchTagReceiver
}

// sameField reports whether two matches look at the same thing.
func (m *demand) sameField(other *demand) bool {
	return m.what == other.what && m.key == other.key
}

// excludes reports whether no frame has both matches true.
func (m *demand) excludes(other *demand) bool {
	if m.kinds != other.kinds && m.kinds != allKinds && !m.kinds.meets(other.kinds) {
		return true
	}
	if !m.sameField(other) {
		return false
	}
	if m.not && !other.not {
		m, other = other, m
	}
	switch {
	case m.not:
		return false
	case m.what == netconf.MatchCharacteristics:
		return other.not && m.mask&^withoutBits(other.mask) == 0
	case !m.ranged:
		return false
	case other.not:
		return m.values.within(other.values)
	default:
		return m.values.apart(other.values)
	}
}

// withoutBits are the characteristics that cannot be there where some others are
// not: a broadcast is a multicast.
func withoutBits(mask uint64) uint64 {
	if mask&chrMulticast != 0 {
		mask |= chrBroadcast
	}
	return mask
}

// implies reports whether every frame that has the match true has the other one
// true, too.
func (m *demand) implies(other *demand) bool {
	switch {
	case other.varies:
		return false
	case !m.sameField(other):
		return other.exact && m.kinds.within(other.kinds)
	case m.what == netconf.MatchCharacteristics:
		return m.impliesBits(other)
	case !m.ranged || other.loose:
		return m.sameAs(other)
	case m.not:
		return other.not && other.values.within(m.values)
	case other.not:
		return m.values.apart(other.values)
	default:
		return m.values.within(other.values)
	}
}

func (m *demand) impliesBits(other *demand) bool {
	switch {
	case m.not != other.not:
		return false
	case m.not:
		return other.mask&^withoutBits(m.mask) == 0
	case other.mask&chrMulticast != 0:
		return m.mask&^(other.mask|chrBroadcast) == 0
	default:
		return m.mask&^other.mask == 0
	}
}

// sameAs reports whether two matches of the same field are the same but for their
// "or".
func (m *demand) sameAs(other *demand) bool {
	return m.not == other.not && m.values == other.values && m.entry.Not == other.entry.Not && m.entry.Code == other.entry.Code
}
