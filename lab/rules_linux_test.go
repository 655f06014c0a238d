package lab

import (
	"net/netip"
	"testing"
	"time"
)

// TestRules holds flow rules against real nodes. What passes and what does not is
// decided by sockets, ping and frames; orrery rules trace must say the same.
func TestRules(t *testing.T) {
	n := newRuledNetwork(t, "alice", "bob", "server", "monitor")
	n.run(t, "default rules", n.defaultRules)
	n.run(t, "TCP 22 only", n.onlySSH)
	n.run(t, "ICMP blocked", n.noPing)
	n.run(t, "negation", n.negation)
	n.run(t, "IPv6", n.ipv6)
	n.run(t, "spoofing", n.spoofing)
	n.run(t, "isolation", n.isolation)
	n.run(t, "departments", n.departments)
	n.run(t, "groups", n.groups)
	n.run(t, "no tag", n.noTag)
	n.run(t, "tags without ARP", n.tagsWithoutARP)
	n.run(t, "capability", n.capability)
	n.run(t, "tee", n.tee)
	n.run(t, "watch", n.watch)
	n.run(t, "redirect", n.redirect)
	n.run(t, "oddities", n.oddities)
	n.run(t, "changes of rules", n.changesOfRules)
	n.run(t, "changes of tags", n.changesOfTags)
	n.run(t, "changes of capabilities", n.changesOfCapabilities)
	n.run(t, "deaf member", n.deafMember) // the last one: alice is cut off
}

func (n *ruledNetwork) defaultRules(t *testing.T) {
	alice, bob, server, _ := n.four()
	n.agree(t,
		works("ping", alice, bob), works("tcp 22", bob, alice), works("udp 53", alice, server),
		works("ping", alice.over(pool6), bob.over(pool6)), works("tcp 80", bob.over(rfc4193), alice.over(rfc4193)), works("udp 53", alice.over(sixPlane), server.over(sixPlane)),
		fails("ethertype 0x88b5", alice, bob), fails("ethertype 0x88b5", server, bob))

	n.rules("accept;")
	n.agree(t, works("ethertype 0x88b5", alice, bob), works("ethertype 0x88b5", server, bob), works("ping", alice, bob))

	n.rules("drop;")
	n.agree(t, fails("ethertype 0x88b5", alice, bob), fails("ping", alice, bob), fails("tcp 22", alice, bob), fails("udp 53", alice.over(sixPlane), bob.over(sixPlane)))
}

func (n *ruledNetwork) onlySSH(t *testing.T) {
	alice, bob, server, _ := n.four()
	n.rules(`
		accept ethertype arp;

		# What opens a TCP connection to another port.
		drop
			chr tcp_syn
			and not chr tcp_ack
			and not dport 22
		;
		accept ipprotocol tcp;`)
	n.agree(t,
		works("tcp 22", alice, bob), works("tcp 22", bob, server),
		fails("tcp 80", alice, bob), fails("tcp 443", server, alice), fails("udp 53", alice, bob), fails("ping", alice, bob), fails("ethertype 0x88b5", alice, bob),
		works("tcp 22", alice.over(sixPlane), bob.over(sixPlane)), fails("tcp 80", alice.over(sixPlane), bob.over(sixPlane)),
		fails("tcp 22", alice.over(pool6), bob.over(pool6)), works("tcp 22", server.over(rfc4193), bob.over(rfc4193))) // there is no neighbor discovery
}

func (n *ruledNetwork) noPing(t *testing.T) {
	alice, bob, server, _ := n.four()
	n.rules(`
		drop ipprotocol icmp4;
		drop icmp 128 -1 and ipprotocol icmp6;
		accept;`)
	n.agree(t,
		fails("ping", alice, bob), fails("ping", server, alice), works("tcp 80", alice, bob), works("udp 53", server, alice),
		fails("ping", alice.over(pool6), bob.over(pool6)), works("tcp 80", alice.over(pool6), bob.over(pool6)))

	// One direction: alice may be asked, and must not ask.
	n.rules("drop icmp 8 -1 and ztsrc " + alice.address + "; accept;")
	n.agree(t, fails("ping", alice, bob), works("ping", bob, alice), works("ping", bob, server))
}

