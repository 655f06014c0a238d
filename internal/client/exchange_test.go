package client

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestRefusals(t *testing.T) {
	for _, x := range []struct {
		status  int
		kind    string
		body    string
		says    []string
		is      error
		message string
	}{
		{401, "application/json", `{"type":"unauthorized","message":"an API token is needed"}`, []string{"read network " + testNetwork + ": the server does not accept the token of the test; log in with orrery login"}, ErrUnauthorized, "an API token is needed"},
		{403, "application/json", `{"type":"internal","message":"access denied"}`, []string{"the server says: access denied; the token, or the user whose it is, has no right to this"}, ErrForbidden, "access denied"},
		{403, "application/problem+json", `{"kind":"forbidden","detail":"the token only reads","requestId":"abc","title":"Forbidden"}`, []string{"the token only reads", "request id abc"}, ErrForbidden, "the token only reads"},
		{404, "text/html", `<html><title>404</title>`, []string{"the server answered with status 404 (Not Found); there is none, or the token may not see it"}, ErrNotFound, ""},
		{404, "text/plain", "404 page not found\n", []string{"the server says: 404 page not found; there is none"}, ErrNotFound, "404 page not found"},
		{400, "application/json", `{"message":"config.routes[0].target: \"x\" is no prefix"}`, []string{`the server says: config.routes[0].target: "x" is no prefix`}, nil, `config.routes[0].target: "x" is no prefix`},
		{400, "application/json", `{"error":"no"}`, []string{"the server says: no"}, nil, "no"},
		{418, "", "", []string{"the server answered with status 418 (I'm a teapot)"}, nil, ""},
		{599, "", "", []string{"the server answered with status 599; the fault is the server's"}, nil, ""},
		{500, "application/json", `{"message":"\u001b[31mred\u0007\u202e\r\nsecond line\u0000"}`, []string{"the server says: \ufffd[31mred\ufffd\ufffd second line\ufffd; the fault"}, nil, "\ufffd[31mred\ufffd\ufffd second line\ufffd"},
		{500, "application/json", `{"message":"` + strings.Repeat("long ", 1000) + `"}`, []string{"long …; the fault"}, nil, strings.Repeat("long ", 60)[:300] + "…"},
		{500, "application/json", `{"message":"you sent token ` + testToken + `, Bearer ` + testToken + `"}`, []string{"you sent token [token], Bearer [token]"}, nil, "you sent token [token], Bearer [token]"},
		{500, "application/json", `{"message":"` + strings.Repeat(" ", maxErrorBody-20) + testToken + `"}`, []string{"the server answered with status 500"}, nil, ""},
		{500, "application/json", `["` + testToken + `"]`, []string{`the server says: ["[token]"]`}, nil, `["[token]"]`},
		{500, "text/plain", strings.Repeat("x", 301), []string{"the server answered with status 500"}, nil, ""},
		{500, "application/json", strings.Repeat(`{"message":`, 5000), []string{"the server answered with status 500"}, nil, ""},
	} {
		c := serving(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", x.kind)
			w.WriteHeader(x.status)
			io.WriteString(w, x.body)
		})
		c.tokenFrom = "the test"
		_, err := c.Network(t.Context(), testNetwork)
		var refused *Error
		if !errors.As(err, &refused) || refused.Status != x.status || refused.Message != x.message {
			t.Errorf("%d %.60q: %+v", x.status, x.body, err)
			continue
		}
		saysOnly(t, err, append(x.says, "read network "+testNetwork+": ")...)
		isAll(t, err, x.is)
	}
}

func TestRefusalWithoutToken(t *testing.T) {
	c := serving(t, func(w http.ResponseWriter, r *http.Request) {
		if _, sent := r.Header["Authorization"]; sent {
			t.Error("a token was sent")
		}
		w.Header().Set("X-Request-Id", "id\tof it")
		w.WriteHeader(http.StatusUnauthorized)
	})
	c.token = ""
	_, err := c.Network(t.Context(), testNetwork)
	saysOnly(t, err, "the server wants a token, and none was given; log in with orrery login, or give a token with --token-file; request id id of it")
}

