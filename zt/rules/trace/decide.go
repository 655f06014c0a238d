package trace

import (
	"slices"

	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/rules"
)

// fate is what can become of a frame at one end: one of these, unless a draw
// decides.
type fate uint8

const (
	mayDrop fate = 1 << iota
	mayAccept
	mayAcceptAsTarget
	mayRedirect
)

// outcome is how a fate is called at the end that decides it.
func (f fate) outcome() Outcome {
	switch f {
	case mayDrop:
		return Dropped
	case mayAccept, mayAcceptAsTarget, mayAccept | mayAcceptAsTarget:
		return Accepted
	case mayRedirect:
		return Redirected
	}
	return Chance
}

func (f fate) accepts() bool { return f&(mayAccept|mayAcceptAsTarget) != 0 }

// tracer follows packets through a network's tables.
type tracer struct {
	program   *program
	evaluator evaluator
	words     *rules.Words // made when they are needed
}

func newTracer(p *program) *tracer { return &tracer{program: p} }

func (t *tracer) sayer() *rules.Words {
	if t.words == nil {
		t.words = t.program.network.Names.words()
	}
	return t.words
}

// decide evaluates the base rules, and the sender's capabilities if they do not
// decide. With a log, the decision says how.
func (t *tracer) decide(e *end, l *log) (fate, []zt.Address) {
	t.evaluator.log = l
	var all fate
	var targets []zt.Address
	run := func(table *table, entries []entry) (open bool) {
		if l != nil {
			l.begin(table, entries)
		}
		for _, way := range t.evaluator.evaluate(e, entries) {
			switch way.kind {
			case acceptedHere:
				all |= mayAccept
			case acceptedAsTarget:
				all |= mayAcceptAsTarget
			case redirected:
				all |= mayRedirect
				if !slices.Contains(targets, way.target) {
					targets = append(targets, way.target)
				}
			case droppedHere:
				if table != nil {
					open = true
				} else {
					all |= mayDrop
				}
			case broken, undecided:
				open = true
			}
		}
		if l != nil {
			l.end(t.evaluator.endings)
		}
		return open
	}
	open := run(nil, t.program.rules)
	holder := e.self
	if e.inbound {
		holder = e.peer
	}
	for i := range t.program.capabilities {
		if !open {
			break
		}
		if c := &t.program.capabilities[i]; slices.Contains(holder.Capabilities, c.ID) {
			open = run(c, c.entries)
		}
	}
	if open {
		all |= mayDrop
	}
	return all, targets
}
