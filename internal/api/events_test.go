package api

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/zt"
)

// pipes is a network in memory, whose deadlines follow the clock of a synctest
// bubble.
type pipes struct {
	accepted chan net.Conn
	closed   chan struct{}
	once     sync.Once
}

func newPipes() *pipes {
	return &pipes{accepted: make(chan net.Conn), closed: make(chan struct{})}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.accepted:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80} }

func (p *pipes) dial(context.Context, string, string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case p.accepted <- server:
		return client, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

// bubble runs a test with a world whose clock is synctest's.
func bubble(t *testing.T, test func(w *world)) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipes()
		w := newWorldOn(t, p, p.dial)
		w.newNetwork("owner", "net")
		w.newNetwork("owner", "othernet")
		test(w)
	})
}

// reader reads one stream.
type reader struct {
	*world
	body  io.ReadCloser
	lines *bufio.Scanner
}

// follow opens a stream.
func (w *world) follow(as, query string, header ...string) *reader {
	w.Helper()
	request := w.request(context.Background(), call{as, http.MethodGet, "/events" + query, ""})
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	answer, err := w.client.Do(request)
	if err != nil {
		w.Fatal(err)
	}
	if answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Type") != eventStreamType {
		w.Fatalf("%s: status %d, type %s", query, answer.StatusCode, answer.Header.Get("Content-Type"))
	}
	w.Cleanup(func() { answer.Body.Close() })
	return &reader{w, answer.Body, bufio.NewScanner(answer.Body)}
}

// next returns the lines of the next block, joined by spaces; "" at the end.
func (r *reader) next() string {
	var block []string
	for r.lines.Scan() && r.lines.Text() != "" {
		block = append(block, r.lines.Text())
	}
	return strings.Join(block, " ")
}

// want reads blocks, which must begin so with {names} filled in.
func (r *reader) want(starts ...string) {
	r.Helper()
	for _, start := range starts {
		if block := r.next(); !strings.HasPrefix(block, r.fill(start)) || start == "" && block != "" {
			r.Errorf("%q, not %q", block, r.fill(start))
		}
	}
}

func (w *world) authorize(network string, node zt.Address, authorized bool) {
	w.Helper()
	w.newMember(network, node, func(m *model.Member) { m.Authorized = authorized })
}

func (w *world) latest() string { return fmt.Sprint(w.service.Latest()) }

func TestEventsComeInOrder(t *testing.T) {
	bubble(t, func(w *world) {
		id, err := zt.ParseNetworkID(w.names["net"])
		if err != nil {
			t.Fatal(err)
		}
		w.names["last"] = w.latest()
		all, one := w.follow("owner", ""), w.follow("owner", "?networkId={net}")
		hello := `id: {last} event: hello data: {"position":{last},"time":1700000000000}`
		all.want("retry: 2000", hello)
		one.want("retry: 2000", hello)

		w.authorize("othernet", 0x1000000001, true)
		w.names["a"] = w.latest()
		w.authorize("net", 0x1000000001, true)
		w.names["b"] = w.latest()
		all.want(`id: {a} event: member.authorized data: {"seq":{a},"time":1700000000000,"kind":"member.authorized","actor":{"userId":"{owner}"},"networkId":"{othernet}","nodeId":"1000000001","after":{`,
			`id: {b} event: member.authorized data: {"seq":{b},`)
		one.want(`id: {b} event: member.authorized data: {"seq":{b},`)

		w.presence.set(model.Seen{Network: id, Node: 0x1000000001, Time: 5}, true)
		w.presence.set(model.Seen{Network: id, Node: 0x1000000001, Time: 6}, false)
		for _, r := range []*reader{all, one} {
			r.want(`event: member.online data: {"time":5,"networkId":"{net}","nodeId":"1000000001","online":true}`,
				`event: member.offline data: {"time":6,"networkId":"{net}","nodeId":"1000000001","online":false}`)
		}
		w.authorize("net", 0x1000000001, false)
		w.names["c"] = w.latest()
		all.want(`id: {c} event: member.deauthorized data: {`)
	})
}

