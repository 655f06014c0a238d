package lab

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// home is the body that makes the network of these tests.
const home = `{"config":{"name":"home","routes":[{"target":"10.9.0.0/24"}],"ipAssignmentPools":[{"ipRangeStart":"10.9.0.1","ipRangeEnd":"10.9.0.254"}],"v4AssignMode":{"zt":true}}}`

const (
	authorize   = `{"config": {"authorized": true}}`
	deauthorize = `{"config": {"authorized": false}}`
)

// joined starts a node that is let in on a network and has its address.
func (o *orrery) joined(host, nwid string) *node {
	o.lab.t.Helper()
	n := o.startNode(host)
	o.admit(n, nwid)
	return n
}

// admit joins a node to a network and lets it in.
func (o *orrery) admit(n *node, nwid string) {
	o.lab.t.Helper()
	n.cli("join", nwid)
	o.lab.within(15*time.Second, n.host+" asks to join", func() bool {
		status, _ := o.curl("GET", "/network/"+nwid+"/member/"+n.address, "")
		return status == "200"
	})
	o.call("POST", "/network/"+nwid+"/member/"+n.address, authorize)
	o.lab.within(5*time.Second, n.host+" is on the network", func() bool {
		return n.network(nwid).Status == "OK" && n.ip(nwid) != ""
	})
}

func (o *orrery) newNetwork() string {
	o.lab.t.Helper()
	return o.call("POST", "/network", home)["id"].(string)
}

func (o *orrery) member(nwid string, n *node) map[string]any {
	o.lab.t.Helper()
	return o.call("GET", "/network/"+nwid+"/member/"+n.address, "")
}

// meets waits until two nodes reach each other.
func (l *lab) meets(a *node, nwid string, b *node) {
	l.t.Helper()
	l.within(30*time.Second, a.host+" reaches "+b.host, func() bool { return a.reaches(b.ip(nwid)) })
}

// TestMembership is the life of a member, from its first request to its end.
func TestMembership(t *testing.T) {
	l := newLab(t, 3)
	o := l.startOrrery(1, "--root", l.address(1)+"/9993")
	nwid := o.newNetwork()
	a, b := o.startNode("h2"), o.startNode("h3")

	step := func(name string, f func(t *testing.T)) {
		t.Helper()
		outer := l.t
		ok := t.Run(name, func(t *testing.T) {
			l.t = t
			defer func() { l.t = outer }()
			f(t)
		})
		if !ok {
			t.FailNow()
		}
	}

	step("a node that joins is listed, online and not let in", func(t *testing.T) {
		a.cli("join", nwid)
		l.within(15*time.Second, "access is denied", func() bool { return a.network(nwid).Status == "ACCESS_DENIED" })
		m := o.member(nwid, a)
		if m["online"] != true || m["config"].(map[string]any)["authorized"] != false || m["clientVersion"] != "-1.-1.-1" {
			t.Fatalf("member: %v", m)
		}
		if m["physicalAddress"] != l.address(2) || m["lastSeen"].(float64) < float64(time.Now().Add(-time.Minute).UnixMilli()) {
			t.Fatalf("member: %v", m)
		}
	})
	step("authorizing lets it in at once", func(t *testing.T) {
		o.call("POST", "/network/"+nwid+"/member/"+a.address, authorize)
		l.within(2*time.Second, "the node has its address", func() bool {
			return a.network(nwid).Status == "OK" && a.ip(nwid) != ""
		})
		l.within(2*time.Second, "the API shows version and address", func() bool {
			m := o.member(nwid, a)
			return strings.HasPrefix(m["clientVersion"].(string), "1.") && m["protocolVersion"].(float64) >= 12 &&
				fmt.Sprint(m["config"].(map[string]any)["ipAssignments"]) == "["+a.ip(nwid)+"]"
		})
	})
	step("two members reach each other", func(t *testing.T) {
		o.admit(b, nwid)
		l.meets(a, nwid, b)
		l.within(30*time.Second, "the path is direct", func() bool { a.reaches(b.ip(nwid)); return a.pathTo(b.address) == "DIRECT" })
	})
	step("a change of the network reaches its members", func(t *testing.T) {
		o.call("POST", "/network/"+nwid, `{"config":{"name":"renamed","mtu":1400}}`)
		l.within(3*time.Second, "both show the new name and MTU", func() bool {
			x, y := a.network(nwid), b.network(nwid)
			return x.Name == "renamed" && y.Name == "renamed" && x.MTU == 1400 && y.MTU == 1400
		})
		o.call("POST", "/network/"+nwid+"/member/"+a.address, `{"name":"alice"}`)
		if m := o.member(nwid, a); m["name"] != "alice" {
			t.Fatalf("member: %v", m)
		}
	})
	step("deauthorizing cuts the member off within 2 s", func(t *testing.T) {
		l.putOut(t, o, nwid, a, b, "ACCESS_DENIED", func() {
			o.call("POST", "/network/"+nwid+"/member/"+a.address, deauthorize)
		})
	})
	step("authorizing again gives everything back", func(t *testing.T) {
		o.call("POST", "/network/"+nwid+"/member/"+a.address, authorize)
		l.within(3*time.Second, "the node has its address again", func() bool {
			return a.network(nwid).Status == "OK" && a.ip(nwid) != ""
		})
		l.meets(b, nwid, a)
	})
	step("deleting cuts the member off within 2 s", func(t *testing.T) {
		l.putOut(t, o, nwid, a, b, "ACCESS_DENIED", func() {
			o.call("DELETE", "/network/"+nwid+"/member/"+a.address, "")
		})
		if status, _ := o.curl("GET", "/network/"+nwid+"/member/"+a.address, ""); status != "404" {
			t.Fatalf("the deleted member answers %s", status)
		}
	})
	step("a deleted member can be added again", func(t *testing.T) {
		o.call("POST", "/network/"+nwid+"/member/"+a.address, `{"hidden":false,"config":{"authorized":true}}`)
		l.within(10*time.Second, "the node is back", func() bool { return a.network(nwid).Status == "OK" && a.ip(nwid) != "" })
		l.meets(b, nwid, a)
	})
	step("a node that leaves and joins again keeps its address", func(t *testing.T) {
		before := a.ip(nwid)
		a.cli("leave", nwid)
		a.cli("join", nwid)
		l.within(10*time.Second, "the node is back", func() bool { return a.ip(nwid) == before })
		l.meets(b, nwid, a)
	})
	step("deleting the network puts everyone out", func(t *testing.T) {
		ip := b.ip(nwid)
		o.call("DELETE", "/network/"+nwid, "")
		l.within(3*time.Second, "both show NOT_FOUND and have no address", func() bool {
			return a.network(nwid).Status == "NOT_FOUND" && b.network(nwid).Status == "NOT_FOUND" && a.ip(nwid) == "" && b.ip(nwid) == ""
		})
		if a.reaches(ip) {
			t.Fatal("the members still reach each other")
		}
	})
}

