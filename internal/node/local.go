package node

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"github.com/orrery-net/orrery/zt"
)

// maxAnswer is more than the service says about a thousand networks, in bytes.
const maxAnswer = 8 << 20

// requestTimeout is how long the service may take to answer.
const requestTimeout = 5 * time.Second

// ErrSilent is the kind of an error that says that no service answers.
var ErrSilent = errors.New("the ZeroTier service does not answer")

// silent is an ErrSilent with a text of its own.
type silent string

func (s silent) Error() string        { return "the ZeroTier service " + string(s) }
func (s silent) Is(target error) bool { return target == ErrSilent }

// ErrNotJoined is wrapped by an error about a network that the node is not in.
var ErrNotJoined = errors.New("not joined")

// Local is a client of the API of the service on this device (protocol 09 §1),
// which it reaches over loopback only. It reads port and token anew for each
// request, as a service that was started again may have others. It is safe for
// concurrent use.
type Local struct {
	home *Home
	http *http.Client
}

// Local returns a client of the service whose home this is.
func (h *Home) Local() *Local {
	dialer := &net.Dialer{}
	return &Local{home: h, http: &http.Client{
		Timeout: requestTimeout,
		Transport: &http.Transport{
			Proxy:             nil, // the token goes to loopback and nowhere else
			DialContext:       dialer.DialContext,
			DisableKeepAlives: true, // the service may be another process next time
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// LocalStatus is what the service says of itself (protocol 09 §4).
type LocalStatus struct {
	Address zt.Address `json:"address"`
	Version string     `json:"version"`
	Online  bool       `json:"online"` // a root answers
}

// The states of a network that the service shows; it may have others.
const (
	StatusRequesting    = "REQUESTING_CONFIGURATION"
	StatusOK            = "OK"
	StatusAccessDenied  = "ACCESS_DENIED"
	StatusNotFound      = "NOT_FOUND"
	StatusPortError     = "PORT_ERROR"
	StatusClientTooOld  = "CLIENT_TOO_OLD"
	StatusLoginRequired = "AUTHENTICATION_REQUIRED"
)

// Joined is a network that the node has joined, let in or not.
type Joined struct {
	ID                zt.NetworkID   `json:"id"`
	Name              string         `json:"name"`
	Status            string         `json:"status"`
	Device            string         `json:"portDeviceName"`
	AssignedAddresses []netip.Prefix `json:"assignedAddresses"`
	Routes            []struct {
		Target string `json:"target"`
	} `json:"routes"`
}

// Status asks the service how it is.
func (l *Local) Status(ctx context.Context) (*LocalStatus, error) {
	var status LocalStatus
	if err := l.call(ctx, http.MethodGet, "/status", &status); err != nil {
		return nil, err
	}
	if status.Address == 0 {
		return nil, fmt.Errorf("what answers on %s is no ZeroTier service", l.at())
	}
	return &status, nil
}

// Networks lists the networks that the node has joined.
func (l *Local) Networks(ctx context.Context) ([]Joined, error) {
	var all []Joined
	return all, l.call(ctx, http.MethodGet, "/network", &all)
}

// Network shows one; ErrNotJoined if the node is not in it.
func (l *Local) Network(ctx context.Context, id zt.NetworkID) (*Joined, error) {
	var one Joined
	return &one, l.call(ctx, http.MethodGet, "/network/"+id.String(), &one)
}

// Join has the node ask to be let in on a network. Joining one that it is in
// already changes nothing.
func (l *Local) Join(ctx context.Context, id zt.NetworkID) error {
	return l.call(ctx, http.MethodPost, "/network/"+id.String(), nil)
}

// Leave takes the node out of a network, on this device; ErrNotJoined if it is
// not in it.
func (l *Local) Leave(ctx context.Context, id zt.NetworkID) error {
	return l.call(ctx, http.MethodDelete, "/network/"+id.String(), nil)
}

// Await asks about a network, about every quarter of a second, until it is as
// wanted, and returns it as it was last: with an error when the context ended
// first.
func (l *Local) Await(ctx context.Context, id zt.NetworkID, wanted func(*Joined) bool) (*Joined, error) {
	last := &Joined{ID: id}
	for {
		now, err := l.Network(ctx, id)
		switch {
		case ctx.Err() != nil:
			return last, ctx.Err()
		case err != nil:
			return last, err
		case wanted(now):
			return now, nil
		}
		last = now
		if err := pause(ctx, 250*time.Millisecond); err != nil {
			return last, err
		}
	}
}

// listens says whether anything accepts connections where the service would.
func (l *Local) listens(ctx context.Context) bool {
	dialer := &net.Dialer{Timeout: requestTimeout}
	conn, err := dialer.DialContext(ctx, "tcp", l.at())
	return err == nil && conn.Close() == nil
}

func (l *Local) at() string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(int(l.home.Port())))
}

// call sends a request and decodes the answer, if into is not nil.
func (l *Local) call(ctx context.Context, method, path string, into any) error {
	token, err := l.home.token()
	if err != nil {
		return err
	}
	at := l.at()
	var body io.Reader
	if method == http.MethodPost {
		body = bytes.NewReader([]byte("{}")) // an empty body is an error (protocol 09 §1)
	}
	request, err := http.NewRequestWithContext(ctx, method, "http://"+at+path, body)
	if err != nil {
		return fmt.Errorf("ask the ZeroTier service: %w", err)
	}
	request.Header.Set("X-ZT1-Auth", token)
	response, err := l.http.Do(request)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return silent("does not answer on " + at + "; is it running?")
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	switch {
	case err != nil && ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return silent("broke off in the middle of its answer on " + at)
	case response.StatusCode == http.StatusUnauthorized:
		return fmt.Errorf("the ZeroTier service on %s refuses the token in %s; it may be another service's: restart it, or name its folder with --home", at, l.home.path)
	case response.StatusCode == http.StatusNotFound && len(path) > len("/network/"):
		return fmt.Errorf("this device is %w to the network %s", ErrNotJoined, path[len("/network/"):])
	case response.StatusCode != http.StatusOK:
		return fmt.Errorf("the ZeroTier service on %s answers with status %d", at, response.StatusCode)
	case into == nil:
		return nil
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("what answers on %s is no ZeroTier service", at)
	}
	return nil
}
