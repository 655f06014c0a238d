// Package client is a client of ZeroTier Central's API, for Orrery's servers
// and the hosted service alike, and of Orrery's own API where a server has it.
// It waits when a server asks for that, and turns every failure into one line
// that says what happened and what to do. It knows nothing of the server's code.
package client

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"net/http"
	"time"
)

// HostedURL is the base of the hosted service's API.
const HostedURL = "https://api.zerotier.com/api/v1"

// Options of a Client.
type Options struct {
	URL   string // of any form that NormalizeURL takes
	Token string // empty: none is sent
	// HTTP does the requests; nil: one that verifies certificates, gives up on a
	// server that is silent for 30 s, never follows a redirect (the token would
	// go along), and honors the proxy settings of the environment.
	HTTP *http.Client
	// UserAgent names the program.
	UserAgent string
	// Waiting, if set, is told before the client waits because the server said
	// 429, or 502, 503 or 504 to a request that may be repeated.
	Waiting func(wait time.Duration, why string)
	// MaxWait is how long one call waits for the server altogether; 0: 2 minutes.
	MaxWait time.Duration
}

// Client is safe for concurrent use.
type Client struct{}

// New makes a client. Nothing is sent yet.
func New(o Options) (*Client, error) { return nil, errContract }

// NormalizeURL makes the base of Central's API of what a user types or a
// variable holds: https://host, https://host/api, https://host/api/v1, with or
// without a slash at the end, host:port alone (http for a loopback address,
// https otherwise). No credentials, query or fragment.
func NormalizeURL(raw string) (string, error) { return "", errContract }

// URL is the normalized base, without a slash at the end.
func (c *Client) URL() string { return "" }

// Errors that callers branch on, with errors.Is. Every other failure is a line
// for people too.
var (
	ErrUnauthorized = errors.New("unauthorized") // the token is missing or wrong
	ErrForbidden    = errors.New("forbidden")
	ErrNotFound     = errors.New("not found")
	ErrUnreachable  = errors.New("unreachable") // no answer, or half of one
	ErrNotOrrery    = errors.New("not Orrery")  // the operation is Orrery's own, and the server has none
)

// Error is a server's refusal.
type Error struct {
	Status    int    // of HTTP
	Message   string // the server's words, printable, bounded; may be empty
	RequestID string // of the server, may be empty
	Doing     string // "list the networks"
}

// Error is one line: what was being done, the server's words, what to do.
func (e *Error) Error() string { return e.Doing + ": " + e.Message }

// Is makes ErrUnauthorized, ErrForbidden, ErrNotFound of the status.
func (e *Error) Is(target error) bool { return false }

// Network is a network as Central shows it. In a list the hosted service leaves
// some counts and permissions out.
type Network struct {
	ID                    string
	Clock                 int64 // ms since 1970
	Description           string
	RulesSource           string
	OnlineMemberCount     int
	AuthorizedMemberCount int
	TotalMemberCount      int
	Config                NetworkConfig
	Raw                   json.RawMessage `json:"-"` // all of it, as it came
}

// NetworkConfig is the part of a Network that nodes see.
type NetworkConfig struct {
	Name              string
	Private           bool
	MTU               int
	CreationTime      int64 // ms since 1970
	LastModified      int64
	Routes            []Route
	IPAssignmentPools []Pool
	DNS               DNS
	V4AssignMode      struct{ ZT bool }
	V6AssignMode      struct {
		ZT      bool
		RFC4193 bool
		Plane6  bool `json:"6plane"`
	}
}

// Route is a managed route; no Via: the network itself.
type Route struct {
	Target string `json:"target"`
	Via    string `json:"via,omitempty"`
}

// Pool is a range of addresses that members get one from.
type Pool struct {
	First string `json:"ipRangeStart"`
	Last  string `json:"ipRangeEnd"`
}

// DNS is what nodes ask for names. Central shows none as an empty object or list.
type DNS struct {
	Domain  string   `json:"domain"`
	Servers []string `json:"servers"`
}

