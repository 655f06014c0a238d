package doctor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/orrery-net/orrery/internal/client"
	"github.com/orrery-net/orrery/internal/server"
	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/identity"
	"github.com/orrery-net/orrery/zt/world"
)

// survey is what several checks build on. It does not change once it was made.
type survey struct {
	Options

	status    *client.Status
	statusErr error
	asked     time.Time     // when the status was asked for
	trip      time.Duration // how long the answer took

	networks    []*client.Network
	networksErr error

	isOrrery   bool
	controller zt.Address // 0: not known

	folder    *server.Inspection // of the server on this machine; nil: it is elsewhere, or cannot be read
	folderErr error              // why it cannot be read
	local     *server.Local      // the same server while it runs

	pages pages

	homePlanet    *world.World // of the ZeroTier service on this machine
	homePlanetErr error
}

// maxNetworks is how many networks are looked at.
const maxNetworks = 2000

func (o Options) survey(ctx context.Context) *survey {
	if o.Patience == 0 {
		o.Patience = defaultPatience
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.generate == nil {
		o.generate = identity.Generate
	}
	ctx, cancel := context.WithTimeout(ctx, surveyTime)
	defer cancel()
	s := &survey{Options: o}
	var asking sync.WaitGroup
	asking.Go(s.readHome)
	if s.Client != nil {
		asking.Go(func() {
			s.asked = s.Now()
			begun := time.Now()
			s.status, s.statusErr = s.Client.Status(ctx)
			s.trip = time.Since(begun)
		})
		asking.Go(func() {
			s.isOrrery, _ = s.Client.IsOrrery(ctx) // what hinders it is the status' error too
		})
		asking.Go(func() { s.readNetworks(ctx) })
		asking.Go(func() { s.pages = readPages(ctx, s.Client.URL()) })
	}
	asking.Wait()
	s.findController()
	s.readFolder()
	if s.local != nil && !s.pages.reached {
		s.pages = readPages(ctx, s.local.URL) // a proxy does not pass them on
	}
	return s
}

// serverHere reports whether the server's own machine is this one.
func (s *survey) serverHere() bool { return s.folder != nil }

func (s *survey) readNetworks(ctx context.Context) {
	for network, err := range s.Client.Networks(ctx) {
		if err != nil {
			s.networksErr = err
			return
		}
		// Advice has ids in commands, which people copy into a shell.
		if _, err := zt.ParseNetworkID(network.ID); err != nil {
			s.networksErr = fmt.Errorf("one of the networks has a strange id: %w", err)
			return
		}
		if len(s.networks) == maxNetworks {
			return
		}
		s.networks = append(s.networks, network)
	}
}

// findController learns the controller's address, which every network id of a
// server of ours begins with.
func (s *survey) findController() {
	if !s.isOrrery {
		return
	}
	if s.controller = s.pages.controller; s.controller != 0 || len(s.networks) == 0 {
		return
	}
	if id, err := zt.ParseNetworkID(s.networks[0].ID); err == nil {
		s.controller = id.Controller()
	}
}

// readFolder looks into the data folder, if it is that of the server in
// question.
func (s *survey) readFolder() {
	if s.Data == "" {
		return
	}
	folder, err := server.Inspect(s.Data)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			s.folderErr = err
		}
		return
	}
	local, running, err := server.FindLocal(s.Data)
	if err != nil {
		s.folderErr = err
	}
	if s.Client != nil && folder.Identity.Address() != s.controller {
		sameURL := running && local.URL == s.Client.URL()
		down := errors.Is(s.statusErr, client.ErrUnreachable) && isOnLoopback(s.Client.URL())
		if !sameURL && !down {
			return
		}
	}
	s.folder, s.controller = folder, folder.Identity.Address()
	if running {
		s.local = &local
	}
}

func isOnLoopback(api string) bool {
	at, err := url.Parse(api)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(at.Hostname())
	return at.Hostname() == "localhost" || err == nil && ip.IsLoopback()
}

func (s *survey) readHome() {
	if s.Home == "" {
		return
	}
	planet, err := ReadPlanet(filepath.Join(s.Home, "planet"))
	if err == nil {
		s.homePlanet = planet
	} else if !errors.Is(err, fs.ErrNotExist) {
		s.homePlanetErr = err
	}
}

// maxFile is more than any file that is read here holds, in bytes.
const maxFile = 64 << 10

func readBounded(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, maxFile))
}
