package api

import (
	"net/netip"

	"github.com/danielgtaylor/huma/v2"

	"github.com/orrery-net/orrery/zt"
)

// TransformSchema implements huma.SchemaTransformer: an example that is made of
// those of its parts would say things that do not go together.
func (traced) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	s.Examples = []any{tracedExample()}
	return s
}

// tracedExample is a packet to port 23 under the rules "drop ipprotocol tcp and
// dport 23; accept;".
func tracedExample() traced {
	const network, alice, bob = zt.NetworkID(0x8056c2e21c000001), zt.Address(0x8a9d09e441), zt.Address(0x8a9d09e442)
	const rule = "drop ipprotocol tcp and dport 23"
	member := func(node zt.Address, name string) tracedMember {
		return tracedMember{
			NodeID: nodeID{node}, Name: name, Authorized: true, Tags: []memberTag{}, Capabilities: []ruleNumber{}, CapabilitiesByName: map[string]ruleNumber{},
		}
	}
	why := "line 1: " + rule
	return traced{
		NetworkID: networkID{network}, From: member(alice, "alice"), To: member(bob, "bob"),
		Works: false, Outcome: "dropped", Why: "alice drops it (" + why + ")", Notes: []string{}, Text: "stored",
		Legs: []tracedLeg{{Name: "packet", Result: tracedResult{
			Outcome: "dropped", Why: "alice drops it (" + why + ")",
			Packet: packet{
				EtherType: 0x0800, SourceMAC: macAddress{zt.MemberMAC(network, alice)}, DestMAC: macAddress{zt.MemberMAC(network, bob)},
				Source: netip.AddrFrom4([4]byte{10, 9, 0, 1}), Dest: netip.AddrFrom4([4]byte{10, 9, 0, 2}), Protocol: 6, SourcePort: 50000, DestPort: 23, TCPFlags: 2, Size: 40,
			},
			Sender: tracedDecision{
				Outcome: "dropped", Why: why, Copies: []tracedCopy{},
				DecidedBy: &decidingRule{Text: rule, Line: 1, Column: 1, EndLine: 1, Source: rule + ";"},
				Tables: []tracedTable{{End: "drop", Rules: []tracedRule{{
					First: 0, Action: 2, Line: 1, Text: rule, Matched: true, Decided: true, Steps: []tracedStep{
						{Index: 0, Line: 1, Text: "ipprotocol tcp", Result: true, State: true, Why: "protocol is tcp"},
						{Index: 1, Line: 1, Text: "dport 23", Result: true, State: true, Why: "destination port is 23"},
					},
				}}}},
			},
		}}},
	}
}
