package api

import (
	"context"
	"net/http"
	"strconv"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/orrery-net/orrery/internal/central"
	"github.com/orrery-net/orrery/internal/gate"
	"github.com/orrery-net/orrery/zt"
)

// maxStreams is how many event streams one user may read at a time.
const maxStreams = 20

// presence says that a member came online or went offline.
type presence struct {
	Time      int64     `json:"time"`
	NetworkID networkID `json:"networkId"`
	NodeID    nodeID    `json:"nodeId"`
	Online    bool      `json:"online"`
}

// hello is the data of a stream's first event.
type hello struct {
	Position int64 `json:"position"` // the newest change that the stream does not repeat
	Time     int64 `json:"time"`
}

// reset is the data of a stream's last event.
type reset struct {
	Reason string `json:"reason"`
}

type eventsInput struct {
	LastEventID string    `header:"Last-Event-ID" pattern:"^[0-9]{1,18}$" patternDescription:"an event's id" doc:"The id of the last event that the client has. Browsers send it by themselves when they connect again."`
	Position    string    `query:"lastEventId" pattern:"^[0-9]{1,18}$" patternDescription:"an event's id" doc:"The same for clients that cannot set a header. Absent: only what happens from now on."`
	NetworkID   networkID `query:"networkId" doc:"Only events of this network and its members."`
}

// after is the position to go on from; known is false for from now on.
func (in *eventsInput) after() (position int64, known bool, err error) {
	text, location := in.LastEventID, "header.Last-Event-ID"
	if text == "" {
		text, location = in.Position, "query.lastEventId"
	}
	if text == "" {
		return 0, false, nil
	}
	if position, err = strconv.ParseInt(text, 10, 64); err != nil {
		return 0, false, invalid(location, "expected an event's id")
	}
	return position, true, nil
}

const eventsDescription = "A stream of server-sent events (WHATWG HTML, section 9.2) that lasts until the client closes it, " +
	"the token or the user ends, or the server stops; clients then connect again and go on after the last `id` that they have.\n\n" +
	"The first event is `hello`, with the position that the stream starts at. Each change that you may know of is an event with the " +
	"change's number as `id`, its kind as `event`, and a Change as `data`. `member.online` and `member.offline` have no `id`: " +
	"they are not repeated. `reset` says that changes were missed, because they are too long ago or because the client reads too " +
	"slowly, and why: read everything anew, and connect again with the `id` of `reset`, which is the last one of the stream. A " +
	"comment comes every 15 seconds. One user may read 20 streams at a time."

const eventsExample = "id: 4711\nevent: hello\ndata: {\"position\":4711,\"time\":1767225600000}\n\n" +
	"id: 4712\nevent: member.authorized\n" +
	"data: {\"seq\":4712,\"time\":1767225600123,\"kind\":\"member.authorized\",\"actor\":{\"userId\":\"9a1f4c2e-6d0b-4a53-8f7e-2b1c0d9e8f7a\"}," +
	"\"networkId\":\"8056c2e21c000001\",\"nodeId\":\"8a9d09e442\",\"before\":{\"authorized\":false},\"after\":{\"authorized\":true}}\n\n" +
	"event: member.online\n" +
	"data: {\"time\":1767225600345,\"networkId\":\"8056c2e21c000001\",\"nodeId\":\"8a9d09e442\",\"online\":true}\n\n"

func (a *api) registerEvents() {
	handle(a, huma.Operation{
		OperationID: "follow-events", Method: http.MethodGet, Path: "/events", Tags: []string{tagEvents}, Errors: []int{http.StatusNotFound},
		Summary:     "Follow what happens",
		Description: eventsDescription,
		Responses: map[string]*huma.Response{"200": {
			Description: "OK",
			Content: map[string]*huma.MediaType{eventStreamType: {
				Schema: &huma.Schema{Type: huma.TypeString}, Example: eventsExample,
			}},
		}},
	}, a.openEvents)
}

