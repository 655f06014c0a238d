package table

import (
	"fmt"
	"time"
)

// Relative says how long before or after now a moment is, in the largest unit
// that fits: "now", "12 s ago", "3 min ago", "5 h ago", "4 days ago", "in 2 months".
// Nothing is further away than 292 years, the longest that a Duration can be.
func Relative(t, now time.Time) string {
	const day = 24 * time.Hour
	d := now.Sub(t)
	format := "%d %s ago"
	if d < 0 {
		d, format = t.Sub(now), "in %d %s" // not -d: the longest one has no opposite
	}
	switch {
	case d < time.Second:
		return "now"
	case d < time.Minute:
		return fmt.Sprintf(format, d/time.Second, "s")
	case d < time.Hour:
		return fmt.Sprintf(format, d/time.Minute, "min")
	case d < 2*day:
		return fmt.Sprintf(format, d/time.Hour, "h")
	case d < 60*day:
		return fmt.Sprintf(format, d/day, "days")
	case d < 730*day:
		return fmt.Sprintf(format, d/(30*day), "months")
	}
	return fmt.Sprintf(format, d/(365*day), "years")
}
