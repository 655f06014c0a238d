package netconf

import (
	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/identity"
)

// wholeObjects returns the objects at the start of b that are complete, at most
// count of them and at most size bytes. Damaged ones end the list, as they do
// for nodes. The functions that it uses skip one object without keeping it.
func wholeObjects(b []byte, count, size int, skip func(*reader)) []byte {
	r := reader{rest: b}
	whole := 0
	for ; count > 0 && len(r.rest) > 0; count-- {
		skip(&r)
		taken := len(b) - len(r.rest)
		if r.err != nil || taken > size {
			break
		}
		whole = taken
	}
	return b[:whole]
}

func skipCOM(r *reader) {
	if r.uint8() != comFormat {
		r.fail(errCOMFormat)
	}
	count := int(r.uint16())
	if count > MaxQualifiers {
		r.fail(errTooManyQualifiers)
	}
	r.take(count * qualifierLen)
	if r.address() != 0 {
		r.take(identity.SignatureLen)
	}
}

func skipTag(r *reader) { r.tag() }

func skipOwnership(r *reader) {
	const before, after = 8 + 8 + 8 + 4, 2 * zt.AddressLen
	r.take(before)
	count := int(r.uint16())
	if count > MaxThings {
		r.fail(errTooManyThings)
	}
	r.take(count*thingLen + after)
	r.signature()
	r.additional()
}

func skipCapability(r *reader) {
	const before = 8 + 8 + 4
	r.take(before)
	rules := int(r.uint16())
	if rules > MaxRulesPerCapability {
		r.fail(errTooManyRules)
	}
	for ; rules > 0 && r.err == nil; rules-- {
		r.rule()
	}
	holders := r.uint8()
	if holders < 1 || holders > MaxCustody {
		r.fail(errCustody)
	}
	for ; r.address() != 0; holders-- {
		if holders == 0 {
			r.fail(errCustody)
		}
		r.address()
		r.signature()
	}
	r.additional()
}
