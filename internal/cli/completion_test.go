package cli

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// needPackage ends a test for which a program is missing: it may only be skipped
// where not all are to run.
func needPackage(t *testing.T, debian string, found bool) {
	t.Helper()
	switch {
	case found:
	case os.Getenv("CI") != "":
		t.Fatalf("this test needs %s", debian)
	default:
		t.Skipf("SKIPPED: this test needs %s (Debian: apt-get install %[1]s)", debian)
	}
}

func hasProgram(name string) bool {
	_, err := exec.LookPath(name)
	return err == nil
}

// shellEnvironment has the test's program as orrery in its PATH, and no settings
// of whoever runs the test.
func shellEnvironment(t *testing.T) []string {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	folder, home := t.TempDir(), t.TempDir()
	if err := os.Symlink(program, filepath.Join(folder, "orrery")); err != nil {
		t.Fatal(err)
	}
	return []string{
		"PATH=" + folder + ":" + os.Getenv("PATH"), "HOME=" + home, "XDG_CONFIG_HOME=" + home, "ORRERY_DATA=" + home,
		"TERM=dumb", "LC_ALL=C.UTF-8",
	}
}

// bashCompletion is what the script for bash builds on.
const bashCompletion = "/usr/share/bash-completion/bash_completion"

// The scripts load a shell's completion as its users do, complete the words that
// they are called with, and print an offer a line.
var shells = []struct {
	name, debian string
	found        func() bool
	program      []string
}{
	{"bash", "bash-completion", func() bool { _, err := os.Stat(bashCompletion); return err == nil }, []string{"bash", "--norc", "-c", `
		source ` + bashCompletion + `; source <(orrery completion bash)
		complete -p orrery | grep -q __start_orrery || exit 1
		compopt() { :; }  # which takes a terminal
		COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}; COMP_TYPE=63; COMP_KEY=63
		__start_orrery orrery "${!#}"; printf '%s\n' "${COMPREPLY[@]}"`, "bash"}},
	{"zsh", "zsh", func() bool { return hasProgram("zsh") }, []string{"zsh", "-fec", `
		autoload -U compinit; compinit -C -d ~/compdump; source <(orrery completion zsh)
		[[ $_comps[orrery] == _orrery ]]
		_describe() { print -rl -- $completions }  # shows them, which takes a terminal
		words=("$@"); CURRENT=$#; _orrery || true`, "zsh"}},
	{"fish", "fish", func() bool { return hasProgram("fish") }, []string{"fish", "--no-config", "-c", `
		orrery completion fish | source; complete -C "$argv"`, "--"}},
}

// offers completes a line in a shell; a description is cut off.
func offers(t *testing.T, program, environment []string, line string) (offered []string, all string) {
	t.Helper()
	command := exec.Command(program[0], append(slices.Clone(program[1:]), strings.Split(line, " ")...)...)
	command.Env = environment
	out, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for offer := range strings.Lines(string(out)) {
		if words := strings.FieldsFunc(offer, func(r rune) bool { return strings.ContainsRune(" \t\n:", r) }); len(words) > 0 {
			offered = append(offered, words[0])
		}
	}
	slices.Sort(offered)
	return offered, string(out)
}

func TestShellsComplete(t *testing.T) {
	config := newConfig(t)
	s := startServer(t, config)
	defer stopServer(t, s)
	token, err := os.ReadFile(filepath.Join(config.Data, "owner.token"))
	if err != nil {
		t.Fatal(err)
	}
	access := []string{"ORRERY_URL=http://" + s.HTTPAddr().String(), "ORRERY_TOKEN=" + string(token)}
	for _, variable := range access {
		name, value, _ := strings.Cut(variable, "=")
		t.Setenv(name, value)
	}
	if code, _, errOut := run("network", "create", "office"); code != 0 {
		t.Fatal(errOut)
	}
	code, out, errOut := run("network", "list", "-o", "csv", "--no-header", "--columns", "id")
	if code != 0 {
		t.Fatal(errOut)
	}
	network := strings.TrimSpace(out)
	if code, _, errOut := run("member", "add", network, "8a9d09e442", "--name", "alices-laptop"); code != 0 {
		t.Fatal(errOut)
	}
	for _, shell := range shells {
		t.Run(shell.name, func(t *testing.T) {
			needPackage(t, shell.debian, shell.found())
			environment := append(shellEnvironment(t), access...)
			for line, want := range map[string][]string{
				"orrery mem":                            {"member"},
				"orrery member auth":                    {"authorize"},
				"orrery completion ":                    {"bash", "fish", "powershell", "zsh"},
				"orrery network show ":                  {network},
				"orrery network show off":               {"office"},
				"orrery member show office ":            {"8a9d09e442"},
				"orrery member show office ali":         {"alices-laptop"},
				"orrery member show office 8a9d09e442 ": nil,
				"orrery member show nothing ":           nil,
				"orrery man member auth":                {"authorize"},
				"orrery rules trace off":                {"office"},
				"orrery rules trace office --from ali":  {"alices-laptop"},
			} {
				got, all := offers(t, shell.program, environment, line)
				if !slices.Equal(got, want) {
					t.Errorf("%q is completed with %q, want %q:\n%s", line, got, want, all)
				}
			}
			if _, all := offers(t, shell.program, environment, "orrery network show "); !strings.Contains(all, "office") && shell.name != "bash" {
				t.Errorf("a network is offered without its name: %s", all)
			}
		})
	}
}

