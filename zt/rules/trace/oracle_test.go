package trace

import (
	"encoding/binary"
	"slices"

	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/netconf"
)

// The oracle reads protocol 07 §2 and 10 §20 a second time, slowly and on bytes: rules
// in their wire form, frames as they are sent, one draw after the other. It shares
// nothing with the evaluator but the types that describe its input.

// wireRule is a rule as it stands on the wire.
type wireRule struct {
	code    byte
	not, or bool
	field   []byte
}

func wireRules(rules []netconf.Rule) []wireRule {
	var all []wireRule
	for b := netconf.AppendRules(nil, rules); len(b) > 0; b = b[2+int(b[1]):] {
		all = append(all, wireRule{b[0] & 0x3f, b[0]&0x80 != 0, b[0]&0x40 != 0, b[2 : 2+int(b[1])]})
	}
	return all
}

// wireFrame is the payload of a frame; -1 where the packet's description says nothing.
type wireFrame struct {
	etherType int
	from, to  zt.MAC
	payload   []int
}

func (f *wireFrame) put(at int, b ...byte) {
	for i, c := range b {
		if at+i < len(f.payload) {
			f.payload[at+i] = int(c)
		}
	}
}

func frameOf(p *Packet) wireFrame {
	f := wireFrame{int(p.EtherType), p.SourceMAC, p.DestMAC, make([]int, p.Size)}
	for i := range f.payload {
		f.payload[i] = -1
	}
	l4 := 0
	switch p.EtherType {
	case 0x0806:
		f.put(0, 0, 1, 8, 0, 6, 4)
		f.put(8, p.SourceMAC[:]...)
		f.put(14, p.Source.AsSlice()...)
		f.put(24, p.Dest.AsSlice()...)
		return f
	case 0x0800:
		f.put(0, 0x45, p.TOS, byte(p.Size>>8), byte(p.Size))
		f.put(9, p.Protocol)
		f.put(12, p.Source.AsSlice()...)
		f.put(16, p.Dest.AsSlice()...)
		l4 = 20
	case 0x86dd:
		f.put(0, 0x60|p.TOS>>4)
		f.put(4, byte((p.Size-40)>>8), byte(p.Size-40), p.Protocol)
		f.put(8, p.Source.AsSlice()...)
		f.put(24, p.Dest.AsSlice()...)
		l4 = 40
	default:
		return f
	}
	switch {
	case p.EtherType == 0x0800 && p.Protocol == 1, p.EtherType == 0x86dd && p.Protocol == 58:
		f.put(l4, p.ICMPType, p.ICMPCode)
	case p.Protocol == 6, p.Protocol == 17, p.Protocol == 132, p.Protocol == 136:
		f.put(l4, byte(p.SourcePort>>8), byte(p.SourcePort), byte(p.DestPort>>8), byte(p.DestPort))
		if p.Protocol == 6 {
			f.put(l4+13, byte(p.TCPFlags))
		}
	}
	return f
}

// oracle is one end of a frame's way. draw decides what nothing else does.
type oracle struct {
	network  *Network
	inbound  bool
	me, peer *Member
	known    bool
	frame    wireFrame
	packet   *Packet // for the reserved TCP bits and the traffic class, which share bytes with others
	vlan     int
	draw     func() bool
}

func (o *oracle) byteAt(i int) byte { return byte(max(0, o.frame.payload[i])) }

func (o *oracle) size() int { return len(o.frame.payload) }

func (o *oracle) source() zt.Address {
	if o.inbound {
		return o.peer.Node
	}
	return o.me.Node
}

func (o *oracle) dest() zt.Address {
	switch {
	case o.inbound:
		return o.me.Node
	case o.peer != nil:
		return o.peer.Node
	}
	return 0
}

// l4 finds the header behind IP's and its protocol.
func (o *oracle) l4() (at int, protocol byte, ok bool) {
	switch {
	case o.frame.etherType == 0x0800 && o.size() >= 20:
		return 20, o.byteAt(9), true
	case o.frame.etherType == 0x86dd && o.size() >= 40:
		switch o.byteAt(6) {
		case 0, 43, 60, 135:
			return 0, 0, false
		}
		return 40, o.byteAt(6), true
	}
	return 0, 0, false
}

