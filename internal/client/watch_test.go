package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/orrery-net/orrery/internal/server"
)

// watched is one that watches, in a goroutine of its own.
type watched struct {
	t      *testing.T
	coming chan *Coming
	ended  chan error
	stop   context.CancelFunc
}

func watch(t *testing.T, c *Client, network string) *watched {
	ctx, stop := context.WithCancel(context.Background())
	w := &watched{t: t, coming: make(chan *Coming, 100), ended: make(chan error, 1), stop: stop}
	t.Cleanup(stop)
	go func() {
		for coming, err := range c.Watch(ctx, network) {
			if err != nil {
				w.ended <- err
				return
			}
			w.coming <- coming
		}
	}()
	return w
}

// sees waits for what comes next: KIND NODE, and the member's name, if it is one.
func (w *watched) sees(want ...string) {
	w.t.Helper()
	for _, want := range want {
		select {
		case c := <-w.coming:
			if got := shortly(c); got != want {
				w.t.Fatalf("saw %q, want %q", got, want)
			}
			if c.Time == 0 || len(c.Network) != 16 {
				w.t.Errorf("%+v", c)
			}
		case err := <-w.ended:
			w.t.Fatalf("ended instead of %q: %v", want, err)
		case <-time.After(time.Minute):
			w.t.Fatalf("nothing came instead of %q", want)
		}
	}
}

func shortly(c *Coming) string {
	text := c.Kind + " " + c.Node
	if c.Member != nil {
		text += " " + c.Member.Name
	}
	return strings.TrimSpace(text)
}

func (w *watched) end() error {
	w.t.Helper()
	select {
	case c := <-w.coming:
		w.t.Fatalf("saw %q", shortly(c))
	case err := <-w.ended:
		return err
	case <-time.After(time.Hour):
		w.t.Fatal("it does not end")
	}
	return nil
}

