package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/orrery-net/orrery/internal/central"
)

// organization is a group of users with one owner.
type organization struct {
	ID           string `json:"id" doc:"The organization's id." example:"4f9d3b1a-0c2e-4d5f-9a8b-7c6d5e4f3a2b"`
	Name         string `json:"name" doc:"What it is called." example:"Example Ltd"`
	OwnerID      string `json:"ownerId" doc:"The user who owns it." example:"9a1f4c2e-6d0b-4a53-8f7e-2b1c0d9e8f7a"`
	OwnerEmail   string `json:"ownerEmail" doc:"The owner's e-mail address." example:"alice@example.com"`
	CreationTime int64  `json:"creationTime" doc:"When it was made." example:"1767225600000"`
	Users        []user `json:"users" nullable:"false" doc:"The owner among them; by e-mail address."`
}

type organizationOutput struct{ Body organization }

func organizationAnswer(o central.OrganizationStatus, err error) (*organizationOutput, error) {
	if err != nil {
		return nil, err
	}
	v := organization{
		ID: o.ID, Name: o.Name, OwnerID: o.OwnerID, OwnerEmail: o.OwnerEmail, CreationTime: o.CreationTime,
		Users: make([]user, 0, len(o.Users)),
	}
	for _, u := range o.Users {
		v.Users = append(v.Users, userOf(u))
	}
	return &organizationOutput{v}, nil
}

// organizationName is what an organization shall be called.
type organizationName struct {
	Name string `json:"name" minLength:"1" maxLength:"255" doc:"What it shall be called." example:"Example Ltd"`
}

type organizationNameInput struct{ Body organizationName }

// newOwner is who shall own an organization.
type newOwner struct {
	UserID string `json:"userId" minLength:"1" maxLength:"64" doc:"A user of the organization." example:"5c7e9b0d-1f3a-4b6c-8d2e-9f0a1b2c3d4e"`
}

type newOwnerInput struct{ Body newOwner }

type userIDInput struct {
	UserID string `path:"userId" maxLength:"64" doc:"The user's id." example:"5c7e9b0d-1f3a-4b6c-8d2e-9f0a1b2c3d4e"`
}

func (a *api) registerOrganization() {
	tags := []string{tagOrganization}
	handle(a, huma.Operation{
		OperationID: "get-organization", Method: http.MethodGet, Path: "/organization", Tags: tags, Errors: []int{http.StatusNotFound},
		Summary:     "Your organization",
		Description: "The organization that you are in, with its users. Not found if you are in none.",
	}, func(ctx context.Context, caller central.Caller, _ *struct{}) (*organizationOutput, error) {
		return organizationAnswer(a.service.Organization(ctx, caller, ""))
	})
	handle(a, huma.Operation{
		OperationID: "create-organization", Method: http.MethodPost, Path: "/organization", Tags: tags, Errors: []int{http.StatusConflict},
		DefaultStatus: http.StatusCreated,
		Summary:       "Make an organization",
		Description:   "You become its owner. A conflict if you are in one already.",
	}, func(ctx context.Context, caller central.Caller, in *organizationNameInput) (*organizationOutput, error) {
		return organizationAnswer(a.service.CreateOrganization(ctx, caller, in.Body.Name))
	})
	handle(a, huma.Operation{
		OperationID: "rename-organization", Method: http.MethodPatch, Path: "/organization", Tags: tags, Errors: []int{http.StatusNotFound},
		Summary:     "Rename your organization",
		Description: "Only its owner may.",
	}, func(ctx context.Context, caller central.Caller, in *organizationNameInput) (*organizationOutput, error) {
		return organizationAnswer(a.service.RenameOrganization(ctx, caller, "", in.Body.Name))
	})
	handle(a, huma.Operation{
		OperationID: "remove-organization-user", Method: http.MethodDelete, Path: "/organization/users/{userId}", Tags: tags,
		Errors:      []int{http.StatusNotFound, http.StatusConflict},
		Summary:     "Remove a user, or leave",
		Description: "The user loses all rights to the organization's networks at once; networks stay with the organization. The owner may remove others, everybody may leave, but the owner has to transfer the organization first.",
	}, func(ctx context.Context, caller central.Caller, in *userIDInput) (*struct{}, error) {
		return nil, a.service.RemoveFromOrganization(ctx, caller, "", in.UserID)
	})
	handle(a, huma.Operation{
		OperationID: "transfer-organization", Method: http.MethodPost, Path: "/organization/transfer", Tags: tags,
		Errors:      []int{http.StatusNotFound, http.StatusConflict},
		Summary:     "Give the organization to another user",
		Description: "The new owner has to be in the organization, and gets all its networks. You stay in it, and keep all rights to the networks by grant.",
	}, func(ctx context.Context, caller central.Caller, in *newOwnerInput) (*organizationOutput, error) {
		return organizationAnswer(a.service.TransferOrganization(ctx, caller, "", in.Body.UserID))
	})
}
