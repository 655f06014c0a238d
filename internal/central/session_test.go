package central

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/orrery-net/orrery/internal/model"
)

// TestALookupDuringARevocation has a token looked up before and kept after it
// was ended, the one order that must not bring it back.
func TestALookupDuringARevocation(t *testing.T) {
	h := newHouse(t, nobody{})
	ctx := context.Background()
	_, secret, err := h.CreateToken(ctx, h.owner, h.owner.User.ID, TokenRequest{Name: "t"})
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256Of(secret)
	_, generation := h.sessions.find(digest)
	found, err := h.lookUp(ctx, digest)
	if err != nil {
		t.Fatal(err)
	}
	want(t, "end the token", h.DeleteToken(ctx, h.owner, h.owner.User.ID, "t"), Internal)
	h.sessions.keep(digest, generation, found)
	_, err = h.Authenticate(ctx, secret, netip.Addr{})
	want(t, "use the token", err, Unauthorized)
}

// TestRevocationUnderLoad ends tokens while many use them: after the end no use
// may succeed.
func TestRevocationUnderLoad(t *testing.T) {
	h := newHouse(t, nobody{})
	ctx := context.Background()
	for round := range 20 {
		name := fmt.Sprint(round)
		_, secret, err := h.CreateToken(ctx, h.owner, h.owner.User.ID, TokenRequest{Name: name})
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		var users sync.WaitGroup
		for range 4 {
			users.Go(func() {
				for {
					select {
					case <-done:
						return
					default:
						h.Authenticate(ctx, secret, netip.Addr{})
						h.sessions.forget() // so that it is looked up again and again
					}
				}
			})
		}
		want(t, "end the token", h.DeleteToken(ctx, h.owner, h.owner.User.ID, name), Internal)
		for range 50 {
			if _, err := h.Authenticate(ctx, secret, netip.Addr{}); kindOf(err) != Unauthorized {
				t.Fatalf("round %d: %v", round, err)
			}
		}
		close(done)
		users.Wait()
	}
}

func TestSessionsKnowWhatChanged(t *testing.T) {
	h := newHouse(t, nobody{})
	ctx := context.Background()
	_, secret, err := h.CreateUser(ctx, h.owner, "ann@example.com", "", false)
	if err != nil {
		t.Fatal(err)
	}
	ann := h.caller(t, secret)
	if ann.Operator || ann.User.OrgID != "" || !h.owner.Operator {
		t.Errorf("ann is %+v", ann)
	}
	if _, err := h.AcceptInvitation(ctx, ann, h.invite(t, h.owner, ann.User.Email).ID); err != nil {
		t.Fatal(err)
	}
	if now := h.caller(t, secret); now.User.OrgID != h.owner.User.OrgID {
		t.Errorf("after joining ann is %+v", now.User)
	}
}

func TestUsesAreWrittenInTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, nobody{})
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error)
		go func() { ended <- h.Run(ctx) }()
		stored := func() model.TokenUse {
			uses, err := h.store.TokenUses(context.Background(), h.owner.User.ID)
			if err != nil {
				t.Fatal(err)
			}
			return uses[h.owner.Token.Hash]
		}
		from := netip.MustParseAddr("2001:db8::1")
		use := func() {
			t.Helper()
			h.clock.Add(1)
			if _, err := h.Authenticate(context.Background(), h.token, from); err != nil {
				t.Fatal(err)
			}
		}
		use()
		if got := stored(); got.Time != 0 {
			t.Errorf("written at once: %+v", got)
		}
		time.Sleep(usesEvery + time.Millisecond)
		synctest.Wait()
		if got := stored(); got.Time != testNow+1 || got.From != from {
			t.Errorf("after a while: %+v", got)
		}
		use()
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if got := stored(); got.Time != testNow+2 {
			t.Errorf("after the end: %+v", got)
		}
	})
}

func TestMemoryForSessionsIsBounded(t *testing.T) {
	s := newSessions()
	for i := range maxSessions + 10 {
		s.keep([32]byte{byte(i), byte(i >> 8), byte(i >> 16)}, 0, &session{})
	}
	if len(s.known) > maxSessions {
		t.Errorf("%d sessions", len(s.known))
	}
}
