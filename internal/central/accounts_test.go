package central

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/internal/store"
)

func TestUsersAreUniqueByEmail(t *testing.T) {
	h := newHouse(t, nobody{})
	ctx := context.Background()
	h.newUser(t, "Ann@Example.com", false)
	for _, email := range []string{"ann@example.com", " ANN@EXAMPLE.COM\n"} {
		_, _, err := h.CreateUser(ctx, h.owner, email, "", false)
		want(t, email, err, Invalid)
	}
	found, err := h.FindUser(ctx, h.owner, "ann@EXAMPLE.com")
	if err != nil || found.Email != "Ann@Example.com" || !slices.Equal(found.Tokens, []string{"first"}) {
		t.Fatalf("%+v, %v", found, err)
	}
	if same, err := h.FindUser(ctx, h.owner, found.ID); err != nil || same.Email != found.Email {
		t.Errorf("%+v, %v", same, err)
	}
	all, err := h.Users(ctx, h.owner)
	if err != nil || len(all) != 2 || all[0].ID != found.ID {
		t.Errorf("%d users, %v", len(all), err)
	}
}

func TestColleaguesKnowLittleOfEachOther(t *testing.T) {
	h := newHouse(t, nobody{})
	ctx := context.Background()
	ann, ben := h.newUser(t, "ann@example.com", true), h.newUser(t, "ben@example.com", true)
	changed, err := h.UpdateUser(ctx, ben, ben.User.ID, func(u *model.User) error { u.DisplayName, u.SMSNumber = "Ben", "+1555"; return nil })
	if err != nil || changed.SMSNumber != "+1555" || !slices.Equal(changed.Tokens, []string{"first"}) {
		t.Fatalf("%+v, %v", changed, err)
	}
	seen, err := h.User(ctx, ann, ben.User.ID)
	if err != nil || seen.DisplayName != "Ben" || seen.SMSNumber != "" || seen.Tokens != nil {
		t.Errorf("ann sees %+v, %v", seen.User, err)
	}
	org, err := h.Organization(ctx, ann, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range org.Users {
		if u.SMSNumber != "" {
			t.Errorf("the organization shows %+v", u)
		}
	}
	_, err = h.UpdateUser(ctx, ben, ben.User.ID, func(u *model.User) error { u.DisplayName = "a\nb"; return nil })
	want(t, "a name of two lines", err, Invalid)
}

func TestDeleteUser(t *testing.T) {
	h := newHouse(t, nobody{})
	ctx := context.Background()
	want(t, "delete the server's owner", h.DeleteUser(ctx, h.owner, h.owner.User.ID), Forbidden)

	colleague := h.newUser(t, "colleague@example.com", true)
	shared := h.newNetworkOf(t, colleague)
	want(t, "delete a colleague", h.DeleteUser(ctx, colleague, colleague.User.ID), Internal)
	if n, err := h.Network(ctx, h.owner, shared); err != nil || len(n.Grants) != 0 {
		t.Errorf("the organization's network: %v, %v", n.Grants, err)
	}

	boss, ann := h.newUser(t, "boss@example.com", false), h.newUser(t, "ann@example.com", false)
	if _, err := h.CreateOrganization(ctx, boss, "boss's"); err != nil {
		t.Fatal(err)
	}
	own := h.newNetworkOf(t, boss)
	if _, err := h.UpdateMember(ctx, boss, own, testNode, func(m *model.Member) error { m.Authorized = true; return nil }); err != nil {
		t.Fatal(err)
	}
	if _, err := h.AcceptInvitation(ctx, ann, h.invite(t, boss, ann.User.Email).ID); err != nil {
		t.Fatal(err)
	}
	h.invite(t, boss, "later@example.com")
	want(t, "delete an owner with members", h.DeleteUser(ctx, boss, boss.User.ID), Forbidden)
	want(t, "delete the member", h.DeleteUser(ctx, h.owner, ann.User.ID), Internal)
	since := h.Latest()
	want(t, "delete the owner", h.DeleteUser(ctx, h.owner, boss.User.ID), Internal)
	if got, want := h.kinds(t, since), []model.EventKind{
		model.OrganizationDeleted, model.TokenDeleted, model.NetworkDeleted, model.UserDeleted,
	}; !slices.Equal(got, want) {
		t.Errorf("events %v, want %v", got, want)
	}
	if m, err := h.store.Member(ctx, own, testNode); err != nil || m.DeletedTime == 0 {
		t.Errorf("the member is %+v, %v", m, err)
	}
	if left, err := h.store.InvitationsTo(ctx, "later@example.com"); err != nil || len(left) != 0 {
		t.Errorf("%d invitations are left, %v", len(left), err)
	}
	_, err := h.CreateNetwork(ctx, boss, func(*model.Network) error { return nil })
	want(t, "act after the end", err, Unauthorized)
}

// TestDeletingAUserLetsOthersIn looks at what is committed each time that the
// deletion asks for the time.
func TestDeletingAUserLetsOthersIn(t *testing.T) {
	h := newHouse(t, nobody{})
	ctx := context.Background()
	ann := h.newUser(t, "ann@example.com", false)
	second, _, err := h.CreateToken(ctx, ann, ann.User.ID, TokenRequest{Name: "second"})
	if err != nil {
		t.Fatal(err)
	}
	const networks = 5
	for range networks {
		h.newNetworkOf(t, ann)
	}
	steps := make(map[int64]bool)
	now := h.Service.now
	h.Service.now = func() time.Time {
		if steps[h.store.Committed()] = true; len(steps) == 3 { // between two networks
			for token, kind := range map[*model.Token]Kind{ann.Token: Internal, second: Unauthorized} {
				if _, err := h.lookUp(ctx, token.Hash); err != nil != (kind == Unauthorized) {
					t.Errorf("meanwhile the token %q: %v", token.Name, err)
				}
			}
		}
		return now()
	}
	want(t, "delete the user", h.DeleteUser(ctx, ann, ann.User.ID), Internal)
	if len(steps) < 2+networks {
		t.Errorf("%d transactions for %d networks", len(steps), networks)
	}
	if left, err := h.store.NetworksFor(ctx, ann.User.ID); err != nil || len(left) != 0 {
		t.Errorf("%d networks are left, %v", len(left), err)
	}
	_, err = h.Networks(ctx, ann)
	want(t, "read as who is deleted", err, Internal)
	_, err = h.lookUp(ctx, ann.Token.Hash)
	want(t, "the token that deleted", err, Unauthorized)
}

func TestNobodyJoinsWhatTheOwnerDoesNotOwn(t *testing.T) {
	h := newHouse(t, nobody{})
	ctx := context.Background()
	ann := h.newUser(t, "ann@example.com", true)
	if _, err := h.TransferOrganization(ctx, h.owner, "", ann.User.ID); err != nil {
		t.Fatal(err)
	}
	join := func() error {
		_, _, err := h.CreateUser(ctx, h.owner, "ben@example.com", "", true)
		return err
	}
	want(t, "join ann's organization", join(), Conflict)
	want(t, "leave", h.RemoveFromOrganization(ctx, h.owner, "", h.owner.User.ID), Internal)
	want(t, "join none", join(), Conflict)
}

func TestTokens(t *testing.T) {
	h := newHouse(t, nobody{})
	ctx := context.Background()
	ann := h.newUser(t, "ann@example.com", false)
	network := h.newNetworkOf(t, ann)
	foreign := h.newNetwork(t)
	long := strings.Repeat("s", 32)
	for name, r := range map[string]TokenRequest{
		"no name":            {Secret: long},
		"a name too long":    {Name: strings.Repeat("n", 256)},
		"a name with a line": {Name: "a\nb"},
		"a short secret":     {Name: "t", Secret: long[1:]},
		"a space":            {Name: "t", Secret: long + " "},
		"no ASCII":           {Name: "t", Secret: long + "é"},
		"a long secret":      {Name: "t", Secret: strings.Repeat("s", 256)},
		"a past expiry":      {Name: "t", ExpiryTime: testNow},
		"a negative expiry":  {Name: "t", ExpiryTime: -1},
		"another's network":  {Name: "t", Network: foreign},
		"no network":         {Name: "t", Network: 1},
		"a taken name":       {Name: "first"},
		"a taken secret":     {Name: "t", Secret: h.token},
	} {
		_, _, err := h.CreateToken(ctx, ann, ann.User.ID, r)
		want(t, name, err, Invalid)
		var field *Error
		if errors.As(err, &field) && (strings.Contains(field.Message, long[1:]) || strings.Contains(field.Message, h.token)) {
			t.Errorf("%s: the message holds the secret", name)
		}
	}
	token, secret, err := h.CreateToken(ctx, ann, ann.User.ID, TokenRequest{Name: "a b/%2F ü", Secret: long + "$", ReadOnly: true, Network: network, ExpiryTime: testNow + 5})
	if err != nil || secret != long+"$" || token.Network != network || !token.ReadOnly {
		t.Fatalf("%+v, %q, %v", token, secret, err)
	}
	caller := h.caller(t, secret)
	if caller.Token.Name != token.Name || caller.User.ID != ann.User.ID {
		t.Errorf("the token stands for %+v", caller)
	}
	listed, err := h.Tokens(ctx, ann, ann.User.ID)
	if err != nil || len(listed) != 2 || listed[0].Name != token.Name || listed[0].LastUse.Time != testNow || listed[0].LastUse.From.String() != "198.51.100.7" {
		t.Errorf("tokens %+v, %v", listed, err)
	}
	h.clock.Add(5)
	_, err = h.Authenticate(ctx, secret, caller.From)
	want(t, "after the expiry", err, Unauthorized)
	_, err = h.Network(ctx, caller, network)
	want(t, "use what was found before the expiry", err, Unauthorized)
	want(t, "delete it", h.DeleteToken(ctx, ann, ann.User.ID, token.Name), Internal)
	want(t, "delete it again", h.DeleteToken(ctx, ann, ann.User.ID, token.Name), NotFound)

	for i := range maxTokens - 1 {
		if _, _, err := h.CreateToken(ctx, ann, ann.User.ID, TokenRequest{Name: fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
	}
	_, _, err = h.CreateToken(ctx, ann, ann.User.ID, TokenRequest{Name: "too many"})
	want(t, "one too many", err, Conflict)

	fresh, err := h.ResetToken(ctx, h.owner, ann.User.ID)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Networks(ctx, h.caller(t, fresh)); err != nil {
		t.Error(err)
	}
	_, err = h.UpdateUser(ctx, ann, ann.User.ID, func(*model.User) error { return nil })
	want(t, "a change with a token that was reset", err, Unauthorized)
	if left, err := h.Tokens(ctx, h.owner, ann.User.ID); err != nil || len(left) != 1 || left[0].Name != "reset" {
		t.Errorf("left are %+v, %v", left, err)
	}
}

func TestLocalActsAsSetup(t *testing.T) {
	h := newHouse(t, nobody{})
	ctx := context.Background()
	local, err := h.Local(ctx)
	if err != nil {
		t.Fatal(err)
	}
	since := h.Latest()
	if _, _, err := h.CreateUser(ctx, local, "ann@example.com", "Ann", true); err != nil {
		t.Fatal(err)
	}
	events := h.eventsSince(t, since)
	if len(events) != 3 {
		t.Fatalf("%d events", len(events))
	}
	for _, e := range events {
		if e.Actor != model.ActorSetup || e.User == "" || e.Seq == 0 {
			t.Errorf("event %+v", e)
		}
	}
}

// TestAnOlderDatabaseGetsAnOrganization starts over one whose owner has none.
func TestAnOlderDatabaseGetsAnOrganization(t *testing.T) {
	h := newHouse(t, nobody{})
	ctx := context.Background()
	err := h.store.Update(ctx, func(tx *store.Tx) error {
		if err := tx.DeleteOrganization(h.owner.User.OrgID); err != nil {
			return err
		}
		owner := *h.owner.User
		owner.OrgID = ""
		return tx.PutUser(&owner)
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, made, err := h.EnsureOwner(ctx, h.token); err != nil || made {
		t.Fatalf("made %v, %v", made, err)
	}
	if org, err := h.Organization(ctx, h.owner, ""); err != nil || org.OwnerID != h.owner.User.ID || org.Name != ownerOrgName {
		t.Errorf("%+v, %v", org.Organization, err)
	}
	if caller := h.caller(t, h.token); caller.User.OrgID == "" || !caller.Operator {
		t.Errorf("the owner is %+v", caller.User)
	}
}

// TestNoSecretsInEvents goes through everything that makes or takes a secret.
func TestNoSecretsInEvents(t *testing.T) {
	h := newHouse(t, nobody{})
	ctx := context.Background()
	secrets := []string{h.token}
	u, secret, err := h.CreateUser(ctx, h.owner, "ann@example.com", "", true)
	if err != nil {
		t.Fatal(err)
	}
	secrets = append(secrets, secret)
	ann := h.caller(t, secret)
	chosen := "chosen-by-the-user-$$-0123456789"
	for _, r := range []TokenRequest{{Name: "a"}, {Name: "b", Secret: chosen}} {
		_, secret, err := h.CreateToken(ctx, ann, u.ID, r)
		if err != nil {
			t.Fatal(err)
		}
		secrets = append(secrets, secret)
	}
	want(t, "delete a token", h.DeleteToken(ctx, ann, u.ID, "b"), Internal)
	if secret, err = h.ResetToken(ctx, h.owner, u.ID); err != nil {
		t.Fatal(err)
	}
	secrets = append(secrets, secret)
	if secret, _, err = h.EnsureOwner(ctx, ""); err != nil {
		t.Fatal(err)
	}
	secrets = append(secrets, secret)
	h.owner = h.caller(t, secret)
	want(t, "delete the user", h.DeleteUser(ctx, h.owner, u.ID), Internal)
	if len(secrets) != 6 {
		t.Fatalf("%d secrets", len(secrets))
	}
	for _, e := range h.eventsSince(t, 0) {
		text := fmt.Sprintf("%+v %s %s", e, e.Before, e.After)
		for _, secret := range secrets {
			digest := sha256Of(secret)
			if strings.Contains(text, secret) || strings.Contains(text, hex.EncodeToString(digest[:])) || strings.Contains(text, fmt.Sprint(digest)) {
				t.Errorf("event %d, %s, holds a secret: %s", e.Seq, e.Kind, text)
			}
		}
	}
}

func TestTokensDoNotProlongThemselves(t *testing.T) {
	h := newHouse(t, nobody{})
	ctx := context.Background()
	until := testNow + 1000
	_, secret, err := h.CreateToken(ctx, h.owner, h.owner.User.ID, TokenRequest{Name: "for a second", ExpiryTime: until})
	if err != nil {
		t.Fatal(err)
	}
	caller := h.caller(t, secret)
	for expiry, kind := range map[int64]Kind{0: Invalid, until + 1: Invalid, until: Internal} {
		_, _, err := h.CreateToken(ctx, caller, caller.User.ID, TokenRequest{Name: "another", ExpiryTime: expiry})
		want(t, fmt.Sprint("a token until ", expiry), err, kind)
	}
	_, err = h.ResetToken(ctx, caller, caller.User.ID)
	want(t, "reset with it", err, Forbidden)
}

func TestALostTokenAfterAResetIsVoid(t *testing.T) {
	h := newHouse(t, nobody{})
	ctx := context.Background()
	reset, err := h.ResetToken(ctx, h.owner, h.owner.User.ID)
	if err != nil {
		t.Fatal(err)
	}
	h.caller(t, reset)
	if _, made, err := h.EnsureOwner(ctx, ""); err != nil || !made {
		t.Fatalf("made %t, %v", made, err)
	}
	_, err = h.Authenticate(ctx, reset, h.owner.From)
	want(t, "the token whose file was lost", err, Unauthorized)
}
