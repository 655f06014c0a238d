package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// programs answer in the place of a platform's own.
type programs struct {
	calls   []string
	answers map[string]string // of a command line, "STATUS OUTPUT"; none: the program is not there
}

func (p *programs) run(_ context.Context, program string, args ...string) (string, int, error) {
	call := commandLine(program, args)
	p.calls = append(p.calls, call)
	answer, ok := p.answers[call]
	if !ok {
		return "", -1, fmt.Errorf("run %s: not found", program)
	}
	var status int
	number, output, _ := strings.Cut(answer, " ")
	if _, err := fmt.Sscan(number, &status); err != nil {
		return "", -1, err
	}
	return output, status, nil
}

// fakeProcess stands for the process of a home.
type fakeProcess struct {
	number  int
	in      string // a unit
	foreign error

	deaf     error         // why it cannot be told to end
	takes    time.Duration // to end
	end      time.Time     // zero: it was not told
	restarts int
}

func (p *fakeProcess) pid() int         { return p.number }
func (p *fakeProcess) alive() bool      { return p.end.IsZero() || time.Now().Before(p.end) }
func (p *fakeProcess) startable() error { return p.foreign }
func (p *fakeProcess) restart() error   { p.end = time.Time{}; p.restarts++; return nil }
func (p *fakeProcess) unit() string     { return p.in }

func (p *fakeProcess) terminate() error {
	if p.deaf == nil {
		p.end = time.Now().Add(p.takes)
	}
	return p.deaf
}

// fakeWindows is a service of Windows.
type fakeWindows struct {
	named string
	runs  bool
	calls []string
	err   error
}

func (w *fakeWindows) name() string           { return w.named }
func (w *fakeWindows) stopped() (bool, error) { return !w.runs, w.err }
func (w *fakeWindows) stop() error            { w.calls, w.runs = append(w.calls, "stop"), false; return w.err }
func (w *fakeWindows) start() error           { w.calls, w.runs = append(w.calls, "start"), true; return w.err }

const (
	showUnit   = "systemctl show zerotier-one --property=LoadState,ActiveState,MainPID"
	loaded     = "0 LoadState=loaded\nActiveState=active\nMainPID=42\n"
	stopped    = "0 LoadState=loaded\nActiveState=inactive\nMainPID=0\n"
	masked     = "0 LoadState=masked\nActiveState=active\nMainPID=42\n"
	notLoaded  = "0 LoadState=not-found\nActiveState=inactive\nMainPID=0\n"
	showSnap   = "systemctl show snap.zerotier.one.service --property=LoadState,ActiveState,MainPID"
	showCron   = "systemctl show cron.service --property=LoadState,ActiveState,MainPID"
	launchdJob = "/Library/LaunchDaemons/com.zerotier.one.plist"
)

