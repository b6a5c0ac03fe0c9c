package store

import (
	"errors"
	"fmt"
)

// The errors a backend answers with. Nothing else leaves a backend unwrapped:
// a driver's own error is translated into one of these (and stays in the text
// for the log). Callers test with [errors.Is].
var (
	// ErrNotFound: no object of that id, in a namespace the caller named.
	ErrNotFound = errors.New("not found")
	// ErrConflict: an object of that unique name or hash already exists.
	ErrConflict = errors.New("already exists")
	// ErrStale: the object has changed since the version the caller read.
	ErrStale = errors.New("changed in the meantime")
	// ErrReferenced: the object is still used by others and cannot go.
	ErrReferenced = errors.New("still in use")
	// ErrMissingReference: the object names another one that does not exist
	// (a key's namespace, plan or owner).
	ErrMissingReference = errors.New("refers to something that does not exist")
	// ErrInvalid: a value breaks a rule of the schema that the caller should
	// have checked. A programming error; trying again does not help.
	ErrInvalid = errors.New("value not allowed by the schema")
	// ErrUnavailable: the database cannot answer now; trying again may help.
	ErrUnavailable = errors.New("store unavailable")
	// ErrRefused: the database answers, and turns this process away: no such
	// login, right or database. It is ErrUnavailable, too.
	ErrRefused = fmt.Errorf("process turned away: %w", ErrUnavailable)
	// ErrUnaudited: a transaction changed something and recorded no audit
	// entry. A programming error; the transaction was rolled back.
	ErrUnaudited = errors.New("change without an audit entry")
	// ErrNewerSchema: the database was migrated by a newer version.
	ErrNewerSchema = errors.New("database schema is newer than this program")
	// ErrOldSchema: the database has not been migrated to this version.
	ErrOldSchema = errors.New("database schema is older than this program")
	// ErrCorrupt: the database file is damaged or is not a database.
	ErrCorrupt = errors.New("database is damaged or not a database")
	// ErrLocked: another process holds the database exclusively.
	ErrLocked = errors.New("database is in use by another process")
	// ErrForeignSecrets: the database belongs to a deployment with other
	// secrets than the ones given.
	ErrForeignSecrets = errors.New("database belongs to other secrets")
	// ErrFeedGap: the change a replica applied last is gone or differs
	// (restored backup, failover, pruned tail). It starts anew.
	ErrFeedGap = errors.New("change feed does not continue where it stopped")
)