func TestWatchOrrery(t *testing.T) {
	s, config := newOrrery(t, nil)
	c, ctx := clientOf(t, s, config), t.Context()
	n, err := c.CreateNetwork(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	other, err := c.CreateNetwork(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	set := func(network, node string, patch map[string]any) {
		t.Helper()
		if _, err := c.UpdateMember(ctx, network, node, patch); err != nil {
			t.Fatal(err)
		}
	}
	begun := make(chan struct{})
	c.http.Transport = announcing{c.http.Transport, "/member", sync.OnceFunc(func() { close(begun) })}
	one, all := watch(t, c, n.ID), watch(t, newClient(t, Options{URL: c.URL(), Token: c.token}), "")
	<-begun // the stream is there
	// all may not be that far: it sees from some change on.
	for seen := false; !seen; {
		set(other.ID, "0000000001", map[string]any{"name": time.Now().String()})
		select {
		case <-all.coming:
			seen = true
		case <-time.After(50 * time.Millisecond):
		}
	}
	set(n.ID, "8a9d09e442", map[string]any{"name": "laptop"})
	set(n.ID, "8a9d09e442", map[string]any{"config": map[string]bool{"authorized": true}})
	one.sees("member.added 8a9d09e442 laptop", "member.authorized 8a9d09e442 laptop")

	// The server stops, comes back at the same place, and much happens before the
	// watchers are there again.
	config.HTTP = s.HTTPAddr().String()
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	startOrrery(t, config)
	c.http.CloseIdleConnections()
	set(n.ID, "8a9d09e443", map[string]any{"name": "phone"})
	if err := c.DeleteMember(ctx, n.ID, "8a9d09e442"); err != nil {
		t.Fatal(err)
	}
	one.sees("member.added 8a9d09e443 phone", "member.deleted 8a9d09e442")
	for all.coming != nil { // updates of the other network come first
		if coming := <-all.coming; coming.Network == n.ID {
			if got := shortly(coming); got == "member.deleted 8a9d09e442" {
				break
			}
		}
	}
	one.stop()
	if err := one.end(); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if err := c.DeleteToken(ctx, "owner"); err != nil {
		t.Fatal(err)
	}
	var last error
	for last == nil {
		select {
		case <-all.coming:
		case last = <-all.ended:
		}
	}
	isAll(t, last, ErrUnauthorized)
	saysOnly(t, last, "watch all networks: ")
}

// announcing tells of the first request whose path ends so.
type announcing struct {
	http.RoundTripper
	end  string
	tell func()
}

func (a announcing) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasSuffix(r.URL.Path, a.end) {
		defer a.tell()
	}
	return a.RoundTripper.RoundTrip(r)
}

func TestWatchEndsWithTheNetwork(t *testing.T) {
	s, config := newOrrery(t, func(c *server.Config) { c.RateLimit = 0 })
	c := clientOf(t, s, config)
	n, err := c.CreateNetwork(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	begun := make(chan struct{})
	c.http.Transport = announcing{c.http.Transport, "/member", sync.OnceFunc(func() { close(begun) })}
	w := watch(t, c, n.ID)
	<-begun
	if err := c.DeleteNetwork(t.Context(), n.ID); err != nil {
		t.Fatal(err)
	}
	isAll(t, w.end(), ErrNotFound)
	isAll(t, watch(t, c, n.ID).end(), ErrNotFound)
	if err := watch(t, c, "nonsense").end(); !strings.Contains(err.Error(), "no network id") {
		t.Error(err)
	}
}

// liveServer is an Orrery server as the client sees it, of which tests write the
// events.
type liveServer struct {
	mu      sync.Mutex
	online  map[string]bool // the members
	refuses int             // status of what is asked for; 0: it is answered
	asked   []string        // the positions of streams

	streams chan chan string // of each stream: what to write; closed: it breaks
}

func newLiveServer() *liveServer {
	return &liveServer{online: make(map[string]bool), streams: make(chan chan string)}
}

func (l *liveServer) set(refuses int, online map[string]bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refuses, l.online = refuses, online
}

func (l *liveServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	refuses, members := l.refuses, l.online
	l.mu.Unlock()
	show := func(node string, online bool) string {
		return fmt.Sprintf(`{"clock":1000,"networkId":%q,"nodeId":%q,"name":"n%s","online":%v}`, testNetwork, node, node[9:], online)
	}
	switch path := strings.TrimPrefix(r.URL.Path, "/api"); {
	case path == "/orrery/v1/me":
		io.WriteString(w, `{"user":{"id":"x"},"token":{"name":"x"}}`)
	case refuses != 0:
		w.WriteHeader(refuses)
	case path == "/orrery/v1/events":
		l.mu.Lock()
		l.asked = append(l.asked, r.Header.Get("Last-Event-ID"))
		l.mu.Unlock()
		w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
		lines := make(chan string)
		http.NewResponseController(w).Flush()
		select {
		case l.streams <- lines:
		case <-r.Context().Done():
			return
		}
		for text := range lines {
			io.WriteString(w, text)
			http.NewResponseController(w).Flush()
		}
		panic(http.ErrAbortHandler)
	case path == "/v1/network":
		io.WriteString(w, `[{"id":"`+testNetwork+`"}]`)
	case strings.HasSuffix(path, "/member"):
		separator := "["
		for node := range members {
			io.WriteString(w, separator+show(node, members[node]))
			separator = ","
		}
		io.WriteString(w, strings.TrimPrefix(separator, ",")+"]")
	default:
		node := path[strings.LastIndex(path, "/")+1:]
		online, known := members[node]
		if !known {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		io.WriteString(w, show(node, online))
	}
}

func presenceEvent(kind, node string) string {
	return fmt.Sprintf("event: member.%s\ndata: {\"time\":5,\"networkId\":%q,\"nodeId\":%q,\"online\":true}\n\n", kind, testNetwork, node)
}

func changeEvent(id int, kind, node string) string {
	return fmt.Sprintf("id: %d\nevent: %s\ndata: {\"seq\":%d,\"time\":5,\"networkId\":%q,\"nodeId\":%q}\n\n", id, kind, id, testNetwork, node)
}

const helloEvent = "retry: 2000\n\nid: 40\nevent: hello\ndata: {\"position\":40}\n\n"

func TestWatchLive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, told := newLiveServer(), &waits{}
		l.set(0, map[string]bool{"0000000001": true, "0000000002": false, "0000000003": false})
		c := inBubble(t, l.ServeHTTP, func(o *Options) { o.Waiting = told.tell })
		w := watch(t, c, testNetwork)
		stream := <-l.streams
		stream <- helloEvent
		stream <- presenceEvent("online", "0000000001") // known from the list
		stream <- presenceEvent("online", "0000000002")
		stream <- ": still here\n\n"
		stream <- presenceEvent("online", "0000000002") // again
		stream <- presenceEvent("offline", "0000000001")
		w.sees("online 0000000002 n2", "offline 0000000001 n1")
		stream <- changeEvent(41, "member.authorized", "0000000001")
		stream <- changeEvent(42, "member.deleted", "0000000003")
		stream <- "id: 43\nevent: network.updated\ndata: {\"networkId\":\"" + testNetwork + "\"}\n\n"
		stream <- changeEvent(44, "member.added", "0000000009") // and deleted meanwhile
		w.sees("member.authorized 0000000001 n1", "member.deleted 0000000003", "member.added 0000000009")
		for range 3 { // a quiet stream is no silent one
			time.Sleep(20 * time.Second)
			stream <- ": still here\n\n"
		}

		// It breaks, and the server is away for long. Who came and went meanwhile is
		// told when it is back, and changes by the stream.
		l.set(http.StatusServiceUnavailable, nil)
		close(stream)
		time.Sleep(10 * time.Minute)
		l.set(0, map[string]bool{"0000000001": true, "0000000002": true})
		stream = <-l.streams
		stream <- strings.Replace(helloEvent, "40", "44", 2)
		w.sees("online 0000000001 n1")
		stream <- changeEvent(45, "member.deauthorized", "0000000001")
		w.sees("member.deauthorized 0000000001 n1")
		if len(told.all) < 5 || !strings.Contains(told.all[0], "the connection to central.test broke off") {
			t.Errorf("told %q", told.all)
		}

		// Too slow: the stream ends, and the next goes on from the same place.
		stream <- "id: 60\nevent: reset\ndata: {\"reason\":\"too slow\"}\n\n"
		broke := time.Now()
		next := <-l.streams
		if waited := time.Since(broke); waited > 2*firstReturn { // that of before is forgotten
			t.Errorf("came back after %s", waited)
		}
		close(stream)
		next <- strings.Replace(helloEvent, "40", "45", 2)
		next <- changeEvent(46, "member.updated", "0000000002")
		w.sees("member.updated 0000000002 n2")

		// A member that cannot be looked up for a moment is told of later.
		l.set(http.StatusInternalServerError, nil)
		next <- changeEvent(47, "member.updated", "0000000002")
		synctest.Wait()
		l.set(0, map[string]bool{"0000000001": true, "0000000002": true})
		stream = <-l.streams
		close(next)
		stream <- strings.Replace(helloEvent, "40", "46", 2)
		stream <- changeEvent(47, "member.updated", "0000000002")
		w.sees("member.updated 0000000002 n2")

		// Nothing comes, not even that it is still there.
		time.Sleep(maxSilence)
		next = <-l.streams
		close(stream)
		if want := []string{"", "44", "45", "46", "47"}; !reflect.DeepEqual(l.asked, want) {
			t.Errorf("asked for what came after %q, want %q", l.asked, want)
		}
		// What was missed and is not kept.
		next <- "id: 90\nevent: reset\ndata: {}\n\n"
		saysOnly(t, w.end(), "watch network "+testNetwork+": changes were missed, which the server does not keep anymore")
		close(next)
	})
}

