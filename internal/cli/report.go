package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/orrery-net/orrery/internal/client"
)

// words say what a command does to each of several things.
type words struct {
	thing   string // "member"
	would   string // "would authorize"
	done    string // "authorized"
	already string // "was authorized already"
}

// report tells what became of each of several things: a line each for few of
// them, a summary for many.
type report struct {
	c     *cobra.Command
	words words
	total int
	// dryRun: what was done was not, but would have been.
	dryRun bool

	changed, same, failed int
	err                   error     // the last failure
	unwritten             error     // the last failure to say what was done
	progress              *progress // of many; nil: none
}

func newReport(c *cobra.Command, total int, w words) *report {
	r := &report{c: c, words: w, total: total}
	if total > fewThings && w.thing == "member" {
		r.progress = newProgress(c, total)
	}
	return r
}

const (
	// fewThings is for how many things there is a line each.
	fewThings = 25
	// fewFailures is how many failures are shown of many.
	fewFailures = 10
)

// add tells of one thing. What failed alone is what the command fails with, and
// so is what makes all others fail.
func (r *report) add(label string, changed bool, err error) {
	r.progress.add(1)
	switch {
	case err != nil:
		r.failed, r.err = r.failed+1, err
		if r.total > 1 && r.failed <= fewFailures && !hopeless(r.c, err) {
			r.progress.clear()
			fmt.Fprintf(r.c.ErrOrStderr(), "%s: %s\n", label, printable(err.Error()))
		}
		return
	case changed:
		r.changed++
	default:
		r.same++
	}
	if r.total > fewThings {
		return
	}
	if changed {
		r.say(r.did(), label)
	} else {
		r.say(label, r.words.already)
	}
}

// did is what was done, in words.
func (r *report) did() string {
	if r.dryRun {
		return r.words.would
	}
	return r.words.done
}

// say writes a line of the result. That nobody reads it does not stop what is
// being done, which would be left half done.
func (r *report) say(words ...any) {
	if _, err := fmt.Fprintln(r.c.OutOrStdout(), words...); err != nil {
		r.unwritten = err
	}
}

// end tells the sum of many, and makes the error of what failed. What was never
// tried counts as failed.
func (r *report) end() error {
	r.progress.clear()
	if r.total > fewThings {
		if r.changed > 0 {
			r.say(r.did(), count(r.changed, r.words.thing))
		}
		if r.same > 0 {
			r.say(count(r.same, r.words.thing), plural(r.same, r.words.already))
		}
	}
	left := r.total - r.changed - r.same
	switch {
	case r.err == nil && r.unwritten != nil:
		return fmt.Errorf("all is done, but the lines that say so could not be written: %w", r.unwritten)
	case r.err == nil:
		return nil
	case hopeless(r.c, r.err) && left == r.total, r.total == 1:
		return r.err
	case r.c.Context().Err() != nil:
		return partly("interrupted; %d of %d %ss were not %s, as far as is known", left, r.total, r.words.thing, r.words.done)
	case hopeless(r.c, r.err):
		return partly("%d of %d %ss were not %s, as far as is known: %w", left, r.total, r.words.thing, r.words.done, r.err)
	case r.dryRun:
		return partly("%d of %d %ss could not be %s; the lines above say why", left, r.total, r.words.thing, r.words.done)
	case left == r.total:
		return fmt.Errorf("none of the %d %ss was %s; the lines above say why", r.total, r.words.thing, r.words.done)
	}
	return partly("%d of %d %ss were not %s; the lines above say why", left, r.total, r.words.thing, r.words.done)
}

// hopeless reports whether an error makes it useless to go on with others: they
// would have it, too, and each after all the waits and attempts of the client.
func hopeless(c *cobra.Command, err error) bool {
	if err == nil {
		return false
	}
	var refused *client.Error
	if errors.As(err, &refused) {
		switch refused.Status {
		case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
			return true
		}
	}
	return c.Context().Err() != nil || errors.Is(err, client.ErrUnauthorized) || errors.Is(err, client.ErrUnreachable) || errors.Is(err, context.Canceled)
}

// count is "1 member" or "3 members".
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// plural makes "was authorized already" and "is like that already" fit for
// several.
func plural(n int, was string) string {
	if n == 1 {
		return was
	}
	if rest, ok := strings.CutPrefix(was, "was "); ok {
		return "were " + rest
	}
	if rest, ok := strings.CutPrefix(was, "is "); ok {
		return "are " + rest
	}
	return was
}

// distinct leaves out what is named again.
func distinct(names []string) []string {
	var once []string
	for _, name := range names {
		if !slices.Contains(once, name) {
			once = append(once, name)
		}
	}
	return once
}

// noneEmpty is for flags that limit what a command does: one that a script's unset
// variable left empty must not mean that there is no limit.
func noneEmpty(c *cobra.Command, flags ...string) error {
	for _, name := range flags {
		if flag := c.Flags().Lookup(name); flag != nil && flag.Changed && strings.TrimSpace(flag.Value.String()) == "" {
			return usage(c, fmt.Errorf("--%s is empty", name))
		}
	}
	return nil
}

// exactly is for commands that want these arguments and no more.
func exactly(things ...string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) > len(things) {
			return usage(c, fmt.Errorf("%q is too much; want one %s", args[len(things)], strings.Join(things, " and one ")))
		}
		return atLeast(things...)(c, args)
	}
}

// atLeast is for commands that want so many arguments, and says what is missing.
func atLeast(things ...string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) < len(things) {
			return usage(c, fmt.Errorf("which %s?", things[len(args)]))
		}
		return nil
	}
}
