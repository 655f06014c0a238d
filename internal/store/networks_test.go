package store

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/zt"
)

// TestNetworksOfUsersAgainstAMap stores networks again and again, with other
// owners, grants and fates, and asks whose they are.
func TestNetworksOfUsersAgainstAMap(t *testing.T) {
	s := openWithNetwork(t)
	stored := make(map[zt.NetworkID]*model.Network)
	users := []string{"a", "b", "c", ""}
	rapid.Check(t, func(t *rapid.T) {
		id := testNetwork + 1 + zt.NetworkID(rapid.IntRange(0, 9).Draw(t, "network"))
		n := model.NewNetwork(id, rapid.SampledFrom(users).Draw(t, "owner"), 1)
		for _, user := range rapid.SliceOfDistinct(rapid.SampledFrom(users), rapid.ID).Draw(t, "grants") {
			if n.Grants == nil {
				n.Grants = make(map[string]model.Rights)
			}
			n.Grants[user] = model.Rights{Read: rapid.Bool().Draw(t, "read")}
		}
		n.DeletedTime = rapid.SampledFrom([]int64{0, 0, 7}).Draw(t, "deleted")
		stored[id] = n
		err := s.Update(t.Context(), func(tx *Tx) error {
			if err := tx.PutNetwork(n); err != nil {
				return err
			}
			return checkOwned(tx, stored, users)
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, user := range users {
			want := networksWhere(stored, func(n *model.Network) bool {
				_, granted := n.Grants[user]
				return user != "" && (n.OwnerID == user || granted)
			})
			got, err := s.NetworksFor(t.Context(), user)
			if err != nil || !slices.Equal(idsOf(got), want) {
				t.Fatalf("networks for %q: %v, want %v: %v", user, idsOf(got), want, err)
			}
		}
	})
}

func checkOwned(tx *Tx, stored map[zt.NetworkID]*model.Network, users []string) error {
	for _, user := range users {
		want := networksWhere(stored, func(n *model.Network) bool { return user != "" && n.OwnerID == user })
		got, err := tx.NetworksOf(user)
		if err != nil || !slices.Equal(idsOf(got), want) {
			return fmt.Errorf("networks of %q: %v, want %v: %w", user, idsOf(got), want, err)
		}
	}
	return nil
}

func networksWhere(stored map[zt.NetworkID]*model.Network, is func(*model.Network) bool) []zt.NetworkID {
	var ids []zt.NetworkID
	for id, n := range stored {
		if n.DeletedTime == 0 && is(n) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

func idsOf(networks []*model.Network) []zt.NetworkID {
	var ids []zt.NetworkID
	for _, n := range networks {
		ids = append(ids, n.ID)
	}
	return ids
}
