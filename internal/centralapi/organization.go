package centralapi

import (
	"strings"

	"github.com/orrery-net/orrery/internal/central"
	"github.com/orrery-net/orrery/internal/model"
)

// organization is Central's Organization object, its keys in Central's order
// (api-behaviour §17).
type organization struct {
	ID         string               `json:"id"`
	OwnerID    string               `json:"ownerId"`
	OwnerEmail string               `json:"ownerEmail"`
	Members    []organizationMember `json:"members"`
	SSOConfig  organizationSSO      `json:"ssoConfig"`
}

type organizationMember struct {
	OrgID  string `json:"orgId"`
	UserID string `json:"userId"`
	Name   string `json:"name"`
	Email  string `json:"email"`
}

// organizationSSO says how members sign in to networks; nobody is asked to yet.
type organizationSSO struct {
	Enabled bool    `json:"enabled"`
	Issuers []empty `json:"issuers"`
}

// invitation is Central's OrganizationInvitation object.
type invitation struct {
	OrgID        string                 `json:"orgId"`
	Email        string                 `json:"email"` // of the invitee
	ID           string                 `json:"id"`
	CreationTime int64                  `json:"creation_time"`
	Status       model.InvitationStatus `json:"status"`
	UpdateTime   int64                  `json:"update_time"`
	OwnerEmail   string                 `json:"ownerEmail"`
}

func organizationOf(o central.OrganizationStatus) organization {
	return organization{
		ID:         o.ID,
		OwnerID:    o.OwnerID,
		OwnerEmail: o.OwnerEmail,
		Members:    organizationMembersOf(o),
		SSOConfig:  organizationSSO{Issuers: []empty{}},
	}
}

func organizationMembersOf(o central.OrganizationStatus) []organizationMember {
	return each(o.Users, func(u *model.User) organizationMember {
		return organizationMember{OrgID: o.ID, UserID: u.ID, Name: u.DisplayName, Email: u.Email}
	})
}

func invitationOf(i central.InvitationStatus) invitation {
	return invitation{
		OrgID:        i.OrgID,
		Email:        i.Email,
		ID:           i.ID,
		CreationTime: i.CreationTime,
		Status:       i.Status,
		UpdateTime:   i.UpdateTime,
		OwnerEmail:   i.OwnerEmail,
	}
}

// getOrganization answers with an organization; id "" is the caller's own.
func (q *request) getOrganization(id string) error {
	o, err := q.api.service.Organization(q.r.Context(), q.caller, id)
	if err != nil {
		return err
	}
	return answer(q, organizationOf(o))
}

func (q *request) listOrganizationUsers(id string) error {
	o, err := q.api.service.Organization(q.r.Context(), q.caller, id)
	if err != nil {
		return err
	}
	return answer(q, organizationMembersOf(o))
}

func (q *request) listInvitations() error {
	all, err := q.api.service.Invitations(q.r.Context(), q.caller)
	if err != nil {
		return err
	}
	return answer(q, each(all, invitationOf))
}

func (q *request) invite() error {
	wanted, err := readBody(q, readInvitation)
	if err != nil {
		return err
	}
	i, err := q.api.service.Invite(q.r.Context(), q.caller, strings.ToLower(wanted.OrgID), wanted.Email)
	return q.answerInvitation(i, err)
}

// readInvitation reads whom to invite, and to which organization: without an id
// the caller's own.
func readInvitation(body object) (invitation, error) {
	p := &patch[invitation]{}
	p.need(body, "email")
	field(p, body, "email", readText, func(i *invitation) *string { return &i.Email })
	field(p, body, "orgId", readText, func(i *invitation) *string { return &i.OrgID })
	return p.made()
}

func (q *request) getInvitation(id string) error {
	i, err := q.api.service.Invitation(q.r.Context(), q.caller, id)
	return q.answerInvitation(i, err)
}

// acceptInvitation looks at no body: Central's clients send none.
func (q *request) acceptInvitation(id string) error {
	i, err := q.api.service.AcceptInvitation(q.r.Context(), q.caller, id)
	return q.answerInvitation(i, err)
}

func (q *request) cancelInvitation(id string) error {
	_, err := q.api.service.CancelInvitation(q.r.Context(), q.caller, id)
	return q.done(err)
}

func (q *request) answerInvitation(i central.InvitationStatus, err error) error {
	if err != nil {
		return err
	}
	return answer(q, invitationOf(i))
}
