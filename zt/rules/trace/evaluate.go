package trace

import (
	"slices"

	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/netconf"
)

// state is what a node keeps while it evaluates a table. After a random match
// there can be several at the same time.
type state struct {
	set     bool // what the matches since the last action came to
	pass    bool // the next drop is passed over
	expects bool // self is the target of an action that was passed

	copied *copied // the last tee or watch that was taken; nil without a log
}

// copied is the index of the entry of a tee or watch, -1 for none; or either of two
// of these.
type copied struct {
	entry  int
	either [2]*copied
}

func oneOrOther(a, b *copied) *copied {
	if a == b {
		return a
	}
	return &copied{either: [2]*copied{a, b}}
}

// entries returns all that it can be, ascending.
func (c *copied) entries() []int {
	var all []int
	seen := make(map[*copied]bool)
	for stack := []*copied{c}; len(stack) > 0; {
		c, stack = stack[len(stack)-1], stack[:len(stack)-1]
		switch {
		case c == nil || seen[c]:
		case c.either[0] != nil:
			stack = append(stack, c.either[0], c.either[1])
		default:
			all = append(all, c.entry)
		}
		seen[c] = true
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// ending is one way in which the evaluation of a table can end.
type ending struct {
	kind   endingKind
	target zt.Address // of redirected
	copied *copied    // as in state
}

type endingKind uint8

const (
	undecided endingKind = iota
	broken
	droppedHere
	acceptedHere
	// acceptedAsTarget: the frame is delivered even if its MACs are not the node's.
	acceptedAsTarget
	redirected
)

// evaluator evaluates tables. Its memory is reused between tables.
type evaluator struct {
	live    []state
	endings []ending
	// log takes down what happens; nil if only the endings count. Copies are noted
	// only with it.
	log *log

	work int // entries times the states that they met, of all tables so far
}

// evaluate returns the ways in which a table can end for a frame: one, unless a
// draw decides. The slice is valid until the next call.
func (v *evaluator) evaluate(e *end, entries []entry) []ending {
	first := state{set: true}
	if v.log != nil {
		first.copied = &copied{entry: -1}
	}
	v.live = append(v.live[:0], first)
	v.endings = v.endings[:0]
	for i := range entries {
		v.work += len(v.live)
		if entries[i].Type.IsAction() {
			v.act(e, i, &entries[i])
		} else {
			v.match(e, i, &entries[i])
		}
		if len(v.live) == 0 {
			return v.endings
		}
	}
	for _, s := range v.live {
		v.finish(ending{undecided, 0, s.copied})
	}
	return v.endings
}

func (v *evaluator) finish(way ending) {
	for i := range v.endings {
		if same := &v.endings[i]; same.kind == way.kind && same.target == way.target {
			same.copied = oneOrOther(same.copied, way.copied)
			return
		}
	}
	v.endings = append(v.endings, way)
}

func (v *evaluator) match(e *end, index int, m *entry) {
	for i, count := 0, len(v.live); i < count; i++ {
		s := &v.live[i]
		if !s.set && !m.Or {
			if v.log != nil {
				v.log.skip(index)
			}
			continue
		}
		verdict := e.match(m, s.expects)
		if v.log != nil {
			v.log.match(index, m, verdict, s.expects)
		}
		switch verdict {
		case no, yes:
			s.combine(m, (verdict == yes) != m.Not)
		case never:
			s.combine(m, false)
		case lenient:
			s.pass = true
			s.combine(m, true)
		case always:
			s.combine(m, true)
		case drawn:
			other := *s
			s.combine(m, true)
			other.combine(m, false)
			v.live = append(v.live, other)
		}
	}
	v.merge()
	if v.log != nil {
		v.log.state(v.live)
	}
}

func (s *state) combine(m *entry, result bool) {
	if m.Or {
		s.set = s.set || result
	} else {
		s.set = s.set && result
	}
}

// merge joins states that came out equal but for copies, so that there are eight at
// most.
func (v *evaluator) merge() {
	if len(v.live) < 2 {
		return
	}
	merged := v.live[:0]
	for _, s := range v.live {
		same := slices.IndexFunc(merged, func(m state) bool { return m.set == s.set && m.pass == s.pass && m.expects == s.expects })
		if same < 0 {
			merged = append(merged, s)
		} else {
			merged[same].copied = oneOrOther(merged[same].copied, s.copied)
		}
	}
	v.live = merged
}

func (v *evaluator) act(e *end, index int, action *entry) {
	if v.log != nil {
		v.log.action(index, v.live)
	}
	rest := v.live[:0]
	for _, s := range v.live {
		if !s.set {
			s.set = true
			s.expects = s.expects || e.inbound && action.forwards() && action.node == e.self.Node
			rest = append(rest, s)
			continue
		}
		way, what := e.perform(action, &s)
		if v.log != nil {
			v.log.act(action, way, what)
		}
		if what == actEnds {
			way.copied = s.copied
			v.finish(way)
			continue
		}
		if what == actCopies && v.log != nil {
			s.copied = &copied{entry: index}
		}
		rest = append(rest, s)
	}
	v.live = rest
	v.merge()
	if v.log != nil {
		v.log.rule = nil
	}
}

// effect is what an action that was reached did.
type effect uint8

const (
	actEnds    effect = iota
	actCopies         // a tee or watch was noted
	actSpared         // a drop was passed over
	actSource         // nothing: its target is the sender
	actDest           // nothing: its target is the destination
	actUnknown        // nothing: nodes do not know the action
)

// perform does an action whose matches came out true.
func (e *end) perform(action *entry, s *state) (ending, effect) {
	switch action.Type {
	case netconf.ActionDrop:
		if s.pass {
			s.pass = false
			return ending{}, actSpared
		}
		return ending{kind: droppedHere}, actEnds
	case netconf.ActionAccept:
		if s.expects {
			return ending{kind: acceptedAsTarget}, actEnds
		}
		return ending{kind: acceptedHere}, actEnds
	case netconf.ActionPriority:
		return ending{kind: acceptedHere}, actEnds
	case netconf.ActionBreak:
		return ending{kind: broken}, actEnds
	case netconf.ActionTee, netconf.ActionWatch, netconf.ActionRedirect:
		switch {
		case action.node == e.source:
			return ending{}, actSource
		case action.node == e.self.Node && e.inbound:
			return ending{kind: acceptedAsTarget}, actEnds
		case action.node == e.dest:
			return ending{}, actDest
		case action.Type != netconf.ActionRedirect:
			return ending{}, actCopies
		case action.node == 0:
			return ending{kind: acceptedHere}, actEnds // nobody to send it to
		}
		return ending{kind: redirected, target: action.node}, actEnds
	}
	return ending{}, actUnknown
}
