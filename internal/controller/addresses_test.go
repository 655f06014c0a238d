package controller

import (
	_ "embed"
	"encoding/json"
	"net/netip"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/zt"
)

//go:embed testdata/vl2-ipassign.json
var assignmentCases []byte

// assignmentCase is one run of the reference controller.
type assignmentCase struct {
	Name    string       `json:"name"`
	Network zt.NetworkID `json:"network_id"`
	Node    zt.Address   `json:"node"`
	Config  struct {
		V4     model.V4AssignMode `json:"v4AssignMode"`
		V6     model.V6AssignMode `json:"v6AssignMode"`
		Pools  []model.Pool       `json:"ipAssignmentPools"`
		Routes []struct {
			Target netip.Prefix `json:"target"`
			Via    *netip.Addr  `json:"via"`
		} `json:"routes"`
	} `json:"network"`
	Member struct {
		NoAutoAssignIPs bool         `json:"noAutoAssignIps"`
		Addresses       []netip.Addr `json:"ipAssignments"`
	} `json:"member"`
	Others []struct {
		ID        zt.Address   `json:"id"`
		Addresses []netip.Addr `json:"ipAssignments"`
	} `json:"other_members"`
	Sent   []netip.Prefix `json:"static_ips"`
	Stored []netip.Addr   `json:"member_ip_assignments_after"`
}

// firstAnswers are the cases whose answer the reference corrects with the next
// one (see prefixLength): here the first is right already.
var firstAnswers = map[string]string{
	"first matching route in list order gives the prefix length":      "10.144.0.236/24",
	"IPv6: last matching route in list order gives the prefix length": "fd00:1::65:f3b3:3452/64",
}

func TestAssignmentAsTheReference(t *testing.T) {
	var file struct {
		Cases []assignmentCase `json:"cases"`
	}
	if err := json.Unmarshal(assignmentCases, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Cases) != 30 {
		t.Fatalf("%d cases, want 30", len(file.Cases))
	}
	deviations := 0
	for _, one := range file.Cases {
		t.Run(one.Name, func(t *testing.T) {
			n := &model.Network{ID: one.Network, V4: one.Config.V4, V6: one.Config.V6, Pools: one.Config.Pools}
			for _, r := range one.Config.Routes {
				route := model.Route{Target: r.Target}
				if r.Via != nil {
					route.Via = *r.Via
				}
				n.Routes = append(n.Routes, route)
			}
			book := newAddressBook()
			for _, o := range one.Others {
				book.set(o.ID, o.Addresses)
			}
			m := model.NewMember(one.Network, one.Node, 1)
			m.NoAutoAssignIPs = one.Member.NoAutoAssignIPs
			m.Addresses = slices.Clone(one.Member.Addresses)
			book.set(m.Node, m.Addresses)
			found := book.propose(n, m)
			if len(found) > 0 && !lacksAddress(n, m) {
				t.Errorf("%v is proposed for a member that lacks nothing", found)
			}
			m.Addresses = append(m.Addresses, found...)

			want := one.Sent
			if ours, ok := firstAnswers[one.Name]; ok {
				want = []netip.Prefix{netip.MustParsePrefix(ours)}
				deviations++
			}
			if got := assigned(n, m); !slices.Equal(got, want) {
				t.Errorf("sent %v, want %v", got, want)
			}
			if !slices.Equal(m.Addresses, one.Stored) {
				t.Errorf("stored %v, want %v", m.Addresses, one.Stored)
			}
		})
	}
	if deviations != len(firstAnswers) {
		t.Errorf("%d of %d known deviations were met", deviations, len(firstAnswers))
	}
}

