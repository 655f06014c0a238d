package cli

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/orrery-net/orrery/internal/client"
)

// advise tells of pools from which nobody will get an address.
func advise(c *cobra.Command, n *client.Network) {
	for _, pool := range n.Config.IPAssignmentPools {
		first, err := netip.ParseAddr(pool.First)
		if err != nil {
			continue
		}
		covered := slices.ContainsFunc(n.Config.Routes, func(r client.Route) bool {
			target, err := netip.ParsePrefix(r.Target)
			return err == nil && r.Via == "" && target.Contains(first)
		})
		switch on := n.Config.V4AssignMode.ZT && first.Is4() || n.Config.V6AssignMode.ZT && first.Is6(); {
		case !covered:
			fmt.Fprintf(c.ErrOrStderr(), "note: no route of %s leads to the pool %s-%s, so that members get no addresses of it; see --add-route\n",
				networkLabel(n), printable(pool.First), printable(pool.Last))
		case !on && first.Is4():
			fmt.Fprintf(c.ErrOrStderr(), "note: members of %s get no IPv4 addresses by themselves; see --auto-assign\n", networkLabel(n))
		case !on:
			fmt.Fprintf(c.ErrOrStderr(), "note: members of %s get no IPv6 addresses of the pool by themselves; see --v6 zt\n", networkLabel(n))
		}
	}
}

func setNetworkCommand() *cobra.Command {
	s := &networkFlags{}
	var dryRun bool
	command := &cobra.Command{
		Use:   "set NETWORK…",
		Short: "Change settings of networks",
		Long: `Change settings of networks. What no flag names stays as it is. Nodes that are
online learn of it at once.`,
		Example: `  orrery network set office --name "Head office" --description "Building 7"
  orrery network set office --add-route 192.168.7.0/24,10.9.0.1
  orrery network set office --pool 10.9.0.100-10.9.0.200 --auto-assign
  orrery network set office --dns-domain office.example --dns-server 10.9.0.1
  orrery network show office -o json | orrery network set branch --name branch --json -`,
		Args:              atLeast("network"),
		ValidArgsFunction: completeNetworks,
		RunE: func(c *cobra.Command, args []string) error {
			change, err := s.read(c)
			if err != nil {
				return err
			}
			switch {
			case change.isEmpty():
				return usage(c, errors.New("say what to change"))
			case len(args) > 1 && change.patch.has("config.name"):
				return usage(c, errors.New("a name is for one network"))
			}
			api, err := connect(c)
			if err != nil {
				return err
			}
			found, err := findNetworks(c.Context(), api, args)
			if err != nil {
				return err
			}
			return setNetworks(c, api, found, change, dryRun)
		},
	}
	s.addTo(command)
	flags := command.Flags()
	flags.StringVar(&s.name, "name", "", "the network's `name`")
	flags.StringArrayVar(&s.addRoutes, "add-route", nil, "one more managed route `TARGET[,VIA]`, or another gateway for it; repeatable")
	flags.StringArrayVar(&s.removeRoutes, "remove-route", nil, "take away the route to this `TARGET`; repeatable")
	flags.StringArrayVar(&s.addPools, "add-pool", nil, "more addresses for members, `FIRST-LAST` or a subnet; repeatable")
	flags.StringArrayVar(&s.removePools, "remove-pool", nil, "take away the pool `FIRST-LAST`; repeatable")
	flags.BoolVar(&dryRun, "dry-run", false, "show what would be changed, and change nothing")
	return command
}

// setNetworks changes networks after all of them were looked at.
func setNetworks(c *cobra.Command, api *client.Client, networks []*client.Network, change *networkChange, dryRun bool) error {
	for _, n := range networks {
		if _, err := change.of(n); err != nil {
			return err
		}
	}
	r := newReport(c, len(networks), words{thing: "network", would: "would change", done: "changed", already: "is like that already"})
	r.dryRun = dryRun
	for _, n := range networks {
		label, after, err := setNetwork(c, api, n, change, dryRun)
		r.add(label, after != nil, err)
		if hopeless(c, err) {
			break
		}
		if after != nil && !dryRun {
			advise(c, after)
		}
	}
	return r.end()
}

// setNetwork changes a network as it is now: whatever somebody added meanwhile to
// its routes and pools, which are sent as a whole, shall stay. One that is like
// that already is no network afterwards.
func setNetwork(c *cobra.Command, api *client.Client, n *client.Network, change *networkChange, dryRun bool) (label string, after *client.Network, err error) {
	label = networkLabel(n)
	if n, err = api.Network(c.Context(), n.ID); err != nil {
		return label, nil, err
	}
	p, err := change.of(n)
	if err != nil {
		return label, nil, err
	}
	differences, err := p.changes(n.Raw)
	if err != nil || len(differences) == 0 {
		return label, nil, err
	}
	label += ": " + strings.Join(differences, "; ")
	if dryRun {
		return label, n, nil
	}
	after, err = api.UpdateNetwork(c.Context(), n.ID, p)
	if err != nil {
		return networkLabel(n), nil, err
	}
	return label, after, nil
}
