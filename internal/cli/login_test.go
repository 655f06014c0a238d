package cli

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/orrery-net/orrery/internal/profile"
)

// typing lets the program read this as standard input, which is no terminal.
func typing(t *testing.T, text string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "stdin")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	answer(t, file)
}

func profiles(t *testing.T) *profile.File {
	t.Helper()
	file, err := profile.Load(os.Getenv("ORRERY_CONFIG"))
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// says runs a command that has to work and tells what it did on standard error.
func says(t *testing.T, want string, args ...string) {
	t.Helper()
	code, out, errOut := run(args...)
	if code != exitDone || out != "" || errOut != want+"\n" {
		t.Errorf("%v: status %d %q %q, want %q", args, code, out, errOut, want)
	}
}

func TestLoginAndOut(t *testing.T) {
	config := newConfig(t)
	s := startServer(t, config)
	defer stopServer(t, s)
	nowhere(t, nil)
	at := "http://" + s.HTTPAddr().String()
	tokenFile := filepath.Join(config.Data, "owner.token")
	token := readFile(t, tokenFile)
	address := s.HTTPAddr().String()

	typing(t, token+"\n")
	says(t, "logged in to "+at+" as owner@localhost; this is the profile "+address+", the default", "login", at+"/")
	says(t, "logged in to "+at+" as owner@localhost; this is the profile office; use it with --profile office, or make it the default: orrery profile use office",
		"login", address, "--name", "office", "--token-file", tokenFile)
	want := &profile.File{Default: address, Servers: map[string]profile.Server{
		address: {URL: at + "/api/v1", Token: token}, "office": {URL: at + "/api/v1", Token: token},
	}}
	if got := profiles(t); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
	must(t, "network", "list")
	must(t, "network", "list", "--profile", "office")

	// Another token for the same server takes the place of the first.
	bob := strings.TrimSpace(must(t, "user", "create", "bob@example.com", "--data", config.Data))
	typing(t, bob)
	says(t, "logged in to "+at+" as bob@example.com; this is the profile "+address+", the default", "login", at)
	if got := profiles(t); got.Servers[address].Token != bob || got.Servers["office"].Token != token || len(got.Servers) != 2 {
		t.Errorf("%+v", got)
	}

	// What fails leaves everything as it is.
	before := readFile(t, os.Getenv("ORRERY_CONFIG"))
	for _, x := range []struct {
		code        int
		stdin, want string
		args        []string
	}{
		{exitFailed, "wrong", at + " does not accept this token; was it copied whole", []string{"login", at}},
		{exitFailed, "", "read the token from standard input: there is no token in it", []string{"login", at}},
		{exitUsage, "two words", "the token is none", []string{"login", at}},
		{exitFailed, token, "nothing listens at 127.0.0.1:1", []string{"login", "127.0.0.1:1"}},
		{exitUsage, token, "the profile office is for " + at + "; choose another name with --name, or first: orrery logout office", []string{"login", "127.0.0.1:1", "--name", "office"}},
		{exitUsage, token, `"a b" is no name for a profile`, []string{"login", at, "--name", "a b"}},
		{exitUsage, token, "this is no URL of a server", []string{"login", "ftp://x"}},
		{exitUsage, token, "want one URL at most", []string{"login", "a", "b"}},
		{exitUsage, token, "want one URL at most", []string{"login", ""}},
		{exitFailed, token, "read the token: open", []string{"login", at, "--token-file", "/nonexistent"}},
		{exitUsage, "", "there is no profile none; there are: " + address + ", office", []string{"logout", "none"}},
		{exitUsage, "", "there is no profile none", []string{"profile", "use", "none"}},
		{exitUsage, "", "there is no profile none", []string{"profile", "show", "none"}},
		{exitUsage, "", "want one profile", []string{"profile", "use"}},
		{exitUsage, "", `unknown command "remove" for "orrery profile"`, []string{"profile", "remove"}},
	} {
		typing(t, x.stdin)
		refused(t, x.code, x.want, x.args...)
	}
	if after := readFile(t, os.Getenv("ORRERY_CONFIG")); after != before {
		t.Errorf("%s", after)
	}

	says(t, "the default is office now, "+at, "profile", "use", "office")
	if got := must(t, "profile", "list"); got != "NAME"+strings.Repeat(" ", len(address)-2)+"URL"+strings.Repeat(" ", len(at)-1)+"DEFAULT\n"+
		address+"  "+at+"  no\noffice"+strings.Repeat(" ", len(address)-4)+at+"  yes\n" {
		t.Errorf("%q", got)
	}
	if got := must(t, "profile", "list", "-o", "ndjson"); strings.Contains(got, token) || strings.Contains(got, bob) || !strings.Contains(got, `"name":"office"`) {
		t.Errorf("%s", got)
	}
	if got := must(t, "profile", "show", address, "-o", "json"); strings.Contains(got, bob) || !strings.Contains(got, `"default": false`) || !strings.Contains(got, os.Getenv("ORRERY_CONFIG")) {
		t.Errorf("%s", got)
	}
	if got := must(t, "profile", "show"); strings.Contains(got, token) || !strings.Contains(got, "office") {
		t.Errorf("%s", got)
	}

	says(t, "forgot the profile office for "+at+"; the default is "+address+" now", "logout")
	says(t, "forgot the profile "+address+" for "+at, "logout", address)
	refused(t, exitUsage, "there are no profiles; make one with orrery login", "logout")
	if code, _, errOut := run("profile", "list"); code != exitDone || !strings.Contains(errOut, "make one: orrery login URL") {
		t.Errorf("%d %q", code, errOut)
	}
	if text := readFile(t, os.Getenv("ORRERY_CONFIG")); strings.Contains(text, token) || strings.Contains(text, bob) {
		t.Errorf("%s", text)
	}
}

func TestLogoutOfTheDefaultOfMany(t *testing.T) {
	nowhere(t, testProfiles())
	says(t, "forgot the profile home for https://home.example; no profile is the default now, choose one: orrery profile use NAME", "logout")
	refused(t, exitUsage, "no profile is the default; name one", "logout")
	refused(t, exitUsage, "no server is known", "network", "list")
}

// A server that says 200 to everything, as the hosted service's /status does to a
// token that is not good.
func TestLoginLooksWhoItIs(t *testing.T) {
	nowhere(t, nil)
	_, anonymous := recorded("status.anonymous")
	_, known := recorded("status")
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text := anonymous
		if r.Header.Get("Authorization") == "token "+hostedToken {
			text = known
		}
		w.Write(text)
	}))
	defer s.Close()
	t.Setenv("ZEROTIER_CENTRAL_URL", s.URL)
	typing(t, "not-"+hostedToken)
	refused(t, exitFailed, "does not accept this token", "login", "--name", "hosted")
	typing(t, hostedToken)
	says(t, "logged in to "+s.URL+" as owner@example.com; this is the profile hosted, the default", "login", "--name", "hosted")
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "<html>\x1b[31m") }))
	defer page.Close()
	typing(t, hostedToken)
	refused(t, exitFailed, "answered with a web page", "login", page.URL)
	if got := profiles(t); len(got.Servers) != 1 {
		t.Errorf("%+v", got)
	}
}
