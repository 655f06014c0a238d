package gate

import (
	"context"
	"hash/maphash"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"

	"github.com/orrery-net/orrery/internal/central"
)

// sender finds out who sent a request and counts it: for the user whose token it
// shows, otherwise for the address that it comes from. Who has sent too many
// without a valid token is refused before a token is looked up, unless it is one
// that was valid lately: guessing then costs the database nothing, and slows
// nobody who shares the guesser's address. failed is why there is no user in
// caller; refused is set when the request must not go on.
func (g *Gate) sender(r *http.Request, header http.Header) (caller central.Caller, failed, refused error) {
	now, from := g.now(), remoteAddr(r.RemoteAddr)
	at, token := block(from), bearerToken(r.Header.Get("Authorization"))
	known := g.valid.has(token)
	if !known {
		if left, ok := g.addresses.look(at, now); !ok {
			left.tell(header)
			return central.Caller{From: from}, errUnknown, left.refuse(header)
		}
	}
	caller, failed = g.service.Authenticate(r.Context(), token, from)
	var left allowance
	ok := false
	if failed == nil {
		if !known {
			g.valid.add(token)
		}
		left, ok = g.users.take(caller.User.ID, now)
	} else {
		if status, _, _ := Classify(failed); status == http.StatusUnauthorized {
			g.valid.remove(token)
		}
		caller = central.Caller{From: from}
		left, ok = g.addresses.take(at, now)
	}
	left.tell(header)
	if !ok {
		return caller, failed, left.refuse(header)
	}
	return caller, failed, nil
}

// bearerToken reads an Authorization header. Central's clients write token,
// Token, bearer and Bearer, and some write no scheme at all.
func bearerToken(header string) string {
	header = strings.TrimSpace(header)
	scheme, token, found := strings.Cut(header, " ")
	switch {
	case !found:
		return header
	case strings.EqualFold(scheme, "token"), strings.EqualFold(scheme, "bearer"):
		return strings.TrimSpace(token)
	}
	return ""
}

func remoteAddr(text string) netip.Addr {
	at, err := netip.ParseAddrPort(text)
	if err != nil {
		return netip.Addr{}
	}
	return at.Addr().Unmap()
}

// tokenSet remembers tokens that were valid when they were last shown. It is a
// fixed table in which a newer entry displaces an older one with the same slot;
// that one then has to pass as an unknown token does. It opens nothing.
type tokenSet struct {
	seed  maphash.Seed
	slots [1 << 16]atomic.Uint64 // the hash of a token; 0: empty
}

func (s *tokenSet) slot(token string) (*atomic.Uint64, uint64) {
	hash := maphash.String(s.seed, token) | 1
	return &s.slots[hash>>1%uint64(len(s.slots))], hash
}

func (s *tokenSet) has(token string) bool {
	slot, hash := s.slot(token)
	return slot.Load() == hash
}

func (s *tokenSet) add(token string) {
	slot, hash := s.slot(token)
	slot.Store(hash)
}

func (s *tokenSet) remove(token string) {
	slot, hash := s.slot(token)
	slot.CompareAndSwap(hash, 0)
}

// passage is what the gate found out about a request.
type passage struct {
	id     string
	caller central.Caller
	failed error // why the caller has no user
}

type passageKey struct{}

func passageOf(ctx context.Context) *passage {
	p, _ := ctx.Value(passageKey{}).(*passage)
	return p
}

// Caller returns who sent a request that passed the gate. The error is of kind
// Unauthorized if no valid token was shown, and Internal if that could not be
// found out; the caller then has no User but From.
func Caller(ctx context.Context) (central.Caller, error) {
	p := passageOf(ctx)
	if p == nil {
		return central.Caller{}, errUnknown
	}
	return p.caller, p.failed
}

// RequestID returns the id of a request that passed the gate, "" for others.
func RequestID(ctx context.Context) string {
	if p := passageOf(ctx); p != nil {
		return p.id
	}
	return ""
}
