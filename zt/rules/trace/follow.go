package trace

import (
	"fmt"
	"slices"

	"github.com/orrery-net/orrery/zt"
)

// follow follows a packet from a member to another: what the sender decides, and
// if the packet gets there, the receiver. known says whether the sender has the
// receiver's certificates; the receiver has the sender's, which come first. arrived
// says whether the frame, and so the sender's certificates, get to the receiver.
// With a result, everything is explained; without, only the fate counts.
func (t *tracer) follow(from, to *Member, p *Packet, known bool, r *Result) (all fate, arrived bool) {
	var sender, delivery, receiver *Decision
	if r != nil {
		sender = &r.Sender
	}
	n := t.program.network
	if why := n.refuse(from, to, p); why != "" {
		if r != nil {
			r.Sender = Decision{Outcome: Dropped, Why: why, Copies: []Copy{}, Tables: []Table{}}
			r.conclude(t, from, to, mayDrop)
		}
		return mayDrop, false
	}
	if toMany := p.DestMAC != to.macOn(n); toMany {
		e := outbound(n, from, nil, false, p)
		reached := t.at(&e, sender, true)
		all |= reached &^ (mayAccept | mayAcceptAsTarget)
		if r != nil && reached.accepts() {
			r.Delivery = &Decision{}
			delivery = r.Delivery
		}
		if reached.accepts() {
			e = outbound(n, from, to, known, p)
			e.vlan = 0 // nodes have forgotten it by then
			all |= t.at(&e, delivery, false)
		}
	} else {
		e := outbound(n, from, to, known, p)
		all = t.at(&e, sender, true)
	}
	arrived = all.accepts()
	if arrived {
		if r != nil {
			r.Receiver = &Decision{}
			receiver = r.Receiver
		}
		all &^= mayAccept | mayAcceptAsTarget
		all |= t.deliver(from, to, p, receiver, true)
	}
	if r != nil {
		r.conclude(t, from, to, all)
	}
	return all, arrived
}

// refuse says why the sender's node does not even ask the rules about a frame; ""
// if it does.
func (n *Network) refuse(from, to *Member, p *Packet) string {
	name := func(m *Member) string { return n.Names.Member(m.Node) }
	group := isMulticast(p.DestMAC)
	switch {
	case p.SourceMAC != from.macOn(n) && !from.Bridge:
		return fmt.Sprintf("the source MAC is not %s's own, and %s is no bridge", name(from), name(from))
	case p.DestMAC == broadcastMAC && p.EtherType != etherARP && n.NoBroadcast:
		return "the network does not carry broadcasts"
	case group && n.NoMulticast:
		return "the network does not carry multicast: its multicast limit is 0"
	case !group && p.DestMAC == from.macOn(n):
		return fmt.Sprintf("the destination MAC is %s's own: the frame stays there", name(from))
	case !group && p.DestMAC != to.macOn(n) && p.DestMAC[0] == zt.MemberMAC(n.ID, 0)[0]:
		return fmt.Sprintf("the destination MAC is another node's: the frame goes there, not to %s", name(to))
	case !group && p.DestMAC != to.macOn(n) && !to.Bridge:
		return fmt.Sprintf("the destination MAC is not %s's own, and %s is no bridge", name(to), name(to))
	}
	return ""
}

// deliver evaluates a frame that a peer sent to self, the peer's certificates with
// it. What comes for other MACs than self's own, or from others than the peer's,
// is only for bridges and for targets of rules.
func (t *tracer) deliver(peer, self *Member, p *Packet, d *Decision, withCopies bool) fate {
	n := t.program.network
	e := inbound(n, peer, self, p)
	f := t.at(&e, d, withCopies)
	if f&mayAccept == 0 {
		return f
	}
	why := ""
	switch {
	case p.SourceMAC != peer.macOn(n) && !peer.Bridge:
		why = fmt.Sprintf("the source MAC is not %s's own, and %s is no bridge", n.Names.Member(peer.Node), n.Names.Member(peer.Node))
	case p.SourceMAC == peer.macOn(n) && p.DestMAC != self.macOn(n) && !isMulticast(p.DestMAC) && !self.Bridge:
		why = fmt.Sprintf("the destination MAC is not %s's own, and %s is neither bridge nor target of a rule", n.Names.Member(self.Node), n.Names.Member(self.Node))
	default:
		return f
	}
	f = f&^mayAccept | mayDrop
	if d != nil {
		d.Outcome, d.Why = f.outcome(), why
	}
	return f
}

