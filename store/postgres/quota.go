package postgres

import (
	"context"
	"fmt"
	"time"

	"credence/store"
)

// ReserveQuota implements [store.QuotaCounters]. The function at the server is
// what the data plane's role may call; the control plane calls it too.
func (db *DB) ReserveQuota(ctx context.Context, q store.QuotaWindow, want, limit int64) (granted, used int64, err error) {
	err = db.q.value(ctx, "SELECT granted, total FROM credence.reserve_quota($1, $2, $3, $4, $5, $6)",
		[]any{q.Subject, q.Name, timeOrNull(q.Start), timeOrNull(q.End), want, limit}, &granted, &used)
	if err != nil {
		return 0, 0, fmt.Errorf("reserve quota: %w", err)
	}
	return granted, used, nil
}

// ReturnQuota implements [store.QuotaCounters].
func (db *DB) ReturnQuota(ctx context.Context, q store.QuotaWindow, units int64) error {
	if units <= 0 {
		return nil
	}
	_, err := db.q.exec(ctx, "SELECT credence.return_quota($1, $2, $3, $4)", q.Subject, q.Name, timeOrNull(q.Start), units)
	if err != nil {
		return fmt.Errorf("return quota: %w", err)
	}
	return nil
}

// RemoveQuotas implements [store.QuotaCounters].
func (db *DB) RemoveQuotas(ctx context.Context, before time.Time) (int, error) {
	return removeOld(ctx, db.q, store.OldQuotas, before)
}
