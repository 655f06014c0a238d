package store

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/zt"
)

func TestMembersAreListedCountedAndFound(t *testing.T) {
	s := openWithNetwork(t)
	other := testNetwork + 1
	change(t, s, func(tx *Tx) error {
		if err := tx.PutNetwork(model.NewNetwork(other, "owner", 1)); err != nil {
			return err
		}
		for i := range 8 {
			m := model.NewMember(testNetwork, testNode+zt.Address(7-i), 1)
			m.Authorized = i%2 == 0
			m.ActiveBridge = i < 5
			m.Hidden = i == 2
			if i == 4 {
				m.DeletedTime = 5
			}
			if i == 3 {
				m.LastDeauthorizedTime = 6
				m.Identity = "the identity"
			}
			if err := tx.PutMember(m); err != nil {
				return err
			}
		}
		return tx.PutMember(model.NewMember(other, testNode, 1))
	})
	ctx := t.Context()
	var listed []zt.Address
	err := s.Members(ctx, testNetwork, func(m *model.Member) error {
		listed = append(listed, m.Node-testNode)
		return nil
	})
	if want := []zt.Address{0, 1, 2, 4, 5, 6, 7}; err != nil || !slices.Equal(listed, want) {
		t.Errorf("listed %v, want %v: %v", listed, want, err)
	}
	counts, err := s.MemberCounts(ctx, testNetwork, other, other+1)
	if err != nil || len(counts) != 2 || counts[testNetwork] != (Counts{Authorized: 2, Total: 6}) || counts[other] != (Counts{Total: 1}) {
		t.Errorf("counts %v, %v", counts, err)
	}
	if counts, err := s.MemberCounts(ctx); err != nil || len(counts) != 0 {
		t.Errorf("counts of nothing %v, %v", counts, err)
	}
	bridges, err := s.ActiveBridges(ctx, testNetwork)
	if want := []zt.Address{testNode + 4, testNode + 5, testNode + 6, testNode + 7}; err != nil || !slices.Equal(bridges, want) {
		t.Errorf("bridges %v, want %v: %v", bridges, want, err)
	}
	out, err := s.DeauthorizedSince(ctx, 5)
	if err != nil || len(out) != 2 || out[0].Node != testNode+3 || out[1].Node != testNode+4 {
		t.Errorf("put out %v, %v", out, err)
	}
	if text, err := s.Identity(ctx, testNode+4); err != nil || text != "the identity" {
		t.Errorf("identity %q, %v", text, err)
	}
	networks, err := s.Networks(ctx)
	if err != nil || len(networks) != 2 || networks[0].ID != testNetwork || networks[1].ID != other {
		t.Errorf("networks %v, %v", networks, err)
	}
}

func TestWhatIsNotThere(t *testing.T) {
	s := open(t, t.TempDir()+"/orrery.db")
	ctx := t.Context()
	_, network := s.Network(ctx, testNetwork)
	_, member := s.Member(ctx, testNetwork, testNode)
	_, user := s.User(ctx, "nobody")
	_, token := s.TokenByHash(ctx, [32]byte{})
	_, identity := s.Identity(ctx, testNode)
	for i, err := range []error{network, member, user, token, identity} {
		if !errors.Is(err, ErrNotFound) {
			t.Errorf("%d: %v", i, err)
		}
	}
	if value, err := s.Meta(ctx, "key"); err != nil || value != "" {
		t.Errorf("meta %q, %v", value, err)
	}
	if at, err := s.SeenOf(ctx, testNetwork, testNode); err != nil || at.Time != 0 {
		t.Errorf("seen %v, %v", at, err)
	}
	if last, err := s.LastEvent(ctx); err != nil || last != 0 {
		t.Errorf("last event %d, %v", last, err)
	}
	// Asking for what is not there does not spoil a transaction.
	change(t, s, func(tx *Tx) error {
		_, member := tx.Member(testNetwork, testNode)
		_, held := tx.AddressHolder(testNetwork, netip.MustParseAddr("10.0.0.1"))
		if token := tx.DeleteToken([32]byte{}); !errors.Is(member, ErrNotFound) || held || !errors.Is(token, ErrNotFound) {
			t.Errorf("%v, %v, %v", member, held, token)
		}
		return tx.SetMeta("key", "value")
	})
	if value, err := s.Meta(ctx, "key"); err != nil || value != "value" {
		t.Errorf("meta %q, %v", value, err)
	}
}

func TestTokensAreDeleted(t *testing.T) {
	s := openWithNetwork(t)
	token := &model.Token{Hash: [32]byte{1}, UserID: "me", Name: "laptop"}
	change(t, s, func(tx *Tx) error {
		return errors.Join(tx.PutUser(&model.User{ID: "me"}), tx.PutToken(token))
	})
	change(t, s, func(tx *Tx) error { return tx.DeleteToken(token.Hash) })
	if _, err := s.TokenByHash(t.Context(), token.Hash); !errors.Is(err, ErrNotFound) {
		t.Errorf("a deleted token is found: %v", err)
	}
}

