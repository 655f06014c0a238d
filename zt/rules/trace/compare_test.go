package trace

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/netconf"
)

// told writes the changes of a comparison: "0→1 tcp 22: accepted → dropped".
func told(c Comparison) []string {
	var all []string
	for _, change := range c.Changes {
		all = append(all, fmt.Sprintf("%d→%d %s: %s → %s", change.From, change.To, change.Flow, change.Before, change.After))
	}
	return all
}

func TestCompare(t *testing.T) {
	a, b := pair()
	a.Addresses, b.Addresses = a.Addresses[:1], b.Addresses[:1]
	b.Tags = tags{1: 5}
	third := Member{Node: 0xc000000003, Addresses: []netip.Addr{netip.MustParseAddr("10.9.0.3")}}
	members := []Member{*a, *b, third}
	for _, c := range []struct {
		name, before, after string
		changes             []string
		classes             string
	}{
		{"nothing", "accept;", "accept ethertype ipv4; accept;", nil, "[[0 1 2]]"},
		{"one port", "accept;", "drop ipprotocol tcp and dport 22; accept;", []string{"0→1 tcp 22: accepted → dropped"}, "[[0 1 2]]"},
		{"edges of a range", "accept;", "drop ipprotocol udp and dport 5000-5010; accept;",
			[]string{"0→1 udp 5000: accepted → dropped", "0→1 udp 5010: accepted → dropped"}, "[[0 1 2]]"},
		{"a tag", "accept ethertype arp; accept ipprotocol udp;", "accept ethertype arp; accept ipprotocol udp; accept ipprotocol icmp4 and tseq 1 5;", nil, "[[0 2] [1]]"},
		{"a tag of either end", "accept ethertype arp; drop;", "accept ethertype arp; accept icmp 8 0 and treq 1 5; accept icmp 0 0 and tseq 1 5; drop;",
			[]string{"0→1 ping: dropped → accepted"}, "[[0 2] [1]]"},
		{"a node", "accept;", "drop ztdest c000000003 and ethertype ipv4 and not ipprotocol icmp4 and not chr tcp_ack; accept;", []string{
			"0→2 tcp 22: accepted → dropped", "0→2 tcp 80: accepted → dropped", "0→2 tcp 443: accepted → dropped",
			"0→2 udp 53: accepted → dropped", "2→0 udp 53: accepted → dropped", // its reply
		}, "[[0 1] [2]]"},
		{"addresses", "accept;", "drop ipdest 10.9.0.2/32 and icmp 8 0; accept;", []string{"0→1 ping: accepted → dropped"}, "[[0 2] [1]]"},
		{"chance", "accept;", "drop ipprotocol udp and random 0.1; accept;", []string{"0→1 udp 53: accepted → chance", "0→1 udp 443: accepted → chance"}, "[[0 1 2]]"},
		{"ethertypes", "accept;", "drop not ethertype ipv4 and not ethertype arp; accept;", []string{"0→1 ethertype 0x88b5: accepted → dropped"}, "[[0 1 2]]"},
		{"a protocol", "accept ethertype arp;", "accept ethertype arp; accept ipprotocol 47;", []string{"0→1 ip 47: dropped → accepted"}, "[[0 1 2]]"},
		{"groups", "accept;", "drop chr multicast and not ethertype arp; accept;", []string{
			"0→1 udp 5353 dest 224.0.0.251: accepted → dropped", "0→1 udp 67 dest 255.255.255.255: accepted → dropped"}, "[[0 1 2]]"},
		{"sizes", "accept;", "drop framesize 1401-65535; accept;", []string{
			"0→1 udp 443 size 1401: accepted → dropped", "0→1 udp 443 size 65535: accepted → dropped"}, "[[0 1 2]]"},
		{"type of service", "accept;", "drop iptos 255 184; accept;", []string{"0→1 tcp 443 tos 184: accepted → dropped"}, "[[0 1 2]]"},
		{"source ports", "accept;", "drop sport 1000 and chr tcp_syn and not chr tcp_ack; accept;", []string{"0→1 tcp 443 sport 1000: accepted → dropped"}, "[[0 1 2]]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := Compare(compiled(t, c.before), compiled(t, c.after), members)
			if told := told(got); !slices.Equal(told, c.changes) {
				t.Errorf("\n%s\nwant\n%s\ntried %v", strings.Join(told, "\n"), strings.Join(c.changes, "\n"), got.Flows)
			}
			if fmt.Sprint(got.Classes) != c.classes || !got.Whole {
				t.Errorf("%v, %v", got.Classes, got.Whole)
			}
		})
	}
}

