package rules

import (
	"fmt"
	"slices"

	"github.com/orrery-net/orrery/zt/netconf"
)

// ports finds ports that are opened for more protocols than their writer had in
// mind.
func (l *linter) ports() {
	left, leftToCapabilities := *allKinds, *allKinds
	for _, r := range l.base.reached {
		l.portOfAnyProtocol(r, &left)
		if !r.ends {
			continue
		}
		for _, way := range r.ways {
			k, exact := r.exactKinds(way)
			if !exact {
				continue
			}
			left = *left.without(&k)
			if r.entry().Type != netconf.ActionBreak {
				leftToCapabilities = *leftToCapabilities.without(&k)
			}
		}
	}
	for _, t := range l.capabilities {
		for _, r := range t.reached {
			l.portOfAnyProtocol(r, &leftToCapabilities)
		}
	}
}

// exactKinds are the kinds of frames that a rule matches in one of its ways; not
// exact: it does not match all frames of some kind.
func (r *lintRule) exactKinds(way int) (k kinds, exact bool) {
	k = *allKinds
	for i := r.begin(way); i < len(r.matches); i = r.matches[i].next {
		if !r.matches[i].exact {
			return kinds{}, false
		}
		k = k.meet(r.matches[i].kinds)
	}
	return k, true
}

// mayHave reports whether a way may match frames with a protocol.
func (r *lintRule) mayHave(way, protocol int) bool {
	for i := r.begin(way); i < len(r.matches); i = r.matches[i].next {
		if !r.matches[i].kinds.protocol(protocol) {
			return false
		}
	}
	return true
}

// portOfAnyProtocol warns of a rule that accepts a port of TCP as well as of UDP,
// of the frames that are left.
func (l *linter) portOfAnyProtocol(r *lintRule, left *kinds) {
	const code = "W_PORT_WITHOUT_PROTOCOL"
	if r.entry().Type != netconf.ActionAccept || l.full(code) || !left.protocol(protocolTCP) || !left.protocol(protocolUDP) {
		return
	}
	for _, way := range r.ways {
		port := r.port(way)
		if port < 0 || !r.mayHave(way, protocolTCP) || !r.mayHave(way, protocolUDP) {
			continue
		}
		o := r.matchOrigin(port)
		hint := `Add "and ipprotocol tcp" or "and ipprotocol udp" at the end of the rule.`
		switch {
		case slices.ContainsFunc(r.ways, func(way int) bool { return r.port(way) < 0 }):
			hint = `Write a rule of its own for ports, with "and ipprotocol tcp" or "and ipprotocol udp" at its end.`
		case r.limitsProtocol():
			hint = `"and ipprotocol tcp" counts for the alternatives before it only: put it at the end of the rule.`
		}
		l.warn(code, o.Span, fmt.Sprintf("%s matches this port of TCP, UDP, SCTP and UDP-Lite alike.", l.quote(o)), hint, inMacro(o)...)
		return
	}
}

// port is the first match of a port in a way, -1 if there is none.
func (r *lintRule) port(way int) int {
	for i := r.begin(way); i < len(r.matches); i = r.matches[i].next {
		switch m := &r.matches[i]; m.what {
		case netconf.MatchSourcePorts, netconf.MatchDestPorts:
			if !m.not {
				return i
			}
		}
	}
	return -1
}

func (r *lintRule) limitsProtocol() bool {
	for i := range r.matches {
		if r.matches[i].what == netconf.MatchIPProtocol {
			return true
		}
	}
	return false
}

// replies finds TCP ports that are opened while nothing lets the answers back:
// they come from that port to a high one.
func (l *linter) replies() {
	for _, t := range l.tables() {
		for _, r := range t.reached {
			if r.entry().Type != netconf.ActionAccept {
				continue
			}
			for _, way := range r.ways {
				port := r.opensTCP(way)
				if port < 0 || l.answered(&r.matches[port]) {
					continue
				}
				o := r.matchOrigin(port)
				l.warn("W_TCP_REPLY", o.Span,
					fmt.Sprintf("%s lets TCP connections begin, but no rule lets the answers pass: none is ever established.", l.quote(o)),
					`Write "accept chr tcp_ack;" too: of a connection only the first packet is without it.`, inMacro(o)...)
				return
			}
		}
	}
}

// opensTCP is the match of a destination port in a way that lets new TCP
// connections pass, -1 if there is none.
func (r *lintRule) opensTCP(way int) int {
	port := -1
	for i := r.begin(way); i < len(r.matches); i = r.matches[i].next {
		m := &r.matches[i]
		switch {
		case !m.kinds.protocol(protocolTCP):
			return -1
		case m.what == netconf.MatchDestPorts && !m.not:
			port = i
		case m.what == netconf.MatchCharacteristics && !m.not && m.mask&chrTCP == chrTCPAck:
			return -1
		}
	}
	return port
}

// answered reports whether some rule may let answers from a port pass.
func (l *linter) answered(port *demand) bool {
	tables := l.tables()
	for i := len(tables) - 1; i >= 0; i-- {
		reached := tables[(i+1)%len(tables)].reached
		for j := len(reached) - 1; j >= 0; j-- {
			r := reached[j]
			if !r.passes() {
				continue
			}
			for _, way := range r.ways {
				if l.work--; l.work <= 0 || r.answers(way, port) {
					return true
				}
			}
		}
	}
	return false
}

// replyPorts are where answers go to: what operating systems choose for
// connections that they begin.
var replyPorts = between(49152, 60999)

// answers reports whether a way may let the answers from a port pass.
func (r *lintRule) answers(way int, port *demand) bool {
	for i := r.begin(way); i < len(r.matches); i = r.matches[i].next {
		m := &r.matches[i]
		if !m.kinds.protocol(protocolTCP) {
			return false
		}
		switch m.what {
		case netconf.MatchSourcePorts:
			if m.not && port.values.within(m.values) || !m.not && m.values.apart(port.values) {
				return false
			}
		case netconf.MatchDestPorts:
			if replyPorts.within(m.values) == m.not {
				return false
			}
		case netconf.MatchCharacteristics:
			if m.not && m.mask&chrTCPAck != 0 || !m.not && m.mask&(chrTCPAck|chrInbound|chrIPAuth|chrMACAuth) == 0 {
				return false
			}
		}
	}
	return true
}
