package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/spf13/cobra"

	"github.com/orrery-net/orrery/internal/client"
	"github.com/orrery-net/orrery/internal/profile"
	"github.com/orrery-net/orrery/internal/server"
)

// accessVariables are all that connect looks at.
var accessVariables = []string{
	"ORRERY_URL", "ZEROTIER_CENTRAL_URL", "ORRERY_TOKEN", "ZEROTIER_CENTRAL_TOKEN", "ZEROTIER_API_TOKEN", "ZT_TOKEN", "ORRERY_PROFILE", "ORRERY_DATA", "ORRERY_CONFIG",
}

// nowhere is an environment that names no server, with a file of profiles.
func nowhere(t *testing.T, file *profile.File) {
	t.Helper()
	for _, name := range accessVariables {
		t.Setenv(name, "")
	}
	path := filepath.Join(t.TempDir(), "config.toml")
	t.Setenv("ORRERY_CONFIG", path)
	t.Setenv("ORRERY_DATA", t.TempDir()) // not where this machine may have a server
	if file != nil {
		if err := file.Save(path); err != nil {
			t.Fatal(err)
		}
	}
}

// accessWith is what a command with these flags would use.
func accessWith(t *testing.T, args ...string) (found access, err error) {
	t.Helper()
	group := withAccess(&cobra.Command{Use: "orrery", SilenceErrors: true, SilenceUsage: true})
	group.AddCommand(&cobra.Command{Use: "list", RunE: func(c *cobra.Command, _ []string) error {
		found, err = findAccess(c)
		return nil
	}})
	group.SetArgs(append([]string{"list"}, args...))
	group.SetErr(io.Discard)
	if err := group.Execute(); err != nil {
		t.Fatal(err)
	}
	return found, err
}

// The servers of these tests. Each token says where it belongs.
const (
	homeURL   = "https://home.example/api/v1"
	officeURL = "https://office.example/api/v1"
	otherURL  = "https://other.example/api/v1"
)

func testProfiles() *profile.File {
	return &profile.File{Default: "home", Servers: map[string]profile.Server{
		"home": {URL: homeURL, Token: "of-home"}, "office": {URL: officeURL, Token: "of-office"},
		"twin1": {URL: "https://twins.example/api/v1", Token: "of-twin1"}, "twin2": {URL: "https://twins.example/", Token: "of-twin2"},
	}}
}

