package packet

import (
	"encoding/binary"
	"iter"

	"github.com/orrery-net/orrery/zt"
)

// FragmentHeaderLen is the size of a fragment without data, in bytes.
const FragmentHeaderLen = 16

const (
	offsetFragmentMark  = 13
	offsetFragmentParts = 14
	offsetFragmentHops  = 15

	fragmentMark = 0xff // where packets have the first byte of an address
)

// Fragment is a later part of a packet that was cut (protocol 02 §3):
//
//	 0  packet ID (8)
//	 8  destination address (5)
//	13  ff
//	14  number of parts with the head (4 bits), number of this part (4 bits)
//	15  hops
//	16  data
//
// The head is part 0; it is an ordinary packet that ends early. The methods need
// more than FragmentHeaderLen bytes, which Classify sees to.
type Fragment []byte

// ID returns the ID of the packet.
func (f Fragment) ID() uint64 { return binary.BigEndian.Uint64(f) }

// Destination returns the address of the receiver.
func (f Fragment) Destination() zt.Address { return zt.AddressFrom(f[offsetDestination:]) }

// Total returns the number of parts, the head included: 0 to 15, of which 2 to
// MaxParts make sense.
func (f Fragment) Total() int { return int(f[offsetFragmentParts] >> 4) }

// Number returns which part this is: 0 to 15, of which 1 to Total()-1 make sense.
func (f Fragment) Number() int { return int(f[offsetFragmentParts] & 0x0f) }

// Hops returns how often the fragment was relayed, 0 to 7.
func (f Fragment) Hops() int { return int(f[offsetFragmentHops] & maskHops) }

// Data returns the piece of the packet. It shares the fragment's memory.
func (f Fragment) Data() []byte { return f[FragmentHeaderLen:] }

// Split yields the datagrams of a sealed packet: the packet itself if Seal has
// not marked it as one to be cut, otherwise its head and fragments of at most
// mtu bytes each; an mtu above MTU counts as MTU, because Seal goes by that. A
// packet that would take more than MaxParts datagrams yields nothing.
//
// A datagram is good until the next one is asked for. While the loop runs the
// packet must not be used otherwise: fragments borrow the memory before their
// data for their headers, and give it back.
func Split(p Packet, mtu int) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		mtu := min(mtu, MTU)
		if len(p) <= mtu || !p.IsHead() {
			yield(p)
			return
		}
		room := mtu - FragmentHeaderLen
		if mtu < HeaderLen || len(p) > mtu+(MaxParts-1)*room {
			return
		}
		if !yield(p[:mtu]) {
			return
		}
		header := [FragmentHeaderLen]byte(p)
		header[offsetFragmentMark] = fragmentMark
		header[offsetFragmentHops] = 0
		total := byte(1 + (len(p)-mtu+room-1)/room)
		for number, at := byte(1), mtu; at < len(p); number, at = number+1, at+room {
			header[offsetFragmentParts] = total<<4 | number
			start, end := at-FragmentHeaderLen, min(at+room, len(p))
			lent := [FragmentHeaderLen]byte(p[start:])
			copy(p[start:], header[:])
			more := yield(p[start:end:end])
			copy(p[start:], lent[:])
			if !more {
				return
			}
		}
	}
}
