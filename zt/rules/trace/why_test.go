package trace

import (
	"net/netip"
	"testing"

	"github.com/orrery-net/orrery/zt"
)

// TestWhy reads one match for one packet: a program of a single rule, and what is
// said of its last match.
func TestWhy(t *testing.T) {
	const tagged = "tag department id 1000 enum 1 sales enum 2 it; "
	tcp := Packet{EtherType: etherIPv4, Source: netip.MustParseAddr("10.9.0.1"), Dest: netip.MustParseAddr("10.9.0.2"),
		Protocol: protocolTCP, SourcePort: 50000, DestPort: 443, TCPFlags: flagSYN, Size: 60}
	with := func(change func(*Packet)) Packet {
		p := tcp
		change(&p)
		return p
	}
	arp := Packet{EtherType: etherARP, DestMAC: broadcastMAC, Source: tcp.Source, Dest: tcp.Dest}
	ping := with(func(p *Packet) { p.Protocol, p.ICMPType, p.TCPFlags = protocolICMP, echoRequest, 0 })
	six := with(func(p *Packet) {
		p.EtherType, p.Source, p.Dest = etherIPv6, netip.MustParseAddr("fd00::1"), netip.MustParseAddr("fd00::2")
	})
	for _, c := range []struct {
		rule   string
		packet Packet
		inside tags // alice's
		peer   tags // bob's
		result bool
		why    string
	}{
		{"accept dport 443;", tcp, nil, nil, true, "destination port is 443"},
		{"accept dport 22;", tcp, nil, nil, false, "destination port is 443, not 22"},
		{"accept not dport 22-25;", tcp, nil, nil, true, "destination port is 443, not 22-25"},
		{"accept sport 1-1023;", tcp, nil, nil, false, "source port is 50000, not 1-1023"},
		{"accept not dport 22;", ping, nil, nil, true, "protocol icmp4 has no ports"},
		{"accept not dport 22;", arp, nil, nil, false, "ethertype is arp, which is not IP (with not, too, this is false)"},
		{"accept ipprotocol udp;", tcp, nil, nil, false, "protocol is tcp, not udp"},
		{"accept ethertype arp;", tcp, nil, nil, false, "ethertype is ipv4, not arp"},
		{"accept ethertype arp;", arp, nil, nil, true, "ethertype is arp"},
		{"accept ztsrc a11ce00001;", tcp, nil, nil, true, "sender is alice"},
		{"accept ztdest 3017000003;", tcp, nil, nil, false, "receiver is bob, not monitor"},
		{"accept ztdest b0b0000002;", arp, nil, nil, false, "the frame goes to a group, not to one member"},
		{"accept ipsrc 10.0.0.0/8;", tcp, nil, nil, true, "source address is 10.9.0.1"},
		{"accept ipdest 10.8.0.0/16;", tcp, nil, nil, false, "destination address is 10.9.0.2, not in 10.8.0.0/16"},
		{"accept not ipdest fd00::/8;", tcp, nil, nil, false, "ethertype is ipv4, which has no IPv6 address (with not, too, this is false)"},
		{"accept ipdest fd00::/8;", six, nil, nil, true, "destination address is fd00::2"},
		{"accept ipdest fd00::2/64;", six, nil, nil, false, "fd00::2/64 has bits behind its prefix length, which no address matches; fd00::/64 would be right"},
		{"accept ipsrc 10.9.0.7/16;", tcp, nil, nil, true, "source address is 10.9.0.1"},
		{"accept icmp 8 -1;", ping, nil, nil, true, "ICMP type is 8"},
		{"accept not icmp 8 -1;", ping, nil, nil, true, "ICMP type is 8 (nodes take this for true with not, too, as any code will do)"},
		{"accept not icmp 0 -1;", ping, nil, nil, false, "ICMP type is 8, not 0 (with not, too, this is false)"},
		{"accept icmp 8 3;", ping, nil, nil, false, "ICMP code is 0, not 3"},
		{"accept icmp 8 0;", tcp, nil, nil, false, "protocol is tcp, not ICMP"},
		{"accept chr tcp_ack;", tcp, nil, nil, false, "TCP flags are tcp_syn"},
		{"accept chr tcp_syn,inbound;", tcp, nil, nil, true, "the frame is or has tcp_syn"},
		{"accept chr inbound;", tcp, nil, nil, false, "this is the sending side"},
		{"accept chr ipauth;", tcp, nil, nil, true, "the frame is or has ipauth"},
		{"accept chr ipauth;", with(func(p *Packet) { p.Source = netip.MustParseAddr("10.9.0.66") }), nil, nil, false, "10.9.0.66 is not certified for alice"},
		{"accept chr macauth;", tcp, nil, nil, false, "controllers certify no MACs"},
		{"accept chr broadcast;", tcp, nil, nil, false, "destination MAC is " + zt.MemberMAC(office, bob).String()},
		{"accept framesize 100-200;", tcp, nil, nil, false, "size is 60 bytes, not 100-200"},
		{"accept random 0.25;", tcp, nil, nil, false, "true with a probability of 0.25"},
		{"accept vlanpcp 3;", tcp, nil, nil, false, "nodes compare it with 0 always, not with a frame's"},
		{"accept iptos 252 184;", tcp, nil, nil, false, "masked type of service is 0, not 184"},
		{"accept teq department sales;", tcp, tags{1000: 1}, tags{1000: 1}, true, "tag department is sales at alice and sales at bob"},
		{"accept teq department sales;", tcp, tags{1000: 1}, tags{1000: 2}, false, "tag department is sales at alice and it at bob, not sales at both"},
		{"accept not teq department sales;", tcp, nil, tags{1000: 2}, false, "alice has no tag department (with not, too, this is false)"},
		{"accept teq department sales;", tcp, tags{1000: 1}, nil, true, "bob has no tag department: true for the sender, and the next drop is passed over"},
		{"accept teq department sales;", arp, tags{1000: 1}, tags{1000: 1}, true, "tag department of the receivers is not known: true until it is, and the next drop is passed over"},
		{"accept tdiff department 0;", tcp, tags{1000: 1}, tags{1000: 9}, false, "difference of tag department is 8 (sales at alice, 9 at bob), not at most 0"},
		{"accept tseq department it;", tcp, tags{1000: 1}, nil, false, "tag department of alice is sales, not it"},
		{"accept treq department it;", tcp, nil, tags{1000: 2}, true, "tag department of bob is it"},
		{"accept tand department 0;", tcp, tags{1000: 1}, tags{1000: 2}, true, "tag department is sales at alice and it at bob; AND is 0"},
		{"accept tor department it;", tcp, tags{1000: 1}, tags{1000: 2}, false, "tag department is sales at alice and it at bob; OR is 3, not it"},
	} {
		n := compiled(t, tagged+c.rule)
		a, b := pair()
		a.Tags, b.Tags = c.inside, c.peer
		r := Trace(n, a, b, c.packet)
		steps := r.Sender.Tables[0].Rules[0].Steps
		if got := steps[len(steps)-1]; got.Why != c.why || got.Result != c.result {
			t.Errorf("%s\n got %v %s\nwant %v %s", c.rule, got.Result, got.Why, c.result, c.why)
		}
	}
}

