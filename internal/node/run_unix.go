//go:build unix

package node

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"syscall"
)

// apart keeps Ctrl-C, which a terminal sends to all programs in front, from a
// program: a service is not left half stopped.
func apart(command *exec.Cmd) { command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

func isPrivileged() bool { return os.Geteuid() == 0 }

// owns says whether this user owns a folder.
func owns(folder string) bool {
	info, err := os.Stat(folder)
	return err == nil && isOf(info, os.Geteuid())
}

// isOf says whether a file is a user's.
func isOf(info fs.FileInfo, user int) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == user
}

// isPrivate says why a folder is not this user's alone; nil: it is.
func isPrivate(folder string, info fs.FileInfo) error {
	switch {
	case !isOf(info, os.Geteuid()):
		return fmt.Errorf("%s is another user's, who could remove what is in it; name another folder", folder)
	case info.Mode().Perm()&0o077 != 0:
		return fmt.Errorf("others may look into %s; run: chmod 700 %s", folder, folder)
	}
	return nil
}

// makePrivate makes a folder that is this user's alone, if there is none.
func makePrivate(folder string) error { return os.MkdirAll(folder, 0o700) }

// openNow keeps a file that is opened from being waited for: a pipe.
const openNow = syscall.O_NONBLOCK
