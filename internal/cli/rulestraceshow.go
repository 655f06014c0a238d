package cli

import (
	"bufio"
	"fmt"
	"strings"

	"github.com/mattn/go-runewidth"
	"github.com/spf13/cobra"

	"github.com/orrery-net/orrery/zt/rules"
	"github.com/orrery-net/orrery/zt/rules/trace"
)

// tracedEnd is one end of a traced flow, in JSON.
type tracedEnd struct {
	NodeID     string `json:"nodeId"`
	Name       string `json:"name"`
	Authorized bool   `json:"authorized"`
}

// tracedFlow is a traced flow, in JSON.
type tracedFlow struct {
	NetworkID string    `json:"networkId"`
	From      tracedEnd `json:"from"`
	To        tracedEnd `json:"to"`
	Source    string    `json:"source"` // the file or network that lines are of; "": they are not known
	*trace.Conversation
}

func (t *tracing) object() tracedFlow {
	end := func(a *actor) tracedEnd { return tracedEnd{a.trace.Node.String(), a.name, a.authorized} }
	return tracedFlow{t.network.ID, end(&t.from), end(&t.to), t.text.name, t.conversation}
}

// shower writes a trace for people.
type shower struct {
	*tracing
	out    *bufio.Writer
	colors bool

	nameWidth, wayWidth, outcomeWidth int // of the columns of legs
}

// painted is text that may have colors in it.
type painted string

func (t *tracing) write(c *cobra.Command, verbose bool) error {
	s := &shower{tracing: t, out: bufio.NewWriter(c.OutOrStdout()), colors: colored(c.OutOrStdout())}
	found := t.conversation
	s.line("%s: %s — %s", t.title(), s.outcome(found.Outcome), found.Why)
	s.line("")
	s.measure()
	ended := false
	for i := range found.Legs {
		s.leg(&found.Legs[i], ended, verbose)
		ended = ended || found.Legs[i].Result.Outcome != trace.Accepted
	}
	if !verbose {
		s.reasons()
	}
	for i, note := range found.Notes {
		if i == 0 {
			s.line("")
		}
		s.line("note: %s", note)
	}
	return s.out.Flush()
}

func (s *shower) line(format string, values ...any) {
	for i, value := range values {
		if text, ok := value.(string); ok {
			values[i] = printable(text)
		}
	}
	fmt.Fprintf(s.out, format+"\n", values...)
}

func (s *shower) outcome(o trace.Outcome) painted {
	if !s.colors {
		return painted(outcomeText(o))
	}
	code := "31"
	switch o {
	case trace.Accepted:
		code = "32"
	case trace.Chance:
		code = "33"
	}
	return painted("\x1b[" + code + "m" + outcomeText(o) + "\x1b[0m")
}

// decided is what one end decided, with the words for who and when.
type decided struct {
	who string
	*trace.Decision
}

// decisions are what the ends of a leg decided, in turn.
func (s *shower) decisions(l *trace.Leg) []decided {
	sender, receiver := s.ends(l)
	all := []decided{{sender, &l.Result.Sender}}
	if l.Result.Delivery != nil {
		all = append(all, decided{sender + ", for " + receiver, l.Result.Delivery})
	}
	if l.Result.Receiver != nil {
		all = append(all, decided{receiver, l.Result.Receiver})
	}
	return all
}

func (s *shower) ends(l *trace.Leg) (sender, receiver string) {
	if l.Back {
		return s.to.label, s.from.label
	}
	return s.from.label, s.to.label
}

// way is between whom a leg goes.
func (s *shower) way(l *trace.Leg) string {
	sender, receiver := s.ends(l)
	return sender + " → " + receiver
}

// measure finds the widths of the columns of legs.
func (s *shower) measure() {
	ended := false
	for i := range s.conversation.Legs {
		l := &s.conversation.Legs[i]
		s.nameWidth = max(s.nameWidth, runewidth.StringWidth(l.Name))
		s.wayWidth = max(s.wayWidth, runewidth.StringWidth(s.way(l)))
		s.outcomeWidth = max(s.outcomeWidth, len(outcomeText(l.Result.Outcome)+would(ended)))
		ended = ended || l.Result.Outcome != trace.Accepted
	}
}

// would marks what is said of a packet that is not sent, because one before it
// ended the flow.
func would(ended bool) string {
	if ended {
		return " (if sent)"
	}
	return ""
}

// leg writes one packet: who decided by which rule, in one line if all did by the
// same. One before it ended the flow, or not.
func (s *shower) leg(l *trace.Leg, ended, verbose bool) {
	all := s.decisions(l)
	alike := true
	for _, d := range all {
		alike = alike && s.why(d.Decision) == s.why(all[0].Decision)
	}
	head := fmt.Sprintf("  %s  %s  ", runewidth.FillRight(l.Name, s.nameWidth), runewidth.FillRight(s.way(l), s.wayWidth))
	if alike && !verbose {
		gap := strings.Repeat(" ", s.outcomeWidth-len(outcomeText(l.Result.Outcome)+would(ended)))
		s.line("%s%s%s%s  %s", head, s.outcome(l.Result.Outcome), would(ended), gap, s.why(all[0].Decision))
		return
	}
	s.line("%s%s%s", head, s.outcome(l.Result.Outcome), would(ended))
	for _, d := range all {
		s.line("    %s: %s  %s", d.who, s.outcome(d.Outcome), s.why(d.Decision))
		if verbose {
			for i := range d.Tables {
				s.table(&d.Tables[i])
			}
		}
	}
}

