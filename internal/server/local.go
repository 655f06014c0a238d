package server

import (
	"errors"
	"fmt"
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
// root, may.
func FindLocal(data string) (Local, bool, error) {
	f := folder(data)
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
