package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/orrery-net/orrery/internal/client"
)

// networkFlags are the settings of a network as flags have them.
type networkFlags struct {
	name, description               string
	private, public                 bool
	broadcast                       bool
	mtu, multicastLimit             int
	routes, addRoutes, removeRoutes []string
	pools, addPools, removePools    []string
	dnsDomain                       string
	dnsServers                      []string
	autoAssign, noAutoAssign        bool
	v6                              []string
	json                            string
	subnet                          string // create only
	easy                            bool   // create only
}

// addTo gives a command the flags that create and set have in common.
func (s *networkFlags) addTo(command *cobra.Command) {
	flags := command.Flags()
	flags.StringVar(&s.description, "description", "", "a `text` that you note about it")
	flags.BoolVar(&s.private, "private", false, "members have to be authorized")
	flags.BoolVar(&s.public, "public", false, "everybody who knows the id may join")
	flags.BoolVar(&s.broadcast, "broadcast", false, "members may broadcast; --broadcast=false: they may not")
	flags.IntVar(&s.mtu, "mtu", 0, "largest packet inside the network, in `bytes`, from 1280 to 10000")
	flags.IntVar(&s.multicastLimit, "multicast-limit", 0, "how many `members` a multicast reaches; 0 breaks IPv4")
	flags.StringArrayVar(&s.routes, "route", nil, "managed route `TARGET[,VIA]`, in the place of all others; repeatable; none: no routes")
	flags.StringArrayVar(&s.pools, "pool", nil, "addresses for members, `FIRST-LAST` or a subnet, in the place of all others; repeatable; none: no pools")
	flags.StringVar(&s.dnsDomain, "dns-domain", "", "`domain` that nodes ask the network's name servers for")
	flags.StringSliceVar(&s.dnsServers, "dns-server", nil, "`address` of a name server, repeatable; none: no servers")
	flags.BoolVar(&s.autoAssign, "auto-assign", false, "members get IPv4 addresses from the pools")
	flags.BoolVar(&s.noAutoAssign, "no-auto-assign", false, "they do not")
	flags.StringSliceVar(&s.v6, "v6", nil, "how members get IPv6 addresses: none, or some of rfc4193, 6plane, zt (the pools)")
	flags.StringVar(&s.json, "json", "", "a `file` with settings as Central's API has them, - for standard input; flags come on top")
	fixedValues(command, "v6", "none", "rfc4193", "6plane", "zt")
}

// networkChange is what flags say of a network. Routes and pools to be added or
// removed depend on those that are there.
type networkChange struct {
	patch                       patch
	addRoutes                   []client.Route
	removeRoutes                []string // targets
	addPools, removePools       []client.Pool
	replaceRoutes, replacePools bool // what is added takes the place of all
}

// read checks all flags, before anything is asked of a server.
func (s *networkFlags) read(c *cobra.Command) (*networkChange, error) {
	change := &networkChange{patch: make(patch)}
	if c.Flags().Changed("json") {
		var err error
		if change.patch, err = readPatch(c, s.json); err != nil {
			return nil, err
		}
		if err := change.patch.leaves(c, map[string][]string{
			"config.routes": {"add-route", "remove-route"}, "config.ipAssignmentPools": {"add-pool", "remove-pool"},
		}); err != nil {
			return nil, err
		}
	}
	for _, step := range []func(*cobra.Command, *networkChange) error{s.readPlain, s.readRoutes, s.readPools, s.readDNS, s.readAssignModes} {
		if err := step(c, change); err != nil {
			return nil, usage(c, err)
		}
	}
	return change, nil
}

func (s *networkFlags) readPlain(c *cobra.Command, change *networkChange) error {
	given := c.Flags().Changed
	for _, x := range []struct {
		flag, path string
		value      any
	}{
		{"name", "config.name", s.name},
		{"description", "description", s.description},
		{"broadcast", "config.enableBroadcast", s.broadcast},
		{"mtu", "config.mtu", s.mtu},
		{"multicast-limit", "config.multicastLimit", s.multicastLimit},
	} {
		if given(x.flag) {
			change.patch.set(x.path, x.value)
		}
	}
	switch {
	case given("private") && given("public"):
		return errors.New("--private and --public exclude each other")
	case given("private"):
		change.patch.set("config.private", s.private)
	case given("public"):
		change.patch.set("config.private", !s.public)
	}
	switch {
	case given("mtu") && (s.mtu < 1280 || s.mtu > 10000):
		return fmt.Errorf("--mtu %d; want 1280 to 10000", s.mtu)
	case given("multicast-limit") && s.multicastLimit < 0:
		return fmt.Errorf("--multicast-limit %d; want 0 or more", s.multicastLimit)
	}
	return nil
}

// orNone makes nothing of the word none in a list that takes the place of another.
// What a script's unset variable makes is an error: it is not meant to empty it.
func orNone(flag string, given bool, values *[]string) error {
	switch {
	case given && len(*values) == 0:
		return fmt.Errorf("--%s is empty; write none for none", flag)
	case len(*values) == 1 && strings.EqualFold((*values)[0], "none"):
		*values = nil
	}
	return nil
}

// parseEach reads the values of a flag.
func parseEach[T any](flag string, values []string, parse func(string) (T, error)) ([]T, error) {
	all := make([]T, 0, len(values))
	for _, value := range values {
		one, err := parse(strings.TrimSpace(value))
		if err != nil {
			return nil, fmt.Errorf("--%s: %w", flag, err)
		}
		all = append(all, one)
	}
	return all, nil
}

