package centralapi

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/internal/store"
	"github.com/orrery-net/orrery/internal/table"
)

const (
	wholeCSV  = "text/csv; charset=utf-8; header=present"
	bareCSV   = "text/csv; charset=utf-8; header=absent"
	plainJSON = "application/json"
)

func TestWhatListsAreSentAs(t *testing.T) {
	w := newWorld(t)
	w.network("{}")
	for _, c := range []struct{ accept, want string }{
		{"", plainJSON}, {"*/*", plainJSON}, {"application/json", plainJSON}, {"application/*", plainJSON}, {"text/csv", wholeCSV}, {"TEXT/CSV", wholeCSV},
		{"text/csv;charset=utf-8", wholeCSV}, {`text/csv; charset="UTF-8"`, wholeCSV}, {"text/csv;header=absent", bareCSV}, {"text/csv; header=present", wholeCSV},
		{"text/csv;header=perhaps", plainJSON}, {"text/csv;charset=iso-8859-1", plainJSON}, {"text/csv;other=thing", wholeCSV}, {"text/*", wholeCSV},
		{"text/html", plainJSON}, {"image/png, text/plain", plainJSON}, {"application/json, text/csv", plainJSON}, {"text/csv, application/json", plainJSON},
		{"text/csv, application/json;q=0.9", wholeCSV}, {"text/csv;q=0.8, application/json;q=0.9", plainJSON}, {"text/csv, */*", wholeCSV}, {"text/csv, */*;q=0.1", wholeCSV},
		{"text/csv;q=0.5, */*", plainJSON}, {"text/csv;q=0", plainJSON}, {"text/csv;q=0, application/json;q=0", plainJSON}, {"application/json;q=0, */*", wholeCSV},
		{"text/csv;header=absent, application/json;q=0.5", bareCSV}, {"text/csv;header=absent;q=0.5, text/csv;q=0.9, */*;q=0.1", wholeCSV},
		{"text/csv;header=absent;q=0, text/csv", wholeCSV}, {"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", plainJSON},
		{"application/json, text/plain, */*", plainJSON}, {"text/csv;q=2", plainJSON}, {"text/csv;q=NaN", plainJSON}, {"text/csv;q=x", plainJSON},
		{`a/b;c="x,text/csv", */*`, plainJSON}, {`a/b;c="x\",", text/csv`, wholeCSV}, {"text/csv;", wholeCSV}, {";;,,/", plainJSON}, {`"`, plainJSON}, {"text/csv, ;", wholeCSV},
	} {
		for _, path := range []string{"/api/v1/network", "/api/network/", "/api/v1/network/{net}/member", "/api/network/{net}/member"} {
			r := w.do(call{method: "GET", path: path, accept: c.accept})
			if r.status != http.StatusOK || r.header.Get("Content-Type") != c.want || r.header.Get("Vary") != "Accept" {
				t.Errorf("%s, Accept: %s: %d as %q, Vary %q", path, c.accept, r.status, r.header.Get("Content-Type"), r.header.Get("Vary"))
			}
			if csv := strings.Contains(r.header.Get("Content-Type"), "csv"); csv == json.Valid([]byte(r.body)) {
				t.Errorf("%s, Accept: %s: %s", path, c.accept, r.body)
			}
		}
	}
	two := w.request(call{method: "GET", path: "/api/v1/network/{net}/member", accept: "application/json;q=0.5"})
	two.Header.Add("Accept", "text/csv")
	if r := w.send(two); r.header.Get("Content-Type") != wholeCSV {
		t.Errorf("two headers: %q", r.header.Get("Content-Type"))
	}
	if r := w.do(call{method: "GET", path: "/api/v1/network/{net}", accept: "text/csv"}); r.header.Get("Content-Type") != plainJSON || r.header.Get("Vary") != "" {
		t.Errorf("a single network: %v", r.header)
	}
}

func TestListsAsCSV(t *testing.T) {
	w := newWorld(t)
	w.network(`{"config":{"name":"home, sweet home","ipAssignmentPools":[{"ipRangeStart":"10.9.0.1","ipRangeEnd":"10.9.0.254"}]},"description":"the \"first\""}`)
	w.must("POST", "/api/v1/network/{net}/member/{node}", `{"name":"=1+1","config":{"authorized":true,"ipAssignments":["10.9.0.7"]}}`)
	for _, c := range []struct{ path, accept, disposition, want string }{
		{
			"/api/v1/network", "text/csv", `attachment; filename="networks.csv"`,
			"id,name,description,totalMemberCount,creationTime,ipRangeStart,ipRangeEnd\r\n{net},\"home, sweet home\",\"the \"\"first\"\"\",1,1700000000000,10.9.0.1,10.9.0.254\r\n",
		},
		{
			"/api/v1/network/{net}/member?format=json", "text/csv", `attachment; filename="members-{net}.csv"`,
			"id,lastSeen,physicalAddress,ipAssignment,name\r\n{net}-{node},0,,10.9.0.7,=1+1\r\n",
		},
		{"/api/v1/network/{net}/member", "text/csv;header=absent", `attachment; filename="members-{net}.csv"`, "{net}-{node},0,,10.9.0.7,=1+1\r\n"},
	} {
		r := w.do(call{method: "GET", path: c.path, accept: c.accept})
		if r.status != http.StatusOK || r.body != w.fill(c.want) || r.header.Get("Content-Disposition") != w.fill(c.disposition) {
			t.Errorf("%s: %d, %q\n%s\nwant\n%s", c.path, r.status, r.header.Get("Content-Disposition"), r.body, w.fill(c.want))
		}
	}
	empty := w.newNetwork("{}")
	if r := w.do(call{method: "GET", path: "/api/v1/network/" + empty + "/member", accept: "text/csv"}); r.body != "id,lastSeen,physicalAddress,ipAssignment,name\r\n" {
		t.Errorf("no members: %q", r.body)
	}
	if r := w.do(call{method: "GET", path: "/api/v1/network/" + empty + "/member", accept: "text/csv;header=absent"}); r.status != http.StatusOK || r.body != "" || r.header.Get("Content-Type") != bareCSV {
		t.Errorf("no members and no header: %d %q", r.status, r.body)
	}
	for path, status := range map[string]int{"/api/v1/network/a1b2c3d4e5ffffff/member": 404, "/api/v1/network/x/member": 404} {
		r := w.do(call{method: "GET", path: path, accept: "text/csv"})
		if r.status != status || r.header.Get("Content-Type") != plainJSON || r.header.Get("Content-Disposition") != "" || checkErrorObject(r.body) != nil {
			t.Errorf("%s: %d %v %s", path, r.status, r.header, r.body)
		}
	}
}