// TestCompletionIsSilent has servers that are not there, or take their time.
func TestCompletionIsSilent(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	t.Setenv("ORRERY_DATA", t.TempDir())
	const nothing = ":4\n"
	if code, out, errOut := run("__completeNoDesc", "network", "show", ""); code != 0 || out != nothing || strings.Contains(errOut, "orrery:") {
		t.Errorf("without a server: %d %q %q", code, out, errOut)
	}
	ended := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-ended }))
	defer slow.Close()
	defer close(ended)
	begun := time.Now()
	code, out, errOut := run("__completeNoDesc", "network", "show", "--url", slow.URL, "--token", "x", "")
	if code != 0 || out != nothing || strings.Contains(errOut, "orrery:") || time.Since(begun) > 2*completionTime {
		t.Errorf("a slow server: %d %q %q in %s", code, out, errOut, time.Since(begun))
	}
	pipe, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer pipe.Close()
	defer writer.Close()
	file := fmt.Sprintf("/dev/fd/%d", pipe.Fd())
	if _, err := os.Stat(file); err != nil {
		t.Skip("this system has no names for pipes")
	}
	completed := make(chan int, 1)
	go func() {
		code, _, _ := run("__completeNoDesc", "network", "show", "--url", slow.URL, "--token-file", file, "")
		completed <- code
	}()
	select {
	case code := <-completed:
		if code != 0 {
			t.Errorf("a token that does not come: %d", code)
		}
	case <-time.After(20 * completionTime):
		t.Error("a token that does not come is waited for")
	}
}

func TestOffers(t *testing.T) {
	o := offer{given: []string{"8056c2e21c000001"}}
	for i, name := range []string{"home", "--yes", "bad\x1b[31m\nname"} {
		o.add("8056c2e21c000001", name)
		o.add(fmt.Sprintf("8056c2e21c%06x", i+2), name)
	}
	want := []string{"8056c2e21c000002\thome", "8056c2e21c000003\t--yes", "8056c2e21c000004\tbad\ufffd[31m\ufffdname"}
	if !slices.Equal(o.all, want) {
		t.Errorf("%q, want %q", o.all, want)
	}
	o = offer{}
	for _, id := range []string{"$(id)", "8056c2e2\n1c00", "\x1b[31m"} {
		o.add(id, "home")
	}
	// Bash inserts what two offers have in common without quotes, and runs it then.
	o.begun = "a"
	for _, name := range []string{"a$(id)1", "a$(id)2", "a`id`", "a;id", "a|b", "a'b", `a"b`, `a\b`, "a&b", "a>b", "a~", "a!1", "a*", "a#"} {
		o.add("8056c2e21c000001", name)
	}
	if len(o.all) != 0 {
		t.Errorf("a shell would run or expand %q", o.all)
	}
	if o.add("8056c2e21c000001", "ana.s_büro-1"); len(o.all) != 1 {
		t.Error("a name is not offered")
	}
	if o.add("8056c2e21c000002", "ana.s_büro-1"); len(o.all) != 1 {
		t.Errorf("two have a name that is offered twice: %q", o.all)
	}
	o = offer{begun: "-"}
	if o.add("8056c2e21c000001", "--yes"); o.all != nil {
		t.Errorf("a name is offered that would be a flag: %q", o.all)
	}
	o = offer{}
	for i := 0; o.add(fmt.Sprintf("8056c2e21c%06x", i), "twin"); i++ {
		if i > completionCount {
			t.Fatal("there is no end")
		}
	}
}

func TestCompletionScripts(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if code, out, errOut := run("completion", shell); code != 0 || !strings.Contains(out, "orrery") {
			t.Errorf("%s: %d %s", shell, code, errOut)
		}
	}
	for _, args := range [][]string{{"completion"}, {"completion", "tcsh"}, {"completion", "bash", "zsh"}} {
		if code, _, errOut := run(args...); code != exitUsage || !strings.Contains(errOut, "orrery completion --help") {
			t.Errorf("%q: %d %s", args, code, errOut)
		}
	}
}
