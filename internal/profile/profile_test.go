package profile

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
)

func TestWhereTheFileIs(t *testing.T) {
	const home = "/home/alice"
	for _, x := range []struct {
		system      string
		environment map[string]string
		home, want  string
	}{
		{"linux", nil, home, "/home/alice/.config/orrery/config.toml"},
		{"linux", nil, "/", "/.config/orrery/config.toml"},
		{"darwin", nil, "/Users/alice", "/Users/alice/.config/orrery/config.toml"},
		{"linux", map[string]string{"XDG_CONFIG_HOME": "/etc/alice/"}, home, "/etc/alice/orrery/config.toml"},
		{"linux", map[string]string{"XDG_CONFIG_HOME": "relative"}, home, "/home/alice/.config/orrery/config.toml"},
		{"linux", map[string]string{"XDG_CONFIG_HOME": "/x", "ORRERY_CONFIG": "mine.toml"}, home, "mine.toml"},
		{"linux", map[string]string{"AppData": `C:\x`}, home, "/home/alice/.config/orrery/config.toml"},
		{"linux", nil, "", ""},
		{"windows", map[string]string{"AppData": `C:\Users\Alice\AppData\Roaming`}, `C:\Users\Alice`, `C:\Users\Alice\AppData\Roaming\orrery\config.toml`},
		{"windows", map[string]string{"AppData": `C:\x`, "XDG_CONFIG_HOME": "/x"}, `C:\Users\Alice`, `C:\x\orrery\config.toml`},
		{"windows", map[string]string{"ORRERY_CONFIG": `D:\orrery.toml`}, `C:\Users\Alice`, `D:\orrery.toml`},
		{"windows", nil, `C:\Users\Alice`, ""},
	} {
		getenv := func(name string) string { return x.environment[name] }
		homeDir := func() (string, error) {
			if x.home == "" {
				return "", errors.New("$HOME is not defined")
			}
			return x.home, nil
		}
		got, err := pathFor(x.system, getenv, homeDir)
		if got != x.want || (err == nil) != (x.want != "") {
			t.Errorf("%s %v: %q %v, want %q", x.system, x.environment, got, err, x.want)
		}
	}
	t.Setenv("ORRERY_CONFIG", "here.toml")
	if path, err := Path(); path != "here.toml" || err != nil {
		t.Errorf("%q %v", path, err)
	}
}

func example() *File {
	return &File{Default: "office", Servers: map[string]Server{
		"office":         {"https://orrery.example.com/api/v1", "first-token"},
		"192.0.2.1:8000": {"http://192.0.2.1:8000/api/v1", "second-token"},
	}}
}

func TestSaveAndLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "orrery", "config.toml")
	f, err := Load(path)
	if err != nil || f.Default != "" || len(f.Servers) != 0 || f.Servers == nil {
		t.Fatalf("%+v %v", f, err)
	}
	for range 2 { // the second time over the first
		if err := example().Save(path); err != nil {
			t.Fatal(err)
		}
		f, err := Load(path)
		if err != nil || !reflect.DeepEqual(f, example()) {
			t.Fatalf("%+v %v", f, err)
		}
	}
	if err := (&File{}).Save(path); err != nil {
		t.Fatal(err)
	}
	if f, err = Load(path); err != nil || len(f.Servers) != 0 {
		t.Errorf("%+v %v", f, err)
	}
	left, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(left) != 1 {
		t.Errorf("left beside the file: %v %v", left, err)
	}
}

func TestNobodyElseMayRead(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("rights are not bits there")
	}
	dir := filepath.Join(t.TempDir(), "it's orrery")
	path := filepath.Join(dir, "config.toml")
	if err := example().Save(path); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]os.FileMode{dir: 0o700, path: 0o600} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v %v, want %o", name, info.Mode(), err, want)
		}
	}
	for mode, refused := range map[os.FileMode]bool{0o400: false, 0o600: false, 0o640: true, 0o604: true, 0o620: true, 0o777: true} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		_, err := Load(path)
		if (err != nil) != refused {
			t.Errorf("%o: %v", mode, err)
		}
		if refused && !strings.Contains(err.Error(), "run: chmod 600 '"+strings.ReplaceAll(path, "'", `'\''`)+"'") {
			t.Error(err)
		}
	}
	if err := example().Save(path); err != nil { // which has others' rights now
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
}

