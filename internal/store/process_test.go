package store

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/zt"
)

// The test binary runs itself as another process: these variables say as what.
const (
	childRole = "ORRERY_STORE_TEST_CHILD"
	childDir  = "ORRERY_STORE_TEST_DIR"
)

func TestMain(m *testing.M) {
	dir := os.Getenv(childDir)
	var err error
	switch os.Getenv(childRole) {
	case "":
		os.Exit(m.Run())
	case "write":
		err = writeUntilKilled(filepath.Join(dir, "orrery.db"))
	case "lock":
		_, err = LockDir(dir)
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func child(t *testing.T, role, dir string) *exec.Cmd {
	t.Helper()
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), childRole+"="+role, childDir+"="+dir)
	command.Stderr = os.Stderr
	return command
}

const (
	childWrites  = 1000
	childWriters = 5
)

// writeUntilKilled makes a thousand updates and prints the number of each when
// it is acknowledged.
func writeUntilKilled(path string) error {
	ctx := context.Background()
	s, err := Open(ctx, Options{Path: path})
	if err != nil {
		return err
	}
	err = s.Update(ctx, func(tx *Tx) error { return tx.PutNetwork(model.NewNetwork(testNetwork, "owner", 1)) })
	if err != nil {
		return err
	}
	var all sync.WaitGroup
	for writer := range childWriters {
		all.Go(func() {
			for i := writer; i < childWrites; i += childWriters {
				err := s.Update(ctx, func(tx *Tx) error {
					m := model.NewMember(testNetwork, testNode+zt.Address(i), 1)
					if err := tx.PutMember(m); err != nil {
						return err
					}
					return tx.AppendEvent(&model.Event{Kind: model.MemberAdded, Network: m.Network, Node: m.Node})
				})
				if err != nil {
					fmt.Println(err)
					os.Exit(1)
				}
				fmt.Println(i)
			}
		})
	}
	all.Wait()
	return nil // without closing: the parent missed its moment
}

func TestKilledProcessLosesNothingAcknowledged(t *testing.T) {
	for _, killAfter := range []int{1, 137, 500} {
		t.Run(strconv.Itoa(killAfter), func(t *testing.T) {
			dir := t.TempDir()
			command := child(t, "write", dir)
			output, err := command.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := command.Start(); err != nil {
				t.Fatal(err)
			}
			var acknowledged []int
			for lines := bufio.NewScanner(output); lines.Scan(); {
				i, err := strconv.Atoi(lines.Text())
				if err != nil {
					t.Fatalf("the child says %q", lines.Text())
				}
				acknowledged = append(acknowledged, i)
				if len(acknowledged) == killAfter {
					if err := command.Process.Kill(); err != nil {
						t.Fatal(err)
					}
				}
			}
			if err := command.Wait(); err == nil || len(acknowledged) >= childWrites {
				t.Fatalf("the child was not killed midway: %d writes, %v", len(acknowledged), err)
			}
			s := open(t, filepath.Join(dir, "orrery.db"))
			for _, i := range acknowledged {
				if _, err := s.Member(t.Context(), testNetwork, testNode+zt.Address(i)); err != nil {
					t.Errorf("write %d was acknowledged: %v", i, err)
				}
			}
			events, err := s.Events(t.Context(), 0, childWrites)
			if err != nil {
				t.Fatal(err)
			}
			members := 0
			if err := s.Members(t.Context(), testNetwork, func(*model.Member) error { members++; return nil }); err != nil {
				t.Fatal(err)
			}
			if members != len(events) {
				t.Errorf("%d members but %d events", members, len(events))
			}
			change(t, s, func(tx *Tx) error { return tx.SetMeta("after", "1") })
		})
	}
}

func TestOneProcessHoldsAFolder(t *testing.T) {
	dir := t.TempDir()
	unlock, err := LockDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	pid := "process " + strconv.Itoa(os.Getpid())
	if _, err := LockDir(dir); !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), pid) {
		t.Errorf("locked twice in one process: %v", err)
	}
	output, err := child(t, "lock", dir).Output()
	if err == nil || !strings.Contains(string(output), pid) || !strings.Contains(string(output), dir) {
		t.Errorf("locked by two processes: %v, %s", err, output)
	}
	if err := unlock(); err != nil {
		t.Fatal(err)
	}
	if output, err := child(t, "lock", dir).Output(); err != nil {
		t.Errorf("not unlocked: %v, %s", err, output)
	}
	// The child ended without unlocking.
	unlock, err = LockDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := unlock(); err != nil {
		t.Error(err)
	}
	if _, err := LockDir(filepath.Join(dir, "none")); err == nil || errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), "right to write") {
		t.Errorf("no folder: %v", err)
	}
}
