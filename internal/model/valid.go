package model

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/orrery-net/orrery/zt/netconf"
)

// FieldError says which field of a record is not valid, and why. Field is the
// path that Central's API uses, such as config.routes[0].target.
type FieldError struct {
	Field  string
	Reason string
}

func (e *FieldError) Error() string { return e.Field + ": " + e.Reason }

func invalid(field, format string, args ...any) error {
	return &FieldError{Field: field, Reason: fmt.Sprintf(format, args...)}
}

// The limits of texts and numbers in records.
const (
	MaxNameLen        = netconf.MaxNameLen // bytes; nodes cut longer network names
	MaxDescriptionLen = 4096               // bytes
	MaxRulesSourceLen = 1 << 20            // bytes
	MaxOpaqueLen      = 1 << 20            // bytes of UI data and of tag names
	MinMTU            = 1280
	MaxMTU            = 10000
	MaxPools          = 128
	MaxDNSServers     = 4
	MaxDNSDomainLen   = 127 // bytes
	MaxSSOTextLen     = 255 // bytes
	MaxSSOAllowed     = 4096
)

// Validate checks everything that a writer could get wrong. It returns a
// *FieldError.
func (n *Network) Validate() error {
	if err := validText("config.name", n.Name, MaxNameLen); err != nil {
		return err
	}
	if err := validProse("description", n.Description, MaxDescriptionLen); err != nil {
		return err
	}
	if err := validProse("rulesSource", n.RulesSource, MaxRulesSourceLen); err != nil {
		return err
	}
	switch {
	case n.MTU < MinMTU || n.MTU > MaxMTU:
		return invalid("config.mtu", "%d is outside %d–%d", n.MTU, MinMTU, MaxMTU)
	case n.MulticastLimit < 0 || n.MulticastLimit > 1<<31-1:
		return invalid("config.multicastLimit", "%d is not a limit", n.MulticastLimit)
	case len(n.UI) > MaxOpaqueLen:
		return invalid("ui", "more than %d bytes", MaxOpaqueLen)
	case len(n.TagsByName) > MaxOpaqueLen:
		return invalid("tagsByName", "more than %d bytes", MaxOpaqueLen)
	}
	if err := validRoutes(n.Routes); err != nil {
		return err
	}
	if err := validPools(n.Pools); err != nil {
		return err
	}
	if err := validDNS(n.DNS); err != nil {
		return err
	}
	if err := validSSO(n.SSO); err != nil {
		return err
	}
	return n.validRules()
}

func validRoutes(routes []Route) error {
	if len(routes) > netconf.MaxRoutes {
		return invalid("config.routes", "%d routes; a network can have %d", len(routes), netconf.MaxRoutes)
	}
	for i, r := range routes {
		switch {
		case !r.Target.IsValid():
			return invalid(fmt.Sprintf("config.routes[%d].target", i), "not an address with a prefix length, such as 10.0.0.0/24")
		case r.Via.IsValid() && r.Via.Is4() != r.Target.Addr().Is4():
			return invalid(fmt.Sprintf("config.routes[%d].via", i), "%s is not of the same family as %s", r.Via, r.Target)
		}
	}
	return nil
}

func validPools(pools []Pool) error {
	if len(pools) > MaxPools {
		return invalid("config.ipAssignmentPools", "%d pools; a network can have %d", len(pools), MaxPools)
	}
	for i, p := range pools {
		field := fmt.Sprintf("config.ipAssignmentPools[%d]", i)
		switch {
		case !p.Start.IsValid():
			return invalid(field+".ipRangeStart", "not an IP address")
		case !p.End.IsValid():
			return invalid(field+".ipRangeEnd", "not an IP address")
		case p.Start.Is4() != p.End.Is4():
			return invalid(field, "%s and %s are not of the same family", p.Start, p.End)
		case p.End.Less(p.Start):
			return invalid(field, "the range is upside down: it starts at %s and ends at %s", p.Start, p.End)
		}
	}
	return nil
}

func validDNS(d DNS) error {
	if err := validText("config.dns.domain", d.Domain, MaxDNSDomainLen); err != nil {
		return err
	}
	if len(d.Servers) > MaxDNSServers {
		return invalid("config.dns.servers", "%d servers; nodes take %d", len(d.Servers), MaxDNSServers)
	}
	for i, s := range d.Servers {
		if !s.IsValid() {
			return invalid(fmt.Sprintf("config.dns.servers[%d]", i), "not an IP address")
		}
	}
	return nil
}

