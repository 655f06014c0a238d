package client

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"slices"
)

// Token is an API token, without its secret. The hosted service tells names only.
type Token struct {
	Name         string `json:"name"`
	ReadOnly     bool   `json:"readOnly"`
	NetworkID    string `json:"networkId,omitempty"`
	CreationTime int64  `json:"creationTime,omitempty"` // ms since 1970, as all times
	ExpiryTime   int64  `json:"expiryTime,omitempty"`   // 0: it does not expire
	LastUsedTime int64  `json:"lastUsedTime,omitempty"` // 0: never, or not told
	LastUsedFrom string `json:"lastUsedFrom,omitempty"`
}

// Tokens lists the tokens of the user, ascending by name.
func (c *Client) Tokens(ctx context.Context) ([]Token, error) {
	const doing = "list the tokens"
	orrery, err := c.IsOrrery(ctx)
	if err != nil {
		return nil, err
	}
	if !orrery {
		user, err := c.self(ctx, doing)
		if err != nil {
			return nil, err
		}
		tokens := make([]Token, 0, len(user.Tokens))
		for _, name := range slices.Sorted(slices.Values(user.Tokens)) {
			tokens = append(tokens, Token{Name: name})
		}
		return tokens, nil
	}
	answer, err := ask(ctx, c, request{doing: doing, method: http.MethodGet, url: c.native() + "/tokens", repeatable: true},
		as[struct{ Tokens []Token }])
	if err != nil {
		return nil, err
	}
	return answer.Tokens, nil
}

// OwnToken is the token that the client shows, with its limits; ErrNotOrrery from
// other servers.
func (c *Client) OwnToken(ctx context.Context) (*Token, error) {
	const doing = "ask what the token may do"
	if err := c.needOrrery(ctx, doing); err != nil {
		return nil, err
	}
	me, err := ask(ctx, c, request{doing: doing, method: http.MethodGet, url: c.native() + "/me", repeatable: true},
		as[struct{ Token Token }])
	if err != nil {
		return nil, err
	}
	return &me.Token, nil
}

// CreateToken makes a token and returns its secret. Of t, Name, ReadOnly,
// NetworkID and ExpiryTime count. Limits (read-only, network, expiry) need an
// Orrery server: ErrNotOrrery otherwise, and nothing is made.
func (c *Client) CreateToken(ctx context.Context, t Token) (secret string, err error) {
	doing := "create token " + oneLine(t.Name, maxName)
	orrery, err := c.IsOrrery(ctx)
	if err != nil {
		return "", err
	}
	if !orrery {
		if t.ReadOnly || t.NetworkID != "" || t.ExpiryTime != 0 {
			return "", fmt.Errorf("%s: %s is %w: only Orrery's servers limit tokens; leave the limits out", doing, c.host, ErrNotOrrery)
		}
		return c.chooseToken(ctx, doing, t.Name)
	}
	q := request{doing: doing, method: http.MethodPost, url: c.native() + "/tokens", body: struct {
		Name       string `json:"name"`
		ReadOnly   bool   `json:"readOnly,omitempty"`
		NetworkID  string `json:"networkId,omitempty"`
		ExpiryTime int64  `json:"expiryTime,omitempty"`
	}{t.Name, t.ReadOnly, t.NetworkID, t.ExpiryTime}}
	made, err := ask(ctx, c, q, func(raw []byte) (*struct{ Secret string }, error) {
		made, err := as[struct{ Secret string }](raw)
		if err == nil && made.Secret == "" {
			err = errStrange
		}
		return made, err
	})
	if err != nil {
		return "", err
	}
	return made.Secret, nil
}

// chooseToken makes a token with Central's API, where its user chooses the secret.
func (c *Client) chooseToken(ctx context.Context, doing, name string) (secret string, err error) {
	user, err := c.self(ctx, doing)
	if err != nil {
		return "", err
	}
	secret = newSecret()
	return secret, c.do(ctx, request{
		doing: doing, method: http.MethodPost, url: c.base + "/user/" + segment(user.ID) + "/token",
		body: struct {
			Name  string `json:"tokenName"`
			Token string `json:"token"`
		}{name, secret},
	})
}

// newSecret makes a token of 32 letters and digits, which is what all clients
// take, with 160 random bits.
func newSecret() string { return (rand.Text() + rand.Text())[:32] }

// DeleteToken revokes a token, at once.
func (c *Client) DeleteToken(ctx context.Context, name string) error {
	doing := "delete token " + oneLine(name, maxName)
	orrery, err := c.IsOrrery(ctx)
	if err != nil {
		return err
	}
	if name == "" {
		return fmt.Errorf("%s: %w: no token has an empty name", doing, ErrNotFound)
	}
	at := c.native() + "/tokens/"
	if !orrery {
		user, err := c.self(ctx, doing)
		if err != nil {
			return err
		}
		at = c.base + "/user/" + segment(user.ID) + "/token/"
	}
	return c.do(ctx, request{doing: doing, method: http.MethodDelete, url: at + segment(name), repeatable: true})
}
