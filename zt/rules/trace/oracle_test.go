package trace

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

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

// oracleEnd is how the evaluation of tables ended.
type oracleEnd struct {
	outcome  Outcome
	target   bool // accepted as the target of a rule
	to       zt.Address
	decided  string // which entry of which table
	copies   []string
	baseCopy string
}

// table evaluates one table: group after group of matches and their action.
func (o *oracle) table(rules []wireRule) (end string, at int, to zt.Address, copied string) {
	targeted, disarmed := false, false
	for first := 0; first < len(rules); {
		action := first
		for action < len(rules) && rules[action].code >= 16 {
			action++
		}
		holds := true
		for _, m := range rules[first:action] {
			if !holds && !m.or {
				continue
			}
			result, disarm := o.result(m, targeted)
			disarmed = disarmed || disarm
			if m.or {
				holds = holds || result
			} else {
				holds = result
			}
		}
		if action == len(rules) {
			break
		}
		first = action + 1
		a := rules[action]
		names := zt.Address(0)
		if a.code >= 2 && a.code <= 4 {
			names = zt.Address(binary.BigEndian.Uint64(a.field) & 0xffffffffff)
		}
		if !holds {
			targeted = targeted || o.inbound && a.code >= 2 && a.code <= 4 && names == o.me.Node
			continue
		}
		switch a.code {
		case 0:
			if !disarmed {
				return "drop", action, 0, copied
			}
			disarmed = false
		case 1:
			if targeted {
				return "accept as target", action, 0, copied
			}
			return "accept", action, 0, copied
		case 6:
			return "accept", action, 0, copied
		case 5:
			return "break", action, 0, copied
		case 2, 3, 4:
			switch {
			case names == o.source():
			case o.inbound && names == o.me.Node:
				return "accept as target", action, 0, copied
			case names == o.dest():
			case a.code != 4:
				length := int(binary.BigEndian.Uint16(a.field[12:]))
				if length == 0 || length >= o.size() {
					length = -1
				}
				copied = ""
				if names != 0 {
					copied = fmt.Sprintf("%s %d %v", names, length, a.code == 3)
				}
			case names == 0:
				return "accept", action, 0, copied
			default:
				return "redirect", action, names, copied
			}
		}
	}
	return "end", -1, 0, copied
}

// decide evaluates the base rules and the sender's capabilities.
func (o *oracle) decide() oracleEnd {
	end, at, to, copied := o.table(wireRules(o.network.Rules))
	where := fmt.Sprintf("base %d", at)
	base := copied
	own := ""
	if end == "break" || end == "end" {
		sender := o.me
		if o.inbound {
			sender = o.peer
		}
		end, where = "drop", "nothing"
		for _, c := range o.network.Capabilities {
			if !slices.Contains(sender.Capabilities, c.ID) {
				continue
			}
			here, i, node, copied := o.table(wireRules(c.Rules))
			if here == "accept" || here == "accept as target" || here == "redirect" {
				end, to, own, where = here, node, copied, fmt.Sprintf("capability %d %d", c.ID, i)
				break
			}
		}
	}
	result := oracleEnd{decided: where, to: to}
	switch end {
	case "drop":
		result.outcome = Dropped
		return result
	case "redirect":
		result.outcome = Redirected
	default:
		result.outcome, result.target = Accepted, end == "accept as target"
	}
	for _, c := range []string{base, own} {
		if c != "" {
			result.copies = append(result.copies, c)
		}
	}
	return result
}

// oracleJourney is what happens to a frame when draws come out in one way.
type oracleJourney struct {
	outcome                    Outcome
	sender, delivery, receiver *oracleEnd
}

func travel(n *Network, from, to *Member, p *Packet, known bool, draw func() bool) (j oracleJourney) {
	frame := frameOf(p)
	group, broadcast := p.DestMAC[0]&1 == 1, p.DestMAC == zt.MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	mac := func(m *Member) zt.MAC { return zt.MemberMAC(n.ID, m.Node) }
	j.sender = &oracleEnd{outcome: Dropped, decided: "nothing"}
	j.outcome = Dropped
	if p.SourceMAC != mac(from) && !from.Bridge || broadcast && p.EtherType != 0x0806 && n.NoBroadcast || group && n.NoMulticast ||
		!group && (p.DestMAC == mac(from) || p.DestMAC != mac(to) && !to.Bridge) {
		return j
	}
	sending := oracle{network: n, me: from, peer: to, known: known, frame: frame, packet: p, vlan: int(p.VLAN), draw: draw}
	ends := []*oracleEnd{}
	if group || p.DestMAC != mac(to) {
		toAll := sending
		toAll.peer = nil
		*j.sender = toAll.decide()
		ends = append(ends, j.sender)
		if j.sender.outcome == Accepted {
			sending.vlan = 0
			j.delivery = new(sending.decide())
			j.delivery.copies = nil
			ends = append(ends, j.delivery)
		}
	} else {
		*j.sender = sending.decide()
		ends = append(ends, j.sender)
	}
	if j.outcome = ends[len(ends)-1].outcome; j.outcome != Accepted {
		return j
	}
	j.receiver = new(receive(n, from, to, p, draw))
	j.outcome = j.receiver.outcome
	return j
}

