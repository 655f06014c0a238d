package store

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestCheck(t *testing.T) {
	path := filepath.Join(t.TempDir(), "orrery.db")
	s, err := Open(t.Context(), Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	// It is checked while it is open, and after: the log is gone then.
	for range 2 {
		if damage, err := Check(t.Context(), path); err != nil || damage != nil {
			t.Fatalf("%q %v", damage, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if left, err := filepath.Glob(path + "*"); err != nil || len(left) != 1 {
		t.Errorf("a check of a closed database leaves %v %v", left, err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if damage, err := Check(ended, path); !errors.Is(err, context.Canceled) || damage != nil {
		t.Errorf("after the end: %q %v", damage, err)
	}

	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	const page = 4096
	if _, err := file.WriteAt(make([]byte, 3*page), 2*page); err != nil {
		t.Fatal(err)
	}
	if damage, err := Check(t.Context(), path); err != nil || len(damage) == 0 {
		t.Errorf("damaged pages: %q %v", damage, err)
	}
	if _, err := file.WriteAt([]byte("no database at all"), 0); err != nil {
		t.Fatal(err)
	}
	if damage, err := Check(t.Context(), path); err != nil || len(damage) != 1 {
		t.Errorf("a damaged header: %q %v", damage, err)
	}
	if _, err := Check(t.Context(), path+".lost"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}
