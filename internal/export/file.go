package export

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// replacement is a file that takes the place of another one when it is complete.
// Where a device or a pipe is in that place, it is written to as it is.
type replacement struct {
	*os.File
	path string // as the user wrote it
	real string // behind links; empty: a device or a pipe
}

// replaceFile begins a file next to the one that it will replace. It keeps that
// one's mode and, as far as it may, its owner, and what a link points to is
// replaced, not the link.
func replaceFile(path string) (*replacement, error) {
	r, err := openReplacement(path)
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", path, cause(err))
	}
	return r, nil
}

func openReplacement(path string) (*replacement, error) {
	real, info, err := find(path)
	if err != nil {
		return nil, err
	}
	if info == nil {
		file, err := os.OpenFile(temporaryName(real), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
		return &replacement{File: file, path: path, real: real}, inFolder(err)
	}
	// Who may not change a file shall not replace it either.
	old, err := os.OpenFile(real, os.O_WRONLY, 0)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return &replacement{File: old, path: path}, nil
	}
	if err := old.Close(); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(temporaryName(real), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, inFolder(err)
	}
	r := &replacement{File: file, path: path, real: real}
	if err := file.Chmod(keepOwner(file, info)); err != nil {
		r.discard()
		return nil, err
	}
	return r, nil
}

// find finds what is at a path. real is the path behind links; info is nil if
// nothing is there yet.
func find(path string) (real string, info fs.FileInfo, err error) {
	info, err = os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		info = nil
	case err != nil:
		return "", nil, err
	case info.IsDir():
		return "", nil, errors.New("it is a folder")
	case !info.Mode().IsRegular():
		return path, info, nil // the links of /dev/stdout lead nowhere
	}
	real, err = followLinks(path)
	return real, info, err
}

// inFolder makes clear that what cannot be made is a file next to the one that the
// user named.
func inFolder(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("no file can be made in its folder: %w", cause(err))
	}
	return err
}

// temporaryName is that of a file next to another one, which may itself have a
// name that is as long as names can be.
func temporaryName(path string) string {
	return filepath.Join(filepath.Dir(path), ".orrery-"+rand.Text())
}

// cause is an error without the name of the file, which is not the one that the
// user named.
func cause(err error) error {
	var path *fs.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &path):
		return path.Err
	case errors.As(err, &link):
		return link.Err
	}
	return err
}

// followLinks finds the file that a path leads to, which may not be there yet.
func followLinks(path string) (string, error) {
	for range 40 {
		to, err := os.Readlink(path)
		if err != nil {
			return path, nil // no link, or nothing there
		}
		if !filepath.IsAbs(to) {
			to = filepath.Join(filepath.Dir(path), to)
		}
		path = to
	}
	return "", errors.New("too many links")
}

// commit makes the file durable and puts it in its place.
func (r *replacement) commit() error {
	if r.real == "" {
		return r.Close()
	}
	err := r.Sync()
	err = errors.Join(err, r.Close())
	if err == nil {
		err = os.Rename(r.Name(), r.real)
	}
	if err != nil {
		os.Remove(r.Name())
	}
	return cause(err)
}

// discard leaves what was there before.
func (r *replacement) discard() {
	r.Close()
	if r.real != "" {
		os.Remove(r.Name())
	}
}
