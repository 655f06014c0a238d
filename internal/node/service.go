package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Service is how the ZeroTier service of a device is stopped and started. Stop
// and Start return when the service has been told; whether it has done so is for
// Running, and for the service's own API, to say. Stopping one that is stopped,
// and starting one that runs, changes nothing.
type Service interface {
	String() string // as part of a sentence: "the systemd unit zerotier-one"
	Running(ctx context.Context) (bool, error)
	Stop(ctx context.Context) error
	Start(ctx context.Context) error
}

// Kind names a way in which services run.
type Kind string

// The kinds of services. With NoService the service is neither stopped nor
// started.
const (
	Automatic Kind = ""
	Systemd   Kind = "systemd"
	OpenRC    Kind = "openrc"
	RCD       Kind = "rc.d"
	Launchd   Kind = "launchd"
	Windows   Kind = "windows"
	Process   Kind = "process"
	NoService Kind = "none"
)

// Kinds are all that a user may name.
func Kinds() []string {
	return []string{string(Systemd), string(OpenRC), string(RCD), string(Launchd), string(Windows), string(Process), string(NoService)}
}

// FindService finds out how the service runs whose home this is. A service of a
// manager is the one that runs on this home, or has it for its default: another
// zerotier-one on the same device is not touched. In turn it looks for
//
//	Linux    a unit of systemd, a service of OpenRC, the process that
//	         zerotier-one.pid in the home names (and that is checked to be one)
//	macOS    a job of launchd
//	Windows  a service of the service manager
//	FreeBSD  a script of rc.d
//
// kind, if it is not Automatic, says which it is. name is that of the unit,
// service or job; empty: what ZeroTier's packages call it.
func (d *Device) FindService(ctx context.Context, h *Home, kind Kind, name string) (Service, error) {
	if kind != Automatic && !slices.Contains(Kinds(), string(kind)) {
		return nil, fmt.Errorf("--service %q; want %s", kind, strings.Join(Kinds(), ", "))
	}
	if kind == NoService {
		return nil, nil
	}
	if strings.HasPrefix(name, "-") || strings.ContainsAny(name, "*?[]/") {
		return nil, fmt.Errorf("--service-name %q; want the name of one service, without wildcards and slashes", name)
	}
	process, err := d.findProcess(h, h.pid())
	if err != nil && (kind == Automatic || kind == Process) {
		return nil, err
	}
	if kind == Process {
		if process == nil {
			return nil, fmt.Errorf("no ZeroTier process runs on %s; if it is stopped already, say --service none", h.path)
		}
		return d.bare(h, process)
	}
	named := func(standard string) string {
		if name != "" {
			return name
		}
		return standard
	}
	ask := map[Kind]func() (Service, error){
		Systemd: func() (Service, error) { return d.findSystemd(ctx, h, named("zerotier-one"), process, kind) },
		OpenRC:  func() (Service, error) { return d.findOpenRC(ctx, h, named("zerotier-one"), kind) },
		RCD:     func() (Service, error) { return d.findRCD(ctx, h, named("zerotier"), kind) },
		Launchd: func() (Service, error) { return d.findLaunchd(h, named("com.zerotier.one"), kind) },
		Windows: func() (Service, error) { return d.findWindows(h, name, kind) },
	}
	if kind != Automatic {
		return ask[kind]()
	}
	for _, kind := range d.managers() {
		if service, err := ask[kind](); service != nil || err != nil {
			return service, err
		}
	}
	if process != nil {
		return d.bare(h, process)
	}
	return nil, fmt.Errorf("found no ZeroTier service for %s that could be stopped and started; if it runs under a name of its own, say --service and --service-name; if it is stopped already, --service none", h.path)
}

// managers are the service managers of the platform, in the order in which they
// are asked.
func (d *Device) managers() []Kind {
	switch d.OS {
	case "linux":
		return []Kind{Systemd, OpenRC}
	case "darwin":
		return []Kind{Launchd}
	case "windows":
		return []Kind{Windows}
	}
	return []Kind{RCD}
}

// errUnknownService is of a manager that knows no service of this name.
var errUnknownService = errors.New("there is no service of this name")

// suits says whether a manager's service is the one of a home that nobody said
// it is of.
func suits(h *Home, kind Kind) bool { return kind != Automatic || h.isDefault }

