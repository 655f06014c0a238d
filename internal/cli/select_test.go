package cli

import (
	"context"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/orrery-net/orrery/internal/client"
)

func TestOffline(t *testing.T) {
	const day = 24 * 60 * 60 * 1000
	now := time.UnixMilli(100 * day)
	for _, x := range []struct {
		what   string
		member client.Member
		days   int
	}{
		{"seen", client.Member{Clock: 100 * day, LastSeen: 70 * day}, 30},
		{"seen, by the server's clock", client.Member{Clock: 90 * day, LastSeen: 70 * day}, 20},
		{"the server does not tell its clock", client.Member{LastSeen: 70 * day}, 30},
		{"never seen since it was added", client.Member{Clock: 100 * day, Config: client.MemberConfig{CreationTime: 60 * day}}, 40},
		{"seen, and the server forgot when", client.Member{Clock: 100 * day, ClientVersion: "1.10.2", Config: client.MemberConfig{CreationTime: 60 * day}}, 0},
		{"nobody knows since when it is there", client.Member{Clock: 100 * day}, 0},
		{"here", client.Member{Clock: 100 * day, LastSeen: 100*day - 60_000}, 0},
		{"authorized lately, not seen yet", client.Member{Clock: 100 * day, Config: client.MemberConfig{CreationTime: 60 * day, LastAuthorizedTime: 99 * day}}, 1},
	} {
		if got := offline(&x.member, now); got != time.Duration(x.days)*24*time.Hour {
			t.Errorf("%s: %v, want %d days", x.what, got, x.days)
		}
	}
}

func TestPending(t *testing.T) {
	for _, x := range []struct {
		what    string
		member  client.Member
		pending bool
	}{
		{"asked", client.Member{LastSeen: 1}, true},
		{"asked, and the server forgot when", client.Member{ClientVersion: "-1.-1.-1"}, true},
		{"was only added", client.Member{ClientVersion: "0.0.0"}, false},
		{"is in", client.Member{LastSeen: 1, Config: client.MemberConfig{Authorized: true, LastAuthorizedTime: 1}}, false},
		{"was put out", client.Member{LastSeen: 1, Config: client.MemberConfig{LastAuthorizedTime: 1}}, false},
		{"is hidden", client.Member{LastSeen: 1, Hidden: true}, false},
	} {
		if got := isPending(&x.member); got != x.pending {
			t.Errorf("%s: %v", x.what, got)
		}
	}
}

func TestReadLines(t *testing.T) {
	got, err := readLines(strings.NewReader("\ufeff8a9d09e442\r\n\n  # a note\n alice's laptop \n8a9d09e443   # hers\nprinter #2\n8A9D09E444"))
	want := []string{"8a9d09e442", "alice's laptop", "8a9d09e443", "printer #2", "8A9D09E444"}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := readLines(strings.NewReader(strings.Repeat("x", 5000))); err == nil || !strings.Contains(err.Error(), "a line is longer") {
		t.Errorf("a line without end: %v", err)
	}
	for _, text := range []string{"8a9d09e442\n\xff\xfe8", "8a9d09e442\n8\x00a\x00"} {
		if _, err := readLines(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), "line 2 is no text in UTF-8") {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := readLines(&endless{}); err == nil || !strings.Contains(err.Error(), "more than 32 MiB") {
		t.Errorf("input without end: %v", err)
	}
}

// endless is an input that never ends.
type endless struct{ at int }

func (e *endless) Read(p []byte) (int, error) {
	line := "# 8a9d09e442 and no other, over and over again, for as long as somebody reads it\n"
	for i := range p {
		p[i] = line[(e.at+i)%len(line)]
	}
	e.at += len(p)
	return len(p), nil
}

// Ctrl-C ends the program though standard input goes on.
func TestReadingEndsWithTheCommand(t *testing.T) {
	in, _ := io.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	c := &cobra.Command{}
	c.SetContext(ctx)
	c.SetIn(in)
	cancel()
	for what, read := range map[string]func() error{
		"-":      func() error { _, err := withInput(c, []string{"-"}); return err },
		"--json": func() error { _, err := readPatch(c, "-"); return err },
	} {
		if status, line := exitStatus(read(), true); status != exitFailed || line != "interrupted" {
			t.Errorf("%s: status %d %q", what, status, line)
		}
	}
}

func TestSpans(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"90m": 90 * time.Minute, "12h": 12 * time.Hour, "30d": 720 * time.Hour, "2w": 336 * time.Hour, "0.5d": 12 * time.Hour,
	} {
		var s span
		if err := s.Set(text); err != nil || time.Duration(s) != want {
			t.Errorf("%s: %v, %v", text, time.Duration(s), err)
		}
		var again span
		if err := again.Set(s.String()); err != nil || again != s {
			t.Errorf("%s is written %s", text, s.String())
		}
	}
	for _, text := range []string{"", "d", "30", "-3d", "0d", "1s", "NaNd", "Infd", "1e300d", "36501d", "3 months"} {
		if d, err := parseSpan(text); err == nil {
			t.Errorf("%q is %v", text, d)
		}
	}
}

func TestMoments(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"24h":                       now.Add(-24 * time.Hour),
		"2026-02-01":                time.Date(2026, 2, 1, 0, 0, 0, 0, time.Local),
		"2026-02-01 18:30":          time.Date(2026, 2, 1, 18, 30, 0, 0, time.Local),
		"2026-02-01T18:30:00+02:00": time.Date(2026, 2, 1, 16, 30, 0, 0, time.UTC),
	} {
		if got, err := parseMoment(text, now); err != nil || !got.Equal(want) {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	if got, err := parseExpiry("30d", now); err != nil || !got.Equal(now.Add(30*24*time.Hour)) {
		t.Errorf("in 30 days: %v, %v", got, err)
	}
}
