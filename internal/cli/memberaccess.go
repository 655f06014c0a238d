package cli

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/orrery-net/orrery/internal/client"
)

func authorizeCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "authorize NETWORK MEMBER…",
		Short: "Let members in",
		Long: `Let members in. An address that is no member yet becomes one, and is let in as
soon as it asks to join. Tags and capabilities are named as in the network's rules,
or by number; those that are not named stay, or are what the rules have as default.`,
		Example: `  orrery member authorize office 8a9d09e442 --name "alice's laptop"
  orrery member authorize office --pending
  orrery member authorize office 8a9d09e442 --tag department=sales --capability ssh
  orrery member authorize office - < addresses.txt`,
	}
	m := &memberChange{
		selection: withSelection(command, false),
		action:    client.Authorize,
		words:     words{would: "would authorize", done: "authorized", already: "was authorized already"},
		so:        func(m *client.Member) bool { return m.Config.Authorized },
		creates:   patch{"hidden": false, "config": patch{"authorized": true}},
	}
	var name string
	var rights capabilityFlags
	command.Flags().StringVar(&name, "name", "", "give the one member this `name`, too")
	rights.addTo(command)
	m.prepare = func(c *cobra.Command, network *client.Network, chosen []choice) error {
		settings := &memberSettings{patch: make(patch)}
		settings.patch.set("config.authorized", true)
		named := c.Flags().Changed("name")
		if named {
			if len(chosen) != 1 {
				return usage(c, errors.New("--name is for one member"))
			}
			settings.patch.set("name", name)
		}
		var err error
		if settings.memberRights, err = rights.read(c); err != nil {
			return err
		}
		if !named && settings.memberRights.isEmpty() {
			return nil
		}
		if err := settings.resolve(network); err != nil {
			return err
		}
		m.action, m.settings = "", settings
		m.so = func(m *client.Member) bool {
			return m.Config.Authorized && (!named || m.Name == name) && settings.has(m)
		}
		m.creates, err = settings.of(&client.Member{})
		m.creates.set("hidden", false)
		return err
	}
	return m.command(command)
}

func deauthorizeCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "deauthorize NETWORK MEMBER…",
		Short: "Put members out, and keep them in the list",
		Long: `Put members out, and keep them in the list with their names and addresses. Of an
Orrery server all others learn of it at once.`,
		Example: `  orrery member deauthorize office "alice's laptop"
  orrery member deauthorize office --offline-for 30d --dry-run
  orrery member deauthorize office 10.9.0.7 8a9d09e442`,
	}
	m := &memberChange{
		selection: withSelection(command, true),
		action:    client.Deauthorize,
		words:     words{would: "would deauthorize", done: "deauthorized", already: "was not authorized"},
		so:        func(m *client.Member) bool { return !m.Config.Authorized },
		putsOut:   true,
	}
	return m.command(command)
}

func hideCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "hide NETWORK MEMBER…",
		Short: "Leave members out of lists",
		Long: `Leave members out of lists, as devices that ask and shall not be asked about again.
Hidden members that are authorized stay so, unless --deauthorize puts them out.`,
		Example: `  orrery member hide office 8a9d09e442
  orrery member hide office --pending
  orrery member hide office laptop --deauthorize`,
	}
	m := &memberChange{
		selection: withSelection(command, false),
		words:     words{would: "would hide", done: "hidden", already: "was hidden already"},
		so:        func(m *client.Member) bool { return m.Hidden },
		patch:     patch{"hidden": true},
	}
	var deauthorize bool
	command.Flags().BoolVar(&deauthorize, "deauthorize", false, "put them out, too")
	m.prepare = func(*cobra.Command, *client.Network, []choice) error {
		if deauthorize {
			m.so = func(m *client.Member) bool { return m.Hidden && !m.Config.Authorized }
			m.patch = patch{"hidden": true, "config": patch{"authorized": false}}
			m.putsOut = true
		}
		return nil
	}
	return m.command(command)
}

func unhideCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "unhide NETWORK MEMBER…",
		Short: "Show hidden members in lists again",
		Example: `  orrery member unhide office 8a9d09e442
  orrery member unhide office --all`,
	}
	m := &memberChange{
		selection: withSelection(command, true),
		words:     words{would: "would unhide", done: "unhidden", already: "was not hidden"},
		so:        func(m *client.Member) bool { return !m.Hidden },
		patch:     patch{"hidden": false},
	}
	return m.command(command)
}

func deleteMemberCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "delete NETWORK MEMBER…",
		Short: "Delete members",
		Long: `Delete members: they are put out, and their names and addresses are forgotten.
A device that asks again stays out of the list until it is added again, unless
the network is public.`,
		Example: `  orrery member delete office 8a9d09e442
  orrery member delete office --offline-for 90d --dry-run
  orrery member delete office --offline-for 90d --yes`,
	}
	m := &memberChange{
		selection: withSelection(command, true),
		action:    client.Delete,
		words:     words{would: "would delete", done: "deleted", already: "was deleted already"},
		deletes:   true,
		putsOut:   true,
	}
	return m.command(command)
}
