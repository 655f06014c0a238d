package lab

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"
)

// synLen is the length of the first packet of a TCP connection, with the IPv4
// header, as Linux sends it.
const synLen = 60

// copiesTo makes a connection to port 80, or tries to, and holds the lengths of
// what the monitor's interface gets of its first packet against want and against
// what trace says.
func (n *ruledNetwork) copiesTo(t *testing.T, monitor, from, to *ruledMember, want ...int) {
	t.Helper()
	before := len(monitor.capture.find(func(f frame) bool { return opens(f, from, to) }))
	c := works("tcp 80", from, to)
	_ = n.attempt(c)
	// What both send afterwards comes behind the copies.
	n.hold(t, works("udp 53", from, monitor), works("udp 53", to, monitor))
	lengths := []int{}
	for _, f := range monitor.capture.find(func(f frame) bool { return opens(f, from, to) })[before:] {
		lengths = append(lengths, len(f.payload))
	}
	slices.Sort(lengths)
	if !slices.Equal(lengths, want) {
		t.Errorf("%s: the monitor gets %d bytes of the first packet, want %d", c, lengths, want)
	}
	if said := n.traceByCommand(t, c).copies("SYN", monitor.address); !slices.Equal(said, want) {
		explained, _ := n.orreryTrace(c, "--verbose")
		t.Errorf("%s: orrery rules trace says that the monitor gets %d bytes of the first packet, want %d\n%s", c, said, want, explained)
	}
}

// opens tells whether a frame is the first of a TCP connection to port 80 over
// IPv4.
func opens(f frame, from, to *ruledMember) bool {
	const header, tcp, syn = 20, 6, 2
	return f.etherType == 0x0800 && len(f.payload) >= header+14 && f.payload[9] == tcp &&
		bytes.Equal(f.source, from.mac) && bytes.Equal(f.dest, to.mac) &&
		binary.BigEndian.Uint16(f.payload[header+2:]) == 80 && f.payload[header+13] == syn
}

func (n *ruledNetwork) tee(t *testing.T) {
	alice, bob, _, monitor := n.four()
	web := monitor.address + " ipprotocol tcp and dport 80"

	n.rules("tee -1 " + web + "; accept;") // at both ends
	n.agree(t, works("tcp 80", alice, bob), works("tcp 80", alice, monitor), works("tcp 80", monitor, bob), works("ping", alice, bob))
	n.copiesTo(t, monitor, alice, bob, synLen, synLen)
	n.copiesTo(t, monitor, monitor, bob) // to itself it copies nothing

	n.rules("tee 48 " + web + " and chr inbound; accept;")
	n.agree(t, works("tcp 80", alice, bob))
	n.copiesTo(t, monitor, alice, bob, 48)

	n.rules("tee 1000 " + web + " and not chr inbound; accept;")
	n.agree(t, works("tcp 80", alice, bob))
	n.copiesTo(t, monitor, alice, bob, synLen)

	// No copies of what is dropped.
	n.rules("tee -1 " + web + "; drop ipprotocol tcp and dport 80; accept;")
	n.agree(t, fails("tcp 80", alice, bob), works("tcp 22", alice, bob))
	n.copiesTo(t, monitor, alice, bob)

	// The monitor judges copies as well: what it sees comes from alice and is for
	// the monitor, so that only its tee accepts it, and that is not about what
	// comes in.
	n.rules("tee -1 " + web + ` and not chr inbound;
		accept ethertype arp;
		accept ipprotocol udp;
		accept ztsrc ` + bob.address + "; accept ztdest " + bob.address + ";")
	n.agree(t, works("tcp 80", alice, bob), works("udp 53", alice, monitor))
	n.copiesTo(t, monitor, alice, bob)
}

func (n *ruledNetwork) watch(t *testing.T) {
	alice, bob, server, monitor := n.four()
	n.rules("watch 52 " + monitor.address + " ipprotocol tcp and dport 80 and chr inbound; tee -1 " + server.address + " dport 22; accept;")
	n.agree(t, works("tcp 80", alice, bob), works("tcp 22", alice, bob))
	n.copiesTo(t, monitor, alice, bob, 52)
	n.copiesTo(t, monitor, server, bob, 52)
}

func (n *ruledNetwork) redirect(t *testing.T) {
	alice, bob, server, monitor := n.four()
	n.rules("redirect " + monitor.address + " ipprotocol tcp and dport 80; accept;")
	n.agree(t,
		fails("tcp 80", alice, bob), fails("tcp 80", server, bob), works("tcp 80", alice, monitor), works("tcp 80", monitor, bob),
		works("tcp 22", alice, bob), works("ping", alice, bob))
	n.copiesTo(t, monitor, alice, bob, synLen)
}
