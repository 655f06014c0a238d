package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync/atomic"
	"time"

	"github.com/orrery-net/orrery/zt"
)

const (
	apiNetwork  = 200 // number of the network with many members
	apiMembers  = 10_000
	listSamples = 20
	pageSamples = 400
	authSamples = 300
	getTime     = 3 * time.Second
	bulkMembers = 1000
)

// api measures what people and scripts feel of a network with many members:
// lists, pages, authorizations, reads at full speed, and many members at once.
func (b *bench) api(ctx context.Context) error {
	network, err := b.server.createNetwork(ctx, apiNetwork, true)
	if err != nil {
		return err
	}
	if err := b.addMembers(ctx, network); err != nil {
		return err
	}
	for _, measure := range []func(context.Context, zt.NetworkID) error{b.list, b.pages, b.authorizations, b.reads, b.bulk} {
		if err := measure(ctx, network); err != nil {
			return err
		}
	}
	return nil
}

const apiStep = "API"

// node is the address of a member: spread like those of real nodes, which are
// hashes, and never one that is reserved.
func node(i int) zt.Address {
	const golden, rest = 0x9e3779b97f4a7c15, 1<<32 - 1
	return 0x10<<32 | zt.Address(uint64(i+1)*golden>>32&rest)
}

func (b *bench) addMembers(ctx context.Context, network zt.NetworkID) error {
	began := time.Now()
	err := severalAtOnce(apiMembers, func(i int) error {
		body := fmt.Sprintf(`{"name":"device %d","description":"rack %d","config":{"authorized":%t,"ipAssignments":["10.201.%d.%d"]}}`,
			i, i/40, i%4 != 0, i/250, i%250+1)
		_, err := b.server.post(ctx, fmt.Sprintf("/network/%s/member/%s", network, node(i)), body)
		return err
	})
	if err != nil {
		return err
	}
	b.report.add(apiStep, fmt.Sprintf("add %d members by hand (%d API clients): each", apiMembers, apiClients),
		millis(time.Since(began)/apiMembers), "")
	return nil
}

// list reads the whole list of members, as Central's clients do.
func (b *bench) list(ctx context.Context, network zt.NetworkID) error {
	var whole []time.Duration
	size := 0
	before, err := b.server.usage(ctx)
	if err != nil {
		return err
	}
	for range listSamples {
		began := time.Now()
		answer, err := b.server.get(ctx, fmt.Sprintf("/api/v1/network/%s/member", network))
		if err != nil {
			return err
		}
		whole, size = append(whole, time.Since(began)), len(answer)
		var members []json.RawMessage
		if err := json.Unmarshal(answer, &members); err != nil || len(members) != apiMembers {
			return errors.Join(err, fmt.Errorf("the list has %d members, not %d", len(members), apiMembers))
		}
	}
	after, err := b.server.usage(ctx)
	if err != nil {
		return err
	}
	b.report.add(apiStep, fmt.Sprintf("list %d members (%s): p50, greatest", apiMembers, megabytes(float64(size))),
		millis(percentile(whole[1:], 0.5))+", "+millis(slices.Max(whole[1:])), "≤ 60 ms")
	b.report.add(apiStep, "… the first time, from the database", millis(whole[0]), "")
	b.report.add(apiStep, "… server CPU for each", millis((after.cpu-before.cpu)/listSamples), "")
	return nil
}

// pages reads pages in all orders and with filters, of the native API.
func (b *bench) pages(ctx context.Context, network zt.NetworkID) error {
	var took []time.Duration
	kinds := []url.Values{
		{"limit": {"100"}},
		{"limit": {"100"}, "sort": {"name"}},
		{"limit": {"100"}, "sort": {"-lastSeen"}},
		{"limit": {"100"}, "sort": {"-created"}, "authorized": {"false"}},
		{"limit": {"100"}, "q": {"rack 7"}},
		{"limit": {"100"}, "online": {"false"}},
	}
	for i := range pageSamples {
		query := kinds[i%len(kinds)]
		began := time.Now()
		answer, err := b.server.get(ctx, fmt.Sprintf("/api/orrery/v1/networks/%s/members?%s", network, query.Encode()))
		if err != nil {
			return err
		}
		took = append(took, time.Since(began))
		var page struct {
			NextCursor string `json:"nextCursor"`
		}
		if err := json.Unmarshal(answer, &page); err != nil {
			return err
		}
		query.Del("cursor")
		if page.NextCursor != "" {
			query.Set("cursor", page.NextCursor)
		}
	}
	b.report.add(apiStep, fmt.Sprintf("a page of 100 of %d members, sorted and filtered: p50, p99", apiMembers),
		millis(percentile(took, 0.5))+", "+millis(percentile(took, 0.99)), "≤ 10 ms p99")
	return nil
}

// authorizations lets members in and puts them out, one after the other.
func (b *bench) authorizations(ctx context.Context, network zt.NetworkID) error {
	var took []time.Duration
	for i := range authSamples {
		began := time.Now()
		if err := b.server.authorize(ctx, network, node(i*4), true); err != nil {
			return err
		}
		took = append(took, time.Since(began))
	}
	b.report.add(apiStep, fmt.Sprintf("authorize one of %d members, on disk: p50, p99", apiMembers),
		millis(percentile(took, 0.5))+", "+millis(percentile(took, 0.99)), "≤ 10 ms p99")
	return nil
}

// reads gets one network as fast as the server answers.
func (b *bench) reads(ctx context.Context, network zt.NetworkID) error {
	before, err := b.server.usage(ctx)
	if err != nil {
		return err
	}
	var count atomic.Int64
	began := time.Now()
	err = severalAtOnce(apiClients, func(int) error {
		for time.Since(began) < getTime {
			if _, err := b.server.get(ctx, fmt.Sprintf("/api/v1/network/%s", network)); err != nil {
				return err
			}
			count.Add(1)
		}
		return nil
	})
	if err != nil {
		return err
	}
	took := time.Since(began)
	after, err := b.server.usage(ctx)
	if err != nil {
		return err
	}
	b.report.add(apiStep, fmt.Sprintf("GET of a network with a token (%d clients)", apiClients),
		perSecond(float64(count.Load())/took.Seconds()), "≥ 2000/s")
	b.report.add(apiStep, "… server CPU for each", millis(perUnit(after.cpu-before.cpu, float64(count.Load()))), "")
	return nil
}

// bulk changes many members in one transaction.
func (b *bench) bulk(ctx context.Context, network zt.NetworkID) error {
	nodes := make([]string, bulkMembers)
	for i := range nodes {
		nodes[i] = node(i).String()
	}
	body, err := json.Marshal(map[string]any{"action": "deauthorize", "members": nodes})
	if err != nil {
		return err
	}
	began := time.Now()
	if _, err := b.server.call(ctx, http.MethodPost, fmt.Sprintf("/api/orrery/v1/networks/%s/members/bulk", network), string(body)); err != nil {
		return err
	}
	b.report.add(apiStep, fmt.Sprintf("deauthorize %d members in one transaction", bulkMembers), millis(time.Since(began)), "")
	return nil
}
