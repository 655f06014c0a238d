package server

import (
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/orrery-net/orrery/internal/store"
)

// A data folder may have come with the folder that somebody works in: it must not
// choose to whom that person's token goes.
func TestLocalServerIsOnThisMachine(t *testing.T) {
	c := settled(t)
	unlock, err := store.LockDir(c.Data)
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	put(t, &c, ownerTokenFile, "token")
	for _, elsewhere := range []string{"192.0.2.1:80", "[2001:db8::1]:80", "[::ffff:192.0.2.1]:80", "[fe80::dead:beef%1]:80", "0.0.0.1:80"} {
		put(t, &c, httpAddressFile, elsewhere+"\n")
		if found, ok, err := FindLocal(c.Data); ok || err == nil || !strings.Contains(err.Error(), "which is no address of this machine") || found != (Local{}) {
			t.Errorf("%s: %+v %v %v", elsewhere, found, ok, err)
		}
	}
	here := []string{"127.0.0.1:80", "127.9.9.9:80", "[::1]:80", "[::ffff:127.0.0.1]:80"}
	own, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range own {
		here = append(here, netip.AddrPortFrom(netip.MustParsePrefix(address.String()).Addr(), 80).String())
	}
	for _, address := range here {
		put(t, &c, httpAddressFile, address+"\n")
		if found, ok, err := FindLocal(c.Data); !ok || err != nil || found.OwnerToken != "token" {
			t.Errorf("%s: %+v %v %v", address, found, ok, err)
		}
	}
}

func TestLocalServerWroteItsFiles(t *testing.T) {
	for _, name := range []string{httpAddressFile, ownerTokenFile} {
		c := settled(t)
		put(t, &c, httpAddressFile, "127.0.0.1:80\n")
		put(t, &c, ownerTokenFile, "token")
		unlock, err := store.LockDir(c.Data)
		if err != nil {
			t.Fatal(err)
		}
		defer unlock()
		if err := os.Truncate(filepath.Join(c.Data, name), 1<<40); err != nil {
			t.Skip(err)
		}
		if found, ok, err := FindLocal(c.Data); ok || err == nil || !strings.Contains(err.Error(), "is none that a server wrote") {
			t.Errorf("%s: %+v %v %v", name, found, ok, err)
		}
	}
}

// Looking for a server writes over nothing that a link in the folder leads to.
func TestLookingForAServerFollowsNoLock(t *testing.T) {
	c := settled(t)
	put(t, &c, httpAddressFile, "127.0.0.1:80\n")
	precious := filepath.Join(t.TempDir(), "precious")
	if err := os.WriteFile(precious, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(precious, filepath.Join(c.Data, "orrery.lock")); err != nil {
		t.Skip(err)
	}
	if found, ok, err := FindLocal(c.Data); ok || err == nil {
		t.Errorf("%+v %v", found, ok)
	}
	if text, err := os.ReadFile(precious); err != nil || string(text) != "precious" {
		t.Errorf("%q %v", text, err)
	}
}
