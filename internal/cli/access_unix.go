//go:build unix

package cli

import (
	"os"
	"strconv"
	"syscall"
)

// ours reports whether a folder belongs to the user of this process, or to the
// one that became root with sudo.
func ours(folder string) bool {
	info, err := os.Stat(folder)
	if err != nil {
		return false
	}
	of, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return false
	}
	me := os.Geteuid()
	return int(of.Uid) == me || me == 0 && strconv.Itoa(int(of.Uid)) == os.Getenv("SUDO_UID")
}
