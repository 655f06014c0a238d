package api

import (
	"github.com/orrery-net/orrery/internal/central"
	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/zt/rules"
	"github.com/orrery-net/orrery/zt/rules/trace"
)

// The shapes of a trace have the names of rules/trace's JSON, and besides them the
// text of the program where it says something.

// traced is what becomes of packets between two members.
type traced struct {
	NetworkID networkID    `json:"networkId" doc:"The network."`
	From      tracedMember `json:"from" doc:"Who sends."`
	To        tracedMember `json:"to" doc:"Who it is for."`
	Flow      string       `json:"flow,omitempty" doc:"What was traced. Absent: one packet." example:"tcp 443"`
	Works     bool         `json:"works" doc:"Every packet is accepted." example:"false"`
	Outcome   string       `json:"outcome" enum:"accepted,dropped,redirected,chance" doc:"What becomes of it as a whole. redirected: another node gets it. chance: a random match decides, or what was not said of the packet." example:"dropped"`
	Why       string       `json:"why" doc:"What decided, in one sentence." example:"SYN: alice drops it: line 9, break"`
	Legs      []tracedLeg  `json:"legs" nullable:"false" doc:"The packets, in order, each as if those before it had got through."`
	Notes     []string     `json:"notes" nullable:"false" doc:"What there is to know besides." example:"[]"`
	Text      string       `json:"text" enum:"stored,given,decompiled,none" doc:"What lines are of: the network's text, the request's, one made of the tables that members obey because the network's text does not give them, or nothing: there are no lines." example:"stored"`
	Source    string       `json:"source,omitempty" doc:"The text, if it was made of the tables."`
}

// tracedMember is one end of a packet's way, with what rules know about it.
type tracedMember struct {
	NodeID             nodeID                `json:"nodeId" doc:"The member's node."`
	Name               string                `json:"name" doc:"What you call it; may be empty." example:"alice"`
	Authorized         bool                  `json:"authorized" doc:"It may take part in the network. It is traced as if." example:"true"`
	Tags               []memberTag           `json:"tags" nullable:"false" doc:"Its tags, as the traced rules define them." example:"[]"`
	Capabilities       []ruleNumber          `json:"capabilities" nullable:"false" doc:"The ids of its capabilities." example:"[]"`
	CapabilitiesByName map[string]ruleNumber `json:"capabilitiesByName" doc:"The ids of those that have a name." example:"{}"`
}

// tracedLeg is one packet.
type tracedLeg struct {
	Name   string       `json:"name" doc:"What it is for." example:"SYN"`
	Back   bool         `json:"back" doc:"It goes back, from to to from." example:"false"`
	Result tracedResult `json:"result" doc:"What becomes of it."`
}

// tracedResult is what becomes of one packet.
type tracedResult struct {
	Outcome  string          `json:"outcome" enum:"accepted,dropped,redirected,chance" doc:"What becomes of it." example:"dropped"`
	Why      string          `json:"why" doc:"What decided, in one sentence." example:"alice drops it: line 9, break"`
	Packet   packet          `json:"packet" doc:"The frame."`
	Sender   tracedDecision  `json:"sender" doc:"What the end decides that sends it. About frames to a group it decides first without a particular receiver, and then for each of them."`
	Delivery *tracedDecision `json:"delivery,omitempty" doc:"Of a frame to a group what the sender decides for this receiver."`
	Receiver *tracedDecision `json:"receiver,omitempty" doc:"What the other end decides. Absent: it does not come there."`
}

// tracedDecision is what one end decides about a packet.
type tracedDecision struct {
	Outcome    string          `json:"outcome" enum:"accepted,dropped,redirected,chance" doc:"What becomes of it there." example:"dropped"`
	Why        string          `json:"why" doc:"What decided, in one sentence." example:"line 9, break"`
	DecidedBy  *decidingRule   `json:"decidedBy,omitempty" doc:"The rule that decided. Absent: none did, and what no rule accepts is dropped; or a random match does."`
	Redirected *nodeID         `json:"redirected,omitempty" doc:"The node that gets it instead."`
	Target     *tracedDecision `json:"target,omitempty" doc:"What that node decides."`
	Copies     []tracedCopy    `json:"copies" nullable:"false" doc:"Copies that go elsewhere." example:"[]"`
	Tables     []tracedTable   `json:"tables" nullable:"false" doc:"The tables that were read: the base rules, then capabilities." example:"[]"`
}

