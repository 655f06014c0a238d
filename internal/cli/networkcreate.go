package cli

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/spf13/cobra"

	"github.com/orrery-net/orrery/internal/client"
	"github.com/orrery-net/orrery/internal/table"
)

func createNetworkCommand() *cobra.Command {
	s := &networkFlags{}
	var o *output
	command := &cobra.Command{
		Use:   "create NAME",
		Short: "Make a network and print its id",
		Long: `Make a network and print its id, alone on standard output. With --subnet or --easy
members get addresses; all else can also be set later.`,
		Example: `  orrery network create office --subnet 10.9.0.0/24
  orrery network create test --easy --description "for a day"
  NETWORK=$(orrery network create branch --easy)`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 1 || strings.TrimSpace(args[0]) == "" {
				return usage(c, errors.New("want one name; put it in quotes if it has spaces"))
			}
			return nil
		},
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(c *cobra.Command, args []string) error {
			s.name = args[0]
			return createNetwork(c, s, o)
		},
	}
	s.addTo(command)
	flags := command.Flags()
	flags.StringVar(&s.subnet, "subnet", "", "members get addresses of this `subnet`: a route, a pool and --auto-assign")
	flags.BoolVar(&s.easy, "easy", false, "the same with a private subnet at random that none of your networks uses")
	o = withOutput(command, networkColumns(), len(networkColumns()))
	o.machines = table.Networks()
	return command
}

func createNetwork(c *cobra.Command, s *networkFlags, o *output) error {
	change, err := s.read(c)
	if err != nil {
		return err
	}
	change.patch.set("config.name", s.name)
	var subnet netip.Prefix
	given := c.Flags().Changed
	switch {
	case given("subnet") && s.easy:
		return usage(c, errors.New("--subnet and --easy exclude each other"))
	case given("subnet"):
		if subnet, err = parseSubnet(s.subnet); err == nil {
			_, err = poolOf(subnet)
		}
		if err != nil {
			return usage(c, fmt.Errorf("--subnet: %w", err))
		}
	}
	api, err := connect(c)
	if err != nil {
		return err
	}
	if s.easy {
		var all []*client.Network
		for n, err := range api.Networks(c.Context()) {
			if err != nil {
				return err
			}
			all = append(all, n)
		}
		if subnet, err = easySubnet(all); err != nil {
			return err
		}
	}
	if subnet.IsValid() {
		if err := change.addSubnet(subnet); err != nil {
			return err
		}
	}
	p, err := change.of(&client.Network{})
	if err != nil {
		return err
	}
	n, err := api.CreateNetwork(c.Context(), p)
	if err != nil {
		return err
	}
	if !o.forPeople() {
		one, err := networkObject(o)(n)
		if err != nil {
			return err
		}
		if err := o.printOne(c, one); err != nil {
			return fmt.Errorf("the network %s was made, but could not be written: %v", n.ID, err)
		}
		return nil
	}
	made := "made the network " + networkLabel(n)
	if addresses := networkAddresses(n); addresses != "" {
		made += " with " + printable(addresses)
	}
	fmt.Fprintf(c.ErrOrStderr(), "%s; its id:\n", made)
	if _, err = fmt.Fprintln(c.OutOrStdout(), printable(n.ID)); err != nil {
		return fmt.Errorf("the network %s was made, but its id could not be written: %v", n.ID, err)
	}
	advise(c, n)
	return nil
}

// addSubnet gives members addresses of a subnet.
func (change *networkChange) addSubnet(subnet netip.Prefix) error {
	pool, err := poolOf(subnet)
	if err != nil {
		return err
	}
	change.addRoutes = append([]client.Route{{Target: subnet.String()}}, change.addRoutes...)
	change.addPools = append([]client.Pool{pool}, change.addPools...)
	if subnet.Addr().Is4() {
		change.patch.set("config.v4AssignMode.zt", true)
	} else {
		change.patch.set("config.v6AssignMode.zt", true)
	}
	return nil
}
