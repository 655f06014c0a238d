package trace

import (
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/netconf"
)

var web = Packet{EtherType: etherIPv4, Source: netip.MustParseAddr("10.9.0.1"), Dest: netip.MustParseAddr("10.9.0.2"),
	Protocol: protocolTCP, SourcePort: 50000, DestPort: 80, TCPFlags: flagSYN, Size: 60}

// A redirected frame keeps its MACs, so that its target takes it only as the target
// of a rule.
func TestRedirect(t *testing.T) {
	for _, c := range []struct {
		name, program  string
		outcome        Outcome
		target         Outcome
		targetDecision string
	}{
		{"the target's own rules name it", "redirect 3017000003 dport 80; accept;", Redirected, Accepted, EndAccept},
		{"passed over, and accepted later", "redirect 3017000003 dport 80 and not chr inbound; accept;", Redirected, Accepted, EndAccept},
		{"the target does not accept it", "redirect 3017000003 dport 80 and not chr inbound; drop chr inbound; accept;", Redirected, Dropped, EndDrop},
		{"the receiver redirects", "redirect 3017000003 dport 80 and chr inbound; accept;", Redirected, Accepted, EndAccept},
		{"from a capability", "cap c id 1 redirect 3017000003 dport 80; ; break;", Redirected, Accepted, EndAccept},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := compiled(t, c.program)
			a, b := pair()
			a.Capabilities, b.Capabilities = []uint32{1}, []uint32{1}
			r := Trace(n, a, b, web)
			d := &r.Sender
			if r.Receiver != nil {
				d = r.Receiver
			}
			if r.Outcome != c.outcome || d.Redirected != monitor || d.Target == nil {
				t.Fatalf("%s: %s", r.Outcome, r.Why)
			}
			if d.Target.Outcome != c.target || d.Target.Tables[len(d.Target.Tables)-1].End != c.targetDecision {
				t.Errorf("the target: %s, %s", d.Target.Outcome, d.Target.Why)
			}
		})
	}
	t.Run("no effect", func(t *testing.T) {
		for _, program := range []string{"redirect a11ce00001; drop;", "redirect b0b0000002 not chr inbound; drop;"} {
			a, b := pair()
			r := Trace(compiled(t, program), a, b, web)
			if rule := r.Sender.Tables[0].Rules[0]; r.Sender.Outcome != Dropped || !rule.Matched || rule.Decided || !strings.HasPrefix(rule.Why, "no effect") {
				t.Errorf("%s: %s, %s", program, r.Why, rule.Why)
			}
		}
	})
	t.Run("its target accepts at once", func(t *testing.T) {
		a, b := pair()
		r := Trace(compiled(t, "redirect b0b0000002; accept not chr inbound;"), a, b, web)
		if table, rule := r.Receiver.Deciding(); r.Outcome != Accepted || table.End != EndAccept || rule.Why != "bob is its target and gets the frame: accepted" {
			t.Errorf("%s, %+v", r.Why, rule)
		}
	})
}

func TestCopies(t *testing.T) {
	for _, c := range []struct {
		name, program string
		sent          []Copy // by the sender, without what the observer decides
		received      []Copy
		observed      Outcome // by the first observer
	}{
		{"both ends", "tee -1 3017000003; accept;", []Copy{{To: monitor, Length: -1}}, []Copy{{To: monitor, Length: -1}}, Accepted},
		{"one end", "watch 40 3017000003 not chr inbound; accept;", []Copy{{To: monitor, Length: 40, Watch: true}}, nil, Accepted},
		{"the last one only", "tee 64 4444444444; tee 32 3017000003; accept;", []Copy{{To: monitor, Length: 32}}, []Copy{{To: monitor, Length: 32}}, Accepted},
		{"longer than the frame", "tee 1500 3017000003 not chr inbound; accept;", []Copy{{To: monitor, Length: -1}}, nil, Accepted},
		{"dropped in the end", "tee -1 3017000003; drop;", nil, nil, ""},
		{"who sends it", "tee -1 a11ce00001; accept not chr inbound;", nil, nil, ""},
		{"of the base and of the capability", "cap c id 1 tee 20 3017000003 not chr inbound; accept; ; tee 64 4444444444 not chr inbound; break;",
			[]Copy{{To: 0x4444444444, Length: -1}, {To: monitor, Length: 20}}, nil, Dropped}, // nodes forget between tables that they are a target
		{"a capability that does not accept", "cap c id 1 tee -1 3017000003; ; cap d id 2 accept; ; break;", nil, nil, ""},
		{"perhaps", "tee -1 3017000003 random 0.5 and not chr inbound; accept;", []Copy{{To: monitor, Length: -1, Chance: true}}, nil, Accepted},
		{"if it is accepted", "tee -1 3017000003 not chr inbound; drop random 0.5; accept;", []Copy{{To: monitor, Length: -1, Chance: true}}, nil, Chance},
		{"a port that was cut off", "tee 20 3017000003 dport 80 and not chr inbound; accept dport 80;", []Copy{{To: monitor, Length: 20}}, nil, Dropped},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, b := pair()
			a.Capabilities, b.Capabilities = []uint32{1, 2}, []uint32{1, 2}
			r := Trace(compiled(t, c.program), a, b, web)
			bare := func(d *Decision) (copies []Copy) {
				if d == nil {
					return nil
				}
				for _, made := range d.Copies {
					made.Observer = nil
					copies = append(copies, made)
				}
				return copies
			}
			if !slices.Equal(bare(&r.Sender), c.sent) || !slices.Equal(bare(r.Receiver), c.received) {
				t.Fatalf("%+v and %+v, want %+v and %+v", bare(&r.Sender), bare(r.Receiver), c.sent, c.received)
			}
			if len(r.Sender.Copies) > 0 && r.Sender.Copies[0].Observer.Outcome != c.observed {
				t.Errorf("the observer: %s", r.Sender.Copies[0].Observer.Why)
			}
		})
	}
}

