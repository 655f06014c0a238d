package api

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/orrery-net/orrery/internal/central"
	"github.com/orrery-net/orrery/zt"
)

// fuzzWorld has a network of the owner's and a read-only token, which can ask
// everything and change nothing.
func fuzzWorld(f *testing.F) *world {
	w := newWorld(f)
	w.newNetwork("owner", "net")
	_, secret, err := w.service.CreateToken(f.Context(), w.caller("owner"), w.names["owner"], central.TokenRequest{Name: "reading", ReadOnly: true})
	if err != nil {
		f.Fatal(err)
	}
	w.names["token reading"] = secret
	return w
}

// ask sends a request past the network.
func (w *world) ask(r *http.Request) reply {
	r.Header.Set("Authorization", "Bearer "+w.names["token reading"])
	recorder := httptest.NewRecorder()
	w.server.Handler.ServeHTTP(recorder, r)
	return reply{recorder.Code, recorder.Result().Header, recorder.Body.String()}
}

// checkFailure makes sure that an answer is a problem of a caller's making.
func checkFailure(t *testing.T, r reply, repeats string) {
	t.Helper()
	var p problem
	if err := json.Unmarshal([]byte(r.body), &p); err != nil || p.Status != r.status || p.Detail == "" || r.header.Get("Content-Type") != problemType {
		t.Fatalf("status %d, %v: %s", r.status, err, r.body)
	}
	if r.status >= 500 || len(p.Errors) > maxFieldErrors || len(r.body) > 20_000 {
		t.Fatalf("status %d, %d bytes: %.1000s", r.status, len(r.body), r.body)
	}
	for _, text := range []string{"json:", "struct", "sql", "huma"} {
		if strings.Contains(p.Detail, text) && !strings.Contains(repeats, text) {
			t.Fatalf("%q in %s", text, p.Detail)
		}
	}
}

// FuzzBody: no body of any operation is a fault of the server.
func FuzzBody(f *testing.F) {
	for _, seed := range []string{
		`{"name":"a"}`, `{"name":"a","secret":"0123456789abcdef0123456789abcdef","readOnly":true,"networkId":"8056c2e21c000001","expiryTime":1}`,
		`{"action":"delete","members":["8a9d09e442",null,{},[],"ff00000000"]}`, `{"read":true,"authorize":true,"modify":1,"delete":null}`,
		`{"email":"a@b","displayName":"\ud800","joinOrganization":"yes"}`, `{"userId":[[[]]]}`, `{"a":1,"a":2}`, `[{"a":{"b":[1,2,{"c":1,"c":2}]}}]`,
		`{"source":"accept dport 22,80;\ncap x id 1"}`, `{"source":"tag t id 1 default 2; accept;","mode":"lenient"}`, `{"source":"\ud800#","ifRevision":-1,"dryRun":true}`,
		`{"config":{"rules":[{"type":"ACTION_TEE","address":5},{"type":null}],"tags":[{"id":1,"default":-1}]},"tagsByName":{"":{}}}`,
		`{"networkId":"8056c2e21c000001","from":"a","to":"b","flow":"tcp 99999"}`, `{"tags":{"a":1e99,"b":[null],"c":false},"capabilities":{"":true}}`,
		`{"expiryTime":1e999,"name":"\u0000"}`, `"text"`, `null`, `1`, ``, `{`, `{} {}`, "\xef\xbb\xbf{}", strings.Repeat(`{"a":`, 2000),
	} {
		f.Add([]byte(seed))
	}
	w := fuzzWorld(f)
	var targets []*http.Request
	for path, item := range document(w).Paths.Map() {
		for method, op := range item.Operations() {
			if op.RequestBody != nil {
				path = strings.NewReplacer("{id}", w.names["net"], "{userId}", w.names["owner"], "{node}", "8a9d09e442").Replace(path)
				targets = append(targets, httptest.NewRequest(method, Base+path, nil))
			}
		}
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		w.TB = t
		for _, target := range targets {
			r := w.ask(httptest.NewRequest(target.Method, target.URL.Path, strings.NewReader(string(body))))
			if r.status == http.StatusOK { // programs can be asked about with any token
				checkAnswer(w, target.Method, strings.TrimPrefix(target.URL.Path, Base), r)
				continue
			}
			checkFailure(t, r, string(body))
		}
	})
}

