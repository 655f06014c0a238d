package cli

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/orrery-net/orrery/internal/node"
	"github.com/orrery-net/orrery/zt"
)

// cleanupFlags are what node cleanup is told.
type cleanupFlags struct {
	task    node.Task
	service string
	forget  string
	only    string
	all     bool
	delete  bool
	dryRun  bool
	yes     bool
}

// The two parts of a cleanup that --only names.
const (
	onlyNetworks = "networks"
	onlyDevice   = "device"
)

func nodeCleanupCommand() *cobra.Command {
	var f cleanupFlags
	command := &cobra.Command{
		Use:   "cleanup [NETWORK…]",
		Short: "Put this device out of its networks, now and for good",
		Long: `Put this device out of its networks, now and for good. Run it on the device:

  1. deauthorize its node on the networks that are named, by id or name, or with
     --all on every network of the account where it is a member
  2. stop the ZeroTier service
  3. remove its identity (identity.secret and identity.public), or with --forget
     authtoken the token that commands the service (authtoken.secret)
  4. start the service again, wait until it answers, and show the new address

The plan is shown first. A step that fails does not keep the later ones from being
done, unless that would not be safe: nothing is removed while the service may run,
and a service that was stopped is started again. What is not done is said at the
end, with status 3, or 1 if nothing is done.

An Orrery server tells the other members at once that the node is out. With the
hosted service they accept it until its credential expires; there, removing the
identity is what cuts it off now.

The service is looked for in this order: on Linux a unit of systemd, a service of
OpenRC, the process that zerotier-one.pid names; on macOS launchd; on Windows the
service manager; on FreeBSD rc.d. --service says which it is; with none it is
neither stopped nor started. Steps 2 to 4 need root, or an administrator.

The node's address is that of identity.public; ZEROTIER_NODE_ID can name it, and
with --only networks it may be any other node. Ctrl-C ends the cleanup before the
next step, but a service that was stopped is started first.`,
		Example: `  sudo -E orrery node cleanup home lab
  sudo -E orrery node cleanup --all --delete --backup /root/zerotier-identity
  sudo -E orrery node cleanup --all --dry-run
  sudo -E orrery node cleanup 8056c2e21c000001 --only networks --yes`,
		Args: func(c *cobra.Command, args []string) error { return f.check(c, args) },
		RunE: func(c *cobra.Command, args []string) error { return cleanup(c, f, args) },

		ValidArgsFunction: completeNetworks,
	}
	home := onDevice(command)
	command.PreRun = func(*cobra.Command, []string) { f.task.Home = *home }
	flags := command.Flags()
	flags.BoolVar(&f.all, "all", false, "every network of the account where the node is a member")
	flags.BoolVar(&f.delete, "delete", false, "delete the member instead of deauthorizing it")
	flags.StringVar(&f.forget, "forget", string(node.Identity), "which `secret` to remove: identity or authtoken")
	flags.StringVar(&f.task.Backup, "backup", "", "copy what is removed to this `folder` first, which only you may read")
	flags.BoolVar(&f.task.KeepRunning, "keep-running", false, "do not restart the service: it keeps the secret in memory until somebody does")
	flags.StringVar(&f.only, "only", "", "do one `part`: networks (at the server) or device (here)")
	flags.StringVar(&f.service, "service", "", "what `kind` of service it is: "+strings.Join(node.Kinds(), ", "))
	flags.StringVar(&f.task.ServiceName, "service-name", "", "`name` of the unit, service or job, where it is not the usual one")
	flags.BoolVar(&f.task.ControllerToo, "controller-too", false, "also when the node is a controller, whose networks are lost then")
	flags.DurationVar(&f.task.Timeout, "timeout", time.Minute, "how `long` to wait for the server, for the service to stop, and for it to answer")
	flags.BoolVar(&f.dryRun, "dry-run", false, "show the plan and do nothing")
	flags.BoolVar(&f.yes, "yes", false, "do not ask")
	_ = command.MarkFlagDirname("backup") // the flags are there
	fixedValues(command, "forget", string(node.Identity), string(node.AuthToken))
	fixedValues(command, "only", onlyNetworks, onlyDevice)
	fixedValues(command, "service", node.Kinds()...)
	return command
}