func TestFindService(t *testing.T) {
	for _, x := range []struct {
		name    string
		os      string
		there   []string // files and folders
		answers map[string]string
		process *fakeProcess
		windows []string // services that there are
		another bool     // the home is not the platform's
		user    bool     // is not root
		kind    Kind
		unit    string
		want    string // the service, or what the error says
	}{
		{name: "systemd", os: "linux", there: []string{"/run/systemd/system"}, answers: map[string]string{showUnit: loaded}, process: &fakeProcess{number: 42}, want: "the systemd unit zerotier-one"},
		{name: "systemd, with a program between", os: "linux", there: []string{"/run/systemd/system"}, answers: map[string]string{showUnit: loaded}, process: &fakeProcess{number: 43, in: "zerotier-one.service"}, want: "the systemd unit zerotier-one"},
		{name: "systemd, stopped", os: "linux", there: []string{"/run/systemd/system"}, answers: map[string]string{showUnit: stopped}, want: "the systemd unit zerotier-one"},
		{name: "systemd that runs who knows where", os: "linux", there: []string{"/run/systemd/system"}, answers: map[string]string{showUnit: loaded}, want: "found no ZeroTier service"},
		{name: "systemd, seen by a user", os: "linux", there: []string{"/run/systemd/system"}, answers: map[string]string{showUnit: loaded}, user: true, want: "the systemd unit zerotier-one"},
		{name: "systemd, masked while it runs", os: "linux", there: []string{"/run/systemd/system"}, answers: map[string]string{showUnit: masked}, process: &fakeProcess{number: 42}, want: "the systemd unit zerotier-one runs, and is masked"},
		{name: "systemd, masked", os: "linux", kind: Systemd, answers: map[string]string{showUnit: masked}, want: "is masked, so it could not be started again"},
		{name: "a snap", os: "linux", there: []string{"/run/systemd/system"}, answers: map[string]string{showUnit: notLoaded, showSnap: loaded}, process: &fakeProcess{number: 42, in: "snap.zerotier.one.service"}, another: true, want: "the systemd unit snap.zerotier.one.service"},
		{name: "a process that cron started", os: "linux", there: []string{"/run/systemd/system"}, answers: map[string]string{showUnit: notLoaded, showCron: loaded}, process: &fakeProcess{number: 43, in: "cron.service"}, want: "the zerotier-one process 43"},
		{name: "a pattern", os: "linux", kind: Systemd, unit: "*", want: "without wildcards"},
		{name: "an option", os: "linux", kind: Systemd, unit: "--all", want: "want the name of one service"},
		{name: "a path", os: "darwin", kind: Launchd, unit: "../x", want: "without wildcards and slashes"},
		{name: "systemd, and another process on this home", os: "linux", there: []string{"/run/systemd/system"}, answers: map[string]string{showUnit: loaded}, process: &fakeProcess{number: 7}, want: "the zerotier-one process 7"},
		{name: "systemd, on another home", os: "linux", there: []string{"/run/systemd/system"}, answers: map[string]string{showUnit: loaded}, another: true, want: "found no ZeroTier service"},
		{name: "systemd that runs on another home", os: "linux", there: []string{"/run/systemd/system"}, answers: map[string]string{showUnit: loaded}, process: &fakeProcess{number: 42}, another: true, want: "the systemd unit zerotier-one"},
		{name: "systemd without the unit", os: "linux", there: []string{"/run/systemd/system"}, answers: map[string]string{showUnit: notLoaded}, process: &fakeProcess{number: 7}, want: "the zerotier-one process 7"},
		{name: "systemd that fails", os: "linux", there: []string{"/run/systemd/system"}, answers: map[string]string{showUnit: "1 Failed to connect to bus\nmore"}, want: "systemctl show zerotier-one: Failed to connect to bus"},
		{name: "systemd that was named", os: "linux", kind: Systemd, unit: "zt", answers: map[string]string{"systemctl show zt --property=LoadState,ActiveState,MainPID": loaded}, process: &fakeProcess{number: 7}, another: true, want: "the systemd unit zt"},
		{name: "systemd that was named, without the unit", os: "linux", kind: Systemd, answers: map[string]string{showUnit: notLoaded}, want: "systemd knows no unit zerotier-one; say which with --service-name"},
		{name: "no systemd", os: "linux", kind: Systemd, want: "run systemctl: not found"},
		{name: "OpenRC", os: "linux", there: []string{"/run/openrc"}, answers: map[string]string{"rc-service --exists zerotier-one": "0 "}, process: &fakeProcess{number: 42}, want: "the OpenRC service zerotier-one"},
		{name: "OpenRC without the service", os: "linux", there: []string{"/run/openrc"}, answers: map[string]string{"rc-service --exists zerotier-one": "1 "}, process: &fakeProcess{number: 42}, want: "the zerotier-one process 42"},
		{name: "OpenRC, on another home", os: "linux", there: []string{"/run/openrc"}, process: &fakeProcess{number: 42}, another: true, want: "the zerotier-one process 42"},
		{name: "OpenRC that was named", os: "linux", kind: OpenRC, unit: "zt", answers: map[string]string{"rc-service --exists zt": "1 "}, want: "OpenRC knows no service zt"},
		{name: "a process", os: "linux", process: &fakeProcess{number: 42}, want: "the zerotier-one process 42"},
		{name: "a process that was named", os: "linux", kind: Process, there: []string{"/run/systemd/system"}, process: &fakeProcess{number: 42}, want: "the zerotier-one process 42"},
		{name: "no process", os: "linux", kind: Process, want: "no ZeroTier process runs on "},
		{name: "a process of a container", os: "linux", process: &fakeProcess{number: 42, foreign: errors.New("it runs in a container")}, want: "the process 42, which could be stopped here but not started again: it runs in a container"},
		{name: "nothing", os: "linux", want: "found no ZeroTier service"},
		{name: "launchd", os: "darwin", there: []string{launchdJob}, want: "the launchd job com.zerotier.one"},
		{name: "no launchd job", os: "darwin", want: "found no ZeroTier service"},
		{name: "launchd that was named", os: "darwin", kind: Launchd, unit: "my.zt", want: "there is no /Library/LaunchDaemons/my.zt.plist"},
		{name: "Windows", os: "windows", windows: []string{"ZeroTierOneService"}, want: "the Windows service ZeroTierOneService"},
		{name: "Windows, as the recipe has it", os: "windows", windows: []string{"ZeroTierOne"}, want: "the Windows service ZeroTierOne"},
		{name: "Windows without it", os: "windows", want: "found no ZeroTier service"},
		{name: "Windows, named", os: "windows", kind: Windows, unit: "zt", windows: []string{"zt"}, want: "the Windows service zt"},
		{name: "Windows, named and not there", os: "windows", kind: Windows, unit: "zt", want: "there is no service of this name: zt"},
		{name: "rc.d", os: "freebsd", answers: map[string]string{"service zerotier rcvar": "0 "}, want: "the service zerotier"},
		{name: "no rc.d", os: "freebsd", answers: map[string]string{"service zerotier rcvar": "1 "}, want: "found no ZeroTier service"},
		{name: "none", os: "linux", kind: NoService, want: "<nil>"},
		{name: "a mistake", os: "linux", kind: "upstart", want: `--service "upstart"; want systemd, openrc, rc.d, launchd, windows, process, none`},
	} {
		t.Run(x.name, func(t *testing.T) {
			p := &programs{answers: x.answers}
			d := &Device{
				OS: x.os, Run: p.run,
				exists: func(path string) bool { return slices.Contains(x.there, path) },
				findProcess: func(_ *Home, pid int) (processes, error) {
					if x.process == nil || pid != 0 && pid != x.process.number {
						return nil, nil
					}
					return x.process, nil
				},
				privileged: func() bool { return !x.user },
				openWindows: func(names []string) (windowsService, error) {
					for _, name := range names {
						if slices.Contains(x.windows, name) {
							return &fakeWindows{named: name}, nil
						}
					}
					return nil, fmt.Errorf("%w: %s", errUnknownService, strings.Join(names, ", "))
				},
			}
			h := open(t, folder(t))
			h.isDefault = !x.another
			service, err := d.FindService(t.Context(), h, x.kind, x.unit)
			got := fmt.Sprint(service)
			if err != nil {
				got = err.Error()
			}
			if got != x.want && (err == nil || !strings.Contains(got, x.want)) {
				t.Errorf("%s, want %s\ncalled %q", got, x.want, p.calls)
			}
			if x.os != "linux" && x.os != "freebsd" && len(p.calls) > 0 {
				t.Errorf("called %q", p.calls)
			}
		})
	}
}

