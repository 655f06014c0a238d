package doctor

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestAllIsWell(t *testing.T) {
	c := newClinic(t)
	if !testing.Short() {
		c.options.generate = nil // as it is in earnest, which takes its time
	}
	c.network(`{"name":"home","routes":[{"target":"10.1.0.0/24"}],"ipAssignmentPools":[{"ipRangeStart":"10.1.0.1","ipRangeEnd":"10.1.0.9"}],"v4AssignMode":{"zt":true}}`)
	found := examine(t, c.options)
	for _, state := range []State{Problem, Warning, Skipped} {
		found.none(t, state)
	}
	found.want(t, "api", OK, "Orrery test", "opens 1 network")
	found.want(t, "udp", OK, "on this machine")
	found.want(t, "udp", OK, "the root answers")
}

func TestToken(t *testing.T) {
	c := newClinic(t)
	o := c.elsewhere()
	o.Client = c.client("0123456789abcdef0123456789abcdef")
	examine(t, o).want(t, "api", Problem, "does not know the token", "orrery login")

	gone := c.options
	c.stop()
	found := examine(t, gone)
	found.want(t, "api", Problem, "nothing listens", "see that the server runs")
	found.want(t, "database", OK, "is sound")
	found.want(t, "udp", Skipped, "does not run")
	gone.Client, gone.NoClient = nil, errors.New("because")
	examine(t, gone).want(t, "api", Problem, "no server runs on the data folder", "orrery serve --data "+gone.Data)
	gone.Data = ""
	examine(t, gone).want(t, "api", Skipped, "no server is known: because")
}

func TestOtherServersFolder(t *testing.T) {
	c, other := newClinic(t), newClinic(t)
	id := testIdentities(t)[1]
	other.stop()
	if err := os.WriteFile(filepath.Join(other.config.Data, "identity.public"), []byte(id.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	o := c.options
	o.Data = other.config.Data
	found := examine(t, o)
	found.want(t, "folder", Skipped, "not on this machine")
	found.want(t, "port", Skipped)
}

func TestClock(t *testing.T) {
	c := newClinic(t)
	for _, x := range []struct {
		off   time.Duration
		state State
		words []string
	}{
		{0, OK, []string{"differ by"}},
		{5 * time.Minute, Warning, []string{"is 5m behind this machine's", "timedatectl"}},
		{-12 * time.Hour, Problem, []string{"is 12h ahead of this machine's", "by more than 30m", "timedatectl"}},
	} {
		o := c.elsewhere()
		o.Now = func() time.Time { return time.Now().Add(x.off) }
		if x.off < 0 {
			o.Planet = planetOf(t, testIdentities(t)[0], c.server.UDPAddr()) // an old one
		}
		examine(t, o).want(t, "clock", x.state, x.words...)
	}
	o := c.elsewhere()
	o.Now = func() time.Time { return time.Now().Add(-24 * time.Hour) }
	examine(t, o).want(t, "clock", Problem, "the planet was made at", "yet to come")
}

func TestPort(t *testing.T) {
	c := newClinic(t)
	examine(t, c.options).want(t, "port", OK, port(c.server.UDPAddr()), "alone")
	at := c.server.UDPAddr()
	c.stop()
	c.options.Client = nil
	examine(t, c.options).want(t, "port", OK, "free")

	socket, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(at))
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	words := []string{port(at), "stop that program", "--udp :"}
	if _, err := os.Stat("/proc/net/udp"); err == nil {
		words = append(words, "held by process")
	}
	examine(t, c.options).want(t, "port", Problem, words...)
}

func TestDatabase(t *testing.T) {
	c := newClinic(t)
	c.network(`{"name":"home"}`)
	c.stop()
	c.options.Client = nil
	examine(t, c.options).want(t, "database", OK, "is sound")

	path := filepath.Join(c.config.Data, "orrery.db")
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	const page = 4096
	if _, err := file.WriteAt(make([]byte, 4*page), 2*page); err != nil {
		t.Fatal(err)
	}
	examine(t, c.options).want(t, "database", Problem, path+" is damaged", "restore a backup")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	examine(t, c.options).want(t, "database", Problem, "there is no "+path)
}

func TestExposedSecrets(t *testing.T) {
	c := newClinic(t)
	secret := filepath.Join(c.config.Data, "owner.token")
	if err := os.Chmod(secret, 0o644); err != nil {
		t.Fatal(err)
	}
	examine(t, c.options).want(t, "folder", Problem, secret, "chmod 600 "+secret)
	if err := os.Remove(filepath.Join(c.config.Data, "planet.secret")); err != nil {
		t.Fatal(err)
	}
	examine(t, c.options).want(t, "planet", Warning, "planet.secret", "backup")
}

func TestUnreadyServer(t *testing.T) {
	s := &survey{pages: pages{reached: true, healthy: true, state: []stateLine{
		{true, "udp", "listening on [::]:9993"}, {false, "store", "does not answer; see the log"}, {false, "network 1", "x"},
	}}}
	report(s.checkDatabase(t.Context())).want(t, "database", Problem, "store does not answer", "log")
	if at := s.pages.udpAddress(); at.Port() != 9993 {
		t.Errorf("it listens on %s", at)
	}
}