// receive is what a node makes of a frame that a peer sends it.
func receive(n *Network, peer, self *Member, p *Packet, draw func() bool) oracleEnd {
	o := oracle{network: n, inbound: true, me: self, peer: peer, known: true, frame: frameOf(p), packet: p, draw: draw}
	end := o.decide()
	if end.outcome == Accepted && !end.target {
		foreign := p.SourceMAC != zt.MemberMAC(n.ID, peer.Node)
		notMine := p.DestMAC != zt.MemberMAC(n.ID, self.Node) && p.DestMAC[0]&1 == 0
		if foreign && !peer.Bridge || !foreign && notMine && !self.Bridge {
			end.outcome = Dropped
		}
	}
	return end
}

// everyDraw calls do with all ways in which draws can come out; false if they are
// too many.
func everyDraw(do func(draw func() bool)) bool {
	choices := []bool{}
	for range 1 << 12 {
		used := 0
		do(func() bool {
			if used == len(choices) {
				choices = append(choices, false)
			}
			used++
			return choices[used-1]
		})
		choices = choices[:used]
		for len(choices) > 0 && choices[len(choices)-1] {
			choices = choices[:len(choices)-1]
		}
		if len(choices) == 0 {
			return true
		}
		choices[len(choices)-1] = true
	}
	return false
}

// forwarded compares what a node decides that a frame is copied or redirected to.
func forwarded(n *Network, by *Member, node zt.Address, p Packet, d *Decision) string {
	self := n.Observers[node]
	if self == nil {
		self = &Member{Node: node}
	}
	var outcomes []Outcome
	if !everyDraw(func(draw func() bool) { outcomes = append(outcomes, receive(n, by, self, &p, draw).outcome) }) {
		return ""
	}
	if want := oneOf(outcomes); d.Outcome != want {
		return fmt.Sprintf("at %s: %s, oracle %s", node, d.Outcome, want)
	}
	return ""
}

// oneOf is the outcome that all have, or Chance.
func oneOf(outcomes []Outcome) Outcome {
	for _, o := range outcomes {
		if o != outcomes[0] {
			return Chance
		}
	}
	return outcomes[0]
}

// decidedBy writes which rule a decision names, as the oracle does.
func decidedBy(d *Decision) string {
	table, rule := d.Deciding()
	switch {
	case rule == nil:
		return "nothing"
	case table.Capability != nil:
		return fmt.Sprintf("capability %d %d", table.Capability.ID, rule.Action)
	}
	return fmt.Sprintf("base %d", rule.Action)
}

func copiesOf(d *Decision) []string {
	var all []string
	for _, c := range d.Copies {
		all = append(all, fmt.Sprintf("%s %d %v", c.To, c.Length, c.Watch))
	}
	return all
}

// possibleCopies compares the copies of an end when draws decide: all that there
// can be, and which of them there are in any case.
func possibleCopies(name string, d *Decision, ends []*oracleEnd) string {
	times := make(map[string]int)
	for _, end := range ends {
		for _, c := range slices.Compact(slices.Sorted(slices.Values(end.copies))) {
			times[c]++
		}
	}
	got := copiesOf(d)
	for i, c := range got {
		alone := !slices.Contains(got[:i], c) && !slices.Contains(got[i+1:], c)
		if times[c] == 0 || alone && d.Copies[i].Chance != (times[c] < len(ends)) {
			return fmt.Sprintf("%s: copy %s, chance %v, oracle in %d of %d ways", name, c, d.Copies[i].Chance, times[c], len(ends))
		}
	}
	for c := range times {
		if !slices.Contains(got, c) {
			return fmt.Sprintf("%s: no copy %s", name, c)
		}
	}
	return ""
}

