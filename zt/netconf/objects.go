package netconf

import (
	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/identity"
)

// wholeObjects returns the objects at the start of b that are complete, at most
// count of them and at most size bytes. Damaged ones end the list, as they do
// for nodes. The functions that it uses skip one object without keeping it.
func wholeObjects(b []byte, count, size int, skip func(*reader)) []byte {
	r := read(b)
	whole := 0
	for ; count > 0 && len(r.Rest) > 0; count-- {
		skip(&r)
		taken := len(b) - len(r.Rest)
		if r.Err != nil || taken > size {
			break
		}
		whole = taken
	}
	return b[:whole]
}

func skipCOM(r *reader) {
	if r.Uint8() != comFormat {
		r.Fail(errCOMFormat)
	}
	count := int(r.Uint16())
	if count > MaxQualifiers {
		r.Fail(errTooManyQualifiers)
	}
	r.Take(count * qualifierLen)
	if r.Address() != 0 {
		r.Take(identity.SignatureLen)
	}
}

func skipTag(r *reader) { r.tag() }

func skipOwnership(r *reader) {
	const before, after = 8 + 8 + 8 + 4, 2 * zt.AddressLen
	r.Take(before)
	count := int(r.Uint16())
	if count > MaxThings {
		r.Fail(errTooManyThings)
	}
	r.Take(count*thingLen + after)
	r.signature()
	r.additional()
}

func skipCapability(r *reader) {
	const before = 8 + 8 + 4
	r.Take(before)
	rules := int(r.Uint16())
	if rules > MaxRulesPerCapability {
		r.Fail(errTooManyRules)
	}
	for ; rules > 0 && r.Err == nil; rules-- {
		r.rule()
	}
	holders := r.Uint8()
	if holders < 1 || holders > MaxCustody {
		r.Fail(errCustody)
	}
	for ; r.Address() != 0; holders-- {
		if holders == 0 {
			r.Fail(errCustody)
		}
		r.Address()
		r.signature()
	}
	r.additional()
}
