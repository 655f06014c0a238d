package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// maxAnswer is how many bytes an answer with one object has at most: a network
// has rules of up to 1 MiB, as text with escapes and compiled, and as much again
// of names of tags.
const maxAnswer = 32 << 20

// request is one request of an API.
type request struct {
	doing  string // begins the line of an error: "list the networks"
	method string
	url    string
	body   any // is sent as JSON; nil: none
	// repeatable: when nobody knows whether it was done, it may be sent again.
	repeatable bool

	stream      bool // the answer is read while it comes, instead of as a whole
	accept      string
	lastEventID string
}

// answer is a server's success.
type answer struct {
	header http.Header
	text   []byte        // the whole, unless the request is for a stream
	body   io.ReadCloser // of a stream; to be closed
}

// unsure says of the failure of a change what it leaves open, if it does.
func (q *request) unsure(err error) error {
	if q.method == http.MethodGet {
		return err
	}
	return fmt.Errorf("%w; whether it was done is not known", err)
}

// send sends a request until it is answered, as often as the server's state and
// MaxWait allow, and bounds what comes. Its error wraps an *Error, a *failure, or
// the context's with what was being done.
func (c *Client) send(ctx context.Context, q request) (*answer, error) {
	var body []byte
	if q.body != nil {
		var err error
		if body, err = json.Marshal(q.body); err != nil {
			return nil, fmt.Errorf("%s: write the request: %w", q.doing, err)
		}
	}
	left, unknown := c.maxWait, false
	for try := 0; ; try++ {
		waited, err := c.pace.turn(ctx)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", q.doing, err)
		}
		left -= waited
		a, header, err := c.attempt(ctx, q, body)
		switch {
		case err == nil:
			return a, nil
		case ctx.Err() != nil:
			return nil, fmt.Errorf("%s: %w", q.doing, context.Cause(ctx))
		case unknown && q.method == http.MethodDelete && errors.Is(err, ErrNotFound):
			return &answer{}, nil // an attempt before did it, and its answer was lost
		}
		var lost *failure
		unknown = unknown || errors.As(err, &lost) && !lost.unsent || isStatus(err, http.StatusBadGateway, http.StatusGatewayTimeout)
		switch wait, why, again := c.again(q, err, header, try); {
		case again && wait <= left:
			c.pace.hold(wait, why)
		case unknown:
			return nil, q.unsure(err)
		default:
			return nil, err
		}
	}
}

// The waits between attempts when the server does not say how long.
const (
	firstWait   = 250 * time.Millisecond // after a connection that failed; doubled each time
	firstBusy   = 500 * time.Millisecond // after 429, 502, 503, 504; doubled each time
	longestBusy = 30 * time.Second
	// maxAgain is how often a request is sent again, unless the server itself says
	// when.
	maxAgain = 3
)

// again decides whether a request that failed is sent again, and after what time;
// why is empty if nobody needs to be told.
func (c *Client) again(q request, err error, header http.Header, try int) (wait time.Duration, why string, yes bool) {
	var lost *failure
	if errors.As(err, &lost) {
		if !lost.passing || !q.repeatable && !lost.unsent || try >= maxAgain {
			return 0, "", false
		}
		return firstWait << try, "", true // too short to speak of it
	}
	var refused *Error
	if !errors.As(err, &refused) {
		return 0, "", false
	}
	wait, told := retryAfter(header, time.Now())
	if !told {
		wait = min(firstBusy<<min(try, 10), longestBusy)
	}
	switch refused.Status {
	case http.StatusTooManyRequests: // it was not done
		refused.after = roundUp(wait).String()
		return wait, "the server gets too many requests", true
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		yes = q.repeatable && (told || try < maxAgain)
		return wait, fmt.Sprintf("the server is not ready (status %d)", refused.Status), yes
	}
	return 0, "", false
}

func isStatus(err error, statuses ...int) bool {
	var refused *Error
	if !errors.As(err, &refused) {
		return false
	}
	for _, status := range statuses {
		if refused.Status == status {
			return true
		}
	}
	return false
}

// attempt sends a request once. The header is that of a refusal.
func (c *Client) attempt(ctx context.Context, q request, body []byte) (*answer, http.Header, error) {
	quiet := listen(ctx)
	request, err := c.compose(quiet.ctx, q, body)
	if err != nil {
		quiet.end()
		return nil, nil, err
	}
	quiet.expect()
	response, err := c.http.Do(request)
	if err = quiet.heard(err); err != nil {
		quiet.end()
		return nil, nil, c.unanswered(q, err)
	}
	c.pace.learn(response.Header)
	steady := &steadyBody{response.Body, quiet}
	switch {
	case response.StatusCode < 200 || response.StatusCode > 299:
		defer steady.Close()
		text, err := io.ReadAll(io.LimitReader(steady, maxErrorBody+1))
		whole := err == nil && len(text) <= maxErrorBody
		return nil, response.Header, c.refusal(q, response.StatusCode, response.Header, text, whole)
	case q.stream:
		return &answer{header: response.Header, body: steady}, nil, nil
	}
	defer steady.Close()
	text, err := io.ReadAll(io.LimitReader(steady, maxAnswer+1))
	switch {
	case err != nil:
		return nil, nil, c.unanswered(q, err)
	case len(text) > maxAnswer:
		return nil, nil, &failure{doing: q.doing, what: fmt.Sprintf("the answer of %s has more than %d MiB", c.host, maxAnswer>>20)}
	}
	return &answer{header: response.Header, text: text}, nil, nil
}