// decidingRule is a rule that decided, and its place in the text.
type decidingRule struct {
	Capability   *tracedCapability `json:"capability,omitempty" doc:"Whose rule it is. Absent: one of the base rules."`
	Text         string            `json:"text" doc:"The rule, on one line." example:"break"`
	Line         int               `json:"line,omitempty" doc:"Where it begins in the text, from 1. Absent: not known." example:"9"`
	Column       int               `json:"column,omitempty" doc:"In characters, from 1." example:"1"`
	EndLine      int               `json:"endLine,omitempty" doc:"Where it ends." example:"9"`
	Source       string            `json:"source,omitempty" doc:"The rule as it stands there." example:"break;"`
	IncludedFrom []place           `json:"includedFrom,omitempty" nullable:"false" doc:"Where the macros around it were included, the outermost first." example:"[]"`
}

// place is a position in a text.
type place struct {
	Line   int `json:"line" doc:"From 1." example:"12"`
	Column int `json:"column" doc:"In characters, from 1." example:"1"`
}

// tracedCopy is a copy that a tee or watch sends.
type tracedCopy struct {
	To       nodeID          `json:"to" doc:"Who gets it."`
	Length   int             `json:"length" doc:"How many bytes of the frame's payload; -1: all." example:"-1"`
	Watch    bool            `json:"watch" doc:"By watch, not tee." example:"false"`
	Chance   bool            `json:"chance" doc:"A random match decides if it is sent." example:"false"`
	Observer *tracedDecision `json:"observer,omitempty" doc:"What that node decides: only what it accepts reaches its interface."`
}

// tracedTable is how one table was read.
type tracedTable struct {
	Capability *tracedCapability `json:"capability,omitempty" doc:"Whose table it is. Absent: the base rules."`
	End        string            `json:"end" enum:"accept,drop,break,redirect,end,chance" doc:"How it ended. end: no rule decided. chance: in one of several ways." example:"break"`
	Rules      []tracedRule      `json:"rules" nullable:"false" doc:"The rules that were read, in order."`
	MoreRules  int               `json:"moreRules" doc:"How many rules behind those the answer leaves out." example:"0"`
}

// tracedCapability is a capability whose table was read.
type tracedCapability struct {
	ID   ruleNumber `json:"id" doc:"Its id." example:"1"`
	Name string     `json:"name,omitempty" doc:"Its name." example:"ssh"`
}

// tracedRule is how one rule was read.
type tracedRule struct {
	First   int          `json:"first" doc:"The number of its first entry in the table, from 0." example:"4"`
	Action  int          `json:"action" doc:"The number of its action's entry." example:"4"`
	Line    int          `json:"line,omitempty" doc:"Where it begins in the text, from 1. Absent: not known." example:"9"`
	Text    string       `json:"text" doc:"The rule, on one line." example:"break"`
	Matched bool         `json:"matched" doc:"All its matches together are true." example:"true"`
	Chance  bool         `json:"chance" doc:"A random match decides that." example:"false"`
	Decided bool         `json:"decided" doc:"The table ended here, or may end here." example:"true"`
	Why     string       `json:"why,omitempty" doc:"What its action did, if the name does not say it."`
	Steps   []tracedStep `json:"steps" nullable:"false" doc:"Its matches, in order." example:"[]"`
}

// tracedStep is how one match was read.
type tracedStep struct {
	Index   int    `json:"index" doc:"The number of its entry in the table, from 0." example:"2"`
	Line    int    `json:"line,omitempty" doc:"Where it stands in the text, from 1. Absent: not known." example:"7"`
	Text    string `json:"text" doc:"The match." example:"dport 22"`
	Skipped bool   `json:"skipped" doc:"It was not looked at: the rule could not match anymore." example:"false"`
	Result  bool   `json:"result" doc:"Whether it is true, not being taken into account." example:"false"`
	State   bool   `json:"state" doc:"Whether the matches up to here are true." example:"false"`
	Chance  bool   `json:"chance" doc:"A random match decides that." example:"false"`
	Why     string `json:"why" doc:"For people." example:"destination port is 443, not 22"`
}

// maxTracedEntries bounds the rules and matches of one answer.
const maxTracedEntries = 20_000

// tracedOf writes a trace.
func tracedOf(t *central.Traced) traced {
	names := central.RuleNamesOf(t.Network)
	answer := traced{
		NetworkID: networkID{t.Network.ID}, From: tracedMemberOf(names, t.Network, t.From), To: tracedMemberOf(names, t.Network, t.To),
		Text: string(t.Text), Notes: []string{}, Legs: []tracedLeg{},
	}
	if t.Text == central.TracedDecompiled {
		answer.Source = t.Source
	}
	for _, m := range []*model.Member{t.From, t.To} {
		if !m.Authorized {
			answer.Notes = append(answer.Notes, "member "+m.Node.String()+" is not authorized: no packet of it passes, whatever the rules say")
		}
	}
	w := tracedWriter{text: newSourceText(t.Source), origins: t.Origins, left: maxTracedEntries}
	if t.Packet != nil {
		answer.Outcome, answer.Why = string(t.Packet.Outcome), t.Packet.Why
		answer.Legs = append(answer.Legs, tracedLeg{"packet", false, w.result(t.Packet)})
	} else {
		answer.Flow, answer.Outcome, answer.Why = t.Flow.Flow.String(), string(t.Flow.Outcome), t.Flow.Why
		for i := range t.Flow.Legs {
			leg := &t.Flow.Legs[i]
			answer.Legs = append(answer.Legs, tracedLeg{leg.Name, leg.Back, w.result(&leg.Result)})
		}
		answer.Notes = append(answer.Notes, t.Flow.Notes...)
	}
	answer.Works = answer.Outcome == string(trace.Accepted)
	return answer
}

