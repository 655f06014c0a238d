package controller

import (
	"net/netip"
	"slices"
	"time"

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/netconf"
)

// credentials are a member's certificates, signed and encoded once and used until
// they are a quarter of the credential window old or what they certify changes.
type credentials struct {
	issued    int64 // ms
	record    *model.Member
	grants    *grants
	addresses []netip.Prefix
	limits    limits // of the node
	// chosenBy is the snapshot whose rules decided which tags the node gets; nil
	// if it gets all of them.
	chosenBy *snapshot

	encoded netconf.Certificates
	short   string // what is left out, "" if nothing
	dropAll bool   // the node cannot judge by the rules
}

// certificates returns a member's certificates, fresh where needed. They are new
// if they say something else than those that the member had before. Called with
// m.mu held, after lastIssued was moved on.
func (c *Controller) certificates(s *snapshot, m *member) (current *credentials, areNew bool) {
	limits := limitsOf(m.metadata)
	addresses := assigned(s.record, m.record)
	old := m.credentials
	same := old != nil &&
		old.limits == limits && old.grants == s.grants && (old.chosenBy == nil || old.chosenBy == s) && slices.Equal(old.addresses, addresses) &&
		(old.record == m.record || slices.Equal(old.record.Tags, m.record.Tags) && slices.Equal(old.record.Capabilities, m.record.Capabilities))
	if same && m.lastIssued-old.issued < reuseWindow {
		return old, false
	}
	began := time.Now()
	made := &credentials{issued: m.lastIssued, record: m.record, grants: s.grants, addresses: addresses, limits: limits}
	com := netconf.NewCOM(s.record.ID, m.identity, made.issued, s.window)
	com.Sign(c.identity)
	signed := netconf.Config{COM: com.Append(nil), Ownerships: c.ownerships(s.record.ID, m.node, made.issued, addresses)}
	if limits.rulesEngine > 0 {
		c.certifyGrants(&signed, s, m.node, made)
	}
	made.encoded = signed.EncodeCertificates()
	c.counts.certified.Add(1)
	c.counts.signing(time.Since(began))
	m.credentials = made
	return made, old != nil && !same
}

// certifyGrants signs a member's tags and capabilities.
func (c *Controller) certifyGrants(signed *netconf.Config, s *snapshot, node zt.Address, made *credentials) {
	tags, chosen, enough := s.tagsFor(made.record, made.limits)
	if chosen {
		made.chosenBy = s
	}
	if made.dropAll = !enough; made.dropAll {
		return
	}
	for _, t := range tags {
		tag := netconf.Tag{Network: s.record.ID, Timestamp: made.issued, ID: t.ID, Value: t.Value, IssuedTo: node}
		tag.Sign(c.identity)
		signed.Tags = tag.Append(signed.Tags)
	}
	capabilities, short := s.capabilitiesFor(made.record, made.limits)
	made.short = short
	for _, one := range capabilities {
		capability := netconf.Capability{Network: s.record.ID, Timestamp: made.issued, ID: one.ID, Rules: one.Rules, MaxCustody: 1}
		capability.Issue(c.identity, node)
		signed.Capabilities = capability.Append(signed.Capabilities)
	}
}

// ownerships certifies all addresses: up to 16 to a certificate, numbered from
// 1 (protocol 06 §5).
func (c *Controller) ownerships(id zt.NetworkID, node zt.Address, issued int64, addresses []netip.Prefix) []byte {
	var all []byte
	for number := uint32(1); len(addresses) > 0 && number <= netconf.MaxOwnerships; number++ {
		few := addresses[:min(len(addresses), netconf.MaxThings)]
		addresses = addresses[len(few):]
		signed := netconf.Ownership{Network: id, Timestamp: issued, ID: number, IssuedTo: node}
		for _, a := range few {
			signed.Things = append(signed.Things, netconf.AddressThing(a.Addr()))
		}
		signed.Sign(c.identity)
		all = signed.Append(all)
	}
	return all
}
