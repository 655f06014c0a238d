package central

import (
	"context"
	"crypto/sha256"
	"errors"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/internal/store"
)

const (
	// maxSessions bounds how many tokens are in memory. Only valid ones get there.
	maxSessions = 20_000
	// usesEvery is how often it is written when tokens were used.
	usesEvery = 5 * time.Second
	// lastUses bounds how long a stop waits for what was not written yet.
	lastUses = time.Second
)

// session is what a token stands for. It does not change.
type session struct {
	token    *model.Token
	user     *model.User
	operator bool
}

// sessions holds the tokens that are in use, by digest, and when they were last
// shown.
//
// Every change of tokens and users calls forget after its commit. A look-up that
// read the store before that commit carries the generation from before, and is
// not kept.
type sessions struct {
	mu         sync.RWMutex
	generation uint64
	known      map[[sha256.Size]byte]*session

	usesMu sync.Mutex
	uses   map[[sha256.Size]byte]model.TokenUse // not written yet
}

func newSessions() *sessions {
	return &sessions{known: make(map[[sha256.Size]byte]*session), uses: make(map[[sha256.Size]byte]model.TokenUse)}
}

// find returns a session, nil if it is not in memory, and the generation with
// which to keep one that is then read.
func (s *sessions) find(digest [sha256.Size]byte) (*session, uint64) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.known[digest], s.generation
}

func (s *sessions) keep(digest [sha256.Size]byte, generation uint64, found *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if generation != s.generation {
		return
	}
	if len(s.known) >= maxSessions {
		clear(s.known)
	}
	s.known[digest] = found
}

func (s *sessions) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.generation++
	clear(s.known)
}

func (s *sessions) noteUse(use model.TokenUse) {
	s.usesMu.Lock()
	defer s.usesMu.Unlock()
	s.uses[use.Hash] = use
}

// takeUses returns the uses that are not written yet, and counts them as written.
func (s *sessions) takeUses() []model.TokenUse {
	s.usesMu.Lock()
	defer s.usesMu.Unlock()
	taken := slices.Collect(maps.Values(s.uses))
	clear(s.uses)
	return taken
}

func (s *sessions) lastUse(digest [sha256.Size]byte) (model.TokenUse, bool) {
	s.usesMu.Lock()
	defer s.usesMu.Unlock()
	use, ok := s.uses[digest]
	return use, ok
}

// Authenticate finds the user that a token acts for. A token that nobody has,
// or that has expired, is an Error of kind Unauthorized. Memory and store hold
// digests of tokens only and are searched by digest, so that timing tells
// nothing about the tokens that there are. A token that is deleted, or whose
// user is, is not valid anymore when the deletion returns.
func (s *Service) Authenticate(ctx context.Context, bearer string, from netip.Addr) (Caller, error) {
	if bearer == "" {
		return Caller{}, s.signedIn(Caller{})
	}
	digest := sha256.Sum256([]byte(bearer))
	found, generation := s.sessions.find(digest)
	if found == nil {
		var err error
		if found, err = s.lookUp(ctx, digest); err != nil {
			return Caller{}, err
		}
		s.sessions.keep(digest, generation, found)
	}
	caller := Caller{User: found.user, From: from, Token: found.token, Operator: found.operator}
	if err := s.signedIn(caller); err != nil {
		return Caller{}, err
	}
	s.sessions.noteUse(model.TokenUse{Hash: digest, Time: s.Now(), From: from})
	return caller, nil
}

// lookUp reads from the store what a token stands for.
func (s *Service) lookUp(ctx context.Context, digest [sha256.Size]byte) (*session, error) {
	token, err := s.store.TokenByHash(ctx, digest)
	if errors.Is(err, store.ErrNotFound) {
		return nil, errUnknownToken()
	}
	if err != nil {
		return nil, explain("look up token", err)
	}
	user, err := s.store.User(ctx, token.UserID)
	if errors.Is(err, store.ErrNotFound) { // deleted since the token was read
		return nil, errUnknownToken()
	}
	if err != nil {
		return nil, explain("read the user of a token", err)
	}
	owner, err := s.store.Meta(ctx, ownerKey)
	if err != nil {
		return nil, explain("read who owns the server", err)
	}
	return &session{token: token, user: user, operator: user.ID == owner}, nil
}

// Local returns the caller that acts for whoever has the server's machine: the
// owner, as operator. What it does is recorded as done by the setup.
func (s *Service) Local(ctx context.Context) (Caller, error) {
	id, err := s.store.Meta(ctx, ownerKey)
	if err != nil {
		return Caller{}, explain("read who owns the server", err)
	}
	owner, err := s.store.User(ctx, id)
	if err != nil {
		return Caller{}, explain("read the owner of the server", err)
	}
	return Caller{User: owner, Operator: true, local: true}, nil
}

// Run writes when tokens were used, every few seconds and once more when ctx
// ends. What it could not write is in the log, and lost. It returns nil.
func (s *Service) Run(ctx context.Context) error {
	tick := time.NewTicker(usesEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			s.writeUses(ctx)
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastUses)
			defer cancel()
			s.writeUses(last)
			return nil
		}
	}
}

func (s *Service) writeUses(ctx context.Context) {
	uses := s.sessions.takeUses()
	if len(uses) == 0 {
		return
	}
	if err := s.store.SaveTokenUses(ctx, uses); err != nil {
		s.log.Error("cannot write when tokens were used; the times shown will be older", "error", err)
	}
}
