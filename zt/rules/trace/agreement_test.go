package trace

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// oneOf is the outcome that all have, or Chance.
func oneOf(outcomes []Outcome) Outcome {
	for _, o := range outcomes {
		if o != outcomes[0] {
			return Chance
		}
	}
	return outcomes[0]
}

// decidedBy writes which rule a decision names, as the oracle does.
func decidedBy(d *Decision) string {
	table, rule := d.Deciding()
	switch {
	case rule == nil:
		return "nothing"
	case table.Capability != nil:
		return fmt.Sprintf("capability %d %d", table.Capability.ID, rule.Action)
	}
	return fmt.Sprintf("base %d", rule.Action)
}

func copiesOf(d *Decision) []string {
	var all []string
	for _, c := range d.Copies {
		all = append(all, fmt.Sprintf("%s %d %v", c.To, c.Length, c.Watch))
	}
	return all
}

// possibleCopies compares the copies of an end when draws decide: all that there
// can be, and which of them there are in any case.
func possibleCopies(name string, d *Decision, ends []*oracleEnd) string {
	times := make(map[string]int)
	for _, end := range ends {
		for _, c := range slices.Compact(slices.Sorted(slices.Values(end.copies))) {
			times[c]++
		}
	}
	got := copiesOf(d)
	for i, c := range got {
		alone := !slices.Contains(got[:i], c) && !slices.Contains(got[i+1:], c)
		if times[c] == 0 || alone && d.Copies[i].Chance != (times[c] < len(ends)) {
			return fmt.Sprintf("%s: copy %s, chance %v, oracle in %d of %d ways", name, c, d.Copies[i].Chance, times[c], len(ends))
		}
	}
	for c := range times {
		if !slices.Contains(got, c) {
			return fmt.Sprintf("%s: no copy %s", name, c)
		}
	}
	return ""
}

// disagreement compares what the package says of a packet with the oracle; "" if
// they agree.
func disagreement(t *tracer, from, to *Member, r *Result, known bool) string {
	n, p := t.program.network, r.Packet
	var all []oracleJourney
	if !everyDraw(func(draw func() bool) { all = append(all, travel(n, from, to, &p, known, draw)) }) {
		return ""
	}
	explained, _ := t.follow(from, to, &p, known, r)
	if short, _ := t.follow(from, to, &p, known, nil); short != explained {
		return fmt.Sprintf("fate %b without an explanation, %b with", short, explained)
	}
	part := func(name string, at *Member, d *Decision, of func(j oracleJourney) *oracleEnd) string {
		var ends []*oracleEnd
		var outcomes []Outcome
		for _, j := range all {
			if end := of(j); end != nil {
				ends, outcomes = append(ends, end), append(outcomes, end.outcome)
			}
		}
		switch {
		case d == nil && ends == nil:
			return ""
		case d == nil || ends == nil:
			return fmt.Sprintf("%s: %v, oracle %v", name, d, outcomes)
		case d.Outcome != oneOf(outcomes):
			return fmt.Sprintf("%s: %s, oracle %s", name, d.Outcome, oneOf(outcomes))
		}
		want := ends[0]
		if len(all) > 1 {
			return possibleCopies(name, d, ends)
		}
		if got := decidedBy(d); got != want.decided {
			return fmt.Sprintf("%s: decided by %s, oracle %s", name, got, want.decided)
		}
		if got := copiesOf(d); !slices.Equal(got, want.copies) {
			return fmt.Sprintf("%s: copies %q, oracle %q", name, got, want.copies)
		}
		if d.Redirected != want.to {
			return fmt.Sprintf("%s: to %s, oracle %s", name, d.Redirected, want.to)
		}
		if d.Target != nil {
			return forwarded(n, at, d.Redirected, p, d.Target)
		}
		for _, c := range d.Copies {
			copied := p
			if c.Length >= 0 {
				copied.Size = c.Length
			}
			if wrong := forwarded(n, at, c.To, copied, c.Observer); wrong != "" {
				return wrong
			}
		}
		return ""
	}
	var outcomes []Outcome
	for _, j := range all {
		outcomes = append(outcomes, j.outcome)
	}
	if r.Outcome != oneOf(outcomes) {
		return fmt.Sprintf("%s (%s), oracle %s", r.Outcome, r.Why, oneOf(outcomes))
	}
	for _, wrong := range []string{
		part("sender", from, &r.Sender, func(j oracleJourney) *oracleEnd { return j.sender }),
		part("delivery", from, r.Delivery, func(j oracleJourney) *oracleEnd { return j.delivery }),
		part("receiver", to, r.Receiver, func(j oracleJourney) *oracleEnd { return j.receiver }),
	} {
		if wrong != "" {
			return wrong
		}
	}
	return ""
}

// agreeOn compares what the package says of a few packets in a generated network
// with the oracle, and returns their outcomes.
func agreeOn(t *testing.T, g *generator) (outcomes []Outcome) {
	n := g.network()
	tracer := newTracer(compile(n))
	for range 8 {
		from, to := g.member(n, 0), g.member(n, 1)
		p := g.packet(n, from, to)
		r := Result{Packet: p.complete(n, from, to)}
		if wrong := disagreement(tracer, from, to, &r, g.IntN(4) > 0); wrong != "" {
			said, _ := json.MarshalIndent(r, "", " ")
			t.Fatalf("%s\npacket %+v\nfrom %+v\nto %+v\n%s", wrong, p, from, to, said)
		}
		outcomes = append(outcomes, r.Outcome)
	}
	return outcomes
}

func TestAgainstOracle(t *testing.T) {
	rounds := 4000
	if testing.Short() {
		rounds = 2000
	}
	g := &generator{rand.New(rand.NewPCG(1, 2))}
	counts := make(map[Outcome]int)
	for range rounds {
		for _, outcome := range agreeOn(t, g) {
			counts[outcome]++
		}
	}
	for _, outcome := range []Outcome{Accepted, Dropped, Redirected, Chance} {
		if counts[outcome] < rounds/25 {
			t.Errorf("only %d packets in %d networks are %s: the programs do not test much", counts[outcome], rounds, outcome)
		}
	}
}

// FuzzAgainstOracle is TestAgainstOracle for as long as one likes.
func FuzzAgainstOracle(f *testing.F) {
	f.Fuzz(func(t *testing.T, seed uint64) {
		agreeOn(t, &generator{rand.New(rand.NewPCG(seed, 7))})
	})
}

// What a conversation comes to is the same with and without an explanation.
func TestConversationsAgree(t *testing.T) {
	g := &generator{rand.New(rand.NewPCG(5, 6))}
	flows := []Flow{flow(t, "tcp 22"), flow(t, "ipv6 udp 443"), flow(t, "ping6"), flow(t, "arp"), flow(t, "ethertype 0x88cc")}
	counts := make(map[Outcome]int)
	for range 4000 {
		n := g.network()
		from, to := g.member(n, 0), g.member(n, 1)
		f := pick(g, flows...)
		s, err := plan(n, from, to, f)
		c, failed := Converse(n, from, to, f)
		if (err == nil) != (failed == nil) {
			t.Fatalf("%v, but %v", err, failed)
		}
		if err != nil {
			continue
		}
		short := s.outcome(newTracer(compile(n)))
		if c.Outcome != short || c.Works != (short == Accepted) {
			t.Fatalf("%s, without an explanation %s: %s\n%s", c.Outcome, short, c.Why, RuleText(n.Rules, nil))
		}
		counts[short]++
	}
	if len(counts) != 4 {
		t.Errorf("not all outcomes came up: %v", counts)
	}
}