// owns reports whether the frame's sender has a certificate of an address.
func (o *oracle) owns(address []byte) bool {
	owner := o.me
	if o.inbound {
		owner = o.peer
	}
	for i, a := range owner.Addresses {
		if i < 64 && string(a.AsSlice()) == string(address) {
			return true
		}
	}
	if !o.inbound || len(address) != 16 {
		return false
	}
	six, rfc := netconf.SixPlane(o.network.ID, o.me.Node).Addr().As16(), netconf.RFC4193(o.network.ID, o.me.Node).Addr().As16()
	for i, a := range o.me.Addresses {
		if i < 64 && a.Is6() && (a.As16() == six && string(address[:5]) == string(six[:5]) || a.As16() == rfc && string(address[:11]) == string(rfc[:11])) {
			return true
		}
	}
	return false
}

func (o *oracle) ipAuthentic() bool {
	bytes := func(at, n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = o.byteAt(at + i)
		}
		return b
	}
	switch {
	case o.frame.etherType == 0x0806 && o.size() >= 28:
		return o.owns(bytes(14, 4))
	case o.frame.etherType == 0x0800 && o.size() >= 20:
		return o.owns(bytes(12, 4))
	case o.frame.etherType == 0x86dd && o.size() >= 64 && o.byteAt(6) == 58 && o.byteAt(40) == 135:
		return true
	case o.frame.etherType == 0x86dd && o.size() >= 40:
		return o.owns(bytes(8, 16))
	}
	return false
}

// result is what a match says, not being taken into account, and whether it
// disarms the next drop.
func (o *oracle) result(r wireRule, targeted bool) (result, disarm bool) {
	u16 := func(at int) int { return int(binary.BigEndian.Uint16(r.field[at:])) }
	flip := func(b bool) (bool, bool) { return b != r.not, false }
	f := &o.frame
	isIP := f.etherType == 0x0800 && o.size() >= 20 || f.etherType == 0x86dd && o.size() >= 40
	switch r.code {
	case 24:
		return flip(zt.AddressFrom(r.field) == o.source())
	case 25:
		return flip(zt.AddressFrom(r.field) == o.dest())
	case 26:
		return flip(u16(0) == o.vlan)
	case 27, 28:
		return flip(r.field[0] == 0)
	case 29:
		return flip(string(r.field) == string(f.from[:]))
	case 30:
		return flip(string(r.field) == string(f.to[:]))
	case 31, 32, 33, 34:
		return o.addressResult(r)
	case 35:
		if !isIP {
			return false, false
		}
		tos := int(o.packet.TOS & r.field[0])
		return flip(int(r.field[1]) <= tos && tos <= int(r.field[2]))
	case 36:
		_, protocol, ok := o.l4()
		if !ok {
			return false, false
		}
		return flip(protocol == r.field[0])
	case 37:
		return flip(u16(0) == f.etherType)
	case 38:
		at, protocol, ok := o.l4()
		if !ok || o.size() < at+2 || f.etherType == 0x0800 && protocol != 1 || f.etherType == 0x86dd && protocol != 58 || o.byteAt(at) != r.field[0] {
			return false, false
		}
		if r.field[2]&1 == 0 {
			return true, false
		}
		return flip(o.byteAt(at+1) == r.field[1])
	case 39, 40:
		at, protocol, ok := o.l4()
		if !ok {
			return false, false
		}
		if !slices.Contains([]byte{6, 17, 132, 136}, protocol) || o.size() <= at+4 {
			return flip(false)
		}
		if r.code == 40 {
			at += 2
		}
		port := int(o.byteAt(at))<<8 | int(o.byteAt(at+1))
		if port == 0 && f.etherType == 0x86dd {
			return flip(false)
		}
		return flip(u16(0) <= port && port <= u16(2))
	case 41:
		return flip(o.bits()&binary.BigEndian.Uint64(r.field) != 0)
	case 42:
		return flip(u16(0) <= o.size() && o.size() <= u16(2))
	case 43:
		switch binary.BigEndian.Uint32(r.field) {
		case 0:
			return flip(false)
		case 0xffffffff:
			return flip(true)
		}
		return flip(o.draw())
	case 44, 45, 46, 47, 48, 49, 50:
		return o.tagResult(r, targeted)
	case 51:
		return flip(o.integerResult(r))
	}
	return flip(false)
}

