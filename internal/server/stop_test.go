package server

import (
	"bytes"
	"database/sql"
	"fmt"
	"io"
	"net"
	"net/http"
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
	for _, x := range []struct {
		keep time.Duration
		want int
	}{{10 * day, 1}, {100 * day, 2}, {0, 2}} {
		c := settled(t)
		c.KeepActivity = x.keep
		s := start(t, c)
		now := time.Now()
		err := s.store.Update(t.Context(), func(tx *store.Tx) error {
			for _, age := range []time.Duration{10*day + time.Hour, 10*day - time.Hour} {
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
		if deleted != x.want {
			t.Errorf("keeping %s: %d of two events are left, want %d", x.keep, deleted, x.want)
		}
	}
}

// Live streams have no end of their own; a stop must not wait for their readers.
func TestStopEndsLiveStreams(t *testing.T) {
	c := settled(t)
	s := start(t, c)
	request, err := http.NewRequest("GET", "http://"+s.HTTPAddr().String()+"/api/orrery/v1/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "token "+token(t, c))
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != 200 || response.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("%d %v", response.StatusCode, response.Header)
	}
	began := time.Now()
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > stopHTTP {
		t.Errorf("the stop took %s", took)
	}
	if _, err := io.ReadAll(response.Body); err != nil {
		t.Errorf("the stream did not end in good order: %v", err)
	}
}

// A client that stopped reading holds its stream's writer until its connection
// is closed.
func TestStopDoesNotWaitForReadersThatDoNotRead(t *testing.T) {
	c := settled(t)
	s := start(t, c)
	conn, err := net.Dial("tcp", s.HTTPAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := fmt.Fprintf(conn, "GET /api/orrery/v1/events?lastEventId=1 HTTP/1.1\r\nHost: x\r\nAuthorization: token %s\r\n\r\n", token(t, c)); err != nil {
		t.Fatal(err)
	}
	local, err := s.service.Local(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	large := []byte(`"` + strings.Repeat("x", 1<<20) + `"`)
	for range 20 { // more than the connection's buffers hold
		err := s.store.Update(t.Context(), func(tx *store.Tx) error {
			return tx.AppendEvent(&model.Event{Kind: model.UserUpdated, User: local.User.ID, After: large})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	began := time.Now()
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took < stopHTTP || took > stopHTTP+time.Second {
		t.Errorf("the stop took %s; the stream is held, but not for longer than %s", took, stopHTTP)
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
