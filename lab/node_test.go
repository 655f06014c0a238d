package lab

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestNodeCleanup cleans up real nodes with orrery node cleanup, run on the
// device: one whose service a manager runs, and one that is a process by itself.
// Each comes back with another address, the old one is out, and orrery node join
// lets the new one in.
func TestNodeCleanup(t *testing.T) {
	l := newLab(t, 4)
	o := l.startOrrery(1, "--root", l.address(1)+"/9993")
	nwid := o.newNetwork()
	managed, bare, other := o.joined("h2", nwid), o.joined("h3", nwid), o.joined("h4", nwid)
	t.Run("systemd", func(t *testing.T) {
		service := managed.asService(t)
		o.cleansUp(t, managed, other, nwid, "the systemd unit zerotier-one", func(args ...string) (string, error) {
			return service.try(t, o.access(), append([]string{orreryBinary}, args...)...)
		})
	})
	t.Run("process", func(t *testing.T) {
		t.Cleanup(bare.end)
		bare.isInterrupted(t, o)
		pid := bare.pid()
		o.cleansUp(t, bare, other, nwid, "the zerotier-one process "+pid, func(args ...string) (string, error) {
			command := l.inside(bare.host, append([]string{orreryBinary}, args...)...)
			command = append(command, "--home", bare.home)
			c := exec.Command(command[0], command[1:]...)
			c.Env = append(os.Environ(), o.access()...)
			out, err := c.CombinedOutput()
			return string(out), err
		})
		if bare.pid() == pid {
			t.Error("it is the same process")
		}
		folder, err := os.Readlink("/proc/" + bare.pid() + "/cwd")
		if before, _ := os.Getwd(); err != nil || folder != before {
			t.Errorf("the process was started in %q, %v", folder, err)
		}
		if line, err := os.ReadFile("/proc/" + bare.pid() + "/cmdline"); err != nil || string(line) != strings.Join([]string{zerotierOne, "-U", bare.home, ""}, "\x00") {
			t.Errorf("the process was started as %q, %v", line, err)
		}
	})
}

// cleansUp cleans up a node that is on a network together with another.
func (o *orrery) cleansUp(t *testing.T, n, other *node, nwid, service string, orrery func(args ...string) (string, error)) {
	l := o.lab
	outer := l.t
	l.t = t
	defer func() { l.t = outer }()
	must := func(args ...string) string {
		t.Helper()
		out, err := orrery(args...)
		t.Logf("# orrery %s\n%s", strings.Join(args, " "), out)
		if err != nil {
			t.Fatalf("orrery %s: %v", strings.Join(args, " "), err)
		}
		return out
	}
	l.meets(other, nwid, n)
	old, ip := n.address, n.ip(nwid)
	secret := filepath.Join(n.home, "identity.secret")
	before, err := os.ReadFile(secret)
	if err != nil {
		t.Fatal(err)
	}

	out := must("node", "status")
	contains(t, out, old+" online", "runs as "+service, nwid, "OK", ip)
	out = must("node", "cleanup", "--all", "--dry-run")
	contains(t, out, "node "+old, nwid+" home (is authorized)", "stop "+service+", which runs", "identity.secret and identity.public")
	if now, err := os.ReadFile(secret); err != nil || string(now) != string(before) || n.network(nwid).Status != "OK" {
		t.Fatalf("the dry run changed something: %v", err)
	}

	backup := filepath.Join(t.TempDir(), "kept")
	out = must("node", "cleanup", "home", "--backup", backup, "--yes")
	contains(t, out, "deauthorize on "+nwid+" home", "stop "+service, "it answers as ", "its new address", "all is done")
	if kept, err := os.ReadFile(filepath.Join(backup, "identity.secret")); err != nil || string(kept) != string(before) {
		t.Errorf("the backup differs, %v", err)
	}
	if other.reaches(ip) {
		t.Error("the old node answers still")
	}
	var now string
	l.within(30*time.Second, "the node is online with another address", func() bool {
		fields := strings.Fields(n.cli("info"))
		if len(fields) > 4 {
			now = fields[2]
		}
		return len(fields) > 4 && now != old && fields[4] == "ONLINE"
	})
	contains(t, out, "it answers as "+now)
	if environ, err := os.ReadFile("/proc/" + n.pid() + "/environ"); err != nil || strings.Contains(string(environ), "ORRERY_TOKEN") {
		t.Errorf("the node that was started knows the token, or is not seen: %v", err)
	}
	if m := o.member(nwid, n); m["config"].(map[string]any)["authorized"] != false {
		t.Errorf("the old address is a member still: %v", m)
	}
	n.address = now
	l.within(60*time.Second, "the new one asks and is not let in", func() bool {
		status, answer := o.curl("GET", "/network/"+nwid+"/member/"+now, "")
		return status == "200" && strings.Contains(answer, `"authorized":false`) && n.network(nwid).Status == "ACCESS_DENIED"
	})
	contains(t, must("node", "status"), now+" online", "ACCESS_DENIED")

	out, err = orrery("node", "join", nwid)
	t.Logf("# orrery node join %s\n%s", nwid, out)
	if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) || exit.ExitCode() != 3 || !strings.Contains(out, "is not authorized yet; run orrery member authorize "+nwid+" "+now) {
		t.Errorf("joining without being let in: %v", err)
	}
	out = must("node", "join", "home", "--authorize", "--name", "back "+n.host)
	contains(t, out, now+" is in "+nwid, n.ip(nwid))
	if m := o.member(nwid, n); m["name"] != "back "+n.host {
		t.Errorf("the member is %v", m["name"])
	}
	l.meets(other, nwid, n)

	var shown struct {
		Address  string
		Networks []struct {
			ID, Status, MemberName string
			Authorized             bool
			Addresses              []string
		}
	}
	if err := json.Unmarshal([]byte(must("node", "status", "-o", "json")), &shown); err != nil || len(shown.Networks) != 1 {
		t.Fatalf("node status: %v %+v", err, shown)
	}
	if one := shown.Networks[0]; shown.Address != now || one.ID != nwid || one.Status != "OK" || !one.Authorized || one.MemberName != "back "+n.host ||
		len(one.Addresses) != 1 || one.Addresses[0] != n.ip(nwid)+"/24" {
		t.Errorf("node status: %+v", shown)
	}
	must("node", "leave", "home")
	if n.network(nwid).ID != "" {
		t.Error("the node has not left")
	}
}

