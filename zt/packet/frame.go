package packet

import (
	"encoding/binary"

	"github.com/orrery-net/orrery/zt"
)

// Frame is the payload of FRAME: an Ethernet frame whose MAC addresses follow
// from the addresses of the packet (protocol 02 §6.6). Use zt.MemberMAC.
type Frame struct {
	Network   zt.NetworkID
	EtherType uint16
	Data      []byte // what follows the Ethernet header
}

// ParseFrame reads the payload, whose memory Data shares.
func ParseFrame(payload []byte) (Frame, error) {
	f := read(payload)
	m := Frame{Network: f.Network(), EtherType: f.Uint16(), Data: f.Rest}
	return m, f.reading("FRAME")
}

// Append writes the payload to b.
func (m Frame) Append(b []byte) []byte {
	return append(binary.BigEndian.AppendUint16(m.Network.Append(b), m.EtherType), m.Data...)
}

// ExtFrame is the payload of EXT_FRAME: an Ethernet frame with its MAC addresses
// (protocol 02 §6.7).
type ExtFrame struct {
	Network   zt.NetworkID
	Flags     uint8  // FrameHasCOM, FrameAcknowledge and 3 bits (0e) of subtype
	COM       []byte // certificate of membership, if flagged
	To, From  zt.MAC
	EtherType uint16
	Data      []byte // what follows the Ethernet header
}

// FrameAcknowledge asks for an OK to an EXT_FRAME, which holds the network ID.
const FrameAcknowledge = 0x10

// ParseExtFrame reads the payload, whose memory COM and Data share.
func ParseExtFrame(payload []byte) (ExtFrame, error) {
	f := read(payload)
	m := ExtFrame{Network: f.Network(), Flags: f.Uint8()}
	if m.Flags&FrameHasCOM != 0 {
		m.COM = f.membership()
	}
	m.To, m.From, m.EtherType, m.Data = f.mac(), f.mac(), f.Uint16(), f.Rest
	return m, f.reading("EXT_FRAME")
}

// Append writes the payload to b, with COM only if Flags names it.
func (m ExtFrame) Append(b []byte) []byte {
	b = append(m.Network.Append(b), m.Flags)
	if m.Flags&FrameHasCOM != 0 {
		b = append(b, m.COM...)
	}
	b = append(append(b, m.To[:]...), m.From[:]...)
	return append(binary.BigEndian.AppendUint16(b, m.EtherType), m.Data...)
}
