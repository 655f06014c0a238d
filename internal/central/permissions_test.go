package central

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/internal/store"
	"github.com/orrery-net/orrery/zt"
)

const (
	nodePresent = zt.Address(0x1111111111) // a member, not authorized
	nodeLetIn   = zt.Address(0x2222222222) // a member, authorized
	nodeDeleted = zt.Address(0x3333333333)
	nodeUnknown = zt.Address(0x4444444444)
)

// stage is a network with members, to which every case is applied anew.
type stage struct {
	house
	id      zt.NetworkID
	network *model.Network
	other   Caller // a user of the organization, without rights
	added   zt.Address
}

// reset stores network and members as they were at first.
func (g *stage) reset(t *testing.T) {
	t.Helper()
	present, letIn, deleted := model.NewMember(g.id, nodePresent, 1), model.NewMember(g.id, nodeLetIn, 1), model.NewMember(g.id, nodeDeleted, 1)
	letIn.Authorized = true
	deleted.DeletedTime = 2
	err := g.store.Update(context.Background(), func(tx *store.Tx) error {
		if err := tx.PutNetwork(g.network); err != nil {
			return err
		}
		if _, err := tx.DeleteNetworkMembers(g.id, 3); err != nil {
			return err
		}
		for _, m := range []*model.Member{present, letIn, deleted} {
			if err := tx.PutMember(m); err != nil {
				return err
			}
		}
		return tx.AppendEvent(&model.Event{Kind: model.NetworkDeleted, Network: g.id}) // everything may have changed
	})
	if err != nil {
		t.Fatal(err)
	}
}

type operation struct {
	rights  string // any of these is enough
	changes bool
	do      func(g *stage, c Caller) error
}

func updateMember(node zt.Address, set func(m *model.Member)) func(g *stage, c Caller) error {
	return func(g *stage, c Caller) error {
		_, err := g.UpdateMember(context.Background(), c, g.id, node, func(m *model.Member) error { set(m); return nil })
		return err
	}
}

// addMember is updateMember for a node that never was a member.
func addMember(set func(m *model.Member)) func(g *stage, c Caller) error {
	return func(g *stage, c Caller) error {
		g.added++
		return updateMember(0x5500000000+g.added, set)(g, c)
	}
}

func bulk(do BulkAction) func(g *stage, c Caller) error {
	return func(g *stage, c Caller) error {
		_, err := g.ChangeMembers(context.Background(), c, g.id, []zt.Address{nodePresent, nodeLetIn, nodeUnknown}, do)
		return err
	}
}