// Member is a member as Central shows it.
type Member struct {
	ID              string // NETWORK-NODE
	Clock           int64
	NetworkID       string
	NodeID          string
	Hidden          bool
	Name            string
	Description     string
	LastSeen        int64  // ms since 1970, 0: never
	PhysicalAddress string // empty: unknown
	ClientVersion   string
	Config          MemberConfig
	Raw             json.RawMessage `json:"-"`
}

// Online reports whether the member was seen within the last 5 minutes, by the
// server's clock.
func (m *Member) Online() bool { return m.LastSeen > 0 && m.Clock-m.LastSeen < 5*60*1000 }

// MemberConfig is the part of a Member that the controller uses.
type MemberConfig struct {
	Authorized         bool
	ActiveBridge       bool
	NoAutoAssignIPs    bool
	SSOExempt          bool
	IPAssignments      []string
	CreationTime       int64
	LastAuthorizedTime int64
	Tags               json.RawMessage // pairs; a value may be false
	Capabilities       json.RawMessage
}

// Status is what a server says of itself.
type Status struct {
	Online     bool
	Clock      int64
	Version    string
	APIVersion string
	Uptime     int64
	User       *User           // nil: the token is not good
	Raw        json.RawMessage `json:"-"`
}

// User is an account.
type User struct {
	ID          string
	DisplayName string
	Email       string
	OrgID       string
	Tokens      []string // their names
}

// Status asks how the server is. It succeeds without a good token.
func (c *Client) Status(ctx context.Context) (*Status, error) { return nil, errContract }

// Networks streams all networks that the token may read, ascending by id. It
// ends after the first error.
func (c *Client) Networks(ctx context.Context) iter.Seq2[*Network, error] { return nil }

// Network reads one; ErrNotFound if there is none that the token may read.
func (c *Client) Network(ctx context.Context, id string) (*Network, error) { return nil, errContract }

// CreateNetwork makes a network. The patch is what POST takes, marshaled to JSON.
func (c *Client) CreateNetwork(ctx context.Context, patch any) (*Network, error) {
	return nil, errContract
}

// UpdateNetwork changes what the patch names and returns the whole.
func (c *Client) UpdateNetwork(ctx context.Context, id string, patch any) (*Network, error) {
	return nil, errContract
}

// DeleteNetwork deletes a network with its members.
func (c *Client) DeleteNetwork(ctx context.Context, id string) error { return errContract }

// Members streams a network's members, ascending by node, in constant memory.
func (c *Client) Members(ctx context.Context, network string) iter.Seq2[*Member, error] { return nil }

// Member reads one.
func (c *Client) Member(ctx context.Context, network, node string) (*Member, error) {
	return nil, errContract
}

// UpdateMember changes what the patch names, or makes the member, and returns
// the whole.
func (c *Client) UpdateMember(ctx context.Context, network, node string, patch any) (*Member, error) {
	return nil, errContract
}

// DeleteMember removes a member. One that does not exist is no error.
func (c *Client) DeleteMember(ctx context.Context, network, node string) error { return errContract }

// Action is what ChangeMembers does to each.
type Action string

// The actions.
const (
	Authorize   Action = "authorize"
	Deauthorize Action = "deauthorize"
	Delete      Action = "delete"
)

// Outcome is what became of one of many members.
type Outcome struct {
	Node    string
	Changed bool  // false without an error: it was so already
	Err     error // ErrNotFound: it is no member
}

// ChangeMembers does one thing to many existing members and yields an outcome
// each, in order, as they come. Against an Orrery server a thousand go with one request, which is
// done whole or not at all; otherwise they go one by one, a few at a time. A
// failure is the outcome of those members alone, except for a wrong token or an
// ended context, after which the rest has that error and nothing more is sent.
func (c *Client) ChangeMembers(ctx context.Context, network string, nodes []string, do Action) iter.Seq[Outcome] {
	return nil
}

