package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/orrery-net/orrery/internal/client"
	"github.com/orrery-net/orrery/internal/table"
)

func networkCommand() *cobra.Command {
	return group(withAccess(&cobra.Command{
		Use:   "network",
		Short: "List, make and change networks",
		Long:  "List, make and change networks. A network is named by its id, or by its name if only one has it.",
		Example: `  orrery network create office --subnet 10.9.0.0/24
  orrery network list
  orrery network set office --dns-domain office.example --dns-server 10.9.0.1`,
	}),
		listNetworksCommand(), showNetworkCommand(), createNetworkCommand(), setNetworkCommand(),
		deleteNetworkCommand(), networkExportCommand())
}

// networkColumns are the columns of networks as show has them.
func networkColumns() []table.Column {
	return []table.Column{
		{Name: "id", Paths: []string{"id"}},
		{Name: "name", Paths: []string{"config.name"}},
		{Name: "description", Paths: []string{"description"}},
		{Name: "members", Paths: []string{"totalMemberCount"}, Kind: table.Number},
		{Name: "authorized", Paths: []string{"authorizedMemberCount"}, Kind: table.Number},
		{Name: "online", Paths: []string{"onlineMemberCount"}, Kind: table.Number},
		{Name: "private", Paths: []string{"config.private"}, Kind: table.Bool},
		{Name: "addresses", Paths: []string{"addresses"}},
		{Name: "routes", Paths: []string{"routes"}},
		{Name: "pools", Paths: []string{"pools"}},
		{Name: "autoAssign", Paths: []string{"autoAssign"}},
		{Name: "dns", Paths: []string{"dns"}},
		{Name: "mtu", Paths: []string{"config.mtu"}, Kind: table.Number},
		{Name: "broadcast", Paths: []string{"config.enableBroadcast"}, Kind: table.Bool},
		{Name: "multicastLimit", Paths: []string{"config.multicastLimit"}, Kind: table.Number},
		{Name: "rules", Paths: []string{"rules"}, Kind: table.Number},
		{Name: "created", Paths: []string{"config.creationTime"}, Kind: table.Time},
		{Name: "changed", Paths: []string{"config.lastModified"}, Kind: table.Time},
	}
}

// networkObject is a network with what only columns show.
func networkObject(o *output) func(*client.Network) (table.Object, error) {
	return func(n *client.Network) (table.Object, error) {
		routes := make([]string, len(n.Config.Routes))
		for i, r := range n.Config.Routes {
			if routes[i] = r.Target; r.Via != "" {
				routes[i] += " via " + r.Via
			}
		}
		pools := make([]string, len(n.Config.IPAssignmentPools))
		for i, p := range n.Config.IPAssignmentPools {
			pools[i] = p.First + "-" + p.Last
		}
		dns := n.Config.DNS.Domain
		if len(n.Config.DNS.Servers) > 0 {
			dns = strings.TrimSpace(dns + " at " + strings.Join(n.Config.DNS.Servers, ", "))
		}
		return object(o, n.Raw, struct {
			Addresses  string `json:"addresses"`
			Routes     string `json:"routes"`
			Pools      string `json:"pools"`
			AutoAssign string `json:"autoAssign"`
			DNS        string `json:"dns"`
			Rules      int    `json:"rules"`
		}{networkAddresses(n), strings.Join(routes, ", "), strings.Join(pools, ", "), strings.Join(assignModes(n), ", "), dns, ruleCount(n)})
	}
}

// networkAddresses is where a network's members are: the routes that lead to
// nobody else.
func networkAddresses(n *client.Network) string {
	var own []string
	for _, r := range n.Config.Routes {
		if r.Via == "" {
			own = append(own, r.Target)
		}
	}
	return strings.Join(own, ", ")
}

func assignModes(n *client.Network) []string {
	var modes []string
	for _, mode := range []struct {
		on   bool
		name string
	}{
		{n.Config.V4AssignMode.ZT, "IPv4"},
		{n.Config.V6AssignMode.ZT, "IPv6"},
		{n.Config.V6AssignMode.RFC4193, "IPv6 rfc4193"},
		{n.Config.V6AssignMode.Plane6, "IPv6 6plane"},
	} {
		if mode.on {
			modes = append(modes, mode.name)
		}
	}
	return modes
}

func ruleCount(n *client.Network) int {
	var shown struct {
		Config struct{ Rules []json.RawMessage }
	}
	if json.Unmarshal(n.Raw, &shown) != nil {
		return 0
	}
	return len(shown.Config.Rules)
}

