package lab

import (
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"testing"
	"time"
)

// stream is a flow that goes on: every 5 ms something is sent that the other side
// answers.
type stream struct {
	claim
	conn net.Conn
	last atomic.Pointer[time.Time] // when the last answer came
}

// quiet is how long nothing comes from a stream that has stopped.
const quiet = 700 * time.Millisecond

// stream starts a flow of UDP, or of TCP, which must work then.
func (n *ruledNetwork) stream(t *testing.T, flow string, from, to *ruledMember) *stream {
	t.Helper()
	s := &stream{claim: works(flow, from, to)}
	s.last.Store(&time.Time{})
	conn, err := n.dial(s.claim)
	if err != nil {
		t.Fatalf("%s: %v", s.claim, err)
	}
	s.conn = conn
	t.Cleanup(func() { conn.Close() })
	go s.read()
	go s.write()
	return s
}

// ended tells whether an error is the end of the stream. UDP's others, such as
// that the host is unreachable, are not.
func (s *stream) ended(err error) bool {
	return err != nil && (s.conn.LocalAddr().Network() == "tcp" || errors.Is(err, net.ErrClosed))
}

func (s *stream) read() {
	buffer := make([]byte, 1500)
	for {
		_, err := s.conn.Read(buffer)
		if s.ended(err) {
			return
		}
		if now := time.Now(); err == nil {
			s.last.Store(&now)
		}
	}
}

func (s *stream) write() {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for range tick.C {
		if _, err := s.conn.Write([]byte("still there?")); s.ended(err) {
			return
		}
	}
}

// stops makes a change and returns how long after its answer the stream went on.
func (s *stream) stops(t *testing.T, limit time.Duration, change func()) time.Duration {
	t.Helper()
	change()
	return s.measure(t, "stops", limit, time.Now(), func() bool { return time.Since(*s.last.Load()) > quiet })
}

// begins makes a change and returns how long after its answer the stream began.
func (s *stream) begins(t *testing.T, limit time.Duration, change func()) time.Duration {
	t.Helper()
	if silent := time.Since(*s.last.Load()); silent < quiet {
		t.Fatalf("%s: there was an answer %s ago", s.claim, silent)
	}
	asked := time.Now()
	change()
	return s.measure(t, "begins", limit, time.Now(), func() bool { return s.last.Load().After(asked) })
}

func (s *stream) measure(t *testing.T, what string, limit time.Duration, answered time.Time, done func() bool) time.Duration {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		if <-tick.C; time.Since(answered) > limit+2*time.Second {
			t.Fatalf("%s: no change within %s", s.claim, limit+2*time.Second)
		}
	}
	took := s.last.Load().Sub(answered)
	t.Logf("%s %s %s after the answer", s.claim, what, fmt.Sprint(took.Round(time.Millisecond)))
	if took > limit {
		t.Errorf("%s %s only %s after the answer", s.claim, what, took)
	}
	return took
}
