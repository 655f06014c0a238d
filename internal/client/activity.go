package client

import (
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

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

// activityPage is how many changes are asked for at once: each may have 128 KiB.
const activityPage = 100

// Activity streams changes, the newest first; ErrNotOrrery from other servers. It
// ends after the first error.
func (c *Client) Activity(ctx context.Context, q ActivityQuery) iter.Seq2[*Change, error] {
	return func(yield func(*Change, error) bool) {
		const doing = "read the activity log"
		if err := c.needOrrery(ctx, doing); err != nil {
			yield(nil, err)
			return
		}
		query := q.values()
		for {
			r := request{doing: doing, method: http.MethodGet, url: c.native() + "/activity?" + query.Encode(), repeatable: true}
			page, err := ask(ctx, c, r, as[struct {
				Changes    []json.RawMessage
				NextCursor string
			}])
			if err != nil {
				yield(nil, err)
				return
			}
			for _, raw := range page.Changes {
				change, err := as[Change](raw)
				if err != nil {
					yield(nil, c.strange(r, nil, raw))
					return
				}
				change.Raw = raw
				if !yield(change, nil) {
					return
				}
			}
			if page.NextCursor == "" || page.NextCursor == query.Get("cursor") {
				return
			}
			query.Set("cursor", page.NextCursor)
		}
	}
}

func (q *ActivityQuery) values() url.Values {
	query := url.Values{"limit": {strconv.Itoa(activityPage)}}
	for name, value := range map[string]string{"networkId": q.Network, "nodeId": q.Node, "actor": q.Actor} {
		if value != "" {
			query.Set(name, value)
		}
	}
	for name, at := range map[string]time.Time{"since": q.Since, "until": q.Until} {
		if !at.IsZero() {
			query.Set(name, strconv.FormatInt(at.UnixMilli(), 10))
		}
	}
	for _, kind := range q.Kinds {
		query.Add("kind", kind)
	}
	return query
}