func TestRedirectIsNotFollowed(t *testing.T) {
	var elsewhere atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	defer other.Close()
	for status, location := range map[int]string{301: other.URL + "/login?token=" + testToken, 302: "", 307: other.URL + "/" + testToken, 308: "/else", 303: other.URL} {
		c := serving(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", location)
			w.WriteHeader(status)
		})
		// Also with a client of the caller's, which would follow.
		c, err := New(Options{URL: c.base, Token: testToken, HTTP: &http.Client{Transport: c.http.Transport}})
		if err != nil {
			t.Fatal(err)
		}
		for err := range map[string]int{fmt.Sprint(errorOf(c.Network(t.Context(), testNetwork))): 0, fmt.Sprint(errorOf(collect(c.Networks(t.Context())))): 0} {
			saysOnly(t, errors.New(err), "the server sends on to ", "if you trust that place, give it as the server's URL")
			if strings.HasPrefix(location, other.URL) && !strings.Contains(err, other.URL) {
				t.Errorf("does not name %s: %s", other.URL, err)
			}
		}
	}
	if elsewhere.Load() > 0 {
		t.Error("a redirect was followed")
	}
}

func errorOf[T any](_ T, err error) error { return err }

func TestAnswersThatAreNone(t *testing.T) {
	for _, x := range []struct{ kind, body, says string }{
		{"text/html; charset=utf-8", "<!doctype html><p>hello", "answered with a web page; is http"},
		{"application/json", "\n <html>", "answered with a web page"},
		{"application/json", "", "answered with nothing"},
		{"application/json", " \n", "answered with nothing"},
		{"application/json", "null", "answered with something else than Central's API does"},
		{"text/plain", "OK", "answered with something else"},
		{"application/json", `{"id":"x"`, "answered with something else"},
		{"application/json", `"` + testToken + `"`, "answered with something else"},
		{"application/octet-stream", "\x00\x01\xff", "answered with something else"},
	} {
		c := serving(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", x.kind)
			io.WriteString(w, x.body)
		})
		_, err := c.Network(t.Context(), testNetwork)
		saysOnly(t, err, "read network "+testNetwork+": ", x.says)
		isAll(t, err, ErrUnreachable)
		_, err = collect(c.Networks(t.Context()))
		saysOnly(t, err, "list the networks: ", x.says)
		isAll(t, err, ErrUnreachable)
	}
	// What is answered without need of a body is done, but not by a web page.
	c := serving(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		if strings.HasSuffix(r.URL.Path, "5") {
			io.WriteString(w, "<p>hello")
		}
	})
	if err := c.DeleteMember(t.Context(), testNetwork, "1122334466"); err != nil {
		t.Error(err)
	}
	saysOnly(t, c.DeleteMember(t.Context(), testNetwork, "1122334455"), "a web page")
}

func TestHugeAnswer(t *testing.T) {
	endless := func(begin string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, begin)
			more := strings.Repeat("x", 1<<16)
			for {
				if _, err := io.WriteString(w, more); err != nil {
					return
				}
			}
		}
	}
	_, err := serving(t, endless(`{"id":"`)).Network(t.Context(), testNetwork)
	saysOnly(t, err, "has more than 32 MiB")
	isAll(t, err, ErrUnreachable)
	c := serving(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusInternalServerError)
		endless(`{"message":"`)(w, r)
	})
	_, err = c.Network(t.Context(), testNetwork)
	saysOnly(t, err, "the server answered with status 500")
}

func TestIDsAreChecked(t *testing.T) {
	c := serving(t, func(_ http.ResponseWriter, r *http.Request) { t.Errorf("%s %s was asked", r.Method, r.URL) })
	for _, id := range []string{"", "x", "..", "../../x", testNetwork + "0", testNetwork[:15], testNetwork[:15] + "g", testNetwork[:15] + "/", "\x1b[31m" + testNetwork} {
		for _, err := range []error{
			errorOf(c.Network(t.Context(), id)), errorOf(c.UpdateNetwork(t.Context(), id, nil)), c.DeleteNetwork(t.Context(), id),
			errorOf(collect(c.Members(t.Context(), id))), errorOf(c.Member(t.Context(), id, "1122334455")), errorOf(c.Member(t.Context(), testNetwork, id)),
			c.DeleteMember(t.Context(), testNetwork, id), errorOf(c.UpdateMember(t.Context(), id, "1122334455", nil)),
		} {
			saysOnly(t, err, "hexadecimal digits")
		}
	}
	for _, err := range []error{errorOf(c.AcceptInvitation(t.Context(), "")), c.DeclineInvitation(t.Context(), "")} {
		saysOnly(t, err, "has an empty id")
	}
}

