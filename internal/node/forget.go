package node

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// Secret is what a cleanup removes from a home folder.
type Secret string

// The secrets. Without its identity a node gets another address when it starts;
// without the token, whoever knew it can no longer command the service.
const (
	Identity  Secret = "identity"
	AuthToken Secret = "authtoken"
)

// Files are the names of the secret's files, the most important one first.
func (s Secret) Files() []string {
	if s == AuthToken {
		return []string{authTokenFile}
	}
	return []string{secretFile, publicFile}
}

// present returns which of the files there are. One that is no plain file is an
// error: what a link leads to is not removed, and the link alone helps nobody.
func (h *Home) present(names []string) ([]string, error) {
	var found []string
	for _, name := range names {
		info, err := h.root.Lstat(name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return nil, fmt.Errorf("look at %s: %w", filepath.Join(h.path, name), reason(err))
		case info.Mode()&fs.ModeSymlink != 0:
			return nil, fmt.Errorf("%s is a link to another file, which is not removed here; remove both by hand", filepath.Join(h.path, name))
		case !info.Mode().IsRegular():
			return nil, fmt.Errorf("%s is not a plain file", filepath.Join(h.path, name))
		}
		found = append(found, name)
	}
	return found, nil
}

// forget removes files of the home. It returns those that it removed, also when
// one could not be.
func (h *Home) forget(names []string) (removed []string, err error) {
	for _, name := range names {
		if err := h.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return removed, fmt.Errorf("remove %s: %w", filepath.Join(h.path, name), reason(err))
		}
		removed = append(removed, name)
	}
	folder, err := h.root.Open(".")
	if err != nil {
		return removed, fmt.Errorf("open %s: %w", h.path, reason(err))
	}
	defer folder.Close()
	return removed, syncFolder(folder)
}

// syncFolder makes sure that what was made or removed in a folder stays so.
func syncFolder(folder *os.File) error {
	if runtime.GOOS == "windows" {
		return nil // which has nothing like it, and needs it not
	}
	if err := folder.Sync(); err != nil {
		return fmt.Errorf("sync %s: %w", folder.Name(), reason(err))
	}
	return nil
}

// checkBackup finds out what would keep a backup from being made, without making
// anything.
func checkBackup(folder string, names []string) error {
	info, err := os.Stat(folder)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("look at %s: %w", folder, reason(err))
	case !info.IsDir():
		return fmt.Errorf("%s is not a folder", folder)
	case runtime.GOOS == "windows":
		return fmt.Errorf("there is a folder %s already; name a new one, which is made for administrators alone", folder)
	}
	to, err := os.OpenRoot(folder)
	if err != nil {
		return fmt.Errorf("open %s: %w", folder, reason(err))
	}
	defer to.Close()
	return suitable(to, folder, names)
}

// suitable says why a folder that was opened cannot take a backup; nil: it can.
func suitable(to *os.Root, folder string, names []string) error {
	info, err := to.Stat(".")
	if err != nil {
		return fmt.Errorf("look at %s: %w", folder, reason(err))
	}
	if err := isPrivate(folder, info); err != nil {
		return err
	}
	for _, name := range names {
		if _, err := to.Lstat(name); err == nil {
			return fmt.Errorf("%s is in %s already, which is not overwritten; name another folder", name, folder)
		}
	}
	return nil
}

// backup copies files of the home to a folder that only this user may read, and
// returns when they are safe on the disk. It overwrites nothing. When it fails it
// leaves no file behind.
func (h *Home) backup(folder string, names []string) (err error) {
	if err := makePrivate(folder); err != nil {
		return fmt.Errorf("make the folder %s: %w", folder, reason(err))
	}
	to, err := os.OpenRoot(folder)
	if err != nil {
		return fmt.Errorf("open %s: %w", folder, reason(err))
	}
	defer to.Close()
	if err := suitable(to, folder, names); err != nil {
		return err
	}
	var made []string
	defer func() {
		if err != nil {
			for _, name := range made {
				_ = to.Remove(name)
			}
		}
	}()
	for _, name := range names {
		content, err := h.read(name)
		if err != nil {
			return fmt.Errorf("read %s: %w", filepath.Join(h.path, name), err)
		}
		file, err := to.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return fmt.Errorf("make %s: %w", filepath.Join(folder, name), reason(err))
		}
		made = append(made, name)
		_, err = file.Write(content)
		err = errors.Join(err, file.Sync(), file.Close())
		if err != nil {
			return fmt.Errorf("write %s: %w", filepath.Join(folder, name), reason(err))
		}
		if err := sameContent(to, name, content); err != nil {
			return fmt.Errorf("read %s back: %w", filepath.Join(folder, name), err)
		}
	}
	self, err := to.Open(".")
	if err != nil {
		return fmt.Errorf("open %s: %w", folder, reason(err))
	}
	defer self.Close()
	return syncFolder(self)
}

func sameContent(root *os.Root, name string, want []byte) error {
	file, err := root.Open(name)
	if err != nil {
		return reason(err)
	}
	defer file.Close()
	got, err := io.ReadAll(io.LimitReader(file, maxFile))
	if err == nil && !bytes.Equal(got, want) {
		err = errors.New("the copy differs")
	}
	return err
}
