package store

import (
	"errors"
	"fmt"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// primaryCode returns SQLite's result code without its extension, 0 if the
// error is not SQLite's.
func primaryCode(err error) int {
	var reported *sqlite.Error
	if !errors.As(err, &reported) {
		return sqlite3.SQLITE_OK
	}
	return reported.Code() & 0xff
}

func isInputOutput(err error) bool { return primaryCode(err) == sqlite3.SQLITE_IOERR }

// explain adds to SQLite's errors what an operator can do about them. Other
// errors stay as they are.
func (s *Store) explain(err error) error {
	switch primaryCode(err) {
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return fmt.Errorf("the database %s is damaged: %w; stop Orrery, keep a copy of the file, and restore a backup (the sqlite3 command .recover may save what is left)", s.path, err)
	case sqlite3.SQLITE_FULL:
		return fmt.Errorf("the disk that holds %s is full: %w; make room, nothing that was acknowledged is lost", s.path, err)
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM:
		return fmt.Errorf("the database %s cannot be written: %w; give this user the right to write the file and its folder", s.path, err)
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return fmt.Errorf("another program holds the database %s: %w; end that program", s.path, err)
	case sqlite3.SQLITE_IOERR:
		return fmt.Errorf("the disk that holds %s fails: %w; check it, then restart Orrery", s.path, err)
	}
	return err
}
