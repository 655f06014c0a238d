package rules

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"

	"github.com/orrery-net/orrery/zt/netconf"
	"github.com/orrery-net/orrery/zt/rules/ruleset"
)

// sample is a frame at one end of its way, with all that matches ask for. Values
// come from small sets, those that the matches of randomMatch name, too.
type sample struct {
	etherType      int64
	protocol       int64 // -1: cut off
	sport, dport   int64 // -1: none
	icmp           [2]int64
	characteristic uint64
	tos            int64
	size, vlan     int64
	source, dest   string // nodes
	macs           [2]string
	addresses      [2]netip.Addr
	draw           func() int64 // for random
	inbound        bool
	self           string // the node that decides
	local, remote  map[int64]int64
}

var (
	someNodes     = []string{"aaaaaaaaaa", "bbbbbbbbbb", "cccccccccc"}
	someMACs      = []string{"02:00:00:00:00:01", "02:00:00:00:00:02"}
	someAddresses = []string{"10.1.0.1", "10.2.0.1", "192.168.0.1"}
	someNetworks  = []string{"10.1.0.0/16", "10.0.0.0/8", "192.168.0.0/16", "10.2.0.1/32", "0.0.0.0/0", "fd00::/8", "fd01::/16", "fc00::/7"}
)

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

func randomSample(r *rand.Rand) *sample {
	f := &sample{
		etherType: pick[int64](r, etherTypeIPv4, etherTypeIPv4, etherTypeIPv6, etherTypeARP, 0x1234),
		protocol:  -1, sport: -1, dport: -1,
		tos: r.Int64N(4), size: r.Int64N(4), vlan: r.Int64N(2), draw: func() int64 { return r.Int64N(1 << 32) },
		source: pick(r, someNodes...), dest: pick(r, someNodes...), macs: [2]string{pick(r, someMACs...), pick(r, someMACs...)},
		inbound: r.IntN(2) == 0, local: randomTags(r), remote: randomTags(r),
	}
	f.self = f.source
	if f.inbound {
		f.self = f.dest
		f.characteristic |= chrInbound
	}
	if r.IntN(8) == 0 {
		f.self = pick(r, someNodes...) // a node that frames are copied or redirected to
	}
	f.characteristic |= pick(r, 0, chrMulticast, chrMulticast|chrBroadcast) | pick(r, 0, chrIPAuth)
	if (f.etherType == etherTypeIPv4 || f.etherType == etherTypeIPv6) && r.IntN(8) > 0 {
		f.fillIP(r)
	}
	return f
}

func (f *sample) fillIP(r *rand.Rand) {
	f.protocol = pick[int64](r, protocolTCP, protocolTCP, protocolUDP, protocolICMP4, protocolICMP6, 47)
	for i := range f.addresses {
		f.addresses[i] = netip.MustParseAddr(pick(r, someAddresses...))
		if f.etherType == etherTypeIPv6 {
			f.addresses[i] = netip.MustParseAddr(pick(r, "fd00::1", "fd01::1", "fe80::1"))
		}
	}
	f.icmp = [2]int64{r.Int64N(2), r.Int64N(2)}
	if portKinds.protocol(int(f.protocol)) {
		f.sport, f.dport = r.Int64N(5), r.Int64N(5)
	}
	if f.protocol == protocolTCP {
		f.characteristic |= pick[uint64](r, 0, 1, 2, 0x10, 0x12)
	}
}

// randomTags are the tags 1 and 2, each of which may be missing.
func randomTags(r *rand.Rand) map[int64]int64 {
	tags := make(map[int64]int64)
	for id := int64(1); id <= 2; id++ {
		if r.IntN(3) > 0 {
			tags[id] = r.Int64N(2)
		}
	}
	return tags
}

