package trace

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/netconf"
)

// legs writes a conversation's packets: name, direction, ethertype, addresses, what
// the protocol has, size.
func legs(c *Conversation) []string {
	var all []string
	for _, l := range c.Legs {
		p, way := &l.Result.Packet, "→"
		if l.Back {
			way = "←"
		}
		text := fmt.Sprintf("%s %s %04x", l.Name, way, p.EtherType)
		if p.Source.IsValid() {
			text += fmt.Sprintf(" %s %s", p.Source, p.Dest)
		}
		switch {
		case p.hasPorts():
			text += fmt.Sprintf(" %d %d", p.SourcePort, p.DestPort)
		case p.hasICMP():
			text += fmt.Sprintf(" %d/%d", p.ICMPType, p.ICMPCode)
		}
		if p.flags() != 0 {
			text += " " + flagNames(p.flags())
		}
		if isMulticast(p.DestMAC) {
			text += " " + p.DestMAC.String()
		}
		all = append(all, fmt.Sprintf("%s %d", text, p.Size))
	}
	return all
}

func TestLegs(t *testing.T) {
	arp := []string{"ARP request → 0806 10.9.0.1 10.9.0.2 ff:ff:ff:ff:ff:ff 28", "ARP reply ← 0806 10.9.0.2 10.9.0.1 28"}
	nd := []string{
		"neighbor solicitation → 86dd fd00::1 ff02::1:ff00:2 135/0 33:33:ff:00:00:02 72",
		"neighbor advertisement ← 86dd fd00::2 fd00::1 136/0 72",
	}
	for text, want := range map[string][]string{
		"arp": arp,
		"tcp 443": append(slices.Clip(arp), "SYN → 0800 10.9.0.1 10.9.0.2 50000 443 tcp_syn 60",
			"SYN ACK ← 0800 10.9.0.2 10.9.0.1 443 50000 tcp_ack,tcp_syn 60", "ACK → 0800 10.9.0.1 10.9.0.2 50000 443 tcp_ack 52"),
		"ipv6 tcp 22 sport 99 size 1280": append(slices.Clip(nd), "SYN → 86dd fd00::1 fd00::2 99 22 tcp_syn 1280",
			"SYN ACK ← 86dd fd00::2 fd00::1 22 99 tcp_ack,tcp_syn 80", "ACK → 86dd fd00::1 fd00::2 99 22 tcp_ack 72"),
		"tcp 22 flags rst": append(slices.Clip(arp), "TCP tcp_rst → 0800 10.9.0.1 10.9.0.2 50000 22 tcp_rst 52"),
		"udp 53":           append(slices.Clip(arp), "request → 0800 10.9.0.1 10.9.0.2 50000 53 60", "reply ← 0800 10.9.0.2 10.9.0.1 53 50000 60"),
		"ping":             append(slices.Clip(arp), "echo request → 0800 10.9.0.1 10.9.0.2 8/0 84", "echo reply ← 0800 10.9.0.2 10.9.0.1 0/0 84"),
		"ping6":            append(slices.Clip(nd), "echo request → 86dd fd00::1 fd00::2 128/0 104", "echo reply ← 86dd fd00::2 fd00::1 129/0 104"),
		"icmp 3 4":         append(slices.Clip(arp), "ICMP message → 0800 10.9.0.1 10.9.0.2 3/4 84"),
		"ip 47":            append(slices.Clip(arp), "packet → 0800 10.9.0.1 10.9.0.2 60"),
		"ethertype 0x88cc": {"frame → 88cc 46"},
		// What lies behind a member is reached through its own address.
		"udp 53 dest 192.168.7.7": append(slices.Clip(arp), "request → 0800 10.9.0.1 192.168.7.7 50000 53 60", "reply ← 0800 192.168.7.7 10.9.0.1 53 50000 60"),
		"udp 53 source 10.8.8.8":  append(slices.Clip(arp), "request → 0800 10.8.8.8 10.9.0.2 50000 53 60", "reply ← 0800 10.9.0.2 10.8.8.8 53 50000 60"),
		// Nobody is asked for the MAC of a group, and who answers is unknown.
		"udp 5353 dest 224.0.0.251":   {"request → 0800 10.9.0.1 224.0.0.251 50000 5353 01:00:5e:00:00:fb 60"},
		"udp 5353 dest ff02::fb":      {"request → 86dd fd00::1 ff02::fb 50000 5353 33:33:00:00:00:fb 80"},
		"udp 67 dest 255.255.255.255": {"request → 0800 10.9.0.1 255.255.255.255 50000 67 ff:ff:ff:ff:ff:ff 60"},
	} {
		a, b := pair()
		c := converse(t, compiled(t, "accept;"), a, b, text)
		if got := legs(c); !slices.Equal(got, want) {
			t.Errorf("%s:\n%s\nwant\n%s", text, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		if !c.Works || c.Outcome != Accepted {
			t.Errorf("%s: %s", text, c.Why)
		}
	}
}

func TestFamilies(t *testing.T) {
	four, six := netip.MustParseAddr("10.9.0.3"), netip.MustParseAddr("fd00::3")
	a, b := pair()
	b.Addresses = []netip.Addr{six}
	n := compiled(t, "accept;")
	if c := converse(t, n, a, b, "ping"); c.Legs[len(c.Legs)-1].Result.Packet.ICMPType != echoReplyV6 {
		t.Errorf("a ping to a member with IPv6 only: %v", legs(c))
	}
	for text, want := range map[string]string{
		"ipv4 tcp 80": "bob has no IPv4 address: assign one, or say the address in the flow",
		"icmp 8 0":    "bob has no IPv4 address",
		"arp":         "bob has no IPv4 address",
	} {
		if _, err := Converse(n, a, b, flow(t, text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
	if _, err := Converse(n, a, a, flow(t, "ping")); err == nil || !strings.Contains(err.Error(), "both ends are alice") {
		t.Errorf("with itself: %v", err)
	}
	b.Addresses = nil
	if _, err := Converse(n, a, b, flow(t, "tcp 80")); err == nil || !strings.Contains(err.Error(), "bob has no IPv6 address") {
		t.Errorf("without addresses: %v", err)
	}
	if c := converse(t, n, a, b, "tcp 80 dest 10.9.0.3"); c.Legs[0].Result.Packet.Dest != four {
		t.Errorf("an address that was set by hand: %v", legs(c))
	}
	// Of several addresses the nearest is used.
	a.Addresses = []netip.Addr{netip.MustParseAddr("172.16.0.1"), netip.MustParseAddr("10.9.0.1"), six}
	b.Addresses = []netip.Addr{four}
	if c := converse(t, n, a, b, "tcp 80"); c.Legs[2].Result.Packet.Source != a.Addresses[1] {
		t.Errorf("%v", legs(c))
	}
}

// Nodes answer neighbor discovery for addresses that say whose they are.
func TestNeighborDiscoveryEmulation(t *testing.T) {
	for _, own := range []func(zt.NetworkID, zt.Address) netip.Prefix{netconf.RFC4193, netconf.SixPlane} {
		a, b := pair()
		a.Addresses, b.Addresses = []netip.Addr{own(office, alice).Addr()}, []netip.Addr{own(office, bob).Addr()}
		c := converse(t, compiled(t, "drop icmp 135 0; drop icmp 136 0; accept;"), a, b, "tcp 80")
		if !c.Works || len(c.Legs) != 3 || len(c.Notes) != 2 || !strings.HasPrefix(c.Notes[0], "alice's own node answers") {
			t.Errorf("%v, %q", legs(c), c.Notes)
		}
		// The other way round it may have to ask.
		a.Addresses = append(a.Addresses, netip.MustParseAddr("fd00::1"))
		c = converse(t, compiled(t, "accept;"), a, b, "tcp 80 source fd00::1")
		if len(c.Legs) != 5 || c.Legs[0].Name != "neighbor solicitation" || !c.Legs[0].Back || c.Legs[1].Back {
			t.Errorf("%v", legs(c))
		}
	}
	// IPv6 addresses of this form count as authentic by their prefix.
	a, b := pair()
	a.Addresses, b.Addresses = []netip.Addr{netconf.SixPlane(office, alice).Addr()}, []netip.Addr{netconf.SixPlane(office, bob).Addr()}
	behind := netconf.SixPlane(office, alice).Addr().Next()
	p := Packet{EtherType: etherIPv6, Source: behind, Dest: b.Addresses[0], Protocol: protocolTCP}
	r := Trace(compiled(t, "accept not chr inbound; accept chr ipauth;"), a, b, p)
	if r.Outcome != Accepted {
		t.Error(r.Why)
	}
	if r := Trace(compiled(t, "accept chr ipauth;"), a, b, p); r.Outcome != Dropped || r.Receiver != nil {
		t.Errorf("the sender has no certificate of it: %s", r.Why)
	}
}

// Members learn each other's tags by talking.
func TestFirstContact(t *testing.T) {
	const define = "tag department id 1000; "
	for _, c := range []struct {
		program    string
		from, to   tags
		flow       string
		works      bool
		why, notes string
	}{
		{program: "break not teq department 1; accept;", from: tags{1000: 1}, to: tags{1000: 1}, flow: "ethertype 0x88cc",
			why: "frame: alice drops it (no rule accepts it before line 1: break not teq department 1)", notes: "do not know each other's tags before the first frame"},
		{program: "accept ethertype arp; break not teq department 1; accept;", from: tags{1000: 1}, to: tags{1000: 1}, flow: "tcp 80", works: true},
		{program: "accept ethertype arp; break not teq department 1; accept;", from: tags{1000: 1}, to: tags{1000: 2}, flow: "tcp 80",
			why: "SYN: alice drops it (no rule accepts it before line 1: break not teq department 1)"},
		{program: "drop not teq department 1; accept;", from: tags{1000: 1}, to: tags{1000: 1}, flow: "tcp 80", works: true},
		{program: "drop not teq department 1; accept;", from: tags{1000: 1}, to: tags{1000: 2}, flow: "ethertype 0x88cc",
			why: "frame: alice drops it (line 1: drop not teq department 1)"},
		{program: "drop teq department 1 and not chr inbound; accept;", from: tags{1000: 1}, to: tags{1000: 1}, flow: "ethertype 0x88cc",
			why: "frame: alice drops it (line 1: drop teq department 1 and not chr inbound)", notes: "It works until alice and bob know each other's tags."},
		{program: "accept not chr inbound; accept tseq department 1;", from: tags{1000: 1}, to: nil, flow: "ethertype 0x88cc", works: true},
		{program: "accept not chr inbound; accept treq department 1;", from: tags{1000: 1}, to: nil, flow: "ethertype 0x88cc",
			why: "frame: bob drops it (no rule accepts it)"},
		{program: "accept treq department 1;", from: nil, to: tags{1000: 1}, flow: "ethertype 0x88cc", works: true},
		{program: "break not treq department 1; accept;", from: nil, to: tags{1000: 1}, flow: "ethertype 0x88cc",
			why: "frame: alice drops it (no rule accepts it before line 1: break not treq department 1)", notes: "do not know each other's tags"},
	} {
		a, b := pair()
		a.Tags, b.Tags = c.from, c.to
		got := converse(t, compiled(t, define+c.program), a, b, c.flow)
		why := c.why
		if c.works {
			why = "every packet is accepted at both ends"
		}
		notes := strings.Join(got.Notes, "\n")
		if got.Works != c.works || got.Why != why || !strings.Contains(notes, c.notes) || c.notes == "" && notes != "" {
			t.Errorf("%s\n%v, %s, %q", c.program, got.Works, got.Why, got.Notes)
		}
		s, err := plan(compiled(t, define+c.program), a, b, flow(t, c.flow))
		if err != nil {
			t.Fatal(err)
		}
		if short := s.outcome(newTracer(compile(s.network))); short != got.Outcome {
			t.Errorf("%s: %s without an explanation, %s with", c.program, short, got.Outcome)
		}
	}
}

// A conversation fails where its first packet fails for certain; what is behind it
// is followed all the same.
func TestOutcomeOfConversation(t *testing.T) {
	a, b := pair()
	n := compiled(t, "accept ethertype arp; drop chr tcp_ack; drop random 0.5; accept;")
	c := converse(t, n, a, b, "tcp 80")
	if c.Works || c.Outcome != Dropped || !strings.HasPrefix(c.Why, "SYN ACK: bob drops it") || c.leg(t, "SYN").Result.Outcome != Chance {
		t.Errorf("%s: %s", c.Outcome, c.Why)
	}
	if c := converse(t, n, a, b, "udp 53"); c.Works || c.Outcome != Chance {
		t.Errorf("%s: %s", c.Outcome, c.Why)
	}
	if c := converse(t, compiled(t, "accept ethertype arp; redirect 3017000003 dport 80; accept;"), a, b, "tcp 80"); c.Outcome != Redirected ||
		!slices.Equal(c.Notes, []string{"monitor gets frames instead; whether they go on from there is up to it."}) {
		t.Errorf("%s: %s, %q", c.Outcome, c.Why, c.Notes)
	}
}

// Receivers ask a sender's capabilities in any order.
func TestOrderOfCapabilities(t *testing.T) {
	for _, c := range []struct {
		program, why string
		outcome      Outcome
	}{
		{"cap a id 1 accept; ; cap b id 4 redirect 3017000003 dport 53; ; accept ethertype arp; accept sport 53;",
			"request: what bob does is left to chance (a receiver may ask other capabilities of the sender before a)", Chance},
		{"cap a id 1 redirect 3017000003 dport 53; ; cap b id 4 accept; ; accept ethertype arp; accept sport 53;",
			"request: alice sends it to monitor instead (capability a, line 1: redirect 3017000003 dport 53)", Redirected},
		{"cap a id 1 accept; ; cap b id 4 drop; ; cap c id 5 accept dport 53; ; accept ethertype arp; accept sport 53;",
			"every packet is accepted at both ends", Accepted},
	} {
		a, b := pair()
		a.Capabilities = []uint32{1, 4, 5}
		got := converse(t, compiled(t, c.program), a, b, "udp 53")
		if got.Outcome != c.outcome || got.Why != c.why {
			t.Errorf("%s\n%s, %s", c.program, got.Outcome, got.Why)
		}
	}
}

// Capabilities count for what their holder sends.
func TestCapabilities(t *testing.T) {
	const program = "cap web id 7 accept dport 80; ; cap deny id 3 drop; ; accept ethertype arp; accept sport 80; break;"
	for _, c := range []struct {
		from, to []uint32
		works    bool
	}{
		{nil, nil, false}, {[]uint32{7}, nil, true}, {nil, []uint32{7}, false}, {[]uint32{7, 3}, []uint32{3}, true}, {[]uint32{99}, nil, false},
	} {
		a, b := pair()
		a.Capabilities, b.Capabilities = c.from, c.to
		got := converse(t, compiled(t, program), a, b, "tcp 80")
		if got.Works != c.works {
			t.Errorf("%v to %v: %s", c.from, c.to, got.Why)
		}
	}
}