// naive4 is the allocator as protocol 08 §3 (e) tells it, without its limit of
// 1000 tries.
func naive4(n *model.Network, held map[zt.Address][]netip.Addr, node zt.Address) (netip.Addr, bool) {
	taken := map[netip.Addr]bool{}
	for _, all := range held {
		for _, a := range all {
			taken[a] = true
		}
	}
	for _, pool := range n.Pools {
		if !pool.Start.Is4() || !pool.End.Is4() {
			continue
		}
		start, end := number4(pool.Start), number4(pool.End)
		if start == 0 || end < start {
			continue
		}
		size := uint64(end - start)
		for counter := uint64(uint32(node)); counter <= uint64(uint32(node))+size; counter++ {
			at := start
			if size > 0 {
				at += uint32(counter % size)
			}
			a := address4(at)
			if at&0xff == 0xff || taken[a] {
				continue
			}
			for _, r := range n.Routes {
				if r.Target.Bits() > 0 && r.Target.Masked() == r.Target && r.Target.Contains(a) {
					return a, true
				}
			}
		}
	}
	return netip.Addr{}, false
}

func TestBookAgreesWithANaiveAllocator(t *testing.T) {
	exhausted, given := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		// A small stretch of addresses, also at both ends of all there are.
		base := rapid.SampledFrom([]uint32{0, 0x0a000000, 0x0a0000c0, 0xffffff00 - 0x180}).Draw(t, "base")
		span := rapid.SampledFrom([]uint32{3, 20, 130, 0x1ff + 0x80}).Draw(t, "span")
		place := func(name string) netip.Addr { return address4(base + rapid.Uint32Range(0, span).Draw(t, name)) }

		n := &model.Network{V4: model.V4AssignMode{ZT: true}}
		for range rapid.IntRange(1, 3).Draw(t, "pools") {
			n.Pools = append(n.Pools, model.Pool{Start: place("start"), End: place("end")})
		}
		for range rapid.IntRange(1, 4).Draw(t, "routes") {
			target := netip.PrefixFrom(place("target"), rapid.SampledFrom([]int{30, 28, 32, 26, 31, 29, 24, 8, 16, 0, 1}).Draw(t, "bits"))
			if rapid.IntRange(0, 4).Draw(t, "masked") > 0 {
				target = target.Masked()
			}
			n.Routes = append(n.Routes, model.Route{Target: target})
		}

		book, held := newAddressBook(), map[zt.Address][]netip.Addr{}
		steps := rapid.IntRange(1, 60).Draw(t, "steps")
		for range steps {
			node := zt.Address(rapid.Uint64Range(1, 40).Draw(t, "node"))
			if rapid.Bool().Draw(t, "far") {
				node = zt.Address(rapid.Uint64Range(1, 0xfeffffff).Draw(t, "far node"))
			}
			if rapid.IntRange(0, 3).Draw(t, "do") == 0 {
				// A user sets a member's addresses, perhaps ones that others have.
				var all []netip.Addr
				for range rapid.IntRange(0, 3).Draw(t, "addresses") {
					if a := place("fixed"); !slices.Contains(all, a) {
						all = append(all, a)
					}
				}
				held[node] = all
				book.set(node, all)
				continue
			}
			want, ok := naive4(n, held, node)
			got := book.propose(n, &model.Member{Node: node})
			switch {
			case !ok && len(got) != 0:
				t.Fatalf("proposed %v; there is none", got)
			case ok && (len(got) != 1 || got[0] != want):
				t.Fatalf("proposed %v, want %v", got, want)
			case ok:
				given++
				held[node] = append(slices.Clone(held[node]), want)
				book.set(node, held[node])
			default:
				exhausted++
			}
		}
		for node := range held {
			book.set(node, nil)
		}
		if len(book.byNode) != 0 || len(book.holders) != 0 || len(book.used4) != 0 {
			t.Fatalf("an empty book holds %v %v %v", book.byNode, book.holders, book.used4)
		}
	})
	if given == 0 || exhausted == 0 {
		t.Errorf("%d given, %d times exhausted: the test is blind", given, exhausted)
	}
}

func TestBookTakesTheNearestRouteFirst(t *testing.T) {
	n := &model.Network{
		V4:    model.V4AssignMode{ZT: true},
		Pools: []model.Pool{{Start: netip.MustParseAddr("10.0.0.1"), End: netip.MustParseAddr("10.0.0.250")}},
		Routes: []model.Route{
			{Target: netip.MustParsePrefix("10.0.0.200/30")},
			{Target: netip.MustParsePrefix("10.0.0.100/32")},
			{Target: netip.MustParsePrefix("10.0.0.101/32")},
		},
	}
	book, held := newAddressBook(), map[zt.Address][]netip.Addr{}
	for node := zt.Address(1); node <= 7; node++ {
		want, ok := naive4(n, held, node)
		got := book.propose(n, &model.Member{Node: node})
		if !ok && len(got) != 0 || ok && (len(got) != 1 || got[0] != want) {
			t.Errorf("proposed %v, want %v", got, want)
		}
		held[node] = got
		book.set(node, got)
	}
}

