package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"credence/store"
)

// rollbackTimeout bounds a rollback, which goes on when the caller's context
// has ended. The server rolls back by itself what it loses.
const rollbackTimeout = time.Second

// writer is one transaction. It implements [store.Writer]; its reads see its
// own writes.
type writer struct {
	reader

	db      *DB
	tx      pgx.Tx
	changed bool // rows of changes were written
}

// Transact implements [store.Transactor]; how, is in the package comment. fn
// must not write through db beside its transaction: it would wait for itself
// until the lock times out.
func (db *DB) Transact(ctx context.Context, fn func(ctx context.Context, w store.Writer) error) error {
	leave, err := db.enterWriters(ctx)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer leave()
	tx, err := db.begin(ctx)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer db.rollback(ctx, tx) // also when fn panics; after Commit it does nothing
	w := &writer{reader: reader{querier{on: tx, timeout: db.q.timeout}}, db: db, tx: tx}
	if err := db.lock(ctx, tx); err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	if err := fn(ctx, w); err != nil {
		return err
	}
	bounded, cancel := context.WithTimeout(ctx, db.q.timeout)
	defer cancel()
	err = translate(ctx, tx.Commit(bounded))
	if w.changed && (err == nil || errors.Is(err, store.ErrUnavailable)) { // then it may have been written
		db.wakers.wake()
	}
	if err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// begin starts a transaction with bounds that the server keeps, for when this
// process or the network between cannot. Without a statement it lasts half as
// long as the others wait for it to end.
func (db *DB) begin(ctx context.Context) (pgx.Tx, error) {
	bounded, cancel := context.WithTimeout(ctx, db.q.timeout)
	defer cancel()
	tx, err := db.pool.BeginTx(bounded, pgx.TxOptions{BeginQuery: fmt.Sprintf(
		"BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL statement_timeout = %d; SET LOCAL idle_in_transaction_session_timeout = %d",
		max(db.q.timeout, db.lockTimeout).Milliseconds(), max(1, db.lockTimeout.Milliseconds()/2))})
	return tx, translate(ctx, err)
}

// lock waits for the other writers. When several wait, the server gives the
// row to them in the order they came.
func (db *DB) lock(ctx context.Context, tx pgx.Tx) error {
	q := querier{on: tx, timeout: db.lockTimeout}
	var revision int64
	err := q.value(ctx, "SELECT revision FROM credence.revision_counter WHERE only_row FOR UPDATE", nil, &revision)
	if err != nil {
		return fmt.Errorf("wait for other writers: %w", err)
	}
	return nil
}

func (db *DB) rollback(ctx context.Context, tx pgx.Tx) {
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackTimeout)
	defer cancel()
	_ = tx.Rollback(bounded)
}
