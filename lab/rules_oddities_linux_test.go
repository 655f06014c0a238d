package lab

import "testing"

// oddities are about what nodes do otherwise than a reader of the rules expects,
// and orrery rules trace with them.
func (n *ruledNetwork) oddities(t *testing.T) {
	n.run(t, "ICMP negated", n.negatedICMP)
	n.run(t, "host bits", n.hostBits)
	n.run(t, "authentic addresses", n.authentic)
	n.run(t, "target of a tee", n.teeTarget)
	n.run(t, "frames without addresses", n.taggedFrames)
	n.run(t, "two capabilities", n.twoCapabilities)
}

// negatedICMP is about types of ICMP without a code: not does not turn them round.
func (n *ruledNetwork) negatedICMP(t *testing.T) {
	alice, bob, _, _ := n.four()
	n.rules("drop not icmp 8 -1; accept;") // drops echo requests, and nothing else
	n.agree(t, fails("ping", alice, bob), works("tcp 22", alice, bob))
	n.rules("drop not icmp 0 -1 and ipprotocol icmp4; accept;")
	n.agree(t, fails("ping", alice, bob), works("tcp 22", alice, bob))
}

// hostBits is about networks with bits behind their length. Nodes ignore them in
// IPv4, and in IPv6 no address matches.
func (n *ruledNetwork) hostBits(t *testing.T) {
	alice, bob, _, _ := n.four()
	n.rules("drop ipdest fd00:9::1/64; drop ipdest 10.9.0.77/24; accept;")
	n.agree(t, works("ping", alice.over(pool6), bob.over(pool6)), fails("ping", alice, bob))
	n.rules("drop ipdest fd00:9::/64; accept;")
	n.agree(t, fails("ping", alice.over(pool6), bob.over(pool6)), works("ping", alice, bob))
}

// authentic is about addresses that say whose they are: who gets a frame from one
// believes all of the same prefix, who sends it does not. Nobody certifies MACs.
func (n *ruledNetwork) authentic(t *testing.T) {
	alice, bob, _, _ := n.four()
	device := alice.network(n.id).Device
	other := alice.over(sixPlane).at.Next()
	n.lab.in(alice.host, "ip", "addr", "add", other.String()+"/128", "dev", device, "nodad")
	t.Cleanup(func() { n.lab.in(alice.host, "ip", "addr", "del", other.String()+"/128", "dev", device) })
	n.rules("drop chr inbound and not chr ipauth; drop chr macauth; accept;")
	n.agree(t, works("udp 53", alice.from(other), bob.over(sixPlane)), works("ping", alice, bob))
	n.rules("drop not chr ipauth; accept;")
	n.agree(t, fails("udp 53", alice.from(other), bob.over(sixPlane)), works("udp 53", alice.over(sixPlane), bob.over(sixPlane)))
}

// teeTarget is about who is the target of a tee and the receiver as well: it
// accepts at once.
func (n *ruledNetwork) teeTarget(t *testing.T) {
	alice, bob, server, _ := n.four()
	n.rules("tee -1 " + bob.address + "; accept not chr inbound; accept ztsrc " + bob.address + ";")
	n.agree(t, works("ping", alice, bob), works("tcp 22", alice, bob), fails("ping", alice, server))
}

// taggedFrames is about a drop that compares tags: address resolution passes it, as
// the receivers of a group's frame are not known yet.
func (n *ruledNetwork) taggedFrames(t *testing.T) {
	alice, bob, server, _ := n.four()
	n.grant(alice, grants{Tags: [][2]uint32{{40, 1}}})
	n.grant(bob, grants{Tags: [][2]uint32{{40, 1}}})
	n.grant(server, grants{Tags: [][2]uint32{{40, 2}}})
	n.rules("tag t id 40; drop not teq t 1; accept;")
	n.agree(t, works("ping", alice, bob), works("ethertype 0x88b5", alice, bob), fails("ping", alice, server))
}

// twoCapabilities is about a sender with two capabilities for the same frames: it
// asks the one with the lower id first, and the receiver may ask the other one.
func (n *ruledNetwork) twoCapabilities(t *testing.T) {
	alice, bob, _, monitor := n.four()
	n.grant(alice, grants{Capabilities: []uint32{1, 4}})
	n.rules(`
		accept ethertype arp;
		accept ipprotocol udp and not dport 53;
		cap open id 1 accept; ;
		cap monitored id 4 redirect ` + monitor.address + ` dport 53; ;`)
	n.agree(t, fails("udp 53", alice, bob), works("udp 80", alice, bob))
}
