package central

import (
	"context"
	"runtime"
	"sync"
)

// maxJobs is how many computations of one user run or wait at a time.
const maxJobs = 4

// workshop is where rules are compiled and traced, which can take the processor
// for a while: few computations run at a time, the others wait their turn, and no
// user's fill the line. It is safe for concurrent use.
type workshop struct {
	places chan struct{} // holds something for each computation that runs

	mu     sync.Mutex
	ofUser map[string]int // computations that run or wait; guarded by mu
}

func newWorkshop() *workshop {
	return &workshop{places: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2)), ofUser: make(map[string]int)}
}

// enter waits for a place. leave gives it back. RateLimited: the user has too many
// computations already.
func (w *workshop) enter(ctx context.Context, user string) (leave func(), err error) {
	if !w.admit(user) {
		return nil, NewError(RateLimited, "you have %d computations under way already; let one end first", maxJobs)
	}
	select {
	case w.places <- struct{}{}:
		return func() {
			<-w.places
			w.dismiss(user)
		}, nil
	case <-ctx.Done():
		w.dismiss(user)
		return nil, explain("wait for a place to compute", ctx.Err())
	}
}

func (w *workshop) admit(user string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ofUser[user] >= maxJobs {
		return false
	}
	w.ofUser[user]++
	return true
}

func (w *workshop) dismiss(user string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ofUser[user]--; w.ofUser[user] == 0 {
		delete(w.ofUser, user)
	}
}
