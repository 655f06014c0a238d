//go:build unix

package export

import (
	"io/fs"
	"os"
	"syscall"
)

// keepOwner gives a file the owner and the group of the one that it replaces, or
// only the group if the user may do no more, and returns the mode that it can have
// then: another group gets no more than everybody.
func keepOwner(file *os.File, old fs.FileInfo) fs.FileMode {
	mode := old.Mode().Perm()
	was, ok := old.Sys().(*syscall.Stat_t)
	if ok && file.Chown(int(was.Uid), int(was.Gid)) != nil && file.Chown(-1, int(was.Gid)) != nil {
		const group, others = 0o070, 0o007
		mode &= ^fs.FileMode(group) | mode&others<<3
	}
	return mode
}
