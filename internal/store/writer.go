package store

import (
	"context"
	"errors"
	"fmt"
)

const (
	// maxBatch bounds how many updates share a commit, and with it how long the
	// first of them waits for the others.
	maxBatch = 128
	// maxWaiting is how many updates wait in the queue; further callers wait to
	// get into it.
	maxWaiting = 1024
)

var (
	errPanicked = errors.New("the update did not return")
	errTxOver   = errors.New("the transaction is over")
)

// writer is the one connection that changes records. Its goroutine takes all
// updates that wait, opens a transaction, gives each update its turn inside a
// savepoint of its own, commits once for all and only then answers. While it
// waits for the disk the next updates gather: the busier it is, the more of
// them share a sync.
//
// An update's function runs on its caller's goroutine, which keeps panics and
// their stacks where they belong; the writer's goroutine waits meanwhile.
type writer struct {
	store      *Store
	statements *statements
	queue      chan *update
	closing    chan struct{}
	stopped    chan struct{}
	damage     error // after a failed sync: what else is not on disk is unknown
}

// update is a caller waiting for its turn, then for the commit.
type update struct {
	cancelled <-chan struct{}
	turn      chan *Tx
	returned  chan error
	result    chan error
}

func startWriter(s *Store) *writer {
	w := &writer{
		store: s, statements: s.write, queue: make(chan *update, maxWaiting),
		closing: make(chan struct{}), stopped: make(chan struct{}),
	}
	go w.run()
	return w
}

// stop ends the writer's goroutine after the updates that wait.
func (w *writer) stop() {
	close(w.closing)
	<-w.stopped
}

// Update runs fn in a transaction and returns after its commit: if it returns
// nil, the changes survive a crash of the process and of the computer. If fn
// returns an error or panics, nothing of it is stored and the error is returned
// as it is, or the panic goes on. Other errors mean that nothing was stored.
//
// Updates run one after the other, each seeing what those before it did. Others
// wait for fn: it must be quick, must not block, must not call Update, and must
// not keep tx. A ctx that ends before fn's turn gives ctx.Err() and fn does not
// run; later it has no effect.
func (s *Store) Update(ctx context.Context, fn func(tx *Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	u := &update{
		cancelled: ctx.Done(),
		turn:      make(chan *Tx),
		returned:  make(chan error),
		result:    make(chan error, 1),
	}
	select {
	case s.writer.queue <- u:
	case <-ctx.Done():
		return ctx.Err()
	case <-s.writer.closing:
		return ErrClosed
	}
	select {
	case tx := <-u.turn:
		u.run(tx, fn)
		return <-u.result
	case err := <-u.result: // the transaction could not even begin
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-s.writer.stopped:
		return ErrClosed
	}
}

// run hands the turn back also when fn panics or ends the goroutine.
func (u *update) run(tx *Tx, fn func(tx *Tx) error) {
	err := errPanicked
	defer func() { u.returned <- err }()
	err = fn(tx)
}

func (w *writer) run() {
	defer close(w.stopped)
	for {
		select {
		case first := <-w.queue:
			w.process(w.gather(first))
		case <-w.closing:
			select {
			case first := <-w.queue:
				w.process(w.gather(first))
			default:
				return
			}
		}
	}
}

func (w *writer) gather(first *update) []*update {
	batch := []*update{first}
	for len(batch) < maxBatch {
		select {
		case next := <-w.queue:
			batch = append(batch, next)
		default:
			return batch
		}
	}
	return batch
}

// process runs a batch and answers each of its updates.
func (w *writer) process(batch []*update) {
	outcomes := make([]error, len(batch))
	lastEvent, err := w.transact(batch, outcomes)
	if err != nil {
		err = w.store.explain(fmt.Errorf("write to the database: %w", err))
	}
	if err == nil && lastEvent != 0 {
		w.store.committed.Store(lastEvent)
		w.store.wake()
	}
	for i, u := range batch {
		if err != nil {
			u.result <- err
		} else {
			u.result <- outcomes[i]
		}
	}
}

// transact runs a batch in one transaction. It fills in the outcome of each
// update and returns the Seq of the last event of those that succeeded, 0 if
// they appended none. An error means that nothing of the whole batch was stored.
func (w *writer) transact(batch []*update, outcomes []error) (lastEvent int64, err error) {
	if w.damage != nil {
		return 0, fmt.Errorf("an earlier write failed, restart Orrery to go on: %w", w.damage)
	}
	w.store.writing.Lock()
	defer w.store.writing.Unlock()
	if err := w.exec("BEGIN IMMEDIATE"); err != nil {
		return 0, err
	}
	end := "ROLLBACK"
	for i, u := range batch {
		tx := &Tx{on: w.statements}
		if outcomes[i], err = w.giveTurn(u, tx); err != nil {
			break
		}
		if outcomes[i] == nil {
			end = "COMMIT"
			lastEvent = max(lastEvent, tx.lastEvent)
		}
	}
	if err == nil {
		err = w.exec(end)
	}
	if err != nil {
		if isInputOutput(err) {
			w.damage = err
		}
		// Some errors have rolled back already, and this one then says so.
		_ = w.exec("ROLLBACK")
		return 0, err
	}
	return lastEvent, nil
}

// giveTurn lets one update run. The outcome is the update's own; an error means
// that the transaction of all is lost.
func (w *writer) giveTurn(u *update, tx *Tx) (outcome, err error) {
	if err := w.exec("SAVEPOINT turn"); err != nil {
		return nil, err
	}
	select {
	case u.turn <- tx:
		outcome = <-u.returned
		if outcome == nil {
			outcome = tx.failure
		}
		tx.over = true
	case <-u.cancelled:
		outcome = context.Canceled // its caller is gone
	}
	if outcome != nil {
		if err := w.exec("ROLLBACK TO turn"); err != nil {
			return nil, errors.Join(outcome, err)
		}
	}
	return outcome, w.exec("RELEASE turn")
}

func (w *writer) exec(text string) error {
	_, err := w.statements.exec(context.Background(), text)
	return err
}
