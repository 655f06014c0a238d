package centralapi

import (
	"encoding/json"
	"errors"
	"net/netip"
	"strconv"
	"strings"

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/zt/netconf"
)

// networkPatch is what a body changes about a network, and what there is to say
// about that.
type networkPatch struct {
	*patch[model.Network]
	warnings
}

func (q *request) readNetworkPatch(body object) (*networkPatch, error) {
	return readNetworkPatch(body, q.compile)
}

// readNetworkPatch reads what a body changes about a network. The order of the
// fields here is the order of the changes.
func readNetworkPatch(body object, compile compiler) (*networkPatch, error) {
	p := &patch[model.Network]{}
	all := &networkPatch{patch: p}
	config := p.within(body, "config")
	field(p, body, "description", readText, func(n *model.Network) *string { return &n.Description })
	field(p, body, "tagsByName", readOpaque, func(n *model.Network) *json.RawMessage { return &n.TagsByName })
	field(p, body, "capabilitiesByName", readIDsByName, func(n *model.Network) *map[string]uint32 { return &n.CapabilitiesByName })
	computed(p, body, "ui", readTree, mergeUI)
	all.readRules(body, config, compile)

	field(p, config, "name", readText, func(n *model.Network) *string { return &n.Name })
	field(p, config, "private", readFlag, func(n *model.Network) *bool { return &n.Private })
	field(p, config, "enableBroadcast", readFlag, func(n *model.Network) *bool { return &n.EnableBroadcast })
	field(p, config, "mtu", readNumber, func(n *model.Network) *int { return &n.MTU })
	field(p, config, "multicastLimit", readNumber, func(n *model.Network) *int { return &n.MulticastLimit })
	field(p, config, "routes", list(readRoute), func(n *model.Network) *[]model.Route { return &n.Routes })
	field(p, config, "ipAssignmentPools", list(readPool), func(n *model.Network) *[]model.Pool { return &n.Pools })
	v4 := p.within(config, "v4AssignMode")
	field(p, v4, "zt", readFlag, func(n *model.Network) *bool { return &n.V4.ZT })
	v6 := p.within(config, "v6AssignMode")
	field(p, v6, "zt", readFlag, func(n *model.Network) *bool { return &n.V6.ZT })
	field(p, v6, "rfc4193", readFlag, func(n *model.Network) *bool { return &n.V6.RFC4193 })
	field(p, v6, "6plane", readFlag, func(n *model.Network) *bool { return &n.V6.SixPlane })
	dns := p.within(config, "dns")
	field(p, dns, "domain", readText, func(n *model.Network) *string { return &n.DNS.Domain })
	field(p, dns, "servers", readServers, func(n *model.Network) *[]netip.Addr { return &n.DNS.Servers })
	sso := p.within(config, "ssoConfig")
	field(p, sso, "enabled", readFlag, func(n *model.Network) *bool { return &n.SSO.Enabled })
	field(p, sso, "mode", readText, func(n *model.Network) *string { return &n.SSO.Mode })
	field(p, sso, "clientId", readText, func(n *model.Network) *string { return &n.SSO.ClientID })
	field(p, sso, "allowList", list(readText), func(n *model.Network) *[]string { return &n.SSO.AllowList })
	return all, p.err
}

// readRules reads the text of the rules and the tables that it compiles to. A text
// that comes alone is compiled, and what it defines takes the place of all there
// was. With any of the tables it is only kept: they are stored as they are, and
// text and tables may disagree (api-behaviour §11).
func (p *networkPatch) readRules(body, config object, compile compiler) {
	var tables []string
	for _, name := range []string{"rules", "tags", "capabilities"} {
		if config.has(name) {
			tables = append(tables, config.at(name))
		}
	}
	if len(tables) == 0 {
		computed(p.patch, body, "rulesSource", programReader(compile, &p.warnings), func(n *model.Network, made program) error { return made.setOn(n) })
		return
	}
	field(p.patch, body, "rulesSource", readSource, func(n *model.Network) *string { return &n.RulesSource })
	if body.has("rulesSource") && !config.has("rules") {
		p.add("rulesSource was kept but not compiled, because %s came with it; send rulesSource alone to have it compiled", strings.Join(tables, " and "))
	}
	readRule := ruleReader(&p.warnings)
	field(p.patch, config, "rules", list(readRule), func(n *model.Network) *[]netconf.Rule { return &n.Rules })
	field(p.patch, config, "tags", list(readNetworkTag), func(n *model.Network) *[]model.NetworkTag { return &n.Tags })
	field(p.patch, config, "capabilities", list(capabilityReader(readRule)), func(n *model.Network) *[]model.Capability { return &n.Capabilities })
}

