package cli

import (
	"math"
	"strings"
	"testing"
	"time"
)

// screen is what a line of a terminal shows after what was written to it.
func screen(written string) string {
	var line []byte
	at := 0
	for _, c := range []byte(written) {
		switch {
		case c == '\r':
			at = 0
			continue
		case at == len(line):
			line = append(line, c)
		default:
			line[at] = c
		}
		at++
	}
	return strings.TrimRight(string(line), " ")
}

func TestProgress(t *testing.T) {
	var to strings.Builder
	now := time.Unix(0, 0)
	columns := 100
	p := &progress{to: &to, width: func() int { return columns }, now: func() time.Time { return now }, total: 100_000}
	step := func(members int, after time.Duration, want string) {
		t.Helper()
		now = now.Add(after)
		p.add(members)
		if got := screen(to.String()); got != want {
			t.Errorf("%q\nwant\n%q", got, want)
		}
	}
	step(100, 0, "")
	step(100, drawEvery/2, "")
	step(24_800, time.Second-drawEvery/2, "25 000 of 100 000 members  25 000/s  3s left  [##########------------------------------]")
	step(5000, drawEvery/2, "25 000 of 100 000 members  25 000/s  3s left  [##########------------------------------]")
	columns = 40
	step(20_000, time.Second-drawEvery/2, "50 000 of 100 000 members  25 000/s")
	columns = 20
	step(0, time.Second, "")
	columns = 70
	step(49_999, time.Second, "99 999 of 100 000 members  24 999/s  0s left  [####################-]")
	step(2, time.Second, "100 001 members  20 000/s")
	p.total = math.MaxInt // as only a broken server says
	step(0, time.Second, "100 001 of 9 223 372 036 854 775 807 members  16 666/s  99h0m0s left")
	p.total = 100_000
	if _, err := p.Write([]byte("waits\n")); err != nil || screen(strings.TrimSuffix(to.String(), "\n")) != "waits" {
		t.Errorf("a note looks like %q, %v", screen(to.String()), err)
	}
	to.Reset()
	step(1000, time.Second, "101 001 members  14 428/s")
	p.clear()
	if got := screen(to.String()); got != "" || !strings.HasSuffix(to.String(), "\r") {
		t.Errorf("it left %q", got)
	}
	for _, line := range strings.Split(to.String(), "\r") {
		if len(line) > 99 {
			t.Errorf("%d columns: %q", len(line), line)
		}
	}
}

func TestNoProgressWithoutATerminal(t *testing.T) {
	command := memberExportCommand()
	command.SetErr(new(strings.Builder))
	p := newProgress(command, 0)
	if p != nil {
		t.Error("a bar")
	}
	p.expect(10)
	p.add(1)
	p.clear()
}