func listNetworksCommand() *cobra.Command {
	var o *output
	command := &cobra.Command{
		Use:   "list",
		Short: "List the networks that you may see",
		Long: `List the networks that you may see.

CSV and TSV have the columns id, name, description, totalMemberCount,
creationTime, ipRangeStart and ipRangeEnd, in this order.`,
		Example: `  orrery network list
  orrery network list -o csv
  orrery network list --columns id,name,config.mtu`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			api, err := connect(c)
			if err != nil {
				return err
			}
			return o.print(c, objects(api.Networks(c.Context()), networkObject(o)))
		},
	}
	// How many are online is not in lists of networks.
	columns, listed := inFront(networkColumns(), "id", "name", "members", "authorized", "addresses", "created")
	o = withOutput(command, columns, listed)
	o.machines = table.Networks()
	o.none = "You have no networks; make one: orrery network create NAME --easy"
	return command
}

func showNetworkCommand() *cobra.Command {
	var o *output
	command := &cobra.Command{
		Use:   "show NETWORK…",
		Short: "Show a network with its addresses, routes, DNS and counts",
		Example: `  orrery network show office
  orrery network show office -o json > office.json`,
		Args:              atLeast("network"),
		ValidArgsFunction: completeNetworks,
		RunE: func(c *cobra.Command, args []string) error {
			api, err := connect(c)
			if err != nil {
				return err
			}
			found, err := findNetworks(c.Context(), api, args)
			if err != nil {
				return err
			}
			// What comes of a list does not say how many members are online.
			if found, err = readNetworks(c.Context(), api, found); err != nil {
				return err
			}
			return o.printAll(c, objects(each(found), networkObject(o)), len(found))
		},
	}
	o = withOutput(command, networkColumns(), len(networkColumns()))
	o.machines = table.Networks()
	return command
}

func readNetworks(ctx context.Context, api *client.Client, networks []*client.Network) ([]*client.Network, error) {
	read := make([]*client.Network, len(networks))
	for i, n := range networks {
		var err error
		if read[i], err = api.Network(ctx, n.ID); err != nil {
			return nil, err
		}
	}
	return read, nil
}

func deleteNetworkCommand() *cobra.Command {
	var yes, dryRun bool
	command := &cobra.Command{
		Use:   "delete NETWORK…",
		Short: "Delete networks with all their members",
		Long:  "Delete networks with all their members. They cannot be brought back.",
		Example: `  orrery network delete office
  orrery network delete 8056c2e21c000001 8056c2e21c000002 --yes`,
		Args:              atLeast("network"),
		ValidArgsFunction: completeNetworks,
		RunE: func(c *cobra.Command, args []string) error {
			api, err := connect(c)
			if err != nil {
				return err
			}
			found, err := findNetworks(c.Context(), api, args)
			if err != nil {
				return err
			}
			if dryRun {
				for _, n := range found {
					fmt.Fprintln(c.OutOrStdout(), "would delete", networkWithMembers(n))
				}
				return nil
			}
			if !yes {
				if err := confirmDeletion(c, found); err != nil {
					return err
				}
			}
			return deleteNetworks(c, api, found)
		},
	}
	command.Flags().BoolVar(&yes, "yes", false, "do not ask")
	command.Flags().BoolVar(&dryRun, "dry-run", false, "show what would be deleted, and delete nothing")
	return command
}

func networkWithMembers(n *client.Network) string {
	label := "the network " + n.ID
	if n.Config.Name != "" {
		label = fmt.Sprintf("the network %s (%s)", n.Config.Name, n.ID)
	}
	return printable(fmt.Sprintf("%s with %s", label, count(n.TotalMemberCount, "member")))
}

// confirmDeletion asks for the name of a network that has members, which is not
// typed by mistake.
func confirmDeletion(c *cobra.Command, networks []*client.Network) error {
	if len(networks) == 1 && networks[0].TotalMemberCount > 0 {
		return confirmByName(c, "Delete "+networkWithMembers(networks[0])+"? It cannot be brought back.", typeable(networks[0]))
	}
	labels, members := make([]string, len(networks)), 0
	for i, n := range networks {
		labels[i] = networkWithMembers(n)
		members += n.TotalMemberCount
	}
	question := "Delete " + strings.Join(labels, ", ") + "?"
	if members > 0 {
		return confirmByName(c, question+" They cannot be brought back.", strconv.Itoa(len(networks))+" networks")
	}
	return confirm(c, question)
}

// typeable is what a person can type to name a network: its name, unless that
// has spaces at its ends or characters that are not shown.
func typeable(n *client.Network) string {
	if label := networkLabel(n); label == strings.TrimSpace(n.Config.Name) {
		return label
	}
	return printable(n.ID)
}

func deleteNetworks(c *cobra.Command, api *client.Client, networks []*client.Network) error {
	r := newReport(c, len(networks), words{thing: "network", done: "deleted"})
	for _, n := range networks {
		err := api.DeleteNetwork(c.Context(), n.ID)
		r.add(networkWithMembers(n), true, err)
		if hopeless(c, err) {
			break
		}
	}
	return r.end()
}
