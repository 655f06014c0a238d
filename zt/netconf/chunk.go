package netconf

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/identity"
)

// ChunkLen is the most bytes of a configuration that go into one chunk: what the
// greatest packet holds (protocol 05 §3.1).
const ChunkLen = 9740

// ChunkFastPropagate is the flag that makes members pass a chunk on to all
// others.
const ChunkFastPropagate = 0x01

// maxDictionaryLen is where nodes stop: a configuration must be shorter.
const maxDictionaryLen = 484520

// Chunk is a signed part of a configuration: the payload of NETWORK_CONFIG, and
// what follows the packet id in OK(NETWORK_CONFIG_REQUEST). Its byte slices
// share memory with the payload it was parsed from.
type Chunk struct {
	Network   zt.NetworkID
	Data      []byte
	Flags     byte
	UpdateID  uint64 // the same in all chunks of one configuration, never 0
	Total     uint32 // bytes of the whole configuration
	Offset    uint32 // of Data in it
	Signature []byte // 96 bytes; nil in the legacy form
	Signed    []byte // what Signature covers
}

var (
	errChunkRange     = errors.New("does not fit into the configuration")
	errChunkSignature = errors.New("unknown type or length of signature")
)

// ParseChunk reads a chunk. A payload that ends behind the data is in the legacy
// form: a whole configuration without a signature, which IsLegacy tells.
func ParseChunk(payload []byte) (Chunk, error) {
	r := read(payload)
	c := Chunk{Network: r.Network()}
	c.Data = r.Take(int(r.Uint16()))
	if r.Err == nil && len(r.Rest) == 0 {
		c.Total = uint32(len(c.Data))
		return c, nil
	}
	c.Flags, c.UpdateID, c.Total, c.Offset = r.Uint8(), r.Uint64(), r.Uint32(), r.Uint32()
	c.Signed = payload[:len(payload)-len(r.Rest)]
	kind, length := r.Uint8(), r.Uint16()
	switch {
	case r.Err != nil:
	case uint64(c.Offset)+uint64(len(c.Data)) > uint64(c.Total) || c.Total >= maxDictionaryLen:
		r.Err = errChunkRange
	case kind != signatureEd25519 || length != identity.SignatureLen:
		r.Err = errChunkSignature
	}
	c.Signature = r.Take(identity.SignatureLen)
	if r.Err != nil {
		return Chunk{}, fmt.Errorf("configuration chunk: %w", r.Err)
	}
	return c, nil
}

// IsLegacy reports whether the chunk has no signature. Nodes take such a chunk
// from the controller itself only.
func (c *Chunk) IsLegacy() bool { return c.Signature == nil }

// Verify reports whether the chunk was signed by controller, and controller is
// the one of its network.
func (c *Chunk) Verify(controller *identity.Identity) bool {
	return !c.IsLegacy() && c.Network.Controller() == controller.Address() && controller.Verify(c.Signed, c.Signature)
}

// AppendChunk writes one chunk to b: size bytes of the configuration from
// offset on, signed by signer, which must have its private key. updateID is
// random, not 0, and the same for all chunks of one configuration. It panics if
// offset and size do not lie within the configuration or size exceeds 65535.
func AppendChunk(b []byte, network zt.NetworkID, configuration []byte, offset, size int, updateID uint64, signer *identity.Identity) []byte {
	start := len(b)
	b = network.Append(b)
	b = binary.BigEndian.AppendUint16(b, uint16(size))
	b = append(b, configuration[offset:offset+size]...)
	b = append(b, 0)
	b = binary.BigEndian.AppendUint64(b, updateID)
	b = binary.BigEndian.AppendUint32(b, uint32(len(configuration)))
	b = binary.BigEndian.AppendUint32(b, uint32(offset))
	signature := signer.Sign(b[start:])
	return appendSignature(b, &signature)
}
