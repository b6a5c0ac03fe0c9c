package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"credence/store"
)

// ReserveQuota implements [store.QuotaCounters].
func (db *DB) ReserveQuota(ctx context.Context, q store.QuotaWindow, want, limit int64) (granted, used int64, err error) {
	err = db.write.in(ctx, func(tx *sql.Tx) error {
		granted, used, err = reserve(ctx, tx, q, want, limit)
		return err
	})
	if err != nil {
		return 0, 0, fmt.Errorf("reserve quota: %w", translate(err))
	}
	return granted, used, nil
}

func reserve(ctx context.Context, tx *sql.Tx, q store.QuotaWindow, want, limit int64) (granted, used int64, err error) {
	err = tx.QueryRowContext(ctx,
		"SELECT used FROM quota_counters WHERE subject = ? AND name = ? AND start_at = ?",
		q.Subject, q.Name, micros(q.Start)).Scan(&used)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, 0, err
	}
	granted = max(0, min(want, limit-used))
	if granted == 0 {
		return 0, used, nil
	}
	used += granted
	_, err = tx.ExecContext(ctx,
		`INSERT INTO quota_counters (subject, name, start_at, end_at, used) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (subject, name, start_at) DO UPDATE SET used = excluded.used, end_at = excluded.end_at`,
		q.Subject, q.Name, micros(q.Start), micros(q.End), used)
	return granted, used, err
}

// ReturnQuota implements [store.QuotaCounters].
func (db *DB) ReturnQuota(ctx context.Context, q store.QuotaWindow, units int64) error {
	if units <= 0 {
		return nil
	}
	_, err := db.write.ExecContext(ctx,
		"UPDATE quota_counters SET used = max(0, used - ?) WHERE subject = ? AND name = ? AND start_at = ?",
		units, q.Subject, q.Name, micros(q.Start))
	if err != nil {
		return fmt.Errorf("return quota: %w", translate(err))
	}
	return nil
}

// RemoveQuotas implements [store.QuotaCounters].
func (db *DB) RemoveQuotas(ctx context.Context, before time.Time) (int, error) {
	return removeOld(ctx, db.write, store.OldQuotas, before)
}
