package server

import (
	"bytes"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite" // to hold the database as another program would

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/internal/store"
)

// A stop has 5 s, also while the store hangs: here because another program has
// the database.
func TestStopDoesNotWaitForAStoreThatHangs(t *testing.T) {
	c := settled(t)
	s := start(t, c)
	// It waits for its turn: a server that has just started may still be writing.
	other, err := sql.Open("sqlite", filepath.Join(c.Data, databaseFile)+"?_pragma=busy_timeout(10000)")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	other.SetMaxOpenConns(1)
	if _, err := other.Exec("BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	writing := make(chan struct{})
	go func() {
		defer close(writing)
		_ = s.store.Update(t.Context(), func(*store.Tx) error { return nil })
	}()
	stopped := make(chan error, 1)
	go func() { stopped <- s.Stop() }()
	select {
	case err := <-stopped:
		if err == nil || !strings.Contains(err.Error(), "did not stop in time") {
			t.Errorf("stopped with %v", err)
		}
	case <-time.After(stopHTTP + stopParts + stopStore):
		t.Error("the stop takes more than 5 s")
		<-stopped
	}
	if _, err := other.Exec("ROLLBACK"); err != nil {
		t.Error(err)
	}
	<-writing
}

func TestOldEventsAreForgotten(t *testing.T) {
	s := start(t, settled(t))
	now := time.Now()
	err := s.store.Update(t.Context(), func(tx *store.Tx) error {
		for _, age := range []time.Duration{keepEvents + time.Hour, keepEvents - time.Hour} {
			if err := tx.AppendEvent(&model.Event{Time: now.Add(-age).UnixMilli(), Kind: model.TokenDeleted}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	s.forgetEvents(t.Context(), now)
	events, err := s.store.Events(t.Context(), 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	deleted := 0
	for _, e := range events {
		if e.Kind == model.TokenDeleted {
			deleted++
		}
	}
	if deleted != 1 {
		t.Errorf("%d of two events are left, want the younger one", deleted)
	}
}

// Every part of a request and of an answer has its time.
func TestConnectionsHaveLimits(t *testing.T) {
	h := start(t, settled(t)).http
	if h.ReadHeaderTimeout == 0 || h.ReadTimeout == 0 || h.WriteTimeout == 0 || h.IdleTimeout == 0 || h.MaxHeaderBytes == 0 {
		t.Errorf("a client can hold a connection forever: %+v", h)
	}
}

func TestReadableSecretsAreComplainedAbout(t *testing.T) {
	c := settled(t)
	if err := start(t, c).Stop(); err != nil {
		t.Fatal(err)
	}
	secrets := []string{identitySecretFile, ownerTokenFile, planetSecretFile}
	for _, name := range secrets {
		if err := os.Chmod(filepath.Join(c.Data, name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var log bytes.Buffer
	s, err := Start(t.Context(), c, &log)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	for _, name := range secrets {
		if !strings.Contains(log.String(), filepath.Join(c.Data, name)) {
			t.Errorf("nothing says that others can read %s:\n%s", name, log.String())
		}
	}
}