func (f *cleanupFlags) check(c *cobra.Command, args []string) error {
	f.task.Service, f.task.Forget = node.Kind(f.service), node.Secret(f.forget)
	f.task.NetworksOnly = f.only == onlyNetworks
	for _, name := range []string{"home", "backup", "only", "service", "service-name"} {
		// Mostly a variable that is not set: what is done then is not what was meant.
		if flag := c.Flags().Lookup(name); flag.Changed && flag.Value.String() == "" {
			return usage(c, fmt.Errorf("--%s is empty", name))
		}
	}
	device := func() bool {
		return slices.ContainsFunc([]string{"forget", "backup", "keep-running", "service", "service-name", "controller-too"}, c.Flags().Changed)
	}
	switch {
	case f.only != "" && f.only != onlyNetworks && f.only != onlyDevice:
		return usage(c, fmt.Errorf("--only %q; want networks or device", f.only))
	case f.only == onlyDevice && (len(args) > 0 || f.all || f.delete):
		return usage(c, errors.New("--only device has nothing to do with networks; leave them out"))
	case f.task.NetworksOnly && device():
		return usage(c, errors.New("--only networks does nothing on this device; leave its flags out"))
	case f.all && len(args) > 0:
		return usage(c, errors.New("name networks or say --all, not both"))
	case f.only != onlyDevice && !f.all && len(args) == 0:
		return usage(c, errors.New("which networks? name them, or say --all, or --only device to leave the server out"))
	case f.task.Forget != node.Identity && f.task.Forget != node.AuthToken:
		return usage(c, fmt.Errorf("--forget %q; want identity or authtoken", f.forget))
	case f.service != "" && !slices.Contains(node.Kinds(), f.service):
		return usage(c, fmt.Errorf("--service %q; want %s", f.service, strings.Join(node.Kinds(), ", ")))
	case f.task.KeepRunning && f.service != "":
		return usage(c, errors.New("--keep-running leaves the service alone; leave --service out"))
	case f.task.Timeout <= 0:
		return usage(c, errors.New("--timeout: want more than 0"))
	case slices.Contains(args, ""):
		return usage(c, errors.New("one of the networks is empty"))
	}
	return nil
}

func cleanup(c *cobra.Command, f cleanupFlags, args []string) (err error) {
	f.task.Node = os.Getenv("ZEROTIER_NODE_ID")
	ready, err := node.This().Prepare(c.Context(), f.task)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ready.Close()) }()
	if f.only != onlyDevice {
		if err := findWhereItIs(c, ready, f, args); err != nil {
			return err
		}
	}
	plan := c.ErrOrStderr()
	if f.dryRun {
		plan = c.OutOrStdout()
	}
	for _, line := range ready.Plan() {
		fmt.Fprintln(plan, printable(line))
	}
	if network, ok := cutsOff(ready); ok {
		fmt.Fprintf(plan, "You are connected over %s: the connection will break, and the cleanup goes on without it.\n", network)
	}
	if f.dryRun {
		return nil
	}
	if !f.yes {
		if err := confirm(c, "Do this?"); err != nil {
			return err
		}
	}
	// Whoever is connected over the network that ends here must not end this too,
	// nor a second Ctrl-C while the service is stopped; the first ends the context.
	// (Signals that are ignored instead would be so by the programs that are run.)
	unheard := make(chan os.Signal, 1)
	signal.Notify(unheard, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	defer signal.Stop(unheard)
	result := ready.Run(c.Context(), func(s node.Step) {
		text := s.What
		if s.Detail != "" {
			text += ": " + s.Detail
		}
		fmt.Fprintf(c.OutOrStdout(), "%-14s %s\n", s.Outcome, printable(text))
	})
	return ending(c, result)
}

// findWhereItIs finds the networks that the node is put out of, and how.
func findWhereItIs(c *cobra.Command, ready *node.Cleanup, f cleanupFlags, args []string) error {
	ctx := c.Context()
	api, err := connect(c)
	if err != nil {
		return err
	}
	e := expeller{api}
	if f.all {
		ready.Networks, err = e.all(ctx, ready.Node)
	} else {
		ready.Networks, err = e.named(ctx, args, ready.Node)
	}
	if err != nil {
		if ctx.Err() == nil && !f.task.NetworksOnly {
			return fmt.Errorf("%w; nothing was changed (--only device leaves the server out)", err)
		}
		return err
	}
	if len(ready.Networks) == 0 {
		fmt.Fprintf(c.ErrOrStderr(), "%s is a member of none of the account's networks\n", ready.Node)
	}
	ready.Expel, ready.Delete, ready.Server, ready.Effect = e, f.delete, api.URL(), e.effect(ctx)
	putLast(ctx, ready, e)
	return nil
}

// putLast makes the network over which the server is reached the last one: once
// the node is out of it, the server is out of reach.
func putLast(ctx context.Context, ready *node.Cleanup, e expeller) {
	for _, address := range e.whereIs(ctx) {
		carrier, ok := ready.Reached(address)
		if !ok {
			continue
		}
		i := slices.IndexFunc(ready.Networks, func(n node.Network) bool { return n.ID == carrier })
		if i < 0 {
			continue
		}
		last := ready.Networks[i]
		ready.Networks = append(slices.Delete(ready.Networks, i, i+1), last)
		ready.Effect = strings.TrimSpace(ready.Effect + " The server is reached over " + last.String() + ", so that one is last, and the answer may be lost.")
		return
	}
}

// cutsOff says whether the person is connected to this device over one of its
// networks, as far as sshd tells.
func cutsOff(ready *node.Cleanup) (zt.NetworkID, bool) {
	from, _, _ := strings.Cut(os.Getenv("SSH_CONNECTION"), " ")
	address, err := netip.ParseAddr(from)
	if err != nil {
		return 0, false
	}
	return ready.Reached(address)
}

// ending says on the last line what is not done.
func ending(c *cobra.Command, result *node.Result) error {
	left := result.Left()
	switch {
	case len(left) == 0:
		fmt.Fprintln(c.OutOrStdout(), "all is done")
		return nil
	case result.Partly():
		return partly("partly done; left to do: %s", strings.Join(left, "; "))
	}
	return fmt.Errorf("nothing is done; left to do: %s", strings.Join(left, "; "))
}
