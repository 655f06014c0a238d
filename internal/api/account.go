package api

import (
	"context"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/orrery-net/orrery/internal/central"
	"github.com/orrery-net/orrery/internal/model"
)

// user is a person with an account, as the users of an organization know each
// other.
type user struct {
	ID          string `json:"id" doc:"The user's id." example:"9a1f4c2e-6d0b-4a53-8f7e-2b1c0d9e8f7a"`
	Email       string `json:"email" doc:"The user's e-mail address." example:"alice@example.com"`
	DisplayName string `json:"displayName" doc:"What the user is called." example:"Alice"`
}

func userOf(u *model.User) user {
	return user{ID: u.ID, Email: u.Email, DisplayName: u.DisplayName}
}

// me is who a request acts for.
type me struct {
	User         user             `json:"user" doc:"Your account."`
	Operator     bool             `json:"operator" doc:"You may manage the users of this server." example:"false"`
	Organization *ownOrganization `json:"organization,omitempty" doc:"Your organization, if you are in one. Tokens for one network do not see it."`
	Token        usedToken        `json:"token" doc:"The token that you show, with its limits."`
}

// ownOrganization is the organization that the caller is in.
type ownOrganization struct {
	ID    string `json:"id" doc:"The organization's id." example:"4f9d3b1a-0c2e-4d5f-9a8b-7c6d5e4f3a2b"`
	Name  string `json:"name" doc:"What it is called." example:"Example Ltd"`
	Owner bool   `json:"owner" doc:"You are its owner." example:"true"`
}

// usedToken is the token that a request showed, with its limits.
type usedToken struct {
	Name       string     `json:"name" doc:"The token's name." example:"backup script"`
	ReadOnly   bool       `json:"readOnly" doc:"It changes nothing." example:"true"`
	NetworkID  *networkID `json:"networkId,omitempty" doc:"The only network that it opens. Absent: all of yours."`
	ExpiryTime int64      `json:"expiryTime" doc:"It is not valid from then on. 0: it does not expire." example:"0"`
}

type meOutput struct{ Body me }

func (a *api) registerAccount() {
	handle(a, huma.Operation{
		OperationID: "get-me", Method: http.MethodGet, Path: "/me", Tags: []string{tagAccount},
		Summary:     "Who you are",
		Description: "Your account, your organization, and the token that you show with its limits. Every valid token may ask this.",
	}, a.getMe)
}

func (a *api) getMe(ctx context.Context, caller central.Caller, _ *struct{}) (*meOutput, error) {
	answer := me{User: userOf(caller.User), Operator: caller.Operator}
	if t := caller.Token; t != nil {
		answer.Token = usedToken{Name: t.Name, ReadOnly: t.ReadOnly, NetworkID: oneNetwork(t.Network), ExpiryTime: t.ExpiryTime}
	}
	org, err := a.service.Organization(ctx, caller, "")
	switch {
	case err == nil:
		answer.Organization = &ownOrganization{ID: org.ID, Name: org.Name, Owner: org.OwnerID == caller.User.ID}
	case !isKind(err, central.NotFound) && !isKind(err, central.Forbidden):
		return nil, err
	}
	return &meOutput{answer}, nil
}

func isKind(err error, kind central.Kind) bool {
	var known *central.Error
	return errors.As(err, &known) && known.Kind == kind
}
