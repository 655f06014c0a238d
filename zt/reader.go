package zt

import (
	"encoding/binary"
	"errors"
	"net/netip"
)

// ErrShort is returned, wrapped, for data that ends before a field does.
var ErrShort = errors.New("data ends early")

// Reader takes big-endian fields off the front of bytes from strangers. After
// the first failure all further fields read as zero, so that callers look at Err
// once. What it returns shares the memory of Rest.
type Reader struct {
	Rest []byte
	Err  error
}

// Take returns the next n bytes; nil after a failure.
func (r *Reader) Take(n int) []byte {
	if r.Err == nil && len(r.Rest) < n {
		r.Err = ErrShort
	}
	if r.Err != nil {
		return nil
	}
	field := r.Rest[:n:n]
	r.Rest = r.Rest[n:]
	return field
}

// Fail makes err the failure, unless there was one before.
func (r *Reader) Fail(err error) {
	if r.Err == nil {
		r.Err = err
	}
}

// Uint8 reads 1 byte.
func (r *Reader) Uint8() uint8 {
	if field := r.Take(1); field != nil {
		return field[0]
	}
	return 0
}

// Uint16 reads 2 bytes.
func (r *Reader) Uint16() uint16 {
	if field := r.Take(2); field != nil {
		return binary.BigEndian.Uint16(field)
	}
	return 0
}

// Uint32 reads 4 bytes.
func (r *Reader) Uint32() uint32 {
	if field := r.Take(4); field != nil {
		return binary.BigEndian.Uint32(field)
	}
	return 0
}

// Uint64 reads 8 bytes.
func (r *Reader) Uint64() uint64 {
	if field := r.Take(8); field != nil {
		return binary.BigEndian.Uint64(field)
	}
	return 0
}

// Address reads a node's address, 5 bytes.
func (r *Reader) Address() Address {
	if field := r.Take(AddressLen); field != nil {
		return AddressFrom(field)
	}
	return 0
}

// Network reads a network id, 8 bytes.
func (r *Reader) Network() NetworkID { return NetworkID(r.Uint64()) }

// InetAddr reads a physical address, which is not valid if none is written.
func (r *Reader) InetAddr() netip.AddrPort {
	if r.Err != nil {
		return netip.AddrPort{}
	}
	a, size, err := InetAddrFrom(r.Rest)
	if err != nil {
		r.Err = err
		return netip.AddrPort{}
	}
	r.Rest = r.Rest[size:]
	return a
}
