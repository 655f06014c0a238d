//go:build unix

package doctor

import "golang.org/x/sys/unix"

// freeSpace is how many bytes this user can still write on the disk of a folder.
func freeSpace(folder string) (uint64, error) {
	var disk unix.Statfs_t
	if err := unix.Statfs(folder, &disk); err != nil {
		return 0, err
	}
	return uint64(max(disk.Bavail, 0)) * uint64(disk.Bsize), nil
}
