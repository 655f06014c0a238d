package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"
)

const joinWithin = 3 * time.Minute

// join has all nodes, which have just started, come to a network that they are
// then let in on.
func (b *bench) join(ctx context.Context) error {
	network, err := b.server.createNetwork(ctx, 0, true)
	if err != nil {
		return err
	}
	b.home = join(b.swarm.nodes, network)
	if err := await(ctx, joinWithin, b.home, denied); err != nil {
		return err
	}
	listed, err := b.server.usage(ctx)
	if err != nil {
		return err
	}
	const step = "join"
	count := float64(len(b.home))
	b.report.add(step, fmt.Sprintf("%d unknown nodes come at once, until all are listed", len(b.home)), seconds(listed.at.Sub(b.empty.at)), "")
	b.report.add(step, "… server CPU for each, with the validation of its identity", millis(perUnit(listed.cpu-b.empty.cpu, count)), "")

	if err := b.server.authorizeAll(ctx, b.home); err != nil {
		return err
	}
	if err := await(ctx, joinWithin, b.home, addressed); err != nil {
		return err
	}
	done, err := b.server.usage(ctx)
	if err != nil {
		return err
	}
	if err := allDifferent(b.home); err != nil {
		return err
	}
	b.report.add(step, fmt.Sprintf("authorize them one by one (%d API clients), until all have an address", apiClients), seconds(done.at.Sub(listed.at)), "")
	b.report.add(step, "… server CPU for each", millis(perUnit(done.cpu-listed.cpu, count)), "")
	b.report.add(step, "addresses given twice", "0", "0")

	full, err := b.server.settled(ctx)
	if err != nil {
		return err
	}
	b.report.add(step, "memory: heap of a member", kilobytes((full.heap-b.empty.heap)/count), "")
	b.report.add(step, "memory: whole process before and after", megabytes(b.empty.resident)+" → "+megabytes(full.resident), "")
	return nil
}

func allDifferent(all []membership) error {
	owner := make(map[netip.Addr]membership, len(all))
	for _, m := range all {
		for _, a := range m.State().Addresses() {
			if other, ok := owner[a.Addr()]; ok {
				return fmt.Errorf("%s and %s both have %s", m.node, other.node, a.Addr())
			}
			owner[a.Addr()] = m
		}
	}
	if len(owner) < len(all) {
		return errors.New("some members have no address")
	}
	return nil
}
