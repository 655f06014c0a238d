package api

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/orrery-net/orrery/internal/central"
)

// classification changes tags and capabilities of a member.
type classification struct {
	Tags         tagValues       `json:"tags,omitempty" doc:"For names or ids of tags what the member shall have: a number; the name of an enum or a flag; a list of names of flags, for all of them together; null for no value of its own, so that the network's default counts; false for none at all."`
	Capabilities map[string]bool `json:"capabilities,omitempty" doc:"For names or ids of capabilities whether the member shall have them." example:"{\"ssh\":true}"`
}

// tagValues are the values of tags by name or id.
type tagValues map[string]tagValue

// Schema implements huma.SchemaProvider.
func (tagValues) Schema(huma.Registry) *huma.Schema {
	name := &huma.Schema{Type: huma.TypeString}
	return &huma.Schema{
		Type: huma.TypeObject,
		AdditionalProperties: &huma.Schema{AnyOf: []*huma.Schema{
			{Type: huma.TypeInteger, Minimum: new(0.0), Maximum: new(float64(1<<32 - 1)), Nullable: true},
			name,
			{Type: huma.TypeArray, Items: name, MinItems: new(1), MaxItems: new(32)},
			{Type: huma.TypeBoolean, Enum: []any{false}},
		}},
		Examples: []any{map[string]any{"department": "sales"}},
	}
}

// tagValueForm says what a tag's value has to be.
const tagValueForm = "expected a number from 0 to 4294967295, the name of an enum or a flag, a list of 1 to 32 names of flags, null (the network's default), or false (none)"

// tagValue is a value of a tag in a request.
type tagValue struct{ central.TagValue }

// UnmarshalJSON implements json.Unmarshaler.
func (v *tagValue) UnmarshalJSON(text []byte) error {
	*v = tagValue{}
	var err error
	switch text = bytes.TrimSpace(text); {
	case string(text) == "null":
		v.Default = true
	case string(text) == "false":
		v.Unset = true
	case text[0] == '"':
		v.Names = make([]string, 1)
		err = json.Unmarshal(text, &v.Names[0])
	case text[0] == '[':
		err = json.Unmarshal(text, &v.Names)
	default:
		err = json.Unmarshal(text, &v.Number)
	}
	if err != nil {
		return formError("the value of a tag: " + tagValueForm)
	}
	return nil
}

type classifyInput struct {
	ID   networkID `path:"id" doc:"The network's id."`
	Node nodeID    `path:"node" doc:"The member's node."`
	Body classification
}

type memberOutput struct{ Body member }

func (a *api) registerClassify() {
	handle(a, huma.Operation{
		OperationID: "classify-member", Method: http.MethodPatch, Path: "/networks/{id}/members/{node}", Tags: []string{tagMembers},
		Errors:  []int{http.StatusNotFound},
		Summary: "Change tags and capabilities of a member",
		Description: "By their names or ids; what is not named stays. What the rules do not define anymore can be taken from a member by its id, a tag with null, a capability with false. " +
			"All else of a member, as its name and whether it is authorized, is changed with Central's API. Needs the right to modify.",
	}, a.classifyMember)
}

func (a *api) classifyMember(ctx context.Context, caller central.Caller, in *classifyInput) (*memberOutput, error) {
	c := central.Classification{Tags: make(map[string]central.TagValue), Capabilities: in.Body.Capabilities}
	for name, value := range in.Body.Tags {
		c.Tags[name] = value.TagValue
	}
	status, network, err := a.service.ClassifyMember(ctx, caller, in.ID.NetworkID, in.Node.Address, c)
	if err != nil {
		return nil, err
	}
	return &memberOutput{memberOf(network, central.RuleNamesOf(network), status)}, nil
}
