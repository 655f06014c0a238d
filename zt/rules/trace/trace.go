// Package trace says what becomes of a packet in a network with flow rules: what
// its sender and its receiver decide, by which rule, and why the others did not
// match (protocol 07 §2, 10 §20).
//
// It does what nodes do, their oddities included. What nodes know of each other
// is assumed to be settled: each end has the other's certificates. Converse also
// tries members that have not met before.
//
// All functions are safe for concurrent use as long as nobody changes what they
// are given. The exported types are also the JSON form of a trace: addresses and
// outcomes are text, lists are never null.
package trace

import (
	"net/netip"

	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/netconf"
	"github.com/orrery-net/orrery/zt/rules"
)

// Network is the tables that members enforce, and what else of a network decides
// about frames.
type Network struct {
	// ID gives members their MACs and tells addresses that contain a node's from
	// others. 0 does for networks whose members have neither such addresses nor
	// rules that name MACs.
	ID           zt.NetworkID
	Rules        []netconf.Rule
	Origins      []rules.Origin // where Rules stand in the source; nil: not known
	Capabilities []Capability   // ascending by id
	NoBroadcast  bool           // broadcasts other than ARP are not sent
	NoMulticast  bool           // the multicast limit is 0

	// Names are for texts; nil: ids.
	Names *Names
	// Observers are members that a tee, watch or redirect names (see Targets), by
	// node: what they do with what they get depends on their tags. Those that are
	// missing count as members without tags.
	Observers map[zt.Address]*Member
}

// Capability is a table that members can be given. In JSON it is its id and name.
type Capability struct {
	ID      uint32         `json:"id"`
	Name    string         `json:"name,omitempty"`
	Rules   []netconf.Rule `json:"-"`
	Origins []rules.Origin `json:"-"` // where Rules stand in the source; nil: not known
}

// Member is one end of a packet's way.
type Member struct {
	Node zt.Address
	MAC  zt.MAC // zero: the one that the node has in the network
	// Addresses are the assigned ones, of which the controller gives certificates;
	// at most MaxCertified count.
	Addresses    []netip.Addr
	Tags         map[uint32]uint32 // the values that it has a certificate for
	Capabilities []uint32          // ids
	Bridge       bool              // may send from and receive for other MACs
}

// MaxCertified is how many addresses a controller certifies (protocol 06 §5).
const MaxCertified = netconf.MaxOwnerships * netconf.MaxThings

// Outcome is what becomes of a packet.
type Outcome string

const (
	Accepted Outcome = "accepted"
	Dropped  Outcome = "dropped"
	// Redirected: another node gets it instead.
	Redirected Outcome = "redirected"
	// Chance: a random match decides, or bytes that the packet's description does
	// not say; or which of the sender's capabilities the receiver asks first.
	Chance Outcome = "chance"
)

// Result is what becomes of one packet.
type Result struct {
	Outcome Outcome `json:"outcome"`
	Why     string  `json:"why"` // what decided, in one sentence
	Packet  Packet  `json:"packet"`
	// Sender is what the sender decides. About frames to a group (and to MACs behind
	// a bridge) it decides first without a particular receiver …
	Sender Decision `json:"sender"`
	// Delivery … and then for each receiver. nil for other frames, and if Sender
	// stops the frame.
	Delivery *Decision `json:"delivery,omitempty"`
	Receiver *Decision `json:"receiver,omitempty"` // nil if the sender stops the frame
}

// Decision is what one end decides.
type Decision struct {
	Outcome    Outcome    `json:"outcome"`
	Why        string     `json:"why"`                 // what decided, in one sentence
	Redirected zt.Address `json:"redirected,omitzero"` // who gets the frame instead, or one of these if a draw decides; 0: nobody
	// Target is what that node decides. It gets the frame with both MACs unchanged. nil
	// in a Delivery, and where a trace is long already.
	Target *Decision `json:"target,omitempty"`
	// Copies are those that are sent if the capabilities are asked in ascending order of
	// id, as the sender does.
	Copies []Copy `json:"copies"`
	// Tables are the tables that were evaluated, in order: the base first, then
	// capabilities. The last one decided, unless none did.
	Tables []Table `json:"tables"`
}

// Copy is a copy that a tee or watch sends.
type Copy struct {
	To     zt.Address `json:"to"`
	Length int        `json:"length"` // bytes of the frame's payload; -1: whole
	Watch  bool       `json:"watch"`  // the observer confirms it
	Chance bool       `json:"chance"` // it depends on a random match if it is sent
	// Observer is what the observer decides: only what it accepts reaches its
	// interface, with both MACs unchanged. nil where a trace is long already.
	Observer *Decision `json:"observer,omitempty"`
}

// Table is how one table was evaluated.
type Table struct {
	Capability *Capability `json:"capability,omitempty"` // nil: the base rules
	Rules      []Rule      `json:"rules"`                // that were looked at, in order
	End        string      `json:"end"`                  // one of the Ends
}

// How the evaluation of a table ends. Inside a capability a drop only ends the
// capability.
const (
	EndAccept   = "accept"
	EndDrop     = "drop"
	EndBreak    = "break"
	EndRedirect = "redirect"
	EndNone     = "end"    // no rule decided
	EndChance   = "chance" // one of several of these
)

// Rule is a run of matches closed by an action.
type Rule struct {
	First   int    `json:"first"`  // index of the first entry in the table
	Action  int    `json:"action"` // index of the action; behind the last entry if the action is missing
	Line    int    `json:"line,omitempty"`
	Text    string `json:"text"` // in the rules language, on one line
	Matched bool   `json:"matched"`
	Chance  bool   `json:"chance"`  // a draw decides if it matches; Matched is false
	Decided bool   `json:"decided"` // the evaluation of the table ended (or may end) here
	// Why says what the action did that its name does not say: why it was passed
	// over, who got a copy.
	Why   string `json:"why,omitempty"`
	Steps []Step `json:"steps"` // one for each match
}

// Step is how one match was evaluated.
type Step struct {
	Index   int    `json:"index"` // of the entry in the table
	Line    int    `json:"line,omitempty"`
	Text    string `json:"text"`
	Skipped bool   `json:"skipped"` // not looked at: the state was false already
	Result  bool   `json:"result"`  // after not
	State   bool   `json:"state"`   // after it was combined
	Chance  bool   `json:"chance"`  // State depends on a draw, of this match or one before
	Why     string `json:"why"`     // for people: "destination port is 443, not 22"
}

// Deciding returns the rule that decided, and its table; nil if none did, or a
// draw, or the frame's MACs.
func (d *Decision) Deciding() (*Table, *Rule) {
	if len(d.Tables) == 0 {
		return nil, nil
	}
	table := &d.Tables[len(d.Tables)-1]
	switch {
	case table.End == EndAccept && d.Outcome == Accepted:
	case table.End == EndRedirect && d.Outcome == Redirected:
	case table.End == EndDrop && d.Outcome == Dropped && table.Capability == nil:
	default:
		return nil, nil
	}
	if rule := table.find(func(r *Rule) bool { return r.Decided }); rule != nil {
		return table, rule
	}
	return nil, nil
}

// Trace follows one packet from a member to another. What the packet does not say
// is filled in, see Packet.
func Trace(n *Network, from, to *Member, p Packet) Result {
	r := Result{Packet: p.complete(n, from, to)}
	newTracer(compile(n)).follow(from, to, &r.Packet, true, &r)
	return r
}

// Targets returns the nodes that tees, watches and redirects of the network name.
func (n *Network) Targets() []zt.Address {
	return compile(n).targets
}
