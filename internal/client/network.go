package client

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"strings"
)

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
	EnableBroadcast   *bool // nil: not said
	MulticastLimit    *int  // how many members a multicast reaches; nil: not said
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

func decodeNetwork(raw []byte) (*Network, error) {
	n, err := as[Network](raw)
	n.Raw = raw
	return n, err
}

// Networks streams all networks that the token may read, in the server's order:
// an Orrery server's is by id. It ends after the first error; a list that breaks
// off ends with one that is ErrUnreachable.
func (c *Client) Networks(ctx context.Context) iter.Seq2[*Network, error] {
	return list(ctx, c, listing{
		request: request{doing: "list the networks", url: c.base + "/network"},
		one:     "network", many: "networks", most: maxAnswer,
	}, decodeNetwork)
}

// Network reads one; ErrNotFound if there is none that the token may read.
func (c *Client) Network(ctx context.Context, id string) (*Network, error) {
	return c.oneNetwork(ctx, "read network ", id, request{method: http.MethodGet, repeatable: true})
}

// CreateNetwork makes a network. The patch is what POST takes, marshaled to
// JSON; nil is a network with the server's defaults.
func (c *Client) CreateNetwork(ctx context.Context, patch any) (*Network, error) {
	return ask(ctx, c, request{
		doing: "create a network", method: http.MethodPost, url: c.base + "/network", body: orEmpty(patch),
	}, decodeNetwork)
}

// UpdateNetwork changes what the patch names and returns the whole.
func (c *Client) UpdateNetwork(ctx context.Context, id string, patch any) (*Network, error) {
	return c.oneNetwork(ctx, "change network ", id, request{method: http.MethodPost, body: orEmpty(patch), repeatable: true})
}

// DeleteNetwork deletes a network with its members.
func (c *Client) DeleteNetwork(ctx context.Context, id string) error {
	at, err := c.networkURL("delete network ", id)
	if err != nil {
		return err
	}
	return c.do(ctx, request{doing: "delete network " + id, method: http.MethodDelete, url: at, repeatable: true})
}

func (c *Client) oneNetwork(ctx context.Context, doing, id string, q request) (*Network, error) {
	at, err := c.networkURL(doing, id)
	if err != nil {
		return nil, err
	}
	q.doing, q.url = doing+id, at
	return ask(ctx, c, q, decodeNetwork)
}

func (c *Client) networkURL(doing, id string) (string, error) {
	if err := checkNetwork(doing, id); err != nil {
		return "", err
	}
	return c.base + "/network/" + strings.ToLower(id), nil
}

// orEmpty is the patch that changes nothing instead of none: Central wants a body.
func orEmpty(patch any) any {
	if patch == nil {
		return struct{}{}
	}
	return patch
}

// checkNetwork makes sure that a network id, which a user may have typed, is one:
// in a path it could mean another operation.
func checkNetwork(doing, id string) error {
	if !isHex(id, 16) {
		return fmt.Errorf("%s%s: this is no network id, which has 16 hexadecimal digits", doing, oneLine(id, maxName))
	}
	return nil
}

func checkNode(doing, id string) error {
	if !isNode(id) {
		return fmt.Errorf("%s%s: this is no node address, which has 10 hexadecimal digits and does not begin with ff", doing, oneLine(id, maxName))
	}
	return nil
}

// isNode reports whether an address can be a node's: ff at its beginning and 0
// are reserved.
func isNode(id string) bool {
	return isHex(id, 10) && !strings.HasPrefix(strings.ToLower(id), "ff") && id != "0000000000"
}

func isHex(text string, digits int) bool {
	return len(text) == digits && strings.Trim(text, "0123456789abcdefABCDEF") == ""
}
