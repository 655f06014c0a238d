package node

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// systemd is a unit of systemd.
type systemd struct {
	run  Runner
	unit string
}

func (s systemd) String() string { return "the systemd unit " + s.unit }

// show asks for what systemd knows of the unit, by property.
func (s systemd) show(ctx context.Context) (map[string]string, error) {
	output, status, err := s.run(ctx, "systemctl", "show", s.unit, "--property=LoadState,ActiveState,MainPID")
	if err != nil {
		return nil, err
	}
	if status != 0 {
		return nil, fmt.Errorf("systemctl show %s: %s", s.unit, said(output, status))
	}
	return parseProperties(output), nil
}

// parseProperties reads lines of NAME=VALUE.
func parseProperties(output string) map[string]string {
	properties := make(map[string]string)
	for line := range strings.Lines(output) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			properties[name] = value
		}
	}
	return properties
}

func (s systemd) Running(ctx context.Context) (bool, error) {
	shown, err := s.show(ctx)
	if err != nil {
		return false, err
	}
	state := shown["ActiveState"]
	return state != "inactive" && state != "failed", nil
}

func (s systemd) Stop(ctx context.Context) error { return s.run.must(ctx, "systemctl", "stop", s.unit) }

func (s systemd) Start(ctx context.Context) error {
	return s.run.must(ctx, "systemctl", "start", s.unit)
}

// script is a service that a command stops and starts: OpenRC's and rc.d's.
type script struct {
	run     Runner
	title   string
	command []string // program and first arguments
	prefix  string   // of the words start, stop and status
}

func (s script) String() string { return s.title }

func (s script) args(word string) []string {
	return append(append([]string{}, s.command[1:]...), s.prefix+word)
}

func (s script) Running(ctx context.Context) (bool, error) {
	_, status, err := s.run(ctx, s.command[0], s.args("status")...)
	return status == 0, err
}

func (s script) Stop(ctx context.Context) error {
	return s.run.must(ctx, s.command[0], s.args("stop")...)
}

func (s script) Start(ctx context.Context) error {
	return s.run.must(ctx, s.command[0], s.args("start")...)
}

// launchd is a job of launchd. It keeps its service alive, so stopping means to
// unload the job.
type launchd struct {
	run   Runner
	label string
}

// The exit statuses of launchctl that say more than that it failed.
const (
	launchdIOError      = 5 // bootstrap, while the same job is still being unloaded
	launchdInProgress   = 36
	launchdBusy         = 37
	launchdNoSuchJob    = 113
	launchdNoSuchTarget = 3 // bootout of a job that is not loaded
)

func (l launchd) String() string { return "the launchd job " + l.label }

// file is where the job is described.
func (l launchd) file() string { return "/Library/LaunchDaemons/" + l.label + ".plist" }

func (l launchd) target() string { return "system/" + l.label }

func (l launchd) Running(ctx context.Context) (bool, error) {
	output, status, err := l.run(ctx, "launchctl", "print", l.target())
	switch {
	case err != nil:
		return false, err
	case status == 0:
		return true, nil
	case status == launchdNoSuchJob:
		return false, nil
	}
	return false, fmt.Errorf("launchctl print %s: %s", l.target(), said(output, status))
}

func (l launchd) Stop(ctx context.Context) error {
	output, status, err := l.run(ctx, "launchctl", "bootout", l.target())
	switch {
	case err != nil:
		return err
	case status == 0, status == launchdInProgress, status == launchdNoSuchTarget, status == launchdNoSuchJob:
		return nil
	}
	return fmt.Errorf("launchctl bootout %s: %s", l.target(), said(output, status))
}

func (l launchd) Start(ctx context.Context) error {
	for {
		output, status, err := l.run(ctx, "launchctl", "bootstrap", "system", l.file())
		switch {
		case err != nil:
			return err
		case status == 0:
			return nil
		case status == launchdBusy:
			return nil // it is loaded already
		case status != launchdIOError && status != launchdInProgress:
			return fmt.Errorf("launchctl bootstrap system %s: %s", l.file(), said(output, status))
		}
		if pause(ctx, time.Second) != nil {
			return fmt.Errorf("launchctl bootstrap system %s: %s", l.file(), said(output, status))
		}
	}
}

// windowsService is a service of Windows' service manager.
type windowsService interface {
	name() string
	stopped() (bool, error)
	stop() error
	start() error
}

type windowsManaged struct{ service windowsService }

func (w windowsManaged) String() string { return "the Windows service " + w.service.name() }

func (w windowsManaged) Running(context.Context) (bool, error) {
	stopped, err := w.service.stopped()
	if err != nil {
		return false, fmt.Errorf("ask for the state of %s: %w", w, err)
	}
	return !stopped, nil
}

func (w windowsManaged) Stop(context.Context) error {
	if err := w.service.stop(); err != nil {
		return fmt.Errorf("stop %s: %w", w, err)
	}
	return nil
}

func (w windowsManaged) Start(context.Context) error {
	if err := w.service.start(); err != nil {
		return fmt.Errorf("start %s: %w", w, err)
	}
	return nil
}