// why is what decided, with the lines that included the rule.
func (s *shower) why(d *trace.Decision) string {
	table, rule := d.Deciding()
	if rule == nil {
		return d.Why
	}
	return d.Why + s.included(table, rule)
}

// included names the lines that included a rule, if it stands in a macro.
func (s *shower) included(table *trace.Table, rule *trace.Rule) string {
	origins := s.tables.Origins
	if table.Capability != nil {
		origins = table.Capability.Origins
	}
	if rule.Action >= len(origins) {
		return ""
	}
	return includedIn(origins[rule.Action])
}

// includedIn names the lines that included what stands in a macro, the innermost
// first.
func includedIn(o rules.Origin) string {
	text := ""
	for i := len(o.Included) - 1; i >= 0; i-- {
		text += fmt.Sprintf(", included in line %d", o.Included[i].Line)
	}
	return text
}

func tableTitle(t *trace.Table) string {
	switch {
	case t.Capability == nil:
		return "base rules"
	case t.Capability.Name == "":
		return fmt.Sprintf("capability %d", t.Capability.ID)
	}
	return "capability " + t.Capability.Name
}

// table writes all rules of a table that were looked at.
func (s *shower) table(t *trace.Table) {
	s.line("      %s:", tableTitle(t))
	for i := range t.Rules {
		rule := &t.Rules[i]
		s.line("        %s  %s", answerText(rule.Matched, rule.Chance), s.rule(t, rule))
		for _, step := range rule.Steps {
			switch {
			case step.Skipped:
				s.line("               -      %s", step.Text)
			default:
				s.line("               %s  %s: %s", answerText(step.Result, step.Chance), step.Text, step.Why)
			}
		}
		if rule.Why != "" {
			s.line("               %s", rule.Why)
		}
	}
	if t.End == trace.EndNone {
		s.line("        the end is reached, and no rule decided")
	}
}

// answerText says whether something is true, in a column.
func answerText(yes, chance bool) string {
	switch {
	case chance:
		return "maybe"
	case yes:
		return "yes  "
	}
	return "no   "
}

// rule is a rule with its place.
func (s *shower) rule(t *trace.Table, r *trace.Rule) string {
	if r.Line == 0 {
		return r.Text
	}
	return fmt.Sprintf("line %d: %s%s", r.Line, r.Text, s.included(t, r))
}

// reasons says of the first packet that does not pass why the rules that would
// have accepted it did not match.
func (s *shower) reasons() {
	for i := range s.conversation.Legs {
		leg := &s.conversation.Legs[i]
		if leg.Result.Outcome == trace.Accepted {
			continue
		}
		all := s.decisions(leg)
		s.reasonsOf(leg, all[len(all)-1])
		return
	}
}

func (s *shower) reasonsOf(leg *trace.Leg, d decided) {
	const most = 20
	count := 0
	say := func(table *trace.Table, text string) {
		if count++; count == 1 {
			s.line("")
			s.line("Rules that do not accept the %s at %s:", leg.Name, d.who)
		}
		if table.Capability != nil {
			text = tableTitle(table) + ", " + text
		}
		s.line("  %s", text)
	}
	ended := false // without a decision, by any table
	for i := range d.Tables {
		table := &d.Tables[i]
		ended = ended || table.End == trace.EndBreak || table.End == trace.EndNone
		for j := range table.Rules {
			rule := &table.Rules[j]
			switch {
			case count == most:
				s.line("  and more; --verbose shows all")
				return
			case rule.Matched || rule.Decided || !accepts(rule):
			default:
				say(table, s.rule(table, rule))
				for _, step := range rule.Steps {
					if !step.Skipped && !step.Result {
						s.line("    %s: %s", step.Text, step.Why)
					}
				}
			}
		}
	}
	if missing := s.missing(leg); ended && len(missing) > 0 {
		sender, _ := s.ends(leg)
		s.line("  %s does not have the %s", sender, strings.Join(missing, ", "))
	}
}

func accepts(r *trace.Rule) bool {
	return strings.HasPrefix(r.Text, "accept") || strings.HasPrefix(r.Text, "redirect")
}

// missing are the capabilities that who sends a packet does not have, and which
// might let it pass.
func (s *shower) missing(l *trace.Leg) []string {
	sender := &s.from
	if l.Back {
		sender = &s.to
	}
	var titles []string
	for _, capability := range s.set.Capabilities {
		if !sender.hasCapability(capability.ID) {
			titles = append(titles, capabilityTitle(capability))
		}
	}
	return titles
}
