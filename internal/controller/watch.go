package controller

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/orrery-net/orrery/internal/model"
)

// offlineEvery is how often members that are online are looked at while
// somebody watches: so late it may be told that one is not anymore.
const offlineEvery = 2 * time.Second

// presenceWatch tells watchers who comes online and goes offline. While nobody
// watches, a request costs it one atomic read.
type presenceWatch struct {
	on atomic.Bool // members that come online are wanted here

	turning sync.Mutex // held while on changes; taken before all other locks

	mu       sync.Mutex
	ended    bool
	watchers map[*watcher]struct{}
	online   map[memberKey]*onlineMember // who is known to be online, while on
	due      map[int64][]memberKey       // whom to look at next, by onlineMember.look
}

type onlineMember struct {
	*member
	look int64 // number of the next look at it, see lookNumber
}

type watcher struct{ changes chan model.OnlineChange }

// Watch tells who comes online and goes offline from now on, until stop is
// called. The channel holds buffer changes; it is closed when a reader falls
// further behind, when the controller ends, and by stop. Changes of one member
// alternate. That one went offline is told up to offlineEvery later; Time is
// when its online window ended.
func (c *Controller) Watch(buffer int) (changes <-chan model.OnlineChange, stop func()) {
	p := &c.watch
	p.turning.Lock()
	defer p.turning.Unlock()
	if !p.on.Load() {
		c.watchAll()
	}
	w := &watcher{make(chan model.OnlineChange, max(buffer, 1))}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		close(w.changes)
		return w.changes, func() {}
	}
	if p.watchers == nil {
		p.watchers = make(map[*watcher]struct{})
	}
	p.watchers[w] = struct{}{}
	return w.changes, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.drop(w)
	}
}

// watchAll begins to watch, with the members that are online now. One that comes
// meanwhile is found in one of two ways or in both. Called with turning held.
func (c *Controller) watchAll() {
	p := &c.watch
	p.on.Store(true)
	now := c.now().UnixMilli()
	for _, id := range c.networkIDs() {
		n := c.network(id)
		online := n.all(func(m *member) bool { return m.online(now) })
		p.mu.Lock()
		for _, m := range online {
			p.note(memberKey{id, m.node}, m, now)
		}
		p.mu.Unlock()
	}
}

// came tells that a member asked at now that was not online; until is what
// onlineUntil was before. Called with m.mu held, after m has the new time.
func (p *presenceWatch) came(key memberKey, m *member, until, now int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.on.Load() {
		return
	}
	if p.online[key] != nil { // that it went was not told yet
		p.tell(key, false, cmp.Or(until, now))
	}
	p.note(key, m, now)
	p.tell(key, true, now)
}

// note remembers that a member is online. Called with p.mu held.
func (p *presenceWatch) note(key memberKey, m *member, now int64) {
	if p.online == nil {
		p.online, p.due = make(map[memberKey]*onlineMember), make(map[int64][]memberKey)
	}
	if known := p.online[key]; known != nil {
		known.member = m
		return
	}
	p.online[key] = &onlineMember{member: m}
	p.lookAgain(key, now)
}

// lookAgain has a member looked at when its window ends, and not later than in a
// usual one, since nodes leave low-bandwidth mode. So a sweep costs a small part
// of what looking at all would. Called with p.mu held.
func (p *presenceWatch) lookAgain(key memberKey, now int64) {
	m := p.online[key]
	m.look = lookNumber(min(m.onlineUntil(), now+model.OnlineWindow))
	p.due[m.look] = append(p.due[m.look], key)
}

// removed has the next sweep find that a member's window was ended early: by its
// deletion, or because it was put off memory.
func (p *presenceWatch) removed(key memberKey, now int64) {
	if !p.on.Load() {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.online[key] != nil {
		p.lookAgain(key, now)
	}
}

// lookNumber counts the looks up to a time in ms, the one in progress included.
func lookNumber(at int64) int64 {
	const every = int64(offlineEvery / time.Millisecond)
	return (at + every - 1) / every
}

// run tells who goes offline, until ctx ends.
func (p *presenceWatch) run(ctx context.Context, now func() time.Time) {
	tick := time.NewTicker(offlineEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			p.end()
			return
		case <-tick.C:
			if p.on.Load() {
				p.sweep(now().UnixMilli())
			}
		}
	}
}

func (p *presenceWatch) sweep(now int64) {
	p.turning.Lock()
	defer p.turning.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.watchers) == 0 {
		p.on.Store(false)
		p.online, p.due = nil, nil
		return
	}
	for _, at := range slices.Sorted(maps.Keys(p.due)) {
		if at > lookNumber(now) {
			break
		}
		keys := p.due[at]
		delete(p.due, at)
		for _, key := range keys {
			m := p.online[key]
			if m == nil || m.look != at {
				continue
			}
			until := m.onlineUntil()
			if now < until {
				p.lookAgain(key, now)
				continue
			}
			delete(p.online, key)
			p.tell(key, false, cmp.Or(until, now))
		}
	}
}

// tell gives a change to every watcher. Called with p.mu held.
func (p *presenceWatch) tell(key memberKey, online bool, at int64) {
	change := model.OnlineChange{Network: key.network, Node: key.node, Online: online, Time: at}
	for w := range p.watchers {
		select {
		case w.changes <- change:
		default:
			p.drop(w)
		}
	}
}

// drop ends a watcher, once. Called with p.mu held.
func (p *presenceWatch) drop(w *watcher) {
	if _, ok := p.watchers[w]; ok {
		delete(p.watchers, w)
		close(w.changes)
	}
}

func (p *presenceWatch) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = true
	for w := range p.watchers {
		p.drop(w)
	}
}
