package client

import (
	"context"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// pace is when the calls of a client may send: all of them rest when one was
// told to wait, and go slowly before the server has to say so.
type pace struct {
	waiting func(wait time.Duration, why string)

	telling sync.Mutex // held while waiting is called

	mu       sync.Mutex
	until    time.Time     // nobody sends before; guarded by mu
	interval time.Duration // between two requests, while few are left; guarded by mu
	next     time.Time     // when the next one may go, while interval is set; guarded by mu
}

// turn waits until a request may be sent, and returns how long that was.
func (p *pace) turn(ctx context.Context) (time.Duration, error) {
	begun := time.Now()
	for {
		wait := p.reserve(time.Now())
		if wait <= 0 {
			return time.Since(begun), ctx.Err()
		}
		if err := sleep(ctx, wait); err != nil {
			return time.Since(begun), err
		}
	}
}

// reserve returns how long to wait before asking again; 0: send now.
func (p *pace) reserve(now time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if rest := p.until.Sub(now); rest > 0 {
		return rest
	}
	if p.interval == 0 {
		return 0
	}
	if rest := p.next.Sub(now); rest > 0 {
		return rest
	}
	p.next = now.Add(p.interval)
	return 0
}

// hold lets all calls rest. Who finds them resting already only prolongs it.
func (p *pace) hold(wait time.Duration, why string) {
	wait += rand.N(wait/8 + time.Millisecond) // not all clients of a server at once
	p.mu.Lock()
	now := time.Now()
	known := p.until.After(now)
	if until := now.Add(wait); until.After(p.until) {
		p.until = until
	}
	p.mu.Unlock()
	if !known && why != "" {
		p.tell(wait, why)
	}
}

func (p *pace) tell(wait time.Duration, why string) {
	if p.waiting == nil {
		return
	}
	p.telling.Lock()
	defer p.telling.Unlock()
	p.waiting(wait, why)
}

// learn reads how many requests are left (api-behaviour: X-Ratelimit-*). With
// less than a tenth, requests go no faster than the limit allows in the long run.
func (p *pace) learn(header http.Header) {
	limit, err := strconv.Atoi(header.Get("X-Ratelimit-Limit"))
	if err != nil || limit < 1 {
		return
	}
	remaining, err := strconv.Atoi(header.Get("X-Ratelimit-Remaining"))
	if err != nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.interval = 0
	if remaining < (limit+9)/10 {
		p.interval = time.Second / time.Duration(limit)
	}
}

// retryAfter is how long the server wants to be left alone; false if it does not
// say so. The times are those of the server's clock.
func retryAfter(header http.Header, now time.Time) (time.Duration, bool) {
	if date, ok := httpTime(header.Get("Date")); ok {
		now = date
	}
	said := strings.TrimSpace(header.Get("Retry-After"))
	if seconds, err := strconv.ParseUint(said, 10, 32); err == nil {
		return min(max(time.Duration(seconds)*time.Second, shortestWait), longestWait), true
	}
	at, ok := httpTime(said)
	if !ok {
		at, ok = httpTime(header.Get("X-Ratelimit-Reset"))
	}
	if !ok {
		return 0, false
	}
	return min(max(at.Sub(now), shortestWait), longestWait), true
}

const (
	// shortestWait is how long the client waits at least when it is told to: a
	// server that says 0 would be asked without a pause.
	shortestWait = 100 * time.Millisecond
	// longestWait is beyond what anybody waits for, and what can be added to.
	longestWait = 365 * 24 * time.Hour
)

// httpTime reads a time of a header. The hosted service writes the zone as UTC.
func httpTime(text string) (time.Time, bool) {
	text = strings.TrimSpace(text)
	if at, err := http.ParseTime(text); err == nil {
		return at, true
	}
	at, err := time.Parse(time.RFC1123, text)
	return at, err == nil && at.Location() == time.UTC
}

func sleep(ctx context.Context, wait time.Duration) error {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

func roundUp(wait time.Duration) time.Duration {
	return (wait + time.Second - 1).Truncate(time.Second)
}