// TestCSVIsThatOfTheCommandLine: the same objects make the same bytes here and
// there, whatever is in them.
func TestCSVIsThatOfTheCommandLine(t *testing.T) {
	w := newWorld(t)
	names := []string{"", " ", "a,b", `"`, "line\nbreak", "\r\n", "\x00\x07", "\u2028\u202e", "日本語", "😀", "<&>", "=cmd()", `\.`, "'", strings.Repeat("long", 60)}
	id := mustNetworkID(t, w.network("{}"))
	err := w.store.Update(context.Background(), func(tx *store.Tx) error {
		for i := range 300 {
			m := someMember(id, i)
			m.Name = names[i%len(names)]
			if i%3 == 0 {
				m.Addresses = nil
			}
			if err := tx.PutMember(m); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := range names {
		body, err := json.Marshal(map[string]any{"description": names[i], "config": map[string]any{"name": names[len(names)-1-i]}})
		if err != nil {
			t.Fatal(err)
		}
		w.do(call{method: "POST", path: "/api/v1/network", body: string(body)}) // not every name is allowed
	}
	for path, columns := range map[string][]table.Column{"/api/v1/network": table.Networks(), "/api/v1/network/{net}/member": table.Members()} {
		listed := w.must("GET", path, "")
		for accept, noHeader := range map[string]bool{"text/csv": false, "text/csv;header=absent": true} {
			got := w.do(call{method: "GET", path: path, accept: accept}).body
			if want := asTable(t, listed, columns, noHeader); got != want {
				t.Errorf("%s: %q\nwant %q", path, got, want)
			}
			if rows, err := csv.NewReader(strings.NewReader(got)).ReadAll(); err != nil || len(rows) < 10 {
				t.Errorf("%s: %d rows, %v", path, len(rows), err)
			}
		}
	}
}

// asTable makes CSV of a list in JSON as the command line does.
func asTable(t *testing.T, listed string, columns []table.Column, noHeader bool) string {
	t.Helper()
	var text bytes.Buffer
	rows, err := table.NewWriter(&text, table.Options{Format: table.CSV, Columns: columns, NoHeader: noHeader})
	if err != nil {
		t.Fatal(err)
	}
	var list []json.RawMessage
	if err := json.Unmarshal([]byte(listed), &list); err != nil {
		t.Fatal(err)
	}
	for _, raw := range list {
		o, err := table.Decode(raw)
		if err := errors.Join(err, rows.Write(o)); err != nil {
			t.Fatal(err)
		}
	}
	if err := rows.Close(); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

// TestExportedObjectsAreThoseOfTheAPI: paths into them are the documented ones.
func TestExportedObjectsAreThoseOfTheAPI(t *testing.T) {
	w := newWorld(t)
	id := mustNetworkID(t, w.network(`{"config":{"name":"home"}}`))
	w.must("POST", "/api/v1/network/{net}/member/{node}", `{"name":"laptop"}`)
	owner, err := w.service.Authenticate(t.Context(), w.token, netip.Addr{})
	if err != nil {
		t.Fatal(err)
	}
	network, err := w.service.Network(t.Context(), owner, id)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := NetworkObject(network, testStart); err != nil || string(got) != w.must("GET", "/api/v1/network/{net}", "") {
		t.Errorf("%s, %v", got, err)
	}
	err = w.service.Members(t.Context(), owner, id, func(m model.MemberStatus) error {
		if got := MemberObject(m, testStart); string(got) != w.must("GET", "/api/v1/network/{net}/member/{node}", "") {
			t.Errorf("%s", got)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestACSVThatBreaksOff must not look like a whole one to the client.
func TestACSVThatBreaksOff(t *testing.T) {
	w := newWorld(t)
	id := w.newNetwork("{}")
	fill(t, w, mustNetworkID(t, id), 3000)
	whole := len(w.do(call{method: "GET", path: "/api/v1/network/" + id + "/member", accept: "text/csv"}).body)
	answer := &brokenWriter{sink: sink{header: http.Header{}}, onWrite: func() error { return errors.New("broken pipe") }}
	request := w.request(call{method: "GET", path: "/api/v1/network/" + id + "/member", accept: "text/csv"})
	func() {
		defer func() {
			if recovered := recover(); recovered != http.ErrAbortHandler {
				t.Errorf("the connection is not broken: %v", recovered)
			}
		}()
		w.handler.ServeHTTP(answer, request)
	}()
	if answer.bytes == 0 || answer.bytes >= whole {
		t.Errorf("%d of %d bytes were sent", answer.bytes, whole)
	}
	if strings.Contains(w.log.String(), "level=ERROR") {
		t.Errorf("the log cries about a client that left: %s", w.log)
	}
}
