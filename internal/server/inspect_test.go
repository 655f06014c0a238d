package server

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestInspect(t *testing.T) {
	c := settled(t)
	s := start(t, c)
	if damage, err := CheckDatabase(t.Context(), c.Data); err != nil || damage != nil {
		t.Errorf("the database beside the server: %q %v", damage, err)
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	secret := filepath.Join(c.Data, ownerTokenFile)
	if err := os.Chmod(secret, 0o640); err != nil {
		t.Fatal(err)
	}
	i, err := Inspect(c.Data)
	if err != nil {
		t.Fatal(err)
	}
	if i.Identity.HasPrivate() || i.Identity.Address() != s.Address() || i.Planet == nil || i.Planet.ID != s.planet.ID || !i.PlanetKey || !slices.Equal(i.Exposed, []string{secret}) {
		t.Errorf("%+v", i)
	}
	if err := os.Remove(filepath.Join(c.Data, planetSecretFile)); err != nil {
		t.Fatal(err)
	}
	if i, err := Inspect(c.Data); err != nil || i.PlanetKey {
		t.Errorf("without the planet's key: %+v %v", i, err)
	}
	if _, err := Inspect(t.TempDir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an empty folder: %v", err)
	}
	put(t, &c, identityPublicFile, "nonsense")
	if _, err := Inspect(c.Data); err == nil || !strings.Contains(err.Error(), "restore it") {
		t.Errorf("a damaged file: %v", err)
	}
}

func TestPortHolders(t *testing.T) {
	socket, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	port := uint16(socket.LocalAddr().(*net.UDPAddr).Port)
	holders := PortHolders("udp", port)
	if _, err := os.Stat("/proc/net/udp"); err != nil {
		t.Skip("this system does not tell")
	}
	if len(holders) != 1 || holders[0].PID != os.Getpid() || holders[0].Name == "" {
		t.Errorf("%v, want this process, %d", holders, os.Getpid())
	}
	socket.Close()
	if holders := PortHolders("udp", port); holders != nil {
		t.Errorf("%v hold a port that is closed", holders)
	}
}
