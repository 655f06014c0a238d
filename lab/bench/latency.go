package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/orrery-net/orrery/zt/member"
)

const (
	pushNetwork = 100 // number of the network for pushes
	pushSamples = 300
	pairNetwork = 101 // number of the first network of two
	pairSamples = 50

	// sampleWithin is how long one sample may take.
	sampleWithin = 10 * time.Second
)

// push measures, one node after the other, the time from the request that lets
// it in to the configuration in the node's hands.
func (b *bench) push(ctx context.Context) error {
	network, err := b.server.createNetwork(ctx, pushNetwork, true)
	if err != nil {
		return err
	}
	all := join(b.swarm.nodes[:min(pushSamples, len(b.swarm.nodes))], network)
	if err := await(ctx, joinWithin, all, denied); err != nil {
		return err
	}
	var pushed, answered []time.Duration
	for _, m := range all {
		err := func() error {
			ctx, cancel := context.WithTimeout(ctx, sampleWithin)
			defer cancel()
			began := time.Now()
			arrived := make(chan error, 1)
			var took time.Duration
			go func() {
				_, err := m.Wait(ctx, addressed)
				took = time.Since(began)
				arrived <- err
			}()
			if err := b.server.authorize(ctx, m.network, m.node, true); err != nil {
				return err
			}
			answered = append(answered, time.Since(began))
			err := <-arrived
			pushed = append(pushed, took)
			return err
		}()
		if err != nil {
			return err
		}
	}
	const step = "push"
	b.report.add(step, fmt.Sprintf("authorize → configuration at the node, %d nodes: p50", len(all)), millis(percentile(pushed, 0.5)), "≤ 5 ms")
	b.report.add(step, "… p95", millis(percentile(pushed, 0.95)), "")
	b.report.add(step, "… p99", millis(percentile(pushed, 0.99)), "≤ 25 ms")
	b.report.add(step, "the API's answer alone (on disk): p50, p99", millis(percentile(answered, 0.5))+", "+millis(percentile(answered, 0.99)), "")
	return nil
}

// putOut measures the time from the request that puts a node out until the
// other member holds the revocation, and until the node itself knows. Each
// sample has a network and two nodes of its own, because revocations to one
// node are kept 1.1 s apart.
func (b *bench) putOut(ctx context.Context) error {
	nodes := b.swarm.nodes
	var all []membership
	for i := range min(pairSamples, len(nodes)/2) {
		network, err := b.server.createNetwork(ctx, pairNetwork+i, true)
		if err != nil {
			return err
		}
		all = append(all, join(nodes[2*i:2*i+2], network)...)
	}
	if err := await(ctx, joinWithin, all, denied); err != nil {
		return err
	}
	if err := b.server.authorizeAll(ctx, all); err != nil {
		return err
	}
	if err := await(ctx, joinWithin, all, addressed); err != nil {
		return err
	}
	var known, revoked []time.Duration
	for i := 0; i < len(all); i += 2 {
		target, observer := all[i], all[i+1]
		err := func() error {
			ctx, cancel := context.WithTimeout(ctx, sampleWithin)
			defer cancel()
			began := time.Now()
			var errs [2]error
			var took [2]time.Duration
			var waiting sync.WaitGroup
			waiting.Go(func() {
				_, errs[0] = target.Wait(ctx, denied)
				took[0] = time.Since(began)
			})
			waiting.Go(func() {
				_, errs[1] = observer.Wait(ctx, func(member.State) bool { return observer.Revoked(target.node) > 0 })
				took[1] = time.Since(began)
			})
			if err := b.server.authorize(ctx, target.network, target.node, false); err != nil {
				return err
			}
			waiting.Wait()
			known, revoked = append(known, took[0]), append(revoked, took[1])
			if errs[0] != nil {
				return fmt.Errorf("the node that was put out: %w", errs[0])
			}
			if errs[1] != nil {
				return fmt.Errorf("the other member: %w", errs[1])
			}
			return nil
		}()
		if err != nil {
			return err
		}
	}
	const step = "put out"
	b.report.add(step, fmt.Sprintf("deauthorize → the other member holds the revocation, %d pairs: p50, p99", len(revoked)),
		millis(percentile(revoked, 0.5))+", "+millis(percentile(revoked, 0.99)), "< 2 s")
	b.report.add(step, "deauthorize → the node itself shows ACCESS_DENIED: p50, p99",
		millis(percentile(known, 0.5))+", "+millis(percentile(known, 0.99)), "< 2 s")
	return nil
}

// validation measures what a stranger's proof of work costs in this process,
// and a signature, which is the greater part of an answer.
func (b *bench) validation(ctx context.Context) error {
	const most = 100
	ids := b.identities[:min(most, len(b.identities))]
	message := make([]byte, 500)
	var validated, signed []time.Duration
	for _, id := range ids {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		began := time.Now()
		if err := id.Validate(); err != nil {
			return err
		}
		middle := time.Now()
		id.Sign(message)
		validated, signed = append(validated, middle.Sub(began)), append(signed, time.Since(middle))
	}
	const step = "identity"
	b.report.add(step, fmt.Sprintf("validate one, %d identities: p50", len(ids)), millis(percentile(validated, 0.5)), "≤ 15 ms")
	b.report.add(step, "sign 500 bytes (to compare machines): p50", millis(percentile(signed, 0.5)), "")
	return nil
}
