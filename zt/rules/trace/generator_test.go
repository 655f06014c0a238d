package trace

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"

	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/netconf"
)

// generator makes networks, members and packets that have a lot to do with each
// other: few different values, so that matches often come out true.
type generator struct{ *rand.Rand }

func pick[T any](g *generator, of ...T) T { return of[g.IntN(len(of))] }

// anyAddresses are what packets, rules and members have in generated networks.
var anyAddresses = []netip.Addr{
	netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2"), netip.MustParseAddr("10.0.1.1"), netip.MustParseAddr("192.0.2.9"),
	netip.MustParseAddr("fd00::1"), netip.MustParseAddr("fd00::2"), netip.MustParseAddr("2001:db8::1"),
}

var anyNodes = []zt.Address{0x1111111111, 0x2222222222, 0x3333333333, 0x4444444444}

func (g *generator) network() *Network {
	n := &Network{ID: 0x8056c2e21c000001, NoBroadcast: g.IntN(20) == 0, NoMulticast: g.IntN(20) == 0}
	n.Rules = g.table(n, 1+g.IntN(12))
	for id := uint32(1); id < 4; id++ {
		if g.IntN(2) == 0 {
			n.Capabilities = append(n.Capabilities, Capability{ID: id, Rules: g.table(n, 1+g.IntN(6))})
		}
	}
	if g.IntN(2) == 0 {
		n.Observers = map[zt.Address]*Member{anyNodes[2]: g.member(n, 2)}
	}
	return n
}

func (g *generator) member(n *Network, which int) *Member {
	m := &Member{Node: anyNodes[which], Tags: make(map[uint32]uint32), Bridge: g.IntN(4) == 0}
	for id := range uint32(2) {
		if g.IntN(3) > 0 {
			m.Tags[id] = uint32(g.IntN(4))
		}
	}
	for id := uint32(1); id < 4; id++ {
		if g.IntN(2) == 0 {
			m.Capabilities = append(m.Capabilities, id)
		}
	}
	for _, a := range []netip.Addr{anyAddresses[which], anyAddresses[4+which], netconf.SixPlane(n.ID, m.Node).Addr(), netconf.RFC4193(n.ID, m.Node).Addr()} {
		if g.IntN(3) > 0 {
			m.Addresses = append(m.Addresses, a)
		}
	}
	return m
}

func (g *generator) address(n *Network, six bool) netip.Addr {
	if !six {
		return pick(g, anyAddresses[:4]...)
	}
	node := pick(g, anyNodes...)
	return pick(g, append(anyAddresses[4:7:7], netconf.SixPlane(n.ID, node).Addr(), netconf.RFC4193(n.ID, node).Addr(), netip.MustParseAddr("ff02::1:ff00:2"))...)
}

func (g *generator) mac(n *Network) zt.MAC {
	return pick(g, zt.MemberMAC(n.ID, pick(g, anyNodes...)), broadcastMAC, zt.MAC{0x33, 0x33, 0xff, 0, 0, 2}, zt.MAC{2, 9, 9, 9, 9, 9}, zt.MAC{6, 9, 9, 9, 9, 9})
}

func (g *generator) port() uint16 { return pick[uint16](g, 0, 21, 22, 23, 443, 65535) }

func (g *generator) protocol() uint8 { return pick[uint8](g, 6, 6, 17, 1, 58, 132, 136, 47, 0, 60) }

func (g *generator) packet(n *Network, from, to *Member) Packet {
	p := Packet{EtherType: pick[uint16](g, 0x0800, 0x0800, 0x86dd, 0x86dd, 0x0806, 0x88cc)}
	if g.IntN(8) == 0 {
		p.SourceMAC = g.mac(n)
	}
	if g.IntN(2) == 0 {
		p.DestMAC = g.mac(n)
	}
	if g.IntN(4) == 0 {
		p.VLAN = uint16(g.IntN(3))
	}
	switch p.EtherType {
	case 0x86dd:
		p.Source, p.Dest = g.address(n, true), g.address(n, true)
	case 0x0800, 0x0806:
		p.Source, p.Dest = g.address(n, false), g.address(n, false)
	}
	p.Protocol, p.SourcePort, p.DestPort = g.protocol(), g.port(), g.port()
	p.ICMPType, p.ICMPCode = pick[uint8](g, 0, 8, 128, 135, 136), pick[uint8](g, 0, 1)
	p.TCPFlags, p.TOS = uint16(g.Uint64N(1<<12)&g.Uint64()), pick[uint8](g, 0, 3, 0x28, 0xff)
	if g.IntN(3) == 0 {
		p.Size = pick(g, 1, 19, 20, 21, 22, 24, 25, 27, 28, 32, 33, 34, 39, 40, 42, 44, 45, 54, 54, 55, 63, 64, 1500)
	}
	return p
}

// table makes rules with an action after a few matches each, and now and then
// something that no compiler writes.
func (g *generator) table(n *Network, rules int) []netconf.Rule {
	var table []netconf.Rule
	for range rules {
		for range g.IntN(4) {
			table = append(table, g.match(n))
		}
		if g.IntN(20) > 0 {
			table = append(table, g.action())
		}
	}
	return table
}

