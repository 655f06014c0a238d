package main

import (
	"context"
	"fmt"
	"slices"
	"time"
)

const (
	steadySlots    = 210 // into which requests are spread, askEvery in all
	steadyParts    = 8   // parts of the time that are compared
	steadyWarm     = 1   // parts before that
	publicNetworks = 1   // number of the first network that lets everyone in
)

// steady has every member ask for the configuration of each of its networks
// about once a second.
func (b *bench) steady(ctx context.Context) error {
	all := slices.Clone(b.home)
	for i := range max(0, b.networks-1) {
		network, err := b.server.createNetwork(ctx, publicNetworks+i, false)
		if err != nil {
			return err
		}
		more := join(b.swarm.nodes, network)
		if err := await(ctx, joinWithin, more, addressed); err != nil {
			return err
		}
		all = append(all, more...)
	}
	full, err := b.server.settled(ctx)
	if err != nil {
		return err
	}

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	asking := make(chan struct{})
	go func() {
		defer close(asking)
		askInTurn(ctx, all)
	}()
	var marks []usage
	var memory []float64
	part := b.steadyTime / (steadyParts + steadyWarm)
	for i := range steadyWarm + steadyParts + 1 {
		if i > 0 {
			if err := sleep(ctx, part); err != nil {
				return err
			}
		}
		u, err := b.server.usage(ctx)
		if err != nil {
			return err
		}
		if i >= steadyWarm {
			marks, memory = append(marks, u), append(memory, u.heap)
		}
	}
	cancel()
	<-asking
	b.reportSteady(marks, len(all))

	after, err := b.server.settled(context.WithoutCancel(ctx))
	if err != nil {
		return err
	}
	const step = "steady"
	b.report.add(step, "heap after a collection: under load, first and last part", megabytes(memory[0])+" → "+megabytes(memory[len(memory)-1]), "")
	b.report.add(step, "heap after a collection: at rest before and after", megabytes(full.heap)+" → "+megabytes(after.heap), "no growth")
	b.report.add(step, fmt.Sprintf("memory: heap of one of %d memberships", len(all)), kilobytes((full.heap-b.empty.heap)/float64(len(all))), "")
	b.report.add(step, "memory: whole process", megabytes(after.resident), "")
	return nil
}

func (b *bench) reportSteady(marks []usage, memberships int) {
	var costs []time.Duration
	for i := 1; i < len(marks); i++ {
		costs = append(costs, perUnit(marks[i].cpu-marks[i-1].cpu, marks[i].answered-marks[i-1].answered))
	}
	slices.Sort(costs)
	first, last := marks[0], marks[len(marks)-1]
	length := last.at.Sub(first.at)
	const step = "steady"
	b.report.add(step, "requests offered", perSecond(float64(memberships)/askEvery.Seconds()), "")
	b.report.add(step, "requests answered", perSecond((last.answered-first.answered)/length.Seconds()), "")
	b.report.add(step, "… held back by the gate, dropped", fmt.Sprintf("%.0f, %.0f", last.tooSoon-first.tooSoon, last.overloaded-first.overloaded), "")
	b.report.add(step, "server CPU for an answered request, whole process",
		millis(perUnit(last.cpu-first.cpu, last.answered-first.answered)), "≤ 0.06 ms")
	b.report.add(step, fmt.Sprintf("… median, lowest and highest of %d parts", len(costs)),
		millis(quantile(costs, 0.5))+", "+millis(costs[0])+", "+millis(costs[len(costs)-1]), "")
	b.report.add(step, "… so many would take one core", perSecond((last.answered-first.answered)/(last.cpu-first.cpu).Seconds()), "")
}

// askInTurn asks for all memberships once in askEvery, evenly spread.
func askInTurn(ctx context.Context, all []membership) {
	tick := time.NewTicker(askEvery / steadySlots)
	defer tick.Stop()
	for slot := 0; ; slot = (slot + 1) % steadySlots {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for i := slot; i < len(all); i += steadySlots {
			all[i].Request()
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
