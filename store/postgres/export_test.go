package postgres

import (
	"context"
	"errors"

	"credence/store"
)

// FindQuery is what FindKey asks.
const FindQuery = findQuery

// PreparedStatements lists the texts of the named statements of the
// transaction's session.
func PreparedStatements(ctx context.Context, w store.Writer) ([]string, error) {
	mine, ok := w.(*writer)
	if !ok {
		return nil, errors.New("not a writer of this package")
	}
	return listRows(ctx, mine.q, "SELECT statement FROM pg_prepared_statements WHERE name <> ''", nil,
		func(r row, text *string) error { return r.Scan(text) })
}

// CheckOptions reads the addresses, as Open and Migrate begin with.
func CheckOptions(o Options) error {
	_, err := o.poolConfig()
	if err != nil {
		return err
	}
	_, err = o.sessionConfig()
	return err
}

// Waiting answers how many wait before they take a connection.
func Waiting(db *DB) int {
	reads := db.q.on.(sharedPool).tenants //nolint:errcheck // of this package
	return db.writers.Waiting() + reads.Waiting()
}
