package identity

import (
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha512"
	"crypto/subtle"
	"fmt"

	fast "github.com/oasisprotocol/curve25519-voi/primitives/ed25519"
)

const (
	// keyLen is the size of a public or private key in bytes: the X25519 half,
	// then the Ed25519 half.
	keyLen       = agreementLen + ed25519.SeedSize
	agreementLen = 32
	digestLen    = 32

	// SignatureLen is the size of a signature in bytes.
	SignatureLen = ed25519.SignatureSize + digestLen
)

// Signature is an Ed25519 signature of the first 32 bytes of the message's
// SHA-512, followed by those 32 bytes (protocol 01 §8).
type Signature [SignatureLen]byte

// VerifyWith reports whether sig is the signature of a message by the owner of
// a 64-byte public key, which need not be an identity's.
func VerifyWith(public [keyLen]byte, message, sig []byte) bool {
	if len(sig) != SignatureLen {
		return false
	}
	sum := sha512.Sum512(message)
	digest := sig[ed25519.SignatureSize:]
	return subtle.ConstantTimeCompare(digest, sum[:digestLen]) == 1 &&
		ed25519.Verify(public[agreementLen:], digest, sig[:ed25519.SignatureSize])
}

// hidden yields a private key. Owners of one hold this function instead of a
// pointer because no printer looks into a function: package fmt does follow
// pointers, even in unexported fields, when the verb does not fit.
type hidden func() *privateKey

// privateKey is both private halves, expanded once for use.
type privateKey struct {
	raw       [keyLen]byte // X25519 scalar, Ed25519 seed
	agreement *ecdh.PrivateKey
	// signer makes the same signatures as crypto/ed25519 in half the time, and
	// signing is most of the work of a controller.
	signer fast.PrivateKey
}

func newPrivateKey(raw [keyLen]byte) (hidden, error) {
	agreement, err := ecdh.X25519().NewPrivateKey(raw[:agreementLen])
	if err != nil {
		return nil, fmt.Errorf("X25519 private key: %w", err)
	}
	k := &privateKey{raw, agreement, fast.NewKeyFromSeed(raw[agreementLen:])}
	return func() *privateKey { return k }, nil
}

// public is the X25519 public key, then the Ed25519 one.
func (k *privateKey) public() (public [keyLen]byte) {
	copy(public[:], k.agreement.PublicKey().Bytes())
	copy(public[agreementLen:], k.signer[ed25519.SeedSize:])
	return public
}

// agree returns the raw secret shared with the owner of an X25519 public key.
func (k *privateKey) agree(public []byte) ([]byte, error) {
	remote, err := ecdh.X25519().NewPublicKey(public)
	if err != nil {
		return nil, err
	}
	return k.agreement.ECDH(remote)
}

func (k *privateKey) sign(message []byte) (s Signature) {
	sum := sha512.Sum512(message)
	copy(s[:], fast.Sign(k.signer, sum[:digestLen]))
	copy(s[ed25519.SignatureSize:], sum[:digestLen])
	return s
}

// SigningKey signs worlds: the two key pairs of an identity, without an address
// or a proof of work (protocol 01 §8). It does not change and is safe for
// concurrent use; printed, it shows nothing of its secret.
type SigningKey struct{ private hidden }

// NewSigningKey draws a key.
func NewSigningKey() (*SigningKey, error) {
	var raw [keyLen]byte
	if _, err := rand.Read(raw[:]); err != nil {
		return nil, fmt.Errorf("draw a signing key: %w", err)
	}
	return ParseSigningKey(raw)
}

// ParseSigningKey takes a private key: X25519 scalar, then Ed25519 seed.
func ParseSigningKey(raw [keyLen]byte) (*SigningKey, error) {
	private, err := newPrivateKey(raw)
	if err != nil {
		return nil, fmt.Errorf("signing key: %w", err)
	}
	return &SigningKey{private}, nil
}

// Public returns the public key: X25519, then Ed25519.
func (k *SigningKey) Public() [keyLen]byte { return k.private().public() }

// Private returns the private key: X25519 scalar, then Ed25519 seed.
func (k *SigningKey) Private() [keyLen]byte { return k.private().raw }

// Sign signs a message, as Identity.Sign does.
func (k *SigningKey) Sign(message []byte) Signature { return k.private().sign(message) }

// String names the key by the start of its public half.
func (k *SigningKey) String() string {
	public := k.Public()
	return fmt.Sprintf("signing key %x…", public[:4])
}