// A change of what members have, such as a tag's default, counts as well.
func TestCompareMembers(t *testing.T) {
	a, b := pair()
	n := compiled(t, "accept ethertype arp; accept ipprotocol tcp and not teq 1 5; accept ethertype ipv4 and not ipprotocol tcp;")
	a.Addresses, b.Addresses = a.Addresses[:1], b.Addresses[:1]
	a.Tags, b.Tags = tags{1: 5}, tags{1: 5}
	were := []Member{*a, *b}
	a.Tags = tags{1: 6}
	c := CompareMembers(n, n, were, []Member{*a, *b})
	if len(c.Changes) != 6 || c.Changes[0].After != Accepted || fmt.Sprint(c.Classes) != "[[0] [1]]" {
		t.Errorf("%v, %v", told(c), c.Classes)
	}
}

// Rules that look at bytes can tell any members apart, since addresses are bytes.
func TestCompareBytes(t *testing.T) {
	before, after := compiled(t, "accept;"), compiled(t, "accept;")
	operands := make([]byte, 19)
	operands[7], operands[15], operands[17], operands[18] = 2, 2, 8, 7 // the last byte of an IPv4 address that a packet comes from, if it is 2
	after.Rules = append([]netconf.Rule{entryOf(t, netconf.MatchIntegerRange, false, operands...), entryOf(t, netconf.ActionDrop, false)}, after.Rules...)
	var members []Member
	for i := range byte(4) {
		members = append(members, Member{Node: zt.Address(0xc000000000 + int64(i)), Addresses: []netip.Addr{netip.AddrFrom4([4]byte{10, 9, 0, i})}})
	}
	c := Compare(before, after, members)
	for _, change := range c.Changes {
		if change.From != 2 && change.To != 2 {
			t.Errorf("%+v", change)
		}
	}
	if len(c.Changes) == 0 || len(c.Classes) != len(members) {
		t.Errorf("%d changes, classes %v", len(c.Changes), c.Classes)
	}
}

// member1 makes a member with one address of a family at most, so that hosts have no
// choice.
func (g *generator) member1(n *Network) Member {
	m := Member{Node: pick(g, append(anyNodes, 0x5555555555, 0x6666666666)...), Tags: tags{}}
	for id := range uint32(2) {
		if g.IntN(3) > 0 {
			m.Tags[id] = uint32(g.IntN(4))
		}
	}
	if g.IntN(2) == 0 {
		m.Capabilities = append(m.Capabilities, 1)
	}
	if g.IntN(4) > 0 {
		m.Addresses = append(m.Addresses, g.address(n, false))
	}
	if g.IntN(4) > 0 {
		m.Addresses = append(m.Addresses, pick(g, anyAddresses[4], anyAddresses[5], anyAddresses[6], netconf.SixPlane(n.ID, m.Node).Addr(), netconf.RFC4193(n.ID, m.Node).Addr()))
	}
	return m
}

// Members of one class are treated alike: what is found for their first holds for
// all of them.
func TestClasses(t *testing.T) {
	g := &generator{rand.New(rand.NewPCG(3, 4))}
	for range 30 {
		classesAgree(t, g)
	}
}

// FuzzClasses is TestClasses for as long as one likes.
func FuzzClasses(f *testing.F) {
	f.Fuzz(func(t *testing.T, seed uint64) {
		classesAgree(t, &generator{rand.New(rand.NewPCG(seed, 8))})
	})
}

