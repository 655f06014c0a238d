package netconf

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/identity"
)

// Capability certifies that a member may do what a set of extra rules lets pass
// (protocol 06 §4).
type Capability struct {
	Network    zt.NetworkID
	Timestamp  int64 // ms
	ID         uint32
	Rules      []Rule    // at most MaxRulesPerCapability
	MaxCustody uint8     // how many holders the chain may name, 1 to MaxCustody; controllers write 1
	Custody    []Custody // from the controller to the holder
}

// Custody is one step of a capability from one node to the next. All steps sign
// the same: who it goes to is not covered.
type Custody struct {
	To, From  zt.Address
	Signature identity.Signature
}

// Issue gives the capability to a member, as the controller, whose identity must
// have its private key. An earlier chain of custody is thrown away; a MaxCustody
// of 0 becomes 1.
func (c *Capability) Issue(controller *identity.Identity, to zt.Address) {
	c.MaxCustody = max(c.MaxCustody, 1)
	c.Custody = []Custody{{To: to, From: controller.Address(), Signature: controller.Sign(signed(c.appendFields))}}
}

// Holder returns the node that holds the capability, 0 if it was never issued.
func (c *Capability) Holder() zt.Address {
	if len(c.Custody) == 0 {
		return 0
	}
	return c.Custody[len(c.Custody)-1].To
}

// Verify reports whether the chain of custody begins with controller, controller
// is the one of the capability's network, every step comes from the node that
// the step before went to, and all signatures hold. The identities of the
// further steps' nodes must be among holders.
func (c *Capability) Verify(controller *identity.Identity, holders ...*identity.Identity) bool {
	if len(c.Custody) == 0 || controller.Address() != c.Network.Controller() {
		return false
	}
	message := signed(c.appendFields)
	from := controller
	for i, step := range c.Custody {
		if i > 0 {
			from = find(holders, c.Custody[i-1].To)
		}
		if from == nil || step.From != from.Address() || !from.Verify(message, step.Signature[:]) {
			return false
		}
	}
	return true
}

func find(identities []*identity.Identity, address zt.Address) *identity.Identity {
	for _, id := range identities {
		if id.Address() == address {
			return id
		}
	}
	return nil
}

func (c *Capability) appendFields(b []byte) []byte {
	rules := c.Rules[:min(len(c.Rules), MaxRulesPerCapability)]
	b = c.Network.Append(b)
	b = binary.BigEndian.AppendUint64(b, uint64(c.Timestamp))
	b = binary.BigEndian.AppendUint32(b, c.ID)
	b = binary.BigEndian.AppendUint16(b, uint16(len(rules)))
	return append(AppendRules(b, rules), c.MaxCustody)
}

// Append writes the capability to b. Rules beyond MaxRulesPerCapability are left
// out, here and in what is signed, and steps of custody beyond MaxCustody.
func (c *Capability) Append(b []byte) []byte {
	b = c.appendFields(b)
	for i := range c.Custody[:min(len(c.Custody), MaxCustody)] {
		step := &c.Custody[i]
		b = step.From.Append(step.To.Append(b))
		b = appendSignature(b, &step.Signature)
	}
	return appendNoAdditional(zt.Address(0).Append(b))
}

var (
	errTooManyRules = errors.New("too many rules")
	errCustody      = errors.New("chain of custody longer than allowed")
)

// ParseCapability reads a capability from the start of b and returns how many
// bytes it took.
func ParseCapability(b []byte) (Capability, int, error) {
	r := read(b)
	c := r.capability()
	if r.Err != nil {
		return Capability{}, 0, fmt.Errorf("capability: %w", r.Err)
	}
	return c, len(b) - len(r.Rest), nil
}

func (r *reader) capability() Capability {
	c := Capability{
		Network:   r.Network(),
		Timestamp: int64(r.Uint64()),
		ID:        r.Uint32(),
	}
	count := int(r.Uint16())
	if count > MaxRulesPerCapability {
		r.Fail(errTooManyRules)
	}
	for range count {
		rule := r.rule()
		if r.Err != nil {
			return Capability{}
		}
		c.Rules = append(c.Rules, rule)
	}
	if c.MaxCustody = r.Uint8(); c.MaxCustody < 1 || c.MaxCustody > MaxCustody {
		r.Fail(errCustody)
	}
	for r.Err == nil {
		to := r.Address()
		if to == 0 {
			break
		}
		if len(c.Custody) == int(c.MaxCustody) {
			r.Fail(errCustody)
		}
		c.Custody = append(c.Custody, Custody{To: to, From: r.Address(), Signature: r.signature()})
	}
	r.additional()
	return c
}