func (o *oracle) addressResult(r wireRule) (bool, bool) {
	family, at := 0x0800, 12
	switch r.code {
	case 32:
		at = 16
	case 33:
		family, at = 0x86dd, 8
	case 34:
		family, at = 0x86dd, 24
	}
	n := len(r.field) - 1
	if header := map[int]int{4: 20, 16: 40}[n]; o.frame.etherType != family || o.size() < header {
		return false, false
	}
	equal := true
	for bit := range 8 * n {
		rule, has := r.field[bit/8]>>(7-bit%8)&1, o.byteAt(at+bit/8)>>(7-bit%8)&1
		if bit < int(r.field[n]) {
			equal = equal && rule == has
		} else if n == 16 {
			equal = equal && rule == 0
		}
	}
	return equal != r.not, false
}

func (o *oracle) bits() uint64 {
	var bits uint64
	add := func(bit int, set bool) {
		if set {
			bits |= 1 << bit
		}
	}
	add(63, o.inbound)
	add(62, o.frame.to[0]&1 == 1)
	add(61, o.frame.to == zt.MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	add(60, o.ipAuthentic())
	if at, protocol, ok := o.l4(); ok && protocol == 6 {
		if o.frame.etherType == 0x0800 && o.size() > at+13 || o.size() > at+14 {
			bits |= uint64(o.packet.TCPFlags & 0xff)
		}
		if o.frame.etherType == 0x0800 && o.size() > at+12 || o.size() > at+14 {
			bits |= uint64(o.packet.TCPFlags & 0xf00)
		}
	}
	return bits
}

func (o *oracle) tagResult(r wireRule, targeted bool) (result, disarm bool) {
	id, want := binary.BigEndian.Uint32(r.field), binary.BigEndian.Uint32(r.field[4:])
	mine, have := o.me.Tags[id]
	var theirs uint32
	told := false
	if o.peer != nil && o.known {
		theirs, told = o.peer.Tags[id]
	}
	if r.code == 49 || r.code == 50 {
		aboutMe := r.code == 49 && !o.inbound || r.code == 50 && o.inbound
		switch {
		case targeted:
			return true, true
		case aboutMe && have:
			return (mine == want) != r.not, false
		case aboutMe:
			return false, false
		case told:
			return (theirs == want) != r.not, false
		}
		return !o.inbound, !o.inbound
	}
	switch {
	case !have:
		return false, false
	case !told && o.inbound && !targeted:
		return false, false
	case !told:
		return true, true
	}
	var is bool
	switch r.code {
	case 44:
		distance := int64(mine) - int64(theirs)
		is = max(distance, -distance) <= int64(want)
	case 45:
		is = mine&theirs == want
	case 46:
		is = mine|theirs == want
	case 47:
		is = mine^theirs == want
	case 48:
		is = mine == want && theirs == want
	}
	return is != r.not, false
}

// integerResult assembles the number bit by bit.
func (o *oracle) integerResult(r wireRule) bool {
	start, end := binary.BigEndian.Uint64(r.field), binary.BigEndian.Uint64(r.field[8:])
	index, format := int(binary.BigEndian.Uint16(r.field[16:])), r.field[18]
	bits := int(format&0x3f) + 1
	bytes := bits / 8
	if bits%8 != 0 {
		bytes++
	}
	little := format >= 0x80
	if !little {
		index += 8 - bytes
	}
	var value uint64
	if index+bytes <= o.size() {
		for i := range bytes {
			if o.frame.payload[index+i] < 0 {
				return o.draw()
			}
		}
		var all []byte // bits, the highest first
		for i := range bytes {
			b := o.byteAt(index + i)
			if little {
				b = o.byteAt(index + bytes - 1 - i)
			}
			for bit := 7; bit >= 0; bit-- {
				all = append(all, b>>bit&1)
			}
		}
		if little {
			all = all[:bits]
		} else {
			all = all[len(all)-bits:]
		}
		for _, bit := range all {
			value = value<<1 | uint64(bit)
		}
	}
	return start <= value && value <= start+(end-start)%(1<<32)
}
