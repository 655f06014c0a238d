package store

import (
	"errors"
	"net/netip"
	"slices"
	"testing"

	"github.com/orrery-net/orrery/internal/model"
)

func emails(users []*model.User) []string {
	var all []string
	for _, u := range users {
		all = append(all, u.Email)
	}
	return all
}

func TestUsersAreFoundByEmail(t *testing.T) {
	s := openWithNetwork(t)
	change(t, s, func(tx *Tx) error {
		return errors.Join(
			tx.PutUser(&model.User{ID: "1", Email: "Zoe@Example.org", OrgID: "org"}),
			tx.PutUser(&model.User{ID: "2", Email: "adam@example.org", OrgID: "org"}),
			tx.PutUser(&model.User{ID: "3", Email: "ÜBER@example.org"}),
			tx.PutUser(&model.User{ID: "4"}), tx.PutUser(&model.User{ID: "5"}), // nothing to be found by
		)
	})
	ctx := t.Context()
	for email, id := range map[string]string{"zoe@EXAMPLE.ORG": "1", "Adam@example.org": "2", "über@example.org": "3"} {
		if u, err := s.UserByEmail(ctx, email); err != nil || u.ID != id {
			t.Errorf("%s: %v, %v", email, u, err)
		}
	}
	for _, email := range []string{"", "zoe", "%"} {
		if u, err := s.UserByEmail(ctx, email); !errors.Is(err, ErrNotFound) {
			t.Errorf("%q: %v, %v", email, u, err)
		}
	}
	users, err := s.UsersOf(ctx, "org")
	if want := []string{"adam@example.org", "Zoe@Example.org"}; err != nil || !slices.Equal(emails(users), want) {
		t.Errorf("of the organization: %v, %v", emails(users), err)
	}
	if users, err := s.UsersOf(ctx, ""); err != nil || len(users) != 0 {
		t.Errorf("of no organization: %v, %v", emails(users), err)
	}
	users, err = s.Users(ctx)
	if want := []string{"", "", "adam@example.org", "Zoe@Example.org", "ÜBER@example.org"}; err != nil || !slices.Equal(emails(users), want) {
		t.Errorf("all: %v, %v", emails(users), err)
	}
	taken := s.Update(ctx, func(tx *Tx) error { return tx.PutUser(&model.User{ID: "6", Email: "ADAM@example.org"}) })
	if taken == nil {
		t.Error("two users have one e-mail address")
	}
	// A user who changes address or organization is found at the new ones only.
	change(t, s, func(tx *Tx) error {
		if err := tx.PutUser(&model.User{ID: "2", Email: "eve@example.org", OrgID: "other"}); err != nil {
			return err
		}
		_, old := tx.UserByEmail("adam@example.org")
		if u, err := tx.UserByEmail("EVE@example.org"); err != nil || u.ID != "2" || !errors.Is(old, ErrNotFound) {
			t.Errorf("after a change: %v, %v, %v", u, err, old)
		}
		if users, err := tx.UsersOf("org"); err != nil || len(users) != 1 {
			t.Errorf("after a change: %v, %v", emails(users), err)
		}
		return nil
	})
}

func TestUserTakesTokensAlong(t *testing.T) {
	s := openWithNetwork(t)
	ctx := t.Context()
	hash := func(n byte) [32]byte { return [32]byte{n} }
	change(t, s, func(tx *Tx) error {
		return errors.Join(
			tx.PutUser(&model.User{ID: "me"}), tx.PutUser(&model.User{ID: "you"}),
			tx.PutToken(&model.Token{Hash: hash(1), UserID: "me", Name: "phone"}),
			tx.PutToken(&model.Token{Hash: hash(2), UserID: "me", Name: "laptop"}),
			tx.PutToken(&model.Token{Hash: hash(3), UserID: "you", Name: "laptop"}),
		)
	})
	saveUses(t, s, model.TokenUse{Hash: hash(1), Time: 5}, model.TokenUse{Hash: hash(3), Time: 6})
	tokens, err := s.TokensOf(ctx, "me")
	if err != nil || len(tokens) != 2 || tokens[0].Hash != hash(2) || tokens[1].Hash != hash(1) {
		t.Errorf("tokens by name: %v, %v", tokens, err)
	}
	change(t, s, func(tx *Tx) error { return tx.DeleteUser("me") })
	if _, err := s.User(ctx, "me"); !errors.Is(err, ErrNotFound) {
		t.Errorf("a deleted user is found: %v", err)
	}
	if _, err := s.TokenByHash(ctx, hash(1)); !errors.Is(err, ErrNotFound) {
		t.Errorf("a token of a deleted user is found: %v", err)
	}
	var uses int
	if err := s.read.row(ctx, "SELECT COUNT(*) FROM token_uses", nil, &uses); err != nil || uses != 1 {
		t.Errorf("%d uses are left, %v", uses, err)
	}
	if tokens, err := s.TokensOf(ctx, "you"); err != nil || len(tokens) != 1 {
		t.Errorf("another user's tokens: %v, %v", tokens, err)
	}
	change(t, s, func(tx *Tx) error {
		if err := tx.DeleteUser("me"); !errors.Is(err, ErrNotFound) {
			t.Errorf("deleted twice: %v", err)
		}
		tokens, err := tx.TokensOf("you")
		if len(tokens) != 1 {
			t.Errorf("another user's tokens: %v", tokens)
		}
		return err
	})
}

