package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// Check reads a whole database file, and returns what is wrong with it: nothing
// if it is healthy. It writes nothing and waits for nobody, so that a server may
// work with the file at the same time. The error is for a check that could not
// be made or was not finished before ctx ended.
func Check(ctx context.Context, path string) (damage []string, err error) {
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("check the database: %w", err)
	}
	query := url.Values{"mode": {"ro"}, "_pragma": {"busy_timeout(1000)", "query_only(on)"}}
	if !hasLog(path) {
		// Nobody works with it. SQLite would make a log even to read, and leave it.
		query.Set("immutable", "1")
		defer func() {
			if hasLog(path) { // somebody began to, so what was read may not fit together
				damage, err = nil, fmt.Errorf("check the database: %w", errOpened)
			}
		}()
	}
	location, err := locationOf(path, query)
	if err != nil {
		return nil, err
	}
	connector, err := sqlite.NewConnector(location)
	if err != nil {
		return nil, fmt.Errorf("check the database: %w", err)
	}
	db := sql.OpenDB(connector)
	defer db.Close()
	damage, err = quickCheck(ctx, db)
	switch primaryCode(err) {
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return append(damage, err.Error()), nil
	}
	if err != nil {
		return nil, fmt.Errorf("check the database: %w", err)
	}
	return damage, nil
}

var errOpened = errors.New("a server began to work with it meanwhile; try again")

func hasLog(path string) bool {
	_, err := os.Lstat(path + "-wal")
	return err == nil
}

// quickCheck asks SQLite for at most a few faults.
func quickCheck(ctx context.Context, db *sql.DB) (damage []string, err error) {
	rows, err := db.QueryContext(ctx, "PRAGMA quick_check(5)")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var fault string
		if err := rows.Scan(&fault); err != nil {
			return damage, err
		}
		if fault != "ok" {
			damage = append(damage, fault)
		}
	}
	return damage, rows.Err()
}
