package netconf

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Credentials is the payload of NETWORK_CREDENTIALS: what members show each
// other, and how controllers send revocations (protocol 06 §8).
type Credentials struct {
	COMs         []*COM
	Capabilities []*Capability
	Tags         []*Tag
	Revocations  []*Revocation
	Ownerships   []*Ownership
}

// Append writes the payload to b. It does not cut it to what fits in a packet:
// 60 revocations do.
func (c *Credentials) Append(b []byte) []byte {
	for _, com := range c.COMs {
		b = com.Append(b)
	}
	b = append(b, 0)
	b = appendList(b, c.Capabilities, (*Capability).Append)
	b = appendList(b, c.Tags, (*Tag).Append)
	b = appendList(b, c.Revocations, (*Revocation).Append)
	return appendList(b, c.Ownerships, (*Ownership).Append)
}

func appendList[T any](b []byte, list []T, appendOne func(T, []byte) []byte) []byte {
	list = list[:min(len(list), math.MaxUint16)]
	b = binary.BigEndian.AppendUint16(b, uint16(len(list)))
	for _, one := range list {
		b = appendOne(one, b)
	}
	return b
}

// ParseCredentials reads a payload. It may end behind any of its lists; the
// missing ones are empty. Nothing is verified.
func ParseCredentials(payload []byte) (Credentials, error) {
	r := read(payload)
	var c Credentials
	for len(r.Rest) > 0 && r.Rest[0] == comFormat && r.Err == nil {
		com := r.com()
		c.COMs = append(c.COMs, &com)
	}
	if end := r.Uint8(); end != 0 {
		r.Fail(errCOMFormat)
	}
	c.Capabilities = readList(&r, (*reader).capability)
	c.Tags = readList(&r, (*reader).tag)
	c.Revocations = readList(&r, (*reader).revocation)
	c.Ownerships = readList(&r, (*reader).ownership)
	if r.Err != nil {
		return Credentials{}, fmt.Errorf("credentials: %w", r.Err)
	}
	return c, nil
}

func readList[T any](r *reader, one func(*reader) T) []*T {
	if r.Err != nil || len(r.Rest) == 0 {
		return nil
	}
	var list []*T
	for range r.Uint16() {
		value := one(r)
		if r.Err != nil {
			return nil
		}
		list = append(list, &value)
	}
	return list
}
