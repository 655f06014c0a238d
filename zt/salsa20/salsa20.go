// Package salsa20 is the Salsa20 stream cipher with a choice of rounds:
// ZeroTier needs 12 and 20, and the usual libraries offer 20 only (protocol 01
// §0.1). It authenticates nothing.
package salsa20

import (
	"crypto/subtle"
	"encoding/binary"
	"math/bits"

	//lint:ignore SA1019 the protocol fixes the cipher
	"golang.org/x/crypto/salsa20/salsa"
)

// BlockLen is the size of a keystream block in bytes.
const BlockLen = 64

// XORKeyStream sets dst to src xor the keystream from block counter on. dst must
// be at least as long as src, and the same or not overlap. rounds must be even.
// With 20 rounds it is about twice as fast as a Cipher on processors for which
// x/crypto has assembly.
func XORKeyStream(dst, src []byte, key *[32]byte, iv *[8]byte, counter uint64, rounds int) {
	if rounds == 20 {
		var nonce [16]byte
		copy(nonce[:], iv[:])
		binary.LittleEndian.PutUint64(nonce[8:], counter)
		salsa.XORKeyStream(dst, src, &nonce, key)
		return
	}
	c := New(key, iv, rounds)
	c.Seek(counter)
	c.xor(dst, src)
}

// Cipher is a keystream in progress: a key, an IV and the number of the next
// block. Keystream that is left over in a block is dropped. It is a plain value
// and not safe for concurrent use.
type Cipher struct {
	state  [16]uint32
	rounds int
}

// New returns a keystream that starts at block 0. rounds must be even.
func New(key *[32]byte, iv *[8]byte, rounds int) Cipher {
	word := func(b []byte) uint32 { return binary.LittleEndian.Uint32(b) }
	return Cipher{rounds: rounds, state: [16]uint32{
		0x61707865, word(key[0:]), word(key[4:]), word(key[8:]),
		word(key[12:]), 0x3320646e, word(iv[0:]), word(iv[4:]),
		0, 0, 0x79622d32, word(key[16:]),
		word(key[20:]), word(key[24:]), word(key[28:]), 0x6b206574,
	}}
}

// Seek makes n the number of the next block.
func (c *Cipher) Seek(n uint64) { c.state[8], c.state[9] = uint32(n), uint32(n>>32) }

// XOR adds keystream to b in place.
func (c *Cipher) XOR(b []byte) { c.xor(b, b) }

func (c *Cipher) xor(dst, src []byte) {
	var block [BlockLen]byte
	for len(src) > 0 {
		c.Block(&block)
		n := subtle.XORBytes(dst, src, block[:])
		dst, src = dst[n:], src[n:]
	}
}

// Block writes the next keystream block to out.
func (c *Cipher) Block(out *[BlockLen]byte) {
	x0, x1, x2, x3 := c.state[0], c.state[1], c.state[2], c.state[3]
	x4, x5, x6, x7 := c.state[4], c.state[5], c.state[6], c.state[7]
	x8, x9, x10, x11 := c.state[8], c.state[9], c.state[10], c.state[11]
	x12, x13, x14, x15 := c.state[12], c.state[13], c.state[14], c.state[15]
	for range c.rounds / 2 {
		x4 ^= bits.RotateLeft32(x0+x12, 7)
		x9 ^= bits.RotateLeft32(x5+x1, 7)
		x14 ^= bits.RotateLeft32(x10+x6, 7)
		x3 ^= bits.RotateLeft32(x15+x11, 7)
		x8 ^= bits.RotateLeft32(x4+x0, 9)
		x13 ^= bits.RotateLeft32(x9+x5, 9)
		x2 ^= bits.RotateLeft32(x14+x10, 9)
		x7 ^= bits.RotateLeft32(x3+x15, 9)
		x12 ^= bits.RotateLeft32(x8+x4, 13)
		x1 ^= bits.RotateLeft32(x13+x9, 13)
		x6 ^= bits.RotateLeft32(x2+x14, 13)
		x11 ^= bits.RotateLeft32(x7+x3, 13)
		x0 ^= bits.RotateLeft32(x12+x8, 18)
		x5 ^= bits.RotateLeft32(x1+x13, 18)
		x10 ^= bits.RotateLeft32(x6+x2, 18)
		x15 ^= bits.RotateLeft32(x11+x7, 18)

		x1 ^= bits.RotateLeft32(x0+x3, 7)
		x6 ^= bits.RotateLeft32(x5+x4, 7)
		x11 ^= bits.RotateLeft32(x10+x9, 7)
		x12 ^= bits.RotateLeft32(x15+x14, 7)
		x2 ^= bits.RotateLeft32(x1+x0, 9)
		x7 ^= bits.RotateLeft32(x6+x5, 9)
		x8 ^= bits.RotateLeft32(x11+x10, 9)
		x13 ^= bits.RotateLeft32(x12+x15, 9)
		x3 ^= bits.RotateLeft32(x2+x1, 13)
		x4 ^= bits.RotateLeft32(x7+x6, 13)
		x9 ^= bits.RotateLeft32(x8+x11, 13)
		x14 ^= bits.RotateLeft32(x13+x12, 13)
		x0 ^= bits.RotateLeft32(x3+x2, 18)
		x5 ^= bits.RotateLeft32(x4+x7, 18)
		x10 ^= bits.RotateLeft32(x9+x8, 18)
		x15 ^= bits.RotateLeft32(x14+x13, 18)
	}
	put := func(i int, v uint32) { binary.LittleEndian.PutUint32(out[4*i:], v+c.state[i]) }
	put(0, x0)
	put(1, x1)
	put(2, x2)
	put(3, x3)
	put(4, x4)
	put(5, x5)
	put(6, x6)
	put(7, x7)
	put(8, x8)
	put(9, x9)
	put(10, x10)
	put(11, x11)
	put(12, x12)
	put(13, x13)
	put(14, x14)
	put(15, x15)
	c.state[8]++
	if c.state[8] == 0 {
		c.state[9]++
	}
}
