package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
)

// follower reads the events of an Orrery server.
type follower struct {
	*watcher
	position string // id of the last change that was dealt with, or that the stream began after
}

// follow reads events until the stream breaks. A change that was not dealt with
// comes again in the next stream. Who comes and goes does not: what that would
// have told is found by comparing.
func (f *follower) follow(ctx context.Context) error {
	q := request{
		doing: f.doing, method: http.MethodGet, url: f.native() + "/events", repeatable: true,
		stream: true, accept: "text/event-stream", lastEventID: f.position,
	}
	if f.network != "" {
		q.url += "?" + url.Values{"networkId": {f.network}}.Encode()
	}
	a, err := f.send(ctx, q)
	if err != nil {
		return err
	}
	defer a.body.Close()
	if media, _, _ := mime.ParseMediaType(a.header.Get("Content-Type")); media != "text/event-stream" {
		begin, _ := io.ReadAll(io.LimitReader(a.body, 512))
		return f.strange(q, a.header, begin)
	}
	events := newEventReader(a.body)
	for began := false; ; began = true {
		e, err := events.next()
		switch {
		case errors.Is(err, errLongEvent):
			return &failure{doing: f.doing, what: "the server sent an event that is too long"}
		case err != nil:
			return f.unanswered(q, err)
		case e.kind == "reset" && began:
			// The next stream goes on from here, and tells what happened meanwhile.
			return &failure{doing: f.doing, what: "the server ended the stream"}
		case e.kind == "reset":
			return fmt.Errorf("%s: changes were missed, which the server does not keep anymore; begin anew", f.doing)
		}
		if err := f.deal(ctx, e); err != nil {
			return err
		}
		if e.id != "" {
			f.position = e.id
		}
	}
}

// deal tells what an event means for those who watch.
func (f *follower) deal(ctx context.Context, e event) error {
	if e.kind == "hello" {
		return f.meet(ctx)
	}
	happened, err := as[struct {
		Time              int64
		NetworkID, NodeID string
	}]([]byte(e.data))
	switch {
	case err != nil:
		return &failure{doing: f.doing, what: "the server sent an event that cannot be understood"}
	case e.kind == "network.deleted" && f.network != "":
		return &Error{Status: http.StatusNotFound, Doing: f.doing, Message: "the network was deleted"}
	case happened.NodeID == "" || happened.NetworkID == "":
		return nil
	}
	c := &Coming{Time: happened.Time, Network: happened.NetworkID, Node: happened.NodeID, Kind: e.kind}
	key := memberKey{c.Network, c.Node}
	switch e.kind {
	case "member.online", "member.offline":
		if online := e.kind == "member.online"; online == f.seen[key].online {
			return nil // it was told already
		}
		c.Kind = strings.TrimPrefix(e.kind, "member.")
	case kindDeleted:
		delete(f.seen, key)
		return f.tell(c)
	}
	c.Member, err = f.Member(ctx, c.Network, c.Node)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	if len(f.seen) < maxWatched {
		f.seen[key] = standing{online: c.Kind == kindOnline || c.Kind != kindOffline && f.seen[key].online}
	}
	return f.tell(c)
}

// meet finds out who is online when a stream begins. The stream is read only
// afterwards, and holds what happens meanwhile.
func (f *follower) meet(ctx context.Context) error {
	now, changes, err := f.look(ctx, roster.presence)
	if err != nil {
		return err
	}
	f.seen, f.begun = now, true
	for i := range changes {
		if err := f.tell(&changes[i]); err != nil {
			return err
		}
	}
	return nil
}