// onNetwork is section 18 of api-behaviour, written down once more.
var onNetwork = map[string]operation{
	"read the network": {"r", false, func(g *stage, c Caller) error { _, err := g.Network(context.Background(), c, g.id); return err }},
	"read its users":   {"r", false, func(g *stage, c Caller) error { _, err := g.NetworkUsers(context.Background(), c, g.id); return err }},
	"list members": {"r", false, func(g *stage, c Caller) error {
		return g.Members(context.Background(), c, g.id, func(model.MemberStatus) error { return nil })
	}},
	"read a member": {"r", false, func(g *stage, c Caller) error {
		_, err := g.Member(context.Background(), c, g.id, nodePresent)
		return err
	}},
	"page members": {"r", false, func(g *stage, c Caller) error {
		_, err := g.MemberPage(context.Background(), c, g.id, MemberQuery{Limit: 1})
		return err
	}},
	"read its activity": {"r", false, func(g *stage, c Caller) error {
		_, _, err := g.Activity(context.Background(), c, ActivityQuery{Network: g.id, Limit: 1})
		return err
	}},
	"authorize":             {"am", true, updateMember(nodePresent, func(m *model.Member) { m.Authorized = true })},
	"deauthorize":           {"am", true, updateMember(nodeLetIn, func(m *model.Member) { m.Authorized = false })},
	"change nothing":        {"am", true, updateMember(nodePresent, func(m *model.Member) { m.Name = m.Name + "" })},
	"add authorized":        {"am", true, addMember(func(m *model.Member) { m.Authorized = true })},
	"bring back authorized": {"am", true, updateMember(nodeDeleted, func(m *model.Member) { m.Authorized = true })},
	"add":                   {"m", true, addMember(func(m *model.Member) {})},
	"bring back":            {"m", true, updateMember(nodeDeleted, func(m *model.Member) {})},
	"add with a name":       {"m", true, addMember(func(m *model.Member) { m.Authorized, m.Name = true, "x" })},
	"rename":                {"m", true, updateMember(nodePresent, func(m *model.Member) { m.Name = "x" })},
	"hide":                  {"m", true, updateMember(nodePresent, func(m *model.Member) { m.Hidden = true })},
	"rename and authorize":  {"m", true, updateMember(nodePresent, func(m *model.Member) { m.Name, m.Authorized = "x", true })},
	"delete a member":       {"m", true, func(g *stage, c Caller) error { return g.DeleteMember(context.Background(), c, g.id, nodeLetIn) }},
	"delete no member":      {"m", true, func(g *stage, c Caller) error { return g.DeleteMember(context.Background(), c, g.id, nodeUnknown) }},
	"authorize many":        {"am", true, bulk(BulkAuthorize)},
	"deauthorize many":      {"am", true, bulk(BulkDeauthorize)},
	"delete many":           {"m", true, bulk(BulkDelete)},
	"change the network":    {"m", true, func(g *stage, c Caller) error { return g.describe(c, "x") }},
	"change no setting":     {"m", true, func(g *stage, c Caller) error { return g.describe(c, "") }},
	"take another's rights": {"m", true, func(g *stage, c Caller) error { return g.share(c, "") }},
	"delete the network":    {"d", true, func(g *stage, c Caller) error { return g.DeleteNetwork(context.Background(), c, g.id) }},
}

func (g *stage) describe(c Caller, text string) error {
	_, err := g.UpdateNetwork(context.Background(), c, g.id, func(n *model.Network) error { n.Description = text; return nil })
	return err
}

func (g *stage) share(c Caller, letters string) error {
	_, err := g.SetRights(context.Background(), c, g.id, g.other.User.ID, func(r *model.Rights) error { *r = rightsOf(letters); return nil })
	return err
}

// expected is what must come of an operation: what the caller's rights are, as
// letters, and what kind of token is shown.
func expected(op operation, rights, token string) string {
	switch {
	case token == "expired", token == "none":
		return "unauthorized"
	case strings.Contains(token, "elsewhere"):
		return "notFound"
	case strings.ContainsAny(rights, op.rights) && !(op.changes && strings.Contains(token, "readOnly")):
		return "ok"
	case strings.Contains(rights, "r"):
		return "forbidden"
	}
	return "notFound"
}

func outcome(err error) string {
	if err == nil {
		return "ok"
	}
	return kindOf(err).String()
}

