package trace

import (
	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/rules/ruleset"
)

// Names are what people call tags, their values and members. A nil *Names has
// none: ids and addresses stand for themselves.
type Names struct {
	Tags    []ruleset.Tag
	Members map[zt.Address]string
}

// Member returns a node's name, or its address.
func (n *Names) Member(node zt.Address) string {
	if n != nil && n.Members[node] != "" {
		return n.Members[node]
	}
	return node.String()
}
