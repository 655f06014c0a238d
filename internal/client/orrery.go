package client

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"
)

// kind is whether the server is an Orrery, once that is known.
type kind struct {
	asking chan struct{} // of capacity 1: whoever is in it may read and write the rest
	known  bool
	orrery bool
}

// IsOrrery reports whether the server has Orrery's own API. It asks once; an
// error is not remembered.
func (c *Client) IsOrrery(ctx context.Context) (bool, error) {
	select {
	case c.kind.asking <- struct{}{}:
		defer func() { <-c.kind.asking }()
	case <-ctx.Done():
		return false, fmt.Errorf("ask what kind of server it is: %w", context.Cause(ctx))
	}
	if c.kind.known {
		return c.kind.orrery, nil
	}
	orrery, err := c.askKind(ctx)
	if err == nil {
		c.kind.known, c.kind.orrery = true, orrery
	}
	return orrery, err
}

// askKind asks who the token is for. Only Orrery answers that with an account
// and a token, or refuses with a problem that has its kind in a word.
func (c *Client) askKind(ctx context.Context) (bool, error) {
	a, err := c.send(ctx, request{
		doing: "ask what kind of server it is", method: http.MethodGet, url: c.native() + "/me", repeatable: true,
	})
	var refused *Error
	switch {
	case errors.As(err, &refused):
		if isStatus(err, http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout) {
			return false, err
		}
		return refused.kind != "", nil
	case err != nil:
		return false, err
	}
	me, err := as[struct {
		User  struct{ ID string }
		Token struct{ Name string }
	}](a.text)
	return err == nil && me.User.ID != "" && me.Token.Name != "", nil
}

// problemKind is the kind of a refusal by Orrery's own API, which a problem of
// another server does not have (RFC 9457 knows none).
func problemKind(header http.Header, kind string) string {
	if media, _, _ := mime.ParseMediaType(header.Get("Content-Type")); media != "application/problem+json" {
		return ""
	}
	return kind
}

// needOrrery is ErrNotOrrery for other servers.
func (c *Client) needOrrery(ctx context.Context, doing string) error {
	orrery, err := c.IsOrrery(ctx)
	if err != nil {
		return err
	}
	if !orrery {
		return fmt.Errorf("%s: %s is %w: only Orrery's servers can do this", doing, c.host, ErrNotOrrery)
	}
	return nil
}
