package lab

import (
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"
)

// ruledNetwork is a network of real nodes whose rules are under test.
type ruledNetwork struct {
	*orrery
	id      string
	members []*ruledMember
	named   int       // how often the network was renamed
	changed time.Time // when a member last got new tags or capabilities
}

// ruledMember is a real node whose host answers with the member's name.
type ruledMember struct {
	*node
	name    string
	at      netip.Addr // the address that is used
	all     []netip.Addr
	mac     net.HardwareAddr
	wire    *wire
	capture *capture
}

// Where members have IPv6 addresses: in a pool, and two with the node's address in
// them. For these the sender's node answers neighbor solicitations itself, so that
// they need no rule.
const (
	pool6    = "fd00:9::/64"
	rfc4193  = "fd00::/8"
	sixPlane = "fc00::/8"

	ruledNetworkBody = `{"config": {
		"routes": [{"target": "10.9.0.0/24"}, {"target": "fd00:9::/64"}],
		"ipAssignmentPools": [
			{"ipRangeStart": "10.9.0.1", "ipRangeEnd": "10.9.0.254"},
			{"ipRangeStart": "fd00:9::1", "ipRangeEnd": "fd00:9::ffff"}],
		"v4AssignMode": {"zt": true},
		"v6AssignMode": {"zt": true, "rfc4193": true, "6plane": true}}}`
)

// newRuledNetwork starts a server and a node for each name, and has all meet.
func newRuledNetwork(t *testing.T, names ...string) *ruledNetwork {
	t.Helper()
	l := newLab(t, 1+len(names))
	o := l.startOrrery(1, "--root", l.address(1)+"/9993")
	n := &ruledNetwork{orrery: o, id: o.call("POST", "/network", ruledNetworkBody)["id"].(string)}
	for i, name := range names {
		host := fmt.Sprintf("h%d", i+2)
		l.answer(t, host, name)
		n.members = append(n.members, &ruledMember{node: o.launchNode(host), name: name})
	}
	for _, m := range n.members {
		m.comesOnline()
		m.cli("join", n.id)
	}
	for _, m := range n.members {
		o.admit(m.node, n.id)
		n.change("/member/"+m.address, map[string]any{"name": m.name})
		m.getsReady(t, n.id)
	}
	for i, a := range n.members {
		for _, b := range n.members[i+1:] {
			l.within(30*time.Second, a.name+" reaches "+b.name+" directly", func() bool {
				return a.reaches(b.at.String()) && a.pathTo(b.address) == "DIRECT" && b.pathTo(a.address) == "DIRECT"
			})
		}
	}
	return n
}

// getsReady waits until the member has all its addresses, and opens its wire.
func (m *ruledMember) getsReady(t *testing.T, nwid string) {
	t.Helper()
	var shown network
	m.lab.within(10*time.Second, m.name+" has its addresses", func() bool {
		shown = m.network(nwid)
		return len(shown.AssignedAddresses) == 4
	})
	for _, text := range shown.AssignedAddresses {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			t.Fatal(err)
		}
		m.all = append(m.all, prefix.Addr())
		if prefix.Addr().Is4() {
			m.at = prefix.Addr()
		}
	}
	mac, err := net.ParseMAC(shown.MAC)
	if err != nil {
		t.Fatal(err)
	}
	m.mac = mac
	m.wire = m.lab.openWire(t, m.host, shown.Device)
	m.capture = m.wire.record()
}

// over is the member at another of its addresses.
func (m *ruledMember) over(subnet string) *ruledMember {
	m.lab.t.Helper()
	pool, within := netip.MustParsePrefix(pool6), netip.MustParsePrefix(subnet)
	for _, a := range m.all {
		if within.Contains(a) && (subnet == pool6 || !pool.Contains(a)) {
			return m.from(a)
		}
	}
	m.lab.t.Fatalf("%s has no address in %s", m.name, subnet)
	return nil
}

// from is the member at an address.
func (m *ruledMember) from(a netip.Addr) *ruledMember {
	other := *m
	other.at = a
	return &other
}

func (n *ruledNetwork) four() (alice, bob, server, monitor *ruledMember) {
	return n.members[0], n.members[1], n.members[2], n.members[3]
}

// run runs a part of a test.
func (n *ruledNetwork) run(t *testing.T, name string, f func(t *testing.T)) {
	t.Helper()
	outer := n.lab.t
	defer func() { n.lab.t = outer }()
	t.Run(name, func(t *testing.T) {
		n.lab.t = t
		f(t)
	})
}

// rules gives the network other rules and waits until all members obey them:
// they come with a new name, which nodes show.
func (n *ruledNetwork) rules(source string) {
	n.lab.t.Helper()
	n.spaceCredentials()
	n.named++
	name := fmt.Sprintf("rules %d", n.named)
	n.change("", map[string]any{"rulesSource": source, "config": map[string]any{"name": name}})
	for _, m := range n.members {
		n.lab.within(5*time.Second, m.name+" has the rules", func() bool { return m.network(n.id).Name == name })
	}
	// What they know of each other's hardware addresses must not hide that address
	// resolution is blocked.
	for _, m := range n.members {
		n.lab.in(m.host, "ip", "neigh", "flush", "all")
	}
}

// spaceCredentials waits until members can show each other what comes next: of
// certificates that a node gets from another within a second of the last it knows
// nothing (protocol 06 §8).
func (n *ruledNetwork) spaceCredentials() {
	<-time.After(time.Until(n.changed.Add(1100 * time.Millisecond)))
}

// grants are what a member gets of a network's tags and capabilities. Of what is
// nil it keeps what it has.
type grants struct {
	Tags         [][2]uint32 // id and value; of tags that are not named the default counts
	Unset        []uint32    // ids of tags that it does not have, whatever the default is
	Capabilities []uint32
}

func (n *ruledNetwork) grant(m *ruledMember, g grants) {
	n.lab.t.Helper()
	config := map[string]any{"capabilities": g.Capabilities}
	if g.Tags != nil || g.Unset != nil {
		tags := [][2]any{}
		for _, tag := range g.Tags {
			tags = append(tags, [2]any{tag[0], tag[1]})
		}
		for _, id := range g.Unset {
			tags = append(tags, [2]any{id, false})
		}
		config["tags"] = tags
	}
	n.change("/member/"+m.address, map[string]any{"config": config})
	n.changed = time.Now()
}

// change changes the network, or what lies below it.
func (n *ruledNetwork) change(path string, body map[string]any) {
	n.lab.t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		n.lab.t.Fatal(err)
	}
	n.call("POST", "/network/"+n.id+path, string(raw))
}