func TestNamesStayInTheirPlace(t *testing.T) {
	var asked []string
	c := serving(t, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.RequestURI)
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"user":{"id":"../x"},"id":"x"}`)
	})
	c.kind.known = true
	for _, name := range []string{"..", ".", "a b", "a/../b", "a%2fb", "?x=y", "ü"} {
		asked = nil
		if err := c.DeleteToken(t.Context(), name); err != nil {
			t.Error(err)
		}
		const before = "/api/v1/user/..%2Fx/token/"
		if len(asked) != 2 || !strings.HasPrefix(asked[1], before) || strings.ContainsAny(asked[1][len(before):], "/?") || strings.HasPrefix(asked[1][len(before):], ".") {
			t.Errorf("%q: %q", name, asked)
		}
	}
}

// A 429 is no answer to whether something was done: it was not. Anything else may
// have been done, and only what can be repeated is.
func TestOnlyWhatMayBeRepeatedIs(t *testing.T) {
	for _, x := range []struct {
		name   string
		status int // 0: the connection is closed
		do     func(*Client, context.Context) error
		want   int // requests
	}{
		{"create, 429", 429, func(c *Client, ctx context.Context) error { return errorOf(c.CreateNetwork(ctx, nil)) }, 2},
		{"create, 503", 503, func(c *Client, ctx context.Context) error { return errorOf(c.CreateNetwork(ctx, nil)) }, 1},
		{"create, closed", 0, func(c *Client, ctx context.Context) error { return errorOf(c.CreateNetwork(ctx, nil)) }, 1},
		{"invite, 502", 502, func(c *Client, ctx context.Context) error { return errorOf(c.Invite(ctx, "x")) }, 1},
		{"accept, closed", 0, func(c *Client, ctx context.Context) error { return errorOf(c.AcceptInvitation(ctx, "x")) }, 1},
		{"change, 503", 503, func(c *Client, ctx context.Context) error { return errorOf(c.UpdateNetwork(ctx, testNetwork, nil)) }, 2},
		{"change, closed", 0, func(c *Client, ctx context.Context) error {
			return errorOf(c.UpdateMember(ctx, testNetwork, "1122334455", nil))
		}, 2},
		{"delete, closed", 0, func(c *Client, ctx context.Context) error { return c.DeleteNetwork(ctx, testNetwork) }, 2},
		{"read, 500", 500, func(c *Client, ctx context.Context) error { return errorOf(c.Network(ctx, testNetwork)) }, 1},
		{"read, 504", 504, func(c *Client, ctx context.Context) error { return errorOf(c.Network(ctx, testNetwork)) }, 2},
		{"list, closed", 0, func(c *Client, ctx context.Context) error { return errorOf(collect(c.Networks(ctx))) }, 2},
	} {
		t.Run(x.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				requests := 0
				c := inBubble(t, func(w http.ResponseWriter, r *http.Request) {
					switch requests++; {
					case requests > 1 && strings.HasSuffix(r.URL.Path, "/network"):
						io.WriteString(w, `[]`)
					case requests > 1:
						io.WriteString(w, `{"id":"x"}`)
					case x.status == 0:
						panic(http.ErrAbortHandler)
					default:
						w.WriteHeader(x.status)
					}
				}, nil)
				err := x.do(c, t.Context())
				if requests != x.want {
					t.Errorf("%d requests, want %d", requests, x.want)
				}
				if x.want == 1 {
					saysOnly(t, err)
					unknown := x.status == 0 || x.status == http.StatusBadGateway
					if strings.HasSuffix(err.Error(), "; whether it was done is not known") != unknown {
						t.Error(err)
					}
				}
			})
		})
	}
}

// A change whose answer was lost once may have been done, whatever comes of the
// attempts that follow.
func TestChangesThatNobodyKnowsOf(t *testing.T) {
	refusing := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }
	}
	closing := func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
	answering := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, text) }
	}
	change := func(c *Client, ctx context.Context) error { return errorOf(c.UpdateNetwork(ctx, testNetwork, nil)) }
	for name, x := range map[string]struct {
		first, then http.HandlerFunc
		do          func(*Client, context.Context) error
		known       bool
	}{
		"always lost":        {closing, closing, change, false},
		"lost, then refused": {closing, refusing(http.StatusForbidden), change, false},
		"lost, then busy":    {refusing(http.StatusGatewayTimeout), refusing(http.StatusServiceUnavailable), change, false},
		"busy":               {refusing(http.StatusServiceUnavailable), refusing(http.StatusServiceUnavailable), change, true},
		"refused":            {refusing(http.StatusForbidden), nil, change, true},
		"half an answer":     {answering(`{"id":`), nil, change, false},
		"a page":             {answering("<html>"), nil, func(c *Client, ctx context.Context) error { return c.DeleteNetwork(ctx, testNetwork) }, false},
		"a question":         {closing, closing, func(c *Client, ctx context.Context) error { return errorOf(c.Network(ctx, testNetwork)) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				next := x.first
				c := inBubble(t, func(w http.ResponseWriter, r *http.Request) {
					now := next
					next = x.then
					now(w, r)
				}, nil)
				err := x.do(c, t.Context())
				saysOnly(t, err)
				if strings.HasSuffix(err.Error(), "; whether it was done is not known") == x.known {
					t.Error(err)
				}
			})
		})
	}
}

// Who was deleted before the answer was lost is not there when asked again.
func TestDeletedAtFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		requests := 0
		c := inBubble(t, func(w http.ResponseWriter, r *http.Request) {
			if requests++; requests == 1 {
				panic(http.ErrAbortHandler)
			}
			w.WriteHeader(http.StatusNotFound)
		}, nil)
		if err := c.DeleteNetwork(t.Context(), testNetwork); err != nil || requests != 2 {
			t.Errorf("%d requests: %v", requests, err)
		}
		isAll(t, c.DeleteNetwork(t.Context(), testNetwork), ErrNotFound)
	})
}

func TestSilentServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := inBubble(t, func(w http.ResponseWriter, r *http.Request) {
			if !strings.HasSuffix(r.URL.Path, "/member") {
				<-r.Context().Done()
				return
			}
			for i := range 20 { // slow, but it moves
				fmt.Fprintf(w, "%c{\"nodeId\":\"%d\"}", "[,"[min(i, 1)], i)
				http.NewResponseController(w).Flush()
				time.Sleep(20 * time.Second)
			}
			<-r.Context().Done()
		}, nil)
		begun := time.Now()
		_, err := c.Network(t.Context(), testNetwork)
		saysOnly(t, err, "central.test has said nothing for 30 s")
		isAll(t, err, ErrUnreachable)
		if errors.Is(err, context.Canceled) || time.Since(begun) != maxSilence {
			t.Errorf("after %s: %v", time.Since(begun), err)
		}
		begun = time.Now()
		count := 0
		for _, err = range c.Members(t.Context(), testNetwork) {
			count++
			time.Sleep(10 * time.Minute) // whoever reads may take long
		}
		saysOnly(t, err, "the answer broke off after 20 members: central.test has said nothing for 30 s")
		if count != 21 || errors.Is(err, context.Canceled) {
			t.Errorf("%d, after %s: %v", count, time.Since(begun), err)
		}
	})
}

func TestNoConnection(t *testing.T) {
	closed := httptest.NewServer(nil)
	closed.Close()
	mute, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	go func() {
		for {
			conn, err := mute.Accept()
			if err != nil {
				return
			}
			conn.Close()
		}
	}()
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	defer secure.Close()
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	var all sync.WaitGroup
	for at, says := range map[string]string{
		closed.URL:                        "nothing listens at 127.0.0.1:",
		"http://host.invalid":             "host.invalid",
		mute.Addr().String():              "broke off",
		secure.URL:                        "is signed by nobody that this computer trusts",
		"https" + plain.URL[4:]:           "speaks http, not https",
		"http" + secure.URL[5:]:           "the server says: Client sent an HTTP request to an HTTPS server.",
		"https://" + mute.Addr().String(): "broke off",
	} {
		all.Go(func() {
			c := newClient(t, Options{URL: at, Token: testToken})
			_, err := c.Network(t.Context(), testNetwork)
			saysOnly(t, err, "read network "+testNetwork+": ", says)
			if at != "http"+secure.URL[5:] {
				isAll(t, err, ErrUnreachable)
			}
		})
	}
	all.Wait()
}

func TestCertificates(t *testing.T) {
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	defer s.Close()
	trusting := s.Client().Transport.(*http.Transport).TLSClientConfig
	for says, config := range map[string]*tls.Config{
		"is for another name": {RootCAs: trusting.RootCAs, ServerName: "other.example"},
		"has expired, or the clock": {RootCAs: trusting.RootCAs, Time: func() time.Time {
			return time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)
		}},
		"do not agree on TLS": {RootCAs: trusting.RootCAs, MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}},
	} {
		c := newClient(t, Options{URL: s.URL, HTTP: &http.Client{Transport: &http.Transport{TLSClientConfig: config}}})
		_, err := c.Network(t.Context(), testNetwork)
		saysOnly(t, err, says)
		isAll(t, err, ErrUnreachable)
	}
}

// What the operating system or a proxy says comes as an error of some layer; the
// words are ours.
func TestExplanations(t *testing.T) {
	c := newClient(t, Options{URL: "https://orrery.example.com", Token: testToken})
	dial := func(err error) error { return &net.OpError{Op: "dial", Net: "tcp", Err: err} }
	for says, err := range map[string]error{ // dial's: nothing was sent
		"there is no host x; check the server's URL":            dial(&net.DNSError{Name: "x", IsNotFound: true, Err: "no such host"}),
		"the address of x could not be looked up":               dial(&net.DNSError{Name: "x", IsTemporary: true, Err: "server misbehaving"}),
		"nothing listens at orrery.example.com":                 dial(wsaECONNREFUSED),
		"there is no way to orrery.example.com":                 dial(syscall.EHOSTUNREACH),
		"orrery.example.com does not answer":                    dial(context.DeadlineExceeded),
		"the proxy that HTTPS_PROXY":                            &net.OpError{Op: "proxyconnect", Err: syscall.ECONNREFUSED},
		"the connection to orrery.example.com broke off":        &net.OpError{Op: "read", Err: wsaECONNRESET},
		"the connection to orrery.example.com failed ([token])": fmt.Errorf("x: %w", errors.New(testToken)),
	} {
		f := c.unanswered(request{doing: "do it"}, fmt.Errorf("Get %q: %w", c.base, err))
		saysOnly(t, f, "do it: "+says)
		if broke := strings.HasPrefix(says, "the connection to"); broke == f.unsent {
			t.Errorf("%v: unsent %v", f, f.unsent)
		}
	}
}

func TestServerThatComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := inBubble(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{"id":"x"}`) }, nil)
		direct, failures := c.http.Transport.(*http.Transport).DialContext, 0
		c.http.Transport.(*http.Transport).DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			if failures++; failures < 3 {
				return nil, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
			}
			return direct(ctx, network, address)
		}
		if _, err := c.CreateNetwork(t.Context(), nil); err != nil { // nothing was sent before
			t.Error(err)
		}
		if failures != 3 {
			t.Errorf("%d connections", failures)
		}
	})
}

func TestTokenGoesInAHeaderOnly(t *testing.T) {
	c := serving(t, func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("Authorization"); got != "token "+testToken {
			t.Errorf("%q", got)
		}
		if strings.Contains(r.RequestURI, testToken) || r.Header.Get("User-Agent") != "orrery/test" || r.Header.Get("Accept") != "application/json" {
			t.Errorf("%s %v", r.RequestURI, r.Header)
		}
		io.WriteString(w, `{"id":"x"}`)
	})
	c.userAgent = "orrery/test"
	if _, err := c.Network(t.Context(), testNetwork); err != nil {
		t.Error(err)
	}
	if text := fmt.Sprintf("%v %+v", errorOf(c.Network(t.Context(), "x")), &Error{Status: 401}); strings.Contains(text, testToken) {
		t.Error(text)
	}
}