func TestRightsOnANetwork(t *testing.T) {
	h := newHouse(t, nobody{})
	ctx := context.Background()
	g := &stage{house: h, id: h.newNetwork(t), other: h.newUser(t, "other@example.com", true)}
	elsewhere := h.newNetwork(t)

	users := map[string]Caller{"": h.newUser(t, "stranger@example.com", false), "owner": h.owner}
	for bits := range 16 {
		letters := ""
		for i, letter := range []string{"r", "a", "m", "d"} {
			if bits>>i&1 == 1 {
				letters += letter
			}
		}
		user := h.newUser(t, fmt.Sprintf("user%d@example.com", bits), true)
		if letters == "" {
			letters = "none"
		} else {
			h.grant(t, g.id, user, letters)
		}
		users[letters] = user
	}
	var err error
	if g.network, err = h.store.Network(ctx, g.id); err != nil {
		t.Fatal(err)
	}
	g.reset(t)

	for _, letters := range slices.Sorted(maps.Keys(users)) {
		user := users[letters]
		tokens := map[string]Caller{
			"none":               {},
			"full":               user,
			"readOnly":           h.withToken(t, user, model.Token{ReadOnly: true}),
			"here":               h.withToken(t, user, model.Token{Network: g.id}),
			"here, readOnly":     h.withToken(t, user, model.Token{Network: g.id, ReadOnly: true}),
			"elsewhere":          h.withToken(t, user, model.Token{Network: elsewhere}),
			"elsewhere,readOnly": h.withToken(t, user, model.Token{Network: elsewhere, ReadOnly: true}),
			"expired":            h.withToken(t, user, model.Token{ExpiryTime: testNow + 10}),
		}
		rights := map[string]string{"owner": "ramd", "none": ""}[letters]
		if rights == "" && letters != "none" {
			rights = letters
		}
		for token, caller := range tokens {
			if token == "expired" {
				h.clock.Add(10)
			}
			for name, op := range onNetwork {
				want := expected(op, rights, token)
				if got := outcome(op.do(g, caller)); got != want {
					t.Errorf("user with %q, token %s: %s: %s, want %s", letters, token, name, got, want)
				}
				if op.changes && want == "ok" {
					g.reset(t)
				}
			}
			h.clock.Store(testNow)
		}
	}
}

func TestNobodyGrantsMoreThanTheyHave(t *testing.T) {
	h := newHouse(t, nobody{})
	g := &stage{house: h, id: h.newNetwork(t), other: h.newUser(t, "other@example.com", true)}
	user := h.newUser(t, "user@example.com", true)
	h.grant(t, g.id, user, "rm")
	want(t, "grant what one has", g.share(user, "rm"), Internal)
	want(t, "grant to delete", g.share(user, "rmd"), Forbidden)
	want(t, "grant to authorize", g.share(user, "a"), Forbidden)
	want(t, "grant all, as the owner", g.share(h.owner, "ramd"), Internal)
	want(t, "take some, as who has fewer", g.share(user, "rad"), Internal)
	want(t, "give one back", g.share(user, "rmad"), Internal)
	want(t, "take all", g.share(user, ""), Internal)

	ctx := context.Background()
	refuse := func(what string, id string, kind Kind) {
		t.Helper()
		_, err := h.SetRights(ctx, h.owner, g.id, id, func(*model.Rights) error { return nil })
		want(t, what, err, kind)
	}
	refuse("the owner's rights", h.owner.User.ID, Invalid)
	refuse("a stranger's rights", h.newUser(t, "stranger@example.com", false).User.ID, NotFound)
	refuse("nobody's rights", "nobody", NotFound)

	n, err := h.store.Network(ctx, g.id)
	if err != nil {
		t.Fatal(err)
	}
	if len(n.Grants) != 1 || n.LastModified != 0 {
		t.Errorf("grants %v, last modified %d", n.Grants, n.LastModified)
	}
	users, err := h.NetworkUsers(ctx, user, g.id)
	if err != nil || len(users) != 2 || users[0].User.ID != h.owner.User.ID || users[0].Rights != model.AllRights || users[1].Rights != rightsOf("rm") {
		t.Errorf("users %+v, %v", users, err)
	}
}