// openEvents checks what is asked for; the stream follows when huma calls Body.
func (a *api) openEvents(ctx context.Context, caller central.Caller, in *eventsInput) (*huma.StreamResponse, error) {
	after, known, err := in.after()
	if err != nil {
		return nil, err
	}
	if !known {
		after = a.service.Latest()
	}
	if in.NetworkID.NetworkID != 0 {
		if _, err := a.service.Network(ctx, caller, in.NetworkID.NetworkID); err != nil {
			return nil, err
		}
	}
	return &huma.StreamResponse{Body: func(ctx huma.Context) {
		r, w := humago.Unwrap(ctx)
		if r.Method == http.MethodHead {
			w.Header().Set("Content-Type", eventStreamType)
			return
		}
		if !a.readers.enter(caller.User.ID) {
			// Streams whose clients have vanished are noticed by then, at the earliest.
			w.Header().Set("Retry-After", strconv.Itoa(int(keepAliveEvery.Seconds())))
			a.fail(w, r, central.NewError(central.RateLimited, "you read %d event streams already; close one first", maxStreams))
			return
		}
		defer a.readers.leave(caller.User.ID)
		f := &follower{api: a, caller: caller, network: in.NetworkID.NetworkID, after: after, stream: newStream(w)}
		if err := f.run(r); err != nil {
			a.fail(w, r, err)
		}
	}}, nil
}

// follower is one reader of events.
type follower struct {
	*api
	caller  central.Caller
	network zt.NetworkID // 0: all
	after   int64
	stream  *stream
}

// run writes the stream. Its error is one to answer with, when the stream has
// not begun.
func (f *follower) run(r *http.Request) error {
	ctx, cancel := context.WithCancel(r.Context())
	var keeper sync.WaitGroup
	keeper.Go(func() {
		defer cancel()
		f.stream.keepAlive(ctx, f.stopping)
	})
	defer keeper.Wait()
	defer cancel()
	err := f.service.Follow(ctx, f.caller, f.after, f.write)
	if ctx.Err() != nil {
		if !f.stream.begun() {
			// Browsers connect again after a stream only, not after an empty answer.
			_ = f.stream.write(nil)
		}
		return nil
	}
	if isKind(err, central.Conflict) {
		_, _, reason := gate.Classify(err)
		f.reset(reason)
	}
	if f.stream.begun() {
		return nil
	}
	return err
}

// write sends one thing that happened.
func (f *follower) write(u central.Update) error {
	switch {
	case u.Event != nil:
		if f.network != 0 && u.Event.Network != f.network {
			return nil
		}
		return send(f.stream, u.Event.Seq, string(u.Event.Kind), changeOf(u.Event))
	case u.Online != nil:
		if f.network != 0 && u.Online.Network != f.network {
			return nil
		}
		kind := "member.offline"
		if u.Online.Online {
			kind = "member.online"
		}
		return send(f.stream, 0, kind, presence{u.Online.Time, networkID{u.Online.Network}, nodeID{u.Online.Node}, u.Online.Online})
	}
	return send(f.stream, f.after, "hello", hello{f.after, f.service.Now()})
}

// reset tells the client to read everything anew. The position that comes with
// it is from before the client can do so: nothing is missed.
func (f *follower) reset(reason string) {
	_ = send(f.stream, f.service.Latest(), "reset", reset{reason}) // nothing follows
}

// readers counts what each user has under way that lasts: answers that are read,
// mostly. It is safe for concurrent use.
type readers struct {
	most int

	mu     sync.Mutex
	ofUser map[string]int // guarded by mu
}

func newReaders(most int) *readers { return &readers{most: most, ofUser: make(map[string]int)} }

// enter reports whether the user may read one more; if so, leave must
// follow.
func (r *readers) enter(user string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ofUser[user] >= r.most {
		return false
	}
	r.ofUser[user]++
	return true
}

func (r *readers) leave(user string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ofUser[user]--; r.ofUser[user] == 0 {
		delete(r.ofUser, user)
	}
}
