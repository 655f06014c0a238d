package node

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/orrery-net/orrery/zt/identity"
)

// platform is a device of which only the name and the environment are known.
func platform(os string, environment ...string) *Device {
	return &Device{OS: os, Getenv: func(name string) string {
		for _, variable := range environment {
			if key, value, _ := strings.Cut(variable, "="); key == name {
				return value
			}
		}
		return ""
	}}
}

func TestFoldersOfPlatforms(t *testing.T) {
	for _, x := range []struct {
		device      *Device
		home, token string
	}{
		{platform("linux", "HOME=/home/ann"), "/var/lib/zerotier-one", "/home/ann/.zeroTierOneAuthToken"},
		{platform("linux"), "/var/lib/zerotier-one", ""},
		{platform("freebsd", "HOME=/home/ann"), "/var/db/zerotier-one", "/home/ann/.zeroTierOneAuthToken"},
		{platform("darwin", "HOME=/Users/ann"), "/Library/Application Support/ZeroTier/One", "/Users/ann/Library/Application Support/ZeroTier/One/authtoken.secret"},
		{platform("windows", `ProgramData=D:\Data`, `LOCALAPPDATA=C:\Users\ann\AppData\Local`), `D:\Data\ZeroTier\One`, `C:\Users\ann\AppData\Local\ZeroTier\authtoken.secret`},
		{platform("windows", `ProgramData=D:\`), `D:\ZeroTier\One`, ""},
		{platform("windows"), `C:\ProgramData\ZeroTier\One`, ""},
	} {
		if home := x.device.HomeFolder(); home != x.home {
			t.Errorf("%s: home %q, want %q", x.device.OS, home, x.home)
		}
		if token := x.device.userToken(); token != x.token {
			t.Errorf("%s: token %q, want %q", x.device.OS, token, x.token)
		}
	}
}

// identities are secret identities that were made before.
func identities(t testing.TB) []string {
	t.Helper()
	made, err := os.ReadFile("../controller/testdata/identities.txt")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(made))
}

func public(t testing.TB, secret string) string {
	t.Helper()
	id, err := identity.ParseText(secret)
	if err != nil {
		t.Fatal(err)
	}
	return id.Public().String()
}

// folder makes a folder with files, of which the names are before a colon.
func folder(t testing.TB, files ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, file := range files {
		name, content, _ := strings.Cut(file, ":")
		put(t, filepath.Join(dir, name), content)
	}
	return dir
}

func put(t testing.TB, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func open(t testing.TB, dir string) *Home {
	t.Helper()
	h, err := platform("linux").OpenHome(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

func TestAddress(t *testing.T) {
	ids := identities(t)
	first, second := ids[0], ids[1]
	address := first[:10]
	for _, x := range []struct {
		name  string
		files []string
		want  string // or what the error says
	}{
		{"public", []string{"identity.public:" + public(t, first)}, address},
		{"with a line end", []string{"identity.public:" + public(t, first) + "\n"}, address},
		{"both", []string{"identity.public:" + public(t, first), "identity.secret:" + first}, address},
		{"secret alone", []string{"identity.secret:" + first}, address},
		{"neither", nil, "has no identity"},
		{"public of another", []string{"identity.public:" + public(t, second), "identity.secret:" + first}, "identity.public is not of the identity in identity.secret"},
		{"another address", []string{"identity.public:" + flip(public(t, first))}, "identity.public is damaged"},
		{"half", []string{"identity.public:" + public(t, first)[:100]}, "identity.public is damaged"},
		{"damaged secret", []string{"identity.public:" + public(t, first), "identity.secret:" + first[:200]}, "identity.secret is damaged"},
		{"empty", []string{"identity.public:"}, "identity.public is damaged"},
		{"huge", []string{"identity.public:" + strings.Repeat("a", maxFile+1)}, "too large"},
		{"folder", []string{"identity.public/x:"}, "not a plain file"},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel() // validating an identity takes its time
			got, err := open(t, folder(t, x.files...)).Address()
			switch {
			case err == nil && got.String() != x.want:
				t.Errorf("%s, want %s", got, x.want)
			case err != nil && !strings.Contains(err.Error(), x.want):
				t.Errorf("%v, want %s", err, x.want)
			case err != nil && strings.Contains(err.Error(), first[140:160]):
				t.Errorf("the error shows the secret: %v", err)
			}
			if missing := x.want == "has no identity"; missing != errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%v", err)
			}
		})
	}
}

// flip changes one digit of an address.
func flip(identity string) string {
	digit := byte('1')
	if identity[3] == '1' {
		digit = '2'
	}
	return identity[:3] + string(digit) + identity[4:]
}

func TestOpenHome(t *testing.T) {
	d := platform("linux")
	if _, err := d.OpenHome("/nowhere/at/all"); err == nil || !strings.Contains(err.Error(), "there is no folder /nowhere/at/all; is ZeroTier installed?") {
		t.Errorf("%v", err)
	}
	file := filepath.Join(t.TempDir(), "file")
	put(t, file, "")
	if _, err := d.OpenHome(file); err == nil || !strings.Contains(err.Error(), "open ZeroTier's home folder "+file) {
		t.Errorf("%v", err)
	}
	dir := folder(t, "authtoken.secret:abc")
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	h := open(t, link)
	if resolved, _ := filepath.EvalSymlinks(dir); h.Path() != resolved {
		t.Errorf("the link leads to %s", h.Path())
	}
	// The folder that was opened stays the one, wherever the link leads now.
	if err := os.Remove(link); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/", link); err != nil {
		t.Fatal(err)
	}
	if token, err := h.token(); err != nil || token != "abc" {
		t.Errorf("%q %v", token, err)
	}
}

func TestOnlyHomesOfZeroTier(t *testing.T) {
	for _, x := range []struct {
		name  string
		files []string
		want  string
	}{
		{"a home", []string{"authtoken.secret:x"}, ""},
		{"a home whose secrets are gone", []string{"networks.d/8056c2e21c000001.conf:"}, ""},
		{"any folder", []string{"notes:"}, "does not look like the home of a ZeroTier service"},
		{"with an identity alone", []string{"identity.secret:x", "identity.public:x"}, "does not look like the home of a ZeroTier service"},
		{"Orrery", []string{"identity.secret:x", "owner.token:x", "authtoken.secret:x"}, "is the data folder of an Orrery server"},
		{"Orrery's database", []string{"orrery.db:x", "networks.d/x:"}, "is the data folder of an Orrery server"},
	} {
		err := open(t, folder(t, x.files...)).check()
		if (err == nil) != (x.want == "") || err != nil && !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s: %v, want %q", x.name, err, x.want)
		}
	}
}

func TestHostsNetworks(t *testing.T) {
	for _, x := range []struct {
		name  string
		files []string
		want  string
	}{
		{"none", nil, ""},
		{"an empty controller", []string{"controller.d/trace/x:"}, ""},
		{"other files", []string{"controller.d/network/notes.json:", "controller.d/network/8056c2e21c000001.json.tmp:"}, ""},
		{"one", []string{"controller.d/network/8056c2e21c000001.json:{}"}, "the network 8056c2e21c000001"},
		{"two", []string{"controller.d/network/8056c2e21c000001.json:{}", "controller.d/network/8056c2e21c000002.json:{}"}, "2 networks"},
		{"elsewhere", []string{`local.conf:{"settings":{"controllerDbPath":"/srv/db"}}`}, "networks of the controllerDbPath in its local.conf"},
		{"settings of other kinds", []string{`local.conf:{"settings":{"primaryPort":1}}`}, ""},
		{"damaged settings", []string{`local.conf:{"settings`}, ""},
		{"settings of other types", []string{`local.conf:{"settings":{"primaryPort":"x","controllerDbPath":7}}`}, ""},
	} {
		if got, err := open(t, folder(t, x.files...)).hostsNetworks(); err != nil || got != x.want {
			t.Errorf("%s: %q %v, want %q", x.name, got, err, x.want)
		}
	}
	if _, err := open(t, folder(t, "controller.d/network:")).hostsNetworks(); err == nil {
		t.Error("a file in the place of the folder is passed over")
	}
	for _, name := range []string{"local.conf", "controller.d"} { // what is behind them is not known
		dir := folder(t)
		link(t, dir, name, "/etc")
		if _, err := open(t, dir).hostsNetworks(); err == nil {
			t.Errorf("%s, a link that leads out of the home, is passed over", name)
		}
	}
}

func TestToken(t *testing.T) {
	for _, x := range []struct {
		files []string
		want  string // or what the error says
	}{
		{[]string{"authtoken.secret:abc123"}, "abc123"},
		{[]string{"authtoken.secret: abc123\r\n"}, "abc123"},
		{nil, "there is no "},
		{[]string{"authtoken.secret:"}, "is empty or damaged"},
		{[]string{"authtoken.secret:two\nlines"}, "is empty or damaged"},
		{[]string{"authtoken.secret:" + strings.Repeat("x", 201)}, "is empty or damaged"},
	} {
		token, err := open(t, folder(t, x.files...)).token()
		if err == nil && token != x.want || err != nil && !strings.Contains(err.Error(), x.want) {
			t.Errorf("%q: %q %v, want %q", x.files, token, err, x.want)
		}
		if err != nil && (!errors.Is(err, errNoToken) || strings.Contains(err.Error(), "lines")) {
			t.Errorf("%v", err)
		}
	}
	h := open(t, folder(t))
	h.userToken = filepath.Join(folder(t, "own:mine\n"), "own")
	if token, err := h.token(); err != nil || token != "mine" {
		t.Errorf("a person's own token: %q %v", token, err)
	}
}

func FuzzNumbers(f *testing.F) {
	f.Add([]byte("9993"))
	f.Add([]byte(" 65536\n"))
	f.Add([]byte("-1"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if parsePort(raw) == 0 {
			t.Errorf("port 0 of %q", raw)
		}
		if pid := parsePID(raw); pid < 0 {
			t.Errorf("process %d of %q", pid, raw)
		}
	})
}

func FuzzProc(f *testing.F) {
	f.Add("42 (zero) S tier) S 1 42 42 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 5 0 12345 1 1")
	f.Add("Name:\tzerotier-one\nUid:\t0\t0\t0\t0\nGroups:\t1 2\nCapEff:\t000001ffffffffff\n")
	f.Add("0::/system.slice/zerotier-one.service\n")
	f.Add("LoadState=loaded\nActiveState=active\nMainPID=1\n")
	f.Add("zerotier-one\x00-U\x00../home\x00")
	f.Fuzz(func(t *testing.T, raw string) {
		if state, began, err := parseStat(raw); err == nil && (state == 0 || began == "") {
			t.Errorf("%q: %q %q", raw, state, began)
		}
		statusField(raw, "Uid")
		parseProperties(raw)
		if unit := unitOf(raw); unit != "" && (!strings.HasSuffix(unit, ".service") || strings.Contains(unit, "/")) {
			t.Errorf("unit %q of %q", unit, raw)
		}
		if home, ok := homeArgument(splitZero([]byte(raw)), "/srv"); ok && !filepath.IsAbs(home) {
			t.Errorf("home %q of %q", home, raw)
		}
		if said := said(raw, 1); said == "" || strings.ContainsAny(said, "\n\x1b") {
			t.Errorf("said %q", said)
		}
	})
}
