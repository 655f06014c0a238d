package netconf

import (
	"bytes"
	"fmt"
	"net/netip"

	"github.com/orrery-net/orrery/zt"
)

// The flags of a configuration (protocol 05 §4.3).
const (
	FlagBroadcast      = 0x02 // ff:ff:ff:ff:ff:ff is delivered
	FlagNDPEmulation   = 0x04 // IPv6 neighbor discovery is answered for RFC4193 and 6PLANE addresses
	FlagUnknownMatches = 0x08 // rules of an unknown type match
	FlagDontCompress   = 0x10 // frames are sent uncompressed
)

// Config is one member's configuration of one network (protocol 05 §4).
type Config struct {
	Network        zt.NetworkID
	Timestamp      int64 // time of issue, ms; must be new in every configuration
	MaxDelta       int64 // how far the times of two members' credentials may be apart, ms
	Revision       uint64
	Member         zt.Address // whom the configuration is for
	TraceTarget    zt.Address // 0: none
	TraceLevel     int
	Flags          uint64
	MulticastLimit int // recipients of one multicast frame; 0 turns multicast off
	Public         bool
	Name           string // at most MaxNameLen bytes
	MTU            int    // bytes, MinMTU to MaxMTU; 0 is taken as DefaultMTU

	// Certificates in their finished form, one behind the other.
	COM          []byte
	Capabilities []byte
	Tags         []byte
	Ownerships   []byte

	Specialists []Specialist
	Routes      []Route
	Addresses   []netip.Prefix // each with the prefix length that the interface shall use
	Rules       []Rule         // none: nodes drop everything
	DNS         DNS
	SSO         SSO
}

// Specialist is a node with special roles on a network.
type Specialist struct {
	Address zt.Address
	Roles   uint64 // of the Role constants
}

// The roles of specialists (protocol 05 §5.3).
const (
	RoleActiveBridge        = 0x0000020000000000 // may bridge other MAC addresses
	RoleAnchor              = 0x0000040000000000
	RoleMulticastReplicator = 0x0000080000000000
	RoleNetworkRelay        = 0x0000100000000000 // after 1.14 only

	roleMask = 0xffffff0000000000
)

// Route is a managed route. Via is the zero Addr for targets that are reached
// directly on the network; a Via of another family than Target counts as none.
type Route struct {
	Target        netip.Prefix
	Via           netip.Addr
	Flags, Metric uint16 // carried, but always 0 so far
}

// DNS is what members are told about name servers.
type DNS struct {
	Domain  string       // search domain, at most MaxDomainLen bytes
	Servers []netip.Addr // at most MaxDNSServers
}

// SSO is what a node needs for single sign-on (protocol 05 §6, §8). Texts are
// cut to what nodes hold.
type SSO struct {
	Version              int // 0: a page to open; 1: OpenID Connect
	Enabled              bool
	AuthenticationURL    string // version 0
	AuthenticationExpiry int64  // ms; version 0

	IssuerURL  string // this and the rest: version 1
	CentralURL string
	Nonce      string
	State      string
	ClientID   string
	Provider   string // "" is taken as DefaultSSOProvider
}

// DefaultSSOProvider is what nodes assume when no provider is named.
const DefaultSSOProvider = "default"

// Append writes the configuration to b, which is empty or holds a dictionary
// that is continued, in the order of the reference controller. Lists are cut to
// what nodes can hold, certificates that are damaged end their list, addresses
// that are not valid are left out, and the result is never longer than
// MaxConfigLen: capabilities give way.
func (c *Config) Append(b []byte) Dictionary {
	return NewTemplate(c).Append(b, c)
}

// CheckFor reports why a node must not use a configuration that it received for
// a network, nil if it may: both must be the ones that the configuration names
// (protocol 08 §11). Everything else that a node checks is checked by
// ParseChunk, Reassembly and ParseConfig. Nodes do nothing with a configuration
// that is Equal to the one they have.
func (c *Config) CheckFor(network zt.NetworkID, node zt.Address) error {
	if c.Network != network {
		return fmt.Errorf("configuration received for network %s is for network %s", network, c.Network)
	}
	if c.Member != node {
		return fmt.Errorf("configuration received by %s is for %s", node, c.Member)
	}
	return nil
}

// Equal reports whether two configurations say the same.
func (c *Config) Equal(other *Config) bool {
	return bytes.Equal(c.Append(nil), other.Append(nil))
}
