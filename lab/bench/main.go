// Bench measures the whole program: it builds Orrery, runs it as a process of
// its own on loopback, loads it with a thousand members and prints what that
// cost as a table. It asserts no times; it fails only when something does not
// work at all. Functions are measured by the Go benchmarks of their packages.
//
// It needs Linux, where all of 127.0.0.0/8 is this host: members are spread over
// several source networks because the server paces the strangers of each.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/orrery-net/orrery/zt/identity"
)

func main() {
	members := flag.Int("members", 1000, "nodes that join, at most 1000")
	networks := flag.Int("networks", 10, "networks that each node is on under steady load")
	steady := flag.Duration("steady", 20*time.Second, "how long the steady load lasts")
	verbose := flag.Bool("v", false, "show the server's log and each step")
	flag.Parse()
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	b := &bench{members: *members, networks: *networks, steadyTime: *steady, verbose: *verbose}
	if err := b.run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// bench is one run of all steps against one server.
type bench struct {
	members    int
	networks   int
	steadyTime time.Duration
	verbose    bool

	identities []*identity.Identity // of the nodes
	server     *server
	swarm      *swarm
	report     report

	// empty is what the server took before the first node came.
	empty usage
	// home are the memberships of the first network.
	home []membership
}

func (b *bench) run(ctx context.Context) (err error) {
	module, err := moduleRoot(ctx)
	if err != nil {
		return err
	}
	if b.identities, err = readIdentities(module, b.members); err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "orrery-bench-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	b.step("build and start the server")
	if b.server, err = startServer(ctx, module, folder, b.verbose); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.server.stop()) }()
	if b.empty, err = b.server.settled(ctx); err != nil {
		return err
	}
	if b.swarm, err = newSwarm(b.server, b.identities); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.swarm.stop()) }()

	for _, s := range []struct {
		name string
		run  func(context.Context) error
	}{
		{"join", b.join},
		{"steady load", b.steady},
		{"push after authorization", b.push},
		{"put out", b.putOut},
		{"identity validation", b.validation},
		{"flood", b.flood},
		{"API", b.api},
	} {
		b.step(s.name)
		if err := s.run(ctx); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	b.report.print(os.Stdout)
	return nil
}

func (b *bench) step(name string) {
	if b.verbose {
		fmt.Fprintln(os.Stderr, time.Now().Format(time.TimeOnly), name)
	}
}