func TestBookPassesAFullPool(t *testing.T) {
	n := &model.Network{
		V4:     model.V4AssignMode{ZT: true},
		Pools:  []model.Pool{{Start: netip.MustParseAddr("10.0.0.1"), End: netip.MustParseAddr("10.0.255.254")}},
		Routes: []model.Route{{Target: netip.MustParsePrefix("10.0.0.0/16")}},
	}
	book := newAddressBook()
	seen := map[netip.Addr]bool{}
	for node := zt.Address(1); ; node++ {
		got := book.propose(n, &model.Member{Node: node * 7919})
		if len(got) == 0 {
			break
		}
		if seen[got[0]] {
			t.Fatalf("%s was given twice", got[0])
		}
		seen[got[0]] = true
		book.set(node*7919, got)
	}
	// All but the last of the pool and the 255 addresses in it that end in 255.
	if want := 65534 - 1 - 255; len(seen) != want {
		t.Errorf("%d addresses given, want %d", len(seen), want)
	}
}

func TestBookGivesIPv6FromNarrowPools(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		last := rapid.ByteRange(0, 4).Draw(t, "size")
		raw := netip.MustParseAddr("fd00:1::10").As16()
		start := netip.AddrFrom16(raw)
		raw[15] += last
		n := &model.Network{
			V6:     model.V6AssignMode{ZT: true},
			Pools:  []model.Pool{{Start: start, End: netip.AddrFrom16(raw)}},
			Routes: []model.Route{{Target: netip.MustParsePrefix("fd00:1::/64")}},
		}
		if rapid.Bool().Draw(t, "via") {
			n.Routes[0].Via = netip.MustParseAddr("fd00:1::1")
		}
		book := newAddressBook()
		want := max(int(last), 1) // the end of a pool of several is never given
		if n.Routes[0].Via.IsValid() {
			want = 0
		}
		given := 0
		for node := zt.Address(1); node < 9; node++ {
			got := book.propose(n, &model.Member{Node: node})
			if len(got) == 0 {
				continue
			}
			if book.holders[got[0]] != 0 || got[0].Less(start) || !got[0].Less(netip.AddrFrom16(raw)) && last > 0 {
				t.Fatalf("%s was given", got[0])
			}
			given++
			book.set(node, got)
		}
		if given != want {
			t.Fatalf("%d given of %d", given, want)
		}
	})
}

// The store is the judge of what is free: a book that is behind it asks again.
func TestAddressTakenInTheStoreOnly(t *testing.T) {
	fake(t, func(t *testing.T) {
		d := newDesk(t)
		network := d.create(func(n *model.Network) { n.Pools[0].End = netip.MustParseAddr("10.9.0.4") })
		a := ident(t, 1)
		d.letIn(a, network)
		n := d.network(network)
		n.bookMu.Lock()
		n.book = newAddressBook() // it knows of nobody
		n.bookMu.Unlock()
		seen := map[netip.Prefix]bool{}
		for i := 1; i <= 3; i++ {
			c := d.addressesOf(i, network)
			if len(c) != 1 || seen[c[0]] {
				t.Errorf("member %d has %v", i, c)
				continue
			}
			seen[c[0]] = true
		}
		if c := d.addressesOf(4, network); len(c) != 0 {
			t.Errorf("a fourth member has %v of three addresses", c)
		}
	})
}

// addressesOf lets the nth node in, if it is not yet, and returns its addresses.
func (d *desk) addressesOf(n int, network zt.NetworkID) []netip.Prefix {
	d.t.Helper()
	d.ask(ident(d.t, n), network)
	d.updateMember(network, ident(d.t, n), authorize)
	return d.answer(ident(d.t, n), network).Addresses
}
