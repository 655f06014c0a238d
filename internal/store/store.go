// Package store keeps Orrery's records in a database: networks, members, users,
// tokens, organizations, the events that report their changes, and when members
// and tokens were last seen. It makes changes durable and atomic and answers queries; it does not
// know what is allowed, what is valid or what a change means.
//
// Every change is made in Update, whose transaction is on disk when it returns.
// Updates that wait at the same time share one commit (see writer). Reads have
// connections of their own, see the last commit, and never wait for a writer.
// What is merely seen goes through SaveSeen and SaveTokenUses, which do not wait
// for the disk.
//
// The database is one SQLite file in WAL mode. Records that were handed out
// belong to the caller.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
)

var (
	// ErrNotFound says that there is no such record.
	ErrNotFound = errors.New("not found")
	// ErrAddressTaken says that a member of the network has the address.
	ErrAddressTaken = errors.New("the address is taken")
	// ErrClosed says that the store was closed before an update began.
	ErrClosed = errors.New("the store is closed")
)

// Options is what Open needs to know.
type Options struct {
	Path   string       // of the database file, made if there is none; its folder must exist
	Logger *slog.Logger // nil: nothing is logged
}

// Store is an open database. All methods are safe for concurrent use.
type Store struct {
	path string

	databases []*sql.DB
	write     *statements // on one connection, which the writer alone uses
	seen      *statements // on one connection, used with writing held
	read      *statements // on several connections
	readDB    *sql.DB
	writer    *writer

	closeOnce sync.Once
	closeErr  error

	// writing is held by whoever has a write transaction: the writer or
	// SaveSeen. SQLite would let one of them poll for the other's lock instead.
	writing sync.Mutex

	committed atomic.Int64 // the Seq of the newest event, also if it was pruned

	changedMu sync.Mutex
	changed   chan struct{}
}

// Open opens the database, making it or bringing its schema up to date where
// needed. The errors say what an operator can do. Keep other processes away
// with LockDir.
func Open(ctx context.Context, o Options) (*Store, error) {
	log := o.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	s := &Store{path: o.Path, changed: make(chan struct{})}
	if err := s.open(ctx, log); err != nil {
		return nil, errors.Join(s.explain(err), s.closeDatabases())
	}
	return s, nil
}

// The pages of the file that connections for reads keep in memory, in KiB: of all
// together, unless that leaves one less than SQLite's default. A network of
// 10 000 members takes 8 MiB.
const (
	readCaches     = 32 << 10
	leastReadCache = 2 << 10
)

func (s *Store) open(ctx context.Context, log *slog.Logger) error {
	if err := prepareFile(s.path, log); err != nil {
		return err
	}
	db, err := s.connect(1, "synchronous(full)")
	if err != nil {
		return err
	}
	if err := requireWAL(ctx, db, s.path); err != nil {
		return err
	}
	if err := migrate(ctx, db, s.path, log); err != nil {
		return err
	}
	if s.write, err = onOneConnection(ctx, db); err != nil {
		return err
	}
	// Commits of this connection do not wait for the disk. The next commit of
	// the writer, and each checkpoint, makes them durable too: it is one log.
	if db, err = s.connect(1, "synchronous(normal)"); err != nil {
		return err
	}
	if s.seen, err = onOneConnection(ctx, db); err != nil {
		return err
	}
	readers := max(4, 2*runtime.GOMAXPROCS(0))
	cache := fmt.Sprintf("cache_size(-%d)", max(readCaches/readers, leastReadCache))
	if s.readDB, err = s.connect(readers, "query_only(on)", cache); err != nil {
		return err
	}
	s.read = newStatements(s.readDB)
	last, err := s.read.counter(ctx, eventCounter)
	if err != nil {
		return err
	}
	s.committed.Store(last)
	s.writer = startWriter(s)
	return nil
}

func (s *Store) connect(connections int, pragmas ...string) (*sql.DB, error) {
	db, err := connect(s.path, connections, pragmas...)
	if err == nil {
		s.databases = append(s.databases, db)
	}
	return db, err
}

// onOneConnection is for transactions: all statements run on one connection.
func onOneConnection(ctx context.Context, db *sql.DB) (*statements, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	return newStatements(conn), nil
}

// Close waits for the updates that have begun or wait, then closes the
// database. Later updates get ErrClosed. It may be called more than once.
func (s *Store) Close() error {
	s.closeOnce.Do(func() {
		s.writer.stop()
		s.closeErr = s.closeDatabases()
	})
	return s.closeErr
}

func (s *Store) closeDatabases() error {
	var all []error
	// The last connection to close empties the log into the file, which those
	// of the readers cannot.
	for _, on := range []*statements{s.read, s.seen, s.write} {
		if on != nil {
			all = append(all, on.close())
		}
	}
	for _, db := range slices.Backward(s.databases) {
		all = append(all, db.Close())
	}
	return errors.Join(all...)
}