func TestEventsResume(t *testing.T) {
	bubble(t, func(w *world) {
		w.names["start"] = w.latest()
		w.authorize("net", 0x1000000001, true)
		w.names["a"] = w.latest()
		w.authorize("net", 0x1000000001, false)
		w.names["b"] = w.latest()
		for name, r := range map[string]*reader{
			"query":                   w.follow("owner", "?lastEventId={start}"),
			"header":                  w.follow("owner", "", "Last-Event-ID", w.names["start"]),
			"header before the query": w.follow("owner", "?lastEventId={b}", "Last-Event-ID", w.names["start"]),
		} {
			t.Log(name)
			r.want("retry: ", "id: {start} event: hello", "id: {a} event: member.authorized", "id: {b} event: member.deauthorized")
		}
		for _, position := range []string{"x", "-1", "9999999999999999999", "1e3"} {
			if r := w.do(call{"", "GET", "/events?lastEventId=" + position, ""}); r.status != http.StatusBadRequest {
				t.Errorf("%s: status %d", position, r.status)
			}
		}
		if r := w.do(call{"", "GET", "/events?networkId=8056c2e21c000001", ""}); r.status != http.StatusNotFound {
			t.Errorf("status %d", r.status)
		}
	})
}

func TestEventsThatAreGoneResetTheClient(t *testing.T) {
	bubble(t, func(w *world) {
		w.tick(1000)
		w.authorize("net", 0x1000000001, true)
		if err := w.store.PruneEvents(context.Background(), testStart+500); err != nil {
			t.Fatal(err)
		}
		w.names["last"] = w.latest()
		for _, position := range []string{"0", "1", "999999"} {
			r := w.follow("owner", "?lastEventId="+position)
			r.next() // retry
			block := r.next()
			if strings.Contains(block, "event: hello") {
				block = r.next()
			}
			if !strings.HasPrefix(block, w.fill(`id: {last} event: reset data: {"reason":"`)) {
				t.Errorf("%s: %q", position, block)
			}
			r.want("")
		}
	})
}

// TestEventsReachOnlyWhoMayKnow: rights that are given and taken while a stream
// is open count at once.
func TestEventsReachOnlyWhoMayKnow(t *testing.T) {
	bubble(t, func(w *world) {
		w.newUser("alice", true)
		id, err := zt.ParseNetworkID(w.names["net"])
		if err != nil {
			t.Fatal(err)
		}
		share := func(rights model.Rights) {
			synctest.Wait() // what was before is told by the rights of before
			if _, err := w.service.SetRights(context.Background(), w.caller("owner"), id, w.names["alice"], replaceRights(rights)); err != nil {
				t.Fatal(err)
			}
		}
		r := w.follow("alice", "")
		r.want("retry: ", "id: ")
		w.authorize("net", 0x1000000001, true)
		share(model.Rights{Read: true})
		w.names["shared"] = w.latest()
		w.authorize("net", 0x1000000002, true)
		r.want("id: {shared} event: network.shared", "id: ")
		share(model.Rights{})
		w.authorize("net", 0x1000000003, true)
		share(model.Rights{Read: true})
		w.names["again"] = w.latest()
		r.want("id: {again} event: network.shared")
	})
}

func TestEventStreamsOutliveTheServersTimeouts(t *testing.T) {
	bubble(t, func(w *world) {
		r := w.follow("owner", "")
		r.want("retry: ", "id: ")
		began := time.Now()
		for time.Since(began) < 10*time.Minute {
			before := time.Now()
			r.want(": still here")
			if waited := time.Since(before); waited != keepAliveEvery {
				t.Fatalf("%s between comments", waited)
			}
		}
		w.authorize("net", 0x1000000001, true)
		r.want("id: ")
	})
}

