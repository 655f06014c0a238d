package export

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// fileFormats are the formats that go to a file, each in its own way.
var fileFormats = map[string]Format{"m.csv": CSV, "m.json": JSON, "m.yml": Ansible, "m.xlsx": XLSX, "m.db": SQLite}

func TestAnExportThatEndsEarlyLeavesNothing(t *testing.T) {
	rows := nastyRows(t)
	for name, f := range fileFormats {
		for how, end := range map[string]func(w Writer, ctx context.Context, cancel func()) error{
			"abort": func(w Writer, _ context.Context, _ func()) error { w.Abort(); return nil },
			"canceled while writing": func(w Writer, ctx context.Context, cancel func()) error {
				cancel()
				err := w.Write(ctx, rows[1])
				w.Abort()
				return err
			},
			"canceled at the end": func(w Writer, ctx context.Context, cancel func()) error {
				cancel()
				return w.Close(ctx)
			},
		} {
			folder := t.TempDir()
			path := filepath.Join(folder, name)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			w, err := Open(ctx, Target{Format: f, Path: path}, Options{Members: true})
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range rows {
				if err := w.Write(ctx, r); err != nil {
					t.Fatal(err)
				}
			}
			if err := end(w, ctx, cancel); err != nil && !errors.Is(err, context.Canceled) || err == nil && how != "abort" {
				t.Errorf("%s, %s: %v", f, how, err)
			}
			onlyFiles(t, folder)
		}
	}
}

func TestAnExportThatEndsEarlyKeepsTheOldFile(t *testing.T) {
	rows := nastyRows(t)
	for name, f := range fileFormats {
		folder := t.TempDir()
		path := filepath.Join(folder, name)
		exportTo(t, path, "", Options{Members: true}, rows[:3])
		before, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		w, err := Open(t.Context(), Target{Format: f, Path: path}, Options{Members: true})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			if err := w.Write(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		}
		w.Abort()
		if after, err := os.ReadFile(path); err != nil || string(after) != string(before) {
			t.Errorf("%s: the file changed, %v", f, err)
		}
		onlyFiles(t, folder, name)
		exportTo(t, path, "", Options{Members: true}, rows)
		if after, err := os.ReadFile(path); err != nil || string(after) == string(before) {
			t.Errorf("%s: the file did not change, %v", f, err)
		}
		onlyFiles(t, folder, name)
	}
}

func TestFileKeepsModeAndLinks(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has neither modes nor links for everybody")
	}
	rows := nastyRows(t)[:2]
	for name := range fileFormats {
		folder := t.TempDir()
		if err := os.Mkdir(filepath.Join(folder, "real"), 0o755); err != nil {
			t.Fatal(err)
		}
		link, real := filepath.Join(folder, name), filepath.Join(folder, "real", name)
		if err := os.Symlink(filepath.Join("real", name), link); err != nil {
			t.Fatal(err)
		}
		for _, mode := range []os.FileMode{0o644, 0o600, 0o664} { // the first is that of a file that was not there
			exportTo(t, link, "", Options{Members: true}, rows)
			info, err := os.Stat(real)
			if err != nil || info.Mode().Perm() != mode {
				t.Errorf("%s: %v, %v, want the mode %v", name, info, err, mode)
			}
			if to, err := os.Readlink(link); err != nil || to != filepath.Join("real", name) {
				t.Errorf("%s: the link leads to %q, %v", name, to, err)
			}
			next := map[os.FileMode]os.FileMode{0o644: 0o600, 0o600: 0o664, 0o664: 0o664}[mode]
			if err := os.Chmod(real, next); err != nil {
				t.Fatal(err)
			}
		}
		onlyFiles(t, filepath.Join(folder, "real"), name)
	}
}

func TestFileThatCannotBeWritten(t *testing.T) {
	folder := t.TempDir()
	if err := os.Mkdir(filepath.Join(folder, "dir.csv"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(folder, "dir.db"), 0o755); err != nil {
		t.Fatal(err)
	}
	for to, want := range map[string]string{
		"none/m.csv": "none/m.csv: no such file or directory", "none/m.db": "none/m.db: no such file or directory",
		"dir.csv": "it is a folder", "dir.db": "it is a folder",
	} {
		path := filepath.Join(folder, filepath.FromSlash(to))
		target, err := ParseTarget(path, "")
		if err != nil {
			t.Fatal(err)
		}
		_, err = Open(t.Context(), target, Options{Members: true})
		if err == nil || strings.Contains(err.Error(), ".orrery-") || runtime.GOOS != "windows" && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", to, err)
		}
	}
	onlyFiles(t, folder, "dir.csv", "dir.db")
}

func TestADeviceIsWrittenTo(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("NUL is no file")
	}
	exportTo(t, os.DevNull, CSV, Options{Members: true}, nastyRows(t))
	if info, err := os.Stat(os.DevNull); err != nil || info.Mode().IsRegular() {
		t.Errorf("%v, %v", info, err)
	}
}

// TestAPipeBehindALink has what a shell puts in the place of >(program): a link to
// a pipe.
func TestAPipeBehindALink(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no /dev/fd")
	}
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	path := fmt.Sprintf("/dev/fd/%d", writer.Fd())
	if target := (Target{Format: CSV, Path: path}); !target.Streams() {
		t.Error("a pipe is taken for a file")
	}
	exportTo(t, path, CSV, Options{Members: true}, nastyRows(t)[:2])
	writer.Close()
	if content, err := io.ReadAll(reader); err != nil || !strings.HasSuffix(string(content), ",plain\r\n") {
		t.Errorf("%q, %v", content, err)
	}
}

// TestErrorsNameTheFileOfTheUser has a disk that fails.
func TestErrorsNameTheFileOfTheUser(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.csv")
	w, err := Open(t.Context(), Target{Format: CSV, Path: path}, Options{Members: true})
	if err != nil {
		t.Fatal(err)
	}
	w.(*document).file.Close()
	for _, r := range nastyRows(t)[:2] {
		if err := w.Write(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(t.Context()); err == nil || err.Error() != "write "+path+": file already closed" {
		t.Error(err)
	}
	onlyFiles(t, filepath.Dir(path))
}

// TestWorkbooksLeaveNothingElsewhere ends early when the library has rows in files
// of its own.
func TestWorkbooksLeaveNothingElsewhere(t *testing.T) {
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	t.Setenv("TMP", temporary)
	w, err := Open(t.Context(), Target{Format: XLSX, Path: filepath.Join(t.TempDir(), "m.xlsx")}, Options{Members: true})
	if err != nil {
		t.Fatal(err)
	}
	network := networkRow(t, office, "office")
	m := memberRow(t, network, 0, strings.Repeat("x", 30_000))
	if err := w.Write(t.Context(), network); err != nil {
		t.Fatal(err)
	}
	for range 700 {
		if err := w.Write(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	if files, err := os.ReadDir(temporary); err != nil || len(files) == 0 {
		t.Fatalf("the library keeps no file: %v, %v", files, err)
	}
	w.Abort()
	onlyFiles(t, temporary)
}
