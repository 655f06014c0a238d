package lab

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestReadme runs the README's transcript on a server and two devices with real
// nodes, each command on the host that its prompt names.
func TestReadme(t *testing.T) {
	l := newLab(t, 3)
	o := l.startOrrery(1, "--root", l.address(1)+"/9993")
	alice, bob := o.startNode("h2"), o.startNode("h3")
	if alice.address > bob.address { // lists are in this order
		alice, bob = bob, alice
	}
	const nwid, aliceID, bobID, bobIP = "b52d29f0620ede48", "8a9d09e442", "9a85b47311", "10.9.0.8"
	readme := &document{path: "../README.md", real: map[string]string{aliceID: alice.address, bobID: bob.address}}
	for said, n := range map[string]*node{"10.77.0.2": alice, "10.77.0.3": bob} {
		readme.real[said] = l.net + "." + strings.TrimPrefix(n.host, "h")
	}
	homes := map[string]string{"server": filepath.Join(o.home, "data"), "alice": alice.home, "bob": bob.home}
	hosts := map[string]string{"server": o.host, "alice": alice.host, "bob": bob.host}

	const section = "A network in five minutes"
	steps := readme.steps(t, section)
	outputs := make([]string, len(steps))
	for i, s := range steps {
		const shell = `zerotier-cli() { "$ZEROTIER_ONE" -q "-D$HOME_FOLDER" "$@"; }; ` + "\n"
		command := l.inside(hosts[s.host], "bash", "-c", shell+readme.made(s.command))
		c := exec.Command(command[0], command[1:]...)
		c.Dir = t.TempDir()
		c.Env = append(os.Environ(), "TZ=UTC", "LANG=C.UTF-8", "HOME_FOLDER="+homes[s.host], "ORRERY_DATA="+homes["server"],
			"PATH="+filepath.Dir(orreryBinary)+":"+os.Getenv("PATH"))
		out, _ := c.CombinedOutput() // what fails is in the README, too: a ping
		outputs[i] = string(out)

		// What takes a moment in the README, too.
		switch fields := strings.Fields(s.command); {
		case strings.Contains(s.command, "network create"):
			readme.real[nwid] = strings.TrimSpace(outputs[i][strings.LastIndex(strings.TrimSpace(outputs[i]), "\n")+1:])
		case fields[0] == "zerotier-cli" && fields[1] == "join":
			n := map[string]*node{"alice": alice, "bob": bob}[s.host]
			l.within(20*time.Second, s.host+" is refused", func() bool { return n.network(readme.real[nwid]).Status == "ACCESS_DENIED" })
		case strings.Contains(s.command, "deauthorize"):
			l.within(5*time.Second, "bob is out", func() bool { return bob.network(readme.real[nwid]).Status == "ACCESS_DENIED" })
		case strings.Contains(s.command, "authorize"):
			for _, n := range []*node{alice, bob} {
				l.within(5*time.Second, n.host+" is in", func() bool { return n.ip(readme.real[nwid]) != "" })
			}
			readme.real[bobIP] = bob.ip(readme.real[nwid])
			l.within(20*time.Second, "they meet", func() bool { return alice.reaches(readme.real[bobIP]) })
		}
	}
	readme.compare(t, section, steps, outputs)
}
