package doctor

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/orrery-net/orrery/zt/identity"
	"github.com/orrery-net/orrery/zt/vl1"
	"github.com/orrery-net/orrery/zt/world"
)

func TestElsewhere(t *testing.T) {
	c := newClinic(t)
	found := examine(t, c.elsewhere())
	found.none(t, Problem)
	found.none(t, Warning)
	found.want(t, "api", OK, "owner@localhost")
	found.want(t, "udp", OK, written(c.server.UDPAddr()), "the root answers", "the controller")
	found.want(t, "planet", OK, "names this server")
	found.want(t, "port", Skipped, "another machine")
	found.want(t, "folder", Skipped, "not on this machine", "--data")

	// The planet may also be that of a client that runs there.
	o := c.elsewhere()
	o.Planet = nil
	found = examine(t, o)
	found.want(t, "udp", Skipped, "--planet FILE")
	found.want(t, "planet", Skipped, "--planet FILE")
	c.givePlanet(o.Home, c.planet())
	found = examine(t, o)
	found.want(t, "udp", OK, "the root answers")
	found.want(t, "planet", OK, "names this server")
}

func (c *clinic) givePlanet(home string, planet *world.World) {
	c.t.Helper()
	if err := os.WriteFile(filepath.Join(home, "planet"), planet.Append(nil), 0o600); err != nil {
		c.t.Fatal(err)
	}
}

// TestDevice is about a machine that knows no server, with a planet and without.
func TestDevice(t *testing.T) {
	c := newClinic(t)
	o := Options{Home: t.TempDir(), Patience: c.options.Patience, generate: c.options.generate}
	found := examine(t, o)
	found.want(t, "api", Skipped, "no server is known", "orrery login")
	found.want(t, "udp", Skipped, "--planet FILE")
	for _, check := range []string{"clock", "planet", "database", "folder", "networks", "members"} {
		found.want(t, check, Skipped)
	}
	found.none(t, Problem)

	o.Planet = c.planet()
	found = examine(t, o)
	found.none(t, Problem)
	found.want(t, "udp", OK, "the root answers", "the controller")
}

func TestSilentEndpoints(t *testing.T) {
	c := newClinic(t)
	wall, closed := addressOf(silent(t)), freePort(t)
	o := c.elsewhere()
	o.Endpoints = []netip.AddrPort{c.server.UDPAddr(), wall, closed}
	o.Patience = 5 * time.Second
	found := examine(t, o)
	found.none(t, Problem)
	found.want(t, "udp", OK, written(c.server.UDPAddr()))
	found.want(t, "udp", Warning, written(wall)+": no root answers", "open UDP port "+port(wall), "to port "+port(c.server.UDPAddr()))
	found.want(t, "udp", Warning, written(closed)+": no root answers", "nothing listens on UDP port "+port(closed))

	o.Endpoints, o.Patience = o.Endpoints[1:], time.Second
	found = examine(t, o)
	found.want(t, "udp", Problem, written(wall))
	found.want(t, "udp", Problem, written(closed))

	// On the server's machine it is told that the server itself answers.
	here := c.options
	here.Endpoints, here.Patience = []netip.AddrPort{wall}, 3*time.Second
	found = examine(t, here)
	found.want(t, "udp", OK, "on this machine the controller answers")
	found.want(t, "udp", Problem, written(wall), "The server itself is fine")
}

func port(at netip.AddrPort) string { return strconv.Itoa(int(at.Port())) }

// TestJudge has replies that loopback cannot give.
func TestJudge(t *testing.T) {
	s := &survey{}
	at := netip.MustParseAddrPort("[2001:db8::1]:9993")
	if f := s.judge(target{at: at, knocked: errNoWay}, 1, false, false); f.State != Skipped || !containsAll(f.Found+f.Do, []string{"2001:db8::1/9993 (IPv6)", "no way there"}) {
		t.Errorf("without a way: %+v", f)
	}
	if f := s.judge(target{at: at}, 1, false, true); f.State != Warning || !strings.Contains(f.Do, "routers do not let") {
		t.Errorf("behind a router, on the server's machine: %+v", f)
	}
	if f := s.judge(target{at: at}, 1, false, false); f.State != Problem || !strings.Contains(f.Do, "forward it") {
		t.Errorf("elsewhere: %+v", f)
	}
}

// TestPublicPlanet has what came back from roots that no test may send to.
func TestPublicPlanet(t *testing.T) {
	roots := []vl1.RootStatus{{Address: 1, Answering: true}, {Address: 2}}
	for _, x := range []struct {
		reply reply
		state State
		words []string
	}{
		{reply{roots: roots, controller: true}, OK, []string{"1 of the public planet's 2 roots"}},
		{reply{roots: roots}, Problem, []string{"the controller 08e285faab does not", "on the server's machine"}},
		{reply{roots: roots[1:]}, Problem, []string{"0 of the public planet's 1 roots", "--root"}},
		{reply{err: errors.New("no socket")}, Problem, []string{"no socket"}},
	} {
		report{judgePublic(x.reply, testIdentities(t)[0].Address())}.want(t, "udp", x.state, x.words...)
	}
	report{judgePublic(reply{roots: roots}, 0)}.want(t, "udp", Skipped, "make a network")
}

