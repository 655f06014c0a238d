package packet

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
	"encoding/binary"
	"sync"
)

// scratch is memory for one packet's AES work: through the interfaces of
// crypto/cipher it would be allocated each time.
type scratch struct {
	nonce, saved, block, stream [aes.BlockSize]byte
	tag                         []byte
}

var scratchPool = sync.Pool{New: func() any { return &scratch{tag: make([]byte, 0, aes.BlockSize)} }}

const (
	nonceLen = 12
	sivLen   = 8
	// aadAt is where the authenticated data begins when it stands right before
	// the verb byte: destination, source and flags, zeros up to a block.
	aadAt  = offsetVerb - aes.BlockSize
	aadLen = offsetFlags + 1 - offsetDestination
)

// siv authenticates the open packet: the GMAC of header and protected part,
// folded to 8 bytes (protocol 01 §6.4). s.nonce begins with the IV. The 16
// bytes before the verb byte are changed on the way and restored.
func (k *Key) siv(p Packet, s *scratch) (siv [sivLen]byte) {
	copy(s.saved[:], p[aadAt:offsetVerb])
	var header [aadLen]byte
	copy(header[:], p[offsetDestination:offsetFlags+1])
	header[aadLen-1] &^= maskHops
	clear(p[aadAt+copy(p[aadAt:offsetVerb], header[:]) : offsetVerb])
	clear(s.nonce[sivLen:nonceLen])
	tag := k.mac.Seal(s.tag[:0], s.nonce[:nonceLen], nil, p[aadAt:])
	copy(p[aadAt:offsetVerb], s.saved[:])
	subtle.XORBytes(siv[:], tag[:sivLen], tag[sivLen:])
	return siv
}

// fewBytes is the longest text that is encrypted block by block. From about
// there on cipher.NewCTR, which works on many blocks at once, gains more than
// the half kilobyte costs that it allocates.
const fewBytes = 256

// crypt encrypts or decrypts the protected part. s.block is the sealed block,
// of which packet id and MAC are made; one of its bits is cleared, so that the
// last 32 can count without overflow.
func (k *Key) crypt(p Packet, s *scratch) {
	text, counter := p[offsetVerb:], &s.block
	counter[12] &= 0x7f
	if len(text) > fewBytes {
		cipher.NewCTR(k.block, counter[:]).XORKeyStream(text, text)
		return
	}
	for len(text) > 0 {
		k.block.Encrypt(s.stream[:], counter[:])
		text = text[subtle.XORBytes(text, text, s.stream[:]):]
		binary.BigEndian.PutUint32(counter[12:], binary.BigEndian.Uint32(counter[12:])+1)
	}
}

func (k *Key) sealAES(p Packet) {
	s := scratchPool.Get().(*scratch)
	defer scratchPool.Put(s)
	copy(s.nonce[:], p[:sivLen])
	siv := k.siv(p, s)
	copy(s.block[:], p[:sivLen])
	copy(s.block[sivLen:], siv[:])
	k.block.Encrypt(s.block[:], s.block[:])
	copy(p[:sivLen], s.block[:])
	copy(p[offsetMAC:offsetMAC+macLen], s.block[sivLen:])
	k.crypt(p, s)
}

func (k *Key) openAES(p Packet) error {
	s := scratchPool.Get().(*scratch)
	defer scratchPool.Put(s)
	copy(s.block[:], p[:sivLen])
	copy(s.block[sivLen:], p[offsetMAC:offsetMAC+macLen])
	k.block.Decrypt(s.nonce[:], s.block[:])
	want := [sivLen]byte(s.nonce[sivLen:])
	k.crypt(p, s)
	siv := k.siv(p, s)
	if subtle.ConstantTimeCompare(siv[:], want[:]) != 1 {
		return ErrAuth
	}
	return nil
}
