package doctor

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/orrery-net/orrery/zt/world"
)

const planetCheck = "planet"

// ReadPlanet reads a file that clients take as their planet.
func ReadPlanet(path string) (*world.World, error) {
	raw, err := readBounded(path)
	if err != nil {
		return nil, fmt.Errorf("read the planet: %w", err)
	}
	planet, _, err := world.Parse(raw)
	if err == nil && planet.Kind != world.Planet {
		err = errors.New("it is a moon")
	}
	if err != nil {
		return nil, fmt.Errorf("%s is no planet's file: %w; export it with orrery planet export on the server's machine", path, err)
	}
	return planet, nil
}

// checkPlanet sees whether the planet names this server, and whether the client
// on this machine has it.
func (s *survey) checkPlanet(context.Context) []Finding {
	if s.homePlanetErr != nil {
		return one(planetCheck, Warning, "this machine's ZeroTier client: "+s.homePlanetErr.Error(), "if the file is damaged copy it there again, see docs/planet.md; otherwise run this as root")
	}
	planet := s.clientsPlanet()
	switch {
	case s.Planet == nil && s.homePlanet != nil && s.pages.isPublic():
		return one(planetCheck, Warning, "the ZeroTier client of this machine has a planet of its own, while the server is on the public one", "to reach the server's networks from this machine remove "+filepath.Join(s.Home, "planet")+" and restart the client")
	case planet == nil && s.homePlanet != nil:
		return one(planetCheck, Problem, fmt.Sprintf("the planet of this machine's ZeroTier client does not name this server, %s, as a root", s.controller), s.copyPlanet())
	case planet == nil:
		return one(planetCheck, Skipped, "the planet is not known here", "name its file with --planet FILE")
	case s.pages.isPublic() && s.Planet == nil:
		return one(planetCheck, OK, "the server is on ZeroTier's public planet; clients need no file", "")
	}
	found := []Finding{s.judgePlanet(planet)}
	if s.serverHere() && s.folder.Planet != nil && !s.folder.PlanetKey {
		found = append(found, Finding{planetCheck, Warning, "the key that signs the planet, planet.secret, is missing", "restore it from a backup: without it the server does not start again with --root, nor can the planet change"})
	}
	if client := s.homePlanet; client != nil && client != planet {
		found = append(found, s.compare(planet, client))
	}
	return found
}

// judgePlanet says whether a planet's root is the server.
func (s *survey) judgePlanet(planet *world.World) Finding {
	if s.controller == 0 {
		return Finding{planetCheck, Skipped, fmt.Sprintf("planet %016x has %s; which one this server is, is not known", planet.ID, count(len(planet.Roots), "root", "roots")), "name the server too, with --url"}
	}
	root := planet.Root(s.controller)
	switch {
	case root == nil || s.serverHere() && !root.Identity.Equal(s.folder.Identity):
		do := "export the right one with orrery planet export on the server's machine"
		if s.Planet == nil && s.serverHere() {
			do = "restore identity.secret, planet and planet.secret from one backup; or move the planet's two files away, start the server with --root and give every client the new planet"
		}
		return Finding{planetCheck, Problem, fmt.Sprintf("planet %016x does not name this server, %s, as a root: it is another server's", planet.ID, s.controller), do}
	case len(root.Endpoints) == 0:
		return Finding{planetCheck, Problem, fmt.Sprintf("planet %016x names this server as a root, but no endpoint of it", planet.ID), "start the server with --root IP/PORT, an address at which clients reach it"}
	}
	text := fmt.Sprintf("planet %016x of %s names this server as a root, at", planet.ID, moment(planet.Timestamp))
	for i, at := range root.Endpoints {
		if i > 0 {
			text += ","
		}
		text += " " + written(at)
		if s.serverHere() && isOurs(at.Addr()) {
			text += " here"
		}
	}
	listening := s.pages.udpAddress()
	for _, at := range root.Endpoints {
		if s.local != nil && listening.IsValid() && isOurs(at.Addr()) && at.Port() != listening.Port() {
			return Finding{planetCheck, Problem, fmt.Sprintf("the planet says %s, an address of this machine, but the server listens on UDP port %d", written(at), listening.Port()), fmt.Sprintf("start the server with --udp :%d, or with --root %s/%d", at.Port(), at.Addr(), listening.Port())}
		}
	}
	return Finding{planetCheck, OK, text, ""}
}

// compare holds the planet that the client on this machine has against the one
// that it should have.
func (s *survey) compare(planet, client *world.World) Finding {
	switch {
	case client.ID != planet.ID:
		return Finding{planetCheck, Problem, fmt.Sprintf("the ZeroTier client of this machine has another planet, %016x: it does not find this server", client.ID), s.copyPlanet()}
	case client.Timestamp < planet.Timestamp && client.NextKey != planet.NextKey:
		return Finding{planetCheck, Problem, "the ZeroTier client of this machine has a planet that another key signed: it will not take the server's", s.copyPlanet()}
	case client.Timestamp < planet.Timestamp:
		return Finding{planetCheck, Warning, fmt.Sprintf("the ZeroTier client of this machine has an older planet, of %s", moment(client.Timestamp)), "it gets the new one within about four minutes while it reaches the server at an old endpoint; otherwise: " + s.copyPlanet()}
	case client.Timestamp > planet.Timestamp:
		return Finding{planetCheck, Warning, fmt.Sprintf("the ZeroTier client of this machine has a newer planet, of %s", moment(client.Timestamp)), "if the server's was restored from an old backup, copy the client's file into the data folder while the server is stopped; if --planet named an old file, export it again"}
	}
	return Finding{planetCheck, OK, "the ZeroTier client of this machine has the same planet", ""}
}

func (s *survey) copyPlanet() string {
	return "run orrery planet export on the server's machine, copy the file to " + filepath.Join(s.Home, "planet") + " and restart the client"
}
