package node

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// process is a zerotier-one that was found through /proc.
type process struct {
	handle  *os.Process // of the very process, not of its number
	began   string      // tells it from a later process with the same number
	program string
	updated bool // since it began: its program's file is another one now
	args    []string
	folder  string
	environ []string
	cgroup  string
	user    *syscall.Credential // nil: as this process
	foreign error               // why it cannot be started from here; nil: it can
}

// findProcess returns the process with this number, if it is a zerotier-one and
// runs on this home; otherwise nil.
func findProcess(h *Home, pid int) (processes, error) {
	if pid == 0 {
		return nil, nil
	}
	handle, err := os.FindProcess(pid) // before anything is read of it
	if err != nil {
		return nil, nil
	}
	p := &process{handle: handle}
	ours, err := p.read(h)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
		return nil, nil // it ended
	}
	if err != nil {
		return nil, fmt.Errorf("look at the process %d, which should be the ZeroTier service: %w", pid, err)
	}
	if !ours || !p.alive() {
		return nil, nil
	}
	return p, nil
}

func (p *process) file(name string) string {
	return filepath.Join("/proc", strconv.Itoa(p.handle.Pid), name)
}

// read fills p, and says whether it is a zerotier-one on this home.
func (p *process) read(h *Home) (ours bool, err error) {
	stat, err := os.ReadFile(p.file("stat"))
	if err != nil {
		return false, err
	}
	if _, p.began, err = parseStat(string(stat)); err != nil {
		return false, err
	}
	raw, err := os.ReadFile(p.file("cmdline"))
	if err != nil {
		return false, err
	}
	// After an update of the program, the file that it was started from is gone.
	program, err := os.Readlink(p.file("exe"))
	p.program, p.updated = strings.CutSuffix(program, " (deleted)")
	p.args = splitZero(raw)
	switch {
	case errors.Is(err, fs.ErrPermission) && len(p.args) > 0 && filepath.Base(p.args[0]) == "zerotier-one":
		return false, errors.New("it is another user's; run this as root, with sudo -E, which keeps the environment")
	case errors.Is(err, fs.ErrPermission):
		return false, nil
	case err != nil:
		return false, err
	case filepath.Base(p.program) != "zerotier-one":
		return false, nil
	}
	if p.folder, err = os.Readlink(p.file("cwd")); err != nil {
		return false, err
	}
	home, ok := homeArgument(p.args, p.folder)
	if !ok {
		home = "/var/lib/zerotier-one"
	}
	// The process may see other file systems than this one.
	if !same(filepath.Join(p.file("root"), home), h.path) {
		return false, nil
	}
	return true, p.readRest(h)
}

// readRest reads what a restart needs.
func (p *process) readRest(h *Home) error {
	environ, err := os.ReadFile(p.file("environ"))
	if err != nil {
		return err
	}
	p.environ = splitZero(environ)
	cgroup, _ := os.ReadFile(p.file("cgroup"))
	p.cgroup = string(cgroup)
	status, err := os.ReadFile(p.file("status"))
	if err != nil {
		return err
	}
	needsRoot, err := p.readUser(string(status))
	if err != nil {
		return err
	}
	if needsRoot {
		p.asRoot(h)
	}
	for _, space := range []string{"net", "pid", "user"} {
		theirs, err := os.Readlink(p.file("ns/" + space))
		ours, ownErr := os.Readlink("/proc/self/ns/" + space)
		if err == nil && ownErr == nil && theirs != ours {
			p.foreign = errors.New("it runs in a container or namespace; run this there")
		}
	}
	if p.handle.Pid == 1 {
		p.foreign = errors.New("it is the main process of a container, which would end with it; run this with --keep-running, then restart the container")
	}
	info, err := os.Stat(p.program)
	switch {
	case p.foreign != nil:
	case !same(p.file("root"), "/") || (err == nil && !p.updated && !same(p.file("exe"), p.program)):
		p.foreign = errors.New("it sees other files than this program, as in a container; run this there")
	case err != nil || !info.Mode().IsRegular():
		p.foreign = fmt.Errorf("its program %s is not there any more", p.program)
	}
	return nil
}

// asRoot prepares for a process to be started by root that runs as somebody else
// now, who may have changed what the process says of itself. Nothing of that is
// done with root's rights: neither another program nor its environment, which can
// make any program do anything.
func (p *process) asRoot(h *Home) {
	p.args, p.folder, p.environ = daemonArguments(p.args, h.path), "/", []string{"PATH=" + systemPath}
	if !rootsAlone(p.program) {
		p.foreign = fmt.Errorf("it was started by root, and others than root may change its program %s", p.program)
	}
}

// rootsAlone says whether only root may change a file, and what leads to it.
func rootsAlone(path string) bool {
	for ; ; path = filepath.Dir(path) {
		info, err := os.Lstat(path)
		if err != nil || !isOf(info, 0) || info.Mode().Perm()&0o022 != 0 {
			return false
		}
		if path == "/" {
			return true
		}
	}
}

// readUser finds out as whom the program is to be started. One that was started
// by root and gave most of its rights up needs root again.
func (p *process) readUser(status string) (needsRoot bool, err error) {
	uids, gids, capabilities := statusField(status, "Uid"), statusField(status, "Gid"), statusField(status, "CapEff")
	if len(uids) < 2 || len(gids) < 2 || len(capabilities) != 1 {
		return false, errors.New("its user is not shown")
	}
	if os.Geteuid() != 0 || uids[1] == "0" {
		return false, nil
	}
	if strings.Trim(capabilities[0], "0") != "" {
		return true, nil
	}
	numbers := append([]string{uids[1], gids[1]}, statusField(status, "Groups")...)
	parsed := make([]uint32, 0, len(numbers))
	for _, number := range numbers {
		id, err := strconv.ParseUint(number, 10, 32)
		if err != nil {
			return false, errors.New("its user is not shown")
		}
		parsed = append(parsed, uint32(id))
	}
	p.user = &syscall.Credential{Uid: parsed[0], Gid: parsed[1], Groups: parsed[2:]}
	return false, nil
}

func (p *process) pid() int { return p.handle.Pid }

func (p *process) startable() error { return p.foreign }

func (p *process) unit() string { return unitOf(p.cgroup) }

func (p *process) alive() bool {
	raw, err := os.ReadFile(p.file("stat"))
	if err != nil {
		return false
	}
	state, began, err := parseStat(string(raw))
	return err == nil && began == p.began && state != 'Z' && state != 'X'
}

func (p *process) terminate() error {
	if !p.alive() { // on kernels without handles the number may be another's by now
		return nil
	}
	err := p.handle.Signal(syscall.SIGTERM)
	switch {
	case err == nil, errors.Is(err, os.ErrProcessDone):
		return nil
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("the process %d is another user's; run this as root", p.handle.Pid)
	}
	return fmt.Errorf("end the process %d: %w", p.handle.Pid, err)
}

func (p *process) restart() error {
	command := &exec.Cmd{
		Path: p.program, Args: p.args, Dir: p.folder,
		Env:         append([]string{}, p.environ...), // nil would mean this program's, with its token
		SysProcAttr: &syscall.SysProcAttr{Setsid: true, Credential: p.user},
	}
	if err := command.Start(); err != nil {
		return fmt.Errorf("start %s: %w", p.program, reason(err))
	}
	return command.Process.Release()
}