// Token is an API token, without its secret. The hosted service tells names only.
type Token struct {
	Name         string `json:"name"`
	ReadOnly     bool   `json:"readOnly"`
	NetworkID    string `json:"networkId,omitempty"`
	CreationTime int64  `json:"creationTime,omitempty"`
	ExpiryTime   int64  `json:"expiryTime,omitempty"`
	LastUsedTime int64  `json:"lastUsedTime,omitempty"`
	LastUsedFrom string `json:"lastUsedFrom,omitempty"`
}

// Tokens lists the tokens of the user.
func (c *Client) Tokens(ctx context.Context) ([]Token, error) { return nil, errContract }

// CreateToken makes a token and returns its secret. Limits (read-only, network,
// expiry) need an Orrery server: ErrNotOrrery otherwise, and nothing is made.
func (c *Client) CreateToken(ctx context.Context, t Token) (secret string, err error) {
	return "", errContract
}

// DeleteToken revokes a token, at once.
func (c *Client) DeleteToken(ctx context.Context, name string) error { return errContract }

// Organization is an organization with its people.
type Organization struct {
	ID         string `json:"id"`
	OwnerID    string `json:"ownerId"`
	OwnerEmail string `json:"ownerEmail"`
	Members    []OrganizationMember
	Raw        json.RawMessage `json:"-"`
}

// OrganizationMember is one of an organization's people.
type OrganizationMember struct {
	OrgID  string `json:"orgId"`
	UserID string `json:"userId"`
	Name   string `json:"name"`
	Email  string `json:"email"`
}

// Invitation is an invitation to an organization.
type Invitation struct {
	ID           string          `json:"id"`
	OrgID        string          `json:"orgId"`
	Email        string          `json:"email"`
	OwnerEmail   string          `json:"ownerEmail"`
	Status       string          `json:"status"`        // pending, accepted, canceled
	CreationTime int64           `json:"creation_time"` // ms since 1970; servers also send RFC 3339
	Raw          json.RawMessage `json:"-"`
}

// Organization is the token's user's; ErrNotFound if the user is in none.
func (c *Client) Organization(ctx context.Context) (*Organization, error) { return nil, errContract }

// Invitations lists those sent (to an owner) or received.
func (c *Client) Invitations(ctx context.Context) ([]Invitation, error) { return nil, errContract }

// Invite asks somebody to join the organization.
func (c *Client) Invite(ctx context.Context, email string) (*Invitation, error) {
	return nil, errContract
}

// AcceptInvitation joins an organization; all networks of the user move there.
func (c *Client) AcceptInvitation(ctx context.Context, id string) (*Invitation, error) {
	return nil, errContract
}

// DeclineInvitation declines one received or withdraws one sent.
func (c *Client) DeclineInvitation(ctx context.Context, id string) error { return errContract }

// ActivityQuery selects changes; zero fields select nothing away.
type ActivityQuery struct {
	Network, Node, Actor string
	Kinds                []string
	Since, Until         time.Time
}

// Change is an entry of the activity log, of Orrery only.
type Change struct {
	Seq  int64
	Time int64 // ms since 1970
	Kind string
	Raw  json.RawMessage `json:"-"`
}

// Activity streams changes, the newest first; ErrNotOrrery from other servers.
func (c *Client) Activity(ctx context.Context, q ActivityQuery) iter.Seq2[*Change, error] { return nil }

// Coming is a member that came, left or was changed.
type Coming struct {
	Time    int64
	Network string
	Node    string
	Kind    string  // online, offline, or an event's kind: member.added, member.authorized, …
	Member  *Member // as it is now; nil: deleted
}

// Watch streams who comes and goes in a network (empty: in all) until the
// context ends. An Orrery server tells it live, and Watch goes on after a
// broken connection without missing a change; any other is asked every
// few seconds and the answers compared.
func (c *Client) Watch(ctx context.Context, network string) iter.Seq2[*Coming, error] { return nil }

// IsOrrery reports whether the server has Orrery's own API. It asks once.
func (c *Client) IsOrrery(ctx context.Context) (bool, error) { return false, errContract }

var errContract = errors.New("not there")
