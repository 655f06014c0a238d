package controller

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/internal/store"
	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/netconf"
	"github.com/orrery-net/orrery/zt/packet"
)

const (
	eventPage  = 500
	eventRetry = time.Second
	// eventTries is how often acting on one event is tried while events can be
	// read: one damaged record must not keep all later changes from taking effect.
	eventTries = 10
)

// follow acts on every change that is stored after a position. What is already
// in memory is only ever replaced by something newer, so an event that is seen
// late or twice does no harm.
func (c *Controller) follow(ctx context.Context, position int64) {
	tries := 0 // of the event after position
	for ctx.Err() == nil {
		changed := c.store.Changed()
		events, err := c.store.Events(ctx, position, eventPage)
		if err == nil {
			for i := range events {
				if err = c.react(ctx, &events[i]); err != nil {
					c.forget(&events[i])
					if tries++; tries < eventTries {
						break
					}
					c.log.Error("giving up on a change; restart Orrery to have it taken over", "change", events[i].Seq, "error", err)
					err = nil
				}
				position, tries = events[i].Seq, 0
			}
		}
		switch {
		case err != nil && ctx.Err() == nil:
			c.log.Error("cannot act on a change; trying again", "after", position, "error", err)
			wait(ctx, eventRetry)
		case len(events) < eventPage:
			select {
			case <-ctx.Done():
			case <-changed:
			}
		}
	}
}

// forget lets go of what memory has of a member that changed in a way that could
// not be read: nobody is let in on what was true before.
func (c *Controller) forget(e *model.Event) {
	n := c.network(e.Network)
	if n == nil || e.Node == 0 {
		return
	}
	if m := n.find(e.Node); m != nil {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.record, m.loaded, m.credentials = nil, false, nil
	}
}

func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

func (c *Controller) react(ctx context.Context, e *model.Event) error {
	if e.Network == 0 || e.Network.Controller() != c.address {
		return nil
	}
	c.note(e)
	if e.Kind == model.NetworkCreated {
		c.mu.Lock()
		if c.networks[e.Network] == nil {
			c.networks[e.Network] = c.newNetwork(e.Network)
		}
		c.mu.Unlock()
		return nil
	}
	n := c.network(e.Network)
	if n == nil {
		return nil
	}
	switch e.Kind {
	case model.NetworkUpdated:
		return c.networkChanged(ctx, n)
	case model.NetworkDeleted:
		c.networkDeleted(n)
		return nil
	case model.NetworkShared, model.NetworkMoved:
		return nil // who may manage a network is nothing to its members
	}
	if e.Node != 0 {
		return c.memberChanged(ctx, n, e)
	}
	return nil
}

// note writes what an operator wants to find in the log.
func (c *Controller) note(e *model.Event) {
	if e.Actor == model.ActorController {
		return // what the controller does itself it logs itself
	}
	details := []any{"network", e.Network, "user", e.Actor.UserID, "from", e.Actor.From}
	if e.Node != 0 {
		details = append(details, "node", e.Node)
	}
	c.log.Info(string(e.Kind), details...)
}

// networkChanged takes over a network's new settings and tells its members.
func (c *Controller) networkChanged(ctx context.Context, n *network) error {
	if _, err := c.load(ctx, n); err != nil {
		return err
	}
	fresh, err := c.readSnapshot(ctx, n.id, n.snapshot.Load())
	if errors.Is(err, store.ErrNotFound) {
		return nil // deleted since; that event follows
	}
	if err != nil {
		return err
	}
	n.snapshot.Store(fresh)
	c.pushAll(n)
	return nil
}

// networkDeleted puts out everyone who is online. Members that come back later
// are told when they ask.
func (c *Controller) networkDeleted(n *network) {
	n.loadMu.Lock()
	n.loaded = true
	n.snapshot.Store(nil)
	n.loadMu.Unlock()
	now := c.now().UnixMilli()
	c.putOutPortions(n, n.all(func(m *member) bool { return m.online(now) }))
}

func (c *Controller) putOutPortions(n *network, members []*member) {
	portion := members[:min(len(members), pushPortion)]
	for _, m := range portion {
		m.mu.Lock()
		if admitted(m.record) && m.identity != nil {
			c.putOut(n, m, packet.ErrorObjectNotFound, 0)
		}
		m.mu.Unlock()
	}
	if rest := members[len(portion):]; len(rest) > 0 {
		c.agenda.after(pushPause, func() { c.putOutPortions(n, rest) })
	}
}