func (c *Client) compose(ctx context.Context, q request, body []byte) (*http.Request, error) {
	var reader io.Reader
	if body != nil {
		reader = bytes.NewReader(body)
	}
	request, err := http.NewRequestWithContext(ctx, q.method, q.url, reader)
	if err != nil {
		return nil, &failure{doing: q.doing, what: "this makes no URL; check the names and the server's URL", unsent: true}
	}
	accept := q.accept
	if accept == "" {
		accept = "application/json"
	}
	request.Header.Set("Accept", accept)
	request.Header.Set("User-Agent", c.userAgent)
	if c.token != "" {
		request.Header.Set("Authorization", "token "+c.token)
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if q.lastEventID != "" {
		request.Header.Set("Last-Event-ID", q.lastEventID)
	}
	return request, nil
}

// ask sends a request and reads the object that it is answered with.
func ask[T any](ctx context.Context, c *Client, q request, decode func(raw []byte) (T, error)) (T, error) {
	a, err := c.send(ctx, q)
	if err != nil {
		var none T
		return none, err
	}
	made, err := decode(a.text)
	if err != nil {
		return made, q.unsure(c.strange(q, a.header, a.text))
	}
	return made, nil
}

// do sends a request of which only the success matters.
func (c *Client) do(ctx context.Context, q request) error {
	a, err := c.send(ctx, q)
	if err == nil && len(a.text) > 0 && isPage(a.header, a.text) {
		return q.unsure(c.strange(q, a.header, a.text))
	}
	return err
}

// as is ask's decode for an object that is T as it is.
func as[T any](raw []byte) (*T, error) {
	made := new(T)
	return made, decodeObject(raw, made)
}

// strange explains an answer that is not what the API answers; begin is how it
// begins.
func (c *Client) strange(q request, header http.Header, begin []byte) *failure {
	f := &failure{doing: q.doing}
	switch begin = bytes.TrimLeft(begin, " \t\r\n"); {
	case isPage(header, begin):
		f.what = fmt.Sprintf("%s answered with a web page; is %s the base of Central's API?", c.host, c.base)
	case len(begin) == 0:
		f.what = c.host + " answered with nothing"
	default:
		f.what = fmt.Sprintf("%s answered with something else than Central's API does; is %s its base?", c.host, c.base)
	}
	return f
}

// isPage reports whether an answer is for people with a browser.
func isPage(header http.Header, begin []byte) bool {
	kind, _, _ := mime.ParseMediaType(header.Get("Content-Type"))
	return kind == "text/html" || bytes.HasPrefix(bytes.TrimLeft(begin, " \t\r\n\xef\xbb\xbf"), []byte("<"))
}

// segment makes a name part of a path: whatever it holds, it names one thing.
func segment(name string) string {
	if name == "." || name == ".." {
		return strings.ReplaceAll(name, ".", "%2E")
	}
	return url.PathEscape(name)
}

// silence is a context that ends with errSilent when something is expected and
// nothing is heard for maxSilence.
type silence struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	timer  *time.Timer
}

func listen(ctx context.Context) *silence {
	s := &silence{}
	s.ctx, s.cancel = context.WithCancelCause(ctx)
	s.timer = time.AfterFunc(maxSilence, func() { s.cancel(errSilent) })
	s.timer.Stop()
	return s
}

func (s *silence) expect() { s.timer.Reset(maxSilence) }

// heard returns the error of what was expected, errSilent if that is its reason.
func (s *silence) heard(err error) error {
	s.timer.Stop()
	if err != nil && err != io.EOF && errors.Is(context.Cause(s.ctx), errSilent) {
		return errSilent
	}
	return err
}

func (s *silence) end() {
	s.timer.Stop()
	s.cancel(nil)
}

// steadyBody is a body of which every read has to give something in time. A
// reader that takes its time is none of the server's faults.
type steadyBody struct {
	io.ReadCloser
	quiet *silence
}

func (b *steadyBody) Read(p []byte) (int, error) {
	b.quiet.expect()
	n, err := b.ReadCloser.Read(p)
	return n, b.quiet.heard(err)
}

func (b *steadyBody) Close() error {
	defer b.quiet.end()
	return b.ReadCloser.Close()
}
