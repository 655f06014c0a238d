package netconf

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"net/netip"

	"github.com/orrery-net/orrery/zt"
)

var (
	errNoNetwork  = errors.New("no network id")
	errNoMember   = errors.New("no member")
	errOldVersion = errors.New("format version too old")
)

// minConfigVersion is the oldest format that nodes still read.
const minConfigVersion = 6

// ParseConfig reads a configuration as nodes do (protocol 05 §4.2): it refuses
// what they refuse, cuts lists where they cut them, and puts defaults where they
// put them. At most MaxCapabilities and MaxTags are kept. The result may share
// memory with d.
func ParseConfig(d Dictionary) (*Config, error) {
	c, err := parseConfig(d)
	if err != nil {
		return nil, fmt.Errorf("network configuration: %w", err)
	}
	return c, nil
}

func parseConfig(d Dictionary) (*Config, error) {
	c := &Config{
		Network:        zt.NetworkID(d.Uint("nwid", 0)),
		Timestamp:      d.Int("ts", 0),
		MaxDelta:       d.Int("ctmd", 0),
		Revision:       d.Uint("r", 0),
		Member:         d.Address("id"),
		TraceTarget:    d.Address("tt"),
		TraceLevel:     parseSmall(d.Uint("tl", 0)),
		Flags:          d.Uint("f", 0),
		MulticastLimit: parseSmall(d.Uint("ml", 0)),
		Public:         d.Uint("t", 0) == 1,
		Name:           d.Text("n", MaxNameLen),
		MTU:            parseSmall(min(max(d.Uint("mtu", DefaultMTU), MinMTU), MaxMTU)),
		SSO:            parseSSO(d),
	}
	switch {
	case c.Network == 0:
		return nil, errNoNetwork
	case c.Member == 0:
		return nil, errNoMember
	case d.Uint("v", 0) < minConfigVersion:
		return nil, errOldVersion
	}
	if err := c.parseCertificates(d); err != nil {
		return nil, err
	}
	return c, c.parseLists(d)
}

func parseSmall(v uint64) int { return int(min(v, math.MaxInt32)) }

func (c *Config) parseCertificates(d Dictionary) error {
	if blob, _ := d.Get("C"); len(blob) > 0 {
		_, size, err := ParseCOM(blob)
		if err != nil {
			return err
		}
		c.COM = blob[:size]
	}
	blob, _ := d.Get("CAP")
	c.Capabilities = wholeObjects(blob, MaxCapabilities, len(blob), skipCapability)
	blob, _ = d.Get("TAG")
	c.Tags = wholeObjects(blob, MaxTags, len(blob), skipTag)
	blob, _ = d.Get("COO")
	c.Ownerships = wholeObjects(blob, MaxOwnerships, len(blob), skipOwnership)
	r := read(blob)
	for len(r.Rest) > 0 && r.Err == nil {
		skipOwnership(&r)
	}
	if r.Err != nil {
		return fmt.Errorf("certificates of ownership: %w", r.Err)
	}
	return nil
}

func (c *Config) parseLists(d Dictionary) (err error) {
	blob, _ := d.Get("S")
	r := read(blob)
	for len(r.Rest) >= 8 && len(c.Specialists) < MaxSpecialists {
		v := r.Uint64()
		c.Specialists = append(c.Specialists, Specialist{zt.Address(v &^ roleMask), v & roleMask})
	}
	blob, _ = d.Get("RT")
	if c.Routes, err = parseRoutes(blob); err != nil {
		return fmt.Errorf("routes: %w", err)
	}
	blob, _ = d.Get("I")
	if c.Addresses, err = parseAddresses(blob); err != nil {
		return fmt.Errorf("addresses: %w", err)
	}
	blob, _ = d.Get("R")
	if c.Rules, err = ParseRules(blob); err != nil {
		return fmt.Errorf("rules: %w", err)
	}
	if blob, ok := d.Get("DNS"); ok {
		if c.DNS, err = parseDNS(blob); err != nil {
			return fmt.Errorf("DNS: %w", err)
		}
	}
	return nil
}

// prefix joins an address with the prefix length in its port, which is cut to
// what the address has.
func prefix(a netip.AddrPort) netip.Prefix {
	return netip.PrefixFrom(a.Addr(), min(int(a.Port()), a.Addr().BitLen()))
}

func parseRoutes(b []byte) ([]Route, error) {
	var routes []Route
	for r := read(b); len(r.Rest) > 0 && len(routes) < MaxRoutes; {
		route := Route{Target: prefix(r.InetAddr()), Via: r.InetAddr().Addr(), Flags: r.Uint16(), Metric: r.Uint16()}
		if r.Err != nil {
			return nil, r.Err
		}
		if route.Target.IsValid() {
			routes = append(routes, route)
		}
	}
	return routes, nil
}

func parseAddresses(b []byte) ([]netip.Prefix, error) {
	var addresses []netip.Prefix
	for r := read(b); len(r.Rest) > 0 && len(addresses) < MaxAddresses; {
		address := prefix(r.InetAddr())
		if r.Err != nil {
			return nil, r.Err
		}
		if address.IsValid() {
			addresses = append(addresses, address)
		}
	}
	return addresses, nil
}

func parseDNS(b []byte) (DNS, error) {
	r := read(b)
	domain, _, _ := bytes.Cut(r.Take(domainField), []byte{0})
	dns := DNS{Domain: string(domain[:min(len(domain), MaxDomainLen)])}
	for range MaxDNSServers {
		if server := r.InetAddr().Addr(); server.IsValid() {
			dns.Servers = append(dns.Servers, server)
		}
	}
	return dns, r.Err
}
