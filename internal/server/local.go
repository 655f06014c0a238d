package server

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strings"

	"github.com/orrery-net/orrery/internal/store"
)

// Local is a server that runs on this machine.
type Local struct {
	Data       string // its data folder
	URL        string // base of Central's API
	OwnerToken string
}

// FindLocal finds the server that runs on a data folder; false if none does.
// The error is for a folder that is there and may not be read: its user, or
// root, may. The folder may be anybody's, as one that came with the folder that a
// command was started in: the server's address is always this machine's.
func FindLocal(data string) (Local, bool, error) {
	f := folder(data)
	for _, name := range []string{httpAddressFile, ownerTokenFile} {
		if err := f.checkSmall(name); err != nil {
			return Local{}, false, err
		}
	}
	address, err := f.read(httpAddressFile)
	if err != nil || address == nil {
		return Local{}, false, err
	}
	// What a crashed server left names a port that may be another program's.
	if unlock, err := f.lock(); err == nil {
		return Local{}, false, unlock()
	} else if !errors.Is(err, store.ErrLocked) {
		return Local{}, false, err
	}
	at, ok := f.httpAddress()
	if !ok {
		return Local{}, false, fmt.Errorf("%s holds no address; restart the server, which writes it anew", f.path(httpAddressFile))
	}
	if !isHere(at.Addr()) {
		return Local{}, false, fmt.Errorf("%s says that the server is at %s, which is no address of this machine, so nothing is sent there; if it is yours, restart it, or name it with --url and --token-file", f.path(httpAddressFile), at)
	}
	token, err := f.read(ownerTokenFile)
	if err != nil {
		return Local{}, false, err
	}
	if token == nil {
		return Local{}, false, fmt.Errorf("%s: %w; restart the server, which makes another one", f.path(ownerTokenFile), os.ErrNotExist)
	}
	base := url.URL{Scheme: "http", Host: at.String(), Path: "/api/v1"} // it escapes an address's zone
	return Local{Data: data, URL: base.String(), OwnerToken: strings.TrimSpace(string(token))}, true, nil
}

// checkSmall makes sure that reading a file, if there is one, comes to an end.
func (f folder) checkSmall(name string) error {
	const most = 4 << 10
	info, err := os.Stat(f.path(name))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("read %s: %w", f.path(name), err)
	case !info.Mode().IsRegular() || info.Size() > most:
		return fmt.Errorf("%s is none that a server wrote", f.path(name))
	}
	return nil
}

// isHere reports whether what is sent to an address stays on this machine.
func isHere(at netip.Addr) bool {
	at = at.Unmap().WithZone("")
	if at.IsLoopback() {
		return true
	}
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return false
	}
	for _, own := range addresses {
		if prefix, err := netip.ParsePrefix(own.String()); err == nil && prefix.Addr().Unmap() == at {
			return true
		}
	}
	return false
}
