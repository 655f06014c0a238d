package packet

import (
	"encoding/binary"
	"fmt"
)

// OK is the payload of OK (protocol 02 §6.3). It means nothing unless InReID is
// the ID of a request sent lately.
type OK struct {
	InRe   Verb   // verb of the request; VerbEcho for the receipt of a NETWORK_CONFIG
	InReID uint64 // packet ID of the request as it was on the wire
	Rest   []byte // depends on the verb
}

// ParseOK reads the payload. Rest shares its memory.
func ParseOK(payload []byte) (OK, error) {
	f := read(payload)
	o := OK{InRe: Verb(f.Uint8()), InReID: f.Uint64(), Rest: f.Rest}
	return o, f.reading("OK")
}

// Append writes the payload to b.
func (o OK) Append(b []byte) []byte {
	return append(binary.BigEndian.AppendUint64(append(b, byte(o.InRe)), o.InReID), o.Rest...)
}

// Error is the payload of ERROR (protocol 02 §6.3).
type Error struct {
	InRe   Verb
	InReID uint64
	Code   ErrorCode
	Rest   []byte // depends on the code; the network ID first if it is about a network
}

// ParseError reads the payload. Rest shares its memory.
func ParseError(payload []byte) (Error, error) {
	f := read(payload)
	e := Error{InRe: Verb(f.Uint8()), InReID: f.Uint64(), Code: ErrorCode(f.Uint8()), Rest: f.Rest}
	return e, f.reading("ERROR")
}

// Append writes the payload to b.
func (e Error) Append(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(append(b, byte(e.InRe)), e.InReID)
	return append(append(b, byte(e.Code)), e.Rest...)
}

// ErrorCode says what is wrong in an ERROR.
type ErrorCode uint8

// The error codes.
const (
	ErrorInvalidRequest                ErrorCode = 0x01
	ErrorBadProtocolVersion            ErrorCode = 0x02
	ErrorObjectNotFound                ErrorCode = 0x03
	ErrorIdentityCollision             ErrorCode = 0x04
	ErrorUnsupportedOperation          ErrorCode = 0x05
	ErrorNeedMembershipCertificate     ErrorCode = 0x06
	ErrorNetworkAccessDenied           ErrorCode = 0x07
	ErrorUnwantedMulticast             ErrorCode = 0x08
	ErrorNetworkAuthenticationRequired ErrorCode = 0x09
)

// String returns the name of the error in words, or "error 0a" for an unassigned
// code.
func (c ErrorCode) String() string {
	switch c {
	case ErrorInvalidRequest:
		return "invalid request"
	case ErrorBadProtocolVersion:
		return "bad protocol version"
	case ErrorObjectNotFound:
		return "object not found"
	case ErrorIdentityCollision:
		return "identity collision"
	case ErrorUnsupportedOperation:
		return "unsupported operation"
	case ErrorNeedMembershipCertificate:
		return "need membership certificate"
	case ErrorNetworkAccessDenied:
		return "network access denied"
	case ErrorUnwantedMulticast:
		return "unwanted multicast"
	case ErrorNetworkAuthenticationRequired:
		return "network authentication required"
	}
	return fmt.Sprintf("error %02x", uint8(c))
}
