package lab

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestExamples runs the examples of docs/api.md, one after the other in one
// shell, as they stand there.
func TestExamples(t *testing.T) {
	for _, tool := range []string{"bash", "curl", "jq"} {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("CI") == "" {
				t.Skipf("SKIPPED: the examples need %s (Debian: apt-get install bash curl jq)", tool)
			}
			t.Fatalf("the examples need %s", tool)
		}
	}
	document, err := os.ReadFile("../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(document), -1)
	if len(blocks) < 10 {
		t.Fatalf("found %d examples", len(blocks))
	}
	script := "set -euo pipefail\n"
	for _, block := range blocks {
		script += block[1] + "echo\n"
	}
	s := startServer(t, filepath.Join(t.TempDir(), "data"))
	command := exec.Command("bash", "-c", script)
	command.Env = append(os.Environ(), "ORRERY="+s.api, "TOKEN="+s.token)
	out, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{
		`"home",0`, `"10.9.0.0/24"`, `["the five laptops",1400,{"domain":"home.example","servers":["10.9.0.53"]}]`,
		"true", `["alice",["10.9.0.7"]]`, `"8a9d09e442","alice",false,true,0,,"10.9.0.7","0.0.0"`, "false", "{}", "config.mtu",
	} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the examples do not print %s", want)
		}
	}
	if t.Failed() {
		t.Logf("%s", out)
	}
}