// memberChanged takes over a member's new record and acts on what changed.
func (c *Controller) memberChanged(ctx context.Context, n *network, e *model.Event) error {
	s, err := c.load(ctx, n)
	if err != nil || s == nil {
		return err
	}
	record, err := c.store.Member(ctx, n.id, e.Node)
	if err != nil {
		return fmt.Errorf("read member %s of %s: %w", e.Node, n.id, err)
	}
	if err := c.bookMember(ctx, n, record); err != nil {
		return err
	}
	if err := c.bridgeChanged(ctx, n, s, record); err != nil {
		return err
	}
	lost, err := lostCertificates(s.record, e)
	if err != nil {
		return fmt.Errorf("read what %s of %s lost: %w", e.Node, n.id, err)
	}
	m := c.meet(n, e.Node)
	if e.Actor == model.ActorController {
		m.mu.Lock()
		m.replace(record)
		m.mu.Unlock()
		if len(lost) > 0 {
			c.withdraw(n, m, lost)
		}
		return nil
	}
	n.recount()
	switch {
	case admitted(record):
		n.revocations.readmit(e.Node)
		m.mu.Lock()
		m.replace(record)
		known := m.identity != nil
		m.mu.Unlock()
		if known && len(lost) == 0 {
			c.push(n, m, 0)
		}
	case e.Kind == model.MemberDeauthorized, e.Kind == model.MemberDeleted && record.LastAuthorizedTime != 0:
		c.revoke(n, m, record, packet.ErrorNetworkAccessDenied)
	default:
		m.mu.Lock()
		m.replace(record)
		m.mu.Unlock()
	}
	if len(lost) > 0 && record.LastAuthorizedTime != 0 {
		c.withdraw(n, m, lost)
	}
	if record.DeletedTime != 0 {
		n.counted.Store(nil)
		c.watch.removed(memberKey{n.id, e.Node}, c.now().UnixMilli())
	}
	return nil
}

// lostCertificates are the ones of tags and capabilities that a change of a
// member takes from it: a tag with another value than before is one of them.
func lostCertificates(n *model.Network, e *model.Event) ([]certificate, error) {
	if len(e.Before) == 0 || len(e.After) == 0 {
		return nil, nil
	}
	var before, after model.Member // with the fields that differ
	if err := json.Unmarshal(e.Before, &before); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(e.After, &after); err != nil {
		return nil, err
	}
	var lost []certificate
	for _, id := range before.Capabilities {
		if !slices.Contains(after.Capabilities, id) {
			lost = append(lost, certificate{netconf.CredentialCapability, id})
		}
	}
	if slices.Equal(before.Tags, after.Tags) {
		return lost, nil
	}
	now := after.TagsOn(n)
	for _, was := range before.TagsOn(n) {
		if !slices.Contains(now, was) {
			lost = append(lost, certificate{netconf.CredentialTag, was.ID})
		}
	}
	return lost, nil
}

// bookMember keeps the address book, if it is in use, in step with a record.
func (c *Controller) bookMember(ctx context.Context, n *network, record *model.Member) error {
	addresses := record.Addresses
	if record.DeletedTime != 0 {
		addresses = nil
	}
	n.bookMu.Lock()
	inUse := n.book != nil
	n.bookMu.Unlock()
	if !inUse {
		return nil
	}
	return c.withBook(ctx, n, func(b *addressBook) { b.set(record.Node, addresses) })
}

// bridgeChanged renews the network if a member became a bridge or ceased to be
// one: every member's configuration names the bridges.
func (c *Controller) bridgeChanged(ctx context.Context, n *network, s *snapshot, record *model.Member) error {
	is := record.ActiveBridge && record.DeletedTime == 0
	if is == slices.Contains(s.bridges, record.Node) {
		return nil
	}
	return c.networkChanged(ctx, n)
}

// networkIDs lists the networks of this controller that are not deleted.
func (c *Controller) networkIDs() []zt.NetworkID {
	c.mu.RLock()
	defer c.mu.RUnlock()
	ids := make([]zt.NetworkID, 0, len(c.networks))
	for id := range c.networks {
		ids = append(ids, id)
	}
	return ids
}
