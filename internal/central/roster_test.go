package central

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/internal/store"
	"github.com/orrery-net/orrery/zt"
)

// fillNetwork makes a network of the owner's with so many members, nodes 1 to
// count, every second one authorized.
func (h house) fillNetwork(t testing.TB, count int) zt.NetworkID {
	t.Helper()
	id := h.newNetwork(t)
	all := make([]*model.Member, count)
	for i := range all {
		m := model.NewMember(id, zt.Address(i+1), testNow+int64(i*7919%count))
		m.Name = fmt.Sprintf("Member %d of Anything", i*7907%count)
		m.Description = "somewhere"
		m.Authorized = i%2 == 0
		m.Identity = fmt.Sprintf("%s:0:%0128x", m.Node, i)
		if i%3 != 0 {
			m.Addresses = append(m.Addresses, netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}))
		}
		all[i] = m
	}
	for part := range slices.Chunk(all, 1000) {
		h.foreignWrite(t, part...)
	}
	return id
}

// checkReads compares everything that a service tells of a network with what
// the store holds.
func (h house) checkReads(t interface {
	Helper()
	Fatalf(string, ...any)
}, id zt.NetworkID) {
	t.Helper()
	ctx := context.Background()
	record, err := h.store.Network(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		_, err := h.Network(ctx, h.owner, id)
		if kindOf(err) != NotFound {
			t.Fatalf("a deleted network: %v", err)
		}
		return
	}
	if err != nil {
		t.Fatalf("%v", err)
	}
	var stored, listed []*model.Member
	if err := h.store.Members(ctx, id, func(m *model.Member) error { stored = append(stored, m); return nil }); err != nil {
		t.Fatalf("%v", err)
	}
	counts, err := h.store.MemberCounts(ctx, id)
	if err != nil {
		t.Fatalf("%v", err)
	}
	n, err := h.Network(ctx, h.owner, id)
	if err != nil || !reflect.DeepEqual(n.Network, record) || n.Total != counts[id].Total || n.Authorized != counts[id].Authorized {
		t.Fatalf("network %+v with %d of %d, %v; stored is %+v with %+v", n.Network, n.Authorized, n.Total, err, record, counts[id])
	}
	networks, err := h.Networks(ctx, h.owner)
	i := slices.IndexFunc(networks, func(n NetworkStatus) bool { return n.ID == id })
	if err != nil || i < 0 || !reflect.DeepEqual(networks[i], n) {
		t.Fatalf("networks[%d] of %d, %v", i, len(networks), err)
	}
	for _, m := range stored {
		if got, err := h.Member(ctx, h.owner, id, m.Node); err != nil || !reflect.DeepEqual(got.Member, m) {
			t.Fatalf("member %+v, %v; stored is %+v", got.Member, err, m)
		}
	}
	err = h.Members(ctx, h.owner, id, func(m model.MemberStatus) error { listed = append(listed, m.Member); return nil })
	if err != nil || !reflect.DeepEqual(listed, stored) {
		t.Fatalf("%d members, %v; stored are %d", len(listed), err, len(stored))
	}
	page, err := h.MemberPage(ctx, h.owner, id, MemberQuery{Limit: MaxMemberPage})
	if err != nil || page.Total != len(stored) {
		t.Fatalf("a page of %d, %v; stored are %d", page.Total, err, len(stored))
	}
}

