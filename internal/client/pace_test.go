package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// waits are what a client tells of its waiting.
type waits struct {
	mu  sync.Mutex
	all []string
}

func (w *waits) tell(wait time.Duration, why string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all = append(w.all, why)
}

func TestWaitsWhenToldTo(t *testing.T) {
	reset := func(format string, after time.Duration) func(http.Header) {
		return func(h http.Header) { h.Set("Retry-After", time.Now().Add(after).UTC().Format(format)) }
	}
	for name, x := range map[string]struct {
		status int
		header func(http.Header)
		least  time.Duration
		most   time.Duration
	}{
		"seconds":            {429, func(h http.Header) { h.Set("Retry-After", "7") }, 7 * time.Second, 9 * time.Second},
		"a date":             {429, reset(http.TimeFormat, 20*time.Second), 19 * time.Second, 24 * time.Second},
		"a date in the past": {429, reset(http.TimeFormat, -time.Hour), shortestWait, time.Second},
		"zero":               {429, func(h http.Header) { h.Set("Retry-After", "0") }, shortestWait, time.Second},
		"the hosted service": {429, func(h http.Header) {
			h.Set("X-Ratelimit-Limit", "20")
			h.Set("X-Ratelimit-Remaining", "0")
			h.Set("X-Ratelimit-Reset", time.Now().Add(10*time.Second).UTC().Format(time.RFC1123))
		}, 9 * time.Second, 13 * time.Second},
		"another clock": {429, func(h http.Header) {
			h.Set("Date", time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat))
			h.Set("X-Ratelimit-Reset", time.Now().Add(-time.Hour).Add(10*time.Second).UTC().Format(http.TimeFormat))
		}, 9 * time.Second, 13 * time.Second},
		"nothing":       {429, func(http.Header) {}, firstBusy, time.Second},
		"nonsense":      {429, func(h http.Header) { h.Set("Retry-After", "-5"); h.Set("X-Ratelimit-Reset", "soon") }, firstBusy, time.Second},
		"not ready":     {503, func(h http.Header) { h.Set("Retry-After", "5") }, 5 * time.Second, 7 * time.Second},
		"a bad gateway": {502, func(http.Header) {}, firstBusy, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				told := &waits{}
				requests := 0
				c := inBubble(t, func(w http.ResponseWriter, _ *http.Request) {
					if requests++; requests == 1 {
						x.header(w.Header())
						w.WriteHeader(x.status)
						return
					}
					io.WriteString(w, `{"id":"x"}`)
				}, func(o *Options) { o.Waiting = told.tell })
				begun := time.Now()
				if _, err := c.Network(t.Context(), testNetwork); err != nil {
					t.Fatal(err)
				}
				if waited := time.Since(begun); waited < x.least || waited > x.most {
					t.Errorf("waited %s, want %s to %s", waited, x.least, x.most)
				}
				if requests != 2 || len(told.all) != 1 {
					t.Errorf("%d requests, told %q", requests, told.all)
				}
			})
		})
	}
}

func TestDoesNotWaitForever(t *testing.T) {
	for name, x := range map[string]struct {
		header func(http.Header)
		most   time.Duration
		says   string
	}{
		"a long pause":  {func(h http.Header) { h.Set("Retry-After", "3600") }, 0, "try again in 1h0m0s"},
		"again, always": {func(h http.Header) { h.Set("Retry-After", "10") }, 2 * time.Minute, "try again in 10s"},
		"no time":       {func(http.Header) {}, 2 * time.Minute, "try again in "},
		"a huge number": {func(h http.Header) { h.Set("Retry-After", "4294967295") }, 0, "try again in "},
		"a far date":    {func(h http.Header) { h.Set("Retry-After", "Fri, 31 Dec 9999 23:59:59 GMT") }, 0, "try again in 8760h0m0s"},
		"too huge":      {func(h http.Header) { h.Set("Retry-After", "99999999999999999999") }, 2 * time.Minute, "try again in "},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := inBubble(t, func(w http.ResponseWriter, _ *http.Request) {
					x.header(w.Header())
					w.WriteHeader(http.StatusTooManyRequests)
				}, nil)
				begun := time.Now()
				_, err := c.Network(t.Context(), testNetwork)
				saysOnly(t, err, "the server answered with status 429 (Too Many Requests); "+x.says)
				isAll(t, err)
				if waited := time.Since(begun); waited > x.most || waited < x.most/2 {
					t.Errorf("waited %s", waited)
				}
			})
		})
	}
}

func TestWaitingEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := inBubble(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "60")
			w.WriteHeader(http.StatusTooManyRequests)
		}, nil)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		begun := time.Now()
		_, err := c.Network(ctx, testNetwork)
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) != 5*time.Second {
			t.Errorf("after %s: %v", time.Since(begun), err)
		}
		isAll(t, err)
		canceled, stop := context.WithCancel(t.Context())
		stop()
		if _, err := c.Network(canceled, testNetwork); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

func TestManyShareAPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		told := &waits{}
		var requests, early atomic.Int32
		var arrived sync.WaitGroup
		arrived.Add(20)
		begun := time.Now()
		c := inBubble(t, func(w http.ResponseWriter, _ *http.Request) {
			if requests.Add(1) <= 20 {
				arrived.Done()
				arrived.Wait()
				w.Header().Set("Retry-After", "10")
				w.WriteHeader(http.StatusTooManyRequests)
				return
			}
			if time.Since(begun) < 10*time.Second {
				early.Add(1)
			}
			io.WriteString(w, `{"id":"x"}`)
		}, func(o *Options) { o.Waiting = told.tell })
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				if _, err := c.Network(t.Context(), testNetwork); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait() // all have been refused
		all.Go(func() { // who comes later waits without asking
			if _, err := c.Network(t.Context(), testNetwork); err != nil {
				t.Error(err)
			}
		})
		all.Wait()
		if requests.Load() != 41 || early.Load() != 0 || len(told.all) != 1 {
			t.Errorf("%d requests, %d early, told %q", requests.Load(), early.Load(), told.all)
		}
	})
}

// With few requests left the client goes as fast as the limit allows in the long
// run, and is not refused.
func TestSlowsDownBeforeItIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const limit = 20
		left, last := float64(limit), time.Now()
		c := inBubble(t, func(w http.ResponseWriter, _ *http.Request) {
			left, last = min(limit, left+time.Since(last).Seconds()*limit), time.Now()
			w.Header().Set("X-Ratelimit-Limit", fmt.Sprint(limit))
			if left < 1 {
				t.Error("refused")
				w.WriteHeader(http.StatusTooManyRequests)
				return
			}
			left--
			w.Header().Set("X-Ratelimit-Remaining", fmt.Sprint(int(left)))
			io.WriteString(w, `{"id":"x"}`)
		}, nil)
		begun := time.Now()
		for range 100 {
			if _, err := c.Network(t.Context(), testNetwork); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(begun); took > 6*time.Second {
			t.Errorf("100 requests took %s", took)
		}
	})
}
