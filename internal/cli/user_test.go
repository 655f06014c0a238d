package cli

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/orrery-net/orrery/internal/server"
)

// newConfig is a server of which nothing is sent anywhere, with an identity,
// which takes seconds to make.
func newConfig(t *testing.T) server.Config {
	t.Helper()
	config := server.Default()
	config.Data = t.TempDir()
	config.HTTP, config.UDP = "127.0.0.1:0", "127.0.0.1:0"
	config.Roots = []netip.AddrPort{netip.MustParseAddrPort("192.0.2.1:9993")}
	made, err := os.ReadFile("../controller/testdata/identities.txt")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(config.Data, "identity.secret"), []byte(strings.Fields(string(made))[0]), 0o600); err != nil {
		t.Fatal(err)
	}
	return config
}

func startServer(t *testing.T, config server.Config) *server.Server {
	t.Helper()
	s, err := server.Start(t.Context(), config, t.Output())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func stopServer(t *testing.T, s *server.Server) {
	t.Helper()
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
}

// must runs a command that has to work and returns its standard output.
func must(t *testing.T, args ...string) string {
	t.Helper()
	code, out, errOut := run(args...)
	if code != exitDone {
		t.Fatalf("%v: status %d: %s", args, code, errOut)
	}
	return out
}

func refused(t *testing.T, code int, want string, args ...string) {
	t.Helper()
	got, out, errOut := run(args...)
	if got != code || !strings.Contains(errOut, want) || out != "" {
		t.Errorf("%v: status %d, want %d: %q %q", args, got, code, out, errOut)
	}
	if strings.Count(errOut, "\n") != 1 {
		t.Errorf("%v: not one line: %q", args, errOut)
	}
}

// asks returns the status of a request to the API with a token.
func asks(t *testing.T, s *server.Server, token string) int {
	t.Helper()
	request, err := http.NewRequest("GET", "http://"+s.HTTPAddr().String()+"/api/v1/network", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "token "+token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	return response.StatusCode
}

func list(t *testing.T, data string) []server.User {
	t.Helper()
	var all []server.User
	if err := json.Unmarshal([]byte(must(t, "user", "list", "--data", data, "-o", "json")), &all); err != nil {
		t.Fatal(err)
	}
	return all
}

var secretLine = regexp.MustCompile(`^[0-9A-Za-z]{32}\n$`)

// The commands do the same whether the server runs or not.
func TestUserCommands(t *testing.T) {
	for _, running := range []bool{false, true} {
		t.Run(map[bool]string{false: "stopped", true: "running"}[running], func(t *testing.T) {
			config := newConfig(t)
			s := startServer(t, config)
			if !running {
				stopServer(t, s)
			}
			userLife(t, config.Data)

			first := must(t, "user", "create", "carol@example.com", "--data", config.Data)
			second := must(t, "user", "reset-token", "carol@example.com", "--yes", "--data", config.Data)
			if !running {
				s = startServer(t, config)
			}
			defer stopServer(t, s)
			if got := asks(t, s, strings.TrimSpace(first)); got != 401 {
				t.Errorf("the token that was reset: status %d", got)
			}
			if got := asks(t, s, strings.TrimSpace(second)); got != 200 {
				t.Errorf("the new token: status %d", got)
			}
		})
	}
}

func userLife(t *testing.T, data string) {
	t.Setenv("ORRERY_DATA", data)
	code, out, errOut := run("user", "create", "bob@example.com", "--name", "Bob B.", "--join-organization")
	if code != exitDone || !secretLine.MatchString(out) || !strings.Contains(errOut, "bob@example.com") || strings.Contains(errOut, strings.TrimSpace(out)) {
		t.Fatalf("status %d %q %q", code, out, errOut)
	}
	all := list(t, data)
	i := slices.IndexFunc(all, func(u server.User) bool { return u.Email == "bob@example.com" })
	if len(all) != 2 || i < 0 {
		t.Fatalf("users %+v", all)
	}
	bob, owner := all[i], all[1-i]
	if bob.DisplayName != "Bob B." || bob.ID == "" || bob.CreationTime == 0 || !slices.Equal(bob.Tokens, []string{"first"}) {
		t.Errorf("%+v", bob)
	}
	if bob.OrganizationID == "" || bob.OrganizationID != owner.OrganizationID {
		t.Errorf("%+v is not in the organization of %+v", bob, owner)
	}
	if table := must(t, "user", "list"); !strings.Contains(table, "EMAIL") || !regexp.MustCompile(`(?m)^bob@example\.com +Bob B\. +`+bob.ID+` +\d{4}-\d\d-\d\d +first$`).MatchString(table) {
		t.Error(table)
	}
	refused(t, exitFailed, "BOB@example.com: email: ", "user", "create", "BOB@example.com")
	refused(t, exitFailed, "email", "user", "create", "no address")
	refused(t, exitUsage, "add --yes", "user", "reset-token", "bob@example.com")
	refused(t, exitUsage, "add --yes", "user", "delete", "bob@example.com")
	refused(t, exitFailed, "a\uFFFDb: there is no such user", "user", "delete", "a\nb", "--yes")
	refused(t, exitFailed, "nobody@example.com: there is no such user", "user", "delete", "nobody@example.com", "--yes")
	refused(t, exitFailed, "unknown command: email: ", "user", "create", "unknown command")
	refused(t, exitFailed, "owner of the server", "user", "delete", owner.ID, "--yes")
	if out := must(t, "user", "reset-token", "Bob@Example.com", "--yes"); !secretLine.MatchString(out) {
		t.Errorf("reset: %q", out)
	}
	if out := must(t, "user", "delete", bob.ID, "--yes"); out != "" {
		t.Errorf("delete: %q", out)
	}
	if all := list(t, data); len(all) != 1 || all[0].ID != owner.ID {
		t.Errorf("left: %+v", all)
	}
}

func TestUserUsage(t *testing.T) {
	for _, x := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"user", "create"}, exitUsage, "want one e-mail address; see orrery user create --help"},
		{[]string{"user", "create", "a@example.com", "b@example.com"}, exitUsage, "want one e-mail address"},
		{[]string{"user", "delete", ""}, exitUsage, "want one e-mail address or id"},
		{[]string{"user", "delete", "--force", "a@example.com"}, exitUsage, "unknown flag: --force"},
		{[]string{"user", "list", "extra"}, exitUsage, `unknown command "extra"`},
		{[]string{"user", "list", "-o", "yaml"}, exitUsage, "want table or json"},
		{[]string{"user", "make"}, exitUsage, `unknown command "make"`},
		{[]string{"user", "list", "--data", "/nowhere"}, exitFailed, "there is no server's data in /nowhere"},
	} {
		refused(t, x.code, x.want, x.args...)
	}
}

