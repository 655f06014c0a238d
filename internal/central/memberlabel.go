package central

import (
	"context"
	"fmt"
	"net/netip"
	"strings"

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/zt"
)

// label is what a request calls a member: by the node's address, an address in the
// network, or a name.
type label struct {
	field   string // of the request
	text    string
	node    zt.Address // 0: the text is none
	address netip.Addr // the zero Addr: the text is none

	found *model.Member
	// The members whose name this is: exactly so, or in any case.
	exact, called []*model.Member
	holding       []*model.Member // the address
	similar       []string        // what could have been meant
	some          []string        // what can be written at all
}

func newLabel(field, text string) *label {
	l := &label{field: field, text: strings.TrimSpace(text)}
	if node, err := zt.ParseAddress(l.text); err == nil {
		l.node = node
	}
	if address, err := netip.ParseAddr(l.text); err == nil {
		l.address = address.Unmap()
	}
	return l
}

// membersCalled finds one member for each label. The error is about the field of
// the first label that is of none (NotFound) or of several (Invalid), and says
// what could have been written.
func (s *Service) membersCalled(ctx context.Context, n *model.Network, wanted ...*label) error {
	err := s.eachMember(ctx, n.ID, func(m *model.Member, _ model.Seen) error {
		for _, l := range wanted {
			l.offer(n, m)
		}
		return ctx.Err()
	})
	if err != nil {
		return err
	}
	for _, l := range wanted {
		if err := l.decide(n); err != nil {
			return err
		}
	}
	return nil
}

func (l *label) offer(n *model.Network, m *model.Member) {
	if l.node != 0 && m.Node == l.node {
		l.found = m
	}
	if l.address.IsValid() {
		for _, a := range m.AddressesOn(n) {
			if a.Unmap() == l.address {
				l.holding = append(l.holding, m)
				break
			}
		}
	}
	if m.Name == "" {
		return
	}
	if called := strings.TrimSpace(m.Name); strings.EqualFold(called, l.text) {
		l.called = append(l.called, m)
		if called == l.text {
			l.exact = append(l.exact, m)
		}
	}
	if len(l.some) < maxCandidates {
		l.some = append(l.some, m.Name)
	}
	name, text := strings.ToLower(m.Name), strings.ToLower(l.text)
	if len(l.similar) < maxCandidates && text != "" && (strings.Contains(name, text) || strings.Contains(text, name)) {
		l.similar = append(l.similar, m.Name)
	}
}

// decide makes one member of what was found.
func (l *label) decide(n *model.Network) error {
	for _, sort := range [][]*model.Member{l.holding, l.exact, l.called} {
		switch {
		case l.found != nil:
			return nil
		case len(sort) == 1:
			l.found = sort[0]
		case len(sort) > 1:
			return noSuch(Invalid, l.field, fmt.Sprintf("%d members are %q; write the node's address", len(sort), clip(l.text)), nodesOf(sort))
		}
	}
	if l.found != nil {
		return nil
	}
	candidates := l.similar
	if len(candidates) == 0 {
		candidates = l.some
	}
	return noSuch(NotFound, l.field,
		fmt.Sprintf("network %s has no member %q; write a node's address, an address in the network, or a name", n.ID, clip(l.text)), candidates)
}

func nodesOf(members []*model.Member) []string {
	var nodes []string
	for _, m := range members[:min(len(members), maxCandidates)] {
		nodes = append(nodes, m.Node.String())
	}
	return nodes
}
