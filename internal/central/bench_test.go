package central

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/zt"
)

const benchMembers = 10_000

func BenchmarkAuthenticate(b *testing.B) {
	h := newHouse(b, nobody{})
	from := netip.MustParseAddr("198.51.100.7")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := h.Authenticate(context.Background(), h.token, from); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkNetwork(b *testing.B) {
	h := newHouse(b, nobody{})
	id := h.fillNetwork(b, benchMembers)
	b.ReportAllocs()
	for b.Loop() {
		if n, err := h.Network(context.Background(), h.owner, id); err != nil || n.Total != benchMembers {
			b.Fatal(n.Total, err)
		}
	}
}

// BenchmarkNetworkBesideWrites reads a network of which nothing changes, while
// another one does.
func BenchmarkNetworkBesideWrites(b *testing.B) {
	h := newHouse(b, nobody{})
	id, other := h.fillNetwork(b, benchMembers), h.newNetwork(b)
	member := model.NewMember(other, testNode, 1)
	for b.Loop() {
		b.StopTimer()
		h.foreignWrite(b, member)
		b.StartTimer()
		if _, err := h.Network(context.Background(), h.owner, id); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMembers(b *testing.B) {
	h := newHouse(b, nobody{})
	id := h.fillNetwork(b, benchMembers)
	b.ReportAllocs()
	for b.Loop() {
		count := 0
		err := h.Members(context.Background(), h.owner, id, func(model.MemberStatus) error { count++; return nil })
		if err != nil || count != benchMembers {
			b.Fatal(count, err)
		}
	}
}

// BenchmarkFirstMembers reads the roster from the store, which every first
// reader of a network waits for.
func BenchmarkFirstMembers(b *testing.B) {
	h := newHouse(b, nobody{})
	id := h.fillNetwork(b, benchMembers)
	for b.Loop() {
		h.views = newViews(h.store, h.now)
		if _, err := h.views.latest(context.Background(), id, theMembers); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkMembersAfterAChange brings a roster up to date with one member.
func BenchmarkMembersAfterAChange(b *testing.B) {
	h := newHouse(b, nobody{})
	id := h.fillNetwork(b, benchMembers)
	if _, err := h.views.latest(context.Background(), id, theMembers); err != nil {
		b.Fatal(err)
	}
	member := model.NewMember(id, 77, 1)
	for b.Loop() {
		b.StopTimer()
		h.foreignWrite(b, member)
		b.StartTimer()
		if _, err := h.views.latest(context.Background(), id, theMembers); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMemberPage(b *testing.B) {
	h := newHouse(b, nobody{})
	id := h.fillNetwork(b, benchMembers)
	online := true
	rows := make([]model.Seen, benchMembers/2)
	for i := range rows {
		rows[i] = model.Seen{Network: id, Node: zt.Address(2*i + 1), Time: int64(i * 7919 % benchMembers), Endpoint: netip.MustParseAddrPort("203.0.113.5:9993")}
	}
	if err := h.store.SaveSeen(context.Background(), rows); err != nil {
		b.Fatal(err)
	}
	for _, q := range []struct {
		name string
		MemberQuery
	}{
		{"node", MemberQuery{Sort: SortNode}},
		{"name", MemberQuery{Sort: SortName}},
		{"created", MemberQuery{Sort: SortCreated}},
		{"lastSeen", MemberQuery{Sort: SortLastSeen, Descending: true}},
		{"address", MemberQuery{Sort: SortAddress}},
		{"text", MemberQuery{Text: "member 12"}},
		{"address text", MemberQuery{Text: "203.0", Sort: SortName}},
		{"online", MemberQuery{Online: &online}},
	} {
		b.Run(q.name, func(b *testing.B) {
			q.Limit = 100
			if _, err := h.MemberPage(context.Background(), h.owner, id, q.MemberQuery); err != nil {
				b.Fatal(err)
			}
			longest := time.Duration(0)
			b.ReportAllocs()
			for b.Loop() {
				begin := time.Now()
				if _, err := h.MemberPage(context.Background(), h.owner, id, q.MemberQuery); err != nil {
					b.Fatal(err)
				}
				longest = max(longest, time.Since(begin))
			}
			b.ReportMetric(float64(longest.Microseconds()), "µs-longest")
		})
	}
}

func BenchmarkAuthorize(b *testing.B) {
	h := newHouse(b, nobody{})
	id := h.fillNetwork(b, benchMembers)
	for b.Loop() {
		_, err := h.UpdateMember(context.Background(), h.owner, id, 77, func(m *model.Member) error { m.Authorized = !m.Authorized; return nil })
		if err != nil {
			b.Fatal(err)
		}
	}
}
