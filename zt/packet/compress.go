package packet

import (
	"errors"

	"github.com/pierrec/lz4/v4"
)

// compressMin is the longest payload that is never compressed, in bytes.
const compressMin = 64

// errCompression is returned for what is not the LZ4 block of a packet.
var errCompression = errors.New("payload is no LZ4 block of a packet")

// Compress compresses the payload of a packet before it is sealed, in place, if
// it is longer than 64 bytes and gets shorter (protocol 02 §4). Otherwise it
// returns the packet as it is. HELLO must not be compressed.
func Compress(p Packet) Packet {
	payload := p.Payload()
	if len(payload) <= compressMin || len(payload) > MaxLen-HeaderLen || p.Compressed() {
		return p
	}
	var room [MaxLen]byte
	shorter := room[:len(payload)-1]
	n, err := lz4.CompressBlock(payload, shorter, nil)
	if err != nil || n == 0 {
		return p
	}
	p[offsetVerb] |= flagCompressed
	return p[:HeaderLen+copy(payload, shorter[:n])]
}

// Decompress returns an open packet with its payload in the clear: p itself if
// it is not compressed, otherwise one that is built in dst, or in new memory if
// dst has less room than MaxLen. p stays as it is, unless nothing was
// compressed but the flag was set. It fails if the payload is malformed or too
// long (protocol 02 §4).
func Decompress(dst []byte, p Packet) (Packet, error) {
	if !p.Compressed() {
		return p, nil
	}
	if len(p.Payload()) == 0 {
		p[offsetVerb] &^= flagCompressed
		return p, nil
	}
	if cap(dst) < MaxLen {
		dst = make([]byte, MaxLen)
	}
	dst = dst[:MaxLen]
	n, err := lz4.UncompressBlock(p.Payload(), dst[HeaderLen:])
	if err != nil || n < 0 {
		return nil, errCompression
	}
	copy(dst, p[:HeaderLen])
	dst[offsetVerb] &^= flagCompressed
	return dst[:HeaderLen+n], nil
}
