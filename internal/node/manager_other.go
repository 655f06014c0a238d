//go:build !windows

package node

import "errors"

func openWindowsService([]string) (windowsService, error) {
	return nil, errors.New("this is not Windows")
}
