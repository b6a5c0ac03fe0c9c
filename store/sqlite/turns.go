package sqlite

import (
	"context"
	"database/sql"
	"fmt"

	"credence/store"
)

// turns is the one connection that writes. Whoever asks for it waits in a fair
// queue ([store.Queue]): the pool of database/sql would let callers in as they
// came, and a tenant who comes a thousand times at once would be let in a
// thousand times before anybody else. River, which takes the connection by
// itself, thereby never waits for more than the one who has its turn.
type turns struct {
	pool  *sql.DB
	queue *store.Queue
}

func newTurns(pool *sql.DB) *turns { return &turns{pool: pool, queue: store.NewQueue(1)} }

// ExecContext runs one statement in a turn of its own.
func (t *turns) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	leave, err := t.queue.Enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	return t.pool.ExecContext(ctx, query, args...)
}

// in runs fn in a transaction, which is one turn.
func (t *turns) in(ctx context.Context, fn func(tx *sql.Tx) error) error {
	leave, err := t.queue.Enter(ctx)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer leave()
	tx, err := t.pool.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", translate(err))
	}
	defer tx.Rollback() // also when fn panics; after Commit it does nothing
	if err := fn(tx); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		if ctx.Err() != nil {
			err = ctx.Err() // database/sql may say only that the transaction is over
		}
		return fmt.Errorf("commit: %w", translate(err))
	}
	return nil
}
