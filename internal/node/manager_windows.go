package node

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/svc"
	"golang.org/x/sys/windows/svc/mgr"
)

// managed is a service of the service manager.
type managed struct{ service *mgr.Service }

// openWindowsService opens the first service of these names that there is.
func openWindowsService(names []string) (windowsService, error) {
	manager, err := mgr.Connect()
	if errors.Is(err, windows.ERROR_ACCESS_DENIED) {
		return nil, errors.New("the service manager wants an administrator; run this in a terminal that was opened as administrator")
	}
	if err != nil {
		return nil, fmt.Errorf("reach the service manager: %w", err)
	}
	defer func() { _ = manager.Disconnect() }()
	for _, name := range names {
		service, err := manager.OpenService(name)
		switch {
		case err == nil:
			return managed{service}, nil
		case !errors.Is(err, windows.ERROR_SERVICE_DOES_NOT_EXIST):
			return nil, fmt.Errorf("open the service %s: %w", name, err)
		}
	}
	return nil, fmt.Errorf("%w: %s", errUnknownService, strings.Join(names, ", "))
}

func (m managed) name() string { return m.service.Name }

func (m managed) stopped() (bool, error) {
	status, err := m.service.Query()
	return err == nil && status.State == svc.Stopped, err
}

func (m managed) stop() error {
	status, err := m.service.Control(svc.Stop)
	if errors.Is(err, windows.ERROR_SERVICE_NOT_ACTIVE) || (err != nil && status.State == svc.StopPending) {
		return nil
	}
	return err
}

func (m managed) start() error {
	err := m.service.Start()
	if errors.Is(err, windows.ERROR_SERVICE_ALREADY_RUNNING) {
		return nil
	}
	return err
}