// A script that pipes something in is not a person who confirms.
func TestOnlyATerminalIsAsked(t *testing.T) {
	config := newConfig(t)
	stopServer(t, startServer(t, config))
	must(t, "user", "create", "bob@example.com", "--data", config.Data)
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	answer(t, reader)
	if _, err := io.WriteString(writer, "y\n"); err != nil {
		t.Fatal(err)
	}
	writer.Close()
	refused(t, exitUsage, "add --yes", "user", "delete", "bob@example.com", "--data", config.Data)
}

// answer makes a file the standard input until the test ends.
func answer(t *testing.T, from *os.File) {
	t.Helper()
	stdin := os.Stdin
	os.Stdin = from
	t.Cleanup(func() { os.Stdin = stdin })
}

// The address that a crashed server left behind may be another program's by now,
// which must not be shown the owner's token.
func TestLeftAddressIsNotAsked(t *testing.T) {
	config := newConfig(t)
	stopServer(t, startServer(t, config))
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("another program was asked") }))
	defer other.Close()
	left := filepath.Join(config.Data, "http.address")
	if err := os.WriteFile(left, []byte(other.Listener.Addr().String()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if all := list(t, config.Data); len(all) != 1 {
		t.Errorf("users %+v", all)
	}
	if _, err := os.Stat(left); !os.IsNotExist(err) {
		t.Errorf("the address is still there: %v", err)
	}
}

// The commands need the owner's token, also after they replaced it.
func TestResetOfTheOwnersTokens(t *testing.T) {
	for _, running := range []bool{false, true} {
		t.Run(map[bool]string{false: "stopped", true: "running"}[running], func(t *testing.T) {
			config := newConfig(t)
			s := startServer(t, config)
			file := filepath.Join(config.Data, "owner.token")
			first, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if !running {
				stopServer(t, s)
			}
			must(t, "user", "create", "bob@example.com", "--data", config.Data)
			must(t, "user", "reset-token", "bob@example.com", "--yes", "--data", config.Data)
			if kept, err := os.ReadFile(file); err != nil || string(kept) != string(first) {
				t.Errorf("another user's token is kept as the owner's: %v", err)
			}
			secret := strings.TrimSpace(must(t, "user", "reset-token", "owner@localhost", "--yes", "--data", config.Data))
			if kept, err := os.ReadFile(file); err != nil || string(kept) != secret {
				t.Errorf("the new token is not kept: %v", err)
			}
			if !running {
				s = startServer(t, config)
			}
			defer stopServer(t, s)
			if got := asks(t, s, string(first)); got != 401 {
				t.Errorf("the token that was reset: status %d", got)
			}
			if all := list(t, config.Data); len(all) != 2 {
				t.Errorf("users %+v", all)
			}
		})
	}
}

func TestRunningServerThatKnowsTheTokenNoMore(t *testing.T) {
	config := newConfig(t)
	s := startServer(t, config)
	defer stopServer(t, s)
	file := filepath.Join(config.Data, "owner.token")
	if err := os.WriteFile(file, []byte(strings.Repeat("x", 32)), 0o600); err != nil {
		t.Fatal(err)
	}
	refused(t, exitFailed, "does not know the token in "+file, "user", "list", "--data", config.Data)
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	refused(t, exitFailed, file+" is missing", "user", "list", "--data", config.Data)
}
