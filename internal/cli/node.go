package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/orrery-net/orrery/internal/client"
	"github.com/orrery-net/orrery/internal/node"
	"github.com/orrery-net/orrery/zt"
)

func nodeCommand() *cobra.Command {
	return group(withAccess(&cobra.Command{
		Use:   "node",
		Short: "The ZeroTier node of this device",
		Long: `The ZeroTier node of this device: what it is in, join and leave networks, and
clean it up so that it is out of its networks now. These commands are run on the
device itself. They talk to its ZeroTier service over loopback and, where they
have to, to the server. The service's token is root's: run them with sudo -E,
which keeps the environment.`,
		Example: `  sudo -E orrery node status
  sudo -E orrery node join 8056c2e21c000001 --authorize --name laptop
  sudo -E orrery node cleanup --all --dry-run`,
	}), nodeStatusCommand(), nodeJoinCommand(), nodeLeaveCommand(), nodeCleanupCommand())
}

// onDevice gives a command the flag --home.
func onDevice(command *cobra.Command) (home *string) {
	home = command.Flags().String("home", "", "`folder` of the ZeroTier service; empty: the platform's, here "+node.This().HomeFolder())
	_ = command.MarkFlagDirname("home") // the flag is there
	return home
}

// withLocal runs something with the service of this device.
func withLocal(home string, run func(local *node.Local) error) error {
	h, err := node.This().OpenHome(home)
	if err != nil {
		return err
	}
	return errors.Join(run(h.Local()), h.Close())
}

func nodeJoinCommand() *cobra.Command {
	var authorize bool
	var name string
	var timeout time.Duration
	command := &cobra.Command{
		Use:   "join NETWORK",
		Short: "Join a network with this device, and let it in",
		Long: `Join a network with this device and wait until it is in, with an address. With
--authorize the server lets it in, in one go; without, somebody who may has to.
An id needs no server; a name does.`,
		Example: `  sudo -E orrery node join home --authorize --name laptop
  sudo orrery node join 8056c2e21c000001`,
		Args:              one("network, by id or name"),
		ValidArgsFunction: completeNetworks,
	}
	home := onDevice(command)
	flags := command.Flags()
	flags.BoolVar(&authorize, "authorize", false, "let the device in, with the rights of the token")
	flags.StringVar(&name, "name", "", "the member's `name` on the network, with --authorize")
	flags.DurationVar(&timeout, "timeout", time.Minute, "how `long` to wait until the device is in")
	command.RunE = func(c *cobra.Command, args []string) error {
		if name != "" && !authorize {
			return usage(c, errors.New("--name needs --authorize: the server keeps it"))
		}
		if timeout <= 0 {
			return usage(c, errors.New("--timeout: want more than 0"))
		}
		return withLocal(*home, func(local *node.Local) error {
			return join(c, local, args[0], authorize, name, timeout)
		})
	}
	return command
}

