package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/orrery-net/orrery/internal/client"
	"github.com/orrery-net/orrery/internal/node"
	"github.com/orrery-net/orrery/internal/server"
	"github.com/orrery-net/orrery/internal/table"
)

// nodeState is what node status shows.
type nodeState struct {
	Address  string        `json:"address"`
	Version  string        `json:"version"`
	Online   bool          `json:"online"`
	Service  string        `json:"service"` // how it runs; empty: unknown
	Home     string        `json:"home"`
	Networks []nodeNetwork `json:"networks"`
	Server   string        `json:"server,omitempty"`
}

// nodeNetwork is a network that the device has joined. What the server says of it
// is null where the server knows nothing.
type nodeNetwork struct {
	ID         string   `json:"id"`
	Name       string   `json:"name"`
	Status     string   `json:"status"`
	Addresses  []string `json:"addresses"`
	Device     string   `json:"device"`
	Node       string   `json:"node"`
	Authorized *bool    `json:"authorized"`
	MemberName *string  `json:"memberName"`
	LastSeen   *int64   `json:"lastSeen"` // ms since 1970
}

func nodeStatusCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "status",
		Short: "Show this device's node, its networks, and what the server thinks of it",
		Long: `Show this device's node and the networks that it has joined: what its ZeroTier
service says of each, and what the server thinks of it. Without a server it shows
the device's part. Status 3: a server is configured and did not answer.`,
		Example: `  sudo -E orrery node status
  sudo -E orrery node status -o json`,
		Args: cobra.NoArgs,
	}
	home := onDevice(command)
	o := withOutput(command, []table.Column{
		{Name: "id", Paths: []string{"id"}},
		{Name: "name", Paths: []string{"name"}},
		{Name: "status", Paths: []string{"status"}},
		{Name: "addresses", Paths: []string{"addresses"}},
		{Name: "authorized", Paths: []string{"authorized"}, Kind: table.Bool},
		{Name: "memberName", Paths: []string{"memberName"}},
		{Name: "lastSeen", Paths: []string{"lastSeen"}, Kind: table.Time},
		{Name: "device", Paths: []string{"device"}},
		{Name: "node", Paths: []string{"node"}},
	}, 7)
	o.none = "It has joined no network."
	command.RunE = func(c *cobra.Command, _ []string) error {
		state, err := readState(c.Context(), *home)
		if err != nil {
			return err
		}
		asked := askServer(c, state)
		switch {
		case c.Context().Err() != nil:
			return c.Context().Err()
		case errors.Is(asked, server.ErrUsage) && !errors.Is(asked, errNoServer):
			return asked
		}
		if err := showState(c, o, state); err != nil {
			return err
		}
		switch {
		case asked == nil:
			return nil
		case errors.Is(asked, errNoServer):
			fmt.Fprintln(c.ErrOrStderr(), "what a server thinks is not shown:", errNoServer)
			return nil
		}
		return partly("the server's part is missing: %w", asked)
	}
	return command
}

// readState asks the service of this device.
func readState(ctx context.Context, home string) (state *nodeState, err error) {
	device := node.This()
	h, err := device.OpenHome(home)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	local := h.Local()
	status, err := local.Status(ctx)
	if err != nil {
		if address, addressErr := h.Address(); addressErr == nil && errors.Is(err, node.ErrSilent) {
			return nil, fmt.Errorf("%w (this device is %s)", err, address)
		}
		return nil, err
	}
	joined, err := local.Networks(ctx)
	if err != nil {
		return nil, err
	}
	state = &nodeState{
		Address: status.Address.String(), Version: status.Version, Online: status.Online, Home: h.Path(), Networks: []nodeNetwork{},
	}
	if service, err := device.FindService(ctx, h, node.Automatic, ""); err == nil {
		state.Service = service.String()
	}
	for _, one := range joined {
		network := nodeNetwork{ID: one.ID.String(), Name: one.Name, Status: one.Status, Device: one.Device, Node: state.Address, Addresses: []string{}}
		for _, address := range one.AssignedAddresses {
			network.Addresses = append(network.Addresses, address.String())
		}
		state.Networks = append(state.Networks, network)
	}
	return state, nil
}

// askServer adds what the server thinks of the node. Networks of others are none
// of its business: it knows nothing of them.
func askServer(c *cobra.Command, state *nodeState) error {
	api, err := connect(c)
	if err != nil {
		return err
	}
	state.Server = api.URL()
	for i := range state.Networks {
		network := &state.Networks[i]
		member, err := api.Member(c.Context(), network.ID, state.Address)
		switch {
		case errors.Is(err, client.ErrNotFound), errors.Is(err, client.ErrForbidden):
			continue
		case err != nil:
			return err
		}
		network.Authorized, network.MemberName, network.LastSeen = &member.Config.Authorized, &member.Name, &member.LastSeen
	}
	return nil
}

func showState(c *cobra.Command, o *output, state *nodeState) error {
	if o.whole() {
		one, err := objectOf(state)
		if err != nil {
			return err
		}
		return o.printOne(c, one)
	}
	if o.forPeople() {
		online := "offline"
		if state.Online {
			online = "online"
		}
		runs := ""
		if state.Service != "" {
			runs = ", runs as " + state.Service
		}
		fmt.Fprintf(c.OutOrStdout(), "%s %s, ZeroTier %s%s\n\n", state.Address, online, printable(state.Version), printable(runs))
	}
	return o.print(c, objects(each(state.Networks), func(n nodeNetwork) (table.Object, error) { return objectOf(n) }))
}