// negation is about what a packet does not have: ARP has no protocol of IP, and
// ping no port.
func (n *ruledNetwork) negation(t *testing.T) {
	alice, bob, _, _ := n.four()
	n.rules("drop not ipprotocol tcp; accept;")
	n.agree(t, works("tcp 80", alice, bob), works("ethertype 0x88b5", alice, bob), fails("udp 80", alice, bob), fails("ping", alice, bob))

	n.rules("accept ethertype arp; accept not dport 80 and not sport 80; break;")
	n.agree(t, works("tcp 22", alice, bob), works("ping", alice, bob), fails("tcp 80", alice, bob), fails("udp 80", alice, bob), fails("ethertype 0x88b5", alice, bob))

	n.rules("drop not ipdest 10.9.0.0/24; accept;")
	n.agree(t, works("tcp 22", alice, bob), works("ping", alice.over(pool6), bob.over(pool6)), works("ethertype 0x88b5", alice, bob))
}

func (n *ruledNetwork) ipv6(t *testing.T) {
	alice, bob, server, _ := n.four()
	n.rules(`
		# Neighbor discovery
		accept icmp 135 -1;
		accept icmp 136 -1;

		accept
			ethertype ipv6
			and ipprotocol tcp
			and dport 80
			or sport 80
		;

		# Ping within the pool, and nowhere else.
		accept
			ipsrc fd00:9::/64
			and ipdest fd00:9::/64
			and ipprotocol icmp6
		;`)
	for _, subnet := range []string{pool6, rfc4193, sixPlane} {
		n.agree(t, works("tcp 80", alice.over(subnet), bob.over(subnet)), fails("tcp 22", alice.over(subnet), bob.over(subnet)), fails("udp 53", bob.over(subnet), alice.over(subnet)))
	}
	n.agree(t,
		works("ping", alice.over(pool6), bob.over(pool6)), works("ping", server.over(pool6), bob.over(pool6)),
		fails("ping", alice.over(rfc4193), bob.over(rfc4193)), fails("ping", alice.over(sixPlane), bob.over(sixPlane)),
		fails("tcp 80", alice, bob), fails("ping", alice, bob))
}

// spoofing is about certified addresses: alice sends from one that the network
// has not given her.
func (n *ruledNetwork) spoofing(t *testing.T) {
	alice, bob, server, _ := n.four()
	false4 := netip.MustParseAddr("10.9.0.200")
	n.lab.in(alice.host, "ip", "addr", "add", false4.String()+"/24", "dev", alice.network(n.id).Device)
	t.Cleanup(func() {
		n.lab.in(alice.host, "ip", "addr", "del", false4.String()+"/24", "dev", alice.network(n.id).Device)
	})
	n.rules("accept;")
	n.agree(t, works("ping", alice.from(false4), bob), works("tcp 80", alice, bob))

	n.rules("drop not chr ipauth; accept;")
	n.agree(t,
		works("tcp 80", alice, bob), works("ping", bob, server), fails("ping", alice.from(false4), bob), fails("tcp 80", alice.from(false4), bob),
		works("ping", alice.over(pool6), bob.over(pool6)), works("tcp 80", alice.over(rfc4193), bob.over(rfc4193)), works("tcp 80", alice.over(sixPlane), bob.over(sixPlane)))
}

func (n *ruledNetwork) isolation(t *testing.T) {
	alice, bob, server, monitor := n.four()
	n.grant(server, grants{Tags: [][2]uint32{{10, 1}}})
	n.rules(`
		accept ethertype arp;

		tag server
			id 10
			enum 0 no
			enum 1 yes
			default no
		;
		break teq server no;
		accept;`)
	n.agree(t,
		works("ping", alice, server), works("tcp 22", bob, server), works("udp 53", server, alice),
		fails("ping", alice, bob), fails("tcp 22", bob, alice), fails("udp 53", alice, monitor), fails("ping", monitor, bob))
}

func (n *ruledNetwork) departments(t *testing.T) {
	alice, bob, server, monitor := n.four()
	const sales, engineering, servers = 100, 200, 300
	n.grant(alice, grants{Tags: [][2]uint32{{20, sales}}})
	n.grant(monitor, grants{Tags: [][2]uint32{{20, sales}}})
	n.grant(bob, grants{Tags: [][2]uint32{{20, engineering}}})
	n.grant(server, grants{Tags: [][2]uint32{{20, servers}}})
	n.rules(`
		accept ethertype arp;

		tag department
			id 20
			enum 100 sales
			enum 200 engineering
			enum 300 servers
		;
		accept tdiff department 0;

		# Everybody reaches the web server, and it answers.
		accept
			treq department servers
			and ipprotocol tcp
			and dport 80
		;
		accept
			tseq department servers
			and ipprotocol tcp
			and sport 80
		;`)
	n.agree(t,
		works("ping", alice, monitor), works("tcp 22", monitor, alice), works("tcp 80", alice, server), works("tcp 80", bob, server),
		fails("ping", alice, bob), fails("tcp 80", bob, alice), fails("tcp 80", monitor, bob), fails("tcp 22", alice, server), fails("ping", server, bob))
}

