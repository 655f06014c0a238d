package lab

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"
)

var (
	rulesBlock   = regexp.MustCompile("(?s)```rules (\\S+)\n(.*?)```")
	rulesSection = regexp.MustCompile(`(?m)^## (.*)$`)
)

// TestRulesGuide runs the transcripts of docs/rules.md, whose programs are the
// files that they name, on a network with four members.
func TestRulesGuide(t *testing.T) {
	needTools(t, "bash")
	data := filepath.Join(t.TempDir(), "data")
	s := startServer(t, data)
	var network struct{ ID string }
	s.must("POST", "/network", `{"config":{"name":"office","routes":[{"target":"10.9.0.0/24"}]}}`, &network)
	for _, m := range []struct{ node, name, ip string }{
		{"8a9d09e442", "alice", "10.9.0.1"}, {"9a85b47311", "bob", "10.9.0.2"},
		{"a48af1ba9b", "carol", "10.9.0.3"}, {"b5c0f1d2e3", "files", "10.9.0.10"},
	} {
		s.must("POST", "/network/"+network.ID+"/member/"+m.node,
			fmt.Sprintf(`{"name":%q,"config":{"authorized":true,"ipAssignments":[%q]}}`, m.name, m.ip), nil)
	}
	docs := &document{path: "../docs/rules.md"}
	text, err := os.ReadFile(docs.path)
	if err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	programs := rulesBlock.FindAllStringSubmatch(string(text), -1)
	if len(programs) < 10 {
		t.Fatalf("%d programs in %s", len(programs), docs.path)
	}
	for _, program := range programs {
		if err := os.WriteFile(filepath.Join(home, program[1]), []byte(program[2]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	shell := func(program string) (string, error) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		shell := exec.CommandContext(ctx, "bash", "-c", program)
		shell.Dir = home
		shell.Env = []string{"HOME=" + home, "TZ=UTC", "LANG=C.UTF-8", "ORRERY_DATA=" + data, "PATH=" + filepath.Dir(orreryBinary) + ":" + os.Getenv("PATH")}
		out, err := shell.CombinedOutput()
		return string(out), err
	}
	for _, section := range rulesSection.FindAllStringSubmatch(string(text), -1) {
		if _, part := docs.section(t, section[1]); consoleBlock.MatchString(part) {
			docs.check(t, section[1], shell)
		}
	}
}
