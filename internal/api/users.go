package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/orrery-net/orrery/internal/central"
)

// account is a user as operators see it.
type account struct {
	ID             string   `json:"id" doc:"The user's id." example:"5c7e9b0d-1f3a-4b6c-8d2e-9f0a1b2c3d4e"`
	Email          string   `json:"email" doc:"Unique on this server, in any case." example:"bob@example.com"`
	DisplayName    string   `json:"displayName" doc:"What the user is called." example:"Bob"`
	OrganizationID string   `json:"organizationId,omitempty" doc:"The organization that the user is in, if any." example:"4f9d3b1a-0c2e-4d5f-9a8b-7c6d5e4f3a2b"`
	CreationTime   int64    `json:"creationTime" doc:"When the account was made." example:"1767225600000"`
	Tokens         []string `json:"tokens" nullable:"false" doc:"The names of the user's tokens, ascending." example:"[\"first\"]"`
}

func accountOf(u central.UserStatus) account {
	return account{
		ID: u.ID, Email: u.Email, DisplayName: u.DisplayName, OrganizationID: u.OrgID, CreationTime: u.CreationTime,
		Tokens: orNone(u.Tokens),
	}
}

// accountRequest says who shall get an account.
type accountRequest struct {
	Email            string `json:"email" minLength:"3" maxLength:"254" doc:"Unique on this server, in any case." example:"bob@example.com"`
	DisplayName      string `json:"displayName,omitempty" maxLength:"255" doc:"What the user is called." example:"Bob"`
	JoinOrganization bool   `json:"joinOrganization,omitempty" doc:"The user joins the organization of the server's owner." example:"true"`
}

// credentials are an account with a new token of it.
type credentials struct {
	User   account `json:"user" doc:"The account."`
	Secret string  `json:"secret" doc:"Of the user's new token. It cannot be asked for again." example:"uo3VgNHx0EJfNq4kTPbZ7sYa1WdR9mLc"`
}

type accountList struct {
	Users []account `json:"users" nullable:"false" doc:"By e-mail address."`
}

type (
	accountInput       struct{ Body accountRequest }
	accountOutput      struct{ Body account }
	accountListOutput  struct{ Body accountList }
	credentialsOutput  struct{ Body credentials }
	accountLookupInput struct {
		User string `path:"idOrEmail" maxLength:"254" doc:"The user's id or e-mail address." example:"bob@example.com"`
	}
)

func (a *api) registerUsers() {
	tags := []string{tagUsers}
	handle(a, huma.Operation{
		OperationID: "list-users", Method: http.MethodGet, Path: "/users", Tags: tags,
		Summary:     "List all users",
		Description: "Operators only.",
	}, a.listUsers)
	handle(a, huma.Operation{
		OperationID: "create-user", Method: http.MethodPost, Path: "/users", Tags: tags, DefaultStatus: http.StatusCreated,
		Summary:     "Make a user",
		Description: "The answer has the secret of the user's first token, named `first`. Operators only.",
	}, a.createUser)
	handle(a, huma.Operation{
		OperationID: "get-user", Method: http.MethodGet, Path: "/users/{idOrEmail}", Tags: tags, Errors: []int{http.StatusNotFound},
		Summary:     "Find a user",
		Description: "Operators only.",
	}, a.getUser)
	handle(a, huma.Operation{
		OperationID: "delete-user", Method: http.MethodDelete, Path: "/users/{idOrEmail}", Tags: tags, Errors: []int{http.StatusNotFound},
		Summary:     "Delete a user",
		Description: "With everything that is the user's: tokens, networks outside of an organization, an own organization without other users. Networks go one after the other: if it fails on the way, ask again. Refused for the server's owner, and for the owner of an organization with other users. Operators only.",
	}, a.deleteUser)
	handle(a, huma.Operation{
		OperationID: "reset-token", Method: http.MethodPost, Path: "/users/{idOrEmail}/reset-token", Tags: tags, Errors: []int{http.StatusNotFound},
		Summary:     "Replace a user's tokens",
		Description: "For who lost them, or lost control of them: all tokens of the user end at once, and there is one in their place, named `reset`. The answer has its secret. Operators only.",
	}, a.resetToken)
}

func (a *api) listUsers(ctx context.Context, caller central.Caller, _ *struct{}) (*accountListOutput, error) {
	all, err := a.service.Users(ctx, caller)
	if err != nil {
		return nil, err
	}
	users := make([]account, 0, len(all))
	for _, u := range all {
		users = append(users, accountOf(u))
	}
	return &accountListOutput{accountList{users}}, nil
}

func (a *api) createUser(ctx context.Context, caller central.Caller, in *accountInput) (*credentialsOutput, error) {
	u, secret, err := a.service.CreateUser(ctx, caller, in.Body.Email, in.Body.DisplayName, in.Body.JoinOrganization)
	if err != nil {
		return nil, err
	}
	return &credentialsOutput{credentials{accountOf(u), secret}}, nil
}

func (a *api) getUser(ctx context.Context, caller central.Caller, in *accountLookupInput) (*accountOutput, error) {
	u, err := a.service.FindUser(ctx, caller, in.User)
	if err != nil {
		return nil, err
	}
	return &accountOutput{accountOf(u)}, nil
}

func (a *api) deleteUser(ctx context.Context, caller central.Caller, in *accountLookupInput) (*struct{}, error) {
	u, err := a.service.FindUser(ctx, caller, in.User)
	if err != nil {
		return nil, err
	}
	return nil, a.service.DeleteUser(ctx, caller, u.ID)
}

func (a *api) resetToken(ctx context.Context, caller central.Caller, in *accountLookupInput) (*credentialsOutput, error) {
	u, err := a.service.FindUser(ctx, caller, in.User)
	if err != nil {
		return nil, err
	}
	secret, err := a.service.ResetToken(ctx, caller, u.ID)
	if err != nil {
		return nil, err
	}
	if u, err = a.service.FindUser(ctx, caller, u.ID); err != nil {
		return nil, err
	}
	return &credentialsOutput{credentials{accountOf(u), secret}}, nil
}
