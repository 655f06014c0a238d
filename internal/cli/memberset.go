package cli

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/orrery-net/orrery/internal/client"
	"github.com/orrery-net/orrery/zt"
)

// memberFlags are the settings of a member as flags have them.
type memberFlags struct {
	name, description        string
	ips, addIPs, removeIPs   []string
	noAutoIP, bridge, exempt bool
	capabilityFlags
	json string
}

// memberSettings are flags that were checked. What is added or removed depends on
// the member.
type memberSettings struct {
	patch             patch
	addIPs, removeIPs []string
	replaceIPs        bool
	memberRights
}

// read checks all flags, before anything is asked of a server.
func (f *memberFlags) read(c *cobra.Command) (*memberSettings, error) {
	s := &memberSettings{patch: make(patch)}
	given := c.Flags().Changed
	if given("json") {
		var err error
		if s.patch, err = readPatch(c, f.json); err != nil {
			return nil, err
		}
		if err := s.patch.leaves(c, map[string][]string{
			"config.ipAssignments": {"add-ip", "remove-ip"}, "config.tags": {"tag"}, "config.capabilities": {"capability", "remove-capability"},
		}); err != nil {
			return nil, err
		}
	}
	for _, x := range []struct {
		flag, path string
		value      any
	}{
		{"name", "name", f.name},
		{"description", "description", f.description},
		{"no-auto-ip", "config.noAutoAssignIps", f.noAutoIP},
		{"bridge", "config.activeBridge", f.bridge},
		{"sso-exempt", "config.ssoExempt", f.exempt},
	} {
		if given(x.flag) {
			s.patch.set(x.path, x.value)
		}
	}
	if given("ip") && (given("add-ip") || given("remove-ip")) {
		return nil, usage(c, errors.New("--ip replaces all addresses; --add-ip and --remove-ip change some: give one or the other"))
	}
	s.replaceIPs = given("ip")
	if err := orNone("ip", s.replaceIPs, &f.ips); err != nil {
		return nil, usage(c, err)
	}
	for _, x := range []struct {
		flag   string
		values []string
		into   *[]string
	}{{"ip", f.ips, &s.addIPs}, {"add-ip", f.addIPs, &s.addIPs}, {"remove-ip", f.removeIPs, &s.removeIPs}} {
		ips, err := parseEach(x.flag, x.values, parseIP)
		if err != nil {
			return nil, usage(c, err)
		}
		*x.into = append(*x.into, ips...)
	}
	var err error
	if s.memberRights, err = f.capabilityFlags.read(c); err != nil {
		return nil, err
	}
	return s, nil
}

// parseIP reads an address as members have it, without a mask.
func parseIP(text string) (string, error) {
	ip, err := netip.ParseAddr(text)
	if err == nil {
		return ip.Unmap().String(), nil
	}
	if prefix, err := netip.ParsePrefix(text); err == nil {
		return "", fmt.Errorf("%s has a mask, which the network's route says; write %s", text, prefix.Addr())
	}
	return "", fmt.Errorf("%q is no IP address", text)
}

func (s *memberSettings) isEmpty() bool {
	return len(s.patch) == 0 && !s.replaceIPs && len(s.addIPs)+len(s.removeIPs) == 0 && s.memberRights.isEmpty()
}

// areForOne reports whether the settings make no sense for several members.
func (s *memberSettings) areForOne() bool {
	return len(s.addIPs) > 0 || s.patch.has("name") || s.patch.has("config.ipAssignments")
}

var errForOne = errors.New("a name and addresses are for one member")

// of makes the patch for a member as it is.
func (s *memberSettings) of(m *client.Member) (patch, error) {
	p := s.patch.clone()
	if s.replaceIPs || len(s.addIPs)+len(s.removeIPs) > 0 {
		ips, err := s.ips(m)
		if err != nil {
			return nil, err
		}
		p.set("config.ipAssignments", ips)
	}
	s.memberRights.add(p, m)
	return p, nil
}

func (s *memberSettings) ips(m *client.Member) ([]string, error) {
	ips := []string{}
	if !s.replaceIPs {
		ips = append(ips, m.Config.IPAssignments...)
	}
	for _, removed := range s.removeIPs {
		i := slices.IndexFunc(ips, func(ip string) bool { return key(ip) == removed })
		if i < 0 {
			return nil, fmt.Errorf("%s does not have the address %s", m.NodeID, removed)
		}
		ips = slices.Delete(ips, i, i+1)
	}
	for _, added := range s.addIPs {
		if !slices.ContainsFunc(ips, func(ip string) bool { return key(ip) == added }) {
			ips = append(ips, added)
		}
	}
	return ips, nil
}

