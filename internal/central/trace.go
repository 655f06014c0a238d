package central

import (
	"cmp"
	"context"
	"errors"
	"net/netip"
	"slices"

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/rules"
	"github.com/orrery-net/orrery/zt/rules/trace"
)

// TraceQuery asks what becomes of packets between two members.
type TraceQuery struct {
	Network  zt.NetworkID
	From, To string        // each a node's address, an address in the network, or a name
	Source   *string       // a program that is tried in place of the network's rules; nil: these
	Flow     string        // as trace.ParseFlow reads it; "": Packet counts
	Packet   *trace.Packet // what is zero in it and follows from the members is filled in
}

// Traced is what becomes of packets.
type Traced struct {
	Network  *model.Network // with the rules that were tried; must not be changed
	From, To *model.Member  // must not be changed
	Text     TracedText
	Source   string              // the text that positions are of; "": none is known
	Origins  []rules.Origin      // of the base rules in it; nil: not known
	Flow     *trace.Conversation // what becomes of the flow; nil if a packet was asked for
	Packet   *trace.Result       // what becomes of the packet; nil if a flow was asked for
}

// TracedText says which text the positions of a trace are of.
type TracedText string

// The texts that positions can be of.
const (
	TracedStored     TracedText = "stored"     // the network's
	TracedGiven      TracedText = "given"      // the query's
	TracedDecompiled TracedText = "decompiled" // one made of the network's tables, which its text does not give
	TracedNone       TracedText = "none"
)

// Trace says what becomes of a flow, or of a packet, between two members, and by
// which rules. Invalid: a program that does not compile (with a ProgramError), or
// a flow that cannot be, or that two members are called so (ChoiceError).
// NotFound: a member that there is not (ChoiceError). Needs r.
func (s *Service) Trace(ctx context.Context, caller Caller, q TraceQuery) (*Traced, error) {
	n, err := s.readNetwork(ctx, caller, q.Network)
	if err != nil {
		return nil, err
	}
	from, to := newLabel("from", q.From), newLabel("to", q.To)
	if err := s.membersCalled(ctx, n, from, to); err != nil {
		return nil, err
	}
	if from.found.Node == to.found.Node {
		return nil, noSuch(Invalid, "to", "is the same member as from; what a node sends to itself passes no rule", nil)
	}
	source := ""
	if q.Source != nil {
		source = *q.Source
	}
	leave, err := s.enterWorkshop(ctx, caller, source)
	if err != nil {
		return nil, err
	}
	defer leave()
	t := &Traced{Network: n, From: from.found, To: to.found}
	program, err := t.choose(q.Source)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, explain("trace", err)
	}
	tables := withOrigins(traceNetwork(t.Network), program)
	t.Origins = tables.Origins
	if err := s.addPeople(ctx, caller, t, tables); err != nil {
		return nil, err
	}
	if err := t.follow(q, tables); err != nil {
		return nil, err
	}
	return t, nil
}

// maxObservers is how many members that rules send frames to are looked at.
const maxObservers = 100

// addPeople tells a trace what the members are called, and who they are that rules
// send frames to.
func (s *Service) addPeople(ctx context.Context, caller Caller, t *Traced, n *trace.Network) error {
	n.Names.Members = map[zt.Address]string{t.From.Node: t.From.Name, t.To.Node: t.To.Name}
	n.Observers = make(map[zt.Address]*trace.Member)
	targets := n.Targets()
	for _, node := range targets[:min(len(targets), maxObservers)] {
		found, err := s.Member(ctx, caller, t.Network.ID, node)
		var known *Error
		switch {
		case errors.As(err, &known) && known.Kind == NotFound:
			continue
		case err != nil:
			return err
		}
		n.Names.Members[node] = found.Member.Name
		n.Observers[node] = new(traceMember(t.Network, found.Member))
	}
	return nil
}

// choose decides which rules are traced, and finds a program with positions for
// them; nil if there is none.
func (t *Traced) choose(given *string) (*rules.Program, error) {
	if given != nil {
		program, found := rules.Compile(*given, rules.Strict)
		if err := badProgram(found); err != nil {
			return nil, err
		}
		t.Network = t.Network.Clone()
		t.Text, t.Source = TracedGiven, *given
		if err := t.Network.SetProgram(*given, program); err != nil {
			return nil, explain("set the rules to trace", err)
		}
		return program, nil
	}
	stored, _ := rules.Compile(t.Network.RulesSource, rules.Strict)
	if gives(t.Network.RulesSource, stored, t.Network) {
		t.Text, t.Source = TracedStored, t.Network.RulesSource
		return stored, nil
	}
	text, _ := rules.Decompile(t.Network.RuleSet())
	made, _ := rules.Compile(text, rules.Strict)
	if gives(text, made, t.Network) {
		t.Text, t.Source = TracedDecompiled, text
		return made, nil
	}
	t.Text = TracedNone
	return nil, nil
}

