package trace

import (
	"net/netip"
	"slices"

	"github.com/orrery-net/orrery/zt/netconf"
)

// probes collects flows that show what rules do, the most telling first.
type probes struct {
	versions []int // of IP, that members have
	flows    []Flow
	seen     map[string]bool
}

// maxProbes is how many flows are collected at most.
const maxProbes = 400

// Where probes go that are about something else than the port, and an ethertype
// that no rule will name (IEEE 802 local experimental).
const (
	anyPort      = 443
	anyEtherType = 0x88b5
)

// probe collects flows for two networks: common ones, then those that the rules
// speak of which only one of them has, then those of the others. whole is false if
// there are more.
func probe(before, after *program, members []Member) (flows []Flow, whole bool) {
	p := &probes{versions: versionsOf(members), flows: []Flow{}, seen: make(map[string]bool)}
	p.common()
	old, changed := before.runs(), after.runs()
	for _, run := range slices.Concat(without(changed, old), without(old, changed), old) {
		p.run(run)
	}
	return p.flows[:min(len(p.flows), maxProbes)], len(p.flows) <= maxProbes
}

func versionsOf(members []Member) []int {
	var has [2]bool
	for i := range members {
		for _, a := range members[i].Addresses {
			has[a.BitLen()/128] = true
		}
	}
	var versions []int
	if has[0] {
		versions = append(versions, 4)
	}
	if has[1] {
		versions = append(versions, 6)
	}
	return versions
}

// runs are the rules of all tables, each a run of matches and an action.
func (p *program) runs() [][]entry {
	var runs [][]entry
	split := func(entries []entry) {
		for start, i := 0, 0; i < len(entries); i++ {
			if entries[i].Type.IsAction() {
				runs = append(runs, entries[start:i+1])
				start = i + 1
			}
		}
	}
	split(p.rules)
	for i := range p.capabilities {
		split(p.capabilities[i].entries)
	}
	return runs
}

// without returns the runs that others have not.
func without(runs, others [][]entry) [][]entry {
	key := func(run []entry) string {
		var b []byte
		for i := range run {
			b = netconf.AppendRules(b, []netconf.Rule{run[i].Rule})
		}
		return string(b)
	}
	has := make(map[string]bool, len(others))
	for _, run := range others {
		has[key(run)] = true
	}
	return slices.DeleteFunc(slices.Clone(runs), func(run []entry) bool { return has[key(run)] })
}

// add adds a flow of IP in all versions that the members have. With only one, it
// need not be said.
func (p *probes) add(f Flow) {
	for _, version := range p.versions {
		f.Version = version
		switch {
		case f.ICMP && (f.Protocol == protocolICMP) != (version == 4):
			continue
		case f.Dest.IsValid() && f.Dest.Is4() != (version == 4):
			continue
		case len(p.versions) > 1:
			p.put(f)
		case f.isPing():
			p.put(Flow{ICMP: true, Protocol: protocolICMP, ICMPType: echoRequest})
		case f.ICMP:
			p.put(f)
		default:
			f.Version = 0
			p.put(f)
		}
	}
}

func (p *probes) put(f Flow) {
	if len(p.flows) > maxProbes {
		return
	}
	if text := f.String(); !p.seen[text] {
		p.seen[text] = true
		p.flows = append(p.flows, f)
	}
}

// icmp adds messages of both families, without those that answer pings: no flow
// begins with them.
func (p *probes) icmp(kind, code uint8) {
	if code == 0 && (kind == echoReply || kind == echoReplyV6) {
		return
	}
	for _, protocol := range []uint8{protocolICMP, protocolICMPv6} {
		p.add(Flow{ICMP: true, Protocol: protocol, ICMPType: kind, ICMPCode: code})
	}
}

func (p *probes) common() {
	if slices.Contains(p.versions, 4) {
		p.put(Flow{EtherType: etherARP})
	}
	p.add(Flow{ICMP: true, Protocol: protocolICMP, ICMPType: echoRequest})
	p.add(Flow{ICMP: true, Protocol: protocolICMPv6, ICMPType: echoRequestV6})
	for _, port := range []uint16{22, 80, 443} {
		p.add(Flow{Protocol: protocolTCP, Port: port})
	}
	p.add(Flow{Protocol: protocolUDP, Port: 53})
}

