package netconf

import (
	"encoding/binary"
	"net/netip"

	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/identity"
)

// Template writes configurations of one network for many members: what is equal
// for all of them is encoded once. It is immutable and safe for concurrent use.
type Template struct {
	// The encoded parts, in the order of the configuration, between which the
	// member's own fields stand. All but the first begin with LF.
	version  Dictionary // v, nwid
	revision Dictionary // ctmd, r
	settings Dictionary // ml, t, n, mtu
	network  Dictionary // S, RT
	rules    Dictionary // R
	dns      Dictionary // DNS
}

// NewTemplate encodes what is equal for all members of a network: everything in
// shared but Timestamp, Member, TraceTarget, TraceLevel, Flags, COM,
// Capabilities, Tags, Ownerships, Addresses and SSO.
func NewTemplate(shared *Config) *Template {
	t := &Template{version: Dictionary(nil).AppendUint("v", ConfigVersion).AppendUint("nwid", uint64(shared.Network))}
	t.revision = section(func(d Dictionary) Dictionary {
		return d.AppendInt("ctmd", shared.MaxDelta).AppendUint("r", shared.Revision)
	})
	t.settings = section(shared.appendSettings)
	t.network = section(func(d Dictionary) Dictionary {
		d = d.appendIfAny("S", appendSpecialists(nil, shared.Specialists))
		return d.appendIfAny("RT", appendRoutes(nil, shared.Routes))
	})
	t.rules = rulesSection(shared.Rules)
	t.dns = section(func(d Dictionary) Dictionary { return d.AppendBytes("DNS", appendDNS(nil, shared.DNS)) })
	return t
}

// WithRules returns a template that differs only in its rules.
func (t *Template) WithRules(rules []Rule) *Template {
	other := *t
	other.rules = rulesSection(rules)
	return &other
}

// rulesSection encodes a table, cut safely if it is longer than nodes take.
func rulesSection(rules []Rule) Dictionary {
	if len(rules) > MaxRules {
		rules = cutRules(rules, MaxRules)
	}
	return section(func(d Dictionary) Dictionary { return d.appendIfAny("R", AppendRules(nil, rules)) })
}

// section encodes entries that follow others.
func section(entries func(Dictionary) Dictionary) Dictionary {
	before := Dictionary("=")
	return entries(before)[len(before):]
}

// Certificates is the part of a configuration that holds a member's certificates:
// encoded once, for the many configurations that have the same ones.
type Certificates struct{ encoded Dictionary }

// EncodeCertificates encodes COM, Capabilities, Tags and Ownerships.
func (c *Config) EncodeCertificates() Certificates {
	return Certificates{section(c.appendCertificates)}
}

// Append writes the configuration of one member to b, which is empty or holds a
// dictionary that is continued. Only the fields of own that NewTemplate leaves
// aside are used; the result is the same as that of Config.Append for a
// configuration with these fields and the others of the template.
func (t *Template) Append(b []byte, own *Config) Dictionary {
	return t.appendEnd(own.appendCertificates(t.appendStart(b, own)), own)
}

// AppendWith is Append with certificates that were encoded before; those of own
// do not count.
func (t *Template) AppendWith(b []byte, own *Config, certificates Certificates) Dictionary {
	return t.appendEnd(append(t.appendStart(b, own), certificates.encoded...), own)
}

// appendStart writes what stands before the certificates.
func (t *Template) appendStart(b []byte, own *Config) Dictionary {
	d := Dictionary(b)
	if len(d) > 0 {
		d = append(d, '\n')
	}
	d = append(d, t.version...)
	d = d.AppendInt("ts", own.Timestamp)
	d = append(d, t.revision...)
	d = d.AppendAddress("id", own.Member)
	d = d.AppendAddress("tt", own.TraceTarget)
	d = d.AppendInt("tl", int64(own.TraceLevel))
	d = d.AppendUint("f", own.Flags)
	return append(d, t.settings...)
}

// appendEnd writes what stands behind the certificates.
func (t *Template) appendEnd(d Dictionary, own *Config) Dictionary {
	d = append(d, t.network...)
	d = own.appendAddresses(d)
	d = append(d, t.rules...)
	d = append(d, t.dns...)
	return own.SSO.append(d)
}

func (d Dictionary) appendIfAny(key string, value []byte) Dictionary {
	if len(value) == 0 {
		return d
	}
	return d.AppendBytes(key, value)
}

