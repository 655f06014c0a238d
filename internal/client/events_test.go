package client

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
)

func readEvents(from io.Reader) (all []event, err error) {
	events := newEventReader(from)
	for {
		e, err := events.next()
		if err != nil {
			return all, err
		}
		all = append(all, e)
	}
}

// The examples are those of WHATWG HTML §9.2.6, and what Orrery sends.
func TestEvents(t *testing.T) {
	for stream, want := range map[string][]event{
		"data: YHOO\ndata: +2\ndata: 10\n\n": {{"message", "", "YHOO\n+2\n10"}},
		": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n": {{"message", "1", "first event"}, {"message", "", "second event"}, {"message", "", " third event"}},
		"data\n\ndata\ndata\n\ndata:": {{"message", "", ""}, {"message", "", "\n"}},
		"data:test\n\ndata: test\n\n": {{"message", "", "test"}, {"message", "", "test"}},
		"retry: 2000\n\nid: 7\nevent: hello\ndata: {\"position\":7}\n\n: still here\n\nevent: member.online\ndata: {}\n\n": {{"hello", "7", `{"position":7}`}, {"member.online", "7", "{}"}},
		"\ufeffdata: x\r\rdata: y\r\n\r\ndata: z\n\r":                         {{"message", "", "x"}, {"message", "", "y"}, {"message", "", "z"}},
		"id: 1\x002\ndata: x\n\nevent: only\n\ndata: y\n\nunknown: field\n\n": {{"message", "", "x"}, {"message", "", "y"}},
		"event: a\nevent: b\ndata: x\n\n":                                     {{"b", "", "x"}},
		"data: cut":                                                           nil,
		"data: not ended\n":                                                   nil,
		"":                                                                    nil,
		"\n\n\n\r\n\r\r":                                                      nil,
	} {
		for name, from := range map[string]io.Reader{"whole": strings.NewReader(stream), "by bytes": iotest.OneByteReader(strings.NewReader(stream))} {
			got, err := readEvents(from)
			if err != io.EOF || !reflect.DeepEqual(got, want) {
				t.Errorf("%q, %s: %q %v, want %q", stream, name, got, err, want)
			}
		}
	}
}

func TestEventsAreBounded(t *testing.T) {
	for name, stream := range map[string]string{
		"a line":   "data: " + strings.Repeat("x", maxEvent),
		"lines":    strings.Repeat("data: "+strings.Repeat("x", 1000)+"\n", 1100),
		"no data":  strings.Repeat("event: "+strings.Repeat("x", 1000)+"\n", 1100),
		"comments": "event: x\n" + strings.Repeat(":"+strings.Repeat("x", 1000)+"\n", 1100),
	} {
		if got, err := readEvents(strings.NewReader(stream)); !errors.Is(err, errLongEvent) || got != nil {
			t.Errorf("%s: %d events, %v", name, len(got), err)
		}
	}
	// Comments, of which a quiet stream has nothing else, count for no event.
	if _, err := readEvents(strings.NewReader(strings.Repeat(": still here\n\n", maxEvent/10))); err != io.EOF {
		t.Error(err)
	}
	if got, err := readEvents(strings.NewReader(strings.Repeat("data: x\n\n", maxEvent/5))); err != io.EOF || len(got) != maxEvent/5 {
		t.Error(len(got), err)
	}
}

// How the bytes are cut does not matter, nor how lines end.
func FuzzEvents(f *testing.F) {
	for _, seed := range []string{"id: 1\nevent: hello\ndata: {}\n\n", "data: a\r\ndata: b\r\n\r\n", ":\n\ndata\n\n", "\ufeffid\x00\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, stream []byte) {
		want, err := readEvents(bytes.NewReader(stream))
		if err != io.EOF && !errors.Is(err, errLongEvent) {
			t.Fatal(err)
		}
		got, _ := readEvents(iotest.OneByteReader(bytes.NewReader(stream)))
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %q by bytes, else %q", stream, got, want)
		}
		unix := bytes.ReplaceAll(bytes.ReplaceAll(stream, []byte("\r\n"), []byte("\n")), []byte("\r"), []byte("\n"))
		if got, _ := readEvents(bytes.NewReader(unix)); !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %q with LF, else %q", stream, got, want)
		}
		for _, e := range want {
			if e.kind == "" || strings.ContainsAny(e.kind+e.id, "\r\n") {
				t.Errorf("%q", e)
			}
		}
	})
}
