//go:build unix

package profile

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// lockDir keeps other processes from locking a folder until unlock is called.
// Where folders cannot be locked, as on some network file systems, nobody waits.
func lockDir(path string) (unlock func()) {
	dir, err := os.Open(path)
	if err != nil {
		return func() {}
	}
	for errors.Is(unix.Flock(int(dir.Fd()), unix.LOCK_EX), unix.EINTR) {
	}
	return func() { dir.Close() }
}