func (c *Config) appendSettings(d Dictionary) Dictionary {
	d = d.AppendInt("ml", int64(c.MulticastLimit))
	kind := uint64(0)
	if c.Public {
		kind = 1
	}
	d = d.AppendUint("t", kind)
	d = d.AppendText("n", c.Name[:min(len(c.Name), MaxNameLen)])
	mtu := c.MTU
	if mtu == 0 {
		mtu = DefaultMTU
	}
	return d.AppendInt("mtu", int64(min(max(mtu, MinMTU), MaxMTU)))
}

// MaxCapabilityBytes is the room that all capabilities of a member together have
// in a configuration, see CapabilityLen. What goes beyond is left out.
const MaxCapabilityBytes = 140000

// The room that the other certificates have in a configuration, in bytes before
// escaping. Even if escaping doubles everything, MaxConfigLen is not reached.
const (
	maxCOMBytes       = 3 + MaxQualifiers*qualifierLen + zt.AddressLen + identity.SignatureLen
	maxTagBytes       = MaxTags * 135
	maxOwnershipBytes = MaxOwnerships * (141 + MaxThings*thingLen)
)

func (c *Config) appendCertificates(d Dictionary) Dictionary {
	d = d.appendIfAny("C", wholeObjects(c.COM, 1, maxCOMBytes, skipCOM))
	d = d.appendIfAny("CAP", wholeObjects(c.Capabilities, MaxCapabilities, MaxCapabilityBytes, skipCapability))
	d = d.appendIfAny("TAG", wholeObjects(c.Tags, MaxTags, maxTagBytes, skipTag))
	return d.appendIfAny("COO", wholeObjects(c.Ownerships, MaxOwnerships, maxOwnershipBytes, skipOwnership))
}

// appendAddresses writes the member's addresses one by one: escaping works byte
// by byte, so this needs no buffer of its own.
func (c *Config) appendAddresses(d Dictionary) Dictionary {
	written := 0
	for _, p := range c.Addresses {
		address, bits, ok := plain(p)
		if !ok || written == MaxAddresses {
			continue
		}
		if written == 0 {
			d = d.appendKey("I")
		}
		var raw [19]byte
		d = appendEscaped(d, zt.AppendInetAddr(raw[:0], netip.AddrPortFrom(address, bits)))
		written++
	}
	return d
}

// plain takes a prefix apart as it goes on the wire, where the prefix length
// takes the place of a port. IPv4-mapped IPv6 addresses become IPv4.
func plain(p netip.Prefix) (address netip.Addr, bits uint16, ok bool) {
	if !p.IsValid() {
		return netip.Addr{}, 0, false
	}
	address, length := p.Addr(), p.Bits()
	if address.Is4In6() {
		address, length = address.Unmap(), max(length-96, 0)
	}
	return address, uint16(length), true
}

func appendSpecialists(b []byte, specialists []Specialist) []byte {
	for _, s := range specialists[:min(len(specialists), MaxSpecialists)] {
		b = binary.BigEndian.AppendUint64(b, uint64(s.Address)&^roleMask|s.Roles&roleMask)
	}
	return b
}

func appendRoutes(b []byte, routes []Route) []byte {
	written := 0
	for _, r := range routes {
		target, bits, ok := plain(r.Target)
		if !ok || written == MaxRoutes {
			continue
		}
		via := r.Via.Unmap()
		if via.BitLen() != target.BitLen() {
			via = netip.Addr{}
		}
		b = zt.AppendInetAddr(b, netip.AddrPortFrom(target, bits))
		b = zt.AppendInetAddr(b, netip.AddrPortFrom(via, 0))
		b = append(b, byte(r.Flags>>8), byte(r.Flags), byte(r.Metric>>8), byte(r.Metric))
		written++
	}
	return b
}

// domainField is the size of the search domain with the zeros behind it, of
// which there is at least one.
const domainField = MaxDomainLen + 1

// appendDNS always writes the domain and exactly four servers: nodes refuse the
// whole configuration if any of it is missing (protocol 05 §5.4).
func appendDNS(b []byte, dns DNS) []byte {
	var domain [domainField]byte
	copy(domain[:MaxDomainLen], dns.Domain)
	b = append(b, domain[:]...)
	written := 0
	for _, server := range dns.Servers {
		if server.IsValid() && written < MaxDNSServers {
			b = zt.AppendInetAddr(b, netip.AddrPortFrom(server, 0))
			written++
		}
	}
	for ; written < MaxDNSServers; written++ {
		b = zt.AppendInetAddr(b, netip.AddrPort{})
	}
	return b
}
