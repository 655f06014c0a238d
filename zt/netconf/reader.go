package netconf

import (
	"encoding/binary"
	"errors"

	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/identity"
)

var errShort = errors.New("data ends early")

// reader takes fields off the front of a byte string. After the first error all
// further fields read as zero, so that callers check once.
type reader struct {
	rest []byte
	err  error
}

// take returns the next n bytes without copying; nil after an error.
func (r *reader) take(n int) []byte {
	if r.err == nil && len(r.rest) < n {
		r.err = errShort
	}
	if r.err != nil {
		return nil
	}
	field := r.rest[:n:n]
	r.rest = r.rest[n:]
	return field
}

func (r *reader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

func (r *reader) uint8() uint8 {
	if field := r.take(1); field != nil {
		return field[0]
	}
	return 0
}

func (r *reader) uint16() uint16 {
	if field := r.take(2); field != nil {
		return binary.BigEndian.Uint16(field)
	}
	return 0
}

func (r *reader) uint32() uint32 {
	if field := r.take(4); field != nil {
		return binary.BigEndian.Uint32(field)
	}
	return 0
}

func (r *reader) uint64() uint64 {
	if field := r.take(8); field != nil {
		return binary.BigEndian.Uint64(field)
	}
	return 0
}

func (r *reader) address() zt.Address {
	if field := r.take(zt.AddressLen); field != nil {
		return zt.AddressFrom(field)
	}
	return 0
}

func (r *reader) network() zt.NetworkID { return zt.NetworkID(r.uint64()) }

// signature reads a signature with its type and length (protocol 06 §1).
func (r *reader) signature() (s identity.Signature) {
	kind, length := r.uint8(), r.uint16()
	if r.err == nil && (kind != signatureEd25519 || length != identity.SignatureLen) {
		r.err = errSignatureKind
	}
	copy(s[:], r.take(identity.SignatureLen))
	return s
}

// additional skips the fields that later versions may add at the end of an
// object.
func (r *reader) additional() { r.take(int(r.uint16())) }
