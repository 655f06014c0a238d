package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"
)

const (
	recordedAnswers = "../centralapi/testdata/fixtures"
	// hostedNow is shortly after the members were recorded.
	hostedNow   = "2023-08-03T16:06:00Z"
	hostedToken = "kQm2VvT9hXw4bZs7RjNc8LpYfD3gAe6u"
)

// hosted replays recorded answers of the hosted service. Changes are answered
// with what was recorded for such a change, and change nothing.
type hosted struct {
	fault string

	mu    sync.Mutex
	log   io.Writer       // guarded by mu
	asked map[string]bool // guarded by mu
}

// scriptHosted starts the replay. A fault is one of
//
//	limited   the first request for each thing is answered with 429
//	half      answers end in the middle
//	closed    nobody answers
//	gateway   a proxy answers that it has no answer
//	refusing  changes of all members but efcc1b0947 are refused
//	stalled   nothing is answered
func scriptHosted(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 1 {
		ts.Fatalf("usage: hosted [fault]")
	}
	log, err := os.Create(ts.MkAbs("requests"))
	ts.Check(err)
	h := &hosted{fault: strings.Join(args, ""), log: log, asked: make(map[string]bool)}
	s := httptest.NewServer(h)
	if h.fault == "closed" {
		s.Close()
	}
	ts.Defer(func() {
		s.Close()
		log.Close()
	})
	ts.Setenv("ORRERY_URL", s.URL)
	ts.Setenv("ORRERY_TOKEN", hostedToken)
	ts.Setenv(testNow, hostedNow)
}

// ServeHTTP implements http.Handler.
func (h *hosted) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	path := strings.TrimPrefix(r.URL.Path, "/api/v1")
	if h.fault == "stalled" {
		h.note(r, path, "")
		<-r.Context().Done()
		return
	}
	status, answer := h.answer(r, path, strings.TrimSpace(string(body)))
	w.Header().Set("Content-Type", "application/json")
	if h.fault == "half" {
		w.Header().Set("Content-Length", fmt.Sprint(len(answer)))
		answer = answer[:len(answer)/2]
	}
	if status == http.StatusTooManyRequests {
		w.Header().Set("Retry-After", "0")
	}
	w.WriteHeader(status)
	_, _ = w.Write(answer)
}

func (h *hosted) note(r *http.Request, path, body string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.write(r, path, body)
}

// write is note for who holds mu.
func (h *hosted) write(r *http.Request, path, body string) {
	fmt.Fprintln(h.log, strings.TrimSpace(r.Method+" "+path+" "+body))
}

func (h *hosted) answer(r *http.Request, path, body string) (int, []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.write(r, path, body)
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	known := (strings.EqualFold(scheme, "token") || strings.EqualFold(scheme, "bearer")) && token == hostedToken
	first := !h.asked[r.Method+path]
	h.asked[r.Method+path] = true
	switch {
	case h.fault == "gateway":
		return http.StatusBadGateway, []byte("<html><body>Bad Gateway</body></html>")
	case h.fault == "limited" && first:
		return http.StatusTooManyRequests, nil
	case path == "/status" && !known:
		return recorded("status.anonymous")
	case !known:
		return http.StatusForbidden, []byte(`{"type":"internal","message":"access denied"}`)
	case h.fault == "refusing" && r.Method != "GET" && strings.Contains(path, "/member/") && !strings.HasSuffix(path, "efcc1b0947"):
		return recordedError("error.internal")
	}
	return route(r.Method, strings.Split(strings.Trim(path, "/"), "/"), body)
}

func route(method string, path []string, body string) (int, []byte) {
	if method == "PUT" {
		method = "POST"
	}
	shape := method
	for i, part := range path {
		if i%2 == 1 {
			part = "*"
		}
		shape += " " + part
	}
	switch shape {
	case "GET status":
		return recorded("status")
	case "GET randomToken":
		return recorded("randomtoken")
	case "GET network":
		return recorded("network-list")
	case "POST network":
		return recorded("network-create")
	case "GET network *", "POST network *":
		return recordedIn("network-list", "id", path[1])
	case "GET network * member":
		return recorded("member-list")
	case "GET network * member *":
		return recordedIn("member-list", "nodeId", path[3])
	case "POST network * member *":
		if strings.Contains(body, `"authorized":false`) {
			return recorded("member-update.deauthorize")
		}
		return recorded("member-update.authorize")
	case "GET org", "GET org *":
		return recorded("org-get")
	case "GET org * user":
		return recorded("org-user-list")
	case "GET org-invitation":
		return recorded("org-invitation-list")
	case "POST org-invitation":
		return recorded("org-invitation-create")
	case "GET org-invitation *":
		return recorded("org-invitation-get")
	case "POST org-invitation *":
		return recorded("org-invitation-accept")
	case "GET user *":
		return recorded("user-get")
	case "POST user * token":
		return recorded("user-token-create")
	case "DELETE network *", "DELETE network * member *", "DELETE user * token *", "DELETE org-invitation *":
		return http.StatusOK, nil // without a body, as the hosted service
	}
	return http.StatusNotFound, []byte("<!doctype html><title>ZeroTier Central</title>")
}

// recorded reads an answer, compact as the hosted service sends it.
func recorded(name string) (int, []byte) {
	text, err := os.ReadFile(filepath.Join(recordedAnswers, name+".json"))
	var compact bytes.Buffer
	if err != nil || json.Compact(&compact, text) != nil {
		return http.StatusInternalServerError, []byte(fmt.Sprint(name, err))
	}
	return http.StatusOK, compact.Bytes()
}

func recordedError(name string) (int, []byte) {
	_, text := recorded(name)
	return http.StatusInternalServerError, text
}

// recordedIn finds one in a recorded list.
func recordedIn(name, key, value string) (int, []byte) {
	status, text := recorded(name)
	var all []json.RawMessage
	if json.Unmarshal(text, &all) != nil {
		return status, text
	}
	for _, one := range all {
		if bytes.Contains(one, fmt.Appendf(nil, "%q:%q", key, value)) {
			return http.StatusOK, one
		}
	}
	return http.StatusNotFound, []byte(`{"type":"internal","message":"not found"}`)
}
