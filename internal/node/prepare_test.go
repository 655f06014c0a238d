package node

import (
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/orrery-net/orrery/zt"
)

var testServer = netip.MustParseAddr("10.9.0.1")

func TestWhichNode(t *testing.T) {
	const first, second, third = zt.Address(0x1111111111), zt.Address(0x2222222222), zt.Address(0x3333333333)
	none, damaged := error(fs.ErrNotExist), errors.New("identity.public is damaged")
	for _, x := range []struct {
		name     string
		named    string
		files    zt.Address
		filesErr error
		running  zt.Address
		want     string
	}{
		{"files", "", first, nil, 0, "1111111111"},
		{"files and service", "", first, nil, first, "1111111111"},
		{"service alone", "", 0, none, first, "says that it is 1111111111; if it is, run this with ZEROTIER_NODE_ID=1111111111"},
		{"service alone, as named", "1111111111", 0, none, first, "1111111111"},
		{"nobody knows", "", 0, none, 0, "ZEROTIER_NODE_ID can name the node"},
		{"damaged", "", 0, damaged, first, "identity.public is damaged"},
		{"they differ", "", first, nil, second, "the service that runs is 2222222222, but its files are of 1111111111"},
		{"they differ, and it is said which", "2222222222", first, nil, second, "2222222222"},
		{"named", "1111111111", first, nil, first, "1111111111"},
		{"named and unknown", "1111111111", 0, none, 0, "1111111111"},
		{"named in capitals", "ABCDEF0123", 0, none, 0, "abcdef0123"},
		{"another is named", "3333333333", first, nil, first, "ZEROTIER_NODE_ID says 3333333333, but this device is 1111111111"},
		{"another is named, the service alone", third.String(), 0, none, second, "but this device is 2222222222"},
		{"named wrongly", "123", first, nil, 0, `ZEROTIER_NODE_ID: node address "123": want 10 hex digits`},
	} {
		got, err := which(x.named, x.files, x.filesErr, x.running)
		text := got.String()
		if err != nil {
			text = err.Error()
		}
		if text != x.want && (err == nil || !strings.Contains(text, x.want)) {
			t.Errorf("%s: %s, want %s", x.name, text, x.want)
		}
	}
}

// aDevice has a home with the service a running there, and systemd.
func aDevice(t *testing.T, a *fakeAPI, files ...string) (*Device, string) {
	t.Helper()
	d := platform("linux")
	d.Run = (&programs{answers: map[string]string{showUnit: loaded}}).run
	d.exists = func(path string) bool { return path == "/run/systemd/system" }
	d.privileged = func() bool { return true }
	d.owns = func(string) bool { return true }
	d.findProcess = func(*Home, int) (processes, error) { return &fakeProcess{number: 42}, nil }
	return d, folder(t, append(a.files(), files...)...)
}

