package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/identity"
	"github.com/orrery-net/orrery/zt/member"
	"github.com/orrery-net/orrery/zt/vl1"
	"github.com/orrery-net/orrery/zt/world"
)

const (
	// nodesPerHost keeps the nodes of one source network within the burst of
	// unknown identities that the server takes from one.
	nodesPerHost = 60
	// askEvery is a little above the time within which the server takes only one
	// request of a node for a network.
	askEvery = 1050 * time.Millisecond
	// apiClients is how many API requests are under way at once, at most.
	apiClients = 8
)

// swarm are many nodes on a few sockets.
type swarm struct {
	nodes   []*member.Node
	cancel  context.CancelFunc
	running sync.WaitGroup
	mu      sync.Mutex
	err     error
}

// membership is a node on a network.
type membership struct {
	*member.Membership
	node    zt.Address
	network zt.NetworkID
}

// readIdentities reads some of the identities made for tests, one a line.
func readIdentities(module string, count int) ([]*identity.Identity, error) {
	text, err := os.ReadFile(filepath.Join(module, "zt", "identity", "testdata", "swarm-identities.txt"))
	if err != nil {
		return nil, err
	}
	lines := strings.Fields(string(text))
	if count < 1 || count > len(lines) {
		return nil, fmt.Errorf("-members %d: there are identities for 1 to %d", count, len(lines))
	}
	var identities []*identity.Identity
	for _, line := range lines[:count] {
		id, err := identity.ParseText(line)
		if err != nil {
			return nil, err
		}
		identities = append(identities, id)
	}
	return identities, nil
}

// newSwarm starts nodes that know where the server is.
func newSwarm(s *server, identities []*identity.Identity) (*swarm, error) {
	planet, err := planetOf(s)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	w := &swarm{cancel: cancel}
	for group := range slices.Chunk(identities, nodesPerHost) {
		if err := w.startHost(ctx, planet, group); err != nil {
			return nil, errors.Join(err, w.stop())
		}
	}
	return w, nil
}

// planetOf names the server as root at its loopback address.
func planetOf(s *server) (*world.World, error) {
	key, err := identity.NewSigningKey()
	if err != nil {
		return nil, err
	}
	t := world.Template{
		Kind: world.Planet, ID: 1, Key: key, NextKey: key.Public(),
		Roots: []world.Root{{Identity: s.identity}},
	}
	t.Roots[0].Endpoints = append(t.Roots[0].Endpoints, s.udp)
	return t.World(time.Now().UnixMilli()), nil
}

func (w *swarm) startHost(ctx context.Context, planet *world.World, identities []*identity.Identity) error {
	network := len(w.nodes)/nodesPerHost + 1
	conn, err := vl1.ListenUDP(fmt.Sprintf("127.0.%d.1:0", network))
	if err != nil {
		return err
	}
	host, err := member.New(member.Config{
		Nodes: identities, Conn: conn, Planet: planet, Manual: true, AllowLoopback: true,
	})
	if err != nil {
		return errors.Join(err, conn.Close())
	}
	for _, id := range identities {
		w.nodes = append(w.nodes, host.Node(id.Address()))
	}
	w.running.Go(func() {
		err := host.Run(ctx)
		w.mu.Lock()
		defer w.mu.Unlock()
		w.err = errors.Join(w.err, err)
	})
	return nil
}

// stop ends all nodes and returns what went wrong with them.
func (w *swarm) stop() error {
	w.cancel()
	w.running.Wait()
	return w.err
}

// join has nodes ask to join a network.
func join(nodes []*member.Node, network zt.NetworkID) []membership {
	all := make([]membership, 0, len(nodes))
	for _, n := range nodes {
		all = append(all, membership{n.Join(network), n.Address(), network})
	}
	return all
}

// await asks for the configurations of some memberships, again and again, until
// all are in the wanted state.
func await(ctx context.Context, limit time.Duration, all []membership, wanted func(member.State) bool) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(askEvery)
	defer tick.Stop()
	left := slices.Clone(all)
	for {
		left = slices.DeleteFunc(left, func(m membership) bool { return wanted(m.State()) })
		if len(left) == 0 {
			return nil
		}
		// The next look is as soon as the first of them changes.
		look, done := context.WithCancel(ctx)
		first := left[0]
		go func() {
			_, _ = first.Wait(look, wanted)
			done()
		}()
		select {
		case <-ctx.Done():
			done()
			return fmt.Errorf("%d of %d members are not where they should be after %s", len(left), len(all), limit)
		case <-tick.C:
			for _, m := range left {
				m.Request()
			}
		case <-look.Done():
		}
		done()
	}
}

func denied(s member.State) bool { return s.Status == member.AccessDenied }

func addressed(s member.State) bool { return s.Status == member.OK && len(s.Addresses()) > 0 }

// authorizeAll lets all of them in, several at once.
func (s *server) authorizeAll(ctx context.Context, all []membership) error {
	return severalAtOnce(len(all), func(i int) error { return s.authorize(ctx, all[i].network, all[i].node, true) })
}

// severalAtOnce has apiClients goroutines do something for each number below
// count. A goroutine stops working at its first error.
func severalAtOnce(count int, do func(i int) error) error {
	work := make(chan int)
	failed := make(chan error, apiClients)
	var clients sync.WaitGroup
	for range apiClients {
		clients.Go(func() {
			var err error
			for i := range work {
				if err == nil {
					err = do(i)
				}
			}
			failed <- err
		})
	}
	for i := range count {
		work <- i
	}
	close(work)
	clients.Wait()
	close(failed)
	var err error
	for one := range failed {
		err = errors.Join(err, one)
	}
	return err
}
