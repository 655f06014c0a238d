package node

import (
	"context"
	"errors"
	"fmt"
	"path"
	"regexp"
	"strings"
	"time"
)

// processes is the process that runs on a home folder.
type processes interface {
	pid() int
	alive() bool
	terminate() error // asks it to end
	// startable is why it could not be started again from here; nil: it can.
	startable() error
	// restart starts the program again as it was: the same command line, folder,
	// environment and user, on its own.
	restart() error
	unit() string // of systemd, as zerotier-one.service; empty: none
}

// bare is a ZeroTier service that runs as a process without a service manager.
type bare struct {
	process processes
	told    bool                      // to end
	find    func() (processes, error) // the process of the home, as it is now
}

func (d *Device) bare(h *Home, p processes) (Service, error) {
	if err := p.startable(); err != nil {
		return nil, fmt.Errorf("the ZeroTier service is the process %d, which could be stopped here but not started again: %w", p.pid(), err)
	}
	return &bare{process: p, find: func() (processes, error) { return d.findProcess(h, h.pid()) }}, nil
}

func (b *bare) String() string { return fmt.Sprintf("the zerotier-one process %d", b.process.pid()) }

func (b *bare) Running(context.Context) (bool, error) {
	if b.process.alive() {
		return true, nil
	}
	other, err := b.find()
	return other != nil, err
}

func (b *bare) Stop(context.Context) error {
	err := b.process.terminate()
	b.told = b.told || err == nil
	return err
}

func (b *bare) Start(ctx context.Context) error {
	for b.process.alive() {
		if !b.told {
			return nil
		}
		if pause(ctx, 100*time.Millisecond) != nil {
			return fmt.Errorf("%s was told to end and has not yet", b)
		}
	}
	if other, err := b.find(); other != nil || err != nil {
		return err
	}
	return b.process.restart()
}

// starting names what is started when a service is: a process is another one then.
func starting(s Service) string {
	if _, ok := s.(*bare); ok {
		return "zerotier-one as it was started before"
	}
	return s.String()
}

// homeArgument is the folder that a command line of zerotier-one names, seen from
// the process's working folder; ok is false if it names none.
func homeArgument(args []string, working string) (folder string, ok bool) {
	for _, arg := range args[min(1, len(args)):] {
		if arg != "" && arg[0] != '-' {
			folder, ok = arg, true
		}
	}
	if ok && !path.IsAbs(folder) {
		folder = path.Join(working, folder)
	}
	return folder, ok
}

// parseStat reads of /proc/PID/stat the state and when the process began, which
// tells it from another one that gets its number later.
func parseStat(raw string) (state byte, began string, err error) {
	// The name of the program, in parentheses, can hold anything.
	i := strings.LastIndexByte(raw, ')')
	fields := strings.Fields(raw[i+1:])
	if i < 0 || len(fields) < 20 {
		return 0, "", errors.New("not the status of a process")
	}
	return fields[0][0], fields[19], nil
}

// statusField returns a line of /proc/PID/status, without its name.
func statusField(raw, name string) []string {
	for line := range strings.Lines(raw) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.Fields(value)
		}
	}
	return nil
}

// unitFile is a unit's name with its kind.
func unitFile(unit string) string {
	if strings.Contains(unit, ".") {
		return unit
	}
	return unit + ".service"
}

// unitOf reads of /proc/PID/cgroup in which service of systemd a process is;
// empty: in none, or in one of a user's own systemd.
func unitOf(cgroup string) string {
	for line := range strings.Lines(cgroup) {
		group := strings.TrimSpace(line)
		if unit := path.Base(group); strings.HasSuffix(unit, ".service") && !strings.Contains(group, "/user@") {
			return unit
		}
	}
	return ""
}

// daemonOptions are the options of a zerotier-one that runs as a service. Others
// make it do something else, as write a new identity to a file that is named.
var daemonOptions = regexp.MustCompile(`^-(d|U|p[0-9]{1,5})$`)

// daemonArguments are those arguments with which a zerotier-one runs as a service
// on a home.
func daemonArguments(args []string, home string) []string {
	kept := []string{"zerotier-one"}
	for _, arg := range args[min(1, len(args)):] {
		if daemonOptions.MatchString(arg) {
			kept = append(kept, arg)
		}
	}
	return append(kept, home)
}

// splitZero splits what /proc shows with zeros between.
func splitZero(raw []byte) []string {
	text := strings.TrimSuffix(string(raw), "\x00")
	if text == "" {
		return nil
	}
	return strings.Split(text, "\x00")
}
