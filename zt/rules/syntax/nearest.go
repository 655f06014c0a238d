package syntax

import (
	"iter"
	"strings"
	"unicode/utf8"
)

// What Nearest looks at: longer words and more candidates are not compared.
const (
	maxCompared   = 32 // bytes
	maxCandidates = 512
	maxDistance   = 2
)

// Nearest returns the candidate that a mistyped word most likely means, "" if none
// is near: two letters, in short words one, were added, left out, changed or
// swapped with their neighbor. Candidates are in lower case. Of equally near ones it is
// the first in the alphabet. The work is bounded.
func Nearest(typed string, candidates iter.Seq[string]) string {
	if len(typed) > maxCompared || !utf8.ValidString(typed) {
		return ""
	}
	typed = strings.ToLower(typed)
	best, bestDistance, n := "", allowedDistance(typed)+1, 0
	for c := range candidates {
		if n++; n > maxCandidates {
			break
		}
		if d := distance(typed, c); d < bestDistance || d == bestDistance && best != "" && c < best {
			best, bestDistance = c, d
		}
	}
	return best
}

func allowedDistance(typed string) int {
	switch {
	case len(typed) < 2:
		return 0
	case len(typed) < 5:
		return 1
	}
	return maxDistance
}

// didYouMean is a hint to the candidate that is nearest, "" if none is near.
func didYouMean(typed string, candidates iter.Seq[string]) string {
	if near := Nearest(typed, candidates); near != "" {
		return "Did you mean " + near + "?"
	}
	return ""
}

// distance counts the letters that have to be added, left out, changed or swapped
// with their neighbor to make b of a; more than maxDistance if the words are too
// long or too different in length.
func distance(a, b string) int {
	if len(a) > maxCompared || len(b) > maxCompared || max(len(a)-len(b), len(b)-len(a)) > maxDistance {
		return maxDistance + 1
	}
	var before, last, row [maxCompared + 1]int
	for j := range len(b) + 1 {
		row[j] = j
	}
	for i := range len(a) {
		before, last = last, row
		row[0] = i + 1
		for j := range len(b) {
			if a[i] == b[j] {
				row[j+1] = last[j]
				continue
			}
			row[j+1] = 1 + min(last[j], last[j+1], row[j])
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
	}
	return row[len(b)]
}
