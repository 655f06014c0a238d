package client

import (
	"context"
	"encoding/json"
	"net/http"
)

// Status is what a server says of itself.
type Status struct {
	Online     bool
	Clock      int64
	Version    string
	APIVersion string
	Uptime     int64           // as the server counts: the hosted service and Orrery in nanoseconds
	User       *User           // nil: the token is not good
	Raw        json.RawMessage `json:"-"`
}

// User is an account.
type User struct {
	ID          string
	DisplayName string
	Email       string
	OrgID       string
	Tokens      []string // their names
}

// Status asks how the server is. It succeeds without a good token.
func (c *Client) Status(ctx context.Context) (*Status, error) {
	return ask(ctx, c, request{doing: "ask for the status", method: http.MethodGet, url: c.base + "/status", repeatable: true}, decodeStatus)
}

func decodeStatus(raw []byte) (*Status, error) {
	s, err := as[Status](raw)
	s.Raw = raw
	if s.User != nil && s.User.ID == "" {
		s.User = nil
	}
	return s, err
}

// self is the user whose token it is; ErrUnauthorized if it is nobody's.
func (c *Client) self(ctx context.Context, doing string) (*User, error) {
	s, err := c.Status(ctx)
	if err != nil {
		return nil, err
	}
	if s.User == nil {
		return nil, c.refusal(request{doing: doing}, http.StatusUnauthorized, nil, nil, true)
	}
	return s.User, nil
}
