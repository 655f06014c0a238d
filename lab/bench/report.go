package main

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// report is the table of what was measured.
type report struct{ rows [][4]string }

// add notes one figure with its unit; goal may be empty.
func (r *report) add(step, what, figure, goal string) {
	r.rows = append(r.rows, [4]string{step, what, figure, goal})
}

// print writes the machine and the table as Markdown.
func (r *report) print(to io.Writer) {
	fmt.Fprintf(to, "%s, %d cores, Linux %s, %s\n\n", cpuModel(), runtime.NumCPU(), kernel(), runtime.Version())
	fmt.Fprintln(to, "| | what | measured | goal |")
	fmt.Fprintln(to, "| --- | --- | --- | --- |")
	previous := ""
	for _, row := range r.rows {
		step := row[0]
		if step == previous {
			row[0] = ""
		}
		previous = step
		fmt.Fprintln(to, "| "+strings.Join(row[:], " | ")+" |")
	}
}

func cpuModel() string {
	file, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if name, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

func kernel() string {
	release, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	return strings.TrimSpace(string(release))
}

// percentile sorts a copy of the samples; q is between 0 and 1.
func percentile(samples []time.Duration, q float64) time.Duration {
	return quantile(slices.Sorted(slices.Values(samples)), q)
}

// quantile is the smallest sample that at least a part q of them does not
// exceed.
func quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[max(0, int(math.Ceil(q*float64(len(sorted))))-1)]
}

// perUnit is a total divided by how many it was for.
func perUnit(total time.Duration, units float64) time.Duration {
	if units <= 0 {
		return 0
	}
	return time.Duration(float64(total) / units)
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }

func millis(d time.Duration) string {
	ms := float64(d) / float64(time.Millisecond)
	if ms < 1 {
		return fmt.Sprintf("%.3f ms", ms)
	}
	return fmt.Sprintf("%.1f ms", ms)
}

func perSecond(n float64) string { return fmt.Sprintf("%.0f/s", n) }

func kilobytes(n float64) string { return fmt.Sprintf("%.1f kB", n/1000) }

func megabytes(n float64) string { return fmt.Sprintf("%.1f MB", n/1e6) }
