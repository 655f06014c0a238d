package central

import (
	"container/list"
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/internal/store"
	"github.com/orrery-net/orrery/zt"
)

const (
	// viewsSize bounds what views hold, in bytes as estimated: about 300 000
	// members with what was seen of them.
	viewsSize = 256 << 20
	// emptyView is what the place of a network takes, in bytes, before anything
	// is known of it.
	emptyView = 500
	// catchUpMost is how many changed members are read one by one; for more of
	// them a roster is read anew.
	catchUpMost = 1000
	// tooLargeAgain is how long the members of a network that was too large for
	// memory are read from the store before its size is looked at again.
	tooLargeAgain = 10 * time.Minute
	// seenAgain is how old the stored times of when members were seen may be.
	// Presence remembers whom it saw for longer than that.
	seenAgain = 5 * time.Minute
)

// errTooLarge says that a network has more members than memory is for.
var errTooLarge = errors.New("the network is too large for memory")

// views holds the networks that are in use, the least recently used go first.
// Each is a snapshot that is valid up to an event; a read that wants more brings
// it up to date, and pays for what changed only. It is safe for concurrent use.
type views struct {
	store *store.Store
	now   func() time.Time
	most  int // bytes

	mu     sync.Mutex
	byID   map[zt.NetworkID]*list.Element
	recent list.List // of *view, the most recently used first
	size   int       // bytes
}

// view is the place of one network's snapshots.
type view struct {
	id      zt.NetworkID
	state   atomic.Pointer[snapshot]
	loading chan struct{} // holds something while one goroutine reads the store
	size    int           // bytes; guarded by the mu of views
}

// snapshot is a network at one moment, with all that happened to it up to an
// event. Nothing in it changes, the records included.
type snapshot struct {
	seq     int64
	network *model.Network
	counts  *store.Counts // nil until wanted
	roster  *roster       // nil until wanted
	// tooLarge is until when it is not tried to hold the members.
	tooLarge time.Time
}

// detail is how much of a network is wanted.
type detail uint8

const (
	theRecord detail = iota
	theCounts
	theMembers // or to know that they are too many
)

func newViews(from *store.Store, now func() time.Time) *views {
	return &views{store: from, now: now, most: viewsSize, byID: make(map[zt.NetworkID]*list.Element)}
}

