package client

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"net/http"
	"slices"
	"strings"
)

// maxMember is how many bytes a member in a list has at most.
const maxMember = 4 << 20

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

	online *bool // the server's word, if it says so
}

// Online reports whether the member is online: as the server says (Orrery does),
// otherwise whether it was seen within the last 5 minutes by the server's clock,
// if it tells that.
func (m *Member) Online() bool {
	if m.online != nil {
		return *m.online
	}
	return m.LastSeen > 0 && m.Clock > 0 && m.Clock-m.LastSeen < 5*60*1000
}

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

func decodeMember(raw []byte) (*Member, error) {
	m := &Member{}
	shown := struct {
		*Member
		Online     *bool
		LastOnline int64 // LastSeen's name until 2023
	}{Member: m}
	if err := decodeObject(raw, &shown); err != nil {
		return nil, err
	}
	m.Raw, m.online = raw, shown.Online
	if m.LastSeen == 0 {
		m.LastSeen = shown.LastOnline
	}
	m.Config.IPAssignments = slices.DeleteFunc(m.Config.IPAssignments, func(ip string) bool { return ip == "" }) // null
	return m, nil
}

// Members streams a network's members, ascending by node, in constant memory. It
// ends after the first error; a list that breaks off ends with one that is
// ErrUnreachable.
func (c *Client) Members(ctx context.Context, network string) iter.Seq2[*Member, error] {
	const doing = "list the members of network "
	at, err := c.networkURL(doing, network)
	if err != nil {
		return func(yield func(*Member, error) bool) { yield(nil, err) }
	}
	return list(ctx, c, listing{
		request: request{doing: doing + network, url: at + "/member"},
		one:     "member", many: "members", most: maxMember,
	}, decodeMember)
}

// Member reads one; ErrNotFound if there is none.
func (c *Client) Member(ctx context.Context, network, node string) (*Member, error) {
	return c.oneMember(ctx, "read member ", network, node, request{method: http.MethodGet, repeatable: true})
}

// UpdateMember changes what the patch names, or makes the member, and returns
// the whole.
func (c *Client) UpdateMember(ctx context.Context, network, node string, patch any) (*Member, error) {
	return c.oneMember(ctx, "change member ", network, node, request{method: http.MethodPost, body: orEmpty(patch), repeatable: true})
}

// DeleteMember removes a member. One that does not exist is no error, a network
// that does not is ErrNotFound.
func (c *Client) DeleteMember(ctx context.Context, network, node string) error {
	const doing = "delete member "
	at, err := c.memberURL(doing, network, node)
	if err != nil {
		return err
	}
	err = c.do(ctx, request{doing: doing + node + " of network " + network, method: http.MethodDelete, url: at, repeatable: true})
	if errors.Is(err, ErrNotFound) {
		if _, look := c.Network(ctx, network); look == nil {
			return nil
		}
	}
	return err
}

func (c *Client) oneMember(ctx context.Context, doing, network, node string, q request) (*Member, error) {
	at, err := c.memberURL(doing, network, node)
	if err != nil {
		return nil, err
	}
	q.doing, q.url = doing+node+" of network "+network, at
	return ask(ctx, c, q, decodeMember)
}

func (c *Client) memberURL(doing, network, node string) (string, error) {
	if err := checkNode(doing, node); err != nil {
		return "", err
	}
	at, err := c.networkURL(doing+node+" of network ", network)
	return at + "/member/" + strings.ToLower(node), err
}
