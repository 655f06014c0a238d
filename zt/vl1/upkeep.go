package vl1

import (
	"context"
	"time"
)

// A sweep over all peers takes sweepTime; each tick visits one shard.
const (
	sweepTime   = 5 * time.Second
	tick        = sweepTime / shardCount
	rootTicks   = int(time.Second / tick)
	waitTicks   = 2
	expireLikes = 4096 // multicast entries forgotten in one tick at most
)

// upkeep does what must be done from time to time until ctx is done.
func (e *Endpoint) upkeep(ctx context.Context) {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	e.tendUpstreams(e.now())
	var shard []*peer
	for n := 1; ; n++ {
		select {
		case <-ctx.Done():
			return
		case o := <-e.worlds:
			e.accept(o)
		case <-ticker.C:
			now := e.now()
			if n%rootTicks == 0 {
				e.tendUpstreams(now)
			}
			if n%waitTicks == 0 {
				e.tendWaiting(now)
			}
			shard = e.peers.snapshot(shard[:0], n%shardCount)
			e.tendPeers(shard, now)
			clear(shard)
			e.relay.sweep(n%shardCount, now)
			e.multicast.expire(now, expireLikes)
		}
	}
}

// tendPeers keeps the paths of trusted and active peers open, so that they can
// be reached at any time, and forgets strangers that are gone.
func (e *Endpoint) tendPeers(list []*peer, now int64) {
	var due []keepalive
	for _, p := range list {
		switch {
		case p.upstream.Load():
		case p.trusted.Load():
			if now-p.lastActive.Load() >= peerActive {
				continue
			}
			due = p.due(due[:0], now, heartbeat)
			for _, k := range due {
				e.keepOpen(p, k, now)
			}
		case now-max(p.lastReceive.Load(), p.created) >= peerForgotten:
			e.peers.forget(p)
		}
	}
}
