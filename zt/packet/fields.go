package packet

import (
	"fmt"

	"github.com/orrery-net/orrery/zt"
)

// fields is zt.Reader for the payloads of packets.
type fields struct{ zt.Reader }

func read(b []byte) fields { return fields{zt.Reader{Rest: b}} }

func (f *fields) addresses(n int) []zt.Address {
	b := f.Take(n * zt.AddressLen)
	if len(b) == 0 {
		return nil
	}
	list := make([]zt.Address, 0, n)
	for ; len(b) > 0; b = b[zt.AddressLen:] {
		list = append(list, zt.AddressFrom(b))
	}
	return list
}

func (f *fields) mac() (m zt.MAC) {
	copy(m[:], f.Take(zt.MACLen))
	return m
}

func (f *fields) group() zt.MulticastGroup {
	return zt.MulticastGroup{MAC: f.mac(), ADI: f.Uint32()}
}

// membership skips a certificate of membership and returns its bytes: a 1, the
// number of qualifiers (2 bytes, at most 8), 24 bytes for each, the signer and,
// if there is one, its signature (protocol 02 §6.10).
func (f *fields) membership() []byte {
	const most, qualifier, signature = 8, 24, 96
	whole := f.Rest
	if version := f.Uint8(); f.Err == nil && version != 1 {
		f.Err = fmt.Errorf("certificate of membership of unknown type %#02x", version)
	}
	n := int(f.Uint16())
	if f.Err == nil && n > most {
		f.Err = fmt.Errorf("certificate of membership has %d qualifiers, at most %d are allowed", n, most)
	}
	f.Take(n * qualifier)
	if f.Address() != 0 {
		f.Take(signature)
	}
	if f.Err != nil {
		return nil
	}
	n = len(whole) - len(f.Rest)
	return whole[:n:n]
}

// reading completes an error with the verb that was read.
func (f *fields) reading(what string) error {
	if f.Err != nil {
		return fmt.Errorf("reading %s: %w", what, f.Err)
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