func tracedMemberOf(names *central.RuleNames, n *model.Network, m *model.Member) tracedMember {
	return tracedMember{
		NodeID: nodeID{m.Node}, Name: m.Name, Authorized: m.Authorized, Tags: tagsOf(n, names, m),
		Capabilities: capabilitiesOf(m), CapabilitiesByName: capabilitiesByName(names, m),
	}
}

// tracedWriter writes decisions, with as many rules and matches as are left.
type tracedWriter struct {
	text    sourceText
	origins []rules.Origin // of the base rules
	left    int
}

func (w *tracedWriter) result(r *trace.Result) tracedResult {
	return tracedResult{
		Outcome: string(r.Outcome), Why: r.Why, Packet: packetOf(&r.Packet),
		Sender: *w.decision(&r.Sender), Delivery: w.decision(r.Delivery), Receiver: w.decision(r.Receiver),
	}
}

// decision is nil for nil.
func (w *tracedWriter) decision(d *trace.Decision) *tracedDecision {
	if d == nil {
		return nil
	}
	shown := &tracedDecision{
		Outcome: string(d.Outcome), Why: d.Why, DecidedBy: w.deciding(d), Target: w.decision(d.Target),
		Copies: make([]tracedCopy, 0, len(d.Copies)), Tables: make([]tracedTable, 0, len(d.Tables)),
	}
	if d.Redirected != 0 {
		shown.Redirected = &nodeID{d.Redirected}
	}
	for _, c := range d.Copies {
		shown.Copies = append(shown.Copies, tracedCopy{nodeID{c.To}, c.Length, c.Watch, c.Chance, w.decision(c.Observer)})
	}
	for i := range d.Tables {
		shown.Tables = append(shown.Tables, w.table(&d.Tables[i]))
	}
	return shown
}

// deciding shows the rule that decided, also one that broke off the base rules if
// no capability accepted after it.
func (w *tracedWriter) deciding(d *trace.Decision) *decidingRule {
	table, rule := d.Deciding()
	if rule == nil && d.Outcome == trace.Dropped && len(d.Tables) > 0 && d.Tables[0].End == trace.EndBreak {
		table = &d.Tables[0]
		rule = &table.Rules[len(table.Rules)-1]
	}
	if rule == nil {
		return nil
	}
	shown := &decidingRule{Capability: capabilityOf(table), Text: rule.Text}
	origins := w.origins
	if table.Capability != nil {
		origins = table.Capability.Origins
	}
	if rule.Action >= len(origins) {
		return shown
	}
	origin := &origins[rule.Action]
	shown.Line, shown.Column, shown.EndLine = origin.Rule.Start.Line, origin.Rule.Start.Column, origin.Rule.End.Line
	shown.Source = w.text.at(origin.Rule)
	for _, p := range origin.Included {
		shown.IncludedFrom = append(shown.IncludedFrom, place(p))
	}
	return shown
}

func capabilityOf(t *trace.Table) *tracedCapability {
	if t.Capability == nil {
		return nil
	}
	return &tracedCapability{ruleNumber(t.Capability.ID), t.Capability.Name}
}

func (w *tracedWriter) table(t *trace.Table) tracedTable {
	shown := tracedTable{Capability: capabilityOf(t), End: t.End, Rules: make([]tracedRule, 0, max(0, min(len(t.Rules), w.left)))}
	for i := range t.Rules {
		r := &t.Rules[i]
		if w.left -= 1 + len(r.Steps); w.left < 0 {
			shown.MoreRules = len(t.Rules) - i
			break
		}
		rule := tracedRule{
			First: r.First, Action: r.Action, Line: r.Line, Text: r.Text, Matched: r.Matched, Chance: r.Chance, Decided: r.Decided, Why: r.Why,
			Steps: make([]tracedStep, 0, len(r.Steps)),
		}
		for _, s := range r.Steps {
			rule.Steps = append(rule.Steps, tracedStep(s))
		}
		shown.Rules = append(shown.Rules, rule)
	}
	return shown
}
