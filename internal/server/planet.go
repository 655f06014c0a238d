package server

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/orrery-net/orrery/zt/identity"
	"github.com/orrery-net/orrery/zt/world"
)

// maxRootEndpoints is how many endpoints a planet can name for one root
// (protocol 04 §1).
const maxRootEndpoints = 32

// planet returns the planet that the server lives on: with roots its own, of
// which it is the root, made or renewed as needed; otherwise the public one in
// the newest revision known.
func (f folder) planet(roots []netip.AddrPort, id *identity.Identity, now time.Time, log *slog.Logger) (*world.World, error) {
	if len(roots) == 0 {
		return f.publicPlanet(log), nil
	}
	key, err := f.planetKey(log)
	if err != nil {
		return nil, err
	}
	roots = slices.Clone(roots)
	slices.SortFunc(roots, netip.AddrPort.Compare)
	current, err := f.ownPlanet()
	if err != nil {
		return nil, err
	}
	next := &world.World{
		Kind:      world.Planet,
		Timestamp: now.UnixMilli(),
		NextKey:   key.Public(),
		Roots:     []world.Root{{Identity: id.Public(), Endpoints: roots}},
	}
	if current == nil {
		if next.ID, err = newWorldID(); err != nil {
			return nil, err
		}
	} else {
		if current.NextKey != key.Public() {
			return nil, fmt.Errorf("%s does not belong to %s: clients would refuse what it signs; restore both from one backup", f.path(planetSecretFile), f.path(planetFile))
		}
		own := current.Root(id.Address())
		if len(current.Roots) == 1 && own != nil && own.Identity.Equal(id) && slices.Equal(own.Endpoints, roots) {
			return current, nil
		}
		log.Info("the root's endpoints changed: a new revision of the planet reaches clients by itself while they reach the root at an old endpoint")
		next.ID, next.Timestamp = current.ID, max(next.Timestamp, current.Timestamp+1)
	}
	next.Sign(key)
	return next, f.write(planetFile, next.Append(nil), 0o644)
}

// ownPlanet reads the planet made earlier, nil if there is none.
func (f folder) ownPlanet() (*world.World, error) {
	content, err := f.read(planetFile)
	if content == nil || err != nil {
		return nil, err
	}
	w, _, err := world.Parse(content)
	if err == nil && w.Kind != world.Planet {
		err = errors.New("it is no planet")
	}
	if err != nil {
		return nil, fmt.Errorf("%s is damaged: %w; restore it from a backup, or copy it back from a client", f.path(planetFile), err)
	}
	return w, nil
}

// planetKey loads the key that signs the planet, or makes one.
func (f folder) planetKey(log *slog.Logger) (*identity.SigningKey, error) {
	text, err := f.readSecret(planetSecretFile, log)
	if err != nil {
		return nil, err
	}
	if text == nil {
		if planet, err := f.read(planetFile); err == nil && planet != nil {
			return nil, fmt.Errorf("%s is missing: without it the planet that clients have cannot be renewed; restore it from a backup, or move %s away to make a new planet that every client needs as a file", f.path(planetSecretFile), f.path(planetFile))
		}
		key, err := identity.NewSigningKey()
		if err != nil {
			return nil, fmt.Errorf("make a key for the planet: %w", err)
		}
		private := key.Private()
		return key, f.write(planetSecretFile, []byte(hex.EncodeToString(private[:])+"\n"), 0o600)
	}
	private, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(private) != 64 {
		return nil, fmt.Errorf("%s is damaged: want 128 hex digits; restore it from a backup", f.path(planetSecretFile))
	}
	key, err := identity.ParseSigningKey([64]byte(private))
	if err != nil {
		return nil, fmt.Errorf("%s is damaged: %w; restore it from a backup", f.path(planetSecretFile), err)
	}
	return key, nil
}

// publicPlanet is the built-in planet, or a newer revision that a root sent.
func (f folder) publicPlanet(log *slog.Logger) *world.World {
	planet := world.Public()
	content, err := f.read(publicPlanetFile)
	if err == nil && content != nil {
		var newer *world.World
		if newer, _, err = world.Parse(content); err == nil && newer.Replaces(planet) == nil {
			return newer
		}
	}
	if err != nil {
		log.Warn("cannot read the public planet's newest revision; using the built-in one", "error", err)
	}
	return planet
}

// keepPublicPlanet stores a newer revision of the public planet.
func (f folder) keepPublicPlanet(w *world.World, log *slog.Logger) {
	if err := f.write(publicPlanetFile, w.Append(nil), 0o644); err != nil {
		log.Error("cannot store the public planet's newest revision", "error", err)
	}
}

// newWorldID draws an id that is not one of the known worlds'.
func newWorldID() (uint64, error) {
	var raw [8]byte
	if _, err := rand.Read(raw[:]); err != nil {
		return 0, fmt.Errorf("draw a planet id: %w", err)
	}
	return binary.BigEndian.Uint64(raw[:]) | 1<<63, nil
}

// ReadPlanet reads the planet in a server's data folder.
func ReadPlanet(data string) (*world.World, error) {
	planet, err := folder(data).ownPlanet()
	if err != nil {
		return nil, err
	}
	if planet == nil {
		return nil, fmt.Errorf("there is no planet in %s; start the server once with --root IP/PORT, or name its folder with --data", data)
	}
	return planet, nil
}