func (n *ruledNetwork) groups(t *testing.T) {
	alice, bob, server, monitor := n.four()
	const web, printing = 1, 4
	n.grant(alice, grants{Tags: [][2]uint32{{30, web}}})
	n.grant(bob, grants{Tags: [][2]uint32{{30, printing}}})
	n.grant(server, grants{Tags: [][2]uint32{{30, web + printing}}})
	n.grant(monitor, grants{Tags: [][2]uint32{}}) // the default: in no group
	n.rules(`
		accept ethertype arp;

		tag groups
			id 30
			flag 0 web
			flag 2 printing
			default 0
		;
		# They have no group in common.
		break tand groups 0;
		accept;`)
	n.agree(t,
		works("ping", alice, server), works("tcp 80", bob, server), works("tcp 22", server, alice),
		fails("ping", alice, bob), fails("tcp 80", bob, alice), fails("ping", server, monitor), fails("udp 53", monitor, alice), fails("ping", monitor, server))
}

// noTag is about a member that does not have a tag that rules compare: for others
// its value stays unknown, which is true for who sends. Then the next drop does
// not count, and a break does.
func (n *ruledNetwork) noTag(t *testing.T) {
	alice, bob, server, monitor := n.four()
	n.grant(server, grants{Unset: []uint32{50}})
	n.grant(monitor, grants{Unset: []uint32{50}})
	const program = `
		accept ethertype arp;

		tag guest
			id 50
			enum 1 yes
			default yes
		;
		`
	n.rules(program + "drop teq guest yes; accept;")
	n.agree(t, fails("ping", alice, bob), works("ping", alice, server), works("tcp 22", monitor, bob), works("ping", server, monitor))
	n.rules(program + "break teq guest yes; accept;")
	n.agree(t, fails("ping", alice, bob), fails("ping", alice, server), fails("tcp 22", monitor, bob), works("ping", server, monitor))
}

// tagsWithoutARP is about rules that break on tags: what goes to a group is for
// nobody in particular, whose tags would be known.
func (n *ruledNetwork) tagsWithoutARP(t *testing.T) {
	alice, bob, _, _ := n.four()
	const program = `
		tag staff
			id 60
			enum 1 yes
			default yes
		;
		accept ethertype 0x88b5; # with such a frame members learn of tags
		break not teq staff yes;
		accept;`
	n.rules(program)
	n.agree(t, works("ethertype 0x88b5", alice, bob), works("ethertype 0x88b5", bob, alice), fails("ping", alice, bob), fails("tcp 22", bob, alice))
	n.rules("accept ethertype arp;" + program)
	n.agree(t, works("ethertype 0x88b5", alice, bob), works("ping", alice, bob), works("tcp 22", bob, alice))
}

const sshByCapability = `
	accept ethertype arp;
	accept ipprotocol icmp4;

	# What SSH answers. Whatever goes to it needs the capability.
	accept ipprotocol tcp and sport 22 and chr tcp_ack;

	cap ssh
		id 1000
		accept ipprotocol tcp and dport 22;
	;`

func (n *ruledNetwork) capability(t *testing.T) {
	alice, bob, server, _ := n.four()
	with, without := grants{Capabilities: []uint32{1000}}, grants{Capabilities: []uint32{}}
	n.grant(alice, with)
	n.rules(sshByCapability)
	n.agree(t,
		works("tcp 22", alice, server), works("tcp 22", alice, bob), works("ping", bob, server),
		fails("tcp 80", alice, server), fails("tcp 22", bob, server), fails("tcp 22", server, alice))

	n.grant(bob, with)
	n.agree(t, works("tcp 22", bob, server), works("tcp 22", alice, server), fails("tcp 22", server, alice), fails("tcp 80", bob, server))

	connection := n.stream(t, "tcp 22", alice, server)
	connection.begins(t, time.Second, func() {})
	connection.stops(t, 2*time.Second, func() { n.grant(alice, without) })
	n.agree(t, fails("tcp 22", alice, server), fails("tcp 22", alice, bob), works("tcp 22", bob, server), works("ping", alice, server))
}