// randomMatch is a match in the source, without operators.
func randomMatch(r *rand.Rand) string {
	span := func(most int) string {
		from := r.IntN(most)
		return fmt.Sprintf("%d-%d", from, from+r.IntN(most-from))
	}
	switch r.IntN(14) {
	case 0, 1:
		return "ethertype " + pick(r, "ipv4", "ipv6", "arp", "0x1234")
	case 2, 3:
		return "ipprotocol " + pick(r, "tcp", "udp", "icmp4", "icmp6", "47")
	case 4, 5:
		return pick(r, "sport ", "dport ") + span(5)
	case 6, 7:
		return "chr " + pick(r, "inbound", "multicast", "broadcast", "broadcast,multicast", "ipauth", "tcp_ack", "tcp_syn", "tcp_ack,tcp_syn", "tcp_ack,inbound", "20", ",")
	case 8:
		return fmt.Sprintf("icmp %d %d", r.IntN(2), r.IntN(3)-1)
	case 9:
		return pick(r, "ztsrc ", "ztdest ") + pick(r, someNodes...)
	case 10:
		return pick(r, "ipsrc ", "ipdest ") + pick(r, someNetworks...)
	case 11:
		return fmt.Sprintf("%s %d %d", pick(r, "tand", "tor", "txor", "tdiff", "teq", "tseq", "tseq", "treq"), 1+r.IntN(2), r.IntN(2))
	case 12:
		return pick(r, "framesize "+span(4), "vlan "+pick(r, "0", "1"), "vlanpcp "+pick(r, "0", "1"), "random "+pick(r, "0", "0.5", "1"))
	default:
		return pick(r, "macsrc ", "macdest ") + pick(r, someMACs...)
	}
}

// randomProgram has one rule in each line. Half of the programs use few matches,
// and so the same ones again and again.
func randomProgram(r *rand.Rand) string {
	match := func() string { return randomMatch(r) }
	if r.IntN(2) == 0 {
		few := []string{randomMatch(r), randomMatch(r), randomMatch(r)}
		match = func() string { return pick(r, few...) }
	}
	var text strings.Builder
	for range 1 + r.IntN(7) {
		text.WriteString(pick(r, "accept", "accept", "drop", "drop", "break", "tee 64 aaaaaaaaaa", "redirect bbbbbbbbbb"))
		for range pick(r, 0, 1, 1, 1, 2, 2, 3, 4) {
			text.WriteString(pick(r, " ", " ", " or ") + pick(r, "", "", "not ") + match())
		}
		text.WriteString(";\n")
	}
	return text.String()
}

// matches evaluates a match, "not" included (protocol 07 §2, 10 §20). Guessed: the
// other's tag would have decided, but is not known.
func (f *sample) matches(e *ruleset.Entry, target bool) (result, guessed bool) {
	isIP := f.protocol >= 0
	within := func(value int64) bool { return e.Start <= value && value <= e.End }
	switch e.Type {
	case netconf.MatchEtherType:
		result = f.etherType == e.Value
	case netconf.MatchIPProtocol:
		if !isIP {
			return false, false
		}
		result = f.protocol == e.Value
	case netconf.MatchICMP:
		ofFamily := map[int64]int64{etherTypeIPv4: protocolICMP4, etherTypeIPv6: protocolICMP6}[f.etherType]
		switch {
		case !isIP || f.protocol != ofFamily || f.icmp[0] != e.Value:
			return false, false
		case e.Code == ruleset.AnyCode:
			return true, false
		}
		result = f.icmp[1] == e.Code
	case netconf.MatchSourcePorts, netconf.MatchDestPorts:
		if !isIP {
			return false, false
		}
		port := f.sport
		if e.Type == netconf.MatchDestPorts {
			port = f.dport
		}
		// Of IPv6 nodes take port 0 for none.
		result = within(port) && port >= 0 && (port > 0 || f.etherType == etherTypeIPv4)
	case netconf.MatchCharacteristics:
		rule, _ := e.Rule()
		result = f.characteristic&binary.BigEndian.Uint64(rule.Operands()) != 0
	case netconf.MatchFrameSize:
		result = within(f.size)
	case netconf.MatchVLANID:
		result = f.vlan == e.Value
	case netconf.MatchVLANPCP, netconf.MatchVLANDEI:
		result = e.Value == 0
	case netconf.MatchIPTOS:
		if !isIP {
			return false, false
		}
		result = within(f.tos & e.Value)
	case netconf.MatchSourceNode:
		result = f.source == e.Text
	case netconf.MatchDestNode:
		result = f.dest == e.Text
	case netconf.MatchMACSource:
		result = f.macs[0] == e.Text
	case netconf.MatchMACDest:
		result = f.macs[1] == e.Text
	case netconf.MatchIPv4Source, netconf.MatchIPv4Dest, netconf.MatchIPv6Source, netconf.MatchIPv6Dest:
		address := f.addresses[0]
		if e.Type == netconf.MatchIPv4Dest || e.Type == netconf.MatchIPv6Dest {
			address = f.addresses[1]
		}
		network := netip.MustParsePrefix(e.Text)
		if !isIP || network.Addr().BitLen() != address.BitLen() {
			return false, false
		}
		result = network.Contains(address)
	case netconf.MatchRandom:
		result = f.draw() <= e.Value
	default:
		return f.tag(e, target)
	}
	return result != e.Not, false
}

