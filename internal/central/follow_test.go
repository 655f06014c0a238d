package central

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/internal/store"
	"github.com/orrery-net/orrery/zt"
)

// gateway is a presence whose changes a test makes.
type gateway struct {
	nobody
	changes chan model.OnlineChange
}

func (g gateway) Watch(int) (<-chan model.OnlineChange, func()) { return g.changes, func() {} }

// following is one call of Follow.
type following struct {
	updates chan Update
	ended   chan error
	stop    context.CancelFunc
}

func (h house) follow(t *testing.T, caller Caller, after int64) *following {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	f := &following{updates: make(chan Update), ended: make(chan error, 1), stop: stop}
	go func() {
		f.ended <- h.Follow(ctx, caller, after, func(u Update) error {
			select {
			case f.updates <- u:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	}()
	t.Cleanup(func() { stop() })
	if first, ok := f.next(t); !ok || first != (Update{}) {
		t.Fatalf("the first update is %+v", first)
	}
	return f
}

// next returns the next update, false if Follow ended.
func (f *following) next(t *testing.T) (Update, bool) {
	t.Helper()
	select {
	case u := <-f.updates:
		return u, true
	case err := <-f.ended:
		f.ended <- err
		return Update{}, false
	case <-time.After(20 * time.Second):
		t.Fatal("nothing came")
		panic("unreachable")
	}
}

func (f *following) event(t *testing.T) string {
	t.Helper()
	u, ok := f.next(t)
	if !ok || u.Event == nil || u.Online != nil {
		t.Fatalf("update %+v, %v", u, ok)
	}
	return fmt.Sprint(u.Event.Kind, " ", u.Event.Network)
}

func (f *following) end(t *testing.T) error {
	t.Helper()
	if u, ok := f.next(t); ok {
		t.Fatalf("update %+v instead of an end", u)
	}
	return <-f.ended
}

func TestFollowTellsWhatTheCallerMayKnow(t *testing.T) {
	online := gateway{changes: make(chan model.OnlineChange, 8)}
	h := newHouse(t, online)
	ctx := context.Background()
	ann := h.newUser(t, "ann@example.com", true)
	shared, private := h.newNetwork(t), h.newNetwork(t)
	h.grant(t, shared, ann, "r")
	start := h.Latest()
	f := h.follow(t, ann, -1)
	change := func(id zt.NetworkID) {
		t.Helper()
		if _, err := h.UpdateMember(ctx, h.owner, id, testNode, func(m *model.Member) error { m.Name += "x"; return nil }); err != nil {
			t.Fatal(err)
		}
	}
	change(private)
	change(shared)
	if got := f.event(t); got != fmt.Sprint(model.MemberAdded, " ", shared) {
		t.Errorf("got %s", got)
	}
	online.changes <- model.OnlineChange{Network: private, Node: 1, Online: true}
	online.changes <- model.OnlineChange{Network: shared, Node: 2, Online: true, Time: 5}
	if u, _ := f.next(t); u.Event != nil || u.Online == nil || *u.Online != (model.OnlineChange{Network: shared, Node: 2, Online: true, Time: 5}) {
		t.Errorf("got %+v", u)
	}
	h.grant(t, shared, ann, "") // not told of anymore
	change(shared)
	h.grant(t, private, ann, "r")
	if got := f.event(t); got != fmt.Sprint(model.NetworkShared, " ", private) {
		t.Errorf("got %s", got)
	}
	if err := h.DeleteNetwork(ctx, h.owner, private); err != nil {
		t.Fatal(err)
	}
	if got := f.event(t); got != fmt.Sprint(model.NetworkDeleted, " ", private) {
		t.Errorf("got %s", got)
	}
	f.stop()
	if err := f.end(t); !errors.Is(err, context.Canceled) {
		t.Errorf("the end is %v", err)
	}

	// Resuming tells what was missed, by the rights of now.
	f = h.follow(t, ann, start)
	for _, want := range []string{
		fmt.Sprint(model.MemberAdded, " ", private), fmt.Sprint(model.NetworkShared, " ", private), fmt.Sprint(model.NetworkDeleted, " ", private),
	} {
		if got := f.event(t); got != want {
			t.Errorf("after resuming: %s, want %s", got, want)
		}
	}
}

func TestFollowEndsWithTheToken(t *testing.T) {
	h := newHouse(t, nobody{})
	ctx := context.Background()
	ann, ben := h.newUser(t, "ann@example.com", true), h.newUser(t, "ben@example.com", true)
	token, _, err := h.CreateToken(ctx, ann, ann.User.ID, TokenRequest{Name: "second"})
	if err != nil {
		t.Fatal(err)
	}
	second := Caller{User: ann.User, Token: token}
	first, other, colleague := h.follow(t, ann, -1), h.follow(t, second, -1), h.follow(t, ben, -1)
	want(t, "end the second token", h.DeleteToken(ctx, ann, ann.User.ID, "second"), Internal)
	if got := first.event(t); !strings.HasPrefix(got, string(model.TokenDeleted)) {
		t.Errorf("the first token is told of %s", got)
	}
	want(t, "the second token", other.end(t), Unauthorized)
	want(t, "delete the user", h.DeleteUser(ctx, h.owner, ann.User.ID), Internal)
	want(t, "the first token", first.end(t), Unauthorized)
	want(t, "end the colleague's", h.RemoveFromOrganization(ctx, ben, "", ben.User.ID), Internal)
	if got := colleague.event(t); !strings.HasPrefix(got, string(model.OrganizationUserRemoved)) {
		t.Errorf("the colleague is told of %s", got)
	}
	want(t, "who is not signed in", h.Follow(ctx, Caller{}, -1, func(Update) error { return nil }), Unauthorized)
}

// TestFollowDoesNotTrustMemory ends a token in the store alone, as it is between
// the commit and the moment in which memory is told.
func TestFollowDoesNotTrustMemory(t *testing.T) {
	h := newHouse(t, nobody{})
	ann := h.newUser(t, "ann@example.com", false)
	f := h.follow(t, ann, -1)
	err := h.store.Update(context.Background(), func(tx *store.Tx) error {
		return h.endToken(tx, Caller{local: true}, ann.Token)
	})
	if err != nil {
		t.Fatal(err)
	}
	want(t, "the end", f.end(t), Unauthorized)
}

func TestFollowWithATokenForOneNetwork(t *testing.T) {
	h := newHouse(t, nobody{})
	ctx := context.Background()
	one, other := h.newNetwork(t), h.newNetwork(t)
	f := h.follow(t, h.withToken(t, h.owner, model.Token{Network: one, ReadOnly: true}), -1)
	h.newUser(t, "ann@example.com", true)
	want(t, "delete the other", h.DeleteNetwork(ctx, h.owner, other), Internal)
	want(t, "delete the one", h.DeleteNetwork(ctx, h.owner, one), Internal)
	if got := f.event(t); got != fmt.Sprint(model.NetworkDeleted, " ", one) {
		t.Errorf("told of %s", got)
	}
}

func TestFollowCannotStartAnywhere(t *testing.T) {
	online := gateway{changes: make(chan model.OnlineChange)}
	h := newHouse(t, online)
	ctx := context.Background()
	fail := func(Update) error { t.Error("yield was called"); return nil }
	want(t, "from the future", h.Follow(ctx, h.owner, h.Latest()+1, fail), Conflict)
	if err := h.store.PruneEvents(ctx, testNow+1); err != nil {
		t.Fatal(err)
	}
	want(t, "from what is pruned", h.Follow(ctx, h.owner, 0, fail), Conflict)

	// A reader that is held up until what it wants is pruned.
	f := h.follow(t, h.owner, h.Latest())
	h.newNetwork(t)
	for range 3 * followPage {
		h.newNetwork(t)
	}
	h.clock.Add(1)
	h.newNetwork(t) // is kept
	if err := h.store.PruneEvents(ctx, testNow+1); err != nil {
		t.Fatal(err)
	}
	told := 0
	for {
		if _, ok := f.next(t); !ok {
			break
		}
		told++
	}
	if want(t, "a reader that is too slow", <-f.ended, Conflict); told == 0 || told > 3*followPage {
		t.Errorf("told of %d events", told)
	}

	f = h.follow(t, h.owner, -1)
	close(online.changes)
	want(t, "a reader too slow for who comes and goes", f.end(t), Conflict)
	stop := errors.New("enough")
	if err := h.Follow(ctx, h.owner, -1, func(Update) error { return stop }); err != stop {
		t.Errorf("yield's error became %v", err)
	}
}

func TestFollowEndsAtTheExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, nobody{})
		now := time.Now().UnixMilli()
		h.Service.now = time.Now
		f := h.follow(t, h.withToken(t, h.owner, model.Token{ExpiryTime: now + 1000}), -1)
		begin := time.Now()
		want(t, "the end", f.end(t), Unauthorized)
		if took := time.Since(begin); took != time.Second {
			t.Errorf("it came after %s", took)
		}
	})
}

