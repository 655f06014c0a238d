package cli

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// applied makes the new lines of the old ones and a diff, and fails if the diff
// does not fit them.
func applied(t interface{ Fatalf(string, ...any) }, old, diff []string) []string {
	var made []string
	at := 0
	for _, line := range diff[min(2, len(diff)):] {
		switch {
		case strings.HasPrefix(line, "@@"):
			var from, count int
			if _, err := fmt.Sscanf(line, "@@ -%d,%d ", &from, &count); err != nil {
				if _, err := fmt.Sscanf(line, "@@ -%d ", &from); err != nil {
					t.Fatalf("no header: %s", line)
				}
				count = 1
			}
			if count > 0 {
				from--
			}
			if from < at || from > len(old) {
				t.Fatalf("%s is not behind line %d of %d", line, at, len(old))
			}
			made = append(made, old[at:from]...)
			at = from
		case line[0] == '+':
			made = append(made, line[1:])
		default:
			if at >= len(old) || old[at] != line[1:] {
				t.Fatalf("line %d is not %q", at+1, line)
			}
			if at++; line[0] == ' ' {
				made = append(made, line[1:])
			}
		}
	}
	return append(made, old[at:]...)
}

func drawLines(t *rapid.T, label string) []string {
	return rapid.SliceOfN(rapid.StringMatching(`[a-d]?`), 0, 40).Draw(t, label)
}

// Whatever was changed: the diff leads from one text to the other, and has no
// more changes than it needs.
func TestDiffsLeadToTheOtherText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawLines(t, "a"), drawLines(t, "b")
		diff := unifiedDiff("a", "b", strings.Join(a, "\n")+"\n", strings.Join(b, "\n")+"\n")
		if len(a) == 0 || len(b) == 0 { // a text without a line is one with an empty line
			return
		}
		if made := applied(t, a, diff); !slices.Equal(made, b) {
			t.Fatalf("%q becomes %q, not %q, with\n%s", a, made, b, strings.Join(diff, "\n"))
		}
		common := 0
		for _, r := range commonRuns(a, b) {
			common += r.length
		}
		if want := longestCommon(a, b); common != want {
			t.Fatalf("%q and %q: %d lines in common, not %d", a, b, want, common)
		}
	})
}

// longestCommon is how many lines two texts have in common, by the definition.
func longestCommon(a, b []string) int {
	known := make(map[[2]int]int)
	var of func(i, j int) int
	of = func(i, j int) int {
		if i == len(a) || j == len(b) {
			return 0
		}
		at := [2]int{i, j}
		if n, ok := known[at]; ok {
			return n
		}
		n := max(of(i+1, j), of(i, j+1))
		if a[i] == b[j] {
			n = max(n, 1+of(i+1, j+1))
		}
		known[at] = n
		return n
	}
	return of(0, 0)
}

// The parts of long texts without a table for the whole: still right.
func TestDiffsOfLongTexts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawLines(t, "a"), drawLines(t, "b")
		m := &matcher[string]{a: a, b: b, cells: int64(rapid.IntRange(0, 60).Draw(t, "cells"))}
		m.match(stretch{0, len(a), 0, len(b)}, true)
		atA, atB := 0, 0
		for _, r := range m.runs {
			if r.a < atA || r.b < atB || r.length < 1 || !slices.Equal(a[r.a:r.a+r.length], b[r.b:r.b+r.length]) {
				t.Fatalf("%q and %q do not have %+v in common", a, b, m.runs)
			}
			atA, atB = r.a+r.length, r.b+r.length
		}
	})
	long := make([]string, 400_000)
	for i := range long {
		long[i] = fmt.Sprint(i % 100_000)
	}
	turned := slices.Clone(long)
	slices.Reverse(turned)
	begun := time.Now()
	commonRuns(long, turned)
	commonRuns(long, long[1000:])
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("%d lines took %s", len(long), took)
	}
}

// The form is that of diff -u.
func TestDiffIsUnified(t *testing.T) {
	program, err := exec.LookPath("diff")
	needPackage(t, "diffutils", err == nil)
	lines := func(from, to int) (all []string) {
		for i := from; i <= to; i++ {
			all = append(all, fmt.Sprint("line ", i))
		}
		return all
	}
	old := lines(1, 40)
	for name, changed := range map[string][]string{
		"begin":    append([]string{"new"}, old...),
		"end":      append(slices.Clone(old), "new"),
		"removed":  append(lines(1, 9), lines(12, 40)...),
		"two":      slices.Concat(lines(1, 9), []string{"x"}, lines(10, 30), []string{"y", "z"}, lines(32, 40)),
		"together": slices.Concat(lines(1, 9), []string{"x"}, lines(10, 16), lines(18, 40)),
		"all gone": {"x"},
	} {
		folder := t.TempDir()
		a, b := strings.Join(old, "\n")+"\n", strings.Join(changed, "\n")+"\n"
		for file, text := range map[string]string{"a": a, "b": b} {
			if err := os.WriteFile(filepath.Join(folder, file), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		command := exec.Command(program, "-u", "--label", "a", "--label", "b", "a", "b")
		command.Dir = folder
		want, _ := command.Output() // the status says that they differ
		if got := strings.Join(unifiedDiff("a", "b", a, b), "\n") + "\n"; got != string(want) {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, want)
		}
	}
}

func TestDiffOfLineEnds(t *testing.T) {
	for _, x := range [][2]string{{"", ""}, {"a\r\nb\r\n", "a\nb"}, {"a\rb", "a\nb\n"}} {
		if diff := unifiedDiff("a", "b", x[0], x[1]); diff != nil {
			t.Errorf("%q and %q: %q", x[0], x[1], diff)
		}
	}
	if diff := unifiedDiff("a", "b", "", "x\n"); !slices.Equal(diff, []string{"--- a", "+++ b", "@@ -0,0 +1 @@", "+x"}) {
		t.Errorf("%q", diff)
	}
}