func join(c *cobra.Command, local *node.Local, named string, authorize bool, name string, timeout time.Duration) error {
	ctx := c.Context()
	status, err := local.Status(ctx)
	if err != nil {
		return err
	}
	network, notID := zt.ParseNetworkID(named)
	var api *client.Client
	if notID != nil || authorize {
		if api, err = connect(c); err != nil {
			return err
		}
		found, err := findNetwork(ctx, api, named)
		if err != nil {
			return err
		}
		if network, err = idOf(found, named); err != nil {
			return err
		}
	}
	if authorize {
		if err := letIn(ctx, api, network, status.Address, name); err != nil {
			return err
		}
		fmt.Fprintf(c.ErrOrStderr(), "authorized %s on %s\n", status.Address, network)
	}
	if err := local.Join(ctx, network); err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	joined, err := local.Await(limited, network, func(j *node.Joined) bool { return settled(j, authorize) })
	if err == nil && joined.Status == node.StatusOK && len(joined.AssignedAddresses) == 0 {
		// The network may give no addresses; if it does, this one comes now.
		soon, cancel := context.WithTimeout(limited, 3*time.Second)
		defer cancel()
		joined, err = local.Await(soon, network, func(j *node.Joined) bool { return len(j.AssignedAddresses) > 0 })
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if joined.Status != node.StatusOK {
		return notIn(joined, status, authorize, timeout)
	}
	address := "no address; the network gives none by itself"
	if len(joined.AssignedAddresses) > 0 {
		address = addresses(joined)
	}
	fmt.Fprintf(c.OutOrStdout(), "%s is in %s: %s\n", status.Address, networkName(joined), address)
	return nil
}

// settled says whether waiting longer for a network makes no sense: the device
// is in, or somebody has to do something first.
func settled(j *node.Joined, authorized bool) bool {
	switch j.Status {
	case node.StatusOK, node.StatusPortError, node.StatusClientTooOld, node.StatusLoginRequired:
		return true
	case node.StatusAccessDenied, node.StatusNotFound:
		return !authorized // otherwise this is what was before
	}
	return false
}

// notIn is the error of a device that has joined and is not in.
func notIn(j *node.Joined, status *node.LocalStatus, authorized bool, waited time.Duration) error {
	switch j.Status {
	case node.StatusAccessDenied:
		if authorized {
			return partly("the server has authorized %s on %s, but its controller still denies access after %s; look at orrery doctor", status.Address, j.ID, waited)
		}
		return partly("%s asks to join %s and is not authorized yet; run orrery member authorize %s %s, or this with --authorize", status.Address, j.ID, j.ID, status.Address)
	case node.StatusNotFound:
		return fmt.Errorf("its controller says that there is no network %s; take it off with orrery node leave %s", j.ID, j.ID)
	case node.StatusPortError:
		return fmt.Errorf("the ZeroTier service cannot make a network device for %s; it needs root, and on Linux /dev/net/tun", j.ID)
	case node.StatusClientTooOld:
		return fmt.Errorf("the ZeroTier service of this device, %s, is too old for %s; update it", printable(status.Version), j.ID)
	case node.StatusLoginRequired:
		return partly("%s wants a login in the browser, which ZeroTier's app begins", j.ID)
	}
	why := "no answer from its controller " + j.ID.Controller().String() + " came"
	if !status.Online {
		why = "this device is offline: no ZeroTier root answers it"
	}
	return partly("%s asks to join %s and goes on asking, but %s in %s; orrery node status shows how it is", status.Address, j.ID, why, waited)
}

// letIn authorizes a node on a network, also one that has not asked yet.
func letIn(ctx context.Context, api *client.Client, network zt.NetworkID, address zt.Address, name string) error {
	change := patch{"hidden": false, "config": map[string]any{"authorized": true}}
	if name != "" {
		change["name"] = name
	}
	member, err := api.UpdateMember(ctx, network.String(), address.String(), change)
	if err != nil {
		return err
	}
	if authorized, err := isAuthorized(member, network, address); err != nil || !authorized {
		return errors.Join(err, fmt.Errorf("the server took the request and still does not show %s as authorized on %s", address, network))
	}
	return nil
}

func nodeLeaveCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "leave NETWORK",
		Short: "Leave a network with this device",
		Long: `Leave a network with this device. On the server the device stays what it is: a
member that is authorized comes back in when it joins again. To put it out for
good, use orrery node cleanup or orrery member deauthorize.`,
		Example: `  sudo orrery node leave home
  sudo orrery node leave 8056c2e21c000001`,
		Args: one("network, by id or by the name that the device knows"),
	}
	home := onDevice(command)
	command.RunE = func(c *cobra.Command, args []string) error {
		return withLocal(*home, func(local *node.Local) error {
			network, err := joinedNetwork(c.Context(), local, args[0])
			if err != nil {
				return err
			}
			if err := local.Leave(c.Context(), network.ID); err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "left %s\n", networkName(network))
			return nil
		})
	}
	return command
}

// joinedNetwork finds a network that the device has joined by its id or name.
func joinedNetwork(ctx context.Context, local *node.Local, named string) (*node.Joined, error) {
	all, err := local.Networks(ctx)
	if err != nil {
		return nil, err
	}
	id, notID := zt.ParseNetworkID(named)
	var found []*node.Joined
	var ids []string
	for i := range all {
		if notID == nil && all[i].ID == id {
			return &all[i], nil
		}
		if strings.EqualFold(all[i].Name, named) {
			found, ids = append(found, &all[i]), append(ids, all[i].ID.String())
		}
	}
	switch len(found) {
	case 0:
		return nil, fmt.Errorf("this device is not in a network %q; orrery node status shows those that it is in", named)
	case 1:
		return found[0], nil
	}
	return nil, fmt.Errorf("this device is in %d networks %q: %s; use the id", len(found), named, some(ids))
}

// networkName names a network that the device has joined.
func networkName(j *node.Joined) string {
	if j.Name == "" {
		return j.ID.String()
	}
	return fmt.Sprintf("%s (%s)", j.ID, printable(j.Name))
}

func addresses(j *node.Joined) string {
	texts := make([]string, len(j.AssignedAddresses))
	for i, a := range j.AssignedAddresses {
		texts[i] = a.String()
	}
	return strings.Join(texts, " ")
}