// TestFollowWithADistantExpiry has times that no timer takes, and a long one.
func TestFollowWithADistantExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, nobody{})
		now := time.Now().UnixMilli()
		h.Service.now = time.Now
		never := h.follow(t, h.withToken(t, h.owner, model.Token{ExpiryTime: 253_402_300_799_000}), -1) // 9999-12-31
		const long = 150 * time.Minute
		first := h.follow(t, h.withToken(t, h.owner, model.Token{ExpiryTime: now + long.Milliseconds()}), -1)
		begin := time.Now()
		select {
		case err := <-first.ended:
			want(t, "the end", err, Unauthorized)
		case err := <-never.ended:
			t.Fatalf("after %s: %v", time.Since(begin), err)
		}
		if took := time.Since(begin); took != long {
			t.Errorf("it came after %s", took)
		}
	})
}

// TestFollowResumesByTheRightsOfNow takes a right away and then asks for what
// was told before.
func TestFollowResumesByTheRightsOfNow(t *testing.T) {
	h := newHouse(t, nobody{})
	ctx := context.Background()
	ann := h.newUser(t, "ann@example.com", true)
	shared, other := h.newNetwork(t), h.newNetwork(t)
	h.grant(t, shared, ann, "r")
	h.grant(t, other, ann, "r")
	start := h.Latest()
	for _, id := range []zt.NetworkID{shared, other} {
		if _, err := h.UpdateMember(ctx, h.owner, id, testNode, func(m *model.Member) error { m.Name += "x"; return nil }); err != nil {
			t.Fatal(err)
		}
		if _, err := h.Network(ctx, ann, id); err != nil { // is in memory as of now
			t.Fatal(err)
		}
	}
	h.grant(t, shared, ann, "")
	if got, want := h.follow(t, ann, start).event(t), fmt.Sprint(model.MemberAdded, " ", other); got != want {
		t.Errorf("told of %s, want %s", got, want)
	}
}

