package cli

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestNodeCleanupOfNetworks puts a node out of networks of a real server.
func TestNodeCleanupOfNetworks(t *testing.T) {
	d := newDevice(t, 1)
	ids := withServer(t, "home", "office", "lab")
	home, office, lab := ids[0], ids[1], ids[2]
	for _, id := range ids[:2] {
		must(t, "member", "authorize", id, d.address)
	}
	is := func(want ...string) {
		t.Helper()
		for i, id := range ids {
			if got := authorization(t, id, d.address); got != want[i] {
				t.Errorf("network %d: authorized %s, want %s", i, got, want[i])
			}
		}
	}
	networks := func(args ...string) []string {
		return append([]string{"node", "cleanup", "--only", "networks", "--home", d.home}, args...)
	}
	ends(t, exitDone, "deauthorize it on 2 networks", "", networks("--all", "--dry-run")...)
	ends(t, exitDone, home+" home (is authorized)", "", networks("--all", "--dry-run")...)
	ends(t, exitDone, "at once", "", networks("--all", "--dry-run")...)
	ends(t, exitUsage, "", "add --yes", networks("--all")...)
	ends(t, exitFailed, "", `there is no network "hone"`, networks("hone", "office", "--yes")...)
	ends(t, exitFailed, "", "8056c2e21c000001", networks("8056c2e21c000001", "--yes")...)
	ends(t, exitUsage, "", "no token is known", networks("--all", "--yes", "--url", "http://127.0.0.1:1")...)
	is("true", "true", "none")

	ends(t, exitDone, "done           deauthorize on "+office+" office\nall is done\n", "", networks("office", "--yes")...)
	is("true", "false", "none")
	ends(t, exitDone, "nothing to do  deauthorize on "+lab+" lab: it is no member\n", "(is no member there)", networks("lab", "LAB", "office", "--yes")...)
	is("true", "false", "none") // it was not made a member
	ends(t, exitDone, "done           delete from "+office+" office\n", "delete it from 2 networks", networks("--all", "--delete", "--yes")...)
	is("none", "none", "none")
	ends(t, exitDone, "all is done", "is a member of none of the account's networks", networks("--all", "--yes")...)

	// The server is reached over one of the networks, which is therefore the last.
	for _, first := range []string{home, office} {
		last := home
		if first == home {
			last = office
		}
		d.set(func() { d.networks, d.ip = map[string]string{last: "OK"}, "127.0.0.9/8" })
		t.Setenv("SSH_CONNECTION", "127.0.0.5 50000 127.0.0.9 22")
		_, out, _ := run(networks("home", "office", "--dry-run")...)
		i, j := strings.Index(out, "       "+first), strings.Index(out, "       "+last)
		if i < 0 || j < i || !strings.Contains(out, "The server is reached over "+last) || !strings.Contains(out, "You are connected over "+last) {
			t.Errorf("not in this order: %s, %s\n%s", first, last, out)
		}
	}

	// Any node can be put out from anywhere, if it is named.
	must(t, "member", "authorize", lab, "1234567890")
	t.Setenv("ZEROTIER_NODE_ID", "1234567890")
	ends(t, exitDone, "deauthorize on "+lab, "node 1234567890", "node", "cleanup", "lab", "--only", "networks", "--yes", "--home", "/nowhere")
	if got := authorization(t, lab, "1234567890"); got != "false" {
		t.Errorf("authorized: %s", got)
	}
	ends(t, exitFailed, "", "ZEROTIER_NODE_ID says 1234567890, but this device is "+d.address, "node", "cleanup", "lab", "--yes", "--home", d.home, "--keep-running")
	t.Setenv("ZEROTIER_NODE_ID", "12345")
	ends(t, exitFailed, "", "ZEROTIER_NODE_ID: node address \"12345\": want 10 hex digits", networks("lab", "--yes")...)
}

