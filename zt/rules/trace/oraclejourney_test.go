package trace

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/orrery-net/orrery/zt"
)

// oracleEnd is how the evaluation of tables ended.
type oracleEnd struct {
	outcome Outcome
	target  bool // accepted as the target of a rule
	to      zt.Address
	decided string // which entry of which table
	copies  []string
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
			if !slices.Contains(sender.Capabilities, c.ID) || end != "drop" && !o.inbound {
				continue
			}
			here, i, node, copied := o.table(wireRules(c.Rules))
			if here != "accept" && here != "accept as target" && here != "redirect" {
				continue
			}
			switch {
			case end == "drop":
				end, to, own, where = here, node, copied, fmt.Sprintf("capability %d %d", c.ID, i)
			case (here != end || node != to) && o.draw(): // the receiver asks this one first
				end, to = here, node
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
		!group && (p.DestMAC == mac(from) || p.DestMAC != mac(to) && (!to.Bridge || p.DestMAC[0] == byte(n.ID)&0xfe|2)) {
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
			end.outcome, end.decided = Dropped, "nothing"
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
