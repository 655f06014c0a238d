package cli

import (
	"context"
	"iter"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/orrery-net/orrery/internal/client"
	"github.com/orrery-net/orrery/internal/table"
)

func memberCommand() *cobra.Command {
	return group(withAccess(&cobra.Command{
		Use:   "member",
		Short: "List members, let them in and put them out",
		Long: `List the members of networks, let them in and put them out.

A network is named by its id or name. A member is named by its node address, by
its name if only one has it, or by its assigned IP address. Several can be named
at once; flags select others, and - reads addresses or names from standard input,
one a line. Nothing is changed unless all of them were found.

Pending are members that asked to join and that nobody decided about yet: they
are neither authorized nor hidden, nor were they authorized before. A member that
was never seen is offline since it was added or authorized. When one was last seen
the hosted service may forget; then --offline-for does not select it.`,
		Example: `  orrery member list office
  orrery member authorize office --pending
  orrery member authorize office 8a9d09e442 --name "alice's laptop"
  orrery member delete office --offline-for 90d --dry-run`,
	}),
		listMembersCommand(), showMemberCommand(), addMemberCommand(),
		authorizeCommand(), deauthorizeCommand(), hideCommand(), unhideCommand(), setMemberCommand(),
		deleteMemberCommand(), memberExportCommand(), watchCommand())
}

// memberColumns are the columns of members as show has them.
func memberColumns() []table.Column {
	return []table.Column{
		{Name: "node", Paths: []string{"nodeId"}},
		{Name: "network", Paths: []string{"networkId"}},
		{Name: "name", Paths: []string{"name"}},
		{Name: "description", Paths: []string{"description"}},
		{Name: "authorized", Paths: []string{"config.authorized"}, Kind: table.Bool},
		{Name: "online", Paths: []string{"online"}, Kind: table.Bool},
		{Name: "hidden", Paths: []string{"hidden"}, Kind: table.Bool},
		{Name: "ip", Paths: []string{"config.ipAssignments", "ipAssignments"}},
		{Name: "lastSeen", Paths: []string{"lastSeen"}, Kind: table.Time},
		{Name: "physicalAddress", Paths: []string{"physicalAddress"}},
		{Name: "version", Paths: []string{"version"}},
		{Name: "autoIP", Paths: []string{"autoIP"}, Kind: table.Bool},
		{Name: "bridge", Paths: []string{"config.activeBridge"}, Kind: table.Bool},
		{Name: "ssoExempt", Paths: []string{"config.ssoExempt"}, Kind: table.Bool},
		{Name: "tags", Paths: []string{"tags"}},
		{Name: "capabilities", Paths: []string{"capabilities", "config.capabilities"}},
		{Name: "added", Paths: []string{"config.creationTime"}, Kind: table.Time},
		{Name: "lastAuthorized", Paths: []string{"config.lastAuthorizedTime"}, Kind: table.Time},
		{Name: "lastDeauthorized", Paths: []string{"config.lastDeauthorizedTime"}, Kind: table.Time},
	}
}

// memberObject is a member with what only columns show. People read names of tags
// and capabilities, machines their numbers.
func memberObject(o *output, network *client.Network) func(*client.Member) (table.Object, error) {
	names := ruleNames{}
	if o.forPeople() {
		names = namesOn(network)
	}
	return func(m *client.Member) (table.Object, error) {
		version := m.ClientVersion
		if version == "0.0.0" || strings.HasPrefix(version, "-") { // not known yet
			version = ""
		}
		return object(o, m.Raw, struct {
			Online       bool     `json:"online"`
			Version      string   `json:"version"`
			AutoIP       bool     `json:"autoIP"`
			Tags         string   `json:"tags"`
			Capabilities []string `json:"capabilities,omitempty"`
		}{m.Online(), version, !m.Config.NoAutoAssignIPs, names.tags(tagsOf(m)), names.capabilities(m)})
	}
}

// memberFilter is which members list shows; nothing that is asked for is all but
// the hidden ones.
type memberFilter struct {
	pending, online, authorized, hidden, all bool
	offlineFor                               span
	name                                     string
}