// FuzzQuery: no query of any list is a fault of the server.
func FuzzQuery(f *testing.F) {
	for _, seed := range []string{
		"limit=5&cursor=x&sort=-name&q=a&online=true&authorized=0&hidden=false", "networkId=8056c2e21c000001&nodeId=8a9d09e442",
		"kind=member.added&kind=user.created&kind=", "since=2026-01-31T00:00:00Z&until=99999999999999999999", "since=-5", "cursor=0&limit=-1",
		"a=%zz&b=%00&limit", "limit=5&limit=6", ";;;", "%6cimit=9", "kind[]=x", "q=%ff%fe", "since=0000-01-01T00:00:00Z",
	} {
		f.Add(seed)
	}
	w := fuzzWorld(f)
	paths := []string{"/activity", "/networks/" + w.names["net"] + "/members", "/tokens", "/organization/invitations"}
	f.Fuzz(func(t *testing.T, query string) {
		w.TB = t
		for _, path := range paths {
			request := httptest.NewRequest(http.MethodGet, Base+path, nil)
			request.URL.RawQuery = query
			r := w.ask(request)
			if r.status == http.StatusOK {
				checkAnswer(w, http.MethodGet, path, r)
				continue
			}
			checkFailure(t, r, query)
		}
	})
}

// FuzzPath: no path is a fault of the server.
func FuzzPath(f *testing.F) {
	for _, seed := range []string{
		"/networks/8056c2e21c000001/users", "/networks/%00/members", "/tokens/a%2Fb", "/users/a@b", "/invitations/../me", "//me", "/me/", "", "/invitations/%ff",
	} {
		f.Add(seed)
	}
	w := fuzzWorld(f)
	f.Fuzz(func(t *testing.T, path string) {
		u, err := url.Parse(Base + path)
		if err != nil {
			return
		}
		if strings.HasSuffix(u.Path, "/events") { // it would not end
			return
		}
		for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodDelete} {
			request := httptest.NewRequest(method, Base, nil)
			request.URL = u
			if r := w.ask(request); r.status >= 500 {
				t.Fatalf("%s %s: status %d: %s", method, path, r.status, r.body)
			}
		}
	})
}

// FuzzDecode: what is taken for a body is one JSON value, and means the same to
// every reader.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{`{"action":"delete","members":["8a9d09e442"]}`, `{"members":[]}`, `{"a":1,"\u0061":2}`, `{"Action":"x","action":"y"}`, `{}x`, ``} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var body bulkRequest
		if decode(text, &body) != nil {
			return
		}
		if !json.Valid(text) {
			t.Fatalf("%s is not JSON", text)
		}
		for _, node := range body.Members {
			if _, err := zt.ParseAddress(node.String()); err != nil && node.Address != 0 { // a null leaves it
				t.Fatal(err)
			}
		}
	})
}

// FuzzBaseURL: whatever a client says where it is, a link is a link.
func FuzzBaseURL(f *testing.F) {
	f.Add("a:1", "https", "b")
	f.Add("[::1]:8000", "x", "a'b")
	f.Fuzz(func(t *testing.T, host, proto, forwarded string) {
		base := baseURL(false, host, proto, forwarded)
		u, err := url.Parse(base)
		if err != nil || u.Host == "" || u.User != nil || u.Path != "" || u.Scheme != "http" && u.Scheme != "https" || strings.ContainsAny(base, " '\"`$<>\\") {
			t.Fatalf("%q: %v", base, err)
		}
	})
}