func TestAccessInTurn(t *testing.T) {
	config := newConfig(t)
	s := startServer(t, config)
	defer stopServer(t, s)
	local := "http://" + s.HTTPAddr().String() + "/api/v1"
	ownerToken := readFile(t, filepath.Join(config.Data, "owner.token"))
	tokenFile := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(tokenFile, []byte("\n of-file \nsecond line\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	type env map[string]string
	withLocal := env{"ORRERY_DATA": config.Data}
	for _, x := range []struct {
		args       string
		env        env
		noDefault  bool // no profile is the default
		url, token string
		says       string // instead: a usage error
	}{
		// Flags.
		{args: "--url other.example --token of-flag", url: otherURL, token: "of-flag"},
		{args: "--url other.example --token-file " + tokenFile, url: otherURL, token: "of-file"},
		{args: "--url other.example --token of-flag", env: env{"ORRERY_URL": homeURL, "ORRERY_TOKEN": "x", "ORRERY_PROFILE": "office"}, url: otherURL, token: "of-flag"},
		{args: "--url other.example", env: env{"ORRERY_TOKEN": "of-env"}, url: otherURL, token: "of-env"},
		{args: "--token of-flag", env: env{"ORRERY_URL": "other.example"}, url: otherURL, token: "of-flag"},
		{args: "--token of-flag --token-file x", says: "--token and --token-file are both given"},
		{args: "--url ://", says: "--url: this is no URL"},
		{args: "--url= --token x", says: "--url is empty"},
		{args: "--token=", env: env{"ORRERY_TOKEN": "x"}, says: "--token is empty"},
		{args: "--token-file=", says: "--token-file is empty"},

		// A URL alone finds the token that belongs to it, and no other.
		{args: "--url https://home.example/", url: homeURL, token: "of-home"},
		{args: "--url office.example/api", url: officeURL, token: "of-office"},
		{args: "--url other.example", says: "no token is known for https://other.example/api/v1; give one with --token-file or ORRERY_TOKEN, or run: orrery login https://other.example"},
		{args: "--url http://home.example", says: "no token is known for http://home.example/api/v1"},
		{args: "--url https://home.example:8443", says: "no token is known"},
		{args: "--url https://home.example/sub", says: "no token is known"},
		{args: "--url twins.example", says: "the profiles twin1, twin2 are all for https://twins.example/api/v1; choose one with --profile"},
		{args: "--url " + local, env: withLocal, url: local, token: ownerToken},
		{args: "--url " + local, says: "no token is known"},
		{args: "--url localhost:1", env: withLocal, says: "; the server on this machine is " + local},
		{env: env{"ORRERY_URL": "office.example"}, url: officeURL, token: "of-office"},
		{env: env{"ZEROTIER_CENTRAL_URL": "office.example"}, url: officeURL, token: "of-office"},
		{env: env{"ORRERY_URL": "other.example"}, says: "no token is known"},
		{env: env{"ORRERY_URL": "x y"}, says: "ORRERY_URL: this is no URL"},

		// A token alone.
		{args: "--token of-flag", url: homeURL, token: "of-flag"},
		{args: "--token of-flag", noDefault: true, env: withLocal, url: local, token: "of-flag"},
		{args: "--token of-flag", noDefault: true, says: "no server is known"},
		{env: env{"ORRERY_TOKEN": "of-env"}, url: homeURL, token: "of-env"},
		{env: env{"ORRERY_TOKEN": "of-env", "ORRERY_DATA": config.Data}, noDefault: true, url: local, token: "of-env"},
		{env: env{"ORRERY_TOKEN": "of-env"}, noDefault: true, says: "no server is known"},
		{env: env{"ZEROTIER_CENTRAL_TOKEN": "of-hosted"}, url: client.HostedURL, token: "of-hosted"},
		{env: env{"ZEROTIER_API_TOKEN": "of-hosted"}, url: client.HostedURL, token: "of-hosted"},
		{env: env{"ZT_TOKEN": " of-hosted\n"}, url: client.HostedURL, token: "of-hosted"},
		{args: "--token of-flag", env: env{"ZT_TOKEN": "of-hosted"}, url: homeURL, token: "of-flag"},

		// The environment, its variables in turn.
		{env: env{"ORRERY_URL": otherURL, "ZEROTIER_CENTRAL_URL": homeURL, "ORRERY_TOKEN": "1", "ZT_TOKEN": "4"}, url: otherURL, token: "1"},
		{env: env{"ZEROTIER_CENTRAL_URL": otherURL, "ZEROTIER_CENTRAL_TOKEN": "2", "ZEROTIER_API_TOKEN": "3", "ZT_TOKEN": "4"}, url: otherURL, token: "2"},
		{env: env{"ORRERY_URL": otherURL, "ZEROTIER_API_TOKEN": "3", "ZT_TOKEN": "4"}, url: otherURL, token: "3"},
		{env: env{"ORRERY_URL": homeURL, "ZT_TOKEN": "4"}, url: homeURL, token: "4"},

		// Profiles. One that is named comes before the environment.
		{url: homeURL, token: "of-home"},
		{args: "--profile office", url: officeURL, token: "of-office"},
		{args: "--profile office", env: env{"ORRERY_URL": otherURL, "ORRERY_TOKEN": "x", "ZT_TOKEN": "y", "ORRERY_PROFILE": "home"}, url: officeURL, token: "of-office"},
		{args: "--profile office --token of-flag", url: officeURL, token: "of-flag"},
		{args: "--profile office --url office.example", env: env{"ORRERY_TOKEN": "x"}, url: officeURL, token: "of-office"},
		{args: "--profile office --url other.example --token x", says: "--url is not the URL of that server, which is https://office.example/api/v1"},
		{args: "--profile none", says: "there is no profile none; there are: home, office, twin1, twin2"},
		{args: "--profile twin2", url: "https://twins.example/api/v1", token: "of-twin2"},
		{env: env{"ORRERY_PROFILE": "office"}, url: officeURL, token: "of-office"},
		{env: env{"ORRERY_PROFILE": "office", "ORRERY_URL": otherURL, "ORRERY_TOKEN": "x"}, url: officeURL, token: "of-office"},
		{env: env{"ORRERY_PROFILE": "none"}, says: "there is no profile none"},
		{args: "--url other.example", env: env{"ORRERY_PROFILE": "office"}, says: "no token is known for https://other.example"},
		{args: "--url other.example", env: env{"ORRERY_PROFILE": "office", "ORRERY_TOKEN": "x"}, url: otherURL, token: "x"},

		// This machine's server.
		{env: withLocal, noDefault: true, url: local, token: ownerToken},
		{env: withLocal, url: homeURL, token: "of-home"},
		{args: "--data " + config.Data, url: local, token: ownerToken},
		{args: "--data " + config.Data, env: env{"ORRERY_TOKEN": "x", "ORRERY_PROFILE": "office"}, url: local, token: ownerToken},
		{args: "--data " + config.Data + " --token of-flag", url: local, token: "of-flag"},
		{args: "--data " + config.Data + " --url other.example", says: "--url is not the URL of that server"},
		{args: "--data x --profile office", says: "--profile and --data name two servers"},
		{noDefault: true, says: "no server is known; log in with orrery login, name one with --url and --token-file, or run this where the server runs"},
	} {
		name := fmt.Sprintf("%s %v", x.args, x.env)
		t.Run(name, func(t *testing.T) {
			file := testProfiles()
			if x.noDefault {
				file.Default = ""
			}
			nowhere(t, file)
			for name, value := range x.env {
				t.Setenv(name, value)
			}
			found, err := accessWith(t, strings.Fields(x.args)...)
			if x.says != "" {
				if err == nil || !strings.Contains(err.Error(), x.says) || !errors.Is(err, server.ErrUsage) {
					t.Errorf("%+v %v, want a usage error with %q", found, err, x.says)
				}
			} else if err != nil || found.url != x.url || found.token != x.token {
				t.Errorf("%s with %q, %v; want %s with %q", found.url, found.token, err, x.url, x.token)
			}
			if found.token == ownerToken && !found.local {
				t.Error("this machine's server is asked through a proxy")
			}
		})
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

// Whatever is said, in all combinations: a token that was found goes to nobody but
// the server that it was found with.
func TestFoundTokensGoNowhereElse(t *testing.T) {
	config := newConfig(t)
	s := startServer(t, config)
	defer stopServer(t, s)
	local := "http://" + s.HTTPAddr().String() + "/api/v1"
	belongs := map[string]string{readFile(t, filepath.Join(config.Data, "owner.token")): local, "of-home": homeURL, "of-office": officeURL}
	path := filepath.Join(t.TempDir(), "config.toml")
	count, succeeded := 0, 0
	for _, standard := range []string{"", "home"} {
		nowhere(t, nil)
		t.Setenv("ORRERY_CONFIG", path)
		file := testProfiles()
		file.Default = standard
		if err := file.Save(path); err != nil {
			t.Fatal(err)
		}
		combine([]alternative{
			{"--url", []string{"", homeURL, officeURL, otherURL, local}}, {"--token", []string{"", "given"}},
			{"--profile", []string{"", "home", "office"}}, {"--data", []string{"", config.Data}},
			{"ORRERY_URL", []string{"", homeURL, otherURL}}, {"ORRERY_TOKEN", []string{"", "given-too"}}, {"ZT_TOKEN", []string{"", "hosted"}},
			{"ORRERY_PROFILE", []string{"", "office"}}, {"ORRERY_DATA", []string{"/nonexistent", config.Data}},
		}, func(said map[string]string) {
			var args []string
			for name, value := range said {
				if !strings.HasPrefix(name, "--") {
					t.Setenv(name, value)
				} else if value != "" {
					args = append(args, name, value)
				}
			}
			count++
			found, err := accessWith(t, args...)
			if err != nil {
				if !errors.Is(err, server.ErrUsage) || strings.Contains(err.Error(), "of-") || strings.Contains(err.Error(), "given") {
					t.Errorf("%v: %v", said, err)
				}
				return
			}
			succeeded++
			named := said["--profile"] + said["--data"] + said["ORRERY_PROFILE"]
			at := belongs[found.token]
			switch {
			case found.token == "" || found.url == "":
				t.Errorf("%v: %+v", said, found)
			case at != "" && at != found.url:
				t.Errorf("%v: the token of %s goes to %s", said, at, found.url)
			case found.token == "hosted" && found.url != client.HostedURL && said["--url"] == "" && said["ORRERY_URL"] == "":
				t.Errorf("%v: the hosted service's token goes to %s", said, found.url)
			case said["--url"] != "" && found.url != said["--url"]:
				t.Errorf("%v: %s", said, found.url)
			case said["--token"] != "" && found.token != said["--token"]:
				t.Errorf("%v: not the token that was given", said)
			case said["--profile"] != "" && found.url != map[string]string{"home": homeURL, "office": officeURL}[said["--profile"]]:
				t.Errorf("%v: not the profile, but %s", said, found.url)
			case said["--data"] != "" && found.url != local:
				t.Errorf("%v: not this machine's, but %s", said, found.url)
			case named == "" && said["--url"] == "" && said["ORRERY_URL"] != "" && found.url != said["ORRERY_URL"]:
				t.Errorf("%v: not the environment's, but %s", said, found.url)
			case named == "" && said["--token"] == "" && said["ORRERY_TOKEN"] != "" && found.token != said["ORRERY_TOKEN"]:
				t.Errorf("%v: not the environment's token", said)
			}
		})
	}
	if count != 2*5*2*3*2*3*2*2*2*2 || succeeded < count/4 {
		t.Errorf("%d combinations, %d named a server", count, succeeded)
	}
}

type alternative struct {
	name   string
	values []string
}

// combine calls try with every combination of alternatives.
func combine(all []alternative, try func(map[string]string)) {
	said := make(map[string]string)
	var choose func(rest []alternative)
	choose = func(rest []alternative) {
		if len(rest) == 0 {
			try(said)
			return
		}
		for _, value := range rest[0].values {
			said[rest[0].name] = value
			choose(rest[1:])
		}
	}
	choose(all)
}

func TestAccessThatFails(t *testing.T) {
	nowhere(t, testProfiles())
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, []byte(" \n\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, args := range map[string][]string{
		"there is no token in it":                 {"--url", "x", "--token-file", empty},
		"read the token: open /nonexistent":       {"--url", "x", "--token-file", "/nonexistent"},
		"no server runs on the data folder /none": {"--data", "/none"},
		"the token is none: a token is one word":  {"--url", "x", "--token", "two words"},
	} {
		refusedWith(t, want, append([]string{"network", "list"}, args...)...)
	}
	if err := os.Chmod(os.Getenv("ORRERY_CONFIG"), 0o644); err != nil {
		t.Fatal(err)
	}
	refusedWith(t, "run: chmod 600 ", "network", "list")
	if code, _, errOut := run("network", "list", "--url", "127.0.0.1:1", "--token", "x"); code != exitFailed || !strings.Contains(errOut, "nothing listens at 127.0.0.1:1") {
		t.Errorf("the file of profiles is not needed: %d %s", code, errOut)
	}
}

// refusedWith is for commands that fail with one line, whatever the status.
func refusedWith(t *testing.T, want string, args ...string) {
	t.Helper()
	code, out, errOut := run(args...)
	if code == exitDone || out != "" || !strings.Contains(errOut, want) || strings.Count(errOut, "\n") != 1 || strings.Contains(errOut, "two words") {
		t.Errorf("%v: status %d %q %q, want %q", args, code, out, errOut, want)
	}
}

func TestTokenInTheClear(t *testing.T) {
	for at, warned := range map[string]bool{
		"http://orrery.example.com": true, "http://203.0.113.5:8000": true, "http://[2001:db8::1]": true,
		"https://orrery.example.com": false, "http://127.0.0.1:8000": false, "http://localhost": false, "http://[::1]": false,
		"http://10.1.2.3": false, "http://192.168.0.1": false, "http://[fd00::1]": false, "http://nas": false, "http://orrery.lan": false, "http://169.254.1.1": false,
	} {
		for _, token := range []string{"secret-token", ""} {
			var errOut bytes.Buffer
			c := &cobra.Command{Use: "x"}
			c.SetErr(&errOut)
			base, err := client.NormalizeURL(at)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := (access{url: base, token: token}).connect(c); err != nil {
				t.Fatal(err)
			}
			if got := strings.Contains(errOut.String(), " unencrypted, for everyone on the way to read"); got != (warned && token != "") || strings.Contains(errOut.String(), "secret") {
				t.Errorf("%s: %q", at, &errOut)
			}
		}
	}
}

func TestNoteOfWaiting(t *testing.T) {
	var out bytes.Buffer
	note := noteWaiting(&out)
	note(900*time.Millisecond, "the server gets too many requests")
	for range 100 {
		note(2*time.Second, "the server gets too many requests")
	}
	note(61*time.Second, "the server is not ready (status 503)")
	const want = "note: the server gets too many requests; trying again in 2s\nnote: the server is not ready (status 503); trying again in 1m1s\n"
	if out.String() != want {
		t.Errorf("%q", &out)
	}
}

func TestProfilesComplete(t *testing.T) {
	nowhere(t, testProfiles())
	if code, out, _ := run("__complete", "network", "list", "--profile", ""); code != exitDone || !strings.HasPrefix(out, "home\noffice\ntwin1\ntwin2\n:4\n") {
		t.Errorf("%d %q", code, out)
	}
	if code, out, _ := run("__complete", "logout", ""); code != exitDone || !strings.HasPrefix(out, "home\noffice\n") {
		t.Errorf("%d %q", code, out)
	}
}

func TestReadToken(t *testing.T) {
	for text, want := range map[string]string{
		"of-file": "of-file", "of-file\r\n": "of-file", "\ufeffof-file\r\nsecond\r\n": "of-file", " \n\t of-file \nsecond": "of-file",
		"": "", "\ufeff\r\n": "", strings.Repeat("\n", 1<<20) + "of-file": "",
	} {
		got, err := readToken(strings.NewReader(text))
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%.20q: %q %v, want %q", text, got, err, want)
		}
	}
	if got, err := readToken(io.MultiReader(strings.NewReader("of-pipe\n"), iotest.ErrReader(errors.New("it is kept open")))); got != "of-pipe" || err != nil {
		t.Errorf("%q %v", got, err)
	}
	if got, err := readToken(iotest.ErrReader(errors.New("broken"))); got != "" || err == nil || err.Error() != "broken" {
		t.Errorf("%q %v", got, err)
	}
	nowhere(t, nil)
	for name, content := range map[string]string{"binary": "\x00\x01\xff\xfe", "utf16": "\xff\xfet\x00", "huge": strings.Repeat("x", 1<<20)} {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		refusedWith(t, "the token is none: a token is one word", "network", "list", "--url", "127.0.0.1:1", "--token-file", path)
	}
	refusedWith(t, "read the token: ", "network", "list", "--url", "127.0.0.1:1", "--token-file", t.TempDir())
}
