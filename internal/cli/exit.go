package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/orrery-net/orrery/internal/server"
)

// The exit statuses of every command.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
	exitPartly = 3
)

// errPartly is wrapped by the error of a command that did some of what it was
// asked to do, and not all.
var errPartly = errors.New("partly done")

// errNo ends a command that answers a question with no: the status says it, and
// nothing else needs to be said.
var errNo = errors.New("no")

// partly makes the error of a command of which part is done; what is not done is
// its text.
func partly(format string, values ...any) error {
	return fmt.Errorf("%w: %w", errPartly, fmt.Errorf(format, values...))
}

// exitStatus says how a command ended, and the line for standard error; begun
// is whether the command itself was reached.
func exitStatus(err error, begun bool) (status int, line string) {
	if err == nil {
		return exitDone, ""
	}
	line = err.Error()
	for _, internal := range []error{server.ErrUsage, errPartly} {
		line = strings.TrimPrefix(line, internal.Error()+": ")
	}
	line = printable(strings.ReplaceAll(line, "\n", "; "))
	switch {
	case !begun || errors.Is(err, server.ErrUsage):
		return exitUsage, line
	case errors.Is(err, errNo):
		return exitFailed, ""
	case errors.Is(err, errPartly):
		return exitPartly, line
	case errors.Is(err, context.Canceled):
		return exitFailed, "interrupted"
	case nobodyReads(err): // as head(1), which has enough
		return exitFailed, ""
	}
	return exitFailed, line
}