// run adds flows that a rule speaks of.
func (p *probes) run(run []entry) {
	var ports, fromPorts []uint16
	var withPorts []uint8 // protocols
	for i := range run {
		switch e := &run[i]; e.Type {
		case netconf.MatchDestPorts:
			ports = append(ports, e.edges()...)
		case netconf.MatchSourcePorts:
			fromPorts = append(fromPorts, e.edges()...)
		case netconf.MatchIPProtocol:
			switch protocol := uint8(e.low); protocol {
			case protocolTCP, protocolUDP, protocolSCTP, protocolUDPLite:
				withPorts = append(withPorts, protocol)
				p.add(Flow{Protocol: protocol, Port: anyPort})
			case protocolICMP, protocolICMPv6: // pings are tried anyway
			default:
				p.add(Flow{Protocol: protocol})
			}
		default:
			p.match(e)
		}
	}
	if withPorts == nil {
		withPorts = []uint8{protocolTCP, protocolUDP}
	}
	for _, protocol := range withPorts {
		for _, port := range slices.Concat(ports, fromPorts) { // replies come from the port that a flow goes to
			p.add(Flow{Protocol: protocol, Port: port})
		}
		for i, from := range fromPorts {
			to := uint16(anyPort)
			if len(ports) > 0 {
				to = ports[i%len(ports)]
			}
			p.add(Flow{Protocol: protocol, Port: to, FromPort: from})
		}
	}
}

// match adds flows that a match other than of protocol and ports speaks of.
func (p *probes) match(e *entry) {
	switch e.Type {
	case netconf.MatchEtherType:
		p.put(Flow{EtherType: anyEtherType})
		if t := uint16(e.low); t != etherIPv4 && t != etherIPv6 && t != etherARP && t != 0 {
			p.put(Flow{EtherType: t})
		}
	case netconf.MatchICMP:
		p.icmp(uint8(e.low), uint8(e.high))
		if !e.anyCode && e.low != echoReply && e.low != echoReplyV6 {
			p.icmp(uint8(e.low), uint8(e.high)+1)
		}
	case netconf.MatchCharacteristics:
		p.characteristics(e.mask)
	case netconf.MatchIPTOS:
		for _, tos := range []uint64{e.low, e.high, e.low - 1, e.high + 1} {
			p.add(Flow{Protocol: protocolTCP, Port: anyPort, TOS: uint8(tos)})
		}
	case netconf.MatchFrameSize:
		for _, size := range e.edges() {
			if size >= ipv6Header+portHeader {
				p.add(Flow{Protocol: protocolUDP, Port: anyPort, Size: int(size)})
			}
		}
	case netconf.MatchIPv4Dest, netconf.MatchIPv6Dest:
		if group := e.prefix.Addr(); group.IsMulticast() {
			p.add(Flow{Protocol: protocolUDP, Port: anyPort, Dest: group})
		}
	}
}

// characteristics adds flows for the bits of a mask: frames to groups, and TCP flags
// that handshakes do not have.
func (p *probes) characteristics(mask uint64) {
	const mDNS = 5353
	if mask&(isGroup|isBroadcast) != 0 {
		p.add(Flow{Protocol: protocolUDP, Port: mDNS, Dest: netip.AddrFrom4([4]byte{224, 0, 0, 251})})
		p.add(Flow{Protocol: protocolUDP, Port: mDNS, Dest: netip.AddrFrom16([16]byte{0xff, 0x02, 15: 0xfb})})
		p.add(Flow{Protocol: protocolUDP, Port: 67, Dest: limitedBroadcast})
	}
	for bit := range tcpFlagNames {
		if flag := uint16(1) << bit; mask&uint64(flag) != 0 && flag&(flagSYN|flagACK) == 0 {
			p.add(Flow{Protocol: protocolTCP, Port: anyPort, TCPFlags: &flag})
		}
	}
}

// edges are the ends of a range and what lies just outside, without 0.
func (e *entry) edges() []uint16 {
	var edges []uint16
	for _, value := range []uint64{e.low, e.high, e.low - 1, e.high + 1} {
		if 0 < value && value < 1<<16 && !slices.Contains(edges, uint16(value)) {
			edges = append(edges, uint16(value))
		}
	}
	return edges
}