func (g *generator) make(t netconf.RuleType, operands []byte) netconf.Rule {
	r, err := netconf.MakeRule(t, g.IntN(3) == 0, g.IntN(4) == 0, operands)
	if err != nil {
		panic(err)
	}
	return r
}

func (g *generator) action() netconf.Rule {
	switch t := pick[netconf.RuleType](g, 0, 0, 0, 1, 1, 1, 2, 3, 4, 4, 5, 5, 6, 9); t {
	case netconf.ActionTee, netconf.ActionWatch, netconf.ActionRedirect:
		operands := binary.BigEndian.AppendUint64(nil, uint64(pick(g, append(anyNodes, 0)...)))
		operands = append(operands, 0, 0, 0, 0)
		return g.make(t, binary.BigEndian.AppendUint16(operands, pick[uint16](g, 0, 20, 34, 64, 65535)))
	default:
		return g.make(t, nil)
	}
}

func (g *generator) match(n *Network) netconf.Rule {
	t := netconf.RuleType(24 + g.IntN(28))
	if g.IntN(8) == 0 {
		t = netconf.MatchCharacteristics // it has many faces
	}
	u16 := func(v uint16) []byte { return binary.BigEndian.AppendUint16(nil, v) }
	u32 := func(v uint32) []byte { return binary.BigEndian.AppendUint32(nil, v) }
	span := func(low, high uint16) []byte { return append(u16(low), u16(high)...) }
	switch t {
	case netconf.MatchSourceNode, netconf.MatchDestNode:
		return g.make(t, pick(g, anyNodes...).Append(nil))
	case netconf.MatchVLANID:
		return g.make(t, u16(uint16(g.IntN(2))))
	case netconf.MatchVLANPCP, netconf.MatchVLANDEI:
		return g.make(t, []byte{byte(g.IntN(2))})
	case netconf.MatchMACSource, netconf.MatchMACDest:
		mac := g.mac(n)
		return g.make(t, mac[:])
	case netconf.MatchIPv4Source, netconf.MatchIPv4Dest:
		return g.make(t, append(g.address(n, false).AsSlice(), pick[byte](g, 0, 1, 8, 24, 30, 31, 32)))
	case netconf.MatchIPv6Source, netconf.MatchIPv6Dest:
		return g.make(t, g.prefix6(n))
	case netconf.MatchIPTOS:
		return g.make(t, []byte{pick[byte](g, 0xff, 0xfc, 3), pick[byte](g, 0, 3, 0x28), pick[byte](g, 3, 0x28, 0xff)})
	case netconf.MatchIPProtocol:
		return g.make(t, []byte{g.protocol()})
	case netconf.MatchEtherType:
		return g.make(t, u16(pick[uint16](g, 0x0800, 0x86dd, 0x0806, 0x88cc)))
	case netconf.MatchICMP:
		return g.make(t, []byte{pick[byte](g, 0, 8, 128, 135, 136), byte(g.IntN(2)), byte(g.IntN(2))})
	case netconf.MatchSourcePorts, netconf.MatchDestPorts:
		return g.make(t, span(g.port(), g.port()))
	case netconf.MatchCharacteristics:
		mask := uint64(1) << pick(g, 63, 63, 62, 61, 60, 60, 59, g.IntN(12), g.IntN(12), g.IntN(12))
		if g.IntN(3) == 0 {
			mask |= 1 << g.IntN(64)
		}
		return g.make(t, binary.BigEndian.AppendUint64(nil, mask))
	case netconf.MatchFrameSize:
		return g.make(t, span(pick[uint16](g, 0, 28, 40, 60), pick[uint16](g, 28, 40, 60, 1500)))
	case netconf.MatchRandom:
		return g.make(t, u32(pick[uint32](g, 0, 0xffffffff, 0x7fffffff, 0xffffffff)))
	case netconf.MatchIntegerRange:
		return g.make(t, g.integerRange())
	}
	return g.make(t, append(u32(uint32(g.IntN(2))), u32(uint32(g.IntN(4)))...)) // of tags
}

// prefix6 is a network of IPv6, mostly without host bits, which never match.
func (g *generator) prefix6(n *Network) []byte {
	prefix := netip.PrefixFrom(g.address(n, true), pick(g, 0, 8, 16, 40, 64, 88, 127, 128))
	if g.IntN(4) > 0 {
		prefix = prefix.Masked()
	}
	return append(prefix.Addr().AsSlice(), byte(prefix.Bits()))
}

func (g *generator) integerRange() []byte {
	bits := byte(pick(g, 7, 15, 11, 31, 63, 3))
	start := pick[uint64](g, 0, 6, 0x45, 0x4500, 22, 1<<40)
	operands := binary.BigEndian.AppendUint64(nil, start)
	operands = binary.BigEndian.AppendUint64(operands, start+pick[uint64](g, 0, 1, 400, 1<<31, 1<<32+5))
	operands = binary.BigEndian.AppendUint16(operands, pick[uint16](g, 0, 2, 5, 9, 14, 15, 16, 33, 36, 40, 60))
	return append(operands, bits|pick[byte](g, 0, 0x80))
}
