// Package identity is who a node is: an address, two key pairs, and the proof
// of work that ties them together; and what the keys are for, agreement on
// session keys and signatures (protocol 01 §1–§5, §8). It knows nothing of
// packets or sockets.
package identity

import (
	"bytes"
	"cmp"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/orrery-net/orrery/zt"
)

const (
	// PublicLen is the size of a public identity in binary form, in bytes.
	PublicLen = zt.AddressLen + 1 + keyLen + 1
	// typeCode is the one identity type that exists.
	typeCode = 0
	// maxTextLen is more than any text form is long.
	maxTextLen = 383
)

// Identity is a node's address and keys, with or without the private ones. It
// does not change after construction and is safe for concurrent use. However it
// is printed, it shows only its public part.
type Identity struct {
	address     zt.Address
	public      [keyLen]byte
	private     hidden // nil if not known
	fingerprint [sha512.Size384]byte
}

func newIdentity(address zt.Address, public [keyLen]byte) *Identity {
	id := &Identity{address: address, public: public}
	id.fingerprint = sha512.Sum384(append(address.Append(nil), public[:]...))
	return id
}

// withPrivate returns the identity with its private key, which must yield the
// public one.
func (id *Identity) withPrivate(raw [keyLen]byte) (*Identity, error) {
	private, err := newPrivateKey(raw)
	if err != nil {
		return nil, err
	}
	if private().public() != id.public {
		return nil, errors.New("the private key does not belong to the public key")
	}
	full := *id
	full.private = private
	return &full, nil
}

// ParseText reads the text form, public or secret (protocol 01 §1.1): fields
// separated by colons, exactly 128 hex digits a key, surrounding white space
// ignored. A private key must belong to the public one. Whether the address
// belongs to the key is for Validate to say.
func ParseText(s string) (*Identity, error) {
	if len(s) > maxTextLen {
		return nil, errors.New("identity: the text is too long")
	}
	fields := strings.Split(strings.TrimSpace(s), ":")
	if len(fields) != 3 && len(fields) != 4 {
		return nil, errors.New("identity: want address:0:public key, or with :private key")
	}
	address, err := zt.ParseAddress(fields[0])
	if err != nil {
		return nil, fmt.Errorf("identity: %w", err)
	}
	if fields[1] != "0" {
		return nil, errors.New("identity: unknown type, want 0")
	}
	public, err := parseKey(fields[2])
	if err != nil {
		return nil, fmt.Errorf("identity: public key: %w", err)
	}
	id := newIdentity(address, public)
	if len(fields) == 3 {
		return id, nil
	}
	private, err := parseKey(fields[3])
	if err != nil {
		return nil, fmt.Errorf("identity: private key: %w", err)
	}
	if id, err = id.withPrivate(private); err != nil {
		return nil, fmt.Errorf("identity: %w", err)
	}
	return id, nil
}

// parseKey does not quote what it read: it may be a secret.
func parseKey(s string) (key [keyLen]byte, err error) {
	if len(s) != 2*keyLen {
		return key, fmt.Errorf("%d characters, want %d hex digits", len(s), 2*keyLen)
	}
	if _, err := hex.Decode(key[:], []byte(s)); err != nil {
		return key, fmt.Errorf("want %d hex digits", 2*keyLen)
	}
	return key, nil
}

// Parse reads the binary form (protocol 01 §1.2) from the start of b and returns
// the number of bytes it took: 71, or 135 with a private key.
func Parse(b []byte) (*Identity, int, error) {
	if len(b) < PublicLen {
		return nil, 0, errors.New("identity: data ends early")
	}
	if b[zt.AddressLen] != typeCode {
		return nil, 0, fmt.Errorf("identity: unknown type %#02x", b[zt.AddressLen])
	}
	id := newIdentity(zt.AddressFrom(b), [keyLen]byte(b[zt.AddressLen+1:PublicLen-1]))
	switch b[PublicLen-1] {
	case 0:
		return id, PublicLen, nil
	case keyLen:
		if len(b) < PublicLen+keyLen {
			return nil, 0, errors.New("identity: data ends early")
		}
		id, err := id.withPrivate([keyLen]byte(b[PublicLen : PublicLen+keyLen]))
		if err != nil {
			return nil, 0, fmt.Errorf("identity: %w", err)
		}
		return id, PublicLen + keyLen, nil
	}
	return nil, 0, fmt.Errorf("identity: private key of %d bytes", b[PublicLen-1])
}