// A frame to a group is first judged without a receiver, then for each.
func TestGroups(t *testing.T) {
	arp := Packet{EtherType: etherARP, DestMAC: broadcastMAC, Source: web.Source, Dest: web.Dest}
	other := Packet{EtherType: anyEtherType, DestMAC: broadcastMAC}
	for _, c := range []struct {
		program  string
		packet   Packet
		change   func(*Network)
		outcome  Outcome
		delivery bool // the sender decided for bob
		why      string
	}{
		{"accept;", arp, nil, Accepted, true, "bob accepts it (line 1: accept)"},
		{"accept ztdest b0b0000002;", arp, nil, Dropped, false, "alice drops it (no rule accepts it)"},
		{"drop ztdest b0b0000002; accept;", arp, nil, Dropped, true, "alice drops it (line 1: drop ztdest b0b0000002)"},
		{"break not teq 1 5; accept;", arp, nil, Dropped, false, "alice drops it (no rule accepts it before line 1: break not teq 1 5)"},
		{"drop not teq 1 5; accept;", arp, nil, Accepted, true, "bob accepts it (line 1: accept)"},
		{"accept;", arp, func(n *Network) { n.NoBroadcast = true }, Accepted, true, "bob accepts it (line 1: accept)"},
		{"accept;", other, func(n *Network) { n.NoBroadcast = true }, Dropped, false, "alice drops it (the network does not carry broadcasts)"},
		{"accept;", arp, func(n *Network) { n.NoMulticast = true }, Dropped, false, "alice drops it (the network does not carry multicast: its multicast limit is 0)"},
	} {
		n := compiled(t, c.program)
		if c.change != nil {
			c.change(n)
		}
		a, b := pair()
		a.Tags, b.Tags = tags{1: 5}, tags{1: 5}
		r := Trace(n, a, b, c.packet)
		if r.Outcome != c.outcome || (r.Delivery != nil) != c.delivery || r.Why != c.why {
			t.Errorf("%s: %s, %s, %v", c.program, r.Outcome, r.Why, r.Delivery != nil)
		}
	}
}

// Only bridges send from and receive for other MACs.
func TestForeignMACs(t *testing.T) {
	foreign, another := zt.MAC{6, 0, 0, 0, 0, 9}, zt.MemberMAC(office, monitor)
	for _, c := range []struct {
		source, dest       zt.MAC
		fromBridge, bridge bool
		outcome            Outcome
	}{
		{source: foreign, outcome: Dropped},
		{source: foreign, fromBridge: true, outcome: Accepted},
		{dest: foreign, outcome: Dropped},
		{dest: foreign, bridge: true, outcome: Accepted},
		{dest: another, bridge: true, outcome: Dropped},
		{dest: zt.MemberMAC(office, alice), outcome: Dropped},
	} {
		a, b := pair()
		a.Bridge, b.Bridge = c.fromBridge, c.bridge
		p := web
		p.SourceMAC, p.DestMAC = c.source, c.dest
		if r := Trace(compiled(t, "accept;"), a, b, p); r.Outcome != c.outcome {
			t.Errorf("%v: %s", c, r.Why)
		}
	}
}

