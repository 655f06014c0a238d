package store

import (
	"context"
	"database/sql"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"strings"

	"github.com/pressly/goose/v3"
)

//go:embed migrations/*.sql
var migrations embed.FS

// migrate brings the schema up to the one of this program.
func migrate(ctx context.Context, db *sql.DB, path string, log *slog.Logger) error {
	provider, err := migrationsOf(db)
	if err != nil {
		return fmt.Errorf("read the migrations: %w", err)
	}
	from, err := schemaVersion(ctx, db)
	if err != nil {
		return fmt.Errorf("read the version of the database: %w", err)
	}
	sources := provider.ListSources()
	to := sources[len(sources)-1].Version
	if from > to {
		return fmt.Errorf("the database %s was written by a newer Orrery (its schema is %d, this program knows %d); run that version again, or restore a backup from before the upgrade", path, from, to)
	}
	if from == to {
		return nil
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("bring the database %s from schema %d to %d: %w", path, from, to, err)
	}
	log.Info("the database schema is up to date", "from", from, "to", to)
	return nil
}

func migrationsOf(db *sql.DB) (*goose.Provider, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(goose.DialectSQLite3, db, files,
		goose.WithDisableGlobalRegistry(true),
		goose.WithGoMigrations(goose.NewGoMigration(3, &goose.GoFunc{RunTx: fillAccounts}, nil)))
}

// schemaVersion is the highest migration that the database had, 0 for a new
// one. It is read without goose, which takes any error for a missing table.
func schemaVersion(ctx context.Context, db *sql.DB) (int64, error) {
	var tables, version int64
	err := db.QueryRowContext(ctx, "SELECT COUNT(*) FROM sqlite_master WHERE name = $1", goose.DefaultTablename).Scan(&tables)
	if err != nil || tables == 0 {
		return 0, err
	}
	err = db.QueryRowContext(ctx, "SELECT MAX(version_id) FROM "+goose.DefaultTablename).Scan(&version)
	return version, err
}

// fillAccounts is the migration after 00002_accounts.sql: it fills what that
// one made from the documents. It reads them with types of its own, because
// those of the model go on changing.
func fillAccounts(ctx context.Context, tx *sql.Tx) error {
	if err := fillUsers(ctx, tx); err != nil {
		return fmt.Errorf("fill in users: %w", err)
	}
	if err := fillNetworkUsers(ctx, tx); err != nil {
		return fmt.Errorf("fill in the users of networks: %w", err)
	}
	if err := fillEvents(ctx, tx); err != nil {
		return fmt.Errorf("fill in events: %w", err)
	}
	return nil
}

func fillUsers(ctx context.Context, tx *sql.Tx) error {
	type user struct {
		Email string `json:"email"`
		OrgID string `json:"orgId"`
	}
	return documents(ctx, tx, "SELECT id, record FROM users WHERE id > $1 ORDER BY id LIMIT $2", "", func(id string, u user) error {
		_, err := tx.ExecContext(ctx, "UPDATE users SET email = $2, org = $3 WHERE id = $1", id, strings.ToLower(u.Email), u.OrgID)
		return err
	})
}

func fillNetworkUsers(ctx context.Context, tx *sql.Tx) error {
	type network struct {
		OwnerID     string                     `json:"ownerId"`
		Permissions map[string]json.RawMessage `json:"permissions"`
		DeletedTime int64                      `json:"deletedTime"`
	}
	const insert = "INSERT INTO network_users (network, user_id, owner) VALUES ($1, $2, $3)"
	return documents(ctx, tx, "SELECT id, record FROM networks WHERE id > $1 ORDER BY id LIMIT $2", "", func(id string, n network) error {
		if n.DeletedTime != 0 {
			return nil
		}
		delete(n.Permissions, n.OwnerID)
		delete(n.Permissions, "")
		for user := range n.Permissions {
			if _, err := tx.ExecContext(ctx, insert, id, user, false); err != nil {
				return err
			}
		}
		if n.OwnerID == "" {
			return nil
		}
		_, err := tx.ExecContext(ctx, insert, id, n.OwnerID, true)
		return err
	})
}

// fillEvents also finds out what the counters of events would have kept: how
// late events came, and which was the last one that was pruned. A number is
// missing there, as nothing but pruning removes one.
func fillEvents(ctx context.Context, tx *sql.Tx) error {
	type event struct {
		Time  int64  `json:"time"`
		Kind  string `json:"kind"`
		Actor struct {
			UserID string `json:"userId"`
		} `json:"actor"`
		Network string `json:"networkId"`
		Node    string `json:"nodeId"`
		User    string `json:"userId"`
		Org     string `json:"orgId"`
	}
	var previous, pruned, late int64
	latest := int64(math.MinInt64)
	err := documents(ctx, tx, "SELECT seq, record FROM events WHERE seq > $1 ORDER BY seq LIMIT $2", int64(0), func(seq int64, e event) error {
		if seq != previous+1 {
			pruned = seq - 1
		}
		previous, latest = seq, max(latest, e.Time)
		late = max(late, lateness(latest, e.Time))
		_, err := tx.ExecContext(ctx, `
			UPDATE events SET network = $2, node = $3, actor = $4, user_id = $5, org = $6, kind = $7 WHERE seq = $1`,
			seq, e.Network, e.Node, e.Actor.UserID, e.User, e.Org, e.Kind)
		return err
	})
	if err != nil {
		return err
	}
	var newest int64
	err = tx.QueryRowContext(ctx, "SELECT COALESCE(MAX(value), 0) FROM counters WHERE name = $1", eventCounter).Scan(&newest)
	if err != nil {
		return err
	}
	if newest != previous {
		pruned = newest
	}
	_, err = tx.ExecContext(ctx, "INSERT INTO counters (name, value) VALUES ($1, $2), ($3, $4)",
		prunedCounter, pruned, latenessCounter, late)
	return err
}

// fillPage is how many documents a migration holds in memory.
const fillPage = 500

// documents calls each for the keys and documents that a query finds when it
// runs page by page: its parameters are the key to go on after and how many. A
// query must be through before the transaction's connection takes another
// statement.
func documents[K, D any](ctx context.Context, tx *sql.Tx, query string, after K, each func(key K, document D) error) error {
	for {
		var keys []K
		var page []D
		rows, err := tx.QueryContext(ctx, query, after, fillPage)
		if err != nil {
			return err
		}
		for rows.Next() {
			var text sql.RawBytes
			var document D
			if err = rows.Scan(&after, &text); err == nil {
				err = json.Unmarshal(text, &document)
			}
			if err != nil {
				rows.Close()
				return err
			}
			keys, page = append(keys, after), append(page, document)
		}
		if err := rows.Err(); err != nil {
			return err
		}
		for i, document := range page {
			if err := each(keys[i], document); err != nil {
				return err
			}
		}
		if len(page) < fillPage {
			return nil
		}
	}
}