func validSSO(s SSO) error {
	if err := validText("config.ssoConfig.mode", s.Mode, MaxSSOTextLen); err != nil {
		return err
	}
	if err := validText("config.ssoConfig.clientId", s.ClientID, MaxSSOTextLen); err != nil {
		return err
	}
	if len(s.AllowList) > MaxSSOAllowed {
		return invalid("config.ssoConfig.allowList", "%d entries; at most %d are allowed", len(s.AllowList), MaxSSOAllowed)
	}
	for i, entry := range s.AllowList {
		if err := validText(fmt.Sprintf("config.ssoConfig.allowList[%d]", i), entry, MaxSSOTextLen); err != nil {
			return err
		}
	}
	return nil
}

// Warnings names settings that are allowed but will not do what their writer
// expects, one sentence each; nil when there are none.
func (n *Network) Warnings() []string {
	var all []string
	for _, p := range n.Pools {
		inRoute := false
		for _, r := range n.Routes {
			if r.Target.Masked() == r.Target && r.Target.Bits() > 0 && r.Target.Contains(p.Start) && r.Target.Contains(p.End) {
				inRoute = true
			}
		}
		if !inRoute {
			all = append(all, fmt.Sprintf("pool %s–%s lies outside every route: members get no address from it; add a route that covers it", p.Start, p.End))
		}
	}
	if n.V4.ZT && !n.hasPool(true) && n.hasPool(false) {
		all = append(all, "v4AssignMode.zt is on but there is no IPv4 pool")
	}
	if n.V6.ZT && !n.hasPool(false) {
		all = append(all, "v6AssignMode.zt is on but there is no IPv6 pool")
	}
	for _, r := range n.Routes {
		if r.Target.Masked() != r.Target {
			all = append(all, fmt.Sprintf("route %s has bits set after its prefix; did you mean %s?", r.Target, r.Target.Masked()))
		}
	}
	all = append(all, n.rulesWarnings()...)
	if n.SSO.Enabled {
		all = append(all, "ssoConfig.enabled is on but this version asks nobody to sign in: members need to be authorized only")
	}
	if n.MulticastLimit == 0 {
		all = append(all, "multicastLimit is 0: members cannot resolve each other's IPv4 addresses")
	}
	return all
}

func (n *Network) hasPool(v4 bool) bool {
	for _, p := range n.Pools {
		if p.Start.Is4() == v4 {
			return true
		}
	}
	return false
}

// Validate checks everything that a writer could get wrong. It returns a
// *FieldError.
func (m *Member) Validate() error {
	if err := validText("name", m.Name, 255); err != nil {
		return err
	}
	if err := validProse("description", m.Description, MaxDescriptionLen); err != nil {
		return err
	}
	switch {
	case len(m.Addresses) > netconf.MaxAddresses:
		return invalid("config.ipAssignments", "%d addresses; a member can have %d", len(m.Addresses), netconf.MaxAddresses)
	case len(m.Tags) > netconf.MaxTags:
		return invalid("config.tags", "%d tags; a member can have %d", len(m.Tags), netconf.MaxTags)
	case len(m.Capabilities) > netconf.MaxCapabilities:
		return invalid("config.capabilities", "%d capabilities; a member can have %d", len(m.Capabilities), netconf.MaxCapabilities)
	}
	for i, a := range m.Addresses {
		if !a.IsValid() || a.Zone() != "" {
			return invalid(fmt.Sprintf("config.ipAssignments[%d]", i), "not an IP address")
		}
	}
	return nil
}

// validText checks one line of text.
func validText(field, s string, most int) error {
	if err := validProse(field, s, most); err != nil {
		return err
	}
	if strings.ContainsFunc(s, unicode.IsControl) {
		return invalid(field, "has a control character")
	}
	return nil
}

// validProse checks text that may have several lines.
func validProse(field, s string, most int) error {
	if len(s) > most {
		return invalid(field, "%d bytes; at most %d are allowed", len(s), most)
	}
	if !utf8.ValidString(s) {
		return invalid(field, "is not valid UTF-8")
	}
	for _, r := range s {
		if r == 0 {
			return invalid(field, "has a NUL character")
		}
	}
	return nil
}
