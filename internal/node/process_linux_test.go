package node

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMain lets the test's program stand in for zerotier-one, under that name.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) != "zerotier-one" {
		os.Exit(m.Run())
	}
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM)
	home := os.Args[len(os.Args)-1]
	if err := os.WriteFile(filepath.Join(home, pidFile), []byte(strconv.Itoa(os.Getpid())), 0o600); err != nil {
		os.Exit(1)
	}
	// Complete only after the file is there.
	if err := os.Rename(filepath.Join(home, "begun.tmp"), filepath.Join(home, "begun")); err != nil {
		os.Exit(1)
	}
	<-end
}

// startZeroTier runs a stand-in for zerotier-one on a home, under a name.
func startZeroTier(t *testing.T, home, name string, environ []string, args ...string) *exec.Cmd {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	copyProgram(t, path)
	put(t, filepath.Join(home, "begun.tmp"), "")
	command := exec.Command(path, args...)
	command.Args[0] = "zerotier-one"
	command.Dir = filepath.Dir(home)
	command.Env = append([]string{}, environ...)
	start(t, home, command)
	return command
}

// start starts a stand-in, which ends with the test.
func start(t *testing.T, home string, command *exec.Cmd) {
	t.Helper()
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	begun(t, home)
}

// copyProgram copies this program.
func copyProgram(t *testing.T, path string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	from, err := os.Open(self)
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	to, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(to, from); err != nil {
		t.Fatal(err)
	}
	if err := to.Close(); err != nil {
		t.Fatal(err)
	}
}

// find finds the process of a home's pid file.
func find(h *Home) (processes, error) { return findProcess(h, h.pid()) }

// begun waits until a stand-in has written its number.
func begun(t *testing.T, home string) {
	t.Helper()
	await(t, func() bool { return os.Remove(filepath.Join(home, "begun")) == nil })
}

func await(t *testing.T, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); {
		if time.Now().After(end) {
			t.Fatal("it took more than 10 s")
		}
		if err := pause(t.Context(), 5*time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
}

// TestProcess ends and restarts a real process.
func TestProcess(t *testing.T) {
	home := folder(t)
	h := open(t, home)
	relative := filepath.Base(home)
	first := startZeroTier(t, home, "zerotier-one", []string{"MARK=of the first"}, "-U", "-p9993", relative)
	p, err := find(h)
	if err != nil || p == nil {
		t.Fatalf("not found: %v", err)
	}
	if p.pid() != first.Process.Pid || !p.alive() || p.startable() != nil || p.unit() == "zerotier-one.service" {
		t.Errorf("%+v", p)
	}
	if err := p.terminate(); err != nil {
		t.Fatal(err)
	}
	await(t, func() bool { return !p.alive() }) // although nobody has waited for it yet
	if found, err := find(h); found != nil || err != nil {
		t.Errorf("a process that ended is found: %v %v", found, err)
	}
	_ = first.Wait()
	if err := p.terminate(); err != nil {
		t.Errorf("ending it again: %v", err)
	}

	put(t, filepath.Join(home, "begun.tmp"), "")
	if err := p.restart(); err != nil {
		t.Fatal(err)
	}
	begun(t, home)
	again, err := find(h)
	if err != nil || again == nil {
		t.Fatalf("not found: %v", err)
	}
	defer again.terminate()
	if again.pid() == first.Process.Pid {
		t.Error("it is the same process")
	}
	proc := "/proc/" + strconv.Itoa(again.pid())
	line, _ := os.ReadFile(proc + "/cmdline")
	if want := []string{"zerotier-one", "-U", "-p9993", relative}; !slices.Equal(splitZero(line), want) {
		t.Errorf("%q, want %q", splitZero(line), want)
	}
	if folder, _ := os.Readlink(proc + "/cwd"); folder != filepath.Dir(home) {
		t.Errorf("in %s, want %s", folder, filepath.Dir(home))
	}
	if environ, _ := os.ReadFile(proc + "/environ"); !slices.Contains(splitZero(environ), "MARK=of the first") {
		t.Error("with another environment")
	}
	stat, _ := os.ReadFile(proc + "/stat")
	if fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:])); fields[3] != strconv.Itoa(again.pid()) {
		t.Errorf("in the session %s, not one of its own", fields[3])
	}
}

// TestRestartTellsNothing restarts a process that has no environment: it does not
// get the one of this program, which holds a token.
func TestRestartTellsNothing(t *testing.T) {
	home := folder(t)
	h := open(t, home)
	first := startZeroTier(t, home, "zerotier-one", nil, home)
	p, err := find(h)
	if err != nil || p == nil {
		t.Fatalf("not found: %v", err)
	}
	t.Setenv("ORRERY_TOKEN", "abc123")
	if err := p.terminate(); err != nil {
		t.Fatal(err)
	}
	_ = first.Wait()
	put(t, filepath.Join(home, "begun.tmp"), "")
	if err := p.restart(); err != nil {
		t.Fatal(err)
	}
	begun(t, home)
	again, err := find(h)
	if err != nil || again == nil {
		t.Fatalf("not found: %v", err)
	}
	defer again.terminate()
	if environ, err := os.ReadFile("/proc/" + strconv.Itoa(again.pid()) + "/environ"); err != nil || len(environ) > 0 {
		t.Errorf("started with %q, %v", environ, err)
	}
}

