package member_test

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/identity"
	"github.com/orrery-net/orrery/zt/member"
	"github.com/orrery-net/orrery/zt/netconf"
	"github.com/orrery-net/orrery/zt/packet"
	"github.com/orrery-net/orrery/zt/vl1"
	"github.com/orrery-net/orrery/zt/vl1/vl1test"
	"github.com/orrery-net/orrery/zt/world"
)

// Ready-made valid identities, one secret text form a line: the controller, the
// node and two others.
//
//go:embed testdata/identities.txt
var identityTexts string

func ident(t *testing.T, n int) *identity.Identity {
	t.Helper()
	id, err := identity.ParseText(strings.Fields(identityTexts)[n])
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// controller is an endpoint that answers as a test tells it to.
type controller struct {
	*vl1.Endpoint
	t  *testing.T
	id *identity.Identity

	mu       sync.Mutex
	requests []netconf.Request
	receipts [][]byte
	answer   func(in *vl1.Inbound)
}

func (c *controller) Receive(in *vl1.Inbound) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch in.Verb {
	case packet.VerbNetworkConfigRequest:
		q, err := netconf.ParseRequest(in.Payload)
		if err != nil {
			c.t.Errorf("a request that cannot be read: %v", err)
			return
		}
		q.Metadata = bytes.Clone(q.Metadata)
		c.requests = append(c.requests, q)
		if c.answer != nil {
			c.answer(in)
		}
	case packet.VerbOK:
		if in.InRe == packet.VerbEcho {
			c.receipts = append(c.receipts, bytes.Clone(in.Payload))
		}
	}
}

func (c *controller) asked() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.requests)
}

func (c *controller) confirmed() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.receipts)
}

const network = zt.NetworkID(1)

// setUp starts a controller and a node that has joined one of its networks. The
// node asks by itself unless it is manual.
func setUp(t *testing.T, manual bool, answer func(*controller, *vl1.Inbound)) (*controller, *member.Host, *member.Membership) {
	t.Helper()
	c := &controller{t: t, id: ident(t, 0)}
	if answer != nil {
		c.answer = func(in *vl1.Inbound) { answer(c, in) }
	}
	key, err := identity.ParseSigningKey([64]byte{1: 1, 40: 2})
	if err != nil {
		t.Fatal(err)
	}
	planet := &world.World{
		Kind: world.Planet, ID: 1, Timestamp: 1, NextKey: key.Public(),
		Roots: []world.Root{{Identity: c.id.Public(), Endpoints: []netip.AddrPort{netip.MustParseAddrPort("10.0.0.1:9993")}}},
	}
	planet.Sign(key)
	lines := new(vl1test.Network)
	run := func(f func(context.Context) error) {
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- f(ctx) }()
		t.Cleanup(func() {
			cancel()
			if err := <-done; err != nil {
				t.Errorf("Run: %v", err)
			}
		})
	}
	if c.Endpoint, err = vl1.New(vl1.Config{
		Identities: []*identity.Identity{c.id}, Conn: lines.Listen("10.0.0.1:9993"), Planet: planet, Handler: c,
		Lookup: func(zt.Address) *identity.Identity { return ident(t, 1).Public() },
	}); err != nil {
		t.Fatal(err)
	}
	run(c.Run)
	h, err := member.New(member.Config{
		Nodes: []*identity.Identity{ident(t, 1)}, Conn: lines.Listen("10.0.0.2:9993"), Planet: planet, Manual: manual,
	})
	if err != nil {
		t.Fatal(err)
	}
	run(h.Run)
	synctest.Wait()
	m := h.Node(ident(t, 1).Address()).Join(on(c))
	pass(10 * time.Millisecond)
	return c, h, m
}

func on(c *controller) zt.NetworkID { return zt.NewNetworkID(c.id.Address(), uint32(network)) }

func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// config is a configuration for the node, issued now.
func (c *controller) config(change ...func(*netconf.Config)) []byte {
	made := &netconf.Config{
		Network: on(c), Timestamp: time.Now().UnixMilli(), MaxDelta: 1, Revision: 4, Member: ident(c.t, 1).Address(), Name: "home",
		Addresses: []netip.Prefix{netip.MustParsePrefix("10.9.0.1/24")}, Rules: netconf.AcceptAll(),
	}
	for _, f := range change {
		f(made)
	}
	return made.Append(nil)
}

// push sends a configuration unasked, signed by somebody.
func (c *controller) push(dictionary []byte, update uint64, signer *identity.Identity) {
	c.t.Helper()
	chunk := netconf.AppendChunk(nil, on(c), dictionary, 0, len(dictionary), update, signer)
	if _, err := c.Send(c.id.Address(), ident(c.t, 1).Address(), packet.VerbNetworkConfig, chunk); err != nil {
		c.t.Fatal(err)
	}
	pass(time.Millisecond)
}

func answerWithConfig(c *controller, in *vl1.Inbound) {
	d := c.config()
	chunk := netconf.AppendChunk(nil, on(c), d, 0, len(d), uint64(len(c.requests)), c.id)
	if err := c.SendOK(c.id.Address(), in.Peer.Address(), packet.VerbNetworkConfigRequest, in.PacketID, chunk); err != nil {
		c.t.Error(err)
	}
}

