package api

import (
	"fmt"
	"reflect"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/orrery-net/orrery/zt"
)

// formError says what a value in a request has to be; it is made for the user.
type formError string

func (e formError) Error() string { return string(e) }

// networkID is a network id in a request or an answer: 16 hexadecimal digits.
type networkID struct{ zt.NetworkID }

// UnmarshalText implements encoding.TextUnmarshaler.
func (n *networkID) UnmarshalText(text []byte) error {
	if err := n.NetworkID.UnmarshalText(text); err != nil {
		return formError(fmt.Sprintf("%q is not a network id: 16 hexadecimal digits, not all 0", clip(string(text))))
	}
	return nil
}

// Schema implements huma.SchemaProvider.
func (networkID) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{
		Type: huma.TypeString, Pattern: "^[0-9a-fA-F]{16}$", PatternDescription: "16 hexadecimal digits",
		Examples: []any{"8056c2e21c000001"},
	}
}

// oneNetwork is the id, or nil for all networks.
func oneNetwork(id zt.NetworkID) *networkID {
	if id == 0 {
		return nil
	}
	return &networkID{id}
}

// orAll is the reverse of oneNetwork.
func (n *networkID) orAll() zt.NetworkID {
	if n == nil {
		return 0
	}
	return n.NetworkID
}

// nodeID is a node's address in a request or an answer: 10 hexadecimal digits.
type nodeID struct{ zt.Address }

// UnmarshalText implements encoding.TextUnmarshaler.
func (n *nodeID) UnmarshalText(text []byte) error {
	if err := n.Address.UnmarshalText(text); err != nil {
		return formError(fmt.Sprintf("%q is not a node id: 10 hexadecimal digits, not all 0, and not beginning with ff", clip(string(text))))
	}
	return nil
}

// Schema implements huma.SchemaProvider.
func (nodeID) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{
		Type: huma.TypeString, Pattern: "^[0-9a-fA-F]{10}$", PatternDescription: "10 hexadecimal digits",
		Examples: []any{"8a9d09e442"},
	}
}

// instant is a time in a query: RFC 3339, or milliseconds since 1970.
type instant struct{ ms int64 }

// UnmarshalText implements encoding.TextUnmarshaler.
func (i *instant) UnmarshalText(text []byte) error {
	if ms, err := strconv.ParseInt(string(text), 10, 64); err == nil && ms >= 0 {
		i.ms = ms
		return nil
	}
	t, err := time.Parse(time.RFC3339, string(text))
	if err != nil || t.UnixMilli() < 0 {
		return formError("expected a time since 1970 as 2006-01-02T15:04:05Z or in milliseconds")
	}
	i.ms = t.UnixMilli()
	return nil
}

// Schema implements huma.SchemaProvider.
func (instant) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, MaxLength: new(40), Examples: []any{"2026-01-31T00:00:00Z"}}
}

// choice is a parameter of a query that is true, false or not there at all.
type choice struct{ Value, Set bool }

// Schema implements huma.SchemaProvider.
func (choice) Schema(huma.Registry) *huma.Schema { return &huma.Schema{Type: huma.TypeBoolean} }

// Receiver implements huma.ParamWrapper.
func (c *choice) Receiver() reflect.Value { return reflect.ValueOf(&c.Value).Elem() }

// OnParamSet implements huma.ParamReactor.
func (c *choice) OnParamSet(set bool, _ any) { c.Set = set }

// pointer is nil if the parameter was not there.
func (c choice) pointer() *bool {
	if !c.Set {
		return nil
	}
	return &c.Value
}
