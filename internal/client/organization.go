package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Organization is an organization with its people.
type Organization struct {
	ID         string `json:"id"`
	OwnerID    string `json:"ownerId"`
	OwnerEmail string `json:"ownerEmail"`
	Members    []OrganizationMember
	Raw        json.RawMessage `json:"-"`
}

// OrganizationMember is one of an organization's people.
type OrganizationMember struct {
	OrgID  string `json:"orgId"`
	UserID string `json:"userId"`
	Name   string `json:"name"`
	Email  string `json:"email"`
}

// Invitation is an invitation to an organization.
type Invitation struct {
	ID           string          `json:"id"`
	OrgID        string          `json:"orgId"`
	Email        string          `json:"email"`
	OwnerEmail   string          `json:"ownerEmail"`
	Status       string          `json:"status"`        // pending, accepted, canceled
	CreationTime int64           `json:"creation_time"` // ms since 1970; servers also send RFC 3339
	Raw          json.RawMessage `json:"-"`
}

// maxInvitation is how many bytes an invitation in a list has at most.
const maxInvitation = 1 << 20

// Organization is the token's user's; ErrNotFound if the user is in none.
func (c *Client) Organization(ctx context.Context) (*Organization, error) {
	q := request{doing: "read the organization", method: http.MethodGet, url: c.base + "/org", repeatable: true}
	return ask(ctx, c, q, func(raw []byte) (*Organization, error) {
		o, err := as[Organization](raw)
		o.Raw = raw
		return o, err
	})
}

// Invitations lists those sent (to an owner) or received.
func (c *Client) Invitations(ctx context.Context) ([]Invitation, error) {
	var all []Invitation
	for i, err := range list(ctx, c, listing{
		request: request{doing: "list the invitations", url: c.base + "/org-invitation"},
		one:     "invitation", many: "invitations", most: maxInvitation,
	}, decodeInvitation) {
		if err != nil {
			return nil, err
		}
		all = append(all, *i)
	}
	return all, nil
}

// Invite asks somebody to join the organization.
func (c *Client) Invite(ctx context.Context, email string) (*Invitation, error) {
	return ask(ctx, c, request{
		doing: "invite " + oneLine(email, maxName), method: http.MethodPost, url: c.base + "/org-invitation",
		body: struct {
			Email string `json:"email"`
		}{email},
	}, decodeInvitation)
}

// AcceptInvitation joins an organization; all networks of the user move there.
func (c *Client) AcceptInvitation(ctx context.Context, id string) (*Invitation, error) {
	q, err := c.invitation("accept invitation ", id, http.MethodPost)
	if err != nil {
		return nil, err
	}
	return ask(ctx, c, q, decodeInvitation)
}

// DeclineInvitation declines one received or withdraws one sent.
func (c *Client) DeclineInvitation(ctx context.Context, id string) error {
	q, err := c.invitation("decline invitation ", id, http.MethodDelete)
	if err != nil {
		return err
	}
	return c.do(ctx, q)
}

func (c *Client) invitation(doing, id, method string) (request, error) {
	doing += oneLine(id, maxName)
	if id == "" {
		return request{}, fmt.Errorf("%s: no invitation has an empty id", strings.TrimSpace(doing))
	}
	return request{doing: doing, method: method, url: c.base + "/org-invitation/" + segment(id), repeatable: method == http.MethodDelete}, nil
}

func decodeInvitation(raw []byte) (*Invitation, error) {
	i := &Invitation{}
	shown := struct {
		*Invitation
		CreationTime json.RawMessage `json:"creation_time"`
	}{Invitation: i}
	err := decodeObject(raw, &shown)
	i.Raw, i.CreationTime = raw, milliseconds(shown.CreationTime)
	return i, err
}

// milliseconds reads a time that is a number or a text of RFC 3339; 0 if it is
// neither.
func milliseconds(raw json.RawMessage) int64 {
	text := string(bytes.Trim(raw, `"`))
	if ms, err := strconv.ParseInt(text, 10, 64); err == nil {
		return ms
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at.UnixMilli()
	}
	return 0
}