func mergeUI(n *model.Network, change tree) error {
	merged, err := treeOf(n.UI)
	if err != nil {
		return err
	}
	merged.merge(change)
	if err := checkReadable("ui", map[string]any(merged)); err != nil {
		return err
	}
	n.UI, err = json.Marshal(merged)
	return err
}

// readIDsByName reads an object of ids. It replaces the current one whole: with
// merging, a name could never be taken away.
func readIDsByName(path string, raw json.RawMessage) (map[string]uint32, error) {
	o, err := readObject(path, raw)
	if err != nil {
		return nil, err
	}
	if err := checkNames(path, o.values); err != nil {
		return nil, err
	}
	ids := make(map[string]uint32, len(o.values))
	for name, value := range o.values {
		if ids[name], err = readID(o.at(clip(name)), value); err != nil {
			return nil, err
		}
	}
	return ids, nil
}

func readRoute(path string, raw json.RawMessage) (model.Route, error) {
	p := &patch[model.Route]{}
	o := p.open(path, raw)
	field(p, o, "target", readPrefix, func(r *model.Route) *netip.Prefix { return &r.Target })
	field(p, o, "via", readVia, func(r *model.Route) *netip.Addr { return &r.Via })
	return p.made()
}

// readVia reads a gateway; "" means none.
func readVia(path string, raw json.RawMessage) (netip.Addr, error) {
	if text, err := readText(path, raw); err == nil && text == "" {
		return netip.Addr{}, nil
	}
	return readAddress(path, raw)
}

func readPool(path string, raw json.RawMessage) (model.Pool, error) {
	p := &patch[model.Pool]{}
	o := p.open(path, raw)
	field(p, o, "ipRangeStart", readAddress, func(r *model.Pool) *netip.Addr { return &r.Start })
	field(p, o, "ipRangeEnd", readAddress, func(r *model.Pool) *netip.Addr { return &r.End })
	return p.made()
}

// ruleReader reads entries of rules as controllers do. What became something else
// than was written goes to w.
func ruleReader(w *warnings) reader[netconf.Rule] {
	return func(path string, raw json.RawMessage) (netconf.Rule, error) {
		rule, changed, err := netconf.ParseRuleJSON(raw)
		var number *strconv.NumError
		switch {
		case errors.As(err, &number):
			return rule, refuse(path, "has a number that is too large")
		case err != nil:
			return rule, refuse(path, "%s", err)
		}
		for _, what := range changed {
			w.add("%s.%s", path, what)
		}
		return rule, nil
	}
}

func readNetworkTag(path string, raw json.RawMessage) (model.NetworkTag, error) {
	p := &patch[model.NetworkTag]{}
	o := p.open(path, raw)
	p.need(o, "id")
	field(p, o, "id", readID, func(t *model.NetworkTag) *uint32 { return &t.ID })
	computed(p, o, "default", readID, func(t *model.NetworkTag, value uint32) error {
		t.Default = &value
		return nil
	})
	return p.made()
}

func capabilityReader(readRule reader[netconf.Rule]) reader[model.Capability] {
	return func(path string, raw json.RawMessage) (model.Capability, error) {
		p := &patch[model.Capability]{}
		p.assignments = append(p.assignments, func(c *model.Capability) error {
			c.Rules = []netconf.Rule{}
			return nil
		})
		o := p.open(path, raw)
		p.need(o, "id")
		field(p, o, "id", readID, func(c *model.Capability) *uint32 { return &c.ID })
		field(p, o, "default", readFlag, func(c *model.Capability) *bool { return &c.Default })
		field(p, o, "rules", list(readRule), func(c *model.Capability) *[]netconf.Rule { return &c.Rules })
		return p.made()
	}
}

// readServers reads name servers. None are nil, as in a new network: whoever
// sends an empty list back changes nothing.
func readServers(path string, raw json.RawMessage) ([]netip.Addr, error) {
	all, err := list(readAddress)(path, raw)
	if len(all) == 0 {
		return nil, err
	}
	return all, err
}