func TestSaveIsWholeOrNot(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "config.toml")
	if err := os.MkdirAll(filepath.Join(path, "x"), 0o700); err != nil { // a folder is in the way
		t.Fatal(err)
	}
	if err := example().Save(path); err == nil || !strings.Contains(err.Error(), path) || strings.Contains(err.Error(), "-token") {
		t.Errorf("%v", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("left: %v %v", left, err)
	}
	if _, err := Load(path); err == nil || !strings.Contains(err.Error(), "is no file") {
		t.Errorf("%v", err)
	}
}

// Two logins at once: both are kept.
func TestChangesAtOnce(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("folders cannot be locked there")
	}
	path := filepath.Join(t.TempDir(), "new", "config.toml")
	const many = 50
	var all sync.WaitGroup
	for i := range many {
		all.Go(func() {
			if err := Change(path, func(f *File) error {
				f.Servers[strconv.Itoa(i)] = Server{"https://orrery.example.com/api/v1", "token"}
				return nil
			}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if f, err := Load(path); err != nil || len(f.Servers) != many {
		t.Errorf("%d profiles were kept of %d: %v", len(f.Servers), many, err)
	}
	refused := errors.New("refused")
	if err := Change(path, func(f *File) error { clear(f.Servers); return refused }); !errors.Is(err, refused) {
		t.Error(err)
	}
	if f, err := Load(path); err != nil || len(f.Servers) != many {
		t.Errorf("%d profiles: %v", len(f.Servers), err)
	}
}

func TestLinkStays(t *testing.T) {
	dir := t.TempDir()
	target, link := filepath.Join(dir, "target.toml"), filepath.Join(dir, "link.toml")
	if err := (&File{}).Save(target); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, link); err != nil {
		t.Skip(err)
	}
	if err := example().Save(link); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	if f, err := Load(target); err != nil || f.Default != "office" {
		t.Errorf("%+v %v", f, err)
	}
}

func TestDamagedFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.toml")
	for text, where := range map[string]string{
		"default = \"x\"\n[server.x]\nurl = \"u\"\ntoken = secret\n": "line 4 of ",
		"default = \"x\"\n[server.x]\ntoken = \"secret\n":            "line 3 of ",
		"[server.x]\ntoken = 5ecret\n":                               "line 2 of ",
		"[server.x]\ntoken = 12345\n":                                path,
		"secret":                                                     path,
		"\x00secret\xff":                                             path,
		"[server.secret]\n[server.secret]\n":                         path,
		strings.Repeat("# secret\n", maxSize/8):                      "has more than 1 MiB",
		"a = " + strings.Repeat("[", 100_000) + "\n" + strings.Repeat("secret", 100): path,
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Load(path)
		if err == nil || !strings.Contains(err.Error(), where) || !strings.Contains(err.Error(), "log in again") {
			t.Errorf("%.60q: %v", text, err)
			continue
		}
		if strings.Contains(err.Error(), "ecret") || strings.Contains(err.Error(), "12345") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%.60q: %v", text, err)
		}
	}
}

func FuzzLoad(f *testing.F) {
	f.Add([]byte("default = \"x\"\n[server.x]\nurl = \"u\"\ntoken = \"t\"\n"))
	f.Add([]byte("[server.\"a b\"]\ntoken = 1\n"))
	path := filepath.Join(f.TempDir(), "config.toml")
	f.Fuzz(func(t *testing.T, text []byte) {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		file, err := Load(path)
		if err != nil {
			return
		}
		if err := file.Save(path); err != nil {
			t.Fatal(err)
		}
		if again, err := Load(path); err != nil || !reflect.DeepEqual(again, file) {
			t.Errorf("%+v became %+v %v", file, again, err)
		}
	})
}
