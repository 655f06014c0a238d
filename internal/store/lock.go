package store

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// lockName is the file in the data folder whose lock says that a process works
// with the folder. It stays there; the lock ends with the process.
const lockName = "orrery.lock"

// ErrLocked is why LockDir fails while another process holds the folder.
var ErrLocked = errors.New("in use")

// LockDir keeps other processes from working with a data folder until unlock is
// called or this process ends, however it ends. If another process holds the
// folder, the error wraps ErrLocked and names the process.
func LockDir(dir string) (unlock func() error, err error) {
	path := filepath.Join(dir, lockName)
	// A link would have the process's number written over what it leads to.
	if info, err := os.Lstat(path); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("lock the data folder: %s is no file; remove it", path)
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the data folder: %w; give this user the right to write in %s", err, dir)
	}
	if err := lockFile(file); err != nil {
		holder := holderOf(file)
		file.Close()
		if errors.Is(err, ErrLocked) {
			return nil, fmt.Errorf("the data folder %s is %w by process %s; stop that one first, or choose another folder with --data", dir, ErrLocked, holder)
		}
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	if err := writeHolder(file); err != nil {
		file.Close()
		return nil, fmt.Errorf("write %s: %w", path, err)
	}
	return file.Close, nil
}

func writeHolder(file *os.File) error {
	if err := file.Truncate(0); err != nil {
		return err
	}
	_, err := file.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}

func holderOf(file *os.File) string {
	text, err := io.ReadAll(io.LimitReader(file, 20))
	pid := strings.TrimSpace(string(text))
	if _, convErr := strconv.Atoi(pid); err != nil || convErr != nil {
		return "(unknown)"
	}
	return pid
}