// TestNodeCleanupOfDevice removes what is on the device. (Stopping and starting a
// service is for the tests of internal/node, and for the lab.)
func TestNodeCleanupOfDevice(t *testing.T) {
	withoutServer(t)
	d := newDevice(t, 1)
	onDevice := func(args ...string) []string {
		return append([]string{"node", "cleanup", "--only", "device", "--home", d.home, "--yes"}, args...)
	}
	there := func(name string, want bool) {
		t.Helper()
		if _, err := os.Stat(filepath.Join(d.home, name)); (err == nil) != want {
			t.Errorf("%s is there: %v, want %t", name, err, want)
		}
	}
	ends(t, exitFailed, "", "--service none does not stop it", onDevice("--service", "none")...)
	there("identity.secret", true)
	ends(t, exitPartly, "not done       restart the service: until then the service that runs stays "+d.address,
		"orrery: partly done; left to do: restart the service (until then the service that runs stays "+d.address+")\n", onDevice("--keep-running")...)
	there("identity.secret", false)
	there("identity.public", false)
	there("authtoken.secret", true)
	d.api.Close()
	ends(t, exitFailed, "", "has no identity: file does not exist; ZEROTIER_NODE_ID can name the node", onDevice("--service", "none")...)

	d = newDevice(t, 2)
	d.api.Close()
	kept := filepath.Join(t.TempDir(), "kept")
	ends(t, exitDone, "copied to "+kept+"\nnothing to do  start the service: --service none leaves that to you; the node gets a new address then\nall is done\n",
		"copy identity.secret and identity.public to "+kept, onDevice("--service", "none", "--backup", kept)...)
	there("identity.secret", false)
	if _, err := os.Stat(filepath.Join(kept, "identity.secret")); err != nil {
		t.Error(err)
	}

	d = newDevice(t, 3)
	d.api.Close()
	ends(t, exitDone, "done           remove authtoken.secret\n", "", onDevice("--service", "none", "--forget", "authtoken")...)
	there("identity.secret", true)
	there("authtoken.secret", false)

	d = newDevice(t, 1)
	d.api.Close()
	if err := os.Chmod(d.home, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(d.home, "owner.token"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	ends(t, exitFailed, "", "is the data folder of an Orrery server", onDevice("--service", "none")...)
	there("identity.secret", true)
}

// TestNodeCleanupChecksAnswers has servers that do not do what they are asked to.
func TestNodeCleanupChecksAnswers(t *testing.T) {
	const id = "8056c2e21c000001"
	d := newDevice(t, 1)
	d.api.Close()
	member := func(authorized string) string {
		return fmt.Sprintf(`{"id":"%s-%s","networkId":%q,"nodeId":%q,"config":{"authorized":%s}}`, id, d.address, id, d.address, authorized)
	}
	for _, x := range []struct {
		name      string
		get, post string // the answers: a status and a body
		want      string
	}{
		{"it obeys", "200 " + member("true"), "200 " + member("false"), ""},
		{"it does not obey", "200 " + member("true"), "200 " + member("true"), "the server took the request and still shows it as authorized"},
		{"it says nothing", "200 " + member("true"), "200 {}", "the server's answer does not say whether the member is authorized"},
		{"it says nothing of it", "200 " + member("true"), `200 {"networkId":"` + id + `","nodeId":"` + d.address + `","config":{}}`, "does not say whether"},
		{"it speaks of another", "200 " + member("true"), "200 " + strings.ReplaceAll(member("false"), d.address, "1234567890"), "does not say whether"},
		{"it says nothing before", "200 {}", "200 " + member("false"), "does not say whether"},
		{"it forbids", "200 " + member("true"), `403 {"type":"internal","message":"no\nrights"}`, "no rights"},
		{"it fails", "200 " + member("true"), `500 {}`, "500"},
		{"a page", "200 " + member("true"), "200 <html>", "deauthorize on " + id},
	} {
		t.Run(x.name, func(t *testing.T) {
			mux := http.NewServeMux()
			say := func(answer string) http.HandlerFunc {
				return func(w http.ResponseWriter, _ *http.Request) {
					var status int
					_, _ = fmt.Sscan(answer[:3], &status)
					w.WriteHeader(status)
					_, _ = w.Write([]byte(answer[4:]))
				}
			}
			mux.HandleFunc("GET /api/v1/network/"+id, say(`200 {"id":"`+id+`","config":{"name":"home"}}`))
			mux.HandleFunc("GET /api/v1/network/"+id+"/member/"+d.address, say(x.get))
			mux.HandleFunc("POST /api/v1/network/"+id+"/member/"+d.address, say(x.post))
			s := httptest.NewServer(mux)
			defer s.Close()
			t.Setenv("ZEROTIER_CENTRAL_URL", s.URL)
			t.Setenv("ZEROTIER_API_TOKEN", "abc")
			t.Setenv("ZEROTIER_NODE_ID", d.address)
			args := []string{"node", "cleanup", id, "--yes", "--home", d.home, "--only", "networks"}
			if x.want == "" {
				ends(t, exitDone, "all is done", "Removing its identity cuts it off now", args...)
				return
			}
			ends(t, exitFailed, "failed", "nothing is done; left to do: deauthorize on "+id, args...)
			ends(t, exitFailed, "failed", x.want, args...)
		})
	}

	// It speaks of another network than the one that was named.
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			t.Errorf("%s %s", r.Method, r.URL)
		}
		fmt.Fprint(w, `{"id":"8056c2e21c000002","config":{"name":"office"}}`)
	}))
	defer s.Close()
	t.Setenv("ZEROTIER_CENTRAL_URL", s.URL)
	t.Setenv("ZEROTIER_API_TOKEN", "abc")
	t.Setenv("ZEROTIER_NODE_ID", d.address)
	ends(t, exitFailed, "", "the server's answer is not about the network \""+id+"\"", "node", "cleanup", id, "--yes", "--home", d.home, "--only", "networks")

	// The server is down: what can be done here is done.
	t.Setenv("ZEROTIER_CENTRAL_URL", "http://127.0.0.1:1")
	t.Setenv("ZEROTIER_API_TOKEN", "abc")
	ends(t, exitFailed, "", "--only device leaves the server out", "node", "cleanup", "--all", "--yes", "--home", d.home, "--service", "none")
	ends(t, exitPartly, "failed         deauthorize on "+id, "partly done; left to do: deauthorize on "+id, "node", "cleanup", id, "--yes", "--home", d.home, "--service", "none")
	if _, err := os.Stat(filepath.Join(d.home, "identity.secret")); err == nil {
		t.Error("the identity is still there")
	}
}
