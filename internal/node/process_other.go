//go:build !linux

package node

// findProcess finds none: other platforms have a service manager, and no /proc to
// make sure by.
func findProcess(*Home, int) (processes, error) { return nil, nil }
