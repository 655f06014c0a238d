package api

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/orrery-net/orrery/internal/central"
	"github.com/orrery-net/orrery/internal/centralapi"
	"github.com/orrery-net/orrery/internal/gate"
	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/internal/store"
	"github.com/orrery-net/orrery/zt"
)

// exportWorld has two networks of the owner's, the first one with two members of
// which one is authorized, and the second with one.
func exportWorld(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.newNetwork("owner", "one")
	w.newNetwork("owner", "two")
	w.newMember("one", 0x8a9d09e442, func(m *model.Member) {
		m.Name, m.Authorized, m.Addresses = "alice's laptop", true, []netip.Addr{netip.MustParseAddr("10.9.0.7")}
	})
	w.newMember("one", 0x8a9d09e443, func(m *model.Member) { m.Name = "=stranger()" })
	w.newMember("two", 0x8a9d09e444, func(m *model.Member) {
		m.Name, m.Authorized, m.Addresses = "printer", true, []netip.Addr{netip.MustParseAddr("10.10.0.7")}
	})
	return w
}

func TestExportOfRows(t *testing.T) {
	w := exportWorld(t)
	const of = "?networkId={one}"
	for query, want := range map[string]string{
		of: "id,lastSeen,physicalAddress,ipAssignment,name\r\n{one}-8a9d09e442,0,,10.9.0.7,alice's laptop\r\n{one}-8a9d09e443,0,,,=stranger()\r\n",
		of + "&header=false&spreadsheetSafe=true":                                         "{one}-8a9d09e442,0,,10.9.0.7,alice's laptop\r\n{one}-8a9d09e443,0,,,\"'=stranger()\"\r\n",
		of + "&format=tsv&columns=nodeId,authorized":                                      "nodeId\tauthorized\n8a9d09e442\ttrue\n8a9d09e443\tfalse\n",
		of + "&columns=n%3Dname,lastSeen,since%3DcreationTime&times=rfc3339&header=false": "alice's laptop,,2023-11-14T22:13:20.000Z\r\n=stranger(),,2023-11-14T22:13:20.000Z\r\n",
		of + "&format=ndjson&columns=name,ipAssignments":                                  "{\"name\":\"alice's laptop\",\"ipAssignments\":[\"10.9.0.7\"]}\n{\"name\":\"=stranger()\",\"ipAssignments\":[]}\n",
		of + "&of=networks&columns=id,name,totalMemberCount":                              "id,name,totalMemberCount\r\n{one},one,2\r\n",
		"?networkId={two}&networkId={one}&networkId={two}&columns=name":                   "name\r\nprinter\r\nalice's laptop\r\n=stranger()\r\n",
		of + "&format=json&columns=name":                                                  "[\n  {\n    \"name\": \"alice's laptop\"\n  },\n  {\n    \"name\": \"=stranger()\"\n  }\n]\n",
	} {
		if got := w.must("", "GET", "/export"+query, ""); got != w.fill(want) {
			t.Errorf("%s: %q\nwant %q", query, got, w.fill(want))
		}
	}
	everything := w.must("", "GET", "/export?columns=name&header=false", "")
	lines := strings.Split(strings.TrimSpace(everything), "\r\n")
	slices.Sort(lines)
	if !slices.Equal(lines, []string{"=stranger()", "alice's laptop", "printer"}) {
		t.Errorf("all members: %q", everything)
	}
}

func TestExportTypesAndNames(t *testing.T) {
	w := exportWorld(t)
	w.names["ONE"] = strings.ToUpper(w.names["one"])
	for query, want := range map[string][2]string{
		"":                                 {"text/csv; charset=utf-8; header=present", "members.csv"},
		"?header=false":                    {"text/csv; charset=utf-8; header=absent", "members.csv"},
		"?networkId={one}":                 {"text/csv; charset=utf-8; header=present", "members-{one}.csv"},
		"?networkId={one}&networkId={two}": {"text/csv; charset=utf-8; header=present", "members.csv"},
		"?networkId={ONE}&networkId={one}": {"text/csv; charset=utf-8; header=present", "members-{one}.csv"},
		"?of=networks&format=tsv":          {"text/tab-separated-values; charset=utf-8", "networks.tsv"},
		"?format=ndjson":                   {"application/x-ndjson", "members.ndjson"},
		"?format=json":                     {"application/json", "members.json"},
		"?format=prometheus":               {"application/json", "members.json"},
		"?format=hosts":                    {"text/plain; charset=utf-8", "members.txt"},
		"?format=ssh-config":               {"text/plain; charset=utf-8", "members.txt"},
		"?format=ansible":                  {"application/yaml", "members.yaml"},
	} {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			r := w.do(call{method: method, path: "/export" + query})
			if got := r.header.Get("Content-Type"); r.status != http.StatusOK || got != want[0] {
				t.Errorf("%s %s: %d as %q", method, query, r.status, got)
			}
			if got := r.header.Get("Content-Disposition"); got != w.fill(`attachment; filename="`+want[1]+`"`) {
				t.Errorf("%s %s: %s", method, query, got)
			}
			if (method == http.MethodHead) != (r.body == "") {
				t.Errorf("%s %s: %q", method, query, r.body)
			}
		}
	}
}

