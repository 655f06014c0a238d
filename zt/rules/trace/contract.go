// Package trace says what becomes of a packet in a network with flow rules: what
// its sender and its receiver decide, by which rule, and why the others did not
// match (protocol 07 §2, 10 §20).
package trace

import (
	"net/netip"

	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/netconf"
	"github.com/orrery-net/orrery/zt/rules"
)

// Network is the tables that members enforce.
type Network struct {
	Rules        []netconf.Rule
	Origins      []rules.Origin // where Rules stand in the source; nil: not known
	Capabilities []Capability   // ascending by id
}

// Capability is a table that members can be given.
type Capability struct {
	ID      uint32
	Name    string
	Rules   []netconf.Rule
	Origins []rules.Origin
}

// Member is one end of a packet's way.
type Member struct {
	Node         zt.Address
	MAC          zt.MAC // zero: the one that the node has in the network
	Addresses    []netip.Addr
	Tags         map[uint32]uint32 // the values that it has a certificate for
	Capabilities []uint32          // ids
}

// Packet is an Ethernet frame on its way. Fields that its kind does not have are
// zero.
type Packet struct {
	EtherType    uint16
	SourceMAC    zt.MAC
	DestMAC      zt.MAC
	VLAN         uint16
	Source, Dest netip.Addr // of IPv4 and IPv6
	Protocol     uint8
	SourcePort   uint16
	DestPort     uint16
	ICMPType     uint8
	ICMPCode     uint8
	TCPFlags     uint16 // the low 12 bits, as in MATCH_CHARACTERISTICS
	TOS          uint8
	Size         int // bytes of the frame's payload
}

// Outcome is what becomes of a packet.
type Outcome string

const (
	Accepted Outcome = "accepted"
	Dropped  Outcome = "dropped"
	// Chance: a random match decides.
	Chance Outcome = "chance"
)

// Result is what becomes of one packet.
type Result struct {
	Outcome  Outcome
	Packet   Packet
	Sender   Decision
	Receiver *Decision // nil if the sender drops it
}

// Decision is what one end decides.
type Decision struct {
	Outcome    Outcome
	Redirected zt.Address // 0: not
	Copies     []Copy
	// Tables are the tables that were evaluated, in order: the base first, then
	// capabilities. The last one decided, unless none did.
	Tables []Table
}

// Copy is a copy that a tee or watch sends.
type Copy struct {
	To     zt.Address
	Length int // bytes; -1: whole
	Watch  bool
}

// Table is how one table was evaluated.
type Table struct {
	Capability *Capability // nil: the base rules
	Rules      []Rule      // that were looked at, in order
	End        string      // "accept", "drop", "break", "redirect", "end" (no rule decided)
}

// Rule is a run of matches closed by an action.
type Rule struct {
	First, Action int // indexes of entries in the table
	Matched       bool
	Steps         []Step // one for each match
}

// Step is how one match was evaluated.
type Step struct {
	Index   int
	Skipped bool   // the state was false already
	Result  bool   // after not
	State   bool   // after it was combined
	Why     string // for people: "destination port is 443, not 22"
}

// Trace follows one packet from a member to another.
func Trace(n *Network, from, to *Member, p Packet) Result { return Result{} }

// Flow is what somebody wants to do over a network: "tcp 443", "udp 53", "ping",
// "icmp 8 0", "arp", "ip 47", "ethertype 0x88cc".
type Flow struct {
	Protocol uint8  // of IP; 0: the flow is not IP
	Port     uint16 // of tcp, udp, sctp, udplite: where it goes to
	FromPort uint16 // where it comes from; 0: a high port
	ICMP     bool   // ICMPType and ICMPCode count; ICMPv6 if Version is 6
	ICMPType uint8
	ICMPCode uint8
	// EtherType is set for flows that are not IP; arp is one.
	EtherType uint16
	// Version is 4 or 6; 0: 4 if both ends have an IPv4 address, otherwise 6.
	Version int
	Source  netip.Addr // if not the member's own address
	Dest    netip.Addr // the same; also for what lies behind the member
	// TCPFlags of the first packet; nil: SYN.
	TCPFlags *uint16
	Size     int // bytes of the first packet's payload; 0: a usual one
}

// ParseFlow reads a flow as people write it; words are separated by spaces. Errors
// say what can be written.
func ParseFlow(text string) (Flow, error) { return Flow{}, nil }

// Conversation is a flow's packets in both directions: address resolution (ARP, or
// neighbor discovery for IPv6), then what the flow needs to work: the handshake of
// TCP, request and reply of UDP and ping, for the rest one packet.
type Conversation struct {
	Flow    Flow
	Works   bool // every packet is accepted
	Outcome Outcome
	Legs    []Leg
	// Notes say what a person should know besides: "the tags of bob become known to
	// alice with the first packet …".
	Notes []string
}

// Leg is one packet of a conversation.
type Leg struct {
	Name   string // "ARP request", "SYN", "SYN ACK", "echo reply" …
	Back   bool   // from the receiver of the flow to its sender
	Result Result
}

// Converse follows a flow between two members. It needs an address of the flow's
// family on both sides; otherwise the error says so.
func Converse(n *Network, from, to *Member, f Flow) (*Conversation, error) { return nil, nil }

// Change is a flow that works before and does not after a change of the rules, or
// the reverse.
type Change struct {
	From, To      int // indexes of members
	Flow          Flow
	Before, After Outcome
}

// Compare says what a change of the rules changes for members: it tries flows that
// the rules of both sides speak of, and common ones, between members. Members that
// no rule can tell apart are tried once: Classes says who they are. The work is
// bounded; Whole is false if not everything could be tried.
func Compare(before, after *Network, members []Member) Comparison { return Comparison{} }

// Comparison is what Compare found.
type Comparison struct {
	Changes []Change
	// Classes are members that are treated alike, by index of Compare's members; the
	// first of each stands for the others in Changes.
	Classes [][]int
	Flows   []Flow // that were tried
	Whole   bool
}
