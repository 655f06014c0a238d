package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"time"

	"github.com/orrery-net/orrery/internal/store"
)

// User is an account, as operators see it in the API.
type User struct {
	ID             string   `json:"id"`
	Email          string   `json:"email"`
	DisplayName    string   `json:"displayName"`
	OrganizationID string   `json:"organizationId,omitempty"`
	CreationTime   int64    `json:"creationTime"` // ms since 1970
	Tokens         []string `json:"tokens"`       // their names
}

// Users are the accounts of a server, for whoever has its data folder. What goes
// wrong is said in one line, made for the operator.
type Users interface {
	List(ctx context.Context) ([]User, error)
	Find(ctx context.Context, idOrEmail string) (User, error)
	// Create makes a user, who joins the organization of the server's owner if
	// join, and returns the secret of the user's first token.
	Create(ctx context.Context, email, name string, join bool) (u User, secret string, err error)
	Delete(ctx context.Context, id string) error
	// ResetToken ends all tokens of a user and returns the secret of another one.
	// The server's owner's takes the place of the one in the data folder; if that
	// fails, the secret comes with the error.
	ResetToken(ctx context.Context, id string) (secret string, err error)
	Close() error
}

// While a server starts or stops, its folder can neither be used nor can it be
// asked. The patience is longer than a stop may take.
const (
	openUsersPatience = 10 * time.Second
	openUsersEvery    = 100 * time.Millisecond
)

// OpenUsers gives access to the accounts in a data folder: through the server
// that runs on it, otherwise directly; then no server can start until Close.
func OpenUsers(ctx context.Context, data string, logTo io.Writer) (Users, error) {
	f := folder(data)
	if _, err := os.Stat(f.path(databaseFile)); err != nil {
		if errors.Is(err, os.ErrPermission) {
			return nil, fmt.Errorf("the data folder %s cannot be read: %w; run this as the user that runs the server", data, err)
		}
		return nil, fmt.Errorf("there is no server's data in %s; name the folder with --data, or start the server once", data)
	}
	patience := time.After(openUsersPatience)
	var before netip.AddrPort
	for {
		unlock, locked := f.lock()
		if locked == nil {
			return openLocalUsers(ctx, f, unlock, slog.New(slog.NewTextHandler(logTo, &slog.HandlerOptions{Level: slog.LevelWarn})))
		}
		if !errors.Is(locked, store.ErrLocked) {
			return nil, locked
		}
		// An address seen once may be what a crashed server left, which the one
		// that starts at this moment is about to remove.
		at, ok := f.httpAddress()
		if ok && at == before {
			return openRemoteUsers(f, at)
		}
		before = at
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-patience:
			return nil, fmt.Errorf("%w; it does not say where its API is", locked)
		case <-time.After(openUsersEvery):
		}
	}
}
