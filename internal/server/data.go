package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/orrery-net/orrery/internal/central"
	"github.com/orrery-net/orrery/internal/store"
	"github.com/orrery-net/orrery/zt/identity"
)

// The files of the data folder.
const (
	databaseFile       = "orrery.db"
	identitySecretFile = "identity.secret"
	identityPublicFile = "identity.public"
	ownerTokenFile     = "owner.token"
	planetFile         = "planet"        // for clients, with --root
	planetSecretFile   = "planet.secret" // signs the planet's next revision
	publicPlanetFile   = "planet.public" // the newest public planet that a root sent
	httpAddressFile    = "http.address"  // where the server that runs can be reached
)

// folder is the data folder of a running server.
type folder string

// openFolder makes the data folder if there is none and proves that it can be
// written to.
func openFolder(path string) (folder, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return "", fmt.Errorf("cannot make the data folder %s: %w; choose another with --data, or give this user the right to write there", path, err)
	}
	probe, err := os.CreateTemp(path, ".write-test-*")
	if err != nil {
		return "", fmt.Errorf("the data folder %s cannot be written to: %w; give this user the right to write there, or choose another with --data", path, err)
	}
	err = errors.Join(probe.Close(), os.Remove(probe.Name()))
	return folder(path), err
}

func (f folder) path(name string) string { return filepath.Join(string(f), name) }

// lock makes this process the only one that works with the folder, until unlock
// is called. Where a server was reachable that crashed is forgotten: whoever is
// told an address shows it the owner's token, and another program may have it.
func (f folder) lock() (unlock func() error, err error) {
	if unlock, err = store.LockDir(string(f)); err != nil {
		return nil, err
	}
	if err := f.forgetHTTPAddress(); err != nil {
		return nil, errors.Join(err, unlock())
	}
	return unlock, nil
}

// keepHTTPAddress notes where the running server can be reached from this
// machine.
func (f folder) keepHTTPAddress(listening net.Addr) error {
	at, err := netip.ParseAddrPort(listening.String())
	if err != nil {
		return fmt.Errorf("read the HTTP address: %w", err)
	}
	if at.Addr().IsUnspecified() {
		at = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), at.Port())
	}
	return f.write(httpAddressFile, []byte(at.String()+"\n"), 0o600)
}

func (f folder) forgetHTTPAddress() error {
	if err := os.Remove(f.path(httpAddressFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove %s: %w", f.path(httpAddressFile), err)
	}
	return nil
}

// httpAddress returns where the running server can be reached; false if no
// server runs, or is not that far.
func (f folder) httpAddress() (netip.AddrPort, bool) {
	text, err := f.read(httpAddressFile)
	if err != nil || text == nil {
		return netip.AddrPort{}, false
	}
	at, err := netip.ParseAddrPort(strings.TrimSpace(string(text)))
	return at, err == nil
}

// read returns a file's content, nil if there is none.
func (f folder) read(name string) ([]byte, error) {
	content, err := os.ReadFile(f.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", f.path(name), err)
	}
	return content, nil
}

// readSecret is read for a file that nobody else may read.
func (f folder) readSecret(name string, log *slog.Logger) ([]byte, error) {
	content, err := f.read(name)
	if info, statErr := os.Stat(f.path(name)); statErr == nil && info.Mode().Perm()&0o077 != 0 {
		log.Warn("others can read a secret; run chmod 600", "file", f.path(name))
	}
	return content, err
}

// write replaces a file whole, or not at all.
func (f folder) write(name string, content []byte, mode fs.FileMode) error {
	err := func() error {
		temporary, err := os.CreateTemp(string(f), "."+name+"-*")
		if err != nil {
			return err
		}
		defer os.Remove(temporary.Name())
		_, err = temporary.Write(content)
		err = errors.Join(err, temporary.Chmod(mode), temporary.Sync(), temporary.Close())
		if err != nil {
			return err
		}
		if err := os.Rename(temporary.Name(), f.path(name)); err != nil {
			return err
		}
		dir, err := os.Open(string(f))
		if err != nil {
			return err
		}
		return errors.Join(dir.Sync(), dir.Close())
	}()
	if err != nil {
		return fmt.Errorf("write %s: %w", f.path(name), err)
	}
	return nil
}

// identity loads the controller's identity, or makes one at the first start.
func (f folder) identity(ctx context.Context, log *slog.Logger) (*identity.Identity, error) {
	text, err := f.readSecret(identitySecretFile, log)
	if err != nil {
		return nil, err
	}
	if text == nil {
		return f.newIdentity(ctx, log)
	}
	id, err := identity.ParseText(string(text))
	if err == nil && !id.HasPrivate() {
		err = errors.New("it holds no private key")
	}
	if err == nil {
		err = id.Validate()
	}
	if err != nil {
		return nil, fmt.Errorf("the controller's identity in %s is damaged: %w; restore the file from a backup (without it no existing network can be controlled), or move it away to start with a new controller", f.path(identitySecretFile), err)
	}
	return id, nil
}

func (f folder) newIdentity(ctx context.Context, log *slog.Logger) (*identity.Identity, error) {
	if _, err := os.Stat(f.path(databaseFile)); err == nil {
		return nil, fmt.Errorf("%s is missing but %s is there: the networks in it belong to the lost identity; restore the file from a backup, or move %s away to start anew", f.path(identitySecretFile), databaseFile, databaseFile)
	}
	log.Info("first start: making the controller's identity")
	id, err := identity.Generate(ctx)
	if err != nil {
		return nil, fmt.Errorf("make an identity: %w", err)
	}
	if err := f.write(identityPublicFile, []byte(id.String()), 0o644); err != nil {
		return nil, err
	}
	return id, f.write(identitySecretFile, []byte(id.SecretText()), 0o600)
}

// ensureOwner makes the owner and the file with the owner's token at the first
// start. A file that was lost is made again with another token.
func (f folder) ensureOwner(ctx context.Context, service *central.Service, log *slog.Logger) error {
	existing, err := f.readSecret(ownerTokenFile, log)
	if err != nil {
		return err
	}
	token, made, err := service.EnsureOwner(ctx, string(existing))
	if err != nil {
		return fmt.Errorf("make the owner: %w", err)
	}
	if !made {
		return nil
	}
	return f.keepOwnerToken(token)
}

func (f folder) keepOwnerToken(token string) error {
	return f.write(ownerTokenFile, []byte(token), 0o600)
}

// oldestClock is before this program was written: a clock that shows an
// earlier time is wrong.
var oldestClock = time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)

// latestClock is beyond the life of this version.
var latestClock = time.Date(2100, time.January, 1, 0, 0, 0, 0, time.UTC)

func checkClock(now time.Time) error {
	if now.Before(oldestClock) || now.After(latestClock) {
		return fmt.Errorf("the clock of this computer shows %s, which cannot be right; members would refuse each other's certificates. Set the clock (for example: timedatectl set-ntp true) and start again", now.UTC().Format(time.DateTime))
	}
	return nil
}
