package packet

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha512"
	"crypto/subtle"
	"errors"

	"github.com/orrery-net/orrery/zt/salsa20"

	//lint:ignore SA1019 the protocol is built on bare Poly1305 with a key per packet
	"golang.org/x/crypto/poly1305"
)

// ErrAuth is returned for a packet whose MAC is wrong: it was changed on the
// way, or was never made with this key.
var ErrAuth = errors.New("packet: authentication failed")

// errCipher is returned for trusted paths and unassigned ciphers.
var errCipher = errors.New("packet: cipher is not accepted")

const (
	// rounds is Salsa20's number of rounds in packets.
	rounds = 12
	// macLen is how much of a MAC is sent, in bytes.
	macLen = 8
)

// Key protects the packets between two nodes. It does not change and is safe
// for concurrent use.
type Key struct {
	salsa [32]byte
	mac   cipher.AEAD  // AES-GCM with K0, for its authentication alone
	block cipher.Block // AES with K1
}

// NewKey derives the keys of all ciphers from what two identities agree on
// (protocol 01 §5.1, §5.2).
func NewKey(agreed [48]byte) *Key {
	k := &Key{salsa: [32]byte(agreed[:32])}
	k0, k1 := derive(&agreed, '0'), derive(&agreed, '1')
	// None of these can fail: AES takes keys of 32 bytes, GCM takes AES.
	authenticator, _ := aes.NewCipher(k0[:32])
	k.mac, _ = cipher.NewGCM(authenticator)
	k.block, _ = aes.NewCipher(k1[:32])
	return k
}

// derive is the protocol's key derivation: counter style over HMAC-SHA-384, one
// call for a key, of whose 48 bytes AES takes 32.
func derive(agreed *[48]byte, label byte) [48]byte {
	mac := hmac.New(sha512.New384, agreed[:])
	mac.Write([]byte{0, 0, 0, 0, 'Z', 'T', label, 0, 0, 0, 0, 1, 0x80})
	return [48]byte(mac.Sum(nil))
}

// Seal protects a finished packet in place. A packet that is longer than MTU is
// marked as the head of a fragmented one, which the MAC covers. CipherAES
// replaces the packet id. A cipher other than CipherNone and CipherAES means
// CipherSalsa, which every node reads.
func (k *Key) Seal(p Packet, c Cipher) {
	if c != CipherNone && c != CipherAES {
		c = CipherSalsa
	}
	flags := p[offsetFlags]&flagExtended | byte(c)<<3
	if len(p) > MTU {
		flags |= flagHead
	}
	p[offsetFlags] = flags
	if c == CipherAES {
		p[offsetFlags] &^= flagExtended
		k.sealAES(p)
		return
	}
	k.sealSalsa(p, c == CipherSalsa)
}

// Open checks and decrypts a packet in place, by the cipher that its header
// names. The header stays as it is; after ErrAuth the rest is undefined. Trusted
// paths and unassigned ciphers are another error.
func (k *Key) Open(p Packet) error {
	if len(p) < HeaderLen || len(p) > MaxLen {
		return ErrAuth
	}
	switch c := p.Cipher(); c {
	case CipherNone, CipherSalsa:
		return k.openSalsa(p, c == CipherSalsa)
	case CipherAES:
		return k.openAES(p)
	default:
		return errCipher
	}
}

// mangle returns the key of one packet: the shared key, changed by the header
// and the packet's size (protocol 01 §6.3).
func (k *Key) mangle(p Packet) (key [32]byte) {
	key = k.salsa
	subtle.XORBytes(key[:offsetFlags], key[:offsetFlags], p[:offsetFlags])
	key[18] ^= p[offsetFlags] &^ maskHops
	key[19] ^= byte(len(p))
	key[20] ^= byte(len(p) >> 8)
	return key
}

// stream returns the cipher of one packet and the key of its MAC, which is the
// first half of block 0; the other half is not used.
func (k *Key) stream(p Packet) (c salsa20.Cipher, polyKey [32]byte) {
	key := k.mangle(p)
	c = salsa20.New(&key, (*[8]byte)(p[:8]), rounds)
	var block [salsa20.BlockLen]byte
	c.Block(&block)
	return c, [32]byte(block[:32])
}

func (k *Key) sealSalsa(p Packet, encrypt bool) {
	c, polyKey := k.stream(p)
	if encrypt {
		c.XOR(p[offsetVerb:])
	}
	var tag [poly1305.TagSize]byte
	poly1305.Sum(&tag, p[offsetVerb:], &polyKey)
	copy(p[offsetMAC:offsetMAC+macLen], tag[:])
}

func (k *Key) openSalsa(p Packet, encrypted bool) error {
	c, polyKey := k.stream(p)
	var tag [poly1305.TagSize]byte
	poly1305.Sum(&tag, p[offsetVerb:], &polyKey)
	if subtle.ConstantTimeCompare(tag[:macLen], p[offsetMAC:offsetMAC+macLen]) != 1 {
		return ErrAuth
	}
	if encrypted {
		c.XOR(p[offsetVerb:])
	}
	return nil
}

// CryptHelloTail encrypts or decrypts the end of a HELLO, from offset of the
// packet on, which is hidden from observers in addition (protocol 01 §6.7). It
// is to be done before Seal and after Open. An offset that is not in the payload
// does nothing.
func (k *Key) CryptHelloTail(p Packet, offset int) {
	if offset < HeaderLen || offset >= len(p) {
		return
	}
	iv := [8]byte(p[:8])
	iv[7] &= 0xf8
	salsa20.XORKeyStream(p[offset:], p[offset:], &k.salsa, &iv, 0, rounds)
}