func TestAnswersAreTakenAndPushesConfirmed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _, m := setUp(t, true, answerWithConfig)
		s := m.State()
		if s.Status != member.OK || s.Config.Name != "home" || len(s.Addresses()) != 1 || s.Configs != 1 {
			t.Fatalf("state %+v", s)
		}
		if c.confirmed() != 0 {
			t.Error("an answer was confirmed as if it were a push")
		}
		c.push(c.config(func(n *netconf.Config) { n.Name = "pushed" }), 0x1122334455667788, c.id)
		if s := m.State(); s.Config.Name != "pushed" || s.Configs != 2 {
			t.Errorf("state %+v after a push", s)
		}
		want := append(on(c).Append(nil), 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88)
		if c.confirmed() != 1 || !bytes.Equal(c.receipts[0], want) {
			t.Errorf("receipts %x, want %x", c.receipts, want)
		}
		m.Request()
		pass(time.Millisecond)
		if q := c.requests[len(c.requests)-1]; q.Revision != 4 || q.Timestamp == 0 || netconf.ParseMetadata(q.Metadata).RulesEngine != 1 {
			t.Errorf("the next request says %+v", q)
		}
	})
}

func TestForgedConfigurationsAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _, m := setUp(t, true, nil)
		c.push(c.config(), 2, ident(t, 2))
		c.push(c.config(func(n *netconf.Config) { n.Member = ident(t, 2).Address() }), 3, c.id)
		c.push(c.config(func(n *netconf.Config) { n.Network++ }), 4, c.id)
		if s := m.State(); s.Status != member.Requesting || s.Config != nil || c.confirmed() != 0 {
			t.Errorf("state %+v, %d confirmed", s, c.confirmed())
		}
		c.push(c.config(), 5, c.id)
		if m.State().Status != member.OK || c.confirmed() != 1 {
			t.Error("the true one was refused too")
		}
	})
}

func TestErrorsChangeTheStatusOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, h, m := setUp(t, true, answerWithConfig)
		for _, one := range []struct {
			code packet.ErrorCode
			want member.Status
		}{
			{packet.ErrorNetworkAccessDenied, member.AccessDenied},
			{packet.ErrorObjectNotFound, member.NotFound},
			{packet.ErrorNetworkAccessDenied, member.AccessDenied},
			{packet.ErrorUnsupportedOperation, member.NotFound},
		} {
			err := c.SendError(c.id.Address(), ident(t, 1).Address(), packet.VerbNetworkConfigRequest, 0, one.code, on(c).Append(nil))
			if err != nil {
				t.Fatal(err)
			}
			pass(time.Millisecond)
			if s := m.State(); s.Status != one.want || s.Config == nil || len(s.Addresses()) != 1 {
				t.Errorf("after %v: %+v", one.code, s)
			}
		}
		h.Node(ident(t, 1).Address()).Leave(on(c))
		c.push(c.config(), 9, c.id)
		if m.State().Status != member.NotFound || c.confirmed() != 0 {
			t.Error("a network that was left is still heard")
		}
	})
}

func TestRevocationsAreTakenOncePerSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _, m := setUp(t, true, answerWithConfig)
		revoke := func(target zt.Address, threshold int64, signer *identity.Identity) {
			t.Helper()
			r := &netconf.Revocation{Network: on(c), Threshold: threshold, Target: target, Type: netconf.CredentialCOM}
			r.Sign(signer)
			given := netconf.Credentials{Revocations: []*netconf.Revocation{r}}
			if _, err := c.Send(c.id.Address(), ident(t, 1).Address(), packet.VerbNetworkCredentials, given.Append(nil)); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		revoke(5, 100, c.id)
		if got := m.Revoked(5); got != 100 {
			t.Fatalf("threshold %d, want 100", got)
		}
		pass(999 * time.Millisecond)
		revoke(6, 100, c.id)
		if m.Revoked(6) != 0 {
			t.Error("taken after 999 ms")
		}
		pass(time.Millisecond)
		revoke(6, 100, c.id)
		if m.Revoked(6) != 100 {
			t.Error("not taken after 1000 ms")
		}
		pass(time.Second)
		revoke(5, 99, c.id)
		if got := m.Revoked(5); got != 100 {
			t.Errorf("a threshold went back to %d", got)
		}
		pass(time.Second)
		revoke(7, 100, ident(t, 2))
		if m.Revoked(7) != 0 {
			t.Error("a revocation of somebody else was taken")
		}
	})
}

func TestNodesAskWhenProtocolSays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answered := true
		c, _, m := setUp(t, false, func(c *controller, in *vl1.Inbound) {
			if answered {
				answerWithConfig(c, in)
			}
		})
		if m.State().Status != member.OK {
			t.Fatal("not joined")
		}
		before := c.asked()
		pass(50 * time.Second)
		if got := c.asked() - before; got != 0 {
			t.Errorf("asked %d times within 50 s of a configuration", got)
		}
		pass(15 * time.Second)
		if got := c.asked() - before; got != 1 {
			t.Errorf("asked %d times within 65 s, want once", got)
		}
		c.mu.Lock()
		answered = false
		c.mu.Unlock()
		_ = c.SendError(c.id.Address(), ident(t, 1).Address(), packet.VerbNetworkConfigRequest, 0, packet.ErrorNetworkAccessDenied, on(c).Append(nil))
		before = c.asked()
		pass(20 * time.Second)
		if got := c.asked() - before; got != 4 {
			t.Errorf("a refused node asked %d times in 20 s, want 4", got)
		}
	})
}

func TestWaitGivesUpWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, m := setUp(t, true, nil)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := m.Wait(ctx, func(s member.State) bool { return s.Status == member.OK }); !errors.Is(err, member.ErrGaveUp) {
			t.Errorf("returned %v", err)
		}
		if s, err := m.Wait(ctx, func(s member.State) bool { return s.Status == member.Requesting }); err != nil || s.Status != member.Requesting {
			t.Errorf("what holds already: %+v, %v", s, err)
		}
	})
}