// TestFormerColleaguesKnowNothing has a network deleted, whose record keeps its
// grants, before a user leaves.
func TestFormerColleaguesKnowNothing(t *testing.T) {
	h := newHouse(t, nobody{})
	ctx := context.Background()
	ann, ben := h.newUser(t, "ann@example.com", true), h.newUser(t, "ben@example.com", true)
	id := h.newNetwork(t)
	h.grant(t, id, ann, "r")
	h.grant(t, id, ben, "r")
	want(t, "delete", h.DeleteNetwork(ctx, h.owner, id), Internal)
	want(t, "put ann out", h.RemoveFromOrganization(ctx, h.owner, "", ann.User.ID), Internal)
	for user, kind := range map[*Caller]Kind{&ann: NotFound, &ben: Internal, &h.owner: Internal} {
		*user = h.withToken(t, *user, model.Token{})
		_, _, err := h.Activity(ctx, *user, ActivityQuery{Network: id, Limit: 10})
		want(t, user.User.Email, err, kind)
	}
}

func TestActivity(t *testing.T) {
	h := newHouse(t, nobody{})
	ctx := context.Background()
	ann := h.newUser(t, "ann@example.com", true)
	shared, private := h.newNetwork(t), h.newNetwork(t)
	h.grant(t, shared, ann, "r")
	rename := func(id zt.NetworkID) {
		t.Helper()
		if _, err := h.UpdateNetwork(ctx, h.owner, id, func(n *model.Network) error { n.Name += "x"; return nil }); err != nil {
			t.Fatal(err)
		}
	}
	for range 5 {
		h.clock.Add(1)
		rename(shared)
		rename(private)
	}
	all := func(caller Caller, q ActivityQuery) (lines []string) {
		t.Helper()
		for {
			events, next, err := h.Activity(ctx, caller, q)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range events {
				lines = append(lines, fmt.Sprint(e.Seq, " ", e.Kind, " ", e.User == ann.User.ID))
			}
			if q.Before = next; next == 0 {
				return lines
			}
		}
	}
	everything := all(h.owner, ActivityQuery{Limit: 3})
	if len(everything) != int(h.Latest()) || !slices.Equal(everything, all(h.owner, ActivityQuery{Limit: 500})) {
		t.Errorf("the owner knows of %d of %d: %v", len(everything), h.Latest(), everything)
	}
	known := all(ann, ActivityQuery{Limit: 2})
	// Five changes, the sharing and the making of the network; the account, its
	// token and the joining.
	if len(known) != 10 || !strings.HasSuffix(known[9], "user.created true") {
		t.Errorf("ann knows of %v", known)
	}
	for what, q := range map[string]ActivityQuery{
		"5 network":  {Network: shared, Kinds: []model.EventKind{model.NetworkUpdated}},
		"7 network":  {Network: shared},
		"2 times":    {Since: testNow + 2, Until: testNow + 4},
		"0 actor":    {Actor: ann.User.ID},
		"4 user":     {User: ann.User.ID},
		"0 node":     {Node: testNode},
		"1 one kind": {Kinds: []model.EventKind{model.TokenCreated}},
	} {
		q.Limit = 3
		if got := all(ann, q); fmt.Sprint(len(got)) != what[:1] {
			t.Errorf("%s: %v", what, got)
		}
	}
	_, _, err := h.Activity(ctx, ann, ActivityQuery{Network: private, Limit: 1})
	want(t, "a network that is not readable", err, NotFound)
	for _, q := range []ActivityQuery{{}, {Limit: 501}, {Limit: 1, Before: -1}, {Limit: 1, Kinds: make([]model.EventKind, store.MaxKinds+1)}} {
		_, _, err := h.Activity(ctx, ann, q)
		want(t, fmt.Sprintf("%+v", q), err, Invalid)
	}
	want(t, "delete", h.DeleteNetwork(ctx, h.owner, shared), Internal)
	if got := all(ann, ActivityQuery{Network: shared, Limit: 50}); len(got) != 8 {
		t.Errorf("of the deleted network ann knows %v", got)
	}
}

// TestActivityIsBounded asks as somebody who may know of nothing.
func TestActivityIsBounded(t *testing.T) {
	h := newHouse(t, nobody{})
	ctx := context.Background()
	id := h.newNetwork(t)
	member := model.NewMember(id, testNode, testNow)
	for range 3 {
		h.foreignWrite(t, slices.Repeat([]*model.Member{member}, activityWork/2)...)
	}
	h.clock.Add(1)
	stranger := h.newUser(t, "stranger@example.com", false)
	if err := h.store.PruneEvents(ctx, testNow); err != nil {
		t.Fatal(err)
	}
	calls, found := 0, 0
	for q := (ActivityQuery{Limit: 10, Until: testNow + 1}); ; calls++ {
		events, next, err := h.Activity(ctx, stranger, q)
		if err != nil {
			t.Fatal(err)
		}
		found += len(events)
		if q.Before = next; next == 0 {
			break
		}
	}
	if calls != 1 || found != 0 {
		t.Errorf("%d more calls, %d events", calls, found)
	}
}
