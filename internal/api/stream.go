package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"
)

const eventStreamType = "text/event-stream"

const (
	// keepAliveEvery is how often something is written at least: less than what
	// proxies commonly wait for.
	keepAliveEvery = 15 * time.Second
	// writeTimeout is how long a client may take for one event. It is more than
	// keepAliveEvery, because a deadline of HTTP/2 ends the stream by itself.
	writeTimeout = 30 * time.Second
	// retryAfter is how long browsers wait before they connect again.
	retryAfter = 2 * time.Second
)

// stream writes server-sent events (WHATWG HTML §9.2). Its methods are safe for
// concurrent use.
type stream struct {
	w          http.ResponseWriter
	controller *http.ResponseController

	mu   sync.Mutex
	open bool // part of the answer is on its way; guarded by mu
}

func newStream(w http.ResponseWriter) *stream {
	return &stream{w: w, controller: http.NewResponseController(w)}
}

// begun reports whether part of the answer is on its way.
func (s *stream) begun() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open
}

// write sends text at once, after the header if it is the first.
func (s *stream) write(text []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.writeLocked(text)
}

func (s *stream) writeLocked(text []byte) error {
	// The server's own timeout is for whole answers. Where there are no deadlines,
	// there is none to exceed.
	_ = s.controller.SetWriteDeadline(time.Now().Add(writeTimeout))
	if !s.open {
		s.open = true
		if err := s.begin(); err != nil {
			return err
		}
	}
	if _, err := s.w.Write(text); err != nil {
		return fmt.Errorf("write event: %w", err)
	}
	return s.controller.Flush()
}

// begin sends the header.
func (s *stream) begin() error {
	header := s.w.Header()
	header.Set("Content-Type", eventStreamType)
	header.Set("X-Accel-Buffering", "no") // nginx would hold events back
	s.w.WriteHeader(http.StatusOK)
	_, err := fmt.Fprintf(s.w, "retry: %d\n\n", retryAfter.Milliseconds())
	return err
}

// keepAlive writes comments until ctx ends, stopping is closed or the client is
// gone.
func (s *stream) keepAlive(ctx context.Context, stopping <-chan struct{}) {
	tick := time.NewTicker(keepAliveEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-stopping:
			return
		case <-tick.C:
		}
		if err := s.comment(); err != nil {
			return
		}
	}
}

// comment writes a line that clients pass over, unless a write is under way,
// which does as well.
func (s *stream) comment() error {
	if !s.mu.TryLock() {
		return nil
	}
	defer s.mu.Unlock()
	return s.writeLocked([]byte(": still here\n\n"))
}

// send writes an event. An id of 0 leaves the client's position as it is.
func send[T any](s *stream, id int64, kind string, data T) error {
	text, err := json.Marshal(data)
	if err != nil {
		return fmt.Errorf("encode event: %w", err)
	}
	var event bytes.Buffer
	if id != 0 {
		fmt.Fprintf(&event, "id: %d\n", id)
	}
	fmt.Fprintf(&event, "event: %s\ndata: %s\n\n", kind, text)
	return s.write(event.Bytes())
}
