package netconf

import (
	"encoding/binary"
	"errors"

	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/identity"
)

// CredentialType is the number of a kind of credential (protocol 06).
type CredentialType uint8

// The kinds of credentials. Type 5 is unused.
const (
	CredentialCOM        CredentialType = 1
	CredentialCapability CredentialType = 2
	CredentialTag        CredentialType = 3
	CredentialOwnership  CredentialType = 4
	CredentialRevocation CredentialType = 6
)

// signatureEd25519 is the only type of signature there is.
const signatureEd25519 = 1

var errSignatureKind = errors.New("unknown type or length of signature")

// appendSignature writes a signature with its type and length (protocol 06 §1).
func appendSignature(b []byte, s *identity.Signature) []byte {
	b = append(b, signatureEd25519, 0, identity.SignatureLen)
	return append(b, s[:]...)
}

// sentinel stands before and behind what tags, capabilities, certificates of
// ownership and revocations sign (protocol 06 §1).
const sentinel = 0x7f7f7f7f7f7f7f7f

// signed puts an object's fields, written by fields, into the form that is
// signed: without the signature, between sentinels.
func signed(fields func(b []byte) []byte) []byte {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, 512), sentinel)
	b = appendNoAdditional(fields(b))
	return binary.BigEndian.AppendUint64(b, sentinel)
}

// appendNoAdditional writes the length of the additional fields that later
// versions may add.
func appendNoAdditional(b []byte) []byte { return append(b, 0, 0) }

// verifies reports whether a signature is the network's controller's.
func verifies(controller *identity.Identity, network zt.NetworkID, signer zt.Address, message []byte, s *identity.Signature) bool {
	return signer == network.Controller() && signer == controller.Address() && controller.Verify(message, s[:])
}
