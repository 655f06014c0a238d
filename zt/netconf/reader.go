package netconf

import (
	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/identity"
)

// reader is zt.Reader for what configurations and certificates are made of.
type reader struct{ zt.Reader }

func read(b []byte) reader { return reader{zt.Reader{Rest: b}} }

// signature reads a signature with its type and length (protocol 06 §1).
func (r *reader) signature() (s identity.Signature) {
	kind, length := r.Uint8(), r.Uint16()
	if r.Err == nil && (kind != signatureEd25519 || length != identity.SignatureLen) {
		r.Err = errSignatureKind
	}
	copy(s[:], r.Take(identity.SignatureLen))
	return s
}

// additional skips the fields that later versions may add at the end of an
// object.
func (r *reader) additional() { r.Take(int(r.Uint16())) }
