package model

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/orrery-net/orrery/zt"
)

// EventKind says what an event reports. The texts are stored and shown.
type EventKind string

// The kinds of events. A change that is several things at once has the kind
// that matters most for who may enter a network.
const (
	NetworkCreated EventKind = "network.created"
	NetworkUpdated EventKind = "network.updated"
	NetworkDeleted EventKind = "network.deleted"
	NetworkShared  EventKind = "network.shared" // what users may do to it changed
	NetworkMoved   EventKind = "network.moved"  // it has another owner

	MemberJoined       EventKind = "member.joined" // a node asked for the first time
	MemberAdded        EventKind = "member.added"  // a user made the record, or brought a deleted one back
	MemberUpdated      EventKind = "member.updated"
	MemberAuthorized   EventKind = "member.authorized"
	MemberDeauthorized EventKind = "member.deauthorized"
	MemberDeleted      EventKind = "member.deleted"

	UserCreated  EventKind = "user.created"
	UserUpdated  EventKind = "user.updated"
	UserDeleted  EventKind = "user.deleted"
	TokenCreated EventKind = "token.created"
	TokenDeleted EventKind = "token.deleted"

	OrganizationCreated     EventKind = "organization.created"
	OrganizationUpdated     EventKind = "organization.updated" // renamed, or given to another owner
	OrganizationDeleted     EventKind = "organization.deleted"
	OrganizationUserAdded   EventKind = "organization.user.added"
	OrganizationUserRemoved EventKind = "organization.user.removed"
	InvitationSent          EventKind = "invitation.sent"
	InvitationWasAccepted   EventKind = "invitation.accepted"
	InvitationDeclined      EventKind = "invitation.declined" // by the invitee
	InvitationWithdrawn     EventKind = "invitation.canceled" // by the inviter
)

// Event is the one record of a change, written in the transaction that makes
// the change. Everything that reacts to changes reads events, each reader with
// a position of its own.
type Event struct {
	Seq     int64        `json:"seq"` // given by the store: ascending, without meaning otherwise
	Time    int64        `json:"time"`
	Kind    EventKind    `json:"kind"`
	Actor   Actor        `json:"actor"`
	Network zt.NetworkID `json:"networkId,omitzero"`
	Node    zt.Address   `json:"nodeId,omitzero"`
	User    string       `json:"userId,omitempty"` // whose account, token or rights changed
	Org     string       `json:"orgId,omitempty"`  // the organization that changed
	// Before and After hold the fields that differ, as JSON objects; nil when
	// there was, or is, no record. See Changes.
	Before json.RawMessage `json:"before,omitempty"`
	After  json.RawMessage `json:"after,omitempty"`
}

// Actor is who made a change: a user with the address the request came from, or
// with an empty UserID a part of Orrery itself.
type Actor struct {
	UserID string `json:"userId,omitempty"`
	From   string `json:"from,omitempty"` // IP address
	Part   string `json:"part,omitempty"` // "controller", "setup"
}

// The parts of Orrery that act by themselves.
var (
	ActorController = Actor{Part: "controller"}
	ActorSetup      = Actor{Part: "setup"}
)

// Changes returns the top-level fields of two records of one type that differ,
// as two JSON objects; a nil pointer gives nil on its side and all fields on
// the other. Both are nil when nothing differs. If an object is longer than
// 64 KiB, its long fields are replaced by a text that tells their length: events
// are read by the hundred, and a network can have megabytes.
func Changes[T any](before, after *T) (was, is json.RawMessage, err error) {
	old, err := fields(before)
	if err != nil {
		return nil, nil, err
	}
	now, err := fields(after)
	if err != nil {
		return nil, nil, err
	}
	if before != nil && after != nil {
		for name, value := range old {
			if bytes.Equal(value, now[name]) {
				delete(old, name)
				delete(now, name)
			}
		}
		if len(old) == 0 && len(now) == 0 {
			return nil, nil, nil
		}
	}
	if was, err = object(old); err != nil {
		return nil, nil, err
	}
	is, err = object(now)
	return was, is, err
}

func fields[T any](record *T) (map[string]json.RawMessage, error) {
	if record == nil {
		return nil, nil
	}
	text, err := json.Marshal(record)
	if err != nil {
		return nil, fmt.Errorf("encode record: %w", err)
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, fmt.Errorf("decode record: %w", err)
	}
	return all, nil
}

const (
	// maxShown is how many bytes of a record an event shows; in a longer one
	// fields of more than maxField bytes are left out.
	maxShown = 64 << 10
	maxField = 1 << 10
)

func object(all map[string]json.RawMessage) (json.RawMessage, error) {
	if all == nil {
		return nil, nil
	}
	text, err := json.Marshal(all)
	if err != nil || len(text) <= maxShown {
		return text, err
	}
	for name, value := range all {
		if len(value) > maxField {
			all[name] = fmt.Appendf(nil, `"(%d bytes, not kept)"`, len(value))
		}
	}
	return json.Marshal(all)
}
