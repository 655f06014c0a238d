package store

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"modernc.org/sqlite"
)

// prepareFile makes an empty database file that only its owner can read; SQLite
// gives its log the same mode.
func prepareFile(path string, log *slog.Logger) error {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("open the database: %w; give this user the right to read and write it, or choose another data folder", err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return fmt.Errorf("open the database: %w", err)
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("open the database: %s is not a file; move it away, or choose another data folder", path)
	}
	if info.Mode().Perm()&0o077 != 0 {
		log.Warn("others can read the database; run chmod 600", "file", path)
	}
	return nil
}

// connect opens up to a number of connections to the file, each with the given
// pragmas in addition to those that all have.
func connect(path string, connections int, pragmas ...string) (*sql.DB, error) {
	location, err := locationOf(path, url.Values{"_pragma": append([]string{
		"busy_timeout(5000)", // for other programs, such as backups
		"foreign_keys(on)",
		"journal_mode(wal)",
	}, pragmas...)})
	if err != nil {
		return nil, err
	}
	connector, err := sqlite.NewConnector(location)
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return db, nil
}

// locationOf is how the driver is told of a file and how to open it.
func locationOf(path string, query url.Values) (string, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("open the database: %w", err)
	}
	absolute = filepath.ToSlash(absolute)
	if !strings.HasPrefix(absolute, "/") {
		absolute = "/" + absolute // C:/…
	}
	location := url.URL{Scheme: "file", Path: absolute, RawQuery: query.Encode()}
	return location.String(), nil
}

// requireWAL makes sure that the file system can hold the log: SQLite goes on
// without one silently, and reads would then wait for writes.
func requireWAL(ctx context.Context, db *sql.DB, path string) error {
	var mode string
	if err := db.QueryRowContext(ctx, "PRAGMA journal_mode").Scan(&mode); err != nil {
		return fmt.Errorf("open the database: %w", err)
	}
	if mode != "wal" {
		return fmt.Errorf("the file system of %s cannot share memory between processes, which the database needs; put the data folder on a local disk", path)
	}
	return nil
}