// putOut puts a node out while another one talks to it, and measures.
func (l *lab) putOut(t *testing.T, o *orrery, nwid string, out, stays *node, status string, how func()) {
	t.Helper()
	f := stays.startFlow(out.ip(nwid))
	l.within(10*time.Second, "the flow runs", func() bool { return time.Since(f.last(l)) < 500*time.Millisecond })
	began := time.Now()
	how()
	l.within(4*time.Second, "the node knows: "+status+", no address", func() bool {
		return out.network(nwid).Status == status && out.ip(nwid) == ""
	})
	l.within(6*time.Second, "the flow has stopped", func() bool { return time.Since(f.last(l)) > 1500*time.Millisecond })
	if lasted := f.last(l).Sub(began); lasted > 2*time.Second {
		t.Fatalf("the last answer came %s after the member was put out", lasted)
	}
	if stays.network(nwid).Status != "OK" {
		t.Fatal("the other member was disturbed")
	}
}

// TestRestart restarts Orrery, in good order and by kill -9, while members talk.
func TestRestart(t *testing.T) {
	l := newLab(t, 3)
	o := l.startOrrery(1, "--root", l.address(1)+"/9993")
	nwid := o.newNetwork()
	a, b := o.joined("h2", nwid), o.joined("h3", nwid)
	l.meets(a, nwid, b)
	planet, before := o.data("planet"), a.ip(nwid)
	f := a.startFlow(b.ip(nwid))
	l.within(10*time.Second, "the flow runs", func() bool { return time.Since(f.last(l)) < 500*time.Millisecond })

	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		if took := o.stop(signal); took > 5*time.Second {
			t.Fatalf("stopping with %s took %s", signal, took)
		}
		if time.Since(f.last(l)) > time.Second {
			t.Fatal("the members stopped talking when Orrery went away")
		}
		o.boot()
		if string(o.data("planet")) != string(planet) {
			t.Fatal("the restart changed the planet")
		}
		o.call("POST", "/network/"+nwid, fmt.Sprintf(`{"config":{"name":"after %s"}}`, signal))
		l.within(75*time.Second, "members hear from the restarted server", func() bool {
			return a.network(nwid).Name == "after "+signal.String() && b.network(nwid).Name == "after "+signal.String()
		})
		if a.ip(nwid) != before || time.Since(f.last(l)) > time.Second {
			t.Fatal("the restart disturbed a member")
		}
	}

	// A member that is put out right after a restart is out for the others, too.
	o.stop(syscall.SIGKILL)
	o.boot()
	l.putOut(t, o, nwid, b, a, "ACCESS_DENIED", func() {
		o.call("POST", "/network/"+nwid+"/member/"+b.address, deauthorize)
	})
}

