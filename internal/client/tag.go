package client

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// UnsetTags are the tags that a network's members shall not have, even if there is
// a default: their ids by node, of one member or with an empty node of all. Orrery's
// Central API leaves them out of members; other servers show them there, and have
// none here.
func (c *Client) UnsetTags(ctx context.Context, network, node string) (map[string][]uint32, error) {
	orrery, err := c.IsOrrery(ctx)
	if err != nil || !orrery {
		return nil, err
	}
	doing := "read the tags of members of network " + network
	if err := checkNetwork("read the tags of members of network ", network); err != nil {
		return nil, err
	}
	query := url.Values{"limit": {"1000"}}
	if node != "" {
		query.Set("q", strings.ToLower(node))
	}
	unset := make(map[string][]uint32)
	for {
		page, err := ask(ctx, c, request{
			doing: doing, method: http.MethodGet, repeatable: true,
			url: c.native() + "/networks/" + strings.ToLower(network) + "/members?" + query.Encode(),
		}, as[struct {
			Members []struct {
				NodeID    string
				UnsetTags []struct{ ID uint32 }
			}
			NextCursor string
		}])
		if err != nil {
			return nil, err
		}
		for _, m := range page.Members {
			for _, tag := range m.UnsetTags {
				unset[m.NodeID] = append(unset[m.NodeID], tag.ID)
			}
		}
		if page.NextCursor == "" || page.NextCursor == query.Get("cursor") {
			return unset, nil
		}
		query.Set("cursor", page.NextCursor)
	}
}

// LeaveTagsToDefault takes a member's own values of tags away, so that the
// network's defaults count again. With Orrery's Central API that cannot be said of
// a tag that is unset. ErrNotOrrery for other servers.
func (c *Client) LeaveTagsToDefault(ctx context.Context, network, node string, ids []uint32) error {
	const begin = "change the tags of member "
	doing := begin + node + " of network " + network
	if err := c.needOrrery(ctx, doing); err != nil {
		return err
	}
	if err := checkNode(begin, node); err != nil {
		return err
	}
	if err := checkNetwork(begin+node+" of network ", network); err != nil {
		return err
	}
	tags := make(map[string]*uint32, len(ids)) // null: no value of its own
	for _, id := range ids {
		tags[fmt.Sprint(id)] = nil
	}
	return c.do(ctx, request{
		doing: doing, method: http.MethodPatch, repeatable: true, body: map[string]map[string]*uint32{"tags": tags},
		url: c.native() + "/networks/" + strings.ToLower(network) + "/members/" + strings.ToLower(node),
	})
}
