package packet

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/orrery-net/orrery/zt"
)

// fields reads a payload field by field. After the first failure it reads
// zeros; err then says what went wrong. What it returns shares the payload's
// memory.
type fields struct {
	rest []byte
	err  error
}

func (f *fields) bytes(n int) []byte {
	if f.err == nil && n > len(f.rest) {
		f.err = errShort
	}
	if f.err != nil {
		return nil
	}
	b := f.rest[:n:n]
	f.rest = f.rest[n:]
	return b
}

func (f *fields) uint8() uint8 {
	if b := f.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

func (f *fields) uint16() uint16 {
	if b := f.bytes(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (f *fields) uint32() uint32 {
	if b := f.bytes(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (f *fields) uint64() uint64 {
	if b := f.bytes(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

func (f *fields) address() zt.Address {
	if b := f.bytes(zt.AddressLen); b != nil {
		return zt.AddressFrom(b)
	}
	return 0
}

func (f *fields) addresses(n int) []zt.Address {
	b := f.bytes(n * zt.AddressLen)
	if len(b) == 0 {
		return nil
	}
	list := make([]zt.Address, 0, n)
	for ; len(b) > 0; b = b[zt.AddressLen:] {
		list = append(list, zt.AddressFrom(b))
	}
	return list
}

func (f *fields) network() zt.NetworkID { return zt.NetworkID(f.uint64()) }

func (f *fields) mac() (m zt.MAC) {
	copy(m[:], f.bytes(zt.MACLen))
	return m
}

func (f *fields) group() zt.MulticastGroup {
	return zt.MulticastGroup{MAC: f.mac(), ADI: f.uint32()}
}

// endpoint reads a physical address, which is not valid if there is none.
func (f *fields) endpoint() netip.AddrPort {
	if f.err != nil {
		return netip.AddrPort{}
	}
	a, n, err := zt.InetAddrFrom(f.rest)
	if err != nil {
		f.err = err
		return netip.AddrPort{}
	}
	f.rest = f.rest[n:]
	return a
}

// membership skips a certificate of membership and returns its bytes: a 1, the
// number of qualifiers (2 bytes, at most 8), 24 bytes for each, the signer and,
// if there is one, its signature (protocol 02 §6.10).
func (f *fields) membership() []byte {
	const most, qualifier, signature = 8, 24, 96
	whole := f.rest
	if version := f.uint8(); f.err == nil && version != 1 {
		f.err = fmt.Errorf("certificate of membership of unknown type %#02x", version)
	}
	n := int(f.uint16())
	if f.err == nil && n > most {
		f.err = fmt.Errorf("certificate of membership has %d qualifiers, at most %d are allowed", n, most)
	}
	f.bytes(n * qualifier)
	if f.address() != 0 {
		f.bytes(signature)
	}
	if f.err != nil {
		return nil
	}
	n = len(whole) - len(f.rest)
	return whole[:n:n]
}

// reading completes an error with the verb that was read.
func (f *fields) reading(what string) error {
	if f.err != nil {
		return fmt.Errorf("reading %s: %w", what, f.err)
	}
	return nil
}

func appendNetwork(b []byte, n zt.NetworkID, group zt.MulticastGroup) []byte {
	return group.Append(n.Append(b))
}

func appendAddresses(b []byte, list []zt.Address) []byte {
	for _, a := range list {
		b = a.Append(b)
	}
	return b
}