// classesAgree compares what Compare says of a few members with conversations between
// all of them.
func classesAgree(t *testing.T, g *generator) {
	before, after := g.network(), g.network()
	var members []Member
	nodes := make(map[zt.Address]bool)
	for len(members) < 5 {
		if m := g.member1(before); !nodes[m.Node] {
			nodes[m.Node] = true
			members = append(members, m)
		}
	}
	c := Compare(before, after, members)
	changes := make(map[string]Change)
	for _, change := range c.Changes {
		changes[fmt.Sprint(change.From, change.To, change.Flow)] = change
	}
	class := make(map[int][]int)
	for _, members := range c.Classes {
		for _, m := range members {
			class[m] = members
		}
	}
	old, changed := newTracer(compile(before)), newTracer(compile(after))
	for from := range members {
		for to := range members {
			if from == to {
				continue
			}
			first, second := class[from][0], class[to][0]
			if first == second {
				second = class[to][1]
			}
			for _, f := range c.Flows {
				s, err := plan(before, &members[from], &members[to], f)
				if err != nil {
					continue
				}
				was, is := s.outcome(old), s.outcome(changed)
				change, found := changes[fmt.Sprint(first, second, f)]
				if found != (was != is) || found && (change.Before != was || change.After != is) {
					t.Fatalf("%d→%d %s: %s → %s, but for %d→%d %+v\n%s\n%s\n%+v", from, to, f, was, is, first, second, change,
						RuleText(before.Rules, nil), RuleText(after.Rules, nil), members)
				}
			}
		}
	}
}

// The work is bounded, whatever the rules and however many the members.
func TestCompareIsBounded(t *testing.T) {
	var program strings.Builder
	for port := range 340 {
		fmt.Fprintf(&program, "accept ipprotocol tcp and dport %d;\n", 1000+3*port)
	}
	before := compiled(t, program.String()+"break;")
	after := compiled(t, "drop txor 1 77;\n"+program.String())
	members := manyMembers(2000)
	c := Compare(before, after, members)
	if c.Whole || len(c.Flows) != maxProbes || len(c.Classes) != 2000 {
		t.Errorf("whole %v, %d flows, %d classes", c.Whole, len(c.Flows), len(c.Classes))
	}
}

// manyMembers makes members that each have a value of tag 1 of their own.
func manyMembers(count int) []Member {
	members := make([]Member, count)
	address := netip.MustParseAddr("10.0.0.1")
	for i := range members {
		members[i] = Member{Node: zt.Address(0x1000000000 + i), Addresses: []netip.Addr{address}, Tags: tags{1: uint32(i), 2: uint32(i % 3)}}
		address = address.Next()
	}
	return members
}

func BenchmarkCompare(b *testing.B) {
	var many strings.Builder
	for port := range 330 {
		fmt.Fprintf(&many, "accept ipprotocol tcp and dport %d;\n", 1000+3*port)
	}
	for _, c := range []struct {
		name, before, after string
		members             int
	}{
		{"small", "accept;", "drop dport 22; accept;", 10},
		{"100000 members, 12 classes", "drop not teq 2 1; accept;", "accept ipdest 10.0.0.0/24; accept ipdest 10.0.1.0/24; accept ipdest 10.1.0.0/16; drop not teq 2 1;", 100_000},
		{"100000 classes", "accept;", "drop txor 1 77; accept;", 100_000},
		{"1000 entries", "accept;", many.String(), 1000},
		{"1000 entries, many classes", "accept;", "drop txor 1 77;" + many.String(), 1000},
	} {
		b.Run(c.name, func(b *testing.B) {
			before, after, members := compiled(b, c.before), compiled(b, c.after), manyMembers(c.members)
			for b.Loop() {
				Compare(before, after, members)
			}
		})
	}
}

func BenchmarkTrace(b *testing.B) {
	n := compiled(b, "drop not ethertype ipv4 and not ethertype arp and not ethertype ipv6; accept ethertype arp; accept ipprotocol tcp and dport 22; accept chr tcp_ack; break;")
	from, to := pair()
	f := flow(b, "tcp 22")
	for b.Loop() {
		if _, err := Converse(n, from, to, f); err != nil {
			b.Fatal(err)
		}
	}
}