// TestRightsToAccounts is a table of what every sort of caller gets from every
// operation on accounts, tokens, organizations and invitations.
func TestRightsToAccounts(t *testing.T) {
	h := newHouse(t, nobody{})
	ctx := context.Background()
	network := h.newNetwork(t)
	ann, ben := h.newUser(t, "ann@example.com", true), h.newUser(t, "ben@example.com", true)
	stranger := h.newUser(t, "stranger@example.com", false)
	boss := h.newUser(t, "boss@example.com", false) // owns an organization, is no operator
	if _, err := h.CreateOrganization(ctx, boss, "boss's"); err != nil {
		t.Fatal(err)
	}
	expired := h.withToken(t, ann, model.Token{ExpiryTime: testNow + 1})
	h.clock.Store(testNow + 1)

	same := func(*model.User) error { return nil }
	secret := func() TokenRequest { return TokenRequest{Name: newID()} }
	columns := []struct {
		name   string
		caller Caller
	}{
		{"nobody", Caller{}},
		{"expired", expired},
		{"one network", h.withToken(t, ann, model.Token{Network: network})},
		{"read-only", h.withToken(t, ann, model.Token{ReadOnly: true})},
		{"member", ann},
		{"stranger", stranger},
		{"boss", boss},
		{"operator", h.owner},
		{"read-only operator", h.withToken(t, h.owner, model.Token{ReadOnly: true})},
	}
	const (
		un = "unauthorized"
		fo = "forbidden"
		no = "notFound"
		in = "invalid"
		co = "conflict"
		ok = "ok"
	)
	for name, row := range map[string]struct {
		do   func(c Caller) error
		want [9]string
	}{
		"read own account":      {func(c Caller) error { _, err := h.User(ctx, c, userID(c)); return err }, [9]string{un, un, ok, ok, ok, ok, ok, ok, ok}},
		"read a colleague's":    {func(c Caller) error { _, err := h.User(ctx, c, ben.User.ID); return err }, [9]string{un, un, fo, ok, ok, no, no, ok, ok}},
		"read nobody's":         {func(c Caller) error { _, err := h.User(ctx, c, "nobody"); return err }, [9]string{un, un, fo, no, no, no, no, no, no}},
		"change own account":    {func(c Caller) error { _, err := h.UpdateUser(ctx, c, userID(c), same); return err }, [9]string{un, un, fo, fo, ok, ok, ok, ok, fo}},
		"change a colleague's":  {func(c Caller) error { _, err := h.UpdateUser(ctx, c, ben.User.ID, same); return err }, [9]string{un, un, fo, fo, fo, no, no, fo, fo}},
		"delete a colleague":    {func(c Caller) error { return h.DeleteUser(ctx, c, ben.User.ID+strings.Repeat("x", operatorOnly(c))) }, [9]string{un, un, fo, fo, fo, no, no, no, fo}},
		"list own tokens":       {func(c Caller) error { _, err := h.Tokens(ctx, c, userID(c)); return err }, [9]string{un, un, fo, ok, ok, ok, ok, ok, ok}},
		"list a colleague's":    {func(c Caller) error { _, err := h.Tokens(ctx, c, ben.User.ID); return err }, [9]string{un, un, fo, fo, fo, no, no, ok, ok}},
		"make a token":          {func(c Caller) error { _, _, err := h.CreateToken(ctx, c, userID(c), secret()); return err }, [9]string{un, un, fo, fo, ok, ok, ok, ok, fo}},
		"make a colleague's":    {func(c Caller) error { _, _, err := h.CreateToken(ctx, c, ben.User.ID, secret()); return err }, [9]string{un, un, fo, fo, fo, no, no, fo, fo}},
		"end a token":           {func(c Caller) error { return h.DeleteToken(ctx, c, userID(c), "none") }, [9]string{un, un, fo, fo, no, no, no, no, fo}},
		"end a colleague's":     {func(c Caller) error { return h.DeleteToken(ctx, c, ben.User.ID, "first") }, [9]string{un, un, fo, fo, fo, no, no, fo, fo}},
		"list users":            {func(c Caller) error { _, err := h.Users(ctx, c); return err }, [9]string{un, un, fo, fo, fo, fo, fo, ok, ok}},
		"find a user":           {func(c Caller) error { _, err := h.FindUser(ctx, c, "BEN@example.com"); return err }, [9]string{un, un, fo, fo, fo, fo, fo, ok, ok}},
		"make a user":           {func(c Caller) error { _, _, err := h.CreateUser(ctx, c, "no address", "", false); return err }, [9]string{un, un, fo, fo, fo, fo, fo, in, in}},
		"reset tokens":          {func(c Caller) error { _, err := h.ResetToken(ctx, c, "nobody"); return err }, [9]string{un, un, fo, fo, fo, fo, fo, no, fo}},
		"read the organization": {func(c Caller) error { _, err := h.Organization(ctx, c, ""); return err }, [9]string{un, un, fo, ok, ok, no, ok, ok, ok}},
		"read the owner's":      {func(c Caller) error { _, err := h.Organization(ctx, c, h.owner.User.OrgID); return err }, [9]string{un, un, fo, ok, ok, no, no, ok, ok}},
		"make an organization":  {func(c Caller) error { _, err := h.CreateOrganization(ctx, c, ""); return err }, [9]string{un, un, fo, fo, co, in, co, co, fo}},
		"rename the owner's":    {func(c Caller) error { _, err := h.RenameOrganization(ctx, c, h.owner.User.OrgID, "n"); return err }, [9]string{un, un, fo, fo, fo, no, no, ok, fo}},
		"transfer the owner's": {func(c Caller) error {
			_, err := h.TransferOrganization(ctx, c, h.owner.User.OrgID, "nobody")
			return err
		}, [9]string{un, un, fo, fo, fo, no, no, in, fo}},
		"remove from the owner's": {func(c Caller) error { return h.RemoveFromOrganization(ctx, c, h.owner.User.OrgID, h.owner.User.ID) }, [9]string{un, un, fo, fo, fo, no, no, co, fo}},
		"list invitations":        {func(c Caller) error { _, err := h.Invitations(ctx, c); return err }, [9]string{un, un, fo, ok, ok, ok, ok, ok, ok}},
		"invite":                  {func(c Caller) error { _, err := h.Invite(ctx, c, "", newID()+"@example.com"); return err }, [9]string{un, un, fo, fo, fo, fo, ok, ok, fo}},
		"invite to the owner's": {func(c Caller) error {
			_, err := h.Invite(ctx, c, h.owner.User.OrgID, newID()+"@example.com")
			return err
		}, [9]string{un, un, fo, fo, fo, fo, no, ok, fo}},
		"read no invitation":   {func(c Caller) error { _, err := h.Invitation(ctx, c, "none"); return err }, [9]string{un, un, fo, no, no, no, no, no, no}},
		"accept no invitation": {func(c Caller) error { _, err := h.AcceptInvitation(ctx, c, "none"); return err }, [9]string{un, un, fo, fo, no, no, no, no, fo}},
		"cancel no invitation": {func(c Caller) error { _, err := h.CancelInvitation(ctx, c, "none"); return err }, [9]string{un, un, fo, fo, no, no, no, no, fo}},
		"make a network": {func(c Caller) error {
			_, err := h.CreateNetwork(ctx, c, func(*model.Network) error { return nil })
			return err
		}, [9]string{un, un, fo, fo, ok, ok, ok, ok, fo}},
		"list networks":     {func(c Caller) error { _, err := h.Networks(ctx, c); return err }, [9]string{un, un, ok, ok, ok, ok, ok, ok, ok}},
		"read the activity": {func(c Caller) error { _, _, err := h.Activity(ctx, c, ActivityQuery{Limit: 1}); return err }, [9]string{un, un, ok, ok, ok, ok, ok, ok, ok}},
	} {
		for i, column := range columns {
			if got := outcome(row.do(column.caller)); got != row.want[i] {
				t.Errorf("%s: %s: %s, want %s", column.name, name, got, row.want[i])
			}
		}
	}
}

func userID(c Caller) string {
	if c.User == nil {
		return "nobody"
	}
	return c.User.ID
}

// operatorOnly is 1 for an operator who may change, for whom ben would be gone.
func operatorOnly(c Caller) int {
	if c.Operator && !c.readOnly() {
		return 1
	}
	return 0
}
