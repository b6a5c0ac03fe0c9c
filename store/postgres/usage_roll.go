package postgres

import (
	"context"
	"fmt"
	"time"

	"credence/store"
)

// RollUsage implements [store.UsageIngest]: a minute, and then an hour.
func (db *DB) RollUsage(ctx context.Context, until time.Time) (more bool, err error) {
	if err := db.q.value(ctx, "SELECT credence.roll_usage($1)", []any{timeOrNull(until)}, &more); err != nil {
		return false, fmt.Errorf("roll usage: %w", err)
	}
	return more, nil
}

// RemoveUsageSums implements [store.UsageIngest].
func (db *DB) RemoveUsageSums(ctx context.Context, hours, days time.Time) (int, error) {
	n, err := removeOld(ctx, db.q, store.OldUsageHours, hours)
	if err != nil {
		return n, err
	}
	more, err := removeOld(ctx, db.q, store.OldUsageDays, days)
	return n + more, err
}