func saveUses(t *testing.T, s *Store, uses ...model.TokenUse) {
	t.Helper()
	if err := s.SaveTokenUses(t.Context(), uses); err != nil {
		t.Fatal(err)
	}
}

func TestTokenUsesKeepTheNewest(t *testing.T) {
	s := openWithNetwork(t)
	here, there := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")
	used, unused, gone := [32]byte{1}, [32]byte{2}, [32]byte{3}
	change(t, s, func(tx *Tx) error {
		return errors.Join(
			tx.PutUser(&model.User{ID: "me"}),
			tx.PutToken(&model.Token{Hash: used, UserID: "me"}),
			tx.PutToken(&model.Token{Hash: unused, UserID: "me"}),
			tx.PutToken(&model.Token{Hash: gone, UserID: "me"}),
		)
	})
	saveUses(t, s, model.TokenUse{Hash: used, Time: 5, From: here}, model.TokenUse{Hash: gone, Time: 5})
	change(t, s, func(tx *Tx) error { return tx.DeleteToken(gone) })
	want := model.TokenUse{Hash: used, Time: 8, From: there}
	// More than a portion, with the one that is known in the last of them.
	uses := make([]model.TokenUse, 2*seenPage, 2*seenPage+1)
	for i := range uses {
		uses[i] = model.TokenUse{Hash: gone, Time: int64(10 + i)}
	}
	saveUses(t, s, append(uses, want)...)
	saveUses(t, s, model.TokenUse{Hash: used, Time: 7, From: here})
	got, err := s.TokenUses(t.Context(), "me")
	if err != nil || len(got) != 1 || got[used] != want {
		t.Errorf("uses %v, %v", got, err)
	}
	if got, err := s.TokenUses(t.Context(), "nobody"); err != nil || len(got) != 0 {
		t.Errorf("uses of nobody: %v, %v", got, err)
	}
}

func TestOrganizationTakesInvitationsAlong(t *testing.T) {
	s := openWithNetwork(t)
	ctx := t.Context()
	invitation := func(id, org, email string, at int64) *model.Invitation {
		return &model.Invitation{ID: id, OrgID: org, Email: email, Status: model.InvitationPending, CreationTime: at}
	}
	change(t, s, func(tx *Tx) error {
		return errors.Join(
			tx.PutOrganization(&model.Organization{ID: "a"}), tx.PutOrganization(&model.Organization{ID: "b"}),
			tx.PutInvitation(invitation("3", "a", "Eve@example.org", 1)),
			tx.PutInvitation(invitation("2", "a", "adam@example.org", 3)),
			tx.PutInvitation(invitation("1", "b", "eve@example.org", 2)),
		)
	})
	ids := func(all []*model.Invitation, err error) []string {
		t.Helper()
		if err != nil {
			t.Error(err)
		}
		var ids []string
		for _, i := range all {
			ids = append(ids, i.ID)
		}
		return ids
	}
	if got := ids(s.InvitationsOf(ctx, "a")); !slices.Equal(got, []string{"3", "2"}) {
		t.Errorf("of the organization: %v", got)
	}
	if got := ids(s.InvitationsTo(ctx, "EVE@example.org")); !slices.Equal(got, []string{"3", "1"}) {
		t.Errorf("to the address: %v", got)
	}
	unknown := s.Update(ctx, func(tx *Tx) error { return tx.PutInvitation(invitation("4", "c", "", 1)) })
	if unknown == nil {
		t.Error("invited to an organization that is not there")
	}
	change(t, s, func(tx *Tx) error {
		if err := tx.DeleteOrganization("c"); !errors.Is(err, ErrNotFound) {
			t.Errorf("deleted what is not there: %v", err)
		}
		if err := tx.DeleteOrganization("a"); err != nil {
			return err
		}
		if got := ids(tx.InvitationsOf("a")); len(got) != 0 {
			t.Errorf("invitations are left: %v", got)
		}
		_, organization := tx.Organization("a")
		_, invitation := tx.Invitation("2")
		if !errors.Is(organization, ErrNotFound) || !errors.Is(invitation, ErrNotFound) {
			t.Errorf("left: %v, %v", organization, invitation)
		}
		return nil
	})
	if got := ids(s.InvitationsTo(ctx, "eve@example.org")); !slices.Equal(got, []string{"1"}) {
		t.Errorf("to the address, with one organization left: %v", got)
	}
}
