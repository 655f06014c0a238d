package central

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/orrery-net/orrery/internal/model"
)

func TestTheOwnerIsMadeOnce(t *testing.T) {
	h := newHouse(t, nobody{})
	ctx := context.Background()
	if len(h.token) != TokenLen {
		t.Errorf("a token of %d characters", len(h.token))
	}
	same, made, err := h.EnsureOwner(ctx, h.token+"\n")
	if err != nil || made || same != h.token {
		t.Fatalf("second start: made %v, %v", made, err)
	}
	other, made, err := h.EnsureOwner(ctx, "")
	if err != nil || !made || other == h.token {
		t.Fatalf("after the token was lost: made %v, %v", made, err)
	}
	if _, err := h.Authenticate(ctx, h.token, netip.Addr{}); kindOf(err) != Unauthorized {
		t.Errorf("the lost token still works: %v", err)
	}
	again, err := h.Authenticate(ctx, other, netip.Addr{})
	if err != nil || again.User.ID != h.owner.User.ID || again.Token.Name != ownerTokenName {
		t.Errorf("the new token is %+v's: %v", again, err)
	}
	events, err := h.store.Events(ctx, 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		if strings.Contains(string(e.After), h.token) || strings.Contains(string(e.After), other) {
			t.Errorf("event %s holds a token", e.Kind)
		}
	}
	if _, err := h.Authenticate(ctx, "", netip.Addr{}); kindOf(err) != Unauthorized {
		t.Errorf("no token: %v", err)
	}
}

func TestStrangersSeeNothing(t *testing.T) {
	h := newHouse(t, nobody{})
	ctx := context.Background()
	id := h.newNetwork(t)
	stranger := Caller{User: &model.User{ID: "stranger"}}
	noChange := func(*model.Network) error { t.Error("change was called"); return nil }
	noMemberChange := func(*model.Member) error { t.Error("change was called"); return nil }
	for name, do := range map[string]func() error{
		"Network":       func() error { _, err := h.Network(ctx, stranger, id); return err },
		"UpdateNetwork": func() error { _, err := h.UpdateNetwork(ctx, stranger, id, noChange); return err },
		"DeleteNetwork": func() error { return h.DeleteNetwork(ctx, stranger, id) },
		"Members":       func() error { return h.Members(ctx, stranger, id, func(model.MemberStatus) error { return nil }) },
		"Member":        func() error { _, err := h.Member(ctx, stranger, id, testNode); return err },
		"UpdateMember":  func() error { _, err := h.UpdateMember(ctx, stranger, id, testNode, noMemberChange); return err },
		"DeleteMember":  func() error { return h.DeleteMember(ctx, stranger, id, testNode) },
	} {
		if err := do(); kindOf(err) != NotFound {
			t.Errorf("%s: %v", name, err)
		}
	}
	if all, err := h.Networks(ctx, stranger); err != nil || len(all) != 0 {
		t.Errorf("Networks: %v, %v", all, err)
	}
}

