package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestSettingsAreDocumented(t *testing.T) {
	document, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, found := range regexp.MustCompile(`(?m)^ *--([a-z-]+)`).FindAllStringSubmatch(serveCommand().Flags().FlagUsages(), -1) {
		name, variable := found[1], "ORRERY_"+strings.ToUpper(strings.ReplaceAll(found[1], "-", "_"))
		row := regexp.MustCompile("(?m)^\\| `--" + name + "[` ].*`" + variable + "`")
		if !row.Match(document) && name != "database" { // which can only be left out in this version
			t.Errorf("the document has no row of --%s with %s", name, variable)
		}
	}
}

// TestExamplesOfUsers runs the examples of docs/users.md, one after the other in
// one shell, as they stand there.
func TestExamplesOfUsers(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"bash", "curl", "jq"} {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("CI") == "" {
				t.Skipf("SKIPPED: the examples need %s (Debian: apt-get install bash curl jq)", tool)
			}
			t.Fatalf("the examples need %s", tool)
		}
	}
	document, err := os.ReadFile("../../docs/users.md")
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
	config := newConfig(t)
	s := startServer(t, config)
	defer stopServer(t, s)
	token, err := os.ReadFile(filepath.Join(config.Data, "owner.token"))
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	if err := os.Symlink(program, filepath.Join(folder, "orrery")); err != nil {
		t.Fatal(err)
	}
	base := "http://" + s.HTTPAddr().String()
	command := exec.Command("bash", "-c", script)
	command.Dir = folder
	command.Env = append(os.Environ(), "PATH="+folder+":"+os.Getenv("PATH"), "ORRERY_DATA="+config.Data,
		"API="+base+"/api/orrery/v1", "CENTRAL="+base+"/api/v1", "OWNER="+string(token))
	out, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{
		`"bob@example.com","Bob","first"`, "deleted the user dave@example.com", "\noffice\n", "this token may only read", `"inventory",true,`,
		"Example Ltd", base + "/invitations/", "accepted", "bob@example.com\n", "there is no network", `["bob@example.com",true,true,false]`,
		"\ntrue\n", "do not have the right", `"bob@example.com",true,true,false,false`, `"member.authorized","127.0.0.1","8a9d09e442"`, `"network.shared","127.0.0.1",`,
	} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the examples do not print %s", want)
		}
	}
	if t.Failed() {
		t.Logf("%s", out)
	}
}