// TestManagers checks what each manager is told, and how it is understood.
func TestManagers(t *testing.T) {
	const (
		printJob = "launchctl print system/com.zerotier.one"
		bootout  = "launchctl bootout system/com.zerotier.one"
		boot     = "launchctl bootstrap system " + launchdJob
	)
	rc := func(p *programs) Service { return script{p.run, "it", []string{"rc-service", "zerotier-one"}, ""} }
	bsd := func(p *programs) Service { return script{p.run, "it", []string{"service", "zerotier"}, "one"} }
	unit := func(p *programs) Service { return systemd{p.run, "zerotier-one"} }
	job := func(p *programs) Service { return launchd{p.run, "com.zerotier.one"} }
	running := func(s Service) string {
		running, err := s.Running(context.Background())
		if err != nil {
			return err.Error()
		}
		return fmt.Sprint(running)
	}
	stop := func(s Service) string { return fmt.Sprint(s.Stop(context.Background())) }
	start := func(s Service) string { return fmt.Sprint(s.Start(context.Background())) }
	for _, x := range []struct {
		service func(*programs) Service
		do      func(Service) string
		call    string
		answer  string
		want    string
	}{
		{unit, running, showUnit, loaded, "true"},
		{unit, running, showUnit, "0 LoadState=loaded\nActiveState=inactive\n", "false"},
		{unit, running, showUnit, "0 LoadState=loaded\nActiveState=failed\n", "false"},
		{unit, running, showUnit, "0 LoadState=loaded\nActiveState=deactivating\n", "true"},
		{unit, running, showUnit, "4 no bus", "systemctl show zerotier-one: no bus"},
		{unit, stop, "systemctl stop zerotier-one", "0 ", "<nil>"},
		{unit, stop, "systemctl stop zerotier-one", "1 \n Access \x1b[31mdenied\nmore", "systemctl stop zerotier-one: Access \uFFFD[31mdenied"},
		{unit, start, "systemctl start zerotier-one", "0 ", "<nil>"},
		{unit, start, "systemctl start zerotier-one", "5 ", "systemctl start zerotier-one: exit status 5"},
		{rc, running, "rc-service zerotier-one status", "0  * status: started", "true"},
		{rc, running, "rc-service zerotier-one status", "3  * status: stopped", "false"},
		{rc, stop, "rc-service zerotier-one stop", "0 ", "<nil>"},
		{rc, start, "rc-service zerotier-one start", "1  * ERROR: failed", "rc-service zerotier-one start: * ERROR: failed"},
		{bsd, running, "service zerotier onestatus", "1 zerotier is not running.", "false"},
		{bsd, stop, "service zerotier onestop", "0 ", "<nil>"},
		{bsd, start, "service zerotier onestart", "0 ", "<nil>"},
		{job, running, printJob, "0 state = running", "true"},
		{job, running, printJob, "113 Could not find service", "false"},
		{job, running, printJob, "64 usage", "launchctl print system/com.zerotier.one: usage"},
		{job, stop, bootout, "0 ", "<nil>"},
		{job, stop, bootout, "36 Operation now in progress", "<nil>"},
		{job, stop, bootout, "3 No such process", "<nil>"},
		{job, stop, bootout, "1 Operation not permitted", bootout + ": Operation not permitted"},
		{job, start, boot, "0 ", "<nil>"},
		{job, start, boot, "37 Operation already in progress", "<nil>"},
		{job, start, boot, "2 No such file", boot + ": No such file"},
	} {
		p := &programs{answers: map[string]string{x.call: x.answer}}
		if got := x.do(x.service(p)); got != x.want || !slices.Equal(p.calls, []string{x.call}) {
			t.Errorf("%s: %q\ncalled %q, got  %s\nwant %s", x.call, x.answer, p.calls, got, x.want)
		}
	}
	for _, service := range []Service{unit(&programs{}), rc(&programs{}), job(&programs{})} {
		if running(service) == "false" || stop(service) == "<nil>" || start(service) == "<nil>" {
			t.Errorf("%s: a manager that is not there is taken for one that obeys", service)
		}
	}
}

