package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/orrery-net/orrery/internal/store"
	"github.com/orrery-net/orrery/zt/identity"
	"github.com/orrery-net/orrery/zt/world"
)

// Inspection is what a data folder says of its server, whether that runs or not.
type Inspection struct {
	Identity *identity.Identity // of the controller, its public half
	Planet   *world.World       // the own one; nil: none was made
	// PlanetKey is whether the key that signs the planet's next revision is
	// there; false without a planet.
	PlanetKey bool
	Exposed   []string // paths of files with secrets that other users may read
	Database  string   // path of its file
}

// Inspect looks into a data folder and changes nothing there. The error wraps
// fs.ErrNotExist if the folder is no server's.
func Inspect(data string) (*Inspection, error) {
	f := folder(data)
	name := identityPublicFile
	text, err := f.read(name)
	if err == nil && text == nil { // it was left out of a backup
		name = identitySecretFile
		text, err = f.read(name)
	}
	if err != nil {
		return nil, err
	}
	if text == nil {
		return nil, fmt.Errorf("%s: %w; no server was started with this folder", f.path(name), fs.ErrNotExist)
	}
	i := &Inspection{Database: f.path(databaseFile)}
	if i.Identity, err = identity.ParseText(string(text)); err != nil {
		return nil, fmt.Errorf("%s is damaged: %w; restore it from a backup", f.path(name), err)
	}
	i.Identity = i.Identity.Public()
	if i.Planet, err = f.ownPlanet(); err != nil {
		return nil, err
	}
	_, err = os.Stat(f.path(planetSecretFile))
	i.PlanetKey = i.Planet != nil && !errors.Is(err, fs.ErrNotExist)
	i.Exposed = f.exposed()
	return i, nil
}

// exposed lists the files with secrets that others than their owner may read.
// Windows has no modes that would tell.
func (f folder) exposed() []string {
	if runtime.GOOS == "windows" {
		return nil
	}
	var all []string
	for _, name := range []string{identitySecretFile, ownerTokenFile, planetSecretFile, databaseFile, databaseFile + "-wal"} {
		if info, err := os.Stat(f.path(name)); err == nil && info.Mode().Perm()&0o077 != 0 {
			all = append(all, filepath.Clean(f.path(name)))
		}
	}
	return all
}

// CheckDatabase reads the whole database of a data folder beside the server that
// works with it, and returns what is wrong there: nothing if it is healthy. The
// error is for a check that could not be made.
func CheckDatabase(ctx context.Context, data string) (damage []string, err error) {
	return store.Check(ctx, folder(data).path(databaseFile))
}
