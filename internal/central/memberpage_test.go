package central

import (
	"cmp"
	"context"
	"encoding/base64"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/zt"
)

// crowd is a presence that knows some members of all networks by node.
type crowd struct {
	nobody
	seen map[zt.Address]model.Seen
}

func (c crowd) Seen(_ zt.NetworkID, node zt.Address) (model.Seen, bool) {
	at, ok := c.seen[node]
	return at, ok
}

func (c crowd) Online(_ zt.NetworkID, node zt.Address) bool { return c.seen[node].Time > 100 }

// pages reads all pages of a query.
func (h house) pages(t interface{ Fatalf(string, ...any) }, id zt.NetworkID, q MemberQuery) (nodes []zt.Address) {
	for {
		page, err := h.MemberPage(context.Background(), h.owner, id, q)
		if err != nil {
			t.Fatalf("%+v: %v", q, err)
		}
		if len(page.Members) > q.Limit || page.Next != "" && len(page.Members) < q.Limit {
			t.Fatalf("%+v: a page of %d", q, len(page.Members))
		}
		for _, m := range page.Members {
			nodes = append(nodes, m.Member.Node)
		}
		if q.Cursor = page.Next; q.Cursor == "" {
			if page.Total != len(nodes) {
				t.Fatalf("%+v: %d members, said to be %d", q, len(nodes), page.Total)
			}
			return nodes
		}
	}
}

// TestPagesAgainstSorting compares pages with sorting and filtering all members
// in the plainest way.
func TestPagesAgainstSorting(t *testing.T) {
	presence := crowd{seen: make(map[zt.Address]model.Seen)}
	h := newHouse(t, presence)
	id := h.newNetwork(t)
	names := []string{"", "ann", "Ann", "BEN", "zoë", "Zoë", "a4"}
	var members []*model.Member
	var stored []model.Seen
	for i := range 60 {
		m := model.NewMember(id, zt.Address(0xa000000000+i*i), int64(i%7))
		m.Name, m.Description = names[i%len(names)], []string{"", "In The Attic"}[i%2]
		m.Authorized, m.Hidden = i%3 == 0, i%11 == 0
		for a := range i % 4 {
			m.Addresses = append(m.Addresses, netip.AddrFrom4([4]byte{10, 0, byte(i % 5), byte(a)}))
		}
		if i%13 == 0 {
			m.Addresses = []netip.Addr{netip.MustParseAddr(fmt.Sprintf("fd00::%x", i))}
		}
		at := model.Seen{Network: id, Node: m.Node, Time: int64(i * 37 % 200), Endpoint: netip.MustParseAddrPort(fmt.Sprintf("203.0.113.%d:9993", i))}
		switch i % 3 {
		case 0:
			stored = append(stored, at)
		case 1:
			presence.seen[m.Node] = at
		}
		members = append(members, m)
	}
	h.foreignWrite(t, members...)
	if err := h.store.SaveSeen(context.Background(), stored); err != nil {
		t.Fatal(err)
	}
	all := make([]model.MemberStatus, 0, len(members))
	for _, m := range members {
		at, known := presence.seen[m.Node]
		if !known {
			i := slices.IndexFunc(stored, func(s model.Seen) bool { return s.Node == m.Node })
			if i >= 0 {
				at = stored[i]
			}
		}
		all = append(all, model.MemberStatus{Member: m, Seen: at, Online: presence.Online(id, m.Node)})
	}

	maybe := rapid.SampledFrom([]*bool{nil, new(bool), ptr(true)})
	rapid.Check(t, func(t *rapid.T) {
		q := MemberQuery{
			Limit:      rapid.IntRange(1, 70).Draw(t, "limit"),
			Text:       rapid.SampledFrom([]string{"", "an", "ATTIC", "Ë", "a4", "10.0.3", "fd00", "113.5", "00000000a", "9993", "nowhere"}).Draw(t, "text"),
			Online:     maybe.Draw(t, "online"),
			Authorized: maybe.Draw(t, "authorized"),
			Hidden:     maybe.Draw(t, "hidden"),
		}
		h.views.most = rapid.SampledFrom([]int{viewsSize, 0}).Draw(t, "bytes")
		for _, q.Sort = range []MemberSort{"", SortNode, SortName, SortCreated, SortLastSeen, SortAddress} {
			for _, q.Descending = range []bool{false, true} {
				if got, want := h.pages(t, id, q), plainPages(all, q); !slices.Equal(got, want) {
					t.Fatalf("%+v:\ngot  %v\nwant %v", q, got, want)
				}
			}
		}
	})
}

func ptr(b bool) *bool { return &b }

