package controller

import (
	"net/netip"
	"testing"

	"github.com/orrery-net/orrery/internal/model"
)

func TestLacksAddress(t *testing.T) {
	v4 := model.Pool{Start: netip.MustParseAddr("10.1.0.1"), End: netip.MustParseAddr("10.1.0.9")}
	v6 := model.Pool{Start: netip.MustParseAddr("fd00::1"), End: netip.MustParseAddr("fd00::9")}
	routes := []model.Route{{Target: netip.MustParsePrefix("10.1.0.0/24")}, {Target: netip.MustParsePrefix("fd00::/64")}}
	held4, held6 := []netip.Addr{netip.MustParseAddr("10.1.0.200")}, []netip.Addr{netip.MustParseAddr("fd00::77")}
	for _, x := range []struct {
		name   string
		n      model.Network
		m      model.Member
		expect bool
	}{
		{"nothing is given", model.Network{Pools: []model.Pool{v4, v6}, Routes: routes}, model.Member{}, false},
		{"IPv4", model.Network{V4: model.V4AssignMode{ZT: true}, Pools: []model.Pool{v4}, Routes: routes}, model.Member{}, true},
		{"no pool of the family", model.Network{V4: model.V4AssignMode{ZT: true}, Pools: []model.Pool{v6}, Routes: routes}, model.Member{}, false},
		{"no IPv6 pool beside a held IPv4", model.Network{V4: model.V4AssignMode{ZT: true}, V6: model.V6AssignMode{ZT: true}, Pools: []model.Pool{v4}, Routes: routes}, model.Member{Addresses: held4}, false},
		{"IPv6 is missing", model.Network{V4: model.V4AssignMode{ZT: true}, V6: model.V6AssignMode{ZT: true}, Pools: []model.Pool{v4, v6}, Routes: routes}, model.Member{Addresses: held4}, true},
		{"both are held", model.Network{V4: model.V4AssignMode{ZT: true}, V6: model.V6AssignMode{ZT: true}, Pools: []model.Pool{v4, v6}, Routes: routes}, model.Member{Addresses: append(held4, held6...)}, false},
		{"no route", model.Network{V4: model.V4AssignMode{ZT: true}, Pools: []model.Pool{v4}}, model.Member{}, false},
		{"the member wants none", model.Network{V4: model.V4AssignMode{ZT: true}, Pools: []model.Pool{v4}, Routes: routes}, model.Member{NoAutoAssignIPs: true}, false},
	} {
		if got := lacksAddress(&x.n, &x.m); got != x.expect {
			t.Errorf("%s: %v", x.name, got)
		}
	}
}

func TestNothingToStore(t *testing.T) {
	private, public := &snapshot{record: &model.Network{Private: true}}, &snapshot{record: &model.Network{}}
	asked := new(request)
	for _, x := range []struct {
		name    string
		network *snapshot
		record  *model.Member
		request *request
		expect  bool
	}{
		{"a stranger asks", private, nil, asked, false},
		{"a push to a stranger", private, nil, nil, true},
		{"a pre-created member asks first", private, &model.Member{Authorized: true}, asked, false},
		{"a member that waits", private, &model.Member{Identity: "pinned"}, asked, true},
		{"a deleted member asks", private, &model.Member{DeletedTime: 1}, asked, true},
		{"a member that waits on a network made public", public, &model.Member{Identity: "pinned"}, nil, false},
		{"a member of a public network", public, &model.Member{Identity: "pinned", Authorized: true}, asked, true},
		{"a deleted member of a public network asks", public, &model.Member{Identity: "pinned", Authorized: true, DeletedTime: 1}, asked, false},
	} {
		if got := nothingToStore(x.network, x.record, x.request); got != x.expect {
			t.Errorf("%s: %v", x.name, got)
		}
	}
}
