package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/orrery-net/orrery/internal/central"
	"github.com/orrery-net/orrery/internal/model"
)

// invitation asks somebody to join an organization.
type invitation struct {
	ID               string `json:"id" doc:"The invitation's id, which cannot be guessed." example:"7d6c5b4a-3f2e-4d1c-9b8a-7f6e5d4c3b2a"`
	OrganizationID   string `json:"organizationId" doc:"The organization to join." example:"4f9d3b1a-0c2e-4d5f-9a8b-7c6d5e4f3a2b"`
	OrganizationName string `json:"organizationName" doc:"What it is called." example:"Example Ltd"`
	OwnerEmail       string `json:"ownerEmail" doc:"Of the organization's owner, who invites." example:"alice@example.com"`
	Email            string `json:"email" doc:"Who is invited." example:"bob@example.com"`
	Status           string `json:"status" enum:"pending,accepted,canceled" doc:"The last two are final. canceled: declined by who was invited, or withdrawn." example:"pending"`
	CreationTime     int64  `json:"creationTime" doc:"When it was made." example:"1767225600000"`
	UpdateTime       int64  `json:"updateTime" doc:"When the status changed last." example:"1767225600000"`
	Link             string `json:"link" format:"uri" doc:"A page that says how to accept. Send it to who is invited; it opens nothing by itself." example:"https://orrery.example.com/invitations/7d6c5b4a-3f2e-4d1c-9b8a-7f6e5d4c3b2a"`
}

func invitationOf(i central.InvitationStatus, base string) invitation {
	return invitation{
		ID: i.ID, OrganizationID: i.OrgID, OrganizationName: i.OrgName, OwnerEmail: i.OwnerEmail, Email: i.Email,
		Status: string(i.Status), CreationTime: i.CreationTime, UpdateTime: i.UpdateTime, Link: base + invitationPath + i.ID,
	}
}

// invitationRequest says who shall be invited.
type invitationRequest struct {
	Email string `json:"email" minLength:"3" maxLength:"254" doc:"Need not have an account yet." example:"bob@example.com"`
}

type invitationList struct {
	Invitations []invitation `json:"invitations" nullable:"false" doc:"The oldest first."`
}

type (
	invitationListOutput struct{ Body invitationList }
	invitationOutput     struct{ Body invitation }
)

// publicBase is embedded by inputs whose answer has links: it learns from the
// request where this server is for its client.
type publicBase struct{ base string }

// Resolve implements huma.Resolver.
func (p *publicBase) Resolve(ctx huma.Context) []error {
	p.base = baseURL(ctx.TLS() != nil, ctx.Host(), ctx.Header("X-Forwarded-Proto"), ctx.Header("X-Forwarded-Host"))
	return nil
}

type noInput struct{ publicBase }

type newInvitationInput struct {
	publicBase
	Body invitationRequest
}

type invitationInput struct {
	publicBase
	ID string `path:"id" maxLength:"64" doc:"The invitation's id." example:"7d6c5b4a-3f2e-4d1c-9b8a-7f6e5d4c3b2a"`
}

func (a *api) registerInvitations() {
	tags := []string{tagInvitations}
	handle(a, huma.Operation{
		OperationID: "list-sent-invitations", Method: http.MethodGet, Path: "/organization/invitations", Tags: tags,
		Summary:     "Invitations to your organization",
		Description: "Those that your organization sent, also those that were answered. Empty for who does not own an organization.",
	}, a.listSentInvitations)
	handle(a, huma.Operation{
		OperationID: "invite", Method: http.MethodPost, Path: "/organization/invitations", Tags: tags, DefaultStatus: http.StatusCreated,
		Errors:      []int{http.StatusNotFound, http.StatusConflict},
		Summary:     "Invite somebody to your organization",
		Description: "Only its owner may. Send the answer's `link` to who is invited: it leads to a page that says how to accept.",
	}, a.invite)
	handle(a, huma.Operation{
		OperationID: "list-invitations", Method: http.MethodGet, Path: "/invitations", Tags: tags,
		Summary:     "Invitations to you",
		Description: "Those addressed to your e-mail address, also those that were answered.",
	}, a.listInvitations)
	handle(a, huma.Operation{
		OperationID: "accept-invitation", Method: http.MethodPost, Path: "/invitations/{id}/accept", Tags: tags,
		Errors:      []int{http.StatusNotFound, http.StatusConflict},
		Summary:     "Accept an invitation",
		Description: "You join the organization, and all your networks move to its owner; you keep all rights to them. A conflict if you are in an organization with others; one of your own without others is dissolved.",
	}, a.acceptInvitation)
	handle(a, huma.Operation{
		OperationID: "decline-invitation", Method: http.MethodPost, Path: "/invitations/{id}/decline", Tags: tags, Errors: []int{http.StatusNotFound},
		Summary:     "Decline an invitation",
		Description: "For who was invited; the organization's owner withdraws one with the same effect.",
	}, a.declineInvitation)
	handle(a, huma.Operation{
		OperationID: "withdraw-invitation", Method: http.MethodDelete, Path: "/invitations/{id}", Tags: tags, Errors: []int{http.StatusNotFound},
		Summary:     "Withdraw an invitation",
		Description: "It is canceled, and stays in the lists.",
	}, a.withdrawInvitation)
}

func (a *api) listSentInvitations(ctx context.Context, caller central.Caller, in *noInput) (*invitationListOutput, error) {
	return a.invitations(ctx, caller, in.base, func(i central.InvitationStatus) bool {
		return model.EmailKey(i.OwnerEmail) == model.EmailKey(caller.User.Email)
	})
}

func (a *api) listInvitations(ctx context.Context, caller central.Caller, in *noInput) (*invitationListOutput, error) {
	return a.invitations(ctx, caller, in.base, func(i central.InvitationStatus) bool {
		return model.EmailKey(i.Email) == model.EmailKey(caller.User.Email)
	})
}

// invitations lists what the caller sent and got, as far as it is wanted.
func (a *api) invitations(ctx context.Context, caller central.Caller, base string, wanted func(central.InvitationStatus) bool) (*invitationListOutput, error) {
	all, err := a.service.Invitations(ctx, caller)
	if err != nil {
		return nil, err
	}
	list := []invitation{}
	for _, i := range all {
		if wanted(i) {
			list = append(list, invitationOf(i, base))
		}
	}
	return &invitationListOutput{invitationList{list}}, nil
}

func (a *api) invite(ctx context.Context, caller central.Caller, in *newInvitationInput) (*invitationOutput, error) {
	i, err := a.service.Invite(ctx, caller, "", in.Body.Email)
	return invitationAnswer(i, in.base, err)
}

func (a *api) acceptInvitation(ctx context.Context, caller central.Caller, in *invitationInput) (*invitationOutput, error) {
	i, err := a.service.AcceptInvitation(ctx, caller, in.ID)
	return invitationAnswer(i, in.base, err)
}

func (a *api) declineInvitation(ctx context.Context, caller central.Caller, in *invitationInput) (*invitationOutput, error) {
	i, err := a.service.CancelInvitation(ctx, caller, in.ID)
	return invitationAnswer(i, in.base, err)
}

func (a *api) withdrawInvitation(ctx context.Context, caller central.Caller, in *invitationInput) (*struct{}, error) {
	_, err := a.service.CancelInvitation(ctx, caller, in.ID)
	return nil, err
}

func invitationAnswer(i central.InvitationStatus, base string, err error) (*invitationOutput, error) {
	if err != nil {
		return nil, err
	}
	return &invitationOutput{invitationOf(i, base)}, nil
}
