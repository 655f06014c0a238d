package cli

import (
	"fmt"
	"slices"
	"strings"
)

// commonRun is a stretch that two sequences have in common: a[a:a+length] is
// b[b:b+length].
type commonRun struct{ a, b, length int }

// commonRuns finds what two sequences have in common, in their order: as much as
// possible for those of a usual length. For long ones, whose differences are large
// as well, it looks only around what occurs once on both sides, so that the work
// grows with n log n.
func commonRuns[T comparable](a, b []T) []commonRun {
	const cells = 1 << 22 // 16 MiB
	m := &matcher[T]{a: a, b: b, cells: cells}
	m.match(stretch{0, len(a), 0, len(b)}, true)
	return m.runs
}

// stretch is a[a0:a1] and b[b0:b1].
type stretch struct{ a0, a1, b0, b1 int }

type matcher[T comparable] struct {
	a, b  []T
	cells int64 // of tables, that may still be filled
	runs  []commonRun
}

// match goes through a stretch from its begin to its end.
func (m *matcher[T]) match(s stretch, anchors bool) {
	for s.a0 < s.a1 && s.b0 < s.b1 && m.a[s.a0] == m.b[s.b0] {
		m.add(s.a0, s.b0, 1)
		s.a0, s.b0 = s.a0+1, s.b0+1
	}
	end := 0
	for s.a0 < s.a1 && s.b0 < s.b1 && m.a[s.a1-1] == m.b[s.b1-1] {
		s.a1, s.b1, end = s.a1-1, s.b1-1, end+1
	}
	switch cells := int64(s.a1-s.a0) * int64(s.b1-s.b0); {
	case cells == 0:
	case cells <= m.cells:
		m.cells -= cells
		m.longest(s)
	case anchors:
		for _, at := range m.unique(s) {
			m.match(stretch{s.a0, at.a, s.b0, at.b}, false)
			m.add(at.a, at.b, 1)
			s.a0, s.b0 = at.a+1, at.b+1
		}
		m.match(s, false)
	}
	m.add(s.a1, s.b1, end)
}

func (m *matcher[T]) add(a, b, length int) {
	if last := len(m.runs) - 1; last >= 0 && m.runs[last].a+m.runs[last].length == a && m.runs[last].b+m.runs[last].length == b {
		m.runs[last].length += length
	} else if length > 0 {
		m.runs = append(m.runs, commonRun{a, b, length})
	}
}

// longest adds the longest common subsequence of a stretch.
func (m *matcher[T]) longest(s stretch) {
	a, b := m.a[s.a0:s.a1], m.b[s.b0:s.b1]
	wide := len(b) + 1
	rest := make([]int32, (len(a)+1)*wide) // of a[i:] and b[j:]
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				rest[i*wide+j] = rest[(i+1)*wide+j+1] + 1
			} else {
				rest[i*wide+j] = max(rest[(i+1)*wide+j], rest[i*wide+j+1])
			}
		}
	}
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch {
		case a[i] == b[j]:
			m.add(s.a0+i, s.b0+j, 1)
			i, j = i+1, j+1
		case rest[(i+1)*wide+j] >= rest[i*wide+j+1]:
			i++
		default:
			j++
		}
	}
}

// unique finds what occurs once on both sides of a stretch, of which the longest
// part that has the same order on both is left.
func (m *matcher[T]) unique(s stretch) []commonRun {
	type place struct{ inA, inB, at int }
	places := make(map[T]*place)
	for _, x := range m.a[s.a0:s.a1] {
		if places[x] == nil {
			places[x] = &place{}
		}
		places[x].inA++
	}
	for j, x := range m.b[s.b0:s.b1] {
		if p := places[x]; p != nil {
			p.inB, p.at = p.inB+1, s.b0+j
		}
	}
	var pairs []commonRun
	for i, x := range m.a[s.a0:s.a1] {
		if p := places[x]; p.inA == 1 && p.inB == 1 {
			pairs = append(pairs, commonRun{s.a0 + i, p.at, 1})
		}
	}
	return ascending(pairs)
}

// ascending leaves the longest part of pairs, which ascend in a, that ascends in
// b, too.
func ascending(pairs []commonRun) []commonRun {
	var ends []int // by length: the pair with the least b that ends such a part
	before := make([]int, len(pairs))
	for i, pair := range pairs {
		length, _ := slices.BinarySearchFunc(ends, pair.b, func(end, b int) int { return pairs[end].b - b })
		if before[i] = -1; length > 0 {
			before[i] = ends[length-1]
		}
		if length == len(ends) {
			ends = append(ends, i)
		} else {
			ends[length] = i
		}
	}
	var part []commonRun
	if len(ends) > 0 {
		for i := ends[len(ends)-1]; i >= 0; i = before[i] {
			part = append(part, pairs[i])
		}
	}
	slices.Reverse(part)
	return part
}

// gaps are the stretches between common runs: what differs.
func gaps(runs []commonRun, lenA, lenB int) []stretch {
	var all []stretch
	at := stretch{}
	for _, r := range append(slices.Clip(runs), commonRun{lenA, lenB, 0}) {
		if at.a1, at.b1 = r.a, r.b; at.a0 < at.a1 || at.b0 < at.b1 {
			all = append(all, at)
		}
		at = stretch{a0: r.a + r.length, b0: r.b + r.length}
	}
	return all
}

// textLines are the lines of a text, however they end.
func textLines(text string) []string {
	lines := strings.Split(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text), "\n")
	if last := len(lines) - 1; lines[last] == "" {
		lines = lines[:last]
	}
	return lines
}

// unifiedDiff says how a text becomes another one, as diff -u does, in lines;
// none if no line differs. How lines end does not matter.
func unifiedDiff(oldName, newName, oldText, newText string) []string {
	const context = 3
	a, b := textLines(oldText), textLines(newText)
	changes := gaps(commonRuns(a, b), len(a), len(b))
	if len(changes) == 0 {
		return nil
	}
	lines := []string{"--- " + oldName, "+++ " + newName}
	for len(changes) > 0 {
		near := 1
		for near < len(changes) && changes[near].a0-changes[near-1].a1 <= 2*context {
			near++
		}
		hunk := changes[:near]
		changes = changes[near:]
		before := min(context, hunk[0].a0)
		after := min(context, len(a)-hunk[near-1].a1)
		lines = append(lines, hunkHeader(stretch{hunk[0].a0 - before, hunk[near-1].a1 + after, hunk[0].b0 - before, hunk[near-1].b1 + after}))
		at := hunk[0].a0 - before
		for _, change := range hunk {
			lines = appendLines(lines, " ", a[at:change.a0])
			lines = appendLines(lines, "-", a[change.a0:change.a1])
			lines = appendLines(lines, "+", b[change.b0:change.b1])
			at = change.a1
		}
		lines = appendLines(lines, " ", a[at:at+after])
	}
	return lines
}

func appendLines(lines []string, mark string, more []string) []string {
	for _, line := range more {
		lines = append(lines, mark+line)
	}
	return lines
}

// hunkHeader counts lines from 1, and names of none the line before it.
func hunkHeader(s stretch) string {
	part := func(from, to int) string {
		switch to - from {
		case 0:
			return fmt.Sprintf("%d,0", from)
		case 1:
			return fmt.Sprint(from + 1)
		}
		return fmt.Sprintf("%d,%d", from+1, to-from)
	}
	return fmt.Sprintf("@@ -%s +%s @@", part(s.a0, s.a1), part(s.b0, s.b1))
}
