package central

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/internal/store"
	"github.com/orrery-net/orrery/zt"
)

// kinds lists the kinds of the events after a Seq.
func (h house) kinds(t *testing.T, since int64) []model.EventKind {
	t.Helper()
	var all []model.EventKind
	for _, e := range h.eventsSince(t, since) {
		all = append(all, e.Kind)
	}
	return all
}

// networksOf lists the networks that a caller may read, with owner and rights.
func (h house) networksOf(t *testing.T, caller Caller) map[zt.NetworkID]string {
	t.Helper()
	all, err := h.Networks(context.Background(), caller)
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[zt.NetworkID]string)
	for _, n := range all {
		found[n.ID] = fmt.Sprint(n.OwnerID, " ", n.Grant(caller.User.ID))
	}
	return found
}

func (h house) invite(t *testing.T, from Caller, email string) InvitationStatus {
	t.Helper()
	i, err := h.Invite(context.Background(), from, "", email)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func TestAnInvitationMovesNetworks(t *testing.T) {
	h := newHouse(t, nobody{})
	ctx := context.Background()
	ann := h.newUser(t, "Ann@Example.com", false)
	if _, err := h.CreateOrganization(ctx, ann, "ann's"); err != nil {
		t.Fatal(err)
	}
	mine, other := h.newNetworkOf(t, ann), h.newNetworkOf(t, ann)
	h.newNetwork(t)
	before, err := h.Network(ctx, ann, mine)
	if err != nil {
		t.Fatal(err)
	}

	i := h.invite(t, h.owner, " ann@example.COM ")
	if i.Email != "ann@example.COM" || i.OwnerEmail != h.owner.User.Email || i.OrgName != ownerOrgName || i.Status != model.InvitationPending {
		t.Errorf("invitation %+v of %+v", i, i.Invitation)
	}
	_, err = h.Invite(ctx, h.owner, "", "ANN@example.com")
	want(t, "invite twice", err, Invalid)
	stranger := h.newUser(t, "stranger@example.com", false)
	_, err = h.Invitation(ctx, stranger, i.ID)
	want(t, "another's invitation", err, NotFound)
	_, err = h.AcceptInvitation(ctx, stranger, i.ID)
	want(t, "accept another's", err, NotFound)
	_, err = h.AcceptInvitation(ctx, h.owner, i.ID)
	want(t, "accept what one sent", err, Forbidden)

	since := h.Latest()
	accepted, err := h.AcceptInvitation(ctx, ann, i.ID)
	if err != nil || accepted.Status != model.InvitationAccepted {
		t.Fatalf("%+v, %v", accepted.Invitation, err)
	}
	if got, want := h.kinds(t, since), []model.EventKind{
		model.OrganizationDeleted, model.InvitationWasAccepted, model.OrganizationUserAdded, model.NetworkMoved, model.NetworkMoved,
	}; !slices.Equal(got, want) {
		t.Errorf("events %v, want %v", got, want)
	}
	owned := fmt.Sprint(h.owner.User.ID, " ", model.AllRights)
	if got := h.networksOf(t, ann); len(got) != 2 || got[mine] != owned || got[other] != owned {
		t.Errorf("ann's networks are %v", got)
	}
	after, err := h.Network(ctx, ann, mine)
	if err != nil || after.Revision != before.Revision+1 || after.LastModified != before.LastModified {
		t.Errorf("revision %d, last modified %d, %v", after.Revision, after.LastModified, err)
	}
	if got := h.networksOf(t, h.owner); len(got) != 3 {
		t.Errorf("the owner's networks are %v", got)
	}
	made := h.newNetworkOf(t, ann)
	if got := h.networksOf(t, ann); got[made] != owned {
		t.Errorf("a new network is %v", got[made])
	}

	_, err = h.AcceptInvitation(ctx, ann, i.ID)
	want(t, "accept twice", err, Invalid)
	_, err = h.CancelInvitation(ctx, h.owner, i.ID)
	want(t, "cancel what was accepted", err, Invalid)
	_, err = h.Invite(ctx, h.owner, "", "ann@example.com")
	want(t, "invite a member", err, Invalid)
	_, err = h.Invite(ctx, ann, "", "x@example.com")
	want(t, "invite as a member", err, Forbidden)
	_, err = h.CreateOrganization(ctx, ann, "second")
	want(t, "make a second organization", err, Conflict)

	since = h.Latest()
	want(t, "leave", h.RemoveFromOrganization(ctx, ann, h.owner.User.OrgID, ann.User.ID), Internal)
	if got := h.networksOf(t, ann); len(got) != 0 {
		t.Errorf("after leaving ann has %v", got)
	}
	if got, want := h.kinds(t, since), []model.EventKind{
		model.NetworkShared, model.NetworkShared, model.NetworkShared, model.OrganizationUserRemoved,
	}; !slices.Equal(got, want) {
		t.Errorf("events %v, want %v", got, want)
	}
	_, err = h.UpdateMember(ctx, ann, mine, testNode, func(*model.Member) error { return nil })
	want(t, "change a member after leaving", err, NotFound)
}

func TestWhoMayNotAccept(t *testing.T) {
	h := newHouse(t, nobody{})
	ctx := context.Background()
	boss, ann := h.newUser(t, "boss@example.com", false), h.newUser(t, "ann@example.com", false)
	if _, err := h.CreateOrganization(ctx, boss, "boss's"); err != nil {
		t.Fatal(err)
	}
	join := func(from, to Caller) error {
		_, err := h.AcceptInvitation(ctx, to, h.invite(t, from, to.User.Email).ID)
		return err
	}
	want(t, "join the first", join(boss, ann), Internal)
	want(t, "join a second as a member", join(h.owner, ann), Conflict)
	want(t, "join a second as an owner with members", join(h.owner, boss), Conflict)
	want(t, "remove the owner", h.RemoveFromOrganization(ctx, boss, "", boss.User.ID), Conflict)
	want(t, "remove another as a member", h.RemoveFromOrganization(ctx, ann, "", boss.User.ID), Forbidden)
	want(t, "remove a stranger", h.RemoveFromOrganization(ctx, boss, "", h.owner.User.ID), NotFound)
	want(t, "remove a member", h.RemoveFromOrganization(ctx, boss, "", ann.User.ID), Internal)
	pending, err := h.Invitations(ctx, boss)
	if err != nil || len(pending) != 2 {
		t.Fatalf("%d invitations, %v", len(pending), err)
	}
	mine := slices.IndexFunc(pending, func(i InvitationStatus) bool { return i.Email == boss.User.Email })
	_, err = h.AcceptInvitation(ctx, boss, pending[mine].ID)
	want(t, "join once the others are gone", err, Internal)
	if _, err := h.store.Organization(ctx, boss.User.OrgID); err == nil {
		t.Error("the empty organization is still there")
	}
}

func TestInvitationsEnd(t *testing.T) {
	h := newHouse(t, nobody{})
	ctx := context.Background()
	ann := h.newUser(t, "ann@example.com", false)
	for _, c := range []struct {
		by   Caller
		kind model.EventKind
	}{{ann, model.InvitationDeclined}, {h.owner, model.InvitationWithdrawn}} {
		i := h.invite(t, h.owner, "ann@example.com")
		since := h.Latest()
		h.clock.Add(5)
		ended, err := h.CancelInvitation(ctx, c.by, i.ID)
		if err != nil || ended.Status != model.InvitationCanceled || ended.UpdateTime != ended.CreationTime+5 {
			t.Errorf("%+v, %v", ended.Invitation, err)
		}
		if got := h.kinds(t, since); !slices.Equal(got, []model.EventKind{c.kind}) {
			t.Errorf("events %v, want %v", got, c.kind)
		}
		_, err = h.AcceptInvitation(ctx, ann, i.ID)
		want(t, "accept after the end", err, Invalid)
	}
	h.invite(t, h.owner, "later@example.com")
	sent, err := h.Invitations(ctx, h.owner)
	if err != nil || len(sent) != 3 || sent[2].Email != "later@example.com" {
		t.Errorf("sent %d, %v", len(sent), err)
	}
	got, err := h.Invitations(ctx, ann)
	if err != nil || len(got) != 2 || got[0].OwnerEmail != h.owner.User.Email {
		t.Errorf("got %d, %v", len(got), err)
	}
	later := h.newUser(t, "LATER@example.com", false)
	_, err = h.AcceptInvitation(ctx, later, sent[2].ID)
	want(t, "accept with an account made later", err, Internal)
	if both, err := h.Invitations(ctx, h.owner); err != nil || len(both) != 3 {
		t.Errorf("%d invitations, %v", len(both), err)
	}
}

func TestTransfer(t *testing.T) {
	h := newHouse(t, nobody{})
	ctx := context.Background()
	ann, ben := h.newUser(t, "ann@example.com", true), h.newUser(t, "ben@example.com", true)
	shared, private := h.newNetwork(t), h.newNetwork(t)
	h.grant(t, shared, ann, "r")
	h.grant(t, shared, ben, "ra")
	org := ann.User.OrgID

	_, err := h.TransferOrganization(ctx, h.owner, org, h.newUser(t, "stranger@example.com", false).User.ID)
	want(t, "transfer to a stranger", err, Invalid)
	since := h.Latest()
	status, err := h.TransferOrganization(ctx, h.owner, org, ann.User.ID)
	if err != nil || status.OwnerID != ann.User.ID || status.OwnerEmail != "ann@example.com" || len(status.Users) != 3 {
		t.Fatalf("%+v, %v", status, err)
	}
	if got, want := h.kinds(t, since), []model.EventKind{model.OrganizationUpdated, model.NetworkMoved, model.NetworkMoved}; !slices.Equal(got, want) {
		t.Errorf("events %v, want %v", got, want)
	}
	for _, user := range []Caller{ann, h.owner} {
		if got := h.networksOf(t, user); got[shared] != fmt.Sprint(ann.User.ID, " ", model.AllRights) || got[private] != got[shared] {
			t.Errorf("%s has %v", user.User.Email, got)
		}
	}
	if got := h.networksOf(t, ben); len(got) != 1 || got[shared] != fmt.Sprint(ann.User.ID, " ", rightsOf("ra")) {
		t.Errorf("ben has %v", got)
	}
	n, err := h.Network(ctx, ann, shared)
	if err != nil || len(n.Grants) != 2 {
		t.Errorf("grants %v, %v", n.Grants, err)
	}
	_, err = h.RenameOrganization(ctx, h.owner, org, "again mine")
	want(t, "rename as a member now", err, Forbidden)
	want(t, "remove the owner until now", h.RemoveFromOrganization(ctx, ann, org, h.owner.User.ID), Internal)
	if got := h.networksOf(t, h.owner); len(got) != 0 {
		t.Errorf("the owner until now has %v", got)
	}
	again := New(Options{Store: h.store, Presence: nobody{}, Controller: testController, Logger: h.log, Now: h.now})
	if _, _, err := again.EnsureOwner(ctx, h.token); err != nil {
		t.Fatal(err)
	}
	if own, err := h.Organization(ctx, h.owner, ""); err != nil || own.OwnerID != h.owner.User.ID || own.ID == org {
		t.Errorf("after a start the server's owner has %+v, %v", own.Organization, err)
	}
}

func TestInvitationsAreBounded(t *testing.T) {
	h := newHouse(t, nobody{})
	ctx := context.Background()
	org := h.owner.User.OrgID
	fill := func(status model.InvitationStatus, count int) {
		t.Helper()
		err := h.store.Update(ctx, func(tx *store.Tx) error {
			for i := range count {
				err := tx.PutInvitation(&model.Invitation{
					ID: fmt.Sprint(status, i), OrgID: org, Email: fmt.Sprint(i, "@example.org"), Status: status, CreationTime: int64(i),
				})
				if err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	fill(model.InvitationCanceled, 2)
	fill(model.InvitationPending, maxInvitations-2)
	for i := range 2 {
		h.invite(t, h.owner, fmt.Sprint(i, "@example.com"))
	}
	_, err := h.Invite(ctx, h.owner, "", "2@example.com")
	want(t, "one too many", err, Conflict)
	if kept, err := h.store.InvitationsOf(ctx, org); err != nil || len(kept) != maxInvitations {
		t.Errorf("%d invitations are kept, %v", len(kept), err)
	}
}

// TestManyJoinAtOnce invites one user to many organizations and has all
// accepted at the same time: exactly one may win.
func TestManyJoinAtOnce(t *testing.T) {
	h := newHouse(t, nobody{})
	ctx := context.Background()
	ann := h.newUser(t, "ann@example.com", false)
	const many = 8
	results := make(chan error, many)
	for i := range many {
		boss := h.newUser(t, fmt.Sprintf("boss%d@example.com", i), false)
		if _, err := h.CreateOrganization(ctx, boss, "o"); err != nil {
			t.Fatal(err)
		}
		sent := h.invite(t, boss, ann.User.Email)
		go func() { _, err := h.AcceptInvitation(ctx, ann, sent.ID); results <- err }()
	}
	failed := make(map[Kind]int)
	for range many {
		if err := <-results; err != nil {
			failed[kindOf(err)]++
		}
	}
	if failed[Conflict] != many-1 || len(failed) != 1 {
		t.Errorf("failures %v", failed)
	}
}

func TestInvitingOneManyTimesAtOnce(t *testing.T) {
	h := newHouse(t, nobody{})
	ctx := context.Background()
	const many = 16
	begin, results := make(chan struct{}), make(chan error, many)
	for range many {
		go func() {
			<-begin
			_, err := h.Invite(ctx, h.owner, "", "one@example.com")
			results <- err
		}()
	}
	close(begin)
	failed := make(map[Kind]int)
	for range many {
		if err := <-results; err != nil {
			failed[kindOf(err)]++
		}
	}
	if failed[Invalid] != many-1 || len(failed) != 1 {
		t.Errorf("failures %v", failed)
	}
}
