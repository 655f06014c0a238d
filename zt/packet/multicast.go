package packet

import (
	"encoding/binary"
	"iter"

	"github.com/orrery-net/orrery/zt"
)

// MulticastLike is one entry of MULTICAST_LIKE: the sender wants what is sent to
// this group of this network (protocol 02 §6.9).
type MulticastLike struct {
	Network zt.NetworkID
	Group   zt.MulticastGroup
}

// MulticastLikes reads the payload of MULTICAST_LIKE. A piece of an entry at the
// end is ignored.
func MulticastLikes(payload []byte) iter.Seq[MulticastLike] {
	const size = zt.NetworkIDLen + zt.MulticastGroupLen
	return func(yield func(MulticastLike) bool) {
		for f := read(payload); len(f.Rest) >= size; {
			if !yield(MulticastLike{f.Network(), f.group()}) {
				return
			}
		}
	}
}

// Append writes the entry to b.
func (m MulticastLike) Append(b []byte) []byte { return appendNetwork(b, m.Network, m.Group) }

// MulticastGather is the payload of MULTICAST_GATHER: a request for members of a
// group (protocol 02 §6.14).
type MulticastGather struct {
	Network zt.NetworkID
	Flags   uint8 // GatherHasCOM
	Group   zt.MulticastGroup
	Limit   uint32 // the most addresses wanted; 0 gets no answer
	Rest    []byte // the certificate of membership, if flagged
}

// GatherHasCOM says that a certificate of membership follows.
const GatherHasCOM = 0x01

// ParseMulticastGather reads the payload. Rest shares its memory.
func ParseMulticastGather(payload []byte) (MulticastGather, error) {
	f := read(payload)
	m := MulticastGather{Network: f.Network(), Flags: f.Uint8(), Group: f.group(), Limit: f.Uint32(), Rest: f.Rest}
	return m, f.reading("MULTICAST_GATHER")
}

// Append writes the payload to b.
func (m MulticastGather) Append(b []byte) []byte {
	b = m.Group.Append(append(m.Network.Append(b), m.Flags))
	return append(binary.BigEndian.AppendUint32(b, m.Limit), m.Rest...)
}

// OKMulticastGather is what OK says to a MULTICAST_GATHER.
type OKMulticastGather struct {
	Network zt.NetworkID
	Group   zt.MulticastGroup
	Known   uint32       // members known in this group
	Members []zt.Address // some of them, at most 65535, without the one who asks
}

// ParseOKMulticastGather reads OK.Rest.
func ParseOKMulticastGather(rest []byte) (OKMulticastGather, error) {
	f := read(rest)
	o := OKMulticastGather{Network: f.Network(), Group: f.group(), Known: f.Uint32()}
	o.Members = f.addresses(int(f.Uint16()))
	return o, f.reading("OK to MULTICAST_GATHER")
}

// Append writes what ParseOKMulticastGather reads to b.
func (o OKMulticastGather) Append(b []byte) []byte {
	b = binary.BigEndian.AppendUint32(appendNetwork(b, o.Network, o.Group), o.Known)
	return appendAddresses(binary.BigEndian.AppendUint16(b, uint16(len(o.Members))), o.Members)
}

// MulticastFrame is the payload of MULTICAST_FRAME: an Ethernet frame for a
// group (protocol 02 §6.15).
type MulticastFrame struct {
	Network     zt.NetworkID
	Flags       uint8  // FrameHasCOM, FrameHasLimit, FrameHasSource, FrameReplicate
	COM         []byte // certificate of membership, if flagged
	GatherLimit uint32 // if flagged: as in MulticastGather
	From        zt.MAC // if flagged: another source than the sender's own
	Group       zt.MulticastGroup
	EtherType   uint16
	Data        []byte // what follows the Ethernet header
}

// The flags of MULTICAST_FRAME. The first two are those of its OK, too.
const (
	FrameHasCOM    = 0x01 // also in EXT_FRAME
	FrameHasLimit  = 0x02
	FrameHasSource = 0x04
	FrameReplicate = 0x08 // asks a replicator to distribute it
)

// ParseMulticastFrame reads the payload, whose memory COM and Data share.
func ParseMulticastFrame(payload []byte) (MulticastFrame, error) {
	f := read(payload)
	m := MulticastFrame{Network: f.Network(), Flags: f.Uint8()}
	if m.Flags&FrameHasCOM != 0 {
		m.COM = f.membership()
	}
	if m.Flags&FrameHasLimit != 0 {
		m.GatherLimit = f.Uint32()
	}
	if m.Flags&FrameHasSource != 0 {
		m.From = f.mac()
	}
	m.Group, m.EtherType, m.Data = f.group(), f.Uint16(), f.Rest
	return m, f.reading("MULTICAST_FRAME")
}

// Append writes the payload to b, with the fields that Flags names.
func (m MulticastFrame) Append(b []byte) []byte {
	b = append(m.Network.Append(b), m.Flags)
	if m.Flags&FrameHasCOM != 0 {
		b = append(b, m.COM...)
	}
	if m.Flags&FrameHasLimit != 0 {
		b = binary.BigEndian.AppendUint32(b, m.GatherLimit)
	}
	if m.Flags&FrameHasSource != 0 {
		b = append(b, m.From[:]...)
	}
	b = binary.BigEndian.AppendUint16(m.Group.Append(b), m.EtherType)
	return append(b, m.Data...)
}

// OKMulticastFrame is what OK says to a MULTICAST_FRAME with a gather limit.
type OKMulticastFrame struct {
	Network zt.NetworkID
	Group   zt.MulticastGroup
	Flags   uint8        // FrameHasCOM, FrameHasLimit
	COM     []byte       // if flagged
	Known   uint32       // if FrameHasLimit: as in OKMulticastGather
	Members []zt.Address // if FrameHasLimit
}

// ParseOKMulticastFrame reads OK.Rest, whose memory COM shares.
func ParseOKMulticastFrame(rest []byte) (OKMulticastFrame, error) {
	f := read(rest)
	o := OKMulticastFrame{Network: f.Network(), Group: f.group(), Flags: f.Uint8()}
	if o.Flags&FrameHasCOM != 0 {
		o.COM = f.membership()
	}
	if o.Flags&FrameHasLimit != 0 {
		o.Known = f.Uint32()
		o.Members = f.addresses(int(f.Uint16()))
	}
	return o, f.reading("OK to MULTICAST_FRAME")
}

// Append writes what ParseOKMulticastFrame reads to b.
func (o OKMulticastFrame) Append(b []byte) []byte {
	b = append(appendNetwork(b, o.Network, o.Group), o.Flags)
	if o.Flags&FrameHasCOM != 0 {
		b = append(b, o.COM...)
	}
	if o.Flags&FrameHasLimit != 0 {
		b = binary.BigEndian.AppendUint32(b, o.Known)
		b = appendAddresses(binary.BigEndian.AppendUint16(b, uint16(len(o.Members))), o.Members)
	}
	return b
}
