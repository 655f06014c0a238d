// Package packet is the form of VL1 packets: headers, the cryptography that
// protects them, fragments, compression and the payloads of the verbs
// (protocol 01 §6 and 02). It is no endpoint: it has no sockets, no peers, no
// clock of its own, and decides nothing about what it reads. The payloads that
// carry network configurations and credentials belong to package netconf.
//
// A packet on its way out is made by New, gets its payload appended, may be
// compressed (Compress), is sealed (Key.Seal) and cut (Split). On its way in a
// datagram is told apart (Classify), put together (Assembler), opened
// (Key.Open), decompressed (Decompress) and read by the Parse function of its
// verb. All numbers on the wire are big-endian.
package packet

import (
	"encoding/binary"
	"math/rand/v2"

	"github.com/orrery-net/orrery/zt"
)

// Sizes in bytes (protocol 02 §2 and §3).
const (
	// HeaderLen is the size of a packet without payload: 27 bytes of header and
	// the verb byte.
	HeaderLen = 28
	// MTU is the most that one datagram of ours carries; longer packets are cut.
	MTU = 1432
	// MaxLen is the size of the longest packet that is accepted.
	MaxLen = 10024
	// MaxParts is the largest number of datagrams that one packet is cut into.
	MaxParts = 7
	// MaxSendLen is the size of the longest packet that can be cut into MaxParts
	// datagrams of MTU bytes. It is less than MaxLen, since every datagram but
	// the first has a header of its own.
	MaxSendLen = MTU + (MaxParts-1)*(MTU-FragmentHeaderLen)
)

// Packet is a whole packet, header included:
//
//	 0  packet ID (8)
//	 8  destination address (5)
//	13  source address (5)
//	18  flags (2 bits), cipher (3 bits), hops (3 bits)
//	19  MAC (8)
//	27  verb byte: compressed (1 bit), unused (2 bits), verb (5 bits)
//	28  payload
//
// From offset 27 on it is encrypted while it travels. The methods need at least
// HeaderLen bytes, which Classify and New see to.
type Packet []byte

const (
	offsetDestination = 8
	offsetSource      = 13
	offsetFlags       = 18
	offsetMAC         = 19
	offsetVerb        = 27

	flagExtended = 0x80 // with cipher 0; of no meaning with cipher 1
	flagHead     = 0x40
	maskCipher   = 0x38
	maskHops     = 0x07

	flagCompressed = 0x80
	maskVerb       = 0x1f
)

// Cipher says how a packet is protected (protocol 01 §6.1).
type Cipher uint8

// The ciphers.
const (
	CipherNone    Cipher = 0 // authenticated by Poly1305, in the clear
	CipherSalsa   Cipher = 1 // Salsa20/12 and Poly1305
	CipherTrusted Cipher = 2 // no protection; never accepted
	CipherAES     Cipher = 3 // AES-GMAC-SIV
)

// New makes a packet without payload in dst[:0], under a random ID and without
// protection. The payload is to be appended.
//
// The ID is the initialization vector, so it must not repeat between two nodes
// and must not be predictable: it comes from the ChaCha8 generator of the Go
// runtime, which the operating system seeds.
func New(dst []byte, to, from zt.Address, v Verb) Packet {
	dst = binary.BigEndian.AppendUint64(dst[:0], rand.Uint64())
	dst = from.Append(to.Append(dst))
	return append(dst, 0, 0, 0, 0, 0, 0, 0, 0, 0, byte(v)&maskVerb)
}

// ID returns the packet ID. CipherAES replaces it in Seal; answers quote the one
// that was on the wire.
func (p Packet) ID() uint64 { return binary.BigEndian.Uint64(p) }

// Destination returns the address of the receiver.
func (p Packet) Destination() zt.Address { return zt.AddressFrom(p[offsetDestination:]) }

// Source returns the address of the sender.
func (p Packet) Source() zt.Address { return zt.AddressFrom(p[offsetSource:]) }

// Cipher returns the cipher that the header names, which may be an unassigned
// one.
func (p Packet) Cipher() Cipher { return Cipher(p[offsetFlags] & maskCipher >> 3) }

// Hops returns how often the packet was relayed, 0 to 7. It is not authenticated.
func (p Packet) Hops() int { return int(p[offsetFlags] & maskHops) }

// IsHead reports whether fragments belong to the packet.
func (p Packet) IsHead() bool { return p[offsetFlags]&flagHead != 0 }

// Extended reports whether the packet is in extended armor (protocol 01 §6.6).
func (p Packet) Extended() bool {
	return p[offsetFlags]&flagExtended != 0 && p.Cipher() == CipherNone
}

// SetExtended marks a packet for extended armor; Seal with CipherNone and
// SealExtended follow.
func (p Packet) SetExtended() { p[offsetFlags] |= flagExtended }

// Verb returns the verb of an open packet.
func (p Packet) Verb() Verb { return Verb(p[offsetVerb] & maskVerb) }

// Compressed reports whether the payload of an open packet is compressed.
func (p Packet) Compressed() bool { return p[offsetVerb]&flagCompressed != 0 }

// Payload returns what follows the verb byte. It shares the packet's memory.
func (p Packet) Payload() []byte { return p[HeaderLen:] }

// Kind is what a datagram holds.
type Kind uint8

// The kinds of datagrams.
const (
	KindNothing  Kind = iota // to be ignored, such as the 4 bytes that open a NAT
	KindBeacon               // a LAN beacon of an old node (protocol 02 §9)
	KindFragment             // a Fragment
	KindPacket               // a Packet, or the head of a fragmented one
)

// Classify tells what a datagram holds by its length and byte 13 (protocol 02
// §1). Nothing in it is authenticated yet.
func Classify(datagram []byte) Kind {
	switch n := len(datagram); {
	case n == beaconLen:
		return KindBeacon
	case n <= FragmentHeaderLen || n > MaxLen:
		return KindNothing
	case datagram[offsetSource] == fragmentMark:
		return KindFragment
	case n >= HeaderLen:
		return KindPacket
	}
	return KindNothing
}

const beaconLen = 13

// IncrementHops counts a relay's hop in a packet or fragment. It stops at 7,
// where the three bits end; relays give up earlier.
func IncrementHops(datagram []byte) {
	at := 0
	switch Classify(datagram) {
	case KindPacket:
		at = offsetFlags
	case KindFragment:
		at = offsetFragmentHops
	default:
		return
	}
	if datagram[at]&maskHops != maskHops {
		datagram[at]++
	}
}