// TestReadsAreWhatIsStored changes networks in every way, by the service and
// past it, with room in memory for all, for some or for none of it.
func TestReadsAreWhatIsStored(t *testing.T) {
	h := newHouse(t, nobody{})
	ctx := context.Background()
	rapid.Check(t, func(t *rapid.T) {
		h.views = newViews(h.store, h.now)
		h.views.most = rapid.SampledFrom([]int{viewsSize, 15_000, 0}).Draw(t, "bytes")
		ids := make([]zt.NetworkID, 2)
		for i := range ids {
			n, err := h.CreateNetwork(ctx, h.owner, func(*model.Network) error { return nil })
			if err != nil {
				t.Fatal(err)
			}
			ids[i] = n.ID
		}
		network := func(t *rapid.T) zt.NetworkID { return rapid.SampledFrom(ids).Draw(t, "network") }
		node := func(t *rapid.T) zt.Address { return zt.Address(rapid.IntRange(1, 8).Draw(t, "node")) }
		allow := func(err error) {
			if err != nil && kindOf(err) != NotFound {
				t.Fatal(err)
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"": func(t *rapid.T) {
				for _, id := range ids {
					h.checkReads(t, id)
				}
			},
			"change member": func(t *rapid.T) {
				_, err := h.UpdateMember(ctx, h.owner, network(t), node(t), func(m *model.Member) error {
					m.Authorized, m.Hidden = rapid.Bool().Draw(t, "authorized"), rapid.Bool().Draw(t, "hidden")
					return nil
				})
				allow(err)
			},
			"delete member": func(t *rapid.T) { allow(h.DeleteMember(ctx, h.owner, network(t), node(t))) },
			"change many": func(t *rapid.T) {
				do := rapid.SampledFrom([]BulkAction{BulkAuthorize, BulkDeauthorize, BulkDelete}).Draw(t, "do")
				_, err := h.ChangeMembers(ctx, h.owner, network(t), []zt.Address{node(t), 9, 10}, do)
				allow(err)
			},
			"change network": func(t *rapid.T) {
				_, err := h.UpdateNetwork(ctx, h.owner, network(t), func(n *model.Network) error { n.Name += "x"; return nil })
				allow(err)
			},
			"delete network": func(t *rapid.T) {
				if rapid.IntRange(0, 9).Draw(t, "once in a while") == 0 {
					allow(h.DeleteNetwork(ctx, h.owner, network(t)))
				}
			},
			"write past the service": func(t *rapid.T) {
				id, node := network(t), node(t)
				err := h.store.Update(ctx, func(tx *store.Tx) error {
					if _, err := tx.Network(id); errors.Is(err, store.ErrNotFound) {
						return nil
					}
					for i := range rapid.IntRange(1, 3).Draw(t, "members") {
						m := model.NewMember(id, node+zt.Address(i), 1)
						m.Authorized = rapid.Bool().Draw(t, "authorized")
						if err := tx.PutMember(m); err != nil {
							return err
						}
						e := model.Event{Kind: model.MemberJoined, Network: id, Node: m.Node, Actor: model.ActorController}
						if err := tx.AppendEvent(&e); err != nil {
							return err
						}
					}
					return nil
				})
				if err != nil {
					t.Fatal(err)
				}
			},
			"prune events": func(t *rapid.T) {
				if err := h.store.PruneEvents(ctx, testNow+1); err != nil {
					t.Fatal(err)
				}
			},
		})
		for _, id := range ids {
			allow(h.DeleteNetwork(ctx, h.owner, id))
		}
	})
}