// disagreement compares what the package says of a packet with the oracle; "" if
// they agree.
func disagreement(t *tracer, from, to *Member, r *Result, known bool) string {
	n, p := t.program.network, r.Packet
	var all []oracleJourney
	if !everyDraw(func(draw func() bool) { all = append(all, travel(n, from, to, &p, known, draw)) }) {
		return ""
	}
	explained, _ := t.follow(from, to, &p, known, r)
	if short, _ := t.follow(from, to, &p, known, nil); short != explained {
		return fmt.Sprintf("fate %b without an explanation, %b with", short, explained)
	}
	part := func(name string, at *Member, d *Decision, of func(j oracleJourney) *oracleEnd) string {
		var ends []*oracleEnd
		var outcomes []Outcome
		for _, j := range all {
			if end := of(j); end != nil {
				ends, outcomes = append(ends, end), append(outcomes, end.outcome)
			}
		}
		switch {
		case d == nil && ends == nil:
			return ""
		case d == nil || ends == nil:
			return fmt.Sprintf("%s: %v, oracle %v", name, d, outcomes)
		case d.Outcome != oneOf(outcomes):
			return fmt.Sprintf("%s: %s, oracle %s", name, d.Outcome, oneOf(outcomes))
		}
		want := ends[0]
		if len(all) > 1 {
			return possibleCopies(name, d, ends)
		}
		if got := decidedBy(d); got != want.decided {
			return fmt.Sprintf("%s: decided by %s, oracle %s", name, got, want.decided)
		}
		if got := copiesOf(d); !slices.Equal(got, want.copies) {
			return fmt.Sprintf("%s: copies %q, oracle %q", name, got, want.copies)
		}
		if d.Redirected != want.to {
			return fmt.Sprintf("%s: to %s, oracle %s", name, d.Redirected, want.to)
		}
		if d.Target != nil {
			return forwarded(n, at, d.Redirected, p, d.Target)
		}
		for _, c := range d.Copies {
			copied := p
			if c.Length >= 0 {
				copied.Size = c.Length
			}
			if wrong := forwarded(n, at, c.To, copied, c.Observer); wrong != "" {
				return wrong
			}
		}
		return ""
	}
	var outcomes []Outcome
	for _, j := range all {
		outcomes = append(outcomes, j.outcome)
	}
	if r.Outcome != oneOf(outcomes) {
		return fmt.Sprintf("%s (%s), oracle %s", r.Outcome, r.Why, oneOf(outcomes))
	}
	for _, wrong := range []string{
		part("sender", from, &r.Sender, func(j oracleJourney) *oracleEnd { return j.sender }),
		part("delivery", from, r.Delivery, func(j oracleJourney) *oracleEnd { return j.delivery }),
		part("receiver", to, r.Receiver, func(j oracleJourney) *oracleEnd { return j.receiver }),
	} {
		if wrong != "" {
			return wrong
		}
	}
	return ""
}

func TestAgainstOracle(t *testing.T) {
	rounds, limit := 200_000, 20*time.Second
	if testing.Short() {
		rounds = 30_000
	}
	g := &generator{rand.New(rand.NewPCG(1, 2))}
	began := time.Now()
	counts := make(map[Outcome]int)
	round := 0
	for round < rounds && time.Since(began) < limit {
		n := g.network()
		tracer := newTracer(compile(n))
		for range 8 {
			from, to := g.member(n, 0), g.member(n, 1)
			p := g.packet(n, from, to)
			r := Result{Packet: p.complete(n, from, to)}
			if wrong := disagreement(tracer, from, to, &r, g.IntN(4) > 0); wrong != "" {
				said, _ := json.MarshalIndent(r, "", " ")
				t.Fatalf("round %d: %s\npacket %+v\nfrom %+v\nto %+v\n%s", round, wrong, p, from, to, said)
			}
			counts[r.Outcome]++
			round++
		}
	}
	t.Logf("%d rounds in %v: %v", round, time.Since(began), counts)
	for _, outcome := range []Outcome{Accepted, Dropped, Redirected, Chance} {
		if counts[outcome] < round/200 {
			t.Errorf("only %d of %d packets are %s: the programs do not test much", counts[outcome], round, outcome)
		}
	}
}

// anyAddresses are what packets, rules and members have in generated networks.
var anyAddresses = []netip.Addr{
	netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2"), netip.MustParseAddr("10.0.1.1"), netip.MustParseAddr("192.0.2.9"),
	netip.MustParseAddr("fd00::1"), netip.MustParseAddr("fd00::2"), netip.MustParseAddr("2001:db8::1"),
}