// TestProgramElsewhere has a process whose program is another file than the one
// that has its name here: as in a container that shares the rest with the device.
func TestProgramElsewhere(t *testing.T) {
	unshare, err := exec.LookPath("unshare")
	if err != nil || os.Geteuid() != 0 {
		t.Skip("SKIPPED: needs root and unshare")
	}
	home, here, there := folder(t), t.TempDir(), t.TempDir()
	for _, dir := range []string{here, there} {
		copyProgram(t, filepath.Join(dir, "zerotier-one"))
	}
	put(t, filepath.Join(home, "begun.tmp"), "")
	start(t, home, exec.Command(unshare, "-m", "sh", "-c", `mount --bind "$1" "$2" && exec "$2"/zerotier-one "$3"`, "sh", there, here, home))
	p, err := find(open(t, home))
	if err != nil || p == nil {
		t.Fatalf("not found: %v", err)
	}
	if err := p.startable(); err == nil || !strings.Contains(err.Error(), "sees other files than this program") {
		t.Errorf("%v", err)
	}
}

// TestAsRoot has root start a program again that runs as somebody else now: with
// nothing of what that one says, and only if it is root's own.
func TestAsRoot(t *testing.T) {
	sh, err := filepath.EvalSymlinks("/bin/sh")
	if err != nil {
		t.Fatal(err)
	}
	h := open(t, folder(t))
	forged := process{args: []string{"x", "-i", "generate", "/etc/shadow", "-p9993"}, environ: []string{"LD_PRELOAD=/tmp/x.so"}, folder: "/tmp"}
	p := forged
	p.program = sh
	p.asRoot(h)
	if p.foreign != nil || p.folder != "/" || fmt.Sprint(p.args) != "[zerotier-one -p9993 "+h.path+"]" || fmt.Sprint(p.environ) != "[PATH="+systemPath+"]" {
		t.Errorf("%+v", p)
	}
	p = forged
	p.program = filepath.Join(t.TempDir(), "zerotier-one") // others may write to what is above
	copyProgram(t, p.program)
	if p.asRoot(h); p.foreign == nil || !strings.Contains(p.foreign.Error(), "others than root may change its program") {
		t.Errorf("%v", p.foreign)
	}
}

// TestPipe has a pipe in the place of a file, which would be waited for.
func TestPipe(t *testing.T) {
	dir := folder(t)
	if err := syscall.Mkfifo(filepath.Join(dir, pidFile), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := open(t, dir).read(pidFile); err == nil || !strings.Contains(err.Error(), "not a plain file") {
		t.Errorf("%v", err)
	}
}

// TestOnlyThatProcess checks that nothing else is taken for the service.
func TestOnlyThatProcess(t *testing.T) {
	home := folder(t)
	h := open(t, home)
	none := func(what string) {
		t.Helper()
		if p, err := find(h); p != nil || err != nil {
			t.Errorf("%s: %v %v", what, p, err)
		}
	}
	none("no file")
	for _, content := range []string{"", "0", "-1", "x", "999999999", strconv.Itoa(os.Getpid()), strconv.Itoa(os.Getppid())} {
		put(t, filepath.Join(home, pidFile), content)
		none(fmt.Sprintf("%q", content))
	}
	startZeroTier(t, home, "something-else", nil, home)
	none("a program of another name, which calls itself zerotier-one")
	other := folder(t)
	command := startZeroTier(t, other, "zerotier-one", nil, other)
	put(t, filepath.Join(home, pidFile), strconv.Itoa(command.Process.Pid))
	none("a zerotier-one on another home")
	if p, err := find(open(t, other)); p == nil || err != nil {
		t.Errorf("the test shows nothing: %v", err)
	}
}

// TestUserOfProcess checks as whom a process is started again.
func TestUserOfProcess(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: only root starts programs as others")
	}
	for _, x := range []struct {
		status string
		want   string
	}{
		{"Uid:\t998\t998\t998\t998\nGid:\t997\t997\t997\t997\nGroups:\t997 5 \nCapEff:\t0000000000000000\n", "&{998 997 [997 5] false}"},
		{"Uid:\t998\t998\t998\t998\nGid:\t997\t997\t997\t997\nGroups:\t\nCapEff:\t0000000000003000\n", "root"}, // it was root, and kept what it needs
		{"Uid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\nGroups:\t0\nCapEff:\t000001ffffffffff\n", "<nil>"},
		{"Uid:\tx\tx\nGid:\t0\t0\nCapEff:\t0\n", "its user is not shown"},
		{"", "its user is not shown"},
	} {
		var p process
		needsRoot, err := p.readUser(x.status)
		got := fmt.Sprint(p.user)
		if needsRoot {
			got = "root"
		}
		if err != nil {
			got = err.Error()
		}
		if got != x.want {
			t.Errorf("%q: %s, want %s", x.status, got, x.want)
		}
	}
}
