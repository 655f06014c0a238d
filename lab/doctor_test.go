package lab

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestDoctor runs orrery doctor on the server's host and on another one: while
// all is well, and while a firewall keeps ZeroTier's packets from the server.
func TestDoctor(t *testing.T) {
	l := newLab(t, 2)
	o := l.startOrrery(1, "--root", l.address(1)+"/9993")
	planet := filepath.Join(t.TempDir(), "planet")
	if err := os.WriteFile(planet, o.data("planet"), 0o600); err != nil {
		t.Fatal(err)
	}
	nobody := t.TempDir() // the home of no ZeroTier service
	doctor := func(host string, status int, args ...string) string {
		t.Helper()
		command := l.inside(host, append([]string{orreryBinary, "doctor", "--home", nobody}, args...)...)
		c := exec.Command(command[0], command[1:]...)
		c.Dir = t.TempDir()
		c.Env = append(os.Environ(), "HOME="+c.Dir, "XDG_CONFIG_HOME="+c.Dir, "ORRERY_DATA="+c.Dir)
		if host != o.host {
			c.Env = append(c.Env, o.access()...)
			c.Args = append(c.Args, "--planet", planet)
		}
		out, _ := c.CombinedOutput()
		t.Logf("# orrery doctor on %s\n%s", host, out)
		if got := c.ProcessState.ExitCode(); got != status {
			t.Errorf("the doctor ended with status %d, want %d", got, status)
		}
		return string(out)
	}
	at := l.address(1) + "/9993 (IPv4): "

	found := doctor("h2", 0, "--join")
	contains(t, found, "ok       api       Orrery", at+"the root answers", "ok       join      a member joined", "ok       planet", "ok       database")
	found = doctor("h1", 0, "--data", filepath.Join(o.home, "data"))
	contains(t, found, at+"the root answers", "on this machine the controller answers", "ok       port      UDP port 9993 is the server's alone")

	rule := []string{"INPUT", "-i", "eth0", "-p", "udp", "--dport", "9993", "-j"}
	l.in("h1", append([]string{"iptables", "-A"}, append(rule, "DROP")...)...)
	contains(t, doctor("h2", 1), "ok       api", "problem  udp       "+at+"no root answers", "open UDP port 9993")
	l.in("h1", "iptables", "-F", "INPUT")
	l.in("h1", append([]string{"iptables", "-A"}, append(rule, "REJECT")...)...)
	contains(t, doctor("h2", 1), "problem  udp       "+at+"no root answers, and that machine says that nothing", "reject UDP port 9993")
	l.in("h1", "iptables", "-F", "INPUT")
	contains(t, doctor("h2", 0), at+"the root answers")
}