// TestRootAlone has a root that controls nothing.
func TestRootAlone(t *testing.T) {
	id := testIdentities(t)[1]
	conn, err := vl1.ListenUDP("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	planet := planetOf(t, id, conn.LocalAddr())
	root, err := vl1.New(vl1.Config{Identities: []*identity.Identity{id}, Conn: conn, Planet: planet, AllowLoopback: true})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- root.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	found := examine(t, Options{Home: t.TempDir(), Planet: planet, Patience: 3 * time.Second, generate: generator(t)})
	found.want(t, "udp", Problem, "the root answers, the controller does not", "look at the server")
}

func planetOf(t *testing.T, root *identity.Identity, at netip.AddrPort) *world.World {
	t.Helper()
	key, err := identity.NewSigningKey()
	if err != nil {
		t.Fatal(err)
	}
	planet := &world.World{
		Kind: world.Planet, ID: 7, Timestamp: 1, NextKey: key.Public(),
		Roots: []world.Root{{Identity: root.Public(), Endpoints: []netip.AddrPort{at}}},
	}
	planet.Sign(key)
	return planet
}

func TestWrongPlanet(t *testing.T) {
	c := newClinic(t)
	other := planetOf(t, testIdentities(t)[1], c.server.UDPAddr())
	o := c.elsewhere()
	o.Planet = other
	found := examine(t, o)
	found.want(t, "planet", Problem, "does not name this server", c.server.Address().String(), "orrery planet export")
	found.want(t, "udp", Skipped, "see planet")

	// Without the API it is not known whose it is: nobody answers to that name.
	found = examine(t, Options{Home: t.TempDir(), Planet: other, Patience: time.Second, generate: generator(t)})
	found.want(t, "udp", Problem, "no root answers")

	// The client of the server's machine has it.
	c.givePlanet(c.options.Home, other)
	found = examine(t, c.options)
	found.want(t, "planet", OK, "names this server")
	found.want(t, "planet", Problem, "another planet, 0000000000000007", "copy the file to "+filepath.Join(c.options.Home, "planet"))
	c.givePlanet(c.options.Home, c.planet())
	examine(t, c.options).want(t, "planet", OK, "has the same planet")

	// A client elsewhere has it.
	o = c.elsewhere()
	o.Planet = nil
	c.givePlanet(o.Home, other)
	examine(t, o).want(t, "planet", Problem, "does not name this server")

	if err := os.WriteFile(filepath.Join(o.Home, "planet"), []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	examine(t, o).want(t, "planet", Warning, "is no planet's file")
}

func TestOldPlanet(t *testing.T) {
	c := newClinic(t)
	old := c.planet()
	c.stop()
	c.config.Roots = append(c.config.Roots, freePort(t))
	c.start()
	c.options.Client = c.client(c.token())
	o := c.elsewhere()
	o.Planet = old
	examine(t, o).want(t, "udp", Warning, "newer planet", "orrery planet export")
	c.givePlanet(c.options.Home, old)
	c.options.Endpoints = []netip.AddrPort{c.server.UDPAddr()}
	examine(t, c.options).want(t, "planet", Warning, "older planet")
}

func TestPlanetOfAnotherPort(t *testing.T) {
	c := newClinic(t)
	c.stop()
	c.config.UDP = freePort(t).String()
	c.start()
	c.options.Client = c.client(c.token())
	c.options.Patience = time.Second
	examine(t, c.options).want(t, "planet", Problem, "listens on UDP port "+port(c.server.UDPAddr()), "--udp :")
}

func TestJoin(t *testing.T) {
	c := newClinic(t)
	o := c.elsewhere()
	o.Join = true
	found := examine(t, o)
	found.want(t, "join", OK, "got the address 192.0.2.")
	found.none(t, Problem)
	c.wantNoNetworks()

	o.Endpoints, o.Patience = []netip.AddrPort{freePort(t)}, time.Second
	examine(t, o).want(t, "join", Skipped, "see udp")
	o.Client = nil
	examine(t, o).want(t, "join", Skipped, "see api")
}

func (c *clinic) wantNoNetworks() {
	c.t.Helper()
	var networks []struct{ ID string }
	if c.must("GET", "/network", "", &networks); len(networks) != 0 {
		c.t.Errorf("networks were left: %v", networks)
	}
}

// TestInterruptedJoin ends the doctor while its network is there.
func TestInterruptedJoin(t *testing.T) {
	c := newClinic(t)
	s := c.options.survey(t.Context())
	ctx, cancel := context.WithCancel(t.Context())
	nowhere := planetOf(t, c.planet().Roots[0].Identity, addressOf(silent(t)))
	ended := make(chan Finding)
	go func() { ended <- s.checkJoin(ctx, nowhere) }()
	for {
		var networks []struct{ ID string }
		if c.must("GET", "/network", "", &networks); len(networks) == 1 {
			break
		}
	}
	cancel()
	<-ended
	c.wantNoNetworks()
}

// TestRunEnds checks that nothing goes on when nobody listens anymore.
func TestRunEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range Run(t.Context(), Options{}) {
			break
		}
	})
}