func TestPrepare(t *testing.T) {
	ids := identities(t)
	files := []string{"identity.secret:" + ids[0], "identity.public:" + public(t, ids[0])}
	silent := func(t *testing.T) *fakeAPI { a := startAPI(t, ids[0][:10]); a.port = "1"; return a }
	for _, x := range []struct {
		name   string
		more   []string // files
		silent bool
		task   Task
		change func(d *Device, home string)
		want   string // what the error says; empty: it is fine
		root   bool   // only root can make it so
	}{
		{name: "fine", task: Task{Forget: Identity}},
		{name: "fine, the token", task: Task{Forget: AuthToken}},
		{name: "a wrong secret", task: Task{Forget: "keys"}, want: `--forget "keys"`},
		{name: "a controller", more: []string{"controller.d/network/" + ids[0][:10] + "000001.json:{}"}, task: Task{Forget: Identity}, want: "this node is the controller of the network " + ids[0][:10] + "000001; without its identity they are lost for good"},
		{name: "a controller keeps its identity", more: []string{"controller.d/network/" + ids[0][:10] + "000001.json:{}"}, task: Task{Forget: AuthToken}},
		{name: "a controller that may go", more: []string{"controller.d/network/" + ids[0][:10] + "000001.json:{}"}, task: Task{Forget: Identity, ControllerToo: true}},
		{name: "an Orrery server", more: []string{"owner.token:x"}, task: Task{Forget: Identity}, want: "is the data folder of an Orrery server"},
		{name: "nobody", task: Task{Forget: Identity}, change: func(d *Device, _ string) { d.privileged = func() bool { return false } }, want: "needs more rights; run this as root, with sudo -E, which keeps the environment, or say --only networks"},
		{name: "nobody on Windows", task: Task{Forget: Identity, KeepRunning: true}, change: func(d *Device, _ string) {
			d.OS, d.privileged, d.owns = "windows", func() bool { return false }, func(string) bool { return false }
		}, want: "opened as administrator"},
		{name: "one's own process", task: Task{Forget: Identity, Service: Process}, change: func(d *Device, _ string) { d.privileged = func() bool { return false } }},
		{name: "nobody, networks only", task: Task{Forget: Identity, NetworksOnly: true}, change: func(d *Device, _ string) { d.privileged = func() bool { return false } }},
		{name: "no service, which runs", task: Task{Forget: Identity, Service: NoService}, want: "--service none does not stop it"},
		{name: "no service, which does not run", silent: true, task: Task{Forget: Identity, Service: NoService}},
		{name: "kept running", task: Task{Forget: Identity, KeepRunning: true}},
		{name: "another node", task: Task{Forget: Identity, Node: "1234567890"}, want: "ZEROTIER_NODE_ID says 1234567890, but this device is " + ids[0][:10]},
		{name: "another node, networks only", task: Task{Forget: Identity, Node: "1234567890", NetworksOnly: true}},
		{name: "a linked secret", task: Task{Forget: Identity}, change: func(_ *Device, home string) { link(t, home, "identity.secret", "/etc/hostname") }, want: "identity.secret is a link to another file"},
		{name: "a linked token", silent: true, task: Task{Forget: AuthToken}, change: func(_ *Device, home string) { link(t, home, "authtoken.secret", "/etc/hostname") }, want: "authtoken.secret is a link to another file"},
		{name: "a folder for a secret", silent: true, more: []string{"authtoken.secret:x"}, task: Task{Forget: AuthToken}, change: func(_ *Device, home string) {
			_ = os.Remove(filepath.Join(home, "authtoken.secret"))
			_ = os.MkdirAll(filepath.Join(home, "authtoken.secret"), 0o700)
		}, want: "authtoken.secret is not a plain file"},
		{name: "a backup that is there", more: []string{"kept/identity.secret:old"}, task: Task{Forget: Identity, Backup: "kept"}, want: "--backup: identity.secret is in "},
		{name: "a backup that others may read", more: []string{"kept/x:"}, task: Task{Forget: Identity, Backup: "kept"}, change: func(_ *Device, home string) { _ = os.Chmod(filepath.Join(home, "kept"), 0o755) }, want: "; run: chmod 700 "},
		{name: "a backup in another's folder", more: []string{"kept/x:"}, task: Task{Forget: Identity, Backup: "kept"}, change: func(_ *Device, home string) { _ = os.Chown(filepath.Join(home, "kept"), 12345, -1) }, want: "is another user's, who could remove what is in it", root: true},
		{name: "settings that lead elsewhere", task: Task{Forget: Identity}, change: func(_ *Device, home string) { link(t, home, "local.conf", "/etc/hostname") }, want: "whether this node is a controller, whose networks would be lost, is not known"},
		{name: "a backup to a file", more: []string{"kept:"}, task: Task{Forget: Identity, Backup: "kept"}, want: "is not a folder"},
		{name: "no service", task: Task{Forget: Identity}, change: func(d *Device, _ string) {
			d.exists = func(string) bool { return false }
			d.findProcess = func(*Home, int) (processes, error) { return nil, nil }
		}, want: "found no ZeroTier service"},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel() // validating an identity takes its time
			if x.root && os.Geteuid() != 0 {
				t.Skip("SKIPPED: only root gives files to others")
			}
			a := startAPI(t, ids[0][:10])
			if x.silent {
				a = silent(t)
			}
			d, home := aDevice(t, a, append(files, x.more...)...)
			if x.change != nil {
				x.change(d, home)
			}
			x.task.Home = home
			if x.task.Backup != "" {
				x.task.Backup = filepath.Join(home, x.task.Backup)
			}
			before := tree(t, home)
			c, err := d.Prepare(t.Context(), x.task)
			if err == nil {
				defer c.Close()
			}
			if (err == nil) != (x.want == "") || err != nil && !strings.Contains(err.Error(), x.want) {
				t.Errorf("%v, want %q", err, x.want)
			}
			if after := tree(t, home); after != before {
				t.Errorf("something was changed:\n%s\n%s", before, after)
			}
		})
	}
}

// link puts a link in the place of a file.
func link(t *testing.T, home, name, to string) {
	t.Helper()
	_ = os.Remove(filepath.Join(home, name))
	if err := os.Symlink(to, filepath.Join(home, name)); err != nil {
		t.Fatal(err)
	}
}

// tree is what is in a folder, with content and modes.
func tree(t *testing.T, dir string) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		content := ""
		if info.Mode().IsRegular() {
			raw, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			content = string(raw)
		}
		all.WriteString(info.Mode().String() + " " + path + " " + content + "\n")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

func TestReached(t *testing.T) {
	a := startAPI(t, testNode)
	a.networks["8056c2e21c000001"] = `{"id":"8056c2e21c000001","status":"OK","assignedAddresses":["10.9.0.7/24"],"routes":[{"target":"0.0.0.0/0"},{"target":"192.168.50.0/24"},{"target":"nonsense"}]}`
	joined, err := open(t, folder(t, a.files()...)).Local().Networks(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c := &Cleanup{joined: joined}
	for address, want := range map[string]bool{"10.9.0.1": true, "::ffff:10.9.0.1": true, "192.168.50.9": true, "10.10.0.1": false, "203.0.113.1": false, "fd00::1": false} {
		if id, ok := c.Reached(netip.MustParseAddr(address)); ok != want || ok && id != testNetwork {
			t.Errorf("%s: %t %s", address, ok, id)
		}
	}
}
