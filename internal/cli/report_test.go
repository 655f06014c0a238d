package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/orrery-net/orrery/internal/client"
)

func TestReports(t *testing.T) {
	broken := errors.New("it broke")
	for _, x := range []struct {
		what         string
		outcomes     []error // nil: done
		total        int
		interrupted  bool
		status       int
		line         string
		out, errOut  string
		lines, notes int
	}{
		{what: "few", outcomes: []error{nil, nil}, total: 2, out: "authorized m0\nauthorized m1\n", lines: 2},
		{what: "one that fails", outcomes: []error{broken}, total: 1, status: exitFailed, line: "it broke"},
		{what: "all fail", outcomes: []error{broken, broken}, total: 2, status: exitFailed, line: "none of the 2 members was authorized; the lines above say why", errOut: "m0: it broke\nm1: it broke\n", notes: 2},
		{what: "some fail", outcomes: []error{nil, broken}, total: 2, status: exitPartly, line: "1 of 2 members were not authorized; the lines above say why", lines: 1, notes: 1},
		{what: "many", outcomes: make([]error, 40), total: 40, out: "authorized 40 members\n", lines: 1},
		{what: "many fail", outcomes: append(make([]error, 1), repeat(broken, 39)...), total: 40, status: exitPartly, line: "39 of 40 members were not authorized; the lines above say why", lines: 1, notes: fewFailures},
		{what: "the token ends on the way", outcomes: []error{nil, client.ErrUnauthorized}, total: 5, status: exitPartly, line: "4 of 5 members were not authorized, as far as is known: unauthorized", lines: 1},
		{what: "the token is not good", outcomes: []error{client.ErrUnauthorized}, total: 5, status: exitFailed, line: "unauthorized"},
		{what: "Ctrl-C on the way", outcomes: []error{nil, context.Canceled}, total: 5, interrupted: true, status: exitPartly, line: "interrupted; 4 of 5 members were not authorized, as far as is known", lines: 1},
		{what: "Ctrl-C at once", outcomes: []error{context.Canceled}, total: 5, interrupted: true, status: exitFailed, line: "interrupted"},
	} {
		t.Run(x.what, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var out, errOut bytes.Buffer
			c := &cobra.Command{}
			c.SetContext(ctx)
			c.SetOut(&out)
			c.SetErr(&errOut)
			r := newReport(c, x.total, words{thing: "member", done: "authorized", already: "was authorized already"})
			for i, err := range x.outcomes {
				if x.interrupted && err != nil {
					cancel()
				}
				r.add(fmt.Sprintf("m%d", i), err == nil, err)
			}
			status, line := exitStatus(r.end(), true)
			if status != x.status || line != x.line {
				t.Errorf("status %d %q", status, line)
			}
			if x.out != "" && out.String() != x.out || strings.Count(out.String(), "\n") != x.lines {
				t.Errorf("output %q", &out)
			}
			if x.errOut != "" && errOut.String() != x.errOut || strings.Count(errOut.String(), "\n") != x.notes {
				t.Errorf("standard error %q", &errOut)
			}
		})
	}
}

func repeat(err error, times int) []error {
	all := make([]error, times)
	for i := range all {
		all[i] = err
	}
	return all
}
