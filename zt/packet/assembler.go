package packet

import (
	"math/bits"
	"net/netip"
	"time"

	"github.com/orrery-net/orrery/zt"
)

// assemblyAge is how long the parts of a packet may take to arrive.
const assemblyAge = 3 * time.Second

// Assembler puts packets together from heads and fragments, which come in any
// order (protocol 02 §3). Anybody can send those, so all it keeps is bounded: a
// fixed number of packets, fewer per sending endpoint, each at most MaxLen bytes
// and for 3 seconds. Where there is no room the oldest one gives way, of the
// same endpoint if that has its share already. It is not safe for concurrent
// use.
type Assembler struct {
	slots     []assembly
	perSource int
}

// assembly is one packet that is being put together.
type assembly struct {
	id      uint64
	to      zt.Address
	from    netip.AddrPort // of the part that came first
	started time.Time
	have    uint8 // bit n: part n is here; 0: the slot is free
	total   int   // parts as the latest fragment has it; 0: only the head is here
	parts   [MaxParts]struct{ start, end int }
	data    []byte // the parts as they came, head included
}

// NewAssembler returns an Assembler for at most slots unfinished packets, of
// which at most perSource began at the same endpoint. Both are at least 1. It
// takes up to about slots × MaxLen bytes, once they have been needed.
func NewAssembler(slots, perSource int) *Assembler {
	return &Assembler{slots: make([]assembly, max(slots, 1)), perSource: max(perSource, 1)}
}

// Add takes a datagram that is a fragment or the head of a fragmented packet,
// and returns the packet once it is complete. The packet has memory of its own;
// the datagram is not kept. Duplicates, what cannot be right and other datagrams
// are ignored.
func (a *Assembler) Add(now time.Time, from netip.AddrPort, datagram []byte) (Packet, bool) {
	switch Classify(datagram) {
	case KindFragment:
		f := Fragment(datagram)
		if f.Total() > MaxParts || f.Number() < 1 || f.Number() >= f.Total() {
			return nil, false
		}
		s := a.slot(now, from, f.ID(), f.Destination())
		s.total = f.Total()
		return s.add(f.Number(), f.Data())
	case KindPacket:
		p := Packet(datagram)
		if !p.IsHead() {
			return nil, false
		}
		return a.slot(now, from, p.ID(), p.Destination()).add(0, p)
	}
	return nil, false
}

// slot returns the slot of a packet, a fresh one if it has none yet.
func (a *Assembler) slot(now time.Time, from netip.AddrPort, id uint64, to zt.Address) *assembly {
	var free, oldest, oldestOfSource *assembly
	ofSource := 0
	for i := range a.slots {
		s := &a.slots[i]
		switch {
		case s.have == 0 || now.Sub(s.started) > assemblyAge:
			free = s
			continue
		case s.id == id && s.to == to:
			return s
		case s.from == from:
			ofSource++
			oldestOfSource = older(oldestOfSource, s)
		}
		oldest = older(oldest, s)
	}
	s := free
	if ofSource >= a.perSource {
		s = oldestOfSource
	} else if s == nil {
		s = oldest
	}
	*s = assembly{id: id, to: to, from: from, started: now, data: s.data[:0]}
	return s
}

func older(a, b *assembly) *assembly {
	if a == nil || b.started.Before(a.started) {
		return b
	}
	return a
}

// add keeps a part and returns the packet if it was the last one missing.
func (s *assembly) add(number int, part []byte) (Packet, bool) {
	if s.have&(1<<number) == 0 && len(s.data)+len(part) <= MaxLen {
		s.parts[number].start = len(s.data)
		s.data = append(s.data, part...)
		s.parts[number].end = len(s.data)
		s.have |= 1 << number
	}
	if s.total == 0 || bits.TrailingZeros8(^s.have) < s.total {
		return nil, false
	}
	whole := make(Packet, 0, len(s.data))
	for _, at := range s.parts[:s.total] {
		whole = append(whole, s.data[at.start:at.end]...)
	}
	s.have = 0
	return whole, true
}