func (d *Device) findSystemd(ctx context.Context, h *Home, unit string, process processes, kind Kind) (Service, error) {
	if kind != Automatic {
		return d.namedUnit(ctx, unit)
	}
	if !d.exists("/run/systemd/system") {
		return nil, nil
	}
	units := []string{unit}
	if process != nil && process.unit() != "" && process.unit() != unitFile(unit) {
		units = append(units, process.unit()) // of a snap, say
	}
	for _, unit := range units {
		s := systemd{d.Run, unit}
		shown, err := s.show(ctx)
		if err != nil {
			return nil, err
		}
		switch ours, err := d.isUnitOf(h, units[0], unit, shown, process); {
		case err != nil:
			return nil, err
		case !ours:
		case shown["LoadState"] != "loaded":
			return nil, fmt.Errorf("%s runs, and is %s: it could be stopped here but not started again; unmask or mend it first, or say --keep-running", s, shown["LoadState"])
		default:
			return s, nil
		}
	}
	return nil, nil
}

// isUnitOf says whether a unit is that of a home: process, if not nil, runs on it.
func (d *Device) isUnitOf(h *Home, usual, unit string, shown map[string]string, process processes) (bool, error) {
	main, _ := strconv.Atoi(shown["MainPID"])
	switch {
	case process != nil:
		// A process can also be in a unit that is not about it, as that of cron.
		return main == process.pid() || unit == usual && process.unit() == unitFile(unit), nil
	case !h.isDefault || shown["LoadState"] != "loaded":
		return false, nil
	case main == 0 || !d.privileged(): // who may not see on which home it runs, may not stop it either
		return true, nil
	}
	running, err := d.findProcess(h, main)
	return running != nil, err
}

func (d *Device) namedUnit(ctx context.Context, unit string) (Service, error) {
	s := systemd{d.Run, unit}
	shown, err := s.show(ctx)
	switch state := shown["LoadState"]; {
	case err != nil:
		return nil, err
	case state == "loaded":
		return s, nil
	case state == "not-found":
		return nil, fmt.Errorf("%w: systemd knows no unit %s; say which with --service-name", errUnknownService, unit)
	default:
		return nil, fmt.Errorf("%s is %s, so it could not be started again; unmask or mend it first", s, state)
	}
}

func (d *Device) findOpenRC(ctx context.Context, h *Home, name string, kind Kind) (Service, error) {
	if kind == Automatic && (!d.exists("/run/openrc") || !suits(h, kind)) {
		return nil, nil
	}
	switch _, status, err := d.Run(ctx, "rc-service", "--exists", name); {
	case err != nil:
		return nil, err
	case status == 0:
		return script{run: d.Run, title: "the OpenRC service " + name, command: []string{"rc-service", name}}, nil
	case kind == Automatic:
		return nil, nil
	}
	return nil, fmt.Errorf("%w: OpenRC knows no service %s; say which with --service-name", errUnknownService, name)
}

func (d *Device) findRCD(ctx context.Context, h *Home, name string, kind Kind) (Service, error) {
	if !suits(h, kind) {
		return nil, nil
	}
	switch _, status, err := d.Run(ctx, "service", name, "rcvar"); {
	case err != nil:
		return nil, err
	case status == 0: // "one": also where rc.conf does not enable it
		return script{run: d.Run, title: "the service " + name, command: []string{"service", name}, prefix: "one"}, nil
	case kind == Automatic:
		return nil, nil
	}
	return nil, fmt.Errorf("%w: there is no script %s of rc.d; say which with --service-name", errUnknownService, name)
}

func (d *Device) findLaunchd(h *Home, label string, kind Kind) (Service, error) {
	if !suits(h, kind) {
		return nil, nil
	}
	l := launchd{d.Run, label}
	switch {
	case d.exists(l.file()):
		return l, nil
	case kind == Automatic:
		return nil, nil
	}
	return nil, fmt.Errorf("%w: there is no %s; say which with --service-name", errUnknownService, l.file())
}

func (d *Device) findWindows(h *Home, name string, kind Kind) (Service, error) {
	if !suits(h, kind) {
		return nil, nil
	}
	names := []string{"ZeroTierOneService", "ZeroTierOne"}
	if name != "" {
		names = []string{name}
	}
	service, err := d.openWindows(names)
	if errors.Is(err, errUnknownService) && kind == Automatic && name == "" {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return windowsManaged{service}, nil
}
