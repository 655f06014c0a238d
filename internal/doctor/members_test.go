package doctor

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/orrery-net/orrery/internal/client"
	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/member"
)

// TestWaiting has a member that asks, and one whose network has no address for it.
func TestWaiting(t *testing.T) {
	c := newClinic(t)
	home := c.network(`{"name":"home","routes":[{"target":"10.1.0.0/24"}],"ipAssignmentPools":[{"ipRangeStart":"10.2.0.1","ipRangeEnd":"10.2.0.9"}],"v4AssignMode":{"zt":true}}`)
	id, err := zt.ParseNetworkID(home)
	if err != nil {
		t.Fatal(err)
	}
	node, _, stop, err := c.options.probe(t.Context(), c.planet(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	m := node.Join(id)
	if _, err := m.Wait(t.Context(), func(s member.State) bool { return s.Status == member.AccessDenied }); err != nil {
		t.Fatal(err)
	}
	address := node.Address().String()
	found := examine(t, c.options)
	found.want(t, "members", Warning, "home ("+home+")", "1 member asks in vain", address, "orrery member authorize "+home+" "+address)
	found.want(t, "networks", Problem, "10.2.0.1–10.2.0.9 lies outside every route", "orrery network set "+home)

	c.must("POST", "/network/"+home+"/member/"+address, `{"name":"laptop","config":{"authorized":true}}`, nil)
	if _, err := m.Wait(t.Context(), func(s member.State) bool { return s.Status == member.OK }); err != nil {
		t.Fatal(err)
	}
	found = examine(t, c.options)
	found.want(t, "members", Warning, "1 authorized member has no address: "+address+" (laptop)", "a route that covers it")
}

func networkFrom(t *testing.T, text string) *client.Network {
	t.Helper()
	n := new(client.Network)
	if err := json.Unmarshal([]byte(text), n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestCensus(t *testing.T) {
	n := networkFrom(t, `{"id":"8056c2e21c000001","config":{"name":"home","routes":[{"target":"10.1.0.0/24"}],
		"ipAssignmentPools":[{"ipRangeStart":"10.1.0.1","ipRangeEnd":"10.1.0.3"}],"v4AssignMode":{"zt":true}}}`)
	const now = 1_700_000_000_000
	hour := time.Hour.Milliseconds()
	c := census{network: n, taken: make([]uint64, 1)}
	for _, m := range []client.Member{
		{NodeID: "0000000001", LastSeen: now, Config: client.MemberConfig{Authorized: true, IPAssignments: []string{"10.1.0.1"}}},
		{NodeID: "0000000002", LastSeen: now, Config: client.MemberConfig{Authorized: true, IPAssignments: []string{"strange", "10.1.0.2"}}},
		{NodeID: "0000000003", LastSeen: now, Config: client.MemberConfig{Authorized: true}},                        // gets none
		{NodeID: "0000000004", LastSeen: now, Config: client.MemberConfig{Authorized: true, NoAutoAssignIPs: true}}, // wants none
		{NodeID: "0000000005", Config: client.MemberConfig{Authorized: true}},                                       // never came
		{NodeID: "0000000006", LastSeen: now, ClientVersion: "1.1.14", Config: client.MemberConfig{Authorized: true, IPAssignments: []string{"10.9.0.1"}}},
		{NodeID: "0000000007", LastSeen: now - hour, Name: "phone"},
		{NodeID: "0000000008", LastSeen: now - 48*hour},                                                  // gave up
		{NodeID: "0000000009", LastSeen: now, Hidden: true},                                              // nobody wants to see it
		{NodeID: "000000000a", LastSeen: now, Config: client.MemberConfig{LastAuthorizedTime: now - 10}}, // was put out
	} {
		m.Clock = now
		c.count(&m)
	}
	found := report(c.findings())
	if len(found) != 4 {
		t.Errorf("%s", found)
	}
	found.want(t, "members", Warning, "1 member asks in vain to be let in: 0000000007 (phone)", "orrery member authorize 8056c2e21c000001 0000000007")
	found.want(t, "members", Problem, "the pool 10.1.0.1–10.1.0.3 is used up", "--add-pool")
	found.want(t, "members", Warning, "1 authorized member has no address: 0000000003", "a pool with free addresses")
	found.want(t, "members", Warning, "too old", "0000000006", "1.2")

	n.Config.IPAssignmentPools = append(n.Config.IPAssignmentPools, client.Pool{First: "10.1.0.10", Last: "10.1.0.20"})
	c.taken = append(c.taken, 0)
	report(c.findings()).none(t, Problem) // there is room in another pool
}

func TestFreeAddresses(t *testing.T) {
	for _, x := range []struct {
		pool  client.Pool
		taken uint64
		want  uint64
	}{
		{client.Pool{First: "10.1.0.1", Last: "10.1.0.9"}, 0, 8}, // the last one is never given
		{client.Pool{First: "10.1.0.1", Last: "10.1.0.9"}, 8, 0},
		{client.Pool{First: "10.1.0.1", Last: "10.1.0.9"}, 9, 0}, // unless by hand
		{client.Pool{First: "10.1.0.1", Last: "10.1.0.1"}, 0, 1},
		{client.Pool{First: "fd00::", Last: "fd00::ffff:ffff:ffff:ffff"}, 1, math.MaxUint64 - 1},
		{client.Pool{First: "fd00::", Last: "fd01::"}, 1, math.MaxUint64},
		{client.Pool{First: "nonsense", Last: "10.1.0.1"}, 7, math.MaxUint64},
		{client.Pool{First: "10.1.0.9", Last: "10.1.0.1"}, 7, math.MaxUint64},
	} {
		c := census{network: &client.Network{Config: client.NetworkConfig{IPAssignmentPools: []client.Pool{x.pool}}}, taken: []uint64{x.taken}}
		if got := c.free(0); got != x.want {
			t.Errorf("of %v %d are taken: %d are free, want %d", x.pool, x.taken, got, x.want)
		}
	}
}

func TestVersions(t *testing.T) {
	for version, old := range map[string]bool{
		"1.1.17": true, "1.2.0": false, "1.14.2": false, "2.0.0": false, "0.0.0": false, "-1.-1.-1": false, "": false, "strange": false,
	} {
		if tooOld(version) != old {
			t.Errorf("%q is old: %v", version, !old)
		}
	}
}

func TestOverlaps(t *testing.T) {
	route := func(id, target string) *client.Network {
		return networkFrom(t, `{"id":"`+id+`","config":{"name":"`+id+`","routes":[{"target":"`+target+`"},{"target":"0.0.0.0/0"},{"target":"nonsense"}]}}`)
	}
	apart := []*client.Network{route("a", "10.1.0.0/16"), route("b", "10.2.0.0/16"), route("c", "fd00::/64")}
	if pairs, more := overlaps(apart); pairs != nil || more != 0 {
		t.Errorf("%v %d", pairs, more)
	}
	alone := route("a", "10.1.0.0/16")
	alone.Config.Routes = append(alone.Config.Routes, client.Route{Target: "10.1.2.0/24", Via: "10.1.0.1"})
	if pairs, _ := overlaps([]*client.Network{alone}); pairs != nil {
		t.Errorf("routes of one network: %v", pairs)
	}
	within := append(apart, route("d", "10.1.2.0/24"), route("e", "10.0.0.0/8"))
	pairs, more := overlaps(within)
	if len(pairs) != 3 || more != 0 || pairs[0][0].network.ID != "e" || pairs[0][1].network.ID != "a" {
		t.Errorf("%v %d", pairs, more)
	}
	if _, more := overlaps(append(within, route("f", "10.1.2.0/24"))); more != 1 {
		t.Errorf("%d more, want 1", more)
	}
	s := &survey{networks: within}
	report(s.checkNetworks(t.Context())).want(t, "networks", Warning, "10.0.0.0/8 of e (e)", "10.1.0.0/16 of a (a)", "another range")
}
