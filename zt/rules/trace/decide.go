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
	held      []*table     // see heldBy
	words     *rules.Words // made when they are needed
	explained int          // entries that were taken down so far
}

func newTracer(p *program) *tracer { return &tracer{program: p} }

func (t *tracer) sayer() *rules.Words {
	if t.words == nil {
		t.words = t.program.network.Names.words()
	}
	return t.words
}

// decide evaluates the base rules, and the sender's capabilities if they do not
// decide: at the sender in ascending order of id, and at the receiver in an order
// that nodes do not promise. With a log, the decision says how.
func (t *tracer) decide(e *end, l *log) (fate, []zt.Address) {
	t.evaluator.log = l
	var all fate
	var targets []zt.Address
	run := func(capability *table) (open bool) {
		entries := t.program.rules
		if capability != nil {
			entries = capability.entries
		}
		if l != nil {
			l.begin(capability, entries)
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
				if capability != nil {
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
	if !run(nil) {
		return all, targets
	}
	held := t.heldBy(e)
	for len(held) > 0 && run(held[0]) {
		held = held[1:]
	}
	if len(held) == 0 {
		return all | mayDrop, targets
	}
	if e.inbound {
		// The receiver may ask another one first, which may do something else.
		l, t.evaluator.log = nil, nil
		for _, c := range held[1:] {
			run(c)
		}
	}
	return all, targets
}

// heldBy returns the sender's capabilities, ascending by id. The slice is valid
// until the next call.
func (t *tracer) heldBy(e *end) []*table {
	holder := e.self
	if e.inbound {
		holder = e.peer
	}
	t.held = t.held[:0]
	for i := range t.program.capabilities {
		if c := &t.program.capabilities[i]; slices.Contains(holder.Capabilities, c.ID) {
			t.held = append(t.held, c)
		}
	}
	return t.held
}
