package cli

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// span is a length of time as people write it: 90m, 12h, 30d, 2w. It is a flag's
// value.
type span time.Duration

// maxSpan is far more than anybody means, and less than a Duration can hold.
const maxSpan = 100 * 365 * 24 * time.Hour

func unitOf(letter byte) (time.Duration, bool) {
	switch letter {
	case 'm':
		return time.Minute, true
	case 'h':
		return time.Hour, true
	case 'd':
		return 24 * time.Hour, true
	case 'w':
		return 7 * 24 * time.Hour, true
	}
	return 0, false
}

// Set implements pflag.Value.
func (s *span) Set(text string) error {
	d, err := parseSpan(text)
	*s = span(d)
	return err
}

// String implements pflag.Value.
func (s *span) String() string {
	if *s == 0 {
		return ""
	}
	d := time.Duration(*s)
	for _, letter := range []byte("wdhm") {
		if unit, _ := unitOf(letter); d%unit == 0 {
			return fmt.Sprintf("%d%c", d/unit, letter)
		}
	}
	return d.String()
}

// Type implements pflag.Value.
func (s *span) Type() string { return "time" }

func parseSpan(text string) (time.Duration, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return 0, errSpan
	}
	unit, ok := unitOf(text[len(text)-1])
	count, err := strconv.ParseFloat(text[:len(text)-1], 64)
	switch {
	case !ok || err != nil || !(count > 0):
		return 0, errSpan
	case count > float64(maxSpan/unit):
		return 0, errors.New("that is more than 100 years")
	}
	return max(time.Duration(count*float64(unit)), 1), nil // not 0, which would be none
}

var errSpan = errors.New("want a number and m, h, d or w, as 90m, 12h, 30d or 2w")

// parseMoment reads a moment: how long ago it was, a date, or RFC 3339. Dates
// and times without a zone are local.
func parseMoment(text string, now time.Time) (time.Time, error) {
	text = strings.TrimSpace(text)
	if d, err := parseSpan(text); err == nil {
		return now.Add(-d), nil
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	for _, layout := range []string{time.DateOnly, "2006-01-02 15:04", time.DateTime, "2006-01-02T15:04", "2006-01-02T15:04:05"} {
		if t, err := time.ParseInLocation(layout, text, time.Local); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no time; write how long ago, as 24h or 7d, a date, as 2026-01-31, or a time, as 2026-01-31T18:00:00Z", text)
}