func (f *memberFlags) addTo(command *cobra.Command) {
	flags := command.Flags()
	flags.StringVar(&f.name, "name", "", "the member's `name`")
	flags.StringVar(&f.description, "description", "", "a `text` that you note about it")
	flags.StringSliceVar(&f.ips, "ip", nil, "its `address` in the network, in the place of all others; repeatable; none: none")
	flags.BoolVar(&f.noAutoIP, "no-auto-ip", false, "it gets no addresses from the pools")
	flags.BoolVar(&f.bridge, "bridge", false, "it may bridge to another Ethernet network")
	flags.BoolVar(&f.exempt, "sso-exempt", false, "it need not sign in where others do")
	f.capabilityFlags.addTo(command)
	flags.StringVar(&f.json, "json", "", "a `file` with settings as Central's API has them, - for standard input; flags come on top")
}

func setMemberCommand() *cobra.Command {
	f := &memberFlags{}
	var dryRun bool
	command := &cobra.Command{
		Use:   "set NETWORK MEMBER…",
		Short: "Change settings of members",
		Long: `Change settings of members. What no flag names stays as it is. A flag that switches
something on switches it off with =false.

Tags, their values and capabilities are named as in the network's rules, or by
number. Names of flags are put together with +. A tag that is unset is one that the
member does not have, whatever the default is; one that is set to default is what
the network's rules say for members without a value of their own.`,
		Example: `  orrery member set office 8a9d09e442 --name "alice's laptop" --ip 10.9.0.7
  orrery member set office printer --no-auto-ip --add-ip fd00::7
  orrery member set office router --bridge
  orrery member set office bob --tag department=sales --tag role=admin+ops --capability ssh
  orrery member set office --all --tag department=default`,
	}
	s := withSelection(command, true)
	f.addTo(command)
	flags := command.Flags()
	flags.StringSliceVar(&f.addIPs, "add-ip", nil, "one more `address`; repeatable")
	flags.StringSliceVar(&f.removeIPs, "remove-ip", nil, "take an `address` away; repeatable")
	f.capabilityFlags.addRemoval(command)
	flags.BoolVar(&dryRun, "dry-run", false, "show what would be changed, and change nothing")
	command.RunE = func(c *cobra.Command, args []string) error {
		settings, err := f.read(c)
		if err != nil {
			return err
		}
		if settings.isEmpty() {
			return usage(c, errors.New("say what to change"))
		}
		api, err := connect(c)
		if err != nil {
			return err
		}
		network, err := findNetwork(c.Context(), api, args[0])
		if err != nil {
			return err
		}
		chosen, err := s.members(c, api, network, args[1:])
		if err != nil {
			return err
		}
		if len(chosen) > 1 && settings.areForOne() {
			return usage(c, errForOne)
		}
		if err := settings.resolve(network); err != nil {
			return err
		}
		return setMembers(c, api, network, chosen, settings, dryRun)
	}
	return command
}

// setMembers reads each member as it is now and changes it.
func setMembers(c *cobra.Command, api *client.Client, network *client.Network, chosen []choice, settings *memberSettings, dryRun bool) error {
	if len(chosen) == 0 {
		fmt.Fprintf(c.ErrOrStderr(), "nothing to do: no member of %s is meant\n", networkLabel(network))
		return nil
	}
	r := newReport(c, len(chosen), words{thing: "member", would: "would change", done: "changed", already: "is like that already"})
	r.dryRun = dryRun
	for _, member := range chosen {
		label, changed, err := setMember(c, api, network, member, settings, dryRun)
		r.add(label, changed, err)
		if hopeless(c, err) {
			break
		}
	}
	return r.end()
}