// TestExportedObjectsAreCentrals compares whole objects to those of Central's API.
func TestExportedObjectsAreCentrals(t *testing.T) {
	w := exportWorld(t)
	compatible := centralapi.New(centralapi.Options{Service: w.service, Gate: gate.New(gate.Options{Service: w.service, Logger: slog.New(slog.DiscardHandler)}), Logger: slog.New(slog.DiscardHandler)})
	ask := func(path string) string {
		r := httptest.NewRequest("GET", w.fill(path), http.NoBody)
		r.Header.Set("Authorization", "Bearer "+w.names["token owner"])
		recorder := httptest.NewRecorder()
		compatible.ServeHTTP(recorder, r)
		return recorder.Body.String()
	}
	want := ask("/api/v1/network/{one}/member/8a9d09e442") + "\n" + ask("/api/v1/network/{one}/member/8a9d09e443") + "\n"
	if got := w.must("", "GET", "/export?format=ndjson&networkId={one}", ""); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	if got, want := w.must("", "GET", "/export?of=networks&format=ndjson&networkId={one}", ""), ask("/api/v1/network/{one}")+"\n"; got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	r := httptest.NewRequest("GET", w.fill("/api/v1/network/{one}/member"), http.NoBody)
	r.Header.Set("Authorization", "Bearer "+w.names["token owner"])
	r.Header.Set("Accept", "text/csv")
	recorder := httptest.NewRecorder()
	compatible.ServeHTTP(recorder, r)
	if got := w.must("", "GET", "/export?networkId={one}", ""); got != recorder.Body.String() {
		t.Errorf("%s\nwant\n%s", got, recorder.Body)
	}
}

func TestExportForConfiguration(t *testing.T) {
	w := exportWorld(t)
	var targets []struct {
		Targets []string
		Labels  map[string]string
	}
	text := w.must("", "GET", "/export?format=prometheus&networkId={one}&port=9200", "")
	if err := json.Unmarshal([]byte(text), &targets); err != nil || len(targets) != 1 || !slices.Equal(targets[0].Targets, []string{"10.9.0.7:9200"}) {
		t.Errorf("%v in %s", err, text)
	}
	for name := range targets[0].Labels {
		if !strings.HasPrefix(name, "__meta_") {
			t.Errorf("label %s stays", name)
		}
	}
	if got := w.must("", "GET", "/export?format=hosts&networkId={one}&domain=home.example", ""); !strings.Contains(got, "10.9.0.7") || !strings.Contains(got, ".home.example") {
		t.Errorf("hosts: %s", got)
	}
	if got := w.must("", "GET", "/export?format=ssh-config&networkId={one}", ""); !strings.Contains(got, "HostName 10.9.0.7") {
		t.Errorf("ssh: %s", got)
	}
	var inventory map[string]any
	if got := w.must("", "GET", "/export?format=ansible", ""); yaml.Unmarshal([]byte(got), &inventory) != nil || !strings.Contains(got, "10.9.0.7") || !strings.Contains(got, "10.10.0.7") {
		t.Errorf("ansible: %s", got)
	}
}

func TestExportsThatAreRefused(t *testing.T) {
	w := exportWorld(t)
	for query, want := range map[string]string{
		"?format=xml":                 "query.format",
		"?of=tokens":                  "query.of",
		"?columns=id,a..b":            "a..b",
		"?columns=id,id":              "twice",
		"?columns=%ff%3Did":           "not printable",
		"?columns=a%0d%0ab%3Did":      "not printable",
		"?columns=":                   "query.columns",
		"?columns=id&columns=name":    "query.columns: expected once",
		"?format=hosts&columns=id":    "hosts has no columns",
		"?format=hosts&of=networks":   "not for networks",
		"?networkId=x":                "query.networkId",
		"?networkId=0000000000000000": "is not a network id",
		"?times=iso":                  "query.times",
		"?port=0":                     "query.port",
		"?port=65536":                 "query.port",
		"?format=hosts&domain=%2e%2e": "is not a domain",
		"?format=hosts&domain=a%0ab":  "is not a domain",
		"?header=perhaps":             "query.header",
		"?column=id":                  "query.column",
		"?columns=" + strings.Repeat("a,", 150) + "a": "too many",
	} {
		r := w.do(call{method: "GET", path: "/export" + query})
		if detail := w.get(r.body, "detail"); r.status != http.StatusBadRequest || !strings.Contains(detail, want) || strings.Contains(detail, "wrong options") || r.header.Get("Content-Disposition") != "" {
			t.Errorf("%.60s: %d %s", query, r.status, r.body)
		}
	}
}

