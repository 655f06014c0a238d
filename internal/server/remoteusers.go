package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/orrery-net/orrery/internal/api"
)

const (
	remoteTimeout = 30 * time.Second
	maxRemoteBody = 64 << 20
)

// remoteUsers asks the server that runs on the data folder, as its owner.
type remoteUsers struct {
	folder folder
	api    string // URL
	token  string
	client *http.Client
}

func openRemoteUsers(f folder, at netip.AddrPort) (Users, error) {
	token, err := f.read(ownerTokenFile)
	if err != nil {
		return nil, err
	}
	if len(token) == 0 {
		return nil, fmt.Errorf("%s is missing, without which the running server refuses; restart the server, which makes another one", f.path(ownerTokenFile))
	}
	return &remoteUsers{
		folder: f,
		api:    (&url.URL{Scheme: "http", Host: at.String(), Path: api.Base}).String(), // it escapes an address's zone
		token:  strings.TrimSpace(string(token)),
		client: &http.Client{
			Timeout:       remoteTimeout,
			Transport:     &http.Transport{}, // no proxy: the token is for this machine only
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

func (u *remoteUsers) Close() error {
	u.client.CloseIdleConnections()
	return nil
}

func (u *remoteUsers) List(ctx context.Context) ([]User, error) {
	answer, err := ask[struct{ Users []User }](ctx, u, http.MethodGet, "/users", nil)
	return answer.Users, err
}

func (u *remoteUsers) Find(ctx context.Context, idOrEmail string) (User, error) {
	return ask[User](ctx, u, http.MethodGet, userPath(idOrEmail), nil)
}

// credentials are what the API answers with a new token.
type credentials struct {
	User   User
	Secret string
}

func (u *remoteUsers) Create(ctx context.Context, email, name string, join bool) (User, string, error) {
	request, err := json.Marshal(struct {
		Email            string `json:"email"`
		DisplayName      string `json:"displayName,omitempty"`
		JoinOrganization bool   `json:"joinOrganization,omitempty"`
	}{email, name, join})
	if err != nil {
		return User{}, "", fmt.Errorf("write the request: %w", err)
	}
	answer, err := ask[credentials](ctx, u, http.MethodPost, "/users", request)
	return answer.User, answer.Secret, err
}

func (u *remoteUsers) Delete(ctx context.Context, id string) error {
	_, err := ask[struct{}](ctx, u, http.MethodDelete, userPath(id), nil)
	return err
}

func (u *remoteUsers) ResetToken(ctx context.Context, id string) (string, error) {
	me, err := ask[struct{ User User }](ctx, u, http.MethodGet, "/me", nil)
	if err != nil {
		return "", err
	}
	answer, err := ask[credentials](ctx, u, http.MethodPost, userPath(id)+"/reset-token", nil)
	if err != nil || id != me.User.ID {
		return answer.Secret, err
	}
	u.token = answer.Secret
	return answer.Secret, u.folder.keepOwnerToken(answer.Secret)
}

func userPath(idOrEmail string) string { return "/users/" + url.PathEscape(idOrEmail) }

// ask sends a request and reads the answer; one without a body is the zero
// Answer.
func ask[Answer any](ctx context.Context, u *remoteUsers, method, path string, body []byte) (answer Answer, err error) {
	request, err := http.NewRequestWithContext(ctx, method, u.api+path, bytes.NewReader(body))
	if err != nil {
		return answer, fmt.Errorf("write the request: %w", err)
	}
	request.Header.Set("Authorization", "Bearer "+u.token)
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := u.client.Do(request)
	if err != nil {
		return answer, fmt.Errorf("the server that runs on %s does not answer: %w", u.folder, err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxRemoteBody))
	if err != nil {
		return answer, fmt.Errorf("read the server's answer: %w", err)
	}
	switch {
	case response.StatusCode >= http.StatusBadRequest:
		return answer, u.refusal(response.StatusCode, text)
	case response.StatusCode >= http.StatusMultipleChoices:
		return answer, fmt.Errorf("the server that runs on %s answered with status %d; is it another version?", u.folder, response.StatusCode)
	case len(text) == 0:
		return answer, nil
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return answer, fmt.Errorf("understand the server's answer: %w", err)
	}
	return answer, nil
}

// refusal turns a problem document (RFC 9457) into an error.
func (u *remoteUsers) refusal(status int, text []byte) error {
	if status == http.StatusUnauthorized {
		return fmt.Errorf("the running server does not know the token in %s; remove that file and restart the server, which makes another one", u.folder.path(ownerTokenFile))
	}
	var problem struct{ Detail string }
	if err := json.Unmarshal(text, &problem); err != nil || problem.Detail == "" {
		return fmt.Errorf("the running server refused with status %d", status)
	}
	return errors.New(problem.Detail)
}
