package centralapi

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/orrery-net/orrery/internal/gate"
	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/internal/store"
)

// TestTwoAdministrators writes different fields of one member over and over
// from several sides, over connections of their own.
func TestTwoAdministrators(t *testing.T) {
	w := newWorld(t)
	server := httptest.NewServer(w.checked())
	defer server.Close()
	path := "/api/v1/network/" + w.newNetwork("{}") + "/member/" + testNode
	var administrators sync.WaitGroup
	for name, body := range map[string]string{
		"name": `{"name":"one %d"}`, "description": `{"description":"two %d"}`, "address": `{"config":{"ipAssignments":["10.9.0.%d"]}}`,
		"tag": `{"config":{"tags":[[2,%d]]}}`, "capability": `{"config":{"capabilities":[%d]}}`, "authorized": `{"config":{"authorized":true}}`,
	} {
		administrators.Go(func() {
			for i := range 20 {
				text := strings.ReplaceAll(body, "%d", strconv.Itoa(i+1))
				if status, answer := ask(t, server, w.token, "POST", path, text); status != http.StatusOK {
					t.Errorf("%s: %s: %d %s", name, text, status, answer)
				}
			}
		})
	}
	administrators.Wait()
	got := w.must("GET", path, "")
	for _, text := range []string{`"name":"one 20"`, `"description":"two 20"`, `"authorized":true`, `"ipAssignments":["10.9.0.20"]`, `"tags":[[2,20]]`, `"capabilities":[20]`, `"revision":101`} {
		if !strings.Contains(got, text) {
			t.Errorf("%s is lost: %s", text, got)
		}
	}
}

// ask sends a request over a socket.
func ask(tb testing.TB, server *httptest.Server, token, method, path, body string) (int, string) {
	tb.Helper()
	request, err := http.NewRequest(method, server.URL+path, strings.NewReader(body))
	if err != nil {
		tb.Fatal(err)
	}
	request.Header.Set("Authorization", "token "+token)
	response, err := server.Client().Do(request)
	if err != nil {
		tb.Error(err)
		return 0, ""
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		tb.Error(err)
	}
	return response.StatusCode, string(text)
}

// TestOfAMemberThatIsThere takes a member through what the controller stores
// and remembers about it.
func TestOfAMemberThatIsThere(t *testing.T) {
	w := newWorld(t)
	id := w.newNetwork("{}")
	path := "/api/v1/network/" + id + "/member/" + testNode
	err := w.store.Update(context.Background(), func(tx *store.Tx) error {
		m := model.NewMember(mustNetworkID(t, id), mustAddress(t, testNode), testStart)
		m.Identity = testNode + ":0:00"
		return tx.PutMember(m)
	})
	if err != nil {
		t.Fatal(err)
	}
	w.presence.set(model.Seen{
		Node: mustAddress(t, testNode), Time: testStart - 5, Endpoint: netip.MustParseAddrPort("203.0.113.7:9993"),
		Version: model.Version{Major: 1, Minor: 14, Revision: 2, Protocol: 13},
	}, true)
	for _, c := range []struct {
		change string
		has    []string
	}{
		{`{}`, []string{`"online":true`, `"vMajor":-1,"vMinor":-1,"vRev":-1,"vProto":-1`, `"clientVersion":"-1.-1.-1","protocolVersion":-1`, `"lastSeen":1699999999995`, `"physicalAddress":"203.0.113.7"`}},
		{`{"config":{"authorized":true}}`, []string{`"vMajor":1,"vMinor":14,"vRev":2,"vProto":13`, `"clientVersion":"1.14.2","protocolVersion":13,"supportsRulesEngine":true`, `"identity":"66a5132aaf:0:00"`}},
		{`{"config":{"authorized":false}}`, []string{`"clientVersion":"1.14.2"`, `"authorized":false`}},
	} {
		w.must("POST", path, c.change)
		single := w.must("GET", path, "")
		listed := w.must("GET", "/api/v1/network/"+id+"/member", "")
		if listed != "["+single+"]" {
			t.Errorf("listed as\n%s\nsingly\n%s", listed, single)
		}
		for _, text := range c.has {
			if !strings.Contains(single, text) {
				t.Errorf("after %s there is no %s in %s", c.change, text, single)
			}
		}
	}
	if got := w.must("GET", "/api/v1/network/"+id, ""); !strings.Contains(got, `"onlineMemberCount":1`) {
		t.Errorf("not counted: %s", got)
	}
	if got := w.must("GET", "/api/v1/network", ""); !strings.Contains(got, `"onlineMemberCount":0`) {
		t.Errorf("counted in the list: %s", got)
	}
}

