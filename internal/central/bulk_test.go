package central

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/zt"
)

func TestChangeMembers(t *testing.T) {
	h := newHouse(t, nobody{})
	ctx := context.Background()
	id := h.newNetwork(t)
	update := func(node zt.Address, set func(m *model.Member)) {
		t.Helper()
		if _, err := h.UpdateMember(ctx, h.owner, id, node, func(m *model.Member) error { set(m); return nil }); err != nil {
			t.Fatal(err)
		}
	}
	update(1, func(m *model.Member) { m.Authorized = true })
	update(2, func(m *model.Member) { m.Name = "two" })
	update(3, func(*model.Member) {})
	if err := h.DeleteMember(ctx, h.owner, id, 3); err != nil {
		t.Fatal(err)
	}
	tag := uint32(5)
	_, err := h.UpdateNetwork(ctx, h.owner, id, func(n *model.Network) error { n.Tags = []model.NetworkTag{{ID: 1, Default: &tag}}; return nil })
	if err != nil {
		t.Fatal(err)
	}
	nodes := []zt.Address{4, 3, 2, 1}
	for _, c := range []struct {
		do       BulkAction
		outcomes []BulkOutcome
		events   string
	}{
		{BulkAuthorize, []BulkOutcome{BulkMissing, BulkMissing, BulkChanged, BulkUnchanged}, "member.authorized 0000000002"},
		{BulkAuthorize, []BulkOutcome{BulkMissing, BulkMissing, BulkUnchanged, BulkUnchanged}, ""},
		{BulkDeauthorize, []BulkOutcome{BulkMissing, BulkMissing, BulkChanged, BulkChanged}, "member.deauthorized 0000000002 member.deauthorized 0000000001"},
		{BulkDelete, []BulkOutcome{BulkMissing, BulkMissing, BulkChanged, BulkChanged}, "member.deleted 0000000002 member.deleted 0000000001"},
		{BulkDelete, []BulkOutcome{BulkMissing, BulkMissing, BulkMissing, BulkMissing}, ""},
	} {
		since := h.Latest()
		outcomes, err := h.ChangeMembers(ctx, h.owner, id, nodes, c.do)
		if err != nil || !slices.Equal(outcomes, c.outcomes) {
			t.Errorf("%s: %v, %v", c.do, outcomes, err)
		}
		events := ""
		for i, e := range h.eventsSince(t, since) {
			if i > 0 {
				events += " "
			}
			events += fmt.Sprint(e.Kind, " ", e.Node)
		}
		if events != c.events {
			t.Errorf("%s: events %q, want %q", c.do, events, c.events)
		}
	}
	m, err := h.store.Member(ctx, id, 2)
	if err != nil || len(m.Tags) != 1 || m.LastAuthorizedTime != testNow || m.LastDeauthorizedTime != testNow || m.Revision != 4 || m.Name != "two" {
		t.Errorf("the member is %+v, %v", m, err)
	}
	for what, c := range map[string]struct {
		nodes []zt.Address
		do    BulkAction
	}{
		"a node named twice": {[]zt.Address{1, 2, 1}, BulkDelete},
		"an unknown action":  {nodes, "hide"},
		"too many nodes":     {make([]zt.Address, MaxBulk+1), BulkDelete},
	} {
		_, err := h.ChangeMembers(ctx, h.owner, id, c.nodes, c.do)
		want(t, what, err, Invalid)
	}
}

// TestAuthorizeBesideRename has one administrator let a member in and put it out
// while others rename it.
func TestAuthorizeBesideRename(t *testing.T) {
	h := newHouse(t, nobody{})
	ctx := context.Background()
	id := h.newNetwork(t)
	member := model.NewMember(id, testNode, 1)
	h.foreignWrite(t, member)
	let := h.newUser(t, "let@example.com", true)
	h.grant(t, id, let, "ra")
	const rounds = 20
	var all sync.WaitGroup
	for i := range rounds {
		all.Go(func() {
			_, err := h.UpdateMember(ctx, let, id, testNode, func(m *model.Member) error { m.Authorized = !m.Authorized; return nil })
			if err != nil {
				t.Error(err)
			}
		})
		all.Go(func() {
			_, err := h.UpdateMember(ctx, h.owner, id, testNode, func(m *model.Member) error { m.Description += fmt.Sprintf("<%d>", i); return nil })
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	m, err := h.Member(ctx, h.owner, id, testNode)
	if err != nil {
		t.Fatal(err)
	}
	length := 0
	for i := range rounds {
		length += len(fmt.Sprintf("<%d>", i))
	}
	if m.Member.Authorized || len(m.Member.Description) != length || m.Member.Revision != 2*rounds+1 {
		t.Errorf("authorized %v, description %q, revision %d", m.Member.Authorized, m.Member.Description, m.Member.Revision)
	}
}
