package trace

import "slices"

// Change is a flow that works before and does not after a change of the rules, or
// the reverse.
type Change struct {
	From   int     `json:"from"` // index of Compare's members
	To     int     `json:"to"`   // the same
	Flow   Flow    `json:"flow"`
	Before Outcome `json:"before"`
	After  Outcome `json:"after"`
}

// Comparison is what Compare found.
type Comparison struct {
	Changes []Change `json:"changes"` // in the order of Flows
	// Classes are members that are treated alike, by index of Compare's members, the
	// largest first. The first of each stands for the others in Changes, and the
	// second where two of one class meet.
	Classes [][]int `json:"classes"`
	Flows   []Flow  `json:"flows"` // that were tried
	Whole   bool    `json:"whole"` // nothing was left out
}

// maxWork is what Compare does at most, in matches and actions that are evaluated:
// less than a second. To plan a conversation costs as much as planWork of them, and
// addressWork for each address to choose from.
const (
	maxWork     = 20_000_000
	planWork    = 200
	addressWork = 4
)

// Compare says what a change of the rules changes for members: it tries flows that
// the rules of both sides speak of, and common ones, between members. Members that
// no rule can tell apart are tried once: Classes says who they are. The work is
// bounded; Whole is false if not everything could be tried: then the smallest
// classes were left out, or flows of which rules speak that do not change. Between
// two members with huge tables it may be most of the flows.
//
// Of members with several addresses of a family, flows use those that hosts would
// choose. Members without addresses of a flow's family do not take part in it.
func Compare(before, after *Network, members []Member) Comparison {
	return CompareMembers(before, after, members, members)
}

// CompareMembers is Compare for members whose tags and capabilities change as well,
// as with a tag's default: were and are describe the same members in the same
// order.
func CompareMembers(before, after *Network, were, are []Member) Comparison {
	c := comparer{before: newTracer(compile(before)), after: newTracer(compile(after)), were: were, are: are}
	flows, whole := probe(c.before.program, c.after.program, were)
	classes := distinguish(c.before.program, c.after.program).classes(before, were, are)
	found := Comparison{Changes: []Change{}, Classes: classes, Flows: flows, Whole: whole}
	for i := 0; i < len(classes); i++ {
		if !c.meet(classes[:i+1], flows) {
			found.Whole = false
			break
		}
	}
	slices.SortStableFunc(c.found, func(a, b difference) int { return a.flow - b.flow })
	for _, d := range c.found {
		found.Changes = append(found.Changes, Change{d.from, d.to, flows[d.flow], d.before, d.after})
	}
	return found
}

type comparer struct {
	before, after *tracer
	were, are     []Member
	found         []difference
	planned       int // the work of planning so far
}

// work is what was done so far.
func (c *comparer) work() int {
	return c.planned + c.before.evaluator.work + c.after.evaluator.work
}

// difference is a Change with the index of its flow.
type difference struct {
	flow, from, to int
	before, after  Outcome
}

// meet tries all flows between members of the last class and of all classes, both
// ways. It returns false if it had to stop.
func (c *comparer) meet(classes [][]int, flows []Flow) bool {
	last := classes[len(classes)-1]
	for _, class := range classes {
		a, b := class[0], last[0]
		if a == b {
			if len(last) == 1 {
				continue
			}
			b = last[1]
		}
		for i := range flows {
			if c.work() > maxWork {
				return false
			}
			c.try(a, b, i, flows[i])
			if class[0] != last[0] {
				c.try(b, a, i, flows[i])
			}
		}
	}
	return true
}

func (c *comparer) try(from, to, index int, f Flow) {
	c.planned += planWork + addressWork*(len(c.were[from].Addresses)+len(c.were[to].Addresses))
	s, err := plan(c.before.program.network, &c.were[from], &c.were[to], f)
	if err != nil {
		return // they have no addresses for it, or are the same node
	}
	was := s.outcome(c.before)
	s.from, s.to = &c.are[from], &c.are[to]
	if is := s.outcome(c.after); was != is {
		c.found = append(c.found, difference{index, from, to, was, is})
	}
}
