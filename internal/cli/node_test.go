package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// device is a home folder with the API of a ZeroTier service.
type device struct {
	t       *testing.T
	home    string
	address string
	api     *httptest.Server

	mu       sync.Mutex
	offline  bool
	networks map[string]string // id to status
	joined   string            // the status that a network gets when it is joined
	ip       string            // that it has on a network that is OK
}

// newDevice makes a device, number 1 or higher.
func newDevice(t *testing.T, number int) *device {
	t.Helper()
	made, err := testIdentities()
	if err != nil {
		t.Fatal(err)
	}
	secret := made[number]
	d := &device{t: t, home: t.TempDir(), address: secret[:10], networks: map[string]string{}, joined: "OK", ip: "10.9.0.7/24"}
	d.api = httptest.NewServer(d)
	t.Cleanup(d.api.Close)
	_, port, _ := net.SplitHostPort(d.api.Listener.Addr().String())
	for name, content := range map[string]string{
		"identity.secret": secret, "identity.public": secret[:strings.LastIndexByte(secret, ':')],
		"authtoken.secret": "0123456789", "zerotier-one.port": port,
	} {
		if err := os.WriteFile(filepath.Join(d.home, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

func (d *device) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	id, _ := strings.CutPrefix(r.URL.Path, "/network/")
	switch {
	case r.Header.Get("X-ZT1-Auth") != "0123456789":
		w.WriteHeader(http.StatusUnauthorized)
	case r.URL.Path == "/status":
		fmt.Fprintf(w, `{"address":%q,"version":"1.14.1","online":%t}`, d.address, !d.offline)
	case r.URL.Path == "/network":
		all := []json.RawMessage{}
		for id := range d.networks {
			all = append(all, d.network(id))
		}
		_ = json.NewEncoder(w).Encode(all)
	case r.Method == http.MethodPost:
		d.networks[id] = d.joined
		_, _ = w.Write(d.network(id))
	case d.networks[id] == "":
		w.WriteHeader(http.StatusNotFound)
	case r.Method == http.MethodDelete:
		delete(d.networks, id)
		_, _ = io.WriteString(w, `{"result":true}`)
	default:
		_, _ = w.Write(d.network(id))
	}
}

func (d *device) network(id string) json.RawMessage {
	addresses := "[]"
	if d.networks[id] == "OK" {
		addresses = `["` + d.ip + `"]`
	}
	return json.RawMessage(fmt.Sprintf(`{"id":%q,"name":"ho\u001bme","status":%q,"portDeviceName":"zt0","assignedAddresses":%s,"routes":[]}`, id, d.networks[id], addresses))
}

func (d *device) set(change func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change()
}

// withServer starts a server that the commands find, and makes networks.
func withServer(t *testing.T, names ...string) (ids []string) {
	t.Helper()
	config := newConfig(t)
	s := startServer(t, config)
	t.Cleanup(func() { stopServer(t, s) })
	t.Setenv("ORRERY_DATA", config.Data)
	t.Setenv("ORRERY_CONFIG", filepath.Join(t.TempDir(), "config.toml"))
	for _, name := range names {
		var made struct{ ID string }
		if err := json.Unmarshal([]byte(must(t, "network", "create", name, "-o", "json")), &made); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, made.ID)
	}
	return ids
}

// withoutServer makes sure that no server is found.
func withoutServer(t *testing.T) {
	t.Helper()
	t.Setenv("ORRERY_CONFIG", filepath.Join(t.TempDir(), "config.toml"))
	t.Setenv("ORRERY_DATA", t.TempDir())
}

// ends runs a command and checks its status and what it prints.
func ends(t *testing.T, code int, out, errOut string, args ...string) {
	t.Helper()
	got, gotOut, gotErr := run(args...)
	if got != code || !strings.Contains(gotOut, out) || !strings.Contains(gotErr, errOut) || (out == "" && gotOut != "") {
		t.Errorf("orrery %s: status %d, want %d, %q and %q\n%s--\n%s", strings.Join(args, " "), got, code, out, errOut, gotOut, gotErr)
	}
	if strings.Contains(gotOut+gotErr, "0123456789") || strings.Contains(gotOut+gotErr, "\x1b") {
		t.Errorf("orrery %s shows the token or a control character:\n%s%s", strings.Join(args, " "), gotOut, gotErr)
	}
}

// member is what the server shows of a member's authorization; "none" if there is
// no such member.
func authorization(t *testing.T, network, node string) string {
	t.Helper()
	code, out, errOut := run("member", "show", network, node, "-o", "json")
	if code != exitDone {
		if !strings.Contains(errOut, "no member") && !strings.Contains(errOut, "not found") && !strings.Contains(errOut, "there is no") {
			t.Fatal(errOut)
		}
		return "none"
	}
	var shown struct{ Config struct{ Authorized bool } }
	if err := json.Unmarshal([]byte(out), &shown); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(shown.Config.Authorized)
}

func TestNodeUsage(t *testing.T) {
	for _, x := range []struct {
		want string
		args []string
	}{
		{"want one network, by id or name", []string{"join"}},
		{"--name needs --authorize", []string{"join", "home", "--name", "x"}},
		{"--timeout: want more than 0", []string{"join", "home", "--timeout", "0s"}},
		{"want one network", []string{"leave", "a", "b"}},
		{"which networks? name them, or say --all, or --only device", []string{"cleanup"}},
		{"name networks or say --all, not both", []string{"cleanup", "home", "--all"}},
		{`--only "files"; want networks or device`, []string{"cleanup", "home", "--only", "files"}},
		{"--only device has nothing to do with networks", []string{"cleanup", "home", "--only", "device"}},
		{"--only device has nothing to do with networks", []string{"cleanup", "--delete", "--only", "device"}},
		{"--only networks does nothing on this device", []string{"cleanup", "home", "--only", "networks", "--keep-running"}},
		{`--forget "all"; want identity or authtoken`, []string{"cleanup", "home", "--forget", "all"}},
		{`--service "upstart"; want systemd, openrc,`, []string{"cleanup", "home", "--service", "upstart"}},
		{"--keep-running leaves the service alone", []string{"cleanup", "home", "--service", "systemd", "--keep-running"}},
		{"--timeout: want more than 0", []string{"cleanup", "home", "--timeout", "-1s"}},
		{"one of the networks is empty", []string{"cleanup", ""}},
		{"--backup is empty", []string{"cleanup", "home", "--backup", ""}},
		{"--only is empty", []string{"cleanup", "home", "--only="}},
		{"--home is empty", []string{"cleanup", "home", "--home", ""}},
		{"--service is empty", []string{"cleanup", "home", "--service", ""}},
		{"--service-name is empty", []string{"cleanup", "home", "--service-name", ""}},
		{"unknown flag: --force", []string{"cleanup", "--force"}},
		{`unknown command "clean"`, []string{"clean"}},
	} {
		ends(t, exitUsage, "", x.want, append([]string{"node"}, x.args...)...)
	}
	ends(t, exitFailed, "", "there is no folder /nowhere; is ZeroTier installed?", "node", "status", "--home", "/nowhere")
	ends(t, exitFailed, "", "there is no folder /nowhere", "node", "cleanup", "--only", "device", "--home", "/nowhere")
}

func TestNodeStatus(t *testing.T) {
	d := newDevice(t, 1)
	d.networks["8056c2e21c000001"] = "OK"
	withoutServer(t)
	ends(t, exitDone, d.address+" online, ZeroTier 1.14.1", "what a server thinks is not shown: no server is known", "node", "status", "--home", d.home)
	ends(t, exitDone, "8056c2e21c000001  ho\uFFFDme  OK      10.9.0.7/24", "", "node", "status", "--home", d.home)
	ends(t, exitDone, `"authorized": null`, "", "node", "status", "--home", d.home, "-o", "json")
	ends(t, exitUsage, "", "--columns", "node", "status", "--home", d.home, "--columns", "")

	id := withServer(t, "home")[0]
	must(t, "member", "add", id, d.address, "--name", "laptop")
	d.networks[id] = "ACCESS_DENIED"
	ends(t, exitDone, id+",ACCESS_DENIED,false,laptop,"+d.address, "", "node", "status", "--home", d.home, "-o", "csv", "--columns", "id,status,authorized,memberName,node", "--no-header")
	ends(t, exitPartly, d.address+" online", "the server's part is missing", "node", "status", "--home", d.home, "--url", "http://127.0.0.1:1", "--token", "x")
	ends(t, exitUsage, "", "--url", "node", "status", "--home", d.home, "--url", "ftp://x", "--token", "x")

	d.set(func() { d.offline, d.networks = true, map[string]string{} })
	ends(t, exitDone, d.address+" offline", "It has joined no network.", "node", "status", "--home", d.home)
	d.api.Close()
	ends(t, exitFailed, "", "is it running? (this device is "+d.address+")", "node", "status", "--home", d.home)
	if err := os.WriteFile(filepath.Join(d.home, "authtoken.secret"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	ends(t, exitFailed, "", "authtoken.secret is empty or damaged", "node", "status", "--home", d.home)
}

func TestNodeJoin(t *testing.T) {
	d := newDevice(t, 1)
	id := withServer(t, "home")[0]
	join := func(code int, out, errOut string, args ...string) {
		t.Helper()
		ends(t, code, out, errOut, append([]string{"node", "join", "--home", d.home, "--timeout", "100ms"}, args...)...)
	}
	join(exitDone, d.address+" is in "+id+" (ho\uFFFDme): 10.9.0.7/24\n", "authorized "+d.address+" on "+id, "home", "--authorize", "--name", "laptop")
	if got := authorization(t, id, d.address); got != "true" {
		t.Errorf("authorized: %s", got)
	}
	if out := must(t, "member", "show", id, d.address, "-o", "json"); !strings.Contains(out, `"laptop"`) {
		t.Errorf("no name in %s", out)
	}
	join(exitFailed, "", "there is no network", "office", "--authorize")
	for status, want := range map[string]string{
		"NOT_FOUND":                "its controller says that there is no network " + id + "; take it off with orrery node leave " + id,
		"PORT_ERROR":               "cannot make a network device for " + id,
		"CLIENT_TOO_OLD":           "1.14.1, is too old for " + id,
		"ACCESS_DENIED":            "is not authorized yet; run orrery member authorize " + id + " " + d.address,
		"AUTHENTICATION_REQUIRED":  "wants a login",
		"REQUESTING_CONFIGURATION": "no answer from its controller " + id[:10] + " came in 100ms",
	} {
		code := exitPartly
		if status == "NOT_FOUND" || status == "PORT_ERROR" || status == "CLIENT_TOO_OLD" {
			code = exitFailed
		}
		d.set(func() { d.joined = status })
		join(code, "", want, id)
	}
	d.set(func() { d.joined = "ACCESS_DENIED" })
	join(exitPartly, "", "the server has authorized "+d.address, id, "--authorize")
	d.set(func() { d.joined, d.offline = "REQUESTING_CONFIGURATION", true })
	join(exitPartly, "", "this device is offline: no ZeroTier root answers it", id)

	withoutServer(t)
	d.set(func() { d.joined = "OK" })
	join(exitDone, "10.9.0.7/24", "", id)
	join(exitUsage, "", "no server is known", "home")
	ends(t, exitFailed, "", `this device is not in a network "office"`, "node", "leave", "office", "--home", d.home)
	ends(t, exitDone, "left "+id, "", "node", "leave", strings.ToUpper(id), "--home", d.home)
	ends(t, exitFailed, "", "this device is not in a network", "node", "leave", id, "--home", d.home)
}