// follow traces what was asked for.
func (t *Traced) follow(q TraceQuery, n *trace.Network) error {
	from, to := traceMember(t.Network, t.From), traceMember(t.Network, t.To)
	if q.Packet != nil {
		p := *q.Packet
		if err := completePacket(&p, &from, &to); err != nil {
			return err
		}
		t.Packet = new(trace.Trace(n, &from, &to, p))
		return nil
	}
	flow, err := trace.ParseFlow(q.Flow)
	if err != nil {
		if reason := errors.Unwrap(err); reason != nil { // without the flow
			err = reason
		}
		return noSuch(Invalid, "flow", err.Error(), nil)
	}
	if t.Flow, err = trace.Converse(n, &from, &to, flow); err != nil {
		return noSuch(Invalid, "flow", err.Error(), nil)
	}
	return nil
}

// Ethertypes of frames that have addresses of IP.
const (
	etherIPv4 = 0x0800
	etherARP  = 0x0806
	etherIPv6 = 0x86dd
)

// completePacket gives a packet between two members their addresses, if nobody
// says otherwise.
func completePacket(p *trace.Packet, from, to *trace.Member) error {
	if p.EtherType == 0 {
		p.EtherType = etherIPv4
		six := func(a netip.Addr) bool { return a.IsValid() && !a.Is4() }
		none := !p.Source.IsValid() && !p.Dest.IsValid()
		if six(p.Source) || six(p.Dest) || none && !(addressOf(from, true).IsValid() && addressOf(to, true).IsValid()) {
			p.EtherType = etherIPv6
		}
	}
	if p.EtherType != etherIPv4 && p.EtherType != etherARP && p.EtherType != etherIPv6 {
		return nil
	}
	is4 := p.EtherType != etherIPv6
	for _, end := range []struct {
		field   string
		address *netip.Addr
		member  *trace.Member
	}{{"packet.source", &p.Source, from}, {"packet.dest", &p.Dest, to}} {
		switch {
		case !end.address.IsValid():
			*end.address = addressOf(end.member, is4)
		case end.address.Is4() != is4:
			return noSuch(Invalid, end.field, "is not of the family that etherType and the other address say", nil)
		}
	}
	return nil
}

// addressOf is the first address of a family that a member has; the zero Addr if
// it has none.
func addressOf(m *trace.Member, is4 bool) netip.Addr {
	i := slices.IndexFunc(m.Addresses, func(a netip.Addr) bool { return a.Unmap().Is4() == is4 })
	if i < 0 {
		return netip.Addr{}
	}
	return m.Addresses[i].Unmap()
}

// traceNetwork is a network's tables as they are traced, without positions and
// members.
func traceNetwork(n *model.Network) *trace.Network {
	names := RuleNamesOf(n)
	t := &trace.Network{
		ID: n.ID, Rules: n.Rules, NoBroadcast: !n.EnableBroadcast, NoMulticast: n.MulticastLimit == 0, Names: &trace.Names{Tags: names.set.Tags},
	}
	for i, c := range n.Capabilities {
		if slices.ContainsFunc(n.Capabilities[i+1:], func(later model.Capability) bool { return later.ID == c.ID }) {
			continue // of several with one id the last is the one that members get
		}
		t.Capabilities = append(t.Capabilities, trace.Capability{ID: c.ID, Name: names.CapabilityName(c.ID), Rules: c.Rules})
	}
	slices.SortStableFunc(t.Capabilities, func(a, b trace.Capability) int { return cmp.Compare(a.ID, b.ID) })
	return t
}

// withOrigins adds the positions of a program that has the same tables; nil: none.
func withOrigins(n *trace.Network, p *rules.Program) *trace.Network {
	if p == nil {
		return n
	}
	n.Origins = p.Origins
	for i, c := range p.Capabilities {
		at, found := slices.BinarySearchFunc(n.Capabilities, c.ID, func(c trace.Capability, id uint32) int { return cmp.Compare(c.ID, id) })
		if found && i < len(p.CapabilityOrigins) {
			n.Capabilities[at].Origins = p.CapabilityOrigins[i]
		}
	}
	return n
}

// traceMember is a member of a network as it is traced: with the tags that it gets
// a certificate for.
func traceMember(n *model.Network, m *model.Member) trace.Member {
	t := trace.Member{
		Node: m.Node, MAC: zt.MemberMAC(n.ID, m.Node), Addresses: m.AddressesOn(n), Tags: make(map[uint32]uint32),
		Capabilities: slices.Sorted(slices.Values(m.Capabilities)), Bridge: m.ActiveBridge,
	}
	for _, tag := range m.TagsOn(n) {
		t.Tags[tag.ID] = tag.Value
	}
	return t
}