// latest returns a network as it is now: with every change whose commit was
// reported before the call. store.ErrNotFound if there is none, or it was
// deleted.
func (v *views) latest(ctx context.Context, id zt.NetworkID, want detail) (*snapshot, error) {
	seq := v.store.Committed()
	place := v.enter(id)
	if s := place.state.Load(); v.serves(s, seq, want) {
		return s, nil
	}
	select {
	case place.loading <- struct{}{}:
		defer func() { <-place.loading }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	before := place.state.Load()
	if v.serves(before, seq, want) { // whoever read the store meanwhile did it for all
		return before, nil
	}
	after, err := v.advance(ctx, id, before, want)
	if err != nil {
		if errors.Is(err, store.ErrNotFound) {
			v.drop(place)
		}
		return nil, err
	}
	place.state.Store(after)
	v.weigh(place, after.size())
	return after, nil
}

// peek returns what memory has of a network, perhaps not as it is now; nil if
// that is nothing.
func (v *views) peek(id zt.NetworkID) *snapshot {
	v.mu.Lock()
	defer v.mu.Unlock()
	element := v.byID[id]
	if element == nil {
		return nil
	}
	return element.Value.(*view).state.Load()
}

// holdsMembers reports whether the members of a network are in memory, perhaps
// not as they are now.
func (v *views) holdsMembers(id zt.NetworkID) bool {
	s := v.peek(id)
	return s != nil && s.roster != nil
}

func (v *views) serves(s *snapshot, seq int64, want detail) bool {
	switch {
	case s == nil || s.seq < seq:
		return false
	case want == theMembers && s.roster != nil:
		return v.now().Sub(s.roster.seenRead) < seenAgain
	case want == theMembers:
		return v.now().Before(s.tooLarge)
	}
	return want == theRecord || s.counts != nil
}

// advance returns the snapshot that follows another, nil for the first one. The
// number of the newest event is taken before anything is read: what is read may
// be newer than that, and is then brought up to date once more, but never older.
func (v *views) advance(ctx context.Context, id zt.NetworkID, before *snapshot, want detail) (after *snapshot, err error) {
	seq := v.store.Committed()
	if before == nil {
		n, err := v.store.Network(ctx, id)
		if err != nil {
			return nil, err
		}
		after = &snapshot{network: n}
	} else if after, err = v.catchUp(ctx, id, before, seq); err != nil {
		return nil, err
	}
	after.seq = seq
	if want == theMembers && v.now().After(after.tooLarge) {
		after.roster, err = v.complete(ctx, id, after.roster)
		switch {
		case errors.Is(err, errTooLarge):
			after.tooLarge = v.now().Add(tooLargeAgain)
		case err != nil:
			return nil, err
		}
	}
	switch {
	case after.roster != nil:
		after.counts = &after.roster.counts
	case want != theRecord && after.counts == nil:
		counts, err := v.store.MemberCounts(ctx, id)
		if err != nil {
			return nil, err
		}
		of := counts[id]
		after.counts = &of
	}
	return after, nil
}

// catchUp returns a snapshot with what happened to the network since another,
// up to an event at least. What would have to be read anew is left out.
func (v *views) catchUp(ctx context.Context, id zt.NetworkID, before *snapshot, seq int64) (*snapshot, error) {
	same := *before
	if before.seq == seq {
		return &same, nil
	}
	touched, err := v.store.NetworkTouched(ctx, id, before.seq)
	if err != nil || !touched {
		return &same, err
	}
	n, err := v.store.Network(ctx, id)
	if err != nil {
		return nil, err
	}
	after := &snapshot{network: n, tooLarge: before.tooLarge}
	if before.roster == nil {
		return after, nil
	}
	nodes, whole, err := v.store.MembersChanged(ctx, id, before.seq, catchUpMost)
	if err != nil || whole {
		return after, err
	}
	changed, err := v.store.MembersByNode(ctx, id, nodes)
	if err != nil {
		return nil, err
	}
	if after.roster = before.roster.with(changed); after.roster.size > v.most/2 {
		after.roster = nil
	}
	return after, nil
}

// complete reads what is missing or too old of a roster.
func (v *views) complete(ctx context.Context, id zt.NetworkID, r *roster) (*roster, error) {
	switch now := v.now(); {
	case r == nil:
		return readRoster(ctx, v.store, id, v.most/2, now)
	case now.Sub(r.seenRead) >= seenAgain:
		return r.withSeen(ctx, v.store, id, now)
	}
	return r, nil
}

// enter returns the place of a network, as the most recently used one.
func (v *views) enter(id zt.NetworkID) *view {
	v.mu.Lock()
	defer v.mu.Unlock()
	if element := v.byID[id]; element != nil {
		v.recent.MoveToFront(element)
		return element.Value.(*view)
	}
	place := &view{id: id, loading: make(chan struct{}, 1)}
	v.byID[id] = v.recent.PushFront(place)
	v.resize(place, emptyView) // also if nothing ever comes there
	return place
}

// drop lets go of a place. Who holds it can go on with it.
func (v *views) drop(place *view) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.remove(place)
}

// remove is drop for who holds mu.
func (v *views) remove(place *view) {
	if element := v.byID[place.id]; element != nil && element.Value == place {
		v.recent.Remove(element)
		delete(v.byID, place.id)
		v.size -= place.size
	}
}

// weigh notes how large a place is now, and lets go of others if they are too
// much together.
func (v *views) weigh(place *view, size int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if element := v.byID[place.id]; element != nil && element.Value == place {
		v.resize(place, size)
	}
}

// resize is weigh for who holds mu, of a place that was not let go of.
func (v *views) resize(place *view, size int) {
	v.size += size - place.size
	place.size = size
	for v.size > v.most && v.recent.Len() > 1 {
		v.remove(v.recent.Back().Value.(*view))
	}
}

// size is about how many bytes a snapshot takes.
func (s *snapshot) size() int {
	const record, rule = 2000, 100
	n := s.network
	size := emptyView + record + len(n.Name) + len(n.Description) + len(n.RulesSource) + len(n.UI) + len(n.TagsByName) +
		rule*(len(n.Rules)+len(n.Routes)+len(n.Pools)+len(n.Tags)+len(n.Capabilities)+len(n.CapabilitiesByName)+len(n.Grants)+len(n.SSO.AllowList))
	for _, c := range n.Capabilities {
		size += rule * len(c.Rules)
	}
	if s.roster != nil {
		size += s.roster.size
	}
	return size
}
