//go:build unix

package cli

import (
	"errors"
	"syscall"
)

// nobodyReads reports whether a write failed because the other end of the pipe
// is closed.
func nobodyReads(err error) bool { return errors.Is(err, syscall.EPIPE) }
