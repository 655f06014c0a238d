package central

import (
	"context"
	"errors"

	"github.com/orrery-net/orrery/internal/store"
)

// InvitationPage returns an invitation to anybody who knows its id, which cannot
// be guessed: its link leads people who have no account yet to a page that may
// show the organization's name, the owner's and the invited e-mail address, and
// the status. NotFound without one.
func (s *Service) InvitationPage(ctx context.Context, id string) (InvitationStatus, error) {
	i, err := s.store.Invitation(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return InvitationStatus{}, noInvitation()
	}
	if err != nil {
		return InvitationStatus{}, explain("read an invitation", err)
	}
	return s.invitationStatus(ctx, i)
}
