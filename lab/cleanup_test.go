package lab

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestDocumentedTasksWithNodes does the tasks of Central's examples with real
// nodes: the lists tell what is true of them, authorizing gives a node its
// address, deauthorizing takes it away, and the program for cleaning up a node,
// run on the device, leaves it with a new identity that nobody has let in.
func TestDocumentedTasksWithNodes(t *testing.T) {
	l := newLab(t, 3)
	needTools(t, "bash", "curl", "jq")
	python := needPython(t)
	o := l.startOrrery(1, "--root", l.address(1)+"/9993")
	nwid := o.newNetwork()
	a, b := o.startNode("h2"), o.joined("h3", nwid)
	do := ownTasks(t)
	page := examplesPage()
	if page != "" {
		do = theirTasks(t, page, "http://"+o.ip+":8000")
	}
	environment := func(n *node) []string {
		token := string(o.data("owner.token"))
		return append(os.Environ(), "ORRERY=http://"+o.ip+":8000/api/v1", "NWID="+nwid, "MEMBER_ID="+n.address,
			"TOKEN="+token, "ZT_TOKEN="+token, "ZEROTIER_API_TOKEN="+token, "ZEROTIER_NODE_ID="+n.address)
	}
	on := func(host, program string, n *node) string {
		t.Helper()
		command := l.inside(host, "bash", "-c", "set -euo pipefail\n"+program)
		c := exec.Command(command[0], command[1:]...)
		c.Env = environment(n)
		var errors strings.Builder
		c.Stderr = &errors
		out, err := c.Output()
		if err != nil {
			t.Fatalf("%s\n%v\n%s%s", program, err, out, errors.String())
		}
		return string(out)
	}

	a.cli("join", nwid)
	l.within(15*time.Second, "access is denied", func() bool { return a.network(nwid).Status == "ACCESS_DENIED" })
	on(o.host, do.authorize, a)
	l.within(2*time.Second, "the node has its address", func() bool { return a.network(nwid).Status == "OK" && a.ip(nwid) != "" })
	l.meets(b, nwid, a)

	row := rowOf(t, on(o.host, do.networks, a), nwid)
	row[4] = "" // when it was made
	compareColumns(t, row, []string{nwid, "home", "", "2", "", "10.9.0.1", "10.9.0.254"},
		"id", "name", "description", "members", "created", "first address", "last address")
	for host, n := range map[int]*node{2: a, 3: b} {
		row = rowOf(t, on(o.host, do.members, n), nwid+"-"+n.address)
		if seen, err := strconv.ParseInt(row[1], 10, 64); err != nil || time.Since(time.UnixMilli(seen)).Abs() > 2*time.Minute {
			t.Errorf("last seen: %s", row[1])
		}
		row[1] = ""
		compareColumns(t, row, []string{nwid + "-" + n.address, "", l.address(host), n.ip(nwid), ""},
			"id", "last seen", "physical address", "address", "name")
	}

	l.putOut(t, o, nwid, a, b, "ACCESS_DENIED", func() { on(o.host, do.deauthorize, a) })
	on(o.host, do.authorize, a)
	l.within(2*time.Second, "the node is back", func() bool { return a.network(nwid).Status == "OK" && a.ip(nwid) != "" })

	device := a.asService(t)
	old, ip := a.address, a.ip(nwid)
	out := device.python(t, python, do.cleanUp, environment(a), nwid)
	if !strings.Contains(out, fmt.Sprintf(do.deleted, nwid)) {
		t.Errorf("cleaning up printed %s", out)
	}
	if b.reaches(ip) {
		t.Error("the node that was cleaned up answers still")
	}
	if status, _ := o.curl("GET", "/network/"+nwid+"/member/"+old, ""); status != "404" {
		t.Errorf("the member that was cleaned up: %s", status)
	}
	if page == "" {
		return // our own example does the part at the API only
	}
	l.within(20*time.Second, "the node has another address", func() bool {
		fields := strings.Fields(a.cli("info"))
		return len(fields) > 4 && fields[2] != old && fields[4] == "ONLINE"
	})
	a.address = strings.Fields(a.cli("info"))[2]
	l.within(60*time.Second, "it asks as somebody new and is not let in", func() bool {
		status, answer := o.curl("GET", "/network/"+nwid+"/member/"+a.address, "")
		return status == "200" && strings.Contains(answer, `"authorized":false`)
	})
	if status, _ := o.curl("GET", "/network/"+nwid+"/member/"+old, ""); status != "404" {
		t.Errorf("the member that was cleaned up came back: %s", status)
	}
}

