package store

import (
	"context"

	"github.com/orrery-net/orrery/internal/model"
)

// Organization returns an organization; ErrNotFound if there is none.
func (t *Tx) Organization(id string) (*model.Organization, error) {
	return read(t, func(ctx context.Context) (*model.Organization, error) { return t.on.organization(ctx, id) })
}

// PutOrganization stores an organization as it is, new or in place of an older
// record.
func (t *Tx) PutOrganization(o *model.Organization) error {
	text, err := encode(o)
	if err != nil {
		return err
	}
	_, err = t.exec("store organization", `
		INSERT INTO organizations (id, record) VALUES ($1, $2)
		ON CONFLICT (id) DO UPDATE SET record = excluded.record`, o.ID, text)
	return err
}

// DeleteOrganization removes an organization and its invitations; ErrNotFound
// if there is none. Its users stay as they are.
func (t *Tx) DeleteOrganization(id string) error {
	return t.deleteOne("organization", "DELETE FROM organizations WHERE id = $1", id)
}

// Invitation returns an invitation; ErrNotFound if there is none.
func (t *Tx) Invitation(id string) (*model.Invitation, error) {
	return read(t, func(ctx context.Context) (*model.Invitation, error) { return t.on.invitation(ctx, id) })
}

// PutInvitation stores an invitation as it is, new or in place of an older
// record. Its organization must be stored.
func (t *Tx) PutInvitation(i *model.Invitation) error {
	text, err := encode(i)
	if err != nil {
		return err
	}
	_, err = t.exec("store invitation", `
		INSERT INTO invitations (id, org, email, created, record) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (id) DO UPDATE SET
			org = excluded.org, email = excluded.email, created = excluded.created, record = excluded.record`,
		i.ID, i.OrgID, model.EmailKey(i.Email), i.CreationTime, text)
	return err
}

// DeleteInvitation removes an invitation; ErrNotFound if there is none.
func (t *Tx) DeleteInvitation(id string) error {
	return t.deleteOne("invitation", "DELETE FROM invitations WHERE id = $1", id)
}

// InvitationsOf returns an organization's invitations, the oldest first.
func (t *Tx) InvitationsOf(org string) ([]*model.Invitation, error) {
	return read(t, func(ctx context.Context) ([]*model.Invitation, error) { return t.on.invitationsOf(ctx, org) })
}

// Organization returns an organization; ErrNotFound if there is none.
func (s *Store) Organization(ctx context.Context, id string) (*model.Organization, error) {
	o, err := s.read.organization(ctx, id)
	return o, s.explain(err)
}

// Invitation returns an invitation; ErrNotFound if there is none.
func (s *Store) Invitation(ctx context.Context, id string) (*model.Invitation, error) {
	i, err := s.read.invitation(ctx, id)
	return i, s.explain(err)
}

// InvitationsOf returns an organization's invitations, the oldest first.
func (s *Store) InvitationsOf(ctx context.Context, org string) ([]*model.Invitation, error) {
	all, err := s.read.invitationsOf(ctx, org)
	return all, s.explain(err)
}

// InvitationsTo returns the invitations to an e-mail address, whatever the case
// of its letters, the oldest first.
func (s *Store) InvitationsTo(ctx context.Context, email string) ([]*model.Invitation, error) {
	all, err := records(ctx, s.read, "invitations", decode[model.Invitation], invitationsTo, model.EmailKey(email))
	return all, s.explain(err)
}

const (
	invitationsOf = "SELECT record FROM invitations WHERE org = $1 ORDER BY created, id"
	invitationsTo = "SELECT record FROM invitations WHERE email = $1 ORDER BY created, id"
)

func (s *statements) organization(ctx context.Context, id string) (*model.Organization, error) {
	return record(ctx, s, "organization", decode[model.Organization], "SELECT record FROM organizations WHERE id = $1", id)
}

func (s *statements) invitation(ctx context.Context, id string) (*model.Invitation, error) {
	return record(ctx, s, "invitation", decode[model.Invitation], "SELECT record FROM invitations WHERE id = $1", id)
}

func (s *statements) invitationsOf(ctx context.Context, org string) ([]*model.Invitation, error) {
	return records(ctx, s, "invitations", decode[model.Invitation], invitationsOf, org)
}