func plainPages(all []model.MemberStatus, q MemberQuery) (nodes []zt.Address) {
	var found []model.MemberStatus
	for _, m := range all {
		text := []string{m.Member.Name, m.Member.Description, m.Member.Node.String()}
		for _, a := range m.Member.Addresses {
			text = append(text, a.String())
		}
		if m.Seen.Endpoint.IsValid() {
			text = append(text, m.Seen.Endpoint.Addr().String())
		}
		if (q.Online == nil || m.Online == *q.Online) && (q.Authorized == nil || m.Member.Authorized == *q.Authorized) &&
			(q.Hidden == nil || m.Member.Hidden == *q.Hidden) && strings.Contains(strings.ToLower(strings.Join(text, "\n")), strings.ToLower(q.Text)) {
			found = append(found, m)
		}
	}
	slices.SortFunc(found, func(a, b model.MemberStatus) int {
		var order int
		switch q.Sort {
		case SortName:
			order = strings.Compare(strings.ToLower(a.Member.Name), strings.ToLower(b.Member.Name))
		case SortCreated:
			order = cmp.Compare(a.Member.CreationTime, b.Member.CreationTime)
		case SortLastSeen:
			order = cmp.Compare(a.Seen.Time, b.Seen.Time)
		case SortAddress:
			switch none, other := len(a.Member.Addresses) == 0, len(b.Member.Addresses) == 0; {
			case none && !other:
				return 1
			case !none && other:
				return -1
			case !none:
				order = a.Member.Addresses[0].Compare(b.Member.Addresses[0])
			}
		}
		order = cmp.Or(order, cmp.Compare(a.Member.Node, b.Member.Node))
		if q.Descending {
			return -order
		}
		return order
	})
	for _, m := range found {
		nodes = append(nodes, m.Member.Node)
	}
	return nodes
}

// TestPagesAreStable changes, adds and deletes members between pages: those that
// stay as they are must come exactly once.
func TestPagesAreStable(t *testing.T) {
	h := newHouse(t, nobody{})
	ctx := context.Background()
	for _, order := range []MemberSort{SortNode, SortName, SortCreated, SortAddress} {
		id := h.fillNetwork(t, 60)
		times := make(map[zt.Address]int)
		q := MemberQuery{Limit: 7, Sort: order}
		for turn := 0; ; turn++ {
			page, err := h.MemberPage(ctx, h.owner, id, q)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range page.Members {
				times[m.Member.Node]++
			}
			if q.Cursor = page.Next; q.Cursor == "" {
				break
			}
			node := zt.Address(3*turn%60 + 1)
			if turn%2 == 0 {
				err = h.DeleteMember(ctx, h.owner, id, node)
			} else {
				_, err = h.UpdateMember(ctx, h.owner, id, node, func(m *model.Member) error {
					m.Name, m.Addresses = "renamed", []netip.Addr{netip.AddrFrom4([4]byte{10, 9, 9, byte(turn)})}
					return nil
				})
			}
			if err != nil {
				t.Fatal(err)
			}
			added := model.NewMember(id, zt.Address(1000-turn), testNow+int64(turn))
			h.foreignWrite(t, added)
		}
		for node := zt.Address(1); node <= 60; node++ {
			m, err := h.Member(ctx, h.owner, id, node)
			if kindOf(err) == NotFound || err == nil && m.Member.Name == "renamed" {
				continue
			}
			if err != nil || times[node] != 1 {
				t.Errorf("by %s: %s came %d times, %v", order, node, times[node], err)
			}
		}
	}
}

func TestBadPageQueries(t *testing.T) {
	h := newHouse(t, nobody{})
	ctx := context.Background()
	id, other := h.fillNetwork(t, 5), h.fillNetwork(t, 5)
	page, err := h.MemberPage(ctx, h.owner, id, MemberQuery{Limit: 2, Sort: SortName})
	if err != nil || page.Next == "" {
		t.Fatalf("%+v, %v", page, err)
	}
	encoded := base64.RawURLEncoding.EncodeToString
	for name, q := range map[string]MemberQuery{
		"no limit":              {},
		"too high a limit":      {Limit: MaxMemberPage + 1},
		"an unknown order":      {Limit: 1, Sort: "size"},
		"a long text":           {Limit: 1, Text: strings.Repeat("x", maxFilterLen+1)},
		"a cursor of an order":  {Limit: 2, Cursor: page.Next},
		"a cursor of a text":    {Limit: 2, Sort: SortName, Text: "x", Cursor: page.Next},
		"a cursor of a filter":  {Limit: 2, Sort: SortName, Online: new(bool), Cursor: page.Next},
		"a cursor of direction": {Limit: 2, Sort: SortName, Descending: true, Cursor: page.Next},
		"no cursor at all":      {Limit: 2, Sort: SortName, Cursor: "%"},
		"no JSON":               {Limit: 2, Sort: SortName, Cursor: encoded([]byte("{"))},
		"a huge cursor":         {Limit: 2, Sort: SortName, Cursor: strings.Repeat("a", 1<<20)},
		"a bad address":         {Limit: 2, Sort: SortName, Cursor: encoded([]byte(`{"address":"x"}`))},
	} {
		_, err := h.MemberPage(ctx, h.owner, id, q)
		want(t, name, err, Invalid)
	}
	_, err = h.MemberPage(ctx, h.owner, other, MemberQuery{Limit: 2, Sort: SortName, Cursor: page.Next})
	want(t, "a cursor of another network", err, Invalid)
	_, err = h.MemberPage(ctx, h.owner, id, MemberQuery{Limit: 3, Sort: SortName, Cursor: page.Next})
	want(t, "another limit", err, Internal)
}

func TestLowerCase(t *testing.T) {
	text := rapid.StringOf(rapid.RuneFrom([]rune("aAbBzZ09 éÉßẞİıſKkΣςΩ")))
	rapid.Check(t, func(t *rapid.T) {
		a, b := text.Draw(t, "a"), text.Draw(t, "b")
		if got, want := compareLower(a, b), strings.Compare(strings.ToLower(a), strings.ToLower(b)); got != want {
			t.Errorf("%q and %q: %d, want %d", a, b, got, want)
		}
		if got, want := string(appendLower([]byte("x"), a)), "x"+strings.ToLower(a); got != want {
			t.Errorf("%q becomes %q, want %q", a, got, want)
		}
	})
}
