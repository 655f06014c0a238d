package cli

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

const oneNetworkID = "a1b2c3d4e5f60718"

// withAnswers starts a server that gives these answers, by method and path, and
// no others, and returns the requests that change something, in turn.
func withAnswers(t *testing.T, answers map[string]string) (changes *[]string) {
	t.Helper()
	changes = new([]string)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked := r.Method + " " + strings.TrimPrefix(r.URL.Path, "/api/v1")
		if body, _ := io.ReadAll(r.Body); r.Method != http.MethodGet {
			*changes = append(*changes, strings.TrimSpace(asked+" "+string(body)))
		}
		answer, ok := answers[asked]
		if status := 0; ok {
			if _, err := fmt.Sscanf(answer, "status %d", &status); err == nil {
				w.Header().Set("Retry-After", "3600") // longer than anybody waits
				w.WriteHeader(status)
				return
			}
			_, _ = io.WriteString(w, answer)
			return
		}
		w.WriteHeader(http.StatusNotFound)
	}))
	t.Cleanup(s.Close)
	t.Setenv("ORRERY_URL", s.URL)
	t.Setenv("ORRERY_TOKEN", hostedToken)
	return changes
}

func networkWith(routes string) string {
	return `{"id":"` + oneNetworkID + `","config":{"name":"office","routes":[` + routes + `]}}`
}

// What is sent as a whole is made of what is there now, not of what a list said
// before.
func TestRoutesOfOthersStay(t *testing.T) {
	changes := withAnswers(t, map[string]string{
		"GET /network":                  "[" + networkWith(`{"target":"10.9.0.0/24"}`) + "]",
		"GET /network/" + oneNetworkID:  networkWith(`{"target":"10.9.0.0/24"},{"target":"10.1.0.0/16"}`),
		"POST /network/" + oneNetworkID: networkWith(``),
	})
	must(t, "network", "set", "office", "--add-route", "10.2.0.0/16")
	want := []string{"POST /network/" + oneNetworkID + ` {"config":{"routes":[{"target":"10.9.0.0/24"},{"target":"10.1.0.0/16"},{"target":"10.2.0.0/16"}]}}`}
	if !slices.Equal(*changes, want) {
		t.Errorf("sent %q", *changes)
	}
}

func memberWith(node, name string, authorized bool) string {
	return fmt.Sprintf(`{"networkId":%q,"nodeId":%q,"name":%q,"lastSeen":1,"clock":9,"config":{"authorized":%v}}`, oneNetworkID, node, name, authorized)
}

// Who was in the list and is deleted meanwhile is not made again, and let in.
func TestDeletedMembersStayAway(t *testing.T) {
	changes := withAnswers(t, map[string]string{
		"GET /network/" + oneNetworkID:                              networkWith(``),
		"GET /network/" + oneNetworkID + "/member":                  "[" + memberWith("8a9d09e442", "laptop", false) + "]",
		"POST /network/" + oneNetworkID + "/member/" + "8a9d09e443": memberWith("8a9d09e443", "", true),
	})
	for _, how := range []string{"--all", "--pending", "laptop"} {
		refused(t, exitFailed, "8a9d09e442 is no member of office", "member", "authorize", oneNetworkID, how)
	}
	if len(*changes) > 0 {
		t.Errorf("sent %q", *changes)
	}
	if out := must(t, "member", "authorize", oneNetworkID, "8A9D09E443"); out != "authorized 8a9d09e443, which was no member yet\n" {
		t.Errorf("%q", out)
	}
}

// The hosted service accepts more members than a plan allows, and lets them wait.
func TestAcceptedIsNotDone(t *testing.T) {
	const node = "8a9d09e442"
	at := "/network/" + oneNetworkID
	withAnswers(t, map[string]string{
		"GET " + at:                      networkWith(``),
		"GET " + at + "/member/" + node:  memberWith(node, "x", false),
		"POST " + at + "/member/" + node: memberWith(node, "x", false),
		// Not a member yet.
		"POST " + at + "/member/8a9d09e443": memberWith("8a9d09e443", "", false),
	})
	for _, args := range [][]string{{"authorize", oneNetworkID, node, "--name", "x"}, {"authorize", oneNetworkID, "8a9d09e443"}, {"add", oneNetworkID, "8a9d09e443", "--authorize"}} {
		refused(t, exitFailed, "does your plan allow more members?", append([]string{"member"}, args...)...)
	}
}

// Text of a server does not reach the terminal as it is, wherever it stands.
func TestStrangeIdsArePrintable(t *testing.T) {
	const strange = `\u001b[2J`
	withAnswers(t, map[string]string{
		"GET /network":                             `[{"id":"` + strange + `","config":{"name":"office"}},{"id":"` + strange + `2","config":{"name":"other` + strange + `"}}]`,
		"GET /network/" + oneNetworkID:             networkWith(``),
		"GET /network/" + oneNetworkID + "/member": "[" + memberWith("8a9d09e442", "\u2028", false) + `,{"nodeId":"` + strange + `","lastSeen":1}]`,
		"POST /network":                            `{"id":"` + strange + `","config":{"name":"` + strange + `","routes":[{"target":"` + strange + `"}]}}`,
	})
	for _, args := range [][]string{
		{"member", "authorize", oneNetworkID, "--all"},
		{"member", "authorize", oneNetworkID, "--all", "--dry-run"},
		{"member", "set", oneNetworkID, "--all", "--description", "x"},
		{"member", "list", oneNetworkID},
		{"network", "delete", "office", "--dry-run"},
		{"network", "delete", "office", "--yes"},
		{"network", "create", "new"},
		{"network", "list"},
		{"network", "set", "office", "--mtu", "1400"},
	} {
		_, out, errOut := run(args...)
		if text := out + errOut; strings.ContainsAny(text, "\x1b\u2028") || text == "" {
			t.Errorf("%v: %q", args, text)
		}
	}
}