// isInterrupted hangs up on a cleanup and then interrupts it, impatiently, when it
// has stopped the node: the node runs again, and is who it was.
func (n *node) isInterrupted(t *testing.T, o *orrery) {
	l := n.lab
	pid := n.pid()
	command := l.inside(n.host, orreryBinary, "node", "cleanup", "--only", "device", "--home", n.home, "--yes")
	c := exec.Command(command[0], command[1:]...)
	c.Env = append(os.Environ(), o.access()...)
	var out strings.Builder
	c.Stdout, c.Stderr = &out, &out
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	l.within(20*time.Second, "the node is stopped", func() bool { return !exists("/proc/" + pid + "/exe") })
	for _, signal := range []os.Signal{syscall.SIGHUP, os.Interrupt, syscall.SIGTERM} {
		if err := c.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
	}
	err := c.Wait()
	t.Logf("# orrery node cleanup --only device, interrupted\n%s", out.String())
	if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Errorf("the interrupted cleanup ended with %v", err)
	}
	contains(t, out.String(), "not done       remove identity.secret and identity.public", "it answers as "+n.address+", as before", "nothing is done")
	l.within(20*time.Second, "the node is online as before", func() bool {
		fields := strings.Fields(n.cli("info"))
		return len(fields) > 4 && fields[2] == n.address && fields[4] == "ONLINE" && n.pid() != pid
	})
}

// access is the environment in which orrery finds the server.
func (o *orrery) access() []string {
	return []string{"ORRERY_URL=http://" + o.ip + ":8000", "ORRERY_TOKEN=" + strings.TrimSpace(string(o.data("owner.token")))}
}

// pid is the process that the node says it is.
func (n *node) pid() string {
	pid, _ := os.ReadFile(filepath.Join(n.home, "zerotier-one.pid"))
	return strings.TrimSpace(string(pid))
}

// end ends a node that somebody else has started, and waits until it writes no
// more.
func (n *node) end() {
	pid, err := strconv.Atoi(n.pid())
	if err != nil {
		return
	}
	if process, err := os.FindProcess(pid); err == nil && process.Signal(syscall.SIGTERM) == nil {
		n.lab.within(10*time.Second, n.host+" has ended", func() bool { return process.Signal(syscall.Signal(0)) != nil })
	}
}

func contains(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("no %q in\n%s", part, text)
		}
	}
}
