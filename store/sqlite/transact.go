package sqlite

import (
	"context"
	"database/sql"
	"io"
	"time"

	"github.com/riverqueue/river"

	"credence/store"
)

// writer is one transaction. It implements [store.Writer]; its reads see its
// own writes.
type writer struct {
	reader

	tx      *sql.Tx
	now     func() time.Time
	random  io.Reader
	jobs    *river.Client[*sql.Tx]
	changed bool // rows of changes were written
}

// Transact implements [store.Transactor]. There is one writer connection and
// the transaction is immediate, so transactions run one after the other:
// serializable without ever failing for it. For the same reason fn must not
// write through db beside its transaction: it would wait for itself.
func (db *DB) Transact(ctx context.Context, fn func(ctx context.Context, w store.Writer) error) error {
	changed := false
	err := db.write.in(ctx, func(tx *sql.Tx) error {
		w := &writer{reader: reader{q: tx}, tx: tx, now: db.now, random: db.random, jobs: db.jobs}
		err := fn(ctx, w)
		changed = w.changed
		return err
	})
	if err == nil && changed {
		db.wakers.wake()
	}
	return err
}
