package vl1_test

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/orrery-net/orrery/zt/identity"
	"github.com/orrery-net/orrery/zt/packet"
	"github.com/orrery-net/orrery/zt/vl1"
	"github.com/orrery-net/orrery/zt/world"
)

// channelHandler passes USER_MESSAGEs on.
type channelHandler chan string

func (h channelHandler) Receive(in *vl1.Inbound) {
	if in.Verb == packet.VerbUserMessage {
		h <- string(in.Payload)
	}
}

// A root and two leaves on real sockets of the loopback interface.
func TestLoopback(t *testing.T) {
	run := func(conn vl1.Conn, id *identity.Identity, w *world.World, h vl1.Handler) *vl1.Endpoint {
		e, err := vl1.New(vl1.Config{Identities: []*identity.Identity{id}, Conn: conn, Planet: w, Handler: h, AllowLoopback: true})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- e.Run(ctx) }()
		t.Cleanup(func() {
			cancel()
			if err := <-done; err != nil {
				t.Errorf("Run: %v", err)
			}
		})
		return e
	}
	conn := listenUDP(t, ":0")
	at := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), conn.LocalAddr().Port())
	w := planet(t, 1000, root(ident(t, 0), at.String()))
	run(conn, ident(t, 0), w, nil)
	got := make(channelHandler, 16)
	a := run(listenUDP(t, "127.0.0.1:0"), ident(t, 1), w, nil)
	run(listenUDP(t, ":0"), ident(t, 2), w, got)

	// Both have to be known to the root first; until then packets are lost.
	deadline := time.After(30 * time.Second)
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for {
		if _, err := a.Send(address(t, 1), address(t, 2), packet.VerbUserMessage, []byte("hello")); err != nil {
			t.Fatal(err)
		}
		select {
		case text := <-got:
			if s, _ := a.PeerStatus(address(t, 1), address(t, 2)); text == "hello" && s.Direct && s.Endpoint.Addr().IsLoopback() {
				return
			}
		case <-deadline:
			t.Fatalf("nothing arrived directly; %+v", a.Stats())
		}
		select {
		case <-again.C:
		case <-deadline:
		}
	}
}