// TestRelay puts a wall between two members: they reach each other through the
// root alone.
func TestRelay(t *testing.T) {
	l := newLab(t, 3)
	l.in("h2", "iptables", "-A", "INPUT", "-s", l.address(3), "-j", "DROP")
	l.in("h3", "iptables", "-A", "INPUT", "-s", l.address(2), "-j", "DROP")
	o := l.startOrrery(1, "--root", l.address(1)+"/9993")
	nwid := o.newNetwork()
	a, b := o.joined("h2", nwid), o.joined("h3", nwid)
	l.meets(a, nwid, b)
	if path := a.pathTo(b.address); path == "DIRECT" {
		t.Fatal("there is a direct path through the wall")
	}
	out := l.in("h2", "ping", "-n", "-q", "-c", "50", "-i", "0.05", "-W", "1", b.ip(nwid))
	if !strings.Contains(out, " 0% packet loss") {
		t.Fatalf("the relay loses packets:\n%s", out)
	}
}

// TestNAT has a member in another subnet, behind a router that translates.
func TestNAT(t *testing.T) {
	l := newLab(t, 3)
	l.addHost(4) // the router
	l.namespace("inner")
	l.wire("inner", "eth0", "h4", "lan")
	l.in("inner", "ip", "addr", "add", "192.168.77.2/24", "dev", "eth0")
	l.in("inner", "ip", "route", "add", "default", "via", "192.168.77.1")
	l.in("h4", "ip", "addr", "add", "192.168.77.1/24", "dev", "lan")
	l.in("h4", "sysctl", "-q", "-w", "net.ipv4.ip_forward=1")
	l.in("h4", "iptables", "-t", "nat", "-A", "POSTROUTING", "-o", "eth0", "-j", "MASQUERADE")
	l.in("h4", "iptables", "-A", "FORWARD", "-i", "eth0", "-m", "conntrack", "!", "--ctstate", "ESTABLISHED,RELATED", "-j", "DROP")

	o := l.startOrrery(1, "--root", l.address(1)+"/9993")
	nwid := o.newNetwork()
	a, b := o.joined("h2", nwid), o.joined("inner", nwid)
	l.meets(a, nwid, b)
	l.meets(b, nwid, a)
	if m := o.member(nwid, b); m["physicalAddress"] != l.address(4) {
		t.Fatalf("the member behind the router is seen at %v", m["physicalAddress"])
	}
	l.putOut(t, o, nwid, b, a, "ACCESS_DENIED", func() {
		o.call("POST", "/network/"+nwid+"/member/"+b.address, deauthorize)
	})
}

// TestForgetful checks what nodes keep over their own restart: a member that was
// put out stays out.
func TestForgetful(t *testing.T) {
	l := newLab(t, 2)
	o := l.startOrrery(1, "--root", l.address(1)+"/9993")
	nwid := o.newNetwork()
	a := o.joined("h2", nwid)
	o.call("POST", "/network/"+nwid+"/member/"+a.address, deauthorize)
	l.within(4*time.Second, "access is denied", func() bool { return a.network(nwid).Status == "ACCESS_DENIED" })
	a.stop(syscall.SIGTERM)
	a.boot()
	l.within(60*time.Second, "access is denied after the node's restart", func() bool {
		return a.network(nwid).Status == "ACCESS_DENIED" && a.ip(nwid) == ""
	})

	// A member that is put out while it is away learns of it when it returns.
	o.call("POST", "/network/"+nwid+"/member/"+a.address, authorize)
	l.within(10*time.Second, "the node is back", func() bool { return a.network(nwid).Status == "OK" && a.ip(nwid) != "" })
	a.stop(syscall.SIGTERM)
	if !exists(filepath.Join(a.home, "networks.d", nwid+".conf")) {
		t.Fatal("the node keeps no configuration, so this test shows nothing")
	}
	o.call("POST", "/network/"+nwid+"/member/"+a.address, deauthorize)
	a.boot()
	l.within(60*time.Second, "the node knows: no access, no address", func() bool {
		return a.network(nwid).Status == "ACCESS_DENIED" && a.ip(nwid) == ""
	})
	if left, err := os.ReadFile(filepath.Join(a.home, "networks.d", nwid+".conf")); err == nil && strings.Contains(string(left), "I=") {
		t.Fatal("the node still keeps addresses")
	}
}

// TestLeaf runs the default, a leaf on ZeroTier's public planet, where no root
// can be reached: it serves all the same, and says what is wrong.
func TestLeaf(t *testing.T) {
	l := newLab(t, 1)
	o := l.startOrrery(1)
	page := func(path string) string { return l.in(o.host, "curl", "-s", "http://"+o.ip+":8000"+path) }
	if report := page("/readyz?verbose"); !strings.Contains(report, "[-] root cafe9efeb9: has not answered yet") || !strings.HasSuffix(report, "\nready\n") {
		t.Errorf("/readyz?verbose:\n%s", report)
	}
	if metrics := page("/metrics"); strings.Count(metrics, "\norrery_root_answering{") != 4 || strings.Contains(metrics, "orrery_root_answering{root=\"cafe9efeb9\"} 1") {
		t.Error("/metrics does not show four roots that do not answer")
	}
	l.within(40*time.Second, "the log complains", func() bool {
		log, err := os.ReadFile(o.log)
		return err == nil && strings.Contains(string(log), "no root of the public planet answers")
	})
	if id := o.newNetwork(); !strings.HasPrefix(id, strings.Fields(string(o.data("identity.public")))[0][:10]) {
		t.Errorf("network %s", id)
	}
}