func (f *memberFilter) shows(m *client.Member, now time.Time) bool {
	text := strings.ToLower(f.name)
	switch {
	case m.Hidden != f.hidden && !f.all,
		f.pending && !isPending(m),
		f.online && !m.Online(),
		f.authorized && !m.Config.Authorized,
		f.offlineFor > 0 && offline(m, now) < time.Duration(f.offlineFor):
		return false
	case text == "":
		return true
	}
	return strings.Contains(strings.ToLower(m.Name), text) || strings.Contains(strings.ToLower(m.Description), text)
}

func listMembersCommand() *cobra.Command {
	var o *output
	filter := &memberFilter{}
	command := &cobra.Command{
		Use:   "list NETWORK",
		Short: "List the members of a network",
		Long: `List the members of a network, hidden ones left out. Filters can be combined.

CSV and TSV have the columns id, lastSeen, physicalAddress, ipAssignment and
name, in this order.`,
		Example: `  orrery member list office
  orrery member list office --pending
  orrery member list office --offline-for 30d --columns node,name,lastSeen
  orrery member list office -o csv`,
		Args:              exactly("network"),
		ValidArgsFunction: completeFirst(1, completeNetworks),
		RunE: func(c *cobra.Command, args []string) error {
			api, err := connect(c)
			if err != nil {
				return err
			}
			network, err := findNetwork(c.Context(), api, args[0])
			if err != nil {
				return err
			}
			o.none = "No member of " + networkLabel(network) + " is like that."
			if *filter == (memberFilter{}) {
				o.none = "Nobody is in " + networkLabel(network) + " yet; devices ask to join with: zerotier-cli join " + printable(network.ID)
			}
			return o.print(c, objects(filtered(api.Members(c.Context(), network.ID), filter, now(c)), memberObject(o, network)))
		},
	}
	flags := command.Flags()
	flags.BoolVar(&filter.pending, "pending", false, "members that asked to join and wait for an answer")
	flags.BoolVar(&filter.authorized, "authorized", false, "members that are authorized")
	flags.BoolVar(&filter.online, "online", false, "members that are online")
	flags.BoolVar(&filter.hidden, "hidden", false, "hidden members instead of the others")
	flags.BoolVar(&filter.all, "all", false, "hidden members with the others")
	flags.Var(&filter.offlineFor, "offline-for", "members not seen for this `time`, as 30d, 12h, 90m or 2w")
	flags.StringVar(&filter.name, "name", "", "members with this `text` in their name or description")
	columns, listed := inFront(memberColumns(), "node", "name", "authorized", "online", "ip", "lastSeen", "physicalAddress", "version")
	o = withOutput(command, columns, listed)
	o.machines = table.Members()
	return command
}

func filtered(list iter.Seq2[*client.Member, error], f *memberFilter, now time.Time) iter.Seq2[*client.Member, error] {
	return func(yield func(*client.Member, error) bool) {
		for m, err := range list {
			if (err != nil || f.shows(m, now)) && !yield(m, err) {
				return
			}
		}
	}
}

func showMemberCommand() *cobra.Command {
	var o *output
	command := &cobra.Command{
		Use:   "show NETWORK MEMBER…",
		Short: "Show all about members",
		Example: `  orrery member show office 8a9d09e442
  orrery member show office "alice's laptop"
  orrery member show office 10.9.0.7 -o json`,
		Args:              atLeast("network", "member"),
		ValidArgsFunction: completeMembers,
		RunE: func(c *cobra.Command, args []string) error {
			api, err := connect(c)
			if err != nil {
				return err
			}
			network, err := findNetwork(c.Context(), api, args[0])
			if err != nil {
				return err
			}
			chosen, err := (&selection{}).members(c, api, network, args[1:])
			if err != nil {
				return err
			}
			members, err := wholeMembers(c.Context(), api, network.ID, chosen)
			if err != nil {
				return err
			}
			return o.printAll(c, objects(each(members), memberObject(o, network)), len(members))
		},
	}
	o = withOutput(command, memberColumns(), len(memberColumns()))
	o.machines = table.Members()
	return command
}

func wholeMembers(ctx context.Context, api *client.Client, network string, chosen []choice) ([]*client.Member, error) {
	members := make([]*client.Member, len(chosen))
	for i, m := range chosen {
		var err error
		if members[i], err = api.Member(ctx, network, m.node); err != nil {
			return nil, err
		}
	}
	return members, nil
}
