package api

import (
	"context"
	"net/http"
	"net/netip"

	"github.com/danielgtaylor/huma/v2"

	"github.com/orrery-net/orrery/internal/central"
	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/rules/trace"
)

// traceRequest asks what becomes of packets between two members.
type traceRequest struct {
	NetworkID networkID `json:"networkId" doc:"The network."`
	From      string    `json:"from" minLength:"1" maxLength:"255" doc:"Who sends: a member's node id, an address in the network, or a name that only one member has." example:"alice"`
	To        string    `json:"to" minLength:"1" maxLength:"255" doc:"Who it is for, in the same way." example:"10.9.0.2"`
	Flow      string    `json:"flow,omitempty" maxLength:"255" doc:"What somebody wants to do, as tcp 443, udp 53, ping, icmp 8 0, arp, ip 47, ethertype 0x88cc. All packets that it needs are traced: address resolution, and both directions." example:"tcp 443"`
	Packet    *packet   `json:"packet,omitempty" doc:"In place of flow: one packet alone."`
	Source    *string   `json:"source,omitempty" maxLength:"1048576" doc:"A program that is tried in place of the network's rules, compiled strictly. Nothing is stored."`
}

// TransformSchema implements huma.SchemaTransformer: an example of all fields would
// be one of a mistake.
func (traceRequest) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	s.Examples = []any{map[string]any{"networkId": "8056c2e21c000001", "from": "alice", "to": "10.9.0.2", "flow": "tcp 443"}}
	return s
}

// packet is an Ethernet frame.
type packet struct {
	EtherType  uint16     `json:"etherType,omitempty" doc:"Of the frame. Absent: IPv4 or IPv6, as the addresses are." example:"2048"`
	SourceMAC  macAddress `json:"sourceMac,omitzero" doc:"Absent: the sender's in the network."`
	DestMAC    macAddress `json:"destMac,omitzero" doc:"Absent: the receiver's in the network."`
	VLAN       uint16     `json:"vlan,omitempty" maximum:"4095" doc:"The VLAN at the sender; it does not reach the receiver." example:"0"`
	Source     netip.Addr `json:"source,omitzero" doc:"Of IPv4, IPv6 and ARP. Absent: the sender's address." example:"10.9.0.1"`
	Dest       netip.Addr `json:"dest,omitzero" doc:"Of IPv4, IPv6 and ARP. Absent: the receiver's address." example:"10.9.0.2"`
	Protocol   uint8      `json:"protocol,omitempty" doc:"Of IP: 6 is TCP, 17 UDP, 1 ICMP, 58 ICMPv6." example:"6"`
	SourcePort uint16     `json:"sourcePort,omitempty" doc:"Of TCP, UDP, SCTP and UDP-Lite." example:"50000"`
	DestPort   uint16     `json:"destPort,omitempty" doc:"Of TCP, UDP, SCTP and UDP-Lite." example:"443"`
	ICMPType   uint8      `json:"icmpType,omitempty" doc:"Of ICMP and ICMPv6." example:"0"`
	ICMPCode   uint8      `json:"icmpCode,omitempty" doc:"Of ICMP and ICMPv6." example:"0"`
	TCPFlags   uint16     `json:"tcpFlags,omitempty" maximum:"4095" doc:"Of TCP: the sum of 1 for FIN, 2 SYN, 4 RST, 8 PSH, 16 ACK, 32 URG, 64 ECE, 128 CWR, 256 NS." example:"2"`
	TOS        uint8      `json:"tos,omitempty" doc:"Type of service, or traffic class." example:"0"`
	Size       int        `json:"size,omitempty" minimum:"0" maximum:"65535" doc:"Bytes of the frame's payload. Absent: the least that such a frame has." example:"40"`
}

// macAddress is an Ethernet address in a request or an answer.
type macAddress struct{ zt.MAC }

// UnmarshalText implements encoding.TextUnmarshaler.
func (m *macAddress) UnmarshalText(text []byte) error {
	if err := m.MAC.UnmarshalText(text); err != nil {
		return formError("a MAC address has 12 hexadecimal digits, as 02:00:5e:10:00:01")
	}
	return nil
}

// Schema implements huma.SchemaProvider.
func (macAddress) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{
		Type: huma.TypeString, Pattern: "^([0-9a-fA-F]{2}[:-]?){5}[0-9a-fA-F]{2}$", PatternDescription: "12 hexadecimal digits, as 02:00:5e:10:00:01",
		Examples: []any{"02:00:5e:10:00:01"},
	}
}

// given is the packet as traces have it.
func (p *packet) given() *trace.Packet {
	if p == nil {
		return nil
	}
	return &trace.Packet{
		EtherType: p.EtherType, SourceMAC: p.SourceMAC.MAC, DestMAC: p.DestMAC.MAC, VLAN: p.VLAN,
		Source: p.Source.Unmap().WithZone(""), Dest: p.Dest.Unmap().WithZone(""), Protocol: p.Protocol,
		SourcePort: p.SourcePort, DestPort: p.DestPort, ICMPType: p.ICMPType, ICMPCode: p.ICMPCode,
		TCPFlags: p.TCPFlags, TOS: p.TOS, Size: p.Size,
	}
}

func packetOf(p *trace.Packet) packet {
	return packet{
		EtherType: p.EtherType, SourceMAC: macAddress{p.SourceMAC}, DestMAC: macAddress{p.DestMAC}, VLAN: p.VLAN, Source: p.Source, Dest: p.Dest,
		Protocol: p.Protocol, SourcePort: p.SourcePort, DestPort: p.DestPort, ICMPType: p.ICMPType, ICMPCode: p.ICMPCode,
		TCPFlags: p.TCPFlags, TOS: p.TOS, Size: p.Size,
	}
}

type (
	traceInput  struct{ Body traceRequest }
	traceOutput struct{ Body traced }
)

func (a *api) registerTrace() {
	handle(a, huma.Operation{
		OperationID: "trace-rules", Method: http.MethodPost, Path: "/rules/trace", Tags: []string{tagRules}, MaxBodyBytes: maxRulesBody,
		Errors:  []int{http.StatusNotFound},
		Summary: "What becomes of a packet, and why",
		Description: "Follows a flow, or one packet, between two members: what the sender and the receiver decide, by which line, and why the other lines did not match. " +
			"With `source`, a program is tried before it is stored. Nothing is sent and nothing is stored. Needs the right to read.",
	}, a.trace)
}

func (a *api) trace(ctx context.Context, caller central.Caller, in *traceInput) (*traceOutput, error) {
	switch request := &in.Body; {
	case request.Flow != "" && request.Packet != nil:
		return nil, invalid("body.packet", "expected either flow or packet")
	case request.Flow == "" && request.Packet == nil:
		return nil, invalid("body.flow", "expected what to trace, as tcp 443, udp 53 or ping; or a packet")
	}
	t, err := a.service.Trace(ctx, caller, central.TraceQuery{
		Network: in.Body.NetworkID.NetworkID, From: in.Body.From, To: in.Body.To, Source: in.Body.Source, Flow: in.Body.Flow, Packet: in.Body.Packet.given(),
	})
	if err != nil {
		return nil, err
	}
	return &traceOutput{tracedOf(t)}, nil
}
