package client

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"strings"
	"sync"
)

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

const (
	// bulkMost is how many members one request to an Orrery server names.
	bulkMost = 1000
	// bulkAtOnce is how many requests for single members are on their way.
	bulkAtOnce = 4
)

// ChangeMembers does one thing to many existing members and yields an outcome
// each, in order, as they come. Against an Orrery server a thousand go with one
// request, which is done whole or not at all; otherwise they go one by one, a few
// at a time. A failure is the outcome of those members alone, unless it would be
// that of all others, too: with a token that is not good, a server that cannot be
// reached or lets the client wait for longer than MaxWait, or a context that
// ended, nothing more is sent, and what was never tried has that error. A node
// that is named again was so already.
func (c *Client) ChangeMembers(ctx context.Context, network string, nodes []string, do Action) iter.Seq[Outcome] {
	return func(yield func(Outcome) bool) {
		b := &bulk{Client: c, doing: string(do) + " members of network " + network, network: strings.ToLower(network), action: do}
		ended := checkNetwork(string(do)+" members of network ", network)
		change := b.singly
		if ended == nil {
			var orrery bool
			if orrery, ended = c.IsOrrery(ctx); orrery {
				change = b.together
			}
		}
		var tried []string
		if ended == nil {
			tried = sound(nodes)
		}
		next, stop := iter.Pull(change(ctx, tried))
		defer stop()
		known := make(map[string]error, len(nodes))
		for _, node := range nodes {
			key := strings.ToLower(node)
			outcome := Outcome{Node: node}
			if err, again := known[key]; again {
				outcome.Err = err
			} else if outcome.Err = checkNode(string(do)+" member ", node); outcome.Err == nil {
				if tried, ok := next(); ok {
					outcome.Changed, outcome.Err = tried.Changed, tried.Err
				} else {
					outcome.Err = ended
				}
				if known[key] = outcome.Err; ended == nil && hopeless(ctx, outcome.Err) {
					ended = outcome.Err
				}
			}
			if !yield(outcome) {
				return
			}
		}
	}
}

// sound are the nodes that requests can name, each once and in small letters.
func sound(nodes []string) []string {
	var all []string
	named := make(map[string]bool, len(nodes))
	for _, node := range nodes {
		node = strings.ToLower(node)
		if isNode(node) && !named[node] {
			named[node] = true
			all = append(all, node)
		}
	}
	return all
}

// hopeless reports whether what failed for one member fails for all.
func hopeless(ctx context.Context, err error) bool {
	return err != nil && (ctx.Err() != nil || errors.Is(err, ErrUnauthorized) || errors.Is(err, ErrUnreachable) ||
		isStatus(err, http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout))
}

// bulk is one call of ChangeMembers.
type bulk struct {
	*Client
	doing   string
	network string
	action  Action
}

// together changes members by the thousand, with Orrery's own API, up to the first
// hopeless failure.
func (b *bulk) together(ctx context.Context, nodes []string) iter.Seq[Outcome] {
	return func(yield func(Outcome) bool) {
		for some := range slices.Chunk(nodes, bulkMost) {
			outcomes, err := b.request(ctx, some)
			for i, node := range some {
				outcome := Outcome{Node: node, Err: err}
				if err == nil {
					outcome = outcomes[i]
				}
				if !yield(outcome) {
					return
				}
			}
			if hopeless(ctx, err) {
				return
			}
		}
	}
}

// request changes members with one request. It is not repeated when nobody knows
// whether it was done: who was deleted by the first would be missing for the
// second.
func (b *bulk) request(ctx context.Context, nodes []string) ([]Outcome, error) {
	q := request{
		doing: b.doing, method: http.MethodPost, url: b.native() + "/networks/" + b.network + "/members/bulk",
		body: struct {
			Action  Action   `json:"action"`
			Members []string `json:"members"`
		}{b.action, nodes},
	}
	return ask(ctx, b.Client, q, func(raw []byte) ([]Outcome, error) {
		var answer struct {
			Results []struct{ NodeID, Outcome string }
		}
		if err := decodeObject(raw, &answer); err != nil || len(answer.Results) != len(nodes) {
			return nil, errStrange
		}
		outcomes := make([]Outcome, 0, len(nodes))
		for i, result := range answer.Results {
			outcome := Outcome{Node: nodes[i]}
			switch {
			case result.NodeID != nodes[i]:
				return nil, errStrange
			case result.Outcome == "changed":
				outcome.Changed = true
			case result.Outcome == "missing":
				outcome.Err = fmt.Errorf("%s member %s of network %s: %w: it is no member", b.action, nodes[i], b.network, ErrNotFound)
			case result.Outcome != "unchanged":
				return nil, errStrange
			}
			outcomes = append(outcomes, outcome)
		}
		return outcomes, nil
	})
}

// singly changes members one by one, with Central's API, up to the first hopeless
// failure. What is on its way by then comes to its end, and is told as it ends.
func (b *bulk) singly(ctx context.Context, nodes []string) iter.Seq[Outcome] {
	return func(yield func(Outcome) bool) {
		ctx, cancel := context.WithCancel(ctx)
		var atWork sync.WaitGroup
		defer atWork.Wait()
		defer cancel()
		var begun []chan Outcome // of the members whose outcomes are yet to be yielded, in order
		for len(nodes) > 0 || len(begun) > 0 {
			for len(nodes) > 0 && len(begun) < bulkAtOnce {
				node, outcome := nodes[0], make(chan Outcome, 1)
				nodes, begun = nodes[1:], append(begun, outcome)
				atWork.Go(func() {
					changed, err := b.one(ctx, node)
					outcome <- Outcome{node, changed, err}
				})
			}
			outcome := <-begun[0]
			begun = begun[1:]
			if hopeless(ctx, outcome.Err) {
				nodes = nil
			}
			if !yield(outcome) {
				return
			}
		}
	}
}

// one changes a member. It looks first: Central's API would make a member to be
// authorized, and says nothing when there is none to be deleted.
func (b *bulk) one(ctx context.Context, node string) (changed bool, err error) {
	m, err := b.Member(ctx, b.network, node)
	wanted := b.action == Authorize
	switch {
	case err != nil:
		return false, err
	case b.action == Delete:
		err = b.DeleteMember(ctx, b.network, node)
		return err == nil, err
	case m.Config.Authorized == wanted:
		return false, nil
	}
	m, err = b.UpdateMember(ctx, b.network, node, map[string]any{"config": map[string]bool{"authorized": wanted}})
	if err == nil && m.Config.Authorized != wanted {
		err = fmt.Errorf("%s member %s of network %s: the server accepted it and did not do it; does your plan allow more members?", b.action, node, b.network)
	}
	return err == nil, err
}