// TestLaunchdIsStillBusy starts a job whose former self is still being unloaded.
func TestLaunchdIsStillBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		l := launchd{func(context.Context, string, ...string) (string, int, error) {
			if tries++; tries < 4 {
				return "Bootstrap failed: 5: Input/output error", 5, nil
			}
			return "", 0, nil
		}, "com.zerotier.one"}
		if err := l.Start(t.Context()); err != nil || tries != 4 {
			t.Errorf("%v after %d", err, tries)
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		tries = 0
		if err := l.Start(ended); err == nil || !strings.Contains(err.Error(), "Input/output error") {
			t.Errorf("%v", err)
		}
	})
}

func TestWindows(t *testing.T) {
	w := &fakeWindows{named: "ZeroTierOneService", runs: true}
	s := windowsManaged{w}
	if running, err := s.Running(t.Context()); !running || err != nil {
		t.Errorf("%t %v", running, err)
	}
	if err := errors.Join(s.Stop(t.Context()), s.Start(t.Context())); err != nil || !slices.Equal(w.calls, []string{"stop", "start"}) {
		t.Errorf("%q %v", w.calls, err)
	}
	w.err = errors.New("access denied")
	for _, err := range []error{s.Stop(t.Context()), s.Start(t.Context())} {
		if err == nil || !strings.Contains(err.Error(), "the Windows service ZeroTierOneService: access denied") {
			t.Errorf("%v", err)
		}
	}
}

func TestBareProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &fakeProcess{number: 42}
		var other *fakeProcess
		b := &bare{process: p, find: func() (processes, error) {
			if other == nil {
				return nil, nil
			}
			return other, nil
		}}
		running := func() bool {
			t.Helper()
			running, err := b.Running(t.Context())
			if err != nil {
				t.Error(err)
			}
			return running
		}
		start := func() error {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			return b.Start(ctx)
		}
		p.deaf = errors.New("it is another user's")
		if err := b.Stop(t.Context()); !errors.Is(err, p.deaf) || !running() {
			t.Errorf("%v", err)
		}
		if err := start(); err != nil || p.restarts != 0 {
			t.Errorf("starting one that was never told to end: %v", err)
		}
		p.deaf, p.takes = nil, 2*time.Minute
		if err := b.Stop(t.Context()); err != nil || !running() {
			t.Errorf("%v", err)
		}
		if err := start(); err == nil || !strings.Contains(err.Error(), "the zerotier-one process 42 was told to end and has not yet") {
			t.Errorf("%v", err)
		}
		if err := start(); err != nil || p.restarts != 1 || !running() {
			t.Errorf("one that ends late is not started again: %v", err)
		}
		p.takes = 0
		if err := b.Stop(t.Context()); err != nil || running() {
			t.Errorf("%v", err)
		}
		other = &fakeProcess{number: 43} // somebody's supervisor was faster
		if !running() {
			t.Error("the other process is not seen")
		}
		if err := start(); err != nil || p.restarts != 1 {
			t.Errorf("a second one was started: %v", err)
		}
		other = nil
		if err := start(); err != nil || p.restarts != 2 || !p.alive() {
			t.Errorf("%v", err)
		}
	})
}

func TestHomeArgument(t *testing.T) {
	for _, x := range []struct {
		args []string
		want string
	}{
		{nil, ""},
		{[]string{"zerotier-one"}, ""},
		{[]string{"zerotier-one", "-U", "-p9993"}, ""},
		{[]string{"zerotier-one", "-U", "/srv/zt"}, "/srv/zt"},
		{[]string{"zerotier-one", "../zt", "-d"}, "/srv/zt"},
		{[]string{"zerotier-one", ""}, ""},
	} {
		if got, ok := homeArgument(x.args, "/srv/dir"); got != x.want || ok != (x.want != "") {
			t.Errorf("%q: %q %t", x.args, got, ok)
		}
	}
}

func TestDaemonArguments(t *testing.T) {
	args := []string{"zerotier-one", "-U", "-p9993", "-d", "-i", "generate", "/etc/shadow", "-D../x", "../zt"}
	if got, want := strings.Join(daemonArguments(args, "/srv/my zt"), "|"), "zerotier-one|-U|-p9993|-d|/srv/my zt"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got := daemonArguments(nil, "/srv/zt"); len(got) != 2 {
		t.Errorf("%q", got)
	}
}

func TestUnitOf(t *testing.T) {
	for cgroup, want := range map[string]string{
		"0::/system.slice/zerotier-one.service\n":                         "zerotier-one.service",
		"9:name=systemd:/system.slice/zerotier-one.service\n8:pids:/\n":   "zerotier-one.service",
		"0::/user.slice/user-1000.slice/session-2.scope\n":                "",
		"0::/user.slice/user-1000.slice/user@1000.service/app/zt.service": "",
		"0::/\n": "",
		"":       "",
	} {
		if got := unitOf(cgroup); got != want {
			t.Errorf("%q: %q, want %q", cgroup, got, want)
		}
	}
}

// TestProgramsAreRun runs programs of the system, not those that the caller's
// PATH has first, and tells them nothing of the caller's secrets.
func TestProgramsAreRun(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "sh"), "#!/bin/sh\necho forged\n")
	if err := os.Chmod(filepath.Join(dir, "sh"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	t.Setenv("ORRERY_TOKEN", "abc123")
	if output, _, err := runProgram(t.Context(), "sh", "-c", "echo $PATH:$ORRERY_TOKEN; env"); err != nil || strings.Contains(output, "abc123") || strings.Contains(output, dir) || !strings.Contains(output, "PATH="+systemPath) {
		t.Errorf("%v %s", err, output)
	}
	if _, _, err := runProgram(t.Context(), "orrery-has-no-such-program"); err == nil || !strings.Contains(err.Error(), "there is no such program in ") {
		t.Errorf("%v", err)
	}
	path := filepath.Join(dir, "tool.sh")
	put(t, path, "echo \"$@\"; echo more >&2; sleep 5 & exit 7")
	output, status, err := runProgram(t.Context(), "sh", path, "a", "b")
	if err != nil || status != 7 || output != "a b\nmore\n" {
		t.Errorf("%q %d %v", output, status, err)
	}
	if _, _, err := runProgram(t.Context(), filepath.Join(dir, "missing")); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("%v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := runProgram(ended, "sh", "-c", "exit 0"); err == nil || !strings.Contains(err.Error(), "sh -c exit 0 did not end in time") {
		t.Errorf("%v", err)
	}
}
