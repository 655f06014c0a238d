package rules

import (
	"fmt"
	"strings"

	"github.com/orrery-net/orrery/zt/rules/syntax"
)

// namespace gives things that need different names good ones.
type namespace struct {
	taken map[string]bool
	next  map[string]int // the number that makes a taken name different
}

func newNamespace() *namespace {
	return &namespace{taken: make(map[string]bool), next: make(map[string]int)}
}

// choose returns a name like the wanted one that nothing else has. It reports
// whether it is that, in lower case.
func (n *namespace) choose(wanted, prefix string, mayBeReserved bool) (name string, same bool) {
	folded := strings.ToLower(wanted)
	name = folded
	if !isName(name) {
		name = cleaned(name, prefix)
	}
	if !mayBeReserved && syntax.Reserved(name) {
		name = prefix + name
	}
	base := name
	for n.taken[name] {
		n.next[base]++
		name = fmt.Sprintf("%s_%d", base, n.next[base]+1)
	}
	n.taken[name] = true
	return name, name == folded
}

// cleaned makes a name of any text.
func cleaned(text, prefix string) string {
	name := strings.Map(func(r rune) rune {
		if isName("_" + string(r)) {
			return r
		}
		return '_'
	}, text)
	if !isName(name) {
		name = prefix + name
	}
	return name
}
