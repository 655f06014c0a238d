package cli

import (
	"errors"

	"golang.org/x/sys/windows"
)

// nobodyReads reports whether a write failed because the other end of the pipe
// is closed.
func nobodyReads(err error) bool {
	return errors.Is(err, windows.ERROR_BROKEN_PIPE) || errors.Is(err, windows.ERROR_NO_DATA)
}