func setMember(c *cobra.Command, api *client.Client, network *client.Network, member choice, settings *memberSettings, dryRun bool) (label string, changed bool, err error) {
	m, err := api.Member(c.Context(), network.ID, member.node)
	if errors.Is(err, client.ErrNotFound) {
		err = noMember(member.node, network)
	}
	if err != nil {
		return member.String(), false, err
	}
	if err := settings.see(c.Context(), api, network.ID, m); err != nil {
		return member.String(), false, err
	}
	member.member = m
	label = member.String()
	p, err := settings.of(m)
	if err != nil {
		return label, false, err
	}
	differences, err := p.changesInWords(m.Raw, namesOn(network).words())
	if err != nil || len(differences) == 0 {
		return label, false, err
	}
	if !dryRun {
		_, err = settings.send(c.Context(), api, network.ID, m, p)
	}
	return label + ": " + strings.Join(differences, "; "), err == nil, err
}

// send sends a patch that was made of the settings for a member.
func (s *memberSettings) send(ctx context.Context, api *client.Client, network string, m *client.Member, p patch) (*client.Member, error) {
	if freed := s.freed(m); len(freed) > 0 {
		if err := api.LeaveTagsToDefault(ctx, network, m.NodeID, freed); err != nil && !errors.Is(err, client.ErrNotOrrery) {
			return nil, err
		}
	}
	return api.UpdateMember(ctx, network, m.NodeID, p)
}

func addMemberCommand() *cobra.Command {
	f := &memberFlags{}
	var authorize, dryRun bool
	command := &cobra.Command{
		Use:   "add NETWORK ADDRESS…",
		Short: "Add members before they ask to join",
		Long: `Add members by their node addresses, before they ask to join. With --authorize they
are let in as soon as they ask.`,
		Example: `  orrery member add office 8a9d09e442 --name "alice's laptop" --ip 10.9.0.7 --authorize
  orrery member add office - --authorize < addresses.txt`,
		Args:              atLeast("network", "address"),
		ValidArgsFunction: completeFirst(1, completeNetworks),
	}
	f.addTo(command)
	command.Flags().BoolVar(&authorize, "authorize", false, "let them in as soon as they ask")
	command.Flags().BoolVar(&dryRun, "dry-run", false, "show what would be added, and add nothing")
	command.RunE = func(c *cobra.Command, args []string) error {
		settings, err := f.read(c)
		if err != nil {
			return err
		}
		a := &addition{settings: settings, plain: settings.isEmpty(), authorize: authorize, dryRun: dryRun}
		if authorize {
			settings.patch.set("config.authorized", true)
		}
		settings.patch.set("hidden", false)
		names, err := withInput(c, args[1:])
		if err != nil {
			return err
		}
		chosen := make([]choice, len(names))
		for i, name := range names {
			node, err := zt.ParseAddress(name)
			if err != nil {
				return usage(c, fmt.Errorf("%w; a device shows its address with: zerotier-cli info", err))
			}
			chosen[i].node = node.String()
		}
		if chosen = once(chosen); len(chosen) > 1 && settings.areForOne() {
			return usage(c, errForOne)
		}
		if len(chosen) == 0 {
			fmt.Fprintln(c.ErrOrStderr(), "nothing to do: no address was given")
			return nil
		}
		api, err := connect(c)
		if err != nil {
			return err
		}
		network, err := findNetwork(c.Context(), api, args[0])
		if err != nil {
			return err
		}
		if err := settings.resolve(network); err != nil {
			return err
		}
		return a.run(c, api, network, chosen)
	}
	return command
}

// addition is one run of add.
type addition struct {
	settings          *memberSettings
	plain             bool // without settings
	authorize, dryRun bool
}

func (a *addition) run(c *cobra.Command, api *client.Client, network *client.Network, chosen []choice) error {
	if err := readEach(c.Context(), api, network.ID, chosen); err != nil {
		return err
	}
	p, err := a.settings.of(&client.Member{})
	if err != nil {
		return err
	}
	r := newReport(c, len(chosen), words{thing: "member", would: "would add", done: "added", already: "is a member already"})
	r.dryRun = a.dryRun
	for _, member := range chosen {
		isNew, err := member.member == nil, error(nil)
		switch {
		case isNew && !a.dryRun:
			var made *client.Member
			if made, err = api.UpdateMember(c.Context(), network.ID, member.node, p); err != nil {
				break
			}
			member.member = made
			if a.authorize && !made.Config.Authorized {
				err = errNotDone(member.node)
			}
		case !isNew && (!a.plain || a.authorize && !member.member.Config.Authorized):
			err = fmt.Errorf("%s is a member already; orrery member set and authorize change it", member.node)
		}
		r.add(member.String(), isNew, err)
		if hopeless(c, err) {
			break
		}
	}
	return r.end()
}