func TestSeenKeepsEndpointAndNewerRows(t *testing.T) {
	s := openWithNetwork(t)
	endpoint := netip.MustParseAddrPort("192.0.2.1:9993")
	first := model.Seen{Network: testNetwork, Node: testNode, Time: 5, Endpoint: endpoint, Version: model.Version{Major: 1, Minor: 14, Protocol: 13}}
	later := model.Seen{Network: testNetwork, Node: testNode, Time: 8, Version: model.Version{Major: 1, Minor: 16, Protocol: 13}}
	for _, at := range []model.Seen{first, later, first} {
		if err := s.SaveSeen(t.Context(), []model.Seen{at}); err != nil {
			t.Fatal(err)
		}
	}
	want := later
	want.Endpoint = endpoint
	if got, err := s.SeenOf(t.Context(), testNetwork, testNode); err != nil || got != want {
		t.Errorf("%+v, want %+v: %v", got, want, err)
	}
}

// SaveSeen and Update write through two connections and must not trip over each
// other.
func TestSeenBesideUpdates(t *testing.T) {
	s := openWithNetwork(t)
	const members, rounds = 3*seenPage + 7, 10
	ctx, cancel := context.WithCancel(t.Context())
	var updates sync.WaitGroup
	for range 4 {
		updates.Go(func() {
			for ctx.Err() == nil {
				if err := s.Update(context.Background(), func(tx *Tx) error { return tx.SetMeta("a", "1") }); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for round := range rounds {
		all := make([]model.Seen, members)
		for i := range all {
			all[i] = model.Seen{Network: testNetwork, Node: testNode + zt.Address(i), Time: int64(round + 1)}
		}
		if err := s.SaveSeen(t.Context(), all); err != nil {
			t.Error(err)
		}
	}
	cancel()
	updates.Wait()
	all, err := s.Seen(t.Context(), testNetwork)
	if err != nil || len(all) != members {
		t.Fatalf("%d rows, %v", len(all), err)
	}
	for _, at := range all {
		if at.Time != rounds || at.Network != testNetwork {
			t.Errorf("%+v", at)
		}
	}
}

func TestEventsComeInOrderAndWakeReaders(t *testing.T) {
	s := openWithNetwork(t)
	const callers, each = 20, 10
	var all sync.WaitGroup
	seen := make(chan []model.Event)
	go func() { // a reader as the controller is one
		var read []model.Event
		for position := int64(0); len(read) < callers*each; {
			changed := s.Changed()
			events, err := s.Events(context.Background(), position, 7)
			if err != nil {
				t.Error(err)
				break
			}
			if len(events) == 0 {
				<-changed
				continue
			}
			read = append(read, events...)
			position = events[len(events)-1].Seq
		}
		seen <- read
	}()
	for i := range callers {
		all.Go(func() {
			for j := range each {
				var given int64
				err := s.Update(t.Context(), func(tx *Tx) error {
					e := &model.Event{Time: int64(j), Node: testNode + zt.Address(i), Kind: model.MemberUpdated}
					err := tx.AppendEvent(e)
					given = e.Seq
					if j%3 == 2 {
						return errors.Join(err, errors.New("no"))
					}
					return err
				})
				if (err != nil) != (j%3 == 2) {
					t.Error(err)
				}
				if err != nil { // in place of the refused one
					change(t, s, func(tx *Tx) error {
						return tx.AppendEvent(&model.Event{Time: int64(j), Node: testNode + zt.Address(i), Kind: model.MemberUpdated})
					})
				} else if given == 0 {
					t.Error("no number was given")
				}
			}
		})
	}
	all.Wait()
	next := make(map[zt.Address]int64)
	for i, e := range <-seen {
		if e.Seq != int64(i+1) {
			t.Fatalf("event %d has number %d", i, e.Seq)
		}
		if e.Time != next[e.Node] {
			t.Fatalf("%v: event %d came when %d was due", e.Node, e.Time, next[e.Node])
		}
		next[e.Node]++
	}
	quiet := s.Changed()
	change(t, s, func(tx *Tx) error { return tx.SetMeta("a", "1") })
	if err := s.Update(t.Context(), func(tx *Tx) error {
		return errors.Join(tx.AppendEvent(&model.Event{}), errors.New("no"))
	}); err == nil {
		t.Error("stored")
	}
	select {
	case <-quiet:
		t.Error("readers were woken without an event")
	default:
	}
}

func TestPruningKeepsNumbers(t *testing.T) {
	s := openWithNetwork(t)
	const events = prunePage + 20
	change(t, s, func(tx *Tx) error {
		for i := range events {
			if err := tx.AppendEvent(&model.Event{Time: int64(i)}); err != nil {
				return err
			}
		}
		return nil
	})
	if err := s.PruneEvents(t.Context(), events-5); err != nil {
		t.Fatal(err)
	}
	left, err := s.Events(t.Context(), 0, events)
	if err != nil || len(left) != 5 || left[0].Seq != events-4 {
		t.Errorf("%d events left, %v", len(left), err)
	}
	if err := s.PruneEvents(t.Context(), events); err != nil {
		t.Fatal(err)
	}
	if last, err := s.LastEvent(t.Context()); err != nil || last != events {
		t.Errorf("last event %d, %v", last, err)
	}
	e := &model.Event{}
	change(t, s, func(tx *Tx) error { return tx.AppendEvent(e) })
	if e.Seq != events+1 {
		t.Errorf("a pruned number was given again: %d", e.Seq)
	}
}

// Lists that slow clients take must not keep others from reading, the
// controller above all.
func TestSlowListsHoldUpNobody(t *testing.T) {
	s := openWithNetwork(t)
	change(t, s, func(tx *Tx) error {
		for i := range zt.Address(2*membersPage + 1) {
			if err := tx.PutMember(model.NewMember(testNetwork, testNode+i, 1)); err != nil {
				return err
			}
		}
		return nil
	})
	const lists = 100
	var begun, ended sync.WaitGroup
	release := make(chan struct{})
	begun.Add(lists)
	for range lists {
		ended.Go(func() {
			begin := sync.OnceFunc(begun.Done)
			var listed []zt.Address
			err := s.Members(t.Context(), testNetwork, func(m *model.Member) error {
				listed = append(listed, m.Node)
				begin()
				<-release
				return nil
			})
			if err != nil || len(listed) != 2*membersPage+1 || !slices.IsSorted(listed) {
				t.Errorf("%d members, %v", len(listed), err)
			}
		})
	}
	all := make(chan struct{})
	go func() { begun.Wait(); close(all) }()
	select {
	case <-all:
	case <-time.After(10 * time.Second):
		t.Error("lists wait for each other")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, err := s.LastEvent(ctx); err != nil {
		t.Errorf("while clients read lists: %v", err)
	}
	close(release)
	ended.Wait()
}

func TestListsStopAtAnError(t *testing.T) {
	s := openWithNetwork(t)
	const members = 3*membersPage + 1
	change(t, s, func(tx *Tx) error {
		for i := range zt.Address(members) {
			if err := tx.PutMember(model.NewMember(testNetwork, testNode+i, 1)); err != nil {
				return err
			}
		}
		return nil
	})
	errMine := errors.New("mine")
	for _, last := range []int{1, membersPage, membersPage + 1, members} {
		listed := 0
		err := s.Members(t.Context(), testNetwork, func(*model.Member) error {
			if listed++; listed == last {
				return errMine
			}
			return nil
		})
		if err != errMine || listed != last {
			t.Errorf("ended after %d, want %d: %v", listed, last, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	listed := 0
	err := s.Members(ctx, testNetwork, func(*model.Member) error { listed++; cancel(); return nil })
	if !errors.Is(err, context.Canceled) || listed == members {
		t.Errorf("ended after %d: %v", listed, err)
	}
	// What was read ahead in vain holds nothing of the database.
	if inUse := s.readDB.Stats().InUse; inUse != 0 {
		t.Errorf("%d connections are in use", inUse)
	}
}

func TestNamedMembers(t *testing.T) {
	s := openWithNetwork(t)
	const members = 2*namedMembers + 5
	var nodes []zt.Address
	change(t, s, func(tx *Tx) error {
		for i := range zt.Address(members) {
			m := model.NewMember(testNetwork, testNode+2*i, 1)
			if i%7 == 0 {
				m.DeletedTime = 3
			}
			if err := tx.PutMember(m); err != nil {
				return err
			}
			nodes = append(nodes, m.Node, m.Node+1) // the second one is not there
		}
		return nil
	})
	found, err := s.MembersByNode(t.Context(), testNetwork, nodes)
	if err != nil || len(found) != members {
		t.Fatalf("%d members, want %d: %v", len(found), members, err)
	}
	slices.SortFunc(found, func(a, b *model.Member) int { return int(a.Node) - int(b.Node) })
	for i, m := range found {
		if m.Node != testNode+2*zt.Address(i) || (m.DeletedTime == 3) != (i%7 == 0) {
			t.Errorf("%d: %+v", i, m)
		}
	}
	for _, none := range [][]zt.Address{nil, {testNode + 1}} {
		if found, err := s.MembersByNode(t.Context(), testNetwork, none); err != nil || len(found) != 0 {
			t.Errorf("%v: %v, %v", none, found, err)
		}
	}
	if found, err := s.MembersByNode(t.Context(), testNetwork+1, nodes); err != nil || len(found) != 0 {
		t.Errorf("on another network: %v, %v", found, err)
	}
}

func TestReadsEndWithTheirContext(t *testing.T) {
	s := openWithNetwork(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Networks(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if err := s.SaveSeen(ctx, []model.Seen{{Network: testNetwork, Node: testNode}}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