func TestWatchLiveEnds(t *testing.T) {
	for says, x := range map[string]struct {
		after func(l *liveServer, stream chan string)
		is    error
	}{
		"the server does not accept the token": {func(l *liveServer, stream chan string) {
			l.set(http.StatusUnauthorized, nil)
			close(stream)
		}, ErrUnauthorized},
		"read member 0000000001 of network " + testNetwork + ": the server answered with status 403": {func(l *liveServer, stream chan string) {
			l.set(http.StatusForbidden, nil)
			stream <- presenceEvent("offline", "0000000001")
			close(stream)
		}, ErrForbidden},
	} {
		synctest.Test(t, func(t *testing.T) {
			l := newLiveServer()
			l.set(0, map[string]bool{"0000000001": true})
			w := watch(t, inBubble(t, l.ServeHTTP, nil), "")
			stream := <-l.streams
			stream <- helloEvent
			synctest.Wait()
			x.after(l, stream)
			err := w.end()
			saysOnly(t, err, says)
			isAll(t, err, x.is)
		})
	}
	synctest.Test(t, func(t *testing.T) { // at the beginning it has to be there
		l := newLiveServer()
		l.set(http.StatusServiceUnavailable, nil)
		err := watch(t, inBubble(t, l.ServeHTTP, nil), "").end()
		saysOnly(t, err, "watch all networks: the server answered with status 503")
	})
}

