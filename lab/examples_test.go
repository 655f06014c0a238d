package lab

import (
	"context"
	"encoding/csv"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/member"
)

// needTools skips a test for programs that are not there; where CI is set they
// must be.
func needTools(t *testing.T, tools ...string) {
	t.Helper()
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			missing(t, tool)
		}
	}
}

func missing(t *testing.T, tool string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf("the examples need %s", tool)
	}
	t.Skipf("SKIPPED: the examples need %s (Debian: apt-get install %s)", tool, tool)
}

// needPython returns a Python that has the package requests. The first one in
// the PATH may be another than Debian's, for which packages are installed.
func needPython(t *testing.T) string {
	t.Helper()
	for _, python := range []string{"python3", "/usr/bin/python3"} {
		if exec.Command(python, "-c", "import requests").Run() == nil {
			return python
		}
	}
	missing(t, "python3-requests")
	return ""
}

// tasks are the four that Central's documentation has examples of, as programs:
// four for bash and one for Python. They take what they need from the
// environment and, cleanUp, the ids of networks as arguments.
type tasks struct {
	networks, members, authorize, deauthorize string
	cleanUp                                   string
	deleted                                   string // what cleanUp says about a network
}

// ownTasks are those of testdata/examples.
func ownTasks(t *testing.T) tasks {
	t.Helper()
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join("testdata/examples", name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	return tasks{
		networks: read("networks.sh"), members: read("members.sh"),
		authorize: read("authorize.sh"), deauthorize: read("deauthorize.sh"),
		cleanUp: read("delete.py"), deleted: "%s 200 {}",
	}
}

// theirHost is what the examples of Central's documentation send requests to.
const theirHost = "https://api.zerotier.com"

var codeBlock = regexp.MustCompile("(?s)```(sh|code)\n(.*?)```")

// theirTasks takes the programs from a page of Central's documentation, as they
// stand there but for the host.
func theirTasks(t *testing.T, page, host string) tasks {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	var found tasks
	var shell []string
	for _, block := range codeBlock.FindAllStringSubmatch(string(text), -1) {
		program := strings.ReplaceAll(block[2], theirHost, host)
		switch {
		case block[1] == "sh":
			shell = append(shell, program)
		case strings.Contains(program, "import requests"):
			found.cleanUp = program
		}
	}
	if len(shell) != 4 || found.cleanUp == "" {
		t.Fatalf("the page has %d shell examples, python %t", len(shell), found.cleanUp != "")
	}
	found.networks, found.members, found.authorize, found.deauthorize = shell[0], shell[1], shell[2], shell[3]
	// The page's second example ends without the quote that closes jq's program:
	// no shell would run it.
	if strings.Count(found.members, "'")%2 == 1 {
		found.members = strings.TrimRight(found.members, "\n") + "'\n"
	}
	found.deleted = "Deauthorized from network %s"
	return found
}

// examplesPage is where the page of Central's documentation is: at EXAMPLES_PAGE
// or beside the repository; "" if it is not at hand.
func examplesPage() string {
	if page := os.Getenv("EXAMPLES_PAGE"); page != "" {
		return page
	}
	if page := "../../shared/central/examples-page.md"; exists(page) {
		return page
	}
	return ""
}

// TestDocumentedTasks does with a server that has real members what people do
// with Central by its examples: those of testdata, and where the page of
// Central's documentation is at hand, those of the page.
func TestDocumentedTasks(t *testing.T) {
	needTools(t, "bash", "curl", "jq")
	python := needPython(t)
	s := startServer(t, filepath.Join(t.TempDir(), "data"))
	t.Run("ours", func(t *testing.T) { s.doTasks(t, ownTasks(t), python) })
	t.Run("page", func(t *testing.T) {
		page := examplesPage()
		if page == "" {
			t.Skip("SKIPPED: the page is not here; EXAMPLES_PAGE can name it")
		}
		s.doTasks(t, theirTasks(t, page, strings.TrimSuffix(s.api, "/api/v1")), python)
	})
}

// doTasks does all tasks on a network of their own with two members.
func (s *server) doTasks(t *testing.T, do tasks, python string) {
	s.t = t
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var made struct {
		ID     string
		Config struct{ CreationTime int64 }
	}
	s.must("POST", "/network", strings.Replace(home, `{`, `{"description":"the five, \"old\" laptops",`, 1), &made)
	s.must("POST", "/network", `{}`, nil)
	nwid, err := zt.ParseNetworkID(made.ID)
	if err != nil {
		t.Fatal(err)
	}
	first, second := s.newMember(ctx), s.newMember(ctx)
	joined := map[*member.Node]*member.Membership{}
	for _, node := range []*member.Node{first, second} {
		joined[node] = node.Join(nwid)
		wait(t, ctx, joined[node], member.AccessDenied)
	}
	environment := func(node *member.Node) []string {
		return append(os.Environ(), "ORRERY="+s.api, "NWID="+made.ID, "MEMBER_ID="+node.Address().String(), "TOKEN="+s.token,
			"ZT_TOKEN="+s.token, "ZEROTIER_API_TOKEN="+s.token, "ZEROTIER_NODE_ID="+node.Address().String())
	}

	for _, node := range []*member.Node{first, second} {
		if out := run(t, do.authorize, environment(node)); !strings.Contains(out, `"authorized":true`) {
			t.Errorf("authorizing answered %s", out)
		}
		wait(t, ctx, joined[node], member.OK)
		s.must("POST", "/network/"+made.ID+"/member/"+node.Address().String(), `{"name":"laptop `+node.Address().String()+`"}`, nil)
	}

	row := rowOf(t, run(t, do.networks, environment(first)), made.ID)
	want := []string{made.ID, "home", `the five, "old" laptops`, "2", strconv.FormatInt(made.Config.CreationTime, 10), "10.9.0.1", "10.9.0.254"}
	compareColumns(t, row, want, "id", "name", "description", "members", "created", "first address", "last address")

	for _, node := range []*member.Node{first, second} {
		row = rowOf(t, run(t, do.members, environment(node)), made.ID+"-"+node.Address().String())
		want = []string{made.ID + "-" + node.Address().String(), "", "127.0.0.1", joined[node].State().Addresses()[0].Addr().String(), "laptop " + node.Address().String()}
		if seen, err := strconv.ParseInt(row[1], 10, 64); err == nil && time.Since(time.UnixMilli(seen)).Abs() < time.Minute {
			row[1] = ""
		}
		compareColumns(t, row, want, "id", "last seen", "physical address", "address", "name")
	}

	if out := run(t, do.deauthorize, environment(first)); !strings.Contains(out, `"authorized":false`) {
		t.Errorf("deauthorizing answered %s", out)
	}
	wait(t, ctx, joined[first], member.AccessDenied)
	run(t, do.authorize, environment(first))
	wait(t, ctx, joined[first], member.OK)

	out := runPython(t, python, do.cleanUp, environment(first), made.ID)
	if !strings.Contains(out, fmt.Sprintf(do.deleted, made.ID)) {
		t.Errorf("deleting printed %s", out)
	}
	wait(t, ctx, joined[first], member.AccessDenied)
	if status, answer, err := s.call("GET", "/network/"+made.ID+"/member/"+first.Address().String(), ""); err != nil || status != http.StatusNotFound {
		t.Errorf("the deleted member: %d %s %v", status, answer, err)
	}
	s.must("GET", "/network/"+made.ID+"/member/"+second.Address().String(), "", nil)
}

func wait(t *testing.T, ctx context.Context, m *member.Membership, status member.Status) {
	t.Helper()
	_, err := m.Wait(ctx, func(s member.State) bool {
		return s.Status == status && (status != member.OK || len(s.Addresses()) == 1)
	})
	if err != nil {
		t.Fatalf("the member did not become %v: %v", status, err)
	}
}

// run runs a program in bash and returns what it prints.
func run(t *testing.T, program string, environment []string) string {
	t.Helper()
	command := exec.Command("bash", "-c", "set -euo pipefail\n"+program)
	command.Env = environment
	var errors strings.Builder
	command.Stderr = &errors
	out, err := command.Output()
	if err != nil {
		t.Fatalf("%s\n%v\n%s%s", program, err, out, errors.String())
	}
	return string(out)
}

// rowOf finds the line of CSV whose first column is id.
func rowOf(t *testing.T, text, id string) []string {
	t.Helper()
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	for _, row := range rows {
		if row[0] == id {
			return row
		}
	}
	t.Fatalf("%s is not in\n%s", id, text)
	return nil
}

func compareColumns(t *testing.T, row, want []string, names ...string) {
	t.Helper()
	if len(row) != len(want) {
		t.Fatalf("%d columns, want %d: %q", len(row), len(want), row)
	}
	for i, name := range names {
		if row[i] != want[i] {
			t.Errorf("column %s: %q, want %q", name, row[i], want[i])
		}
	}
}

// ztSecret is what the page's program removes from the machine it runs on.
const ztSecret = "/var/lib/zerotier-one/identity.secret"

// inSandbox runs a program so that it changes nothing of the machine: programs
// named sudo and systemctl only write down how they were called, and /var/lib is
// an empty folder of its own. The machine's own PATH comes after them.
const inSandbox = `set -euo pipefail
if [ "$PRIVATE" = yes ]; then
  mount -t tmpfs tmpfs /var/lib
  mkdir /var/lib/zerotier-one
  echo secret >` + ztSecret + `
fi
for tool in sudo systemctl; do
  [ "$(command -v $tool)" = "$SHIMS/$tool" ] || { echo "$tool is not replaced" >&2; exit 1; }
done
"$PYTHON" "$PROGRAM" "$@"
if [ -e ` + ztSecret + ` ]; then echo "the secret is still there"; fi
`

// runPython runs a program in a sandbox and returns what it prints.
func runPython(t *testing.T, python, program string, environment []string, args ...string) string {
	t.Helper()
	dir := t.TempDir()
	calls := filepath.Join(dir, "calls")
	for _, tool := range []string{"sudo", "systemctl"} {
		write(t, filepath.Join(dir, tool), "#!/bin/sh\necho \"${0##*/} $*\" >>\"$CALLS\"\n", 0o755)
	}
	write(t, filepath.Join(dir, "program.py"), program, 0o644)
	local := strings.Contains(program, ztSecret)
	private := os.Geteuid() == 0 && exec.Command("unshare", "-m", "true").Run() == nil
	if local && !private && exists(ztSecret) {
		t.Skipf("SKIPPED: the program would remove %s; run this as root, which can hide it", ztSecret)
	}
	command := append([]string{"bash", "-c", inSandbox, "bash"}, args...)
	if private {
		command = append([]string{"unshare", "-m"}, command...)
	}
	c := exec.Command(command[0], command[1:]...)
	c.Env = append(environment, "SHIMS="+dir, "CALLS="+calls, "PYTHON="+python, "PROGRAM="+filepath.Join(dir, "program.py"),
		"PATH="+dir+":"+os.Getenv("PATH"), "PRIVATE="+map[bool]string{true: "yes", false: "no"}[private])
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if !local {
		return string(out)
	}
	called, err := os.ReadFile(calls)
	if want := "sudo systemctl stop zerotier-one\nsudo systemctl start zerotier-one\n"; err != nil || string(called) != want {
		t.Errorf("it called %q, %v", called, err)
	}
	if private && (!strings.Contains(string(out), "Removed") || strings.Contains(string(out), "still there")) {
		t.Errorf("it did not remove the secret:\n%s", out)
	}
	return string(out)
}

func write(t *testing.T, path, content string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
}
