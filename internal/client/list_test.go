package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
)

func TestListsThatBreakOff(t *testing.T) {
	two := `[{"nodeId":"1"},{"nodeId":"2"}`
	for _, x := range []struct {
		body  string
		abort bool // the connection breaks after the body
		count int
		says  string
	}{
		{two, false, 2, "the answer broke off after 2 members; try again"},
		{two, true, 2, "broke off after 2 members"},
		{two + `]`, true, 2, "broke off after 2 members"},
		{two + `,`, false, 2, "broke off after 2 members"},
		{two + `,]`, false, 2, "broke off after 2 members"},
		{two + `,{"nodeId":`, false, 2, "broke off after 2 members"},
		{two + ` {"nodeId":"3"}]`, false, 2, "broke off after 2 members"},
		{two + `]x`, false, 2, "broke off after 2 members"},
		{two + `][]`, false, 2, "is not usable after 2 members: what follows is no member"},
		{two + `]]`, false, 2, "after 2 members"},
		{two + `}`, false, 2, "broke off after 2 members"},
		{two + `,null]`, false, 2, "not usable after 2 members: what follows is no member"},
		{two + `,[]]`, false, 2, "what follows is no member"},
		{`[`, false, 0, "broke off after 0 members"},
		{`[`, true, 0, "broke off after 0 members"},
		{`[x`, false, 0, "broke off after 0 members"},
		{`{"message":"no"}`, false, 0, "answered with something else than Central's API does"},
		{`[` + strings.Repeat(`[`, 100_000), false, 0, "after 0 members"},
		{two + "\x00", false, 2, "broke off after 2 members"},
	} {
		c := serving(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			io.WriteString(w, x.body)
			if x.abort {
				http.NewResponseController(w).Flush()
				panic(http.ErrAbortHandler)
			}
		})
		all, err := collect(c.Members(t.Context(), testNetwork))
		if len(all) != x.count {
			t.Errorf("%.60q: %d members", x.body, len(all))
		}
		saysOnly(t, err, "list the members of network "+testNetwork+": ", x.says)
		isAll(t, err, ErrUnreachable)
	}
	for _, whole := range []string{"[]", " [ ] \n", two + "]", "\n\t" + two + "\r\n]\n"} {
		c := serving(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, whole) })
		if _, err := collect(c.Members(t.Context(), testNetwork)); err != nil {
			t.Errorf("%q: %v", whole, err)
		}
	}
}

// An answer may be as long as it likes; what is kept of it is not.
func TestEndlessListsAreBounded(t *testing.T) {
	for name, x := range map[string]struct{ begin, more, says string }{
		"a member": {`[{"name":"`, "x", "not usable after 0 members: the next member has more than 4 MiB"},
		"blanks":   {``, " ", "the next member has more than 4 MiB"},
		"in it":    {`[{"nodeId":"1"}`, "\n", "not usable after 1 members: the next member has more than 4 MiB"},
		"brackets": {`[`, "[", "after 0 members"},
		"a number": {`[`, "1", "the next member has more than 4 MiB"},
	} {
		t.Run(name, func(t *testing.T) {
			c := serving(t, func(w http.ResponseWriter, _ *http.Request) {
				io.WriteString(w, x.begin)
				more := strings.Repeat(x.more, 1<<16)
				for range 10 << 30 / len(more) {
					if _, err := io.WriteString(w, more); err != nil {
						return
					}
				}
			})
			_, err := collect(c.Members(t.Context(), testNetwork))
			saysOnly(t, err, x.says)
			isAll(t, err, ErrUnreachable)
		})
	}
}

// manyMembers writes a list of members.
func manyMembers(w io.Writer, count int) {
	one := []byte(`{"id":"a1b2c3d4e5f60718-0000000000","type":"Member","clock":1691078748727,"networkId":"a1b2c3d4e5f60718","nodeId":"0000000000","name":"` +
		strings.Repeat("n", 300) + `","config":{"authorized":true,"ipAssignments":["10.0.0.1"],"identity":"` + strings.Repeat("0", 150) + `"},"lastSeen":5}`)
	at := bytes.Index(one, []byte(`"nodeId":"`)) + len(`"nodeId":"`)
	var buffer bytes.Buffer
	for i := range count {
		buffer.WriteByte("[,"[min(i, 1)])
		copy(one[at:], fmt.Sprintf("%010x", i+1))
		buffer.Write(one)
		if buffer.Len() > 64<<10 {
			w.Write(buffer.Bytes())
			buffer.Reset()
		}
	}
	buffer.WriteByte(']')
	w.Write(buffer.Bytes())
}

func TestManyMembersTakeNoMoreMemoryThanFew(t *testing.T) {
	count := 100_000
	if testing.Short() {
		count = 20_000
	}
	c := serving(t, func(w http.ResponseWriter, _ *http.Request) { manyMembers(w, count) })
	var before, now runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	most, seen := uint64(0), 0
	for m, err := range c.Members(t.Context(), testNetwork) {
		if err != nil {
			t.Fatal(err)
		}
		if seen++; m.NodeID != fmt.Sprintf("%010x", seen) || len(m.Raw) < 600 {
			t.Fatalf("member %d: %+v", seen, m)
		}
		if seen%10_000 == 0 {
			runtime.GC()
			runtime.ReadMemStats(&now)
			most = max(most, now.HeapAlloc)
		}
	}
	if grown := int64(most) - int64(before.HeapAlloc); seen != count || grown > 4<<20 {
		t.Errorf("%d members, %d KiB kept", seen, grown>>10)
	}
}

func TestReaderMayStop(t *testing.T) {
	gone := make(chan struct{})
	c := serving(t, func(w http.ResponseWriter, r *http.Request) {
		manyMembers(w, 1000)
		<-r.Context().Done()
		close(gone)
	})
	for range c.Members(t.Context(), testNetwork) {
		break
	}
	<-gone // the connection is not left open
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	c = serving(t, func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, `[{"nodeId":"1"}`)
		http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	for _, err := range c.Members(ctx, testNetwork) {
		if err == nil {
			cancel()
		} else if !errors.Is(err, context.Canceled) || errors.Is(err, ErrUnreachable) {
			t.Error(err)
		}
	}
}

func FuzzList(f *testing.F) {
	f.Add(fixture(f, "member-list"))
	for _, seed := range []string{``, `[`, `[]`, ` [{}]`, `[{},{}]x`, `[[]]`, `[{"a":[{"b":"]"}]}`, `<html>`, "[\"\\u00"} {
		f.Add([]byte(seed))
	}
	var body []byte
	c, err := New(Options{URL: "http://central.test", HTTP: &http.Client{Transport: tripper(func(*http.Request) *http.Response {
		return &http.Response{StatusCode: 200, Body: io.NopCloser(bytes.NewReader(body))}
	})}})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		body = answer
		count := 0
		for m, err := range c.Members(t.Context(), testNetwork) {
			if count++; err != nil {
				saysOnly(t, err)
			} else if m.Raw == nil {
				t.Error("neither a member nor an error")
			}
		}
		if count == 0 && string(bytes.Join(bytes.Fields(answer), nil)) != "[]" {
			t.Errorf("%q is an empty list", answer)
		}
	})
}

type tripper func(*http.Request) *http.Response

func (f tripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r), nil }