// at evaluates the tables at one end; with a decision, it is filled in. Copies of
// copies are not followed.
func (t *tracer) at(e *end, d *Decision, withCopies bool) fate {
	if d == nil {
		f, _ := t.decide(e, nil)
		return f
	}
	l := &log{names: t.program.network.Names, words: t.sayer(), at: e}
	f, targets := t.decide(e, l)
	*d = Decision{Outcome: f.outcome(), Copies: []Copy{}, Tables: l.tables}
	d.Why = d.explain(f)
	t.explained += l.steps
	if f&mayRedirect != 0 {
		d.Redirected = targets[0]
		if withCopies && t.explained < maxExplained {
			d.Target = &Decision{}
			t.deliver(e.self, t.observer(targets[0]), e.packet, d.Target, false)
		}
	}
	if !withCopies || f == mayDrop {
		return f
	}
	for _, found := range l.copies() {
		if found.action.node == 0 {
			continue
		}
		made := Copy{To: found.action.node, Length: -1, Watch: found.action.isWatch(), Chance: !found.certain || f&mayDrop != 0}
		p := *e.packet
		if size := found.action.copyLength(&p); size < p.Size {
			p.Size, made.Length = size, size
		}
		if t.explained < maxExplained {
			made.Observer = &Decision{}
			t.deliver(e.self, t.observer(made.To), &p, made.Observer, false)
		}
		d.Copies = append(d.Copies, made)
	}
	return f
}

// maxExplained is how many matches a trace explains before it stops to follow frames
// to observers and targets. A network with 1 024 rules and copies of all packets
// stays below it.
const maxExplained = 50_000

func (t *tracer) observer(node zt.Address) *Member {
	if m := t.program.network.Observers[node]; m != nil {
		return m
	}
	return &Member{Node: node}
}

// explain says in a few words what decided.
func (d *Decision) explain(f fate) string {
	if f.outcome() == Chance {
		for _, is := range []func(r *Rule) bool{func(r *Rule) bool { return r.Chance && r.Decided }, func(r *Rule) bool { return r.Chance }} {
			for i := range d.Tables {
				if rule := d.Tables[i].find(is); rule != nil {
					return d.Tables[i].place(rule)
				}
			}
		}
		return "a receiver may ask other capabilities of the sender before " + d.Tables[len(d.Tables)-1].Capability.title()
	}
	if table, rule := d.Deciding(); rule != nil {
		return table.place(rule)
	}
	base, why := &d.Tables[0], "no rule accepts it"
	if rule := base.find(func(r *Rule) bool { return r.Decided }); rule != nil {
		why += " before " + base.place(rule)
	}
	for i, tried := range d.Tables[1:] {
		if i == 0 {
			why += "; nor in capability "
		} else {
			why += ", "
		}
		why += tried.Capability.title()
	}
	return why
}

// place says where a rule of a table stands, and the rule.
func (t *Table) place(r *Rule) string {
	place := ""
	if t.Capability != nil {
		place = fmt.Sprintf("capability %s, ", t.Capability.title())
	}
	if r.Line > 0 {
		return fmt.Sprintf("%sline %d: %s", place, r.Line, r.Text)
	}
	return fmt.Sprintf("%srule %d: %s", place, 1+slices.IndexFunc(t.Rules, func(other Rule) bool { return other.First == r.First }), r.Text)
}

func (t *Table) find(is func(*Rule) bool) *Rule {
	for i := range t.Rules {
		if is(&t.Rules[i]) {
			return &t.Rules[i]
		}
	}
	return nil
}

func (c *Capability) title() string {
	if c.Name != "" {
		return c.Name
	}
	return fmt.Sprint(c.ID)
}

// conclude says what all ends together came to.
func (r *Result) conclude(t *tracer, from, to *Member, f fate) {
	names := t.program.network.Names
	sender, receiver := names.Member(from.Node), names.Member(to.Node)
	r.Outcome = f.outcome()
	at, who := &r.Sender, sender
	for _, d := range []*Decision{&r.Sender, r.Delivery, r.Receiver} {
		if d != nil && d.Outcome == r.Outcome {
			at = d
			break
		}
	}
	if at == r.Receiver {
		who = receiver
	}
	switch r.Outcome {
	case Accepted:
		r.Why = fmt.Sprintf("%s accepts it (%s)", receiver, r.Receiver.Why)
	case Dropped:
		r.Why = fmt.Sprintf("%s drops it (%s)", who, at.Why)
	case Redirected:
		r.Why = fmt.Sprintf("%s sends it to %s instead (%s)", who, names.Member(at.Redirected), at.Why)
	case Chance:
		r.Why = fmt.Sprintf("what %s does is left to chance (%s)", who, at.Why)
	}
}
