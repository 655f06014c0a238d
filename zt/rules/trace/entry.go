package trace

import (
	"cmp"
	"encoding/binary"
	"net/netip"
	"slices"

	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/netconf"
)

// entry is a rule with its operands read. Which fields count depends on the type.
type entry struct {
	netconf.Rule

	node      zt.Address   // of ztsrc and ztdest; the target of tee, watch, redirect
	mac       zt.MAC       // of macsrc and macdest
	prefix    netip.Prefix // of ipsrc and ipdest
	low, high uint64       // the ends of a range; both the number that must be equal; of random the probability
	mask      uint64       // of chr and iptos
	tag       uint32       // the id of a tag match
	value     uint32       // of a tag match
	length    int          // of tee and watch: bytes; 0: whole
	anyCode   bool         // of icmp, whose type is low and code is high

	// Of an integer range: where it stands, how wide it is in bits.
	at, bits int
	little   bool

	text, rule string // for people: the entry, and the rule that begins with it; made when they are needed
}

func readEntry(r netconf.Rule) entry {
	e := entry{Rule: r}
	raw := r.Operands()
	u16 := func(at int) uint64 { return uint64(binary.BigEndian.Uint16(raw[at:])) }
	equal := func(value uint64) { e.low, e.high = value, value }
	switch r.Type {
	case netconf.ActionTee, netconf.ActionWatch, netconf.ActionRedirect:
		e.node = zt.Address(binary.BigEndian.Uint64(raw) & (1<<40 - 1))
		e.length = int(u16(12))
	case netconf.MatchSourceNode, netconf.MatchDestNode:
		e.node = zt.AddressFrom(raw)
	case netconf.MatchMACSource, netconf.MatchMACDest:
		e.mac = zt.MAC(raw)
	case netconf.MatchIPv4Source, netconf.MatchIPv4Dest, netconf.MatchIPv6Source, netconf.MatchIPv6Dest:
		address, _ := netip.AddrFromSlice(raw[:len(raw)-1])
		e.prefix = netip.PrefixFrom(address, min(int(raw[len(raw)-1]), address.BitLen()))
	case netconf.MatchVLANPCP, netconf.MatchVLANDEI, netconf.MatchIPProtocol:
		equal(uint64(raw[0]))
	case netconf.MatchVLANID, netconf.MatchEtherType:
		equal(u16(0))
	case netconf.MatchIPTOS:
		e.mask, e.low, e.high = uint64(raw[0]), uint64(raw[1]), uint64(raw[2])
	case netconf.MatchICMP:
		e.low, e.high, e.anyCode = uint64(raw[0]), uint64(raw[1]), raw[2]&1 == 0
	case netconf.MatchSourcePorts, netconf.MatchDestPorts, netconf.MatchFrameSize:
		e.low, e.high = u16(0), u16(2)
	case netconf.MatchCharacteristics:
		e.mask = binary.BigEndian.Uint64(raw)
	case netconf.MatchRandom:
		equal(uint64(binary.BigEndian.Uint32(raw)))
	case netconf.MatchTagsDifference, netconf.MatchTagsBitwiseAnd, netconf.MatchTagsBitwiseOr, netconf.MatchTagsBitwiseXor,
		netconf.MatchTagsEqual, netconf.MatchTagSender, netconf.MatchTagReceiver:
		e.tag, e.value = binary.BigEndian.Uint32(raw), binary.BigEndian.Uint32(raw[4:])
	case netconf.MatchIntegerRange:
		e.low = binary.BigEndian.Uint64(raw)
		// Nodes keep the distance of the ends, in 32 bits.
		e.high = e.low + uint64(uint32(binary.BigEndian.Uint64(raw[8:])-e.low))
		e.at, e.bits, e.little = int(u16(16)), int(raw[18]&63)+1, raw[18]&0x80 != 0
	}
	return e
}

// forwards reports whether the entry is an action with a target.
func (e *entry) forwards() bool {
	return e.Type == netconf.ActionTee || e.Type == netconf.ActionWatch || e.Type == netconf.ActionRedirect
}

func (e *entry) isWatch() bool { return e.Type == netconf.ActionWatch }

func (e *entry) within(value uint64) bool { return e.low <= value && value <= e.high }

// program is the tables of a network, read.
type program struct {
	network      *Network
	rules        []entry
	capabilities []table // ascending by id
	targets      []zt.Address
	comparesTags bool
}

type table struct {
	*Capability
	entries []entry
}

func compile(n *Network) *program {
	p := &program{network: n}
	p.rules = p.read(n.Rules)
	for i := range n.Capabilities {
		c := &n.Capabilities[i]
		p.capabilities = append(p.capabilities, table{c, p.read(c.Rules)})
	}
	slices.SortStableFunc(p.capabilities, func(a, b table) int { return cmp.Compare(a.ID, b.ID) })
	slices.Sort(p.targets)
	p.targets = slices.Compact(p.targets)
	return p
}

func (p *program) read(rules []netconf.Rule) []entry {
	entries := make([]entry, len(rules))
	for i, rule := range rules {
		entries[i] = readEntry(rule)
		if entries[i].forwards() {
			p.targets = append(p.targets, entries[i].node)
		}
		p.comparesTags = p.comparesTags || netconf.MatchTagsDifference <= rule.Type && rule.Type <= netconf.MatchTagReceiver
	}
	return entries
}
