package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"credence/store"
)

// translate turns an error of the driver or of database/sql into one that
// wraps a sentinel of package store, and keeps its text for the log. Errors
// that are ours already, and those of a context, pass.
//
// A foreign key that does not hold is ErrMissingReference here; where a row is
// deleted it means the opposite, and [translateDelete] says so.
func translate(err error) error {
	switch {
	case err == nil, errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, store.ErrUnavailable), // translated before
		errors.Is(err, store.ErrCorrupt): // or a column that did not scan
		return err
	}
	if errors.Is(err, sql.ErrNoRows) {
		return store.ErrNotFound
	}
	var driver *sqlite.Error
	if !errors.As(err, &driver) {
		return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	}
	kind := sentinel(driver.Code())
	if errors.Is(kind, store.ErrCorrupt) {
		return fmt.Errorf("%w: %w; restore a backup, or name another file", kind, err)
	}
	return fmt.Errorf("%w: %w", kind, err)
}

func sentinel(code int) error {
	switch code {
	case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, sqlite3.SQLITE_CONSTRAINT_ROWID:
		return store.ErrConflict
	case sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
		return store.ErrMissingReference
	}
	switch code & 0xff { // the primary code; the rest says where
	case sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_TOOBIG:
		return store.ErrInvalid
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return store.ErrCorrupt
	default:
		return store.ErrUnavailable
	}
}

// translateDelete is translate for statements that delete: a foreign key that
// does not hold then means that others still refer to the row.
func translateDelete(err error) error {
	if err = translate(err); errors.Is(err, store.ErrMissingReference) {
		return store.ErrReferenced
	}
	return err
}