func (s *networkFlags) readRoutes(c *cobra.Command, change *networkChange) (err error) {
	given := c.Flags().Changed
	if given("route") {
		if given("add-route") || given("remove-route") {
			return errors.New("--route replaces all routes; --add-route and --remove-route change some: give one or the other")
		}
		change.replaceRoutes = true
	}
	if err := orNone("route", change.replaceRoutes, &s.routes); err != nil {
		return err
	}
	if change.addRoutes, err = parseEach("route", s.routes, parseRoute); err != nil {
		return err
	}
	added, err := parseEach("add-route", s.addRoutes, parseRoute)
	if err != nil {
		return err
	}
	change.addRoutes = append(change.addRoutes, added...)
	removed, err := parseEach("remove-route", s.removeRoutes, parseSubnet)
	for _, subnet := range removed {
		change.removeRoutes = append(change.removeRoutes, subnet.String())
	}
	return err
}

func (s *networkFlags) readPools(c *cobra.Command, change *networkChange) (err error) {
	given := c.Flags().Changed
	if given("pool") {
		if given("add-pool") || given("remove-pool") {
			return errors.New("--pool replaces all pools; --add-pool and --remove-pool change some: give one or the other")
		}
		change.replacePools = true
	}
	if err := orNone("pool", change.replacePools, &s.pools); err != nil {
		return err
	}
	if change.addPools, err = parseEach("pool", s.pools, parsePool); err != nil {
		return err
	}
	added, err := parseEach("add-pool", s.addPools, parsePool)
	if err != nil {
		return err
	}
	change.addPools = append(change.addPools, added...)
	change.removePools, err = parseEach("remove-pool", s.removePools, parsePool)
	return err
}

func (s *networkFlags) readDNS(c *cobra.Command, change *networkChange) error {
	if c.Flags().Changed("dns-domain") {
		change.patch.set("config.dns.domain", s.dnsDomain)
	}
	if !c.Flags().Changed("dns-server") {
		return nil
	}
	if err := orNone("dns-server", true, &s.dnsServers); err != nil {
		return err
	}
	servers, err := parseEach("dns-server", s.dnsServers, parseIP)
	if err != nil {
		return err
	}
	change.patch.set("config.dns.servers", servers)
	return nil
}

func (s *networkFlags) readAssignModes(c *cobra.Command, change *networkChange) error {
	given := c.Flags().Changed
	switch {
	case given("auto-assign") && given("no-auto-assign"):
		return errors.New("--auto-assign and --no-auto-assign exclude each other")
	case given("auto-assign"):
		change.patch.set("config.v4AssignMode.zt", s.autoAssign)
	case given("no-auto-assign"):
		change.patch.set("config.v4AssignMode.zt", !s.noAutoAssign)
	}
	if !given("v6") {
		return nil
	}
	modes := []string{"rfc4193", "6plane", "zt"}
	if err := orNone("v6", true, &s.v6); err != nil {
		return err
	}
	for _, mode := range s.v6 {
		if !slices.Contains(modes, mode) {
			return fmt.Errorf("--v6 %q; want none, or some of rfc4193, 6plane and zt", mode)
		}
	}
	for _, mode := range modes {
		change.patch.set("config.v6AssignMode."+mode, slices.Contains(s.v6, mode))
	}
	return nil
}

func (change *networkChange) isEmpty() bool {
	return len(change.patch) == 0 && !change.replaceRoutes && !change.replacePools &&
		len(change.addRoutes)+len(change.removeRoutes)+len(change.addPools)+len(change.removePools) == 0
}

// of makes the patch for a network as it is. The error names a route or pool to
// be removed that is not there.
func (change *networkChange) of(n *client.Network) (patch, error) {
	p := change.patch.clone()
	if change.replaceRoutes || len(change.addRoutes)+len(change.removeRoutes) > 0 {
		routes, err := change.routes(n)
		if err != nil {
			return nil, err
		}
		p.set("config.routes", routes)
	}
	if change.replacePools || len(change.addPools)+len(change.removePools) > 0 {
		pools, err := change.pools(n)
		if err != nil {
			return nil, err
		}
		p.set("config.ipAssignmentPools", pools)
	}
	return p, nil
}

// routes are the network's routes after the change. A route to a target that
// there is a route to takes its place.
func (change *networkChange) routes(n *client.Network) ([]client.Route, error) {
	routes := []client.Route{}
	if !change.replaceRoutes {
		routes = append(routes, n.Config.Routes...)
	}
	for _, target := range change.removeRoutes {
		before := len(routes)
		routes = slices.DeleteFunc(routes, func(r client.Route) bool { return r.Target == target })
		if len(routes) == before {
			return nil, fmt.Errorf("%s has no route to %s", networkLabel(n), target)
		}
	}
	for _, added := range change.addRoutes {
		if i := slices.IndexFunc(routes, func(r client.Route) bool { return r.Target == added.Target }); i >= 0 {
			routes[i] = added
		} else {
			routes = append(routes, added)
		}
	}
	return routes, nil
}

func (change *networkChange) pools(n *client.Network) ([]client.Pool, error) {
	pools := []client.Pool{}
	if !change.replacePools {
		pools = append(pools, n.Config.IPAssignmentPools...)
	}
	for _, removed := range change.removePools {
		i := slices.Index(pools, removed)
		if i < 0 {
			return nil, fmt.Errorf("%s has no pool %s-%s", networkLabel(n), removed.First, removed.Last)
		}
		pools = slices.Delete(pools, i, i+1)
	}
	for _, added := range change.addPools {
		if !slices.Contains(pools, added) {
			pools = append(pools, added)
		}
	}
	return pools, nil
}