// The VLAN of a frame stays at its sender.
func TestVLAN(t *testing.T) {
	a, b := pair()
	p := web
	p.VLAN = 5
	r := Trace(compiled(t, "accept vlan 5 and not chr inbound; accept vlan 0 and chr inbound;"), a, b, p)
	if r.Outcome != Accepted {
		t.Error(r.Why)
	}
}

// Controllers certify no more than MaxCertified addresses.
func TestManyAddresses(t *testing.T) {
	a, b := pair()
	a.Addresses = nil
	next := netip.MustParseAddr("10.9.1.0")
	for range MaxCertified + 1 {
		a.Addresses = append(a.Addresses, next)
		next = next.Next()
	}
	for i, want := range map[int]Outcome{0: Accepted, MaxCertified - 1: Accepted, MaxCertified: Dropped} {
		p := web
		p.Source = a.Addresses[i]
		if r := Trace(compiled(t, "accept chr ipauth;"), a, b, p); r.Outcome != want {
			t.Errorf("address %d: %s", i, r.Why)
		}
	}
}

// The JSON of results has no null and no numbers for addresses.
func TestResultInJSON(t *testing.T) {
	n := compiled(t, "cap c id 1 accept; ; tee 20 3017000003; redirect 3017000003 dport 99; drop dport 25 and random 0.5; break;")
	a, b := pair()
	a.Capabilities = []uint32{1}
	for _, f := range []string{"tcp 80", "tcp 99", "tcp 25", "ipv6 ping", "arp", "ethertype 0x88cc"} {
		text, err := json.Marshal(converse(t, n, a, b, f))
		if err != nil || strings.Contains(string(text), "null") {
			t.Errorf("%s: %s, %v", f, text, err)
		}
		for _, part := range []string{`"to":"3017000003"`, `"outcome":"`, `"why":"`} {
			if !strings.Contains(string(text), part) {
				t.Errorf("%s: no %s in %s", f, part, text)
			}
		}
	}
	before := compiled(t, "accept;")
	text, err := json.Marshal(Compare(before, before, nil))
	if err != nil || string(text) != `{"changes":[],"classes":[],"flows":[],"whole":true}` {
		t.Errorf("%s, %v", text, err)
	}
}

func TestTargets(t *testing.T) {
	n := compiled(t, "cap c id 1 redirect 3017000003; ; tee 64 3017000003; watch 64 4444444444; accept ztsrc a11ce00001;")
	if got := n.Targets(); !slices.Equal(got, []zt.Address{monitor, 0x4444444444}) {
		t.Errorf("%v", got)
	}
}

func TestRuleText(t *testing.T) {
	n := compiled(t, "tag department id 1000 enum 1 sales; accept ipprotocol tcp and dport 22 or not teq department sales;")
	if got := RuleText(n.Rules, n.Names); got != "accept ipprotocol tcp and dport 22 or not teq department sales" {
		t.Error(got)
	}
	if got := RuleText(n.Rules, nil); got != "accept ipprotocol tcp and dport 22 or not teq 1000 1" {
		t.Error(got)
	}
	if got := EntryText(n.Rules[2], n.Names); got != "or not teq department sales" {
		t.Error(got)
	}
}

// Whatever rules come, from however hostile a store, they are followed.
func FuzzTrace(f *testing.F) {
	f.Add([]byte("\x25\x02\x08\x00\x01\x00"), byte(0), uint16(443), 60)
	f.Add(netconf.AppendRules(nil, netconf.AcceptAll()), byte(1), uint16(0), 0)
	f.Add([]byte("\x33\x13\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x3f\x2b\x04\x7f\xff\xff\xff\x00\x00"), byte(2), uint16(9), -5)
	f.Fuzz(func(t *testing.T, raw []byte, kind byte, port uint16, size int) {
		table, err := netconf.ParseRules(raw)
		if err != nil {
			return
		}
		n := &Network{ID: office, Rules: table, Capabilities: []Capability{{ID: 1, Rules: table[:min(len(table), 64)]}}}
		a, b := pair()
		a.Capabilities = []uint32{1}
		p := Packet{EtherType: []uint16{etherIPv4, etherIPv6, etherARP, 0}[kind&3], Protocol: kind, DestPort: port, Size: size}
		r := Trace(n, a, b, p)
		if _, err := json.Marshal(r); err != nil || r.Outcome == "" || r.Why == "" {
			t.Errorf("%+v, %v", r, err)
		}
	})
}