// service is a node that the programs sudo and systemctl of a folder stop and
// start, as those of a device do.
type service struct {
	node *node
	dir  string // of the programs
}

// asService has the node run as the service zerotier-one of its device.
func (n *node) asService(t *testing.T) *service {
	t.Helper()
	s := &service{node: n, dir: t.TempDir()}
	write(t, filepath.Join(s.dir, "sudo"), "#!/bin/sh\n[ \"$1\" != -E ] || shift\nexec \"$@\"\n", 0o755)
	write(t, filepath.Join(s.dir, "systemctl"), fmt.Sprintf(`#!/bin/sh
set -e
[ "$2" = zerotier-one ]
case $1 in
stop) pid=$(cat %[1]s/zerotier-one.pid); kill "$pid"; while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done ;;
start) %[2]s -U -d %[1]s ;;
show)
	pid=$(cat %[1]s/zerotier-one.pid 2>/dev/null) && kill -0 "$pid" 2>/dev/null && state=active || { state=inactive; pid=0; }
	printf 'LoadState=loaded\nActiveState=%%s\nMainPID=%%s\n' "$state" "$pid" ;;
*) exit 1 ;;
esac
`, n.home, zerotierOne), 0o755)
	n.process.stop(syscall.SIGTERM)
	s.run(t, nil, "systemctl", "start", "zerotier-one")
	t.Cleanup(n.end)
	n.lab.within(30*time.Second, n.host+" runs as a service", func() bool { return strings.Contains(n.cli("info"), "ONLINE") })
	return s
}

// run runs a program on the device, which must succeed.
func (s *service) run(t *testing.T, environment []string, command ...string) string {
	t.Helper()
	text, err := s.try(t, environment, command...)
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(command, " "), err, text)
	}
	return text
}

// try runs a program on the device, where the node's home is at the usual place
// and systemd is at work: its programs are where PATH finds them first, and in a
// folder of the system's own, as on NixOS.
func (s *service) try(t *testing.T, environment []string, command ...string) (string, error) {
	t.Helper()
	const inHome = `set -euo pipefail
mount -t tmpfs tmpfs /var/lib
mkdir /var/lib/zerotier-one
mount --bind "$NODE_HOME" /var/lib/zerotier-one
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/system /run/current-system/sw
ln -s "$PROGRAMS" /run/current-system/sw/bin
exec "$@"
`
	full := s.node.lab.inside(s.node.host, append([]string{"unshare", "-m", "bash", "-c", inHome, "bash"}, command...)...)
	c := exec.Command(full[0], full[1:]...)
	c.Env = append(append(os.Environ(), environment...), "NODE_HOME="+s.node.home, "PROGRAMS="+s.dir, "PATH="+s.dir+":"+os.Getenv("PATH"))
	// The node that is started inherits the output: reading a pipe would not end.
	out, err := os.CreateTemp(t.TempDir(), "out")
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	c.Stdout, c.Stderr = out, out
	err = c.Run()
	text, readErr := os.ReadFile(out.Name())
	if readErr != nil {
		t.Fatal(readErr)
	}
	return string(text), err
}

func (s *service) python(t *testing.T, python, program string, environment []string, args ...string) string {
	t.Helper()
	path := filepath.Join(s.dir, "program.py")
	write(t, path, program, 0o644)
	return s.run(t, environment, append([]string{python, path}, args...)...)
}