// ParsePublic is Parse for what comes from the network, where a private key is
// an error. It takes 71 bytes.
func ParsePublic(b []byte) (*Identity, int, error) {
	if len(b) >= PublicLen && b[PublicLen-1] != 0 {
		return nil, 0, errors.New("identity: a private key has no place here")
	}
	return Parse(b)
}

// Address returns the node's address.
func (id *Identity) Address() zt.Address { return id.address }

// PublicKey returns the X25519 public key followed by the Ed25519 one.
func (id *Identity) PublicKey() [keyLen]byte { return id.public }

// HasPrivate reports whether the private key is known.
func (id *Identity) HasPrivate() bool { return id.private != nil }

// Public returns the identity without its private key.
func (id *Identity) Public() *Identity {
	if id.private == nil {
		return id
	}
	public := *id
	public.private = nil
	return &public
}

// String returns the public text form, 141 characters.
func (id *Identity) String() string {
	return id.address.String() + ":0:" + hex.EncodeToString(id.public[:])
}

// GoString is what %#v prints, the public text form as well.
func (id *Identity) GoString() string { return "identity.Identity(" + id.String() + ")" }

// LogValue makes logs show the address alone.
func (id *Identity) LogValue() slog.Value { return slog.StringValue(id.address.String()) }

// SecretText returns the text form with the private key, 270 characters. It
// panics without one.
func (id *Identity) SecretText() string {
	return id.String() + ":" + hex.EncodeToString(id.private().raw[:])
}

// AppendPublic writes the public binary form, 71 bytes, to b.
func (id *Identity) AppendPublic(b []byte) []byte {
	b = append(id.address.Append(b), typeCode)
	return append(append(b, id.public[:]...), 0)
}

// Equal reports whether address and public key are equal.
func (id *Identity) Equal(o *Identity) bool {
	return id == o || o != nil && id.address == o.address && id.public == o.public
}

// Compare orders identities by address, then by public key.
func (id *Identity) Compare(o *Identity) int {
	if c := cmp.Compare(id.address, o.address); c != 0 {
		return c
	}
	return bytes.Compare(id.public[:], o.public[:])
}

// Fingerprint returns SHA-384(address || public key), which certificates of
// membership pin (protocol 01 §1.5).
func (id *Identity) Fingerprint() [sha512.Size384]byte { return id.fingerprint }

// SessionKeyLen is the size of what two identities agree on, in bytes.
const SessionKeyLen = 48

// Agree returns the key that this identity and another share, the same from
// both sides (protocol 01 §5.1). It fails without a private key, and for a
// public key of low order, which no honest node has.
func (id *Identity) Agree(o *Identity) (key [SessionKeyLen]byte, err error) {
	if id.private == nil {
		return key, errors.New("agree on a key: the private key is not known")
	}
	raw, err := id.private().agree(o.public[:agreementLen])
	if err != nil {
		return key, fmt.Errorf("agree on a key with %s: %w", o.address, err)
	}
	sum := sha512.Sum512(raw)
	copy(key[:], sum[:])
	return key, nil
}

// Sign signs a message. It is deterministic, and panics without a private key.
func (id *Identity) Sign(message []byte) Signature { return id.private().sign(message) }

// Verify reports whether sig is this identity's signature of a message.
func (id *Identity) Verify(message, sig []byte) bool { return VerifyWith(id.public, message, sig) }
