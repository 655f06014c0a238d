package lab

import (
	"cmp"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/member"
)

// TestCommandLine runs the transcripts of docs/cli.md, those that need a real node
// aside, against a server with two members.
func TestCommandLine(t *testing.T) {
	needTools(t, "bash", "sqlite3", "curl")
	if _, err := exec.LookPath("ansible-inventory"); err != nil {
		missing(t, "ansible-inventory")
	}
	data := filepath.Join(t.TempDir(), "data")
	s := startServer(t, data)
	home := t.TempDir()
	docs := &document{path: "../docs/cli.md", real: map[string]string{"http://127.0.0.1:8000": s.api[:len(s.api)-len("/api/v1")]}}
	run := func(section string) {
		t.Helper()
		docs.check(t, section, func(program string) (string, error) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			shell := exec.CommandContext(ctx, "bash", "-c", program)
			shell.Dir = home
			shell.Env = []string{"HOME=" + home, "TZ=UTC", "LANG=C.UTF-8", "ORRERY_DATA=" + data, "PATH=" + filepath.Dir(orreryBinary) + ":" + os.Getenv("PATH")}
			out, err := shell.CombinedOutput()
			return string(out), err
		})
	}

	run("A network")
	var networks []struct{ ID string }
	s.must("GET", "/network", "", &networks)
	nwid, err := zt.ParseNetworkID(networks[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	nodes := []*member.Node{s.newMember(ctx), s.newMember(ctx)}
	slices.SortFunc(nodes, func(a, b *member.Node) int { return cmp.Compare(a.Address(), b.Address()) }) // as lists are
	for i, said := range []string{"8a9d09e442", "9a85b47311"} {
		docs.real[said] = nodes[i].Address().String()
		wait(t, ctx, nodes[i].Join(nwid), member.AccessDenied)
	}
	for _, section := range []string{"Who is there", "Let members in, put them out", "Export", "In scripts"} {
		run(section)
	}
}

// TestCommandLineOnDevice runs the transcript of docs/cli.md that cleans up a
// node, on a device with a real one.
func TestCommandLineOnDevice(t *testing.T) {
	l := newLab(t, 2)
	o := l.startOrrery(1, "--root", l.address(1)+"/9993")
	n := o.joined("h2", o.newNetwork())
	device := n.asService(t)
	docs := &document{path: "../docs/cli.md", real: map[string]string{"https://orrery.example.com": "http://" + o.ip + ":8000"}}
	environment := append(o.access(), "TZ=UTC", "HOME="+t.TempDir())
	program := "cd \"$HOME\"; PATH=$PATH:" + filepath.Dir(orreryBinary) + "\n"
	docs.check(t, "Clean up a node", func(commands string) (string, error) {
		return device.try(t, environment, "bash", "-c", program+commands)
	})
}