func TestWatchStrangeStreams(t *testing.T) {
	for answer, says := range map[string]string{
		"<html>hello": "a web page",
		"":            "answered with nothing",
		"event: hello\ndata: " + strings.Repeat("x", 2<<20): "an event that is too long",
		"event: reset\ndata: {}\n\n":                        "changes were missed",
		"event: member.added\ndata: [\n\n":                  "an event that cannot be understood",
		"event: member.added\n":                             "broke off",
	} {
		synctest.Test(t, func(t *testing.T) {
			c := inBubble(t, func(w http.ResponseWriter, r *http.Request) {
				if strings.HasPrefix(answer, "event") {
					w.Header().Set("Content-Type", "text/event-stream")
				}
				io.WriteString(w, answer)
			}, nil)
			c.kind.known, c.kind.orrery = true, true
			saysOnly(t, watch(t, c, "").end(), "watch all networks: ", says)
		})
	}
}

// polled is a server that is asked for its members again and again, and answers
// with one list after another.
type polled struct {
	lists []string
	times []time.Time
}

func (p *polled) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/api/v1/network":
		io.WriteString(w, `[{"id":"`+testNetwork+`"}]`)
	case strings.HasSuffix(r.URL.Path, "/member"):
		p.times = append(p.times, time.Now())
		answer := p.lists[0]
		if len(p.lists) > 1 {
			p.lists = p.lists[1:]
		}
		switch answer {
		case "404":
			w.WriteHeader(http.StatusNotFound)
		case "500":
			w.WriteHeader(http.StatusInternalServerError)
		default:
			io.WriteString(w, answer)
		}
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

// hosted is a member of the hosted service, which tells when it was last seen.
func hosted(node int, authorized bool, ago time.Duration) string {
	const clock = 1691078748727
	return fmt.Sprintf(`{"clock":%d,"networkId":%q,"nodeId":"%010x","name":"n%d","lastSeen":%d,"config":{"authorized":%v}}`,
		clock, testNetwork, node, node, clock-ago.Milliseconds(), authorized)
}

func listOf(members ...string) string { return "[" + strings.Join(members, ",") + "]" }

func TestWatchByComparing(t *testing.T) {
	for _, network := range []string{testNetwork, ""} {
		synctest.Test(t, func(t *testing.T) {
			p := &polled{lists: []string{
				listOf(hosted(1, true, time.Second), hosted(2, false, time.Hour)),
				listOf(hosted(1, true, time.Second), hosted(2, false, time.Hour)),
				listOf(hosted(1, true, time.Hour), hosted(2, true, time.Second), hosted(3, false, time.Hour)),
				listOf(hosted(2, false, time.Second))[:140], // broken off: says nothing
				"500",
				listOf(hosted(2, false, time.Second), hosted(4, true, time.Second)),
				"404",
			}}
			told := &waits{}
			w := watch(t, inBubble(t, p.ServeHTTP, func(o *Options) { o.Waiting = told.tell }), network)
			w.sees("offline 0000000001 n1", "member.authorized 0000000002 n2", "online 0000000002 n2", "member.added 0000000003 n3")
			w.sees("member.deauthorized 0000000002 n2", "member.added 0000000004 n4", "online 0000000004 n4", "member.deleted 0000000001", "member.deleted 0000000003")
			if network != "" {
				isAll(t, w.end(), ErrNotFound)
			} else { // in all networks, one that is gone is no reason to end
				w.sees("member.deleted 0000000002", "member.deleted 0000000004")
				w.stop()
				if err := w.end(); !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
			}
			if took := p.times[2].Sub(p.times[0]); took != 2*pollEvery {
				t.Errorf("asked thrice in %s", took)
			}
			if len(told.all) != 2 {
				t.Errorf("told %q", told.all)
			}
		})
	}
}

func TestWatcherMayStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &polled{lists: []string{"[]", listOf(hosted(1, true, time.Second), hosted(2, true, time.Second))}}
		for coming, err := range inBubble(t, p.ServeHTTP, nil).Watch(t.Context(), "") {
			if err != nil || coming.Node != "0000000001" {
				t.Errorf("%+v %v", coming, err)
			}
			break
		}
	})
}
