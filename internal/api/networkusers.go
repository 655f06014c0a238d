package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/orrery-net/orrery/internal/central"
	"github.com/orrery-net/orrery/internal/model"
)

// rights is what a user may do to one network.
type rights struct {
	Read      bool `json:"read" doc:"See the network and its members." example:"true"`
	Authorize bool `json:"authorize" doc:"Let members in and put them out, nothing else." example:"true"`
	Modify    bool `json:"modify" doc:"Change any setting of the network and its members, and who has which rights." example:"false"`
	Delete    bool `json:"delete" doc:"Delete the network." example:"false"`
}

// networkUser is a user with the rights to a network.
type networkUser struct {
	UserID      string `json:"userId" doc:"The user's id." example:"5c7e9b0d-1f3a-4b6c-8d2e-9f0a1b2c3d4e"`
	Email       string `json:"email" doc:"The user's e-mail address." example:"bob@example.com"`
	DisplayName string `json:"displayName" doc:"What the user is called." example:"Bob"`
	Read        bool   `json:"read" doc:"May see the network and its members." example:"true"`
	Authorize   bool   `json:"authorize" doc:"May let members in and put them out." example:"true"`
	Modify      bool   `json:"modify" doc:"May change any setting of the network and its members." example:"false"`
	Delete      bool   `json:"delete" doc:"May delete the network." example:"false"`
}

func networkUserOf(u central.NetworkUser) networkUser {
	return networkUser{
		UserID: u.User.ID, Email: u.User.Email, DisplayName: u.User.DisplayName,
		Read: u.Rights.Read, Authorize: u.Rights.Authorize, Modify: u.Rights.Modify, Delete: u.Rights.Delete,
	}
}

type networkInput struct {
	ID networkID `path:"id" doc:"The network's id."`
}

type networkUserInput struct {
	ID     networkID `path:"id" doc:"The network's id."`
	UserID string    `path:"userId" maxLength:"64" doc:"The user's id." example:"5c7e9b0d-1f3a-4b6c-8d2e-9f0a1b2c3d4e"`
}

type rightsInput struct {
	ID     networkID `path:"id" doc:"The network's id."`
	UserID string    `path:"userId" maxLength:"64" doc:"The user's id." example:"5c7e9b0d-1f3a-4b6c-8d2e-9f0a1b2c3d4e"`
	Body   rights
}

type networkUserList struct {
	Users []networkUser `json:"users" nullable:"false" doc:"The owner first, who has all rights; then by e-mail address."`
}

type (
	networkUserListOutput struct{ Body networkUserList }
	networkUserOutput     struct{ Body networkUser }
)

func (a *api) registerNetworkUsers() {
	tags := []string{tagNetworkUsers}
	handle(a, huma.Operation{
		OperationID: "list-network-users", Method: http.MethodGet, Path: "/networks/{id}/users", Tags: tags, Errors: []int{http.StatusNotFound},
		Summary:     "Who may do what",
		Description: "The owner and all users who were given rights. Needs the right to read.",
	}, a.listNetworkUsers)
	handle(a, huma.Operation{
		OperationID: "set-network-user", Method: http.MethodPut, Path: "/networks/{id}/users/{userId}", Tags: tags, Errors: []int{http.StatusNotFound},
		Summary:     "Set a user's rights",
		Description: "In place of those that the user has. Needs the right to modify, and nobody may give more than they have. Only users of the owner's organization can have rights; the owner has all, always.",
	}, a.setNetworkUser)
	handle(a, huma.Operation{
		OperationID: "remove-network-user", Method: http.MethodDelete, Path: "/networks/{id}/users/{userId}", Tags: tags, Errors: []int{http.StatusNotFound},
		Summary:     "Take all rights from a user",
		Description: "Needs the right to modify.",
	}, a.removeNetworkUser)
}

func (a *api) listNetworkUsers(ctx context.Context, caller central.Caller, in *networkInput) (*networkUserListOutput, error) {
	all, err := a.service.NetworkUsers(ctx, caller, in.ID.NetworkID)
	if err != nil {
		return nil, err
	}
	users := make([]networkUser, 0, len(all))
	for _, u := range all {
		users = append(users, networkUserOf(u))
	}
	return &networkUserListOutput{networkUserList{users}}, nil
}

func (a *api) setNetworkUser(ctx context.Context, caller central.Caller, in *rightsInput) (*networkUserOutput, error) {
	u, err := a.service.SetRights(ctx, caller, in.ID.NetworkID, in.UserID, replaceRights(model.Rights(in.Body)))
	if err != nil {
		return nil, err
	}
	return &networkUserOutput{networkUserOf(u)}, nil
}

func (a *api) removeNetworkUser(ctx context.Context, caller central.Caller, in *networkUserInput) (*struct{}, error) {
	_, err := a.service.SetRights(ctx, caller, in.ID.NetworkID, in.UserID, replaceRights(model.Rights{}))
	return nil, err
}

func replaceRights(with model.Rights) func(*model.Rights) error {
	return func(rights *model.Rights) error {
		*rights = with
		return nil
	}
}