func (f *sample) tag(e *ruleset.Entry, target bool) (result, guessed bool) {
	local, isLocal := f.local[e.ID]
	remote, isRemote := f.remote[e.ID]
	switch {
	case e.Type == netconf.MatchTagSender || e.Type == netconf.MatchTagReceiver:
		ofRemote := (e.Type == netconf.MatchTagSender) == f.inbound
		switch {
		case target:
			return true, true
		case !ofRemote:
			return isLocal && (local == e.Value) != e.Not, false
		case isRemote:
			return (remote == e.Value) != e.Not, false
		}
		return !f.inbound, !f.inbound
	case !isLocal:
		return false, false
	case !isRemote:
		return !f.inbound || target, !f.inbound || target
	}
	switch e.Type {
	case netconf.MatchTagsDifference:
		result = max(local-remote, remote-local) <= e.Value
	case netconf.MatchTagsBitwiseAnd:
		result = local&remote == e.Value
	case netconf.MatchTagsBitwiseOr:
		result = local|remote == e.Value
	case netconf.MatchTagsBitwiseXor:
		result = local^remote == e.Value
	case netconf.MatchTagsEqual:
		result = local == e.Value && remote == e.Value
	}
	return result != e.Not, false
}

// applied evaluates a table and returns the actions that are done, as indexes of
// entries. Entries behind reached are not looked at.
func (f *sample) applied(entries []ruleset.Entry) (actions []int, reached int) {
	state, skipDrop, target := true, false, false
	for i := range entries {
		e := &entries[i]
		if !e.Type.IsAction() {
			if !state && !e.Or {
				continue
			}
			result, guessed := f.matches(e, target)
			skipDrop = skipDrop || guessed
			state = result || e.Or && state
			continue
		}
		if !state {
			forwards := slices.Contains([]netconf.RuleType{netconf.ActionTee, netconf.ActionWatch, netconf.ActionRedirect}, e.Type)
			target = target || f.inbound && forwards && e.Text == f.self
			state = true
			continue
		}
		actions = append(actions, i)
		switch e.Type {
		case netconf.ActionAccept, netconf.ActionBreak:
			return actions, i
		case netconf.ActionDrop:
			if !skipDrop {
				return actions, i
			}
			skipDrop = false
		default:
			noOp := e.Text == f.source || e.Text == f.dest && e.Text != f.self
			if !noOp && (e.Text == f.self && f.inbound || e.Text != f.self && e.Type == netconf.ActionRedirect) {
				return actions, i
			}
		}
	}
	return actions, len(entries)
}
