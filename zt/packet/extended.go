package packet

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/rand"
	"crypto/sha512"
	"errors"
	"fmt"

	"github.com/orrery-net/orrery/zt/identity"
)

// Extended armor (protocol 01 §6.6) hides a HELLO that is already sealed with
// CipherNone: everything from the MAC on is encrypted with a key that only the
// receiver can compute from the 32 bytes that are appended.

const ephemeralLen = 32

// SealExtended hides a packet on which SetExtended and Seal with CipherNone were
// called, for the node with the identity to. It works in place if p has room for
// 32 more bytes. It fails if the packet is not marked or would not fit into one
// datagram, or if the identity's key is of no use.
func SealExtended(p Packet, to *identity.Identity) (Packet, error) {
	if !p.Extended() || p.IsHead() || len(p)+ephemeralLen > MTU {
		return nil, errors.New("extended armor: packet is not marked for it, or too long")
	}
	public := to.PublicKey()
	receiver, err := ecdh.X25519().NewPublicKey(public[:32])
	if err != nil {
		return nil, fmt.Errorf("extended armor for %s: %w", to.Address(), err)
	}
	ephemeral, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("extended armor: %w", err)
	}
	raw, err := ephemeral.ECDH(receiver)
	if err != nil {
		return nil, fmt.Errorf("extended armor for %s: %w", to.Address(), err)
	}
	sum := sha512.Sum512(raw)
	xorExtended(p, [32]byte(sum[:]))
	return append(p, ephemeral.PublicKey().Bytes()...), nil
}

// OpenExtended undoes SealExtended in place with the private key of local. What
// it returns is still to be opened: a wrong key shows only there. It costs a key
// agreement.
func OpenExtended(p Packet, local *identity.Identity) (Packet, error) {
	key, err := extendedKey(p, local)
	if err != nil {
		return nil, err
	}
	p = p[:len(p)-ephemeralLen]
	xorExtended(p, key)
	return p, nil
}

func extendedKey(p Packet, local *identity.Identity) (key [32]byte, err error) {
	if len(p) < HeaderLen+ephemeralLen || len(p) > MaxLen || !p.Extended() {
		return key, errors.New("extended armor: packet is not in it, or too short")
	}
	// The agreement is that between identities, so the key of the sender is
	// dressed as one. Its other half and its address play no part.
	var dressed [identity.PublicLen]byte
	p.Source().Put(dressed[:])
	copy(dressed[6:], p[len(p)-ephemeralLen:])
	ephemeral, _, err := identity.ParsePublic(dressed[:])
	if err != nil {
		return key, fmt.Errorf("extended armor: %w", err)
	}
	key48, err := local.Agree(ephemeral)
	if err != nil {
		return key, fmt.Errorf("extended armor: %w", err)
	}
	return [32]byte(key48[:]), nil
}

// xorExtended encrypts or decrypts everything behind the flags.
func xorExtended(p Packet, key [32]byte) {
	var counter [aes.BlockSize]byte
	copy(counter[:12], p)
	block, _ := aes.NewCipher(key[:]) // 32 bytes are a good length
	cipher.NewCTR(block, counter[:]).XORKeyStream(p[offsetMAC:], p[offsetMAC:])
}
