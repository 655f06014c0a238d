package export

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// nobody is a user and a group that files can belong to.
const nobody = 65534

// asNobody does something with files as another user. The thread that does it is
// not used again.
func asNobody(t *testing.T, do func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := errors.Join(syscall.Setfsgid(nobody), syscall.Setfsuid(nobody))
		if err == nil {
			do()
		}
		done <- err
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestFileKeepsItsOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	path := filepath.Join(t.TempDir(), "m.csv")
	if err := os.WriteFile(path, nil, 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(path, 1234, nobody); err != nil {
		t.Fatal(err)
	}
	exportTo(t, path, "", Options{Members: true}, nastyRows(t))
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if is := info.Sys().(*syscall.Stat_t); is.Uid != 1234 || is.Gid != nobody || info.Mode().Perm() != 0o640 || info.Size() == 0 {
		t.Errorf("owner %d, group %d, mode %v, %d bytes", is.Uid, is.Gid, info.Mode(), info.Size())
	}
}

// TestFileOfOthers replaces files of others as a user who may write to some of
// them.
func TestFileOfOthers(t *testing.T) {
	folder := t.TempDir()
	for _, at := range []string{filepath.Dir(folder), folder} { // the other user has to get there
		if err := os.Chmod(at, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	for _, x := range []struct {
		mode, want fs.FileMode
		err        string
	}{
		{mode: 0o644, want: 0o644, err: "permission denied"},
		{mode: 0o666, want: 0o666},
		{mode: 0o662, want: 0o622}, // the group is another one now, which must not read it
	} {
		path := filepath.Join(folder, x.mode.String())
		if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, x.mode); err != nil {
			t.Fatal(err)
		}
		var err error
		asNobody(t, func() {
			var r *replacement
			if r, err = replaceFile(path); err == nil {
				err = r.commit()
			}
		})
		if (err == nil) != (x.err == "") || err != nil && !strings.HasSuffix(err.Error(), x.err) {
			t.Errorf("%v: %v", x.mode, err)
		}
		info, err := os.Stat(path)
		if err != nil || info.Mode() != x.want || (info.Size() == 0) != (x.err == "") {
			t.Errorf("%v: %v, %v", x.mode, info, err)
		}
	}
	if err := os.Chmod(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	asNobody(t, func() {
		if _, err := replaceFile(filepath.Join(folder, "new")); err == nil || !strings.HasSuffix(err.Error(), "new: no file can be made in its folder: permission denied") {
			t.Error(err)
		}
	})
}
