// Package node works with the ZeroTier service on this device: where its files
// are, what it says, how it is stopped and started, and how a node is cleaned up
// so that it is out of its networks now. It knows nothing of Orrery's server;
// who is let in is the Controller's business.
package node

import (
	"context"
	"os"
	"runtime"
	"time"
)

// Device is the machine: what this package asks of it and does to it. This
// returns the real one; tests make others.
type Device struct {
	OS     string                   // as runtime.GOOS
	Getenv func(name string) string // the environment
	Run    Runner

	exists     func(path string) bool
	privileged func() bool // root, or an elevated process on Windows
	owns       func(folder string) bool

	findProcess func(h *Home, pid int) (processes, error)
	openWindows func(names []string) (windowsService, error)
}

// This returns the machine that the program runs on.
func This() *Device {
	return &Device{
		OS:     runtime.GOOS,
		Getenv: os.Getenv,
		Run:    runProgram,
		exists: func(path string) bool {
			_, err := os.Stat(path)
			return err == nil
		},
		privileged:  isPrivileged,
		owns:        owns,
		findProcess: findProcess,
		openWindows: openWindowsService,
	}
}

// pause waits, or returns the context's error when that ends first.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
