package central

import (
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"
	"net/netip"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/internal/store"
	"github.com/orrery-net/orrery/zt"
)

const (
	testController = zt.Address(0xa1b2c3d4e5)
	testNode       = zt.Address(0x66a5132aaf)
	testNow        = int64(1_700_000_000_000)
)

// house is a service over a store of its own, with the server's owner.
type house struct {
	*Service
	store *store.Store
	owner Caller
	token string
	clock *atomic.Int64 // ms
}

func newHouse(t testing.TB, presence Presence) house {
	t.Helper()
	ctx := context.Background()
	db, err := store.Open(ctx, store.Options{Path: filepath.Join(t.TempDir(), "orrery.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	clock := new(atomic.Int64)
	clock.Store(testNow)
	s := New(Options{
		Store: db, Presence: presence, Controller: testController, Logger: slog.New(slog.DiscardHandler),
		Now: func() time.Time { return time.UnixMilli(clock.Load()) },
	})
	token, made, err := s.EnsureOwner(ctx, "")
	if err != nil || !made {
		t.Fatalf("made %v, %v", made, err)
	}
	owner, err := s.Authenticate(ctx, token, netip.Addr{})
	if err != nil {
		t.Fatal(err)
	}
	return house{s, db, owner, token, clock}
}

func (h house) newNetwork(t testing.TB) zt.NetworkID {
	t.Helper()
	return h.newNetworkOf(t, h.owner)
}

func (h house) newNetworkOf(t testing.TB, caller Caller) zt.NetworkID {
	t.Helper()
	n, err := h.CreateNetwork(context.Background(), caller, func(*model.Network) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	return n.ID
}

// nobody is a presence of which nobody is part.
type nobody struct{}

func (nobody) Seen(zt.NetworkID, zt.Address) (model.Seen, bool) { return model.Seen{}, false }
func (nobody) Online(zt.NetworkID, zt.Address) bool             { return false }
func (nobody) OnlineCount(zt.NetworkID) int                     { return 0 }
func (nobody) Watch(int) (<-chan model.OnlineChange, func())    { return nil, func() {} }

// remembered is a presence that holds one observation for every member.
type remembered struct {
	nobody
	seen model.Seen
}

func (r remembered) Seen(zt.NetworkID, zt.Address) (model.Seen, bool) { return r.seen, true }
func (r remembered) Online(zt.NetworkID, zt.Address) bool             { return true }

func kindOf(err error) Kind {
	var known *Error
	if !errors.As(err, &known) {
		return Internal
	}
	return known.Kind
}

// newUser makes a user, who is in the owner's organization if join, and returns
// the user as a caller.
func (h house) newUser(t testing.TB, email string, join bool) Caller {
	t.Helper()
	_, secret, err := h.CreateUser(context.Background(), h.owner, email, "", join)
	if err != nil {
		t.Fatal(err)
	}
	return h.caller(t, secret)
}

func (h house) caller(t testing.TB, secret string) Caller {
	t.Helper()
	caller, err := h.Authenticate(context.Background(), secret, netip.MustParseAddr("198.51.100.7"))
	if err != nil {
		t.Fatal(err)
	}
	return caller
}

// withToken returns a user as a caller with a token of another kind.
func (h house) withToken(t testing.TB, user Caller, token model.Token) Caller {
	t.Helper()
	secret := NewToken()
	token.Hash, token.UserID, token.Name = sha256Of(secret), user.User.ID, "t"+secret
	if err := h.store.Update(context.Background(), func(tx *store.Tx) error { return tx.PutToken(&token) }); err != nil {
		t.Fatal(err)
	}
	return h.caller(t, secret)
}

// grant gives a user rights, named by their letters, to a network.
func (h house) grant(t testing.TB, id zt.NetworkID, user Caller, letters string) {
	t.Helper()
	_, err := h.SetRights(context.Background(), h.owner, id, user.User.ID, func(r *model.Rights) error {
		*r = rightsOf(letters)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func rightsOf(letters string) model.Rights {
	has := func(letter string) bool { return strings.Contains(letters, letter) }
	return model.Rights{Read: has("r"), Authorize: has("a"), Modify: has("m"), Delete: has("d")}
}

// foreignWrite stores a member as the controller does: past the service.
func (h house) foreignWrite(t testing.TB, members ...*model.Member) {
	t.Helper()
	err := h.store.Update(context.Background(), func(tx *store.Tx) error {
		for _, m := range members {
			if err := tx.PutMember(m); err != nil {
				return err
			}
			e := model.Event{Time: m.CreationTime, Kind: model.MemberUpdated, Actor: model.ActorController, Network: m.Network, Node: m.Node}
			if err := tx.AppendEvent(&e); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// eventsSince returns the events after a Seq.
func (h house) eventsSince(t testing.TB, seq int64) []model.Event {
	t.Helper()
	events, err := h.store.Events(context.Background(), seq, 10_000)
	if err != nil {
		t.Fatal(err)
	}
	return events
}

// want fails the test unless an error is of a kind; Internal stands for none.
func want(t testing.TB, what string, err error, kind Kind) {
	t.Helper()
	if err == nil && kind == Internal {
		return
	}
	if err == nil || kindOf(err) != kind || kind == Internal {
		t.Errorf("%s: %v, want %s", what, err, kind)
	}
}

func sha256Of(secret string) [sha256.Size]byte { return sha256.Sum256([]byte(secret)) }