// TestTwoWritersBothSurvive has two administrators change different fields of
// one member, and different networks' settings, at the same time.
func TestTwoWritersBothSurvive(t *testing.T) {
	h := newHouse(t, nobody{})
	ctx := context.Background()
	id := h.newNetwork(t)
	const rounds = 20
	var writers sync.WaitGroup
	for i := range rounds {
		writers.Go(func() {
			_, err := h.UpdateMember(ctx, h.owner, id, testNode, func(m *model.Member) error {
				m.Addresses = append(m.Addresses, netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}))
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
		writers.Go(func() {
			_, err := h.UpdateMember(ctx, h.owner, id, testNode, func(m *model.Member) error {
				m.Name += "x"
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
		writers.Go(func() {
			_, err := h.UpdateNetwork(ctx, h.owner, id, func(n *model.Network) error {
				n.Description += "y"
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	writers.Wait()
	m, err := h.Member(ctx, h.owner, id, testNode)
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Member.Addresses) != rounds || len(m.Member.Name) != rounds || m.Member.Revision != 2*rounds {
		t.Errorf("%d addresses, name %q, revision %d", len(m.Member.Addresses), m.Member.Name, m.Member.Revision)
	}
	n, err := h.Network(ctx, h.owner, id)
	if err != nil {
		t.Fatal(err)
	}
	if len(n.Description) != rounds || n.Revision != rounds+1 {
		t.Errorf("description %q, revision %d", n.Description, n.Revision)
	}
}

func TestARefusedChangeLeavesNothing(t *testing.T) {
	h := newHouse(t, nobody{})
	ctx := context.Background()
	id := h.newNetwork(t)
	before, err := h.store.LastEvent(ctx)
	if err != nil {
		t.Fatal(err)
	}
	_, err = h.UpdateNetwork(ctx, h.owner, id, func(n *model.Network) error { n.Name, n.MTU = "no", 5; return nil })
	if kindOf(err) != Invalid || !strings.Contains(err.Error(), "config.mtu") {
		t.Errorf("too small an MTU: %v", err)
	}
	cause := errors.New("the disk is on fire")
	_, err = h.UpdateMember(ctx, h.owner, id, testNode, func(*model.Member) error { return cause })
	var known *Error
	if !errors.As(err, &known) || known.Kind != Internal || !errors.Is(err, cause) || strings.Contains(known.Message, "fire") {
		t.Errorf("an internal failure: %v, message %q", err, known.Message)
	}
	if _, err := h.Member(ctx, h.owner, id, testNode); kindOf(err) != NotFound {
		t.Errorf("the member was made: %v", err)
	}
	if after, err := h.store.LastEvent(ctx); err != nil || after != before {
		t.Errorf("%d events, %v", after-before, err)
	}
}

func TestMemoryCountsBeforeTheStore(t *testing.T) {
	stored := model.Seen{Node: testNode, Time: 100, Endpoint: netip.MustParseAddrPort("203.0.113.7:9993"), Version: model.Version{Major: 1, Minor: 10}}
	newer := model.Seen{Node: testNode, Time: 200, Version: model.Version{Major: 1, Minor: 14}}
	for _, c := range []struct {
		name     string
		presence Presence
		time     int64
		minor    int
		online   bool
	}{
		{"the store's row", nobody{}, 100, 10, false},
		{"memory, with the stored address", remembered{seen: newer}, 200, 14, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t, c.presence)
			ctx := context.Background()
			id := h.newNetwork(t)
			row := stored
			row.Network = id
			if err := h.store.SaveSeen(ctx, []model.Seen{row}); err != nil {
				t.Fatal(err)
			}
			single, err := h.UpdateMember(ctx, h.owner, id, testNode, func(*model.Member) error { return nil })
			if err != nil {
				t.Fatal(err)
			}
			var listed model.MemberStatus
			if err := h.Members(ctx, h.owner, id, func(m model.MemberStatus) error { listed = m; return nil }); err != nil {
				t.Fatal(err)
			}
			for _, got := range []model.MemberStatus{single, listed} {
				if got.Seen.Time != c.time || got.Seen.Version.Minor != c.minor || got.Online != c.online || got.Seen.Endpoint != stored.Endpoint {
					t.Errorf("seen %+v, online %v", got.Seen, got.Online)
				}
			}
		})
	}
}

func TestEventsSayWhatChanged(t *testing.T) {
	h := newHouse(t, nobody{})
	ctx := context.Background()
	id := h.newNetwork(t)
	change := func(set func(m *model.Member)) {
		t.Helper()
		if _, err := h.UpdateMember(ctx, h.owner, id, testNode, func(m *model.Member) error { set(m); return nil }); err != nil {
			t.Fatal(err)
		}
	}
	start, err := h.store.LastEvent(ctx)
	if err != nil {
		t.Fatal(err)
	}
	change(func(m *model.Member) { m.Authorized = true })
	change(func(m *model.Member) { m.Name = "n" })
	change(func(m *model.Member) { m.Name, m.Authorized = "o", false })
	if err := h.DeleteMember(ctx, h.owner, id, testNode); err != nil {
		t.Fatal(err)
	}
	events, err := h.store.Events(ctx, start, 100)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		fmt.Sprint(model.MemberAuthorized, " null all"),
		fmt.Sprint(model.MemberUpdated, ` {"name":"","revision":1} {"name":"n","revision":2}`),
		fmt.Sprint(model.MemberDeauthorized, ` {"authorized":true,"lastDeauthorizedTime":0,"name":"n","revision":2} {"authorized":false,"lastDeauthorizedTime":1700000000000,"name":"o","revision":3}`),
		fmt.Sprint(model.MemberDeleted, ` {"revision":3} {"deletedTime":1700000000000,"revision":4}`),
	}
	if len(events) != len(want) {
		t.Fatalf("%d events", len(events))
	}
	for i, e := range events {
		got := fmt.Sprintf("%s %s %s", e.Kind, e.Before, e.After)
		if e.Before == nil {
			got = fmt.Sprint(e.Kind, " null all")
		}
		if got != want[i] {
			t.Errorf("got  %s\nwant %s", got, want[i])
		}
		if e.Network != id || e.Node != testNode || e.Actor.UserID != h.owner.User.ID || e.Time != testNow {
			t.Errorf("event %+v", e)
		}
	}
}

func TestTokensAndIDs(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		token, id := NewToken(), newID()
		if len(token) != TokenLen || seen[token] || seen[id] {
			t.Fatalf("token %q, id %q", token, id)
		}
		if len(id) != 36 || id[14] != '4' || !strings.ContainsRune("89ab", rune(id[19])) {
			t.Fatalf("id %q is no random UUID", id)
		}
		seen[token], seen[id] = true, true
	}
}
