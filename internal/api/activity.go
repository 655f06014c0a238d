package api

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"github.com/orrery-net/orrery/internal/central"
	"github.com/orrery-net/orrery/internal/model"
)

// change is the record of one change.
type change struct {
	Seq       int64      `json:"seq" doc:"Ascending with time; no other meaning." example:"4711"`
	Time      int64      `json:"time" doc:"When it happened." example:"1767225600000"`
	Kind      changeKind `json:"kind" doc:"What happened."`
	Actor     actor      `json:"actor" doc:"Who did it."`
	NetworkID *networkID `json:"networkId,omitempty" doc:"The network that changed, or whose member did."`
	NodeID    *nodeID    `json:"nodeId,omitempty" doc:"The member that changed."`
	UserID    string     `json:"userId,omitempty" doc:"Whose account, tokens or rights changed."`
	OrgID     string     `json:"organizationId,omitempty" doc:"The organization that changed."`
	Before    *record    `json:"before,omitempty" doc:"The fields that differ, as they were; of very long ones only their length. Absent: there was no such thing before. Secrets are never in it." example:"{\"authorized\":false}"`
	After     *record    `json:"after,omitempty" doc:"The same fields as they are now. Absent: it is gone." example:"{\"authorized\":true}"`
}

// actor is who made a change: a user, or a part of Orrery itself.
type actor struct {
	UserID string `json:"userId,omitempty" doc:"A user." example:"9a1f4c2e-6d0b-4a53-8f7e-2b1c0d9e8f7a"`
	From   string `json:"from,omitempty" doc:"The address that the request came from." example:"203.0.113.7"`
	Part   string `json:"part,omitempty" doc:"A part of the server: controller, or setup for whoever has the server's machine."`
}

// record is part of a stored record, as a JSON object.
type record json.RawMessage

// MarshalJSON implements json.Marshaler.
func (r record) MarshalJSON() ([]byte, error) { return r, nil }

// Schema implements huma.SchemaProvider.
func (record) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true}
}

// changeKind is a model.EventKind.
type changeKind string

// Schema implements huma.SchemaProvider.
func (changeKind) Schema(huma.Registry) *huma.Schema {
	kinds := changeKinds()
	values := make([]any, 0, len(kinds))
	for _, kind := range kinds {
		values = append(values, string(kind))
	}
	return &huma.Schema{Type: huma.TypeString, Enum: values, Examples: []any{string(model.MemberAuthorized)}}
}

func changeKinds() []model.EventKind {
	return []model.EventKind{
		model.NetworkCreated, model.NetworkUpdated, model.NetworkDeleted, model.NetworkShared, model.NetworkMoved,
		model.MemberJoined, model.MemberAdded, model.MemberUpdated, model.MemberAuthorized, model.MemberDeauthorized, model.MemberDeleted,
		model.UserCreated, model.UserUpdated, model.UserDeleted, model.TokenCreated, model.TokenDeleted,
		model.OrganizationCreated, model.OrganizationUpdated, model.OrganizationDeleted,
		model.OrganizationUserAdded, model.OrganizationUserRemoved,
		model.InvitationSent, model.InvitationWasAccepted, model.InvitationDeclined, model.InvitationWithdrawn,
	}
}

func changeOf(e *model.Event) change {
	c := change{
		Seq: e.Seq, Time: e.Time, Kind: changeKind(e.Kind), Actor: actor(e.Actor), NetworkID: oneNetwork(e.Network),
		UserID: e.User, OrgID: e.Org, Before: recordOf(e.Before), After: recordOf(e.After),
	}
	if e.Node != 0 {
		c.NodeID = &nodeID{e.Node}
	}
	return c
}

func recordOf(raw json.RawMessage) *record {
	if len(raw) == 0 {
		return nil
	}
	return new(record(raw))
}

type activityInput struct {
	NetworkID networkID    `query:"networkId" doc:"Only changes of this network and its members."`
	NodeID    nodeID       `query:"nodeId" doc:"Only changes of members with this node."`
	Actor     string       `query:"actor" maxLength:"64" doc:"Only changes that the user with this id made."`
	UserID    string       `query:"userId" maxLength:"64" doc:"Only changes of the account, tokens or rights of the user with this id."`
	Kinds     []changeKind `query:"kind,explode" nullable:"false" maxItems:"32" doc:"Only changes of this kind; can be repeated for several." example:"[\"member.authorized\"]"`
	Since     instant      `query:"since" doc:"Only changes from this time on: RFC 3339, or milliseconds since 1970."`
	Until     instant      `query:"until" doc:"Only changes before this time."`
	Limit     int          `query:"limit" minimum:"1" maximum:"500" default:"100" doc:"How many changes a page has at most."`
	Cursor    string       `query:"cursor" pattern:"^[0-9]{1,18}$" patternDescription:"a nextCursor" doc:"nextCursor of the page before. Absent: the newest changes."`
}

// activityPage is a page of changes.
type activityPage struct {
	Changes    []change `json:"changes" nullable:"false" doc:"The newest first."`
	NextCursor string   `json:"nextCursor,omitempty" doc:"For the next page, which has older changes. Absent: there are none." example:"4710"`
}

type activityOutput struct{ Body activityPage }

func (a *api) registerActivity() {
	handle(a, huma.Operation{
		OperationID: "list-activity", Method: http.MethodGet, Path: "/activity", Tags: []string{tagActivity}, Errors: []int{http.StatusNotFound},
		Summary:     "Who changed what",
		Description: "Changes of the networks that you may read, of your account, and of your organization if you own it. A page may have fewer changes than the limit, even none, and still a `nextCursor`. Old changes are forgotten after a time that the server's operator sets.",
	}, a.listActivity)
}

func (a *api) listActivity(ctx context.Context, caller central.Caller, in *activityInput) (*activityOutput, error) {
	query := central.ActivityQuery{
		Network: in.NetworkID.NetworkID, Node: in.NodeID.Address, Actor: in.Actor, User: in.UserID,
		Since: in.Since.ms, Until: in.Until.ms, Limit: in.Limit,
	}
	for _, kind := range in.Kinds {
		query.Kinds = append(query.Kinds, model.EventKind(kind))
	}
	if in.Cursor != "" {
		before, err := strconv.ParseInt(in.Cursor, 10, 64)
		if err != nil {
			return nil, invalid("query.cursor", "expected a nextCursor")
		}
		query.Before = before
	}
	events, next, err := a.service.Activity(ctx, caller, query)
	if err != nil {
		return nil, err
	}
	page := activityPage{Changes: make([]change, 0, len(events))}
	for i := range events {
		page.Changes = append(page.Changes, changeOf(&events[i]))
	}
	if next > 0 {
		page.NextCursor = strconv.FormatInt(next, 10)
	}
	return &activityOutput{page}, nil
}