// TestInternalCausesStayInside breaks the store and looks at what a client and
// the log are told.
func TestInternalCausesStayInside(t *testing.T) {
	w := newWorld(t)
	if err := w.store.Close(); err != nil {
		t.Fatal(err)
	}
	r := w.do(call{method: "GET", path: "/api/v1/network"})
	var body errorBody
	if err := json.Unmarshal([]byte(r.body), &body); err != nil {
		t.Fatal(err)
	}
	if r.status != http.StatusInternalServerError || body.Type != "internal" || strings.Contains(r.body, "sql") || strings.Contains(r.body, "closed") {
		t.Errorf("%d %s", r.status, r.body)
	}
	id := r.header.Get("X-Request-Id")
	if !strings.Contains(body.Message, id) || !strings.Contains(w.log.String(), id) || !strings.Contains(w.log.String(), "level=ERROR") {
		t.Errorf("request %s: message %q, log %s", id, body.Message, w.log)
	}
	if strings.Contains(w.log.String(), w.token) {
		t.Error("the token is in the log")
	}
}

// brokenWriter is a connection that ends after the first bytes.
type brokenWriter struct {
	sink
	onWrite func() error
}

func (b *brokenWriter) Write(text []byte) (int, error) {
	b.bytes += len(text)
	return len(text), b.onWrite()
}

// TestAListThatBreaksOff must not look like a whole one to the client.
func TestAListThatBreaksOff(t *testing.T) {
	w := newWorld(t)
	id := w.newNetwork("{}")
	fill(t, w, mustNetworkID(t, id), 500)
	whole := len(w.must("GET", "/api/v1/network/"+id+"/member", ""))
	for name, onWrite := range map[string]func(cancel func()) error{
		"the client is gone":  func(func()) error { return errors.New("broken pipe") },
		"the request is over": func(cancel func()) error { cancel(); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			request := httptest.NewRequestWithContext(ctx, "GET", "/api/v1/network/"+id+"/member", http.NoBody)
			request.Header.Set("Authorization", "token "+w.token)
			answer := &brokenWriter{sink: sink{header: http.Header{}}, onWrite: func() error { return onWrite(cancel) }}
			defer func() {
				if recovered := recover(); recovered != http.ErrAbortHandler {
					t.Errorf("the connection is not broken: %v", recovered)
				}
				if answer.bytes == 0 || answer.bytes >= whole {
					t.Errorf("%d of %d bytes were sent", answer.bytes, whole)
				}
				if strings.Contains(w.log.String(), "level=ERROR") {
					t.Errorf("the log cries about a client that left: %s", w.log)
				}
			}()
			w.handler.ServeHTTP(answer, request)
		})
	}
}

// A fault in this program is an answer and a line in the log, not a connection
// that closes silently.
func TestFaultsAreAnswered(t *testing.T) {
	w := newWorld(t)
	logger := slog.New(slog.NewTextHandler(w.log, nil))
	door := gate.New(gate.Options{Service: w.service, Logger: logger})
	broken := New(Options{Gate: door, Logger: logger}) // there is no service to call
	recorder := httptest.NewRecorder()
	request := httptest.NewRequest("GET", "/api/v1/network", http.NoBody)
	request.Header.Set("Authorization", "token "+w.token)
	broken.ServeHTTP(recorder, request)
	if recorder.Code != 500 || !strings.Contains(recorder.Body.String(), `"type":"internal"`) {
		t.Errorf("answered %d %s", recorder.Code, recorder.Body)
	}
	id := recorder.Header().Get("X-Request-Id")
	if !strings.Contains(w.log.String(), "level=ERROR") || !strings.Contains(w.log.String(), "request="+id) {
		t.Errorf("the log does not say what happened: %s", w.log)
	}
}

func TestRefusedMethodsNameTheAllowedOnes(t *testing.T) {
	w := newWorld(t)
	w.network("{}")
	for path, want := range map[string]string{
		"/api/v1/status":                      "OPTIONS, GET, HEAD",
		"/api/v1/network":                     "OPTIONS, GET, HEAD, POST, PUT",
		atNetwork:                             "OPTIONS, GET, HEAD, POST, PUT, DELETE",
		atUsers + "/{owner}":                  "OPTIONS, POST, PUT, DELETE",
		"/api/v1/user/{owner}/token/anything": "OPTIONS, DELETE",
	} {
		r := w.do(call{method: http.MethodPatch, path: path})
		if got := r.header.Get("Allow"); r.status != http.StatusMethodNotAllowed || got != want {
			t.Errorf("PATCH %s: %d, Allow %q, want %q", path, r.status, got, want)
		}
	}
}