// TestReadsWhileOthersWrite has every reader see at least what was written
// before it began.
func TestReadsWhileOthersWrite(t *testing.T) {
	h := newHouse(t, nobody{})
	ctx := context.Background()
	id := h.fillNetwork(t, 100)
	var all sync.WaitGroup
	for w := range 4 {
		all.Go(func() {
			node := zt.Address(w + 1)
			for i := range 20 {
				wanted := fmt.Sprint("name ", i)
				_, err := h.UpdateMember(ctx, h.owner, id, node, func(m *model.Member) error { m.Name = wanted; return nil })
				if err != nil {
					t.Error(err)
				}
				err = h.Members(ctx, h.owner, id, func(m model.MemberStatus) error {
					if m.Member.Node == node && m.Member.Name != wanted {
						t.Errorf("%q was written, %q is read", wanted, m.Member.Name)
					}
					return nil
				})
				if err != nil {
					t.Error(err)
				}
				if _, err := h.MemberPage(ctx, h.owner, id, MemberQuery{Limit: 5, Text: "name"}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	h.checkReads(t, id)
}

// TestAWriteDuringALoad changes a member whose page of a long list was read
// already.
func TestAWriteDuringALoad(t *testing.T) {
	h := newHouse(t, nobody{})
	ctx := context.Background()
	id := h.fillNetwork(t, 3000)
	for round := range 5 {
		h.views = newViews(h.store, h.now)
		loaded := make(chan error)
		go func() {
			_, err := h.views.latest(ctx, id, theMembers)
			loaded <- err
		}()
		wanted := fmt.Sprint("round ", round)
		for node := zt.Address(1); node <= 3; node++ {
			if _, err := h.UpdateMember(ctx, h.owner, id, node, func(m *model.Member) error { m.Name = wanted; return nil }); err != nil {
				t.Fatal(err)
			}
		}
		if err := <-loaded; err != nil {
			t.Fatal(err)
		}
		for node := zt.Address(1); node <= 3; node++ {
			if m, err := h.Member(ctx, h.owner, id, node); err != nil || m.Member.Name != wanted {
				t.Errorf("%q was written, %q is read, %v", wanted, m.Member.Name, err)
			}
		}
	}
}

func TestManyChangesReadTheRosterAnew(t *testing.T) {
	h := newHouse(t, nobody{})
	id := h.fillNetwork(t, catchUpMost+10)
	h.checkReads(t, id)
	var all []*model.Member
	for i := range catchUpMost + 5 {
		all = append(all, model.NewMember(id, zt.Address(2*i+1), 1))
	}
	h.foreignWrite(t, all...)
	h.checkReads(t, id)
}

func TestWaitingForTheStoreCanBeGivenUp(t *testing.T) {
	h := newHouse(t, nobody{})
	id := h.newNetwork(t)
	place := h.views.enter(id)
	place.loading <- struct{}{}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := h.views.latest(ctx, id, theMembers); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	<-place.loading
	if _, err := h.Network(context.Background(), h.owner, id); err != nil {
		t.Errorf("after a reader gave up: %v", err)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	h := newHouse(t, nobody{})
	ctx := context.Background()
	ids := []zt.NetworkID{h.fillNetwork(t, 50), h.fillNetwork(t, 50), h.fillNetwork(t, 50)}
	held := func() (all []bool) {
		for _, id := range ids {
			all = append(all, h.views.holdsMembers(id))
		}
		return all
	}
	h.views = newViews(h.store, h.now)
	h.checkReads(t, ids[0])
	one := h.views.size
	h.views.most = 2*one + one/2
	h.checkReads(t, ids[1])
	h.checkReads(t, ids[0])
	h.checkReads(t, ids[2])
	if got := held(); !slices.Equal(got, []bool{true, false, true}) || h.views.size > h.views.most || h.views.size < 2*one*9/10 {
		t.Errorf("held are %v, %d of %d bytes", got, h.views.size, h.views.most)
	}
	for range 100 {
		if _, err := h.Network(ctx, h.owner, zt.NetworkID(rand.Uint64())); kindOf(err) != NotFound {
			t.Error(err)
		}
	}
	if len(h.views.byID) != 2 || h.views.recent.Len() != 2 {
		t.Errorf("%d networks are held", len(h.views.byID))
	}
	h.views = newViews(h.store, h.now)
	h.views.most = 10 * emptyView
	gone, cancel := context.WithCancel(ctx)
	cancel()
	for range 100 { // who asks leaves before there is an answer
		if _, err := h.Network(gone, h.owner, zt.NetworkID(rand.Uint64())); err == nil {
			t.Error("a network was found")
		}
	}
	if len(h.views.byID) > 10 || h.views.recent.Len() != len(h.views.byID) || h.views.size != emptyView*len(h.views.byID) {
		t.Errorf("%d places for nothing, %d bytes", len(h.views.byID), h.views.size)
	}
	h.views.most = one
	h.checkReads(t, ids[1])
	if got := held(); !slices.Equal(got, []bool{false, false, false}) {
		t.Errorf("held are %v, with no room for one", got)
	}
}

// TestStoredTimesAreReadAgain has a member seen by a controller that then
// forgets it.
func TestStoredTimesAreReadAgain(t *testing.T) {
	h := newHouse(t, nobody{})
	ctx := context.Background()
	id := h.fillNetwork(t, 3)
	read := func() int64 {
		page, err := h.MemberPage(ctx, h.owner, id, MemberQuery{Limit: 1, Sort: SortLastSeen, Descending: true})
		if err != nil {
			t.Fatal(err)
		}
		return page.Members[0].Seen.Time
	}
	if got := read(); got != 0 {
		t.Errorf("seen at %d", got)
	}
	if err := h.store.SaveSeen(ctx, []model.Seen{{Network: id, Node: 2, Time: 77}}); err != nil {
		t.Fatal(err)
	}
	h.clock.Add(seenAgain.Milliseconds())
	if got := read(); got != 77 {
		t.Errorf("seen at %d after a while", got)
	}
}