// What decided is said in one sentence, with the place in the source.
func TestWhyOfOutcome(t *testing.T) {
	const program = `
cap web id 7 accept dport 443; ;
accept ethertype arp;
drop ipprotocol udp;
redirect 3017000003 dport 99;
drop dport 25 and random 0.5;
accept dport 25 or sport 25;
accept sport 443;
break;
`
	holder := []uint32{7}
	for _, c := range []struct {
		flow         string
		capabilities []uint32
		works        bool
		why          string
	}{
		{"udp 53", nil, false, "request: alice drops it (line 4: drop ipprotocol udp)"},
		{"tcp 80", nil, false, "SYN: alice drops it (no rule accepts it before line 9: break)"},
		{"tcp 80", holder, false, "SYN: alice drops it (no rule accepts it before line 9: break; nor in capability web)"},
		{"tcp 443", holder, true, "every packet is accepted at both ends"},
		{"tcp 99", nil, false, "SYN: alice sends it to monitor instead (line 5: redirect 3017000003 dport 99)"},
		{"tcp 25", nil, false, "SYN: what alice does is left to chance (line 6: drop dport 25 and random 0.5)"},
	} {
		a, b := pair()
		a.Capabilities = c.capabilities
		got := converse(t, compiled(t, program), a, b, c.flow)
		if got.Works != c.works || got.Why != c.why {
			t.Errorf("%s\n got %v %s\nwant %v %s", c.flow, got.Works, got.Why, c.works, c.why)
		}
	}
}

// Where no rule decided none is named as the one that did: neither one that would let in
// what its MACs stop, nor one that is read if a draw comes out so.
func TestNoRuleDecides(t *testing.T) {
	a, b := pair()
	a.Capabilities = []uint32{1}
	var astray Decision
	p := web.complete(&Network{ID: office}, a, b)
	newTracer(compile(compiled(t, "accept;"))).deliver(a, &Member{Node: monitor}, &p, &astray, false)
	drawn := Trace(compiled(t, "cap c id 1 accept; ; tee -1 3017000003 random 0.25; drop random 0.5;"), a, b, web).Sender
	for _, c := range []struct {
		decision *Decision
		outcome  Outcome
		why      string
	}{
		{&astray, Dropped, "the destination MAC is not monitor's own, and monitor is neither bridge nor target of a rule"},
		{&drawn, Chance, "line 1: drop random 0.5"},
	} {
		if _, rule := c.decision.Deciding(); rule != nil || c.decision.Outcome != c.outcome || c.decision.Why != c.why {
			t.Errorf("%s, %s, %+v", c.decision.Outcome, c.decision.Why, rule)
		}
	}
}

// Without names and positions, ids and numbers take their place.
func TestWhyWithoutNames(t *testing.T) {
	n := compiled(t, "tag department id 1000 enum 1 sales; drop not teq department sales; accept;")
	n.Names, n.Origins = nil, nil
	a, b := pair()
	a.Tags, b.Tags = tags{1000: 1}, tags{1000: 2}
	r := Trace(n, a, b, Packet{EtherType: etherIPv4})
	if want := "a11ce00001 drops it (rule 1: drop not teq 1000 1)"; r.Why != want {
		t.Errorf("%s, want %s", r.Why, want)
	}
	if want := "tag 1000 is 1 at a11ce00001 and 2 at b0b0000002, not 1 at both"; r.Sender.Tables[0].Rules[0].Steps[0].Why != want {
		t.Errorf("%s, want %s", r.Sender.Tables[0].Rules[0].Steps[0].Why, want)
	}
}