// A server that is overloaded is not asked for each of many, after all waits.
func TestOverloadEndsIt(t *testing.T) {
	at := "/network/" + oneNetworkID
	var list []string
	answers := map[string]string{"GET " + at: networkWith(``)}
	for i := range 5 {
		node := fmt.Sprintf("8a9d09e44%d", i)
		list = append(list, memberWith(node, "", false))
		answers["POST "+at+"/member/"+node] = memberWith(node, "", false)
	}
	answers["GET "+at+"/member"] = "[" + strings.Join(list, ",") + "]"
	answers["POST "+at+"/member/8a9d09e440"] = `{"nodeId":"8a9d09e440","hidden":true}`
	answers["POST "+at+"/member/8a9d09e441"] = "status 429"
	changes := withAnswers(t, answers)
	code, out, errOut := run("member", "hide", oneNetworkID, "--all")
	if code != exitPartly || out != "hidden 8a9d09e440\n" || !strings.Contains(errOut, "4 of 5 members were not hidden, as far as is known: ") {
		t.Errorf("status %d %q %q", code, out, errOut)
	}
	for _, change := range *changes {
		if !strings.Contains(change, "/8a9d09e440 ") && !strings.Contains(change, "/8a9d09e441 ") {
			t.Errorf("sent %s", change)
		}
	}
}

// closedPipe is an output that nobody reads.
func closedPipe(t *testing.T) *os.File {
	t.Helper()
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { writer.Close() })
	reader.Close()
	return writer
}

// withOwnServer starts an Orrery server that the commands find.
func withOwnServer(t *testing.T) {
	t.Helper()
	config := newConfig(t)
	s := startServer(t, config)
	t.Cleanup(func() { stopServer(t, s) })
	for _, name := range []string{"ORRERY_URL", "ORRERY_TOKEN", "ZEROTIER_CENTRAL_URL", "ZEROTIER_CENTRAL_TOKEN", "ZEROTIER_API_TOKEN", "ZT_TOKEN", "ORRERY_PROFILE"} {
		t.Setenv(name, "")
	}
	t.Setenv("ORRERY_DATA", config.Data)
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	t.Setenv("HOME", t.TempDir())
}

// A reader that goes away does not end the program in the middle of what it
// changes. This needs a program of its own: the first two files are special.
func TestNobodyReadsWhatIsDone(t *testing.T) {
	withOwnServer(t)
	must(t, "network", "create", "office")
	must(t, "member", "add", "office", "8a9d09e442", "8a9d09e443")
	for _, x := range []struct {
		args []string
		says string
	}{
		{[]string{"token", "create", "lost"}, "so the token was revoked again"},
		{[]string{"network", "create", "branch"}, "was made, but its id could not be written"},
		{[]string{"member", "set", "office", "--all", "--tag", "1=2"}, ""},
		{[]string{"member", "list", "office", "-o", "json"}, ""},
	} {
		var errOut bytes.Buffer
		command := exec.Command("orrery", x.args...)
		command.Stdout, command.Stderr = closedPipe(t), &errOut
		err := command.Run()
		if command.ProcessState == nil || command.ProcessState.ExitCode() != exitFailed || !strings.Contains(errOut.String(), x.says) || x.says == "" && errOut.Len() > 0 {
			t.Errorf("%v: %v %q", x.args, err, &errOut)
		}
	}
	if out := must(t, "token", "list", "--columns", "name", "--no-header"); out != "owner\n" {
		t.Errorf("tokens: %q", out)
	}
	if out := must(t, "member", "list", "office", "-o", "tsv", "--columns", "tags", "--no-header"); out != "1=2\n1=2\n" {
		t.Errorf("tags: %q", out)
	}
}

// full is an output with no room, as a disk.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, fmt.Errorf("no space left on device") }

func TestNoRoomForWhatIsDone(t *testing.T) {
	withOwnServer(t)
	must(t, "network", "create", "office")
	for says, args := range map[string][]string{
		"all is done, but the lines that say so could not be written: no space": {"network", "set", "office", "--mtu", "1400"},
		"the secret could not be written (no space left on device), so the":     {"token", "create", "lost"},
	} {
		var errOut bytes.Buffer
		if code := execute(args, full{}, &errOut, time.Now); code != exitFailed || !strings.Contains(errOut.String(), says) {
			t.Errorf("%v: status %d %q", args, code, &errOut)
		}
	}
	if out := must(t, "token", "list", "--columns", "name", "--no-header"); out != "owner\n" {
		t.Errorf("tokens: %q", out)
	}
}
