package postgres

import (
	"context"
	"fmt"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"credence/store"
)

// shares says how many connections of the pool may be in use at once by
// transactions, and by what tenants read. The rest stays free for the
// deployment's own: the data plane, who asks who holds a token, global admins.
// One transaction works; a second may wait with a connection for the lock that
// another process holds, more would only take connections away.
func shares(pool int32) (writers, tenantReads int) {
	writers = 1
	if pool >= 5 {
		writers = 2
	}
	return writers, max(1, (int(pool)-writers)/2)
}

// enterWriters waits for a turn to write.
func (db *DB) enterWriters(ctx context.Context) (leave func(), err error) {
	bounded, cancel := context.WithTimeout(ctx, db.lockTimeout)
	defer cancel()
	leave, err = db.writers.Enter(bounded)
	if err != nil {
		return nil, fmt.Errorf("wait for other writers: %w", translate(ctx, err))
	}
	return leave, nil
}

// sharedPool is the pool as what reads from it outside of a transaction sees
// it: for a tenant, only the tenants' share is there.
type sharedPool struct {
	*pgxpool.Pool

	tenants *store.Queue
}

func (p sharedPool) enter(ctx context.Context) (leave func(), err error) {
	if store.LaneOf(ctx).Tenant == "" {
		return func() {}, nil
	}
	return p.tenants.Enter(ctx)
}

// Exec runs a statement.
func (p sharedPool) Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	leave, err := p.enter(ctx)
	if err != nil {
		return pgconn.CommandTag{}, err
	}
	defer leave()
	return p.Pool.Exec(ctx, sql, args...)
}

// Query runs a query. The turn ends when the rows are closed.
func (p sharedPool) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	leave, err := p.enter(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := p.Pool.Query(ctx, sql, args...) //nolint:rowserrcheck // whoever reads them asks
	if err != nil {
		leave()
		return nil, err
	}
	return &leavingRows{Rows: rows, leave: sync.OnceFunc(leave)}, nil
}

// leavingRows ends a turn when it is closed.
type leavingRows struct {
	pgx.Rows

	leave func()
}

// Close closes the rows.
func (r *leavingRows) Close() {
	r.Rows.Close()
	r.leave()
}