func TestRevocationEndsEventStreams(t *testing.T) {
	bubble(t, func(w *world) {
		w.newUser("alice", false)
		w.names["token spare"] = w.get(w.must("owner", "POST", "/tokens", `{"name":"spare"}`), "secret")
		spare, alice, owner := w.follow("spare", ""), w.follow("alice", ""), w.follow("owner", "")
		for _, r := range []*reader{spare, alice, owner} {
			r.want("retry: ", "id: ")
		}
		w.must("owner", "DELETE", "/tokens/spare", "")
		spare.want("")
		w.must("owner", "DELETE", "/users/alice@example.com", "")
		alice.want("")
		owner.want("id: ", "id: ")
	})
}

func TestExpiryEndsEventStreams(t *testing.T) {
	bubble(t, func(w *world) {
		w.names["token short"] = w.get(w.must("owner", "POST", "/tokens", fmt.Sprintf(`{"name":"short","expiryTime":%d}`, testStart+20_000)), "secret")
		r := w.follow("short", "")
		r.want("retry: ", "id: ", ": still here")
		w.tick(20_000)
		r.want("")
	})
}

func TestShutdownEndsEventStreams(t *testing.T) {
	bubble(t, func(w *world) {
		r := w.follow("owner", "")
		r.want("retry: ", "id: ")
		stopped := make(chan time.Duration)
		go func() {
			began := time.Now()
			if err := w.server.Shutdown(context.Background()); err != nil {
				t.Error(err)
			}
			stopped <- time.Since(began)
		}()
		r.want("")
		if took := <-stopped; took > time.Second {
			t.Errorf("the server took %s to stop", took)
		}
	})
}

// TestAStreamThatEndsAtOnceIsAStream: browsers do not connect again after
// anything else.
func TestAStreamThatEndsAtOnceIsAStream(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	request := w.request(ctx, call{"", "GET", "/events?lastEventId=1", ""})
	recorder := httptest.NewRecorder()
	w.server.Handler.ServeHTTP(recorder, request)
	if recorder.Code != http.StatusOK || recorder.Header().Get("Content-Type") != eventStreamType || !strings.HasPrefix(recorder.Body.String(), "retry: ") {
		t.Errorf("status %d, type %s: %s", recorder.Code, recorder.Header().Get("Content-Type"), recorder.Body)
	}
}

func TestAUserReadsSoManyEventStreams(t *testing.T) {
	bubble(t, func(w *world) {
		w.newUser("alice", false)
		var open []*reader
		for range maxStreams {
			r := w.follow("owner", "")
			r.want("retry: ", "id: ")
			open = append(open, r)
		}
		r := w.do(call{"", "GET", "/events", ""})
		if r.status != http.StatusTooManyRequests || !strings.Contains(r.body, "close one first") || r.header.Get("Retry-After") != "15" {
			t.Errorf("one more: %d %v %s", r.status, r.header, r.body)
		}
		w.follow("alice", "").want("retry: ", "id: ")
		open[0].body.Close()
		synctest.Wait()
		w.follow("owner", "").want("retry: ", "id: ")
	})
}

// TestASlowReaderIsLeftBehind: a client that takes nothing holds nobody up, and
// its stream ends.
func TestASlowReaderIsLeftBehind(t *testing.T) {
	bubble(t, func(w *world) {
		slow, quick := w.follow("owner", ""), w.follow("owner", "")
		slow.want("retry: ", "id: ")
		quick.want("retry: ", "id: ")
		w.authorize("net", 0x1000000001, true) // a pipe holds nothing: the server waits for slow
		quick.want("id: ")
		began := time.Now()
		for time.Since(began) < 2*writeTimeout {
			quick.want(": still here")
		}
		synctest.Wait()
		if _, err := io.ReadAll(slow.body); err == nil {
			t.Error("the stream ended as if it was complete")
		}
	})
}