// TestExportByALimitedToken: a token for one network exports nothing else.
func TestExportByALimitedToken(t *testing.T) {
	w := exportWorld(t)
	id, err := zt.ParseNetworkID(w.names["two"])
	if err != nil {
		t.Fatal(err)
	}
	_, secret, err := w.service.CreateToken(t.Context(), w.caller("owner"), w.names["owner"], central.TokenRequest{Name: "two", Network: id})
	if err != nil {
		t.Fatal(err)
	}
	w.names["token limited"] = secret
	if got := w.must("limited", "GET", "/export?columns=name&header=false", ""); got != "printer\r\n" {
		t.Errorf("members: %q", got)
	}
	if got := w.must("limited", "GET", "/export?of=networks&columns=id&header=false", ""); got != w.fill("{two}\r\n") {
		t.Errorf("networks: %q", got)
	}
	w.newUser("stranger", false)
	if got := w.must("stranger", "GET", "/export?header=false", ""); got != "" {
		t.Errorf("a stranger: %q", got)
	}
}

// manyMembers fills a network so that its export takes more than one write.
func manyMembers(w *world, name string, count int) {
	w.Helper()
	id, err := zt.ParseNetworkID(w.names[name])
	if err != nil {
		w.Fatal(err)
	}
	err = w.store.Update(context.Background(), func(tx *store.Tx) error {
		for i := range count {
			m := model.NewMember(id, zt.Address(0x1000000000+uint64(i)), testStart)
			m.Name = "member " + strconv.Itoa(i)
			if err := tx.PutMember(m); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		w.Fatal(err)
	}
}

func TestLongExport(t *testing.T) {
	w := newWorld(t)
	w.newNetwork("owner", "large")
	manyMembers(w, "large", 5000)
	rows, err := csv.NewReader(strings.NewReader(w.must("", "GET", "/export", ""))).ReadAll()
	if err != nil || len(rows) != 5001 || rows[5000][4] != "member 4999" {
		t.Errorf("%d rows, %v", len(rows), err)
	}
}

// lost is a client that is gone after the first bytes.
type lost struct {
	header http.Header
	writes int
}

func (l *lost) Header() http.Header { return l.header }
func (l *lost) WriteHeader(int)     {}
func (l *lost) Write(b []byte) (int, error) {
	if l.writes++; l.writes > 1 {
		return 0, errors.New("broken pipe")
	}
	return len(b), nil
}

// TestAnExportThatBreaksOff must not look like a whole one to the client.
func TestAnExportThatBreaksOff(t *testing.T) {
	w := newWorld(t)
	w.newNetwork("owner", "large")
	manyMembers(w, "large", 5000)
	for _, format := range []string{"csv", "ndjson", "json", "tsv"} {
		r := httptest.NewRequest("GET", Base+"/export?format="+format, http.NoBody)
		r.Header.Set("Authorization", "Bearer "+w.names["token owner"])
		client := &lost{header: http.Header{}}
		func() {
			defer func() {
				if recovered := recover(); recovered != http.ErrAbortHandler {
					t.Errorf("%s: the connection is not broken: %v", format, recovered)
				}
			}()
			w.server.Handler.ServeHTTP(client, r)
		}()
		if client.writes != 2 {
			t.Errorf("%s: %d writes", format, client.writes)
		}
	}
	if strings.Contains(w.log.String(), "level=ERROR") {
		t.Errorf("the log cries about a client that left: %s", w.log)
	}
}

func TestAUserReadsSoManyExports(t *testing.T) {
	bubble(t, func(w *world) {
		w.newUser("alice", false)
		w.newNetwork("owner", "large")
		manyMembers(w, "large", 5000)
		open := func() *http.Response {
			answer, err := w.client.Do(w.request(context.Background(), call{method: "GET", path: "/export"}))
			if err != nil {
				t.Fatal(err)
			}
			return answer
		}
		for range maxExports {
			slow := open() // a pipe holds nothing: the server waits for its reader
			defer slow.Body.Close()
			if slow.StatusCode != http.StatusOK {
				t.Fatal(slow.Status)
			}
		}
		r := w.do(call{method: "GET", path: "/export?format=ansible"})
		if r.status != http.StatusTooManyRequests || !strings.Contains(r.body, "5 exports") || r.header.Get("Retry-After") != "1" || r.header.Get("Content-Disposition") != "" {
			t.Errorf("one more: %d %v %s", r.status, r.header, r.body)
		}
		w.must("alice", "GET", "/export", "")
		time.Sleep(3 * time.Minute) // until the server has waited long enough
		synctest.Wait()
		if answer := open(); answer.StatusCode != http.StatusOK {
			t.Errorf("after those broke off: %s", answer.Status)
		} else {
			answer.Body.Close()
		}
	})
}

// TestAnExportWithoutAStore is answered with an error, not half a file.
func TestAnExportWithoutAStore(t *testing.T) {
	w := exportWorld(t)
	request := w.request(t.Context(), call{method: "GET", path: "/export"})
	if err := w.store.Close(); err != nil {
		t.Fatal(err)
	}
	answer, err := w.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusInternalServerError || answer.Header.Get("Content-Type") != problemType {
		t.Errorf("%d %v %s", answer.StatusCode, answer.Header, text)
	}
}
